"""Where a robot may be and go in a straight line, by the safety gate's own envelope; and in words why not.

A planner's `PlanningScene` has a little more distance to everything than the gate asks for: no path lies at the border.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.safety.envelope import Envelope
from finevla_core.safety.plan import Plan

SECOND_NS = 1_000_000_000


class Planner(Protocol):
    """What finds a way; `name` is what the log calls it."""

    name: str

    def plan(
        self, start: NDArray[np.float64], goal: NDArray[np.float64], is_wanted: Callable[[], bool] = lambda: True
    ) -> NDArray[np.float64]:
        """Corners `(N, D)` of a free way from `start` `(D,)` to `goal`, both included.

        Raises `FineVLAError` with one sentence if there is none to be found, or when it is not wanted any more.
        """


class PlanningScene:
    """One envelope as a planner asks it; not thread-safe, as the distances behind it are not."""

    def __init__(self, embodiment: Embodiment, envelope: Envelope) -> None:
        self.embodiment, self.envelope = embodiment, envelope
        limits = envelope.limits
        self.lower, self.upper = limits.lower + limits.margin, limits.upper - limits.margin

    def why_not(self, values: NDArray[np.float64]) -> str:
        """What is wrong with resting at `values` `(D,)`, a clause without a full stop; empty if nothing is."""
        return self.why_not_in_limits(values) or self.too_near(values)

    def why_not_in_limits(self, values: NDArray[np.float64]) -> str:
        """Return why `values` `(D,)` are outside the limits, a clause without a full stop; "" if they are inside."""
        if not np.isfinite(values).all():
            return "it is not finite"
        over = np.maximum(self.lower - values, values - self.upper)
        if over.max() > 1e-9:
            i = int(over.argmax())
            allowed = f"{self.lower[i]:.3f} to {self.upper[i]:.3f}"
            return f"{self.embodiment.names[i]} would be {values[i]:.3f}; {allowed} are allowed"
        return ""

    def too_near(self, values: NDArray[np.float64]) -> str:
        """Return what comes too near at `values` `(D,)`, "" if nothing; unlike `why_not`, without the limits' margin."""
        return self.envelope.clearance.at(values).violation

    def is_free(self, start: NDArray[np.float64], goal: NDArray[np.float64]) -> bool:
        """Whether nothing comes too near on the straight line in between, known for every point of it."""
        if self.envelope.clearance.at(goal).code:
            return False
        return not self.envelope.clearance.along(line(start, goal)).code


def line(start: NDArray[np.float64], goal: NDArray[np.float64]) -> Plan:
    """A straight line in joint values, as a plan of one second."""
    step = np.asarray(goal - start)
    return Plan(np.array([0, SECOND_NS]), np.stack([start, goal]), np.stack([step, step]))
