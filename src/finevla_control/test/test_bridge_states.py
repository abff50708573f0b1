"""Promises of the bridge node on real DDS: one truth about the arms, whoever publishes joint states and however."""

import threading

import numpy as np
import pytest
import rclpy
from played_arm import DISABLED, HOLDING, HOME, STOPPED, Arm
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from finevla_core.embodiment import Embodiment
from finevla_interfaces.srv import AdoptPose, Authority
from finevla_ros import qos
from finevla_ros.messages import to_stamp

pytestmark = [pytest.mark.slow, pytest.mark.alone]  # each starts nodes, and plays their neighbours


def elsewhere(rad: float) -> np.ndarray:
    return HOME + np.where(np.arange(14) == 0, rad, 0.0)


def reset(arm: Arm) -> str:
    """Ask until it works; the last answer."""
    for _ in range(50):
        response = arm.call(Trigger, "safety/reset", Trigger.Request())
        if response.success:
            break
        threading.Event().wait(0.1)
    return response.message


def adopt(arm: Arm) -> AdoptPose.Response:
    for _ in range(50):
        response = arm.call(AdoptPose, "safety/adopt", AdoptPose.Request(confirm=True))
        if response.success:
            break
        threading.Event().wait(0.1)
    return response


@pytest.mark.parametrize("is_lost", [False, True])
def test_leap_at_rest_is_a_stop_until_the_operator_adopts_the_pose(
    start_node, robot: Embodiment, is_lost: bool
) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        if is_lost:  # and comes back elsewhere
            arm.ahead_s = -10.0
            arm.in_state(DISABLED)
        arm.values, arm.ahead_s = elsewhere(-0.35), 0.02 * (not is_lost)
        arm.in_state(STOPPED)
        arm.wait(lambda: any(e.code == "state.leap" for e in arm.events), "the event")
        assert robot.names[0] in arm.status[-1].reason
        threading.Event().wait(0.7)  # the cool-down
        refused = arm.call(Trigger, "safety/reset", Trigger.Request())
        assert not refused.success
        assert f"{robot.names[0]} -0.350 rad; if it is true: finevla adopt" in refused.message
        shown = arm.call(AdoptPose, "safety/adopt", AdoptPose.Request())
        assert not shown.success
        assert list(shown.names) == list(robot.names)
        assert np.allclose(shown.difference, elsewhere(-0.35) - HOME, atol=1e-6)
        adopted = adopt(arm)
        assert adopted.success, adopted.message
        assert reset(arm).startswith("holding")
        arm.in_state(HOLDING)
        assert np.allclose(arm.status[-1].planned, elsewhere(-0.35), atol=1e-6)
        assert not any(arm.commands.values())
        nothing = arm.call(AdoptPose, "safety/adopt", AdoptPose.Request(confirm=True))
        assert (nothing.success, list(nothing.difference)) == (False, [])


@pytest.mark.parametrize("is_moving", [False, True])
def test_second_publisher_of_the_same_joints_is_a_stop_with_its_name(
    start_node, robot: Embodiment, is_moving: bool
) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        intruder = rclpy.create_node("intruder", namespace="finevla", context=arm.context)
        if is_moving:
            arm.follow()
        states = intruder.create_publisher(JointState, "joint_states", qos.SENSOR)
        message = JointState(name=list(robot.joints), position=robot.to_positions(HOME).tolist())
        arm.wait(lambda: any(e.code == "state.publishers" for e in arm.events), "the second publisher to be told")
        over = threading.Event()
        for _ in range(400):  # it says the truth, only more often
            message.header.stamp = to_stamp(arm.now_ns())
            states.publish(message)
            if arm.status[-1].state == STOPPED or over.wait(0.01):
                break
        arm.wait(lambda: any(e.code == "state.two" for e in arm.events), "the event")
        assert "/finevla/intruder" in arm.status[-1].reason
        intruder.destroy_node()
        assert reset(arm).startswith("holding")


def test_stamps_from_the_future_are_told_and_true_ones_count(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.ahead_s = 0.3
        arm.wait(lambda: any(e.code == "state.future" for e in arm.events), "the event")
        arm.in_state(DISABLED)  # nothing else is heard
        arm.ahead_s = 0.0
        arm.in_state(HOLDING)


def test_authority_outlives_the_holders_silence_and_not_its_node(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        teleop = rclpy.create_node("teleop", namespace="finevla", context=arm.context)
        assert arm.call(Authority, "safety/authority", Authority.Request(client="/finevla/teleop")).success
        threading.Event().wait(2.5)  # longer than a policy at rest keeps it; the bridge looks for nodes once a second
        arm.is_refused("chunk.authority")
        assert arm.status[-1].client == "/finevla/teleop"
        teleop.destroy_node()
        arm.wait(lambda: any(e.code == "authority.gone" for e in arm.events), "it to be seen gone")
        arm.follow()


def test_name_of_ten_million_characters_is_a_sentence(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        for size, said in ((10_000_000, "65536 are allowed; say it shorter"), (300, "at most 256 characters")):
            refused = arm.call(Authority, "safety/authority", Authority.Request(client="x" * size))
            assert not refused.success
            assert said in refused.message
        assert refused.holder == ""


def test_two_clocks_are_told_and_nothing_moves_while_both_are_there(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge", use_sim_time="true")
    with Arm() as arm:
        clock = arm.publisher(Clock, "/clock", qos.SENSOR)
        arm.node.create_timer(0.01, lambda: clock.publish(Clock(clock=to_stamp(arm.now_ns()))))
        arm.start(robot)
        arm.follow()
        other = arm.publisher(Clock, "/clock", qos.SENSOR)  # it need not even say another time
        said = "2 publish on /clock: /finevla/probe; end all but one, or start each robot with multi_robot:=true"
        # While it follows it stops; had the motion just ended, it would be disabled.
        arm.wait(lambda: arm.status[-1].state in (STOPPED, DISABLED) and said in arm.status[-1].reason, "the reason")
        arm.is_refused("bridge.state")
        arm.node.destroy_publisher(other)
        arm.wait(lambda: arm.status[-1].state == HOLDING or not reset(arm), "the bridge to hold")
