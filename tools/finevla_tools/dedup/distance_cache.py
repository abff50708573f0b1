"""Known distances by condensed index: a dense array while it fits into memory, else sorted runs of the known ones."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Values = NDArray[Any]


class DistanceStore(Protocol):
    """Interface of a store of known distances in one group."""

    def get(self, which: Indices) -> Values:
        """Distances `(P,)` at condensed indices `(P,)`, NaN where they are not known."""
        ...

    def put(self, which: Indices, values: Values) -> None:
        """Store the distances `values` `(P,)` at condensed indices `which` `(P,)`."""
        ...


def distance_store(total: int, kind: np.dtype[Any], most_bytes: float) -> DistanceStore:
    """Return a store for `total` distances of type `kind` that uses about `most_bytes` of memory."""
    return Dense(total, kind) if total * kind.itemsize <= most_bytes else Sparse(kind, most_bytes)


class Dense:
    """Store with one array element per distance."""

    def __init__(self, total: int, kind: np.dtype[Any]) -> None:
        self._values = np.full(total, np.nan, kind)

    def get(self, which: Indices) -> Values:
        """Return distances `(P,)` at condensed indices `(P,)`, NaN where unknown."""
        return self._values[which]

    def put(self, which: Indices, values: Values) -> None:
        """Store the distances `values` `(P,)` at condensed indices `which` `(P,)`."""
        self._values[which] = values


class Sparse:
    """Store of sorted runs, each more than twice as long as the next, so that searches and merges stay few.

    At the memory limit no more distances are stored: those stay unknown.
    """

    def __init__(self, kind: np.dtype[Any], most_bytes: float) -> None:
        self._kind, self._room = kind, most_bytes / 2 / (8 + kind.itemsize)  # half of it: merging makes a copy
        self._runs: list[tuple[Indices, Values]] = []

    def get(self, which: Indices) -> Values:
        """Return distances `(P,)` at condensed indices `(P,)`, NaN where unknown."""
        values = np.full(len(which), np.nan, self._kind)
        for known, kept in self._runs:
            at = np.minimum(np.searchsorted(known, which), len(known) - 1)
            hit = known[at] == which
            values[hit] = kept[at[hit]]
        return values

    def put(self, which: Indices, values: Values) -> None:
        """Store the distances `values` `(P,)` at condensed indices `which` `(P,)`, unless memory is full."""
        if not len(which) or sum(len(known) for known, _ in self._runs) + len(which) > self._room:
            return
        while self._runs and len(self._runs[-1][0]) <= 2 * len(which):
            known, kept = self._runs.pop()
            which, values = np.concatenate([known, which]), np.concatenate([kept, values])
        order = np.argsort(which, kind="stable")
        self._runs.append((which[order], np.asarray(values[order], self._kind)))
