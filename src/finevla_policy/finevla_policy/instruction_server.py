"""Where the operator speaks: instructions by topic, plain text, service and action, one memory behind all of them.

`changed` guards the memory and the topic that tells of it, so that no old chunk follows a new instruction.
"""

import math
import threading
import time
from collections.abc import Callable

from rclpy._rclpy_pybind11 import RCLError
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import String

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.steering import Ended, Steering, means_stop, same_words
from finevla_interfaces import msg
from finevla_interfaces.action import FollowInstruction
from finevla_interfaces.srv import SetInstruction
from finevla_policy.health import Health
from finevla_ros import qos
from finevla_ros.convert import instruction_from_msg, instruction_to_msg

FEEDBACK_S = 0.2
CANCEL_POLL_S = 0.05


class InstructionServer:
    """Makes the node's steering interfaces; instructions are taken while `is_open()`."""

    def __init__(self, node: Node, health: Health, is_open: Callable[[], bool]) -> None:
        self.node, self.health, self.is_open = node, health, is_open
        self.changed = threading.Condition()
        self.steering = Steering()
        self.active_publisher = node.create_publisher(msg.Instruction, "active_instruction", qos.LATCHED)
        node.create_subscription(msg.Instruction, "instruction", self._on_instruction, qos.ALL)
        node.create_subscription(String, "instruction/text", self._on_text, qos.ALL)
        node.create_service(SetInstruction, "set_instruction", self._on_service)
        self.action = ActionServer(
            node,
            FollowInstruction,
            "follow_instruction",
            self._follow,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=ReentrantCallbackGroup(),
        )

    def tell_if_idle(self) -> None:
        """Say that no instruction is active: what a policy that died here was told last is still remembered elsewhere."""
        with self.changed:
            if self.steering.active is None:
                self.active_publisher.publish(msg.Instruction())

    def _on_instruction(self, message: msg.Instruction) -> None:
        try:
            self.steer(instruction_from_msg(message), is_stream=True)
        except FineVLAError as error:
            self.node.get_logger().warning(f"instruction refused: {error}")

    def _on_text(self, message: String) -> None:
        try:
            self.steer(Instruction(raw=message.data), is_stream=True)
        except FineVLAError as error:
            self.node.get_logger().warning(f"instruction refused: {error}")

    def _on_service(
        self, request: SetInstruction.Request, response: SetInstruction.Response
    ) -> SetInstruction.Response:
        try:
            instruction = self.steer(instruction_from_msg(request.instruction))
            response.id = instruction.id if instruction else ""
            response.message = "" if instruction else "stopped: no instruction is active"
            response.accepted = True
        except FineVLAError as error:
            response.message = str(error)
        return response

    def steer(self, instruction: Instruction, is_stream: bool = False) -> Instruction | None:
        """Make it the active instruction and say so; None if it ended the active one ("stop")."""
        if not self.is_open():
            raise FineVLAError("the policy is not active; configure and activate it first")
        if means_stop(instruction):
            self.end("stopped", "the operator said stop")
            return None
        with self.changed:
            active = self.steering.active
            # `ros2 topic pub` without --once repeats itself: the same words without an id are no new instruction.
            if is_stream and active is not None and not instruction.id and same_words(active, instruction):
                return active
            instruction = instruction.stamped(self.node.get_clock().now().nanoseconds)
            if self.steering.set(instruction):
                self.active_publisher.publish(instruction_to_msg(instruction))
                self.changed.notify_all()
                self.node.get_logger().info(f"instruction '{instruction.id}': {instruction.prompt()}")
        return instruction

    def end(self, how: str, text: str, instruction_id: str | None = None, quietly: bool = False) -> None:
        """End the active instruction (if it is that one): no more chunks, and the bridge comes to a smooth stop.

        `quietly`: when the process ends, nothing can be published any more.
        """
        with self.changed:
            active = self.steering.active
            if active is None or not self.steering.clear(instruction_id or active.id, how, text):
                return
            self.changed.notify_all()
            if not quietly:
                self.active_publisher.publish(msg.Instruction())
                self.node.get_logger().info(f"instruction '{active.id}' ended: {text}")

    def _follow(self, handle: ServerGoalHandle) -> FollowInstruction.Result:
        """In a thread of the executor: follow one instruction until its time is up or it is ended otherwise."""
        try:
            limit_s = handle.request.timeout_s
            if not math.isfinite(limit_s) or limit_s < 0:
                raise FineVLAError(f"timeout_s is {limit_s}; give seconds, or 0 to follow until told otherwise")
            instruction = self.steer(instruction_from_msg(handle.request.instruction))
        except FineVLAError as error:
            self.node.get_logger().warning(f"goal refused: {error}")
            handle.abort()
            return FollowInstruction.Result(message=f"refused: {error}")
        if instruction is None:
            handle.succeed()
            return FollowInstruction.Result(success=True, message="stopped: no instruction is active")
        try:
            ended = self._watch(handle, instruction, limit_s)
            was_cancelled = ended.how == "cancelled" and handle.is_cancel_requested
            finish = handle.succeed if ended.how == "done" else handle.canceled if was_cancelled else handle.abort
            finish()
        except RCLError:
            if self.node.context.ok():
                raise
            return FollowInstruction.Result(id=instruction.id, message="the process ended")  # nobody hears it
        return FollowInstruction.Result(
            success=ended.how == "done", id=instruction.id, message=ended.text, chunks=ended.chunks
        )

    def _watch(self, handle: ServerGoalHandle, instruction: Instruction, limit_s: float) -> Ended:
        """Feedback until the instruction has ended, by whatever cause; time is the node's, simulated or real."""
        started_ns = self.node.get_clock().now().nanoseconds
        told_s = float("-inf")
        while True:
            with self.changed:
                if (ended := self.steering.ended(instruction.id)) is not None:
                    return ended
                chunks = self.steering.count(instruction.id)
            elapsed_s = (self.node.get_clock().now().nanoseconds - started_ns) * 1e-9
            if handle.is_cancel_requested:
                self.end("cancelled", "cancelled by the client", instruction.id)
            elif 0 < limit_s <= elapsed_s:
                self.end("done", f"followed for {limit_s:.1f} s", instruction.id)
            elif time.monotonic() - told_s >= FEEDBACK_S:
                told_s = time.monotonic()
                feedback = FollowInstruction.Feedback(id=instruction.id, chunks=chunks, elapsed_s=elapsed_s)
                feedback.inference_s = self.health.median_inference_s()
                handle.publish_feedback(feedback)
            else:
                with self.changed:
                    self.changed.wait_for(lambda: self.steering.ended(instruction.id) is not None, CANCEL_POLL_S)
