"""A small ROS client for the tools: one node that spins in the background and remembers the newest of every status."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_interfaces import msg
from finevla_interfaces.srv import ResetScene, SetInstruction
from finevla_ros import qos
from finevla_ros.convert import instruction_to_msg
from finevla_tools.transport import use_stack_transport

CALL_TIMEOUT_S = 10.0
STATES = ("disabled", "holding", "following", "stopped")


@dataclass(frozen=True)
class Said:
    """What became of an instruction: its id, or none and a sentence if it ended the active one ("stop")."""

    id: str
    message: str


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
        self._instruction = self.node.create_publisher(msg.Instruction, "instruction", qos.ALL)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(timeout=2.0)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

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
        """Whether a bundle is loaded, observations come and the bridge holds or follows."""
        policy, safety = self.newest.get("policy/status"), self.newest.get("safety/status")
        if policy is None or safety is None or not policy.bundle:
            return False
        return bool(policy.state != "waiting for observations" and safety.state in (1, 2))

    def say(self, instruction: Instruction) -> Said:
        """Steer by service; raises `FineVLAError` with the reason if it is not accepted."""
        message = instruction_to_msg(instruction)
        message.stamp = Time()
        response = self._call(self._set_instruction, SetInstruction.Request(instruction=message), "set_instruction")
        if not response.accepted:
            raise FineVLAError(response.message)
        return Said(str(response.id), str(response.message))

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
