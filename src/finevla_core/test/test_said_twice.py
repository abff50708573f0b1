"""Promises of a trajectory that is said twice: the same words, 10 ms apart, and not where the second would do harm."""

import dataclasses

import numpy as np
import pytest
from guarded_arms import SECOND, START, Guarded
from watched_stack import Setup, Stack

from finevla_core.safety.bridge import Bridge
from finevla_core.safety.events import State, Trajectory
from finevla_core.safety.joining import LEAVE_NS, join

MS = SECOND // 1000
BEGAN = START + 50 * MS


def following(guarded: Guarded) -> tuple[Bridge, list[Trajectory]]:
    """A bridge that has just said a chunk's plan for the first time, and what it said."""
    now = [START]
    bridge = guarded.bridge(steady_ns=lambda: now[0])
    bridge.tick(BEGAN)
    bridge.on_chunk(guarded.chunk(amplitude=0.4), BEGAN)
    return bridge, bridge.take()[0]


def said(bridge: Bridge, guarded: Guarded, at_ns: int) -> list[Trajectory]:
    """What it says with a joint state at that time."""
    guarded.feel(bridge, bridge.plan.at(at_ns)[0] if bridge.plan else guarded.home, at_ns)
    return bridge.take()[0]


def test_every_trajectory_is_said_once_more_after_10_ms_and_then_no_more(guarded: Guarded) -> None:
    bridge, first = following(guarded)
    assert len(first) == len(guarded.embodiment.controllers)
    assert said(bridge, guarded, BEGAN + 9 * MS) == []
    again = said(bridge, guarded, BEGAN + 11 * MS)
    assert all(a is b for a, b in zip(again, first, strict=True))
    assert said(bridge, guarded, BEGAN + 30 * MS) == []


def test_a_tick_says_it_where_joint_states_are_slow(guarded: Guarded) -> None:
    bridge, first = following(guarded)
    bridge.tick(BEGAN + 20 * MS)
    assert len(bridge.take()[0]) == len(first)


@pytest.mark.parametrize("what", ["stop", "end of instruction", "step mode"])
def test_a_stop_in_between_is_what_is_said_once_more(guarded: Guarded, what: str) -> None:
    bridge, first = following(guarded)
    bridge.on_stop(BEGAN + 5 * MS, "stop", "stop") if what == "stop" else None
    bridge.on_instruction("", BEGAN + 5 * MS) if what == "end of instruction" else None
    bridge.step(True, BEGAN + 5 * MS) if what == "step mode" else None
    stop = bridge.take()[0]
    assert stop[0].times_s[-1] < first[0].times_s[-1]
    assert said(bridge, guarded, BEGAN + 12 * MS) == []
    assert [t.start_ns for t in said(bridge, guarded, BEGAN + 16 * MS)] == [t.start_ns for t in stop]
    assert said(bridge, guarded, BEGAN + 40 * MS) == []


def test_authority_given_up_says_only_the_stop_again(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_instruction("", START)
    bridge.take_authority("/motion", START)
    bridge.on_chunk(guarded.chunk(instruction_id="motion:1", client="/motion", amplitude=0.4), BEGAN)
    bridge.take()
    assert bridge.release_authority("/motion", BEGAN + 5 * MS)[0]
    stop = bridge.take()[0]
    again = said(bridge, guarded, BEGAN + 16 * MS)
    assert all(a is b for a, b in zip(again, stop, strict=True))


def test_nothing_is_said_again_after_somebody_else_has_spoken(guarded: Guarded) -> None:
    bridge, _ = following(guarded)
    bridge.on_other_command()  # a stranger, or the watchdog's brake, which it would undo
    assert said(bridge, guarded, BEGAN + 11 * MS) == []


@pytest.mark.parametrize("jump_s", [-2.0, -0.06, 0.5, 10.0])
def test_nothing_is_said_again_by_a_clock_that_jumped(guarded: Guarded, jump_s: float) -> None:
    bridge, _ = following(guarded)
    at_ns = BEGAN + 2 * MS + round(jump_s * SECOND)
    bridge.on_stop(at_ns, "stop", "stop")
    for later in (0, 11 * MS, 60 * MS, 100 * MS):
        bridge.tick(at_ns + later)
        guarded.feel(bridge, guarded.home, at_ns + later)
    assert bridge.take()[0] == []


def test_nothing_is_said_again_after_a_reset(guarded: Guarded) -> None:
    bridge, _ = following(guarded)
    bridge.on_stop(BEGAN + 5 * MS, "stop", "stop")
    bridge.commands._again_ns = BEGAN + 10 * SECOND  # as if no joint state had come meanwhile
    bridge.take()
    for k in range(3):
        said(bridge, guarded, BEGAN + SECOND + k * 10 * MS)
        bridge.tick(BEGAN + SECOND + k * 10 * MS)
    done, why = bridge.reset(BEGAN + SECOND + 30 * MS)
    assert done, why
    bridge.commands._again_ns = 0
    assert said(bridge, guarded, BEGAN + SECOND + 40 * MS) == []


@pytest.mark.parametrize("delay_ms", [10, 100, 200, 235, 245])
def test_a_short_chunk_that_comes_late_is_left_for_sooner_and_not_refused(guarded: Guarded, delay_ms: int) -> None:
    """Its last two rows are all that is to come: better a plan that is left at once than none."""
    first = guarded.bridge().plan
    whole = guarded.chunk(START)
    chunk = dataclasses.replace(whole, actions=whole.actions[:4])
    plan = join(first, chunk, START + delay_ms * MS, guarded.limits)
    assert plan is not None
    assert np.all(np.diff(plan.times_ns) > 0)
    assert plan.times_ns[0] == START + delay_ms * MS
    assert (plan.extremes().acceleration <= guarded.limits.acceleration).all()
    assert join(first, chunk, START + 255 * MS, guarded.limits) is None


def test_where_a_knot_is_right_beside_the_seam_no_sliver_is_left(guarded: Guarded) -> None:
    first = join(guarded.bridge().plan, guarded.chunk(amplitude=0.4), BEGAN, guarded.limits)
    assert first is not None
    for now in range(BEGAN + 400 * MS, BEGAN + 700 * MS, 1_300_000):
        plan = join(first, guarded.chunk(amplitude=0.4), now, guarded.limits)
        assert plan is not None
        assert np.diff(plan.times_ns).min() >= 1_999_999
        assert now - 4 * MS <= plan.times_ns[0] <= now
        assert (plan.extremes().jerk <= guarded.limits.jerk).all()
        seam = now + LEAVE_NS - 3 * MS
        assert np.allclose(plan.at(seam)[0], first.at(seam)[0], atol=1e-9)


def test_the_bridges_second_word_is_no_command_after_its_stop_however_late(setup: Setup) -> None:
    stack = Stack(setup, deadman=True)
    told = stack.tell()
    stack.follow(told, 0.3)
    stack.held = False
    stack.follow(told, 0.02)
    own = stack.tell(speed=0.05, seconds=0.25)
    stack.state = State.STOPPED
    stack.follow(own, 0.16)
    stack.say(own)  # its first word's, 0.16 s later: a busy machine
    stack.follow(own, 1.0)
    assert stack.trajectories == []


def test_the_bridges_second_word_after_the_watchdogs_stop_is_answered(setup: Setup) -> None:
    """The bridge hung between its two words, and the watchdog braked meanwhile."""
    stack = Stack(setup)
    told = stack.tell()
    stack.silent.add("bridge")
    stack.follow(told, 0.5)
    made = len(stack.trajectories)
    assert made >= len(setup.embodiment.controllers)
    stack.say(told)
    stack.take()
    assert len(stack.trajectories) - made == len(setup.embodiment.controllers)


def test_where_no_controller_heard_the_stop_the_watchdog_brakes_from_the_motion_that_goes_on(setup: Setup) -> None:
    stack = Stack(setup)
    told = stack.tell()
    stack.follow(told, 0.5)
    stack.tell(speed=0.05, seconds=0.25)  # the bridge's stop, which no controller hears
    stack.state = State.STOPPED
    while not stack.trajectories:
        stack.follow(told, 0.02)
        assert stack.clock_ns < told.end_ns, "nobody braked"
    for t in stack.trajectories[: len(setup.embodiment.controllers)]:
        columns = [setup.embodiment.joints.index(j) for j in t.joints]
        begins_ns = t.start_ns + round(t.times_s[0] * SECOND)
        position, velocity = told.at(begins_ns)
        assert np.allclose(t.positions[0], setup.embodiment.to_positions(position)[columns], atol=2e-3)
        assert np.allclose(t.velocities[0], setup.embodiment.to_velocities(velocity)[columns], atol=0.1)


def test_a_measurement_from_before_a_stop_says_nothing_against_it(setup: Setup) -> None:
    """The driver fell silent, or told nonsense, right before the stop: the arms rest where they were told to."""
    stack = Stack(setup)
    told = stack.tell()
    stack.follow(told, 0.5)
    stack.silent.add("joints")
    stack.follow(told, 0.1)  # what was measured last lags behind the command
    stop = stack.tell(speed=0.05, seconds=0.2)
    stack.state = State.STOPPED
    stack.follow(stop, 0.3)
    brake = stack.watchdog.brake
    for t in brake.stops([c.name for c in setup.embodiment.controllers], stack.clock_ns, stack.now_ns, stack.clock_ns):
        columns = [setup.embodiment.joints.index(j) for j in t.joints]
        assert np.allclose(t.positions[-1], setup.embodiment.to_positions(stop.positions[-1])[columns], atol=5e-3)
