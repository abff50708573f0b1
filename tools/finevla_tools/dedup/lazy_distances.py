"""What needs only some of a group's distances: clusters up to a threshold, nearest neighbours, all pairs below a threshold.

All of them work alike. Take the lower bounds for the distances, solve the problem, look up which pairs the solution rests on;
compute those that are still bounds, and do it again. When it rests on exact distances alone, it is the solution for the
distances too, because all others are not smaller than what they were taken for.
"""

from collections.abc import Callable, Iterator, Sequence, Sized
from typing import cast

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, unknown
from finevla_tools.dedup.distance_lower_bounds import lower_bounds
from finevla_tools.dedup.dtw_distances import pair_distances
from finevla_tools.dedup.frame_cost import Prepared
from finevla_tools.dedup.trajectory_outlines import COARSE, FINE, outline

OfPairs = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""Pairs of indices (P, 2) to a number for each (P,)."""

METHODS = ("average", "complete", "single")
PAIRS_AT_ONCE = 1 << 20
# Of the pairs that a merge rests on a quarter is computed at a time where nothing tells how many it takes, and never fewer
# than so many: they keep the cores busy. Of those of a single-linkage merge the least are needed first.
SHARE, AT_LEAST, LEAST = 4, 4, 16


class Distances:
    """Distances of a group of n, in SciPy's condensed order, as far as anybody wanted to know them.

    `lower` `(n (n - 1) / 2,)` is never above the distance, and is the distance where `is_exact`. `exact` computes it, by
    default `pair_distances` of `prepared`; `bounds` are lower bounds, each better and dearer than the one before: the first
    is computed for all pairs at once. Only the length of `prepared` is used if both are given.
    `stage` counts the bounds that are in `lower`; above `stages` it is exact. `aligned` distances were computed.
    """

    def __init__(self, prepared: Sized, exact: OfPairs | None = None, bounds: Sequence[OfPairs] | None = None) -> None:
        self.n = len(prepared)
        self._exact = exact or (lambda pairs: pair_distances(cast(Prepared, prepared), pairs))
        self._bounds = tuple(_cascade(cast(Prepared, prepared)) if bounds is None else bounds)
        if not self._bounds:
            raise ValueError("distances need at least one lower bound; zero is one")
        self._starts = np.concatenate([[0], np.cumsum(np.arange(self.n - 1, 0, -1))])  # of each row of the triangle
        size = self.n * (self.n - 1) // 2
        self.lower = np.zeros(size)
        self.stage = np.ones(size, np.uint8)
        self.aligned = 0
        self.gain = 0.0  # sum of what `refine` added to the bounds
        for k in range(0, size, PAIRS_AT_ONCE):
            which = np.arange(k, min(k + PAIRS_AT_ONCE, size))
            self.lower[which] = self._bounds[0](self.pairs(which))

    @property
    def stages(self) -> int:
        """Number of lower bounds, each better than the one before."""
        return len(self._bounds)

    @property
    def is_exact(self) -> NDArray[np.bool_]:
        """Mask over the condensed pairs: True where the distance is computed, False where it is a lower bound."""
        return np.asarray(self.stage > self.stages)

    @property
    def settled(self) -> NDArray[np.int64]:
        """Counts of pairs left at the first bound, at the second, ..., and of pairs aligned."""
        return np.bincount(self.stage, minlength=self.stages + 2)[1:].astype(np.int64)

    def refine(self, which: NDArray[np.int64]) -> None:
        """Compute the exact distances at these condensed indices, where `lower` is still a bound."""
        which = np.unique(which)
        which = which[self.stage[which] <= self.stages]
        for k in range(0, len(which), PAIRS_AT_ONCE):
            part = which[k : k + PAIRS_AT_ONCE]
            found = self._exact(self.pairs(part))
            self.gain += float((found - self.lower[part]).sum())
            self.lower[part] = found
            self.stage[part] = self.stages + 1
            self.aligned += len(part)

    def advance(self, which: NDArray[np.int64]) -> None:
        """Improve `lower` at these condensed indices by one step: the next bound or, after the last, the distance."""
        which = np.unique(which)
        stages = self.stage[which]
        for stage, bound in enumerate(self._bounds[1:], 1):
            part = which[stages == stage]
            for k in range(0, len(part), PAIRS_AT_ONCE):
                some = part[k : k + PAIRS_AT_ONCE]
                self.lower[some] = np.maximum(self.lower[some], bound(self.pairs(some)))
                self.stage[some] += 1
        self.refine(which[stages == self.stages])

    def of(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the distances `(P,)` of `pairs` `(P, 2)`, computing unknown ones; 0 for an episode and itself."""
        first, second = np.asarray(pairs, np.int64).reshape(-1, 2).T
        found, is_other = np.zeros(len(first)), first != second
        which = self.index(first[is_other], second[is_other])
        self.refine(which)
        found[is_other] = self.lower[which]
        return found

    def pairs(self, which: NDArray[np.int64]) -> NDArray[np.int64]:
        """Convert condensed indices `(P,)` to pairs `(P, 2)`, the smaller index first."""
        first = np.searchsorted(self._starts, which, side="right") - 1
        return np.column_stack([first, which - self._starts[first] + first + 1])

    def index(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
        """Convert pairs of different indices, in either order, to condensed indices."""
        low, high = np.minimum(first, second), np.maximum(first, second)
        return np.asarray(self._starts[low] + high - low - 1)


def linkage_to(distances: Distances, method: str, threshold: float) -> NDArray[np.float64]:
    """SciPy's rows of those merges whose height is at most `threshold`; the tree above is not known.

    The tree of the bounds is that of the distances as far as its merges are decided. Greedy agglomeration (which SciPy's
    `average`, `complete` and `single` equal, all three being reducible) merges the two clusters that are least far apart. A
    cluster distance is a mean, largest or least of pair distances, so that of the bounds is never above the true one. If that
    of the chosen two is true, all true ones are at least as large, and the true tree merges the same two; and so on upward,
    until the least of the bounds is above the threshold, where all true ones are. Where two are equally far apart to the last
    bit either may be merged first, here as in SciPy, and the trees may differ in what follows from that.

    Parts of the group that no bound within the threshold joins are worked on apart. Raises `FineVLAError` for `ward`.
    """
    if method == "ward":
        raise FineVLAError(
            "Ward's linkage needs points in a space, not some of the distances: take average linkage, or compute them all"
        )
    if method not in METHODS:
        raise FineVLAError(unknown("linkage", method, METHODS))
    from scipy.cluster.hierarchy import linkage

    _without_bounds(distances)
    done: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    work: list[NDArray[np.int64]] = [np.arange(distances.n)]
    decided: set[bytes] = set()
    while work:
        parts = [part for group in work for part in _connected(distances, group, threshold)]
        work, wanted = [], []
        for part, bounds in parts:
            tree = linkage(bounds, method)
            tree = tree[tree[:, 2] <= threshold]
            if undecided := list(_undecided(distances, part, tree, method, threshold, decided)):
                wanted += undecided
                work.append(part)
            else:
                done.append((part, tree))
        if wanted:
            distances.advance(np.concatenate(wanted))
    return _joined(distances.n, done)


def nearest(distances: Distances, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k nearest others of each, and how far they are, both (n, k), nearest first, of equally far ones the lower index.

    A true distance is not below its bound: if the k least bounds of a row are exact, nothing else can be among them.
    """
    if not 1 <= k < distances.n:
        raise FineVLAError(f"{k} nearest of a group of {distances.n}: ask for 1 to {distances.n - 1}")
    _without_bounds(distances)
    found = np.empty((distances.n, k), np.int64)
    open_rows: NDArray[np.int64] = np.arange(distances.n)
    while len(open_rows):
        wanted, still = [], []
        for row in open_rows.tolist():
            others = np.delete(np.arange(distances.n), row)
            which = distances.index(np.full(distances.n - 1, row), others)
            bounds = distances.lower[which]
            among = np.flatnonzero(bounds <= np.partition(bounds, k - 1)[k - 1])
            among = among[np.argsort(bounds[among], kind="stable")][:k]
            found[row] = others[among]
            inexact = which[among][distances.stage[which[among]] <= distances.stages]
            if len(inexact):
                wanted.append(inexact)
                still.append(row)
        if wanted:
            distances.advance(np.concatenate(wanted))
        open_rows = np.array(still, np.int64)
    rows = np.repeat(np.arange(distances.n), k)
    return found, distances.lower[distances.index(rows, found.ravel())].reshape(-1, k)


def within(distances: Distances, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """All pairs (P, 2) whose distance is at most `threshold`, in condensed order, and their distances (P,)."""
    while len(wanted := np.flatnonzero((distances.lower <= threshold) & ~distances.is_exact)):
        distances.advance(wanted)
    which = np.flatnonzero(distances.lower <= threshold)
    return distances.pairs(which), distances.lower[which]


def _cascade(prepared: Prepared) -> list[OfPairs]:
    """Bounds of coarse outlines, then of fine ones."""
    outlines = [outline(prepared, frames) for frames in (COARSE, FINE)]
    return [lambda pairs, one=one: lower_bounds(prepared, pairs, one) for one in outlines]  # type: ignore[misc]


def _without_bounds(distances: Distances) -> None:
    """Where the bounds say nothing at all (FineVLA's own distance has none) everything is needed, and best at once."""
    if not distances.lower.any():
        distances.refine(np.arange(len(distances.lower)))


def _of_group(distances: Distances, group: NDArray[np.int64]) -> NDArray[np.float64]:
    """Condensed bounds of a group of ascending indices."""
    if len(group) == distances.n:
        return distances.lower
    first, second = np.triu_indices(len(group), 1)
    return distances.lower[distances.index(group[first], group[second])]


def _connected(
    distances: Distances, group: NDArray[np.int64], threshold: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Parts of two and more of `group`, and their bounds, between which none is within the threshold: nothing joins them."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(group) < 2:
        return
    bounds = _of_group(distances, group)
    labels = fcluster(linkage(bounds, "single"), threshold, "distance")
    if labels.max() == 1:
        yield group, bounds
        return
    order = np.argsort(labels, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if len(part) > 1:
            yield group[part], _of_group(distances, group[part])


def _joined(n: int, done: list[tuple[NDArray[np.int64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """One tree of the trees of separate parts: rows by height, clusters numbered as SciPy does."""
    rows = [(height, at, row) for at, (_, tree) in enumerate(done) for row, height in enumerate(tree[:, 2].tolist())]
    rows.sort()
    names = [part.tolist() for part, _ in done]  # of each part's clusters in the whole tree, leaves first
    joined = np.empty((len(rows), 4))
    for k, (height, at, row) in enumerate(rows):
        one, other, _, size = done[at][1][row]
        joined[k] = *sorted((names[at][int(one)], names[at][int(other)])), height, size
        names[at].append(n + k)
    return joined


def _undecided(
    distances: Distances,
    part: NDArray[np.int64],
    tree: NDArray[np.float64],
    method: str,
    threshold: float,
    decided: set[bytes],
) -> Iterator[NDArray[np.int64]]:
    """What the merges rest on: the better bounds of all of them, and distances of the lowest that are not decided.

    `decided` are merges that were: what they rest on stays exact.
    """
    members = [part[[i]] for i in range(len(part))]
    is_decided = np.ones(len(part) + len(tree), bool)
    is_top = np.ones(len(part) + len(tree), bool)
    for node, (one, other, height, _) in enumerate(tree.tolist(), len(part)):
        left, right = members[int(one)], members[int(other)]
        members.append(np.concatenate([left, right]))
        is_top[[int(one), int(other)]] = False
        is_lowest = is_decided[int(one)] and is_decided[int(other)]
        if method != "single" and not is_lowest:
            is_decided[node] = False
            continue
        name = members[-1].tobytes() + len(left).to_bytes(4)
        if name in decided:
            continue
        which = distances.index(np.repeat(left, len(right)), np.tile(right, len(left)))
        rests_on = which[[np.argmin(distances.lower[which])]] if method == "single" else which
        if (distances.stage[rests_on] > distances.stages).all():
            decided.add(name)
            continue
        is_decided[node] = False
        missing = (threshold - height) * len(which)
        which = which[distances.stage[which] <= distances.stages]
        if method == "single":
            yield _least(distances, which[distances.lower[which] <= threshold])
        elif (distances.stage[which] == distances.stages).all():
            yield _most_telling(distances, which, missing if method == "average" else None)
    if method != "single":
        for node in np.flatnonzero(is_top & ~is_decided).tolist():
            first, second = np.triu_indices(len(members[node]), 1)
            which = distances.index(members[node][first], members[node][second])
            yield which[distances.stage[which] < distances.stages]


def _least(distances: Distances, which: NDArray[np.int64]) -> NDArray[np.int64]:
    return which[np.argsort(distances.lower[which], kind="stable")[:LEAST]]


def _most_telling(distances: Distances, which: NDArray[np.int64], missing: float | None) -> NDArray[np.int64]:
    """Of the pairs that a merge rests on, those with the largest bounds: as many as may show that it is none.

    `missing` is by how much the sum of bounds is below that of a merge above the threshold, if it is the sum that counts.
    """
    count = -(-len(which) // SHARE)
    if missing is not None and distances.gain:
        count = int(missing * distances.aligned / distances.gain) + 1
    return which[np.argsort(-distances.lower[which], kind="stable")[: max(count, AT_LEAST)]]
