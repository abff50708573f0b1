"""Apply our corrections to FineVLA's distance one at a time, on a sample of pairs, and report what each changes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import squareform

from finevla_tools.dedup.clusters import KMEDOIDS, Clusters, Cut, cluster
from finevla_tools.dedup.distance_store import pairs_of
from finevla_tools.dedup.finevla_clusters import flat
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory, prepare

PAIRS = 100  # looked at in each group
ALL_PAIRS = 2000  # in all of them
CELLS = 2_000_000_000  # table cells of all of them: FineVLA's distance is slow
LEAST = 1e-3  # relative: less is rounding
REPAIRS = ("quaternion norms", "one divisor", "gripper under a band", "both arms aligned as one")


@dataclass(frozen=True)
class Differences:
    """For one group, how many of the sampled `pairs` differ by more than LEAST, in all and by each correction."""

    group: str
    pairs: int
    differ: int
    largest: float  # relative
    by: dict[str, int]
    clusters: tuple[int, int] | None = None  # FineVLA's and ours; None: too large to cluster it both ways
    apart: int | None = None  # of all pairs of episodes, those that one of both has in one cluster and the other not

    def as_json(self) -> dict[str, object]:
        """Return all fields as plain data for run.json."""
        return asdict(self)


def between(
    group: str, trajectories: Sequence[PoseTrajectory], measure: Metric, pairs: NDArray[np.int64]
) -> tuple[Differences, NDArray[np.float64], NDArray[np.float64]]:
    """Return the differences for `pairs` `(P, 2)`, FineVLA's distances and ours; `measure` may be of either mode."""
    some, inner = _enough(trajectories, pairs, measure)
    steps = _way(some, replace(measure, mirror=False, compat=False), inner)
    changes = [_apart(one, other) > LEAST for one, other in pairwise(steps)]
    whole = _apart(steps[0], steps[-1])
    by = {name: int(change.sum()) for name, change in zip(REPAIRS, changes, strict=True)}
    return (
        Differences(group, len(pairs), int((whole > LEAST).sum()), float(whole.max(initial=0.0)), by),
        steps[0],
        steps[-1],
    )


def with_clusters(
    found: Differences, trajectories: Sequence[PoseTrajectory], measure: Metric, cut: Cut, clusters: Clusters
) -> Differences:
    """Add how the clusters of this run and of the other mode differ; unchanged if that would take too long."""
    count, frames = len(trajectories), float(np.mean([len(t.values) for t in trajectories]))
    pairs = count * (count - 1) // 2
    if pairs * frames**2 > CELLS or (pairs > PAIRS and not measure.compat):
        return found
    every = pairs_of(np.arange(pairs), count)
    if measure.compat:
        ours = cluster(_of(trajectories, replace(measure, compat=False), every), count, cut).labels
        theirs = clusters.labels
    else:
        square = squareform(_of(trajectories, replace(measure, compat=True, mirror=False), every))
        method = "average" if cut.method == KMEDOIDS else cut.method
        ours, theirs = clusters.labels, flat(square, cut.count or 0, method).labels
    one, other = (labels[every[:, 0]] == labels[every[:, 1]] for labels in (theirs, ours))
    both = (len(np.unique(theirs)), len(np.unique(ours)))
    return replace(found, clusters=both, apart=int((one != other).sum()))


def sample(count: int, frames: Sequence[int], most: int, seed: int) -> NDArray[np.int64]:
    """Draw up to `most` different pairs `(P, 2)`, i < j, of `count` episodes, in order; fewer if episodes are long."""
    total = count * (count - 1) // 2
    most = min(most, total, max(1, int(CELLS / ALL_PAIRS * PAIRS / max(float(np.mean(frames)) ** 2, 1.0))))
    chosen = np.sort(np.random.default_rng(seed).choice(total, most, replace=False))
    return pairs_of(chosen, count)


def _way(trajectories: Sequence[PoseTrajectory], ours: Metric, pairs: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    """Return the pairs' distances with none, one, ... and all of the REPAIRS applied."""
    theirs = replace(ours, compat=True)
    arms = trajectories[0].values.shape[1]
    unit = _unit(trajectories) if ours.space == "eef" else list(trajectories)
    drops_gripper = ours.two_stage and ours.band is not None
    by_arm = [[replace(t, values=t.values[:, k : k + 1]) for t in unit] for k in range(arms)]

    def added(measure: Metric) -> NDArray[np.float64]:
        return np.asarray(np.sum([_of(one, measure, pairs) for one in by_arm], axis=0))

    whole = added(ours)
    return [
        _of(trajectories, theirs, pairs),
        _of(unit, theirs, pairs),
        added(replace(ours, w_grip=0.0)) if drops_gripper else whole,
        whole,
        whole if arms == 1 else _of(unit, ours, pairs),
    ]


def _enough(
    trajectories: Sequence[PoseTrajectory], pairs: NDArray[np.int64], measure: Metric
) -> tuple[list[PoseTrajectory], NDArray[np.int64]]:
    """The pairs' trajectories and those with the group's extreme values, which scale them; the pairs among these."""
    used = set(np.unique(pairs).tolist())
    if measure.scale:
        lowest, highest = (np.array([f(t.values, axis=0) for t in trajectories]) for f in (np.min, np.max))
        used |= {*lowest.argmin(axis=0).ravel().tolist(), *highest.argmax(axis=0).ravel().tolist()}
    chosen = np.array(sorted(used))
    return [trajectories[k] for k in chosen], np.searchsorted(chosen, pairs)


def _of(trajectories: Sequence[PoseTrajectory], measure: Metric, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    from finevla_tools.dedup.dtw_distances import pair_distances

    return pair_distances(prepare(trajectories, measure), pairs)


def _unit(trajectories: Sequence[PoseTrajectory]) -> list[PoseTrajectory]:
    made = []
    for one in trajectories:
        values = one.values.copy()
        values[:, :, 3:7] /= np.linalg.norm(values[:, :, 3:7], axis=2, keepdims=True)
        made.append(replace(one, values=values))
    return made


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return relative differences; 0 where both distances are negligible."""
    size = np.maximum(np.abs(one), np.abs(other))
    return np.asarray(np.abs(one - other) / np.maximum(size, 1e-6))
