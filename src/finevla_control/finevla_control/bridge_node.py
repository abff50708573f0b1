"""Node `safety_bridge`: nothing reaches an arm but through here; chunks in, controller trajectories out, or a reason.

The decisions are `finevla_core.safety.bridge.Bridge`'s; this file only carries messages.
"""

import functools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import QoSSubscriptionMatchedInfo, SubscriptionEventCallbacks
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Empty, String
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from finevla_control.clock_watch import ClockWatch
from finevla_control.controller_reference_watch import ControllerReferenceWatch
from finevla_control.event_logging import EventLog
from finevla_control.robot_description_watch import RobotWatch
from finevla_control.separate_listener import SeparateListener
from finevla_core.embodiment import load_embodiment
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.envelope import load_envelope
from finevla_core.safety.events import Event, State, state_sentence
from finevla_core.safety.gate import GateOptions
from finevla_core.safety.heartbeat_checks import HeartbeatCheck
from finevla_core.safety.message_seal import Signer, TrajectoryCheck
from finevla_core.safety.robot_check import RobotCheck
from finevla_core.safety.watchdog import DEAD_LISTED_NS
from finevla_core.safety.watchdog_monitors import PublisherConflictMonitor
from finevla_core.stop_words import stop_word
from finevla_core.urdf import expand
from finevla_interfaces import msg
from finevla_interfaces.srv import AdoptPose, Approve, Authority
from finevla_ros import qos
from finevla_ros.bounded_services import serve
from finevla_ros.bounded_subscriptions import subscribe
from finevla_ros.heartbeat_messages import words_of
from finevla_ros.messages import chunk_from_msg, to_ns
from finevla_ros.node_main import LastingNode, run_node
from finevla_ros.params import declare, param
from finevla_ros.share_paths import robot_file, safety_file
from finevla_ros.stack_key import stack_key
from finevla_ros.topic_publishers import publishers_of
from finevla_ros.trajectories import trajectory_to_msg
from finevla_ros.trajectory_message import judge

TICK_S = 0.02
STATUS_EVERY = 2  # ticks: 25 Hz, the watchdog's measure of life
WATCHDOG = "safety_watchdog"  # it may publish to controllers as well: a stop, and nothing else


@dataclass(frozen=True)
class BridgeParameters:
    """Parameters of the safety bridge."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path")
    limits: str = param("cobotmagic", "safety file: a name in config/safety or a path; none = the robot's own limits")
    controller_manager: str = param(
        "", "ros2_control node whose controllers must be active and whose robot_description must be ours; empty = none"
    )
    max_chunk_age_s: float = param(0.5, "oldest observation a chunk may come from, seconds", 0.05, 5.0)
    max_start_jump_rad: float = param(0.25, "largest step from the running motion to a chunk, rad", 0.01, 1.0)
    max_tracking_error_rad: float = param(0.25, "largest distance of joint and plan beyond lag, rad", 0.02, 1.0)
    feedback_lag_s: float = param(0.1, "how far measured joints may lag behind, seconds", 0.0, 0.5)
    state_timeout_s: float = param(0.5, "without a joint state for this long the arm's state is unknown", 0.05, 5.0)
    max_rejections: int = param(10, "so many refused chunks in a row are a stop", 1, 1000)
    watchdog: bool = param(True, "whether nothing moves without the watchdog's heartbeat")
    watchdog_timeout_s: float = param(0.5, "a watchdog silent for this long is gone: stop, seconds", 0.1, 5.0)
    deadman: bool = param(False, "whether safety/deadman (std_msgs/Bool, true = held) must be held")
    deadman_timeout_s: float = param(0.3, "a deadman switch silent for this long is released, seconds", 0.05, 2.0)
    step: bool = param(False, "start in step mode: every plan waits for a yes on safety/approve")
    approval_timeout_s: float = param(
        30.0, "a plan that waits for a yes is withdrawn after so many seconds", 1.0, 600.0
    )


class SafetyBridge(LastingNode):
    """Subscriptions feed the bridge, `_flush` publishes what it decided.

    Stops, words and chunks are heard in threads of their own: whoever touches the bridge holds the lock, for as long as a
    chunk is judged at most.
    """

    def __init__(self) -> None:
        # No parameter services: one packet to them, whose list claims to be long, would hold this node up for seconds.
        super().__init__("safety_bridge", start_parameter_services=False)
        p = declare(self, BridgeParameters)
        file = robot_file(p.robot)
        self.embodiment = load_embodiment(file)
        urdf = expand(file.parents[2] / self.embodiment.urdf)
        manager = p.controller_manager and self.resolve_service_name(p.controller_manager)
        self.robot_check, self.clock_watch = RobotCheck(self.embodiment, urdf, manager), ClockWatch(self)
        # A bridge that starts again must not take chunks that were meant for the one before it: epochs are seconds.
        self.bridge = Bridge(
            self.embodiment,
            load_envelope(self.embodiment, urdf, safety_file(p.limits)),
            _gate_options(p),
            _bridge_options(p),
            epoch=time.time_ns() // 1_000_000_000,
            state_publishers=lambda: publishers_of(self, self.embodiment.state_topic),
            why_unready=lambda: self.clock_watch.why_not or self.robot_check.why_not(),
        )
        self.bridge.is_stepping = p.step
        self.lock = threading.RLock()
        key, own = stack_key(self), self.get_fully_qualified_name()
        watchdog = f"{self.get_namespace().rstrip('/')}/{WATCHDOG}"
        self.signer = Signer(key, own)
        self.senders = TrajectoryCheck(key, self.signer, (own, watchdog))
        self.heartbeats = HeartbeatCheck(key, watchdog, p.watchdog_timeout_s, time.monotonic_ns)
        self.rivals = PublisherConflictMonitor(
            own,
            watchdog,
            second_ns=DEAD_LISTED_NS if p.watchdog else 0,  # the watchdog hears two bridges speak at once
        )
        self.ticks = 0
        self.judged_s = 0.0
        self.told: tuple[object, ...] = ()
        self.shown: object = None  # the plan that was last shown as waiting
        self.controllers = {
            c.name: self.create_publisher(JointTrajectory, f"{c.name}/joint_trajectory", qos.ALL)
            for c in self.embodiment.controllers
        }
        self.status = self.create_publisher(msg.SafetyStatus, "safety/status", qos.LATCHED)
        self.events = EventLog(self, self.create_publisher(msg.SafetyEvent, "safety/events", qos.ALL))
        self.pending = self.create_publisher(msg.PendingPlan, "safety/pending_plan", qos.LATCHED)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.ALL)
        words = self._listen_for_words()
        self.listeners = [self._listen_for_stops(), words, self._listen_for_chunks()]
        self._listen()
        self.robot_watch = RobotWatch(self, words, self.robot_check, manager)
        held = list(self.controllers) if manager else []
        self.reference_watch = ControllerReferenceWatch(self, held, self.bridge.references.note)
        # By the steady clock: simulated time may run slowly, or stand still, and the watchdog still wants to hear this node.
        self.create_timer(TICK_S, self._on_tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._publish_status()
        for listener in self.listeners:
            listener.start()

    def _listen(self) -> None:
        matched = SubscriptionEventCallbacks(matched=self._in_turn(self._on_state_publishers))
        self._hear(JointState, self.embodiment.state_topic, self._on_state, qos.SENSOR, event_callbacks=matched)
        self._hear(msg.Instruction, "active_instruction", self._on_instruction, qos.LATCHED)
        for kind, service, callback in (
            (Trigger, "safety/reset", self._on_reset),
            (Authority, "safety/authority", self._on_authority),
            (SetBool, "safety/step_mode", self._on_step_mode),
            (Approve, "safety/approve", self._on_approve),
            (AdoptPose, "safety/adopt", self._on_adopt),
        ):
            serve(self, kind, service, self._in_turn(callback), tell=self._on_refused, tell_flood=self._on_flood)

    def _listen_for_stops(self) -> SeparateListener:
        path, turn = SeparateListener(self, "stop", self._on_refused, self._on_flood), self._in_turn
        path.hear_both(Empty, "safety/stop", turn(self._on_stop_topic), qos.ALL)
        path.serve(Trigger, "safety/stop", turn(self._on_stop_service))
        # Best effort hears both kinds. A switch that a reliable publisher said again later would be held by mistake.
        path.hear(Bool, "safety/deadman", turn(self._on_deadman), qos.SENSOR)
        path.hear(msg.Heartbeat, "safety/watchdog", turn(self._on_watchdog), qos.NEWEST)
        path.hear_controllers(list(self.controllers), turn(self._on_trajectory))
        return path

    def _listen_for_words(self) -> SeparateListener:
        """What the operator says, for a stop word: no policy, busy or absent, may stand between."""
        words = SeparateListener(self, "words", self._on_refused, self._on_flood)
        words.hear_both(msg.Instruction, "instruction", lambda m: self._on_words(m.raw, m.fine), qos.ALL)
        words.hear_both(String, "instruction/text", lambda m: self._on_words(m.data), qos.ALL)
        return words

    def _listen_for_chunks(self) -> SeparateListener:
        """A stranger's chunk may have any size: Fast DDS holds its whole participant up for seconds over one of 56 MB."""
        chunks = SeparateListener(self, "chunks", self._on_refused, self._on_flood)
        chunks.hear(msg.ActionChunk, "action_chunk", self._on_chunk, qos.NEWEST)
        return chunks

    def _hear(
        self,
        kind: type,
        topic: str,
        callback: Callable[..., None],
        profile: QoSProfile,
        event_callbacks: SubscriptionEventCallbacks | None = None,
    ) -> None:
        subscribe(
            self,
            kind,
            topic,
            self._in_turn(callback),
            profile,
            # As fast as it can a simulation sends any number of joint states.
            most_hz=0.0 if kind is JointState and self.get_parameter("use_sim_time").value else None,
            tell=self._on_refused,
            tell_flood=self._on_flood,
            event_callbacks=event_callbacks,
        )

    def _in_turn[R](self, callback: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(callback)
        def run(*args: object) -> R:
            with self.lock:
                return callback(*args)

        return run

    def begin_end(self) -> None:
        """Brake what moves: without a bridge nobody could."""
        with self.lock:
            if self.bridge.state is State.FOLLOWING:
                self.bridge.on_stop(self._now_ns(), "stop.ending", "the bridge was told to end")
            self._flush()

    def has_ended(self) -> bool:
        """Return whether the arms rest, as far as is known."""
        with self.lock:
            return self.bridge.is_at_rest(self._now_ns())

    def destroy_node(self) -> None:
        """End the listeners' threads before what they hand their messages to is gone."""
        for listener in self.listeners:
            listener.close()
        super().destroy_node()

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_state(self, message: JointState, info: Mapping[str, int]) -> None:
        stamp_ns, number = to_ns(message.header.stamp), info.get("publication_sequence_number") or 0
        self.bridge.on_joint_state(stamp_ns, message.name, message.position, self._now_ns(), number)
        self._flush()  # a stop, or what is to be said once more: 10 ms after the first time, not with the next tick

    def _on_state_publishers(self, matched: QoSSubscriptionMatchedInfo) -> None:
        """More than one may be right: of a mobile base, say. Two that send the same joints are found by their messages."""
        if matched.current_count > 1 and matched.current_count_change > 0:
            topic = self.embodiment.state_topic
            names = ", ".join(name[:60] or "one without a name yet" for name in publishers_of(self, topic)[:4])
            text = (
                f"{matched.current_count} publishers on {topic}: {names}; if two send this robot's joints it is a stop"
            )
            self.events.tell(Event(msg.SafetyEvent.WARN, "state.publishers", text))

    def _on_instruction(self, message: msg.Instruction, info: Mapping[str, int]) -> None:
        # By the writer's clock: a late joiner is given what may have been announced long ago. 0 = the middleware cannot tell.
        written_ns = info["source_timestamp"]
        age_s = max(0.0, (time.time_ns() - written_ns) * 1e-9) if written_ns else 0.0
        self.bridge.on_instruction(message.id, self._now_ns(), age_s)
        self._flush()

    def _on_words(self, *texts: str) -> None:
        if heard := next(filter(None, map(stop_word, texts)), None):
            with self.lock:
                self.bridge.on_stop_word(heard, self._now_ns())
                self._flush()

    def _on_refused(self, text: str) -> None:
        with self.lock:
            self.events.tell(Event(msg.SafetyEvent.WARN, "message.refused", text))

    def _on_flood(self, text: str) -> None:
        with self.lock:
            self.events.tell(Event(msg.SafetyEvent.WARN, "message.flood", text))

    def _on_chunk(self, message: msg.ActionChunk) -> None:
        chunk = chunk_from_msg(message)
        with self.lock:
            started, accepted = time.perf_counter(), self.bridge.counts.accepted
            self.bridge.on_chunk(chunk, self._now_ns())
            self._flush()
            self.judged_s = time.perf_counter() - started
            if self.bridge.counts.accepted > accepted:
                self._publish_status()  # at once: a policy that continues its running chunk must know which one runs

    def _on_watchdog(self, message: msg.Heartbeat) -> None:
        words = words_of(message)
        judgement = self.heartbeats.judge(words)
        if judgement.counts and words.is_well:  # it answered a challenge just now, and is no recording
            self.senders.meet(words.node, self.heartbeats.instance)
        if judgement.counts:
            self.bridge.on_watchdog(message.is_well, message.text, self._now_ns())
        if judgement.code == "watchdog.two":
            self.bridge.on_stop(self._now_ns(), judgement.code, judgement.text)
        elif judgement.code:
            self.events.tell(Event(msg.SafetyEvent.WARN, judgement.code, judgement.text))
        self._flush()

    def _on_trajectory(self, controller: str, data: bytes) -> None:
        """What a controller is told, whoever does: a stranger's trajectory is a stop when it is heard."""
        sender = judge(self.senders, controller, data, self._now_ns())[1]
        if not self.senders.is_own(sender):
            self.bridge.on_other_command()
        if sender.why:
            topic = self.controllers[controller].topic_name
            text = f"a trajectory on {topic} is a stranger's, {sender.why}; end who sends it"
            self.bridge.on_stop(self._now_ns(), "bridge.rival", text)
            self._flush()

    def _on_deadman(self, message: Bool, info: Mapping[str, int]) -> None:
        number = info.get("publication_sequence_number") or 0
        self.bridge.on_deadman(message.data, self._now_ns(), number)
        self._flush()

    def _on_stop_topic(self, _: Empty) -> None:
        self.bridge.on_stop(self._now_ns(), "stop.topic", "stop was asked for by topic")
        self._flush()

    def _on_stop_service(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.bridge.on_stop(self._now_ns(), "stop.service", "stop was asked for by service")
        self._flush()
        response.success, response.message = True, state_sentence(self.bridge.state, self.bridge.reason)
        return response

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = self.bridge.reset(self._now_ns())
        self._flush()
        return response

    def _on_authority(self, request: Authority.Request, response: Authority.Response) -> Authority.Response:
        act = self.bridge.release_authority if request.release else self.bridge.take_authority
        response.success, response.message = act(request.client, self._now_ns())
        self._flush()
        response.holder = self.bridge.client
        return response

    def _on_step_mode(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success, response.message = True, self.bridge.step(request.data, self._now_ns())
        self._flush()
        return response

    def _on_approve(self, request: Approve.Request, response: Approve.Response) -> Approve.Response:
        response.success, response.message = self.bridge.approve(request.number, request.is_yes, self._now_ns())
        self._flush()
        return response

    def _on_adopt(self, request: AdoptPose.Request, response: AdoptPose.Response) -> AdoptPose.Response:
        response.success, response.message, difference = self.bridge.adopt(request.confirm, self._now_ns())
        response.names = list(self.embodiment.names)
        response.difference = [] if difference is None else difference.tolist()
        self._flush()
        return response

    def _on_tick(self) -> None:
        now_s = time.monotonic()
        deaf = [listener.name for listener in self.listeners if listener.check(now_s)]
        with self.lock:
            self.reference_watch.look()
            self.bridge.tick(self._now_ns())
            if deaf:
                text = f"the thread that hears {' and '.join(deaf)} hangs; start the bridge again"
                self.bridge.on_stop(self._now_ns(), "bridge.deaf", text)
            self._flush()
            self.ticks += 1
            if self.ticks % STATUS_EVERY == 0:
                self._publish_status()
        if self.ticks % 50 == 0:
            self.robot_watch.look()
            self.clock_watch.look()
            self._watch_for_rivals()
            self._watch_nodes()
            self._diagnose()

    def _watch_for_rivals(self) -> None:
        """Two bridges, or anything else that commands a controller, is a stop: nobody could say who moves the arm."""
        now_ns = time.monotonic_ns()
        for publisher in self.controllers.values():
            self.rivals.seen(publisher.topic_name, publishers_of(self, publisher.topic_name), now_ns)
        with self.lock:
            for topic, who in self.rivals.found().items():
                text = f"{who} publishes on {topic} too; only one bridge may command the arm"
                self.bridge.on_stop(self._now_ns(), "bridge.rival", text)
            self._flush()

    def _watch_nodes(self) -> None:
        """Who has command authority and is gone does not keep it."""
        nodes = {f"{space.rstrip('/')}/{name}" for name, space in self.get_node_names_and_namespaces()}
        with self.lock:
            self.bridge.on_nodes(nodes, self._now_ns())
            self._flush()

    def _flush(self) -> None:
        commands, events = self.bridge.take()
        for trajectory in commands:
            self.controllers[trajectory.controller].publish(trajectory_to_msg(trajectory, self.signer))
        for event in events:
            self.events.tell(event)
        if self.bridge.waiting is not self.shown:
            self._show_waiting()
        if self._told() != self.told:
            self._publish_status()

    def _show_waiting(self) -> None:
        """Step mode: the plan that waits, or that none does any more."""
        waiting = self.shown = self.bridge.waiting
        message = msg.PendingPlan()
        message.header.frame_id = self.embodiment.base_frame
        message.header.stamp = self.get_clock().now().to_msg()
        if waiting is not None:
            plan, clearance, found = waiting.judged.plan, waiting.judged.clearance, waiting.judged.plan.extremes()
            message.number = waiting.number
            message.chunk_sequence, message.client = waiting.chunk.sequence, waiting.chunk.client
            message.instruction_id, message.names = waiting.chunk.instruction_id, list(self.embodiment.names)
            times_s = (plan.times_ns - plan.times_ns[0]) * 1e-9
            message.times_s, message.duration_s = times_s.tolist(), float(times_s[-1])
            message.positions = plan.positions.ravel().tolist()
            message.speeds, message.travel = found.speed.tolist(), (found.highest - found.lowest).tolist()
            message.speed_scale, message.clearance_m = waiting.judged.speed_scale, clearance.distance_m
            message.closest = clearance.closest
        self.pending.publish(message)

    def _told(self) -> tuple[object, ...]:
        """What others act on: a change is told at once, and a thousand refusals a second are none."""
        b = self.bridge
        return b.state, b.reason, b.epoch, b.client, b.instruction_id, b.is_stepping, b.waiting is not None

    def _publish_status(self) -> None:
        bridge, counts, self.told = self.bridge, self.bridge.counts, self._told()
        following = bridge.state is State.FOLLOWING
        judged = bridge.judged if following else None
        message = msg.SafetyStatus(
            state=int(bridge.state),
            reason=bridge.reason,
            instruction_id=bridge.instruction_id if following else "",
            chunks_accepted=counts.accepted,
            chunks_rejected=sum(counts.rejected.values()),
            reject_codes=list(counts.rejected),
            reject_counts=list(counts.rejected.values()),
            chunk_age_s=counts.chunk_age_s,
            executed_s=counts.executed_s,
            executed_steps=counts.executed_steps,
            chunk_sequence=counts.chunk_sequence if following else 0,
            plan_left_s=bridge.plan_left_s(self._now_ns()),
            epoch=bridge.epoch,
            client=bridge.client,
            speed_scale=judged.speed_scale if judged else 1.0,
            clearance_m=judged.clearance.distance_m if judged else float("nan"),
            closest=judged.clearance.closest if judged else "",
            stepping=bridge.is_stepping,
            waiting=bridge.waiting is not None,
            challenge=self.heartbeats.challenge(),  # fresh in every message
            planned=bridge.plan.at(self._now_ns())[0].tolist() if bridge.plan is not None else [],
        )
        message.header.stamp = self.get_clock().now().to_msg()
        said = to_ns(message.header.stamp), message.state, message.epoch, message.challenge
        message.header.frame_id = self.signer.status(*said)
        self.status.publish(message)

    def _diagnose(self) -> None:
        bridge = self.bridge
        levels = {State.STOPPED: DiagnosticStatus.ERROR, State.DISABLED: DiagnosticStatus.WARN}
        values = {"accepted": bridge.counts.accepted, "judging_s": f"{self.judged_s:.5f}", **bridge.counts.rejected}
        status = DiagnosticStatus(
            name=f"{self.get_fully_qualified_name()}: bridge",
            level=levels.get(bridge.state, DiagnosticStatus.OK),
            message=f"{bridge.state.name.lower()}: {bridge.reason}",
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics.publish(message)


def _gate_options(p: BridgeParameters) -> GateOptions:
    return GateOptions(
        max_age_s=p.max_chunk_age_s,
        max_start_jump=p.max_start_jump_rad,
        max_tracking_error=p.max_tracking_error_rad,
        feedback_lag_s=p.feedback_lag_s,
    )


def _bridge_options(p: BridgeParameters) -> BridgeOptions:
    return BridgeOptions(
        state_timeout_s=p.state_timeout_s,
        max_rejections=p.max_rejections,
        approval_timeout_s=p.approval_timeout_s,
        watchdog_timeout_s=p.watchdog_timeout_s if p.watchdog else None,
        deadman_timeout_s=p.deadman_timeout_s if p.deadman else None,
    )


def main() -> int:
    """Run node `safety_bridge` until it is told to stop; return the exit code (0 fine, 2 bad input)."""
    return run_node(SafetyBridge)
