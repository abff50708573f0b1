"""Select episodes: forced ones, one representative per cluster, then farthest-first until the budget is used.

Every episode gets a reason. Farthest-first (Gonzalez 1985): the next episode is the one farthest from all kept ones, so
the largest distance to a kept episode is at most twice the optimum. Only distances to kept episodes are computed.
"""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, unknown
from finevla_core.plural_phrases import counted
from finevla_tools.dedup.clusters import Clusters, DistancesOf

MEDOID, RANDOM = "medoid", "random"
FAR, SIZE = "far", "size"


@dataclass(frozen=True)
class Keep:
    """How many episodes to keep; by default one per cluster.

    `budget`: in all. `quota`: at most so many per cluster. `share`: fraction of each cluster, 0 to 1, rounded, at least
    one. `proportional`: divide the budget among the clusters by size (Sainte-Laguë, at least one each). `first`: whose
    representatives are taken when the budget is smaller than the number of clusters: `far`, the largest cluster's, then
    always the one farthest from those taken (computes budget times clusters distances); `size`, those of the largest
    clusters. `representatives` `random` draws by `seed` as FineVLA does: one of each cluster in order of its number,
    then from all that are left. Raises `FineVLAError` for numbers that keep nothing or options that exclude each other.
    """

    budget: int | None = None
    quota: int | None = None
    share: float | None = None
    proportional: bool = False
    first: str = FAR
    representatives: str = MEDOID
    seed: int = 42

    def __post_init__(self) -> None:
        for name, value in (("budget", self.budget), ("quota", self.quota)):
            if value is not None and value < 1:
                raise FineVLAError(f"a {name} of {value} keeps nothing: give 1 or more")
        if self.share is not None and not (math.isfinite(self.share) and 0 < self.share <= 1):
            raise FineVLAError(f"a share of {self.share} cannot be kept: give more than 0, at most 1")
        if self.quota is not None and self.share is not None:
            raise FineVLAError("of each cluster either a quota or a share is kept: give one of them")
        if self.proportional and (self.budget is None or self.quota is not None or self.share is not None):
            raise FineVLAError("proportional divides a budget: give one, and neither a quota nor a share")
        if self.first not in (FAR, SIZE):
            raise FineVLAError(unknown("order of representatives", self.first, (FAR, SIZE)))
        if self.representatives not in (MEDOID, RANDOM):
            raise FineVLAError(unknown("kind of representatives", self.representatives, (MEDOID, RANDOM)))


@dataclass(frozen=True)
class EpisodeChoice:
    """Decision on one episode of a group: kept or not, and the reason."""

    index: int
    kept: bool
    reason: str
    cluster: int
    distance: float | None = None  # of a dropped one: to the kept one that the reason names


def select(
    clusters: Clusters,
    distances_of: DistancesOf,
    ids: Sequence[str],
    keep: Keep,
    forced: Mapping[int, str] | None = None,
) -> list[EpisodeChoice]:
    """Return a choice for each of the N episodes, in order; `forced`: reasons by index of episodes to keep in any case.

    Forced episodes count against budget and quota and represent their cluster; where they exceed it no others are kept.
    Ties go to the lower id, so the order of the episodes does not matter (except for random draws).
    """
    forced = dict(forced or {})
    if odd := [i for i in forced if not 0 <= i < len(ids)]:
        raise ValueError(f"episode {odd[0]} is forced, but there are {len(ids)}")
    taken = _Taken(clusters, distances_of, ids)
    taken.add({index: f"forced: {forced[index]}" for index in sorted(forced, key=lambda i: ids[i])})
    rooms = _rooms(keep, taken)
    budget = len(ids) if keep.budget is None else keep.budget
    if keep.representatives == RANDOM:
        _draw(taken, rooms, budget, keep.seed)
    else:
        _represent(taken, budget, keep.first)
        _spread(taken, rooms, budget)
    return [taken.choice(index, budget) for index in range(len(ids))]


def summary(choices: Sequence[EpisodeChoice], keep: Keep, forced: int) -> str:
    """Return one sentence for the report: how many are kept, and which limits could not be met."""
    kept, clusters = sum(c.kept for c in choices), len({c.cluster for c in choices})
    without = clusters - len({c.cluster for c in choices if c.kept})
    said = [f"{kept} of {counted(len(choices), 'episode')} kept, of {counted(clusters, 'cluster')}"]
    if forced:
        said.append(f"{forced} because they must stay")
    if keep.budget is not None and forced > keep.budget:
        said.append(f"{forced - keep.budget} more than the budget of {keep.budget}")
    elif keep.budget is not None and kept < keep.budget:
        said.append(f"fewer than the budget of {keep.budget}: there are no more to keep")
    if without:
        said.append(f"{counted(without, 'cluster', 'are')} not represented")
    return ", ".join(said)


class _Taken:
    """Episodes kept so far, and each episode's distance to the nearest kept one of its cluster."""

    def __init__(self, clusters: Clusters, distances_of: DistancesOf, ids: Sequence[str]) -> None:
        self.clusters, self.distances_of, self.ids = clusters, distances_of, ids
        self.rank = np.empty(len(ids), dtype=np.int64)  # ties go by id
        self.rank[np.argsort(np.array(ids, dtype=object), kind="stable")] = np.arange(len(ids))
        self.members = {k: clusters.members(k) for k in range(1, len(clusters.medoids) + 1)}
        self.reasons: dict[int, str] = {}
        self.kept = np.zeros(len(ids), dtype=np.bool_)
        self.of_cluster = dict.fromkeys(self.members, 0)
        self.apart = np.full(len(ids), np.inf)
        self.nearest = np.full(len(ids), -1)
        self.beyond: dict[
            int, tuple[int, float]
        ] = {}  # of clusters without any: a kept episode, and how far the medoid is

    def __len__(self) -> int:
        return len(self.reasons)

    def label(self, index: int) -> int:
        return int(self.clusters.labels[index])

    def like(self, index: int) -> str:
        """Return the episode's cluster as text, e.g. "cluster 3 (17 alike)"."""
        count = len(self.members[self.label(index)])
        return f"cluster {self.label(index)} ({f'{count} alike' if count > 1 else 'nothing is like it'})"

    def medoid(self, label: int) -> int:
        return int(self.clusters.medoids[label - 1])

    def add(self, reasons: Mapping[int, str]) -> None:
        """Keep the episodes in `reasons` and update their clusters' distances, all computed in one call."""
        self.reasons |= reasons
        self.kept[list(reasons)] = True
        others = {index: self.members[self.label(index)] for index in reasons}
        for index, apart in self.between(others).items():
            self.of_cluster[self.label(index)] += 1
            closer = apart < self.apart[others[index]]
            found = others[index][closer]
            self.apart[found], self.nearest[found] = apart[closer], index

    def between(self, others: Mapping[int, NDArray[np.int64]]) -> dict[int, NDArray[np.float64]]:
        """Return the distances of each index to its `others`; 0 to itself."""
        pairs = np.concatenate(
            [np.stack([np.full_like(to, index), to], axis=1) for index, to in others.items()]
            or [np.empty((0, 2), np.int64)]
        )
        far = pairs[:, 0] != pairs[:, 1]
        apart = np.zeros(len(pairs))
        if far.any():
            apart[far] = self.distances_of(pairs[far])
        ends = np.cumsum([len(to) for to in others.values()])[:-1]
        return dict(zip(others, np.split(apart, ends), strict=True)) if others else {}

    def farthest(self, label: int) -> tuple[float, int]:
        """Return distance and index of the cluster's episode farthest from the kept ones; (-1, -1) if all are kept."""
        left = self.members[label][~self.kept[self.members[label]]]
        if not len(left):
            return -1.0, -1
        most = self.apart[left].max()
        tied = left[self.apart[left] == most]
        return float(most), int(tied[np.argmin(self.rank[tied])])

    def choice(self, index: int, budget: int) -> EpisodeChoice:
        label, kept_by = self.label(index), self.reasons.get(index)
        if kept_by is not None:
            return EpisodeChoice(index, True, kept_by, label)
        if (near := int(self.nearest[index])) >= 0:
            apart = float(self.apart[index])
            medoid = near == self.medoid(label)
            whom = f"its cluster's medoid {self.ids[near]}" if medoid else f"{self.ids[near]}, kept of cluster {label}"
            return EpisodeChoice(index, False, f"{apart:.3g} from {whom}", label, apart)
        reason = f"{self.like(index)} has no place in the budget of {budget}"
        if label in self.beyond:
            other, apart = self.beyond[label]
            reason += f"; its medoid is {apart:.3g} from {self.ids[other]}"
        return EpisodeChoice(index, False, reason, label)


def _rooms(keep: Keep, taken: _Taken) -> dict[int, int]:
    """How many of each cluster may stay, forced ones included."""
    sizes = {k: len(members) for k, members in taken.members.items()}
    if keep.proportional and keep.budget is not None:
        return _divided(sizes, min(keep.budget, sum(sizes.values())), taken)
    if keep.share is not None:
        return {k: max(1, math.floor(keep.share * size + 0.5)) for k, size in sizes.items()}
    if keep.quota is not None:
        return dict.fromkeys(sizes, keep.quota)
    return sizes if keep.budget is not None else dict.fromkeys(sizes, 1)


def _divided(sizes: Mapping[int, int], budget: int, taken: _Taken) -> dict[int, int]:
    """Seat after seat to the cluster with the largest size / (2 seats + 1); each begins with one, or what is forced."""
    seats = {k: max(1, taken.of_cluster[k]) for k in sizes}

    def claim(k: int) -> tuple[float, int, int]:
        return -sizes[k] / (2 * seats[k] + 1), int(taken.rank[taken.medoid(k)]), k

    claims = [claim(k) for k in sizes if seats[k] < sizes[k]]
    heapq.heapify(claims)
    for _ in range(budget - sum(seats.values())):
        k = heapq.heappop(claims)[2]
        seats[k] += 1
        if seats[k] < sizes[k]:
            heapq.heappush(claims, claim(k))
    return seats


def _represent(taken: _Taken, budget: int, first: str) -> None:
    """The medoid of each cluster of which nothing is kept yet, as far as the budget goes."""
    without = [k for k, count in taken.of_cluster.items() if not count]
    without.sort(key=lambda k: (-len(taken.members[k]), taken.rank[taken.medoid(k)]))
    if (room := max(budget - len(taken), 0)) < len(without):
        without = _far_apart(taken, without, room) if first == FAR else without[:room]
    taken.add({taken.medoid(k): f"medoid of {taken.like(taken.medoid(k))}" for k in without})


def _far_apart(taken: _Taken, labels: Sequence[int], count: int) -> list[int]:
    """`count` of the clusters: always the one whose medoid is farthest from what is kept; the first one if nothing is."""
    medoids = np.array([taken.medoid(k) for k in labels], dtype=np.int64)
    apart, nearest = np.full(len(labels), np.inf), np.full(len(labels), -1)

    def keep(kept: Sequence[int]) -> None:
        for index, found in taken.between(dict.fromkeys(kept, medoids)).items():
            closer = found < apart
            apart[closer], nearest[closer] = found[closer], index

    keep(list(taken.reasons))
    left = np.ones(len(labels), dtype=np.bool_)
    for _ in range(count):
        k = int(np.argmax(np.where(left, apart, -1.0)))  # the first of equally far ones: `labels` come largest first
        left[k] = False
        keep([int(medoids[k])])
    taken.beyond = {labels[k]: (int(nearest[k]), float(apart[k])) for k in np.flatnonzero(left & (nearest >= 0))}
    return [labels[k] for k in np.flatnonzero(~left)]


def _spread(taken: _Taken, rooms: Mapping[int, int], budget: int) -> None:
    """Farthest-first inside the clusters that have room, the farthest of all clusters next."""
    heap: list[tuple[float, int, int]] = []

    def offer(k: int) -> None:
        if 0 < taken.of_cluster[k] < rooms[k] and (found := taken.farthest(k))[1] >= 0:
            heapq.heappush(heap, (-found[0], int(taken.rank[found[1]]), found[1]))

    for k in rooms:
        offer(k)
    while heap and len(taken) < budget:
        apart, _, index = heapq.heappop(heap)
        taken.add({index: f"{-apart:.3g} from all else that is kept of {taken.like(index)}"})
        offer(taken.label(index))


def _draw(taken: _Taken, rooms: Mapping[int, int], budget: int, seed: int) -> None:
    """By chance; the first draws are FineVLA's: one `choice` for each cluster in order of its number."""
    rng = np.random.RandomState(seed)
    drawn: dict[int, str] = {}

    def take(index: int) -> None:
        drawn[index] = f"drawn by chance (seed {seed}) for {taken.like(index)}"

    count = dict(taken.of_cluster)
    for k, members in taken.members.items():
        if not count[k] and len(taken) + len(drawn) < budget:
            take(int(rng.choice(members)))
            count[k] += 1
    for index in rng.permutation(np.flatnonzero(~taken.kept)).tolist():
        k = taken.label(index)
        if index not in drawn and count[k] < rooms[k] and len(taken) + len(drawn) < budget:
            take(index)
            count[k] += 1
    taken.add(drawn)
