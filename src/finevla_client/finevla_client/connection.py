"""The node behind a client of the stack: it spins in the background and remembers the newest of every status."""

import threading
import time
from collections.abc import Callable
from typing import Any, Self

import rclpy
from builtin_interfaces.msg import Time
from rclpy._rclpy_pybind11 import InvalidHandle
from rclpy.action import ActionClient
from rclpy.duration import Duration
from rclpy.exceptions import InvalidNodeNameException
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Empty, String
from std_srvs.srv import Trigger

from finevla_client.errors import BridgeStopped, NoAnswer, Refusal
from finevla_client.results import InstructionAnswer
from finevla_core.bridge_report import UNHEARD
from finevla_core.errors import FineVLAError, quoted
from finevla_core.instruction import Instruction
from finevla_interfaces import msg
from finevla_interfaces.srv import AdoptPose, SetInstruction
from finevla_ros import qos
from finevla_ros.messages import instruction_to_msg, report_from_msg
from finevla_ros.namespaces import checked_namespace
from finevla_ros.ros_start import start_ros
from finevla_ros.spin_thread import SpinThread
from finevla_ros.transport import use_stack_transport

CALL_TIMEOUT_S = 10.0
QUIET_S = 0.7  # of silence before a person is told what is waited for
HEARD_S = 0.5  # within this everybody has heard what the bridge says
STALE_S = 2.0  # what is older says nothing of now: the policy speaks every 0.5 s at least, the bridge at 25 Hz
FOUND_S = 5.0  # within this every node is found, beside a busy stack, too
BRIDGE_S = 2.0  # within this a bridge that is there is heard, on a busy machine too
AGAIN_S = 0.02  # how often a stop is said until the bridge confirms it: who is not found yet does not hear
RECHECK_S = 0.5  # how often a condition is looked at where no message comes
SETTLED_S, UNANSWERED_S = (
    0.3,
    1.5,
)  # after the last listener was found: others come at once, the policy answers in a moment
STATES = ("disabled", "holding", "following", "stopped")
# Made at once, so that a first call finds them found.
SERVICES = (
    (SetInstruction, "set_instruction"),
    (Trigger, "safety/stop"),
    (Trigger, "safety/reset"),
    (AdoptPose, "safety/adopt"),
)


class Connection:
    """Use as a context manager, or `close` it; `newest` holds the last message by topic name.

    Its methods may be called from several threads, but not from its own callbacks. `notify` is given a sentence for a
    person where nothing is heard for a moment. Raises `FineVLAError` for what is no namespace.
    """

    def __init__(
        self, namespace: str = "finevla", name: str = "finevla_client", notify: Callable[[str], None] | None = None
    ) -> None:
        self.namespace = checked_namespace(namespace)
        self.newest: dict[str, Any] = {}
        self.received_s: dict[str, float] = {}
        self._changed = threading.Condition()
        self._making = threading.RLock()
        self._clients: dict[str, Any] = {}
        self._actions: dict[str, ActionClient] = {}
        self._hears_recorder = self._is_closing = False
        self._notice = threading.Timer(QUIET_S, self._say_waiting, (notify,))
        self._notice.daemon = True
        if notify is not None:
            self._notice.start()
        use_stack_transport()
        self._context = rclpy.Context()
        start_ros(context=self._context)
        self.node = self._made_node(name)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._spinner = SpinThread(self.node, self._executor, name)
        self.listen("policy/status", msg.PolicyStatus, qos.LATCHED)
        self.listen("safety/status", msg.SafetyStatus, qos.LATCHED)
        self.listen("active_instruction", msg.Instruction, qos.LATCHED)
        for kind, service in SERVICES:
            self._client(kind, service)
        self._text = self.node.create_publisher(String, "instruction/text", qos.ALL)
        self._stop = self.node.create_publisher(Empty, "safety/stop", qos.ALL)
        self._spinner.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the node and its threads; whoever waits in another thread gets an error. Harmless if it is closed."""
        with self._making:
            if self._is_closing:
                return
            self._is_closing = True
        self._notice.cancel()
        self._tell_change()
        self._spinner.close()
        if self._notice.is_alive() and self._notice is not threading.current_thread():
            self._notice.join(timeout=2.0)
        for action in self._actions.values():
            action.destroy()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def check_open(self) -> None:
        """Raise `FineVLAError` if this is closed."""
        if self._is_closing:
            raise FineVLAError(f"the connection to '/{self.namespace}' is closed; make a new one")

    def _made_node(self, name: str) -> Any:
        try:
            return rclpy.create_node(name, namespace=self.namespace, context=self._context, enable_rosout=False)
        except InvalidNodeNameException as error:
            rclpy.try_shutdown(context=self._context)
            raise FineVLAError(f"{quoted(name)} is no name of a node; give letters, digits and underscores") from error

    def _say_waiting(self, notify: Callable[[str], None]) -> None:
        if not self.newest:
            notify(f"nothing is heard in namespace '/{self.namespace}' yet; looking for the stack")

    def _tell_change(self, *_: object) -> None:
        with self._changed:
            self._changed.notify_all()

    def listen(self, topic: str, kind: Any, profile: Any, callback: Callable[[Any], None] | None = None) -> None:
        """Remember (and hand to `callback`, in the background thread) what comes on a topic."""

        def on_message(message: Any) -> None:
            self.remember(topic, message)
            if callback is not None:
                callback(message)

        self.node.create_subscription(kind, topic, on_message, profile)

    def remember(self, topic: str, message: Any) -> None:
        """Take a message as the newest of its topic, and wake who waits."""
        with self._changed:
            self.newest[topic] = message
            self.received_s[topic] = time.monotonic()
            self._changed.notify_all()

    def heard(self, topic: str, within_s: float = STALE_S) -> Any:
        """Return the newest message of a topic, None if none came within the last `within_s`."""
        is_fresh = time.monotonic() - self.received_s.get(topic, -1e9) <= within_s
        return self.newest.get(topic) if is_fresh else None

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until `condition` holds, checked after every message; False if `timeout_s` passes first.

        Raises `FineVLAError` if this is closed meanwhile.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                self.check_open()
                if condition():
                    return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, RECHECK_S))

    def done(self, future: Any, timeout_s: float, unless: Callable[[], bool] = lambda: False) -> bool:
        """Wait for a future of rclpy; False if `timeout_s` passes first, or `unless` holds."""
        future.add_done_callback(self._tell_change)
        self.wait(lambda: future.done() or unless(), timeout_s)
        return bool(future.done())

    def ask(self, send: Callable[[], Any]) -> Any:
        """Return what `send` returns, a future, called in the thread that takes answers.

        Sent from another one, rclpy's action client may take the answer before it has noted that it waits for one, and
        drop it.
        """
        sent: list[Any] = []
        failed: list[Exception] = []

        def run() -> None:
            try:
                sent.append(send())
            except Exception as error:  # it belongs to the caller; here it would end the thread
                failed.append(error)
            self._tell_change()

        self.check_open()
        self._executor.create_task(run)
        if not self.wait(lambda: bool(sent or failed), CALL_TIMEOUT_S):
            raise NoAnswer("the client's own thread is held up; see what its callbacks do")
        if failed:
            raise failed[0]
        return sent[0]

    def action_client(self, kind: Any, name: str) -> ActionClient:
        """Return the client of an action, the same one every time."""
        with self._making:
            self.check_open()
            if name not in self._actions:
                self._actions[name] = ActionClient(self.node, kind, name)
            return self._actions[name]

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """Call a service; raises `NoAnswer` if nobody answers."""
        client = self._client(kind, name)
        try:
            if not client.wait_for_service(timeout_sec=CALL_TIMEOUT_S):
                raise NoAnswer(f"service '/{self.namespace}/{name}' does not answer; is the stack up?")
            future = client.call_async(request)
        except InvalidHandle:
            self.check_open()
            raise
        if not self.done(future, CALL_TIMEOUT_S):
            client.remove_pending_request(future)
            raise NoAnswer(f"service '/{self.namespace}/{name}' did not answer within {CALL_TIMEOUT_S:.0f} s")
        return future.result()

    def _client(self, kind: Any, name: str) -> Any:
        """The client of a service, made once: one that is destroyed while the other thread waits with it would end that."""
        with self._making:
            self.check_open()
            if name not in self._clients:
                self._clients[name] = self.node.create_client(kind, name)
            return self._clients[name]

    def wait_until_ready(self, timeout_s: float) -> None:
        """Wait for policy, bridge and observations; raises `FineVLAError` saying what is missing after `timeout_s`."""
        if self.wait(self.is_ready, timeout_s):
            return
        policy, safety = self.heard("policy/status"), self.heard("safety/status")
        if policy is None or safety is None:
            raise NoAnswer(self.missing())
        bridge = report_from_msg(safety)
        raise Refusal(
            f"the stack is not ready: policy {policy.state}, bridge {bridge.state.name.lower()} ({bridge.reason})"
        )

    def missing(self) -> str:
        """Return the sentence that says which of policy and bridge is not heard, and what to do; empty if both are."""
        policy, safety = self.heard("policy/status"), self.heard("safety/status")
        if policy is None and safety is None:
            return f"no stack answers in namespace '/{self.namespace}'; start one with 'finevla up'"
        if policy is None:
            return "the policy node is missing; look at its output"
        return "the safety bridge is missing; look at its output" if safety is None else ""

    def wait_for_bridge(self) -> None:
        """Wait until the safety bridge is heard; raises `NoAnswer` if it is not within `BRIDGE_S`."""
        if not self.wait(lambda: self.heard("safety/status") is not None, BRIDGE_S):
            raise NoAnswer(
                f"no safety bridge is heard in namespace '/{self.namespace}'; start the stack with 'finevla up'"
            )

    def wait_for_recorder(self, timeout_s: float) -> None:
        """Wait until the recorder is heard, and remember its status from then on; raises `NoAnswer` if it is not."""
        with self._making:
            self.check_open()
            if not self._hears_recorder:
                self.listen("recorder/status", msg.RecorderStatus, qos.LATCHED)
                self._hears_recorder = True
        if not self.wait(lambda: "recorder/status" in self.newest, timeout_s):
            raise NoAnswer(
                f"no recorder answers in namespace '/{self.namespace}'; start the stack with 'finevla up record:=true'"
            )

    def is_ready(self) -> bool:
        """Whether the policy is active and sees observations, and the bridge holds or follows."""
        policy, safety = self.heard("policy/status"), self.heard("safety/status")
        if policy is None or safety is None:
            return False
        return bool(policy.state in ("idle", "running") and policy.text != UNHEARD and safety.state in (1, 2))

    def is_stopped(self) -> bool:
        """Whether the bridge says that it is stopped: then nothing moves before a reset."""
        safety = self.heard("safety/status")
        return bool(safety is not None and safety.state == msg.SafetyStatus.STOPPED)

    def say(self, instruction: Instruction) -> InstructionAnswer:
        """Steer by service; raises `Refusal` with the reason if it is not accepted."""
        message = instruction_to_msg(instruction)
        message.stamp = Time()
        until_s = time.monotonic() + HEARD_S
        while True:
            response = self.call(SetInstruction, "set_instruction", SetInstruction.Request(instruction=message))
            if response.accepted:
                break
            # After a reset we may hear that the bridge holds before the policy does.
            is_lagging = response.message == UNHEARD or response.message.startswith("the bridge is ")
            if not is_lagging or not self.is_ready() or time.monotonic() > until_s:
                kind = BridgeStopped if self.is_stopped() else Refusal
                raise kind(response.message, tuple(response.unknown))
            time.sleep(0.05)
        return InstructionAnswer(
            str(response.id),
            str(response.message),
            str(response.understood),
            tuple(response.unknown),
            float(response.certainty),
            bool(response.checked),
        )

    def say_stop(self, text: str) -> str:
        """Say words that mean stop to whoever listens, policy or bridge, the moment that each is found.

        Returns what the policy answered, or that none did; raises `NoAnswer` if nobody is there who could hear it.
        """
        words = msg.Instruction(raw=text.encode("utf-8", "replace").decode())  # what a terminal sends may be no text
        client = self._client(SetInstruction, "set_instruction")  # raises if this is closed
        began_s, told, told_s, answer = time.monotonic(), 0, float("inf"), None
        while (now_s := time.monotonic()) - began_s < FOUND_S:
            if (listeners := self._text.get_subscription_count()) > told:
                self._text.publish(String(data="stop"))
                told, told_s = listeners, now_s
            if answer is None and client.service_is_ready():
                answer = client.call_async(SetInstruction.Request(instruction=words))
            if now_s - told_s > SETTLED_S and (now_s - told_s > UNANSWERED_S or (answer is not None and answer.done())):
                break
            time.sleep(0.005)
        self._text.wait_for_all_acked(Duration(seconds=1.0))
        if answer is not None and answer.done():
            return str(answer.result().message)
        if not told:
            raise NoAnswer(
                f"nobody hears it in namespace '/{self.namespace}': no stack is up there, or it cannot be reached; "
                "if something moves, use the emergency stop"
            )
        return f"said on /{self.namespace}/instruction/text, where {told} listen; no policy answers"

    def stop(self) -> str:
        """Stop the arms by topic, which is the faster way, and by service, which answers; return the bridge's sentence.

        Raises `NoAnswer` if the bridge does not confirm it.
        """
        until_s = time.monotonic() + BRIDGE_S
        try:
            self._stop.publish(Empty())
            while not self.wait(self.is_stopped, AGAIN_S) and time.monotonic() < until_s:
                self._stop.publish(Empty())
            self.wait_for_bridge()
            return str(self.call(Trigger, "safety/stop", Trigger.Request()).message)
        except InvalidHandle:
            self.check_open()
            raise
        except NoAnswer as error:
            raise NoAnswer(f"{error}; if the arms move, use the emergency stop") from error

    def reset_bridge(self) -> str:
        """Let a stopped safety bridge go on; raises `Refusal` with its reason if it will not."""
        response = self.call(Trigger, "safety/reset", Trigger.Request())
        if not response.success:
            raise Refusal(response.message)
        return str(response.message)

    def pose_difference(self) -> Any:
        """The bridge's answer to how far the arms are measured from where they were known; empty `difference` if not."""
        return self.call(AdoptPose, "safety/adopt", AdoptPose.Request(confirm=False))

    def adopt_pose(self) -> str:
        """Let the bridge take the measured pose as the true one; raises `Refusal` with its reason if it will not."""
        response = self.call(AdoptPose, "safety/adopt", AdoptPose.Request(confirm=True))
        if not response.success:
            raise Refusal(response.message)
        return str(response.message)
