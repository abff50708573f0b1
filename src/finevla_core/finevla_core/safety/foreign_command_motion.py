"""Where a stranger leads a controller: what is commanded by somebody who is not the bridge."""

import itertools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from finevla_core.time_units import S_PER_NS


@dataclass
class StrangerLead:
    """Where a controller's values were, and how fast, when a stranger took over, and the straight lines it leads them on."""

    clock_ns: int
    position: NDArray[np.float64]
    velocity: NDArray[np.float64]
    _knots: list[tuple[int, NDArray[np.float64]]] = field(default_factory=list)

    def lead(self, times_ns: NDArray[np.int64], places: NDArray[np.float64]) -> None:
        """Note points without velocities: a controller goes straight from one to the next."""
        later = times_ns > self.clock_ns
        self._knots = [(self.clock_ns, self.position), *zip(times_ns[later].tolist(), places[later], strict=True)]

    def led(self, clock_ns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Position and velocity on those lines; as if nobody had taken over where there are none."""
        for (a_ns, a), (b_ns, b) in itertools.pairwise(self._knots):
            if a_ns <= clock_ns < b_ns:
                velocity = (b - a) / ((b_ns - a_ns) * S_PER_NS)
                return a + velocity * ((clock_ns - a_ns) * S_PER_NS), velocity
        if self._knots:
            return self._knots[-1][1], np.zeros(len(self.position))
        return self.at(clock_ns), self.velocity

    def at(self, clock_ns: int) -> NDArray[np.float64]:
        """Where they would be if nobody had."""
        return self.position + self.velocity * max(0.0, (clock_ns - self.clock_ns) * S_PER_NS)
