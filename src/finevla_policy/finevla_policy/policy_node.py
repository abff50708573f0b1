"""Node `policy` (lifecycle): instruction and observation to action chunks, steered by topic, text, service or action.

Callbacks never wait for inference; a new instruction takes effect with the next chunk, chunks of the old one are dropped.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass

import rclpy.executors
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.policy import OnnxPolicy, load_policy
from finevla_core.steering import Steering
from finevla_interfaces import msg
from finevla_interfaces.action import FollowInstruction
from finevla_interfaces.srv import SetInstruction
from finevla_ros import qos
from finevla_ros.convert import chunk_to_msg, instruction_from_msg, instruction_to_msg, observation_from_msg
from finevla_ros.params import declare, param
from finevla_ros.paths import bundle_directory, robot_file
from finevla_ros.run import run_node
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_msgs.msg import String

from finevla_policy.worker import Worker

WAITING_S = 1.0  # without an observation for this long, the status says so
FEEDBACK_S = 0.2


@dataclass(frozen=True)
class Parameters:
    """Parameters of the policy node."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path")
    bundle: str = param("tabletop", "policy bundle: a name in models or a path")
    threads: int = param(1, "CPU threads of ONNX Runtime", 1, 64)
    status_rate_hz: float = param(5.0, "rate of policy/status, the node's heartbeat", 0.5, 50.0)
    autostart: bool = param(True, "configure and activate at once; false = wait for a lifecycle manager")


class PolicyNode(LifecycleNode):
    """Wires `Steering` and `Worker` to topics, a service and an action."""

    def __init__(self) -> None:
        super().__init__("policy")
        self.parameters = declare(self, Parameters)
        self.embodiment = load_embodiment(robot_file(self.parameters.robot))
        self.lock = threading.Lock()
        self.steering = Steering()
        self.policy: OnnxPolicy | None = None
        self.worker: Worker | None = None
        self.is_active = False
        self.chunks = 0
        self.trouble = ""
        self.observed_s = 0.0
        self.inference_s: deque[float] = deque(maxlen=50)
        self.published_s: deque[float] = deque(maxlen=200)
        reentrant = ReentrantCallbackGroup()
        self.chunk_publisher = self.create_publisher(msg.ActionChunk, "action_chunk", qos.NEWEST)
        self.active_publisher = self.create_publisher(msg.Instruction, "active_instruction", qos.LATCHED)
        self.status_publisher = self.create_publisher(msg.PolicyStatus, "policy/status", qos.LATCHED)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.ALL)
        self.create_subscription(msg.Observation, "observation", self._on_observation, qos.NEWEST)
        self.create_subscription(msg.Instruction, "instruction", self._on_instruction, qos.ALL)
        self.create_subscription(String, "instruction/text", self._on_text, qos.ALL)
        self.create_service(SetInstruction, "set_instruction", self._on_service)
        self.action = ActionServer(
            self,
            FollowInstruction,
            "follow_instruction",
            self._follow,
            goal_callback=self._on_goal,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=reentrant,
        )
        self.create_timer(1.0 / self.parameters.status_rate_hz, self._report)
        self.create_timer(1.0, self._diagnose)
        if self.parameters.autostart:
            self._load()
            self.trigger_configure()
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load, verify and warm up the bundle."""
        try:
            self._load()
        except FineVLAError as error:
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start answering observations."""
        assert self.policy is not None
        self.worker = Worker(self.policy, self._on_chunk, self._on_trouble)
        self.is_active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop answering; the bridge lets the running plan end."""
        self._stop_worker()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the bundle."""
        self.policy = None
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """End the inference thread before its publishers go."""
        self._stop_worker()
        super().destroy_node()

    def _load(self) -> None:
        if self.policy is not None:
            return
        directory = bundle_directory(self.parameters.bundle)
        self.policy = load_policy(directory, self.embodiment, self.parameters.threads)
        self.get_logger().info(f"bundle '{self.policy.manifest.name}' runs on {self.policy.provider}")

    def _stop_worker(self) -> None:
        self.is_active = False
        if self.worker is not None:
            self.worker.stop()
            self.worker = None

    def _on_observation(self, message: msg.Observation) -> None:
        self.observed_s = time.monotonic()
        instruction, worker = self.steering.active, self.worker
        if instruction is None or worker is None:
            return
        if message.embodiment != self.embodiment.name:
            return self._on_trouble(f"observation is of robot '{message.embodiment}', not '{self.embodiment.name}'")
        try:
            worker.offer(observation_from_msg(message), instruction)
        except FineVLAError as error:
            self._on_trouble(f"observation refused: {error}")

    def _on_chunk(self, chunk: ActionChunk) -> None:
        """From the inference thread."""
        with self.lock:
            if not self.is_active or not self.steering.accepts(chunk.instruction_id):
                return
            self.chunk_publisher.publish(chunk_to_msg(chunk, self.embodiment.base_frame))
            self.steering.chunks += 1
            self.chunks += 1
            self.trouble = ""
            self.inference_s.append(chunk.inference_s)
            self.published_s.append(time.monotonic())

    def _on_trouble(self, text: str) -> None:
        if text != self.trouble:
            self.get_logger().warning(text)
        self.trouble = text

    def _on_instruction(self, message: msg.Instruction) -> None:
        try:
            self._set(instruction_from_msg(message))
        except FineVLAError as error:
            self.get_logger().warning(f"instruction refused: {error}")

    def _on_text(self, message: String) -> None:
        try:
            self._set(Instruction(raw=message.data))
        except FineVLAError as error:
            self.get_logger().warning(f"instruction refused: {error}")

    def _on_service(self, request: SetInstruction.Request, response: SetInstruction.Response) -> SetInstruction.Response:
        try:
            response.id = self._set(instruction_from_msg(request.instruction)).id
            response.accepted = True
        except FineVLAError as error:
            response.message = str(error)
        return response

    def _set(self, instruction: Instruction) -> Instruction:
        instruction = instruction.stamped(self.get_clock().now().nanoseconds)
        with self.lock:
            self.steering.set(instruction)
            self.active_publisher.publish(instruction_to_msg(instruction))
        self.get_logger().info(f"instruction '{instruction.id}': {instruction.prompt()}")
        return instruction

    def _clear(self, instruction_id: str, how: str, text: str) -> None:
        with self.lock:
            if self.steering.clear(instruction_id, how, text):
                self.active_publisher.publish(msg.Instruction())

    def _on_goal(self, goal: FollowInstruction.Goal) -> GoalResponse:
        try:
            instruction_from_msg(goal.instruction)
        except FineVLAError as error:
            self.get_logger().warning(f"goal refused: {error}")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _follow(self, handle: ServerGoalHandle) -> FollowInstruction.Result:
        """Runs in a thread of the executor: watch one instruction until its time is up, it is cancelled or replaced."""
        instruction = self._set(instruction_from_msg(handle.request.instruction))
        started, limit = time.monotonic(), handle.request.timeout_s
        result = FollowInstruction.Result(id=instruction.id)
        while (ended := self.steering.ended(instruction.id)) is None:
            elapsed = time.monotonic() - started
            result.chunks = self.steering.chunks
            if handle.is_cancel_requested:
                self._clear(instruction.id, "cancelled", "cancelled by the client")
            elif limit > 0 and elapsed >= limit:
                self._clear(instruction.id, "done", f"followed for {limit:.1f} s")
            else:
                feedback = FollowInstruction.Feedback(id=instruction.id, chunks=result.chunks)
                feedback.elapsed_s, feedback.inference_s = elapsed, self._median_inference_s()
                handle.publish_feedback(feedback)
                time.sleep(FEEDBACK_S)
        result.success, result.message = ended.how == "done", ended.text
        finish = {"done": handle.succeed, "cancelled": handle.canceled if handle.is_cancel_requested else handle.abort}
        finish.get(ended.how, handle.abort)()
        return result

    def _median_inference_s(self) -> float:
        samples = sorted(self.inference_s)
        return samples[len(samples) // 2] if samples else 0.0

    def _report(self) -> None:
        now = time.monotonic()
        active = self.steering.active
        message = msg.PolicyStatus(
            bundle=self.policy.manifest.name if self.policy else "",
            provider=self.policy.provider if self.policy else "",
            instruction_id=active.id if active else "",
            chunks=self.chunks,
            observations_skipped=self.worker.skipped if self.worker else 0,
            inference_s=self._median_inference_s(),
            rate_hz=sum(now - t < 2.0 for t in self.published_s) / 2.0,
            horizon_s=self.policy.horizon_s if self.policy else 0.0,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        waiting = now - self.observed_s > WAITING_S
        message.state = "waiting for observations" if waiting else "running" if active and self.is_active else "idle"
        message.text = self._warning()
        self.status_publisher.publish(message)

    def _warning(self) -> str:
        if self.count_publishers(self.chunk_publisher.topic_name) > 1:
            return "another policy publishes on action_chunk too; stop one of them"
        if self.policy and self._median_inference_s() > self.policy.horizon_s:
            return f"inference takes {self._median_inference_s():.2f} s, longer than the chunk's {self.policy.horizon_s:.2f} s"
        return self.trouble

    def _diagnose(self) -> None:
        warning = self._warning()
        values = {
            "bundle": self.policy.manifest.name if self.policy else "",
            "provider": self.policy.provider if self.policy else "",
            "inference_s_median": f"{self._median_inference_s():.4f}",
            "chunks": self.chunks,
        }
        status = DiagnosticStatus(
            name=f"{self.get_fully_qualified_name()}: inference",
            level=DiagnosticStatus.WARN if warning else DiagnosticStatus.OK,
            message=warning or "ok",
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics.publish(message)


def main() -> int:
    """Entry point."""
    return run_node(PolicyNode, executor=lambda: rclpy.executors.MultiThreadedExecutor(4))
