"""Promises of the robot state publisher on real DDS: description and transforms as ROS's own, which takes over if installed."""

import math
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from probe import Probe
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from finevla_core.robot_description import MovingJoints, fixed_transforms, read_joints
from finevla_core.urdf import expand
from finevla_ros import qos
from finevla_ros.messages import to_ns, to_stamp

pytestmark = pytest.mark.slow  # each starts nodes

S = 1_000_000_000
ARM = [f"left_joint{i}" for i in range(1, 7)]
HELD = [0.1, 1.3, -1.6, 0.2, 0.4, -0.1]
# Stands for ROS's own program: says what it was given, as rcl (which both use) reads it.
STAND_IN = """#!{python}
import rclpy
from rclpy.node import Node
rclpy.init()
node = Node("robot_state_publisher", start_parameter_services=False)
text = node.declare_parameter("robot_description", "").value
print("took over as", node.get_fully_qualified_name(), "with", len(text), "letters, ending", text[-8:],
      "states from", node.resolve_topic_name("joint_states"), "clock", node.get_parameter("use_sim_time").value, flush=True)
"""


def state_message(names: list[str], positions: list[float], stamp_ns: int) -> JointState:
    message = JointState(name=names, position=positions)
    message.header.stamp = to_stamp(stamp_ns)
    return message


def test_description_and_transforms_are_told(start_node, cobotmagic_urdf: Path, cobotmagic_file: Path) -> None:
    start_node("finevla_control", "robot_state_publisher", robot=cobotmagic_file, hand_over="false")
    joints = read_joints(expand(cobotmagic_urdf))
    with Probe() as probe:
        out = probe.publisher(JointState, "joint_states", qos.SENSOR)
        moving = probe.listen("/tf", TFMessage, qos.ALL)
        static = probe.listen("/tf_static", TFMessage, qos.LATCHED)  # joins late, and is told all the same
        described = probe.listen("robot_description", String, qos.LATCHED)
        probe.wait(lambda: static and described, "what is told once")
        assert described[0].data == expand(cobotmagic_urdf)
        fixed = fixed_transforms(joints)
        frames = {(t.header.frame_id, t.child_frame_id) for t in static[0].transforms}
        assert frames == set(zip(fixed.parents, fixed.children, strict=True))
        names, positions = [*ARM, "left_gripper_joint1"], [*HELD, 0.02]
        stamp_ns = iter(range(100 * S, 10_000 * S, S // 10))
        out.publish(state_message(names, positions, next(stamp_ns)))
        probe.wait(lambda: moving or out.publish(state_message(names, positions, next(stamp_ns))), "transforms")
        told = {t.child_frame_id: t for t in moving[0].transforms}
        expected = MovingJoints(joints).transforms(dict(zip(names, positions, strict=True)))
        assert set(told) == set(expected.children)
        assert "left_gripper_link2" in told  # it mimics the other finger
        for i, (parent, child) in enumerate(zip(expected.parents, expected.children, strict=True)):
            t, r = told[child].transform.translation, told[child].transform.rotation
            assert told[child].header.frame_id == parent
            assert to_ns(told[child].header.stamp) % (S // 10) == 0  # the joint state's
            assert np.allclose([t.x, t.y, t.z], expected.translations[i])
            assert np.allclose([r.x, r.y, r.z, r.w], expected.quaternions[i])


def test_works_by_simulated_time(start_node) -> None:
    start_node("finevla_control", "robot_state_publisher", hand_over="false", use_sim_time="true", frame_prefix="one/")
    with Probe() as probe:
        moving = probe.listen("/tf", TFMessage, qos.ALL)
        clock = probe.publisher(Clock, "/clock", qos.SENSOR)
        out = probe.publisher(JointState, "joint_states", qos.SENSOR)
        stamps = iter(range(7 * S, 1000 * S, 50_000_000))

        def step() -> None:
            stamp_ns = next(stamps)
            clock.publish(Clock(clock=to_stamp(stamp_ns)))
            out.publish(state_message(ARM, HELD, stamp_ns))

        probe.wait(lambda: len(moving) > 1 or step(), "transforms")
        newest = moving[-1].transforms[0]
        assert newest.header.frame_id.startswith("one/")
        assert newest.child_frame_id.startswith("one/")
        assert 7 * S <= to_ns(newest.header.stamp) < 1000 * S


def test_frames_of_a_second_robot_on_the_same_topic_are_told(start_node) -> None:
    for namespace in ("left_cell", "right_cell"):
        start_node("finevla_control", "robot_state_publisher", namespace=namespace, hand_over="false")
    with Probe() as probe:
        reports = probe.listen("/diagnostics", DiagnosticArray, qos.ALL)
        for own, other in (("left_cell", "right_cell"), ("right_cell", "left_cell")):
            said = (
                f"/{other}/robot_state_publisher tells frames on /tf as well; start each robot with multi_robot:=true"
            )
            probe.wait(
                lambda own=own, said=said: any(
                    said in s.message for r in reports for s in r.status if s.name.startswith(f"/{own}/")
                ),
                f"the warning of {own}",
            )


def test_malformed_joint_states_are_told_in_a_sentence_each_and_end_nothing(start_node) -> None:
    node = start_node("finevla_control", "robot_state_publisher", hand_over="false")
    with Probe() as probe:
        moving = probe.listen("/tf", TFMessage, qos.ALL)
        out = probe.publisher(JointState, "joint_states", qos.ALL)
        for names, positions, said in (
            (ARM, [math.nan, *HELD[1:]], "passed over: it says nan of joint 'left_joint1'; see who publishes it"),
            (ARM, HELD[:3], "passed over: it has 6 names and 3 positions"),
            (["wheel"], [1.0], "passed over: none of its 1 joints is in robot_description"),
        ):
            message = state_message(names, positions, S)
            probe.wait(lambda m=message, s=said: any(s in line for line in node.lines) or out.publish(m), said)
        assert not moving
        stamps = iter(range(2 * S, 1000 * S, S // 10))
        probe.wait(lambda: moving or out.publish(state_message(ARM, HELD, next(stamps))), "transforms")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"robot": "none_such"}, "robot 'none_such' is not at"),
        ({"xacro_arguments": "stroke=0.035"}, "'xacro_arguments' has 'stroke=0.035'; write name:=value"),
        ({"xacro_arguments": "'stroke:=0.035'"}, "joint 'left_gripper_joint1' has upper limit 0.035, expected 0.05"),
        ({"xacro_arguments": "'prefix:=one_'"}, "joint 'base_footprint_joint' is missing; change the default in"),
        ({"publish_frequency": "0.0"}, "must be a float between 1.0 and 1000.0"),
    ],
)
def test_bad_input_ends_it_with_one_sentence(start_node, parameters: dict[str, str], said: str) -> None:
    node = start_node("finevla_control", "robot_state_publisher", **parameters)
    line = node.wait_for_line("error: ")
    assert said in line
    assert node.wait_for_exit() == 2
    assert "Traceback" not in "\n".join(node.lines)


def test_ros_own_program_takes_over_where_it_is_installed(
    start_node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, single_file: Path
) -> None:
    other = single_file.with_name("other.yaml")
    other.write_text(single_file.read_text().replace("state_topic: joint_states", "state_topic: arm/states"))
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "robot_state_publisher").touch()
    program = tmp_path / "lib" / "robot_state_publisher" / "robot_state_publisher"
    program.parent.mkdir(parents=True)
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}:{os.environ['AMENT_PREFIX_PATH']}")
    node = start_node("finevla_control", "robot_state_publisher", robot=other, use_sim_time="true")
    letters = len(expand(other.parents[2] / "urdf" / "single.urdf.xacro"))
    node.wait_for_line(
        f"took over as /finevla/robot_state_publisher with {letters} letters, ending </robot> "
        "states from /finevla/arm/states clock True"
    )
    assert node.wait_for_exit() == 0
    kept = start_node("finevla_control", "robot_state_publisher", robot=other, hand_over="false")
    kept.wait_for_line("describing single: ")
    assert kept.stop() == 0
    wrong = start_node("finevla_control", "robot_state_publisher", robot="none_such")
    wrong.wait_for_line("error: robot 'none_such'")
    assert wrong.wait_for_exit() == 2
