"""Which episodes of a group are alike: a tree or k-medoids over their distances, cut where told or where the data say.

Clusters are numbered by size, the largest first, of equal ones that with the first member; nothing here depends on a draw
but k-medoids, whose seed is in the `Cut`. Where episodes tie, the lower index wins: hand them over in a fixed order.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.linalg import eigh
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

from finevla_core.errors import FineVLAError, unknown
from finevla_core.plural_phrases import counted
from finevla_tools.dedup.automatic_cut import Candidate, best, candidates

DistancesOf = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""Pairs of indices `(P, 2)` to their distances `(P,)`."""

TREES, WARD, KMEDOIDS = ("average", "complete", "single"), "ward", "kmedoids"
METHODS = (*TREES, WARD, KMEDOIDS)
WARD_DIMENSIONS = 10  # as FineVLA embeds
PAIRS_AT_ONCE = 1 << 20
TIE = 1e-12  # relative: sums of the same distances in another order differ by less


@dataclass(frozen=True)
class Cut:
    """How alike episodes are gathered, and where that ends.

    At most one of `distance` (merges up to and including that height are made; the measure's units) and `count`
    (at most that many clusters; fewer where merges tie). Neither: `automatic.py` looks for the height.
    `seed` is that of k-medoids.
    """

    method: str = "average"
    distance: float | None = None
    count: int | None = None
    seed: int = 42

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise FineVLAError(unknown("clustering", self.method, METHODS))
        if self.distance is not None and self.count is not None:
            raise FineVLAError("the clusters are cut by distance and by count: give one of them")
        if self.distance is not None and not (math.isfinite(self.distance) and self.distance >= 0):
            raise FineVLAError(f"clusters cannot be cut at distance {self.distance}: it is a number from 0 up")
        if self.count is not None and self.count < 1:
            raise FineVLAError(f"{counted(self.count, 'cluster')} cannot be made: ask for 1 or more")
        if self.distance is not None and self.method in (WARD, KMEDOIDS):
            what = "k-medoids has no heights" if self.method == KMEDOIDS else "Ward's heights are no distances"
            raise FineVLAError(f"{what}, so there is no cut by distance: give a count, or take average linkage")


@dataclass(frozen=True)
class Clusters:
    """Partition of N episodes into K clusters."""

    labels: NDArray[np.int64]  # (N,), 1..K
    medoids: NDArray[np.int64]  # (K,), of cluster 1..K: the member with the least sum of distances to the others
    linkage: NDArray[np.float64] | None  # SciPy's; of `from_merges` only the merges made; None: there was no tree
    how: str  # one sentence for the report
    distance: float | None = None  # height of the cut, in the tree's units
    candidates: tuple[Candidate, ...] = ()  # what the automatic cut weighed

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Sizes `(K,)` of clusters 1 to K."""
        return np.bincount(self.labels, minlength=len(self.medoids) + 1)[1:].astype(np.int64)

    def members(self, label: int) -> NDArray[np.int64]:
        """Indices of a cluster's episodes, ascending."""
        return np.flatnonzero(self.labels == label)


def cluster(condensed: NDArray[np.float64], n: int, cut: Cut) -> Clusters:
    """Cluster `n` episodes by all their distances `(n (n - 1) / 2,)` in SciPy's order, which are only read.

    Needs 8 n² bytes for k-medoids and the automatic cut, half of that otherwise. Raises `FineVLAError` for a distance
    that is not finite or below 0.
    """
    if len(condensed) != n * (n - 1) // 2:
        raise ValueError(f"{counted(n, 'episode', 'have')} {n * (n - 1) // 2} distances, not {len(condensed)}")
    if len(condensed) and not (np.isfinite(low := condensed.min()) and low >= 0 and np.isfinite(condensed.max())):
        raise FineVLAError(f"{_strange(condensed, n)} - leave out the episodes that cannot be compared")
    look_up = looked_up(condensed, n)
    if n < 2:
        return grouped(np.arange(n), look_up, None, "one episode, nothing to compare it with" if n else "no episodes")
    if cut.method == KMEDOIDS:
        return _k_medoids(condensed, n, cut, look_up)
    tree, what = _tree(condensed, n, cut.method)
    labels, distance, where, weighed = _cut(tree, condensed, n, cut)
    return grouped(labels, look_up, tree, f"{what} {where}", distance, weighed)


def from_merges(merges: NDArray[np.float64], n: int, distances_of: DistancesOf, cut: Cut) -> Clusters:
    """Make clusters from the rows of SciPy's linkage up to height `cut.distance` alone."""
    if cut.distance is None:
        raise ValueError("merges end at a distance: the cut has to name it")
    rows = np.repeat(n + np.arange(len(merges)), 2)
    edges = coo_array(
        (np.ones(len(rows)), (rows, merges[:, :2].astype(np.int64).ravel())), shape=(n + len(merges),) * 2
    )
    labels = connected_components(edges, directed=False)[1][:n]
    return grouped(labels, distances_of, merges, f"{cut.method} linkage {_given(cut.distance)}", cut.distance)


def grouped(
    labels: NDArray[np.integer],
    distances_of: DistancesOf,
    tree: NDArray[np.float64] | None,
    how: str,
    distance: float | None = None,
    weighed: tuple[Candidate, ...] = (),
) -> Clusters:
    """Make clusters from any labels `(N,)`: renumber them by size and find the medoids."""
    labels = by_size(labels)
    return Clusters(labels, medoids(labels, distances_of), tree, how, distance, weighed)


def by_size(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Renumber labels `(N,)` from 1: the largest cluster first, ties by the first member."""
    _, first, inverse, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(1, len(first) + 1)
    return rank[inverse]


def medoids(labels: NDArray[np.int64], distances_of: DistancesOf) -> NDArray[np.int64]:
    """Return medoids `(K,)` for labels `(N,)` 1 to K: least sum of distances to the others, ties to the lowest."""
    sums = np.zeros(len(labels))
    for pairs in pairs_within(labels):
        apart = distances_of(pairs)
        for side in (0, 1):
            sums += np.bincount(pairs[:, side], apart, len(labels))
    count = int(labels.max(initial=0))
    least = np.full(count + 1, np.inf)
    np.minimum.at(least, labels, sums)
    of = np.flatnonzero(sums <= least[labels] * (1 + TIE))
    found = np.empty(count + 1, dtype=np.int64)
    found[labels[of[::-1]]] = of[::-1]  # written last: the first
    return found[1:]


def looked_up(condensed: NDArray[np.float64], n: int) -> DistancesOf:
    """Return a function from pairs `(P, 2)` to distances `(P,)` that reads the condensed array."""

    def distances_of(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        low, high = np.minimum(pairs[:, 0], pairs[:, 1]), np.maximum(pairs[:, 0], pairs[:, 1])
        return np.asarray(condensed[n * low - low * (low + 1) // 2 + high - low - 1], dtype=np.float64)

    return distances_of


def pairs_within(labels: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield all pairs of the same label, `PAIRS_AT_ONCE` or a few more at a time."""
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels))[labels[order]]  # of each place in `order`: where its cluster ends there
    others = ends - np.arange(len(order)) - 1
    calls = np.cumsum(others) // PAIRS_AT_ONCE
    for part in np.split(np.arange(len(order)), np.flatnonzero(np.diff(calls)) + 1):
        if total := int(others[part].sum()):
            first = np.repeat(part, others[part])
            nth = np.arange(total) - np.repeat(np.cumsum(others[part]) - others[part], others[part])
            yield np.stack([order[first], order[first + 1 + nth]], axis=1)


def _tree(condensed: NDArray[np.float64], n: int, method: str) -> tuple[NDArray[np.float64], str]:
    """SciPy's linkage, and its name in the sentence."""
    if method != WARD:
        return linkage(condensed, method), f"{method} linkage"
    points = _embedded(condensed, min(WARD_DIMENSIONS, n - 1))
    return linkage(points, WARD), (
        f"Ward's linkage on an embedding in {points.shape[1]} dimensions (it is valid of Euclidean distances alone)"
    )


def _embedded(condensed: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
    """Points `(N, dimensions)` about as far apart as given, by classical scaling (Torgerson 1952)."""
    squares = squareform(condensed) ** 2
    about = squares.mean(axis=0)
    inner = (about[:, None] + about - about.mean() - squares) / 2
    values, vectors = eigh(inner, subset_by_index=(len(inner) - dimensions, len(inner) - 1))
    # DTW keeps no triangle inequality: some axes would be imaginary.
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def _cut(
    tree: NDArray[np.float64], condensed: NDArray[np.float64], n: int, cut: Cut
) -> tuple[NDArray[np.int64], float | None, str, tuple[Candidate, ...]]:
    """Labels as SciPy's, the height, where that is in words, and what was weighed."""
    if cut.distance is not None:
        return fcluster(tree, cut.distance, "distance"), cut.distance, _given(cut.distance), ()
    if cut.count is not None:
        labels = fcluster(tree, cut.count, "maxclust")
        made = int(labels.max())
        said = "" if made == cut.count else f" ({cut.count} asked: there are no more episodes, or their merges tie)"
        return labels, height(tree, made), f"cut into {counted(made, 'cluster')} as asked{said}", ()
    weighed = candidates(tree, condensed)
    chosen, where = best(weighed, condensed)
    return fcluster(tree, chosen, "distance"), chosen, where, weighed


def _k_medoids(condensed: NDArray[np.float64], n: int, cut: Cut, look_up: DistancesOf) -> Clusters:
    """FasterPAM (Schubert and Rousseeuw 2021); without a count it takes that of the average tree's automatic cut."""
    import kmedoids

    weighed: tuple[Candidate, ...] = ()
    count, where = cut.count, "as asked"
    if count is None:
        labels, _, where, weighed = _cut(linkage(condensed, "average"), condensed, n, Cut())
        count, where = int(labels.max()), f"as average linkage {where}"
    # One thread: with more its draws differ from machine to machine.
    found = kmedoids.fasterpam(squareform(condensed), min(count, n), random_state=cut.seed, n_cpu=1)
    how = f"k-medoids (FasterPAM, seed {cut.seed}) into {counted(min(count, n), 'cluster')}, {where}"
    return grouped(found.labels.astype(np.int64), look_up, None, how, None, weighed)


def height(tree: NDArray[np.float64], count: int) -> float:
    """Half-way between the last merge made and the first not made where `tree` is cut into `count` clusters."""
    heights = np.concatenate([[0.0], tree[:, 2]])
    kept = len(heights) - count
    return float(heights[kept] if count == 1 else (heights[kept] + heights[kept + 1]) / 2)


def _given(distance: float) -> str:
    return f"cut at distance {distance:.4g} as asked"


def _strange(condensed: NDArray[np.float64], n: int) -> str:
    place = int(np.flatnonzero(~(np.isfinite(condensed) & (condensed >= 0)))[0])
    ends = np.cumsum(np.arange(n - 1, 0, -1))
    i = int(np.searchsorted(ends, place, side="right"))
    j = place - int(ends[i]) + n
    return f"episodes {i} and {j} of their group are {condensed[place]} apart, which is no distance"
