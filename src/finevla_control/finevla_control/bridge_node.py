"""Node `safety_bridge`: nothing reaches an arm but through here; chunks in, controller trajectories out, or a reason.

The decisions are `finevla_core.safety.bridge.Bridge`'s; this file only carries messages.
"""

import time
from dataclasses import dataclass

from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from finevla_core.embodiment import load_embodiment
from finevla_core.safety.bridge import Bridge, BridgeOptions, Event, State, Trajectory
from finevla_core.safety.gate import GateOptions
from finevla_core.safety.limits import robot_limits, tightened
from finevla_core.urdf import expand
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.convert import chunk_from_msg, to_ns, to_stamp
from finevla_ros.params import declare, param
from finevla_ros.paths import robot_file
from finevla_ros.run import run_node

TICK_S = 0.02
LOG_EVERY_S = 1.0
STATUS_EVERY = 5  # ticks: 10 Hz


@dataclass(frozen=True)
class Parameters:
    """Parameters of the safety bridge."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path")
    limits: str = param("none", "operational limits file, which can only tighten the robot's limits, or none")
    max_chunk_age_s: float = param(0.5, "oldest observation a chunk may come from, seconds", 0.05, 5.0)
    max_start_jump_rad: float = param(0.25, "largest step from the running motion to a chunk, rad", 0.01, 1.0)
    max_tracking_error_rad: float = param(0.30, "largest distance between planned and measured joint, rad", 0.02, 1.0)
    state_timeout_s: float = param(0.5, "without a joint state for this long the arm's state is unknown", 0.05, 5.0)


class SafetyBridge(Node):
    """Subscriptions feed the bridge, `_flush` publishes what it decided."""

    def __init__(self) -> None:
        super().__init__("safety_bridge")
        p = declare(self, Parameters)
        file = robot_file(p.robot)
        self.embodiment = load_embodiment(file)
        limits = robot_limits(self.embodiment, expand(file.parents[2] / self.embodiment.urdf))
        if p.limits != "none":
            limits = tightened(limits, self.embodiment, p.limits)
        gate = GateOptions(
            max_age_s=p.max_chunk_age_s,
            max_start_jump=p.max_start_jump_rad,
            max_tracking_error=p.max_tracking_error_rad,
        )
        self.bridge = Bridge(self.embodiment, limits, gate, BridgeOptions(state_timeout_s=p.state_timeout_s))
        self.ticks = 0
        self.judged_s = 0.0
        self.logged_s: dict[str, float] = {}
        self.controllers = {
            c.name: self.create_publisher(JointTrajectory, f"{c.name}/joint_trajectory", qos.ALL)
            for c in self.embodiment.controllers
        }
        self.status = self.create_publisher(msg.SafetyStatus, "safety/status", qos.LATCHED)
        self.events = self.create_publisher(msg.SafetyEvent, "safety/events", qos.ALL)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.ALL)
        self.create_subscription(JointState, self.embodiment.state_topic, self._on_state, qos.SENSOR)
        self.create_subscription(msg.Instruction, "active_instruction", self._on_instruction, qos.LATCHED)
        self.create_subscription(msg.ActionChunk, "action_chunk", self._on_chunk, qos.NEWEST)
        self.create_subscription(Empty, "safety/stop", self._on_stop_topic, qos.ALL)
        self.create_service(Trigger, "safety/stop", self._on_stop_service)
        self.create_service(Trigger, "safety/reset", self._on_reset)
        self.create_timer(TICK_S, self._on_tick)
        self._publish_status()

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_state(self, message: JointState) -> None:
        self.bridge.on_joint_state(to_ns(message.header.stamp), message.name, message.position, self._now_ns())

    def _on_instruction(self, message: msg.Instruction) -> None:
        self.bridge.on_instruction(message.id, self._now_ns())
        self._flush()

    def _on_chunk(self, message: msg.ActionChunk) -> None:
        started = time.perf_counter()
        self.bridge.on_chunk(chunk_from_msg(message), self._now_ns())
        self._flush()
        self.judged_s = time.perf_counter() - started

    def _on_stop_topic(self, _: Empty) -> None:
        self.bridge.on_stop(self._now_ns(), "stop.topic", "stop was asked for by topic")
        self._flush()

    def _on_stop_service(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.bridge.on_stop(self._now_ns(), "stop.service", "stop was asked for by service")
        self._flush()
        response.success, response.message = True, self.bridge.reason
        return response

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = self.bridge.reset(self._now_ns())
        self._flush()
        return response

    def _on_tick(self) -> None:
        self.bridge.tick(self._now_ns())
        self._flush()
        self.ticks += 1
        if self.ticks % STATUS_EVERY == 0:
            self._publish_status()
        if self.ticks % 50 == 0:
            self._watch_for_rivals()
            self._diagnose()

    def _watch_for_rivals(self) -> None:
        """Two bridges, or anything else that commands a controller, is a stop: nobody could say who moves the arm."""
        for publisher in self.controllers.values():
            if self.count_publishers(publisher.topic_name) > 1:
                text = f"something else publishes on {publisher.topic_name} too; only one bridge may command the arm"
                self.bridge.on_stop(self._now_ns(), "bridge.rival", text)
        self._flush()

    def _flush(self) -> None:
        commands, events = self.bridge.take()
        for trajectory in commands:
            self.controllers[trajectory.controller].publish(_message(trajectory))
        for event in events:
            message = msg.SafetyEvent(
                level=event.level,
                code=event.code,
                text=event.text,
                instruction_id=event.instruction_id,
                chunk_sequence=event.chunk_sequence,
            )
            message.header.stamp = self.get_clock().now().to_msg()
            self.events.publish(message)
            self._log(event)
        if events:
            self._publish_status()

    def _log(self, event: Event) -> None:
        """Every event is published, but the same one is logged once a second: a policy may be refused at 10 Hz."""
        now = time.monotonic()
        if event.level == msg.SafetyEvent.WARN and now - self.logged_s.get(event.code, -1.0) < LOG_EVERY_S:
            return
        self.logged_s[event.code] = now
        text = f"{event.code}: {event.text}"
        # One call site per severity: rclpy refuses to log with two from the same line.
        if event.level == msg.SafetyEvent.INFO:
            self.get_logger().info(text)
        elif event.level == msg.SafetyEvent.WARN:
            self.get_logger().warning(text)
        else:
            self.get_logger().error(text)

    def _publish_status(self) -> None:
        bridge = self.bridge
        message = msg.SafetyStatus(
            state=int(bridge.state),
            reason=bridge.reason,
            instruction_id=bridge.instruction_id if bridge.state is State.FOLLOWING else "",
            chunks_accepted=bridge.counts.accepted,
            chunks_rejected=sum(bridge.counts.rejected.values()),
            reject_codes=list(bridge.counts.rejected),
            reject_counts=list(bridge.counts.rejected.values()),
            chunk_age_s=bridge.counts.chunk_age_s,
            executed_s=bridge.counts.executed_s,
            plan_left_s=bridge.plan_left_s(self._now_ns()),
        )
        message.header.stamp = self.get_clock().now().to_msg()
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


def _message(trajectory: Trajectory) -> JointTrajectory:
    message = JointTrajectory(joint_names=list(trajectory.joints))
    message.header.stamp = to_stamp(trajectory.start_ns)
    for time_s, positions, velocities in zip(
        trajectory.times_s, trajectory.positions, trajectory.velocities, strict=True
    ):
        time_ns = round(time_s * 1e9)
        message.points.append(
            JointTrajectoryPoint(
                positions=positions.tolist(),
                velocities=velocities.tolist(),
                time_from_start=Duration(sec=time_ns // 1_000_000_000, nanosec=time_ns % 1_000_000_000),
            )
        )
    return message


def main() -> int:
    """Entry point."""
    return run_node(SafetyBridge)
