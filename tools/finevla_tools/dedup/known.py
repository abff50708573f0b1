"""Distances of one group, as many as its cut needs: lazily up to a given distance, else all of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_tools.dedup.clusters import TREES, Clusters, Cut, DistancesOf, cluster, from_merges, looked_up
from finevla_tools.dedup.cost import Measure, Prepared, Trajectory, prepare
from finevla_tools.dedup.store import Work, condensed_of

LONG = 20_000  # pairs of a group from which on it has a progress line of its own


@dataclass(frozen=True)
class Known:
    """What came of one group of N.

    `condensed` are its distances where `is_exact` (None: everywhere), else lower bounds of them, or None if they are no
    longer at hand; `to_medoid` `(N,)`; `aligned` counts pairs.
    """

    clusters: Clusters
    condensed: NDArray[np.float64] | None
    is_exact: NDArray[np.bool_] | None
    to_medoid: NDArray[np.float64]
    aligned: int


def compare(name: str, trajectories: Sequence[Trajectory], measure: Measure, cut: Cut, store: Work) -> Known:
    """Clusters of a group and what had to be known for them; `name` is that of its distances in the store."""
    count = len(trajectories)
    if count < 2:
        return alone(count, cut)
    prepared = prepare(trajectories, measure)
    if _is_lazy(cut):
        return _lazily(name, prepared, cut, store)
    condensed = whole(name, prepared, store)
    clusters = cluster(condensed, count, cut)
    return Known(clusters, condensed, None, to_medoids(clusters, looked_up(condensed, count)), len(condensed))


@contextmanager
def distances(
    name: str, trajectories: Sequence[Trajectory], measure: Measure, cut: Cut, store: Work
) -> Iterator[DistancesOf]:
    """Those of a group that was compared: looked up where they are known, else computed."""
    if len(trajectories) < 2:
        yield looked_up(np.zeros(0), len(trajectories))
        return
    prepared = prepare(trajectories, measure)
    if not _is_lazy(cut):
        yield looked_up(whole(name, prepared, store), len(prepared))
        return
    exact = store.some(name, prepared)
    try:
        yield exact
    finally:
        exact.close()


def alone(count: int, cut: Cut) -> Known:
    """Of a group with nobody to compare with."""
    nothing = np.zeros(0)
    return Known(cluster(nothing, count, cut), nothing, None, np.zeros(count), 0)


def whole(name: str, prepared: Prepared, store: Work) -> NDArray[np.float64]:
    """All distances, condensed, on disk."""
    is_long = len(prepared) ** 2 // 2 > LONG
    return store.group(name, prepared, f"  {name[:40]}" if is_long else None)


def to_medoids(clusters: Clusters, of: DistancesOf) -> NDArray[np.float64]:
    """Each one's distance to its cluster's medoid `(N,)`, 0 for medoids."""
    own = clusters.medoids[clusters.labels - 1]
    others = np.flatnonzero(own != np.arange(len(own)))
    found = np.zeros(len(own))
    if len(others):
        found[others] = of(np.stack([others, own[others]], axis=1))
    return found


def _is_lazy(cut: Cut) -> bool:
    """Whether most pairs need not be aligned."""
    return cut.distance is not None and cut.method in TREES


def _lazily(name: str, prepared: Prepared, cut: Cut, store: Work) -> Known:
    from finevla_tools.dedup.lazy import Distances, linkage_to

    assert cut.distance is not None
    count, exact = len(prepared), store.some(name, prepared)
    try:
        lazy = Distances(prepared, exact)

        def of(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
            which = condensed_of(pairs, count)
            lazy.refine(which)
            return np.asarray(lazy.lower[which], np.float64)

        merges = linkage_to(lazy, cut.method, cut.distance)
        clusters = from_merges(merges, count, of, cut)
        found = to_medoids(clusters, of)
    finally:
        exact.close()
    return Known(clusters, lazy.lower, lazy.is_exact, found, lazy.aligned)
