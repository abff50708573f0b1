"""Node `robot_state_publisher`: `robot_description`, and /tf and /tf_static from it and from joint states.

Where ROS's own package of that name is installed, it takes over this process with the URDF of the robot file; elsewhere this
node does the same. So one launch file serves both, and the URDF is expanded and checked in one place.
"""

import os
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import rclpy
import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import TransformStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from finevla_control.clock_watch import MULTI_ROBOT
from finevla_control.event_logging import SeldomLog
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.robot_description import JointTransforms, differences, fixed_transforms, read_joints
from finevla_core.robot_state import RobotState, StateRefusal
from finevla_core.urdf import expand
from finevla_ros import qos
from finevla_ros.bounded_subscriptions import subscribe
from finevla_ros.messages import to_ns, to_stamp
from finevla_ros.node_main import run_node
from finevla_ros.params import declare, param
from finevla_ros.ros_start import start_ros
from finevla_ros.share_paths import robot_file
from finevla_ros.topic_publishers import publishers_of

NAME = "robot_state_publisher"  # of this node, and of ROS's own package and program
TF = QoSProfile(depth=100)  # as tf2_ros has it
DIAGNOSE_S = 1.0


@dataclass(frozen=True)
class RobotStateParameters:
    """Parameters of the robot state publisher; `publish_frequency` and `frame_prefix` are those of ROS's own."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path")
    xacro_arguments: str = param("", "arguments of the robot's xacro: name:=value, with blanks between")
    publish_frequency: float = param(20.0, "how often a second /tf tells a joint at most, Hz", 1.0, 1000.0)
    frame_prefix: str = param("", "put before every frame's name")
    hand_over: bool = param(True, "whether ROS's own robot_state_publisher takes over where it is installed")


class RobotStatePublisher(Node):
    """Joint states in, transforms out; which states count is `finevla_core.robot_state.RobotState`'s to say."""

    def __init__(self) -> None:
        super().__init__(NAME)
        p = declare(self, RobotStateParameters)
        transforms = _transform_message()
        robot, urdf = described(p)
        joints = read_joints(urdf)
        self.prefix, self.message_of = p.frame_prefix, transforms
        self.state = RobotState(joints, p.publish_frequency)
        self.log = SeldomLog(self)
        self.description = self.create_publisher(String, "robot_description", qos.LATCHED)
        self.static = self.create_publisher(transforms, "/tf_static", qos.LATCHED)
        self.moving = self.create_publisher(transforms, "/tf", TF)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.ALL)
        self.description.publish(String(data=urdf))
        self.static.publish(self._message(fixed_transforms(joints), to_ns(self.get_clock().now().to_msg())))
        subscribe(self, JointState, robot.state_topic, self._on_state, qos.SENSOR)
        self.create_timer(DIAGNOSE_S, self._diagnose, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"describing {robot.name}: {len(joints)} joints, from {robot.urdf}")

    def _on_state(self, message: JointState) -> None:
        stamp_ns = to_ns(message.header.stamp)
        told = self.state.on_joint_state(stamp_ns, message.name, message.position, time.monotonic_ns())
        if isinstance(told, StateRefusal):
            text = f"a joint state is passed over: {told.text}; see who publishes it"
            self.log.warn(text, told.kind)
        elif told is not None:
            self.moving.publish(self._message(told, stamp_ns))

    def _message(self, transforms: JointTransforms, stamp_ns: int) -> object:
        message, stamp = self.message_of(), to_stamp(stamp_ns)
        for i, (parent, child) in enumerate(zip(transforms.parents, transforms.children, strict=True)):
            one = TransformStamped(child_frame_id=f"{self.prefix}{child}")
            one.header.stamp, one.header.frame_id = stamp, f"{self.prefix}{parent}"
            t, r = one.transform.translation, one.transform.rotation
            t.x, t.y, t.z = transforms.translations[i].tolist()
            r.x, r.y, r.z, r.w = transforms.quaternions[i].tolist()
            message.transforms.append(one)
        return message

    def _diagnose(self) -> None:
        refused = sum(self.state.refused.values())
        others = {name for name in publishers_of(self, self.moving.topic_name) if name.endswith(f"/{NAME}")}
        others -= {self.get_fully_qualified_name()}
        text = "telling where the links are" if self.state.told else "no joint state of this robot yet"
        if others:
            text = f"{min(others)[:60]} tells frames on {self.moving.topic_name} as well; {MULTI_ROBOT}"
        status = DiagnosticStatus(
            name=f"{self.get_fully_qualified_name()}: transforms",
            level=DiagnosticStatus.OK if self.state.told and not others else DiagnosticStatus.WARN,
            message=text,
            values=[
                KeyValue(key="told", value=str(self.state.told)),
                KeyValue(key="refused", value=str(refused)),
                *(KeyValue(key=f"refused_{k}", value=str(n)) for k, n in sorted(self.state.refused.items())),
            ],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics.publish(message)


def described(p: RobotStateParameters) -> tuple[Embodiment, str]:
    """The robot and its URDF; raises `FineVLAError` for arguments that make it another one than motion is planned with."""
    file = robot_file(p.robot)
    robot = load_embodiment(file)
    xacro = file.parents[2] / robot.urdf
    arguments = {}
    for word in shlex.split(p.xacro_arguments):
        name, sign, value = word.partition(":=")
        if not sign or not name:
            raise FineVLAError(f"parameter 'xacro_arguments' has '{word}'; write name:=value, with blanks between")
        arguments[name] = value
    urdf = expand(xacro, **arguments)
    planned, told = read_joints(expand(xacro)), read_joints(urdf)
    if lacking := [joint for joint in robot.joints if joint not in planned]:
        raise FineVLAError(f"joint '{lacking[0]}' of robot file '{file}' is not in its URDF '{xacro}'")
    if found := differences(planned, told):
        raise FineVLAError(
            f"with '{p.xacro_arguments}' the URDF is not the one that motion is planned with: {found[0]}; "
            f"change the default in '{xacro}' instead"
        )
    return robot, urdf


def installed() -> Path | None:
    """ROS's own program, if it is installed."""
    try:
        program = Path(get_package_prefix(NAME)) / "lib" / NAME / NAME
    except PackageNotFoundError:
        return None
    return program if program.is_file() else None


def hand_over(program: Path, words: list[str]) -> None:
    """Become `program`, started with `words` and the description; returns if parameter `hand_over` is false.

    Raises `FineVLAError` as the node itself would.
    """
    # Without rclpy's handlers: once given back, they come no more when it is started again.
    start_ros(words, handlers=SignalHandlerOptions.NO)
    try:
        node = Node(NAME, enable_rosout=False, start_parameter_services=False)
        p = declare(node, RobotStateParameters)
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
    if not p.hand_over:
        return
    robot, urdf = described(p)
    # A file in memory, which the program inherits: nothing is left behind, and no URDF is too long for it.
    number = os.memfd_create("robot_description", 0)
    with open(number, "w", encoding="utf-8", closefd=False) as file:
        yaml.safe_dump({"/**": {"ros__parameters": {"robot_description": urdf}}}, file)
    more = ["--ros-args", "--params-file", f"/proc/self/fd/{number}", "-r", f"joint_states:={robot.state_topic}"]
    os.execv(program, [str(program), *words[1:], *more])


def _transform_message() -> type:
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError as error:
        raise FineVLAError(
            "package 'tf2_msgs' is not installed; run 'make setup' again, or 'rosdep install' with ROS 2 from apt"
        ) from error
    return TFMessage  # type: ignore[no-any-return]


def main() -> int:
    """Run ROS's own robot_state_publisher if it is installed, else this node; return the exit code (2 = bad input)."""
    if (program := installed()) is not None:
        try:
            hand_over(program, sys.argv)
        except (FineVLAError, OSError) as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            return 2
    return run_node(RobotStatePublisher)
