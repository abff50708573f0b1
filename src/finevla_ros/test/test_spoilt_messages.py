"""Promise of what nodes do with a message that can be read: it becomes ours, or is refused in a sentence, whatever is in it."""

import contextlib
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from spoilt_messages import Spoiler
from trajectory_msgs.msg import JointTrajectory

from finevla_core.errors import FineVLAError
from finevla_core.safety.heartbeat_checks import HeartbeatCheck
from finevla_core.safety.message_seal import Signer, TrajectoryCheck
from finevla_interfaces import msg
from finevla_ros.bounded_subscriptions import Unreadable, read
from finevla_ros.heartbeat_messages import words_of
from finevla_ros.messages import chunk_from_msg, instruction_from_msg, observation_from_msg, report_from_msg
from finevla_ros.trajectory_message import judge

COUNT, LONGEST_SENTENCE = 3_000, 1_000
KEY = bytes(range(32))


def spoiler_of(kind: type, true: list[bytes]) -> Spoiler:
    return Spoiler(kind, true, random.Random(kind.__name__))


@pytest.mark.parametrize(
    ("kind", "convert"),
    [
        (msg.Observation, observation_from_msg),
        (msg.ActionChunk, chunk_from_msg),
        (msg.Instruction, instruction_from_msg),
        (msg.SafetyStatus, report_from_msg),
        (msg.Heartbeat, lambda m: HeartbeatCheck(KEY, m.node, 0.5, time.monotonic_ns).judge(words_of(m))),
    ],
)
def test_spoilt_message_is_unreadable_or_converted_or_refused_in_a_sentence(
    kind: type, convert: Callable[[Any], Any]
) -> None:
    spoiler, ends = spoiler_of(kind, []), {"unreadable": 0, "refused": 0, "converted": 0}
    for _ in range(COUNT):
        try:
            convert(read(spoiler.next(), kind))
            ends["converted"] += 1
        except Unreadable:
            ends["unreadable"] += 1
        except FineVLAError as error:
            assert len(str(error)) <= LONGEST_SENTENCE
            ends["refused"] += 1
    assert ends["unreadable"] > COUNT // 20
    assert ends["converted"] + ends["refused"] > COUNT // 20


def test_observation_whose_size_overflows_has_no_pictures() -> None:
    for height, width, cameras in ((2**32 - 1, 2**32 - 1, 0), (2**31, 2**31, 4), (2**32 - 4, 2**30, 16)):
        message = msg.Observation(height=height, width=width, cameras=["c"] * cameras)
        with contextlib.suppress(FineVLAError):
            assert observation_from_msg(message).images.size == 0


def test_spoilt_trajectory_is_a_strangers_and_nothing_worse() -> None:
    signer = Signer(KEY, "/safety_bridge")
    check = TrajectoryCheck(KEY, signer, ("/safety_bridge", "/safety_watchdog"))
    spoiler = spoiler_of(JointTrajectory, [])
    for _ in range(COUNT):
        heard, sender = judge(check, "arm_controller", spoiler.next(), time.time_ns())
        assert sender.why
        if heard is not None:
            assert len(heard.times_ns) == len(heard.positions) == len(heard.velocities)
