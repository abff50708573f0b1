"""A small ROS client for the tools: one node that spins in the background and remembers the newest of every status."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import rclpy
from builtin_interfaces.msg import Time
from rclpy._rclpy_pybind11 import InvalidHandle
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import String
from std_srvs.srv import Trigger

from finevla_core.bridge_report import UNHEARD
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_interfaces import msg
from finevla_interfaces.srv import AdoptPose, ResetScene, SetInstruction
from finevla_ros import qos
from finevla_ros.convert import instruction_to_msg
from finevla_tools.transport import use_stack_transport

CALL_TIMEOUT_S = 10.0
HEARD_S = 0.5  # within this everybody has heard what the bridge says
FOUND_S = 5.0  # within this every node is found, beside a busy stack, too
SETTLED_S, UNANSWERED_S = (
    0.3,
    1.5,
)  # after the last listener was found: others come at once, the policy answers in a moment
STATES = ("disabled", "holding", "following", "stopped")


@dataclass(frozen=True)
class Said:
    """What became of an instruction: its id, or none and a sentence if it ended the active one ("stop").

    `message` of an accepted one is what the operator should know beside, `understood` what the policy takes it for,
    `unknown` are the words that it passed over; `certainty` is 0 where nothing was checked.
    """

    id: str
    message: str
    understood: str = ""
    unknown: tuple[str, ...] = ()
    certainty: float = 0.0
    is_checked: bool = False


class NoAnswer(FineVLAError):
    """A service is not there or was silent: nobody said no, and asking again may help."""


class Client:
    """Use as a context manager; `newest` holds the last message by topic name."""

    def __init__(self, namespace: str = "finevla", name: str = "finevla_client") -> None:
        self.namespace = namespace.strip("/")
        self.newest: dict[str, Any] = {}
        self.received_s: dict[str, float] = {}
        self._changed = threading.Condition()
        use_stack_transport()
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context)
        self.node = rclpy.create_node(name, namespace=self.namespace, context=self._context, enable_rosout=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.listen("policy/status", msg.PolicyStatus, qos.LATCHED)
        self.listen("safety/status", msg.SafetyStatus, qos.LATCHED)
        self.listen("active_instruction", msg.Instruction, qos.LATCHED)
        self._set_instruction = self.node.create_client(SetInstruction, "set_instruction")
        self._reset_scene = self.node.create_client(ResetScene, "sim/reset")
        self._reset_bridge = self.node.create_client(Trigger, "safety/reset")
        self._adopt_pose = self.node.create_client(AdoptPose, "safety/adopt")
        self._text = self.node.create_publisher(String, "instruction/text", qos.ALL)
        self._is_closing = False
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closing = True
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(timeout=2.0)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except InvalidHandle:  # on a busy computer the executor's handles may go before this thread has noticed
            if not self._is_closing:
                raise

    def listen(self, topic: str, kind: Any, profile: Any, callback: Callable[[Any], None] | None = None) -> None:
        """Remember (and hand to `callback`, in the background thread) what comes on a topic."""

        def on_message(message: Any) -> None:
            with self._changed:
                self.newest[topic] = message
                self.received_s[topic] = time.monotonic()
                self._changed.notify_all()
            if callback is not None:
                callback(message)

        self.node.create_subscription(kind, topic, on_message, profile)

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Until `condition` holds, looked at whenever a message came; False when the time is up."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 0.5))
        return True

    def wait_until_ready(self, timeout_s: float) -> None:
        """Until policy and bridge are there and the policy sees observations; raises `FineVLAError` saying what lacks."""
        if self.wait(self.is_ready, timeout_s):
            return
        policy, safety = self.newest.get("policy/status"), self.newest.get("safety/status")
        if policy is None and safety is None:
            raise FineVLAError(f"no stack answers in namespace '/{self.namespace}'; start one with 'finevla up'")
        if policy is None:
            raise FineVLAError("the policy node is missing; look at its output")
        if safety is None:
            raise FineVLAError("the safety bridge is missing; look at its output")
        raise FineVLAError(
            f"the stack is not ready: policy {policy.state}, bridge {STATES[safety.state]} ({safety.reason})"
        )

    def is_ready(self) -> bool:
        """Whether the policy is active and sees observations, and the bridge holds or follows."""
        policy, safety = self.newest.get("policy/status"), self.newest.get("safety/status")
        if policy is None or safety is None:
            return False
        return bool(policy.state in ("idle", "running") and policy.text != UNHEARD and safety.state in (1, 2))

    def is_stopped(self) -> bool:
        """Whether the bridge says that it is stopped: then nothing moves before a reset."""
        safety = self.newest.get("safety/status")
        return bool(safety is not None and safety.state == msg.SafetyStatus.STOPPED)

    def say(self, instruction: Instruction) -> Said:
        """Steer by service; raises `FineVLAError` with the reason if it is not accepted."""
        message = instruction_to_msg(instruction)
        message.stamp = Time()
        until_s = time.monotonic() + HEARD_S
        while True:
            response = self._call(self._set_instruction, SetInstruction.Request(instruction=message), "set_instruction")
            if response.accepted:
                break
            # After a reset we may hear that the bridge holds before the policy does.
            is_lagging = response.message == UNHEARD or response.message.startswith("the bridge is ")
            if not is_lagging or not self.is_ready() or time.monotonic() > until_s:
                raise FineVLAError(response.message)
            time.sleep(0.05)
        return Said(
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
        began_s, told, told_s, answer = time.monotonic(), 0, float("inf"), None
        while (now_s := time.monotonic()) - began_s < FOUND_S:
            if (listeners := self._text.get_subscription_count()) > told:
                self._text.publish(String(data="stop"))
                told, told_s = listeners, now_s
            if answer is None and self._set_instruction.service_is_ready():
                answer = self._set_instruction.call_async(SetInstruction.Request(instruction=words))
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

    def reset_scene(self, seed: int, task: str) -> str:
        """Lay out a simulated scene; returns what lies in it."""
        response = self._call(self._reset_scene, ResetScene.Request(seed=seed, task=task), "sim/reset")
        if not response.success:
            raise FineVLAError(response.message)
        return str(response.message)

    def reset_bridge(self) -> str:
        """Let a stopped safety bridge go on; raises `FineVLAError` with its reason if it will not."""
        response = self._call(self._reset_bridge, Trigger.Request(), "safety/reset")
        if not response.success:
            raise FineVLAError(response.message)
        return str(response.message)

    def pose_difference(self) -> Any:
        """The bridge's answer to how far the arms are measured from where they were known; empty `difference` if not."""
        return self._call(self._adopt_pose, AdoptPose.Request(confirm=False), "safety/adopt")

    def adopt_pose(self) -> str:
        """Let the bridge take the measured pose as the true one; raises `FineVLAError` with its reason if it will not."""
        response = self._call(self._adopt_pose, AdoptPose.Request(confirm=True), "safety/adopt")
        if not response.success:
            raise FineVLAError(response.message)
        return str(response.message)

    def reset_simulated_bridge(self) -> str:
        """Let a stopped safety bridge go on in simulation, where nobody doubts what is measured: it is adopted first.

        Raises `FineVLAError` with the bridge's reason if it will not.
        """
        if self.pose_difference().difference:
            self.adopt_pose()
        return self.reset_bridge()

    def adopt_scene(self) -> None:
        """After `reset_scene`: the arms were put elsewhere, which the bridge takes for a leap; adopt that, and reset.

        Raises `FineVLAError` with the bridge's reason if it will not within some seconds.
        """
        if not self.pose_difference().difference:
            return
        until_s = time.monotonic() + CALL_TIMEOUT_S
        while True:
            try:
                self.reset_simulated_bridge()
                return
            except FineVLAError:
                if time.monotonic() > until_s:
                    raise
            self.wait(lambda: False, 0.1)

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """One call of a service that is seldom asked; raises `NoAnswer` if nobody answers."""
        client = self.node.create_client(kind, name)
        try:
            return self._call(client, request, name)
        finally:
            self.node.destroy_client(client)

    def _call(self, client: Any, request: Any, name: str) -> Any:
        if not client.wait_for_service(timeout_sec=CALL_TIMEOUT_S):
            raise NoAnswer(f"service '/{self.namespace}/{name}' does not answer; is the stack up?")
        future = client.call_async(request)
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        if not done.wait(CALL_TIMEOUT_S):
            raise NoAnswer(f"service '/{self.namespace}/{name}' did not answer within {CALL_TIMEOUT_S:.0f} s")
        return future.result()
