"""Promises of the robot state: poses come with a bounded rate, and what is malformed is passed over, counted and named."""

import math
from pathlib import Path

import pytest

from finevla_core.robot_description import JointTransforms, read_joints
from finevla_core.robot_state import RobotState, StateRefusal
from finevla_core.urdf import expand

S = 1_000_000_000
HZ = 20.0
ARM = [f"left_joint{i}" for i in range(1, 7)]


@pytest.fixture
def state(cobotmagic_urdf: Path) -> RobotState:
    return RobotState(read_joints(expand(cobotmagic_urdf)), HZ)


def test_poses_come_at_the_rate_that_is_set_whatever_is_sent(state: RobotState) -> None:
    told = [
        state.on_joint_state(i * 1_000_000, ARM, [0.001 * i] * 6, steady_ns=i * 1_000_000) for i in range(1, 1001)
    ]  # 1 kHz for a second
    assert sum(isinstance(t, JointTransforms) for t in told) == HZ
    first = next(t for t in told if isinstance(t, JointTransforms))
    assert set(first.children) == {f"left_link{i}" for i in range(1, 7)}


def test_each_arm_that_speaks_for_itself_is_heard(state: RobotState) -> None:
    right = [name.replace("left", "right") for name in ARM]
    for names in (ARM, right):
        assert isinstance(state.on_joint_state(S, names, [0.0] * 6, S), JointTransforms)
        assert state.on_joint_state(S + 1, names, [0.0] * 6, S + 1) is None


def test_a_stamp_is_told_once_and_none_that_is_older(state: RobotState) -> None:
    assert isinstance(state.on_joint_state(10 * S, ARM, [0.0] * 6, 1 * S), JointTransforms)
    assert state.on_joint_state(10 * S, ARM, [0.0] * 6, 2 * S) is None  # simulated time stands still
    assert state.on_joint_state(10 * S - 1, ARM, [0.0] * 6, 3 * S) is None  # it came late
    assert isinstance(state.on_joint_state(10 * S + 1, ARM, [0.0] * 6, 4 * S), JointTransforms)
    assert isinstance(state.on_joint_state(5 * S, ARM, [0.0] * 6, 5 * S), JointTransforms)  # a bag starts anew


@pytest.mark.parametrize(
    ("names", "positions", "kind", "said"),
    [
        (ARM, [0.0] * 5, "length", "6 names and 5 positions"),
        (ARM, [], "length", "6 names and 0 positions"),
        ([], [], "unknown", "none of its 0 joints"),
        (["wheel", "left joint1"], [0.0, 0.0], "unknown", "none of its 2 joints"),
        ([*ARM[:5], ARM[0]], [0.0] * 6, "twice", "'left_joint1' twice"),
        (ARM, [0.0, 0.0, math.nan, 0.0, 0.0, 0.0], "finite", "nan of joint 'left_joint3'"),
        (ARM, [0.0, 0.0, 0.0, 0.0, 0.0, -math.inf], "finite", "-inf of joint 'left_joint6'"),
        (ARM, [0.0, 1e308, 0.0, 0.0, 0.0, 0.0], "finite", "1e+308 of joint 'left_joint2'"),
        ([*ARM, *map(str, range(8000)), "7999"], [0.0] * 8007, "twice", "'7999' twice"),
    ],
)
def test_malformed_states_are_passed_over_counted_and_named(
    state: RobotState, names: list[str], positions: list[float], kind: str, said: str
) -> None:
    for i in range(3):
        refusal = state.on_joint_state(S + i, names, positions, S + i)
        assert isinstance(refusal, StateRefusal)
        assert said in refusal.text
    assert state.refused == {kind: 3}
    assert isinstance(state.on_joint_state(2 * S, ARM, [0.0] * 6, 2 * S), JointTransforms)


def test_joints_of_another_robot_on_the_same_topic_do_not_matter(state: RobotState) -> None:
    told = state.on_joint_state(S, ["wheel", *ARM], [math.nan, *[0.0] * 6], S)
    assert isinstance(told, JointTransforms)
    assert len(told.children) == len(ARM)
