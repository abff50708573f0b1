"""Distances that were found, by condensed index: a whole row of places while that fits into memory, else only those found."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Values = NDArray[Any]


class Found(Protocol):
    """What is known of a group's distances."""

    def get(self, which: Indices) -> Values:
        """Distances `(P,)` at condensed indices `(P,)`, NaN where they are not known."""
        ...

    def put(self, which: Indices, values: Values) -> None:
        """These are known now."""
        ...


def found(total: int, kind: np.dtype[Any], most_bytes: float) -> Found:
    """For `total` distances of type `kind`, in about `most_bytes` of memory."""
    return Dense(total, kind) if total * kind.itemsize <= most_bytes else Sparse(kind, most_bytes)


class Dense:
    """A place for each distance."""

    def __init__(self, total: int, kind: np.dtype[Any]) -> None:
        self._values = np.full(total, np.nan, kind)

    def get(self, which: Indices) -> Values:
        """As `Found`."""
        return self._values[which]

    def put(self, which: Indices, values: Values) -> None:
        """As `Found`."""
        self._values[which] = values


class Sparse:
    """Sorted runs, each more than twice as long as the next, so that there are few to search and little to merge.

    When they would take more memory than allowed, no more are taken in: what was put is then not known here.
    """

    def __init__(self, kind: np.dtype[Any], most_bytes: float) -> None:
        self._kind, self._room = kind, most_bytes / 2 / (8 + kind.itemsize)  # half of it: merging makes a copy
        self._runs: list[tuple[Indices, Values]] = []

    def get(self, which: Indices) -> Values:
        """As `Found`."""
        values = np.full(len(which), np.nan, self._kind)
        for known, kept in self._runs:
            at = np.minimum(np.searchsorted(known, which), len(known) - 1)
            hit = known[at] == which
            values[hit] = kept[at[hit]]
        return values

    def put(self, which: Indices, values: Values) -> None:
        """As `Found`."""
        if not len(which) or sum(len(known) for known, _ in self._runs) + len(which) > self._room:
            return
        while self._runs and len(self._runs[-1][0]) <= 2 * len(which):
            known, kept = self._runs.pop()
            which, values = np.concatenate([known, which]), np.concatenate([kept, values])
        order = np.argsort(which, kind="stable")
        self._runs.append((which[order], np.asarray(values[order], self._kind)))
