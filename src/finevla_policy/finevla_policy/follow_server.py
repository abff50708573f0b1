"""The action `follow_instruction`: one instruction from its acceptance to its end, and whether the bridge followed it."""

import math
import time

from rclpy._rclpy_pybind11 import RCLError
from rclpy.action import CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup

from finevla_core.active_instruction import Ended
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_interfaces.action import FollowInstruction
from finevla_policy.instruction_server import Answer, InstructionServer
from finevla_policy.policy_health import Health
from finevla_ros.bounded_action_server import BoundedActionServer

FEEDBACK_S = 0.2
CANCEL_POLL_S = 0.05


class FollowServer:
    """Serves goals, each in a thread of the executor, from what the `InstructionServer` remembers."""

    def __init__(self, instructions: InstructionServer, health: Health) -> None:
        self.node, self.instructions, self.health = instructions.node, instructions, health
        self.action = BoundedActionServer(
            self.node,
            FollowInstruction,
            "follow_instruction",
            self._follow,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=ReentrantCallbackGroup(),
        )

    def _follow(self, handle: ServerGoalHandle) -> FollowInstruction.Result:
        """Follow one instruction until its time is up or it is ended otherwise."""
        limit_s = handle.request.timeout_s
        try:
            answer = self._accept(handle)
        except FineVLAError as error:
            handle.abort()
            return FollowInstruction.Result(message=f"refused: {error}")
        if answer.instruction is None or answer.understanding is None:
            handle.succeed()
            return FollowInstruction.Result(success=True, message=answer.text)
        instruction = answer.instruction
        try:
            ended = self._watch(handle, instruction, answer.understanding.summary, limit_s)
            was_cancelled = ended.how == "cancelled" and handle.is_cancel_requested
            finish = handle.succeed if ended.how == "done" else handle.canceled if was_cancelled else handle.abort
            finish()
        except RCLError:
            if self.node.context.ok():
                raise
            return FollowInstruction.Result(id=instruction.id, message="the process ended")  # nobody hears it
        result = FollowInstruction.Result(success=ended.how == "done", id=instruction.id, message=ended.text)
        result.chunks, result.followed = ended.chunks, ended.followed
        return result

    def _accept(self, handle: ServerGoalHandle) -> Answer:
        limit_s, fault = handle.request.timeout_s, ""
        if not math.isfinite(limit_s) or limit_s < 0:
            fault = f"timeout_s is {limit_s}; give seconds, or 0 to follow until told otherwise"
        return self.instructions.steer(handle.request.instruction, fault=fault)

    def _watch(self, handle: ServerGoalHandle, instruction: Instruction, understood: str, limit_s: float) -> Ended:
        """Feedback until the instruction has ended, by whatever cause; time is the node's, simulated or real."""
        server, steering = self.instructions, self.instructions.steering
        started_s, told_s = server.now_s(), float("-inf")
        while True:
            with server.changed:
                if (ended := steering.ended(instruction.id)) is not None:
                    return ended
                chunks, followed = steering.counts(instruction.id)
            elapsed_s = server.now_s() - started_s
            if handle.is_cancel_requested:
                server.end("cancelled", "cancelled by the client", instruction.id)
            elif 0 < limit_s <= elapsed_s:
                server.finish(instruction.id, limit_s)
            elif time.monotonic() - told_s >= FEEDBACK_S:
                told_s = time.monotonic()
                feedback = FollowInstruction.Feedback(id=instruction.id, elapsed_s=elapsed_s, understood=understood)
                feedback.chunks, feedback.followed = chunks, followed
                feedback.inference_s = self.health.median_inference_s()
                handle.publish_feedback(feedback)
            else:
                with server.changed:
                    server.changed.wait_for(lambda: steering.ended(instruction.id) is not None, CANCEL_POLL_S)
