"""Chunks of actions as a data set's rows give them: resampled to the policy's step, masked behind the episode's end.

Row k of a chunk is the target (k + 1) * dt after the frame, as in `finevla_core.chunk`; the action of row i of a data set is
what was commanded for row i + 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAR = 1e-6  # of a row: times that differ by less are one


@dataclass(frozen=True)
class ChunkGrid:
    """`horizon` rows, each `steps` rows of the data set after the one before."""

    horizon: int
    steps: float

    def usable(self, targets: int) -> int:
        """Return how many frames of an episode with `targets` actions have at least one row to learn from."""
        return max(0, int(np.floor(targets - self.steps + NEAR)) + 1)

    def rows(
        self,
        frames: NDArray[np.int64],
        states: NDArray[np.float32],
        actions: NDArray[np.float32],
        targets: int,
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the chunks of frames of one episode.

        Args:
            frames: `(n,)` rows of the episode.
            states: `(T, D)` of the episode; only the first row counts, for steps smaller than the data set's.
            actions: `(T, D)` of the episode.
            targets: How many of the actions are real; behind them the last one is repeated.

        Returns:
            Chunks `(n, horizon, D)` float64, and which rows count `(n, horizon)`.
        """
        at = frames[:, None] + self.steps * np.arange(1, self.horizon + 1)
        nearest = np.round(at)
        at = np.where(np.abs(at - nearest) < NEAR * np.maximum(1.0, np.abs(at)), nearest, at)
        counts = at <= targets
        held = np.minimum(at, float(targets))
        low = np.floor(held).astype(np.int64)
        share = (held - low)[..., None]
        first, second = (self._targets(k, states, actions) for k in (low, np.minimum(low + 1, targets)))
        return np.where(share == 0.0, first, first * (1.0 - share) + second * share), counts

    @staticmethod
    def _targets(
        at: NDArray[np.int64], states: NDArray[np.float32], actions: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Where the arms shall be at rows of the data set; at the first one that is where they are."""
        found = actions[np.maximum(at - 1, 0)].astype(np.float64)
        return np.where((at == 0)[..., None], states[0].astype(np.float64), found)
