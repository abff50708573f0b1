"""Promise: the watchdog never sets resting arms in motion because of what somebody says about where they are."""

import numpy as np
import pytest
from watched_stack import SECOND, TICK, Setup, Stack

from finevla_core.safety.controller_trajectories import trajectories
from finevla_core.safety.events import State
from finevla_core.safety.plan import stop

SAID_HZ = 4  # false joint states in each tick


def say_off(stack: Stack, rad: float, ahead_ns: int = 0) -> None:
    """A second publisher: joint 1 is elsewhere, a little ahead of the true state, or far."""
    values = stack.values.copy()
    values[0] += rad
    positions = list(stack.embodiment.to_positions(values))
    for n in range(SAID_HZ):
        stack.watchdog.on_joint_publication(stack.embodiment.joints, 10_000 + stack.published * SAID_HZ + n)
        stamp_ns = stack.clock_ns + ahead_ns + (n + 1) * TICK // (2 * SAID_HZ)
        stack.watchdog.on_joint_state(stamp_ns, stack.embodiment.joints, positions, (), stack.now_ns)


@pytest.mark.parametrize("rad", [0.05, 0.2, 0.35, 0.8])
def test_second_joint_states_at_rest_command_nothing(setup: Setup, rad: float) -> None:
    stack = Stack(setup)
    for _ in range(200):
        say_off(stack, rad)
        stack.step(TICK / 1e9)
    assert stack.watchdog.latched
    stack.step(4.0)
    assert stack.trajectories == []


@pytest.mark.parametrize("rad", [0.2, 0.35, 0.8])
def test_encoder_that_slips_at_rest_and_back_commands_nothing(setup: Setup, rad: float) -> None:
    stack = Stack(setup)
    for _ in range(3):  # the later slips come when the watchdog has waited for rest long enough
        for off in (rad, -rad):
            stack.values = stack.values + np.eye(len(stack.values))[0] * off
            stack.step(2.0)
    assert stack.trajectories == []


def test_stamps_of_the_future_do_not_hide_the_bridges_stop(setup: Setup) -> None:
    stack = Stack(setup)
    told = stack.tell(speed=0.5, seconds=2.0)
    stack.follow(told, 0.6)
    say_off(stack, 0.35, 10 * SECOND)
    braking = stop(told, stack.clock_ns, setup.limits)
    for t in trajectories(braking, stack.embodiment, setup.limits, [c.name for c in stack.embodiment.controllers]):
        points = t.positions.tolist(), t.velocities.tolist()
        times_ns = [round(s * SECOND) for s in t.times_s]
        stack.watchdog.on_trajectory(
            t.controller, t.joints, t.start_ns, times_ns, *points, stack.now_ns, stack.clock_ns
        )
    stack.state = State.STOPPED
    for _ in range(50):
        say_off(stack, 0.35, 10 * SECOND)
        stack.follow(braking, TICK / SECOND)
    stack.follow(braking, 4.0)
    assert stack.trajectories == []
