"""Compare and cluster one group: by bounds up to a given distance, in blocks if large, else with all distances."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster

from finevla_core.plural_phrases import counted
from finevla_tools.dedup.clusters import TREES, Clusters, Cut, DistancesOf, cluster, from_merges, grouped, looked_up
from finevla_tools.dedup.distance_store import Work, condensed_of
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory, Prepared, prepare

if TYPE_CHECKING:
    from finevla_tools.dedup.lazy_distances import Distances

BLOCK = 5000  # episodes of a group that is compared as a whole
LAZY_CELLS = 10_000  # of a pair's table: shorter ones are aligned in the time that bounds and rounds of them take
LONG = 20_000  # pairs of a group from which on it has a progress line of its own


@dataclass(frozen=True)
class GroupResult:
    """Result of one group of N episodes.

    `condensed` are its distances where `is_exact` (None: everywhere), else lower bounds of them; None if they are not
    kept. `to_medoid` `(N,)` are distances to the own cluster's medoid; `aligned` counts the pairs that were aligned by
    DTW.
    """

    clusters: Clusters
    condensed: NDArray[np.float64] | None
    is_exact: NDArray[np.bool_] | None
    to_medoid: NDArray[np.float64]
    aligned: int


def compare(name: str, trajectories: Sequence[PoseTrajectory], measure: Metric, cut: Cut, store: Work) -> GroupResult:
    """Cluster a group of trajectories and return the result; `name` identifies its distances in the store."""
    count = len(trajectories)
    if count < 2:
        return alone(count, cut)
    prepared = prepare(trajectories, measure)
    if count > BLOCK:
        return _by_blocks(name, prepared, cut, store)
    if _is_lazy(cut, prepared):
        return _lazily(name, prepared, cut, store)
    condensed = whole(name, prepared, store)
    clusters = cluster(condensed, count, cut)
    return GroupResult(clusters, condensed, None, to_medoids(clusters, looked_up(condensed, count)), len(condensed))


@contextmanager
def distances(
    name: str, trajectories: Sequence[PoseTrajectory], measure: Metric, cut: Cut, store: Work
) -> Iterator[DistancesOf]:
    """Yield a function that returns distances within a group already compared, from the store or computed."""
    if len(trajectories) < 2:
        yield looked_up(np.zeros(0), len(trajectories))
        return
    prepared = prepare(trajectories, measure)
    if _is_lazy(cut, prepared) or len(prepared) > BLOCK:
        with closing(store.some(name, prepared)) as exact:
            yield exact
    else:
        yield looked_up(whole(name, prepared, store), len(prepared))


def tells(found: GroupResult) -> bool:
    """Return whether the automatic cut found a clear gap."""
    return any(candidate.stands_out for candidate in found.clusters.candidates)


def cut_again(found: GroupResult, distance: float, groups: int, of: DistancesOf) -> GroupResult:
    """Cut a group without a clear gap again, at `distance`, the median of `groups` groups that have one."""
    assert found.clusters.linkage is not None
    labels = fcluster(found.clusters.linkage, distance, "distance")
    how = (
        f"cut at distance {distance:.4g}, the median of {counted(groups, 'group')} that tell: no leap of the heights stands "
        "out here"
    )
    clusters = grouped(labels, of, found.clusters.linkage, how, distance)
    return replace(found, clusters=clusters, to_medoid=to_medoids(clusters, of))


def alone(count: int, cut: Cut) -> GroupResult:
    """Return the result of a group of no or one episode."""
    nothing = np.zeros(0)
    return GroupResult(cluster(nothing, count, cut), nothing, None, np.zeros(count), 0)


def whole(name: str, prepared: Prepared, store: Work) -> NDArray[np.float64]:
    """Return all distances of a group, condensed, from the store; missing ones are computed."""
    is_long = len(prepared) ** 2 // 2 > LONG
    return store.group(name, prepared, f"  {name[:40]}" if is_long else None)


def to_medoids(clusters: Clusters, of: DistancesOf) -> NDArray[np.float64]:
    """Return each episode's distance to its cluster's medoid `(N,)`, 0 for medoids."""
    own = clusters.medoids[clusters.labels - 1]
    others = np.flatnonzero(own != np.arange(len(own)))
    found = np.zeros(len(own))
    if len(others):
        found[others] = of(np.stack([others, own[others]], axis=1))
    return found


def _is_lazy(cut: Cut, prepared: Prepared) -> bool:
    """Return whether lower bounds save time: a cut by distance, and trajectories long enough."""
    is_worth_it = float(prepared.lengths.mean()) ** 2 >= LAZY_CELLS
    return cut.distance is not None and cut.method in TREES and is_worth_it


def _lazily(name: str, prepared: Prepared, cut: Cut, store: Work) -> GroupResult:
    from finevla_tools.dedup.lazy_distances import Distances

    with closing(store.some(name, prepared)) as exact:
        lazy = Distances(prepared, exact)
        clusters = _linked(lazy, cut)
        found = to_medoids(clusters, _refined(lazy))
    return GroupResult(clusters, lazy.lower, lazy.is_exact, found, lazy.aligned)


def _by_blocks(name: str, prepared: Prepared, cut: Cut, store: Work) -> GroupResult:
    """Cluster approximately by blocks (see `blocks`); pairs asked for twice may be counted twice in `aligned`."""
    from finevla_tools.dedup.distance_lower_bounds import lower_bounds
    from finevla_tools.dedup.large_group_blocks import cluster_blocks
    from finevla_tools.dedup.lazy_distances import Distances
    from finevla_tools.dedup.trajectory_outlines import COARSE, FINE, outline

    aligned, count = 0, len(prepared)
    with closing(store.some(name, prepared)) as exact:

        def of(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
            nonlocal aligned
            aligned += len(pairs)
            return exact(pairs)

        outlines = [outline(prepared, frames) for frames in (COARSE, FINE)] if _is_lazy(cut, prepared) else []

        def lazily(members: NDArray[np.int64], cut: Cut) -> Clusters:
            bounds = [lambda pairs, one=one: lower_bounds(prepared, members[pairs], one) for one in outlines]
            return _linked(Distances(members, lambda pairs: of(members[pairs]), bounds), cut)

        clusters = cluster_blocks(count, of, cut, BLOCK, lazily if outlines else None)
        found = to_medoids(clusters, of)
    return GroupResult(clusters, None, None, found, min(aligned, count * (count - 1) // 2))


def _linked(lazy: "Distances", cut: Cut) -> Clusters:
    """Cluster exactly with lower bounds, computing few of the distances."""
    from finevla_tools.dedup.lazy_distances import linkage_to

    assert cut.distance is not None
    return from_merges(linkage_to(lazy, cut.method, cut.distance), lazy.n, _refined(lazy), cut)


def _refined(lazy: "Distances") -> DistancesOf:
    def of(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        which = condensed_of(pairs, lazy.n)
        lazy.refine(which)
        return lazy.lower[which]

    return of
