"""Node `piper_driver`: one Piper arm between its CAN bus and ros2_control's joint state topics.

What may be sent when is `finevla_control.piper.arm.Arm`'s; this file only carries messages.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty
from std_srvs.srv import Trigger

from finevla_control.event_logging import SeldomLog
from finevla_control.piper.arm import PiperOptions
from finevla_control.piper.can_link import CanLink, open_bus
from finevla_control.piper.joint_names import Names
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.urdf import expand, joint_limits
from finevla_interfaces.msg import PiperStatus
from finevla_interfaces.srv import PiperPower
from finevla_ros import qos
from finevla_ros.bounded_subscriptions import subscribe, subscribe_both
from finevla_ros.messages import to_stamp
from finevla_ros.node_main import run_node
from finevla_ros.params import declare, param
from finevla_ros.share_paths import robot_file

STATUS_S = 0.2
DIAGNOSTICS_S = 1.0
CONFIRM_S = 0.5  # how long the arm may take to say that it has done what it was told
STROKES_M = (0.07, 0.10)


@dataclass(frozen=True)
class PiperParameters:
    """Parameters of the Piper driver."""

    prefix: str = param("left_", "prefix of the arm's joint names: left_ or right_")
    interface: str = param("can_left", "CAN interface of the arm")
    interface_type: str = param("socketcan", "python-can's name of the kind of interface")
    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path; its URDF gives the limits")
    stroke_m: float = param(0.10, "total opening of the gripper, m: 0.07 (V1) or 0.10 (V2)", 0.0, 0.15)
    speed_percent: int = param(50, "of 3 rad/s: the arm follows no faster than this", 1, 100)
    gripper_effort_nm: float = param(1.0, "the gripper's torque limit, N m", 0.0, 5.0)
    state_rate_hz: float = param(200.0, "rate of joint states and of commands on the bus", 10.0, 500.0)
    feedback_timeout_s: float = param(0.2, "feedback older than this counts as none, seconds", 0.05, 5.0)
    enable_timeout_s: float = param(5.0, "longest time that enabling may take, seconds", 0.5, 30.0)
    max_jump_rad: float = param(0.3, "a command farther than this from the last one is refused, rad", 0.01, 1.0)
    frozen_rad: float = param(
        0.05, "feedback that stays the same while a command moves this far is frozen, rad", 0.01, 1.0
    )
    frozen_s: float = param(0.5, "... for this long, seconds", 0.1, 5.0)


class PiperDriver(Node):
    """One timer drains the bus, sends what is due and publishes the state; everything else asks or reports."""

    def __init__(self) -> None:
        super().__init__("piper_driver")
        p = declare(self, PiperParameters)
        self.names = Names(p.prefix)
        open_bus(p.interface, p.interface_type).shutdown()  # a mistake is said now; later losses are waited out
        self.link = CanLink(lambda: open_bus(p.interface, p.interface_type), _options(p, self.names))
        self.waiting: list[tuple[Callable[[], str | None], Future]] = []
        self.published_s = 0.0
        self.refused = 0
        self.refusal = ""
        self.rivals = ""
        self.seldom = SeldomLog(self)
        self.last_status = PiperStatus()
        arm = self.names.arm
        self.states = self.create_publisher(JointState, f"{arm}/joint_states", qos.SENSOR)
        self.status = self.create_publisher(PiperStatus, f"{arm}/status", qos.LATCHED)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.ALL)
        self.commands = subscribe(self, JointState, f"{arm}/joint_commands", self._on_command, qos.NEWEST)
        subscribe_both(self, Empty, f"{arm}/emergency_stop", self._on_stop_topic, qos.ALL)
        # A service that waits keeps its callback group busy: in the timer's group it would stop the bus.
        waits = ReentrantCallbackGroup()
        self.create_service(Trigger, f"{arm}/emergency_stop", self._on_stop_service, callback_group=waits)
        self.create_service(PiperPower, f"{arm}/power", self._on_power, callback_group=waits)
        self.create_timer(1.0 / p.state_rate_hz, self._on_tick)
        self.create_timer(STATUS_S, self._publish_status)
        self.create_timer(DIAGNOSTICS_S, self._diagnose)

    def destroy_node(self) -> None:
        """Motors stay on and the arm holds its last target: switching them off would drop it."""
        self.link.close()
        super().destroy_node()

    def _on_tick(self) -> None:
        self.link.poll(time.monotonic())
        self._publish_state()
        for event in self.link.events:
            self.get_logger().warning(event)
        self.link.events.clear()
        for done, future in list(self.waiting):
            if (text := done()) is not None:
                self.waiting.remove((done, future))
                future.set_result(text)
        if self._status_differs():
            self._publish_status()

    def _publish_state(self) -> None:
        now_s = time.monotonic()
        state = self.link.arm.state(now_s)
        if state is None or state.stamp_s <= self.published_s:
            return
        self.published_s = state.stamp_s
        positions, velocities, efforts = self.names.state(state)
        message = JointState(name=list(self.names.all), position=positions, velocity=velocities, effort=efforts)
        message.header.stamp = to_stamp(self._stamp_ns(state.stamp_s, now_s))
        self.states.publish(message)

    def _stamp_ns(self, received_s: float, now_s: float) -> int:
        """A monotonic receive time in the node's clock."""
        return max(0, int(self.get_clock().now().nanoseconds - (now_s - received_s) * 1e9))

    def _on_command(self, message: JointState) -> None:
        try:
            if self.rivals:
                raise FineVLAError(self.rivals)
            command = self.names.command(message.name, message.position)
            refusal = self.link.arm.command(command.positions, command.width_m, time.monotonic())
        except FineVLAError as error:
            refusal = f"command refused: {error}"
        self.refusal = refusal
        if refusal:
            self.refused += 1
            self.seldom.warn(refusal)

    def _on_stop_topic(self, _: Empty) -> None:
        self._stop("topic")

    async def _on_stop_service(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._stop("service")
        text = await self._when(self._stop_outcome(time.monotonic()))
        response.success, response.message = not text, text or "emergency stop, confirmed by the arm; it sinks slowly"
        return response

    def _stop(self, by: str) -> None:
        self.link.arm.emergency_stop(time.monotonic())
        self.get_logger().error(f"emergency stop was asked for by {by}")

    def _stop_outcome(self, asked_s: float) -> Callable[[], str | None]:
        late = "the arm has not confirmed the emergency stop: cut its power"
        return lambda: _outcome(self.link.arm.is_stop_confirmed, asked_s + CONFIRM_S, late)

    def _off_outcome(self, asked_s: float) -> Callable[[], str | None]:
        late = "the arm was told to switch its motors off, but has not confirmed it"
        return lambda: _outcome(self.link.arm.is_off, asked_s + CONFIRM_S, late)

    async def _on_power(self, request: PiperPower.Request, response: PiperPower.Response) -> PiperPower.Response:
        arm, now_s = self.link.arm, time.monotonic()
        done = ""
        if request.action == PiperPower.Request.ENABLE:
            text = arm.enable(now_s) or await self._when(lambda: arm.enable_result)
            done = "enabled"
        elif request.action == PiperPower.Request.DISABLE:
            text = arm.disable(request.confirm, now_s) or await self._when(self._off_outcome(now_s))
            done = "motors off"
        elif request.action == PiperPower.Request.RESET:
            text = arm.reset(request.confirm, now_s) or await self._when(self._off_outcome(now_s))
            done = "reset: motors off; enable the arm"
        elif request.action == PiperPower.Request.CLEAR_ERRORS:
            text, done = arm.clear_errors(now_s), "asked the arm to clear its errors"
        else:
            text = f"action {request.action} is unknown; ENABLE is 0, DISABLE 1, RESET 2, CLEAR_ERRORS 3"
        response.success, response.message = not text, text or done
        self.get_logger().warning(f"power: {response.message}")
        return response

    def _when(self, done: Callable[[], str | None]) -> Future:
        """A future that the timer completes with `done`'s text; a callback that waits otherwise would stop the bus."""
        future = Future()
        self.waiting.append((done, future))
        return future

    def _read_status(self) -> PiperStatus:
        arm, now_s = self.link.arm, time.monotonic()
        feedback = arm.feedback
        status, firmware = feedback.status(now_s), feedback.firmware()
        errors = self.link.errors(now_s)
        notes = [*errors, *arm.not_ready(now_s), *([self.refusal] if self.refusal else []), *feedback.warnings(now_s)]
        message = PiperStatus(
            interface=arm.options.interface,
            is_connected=feedback.is_connected(now_s),
            is_enabled=arm.is_enabled(now_s),
            is_ready=arm.is_ready(now_s),
            control_mode=status.control_word if status else "",
            arm_status=status.arm_word if status else "",
            errors=errors,
            firmware=firmware[0] if firmware else "",
            frames_per_s=float(feedback.frames_per_s(now_s)),
            gripper_stroke_m=feedback.stroke_m,
            text=notes[0] if notes else "",
        )
        if feedback.is_connected(now_s):
            message.header.stamp = to_stamp(self._stamp_ns(feedback.newest_s, now_s))
        return message

    def _status_differs(self) -> bool:
        """What somebody waits for is published at once, not at the next fifth of a second."""
        arm, now_s, last = self.link.arm, time.monotonic(), self.last_status
        now = (arm.feedback.is_connected(now_s), arm.is_enabled(now_s), arm.is_ready(now_s))
        return now != (last.is_connected, last.is_enabled, last.is_ready)

    def _publish_status(self) -> None:
        status = self._read_status()
        for error in status.errors:
            if error not in self.last_status.errors:
                self.get_logger().error(error)
        self.last_status = status
        self.status.publish(status)

    def _diagnose(self) -> None:
        topic = self.commands.topic_name
        too_many = self.count_publishers(topic) > 1
        self.rivals = f"more than one node publishes on {topic}; only ros2_control may" if too_many else ""
        status, arm = self._read_status(), self.link.arm
        values = {
            "frames_per_s": status.frames_per_s,
            "feedback_age_s": f"{time.monotonic() - arm.feedback.newest_s:.3f}",
            "control_mode": status.control_mode,
            "arm_status": status.arm_status,
            "firmware": status.firmware,
            "commands_refused": self.refused,
            "send_failures": self.link.send_failures,
            **{f"errors {i + 1}": error for i, error in enumerate(status.errors)},
        }
        level = DiagnosticStatus.OK if status.is_ready else DiagnosticStatus.WARN
        entry = DiagnosticStatus(
            name=f"{self.get_fully_qualified_name()}: {self.names.arm}",
            hardware_id=arm.options.interface,
            level=DiagnosticStatus.ERROR if status.errors else level,
            message=status.text or "ready",
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[entry])
        message.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics.publish(message)


def _options(p: PiperParameters, names: Names) -> PiperOptions:
    if p.stroke_m not in STROKES_M:
        raise FineVLAError(f"parameter 'stroke_m' is {p.stroke_m}; grippers have 0.07 (V1) or 0.10 (V2)")
    file = robot_file(p.robot)
    urdf = expand(file.parents[2] / load_embodiment(file).urdf, stroke=str(p.stroke_m / 2))
    limits = joint_limits(urdf, names.commanded[:6])
    return PiperOptions(
        interface=p.interface,
        lower=limits.lower,
        upper=limits.upper,
        stroke_m=p.stroke_m,
        speed_percent=p.speed_percent,
        gripper_effort_nm=p.gripper_effort_nm,
        timeout_s=p.feedback_timeout_s,
        enable_timeout_s=p.enable_timeout_s,
        max_jump_rad=p.max_jump_rad,
        frozen_rad=p.frozen_rad,
        frozen_s=p.frozen_s,
    )


def _outcome(is_done: Callable[[float], bool], deadline_s: float, late: str) -> str | None:
    """Empty when done, `late` after the deadline, None in between."""
    now_s = time.monotonic()
    if is_done(now_s):
        return ""
    return None if now_s < deadline_s else late


def main() -> int:
    """Run node `piper_driver` until it is told to stop; return the exit code (0 fine, 2 bad input)."""
    return run_node(PiperDriver)
