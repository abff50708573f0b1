"""Promises of plans: their extremes are exact, and a stop brakes within the limits."""

import numpy as np
from guarded_arms import SECOND, START, Guarded, sampled

from finevla_core.safety.joining import join
from finevla_core.safety.plan import hold, stop


def test_extremes_are_those_of_dense_sampling(guarded: Guarded) -> None:
    plan = join(hold(guarded.home, START), guarded.chunk(amplitude=0.4), START + SECOND // 20, guarded.limits)
    assert plan is not None
    positions, velocities = sampled(plan)
    found = plan.extremes()
    assert np.allclose(found.highest, positions.max(0), atol=1e-4)
    assert np.allclose(found.lowest, positions.min(0), atol=1e-4)
    assert (found.speed >= abs(velocities).max(0) - 1e-9).all()
    assert np.allclose(found.speed, abs(velocities).max(0), atol=1e-2)


def test_stop_brakes_within_the_limits_and_holds(guarded: Guarded) -> None:
    running = join(hold(guarded.home, START), guarded.chunk(amplitude=0.5), START + SECOND // 20, guarded.limits)
    assert running is not None
    now = START + SECOND
    plan = stop(running, now, guarded.limits)
    assert (plan.extremes().acceleration <= guarded.limits.acceleration).all()
    assert plan.end_ns - now < SECOND
    assert np.allclose(plan.at(now)[1], running.at(now)[1])
    assert np.allclose(plan.at(plan.end_ns)[1], 0)


def test_stop_at_rest_is_long_enough_to_reach_the_controller(guarded: Guarded) -> None:
    running = join(hold(guarded.home, START), guarded.chunk(), START + SECOND // 20, guarded.limits)
    assert running is not None
    for now in (START + SECOND // 20, running.end_ns - 1):
        assert stop(running, now, guarded.limits).end_ns - now >= SECOND // 10
