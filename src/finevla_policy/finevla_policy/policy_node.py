"""Node `policy` (lifecycle): instruction and observation to action chunks, steered by topic, text, service or action.

Callbacks never wait for inference; a new instruction takes effect with the next chunk, and the old one's are dropped.
"""

import math
import threading
import time
from dataclasses import dataclass

import rclpy.executors
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from std_msgs.msg import String

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.policy import OnnxPolicy, load_policy
from finevla_core.steering import Ended, Steering, means_stop, same_words
from finevla_interfaces import msg
from finevla_interfaces.action import FollowInstruction
from finevla_interfaces.srv import SetInstruction
from finevla_policy.health import Health
from finevla_policy.rivals import HEARD_S, RivalWatch
from finevla_policy.worker import Worker
from finevla_ros import qos
from finevla_ros.convert import chunk_to_msg, instruction_from_msg, instruction_to_msg, observation_from_msg
from finevla_ros.params import declare, param
from finevla_ros.paths import bundle_directory, robot_file
from finevla_ros.run import run_node

FEEDBACK_S = 0.2
CANCEL_POLL_S = 0.05
RIVAL_HEARD = "another policy publishes on {topic} too: our chunks are held back until that ends; stop one of them"
RIVAL_SEEN = "another policy seems to be on {topic}: a second publisher is there, unless it died a moment ago"
PROVIDERS = {
    "auto": None,
    "tensorrt": ("TensorrtExecutionProvider",),
    "cuda": ("CUDAExecutionProvider",),
    "cpu": ("CPUExecutionProvider",),
}


@dataclass(frozen=True)
class Parameters:
    """Parameters of the policy node."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path")
    bundle: str = param("tabletop", "policy bundle: a name in models or a path")
    provider: str = param("auto", "ONNX Runtime provider: auto (the best that is there), tensorrt, cuda or cpu")
    threads: int = param(1, "CPU threads of ONNX Runtime", 1, 64)
    status_rate_hz: float = param(5.0, "rate of policy/status, the node's heartbeat", 2.0, 50.0)
    autostart: bool = param(True, "configure and activate at once; false = wait for a lifecycle manager")


class PolicyNode(LifecycleNode):
    """Wires `Steering` and `Worker` to topics, a service and an action."""

    def __init__(self) -> None:
        super().__init__("policy")
        self.parameters = declare(self, Parameters)
        if self.parameters.provider not in PROVIDERS:
            raise FineVLAError(
                f"parameter 'provider' is '{self.parameters.provider}'; known are {', '.join(PROVIDERS)}"
            )
        self.embodiment = load_embodiment(robot_file(self.parameters.robot))
        # Guards steering and the two topics that tell of it, so that no old chunk follows a new instruction.
        self.changed = threading.Condition()
        self.steering = Steering()
        self.rivals = RivalWatch()
        self.others = 0  # other publishers on our topic, as the DDS graph has them
        self.health = Health(period_s=1.0 / self.embodiment.observation_rate_hz)
        self.policy: OnnxPolicy | None = None
        self.worker: Worker | None = None
        self.chunk_publisher: Publisher | None = None
        self.chunk_topic = self.resolve_topic_name("action_chunk")
        self.create_subscription(msg.ActionChunk, "action_chunk", self._on_any_chunk, qos.ALL)
        self.create_subscription(msg.PolicyStatus, "policy/status", self._on_any_status, qos.ALL)
        if self.parameters.autostart:
            self._load()
            self._listen(HEARD_S)
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
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=ReentrantCallbackGroup(),
        )
        # By the wall's clock: the heart beats on while simulated time stands still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0 / self.parameters.status_rate_hz, self._report, clock=steady)
        self.create_timer(1.0, self._diagnose, clock=steady)
        if self.parameters.autostart:
            self.trigger_configure()
            if self.trigger_activate() is not TransitionCallbackReturn.SUCCESS:
                raise FineVLAError(self.health.trouble)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load, verify and warm up the bundle."""
        try:
            self._load()
        except FineVLAError as error:
            return self._failed(str(error))
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start answering observations, unless another policy does."""
        assert self.policy is not None
        if self.rivals.is_near(time.monotonic()):
            return self._failed(
                f"another policy is active on {self.chunk_topic}; stop it first or take another namespace"
            )
        self.chunk_publisher = self.create_publisher(msg.ActionChunk, "action_chunk", qos.NEWEST)
        self.worker = Worker(self.policy, lambda: self.steering.active, self._on_chunk, self._on_trouble)
        self.active_publisher.publish(msg.Instruction())
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop answering; the bridge lets the running plan end."""
        self._stop("the policy was deactivated")
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the bundle."""
        self.policy = None
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As `on_deactivate`, from any state."""
        self._stop("the policy was shut down")
        return super().on_shutdown(state)

    def destroy_node(self) -> None:
        """End the inference thread and the goals before their publishers go."""
        self._stop("the policy was shut down")
        super().destroy_node()

    def _load(self) -> None:
        if self.policy is not None:
            return
        directory = bundle_directory(self.parameters.bundle)
        chosen = PROVIDERS[self.parameters.provider]
        self.policy = load_policy(directory, self.embodiment, self.parameters.threads, chosen)
        self.health.horizon_s = self.policy.horizon_s
        self.get_logger().info(f"bundle '{self.policy.manifest.name}' runs on {self.policy.provider}")

    def _listen(self, seconds: float) -> None:
        """Before the first word of our own: is another policy at work here?"""
        executor = rclpy.executors.SingleThreadedExecutor()
        executor.add_node(self)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            executor.spin_once(timeout_sec=left)
        executor.remove_node(self)

    def _failed(self, text: str) -> TransitionCallbackReturn:
        self._on_trouble(text)
        return TransitionCallbackReturn.FAILURE

    def _stop(self, why: str) -> None:
        self._end("stopped", why)
        if self.worker is not None:
            self.worker.stop()
            self.worker = None
        if self.chunk_publisher is not None:
            self.destroy_publisher(self.chunk_publisher)
            self.chunk_publisher = None

    def _on_observation(self, message: msg.Observation) -> None:
        self.health.observed_s = time.monotonic()
        worker = self.worker
        if self.steering.active is None or worker is None:
            return
        try:
            self._check_origin(message)
            worker.offer(observation_from_msg(message))
        except FineVLAError as error:
            self.health.refused += 1
            self._on_trouble(f"observation refused: {error}")

    def _check_origin(self, message: msg.Observation) -> None:
        robot = self.embodiment
        if message.embodiment != robot.name:
            raise FineVLAError(f"it is of robot '{message.embodiment}', this policy drives '{robot.name}'")
        if tuple(message.state_names) != robot.names:
            raise FineVLAError(f"its state_names are not those of robot '{robot.name}'; check the ingest's robot file")

    def _on_chunk(self, chunk: ActionChunk) -> None:
        """From the inference thread."""
        with self.changed:
            if self.chunk_publisher is None or not self.steering.accepts(chunk.instruction_id):
                self.health.dropped += 1
                return
            if self.rivals.is_rivalled or not self.context.ok():
                return
            self.rivals.sent(chunk.sequence, chunk.instruction_id, chunk.inference_s)
            self.chunk_publisher.publish(chunk_to_msg(chunk, self.embodiment.base_frame))
            self.steering.chunks += 1
            self.health.published(time.monotonic(), chunk.inference_s)

    def _on_any_chunk(self, message: msg.ActionChunk) -> None:
        self.rivals.heard(time.monotonic(), message.sequence, message.instruction_id, message.inference_s)

    def _on_any_status(self, message: msg.PolicyStatus) -> None:
        """While this policy is inactive, an active one's heartbeat is somebody else's."""
        if self.chunk_publisher is None and message.state != "inactive":
            self.rivals.heard_other(time.monotonic())

    def _on_trouble(self, text: str) -> None:
        if text != self.health.trouble:
            self.get_logger().warning(text)
        self.health.trouble = text

    def _on_instruction(self, message: msg.Instruction) -> None:
        try:
            self._steer(instruction_from_msg(message), is_stream=True)
        except FineVLAError as error:
            self.get_logger().warning(f"instruction refused: {error}")

    def _on_text(self, message: String) -> None:
        try:
            self._steer(Instruction(raw=message.data), is_stream=True)
        except FineVLAError as error:
            self.get_logger().warning(f"instruction refused: {error}")

    def _on_service(
        self, request: SetInstruction.Request, response: SetInstruction.Response
    ) -> SetInstruction.Response:
        try:
            instruction = self._steer(instruction_from_msg(request.instruction))
            response.id = instruction.id if instruction else ""
            response.message = "" if instruction else "stopped: no instruction is active"
            response.accepted = True
        except FineVLAError as error:
            response.message = str(error)
        return response

    def _steer(self, instruction: Instruction, is_stream: bool = False) -> Instruction | None:
        """Make it the active instruction and say so; None if it ended the active one ("stop")."""
        if self.chunk_publisher is None:
            raise FineVLAError("the policy is not active; configure and activate it first")
        if means_stop(instruction):
            self._end("stopped", "the operator said stop")
            return None
        with self.changed:
            active = self.steering.active
            # `ros2 topic pub` without --once repeats itself: the same words without an id are no new instruction.
            if is_stream and active is not None and not instruction.id and same_words(active, instruction):
                return active
            instruction = instruction.stamped(self.get_clock().now().nanoseconds)
            if self.steering.set(instruction):
                self.active_publisher.publish(instruction_to_msg(instruction))
                self.changed.notify_all()
                self.get_logger().info(f"instruction '{instruction.id}': {instruction.prompt()}")
        return instruction

    def _end(self, how: str, text: str, instruction_id: str | None = None) -> None:
        """End the active instruction (if it is that one): no more chunks, and the bridge comes to a smooth stop."""
        with self.changed:
            active = self.steering.active
            if active is None or not self.steering.clear(instruction_id or active.id, how, text):
                return
            self.changed.notify_all()
            if self.context.ok():
                self.active_publisher.publish(msg.Instruction())
                self.get_logger().info(f"instruction '{active.id}' ended: {text}")

    def _follow(self, handle: ServerGoalHandle) -> FollowInstruction.Result:
        """In a thread of the executor: follow one instruction until its time is up or it is ended otherwise."""
        try:
            limit_s = handle.request.timeout_s
            if not math.isfinite(limit_s) or limit_s < 0:
                raise FineVLAError(f"timeout_s is {limit_s}; give seconds, or 0 to follow until told otherwise")
            instruction = self._steer(instruction_from_msg(handle.request.instruction))
        except FineVLAError as error:
            self.get_logger().warning(f"goal refused: {error}")
            handle.abort()
            return FollowInstruction.Result(message=f"refused: {error}")
        if instruction is None:
            handle.succeed()
            return FollowInstruction.Result(success=True, message="stopped: no instruction is active")
        ended = self._watch(handle, instruction, limit_s)
        if self.context.ok():
            finish = {"done": handle.succeed, "cancelled": handle.canceled}
            finish.get(ended.how, handle.abort)()
        return FollowInstruction.Result(
            success=ended.how == "done", id=instruction.id, message=ended.text, chunks=ended.chunks
        )

    def _watch(self, handle: ServerGoalHandle, instruction: Instruction, limit_s: float) -> Ended:
        """Feedback until the instruction has ended, by whatever cause; time is the node's, simulated or real."""
        started_ns = self.get_clock().now().nanoseconds
        told_s = float("-inf")
        while True:
            with self.changed:
                if (ended := self.steering.ended(instruction.id)) is not None:
                    return ended
                chunks = self.steering.count(instruction.id)
            elapsed_s = (self.get_clock().now().nanoseconds - started_ns) * 1e-9
            if handle.is_cancel_requested:
                self._end("cancelled", "cancelled by the client", instruction.id)
            elif 0 < limit_s <= elapsed_s:
                self._end("done", f"followed for {limit_s:.1f} s", instruction.id)
            elif time.monotonic() - told_s >= FEEDBACK_S:
                told_s = time.monotonic()
                feedback = FollowInstruction.Feedback(id=instruction.id, chunks=chunks, elapsed_s=elapsed_s)
                feedback.inference_s = self.health.median_inference_s()
                handle.publish_feedback(feedback)
            else:
                with self.changed:
                    self.changed.wait_for(lambda: self.steering.ended(instruction.id) is not None, CANCEL_POLL_S)

    def _report(self) -> None:
        now_s, active, policy = time.monotonic(), self.steering.active, self.policy
        self.others = self.count_publishers(self.chunk_topic) - (self.chunk_publisher is not None)
        if self.others <= 0:
            self.rivals.alone()
        message = msg.PolicyStatus(
            bundle=policy.manifest.name if policy else "",
            provider=policy.provider if policy else "",
            instruction_id=active.id if active else "",
            state=self.health.state(now_s, self.chunk_publisher is not None, active is not None),
            text=self._warning(),
            chunks=self.health.chunks,
            observations_skipped=self.worker.superseded if self.worker else 0,
            inference_s=self.health.median_inference_s(),
            rate_hz=self.health.rate_hz(now_s),
            horizon_s=self.health.horizon_s,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self.status_publisher.publish(message)

    def _warning(self) -> str:
        rival = RIVAL_HEARD if self.rivals.is_rivalled else RIVAL_SEEN if self.others > 0 else ""
        return self.health.warning(rival.format(topic=self.chunk_topic))

    def _diagnose(self) -> None:
        health, warning = self.health, self._warning()
        values = {
            "bundle": self.policy.manifest.name if self.policy else "",
            "provider": self.policy.provider if self.policy else "",
            "inference_s_median": f"{health.median_inference_s():.4f}",
            "chunks": health.chunks,
            "chunks_dropped": health.dropped,
            "observations_superseded": self.worker.superseded if self.worker else 0,
            "observations_refused": health.refused,
        }
        level = DiagnosticStatus.ERROR if self.rivals.is_rivalled else DiagnosticStatus.WARN
        status = DiagnosticStatus(
            name=f"{self.get_fully_qualified_name()}: inference",
            level=level if warning else DiagnosticStatus.OK,
            message=warning or "ok",
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics.publish(message)


def main() -> int:
    """Entry point."""
    return run_node(PolicyNode, executor=lambda: rclpy.executors.MultiThreadedExecutor(4))
