"""Promises about words of strangers: they make nothing forgotten, live no life of another, and break no line of a log."""

import numpy as np
import pytest
from bridge_run import BridgeRun
from guarded_arms import Guarded
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError, one_line, unknown
from finevla_core.instruction import MAX_BYTES, MAX_TEXT, Factors, Instruction
from finevla_core.safety.bloom_filter import BloomFilter
from finevla_core.safety.events import State
from finevla_core.safety.heartbeat_checks import HeartbeatMessage, is_of_now
from finevla_core.safety.instruction_in_force import EXPLAINED, LONG_ENDED, Mandate
from finevla_core.safety.message_seal import Signer, StatusCheck, TrajectoryCheck
from finevla_core.safety.watchdog_monitors import Cameras

SECOND = 1_000_000_000
KEY, BRIDGE, WATCHDOG = b"k" * 32, "/finevla/safety_bridge", "/finevla/safety_watchdog"
NOW = 1_700_000_000 * SECOND
HOSTILE_NAME = "/x\n[ERROR] [safety_bridge]: all is well\x1b[2J"


# What has ended


DAY_S = 24 * 3600


@pytest.mark.parametrize("by", ["announcements", "chunks while it was stopped"])
def test_what_ended_never_comes_back_and_what_is_new_counts_however_many_others_end(by: str) -> None:
    steady = [0]
    mandate = Mandate(lambda: steady[0])
    mandate.open()
    mandate.announce("old")
    mandate.announce("")
    ended = ["old", *(f"flood {number}" for number in range(3 * EXPLAINED))]
    if by == "announcements":
        for name in ended:
            mandate.announce(name)
        mandate.announce("")
    else:
        mandate.close("a stop")
        for name in ended:
            mandate.turn_away(name)
        steady[0] += SECOND
        mandate.open()
    for later_s in (1, 3601, 30 * DAY_S):
        steady[0] = later_s * SECOND
        for name in ended:
            mandate.announce(name)
            assert (mandate.instruction_id, bool(mandate.why_void(name))) == ("", True)
        mandate.announce(f"new {later_s}")
        assert mandate.instruction_id == f"new {later_s}"
        ended.append(mandate.instruction_id)


def test_instruction_in_force_goes_on_even_if_it_cannot_be_told_from_what_has_ended() -> None:
    mandate = Mandate(lambda: 0)
    mandate._ended = BloomFilter(bits=8)
    mandate.open()
    mandate.announce("ours")
    mandate.begin_motion("motion:ours-1/1")
    for number in range(50):
        mandate.end_one(f"flood {number}", "it was refused")
    assert mandate.why_void("new") == LONG_ENDED
    mandate.announce("ours")
    assert mandate.instruction_id == "ours"
    assert mandate.why_void("ours") == mandate.why_void("motion:ours-1/2") == ""
    mandate.end("a stop")
    assert mandate.why_void("ours") == mandate.why_void("motion:ours-1/2") == "a stop"


# Who lives


def test_recorded_status_of_an_earlier_bridge_is_no_life() -> None:
    said = NOW - 3600 * SECOND, 1, 7, 99
    recorded = Signer(KEY, BRIDGE).status(*said)
    assert "recording" in StatusCheck(KEY, BRIDGE).why_not(recorded, *said, NOW)


def test_bridge_whose_clock_jumps_while_it_is_heard_still_counts() -> None:
    check, signer = StatusCheck(KEY, BRIDGE), Signer(KEY, BRIDGE)
    for stamp_ns in (NOW, NOW - 3600 * SECOND):
        said = stamp_ns, 1, 7, 99
        assert check.why_not(signer.status(*said), *said, NOW) == ""


def test_recorded_brake_without_a_stamp_is_a_strangers() -> None:
    """A controller would begin it at once: from wherever the arms are now to where they were then."""
    recorded = Signer(KEY, WATCHDOG).trajectory("left", b"x")
    listener = TrajectoryCheck(KEY, Signer(KEY, BRIDGE), (BRIDGE, WATCHDOG))
    assert "recording" in listener.heard("left", recorded, b"x", 0, NOW).why
    living = Signer(KEY, WATCHDOG)
    assert listener.heard("left", living.trajectory("left", b"x"), b"x", NOW, NOW).why == ""
    assert listener.heard("left", living.trajectory("left", b"y"), b"y", 0, NOW).why == ""
    assert "recording" in listener.heard("left", recorded, b"x", 0, NOW).why


def test_heartbeat_that_is_played_again_is_nobodys_life() -> None:
    words = HeartbeatMessage(WATCHDOG, True, "", NOW, 5, 99, "seal")
    assert is_of_now(words, NOW + SECOND // 10)
    assert not is_of_now(words, NOW + 2 * SECOND)
    assert not is_of_now(words, NOW - 2 * SECOND)


# Who presses, and where the arms are


def test_deadman_switch_that_two_press_is_let_go(guarded: Guarded) -> None:
    run = BridgeRun(guarded, deadman_timeout_s=1.0)
    run.chunk(amplitude=0.4)
    run.pass_time(5)
    assert run.bridge.state is State.FOLLOWING
    for number in (10, 1, 11, 2):  # the operator's, and a stranger's
        run.bridge.on_deadman(True, run.now, number)
    assert run.bridge.state is State.STOPPED
    assert "deadman.two" in [event.code for event in run.bridge.take()[1]]


def test_deadman_switch_that_was_started_again_is_no_second_one(guarded: Guarded) -> None:
    run = BridgeRun(guarded, deadman_timeout_s=1.0)
    run.chunk(amplitude=0.4)
    for number in (10, 11, 1, 2, 3):
        run.bridge.on_deadman(True, run.now, number)
    assert run.bridge.state is State.FOLLOWING


def test_joint_state_that_names_a_joint_twice_tells_nothing(robot: Embodiment) -> None:
    names = [*robot.joints, "wheel", "wheel"]
    assert robot.order_in(names) is not None
    assert robot.order_in([*names, robot.joints[0]]) is None
    assert robot.order_in(names[1:]) is None


def test_cameras_that_the_robot_does_not_have_are_not_remembered() -> None:
    arms = np.ones(2, np.bool_)
    cameras = Cameras({"front": arms}, arms, has_noise=True, moved_rad=0.01)
    for number in range(100):
        cameras.saw({f"camera {number}": 1, "front": 1}, np.full(2, 0.1 * number))
    assert set(cameras.same) == {"front"}
    assert cameras.frozen(5) == ["front"]


# What they say


@given(st.text(max_size=2000), st.integers(1, 300))
def test_one_line_is_one_printable_line_of_bounded_length(text: str, most: int) -> None:
    shown = one_line(text, most)
    assert shown.isprintable()
    assert len(shown) <= most


def test_hostile_names_break_no_line_of_events_and_states(guarded: Guarded) -> None:
    run = BridgeRun(guarded)
    run.chunk(client=HOSTILE_NAME, instruction_id=HOSTILE_NAME)
    run.bridge.on_stop(run.now, "stop.topic", f"asked for by {HOSTILE_NAME}")
    run.chunk(instruction_id=HOSTILE_NAME)
    events = run.bridge.take()[1]
    assert len(events) > 2
    assert all(event.text.isprintable() and event.instruction_id.isprintable() for event in events)
    assert run.bridge.reason.isprintable()


def test_authority_is_for_names_of_one_line(guarded: Guarded) -> None:
    run = BridgeRun(guarded)
    done, text = run.bridge.take_authority(HOSTILE_NAME, run.now)
    assert not done
    assert text.isprintable()
    assert run.bridge.client == ""


def test_unknown_name_of_megabytes_is_refused_in_a_short_sentence() -> None:
    text = unknown("task", "x" * 10_000_000, ["reach", "pick"])
    assert len(text) < 200
    assert "known are reach, pick" in text


def test_instruction_that_its_announcement_could_not_hold_is_refused() -> None:
    slots = {"target_category": "目" * MAX_TEXT, "target_color": "红" * MAX_TEXT}
    with pytest.raises(FineVLAError, match=f"at most {MAX_BYTES} are allowed"):
        Instruction(raw="把" * MAX_TEXT, factors=Factors(**slots))
    assert Instruction(raw="把" * MAX_TEXT, fine="把" * MAX_TEXT)


def test_id_with_control_signs_is_refused() -> None:
    with pytest.raises(FineVLAError, match="printable signs"):
        Instruction(raw="reach the cube", id="x\n[ERROR]")
