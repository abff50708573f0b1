"""Groups too large for a matrix: clusters of blocks are exact, what lies across blocks is joined by its medoids.

An approximation. 1. Halve the group again and again, at a gap between two episodes far apart, until a part is no larger than
a block: what is alike mostly falls together. 2. Cluster each block exactly. 3. Do the same with the medoids, halved elsewhere
and cut looser, until all fit into one block or hardly any is joined: heaps of what may belong together. 4. Cluster each heap
exactly. That is exact clustering, unless a cluster was torn into two heaps, or a heap is larger than a block: then its medoids
stand for their clusters. What it costs, test/benchmark/dedup_blocks.py measures.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.dedup.clusters import (
    KMEDOIDS,
    Clusters,
    Cut,
    DistancesOf,
    by_size,
    cluster,
    grouped,
    medoids,
    pairs_within,
)

Indices = NDArray[np.int64]
Exactly = Callable[[Indices, Cut], Clusters]
"""Clusters of these episodes alone, labels and medoids by their place among them."""

BLOCK = 5000  # episodes; their matrix takes 200 MB
ROUNDS = 4
LOOSE = 1.5  # times the cut: medoids of two parts of a cluster may be farther apart than average linkage has the parts
HARDLY = 0.01  # of the medoids: a round that joins fewer is the last
MIDDLE = 0.15  # of a part, to both sides of its half: there the gap is looked for


def cluster_blocks(
    n: int, distances_of: DistancesOf, cut: Cut, block: int = BLOCK, exactly: Exactly | None = None
) -> Clusters:
    """Like `cluster`, of `n` episodes whose distances are asked for: about n block / 2 of them and never kept.

    Up to `block` episodes it is exact. `exactly` clusters one block another way, by lower bounds for instance. An automatic
    cut is the median of those that the blocks find. k-medoids is that of a sample, and the nearest medoid for everyone else
    (CLARA; Kaufman and Rousseeuw 1990). Raises `FineVLAError` for cuts that have no such approximation.
    """
    if block < 2:
        raise FineVLAError(
            f"blocks of {counted(block, 'episode')} have nothing to compare: give 2 or more, as many as memory allows"
        )
    group = _Group(distances_of, exactly or _Exact(distances_of), block, np.random.default_rng(cut.seed))
    if n <= block:
        return group.exactly(np.arange(n), cut)
    if cut.method == KMEDOIDS:
        return _clara(group, n, cut)
    if cut.method not in ("average", "complete"):
        raise FineVLAError(
            f"{cut.method} linkage cannot be approximated by blocks, and {counted(n, 'episode', 'are')} "
            f"more than a block of {block}: "
            f"take average or complete linkage, or a larger block"
        )
    if cut.count is not None:
        return _by_count(group, n, cut)
    return _by_distance(group, n, cut)


@dataclass(frozen=True)
class _Exact:
    """One block by its whole matrix."""

    distances_of: DistancesOf

    def __call__(self, members: Indices, cut: Cut) -> Clusters:
        every = pairs_within(np.ones(len(members), dtype=np.int64))
        parts = [np.asarray(self.distances_of(members[pairs]), dtype=np.float64) for pairs in every]
        return cluster(np.concatenate([np.zeros(0), *parts]), len(members), cut)


@dataclass(frozen=True)
class _Group:
    distances_of: DistancesOf
    exactly: Exactly
    block: int
    rng: np.random.Generator

    def from_one(self, index: int, others: Indices) -> NDArray[np.float64]:
        """Distances to `others`, 0 to itself."""
        apart, far = np.zeros(len(others)), others != index
        if far.any():
            apart[far] = self.distances_of(np.stack([np.full(far.sum(), index), others[far]], axis=1))
        return apart

    def blocks(self, members: Indices) -> Iterator[Indices]:
        """Parts of at most `block`, like with like; three distances for each member and halving."""
        if len(members) <= self.block:
            yield np.sort(members)
            return
        one = members[np.argmax(self.from_one(int(self.rng.choice(members)), members))]
        to_one = self.from_one(int(one), members)
        other = members[np.argmax(to_one)]
        side = to_one - self.from_one(int(other), members)
        order = np.argsort(side, kind="stable")
        first, last = int(len(order) * (0.5 - MIDDLE)), int(len(order) * (0.5 + MIDDLE))
        at = first + 1 + int(np.argmax(np.diff(side[order[first : last + 1]]))) if last > first else len(order) // 2
        yield from self.blocks(members[order[:at]])
        yield from self.blocks(members[order[at:]])

    def clustered(self, members: Indices, n: int, cut: Cut) -> tuple[Indices, Indices, int]:
        """Of each member its cluster, from 0; of each cluster its medoid; and how many blocks that took."""
        of, count = np.full(n, -1), 0
        centres: list[int] = []
        for part in self.blocks(members):
            found = self.exactly(part, cut)
            of[part] = found.labels - 1 + len(centres)
            centres += part[found.medoids].tolist()
            count += 1
        return of[members], np.array(centres, dtype=np.int64), count


def _by_distance(group: _Group, n: int, cut: Cut) -> Clusters:
    if cut.distance is None:
        first, centres, count, distance, where = _found(group, n, cut)
        cut = replace(cut, distance=distance)
    else:
        first, centres, count = group.clustered(np.arange(n), n, cut)
        distance, where = cut.distance, f"cut at distance {cut.distance:.4g} as asked"
    heaps, rounds = _heaps(group, n, centres, replace(cut, distance=LOOSE * distance))
    labels, last, joined = _sorted_out(group, n, cut, first, centres, heaps)
    how = f"{cut.method} linkage {where}, approximately: {counted(len(centres), 'cluster')} of {count} blocks brought together"
    return _finished(group, labels, last, joined, f"{how}, rounds: {rounds}", distance)


def _heaps(group: _Group, n: int, centres: Indices, loose: Cut) -> tuple[Indices, int]:
    """Of each first cluster the heap of those that may belong together, from 0; and after how many rounds."""
    of, rounds = np.arange(len(centres)), 0
    while rounds < ROUNDS:
        before, rounds = len(centres), rounds + 1
        joined, centres, parts = group.clustered(centres, n, loose)
        of = joined[of]
        if parts == 1 or before - len(centres) < HARDLY * before:
            break
    return of, rounds


def _sorted_out(
    group: _Group, n: int, cut: Cut, first: Indices, centres: Indices, heaps: Indices
) -> tuple[Indices, Indices, NDArray[np.bool_]]:
    """Each heap clustered exactly; of one larger than a block only the medoids, and what was joined there is marked."""
    labels = np.full(n, -1)
    last: list[int] = []
    joined: list[bool] = []
    for episodes, mine in zip(_by_label(heaps[first]), _by_label(heaps), strict=True):
        if len(mine) == 1:
            labels[episodes], found = len(last), centres[mine]
            marks = [False]
        elif len(episodes) <= group.block:
            exact = group.exactly(episodes, cut)
            labels[episodes], found = exact.labels - 1 + len(last), episodes[exact.medoids]
            marks = [False] * len(found)
        else:
            of, found, _ = group.clustered(centres[mine], n, cut)
            place = np.full(len(centres), -1)
            place[mine] = of + len(last)
            labels[episodes] = place[first[episodes]]
            marks = (np.bincount(of) > 1).tolist()
        last += found.tolist()
        joined += marks
    return labels, np.array(last, dtype=np.int64), np.array(joined, dtype=np.bool_)


def _by_label(labels: Indices) -> list[Indices]:
    """Places of each label from 0 up, ascending."""
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[:-1])


def _found(group: _Group, n: int, cut: Cut) -> tuple[Indices, Indices, int, float, str]:
    """The first round where no distance is given: every block looks for its own, their median cuts them all."""
    trees = [(part, group.exactly(part, cut)) for part in group.blocks(np.arange(n))]
    clear = [found.distance or 0.0 for _, found in trees if any(c.stands_out for c in found.candidates)]
    # Where most blocks see nothing stand out, a few that do are no evidence.
    chosen = clear if 2 * len(clear) >= len(trees) else [found.distance or 0.0 for _, found in trees]
    distance = float(np.median(chosen))
    of = np.full(n, -1)
    centres: list[int] = []
    for part, found in trees:
        again = _cut_again(group, part, found, distance)
        of[part] = again.labels - 1 + len(centres)
        centres += part[again.medoids].tolist()
    seen = f"a leap of the merge heights stands out in {len(clear) or 'none'}"
    where = f"cut at distance {distance:.4g}, the median of what the blocks found ({seen} of {len(trees)})"
    return of, np.array(centres, dtype=np.int64), len(trees), distance, where


def _cut_again(group: _Group, part: Indices, found: Clusters, distance: float) -> Clusters:
    labels = found.labels if found.linkage is None else fcluster(found.linkage, distance, "distance")
    return grouped(labels, lambda pairs: group.distances_of(part[pairs]), None, "")


def _by_count(group: _Group, n: int, cut: Cut) -> Clusters:
    """Blocks are cut into more clusters than asked, as many as a block holds; their medoids into as many as asked."""
    assert cut.count is not None
    parts = list(group.blocks(np.arange(n)))
    room = group.block - len(parts)
    _hold(cut.count, room, group.block)
    first = np.full(n, -1)
    centres: list[int] = []
    for part in parts:
        found = group.exactly(part, replace(cut, count=-(-room * len(part) // n)))
        first[part] = found.labels - 1 + len(centres)
        centres += part[found.medoids].tolist()
    joined, last, _ = group.clustered(np.array(centres, dtype=np.int64), n, cut)
    how = (
        f"{cut.method} linkage cut into {counted(len(last), 'cluster')} as asked, approximately: "
        f"medoids of {counted(len(centres), 'cluster')} of {len(parts)} blocks joined"
    )
    return _finished(group, joined[first], last, np.bincount(joined) > 1, how, None)


def _hold(count: int | None, room: int, block: int) -> None:
    if count is not None and count > room:
        raise FineVLAError(
            f"{counted(count, 'cluster', 'are')} more than a block of {block} can hold: cut by distance, or take larger blocks"
        )


def _clara(group: _Group, n: int, cut: Cut) -> Clusters:
    _hold(cut.count, group.block, group.block)
    sample = np.sort(group.rng.choice(n, group.block, replace=False))
    found = group.exactly(sample, cut)
    centres, labels, least = sample[found.medoids], np.zeros(n, dtype=np.int64), np.full(n, np.inf)
    for k, centre in enumerate(centres.tolist()):
        apart = group.from_one(centre, np.arange(n))
        closer = apart < least
        labels[closer], least[closer] = k, apart[closer]
    labels[centres] = np.arange(len(centres))  # of two that are the same each keeps its cluster
    how = f"{found.how}, approximately: of a sample of {len(sample)}, everyone else to the nearest medoid"
    return _finished(group, labels, centres, np.zeros(len(centres), dtype=np.bool_), how, None)


def _finished(
    group: _Group, labels: Indices, centres: Indices, joined: NDArray[np.bool_], how: str, distance: float | None
) -> Clusters:
    """Numbered by size; clusters that were `joined` get the medoid of all their members, if they are no more than a block."""
    again = np.flatnonzero((joined & (np.bincount(labels) <= group.block))[labels])
    numbered = by_size(labels)
    centres = centres.copy()
    if len(again):
        whole = np.unique(labels[again], return_inverse=True)
        found = medoids(whole[1].astype(np.int64) + 1, lambda pairs: group.distances_of(again[pairs]))
        centres[whole[0]] = again[found]
    ordered = np.empty(len(centres), dtype=np.int64)
    ordered[numbered[centres] - 1] = centres
    return Clusters(numbered, ordered, None, how, distance)
