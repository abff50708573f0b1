"""Promises of the look at serialized bytes: what can be a message passes, and no length is believed that the bytes belie."""

import contextlib
import struct
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Empty, String
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from finevla_interfaces import msg
from finevla_interfaces.action import FollowInstruction, GoTo
from finevla_interfaces.srv import Authority, SetInstruction
from finevla_ros.message_layout import why_unsound

MOST_MORE_KIB = 20_000
POINT = JointTrajectoryPoint(positions=[1.0, 2.0], velocities=[0.0, 0.0])
STATUS = DiagnosticStatus(name="n", message="some", values=[KeyValue(key="k", value="v")] * 3)
SAID = msg.Instruction(id="x", raw="go", factors=msg.Factors(action_sequence=["reach", "lift"], active_actor=["left"]))
MESSAGES = [
    *(kind() for kind in (Bool, Empty, String, Trigger.Request, msg.SafetyStatus, msg.Observation, msg.ActionChunk)),
    *(String(data="stop"), SetBool.Request(data=True), Authority.Request(client="me"), SAID),
    JointState(name=["a", "bc", "def"], position=[1.0, 2.0, 3.0], effort=[4.0]),
    JointTrajectory(joint_names=["a", "bc"], points=[POINT, POINT]),
    DiagnosticArray(status=[STATUS, STATUS]),
    SetInstruction.Request(instruction=SAID),
    FollowInstruction.Impl.SendGoalService.Request(goal=FollowInstruction.Goal(instruction=SAID)),
    GoTo.Impl.SendGoalService.Request(goal=GoTo.Goal(names=["a"], values=[1.0])),
]


def name_of(message: Any) -> str:
    return type(message).__name__


def most_memory_kib() -> int:
    return int(next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line).split()[1])


@pytest.mark.parametrize("message", MESSAGES, ids=name_of)
def test_what_is_a_message_passes_and_half_of_one_is_refused(message: Any) -> None:
    data, kind = serialize_message(message), type(message)
    assert why_unsound(data, kind) == ""
    assert why_unsound(data[:2] + b"\0\0" + data[4 : len(data) // 2], kind) or not kind.SLOT_TYPES


@pytest.mark.parametrize("message", MESSAGES, ids=name_of)
@pytest.mark.parametrize("claim", [2**31 - 1, 2**32 - 1, 20_000_000])
def test_no_length_that_is_belied_takes_memory(message: Any, claim: int) -> None:
    data, kind, before_kib = serialize_message(message), type(message), most_memory_kib()
    for at in range(4, len(data) - 3, 4):
        spoilt = bytearray(data)
        struct.pack_into("<I", spoilt, at, claim)
        if not why_unsound(bytes(spoilt), kind):
            with contextlib.suppress(Exception):  # it may still be no message
                deserialize_message(bytes(spoilt), kind)
    assert most_memory_kib() - before_kib < MOST_MORE_KIB


@given(st.binary(max_size=200), st.sampled_from([b"\0\0\0\0", b"\0\1\0\0", b"\0\7\0\0", b""]))
def test_any_bytes_are_a_message_or_refused_in_a_sentence(noise: bytes, header: bytes) -> None:
    for message in MESSAGES:
        assert isinstance(why_unsound(header + noise, type(message)), str)


def test_refusal_says_what_was_claimed() -> None:
    data = bytearray(serialize_message(SetInstruction.Request(instruction=msg.Instruction())))
    struct.pack_into("<I", data, data.index(b"\0" * 4, 36) + 1 & ~3, 50_000_000)
    assert "50000000" in why_unsound(bytes(data), SetInstruction.Request)
