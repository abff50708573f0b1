"""Node `safety_watchdog`: a second opinion in a process of its own, whose stop works when everything else hangs.

The decisions are `finevla_core.safety.watchdog.Watchdog`'s; this file only carries messages. It runs by the machine's
steady clock: simulated time that stands still, or a clock that jumps, is one of the things it watches.
"""

import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Empty
from trajectory_msgs.msg import JointTrajectory

from finevla_control.event_logging import EventLog
from finevla_control.separate_listener import SeparateListener
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.safety.envelope import load_limits
from finevla_core.safety.events import Event, State
from finevla_core.safety.heartbeat_checks import instance_of, is_of_now
from finevla_core.safety.message_seal import Signer, StatusCheck, TrajectoryCheck
from finevla_core.safety.watchdog import Watchdog
from finevla_core.safety.watchdog_monitors import carriers
from finevla_core.safety.watchdog_options import WatchdogOptions
from finevla_core.urdf import expand
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.bounded_subscriptions import most_observation_bytes, subscribe
from finevla_ros.heartbeat_messages import heartbeat_to_msg, words_of
from finevla_ros.messages import observation_from_msg, to_ns
from finevla_ros.node_main import LastingNode, run_node
from finevla_ros.params import declare, param
from finevla_ros.share_paths import robot_file, safety_file
from finevla_ros.stack_key import stack_key
from finevla_ros.topic_publishers import publishers_of
from finevla_ros.trajectories import trajectory_to_msg
from finevla_ros.trajectory_message import judge, listen_to_controllers

BRIDGE = "safety_bridge"
TICK_S = 1 / 60  # the longest that a finding waits for its stop
# In ticks: 20 Hz, 4 Hz and 1 Hz. One timer for all, for rclpy looks at each one whenever it wakes.
BEAT_EVERY, RIVALS_EVERY, DIAGNOSE_EVERY = 3, 15, 60
# Likewise for the handlers of incompatible QoS that it makes for each topic: they took a third of this node's time. Both
# ends take their QoS from one place, and what is not heard is told anyway.
QUIET_IN = SubscriptionEventCallbacks(use_default_callbacks=False)
QUIET_OUT = PublisherEventCallbacks(use_default_callbacks=False)


@dataclass(frozen=True)
class WatchdogParameters:
    """ROS parameters of `safety_watchdog`: timeouts in seconds, and which checks apply to this robot."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path")
    limits: str = param("cobotmagic", "safety file: a name in config/safety or a path; none = the robot's own limits")
    bridge_timeout_s: float = param(0.3, "a safety bridge silent for this long hangs: stop, seconds", 0.1, 2.0)
    joints_timeout_s: float = param(0.5, "without (new) joint states for this long: stop, seconds", 0.1, 2.0)
    observations_timeout_s: float = param(1.0, "without an observation for this long: warning, seconds", 0.2, 10.0)
    chunks_timeout_s: float = param(1.0, "following without a chunk for this long: warning, seconds", 0.2, 10.0)
    policy_timeout_s: float = param(1.0, "a policy silent for this long: warning, seconds", 0.5, 10.0)
    deadman: bool = param(False, "whether safety/deadman (std_msgs/Bool, true = held) must be held, else stop")
    deadman_timeout_s: float = param(0.3, "a deadman switch silent for this long is released, seconds", 0.05, 2.0)
    clock_jump_s: float = param(0.2, "a step of the ROS clock larger than this is a jump: stop, seconds", 0.05, 10.0)
    clock_still_s: float = param(1.0, "simulated time still for this long: stop, seconds", 0.2, 10.0)
    frozen_pictures: int = param(5, "so many pictures in a row that did not change but had to: stop", 2, 100)
    frozen_moved_rad: float = param(0.01, "motion between two pictures that must change them, rad", 0.001, 0.5)
    camera_noise: bool = param(True, "cameras have sensor noise; false in simulation, where fixed ones are not judged")
    arm_simulated: bool = param(False, "whether a simulator plays the arms: what is wrong is then said of it")
    confirm_s: float = param(0.06, "a bridge that does not confirm a stop within this: own stop, seconds", 0.02, 1.0)


class SafetyWatchdog(LastingNode):
    """Subscriptions feed the watchdog, `_flush` publishes what it decided."""

    def __init__(self) -> None:
        super().__init__("safety_watchdog", start_parameter_services=False)  # as the bridge
        p = declare(self, WatchdogParameters)
        file = robot_file(p.robot)
        self.embodiment = load_embodiment(file)
        urdf = expand(file.parents[2] / self.embodiment.urdf)
        limits = load_limits(self.embodiment, urdf, safety_file(p.limits))
        own, bridge = self.get_fully_qualified_name(), f"{self.get_namespace().rstrip('/')}/{BRIDGE}"
        self.watchdog = Watchdog(
            self.embodiment,
            limits,
            carriers(urdf, self.embodiment.joints, {c.name: c.frame for c in self.embodiment.cameras}),
            WatchdogOptions(**{name: value for name, value in vars(p).items() if name not in ("robot", "limits")}),
            (bridge, own),
            self.get_parameter("use_sim_time").value,
            time.monotonic_ns(),
        )
        self.key = stack_key(self)
        self.signer = Signer(self.key, own)
        self.senders = TrajectoryCheck(self.key, self.signer, (bridge, own), may_be_two=True)
        self.statuses = StatusCheck(self.key, bridge)
        self.challenge = 0  # the bridge's newest
        self.refused = ""
        self.ticks = 0
        self.stop = self._out(Empty, "safety/stop", qos.ALL)
        self.controllers = {
            c.name: self._out(JointTrajectory, f"{c.name}/joint_trajectory", qos.ALL)
            for c in self.embodiment.controllers
        }
        self.heartbeat = self._out(msg.Heartbeat, "safety/watchdog", qos.NEWEST)
        self.events = EventLog(self, self._out(msg.SafetyEvent, "safety/events", qos.ALL))
        self.diagnostics = self._out(DiagnosticArray, "/diagnostics", qos.ALL)
        self.untold: deque[Event] = deque()  # of the other thread
        self.apart = SeparateListener(
            self, "chunks", lambda t: self.untold.append(_refused(t)), lambda t: self.untold.append(_flood(t))
        )
        self._subscribe()
        self.create_timer(TICK_S, self._on_tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.apart.start()

    def _out(self, kind: type, topic: str, profile: QoSProfile) -> Publisher:
        return self.create_publisher(kind, topic, profile, event_callbacks=QUIET_OUT)

    def _in(
        self, kind: type, topic: str, callback: Callable[..., None], profile: QoSProfile, most_bytes: int = 0
    ) -> None:
        subscribe(
            self,
            kind,
            topic,
            callback,
            profile,
            most_bytes=most_bytes,
            # As fast as it can a simulation sends any number of joint states.
            most_hz=0.0 if kind is JointState and self.get_parameter("use_sim_time").value else None,
            tell=lambda text: self.events.tell(_refused(text)),
            tell_flood=lambda text: self.events.tell(_flood(text)),
            event_callbacks=QUIET_IN,
        )

    def _subscribe(self) -> None:
        w, now = self.watchdog, time.monotonic_ns
        self._in(msg.SafetyStatus, "safety/status", self._on_status, qos.LATCHED)
        self._in(JointState, self.embodiment.state_topic, self._on_state, qos.SENSOR)
        self._in(msg.Heartbeat, "safety/watchdog", self._on_heartbeat, qos.NEWEST)
        listen_to_controllers(self, list(self.controllers), self._on_trajectory, event_callbacks=QUIET_IN)
        self._in(msg.Instruction, "active_instruction", lambda m: w.on_instruction(m.id, now()), qos.LATCHED)
        # A stranger's chunk may have any size: Fast DDS holds its whole participant up for seconds over one of 56 MB.
        self.apart.hear(msg.ActionChunk, "action_chunk", lambda _: w.on_chunk(now()), qos.NEWEST)
        self._in(msg.PolicyStatus, "policy/status", lambda m: w.on_policy(m.observations_taken, now()), qos.LATCHED)
        most = most_observation_bytes(self.embodiment)
        self._in(msg.Observation, "observation", self._on_observation, qos.NEWEST, most)
        # Best effort hears both kinds. A switch that a reliable publisher said again later would be held by mistake.
        self._in(Bool, "safety/deadman", lambda m: w.on_deadman(m.data, now()), qos.SENSOR)

    def destroy_node(self) -> None:
        """End the listener's thread before what it hands its messages to is gone."""
        self.apart.close()
        super().destroy_node()

    def begin_end(self) -> None:
        """Look on: whoever else ends may leave the arms in motion."""

    def has_ended(self) -> bool:
        """Return whether the arms rest, as far as is known: braked by the bridge, or by us if it is gone."""
        w = self.watchdog
        is_over = w.state is not State.FOLLOWING or bool(w.latched)
        return is_over and w.brake.speed(time.monotonic_ns()) < w.options.rest_speed

    def _clock_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_state(self, message: JointState, info: Mapping[str, int]) -> None:
        self.watchdog.on_joint_publication(message.name, info.get("publication_sequence_number") or 0)
        self.watchdog.on_joint_state(
            to_ns(message.header.stamp), message.name, message.position, message.velocity, time.monotonic_ns()
        )

    def _on_status(self, message: msg.SafetyStatus) -> None:
        said = to_ns(message.header.stamp), message.state, message.epoch, message.challenge
        if why := self.statuses.why_not(message.header.frame_id, *said, self._clock_ns()):
            if text := self.statuses.tell(why, time.monotonic_ns()):
                self.events.tell(Event(msg.SafetyEvent.WARN, "status.forged", text))
            return
        self.challenge = message.challenge
        self.watchdog.on_status(message.state, message.epoch, time.monotonic_ns())
        self._flush()

    def _on_observation(self, message: msg.Observation) -> None:
        try:
            seen = observation_from_msg(message)
        except FineVLAError as error:  # the policy refuses it too, and says so; without a good one it is a silence
            self.refused = str(error)
            return
        hashes = {camera: zlib.crc32(image) for camera, image in zip(seen.cameras, seen.images, strict=True)}
        self.watchdog.on_observation(hashes, seen.state, time.monotonic_ns())

    def _on_heartbeat(self, message: msg.Heartbeat) -> None:
        """Take in other watchdogs' heartbeats (our own are ignored); raises `FineVLAError` if this one must not run too."""
        words = words_of(message)
        instance = instance_of(self.key, words)
        if instance in ("", self.signer.instance) or message.node != self.signer.node:
            return
        if is_of_now(words, self._clock_ns()):  # else it is played from a recording
            why = self.watchdog.on_other_watchdog(
                instance, message.sequence, self.signer.instance, self.signer.beats, time.monotonic_ns()
            )
            if why:
                raise FineVLAError(why)

    def _on_trajectory(self, controller: str, data: bytes) -> None:
        heard, sender = judge(self.senders, controller, data, self._clock_ns())
        if self.senders.is_own(sender):
            return
        now_ns, clock_ns, w = time.monotonic_ns(), self._clock_ns(), self.watchdog
        told: tuple[Sequence[str], int, list[int], list[list[float]], list[list[float]]] = ((), 0, [], [], [])
        if heard is not None:
            told = (heard.joints, heard.stamp_ns, heard.times_ns, heard.positions, heard.velocities)
        if sender.why:
            w.on_stranger(controller, self._who(controller, sender.why), *told, now_ns, clock_ns)
        elif sender.node == self.signer.node:
            w.on_watchdogs_trajectory(controller, *told, now_ns, clock_ns)
        else:
            w.on_trajectory(controller, *told, now_ns, clock_ns)
        self._flush()

    def _who(self, controller: str, why: str) -> str:
        return f"a trajectory on {self.controllers[controller].topic_name} is a stranger's, {why}"

    def _look_for_rivals(self) -> None:
        for publisher in self.controllers.values():
            topic = publisher.topic_name
            self.watchdog.on_publishers(topic, publishers_of(self, topic), time.monotonic_ns())

    def _on_tick(self) -> None:
        self.apart.check(time.monotonic())
        while self.untold:
            self.events.tell(self.untold.popleft())
        self.ticks += 1
        if self.ticks % RIVALS_EVERY == 0:
            self._look_for_rivals()
        self.watchdog.tick(time.monotonic_ns(), self._clock_ns())
        self._flush()
        if self.ticks % BEAT_EVERY == 0:
            self._beat()
        if self.ticks % DIAGNOSE_EVERY == 0:
            self._diagnose()

    def _flush(self) -> None:
        asks, trajectories, events = self.watchdog.take()
        if asks:
            self.stop.publish(Empty())
        for trajectory in trajectories:
            self.controllers[trajectory.controller].publish(trajectory_to_msg(trajectory, self.signer))
        for event in events:
            self.events.tell(event)

    def _beat(self) -> None:
        trouble = self.watchdog.trouble
        if not (trouble or self.watchdog.hears):
            return  # to the bridge, silence is a watchdog that is not there
        self.heartbeat.publish(heartbeat_to_msg(self.signer, trouble, self.challenge, self._clock_ns()))

    def _diagnose(self) -> None:
        w = self.watchdog
        level = DiagnosticStatus.ERROR if w.latched else DiagnosticStatus.WARN if w.findings else DiagnosticStatus.OK
        well = f"has not heard {' and '.join(w.unheard)} yet; nothing moves before" if w.unheard else "all is well"
        text = f"stopped, {w.latched}: {w.reason}" if w.latched else "; ".join(w.findings.values()) or well
        values = {"latched": w.latched, "own_stops": w.brakes, "observation_refused": self.refused, **w.findings}
        status = DiagnosticStatus(
            name=f"{self.signer.node}: watchdog",
            level=level,
            message=text,
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics.publish(message)
        self.refused = ""


def _refused(text: str) -> Event:
    return Event(msg.SafetyEvent.WARN, "message.refused", text)


def _flood(text: str) -> Event:
    return Event(msg.SafetyEvent.WARN, "message.flood", text)


def main() -> int:
    """Run node `safety_watchdog` until it is told to stop; return the exit code (0 fine, 2 bad input)."""
    return run_node(SafetyWatchdog)
