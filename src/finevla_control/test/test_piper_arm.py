"""Promises of the Piper's driver against a simulated arm with every fault: it holds, or says why it does not."""

import math
import struct
from collections.abc import Callable, Iterator

import can
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from piper_bench import HOME, LOWER, UPPER, Bench

from finevla_control.piper import protocol as p
from finevla_control.piper.arm import CONFIRM
from finevla_control.piper.frozen_feedback import FrozenWatch

DROPPING = (p.disable(), p.reset())


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


@pytest.fixture
def ready(bench: Bench) -> Bench:
    bench.make_ready()
    return bench


def dropped(bench: Bench) -> bool:
    return any(frame in DROPPING for frame in bench.simulated.received)


def move(bench: Bench, joint: int, by: float, seconds: float) -> str:
    """A ramp of one joint; the last refusal."""
    start, steps = np.array(bench.arm.hold[0]), round(seconds / 0.005)  # type: ignore[index]
    said = ""
    for i in range(steps):
        target = start.copy()
        target[joint] += by * (i + 1) / steps
        said = bench.command(target) or said
        bench.advance(0.005)
    return said


def test_no_state_before_every_joint_and_the_gripper_have_spoken(bench: Bench) -> None:
    for identity in (*p.JOINTS, p.GRIPPER):
        bench.simulated.faults.missing = {identity}
        bench.link.arm.attach()
        bench.advance(0.1)
        assert bench.arm.feedback.is_connected(bench.now_s)
        assert bench.arm.state(bench.now_s) is None
        assert f"0x{identity:X}" in bench.errors()
    bench.simulated.faults.missing = set()
    bench.advance(0.1)
    state = bench.arm.state(bench.now_s)
    assert state is not None
    assert state.positions == pytest.approx(HOME, abs=1e-5)
    assert len(state.velocities) == len(state.efforts) == 6
    assert np.isfinite(state.efforts).all()
    assert 0 <= bench.now_s - state.stamp_s < 0.02


def test_nothing_is_sent_that_could_move_or_drop_before_somebody_enables(bench: Bench) -> None:
    bench.advance(4.0)
    sent = {frame.id for frame in bench.simulated.received}
    assert sent == {p.ENQUIRY, p.FIRMWARE, p.GRIPPER_SETUP}
    assert "joints 1, 2, 3, 4, 5, 6 are not enabled" in bench.arm.not_ready(bench.now_s)[0]
    assert "refused" in bench.command(HOME)


def test_enabled_arm_is_held_where_it_is(ready: Bench) -> None:
    at = ready.simulated.joints.copy()
    ready.advance(1.0)
    assert np.abs(ready.simulated.joints - at).max() < 1e-3
    frames = list(ready.simulated.received)[-5:]
    assert sorted(f.id for f in frames) == [p.MODE, *p.JOINT_TARGETS, p.GRIPPER_TARGET]


def test_commands_are_followed_and_the_last_one_is_held_when_they_stop(ready: Bench) -> None:
    assert move(ready, 0, 0.5, 1.0) == ""
    ready.advance(2.0)  # the controller is gone
    assert ready.simulated.joints[0] == pytest.approx(HOME[0] + 0.5, abs=0.005)
    assert ready.simulated.joints[1:] == pytest.approx(HOME[1:], abs=0.02)
    assert ready.errors() == ""


def test_mode_targets_and_gripper_are_sent_in_this_order_every_cycle(ready: Bench) -> None:
    ready.simulated.received.clear()
    ready.advance(0.05)
    ids = [f.id for f in ready.simulated.received]
    assert ids[:5] == [p.MODE, *p.JOINT_TARGETS, p.GRIPPER_TARGET]
    assert len(ids) == 50
    assert next(f for f in ready.simulated.received if f.id == p.MODE).data[:3] == bytes((1, 1, 50))


@pytest.mark.parametrize(
    ("joints", "width", "said"),
    [
        ((3.0, *HOME[1:]), 0.02, "joint 1 to 3.0000 rad is outside"),
        ((*HOME[:2], 0.1, *HOME[3:]), 0.02, "joint 3 to 0.1000 rad is outside"),
        (HOME, 0.12, "opening 0.1200 m is outside"),
        (HOME, -0.01, "opening -0.0100 m is outside"),
        ((math.nan, *HOME[1:]), 0.02, "finite"),
        (HOME, math.inf, "finite"),
        (HOME[:5], 0.02, "6 finite"),
        ((0.0,) * 6, 0.02, "would jump by 1.20 rad"),
    ],
)
def test_bad_command_is_refused_and_the_arm_stays(ready: Bench, joints: tuple, width: float, said: str) -> None:
    at = ready.simulated.joints.copy()
    assert said in ready.command(joints, width)
    ready.advance(0.3)
    assert np.abs(ready.simulated.joints - at).max() < 1e-3


def test_slow_enabling_is_waited_for(bench: Bench) -> None:
    bench.simulated.faults.enable_delay_s = 2.0
    bench.advance(0.1)
    assert bench.arm.enable(bench.now_s) == ""
    bench.advance(1.0)
    assert bench.arm.enable_result is None
    bench.until(lambda: bench.arm.enable_result == "")
    bench.until(lambda: bench.arm.is_ready(bench.now_s))


def test_joints_that_do_not_enable_are_named(bench: Bench) -> None:
    bench.simulated.faults.stuck_joints = {2, 5}
    bench.advance(0.1)
    assert bench.arm.enable(bench.now_s) == ""
    bench.until(lambda: bench.arm.enable_result is not None, 6.0)
    assert bench.arm.enable_result.startswith("joints 2, 5 are not enabled after 5.0 s")  # type: ignore[union-attr]
    assert not bench.arm.is_ready(bench.now_s)
    assert not bench.simulated.targets_seen()


def test_enabling_ends_with_a_reason_whatever_happens_meanwhile(bench: Bench) -> None:
    bench.simulated.faults.enable_delay_s = 3.0
    bench.advance(0.1)

    def end(what: Callable[[], object]) -> str | None:
        assert bench.arm.enable(bench.now_s) == ""
        bench.advance(0.1)
        what()
        bench.advance(0.5)
        sent = len([f for f in bench.simulated.received if f == p.enable()])
        bench.advance(0.3)
        assert len([f for f in bench.simulated.received if f == p.enable()]) == sent
        return bench.arm.enable_result

    assert "switched off" in str(end(lambda: bench.arm.disable(CONFIRM, bench.now_s)))
    assert "bus was lost" in str(end(lambda: bench.link._lose("gone", bench.now_s)))
    assert "emergency stop" in str(end(lambda: setattr(bench.simulated, "is_stopped", True)))
    bench.simulated.is_stopped = False
    bench.advance(0.3)
    assert "emergency stop" in str(end(lambda: bench.arm.emergency_stop(bench.now_s)))


@pytest.mark.parametrize("confirm", ["", "yes", "The arm may fall"])
def test_what_drops_the_arm_needs_the_exact_words(ready: Bench, confirm: str) -> None:
    assert CONFIRM in ready.arm.disable(confirm, ready.now_s)
    assert CONFIRM in ready.arm.reset(confirm, ready.now_s)
    ready.advance(0.1)
    assert not dropped(ready)
    assert ready.arm.is_ready(ready.now_s)


def test_disabled_arm_falls_is_not_commanded_and_can_be_enabled_again(ready: Bench) -> None:
    assert ready.arm.disable(CONFIRM, ready.now_s) == ""
    ready.advance(0.05)
    ready.simulated.received.clear()
    ready.advance(1.0)
    assert ready.simulated.joints[1] == pytest.approx(0.0, abs=0.01)  # fell
    assert not ready.simulated.targets_seen()
    assert "enable" in ready.arm.not_ready(ready.now_s)[0]
    ready.make_ready()
    ready.advance(0.5)
    assert ready.simulated.joints[1] == pytest.approx(0.0, abs=0.01)  # held where it fell to, not where it was


def test_emergency_stop_is_confirmed_latched_and_left_only_by_reset(ready: Bench) -> None:
    ready.arm.emergency_stop(ready.now_s)
    ready.until(lambda: ready.arm.is_stop_confirmed(ready.now_s), 0.1)
    ready.simulated.received.clear()
    ready.advance(0.5)
    assert not ready.simulated.targets_seen()
    assert "emergency stop" in ready.command(HOME)
    assert "RESET" in ready.arm.enable(ready.now_s)
    assert ready.arm.reset(CONFIRM, ready.now_s) == ""
    ready.until(lambda: ready.arm.is_off(ready.now_s), 0.1)  # fallen; nothing enables it but a person
    ready.advance(1.0)
    assert not ready.arm.is_enabled(ready.now_s)
    ready.make_ready()


def test_stop_is_repeated_until_the_arm_confirms_and_over_a_lost_bus(ready: Bench) -> None:
    ready.simulated.faults.confirms_stop = False
    ready.is_down = True
    ready.link._lose("gone", ready.now_s)
    ready.arm.emergency_stop(ready.now_s)
    ready.advance(0.3)
    assert p.emergency_stop() not in ready.simulated.received
    ready.is_down = False
    ready.advance(2.0)
    assert list(ready.simulated.received).count(p.emergency_stop()) > 10
    assert "not confirmed" in ready.errors()
    ready.simulated.faults.confirms_stop = True
    ready.until(lambda: ready.arm.is_stop_confirmed(ready.now_s), 0.5)


def test_stop_from_elsewhere_ends_the_commands_too(ready: Bench) -> None:
    frame = p.emergency_stop()
    ready.bus().send(can.Message(arbitration_id=frame.id, data=frame.data, is_extended_id=False))
    ready.until(lambda: not ready.arm.is_ready(ready.now_s), 0.1)
    assert "arm: emergency stop" in ready.errors()
    assert "RESET" in ready.arm.enable(ready.now_s)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"driver_bits": {3: 0x08}}, "joint 3: driver over-temperature"),
        ({"driver_bits": {6: 0x80}}, "joint 6: stall"),
        ({"gripper_bits": 0x10}, "gripper: sensor error"),
        ({"arm_status": 7}, "arm: collision"),
        ({"arm_status": 5}, "arm: joint communication error"),
    ],
)
def test_error_flags_become_sentences_and_end_the_commands(ready: Bench, fault: dict, said: str) -> None:
    vars(ready.simulated.faults).update(fault)
    ready.advance(0.1)
    ready.simulated.received.clear()
    ready.advance(0.1)
    assert said in ready.errors()
    assert said in ready.command(HOME)
    assert not ready.simulated.received
    assert ready.arm.clear_errors(ready.now_s) == ""
    ready.simulated.faults.arm_status = 0
    ready.until(lambda: ready.arm.is_ready(ready.now_s), 0.5)
    assert not dropped(ready)


def test_status_about_a_target_only_warns(ready: Bench) -> None:
    ready.simulated.faults.arm_status = 4
    ready.advance(0.2)
    assert ready.arm.is_ready(ready.now_s)
    assert ready.arm.feedback.warnings(ready.now_s) == ["arm: target exceeds limit"]


def test_teaching_mode_is_left_alone(bench: Bench) -> None:
    bench.simulated.enabled[:] = True
    bench.simulated.faults.control_mode = 2
    bench.advance(0.5)
    assert not bench.simulated.targets_seen()
    assert "mode 'teaching'" in bench.arm.not_ready(bench.now_s)[0]


def test_frozen_feedback_is_an_error_until_a_person_clears_it(ready: Bench) -> None:
    ready.simulated.faults.frozen = True
    move(ready, 3, 0.6, 1.0)
    assert "joint 4: feedback has not changed" in ready.errors()
    ready.simulated.faults.frozen = False
    ready.advance(1.0)
    assert not ready.arm.is_ready(ready.now_s)
    assert ready.arm.clear_errors(ready.now_s) == ""
    ready.until(lambda: ready.arm.is_ready(ready.now_s))


def test_lagging_feedback_is_not_frozen(ready: Bench) -> None:
    ready.simulated.faults.feedback_delay_s = 0.3
    assert move(ready, 0, 0.6, 1.0) == ""
    ready.advance(1.0)
    assert ready.errors() == ""
    assert ready.simulated.joints[0] == pytest.approx(HOME[0] + 0.6, abs=0.005)


def test_held_arm_may_be_perfectly_still_and_a_short_way_out_and_back_is_forgotten() -> None:
    watch = FrozenWatch(0.05, 0.5)
    assert not any(watch.update([0.0] * 6, [0.04] * 6, t / 10) for t in range(100))
    watch = FrozenWatch(0.05, 0.5)
    assert not any(watch.update([0.0] * 6, [0.1 if t % 4 == 1 else 0.0] * 6, t / 10) for t in range(100))


def test_lost_frames_do_not_matter_but_lost_joints_do(ready: Bench) -> None:
    ready.simulated.faults.lost_every = 3
    assert move(ready, 0, 0.3, 0.5) == ""
    ready.advance(0.5)
    assert ready.simulated.joints[0] == pytest.approx(HOME[0] + 0.3, abs=0.005)
    ready.simulated.faults.missing = {0x2A6}
    ready.advance(0.7)
    assert "no feedback of joints 3 and 4 (0x2A6)" in ready.errors()
    assert ready.arm.state(ready.now_s) is None


def test_silent_arm_is_not_connected_and_not_enabled_when_it_comes_back(ready: Bench) -> None:
    ready.simulated.faults.silent = True
    ready.advance(1.0)
    assert "no frame from the arm any more" in ready.errors()
    assert ready.arm.state(ready.now_s) is None
    ready.simulated.enabled[:] = False  # its power was cut
    ready.simulated.faults.silent = False
    ready.simulated.received.clear()
    ready.advance(1.0)
    assert p.enable() not in ready.simulated.received
    assert p.gripper_setup(0.1) in ready.simulated.received  # a freshly started gripper must be told again
    assert "not enabled" in ready.arm.not_ready(ready.now_s)[0]


def test_bus_off_is_survived_and_the_arm_held_where_it_then_is(ready: Bench) -> None:
    assert move(ready, 0, 0.3, 0.5) == ""
    ready.simulated.fail_bus()
    ready.advance(0.1)
    assert "bus-off" in ready.errors()
    assert ready.arm.state(ready.now_s) is None
    assert len(ready.link.events) == 1
    ready.simulated.joints[0] = -0.4  # somebody pushed it meanwhile
    ready.simulated.targets[0] = -0.4
    ready.simulated.faults.bus_off = False
    ready.simulated.received.clear()
    ready.until(lambda: ready.arm.is_ready(ready.now_s))
    ready.advance(0.5)
    assert ready.simulated.joints[0] == pytest.approx(-0.4, abs=1e-3)
    assert not {p.enable(), *DROPPING} & set(ready.simulated.received)
    assert "would jump" in ready.command((HOME[0] + 0.3, *HOME[1:]))


def test_interface_that_stays_down_is_tried_again_with_growing_pauses_and_one_sentence(ready: Bench) -> None:
    ready.is_down = True
    ready.link.bus.shutdown()  # type: ignore[union-attr]
    ready.advance(30.0)
    assert ready.opened == 1
    assert len(ready.link.events) == 2  # lost, and why it does not open; not once per attempt
    assert 2.0 < ready.link._pause_s <= 5.0
    ready.is_down = False
    ready.until(lambda: ready.arm.is_ready(ready.now_s), 6.0)
    assert "frames come again" in ready.link.events[-1]


def test_leader_on_the_bus_is_an_error_and_not_fought(ready: Bench) -> None:
    ready.simulated.faults.leader = True
    ready.advance(0.1)
    assert "somebody else commands this arm (frame 0x" in ready.errors()
    ready.simulated.received.clear()
    ready.advance(0.1)
    assert not ready.simulated.received
    assert "somebody else" in ready.arm.enable(ready.now_s)
    ready.simulated.faults.leader = False
    ready.until(lambda: ready.arm.is_ready(ready.now_s), 1.5)


def test_own_commands_are_not_taken_for_a_leaders(ready: Bench) -> None:
    ready.advance(1.0)
    assert ready.errors() == ""


def test_gripper_that_says_zero_is_told_its_stroke(bench: Bench) -> None:
    bench.simulated.faults.gripper_needs_setup = True
    bench.advance(2.0)
    state = bench.arm.state(bench.now_s)
    assert state is not None
    assert state.width_m == pytest.approx(0.02, abs=1e-6)
    assert list(bench.simulated.received).count(p.gripper_setup(0.10)) == 1
    assert bench.arm.feedback.stroke_m == pytest.approx(0.10)
    assert bench.arm.feedback.firmware() == ("S-V1.8-5", (1, 8, 5))


def test_old_firmware_that_does_not_know_the_question_is_told_its_stroke_too(bench: Bench) -> None:
    bench.simulated.faults.answers_setup = False
    bench.advance(5.0)
    assert list(bench.simulated.received).count(p.gripper_setup(0.10)) == 1
    assert math.isnan(bench.arm.feedback.stroke_m)
    bench.make_ready()


def test_wrong_stroke_is_refused_and_not_overwritten(bench: Bench) -> None:
    bench.simulated.stroke_m = 0.07
    bench.advance(3.0)
    sentence = "the gripper says its stroke is 0.070 m, but stroke_m is 0.100; set stroke_m:=0.07"
    assert sentence in bench.errors()
    assert sentence in bench.arm.enable(bench.now_s)
    assert not any(f.id == p.GRIPPER_SETUP for f in bench.simulated.received)


def test_impossible_position_is_no_state(bench: Bench) -> None:
    bench.simulated.joints[2] = 0.6
    bench.advance(0.1)
    assert bench.arm.state(bench.now_s) is None
    assert "lost its zero" in bench.errors()


def test_arm_a_little_outside_its_limits_is_seen_but_not_moved(bench: Bench) -> None:
    bench.simulated.joints[1] = -0.1
    bench.simulated.enabled[:] = True
    bench.advance(0.3)
    assert bench.arm.state(bench.now_s) is not None
    assert "joint 2 is outside the limits" in bench.errors()
    assert not bench.simulated.targets_seen()


def test_frame_rate_is_counted(ready: Bench) -> None:
    ready.advance(1.0)
    assert ready.arm.feedback.frames_per_s(ready.now_s) == pytest.approx(200 * 11 + 40 * 6, rel=0.1)


def test_gripper_velocity_is_derived_from_its_opening(ready: Bench) -> None:
    assert ready.command(HOME, 0.08) == ""
    ready.advance(0.1)
    state = ready.arm.state(ready.now_s)
    assert state is not None
    assert state.width_velocity == pytest.approx(0.2, rel=0.05)


_known = (p.STATUS, *p.JOINTS, p.GRIPPER, *p.MOTORS, *p.DRIVERS, p.GRIPPER_SETUP_REPLY, p.FIRMWARE, *p.MOTION_COMMANDS)
_ids = st.sampled_from(_known) | st.integers(0, 0x7FF)


def test_one_measurement_is_not_enough_to_take_the_arm_over(bench: Bench) -> None:
    bench.simulated.enabled[:] = True
    bench.until(lambda: bench.arm.state(bench.now_s) is not None)
    bench.until(lambda: not bench.arm.not_ready_to_hold(bench.now_s))
    since_s = bench.now_s
    bench.until(lambda: bench.simulated.targets_seen())
    assert bench.now_s - since_s >= 0.02


def test_target_a_hair_beyond_a_limit_and_place_a_little_outside_become_the_limit(bench: Bench) -> None:
    bench.simulated.joints[1] = -0.03  # folded, with the usual offset of its zero
    bench.make_ready()
    assert bench.arm.hold[0][1] == 0.0  # type: ignore[index]
    target = np.array(bench.arm.hold[0])  # type: ignore[index]
    target[1] = -0.0008
    assert bench.command(target, -0.0005) == ""
    assert bench.arm.hold[0][1] == 0.0  # type: ignore[index]
    assert bench.arm.hold[1] == 0.0  # type: ignore[index]


def test_state_is_as_old_as_its_oldest_frame(ready: Bench) -> None:
    ready.simulated.faults.missing = {0x2A7}
    ready.advance(0.1)
    state = ready.arm.state(ready.now_s)
    assert state is not None
    assert ready.now_s - state.stamp_s == pytest.approx(0.1, abs=0.011)


def test_frames_that_waited_count_from_when_they_came(ready: Bench) -> None:
    ready.delay_s = 0.15
    ready.advance(0.1)
    state = ready.arm.state(ready.now_s)
    assert state is not None
    assert 0.15 <= ready.now_s - state.stamp_s < 0.5


@pytest.mark.parametrize("kind", ["is_error_frame", "is_remote_frame", "is_extended_id"])
def test_frames_of_other_kinds_are_not_the_arms(ready: Bench, kind: str) -> None:
    before = dict(ready.arm.feedback.newest)
    for identity in (p.STATUS, p.MODE):
        message = can.Message(arbitration_id=identity, data=bytes((2,) * 8), is_extended_id=False)
        setattr(message, kind, True)
        ready.arm.on_frame(message, ready.now_s)
    assert ready.arm.feedback.newest == before
    assert ready.errors() == ""


def test_arm_that_was_switched_off_is_not_commanded_even_if_its_drivers_still_say_on(ready: Bench) -> None:
    ready.simulated._switch = lambda *_: None  # type: ignore[method-assign]
    assert ready.arm.disable(CONFIRM, ready.now_s) == ""
    ready.advance(0.05)
    ready.simulated.received.clear()
    ready.advance(0.5)
    assert ready.arm.is_enabled(ready.now_s)
    assert not {f.id for f in ready.simulated.received} & p.MOTION_COMMANDS
    assert "switched off on request" in ready.arm.not_ready(ready.now_s)[0]


@pytest.mark.slow
@settings(max_examples=12, deadline=None)  # the time behind the frames costs most: few examples, of some 16 frames each
@given(frames=st.lists(st.tuples(_ids, st.binary(min_size=8, max_size=8)), min_size=8, max_size=60))
def test_any_frames_neither_raise_nor_move_the_arm(frames: list[tuple[int, bytes]]) -> None:
    bench = Bench()
    bench.make_ready()
    noise = bench.bus()
    at = bench.simulated.joints.copy()
    obey = bench.simulated._obey
    # The noise is for the driver's ears: what the arm itself makes of foreign frames is not the driver's to prevent.
    heard = {(identity, data) for identity, data in frames}
    bench.simulated._obey = lambda f, t: None if (f.id, f.data) in heard else obey(f, t)  # type: ignore[method-assign]
    for identity, data in frames:
        noise.send(can.Message(arbitration_id=identity, data=data, is_extended_id=False))
        bench.advance(0.005)
    bench.advance(1.5)
    for identity, values in bench.simulated.targets_seen():
        i = 2 * p.JOINT_TARGETS.index(identity)
        assert np.abs(np.radians(np.array(values) / 1000) - at[i : i + 2]).max() < 0.01
    assert np.abs(bench.simulated.joints - at).max() < 0.01
    assert not dropped(bench)
    bench.close()


@settings(max_examples=30, deadline=None)
@given(
    joints=st.lists(st.floats(-10, 10) | st.floats(), min_size=6, max_size=6),
    width=st.floats(-1, 1) | st.floats(),
)
def test_no_target_outside_the_limits_ever_reaches_the_bus(joints: list[float], width: float) -> None:
    bench = Bench(max_jump_rad=1.0)
    bench.make_ready()
    bench.command(joints, width)
    bench.advance(0.05)
    for identity, values in bench.simulated.targets_seen():
        i = 2 * p.JOINT_TARGETS.index(identity)
        angles = np.radians(np.array(values) / 1000)
        assert (angles >= LOWER[i : i + 2] - 1e-4).all()
        assert (angles <= UPPER[i : i + 2] + 1e-4).all()
    for frame in bench.simulated.received:
        if frame.id == p.GRIPPER_TARGET:
            assert 0 <= struct.unpack(">i", frame.data[:4])[0] <= 100_000
    bench.close()
