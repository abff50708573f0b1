"""Node `policy` (lifecycle): instruction and observation to action chunks, steered by topic, text, service or action.

Callbacks never wait for inference or for a bundle to load, so that a stop is always heard; a new instruction takes effect
with the next chunk, and the old one's are dropped.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import rclpy.executors
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from lifecycle_msgs.srv import ChangeState
from rclpy._rclpy_pybind11 import InvalidHandle, RCLError
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from finevla_core.chunk import ActionChunk
from finevla_core.chunk_limiter import load_chunk_limiter
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError, one_line, quoted
from finevla_core.instruction import Instruction
from finevla_core.log_deduplication import RepeatCounter
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.onnx_options import Execution
from finevla_core.policy.policy_interface import Policy, understand
from finevla_core.understanding import Understanding
from finevla_core.urdf import expand
from finevla_interfaces import msg
from finevla_policy.conflict_monitor import HEARD_S, ConflictMonitor
from finevla_policy.follow_server import FollowServer
from finevla_policy.inference_worker import Worker
from finevla_policy.instruction_server import InstructionServer, NotNow
from finevla_policy.policy_health import Health
from finevla_ros import qos
from finevla_ros.bounded_subscriptions import most_observation_bytes, subscribe
from finevla_ros.executor import AsideInTurnGroup, GoalsAsideExecutor
from finevla_ros.messages import (
    chunk_to_msg,
    image_format_to_msg,
    observation_from_msg,
    report_from_msg,
    to_ns,
    to_stamp,
)
from finevla_ros.node_main import run_node
from finevla_ros.params import declare, param
from finevla_ros.share_paths import bundle_directory, robot_file, safety_file
from finevla_ros.topic_publishers import publishers_of

PLANNER = "motion"
# Every status in order: one that says STOPPED must not be lost behind the next.
EVERY_STATUS = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL, reliability=ReliabilityPolicy.RELIABLE)
MAX_EVENT = 800  # characters of what the bridge says of a chunk
INACTIVE = "the policy is not active; configure and activate it first"
LOADING = "the policy still loads its bundle; say it again in a moment"
CONFLICT_FIRST = "another policy is active on {topic}; stop it or take another namespace"
GIVES_WAY = (
    "another policy was active before this one: {who} on {topic}; this one is deactivated, its instruction has ended and the"
    " arms come to rest; stop one of the two"
)
CONFLICT_HEARD = "another policy publishes on {topic} too: our chunks are held back until that ends; stop one of them"
CONFLICT_SEEN = "another policy seems to be on {topic}: a second publisher is there, unless it died a moment ago"
WAITS = "the arms hold until the policy's server can be asked: {why}"


@dataclass(frozen=True)
class PolicyParameters:
    """Parameters of the policy node."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path")
    bundle: str = param(
        "tabletop", "policy bundle: a name in models or a path; another is loaded when configured next", is_fixed=False
    )
    server: str = param(
        "",
        "URL of the policy server: replaces that of a bundle of runtime remote; others run in 'finevla serve' there",
        is_fixed=False,
    )
    limits: str = param(
        "cobotmagic", "the bridge's safety file: chunks that it would refuse are shortened; none = no file"
    )
    provider: str = param(
        "auto", "ONNX Runtime provider: auto (the best that is there), tensorrt, cuda or cpu; the next one if it fails"
    )
    precision: str = param("fp32", "of TensorRT: fp32, fp16 or bf16")
    threads: int = param(1, "CPU threads of ONNX Runtime", 1, 64)
    status_rate_hz: float = param(5.0, "rate of policy/status, the node's heartbeat", 2.0, 50.0)
    autostart: bool = param(True, "configure and activate at once; false = wait for a lifecycle manager")


class PolicyNode(LifecycleNode):
    """Wires `InstructionServer` and inference `Worker` together: lifecycle, observations in, chunks and status out."""

    def __init__(self) -> None:
        super().__init__("policy")
        self.transitions = AsideInTurnGroup()
        for service in self.services:
            if service.srv_type is ChangeState:  # rclpy offers no other way to give it a group
                service.callback_group = self.transitions
                self.transitions.add_entity(service)
                service.callback = self._possible(service.callback)
        self.parameters = declare(self, PolicyParameters)
        self.execution = Execution(self.parameters.provider, self.parameters.precision, self._on_loading)
        self.embodiment = load_embodiment(robot_file(self.parameters.robot))
        self.conflicts = ConflictMonitor()
        self.active_since_ns = 0
        self.is_settled = False
        self.others = 0  # other publishers on our topic, as the DDS graph has them
        self.is_loading = self.is_giving_way = self.is_over = False
        self.gave_way = ""  # to whom, until it is activated again
        self.health = Health(period_s=1.0 / self.embodiment.observation_rate_hz)
        self.repeats = RepeatCounter()
        self.instructions: InstructionServer | None = None  # opened once it is known that nobody else steers here
        self.policy: Policy | None = None
        self.worker: Worker | None = None
        self.chunk_publisher: Publisher | None = None
        self.client, self.epoch = self.get_fully_qualified_name(), 0  # what the bridge knows our chunks by
        self.chunk_topic = self.resolve_topic_name("action_chunk")
        self.planner = f"{self.get_namespace().rstrip('/')}/{PLANNER}"
        subscribe(self, msg.ActionChunk, "action_chunk", self._on_any_chunk, qos.ALL)
        subscribe(self, msg.PolicyStatus, "policy/status", self._on_any_status, qos.ALL)
        if self.parameters.autostart:
            self._listen(HEARD_S)
        self.instructions = InstructionServer(self, self.client, self._read, self._warn)
        self.follow = FollowServer(self.instructions, self.health)
        self.status_publisher = self.create_publisher(msg.PolicyStatus, "policy/status", qos.LATCHED)
        self.format_publisher = self.create_publisher(msg.ImageFormat, "observation/image_format", qos.LATCHED)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.ALL)
        subscribe(self, msg.SafetyStatus, "safety/status", self._on_bridge, EVERY_STATUS)
        subscribe(self, msg.SafetyEvent, "safety/events", self._on_event, qos.ALL)
        subscribe(
            self,
            msg.Observation,
            "observation",
            self._on_observation,
            qos.NEWEST,
            most_bytes=most_observation_bytes(self.embodiment),
        )
        # By the wall's clock: the heart beats on while simulated time stands still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0 / self.parameters.status_rate_hz, self._report, clock=steady)
        self.create_timer(1.0, self._diagnose, clock=steady)
        if self.parameters.autostart:
            self.is_loading = True
            self._aside(self._start)

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
        if self.conflicts.is_near(time.monotonic()):
            return self._failed(CONFLICT_FIRST.format(topic=self.chunk_topic))
        self.active_since_ns = time.time_ns()
        self.conflicts.activated(time.monotonic(), self.active_since_ns)
        self.is_settled, self.gave_way = False, ""
        described = self.policy.description
        self.format_publisher.publish(image_format_to_msg(described.images, described.name))
        # In this order: with a publisher it says that it is active, and whoever hears that may ask at once.
        self.worker = Worker(self.policy, self._active, self._on_chunk, self._on_absent, self._on_trouble)
        self.chunk_publisher = self.create_publisher(msg.ActionChunk, "action_chunk", qos.NEWEST)
        if self.is_over:  # the node was destroyed while the bundle was loaded
            self._stop("the policy was shut down", quietly=True)
            return TransitionCallbackReturn.FAILURE
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop answering; the bridge lets the running plan end."""
        self._stop("the policy was deactivated")
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unload the bundle (lifecycle transition from inactive to unconfigured)."""
        if self.policy is not None:
            self.policy.close()
        self.policy = None
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the policy as `on_deactivate` does, from any state (lifecycle transition to finalized)."""
        self._stop("the policy was shut down")
        return super().on_shutdown(state)

    def destroy_node(self) -> None:
        """End the inference thread and the goals before their publishers go."""
        self.is_over = True
        self._stop("the policy was shut down", quietly=True)
        if self.instructions is not None:
            self.instructions.close()
        super().destroy_node()

    def _possible(self, change: Callable[..., ChangeState.Response]) -> Callable[..., ChangeState.Response]:
        """The service, for transitions that the node's state has; rclpy ends the node for any other."""

        def run(request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
            asked, machine = request.transition, self._state_machine
            known = {i: label for i, label, *_ in machine.available_transitions}
            if asked.label in known.values() if asked.label else asked.id in known:
                return change(request, response)
            what = asked.label or str(asked.id)
            self._warn(f"transition {quoted(what)} is not possible: the node is {machine.current_state[1]}")
            response.success = False
            return response

        return run

    def _start(self) -> None:
        """Configure and activate; what is wrong ends the process with its sentence."""
        self.trigger_configure()
        is_started = self.trigger_activate() is TransitionCallbackReturn.SUCCESS if self.policy is not None else False
        self.is_loading = False
        if not is_started and self.context.ok():
            raise FineVLAError(self.health.trouble)

    def _aside(self, transition: Callable[[], object]) -> None:
        """Run a change of state once, in a thread, and no two at a time: it may wait for a bundle or an inference."""

        def run() -> None:
            timer.cancel()
            transition()

        timer = self.create_timer(
            0.0, run, callback_group=self.transitions, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def _load(self) -> None:
        if self.policy is not None:
            return
        directory = bundle_directory(self.get_parameter("bundle").value)
        file = robot_file(self.parameters.robot)
        urdf = expand(file.parents[2] / self.embodiment.urdf)
        limiter = load_chunk_limiter(self.embodiment, urdf, safety_file(self.parameters.limits))
        server = self.get_parameter("server").value
        self.policy = load_policy(directory, self.embodiment, self.parameters.threads, self.execution, limiter, server)
        self.health.trouble = ""  # what was said while it was loaded
        self.health.horizon_s = self.policy.description.horizon_s
        self.get_logger().info(f"bundle '{self.policy.description.name}' runs on {self.policy.description.provider}")

    def _on_loading(self, text: str) -> None:
        """From a thread that loads the bundle, or one beside it: what takes long, or was taken in another's place."""
        self.get_logger().warning(text)
        self.health.trouble = text  # for the heartbeat, until it is loaded

    def _listen(self, seconds: float) -> None:
        """Before the first word of our own: is another policy at work here?"""
        executor = rclpy.executors.SingleThreadedExecutor()
        executor.add_node(self)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            executor.spin_once(timeout_sec=left)
        executor.remove_node(self)

    def _active(self) -> Instruction | None:
        return self.instructions.steering.active

    def _read(self, instruction: Instruction) -> Understanding:
        """What the policy takes an instruction for; it does not wait for the running inference."""
        policy = self.policy
        if policy is None or self.worker is None:
            raise NotNow(LOADING if self.is_loading else INACTIVE)
        return understand(policy, instruction)

    def _failed(self, text: str) -> TransitionCallbackReturn:
        self._on_trouble(text)
        return TransitionCallbackReturn.FAILURE

    def _stop(self, why: str, quietly: bool = False) -> None:
        if self.instructions is not None:
            self.instructions.end("stopped", why, quietly=quietly)
        if self.worker is not None:
            self.worker.stop()
            self.worker = None
        self.conflicts.deactivated()
        if self.chunk_publisher is not None:
            self.destroy_publisher(self.chunk_publisher)
            self.chunk_publisher = None

    def _on_observation(self, message: msg.Observation) -> None:
        self.health.observed(time.monotonic())
        worker = self.worker
        if self.instructions.steering.active is None or worker is None:
            return
        try:
            self._check_origin(message)
            worker.offer(observation_from_msg(message), self.epoch)
        except FineVLAError as error:
            self.health.refused += 1
            self._on_trouble(f"observation refused: {error}")

    def _on_bridge(self, status: msg.SafetyStatus) -> None:
        """Its epoch for the observations to come, which chunk of ours it follows, and whether an instruction may go on."""
        self.epoch = status.epoch
        is_ours = status.state == msg.SafetyStatus.FOLLOWING and status.client == self.client
        followed = status.chunk_sequence if is_ours else 0
        self.instructions.on_bridge(report_from_msg(status), followed)
        if self.policy is not None:
            self.policy.accepted(followed, status.executed_steps, status.speed_scale)

    def _on_event(self, event: msg.SafetyEvent) -> None:
        """A chunk that the bridge refused says so with a warning."""
        if event.level == msg.SafetyEvent.WARN and event.chunk_sequence:
            text = one_line(event.text, MAX_EVENT)
            self.instructions.on_chunk_refused(event.instruction_id, event.chunk_sequence, event.code, text)

    def _check_origin(self, message: msg.Observation) -> None:
        robot = self.embodiment
        if message.embodiment != robot.name:
            raise FineVLAError(f"it is of robot {quoted(message.embodiment)}, this policy drives '{robot.name}'")
        if tuple(message.state_names) != robot.names:
            raise FineVLAError(f"its state_names are not those of robot '{robot.name}'; check the ingest's robot file")

    def _on_chunk(self, chunk: ActionChunk) -> None:
        """Publish a chunk of the inference thread, unless its instruction has ended or another policy is active."""
        publisher = self.chunk_publisher
        if self.conflicts.is_conflicting:
            return
        message = chunk_to_msg(replace(chunk, client=self.client), self.embodiment.base_frame)

        def publish() -> None:
            self.conflicts.sent_chunk(chunk.sequence, chunk.instruction_id, chunk.inference_s)
            publisher.publish(message)

        try:
            if publisher is None or not self.instructions.send(chunk, publish):
                self.health.dropped += 1
                return
        except (RCLError, InvalidHandle):
            if self.context.ok() and self.chunk_publisher is publisher:
                raise
            return  # deactivated, or the process ends: the publisher went away during inference
        policy = self.policy
        self.health.published(time.monotonic(), chunk.inference_s, policy.server_s if policy else None)
        self.health.limited = policy.limited_text if policy else ""
        if (thought := getattr(policy, "thought", "")) and thought != self.health.thought:
            self.get_logger().info(f"the policy thinks: {quoted(thought)}")
        self.health.thought = thought

    def _on_absent(self, instruction_id: str, stamp_ns: int, text: str) -> None:
        """From the inference thread: no chunk, and the arms hold."""
        self._on_trouble(text)
        if self.instructions.on_target_absent(instruction_id, stamp_ns, text):
            self.health.trouble = ""  # the heartbeat goes on saying why the instruction is over

    def _on_any_chunk(self, message: msg.ActionChunk) -> None:
        if message.client == self.planner:
            return
        self.conflicts.heard_chunk(time.monotonic(), message.sequence, message.instruction_id, message.inference_s)

    def _on_any_status(self, message: msg.PolicyStatus) -> None:
        if message.state != "inactive" and (
            active_since_ns := to_ns(message.active_since)
        ):  # 0 = inactive, by its definition
            self.conflicts.heard_beat(time.monotonic(), active_since_ns)

    def _on_trouble(self, text: str) -> None:
        self._warn(text)
        self.health.trouble = text

    def _warn(self, text: str) -> None:
        if line := self.repeats.note(one_line(text, MAX_EVENT), time.monotonic()):
            self.get_logger().warning(line)

    def _report(self) -> None:
        now_s, steering, policy = time.monotonic(), self.instructions.steering, self.policy
        with self.instructions.changed:
            active, understood, refusal = steering.active, steering.understanding.summary, steering.refusal
        # Whoever plans motions for the operator speaks there as well: the bridge lets one command at a time.
        speakers = [name for name in publishers_of(self, self.chunk_topic) if name != self.planner]
        self.others = len(speakers) - (self.chunk_publisher is not None)
        if self.others <= 0:
            self.conflicts.alone()
        self._settle(now_s)
        message = msg.PolicyStatus(
            bundle=policy.description.name if policy else "",
            provider=policy.description.provider if policy else "",
            active_since=to_stamp(self.active_since_ns if self.chunk_publisher else 0),
            instruction_id=active.id if active else "",
            understood=understood if active else "",
            refusal=refusal,
            state=self.health.state(
                now_s, self.chunk_publisher is not None, active is not None, bool(self._waited_for())
            ),
            text=self._warning(),
            chunks=self.health.chunks,
            observations_taken=self.health.observations,
            observations_skipped=self.worker.superseded if self.worker else 0,
            inference_s=self.health.median_inference_s(),
            server_s=self.health.median_server_s(),
            rate_hz=self.health.rate_hz(now_s),
            horizon_s=self.health.horizon_s,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self.status_publisher.publish(message)

    def _settle(self, now_s: float) -> None:
        """A newcomer that finds another policy gives way; one that finds none says that no instruction is active.

        It is deactivated and stays there to be asked: who ends here would end a whole stack in mid-motion.
        """
        if self.chunk_publisher is None:
            return
        if self.conflicts.is_junior(now_s) and (others := self._other_speakers()):
            if not self.is_giving_way:
                self.is_giving_way = True
                who = quoted(", ".join(others), 120)
                self.gave_way = GIVES_WAY.format(who=who, topic=self.status_publisher.topic_name)
                self._warn(self.gave_way)
                self._aside(self._give_way)
        elif not self.is_settled and self.conflicts.is_settled(now_s):
            self.is_settled = True
            self.instructions.tell_if_idle()

    def _other_speakers(self) -> list[str]:
        """Who else publishes heartbeats of a policy, as the DDS graph has it; a second node of our name has our name."""
        names = publishers_of(self, self.status_publisher.topic_name)
        if self.client in names:
            names.remove(self.client)
        return sorted({name or "a publisher without a name" for name in names})

    def _give_way(self) -> None:
        if self.chunk_publisher is not None:
            self.trigger_deactivate()
        self.is_giving_way = False

    def _warning(self) -> str:
        if self.gave_way:
            return self.gave_way
        is_seen = self.others > 0 or self.conflicts.is_near(time.monotonic())
        conflict = CONFLICT_HEARD if self.conflicts.is_conflicting else CONFLICT_SEEN if is_seen else ""
        waiting = WAITS.format(why=why) if (why := self._waited_for()) else ""
        return self.health.warning(conflict.format(topic=self.chunk_topic), self.instructions.bridge_silence(), waiting)

    def _waited_for(self) -> str:
        """Why the policy's server cannot be asked now; empty = it can, or there is none."""
        return str(getattr(self.policy, "waiting_text", ""))

    def _diagnose(self) -> None:
        for line in self.repeats.finished(time.monotonic()):
            self.get_logger().info(line)
        health, warning = self.health, self._warning()
        values = {
            "bundle": self.policy.description.name if self.policy else "",
            "provider": self.policy.description.provider if self.policy else "",
            "inference_s_median": f"{health.median_inference_s():.4f}",
            "chunks": health.chunks,
            "chunks_dropped": health.dropped,
            "observations_superseded": self.worker.superseded if self.worker else 0,
            "observations_refused": health.refused,
            "thought": health.thought,
        }
        level = DiagnosticStatus.ERROR if self.conflicts.is_conflicting else DiagnosticStatus.WARN
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
    """Run lifecycle node `policy` until it is told to stop; return the exit code (0 fine, 2 bad input)."""
    return run_node(PolicyNode, executor=GoalsAsideExecutor)
