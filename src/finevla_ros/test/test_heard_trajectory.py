"""Promises of reading trajectories from bytes: the same as rclpy reads, its seal survives the way, and no bytes do harm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from finevla_core.safety.events import Trajectory
from finevla_core.safety.message_seal import Signer, TrajectoryCheck
from finevla_ros.trajectories import sender_of, trajectory_to_msg
from finevla_ros.trajectory_message import TrajectoryMessage, judge, read_trajectory

KEY, BRIDGE, WATCHDOG = b"k" * 32, "/finevla/safety_bridge", "/finevla/safety_watchdog"
_rows = st.lists(st.floats(allow_nan=False), max_size=7)
_point = st.tuples(_rows, _rows, _rows, _rows, st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1))


def message_of(tag: str, joints: list[str], points: list[tuple]) -> JointTrajectory:
    message = JointTrajectory(joint_names=joints)
    message.header.frame_id, message.header.stamp.sec = tag, 7
    for positions, velocities, accelerations, effort, sec, nanosec in points:
        point = JointTrajectoryPoint(
            positions=positions, velocities=velocities, accelerations=accelerations, effort=effort
        )
        point.time_from_start.sec, point.time_from_start.nanosec = sec, nanosec
        message.points.append(point)
    return message


@settings(max_examples=200, deadline=None)
@given(
    tag=st.text(st.characters(min_codepoint=1, max_codepoint=500), max_size=9),
    joints=st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=9), max_size=4),
    points=st.lists(_point, max_size=4),
)
def test_bytes_say_what_rclpy_reads(tag: str, joints: list[str], points: list[tuple]) -> None:
    message = message_of(tag, joints, points)
    assert TrajectoryMessage.read(serialize_message(message)) == TrajectoryMessage.of(message)


@settings(max_examples=300, deadline=None)
@given(
    data=st.binary(max_size=200),
    cut=st.integers(0, 400),
    flips=st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 255)), max_size=5),
)
def test_no_bytes_raise_or_pass(data: bytes, cut: int, flips: list[tuple[int, int]]) -> None:
    check = TrajectoryCheck(KEY, Signer(KEY, WATCHDOG), (BRIDGE, WATCHDOG))
    assert judge(check, "left", data, 0)[1].why
    assert judge(check, "left", b"\x00\x01\x00\x00" + data, 0)[1].why
    good = bytearray(serialize_message(trajectory_to_msg(made(), Signer(KEY, BRIDGE))))
    for at, bits in flips:
        good[at % len(good)] ^= bits
    heard, sender = judge(check, "left", bytes(good[: len(good) - cut]), 0)
    assert sender.why or (
        heard is not None and heard.content == TrajectoryMessage.of(trajectory_to_msg(made())).content
    )


def made() -> Trajectory:
    rows = np.arange(140.0).reshape(20, 7)
    return Trajectory("left", tuple("abcdefg"), 5_000_000_001, np.arange(1, 21) * 0.1, rows, rows / 3)


def test_sealed_trajectory_is_known_by_its_bytes_and_any_other_is_a_strangers() -> None:
    check = TrajectoryCheck(KEY, Signer(KEY, WATCHDOG), (BRIDGE, WATCHDOG))
    message = trajectory_to_msg(made(), Signer(KEY, BRIDGE))
    assert sender_of(message) == BRIDGE
    heard, sender = judge(check, "left", serialize_message(message), 0)
    assert (sender.node, sender.why) == (BRIDGE, "")
    assert heard is not None
    assert (heard.positions, heard.velocities) == (made().positions.tolist(), made().velocities.tolist())
    assert heard.times_ns == [round(t * 1e9) for t in made().times_s]
    assert "copy" in judge(check, "left", serialize_message(message), 0)[1].why
    for change in ("positions", "velocities", "accelerations", "effort"):
        changed = trajectory_to_msg(made(), Signer(KEY, BRIDGE))
        setattr(changed.points[3], change, [1.0] * 7)
        assert "seal is wrong" in judge(check, "left", serialize_message(changed), 0)[1].why
    unsealed = judge(check, "left", serialize_message(trajectory_to_msg(made())), 0)
    assert "no seal" in unsealed[1].why
    assert unsealed[0] is not None


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\x00\x01\x00\x00", b"\xff" * 100, bytes(300_000), b"\x00\x01\x00\x00" + b"\xff" * 60]
)
def test_what_is_no_trajectory_is_a_strangers(data: bytes) -> None:
    assert read_trajectory(data) is None
