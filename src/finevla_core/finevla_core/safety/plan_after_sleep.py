"""A plan that a bridge was following when it hung: whether the arms still follow it when it has woken up.

Meanwhile the watchdog may have braked them. So the arms are looked at first, and stopped from the plan only if they are on it.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from finevla_core.safety.plan import Plan
from finevla_core.safety.plan_tracking import LOOK_NS, is_followed_closely

PATIENCE_NS = 200_000_000  # after that nobody knows any more what was meant


@dataclass
class PlanAfterSleep:
    """`plan` was followed when the bridge hung; it woke up at `woke_ns`."""

    plan: Plan
    woke_ns: int
    is_over: bool = False
    _first: tuple[int, NDArray[np.float64]] | None = field(default=None)

    def is_followed(self, measured: NDArray[np.float64], stamp_ns: int, is_arm: NDArray[np.bool_]) -> bool:
        """Take in a joint state `(D,)`; return whether it and those before it since the sleep show the arms on the plan.

        Answers once: `is_over` from then on.
        """
        if self.is_over or stamp_ns <= self.woke_ns:
            return False
        if stamp_ns - self.woke_ns > PATIENCE_NS:
            self.is_over = True
        elif self._first is None:
            self._first = stamp_ns, measured
        elif (dt_ns := stamp_ns - self._first[0]) >= LOOK_NS:
            self.is_over = True
            velocity = (measured - self._first[1]) / (dt_ns * 1e-9)
            return is_followed_closely(self.plan, measured, velocity, is_arm, stamp_ns)
        return False
