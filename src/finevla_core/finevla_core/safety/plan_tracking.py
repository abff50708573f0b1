"""Which of the plans that a controller was told the arm is really on: a word to a controller may be lost."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from finevla_core.safety.plan import Plan

# A command farther from the arm than this was refused or is not obeyed: braking from it would be a leap. As the bridge.
MAX_LAG_RAD = 0.30
# An arm is late by its driver and its servos. On an elder plan it is within the first, and off the newest by the second.
LATE_ARM_NS = 150_000_000
ON_PLAN_RAD, OFF_PLAN_RAD = 0.02, 0.01


# After a sleep a plan counts only while the arm moves as it says, and not where it only passes by.
SAME_RAD_S = 0.1
LOOK_NS = (
    20_000_000  # of joint states tell then how fast it is; that nobody else has commanded it is heard by then, too
)


def is_followed_closely(
    plan: Plan,
    measured: NDArray[np.float64],
    velocity: NDArray[np.float64],
    is_arm: NDArray[np.bool_],
    at_ns: int,
) -> bool:
    """Return whether the arm, measured at `measured` `(J,)` and so fast at `at_ns`, is where `plan` leads it, and as fast."""
    times_ns = np.linspace(at_ns - LATE_ARM_NS, at_ns, 7).astype(np.int64)
    places, speeds = (np.array(x) for x in zip(*(plan.at(int(t)) for t in times_ns), strict=True))
    off = np.maximum(places.min(0) - measured, measured - places.max(0))
    off_speed = np.maximum(speeds.min(0) - velocity, velocity - speeds.max(0))
    return bool((off * is_arm).max(initial=0.0) < ON_PLAN_RAD and (off_speed * is_arm).max(initial=0.0) < SAME_RAD_S)


def least_speeds(plan: Plan, at_ns: int) -> NDArray[np.float64]:
    """Return how fast `plan` moves each value `(D,)` at least, all the time that an arm may be late by."""
    times_ns = np.linspace(at_ns - LATE_ARM_NS, at_ns, 7).astype(np.int64)
    return np.asarray(np.min([abs(plan.at(int(t))[1]) for t in times_ns], axis=0))


def plan_followed(
    plans: Sequence[Plan], measured: NDArray[np.float64], is_arm: NDArray[np.bool_], at_ns: int
) -> Plan | None:
    """Return the newest of `plans` (newest first) that explains where the arm is; None if it is near none of them.

    `measured` `(J,)` was true at `at_ns` of the controllers' clock. Where several explain it the newest counts. Grippers
    (not `is_arm`) may hold something, and tell nothing.
    """
    times_ns = np.linspace(at_ns - LATE_ARM_NS, at_ns, 4).astype(np.int64)

    def gap(plan: Plan) -> float:
        """How far the arm is from all where it may be, late as it is."""
        places = plan.positions_at(times_ns)
        off = np.maximum(places.min(0) - measured, measured - places.max(0))
        return float((off * is_arm).max(initial=0.0))

    newest, *elder = plans
    newest_gap = gap(newest)
    # What was measured before the arm can have been on the newest plan for long says nothing against it.
    has_begun = at_ns >= int(newest.times_ns[0]) + LATE_ARM_NS
    for plan in elder if has_begun else ():
        if (elder_gap := gap(plan)) < ON_PLAN_RAD and newest_gap > elder_gap + OFF_PLAN_RAD:
            return plan
    return newest if newest_gap < MAX_LAG_RAD else None
