"""Node `vendor_bridge`: plays ros2_control for those who keep AgileX's own driver, one node of theirs per arm.

What is commanded when is `finevla_control.vendor_controllers.VendorArms`'s; this file only carries messages.
"""

from collections.abc import Callable
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from finevla_control.event_logging import SeldomLog
from finevla_control.vendor_controllers import DIALECTS, PARTS, VendorArms, VendorOptions
from finevla_core.embodiment import Controller, load_embodiment
from finevla_core.errors import FineVLAError, unknown
from finevla_core.urdf import expand, joint_limits
from finevla_ros import qos
from finevla_ros.bounded_subscriptions import subscribe
from finevla_ros.messages import to_ns, to_stamp
from finevla_ros.node_main import run_node
from finevla_ros.params import declare, param
from finevla_ros.share_paths import robot_file
from finevla_ros.trajectories import points_of

WATCH_S = 1.0


@dataclass(frozen=True)
class VendorParameters:
    """Parameters of the bridge to a vendor's driver."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path; its URDF gives the limits")
    driver: str = param("single", "how the driver speaks: puppet, single (piper_ros) or agx (agx_arm_ros)")
    left_state: str = param("", "topic of the left arm's states; empty = the driver's usual one, and so below")
    right_state: str = param("", "topic of the right arm's states")
    left_command: str = param("", "topic of the left arm's commands")
    right_command: str = param("", "topic of the right arm's commands")
    stroke_m: float = param(0.10, "total opening of the gripper, m: 0.07 (V1) or 0.10 (V2)", 0.0, 0.15)
    doubles_gripper: bool = param(False, "the driver runs with rviz_ctrl_flag: it doubles the gripper's number itself")
    speed_percent: int = param(30, "velocity[6] of a command: the arm follows no faster, percent", 1, 100)
    gripper_effort_nm: float = param(1.0, "effort[6] of a command: the gripper's torque, N m", 0.5, 3.0)
    rate_hz: float = param(200.0, "rate of the commands", 10.0, 500.0)
    state_timeout_s: float = param(0.2, "states older than this count as none: the arms brake and hold", 0.05, 5.0)
    max_tracking_error_rad: float = param(0.6, "an arm farther from its trajectory is held where it is, rad", 0.05, 2.0)


class VendorBridge(Node):
    """States and trajectories feed the arms' controllers, one timer sends what they command."""

    def __init__(self) -> None:
        super().__init__("vendor_bridge")
        self.parameters = p = declare(self, VendorParameters)
        if p.driver not in DIALECTS:
            raise FineVLAError(unknown("driver", p.driver, DIALECTS))
        self.dialect = DIALECTS[p.driver]
        file = robot_file(p.robot)
        self.embodiment = load_embodiment(file)
        urdf = expand(file.parents[2] / self.embodiment.urdf, stroke=str(p.stroke_m / 2))
        limits = joint_limits(urdf, self.embodiment.joints)
        self.arms = VendorArms(self.embodiment, limits, self.dialect, _options(p))
        self.published_ns = 0
        self.rivals = ""
        self.seldom = SeldomLog(self)
        self.joint_states = self.create_publisher(JointState, self.embodiment.state_topic, qos.SENSOR)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.ALL)
        given = {"left": (p.left_state, p.left_command), "right": (p.right_state, p.right_command)}
        self.commands = {}
        for side, (arm, (state, command)) in enumerate(given.items()):
            subscribe(self, JointState, state or self.dialect.states[side], self._state_callback(arm), qos.SENSOR)
            self.commands[arm] = self.create_publisher(JointState, command or self.dialect.commands[side], qos.NEWEST)
        for controller in self.embodiment.controllers:
            topic = f"{controller.name}/joint_trajectory"
            subscribe(self, JointTrajectory, topic, self._trajectory_callback(controller), qos.ALL)
        self.create_timer(1.0 / p.rate_hz, self._on_tick)
        self.create_timer(WATCH_S, self._on_watch)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _state_callback(self, arm: str) -> Callable[[JointState], None]:
        def on_state(message: JointState) -> None:
            stamp_ns = to_ns(message.header.stamp)
            why = self.arms.felt(arm, stamp_ns, message.name, message.position, message.velocity, self._now_ns())
            if why:
                self.seldom.warn(f"{why}; it is ignored")
            self._publish_state()

        return on_state

    def _publish_state(self) -> None:
        state = self.arms.state()
        if state is None or state[0] <= self.published_ns:
            return
        self.published_ns, positions, velocities = state
        message = JointState(name=list(self.embodiment.joints), position=positions.tolist())
        message.velocity = [] if velocities is None else velocities.tolist()
        message.header.stamp = to_stamp(self.published_ns)
        self.joint_states.publish(message)

    def _trajectory_callback(self, controller: Controller) -> Callable[[JointTrajectory], None]:
        def on_trajectory(message: JointTrajectory) -> None:
            try:
                if self.rivals:
                    raise FineVLAError(f"{controller.name}: trajectory refused: {self.rivals}")
                self.arms.accept(
                    controller.name,
                    message.joint_names,
                    points_of(message),
                    to_ns(message.header.stamp),
                    self._now_ns(),
                )
            except FineVLAError as error:
                self.seldom.warn(str(error))

        return on_trajectory

    def _on_tick(self) -> None:
        now_ns = self._now_ns()
        targets = self.arms.command(now_ns)
        for event in self.arms.events:
            self.get_logger().warning(event)
        self.arms.events.clear()
        for arm, target in (targets or {}).items():
            message = JointState(name=list(self.dialect.names), position=target.tolist())
            if self.dialect.has_extras:
                message.velocity = [*[0.0] * (PARTS - 1), float(self.parameters.speed_percent)]
                message.effort = [*[0.0] * (PARTS - 1), self.parameters.gripper_effort_nm]
            message.header.stamp = to_stamp(now_ns)
            self.commands[arm].publish(message)

    def _on_watch(self) -> None:
        crowded = [p.topic_name for p in self.commands.values() if self.count_publishers(p.topic_name) > 1]
        rivals = f"something else publishes on {crowded[0]} too; only this node may" if crowded else ""
        if rivals and not self.rivals and self.arms.is_commanding:
            self.arms.brake(self._now_ns())
        self.rivals = rivals
        self._diagnose()

    def _diagnose(self) -> None:
        is_fresh = self.arms.is_fresh(self._now_ns())
        text = self.rivals or ("" if is_fresh else "no joint states of both arms")
        status = DiagnosticStatus(
            name=f"{self.get_fully_qualified_name()}: arms",
            level=DiagnosticStatus.ERROR if self.rivals else DiagnosticStatus.OK if is_fresh else DiagnosticStatus.WARN,
            message=text or ("commanding" if self.arms.is_commanding else "ready; nothing is commanded yet"),
            values=[KeyValue(key="driver", value=self.parameters.driver)],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = to_stamp(self._now_ns())
        self.diagnostics.publish(message)


def _options(p: VendorParameters) -> VendorOptions:
    return VendorOptions(
        state_timeout_s=p.state_timeout_s,
        tolerance_rad=p.max_tracking_error_rad,
        doubles_gripper=p.doubles_gripper,
    )


def main() -> int:
    """Run node `vendor_bridge` until it is told to stop; return the exit code (0 fine, 2 bad input)."""
    return run_node(VendorBridge)
