"""Statistics of state and actions over everything that is learned from, in one pass and bounded memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 1 << 21  # rows that quantiles are taken of; of more, evenly spread ones
NAMES = ("mean", "std", "min", "max", "q01", "q99")


class RunningStatistics:
    """Mean, deviation, extremes and quantiles (1 %, 99 %) of D values, each over the rows that have it.

    All but the quantiles are exact however many rows there are; those are exact up to `MOST` rows.
    """

    def __init__(self, size: int, rows: int) -> None:
        """`rows` is how many will be added at most, which decides how many are kept for the quantiles."""
        self._stride, self._seen = max(1, -(-rows // MOST)), 0
        self._count = np.zeros(size, np.int64)
        self._mean, self._squares = np.zeros(size), np.zeros(size)
        self._low, self._high = np.full(size, np.inf), np.full(size, -np.inf)
        self._kept: list[NDArray[np.float64]] = []

    def add(self, rows: NDArray[np.float64], there: NDArray[np.bool_]) -> None:
        """Add rows `(n, D)`, of which the values `there` `(D,)` are real."""
        if not len(rows):
            return
        count = len(rows)
        mean = rows.mean(axis=0)
        squares = ((rows - mean) ** 2).sum(axis=0)
        total = self._count + count
        apart = mean - self._mean  # Chan, Golub, LeVeque 1979
        self._squares[there] += (squares + apart**2 * self._count * count / total)[there]
        self._mean[there] += (apart * count / total)[there]
        self._count[there] += count
        self._low[there] = np.minimum(self._low, rows.min(axis=0))[there]
        self._high[there] = np.maximum(self._high, rows.max(axis=0))[there]
        first = -self._seen % self._stride
        self._seen += count
        self._kept.append(np.where(there, rows, np.nan)[first :: self._stride])

    def result(self) -> Mapping[str, Any]:
        """Return lists of D numbers by name; a value that no row has is 0 throughout."""
        size = len(self._count)
        known = self._count > 0
        kept = np.concatenate(self._kept) if self._kept else np.zeros((0, size))
        quantiles = np.zeros((2, size))
        for k in np.flatnonzero(known):
            column = kept[:, k][~np.isnan(kept[:, k])]
            # Of a value that few rows have, none may have been kept.
            quantiles[:, k] = np.quantile(column, (0.01, 0.99)) if len(column) else (self._low[k], self._high[k])
        deviation = np.sqrt(self._squares / np.maximum(self._count, 1))
        rows = (self._mean, deviation, self._low, self._high, *quantiles)
        return {name: np.where(known, row, 0.0).tolist() for name, row in zip(NAMES, rows, strict=True)}
