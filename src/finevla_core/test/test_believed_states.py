"""Promises of one truth about the arms: what does not continue what was known is a stop, and never a new starting point."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from bridge_run import STOPS, TICK, BridgeRun, lose_states
from guarded_arms import SECOND, START, Guarded
from hypothesis import given, settings
from hypothesis import strategies as st

from finevla_core.safety.bridge import Bridge
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.events import State
from finevla_core.safety.gate import GateOptions
from finevla_core.safety.publisher_monitor import CounterWatch


def shifted(run: BridgeRun, rad: float, joint: int = 0) -> np.ndarray:
    return run.position() + np.where(np.arange(len(run.guarded.home)) == joint, rad, 0.0)


def invent(run: BridgeRun, rad: float, ticks: int, ahead_s: float = 0.0) -> None:
    """Nobody says anything else than that joint 1 is elsewhere."""
    for _ in range(ticks):
        run.now, run.steady = run.now + TICK, run.steady + TICK
        run.bridge.on_watchdog(True, "", run.now)
        stamp = run.now + round(ahead_s * SECOND)
        joints = run.guarded.embodiment.joints
        positions = run.guarded.embodiment.to_positions(shifted(run, rad))
        run.bridge.on_joint_state(stamp, joints, list(positions), run.now)
        run.bridge.tick(run.now)


def codes(run: BridgeRun) -> list[str]:
    return [event.code for event in run.bridge.take()[1] if event.level == 2]


@pytest.mark.parametrize("rad", [0.12, -0.2, 0.35, 0.8])
@pytest.mark.parametrize("ahead_s", [0.0, 0.02, 0.09])
def test_leap_at_rest_is_a_stop_and_no_reset_leaves_it_before_it_is_adopted(
    guarded: Guarded, rad: float, ahead_s: float
) -> None:
    run = BridgeRun(guarded)
    run.pass_time(50)
    before = run.position()
    invent(run, rad, 1, ahead_s)
    assert codes(run) == ["state.leap"]
    name = guarded.embodiment.names[0]
    assert f"{name} leapt" in run.bridge.reason
    assert f"{rad:+.3f}" in run.bridge.reason
    invent(run, rad, 100)
    done, text = run.bridge.reset(run.now)
    assert not done
    assert f"{name} {rad:+.3f} rad" in text
    assert "finevla adopt (service safety/adopt)" in text
    assert np.allclose(run.bridge.plan.at(run.now)[0], before)
    run.chunk()
    assert (run.accepted(), run.bridge.take()[0]) == (0, [])


def test_slow_drift_away_from_where_the_arms_are_held_is_a_stop_and_stays_one(guarded: Guarded) -> None:
    run = BridgeRun(guarded)
    run.pass_time(50)
    for k in range(40):
        invent(run, 0.01 * k, 1)
    assert codes(run) == ["state.leap"]
    assert "where it is held" in run.bridge.reason
    invent(run, 0.3, 60)
    assert "finevla adopt" in run.bridge.reset(run.now)[1]


@pytest.mark.parametrize("lost", ["states", "after a stop"])
def test_pose_of_before_is_remembered_while_nothing_is_heard(guarded: Guarded, lost: str) -> None:
    run = BridgeRun(guarded)
    run.pass_time(50)
    if lost == "after a stop":
        STOPS["topic"](run)
    lose_states(run)
    run.bridge.take()
    invent(run, 0.3, 50)
    assert run.bridge.state is State.STOPPED
    if lost == "states":
        assert codes(run) == ["state.leap"]
    assert "finevla adopt" in run.bridge.reset(run.now)[1]
    run.felt = True
    run.pass_time(60)  # they were there all the time
    assert run.bridge.reset(run.now)[0]


@pytest.mark.parametrize("kind", STOPS)
def test_arms_that_were_moved_elsewhere_while_stopped_need_to_be_adopted(guarded: Guarded, kind: str) -> None:
    run = BridgeRun(guarded, deadman_timeout_s=1.0, watchdog_timeout_s=0.5)
    run.chunk(amplitude=0.5)
    run.pass_time(12)
    STOPS[kind](run)
    run.felt = True
    run.pass_time(100)
    for k in range(1, 81):  # by hand, and slowly
        invent(run, 0.01 * k, 1)
    invent(run, 0.8, 50)
    assert "finevla adopt" in run.bridge.reset(run.now)[1]


def test_first_pose_is_taken_and_a_restarted_bridge_too(guarded: Guarded) -> None:
    bridge = Bridge(guarded.embodiment, guarded.envelope, GateOptions(), BridgeOptions())
    elsewhere = guarded.home + 0.1 * ~guarded.limits.is_gripper
    guarded.feel(bridge, elsewhere, START)
    assert bridge.state is State.HOLDING
    assert np.allclose(bridge.plan.at(START)[0], elsewhere)


def test_adopted_pose_is_shown_first_and_held_after_a_reset(guarded: Guarded) -> None:
    run = BridgeRun(guarded)
    run.pass_time(50)
    nothing = run.bridge.adopt(True, run.now)
    assert (nothing[0], nothing[2]) == (False, None)
    invent(run, -0.3, 100)
    done, text, difference = run.bridge.adopt(False, run.now)
    assert not done
    assert difference == pytest.approx(np.where(np.arange(len(guarded.home)) == 0, -0.3, 0.0))
    assert not run.bridge.reset(run.now)[0]
    done, text, _ = run.bridge.adopt(True, run.now)
    assert done, text
    assert run.bridge.state is State.STOPPED
    there = shifted(run, 0.0)
    run.pass_time(50)
    assert run.bridge.reset(run.now)[0]
    assert run.bridge.take()[0] == []
    assert np.allclose(run.bridge.plan.at(run.now)[0], there)
    assert there[0] == pytest.approx(guarded.home[0] - 0.3)
    run.bridge.on_instruction("new words", run.now)
    run.chunk("new words")
    assert run.bridge.state is State.FOLLOWING


def move(run: BridgeRun) -> None:
    for k in range(50):
        invent(run, -0.3 - 0.01 * k, 1)


def say_both(run: BridgeRun) -> None:
    for _ in range(30):
        invent(run, -0.3, 1)
        run.pass_time(1)
    invent(run, -0.3, 1)


def into_the_limit(run: BridgeRun) -> None:
    """A zero that was set wrong: one joint is where it cannot be."""
    invent(run, run.guarded.limits.upper[0] - run.position()[0] + 0.2, 60)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (move, "wait until they rest"),
        (say_both, "contradict each other"),
        (lambda run: invent(run, -0.3, 5), "wait until they rest"),
        (into_the_limit, "outside its limits"),
    ],
)
def test_pose_is_not_adopted_before_it_is_certain(
    guarded: Guarded, what: Callable[[BridgeRun], None], words: str
) -> None:
    run = BridgeRun(guarded)
    run.pass_time(50)
    invent(run, -0.3, 1)
    what(run)
    done, text, _ = run.bridge.adopt(True, run.now)
    assert not done
    assert words in text
    assert not run.bridge.reset(run.now)[0]


def test_pose_that_the_envelope_forbids_is_not_adopted(guarded: Guarded) -> None:
    run = BridgeRun(guarded)
    run.pass_time(50)
    rng = np.random.default_rng(0)
    poses = rng.uniform(guarded.limits.lower, guarded.limits.upper, (300, len(guarded.home)))
    elsewhere = next(pose for pose in poses if guarded.envelope.clearance.at(pose, 0.01).code)
    for _ in range(60):
        run.now, run.steady = run.now + TICK, run.steady + TICK
        guarded.feel(run.bridge, elsewhere, run.now)
    done, text, _ = run.bridge.adopt(True, run.now)
    assert not done
    assert "this pose is not allowed" in text


def test_arms_that_are_pushed_a_little_or_sag_are_no_leap(guarded: Guarded) -> None:
    run = BridgeRun(guarded)
    rng = np.random.default_rng(0)
    run.pass_time(50)
    for k in range(300):
        invent(run, 0.1 * np.sin(k / 20) + rng.normal(0, 0.001), 1)
    assert run.bridge.state is State.HOLDING
    assert codes(run) == []


def test_stamps_from_the_future_are_refused_told_once_a_second_and_shadow_nothing(guarded: Guarded) -> None:
    run = BridgeRun(guarded)
    for _ in range(100):
        joints, positions = guarded.embodiment.joints, guarded.embodiment.to_positions(shifted(run, 0.05))
        run.bridge.on_joint_state(run.now + SECOND // 5, joints, list(positions), run.now)
        run.pass_time(1)
    assert run.bridge.state is State.HOLDING
    told = [event for event in run.bridge.take()[1] if event.code == "state.future"]
    assert 2 <= len(told) <= 4
    assert "0.20 s in the future" in told[0].text
    assert run.bridge.arms.stamp_ns == run.now
    assert np.allclose(run.bridge.arms.position, guarded.home)


@pytest.mark.parametrize("is_moving", [False, True])
@pytest.mark.parametrize("rad", [0.15, 0.25])
def test_invented_states_that_are_stamped_ahead_do_not_hide_the_true_ones(
    guarded: Guarded, is_moving: bool, rad: float
) -> None:
    run = BridgeRun(guarded)
    run.pass_time(50)
    if is_moving:
        run.chunk(amplitude=0.5)
        run.pass_time(12)
    for k in range(50):  # they fade away from the truth, so that none of them leaps
        invent(run, rad * k / 50, 1, ahead_s=0.02)
        guarded.feel(run.bridge, run.position(), run.now)
        if run.bridge.state is State.STOPPED:
            break
    assert run.bridge.state is State.STOPPED
    assert codes(run) == ["state.jump" if is_moving else "state.leap"]


def test_two_publishers_at_a_time_are_a_stop_with_their_names(guarded: Guarded) -> None:
    steady = [0]
    names = ["/driver", "/other"]
    bridge = Bridge(
        guarded.embodiment, guarded.envelope, GateOptions(), BridgeOptions(), 1, lambda: steady[0], lambda: names
    )

    def feel(number: int) -> None:
        steady[0] += SECOND // 100
        now = START + steady[0]
        positions = list(guarded.embodiment.to_positions(guarded.home))
        bridge.on_joint_state(now, guarded.embodiment.joints, positions, now, number)

    for number in [*range(1000, 1050), *range(1, 50), *(0, 0, 0), *(2**64 - 1,) * 3, *range(60, 90, 7)]:
        feel(number)  # a driver that starts again, numbers that mean nothing, and messages that were lost
    assert bridge.state is State.HOLDING
    for number in (5000, 91, 5001, 92):
        feel(number)
    assert bridge.state is State.STOPPED
    assert bridge.take()[1][-1].code == "state.two"
    assert "/driver, /other" in bridge.reason
    steady[0] += SECOND // 2
    assert "/driver, /other" in bridge.reset(START + steady[0])[1]
    for number in range(5002, 5200):
        feel(number)
    assert bridge.reset(START + steady[0])[0]


@settings(max_examples=60, deadline=None)
@given(first=st.integers(1, 10_000), second=st.integers(1, 10_000), turns=st.lists(st.booleans(), min_size=40))
def test_two_counters_are_seen_whatever_they_count(first: int, second: int, turns: list[bool]) -> None:
    watch, numbers = CounterWatch(lambda: 1), [first, second]
    changes = sum(a != b for a, b in itertools.pairwise(turns))
    found = False
    for turn in turns:
        numbers[turn] += 1
        found = watch.note(numbers[turn]) or found
    assert found or changes < 6


def test_measured_speed_beyond_the_limit_is_a_stop_whoever_commands(guarded: Guarded) -> None:
    for share, stops in ((1.0, False), (1.15, False), (1.4, True)):
        bridge = Bridge(guarded.embodiment, guarded.envelope, GateOptions(max_tracking_error=9.0), BridgeOptions())
        joint = np.arange(len(guarded.home)) == 3
        rng = np.random.default_rng(0)
        for k in range(40):
            way = share * guarded.limits.velocity * k / 100 * joint + rng.normal(0, 0.001, len(joint))
            guarded.feel(bridge, guarded.home - 0.5 * joint + way, START + k * SECOND // 100)
        assert (bridge.state is State.STOPPED) == stops, share
        if stops:
            event = bridge.take()[1][-1]
            assert event.code == "state.speed"
            assert guarded.embodiment.names[3] in event.text


def test_noise_and_late_readings_are_no_speed(guarded: Guarded) -> None:
    bridge = Bridge(guarded.embodiment, guarded.envelope, GateOptions(max_tracking_error=9.0), BridgeOptions())
    rng, joint = np.random.default_rng(1), np.arange(len(guarded.home)) == 3
    for k in range(60):
        late = (k % 10 == 9) * 0.01  # one in ten is read 10 ms late
        way = 0.9 * guarded.limits.velocity * (k / 100 - late) * joint + rng.normal(0, 0.002, len(joint))
        guarded.feel(bridge, guarded.home - 0.7 * joint + way, START + k * SECOND // 100)
    assert bridge.state is State.HOLDING
