"""The newest joint state that is believed: where the arms are, how fast they move, and whether that is still true."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import NS

# An arm that moved by more than this beyond what its speed allows did not move: the reading jumped.
JUMP_SHARE, JUMP_RAD = 1.5, 0.02


class MeasuredArms:
    """Position and velocity `(D,)` in values, None before the first joint state, and the stamp of the newest one."""

    def __init__(self, embodiment: Embodiment, limits: Limits, timeout_s: float) -> None:
        self.embodiment, self.limits, self.timeout_s = embodiment, limits, timeout_s
        self.position: NDArray[np.float64] | None = None
        self.velocity: NDArray[np.float64] | None = None
        self.stamp_ns = 0

    def read(self, names: Sequence[str], positions: Sequence[float]) -> NDArray[np.float64] | None:
        """Return values `(D,)` of a joint state, None if it lacks joints of this robot; further joints are ignored."""
        order = self.embodiment.order_in(names)
        if len(positions) != len(names) or order is None:
            return None
        return self.embodiment.to_values([positions[i] for i in order])

    def note(self, position: NDArray[np.float64], stamp_ns: int, is_continued: bool) -> bool:
        """Take a newer reading; True if the arms cannot have moved so fast. `is_continued`: the one before it counts."""
        jumped = False
        if self.position is None or not is_continued:
            self.velocity = None
        else:
            dt_s = (stamp_ns - self.stamp_ns) * NS
            moved = (position - self.position) * ~self.limits.is_gripper
            self.velocity = moved / dt_s
            jumped = bool((abs(moved) > JUMP_SHARE * self.limits.velocity * dt_s + JUMP_RAD).any())
        self.position, self.stamp_ns = position, stamp_ns
        return jumped

    def is_fresh(self, now_ns: int) -> bool:
        """Whether it tells where the arms are now."""
        return self.position is not None and abs(now_ns - self.stamp_ns) * NS < self.timeout_s

    def moves(self, rest_velocity: float) -> bool:
        """Whether a joint was measured faster than that."""
        return self.velocity is not None and bool(abs(self.velocity).max() > rest_velocity)
