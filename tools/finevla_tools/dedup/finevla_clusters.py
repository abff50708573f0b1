"""FineVLA's clusters with its own numbers: automatic k, the tree of trees, its k-medoids, representatives by chance.

Source: its `ClusteringAndSampling/utils/clustering_analysis.py`. Its weaknesses are kept on purpose (at most nine
clusters, the seed that picks who stands for a cluster); `finevla dedup` without --compat does better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.dedup.clusters import Clusters, looked_up, medoids

Array = NDArray[np.float64]
SEED, MIN_K, MAX_K = 42, 2, 10
CONFIDENT = 2.0
TINY = 1e-12  # a gap above a height below this is infinite
MEDOID_STEPS = 300
# Metric MDS as scikit-learn 1.2 to 1.6 has it by default: FineVLA asks for 1.3 or newer, and since 1.7 the stop rule and
# eps are others, since 1.9 n_init too.
STARTS, STEPS, EPS, DIMENSIONS = 4, 300, 1e-3, 10


@dataclass(frozen=True)
class AutoK:
    """FineVLA's automatic k and its statistics; `note`: why no choice was possible."""

    k: int
    merge_heights: Mapping[int, float] = field(default_factory=dict)
    abs_gaps: Mapping[int, float] = field(default_factory=dict)
    rel_gaps: Mapping[int, float] = field(default_factory=dict)
    ranked: tuple[int, ...] = ()
    best: float = 0.0
    second: float = 0.0
    confidence: float = 0.0
    note: str = ""

    @property
    def best_rel_gap(self) -> float:
        """Largest relative gap, rounded to four digits as the recursion compares it."""
        return round(self.best, 4)

    def as_json(self) -> dict[str, Any]:
        """Return `auto_k_info` as FineVLA's files have it; an infinite gap stays Infinity."""
        if self.note:
            return {"note": self.note}
        return {
            "merge_heights": dict(self.merge_heights),
            "abs_gaps": dict(self.abs_gaps),
            "rel_gaps": {k: round(gap, 4) for k, gap in self.rel_gaps.items()},
            "ranked_k": list(self.ranked),
            "best_rel_gap": self.best_rel_gap,
            "second_rel_gap": round(self.second, 4),
            "confidence_ratio": round(self.confidence, 2),
            "confident": self.confidence >= CONFIDENT,
        }


def auto_k(tree: Array, most: int = MAX_K) -> AutoK:
    """Choose k from 2 to `most` - 1 with the largest relative gap to the next merge height; ties go to the smallest."""
    n = len(tree) + 1
    most = min(most, n - 1)
    if most < MIN_K:
        return AutoK(MIN_K, note="too few samples for auto-k")
    heights = {k: float(tree[n - k, 2]) for k in range(MIN_K, most + 1)}
    gaps = {k: heights[k] - heights[k + 1] for k in range(MIN_K, most)}
    if not gaps:
        return AutoK(MIN_K, note="cannot compute gaps")
    relative = {k: gap / heights[k + 1] if heights[k + 1] > TINY else float("inf") for k, gap in gaps.items()}
    ranked = tuple(sorted(relative, key=lambda k: -relative[k]))  # stable: of equal ones the smallest k
    best, second = relative[ranked[0]], relative[ranked[1]] if len(ranked) > 1 else 0.0
    confidence = best / second if second > TINY else float("inf")
    return AutoK(ranked[0], heights, gaps, relative, ranked, best, second, confidence)


def tree_of(square: Array, method: str) -> Array:
    """Return SciPy's linkage of a distance matrix `(N, N)`; `ward` uses an embedding in min(10, N - 1) dimensions."""
    if len(square) < 2:
        raise FineVLAError(f"FineVLA clusters 2 episodes or more, not {len(square)}")
    if method == "ward":
        return np.asarray(linkage(embedded(square, min(DIMENSIONS, len(square) - 1)), "ward"))
    return np.asarray(linkage(squareform(square, checks=False), method))


def embedded(square: Array, dimensions: int) -> Array:
    """Points `(N, dimensions)` by scikit-learn's SMACOF, step by step, stopped as its versions 1.2 to 1.6 did.

    They compared the stress before a step, divided by the sum of the points' distances from 0 after it.
    """
    from sklearn.manifold import smacof

    rng = np.random.RandomState(SEED)
    least, chosen = np.inf, np.zeros((len(square), dimensions))
    for _ in range(STARTS):
        points = rng.uniform(size=len(square) * dimensions).reshape(-1, dimensions)
        stress, last = _stress(points, square), np.inf
        for step in range(STEPS):
            now = stress
            points, stress = smacof(square, init=points, n_init=1, max_iter=1, normalized_stress=False)
            relative = now / np.sqrt((points**2).sum(axis=1)).sum()
            if step and last - relative < EPS:
                break
            last = relative
        if now < least:
            least, chosen = now, points
    return chosen


def _stress(points: Array, square: Array) -> float:
    from sklearn.metrics import euclidean_distances

    return float(((euclidean_distances(points).ravel() - square.ravel()) ** 2).sum() / 2)


@dataclass(frozen=True)
class Flat:
    """One cut of one tree: labels `(N,)` from 1, as fcluster counts; `k` as asked of it (it may have found fewer)."""

    labels: NDArray[np.int64]
    tree: Array
    k: int
    auto: AutoK | None  # None: k was given


def flat(square: Array, k: int, method: str = "average") -> Flat:
    """Cluster a distance matrix `(N, N)` as FineVLA does; k = 0: automatic, k above N: N."""
    tree = tree_of(square, method)
    auto = None if k > 0 else auto_k(tree)
    k = min(k, len(square)) if auto is None else auto.k
    return Flat(fcluster(tree, k, "maxclust").astype(np.int64), tree, k, auto)


@dataclass(frozen=True)
class Node:
    """Node of the recursive clustering: its episodes (indices, ascending), and its parts or why it was not split."""

    members: tuple[int, ...]
    stop: str = ""  # "" = was split
    k: int = 0
    auto: AutoK | None = None
    parts: Mapping[str, "Node"] = field(default_factory=dict)

    def leaves(self, path: str = "") -> dict[str, tuple[int, ...]]:
        """Return the members of each leaf by dotted path ("2.1"; "0" for a tree of one leaf), in tree order."""
        if self.stop:
            return {path or "0": self.members}
        found: dict[str, tuple[int, ...]] = {}
        for name, part in self.parts.items():
            found |= part.leaves(f"{path}.{name}" if path else name)
        return found

    def as_json(self, episodes: Sequence[int]) -> dict[str, Any]:
        """Return `recursive_tree` as FineVLA's files have it; `episodes` are the episode numbers by index."""
        node: dict[str, Any] = {"count": len(self.members), "episodes": [int(episodes[i]) for i in self.members]}
        if self.stop:
            info = {} if self.auto is None else {"auto_k_info": self.auto.as_json()}
            return node | {"leaf": True} | info | {"stop_reason": self.stop}
        assert self.auto is not None
        parts = {name: part.as_json(episodes) for name, part in self.parts.items()}
        return node | {"leaf": False, "k": self.k, "auto_k_info": self.auto.as_json(), "sub_clusters": parts}


@dataclass(frozen=True)
class Recursion:
    """Stopping rules of FineVLA's recursive clustering; `max_leaves` 0 = no limit (by task FineVLA sets 20)."""

    method: str = "average"
    min_size: int = 5
    max_depth: int = 3
    min_rel_gap: float = 0.3
    max_leaves: int = 0


def recursive(square: Array, rules: Recursion) -> Node:
    """Split a distance matrix `(N, N)` recursively with automatic k, depth first, up to the limit of leaves."""
    made = 0

    def leaf(members: NDArray[np.int64], stop: str, auto: AutoK | None = None) -> Node:
        nonlocal made
        made += 1
        return Node(tuple(members.tolist()), stop, auto=auto)

    def split(members: NDArray[np.int64], depth: int) -> Node:
        n = len(members)
        if n < rules.min_size:
            return leaf(members, f"too_few ({n} < {rules.min_size})")
        if depth >= rules.max_depth:
            return leaf(members, f"max_depth ({rules.max_depth})")
        if 0 < rules.max_leaves <= made:
            return leaf(members, f"max_leaf_clusters ({rules.max_leaves})")
        tree = tree_of(square[np.ix_(members, members)], rules.method)
        auto = auto_k(tree)
        if depth and auto.best_rel_gap < rules.min_rel_gap:
            return leaf(members, f"rel_gap too small ({auto.best_rel_gap:.3f} < {rules.min_rel_gap})", auto)
        k = auto.k
        if rules.max_leaves:
            left = rules.max_leaves - made
            if left < MIN_K:
                return leaf(members, f"leaf_budget exhausted ({left} < {MIN_K})")
            k = min(k, left)
        labels = fcluster(tree, k, "maxclust")
        parts = {str(c): split(members[labels == c], depth + 1) for c in range(1, int(labels.max()) + 1)}
        return Node(tuple(members.tolist()), "", k, auto, parts)

    return split(np.arange(len(square)), 0)


def k_medoids(square: Array, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels `(N,)` from 0 and medoids `(k,)`: assign and choose again in turn, from a random start (seed 42).

    This is what it does where scikit-learn-extra is not installed. Clusters may be empty.
    """
    if not 1 <= k <= len(square):
        raise FineVLAError(
            f"FineVLA's k-medoids of {counted(len(square), 'episode')} cannot make {counted(k, 'cluster')}: give a count"
        )
    chosen = np.random.RandomState(SEED).choice(len(square), size=k, replace=False)
    for _ in range(MEDOID_STEPS):
        labels = np.argmin(square[:, chosen], axis=1)
        better = np.array([_medoid(square, np.flatnonzero(labels == c), chosen[c]) for c in range(k)])
        if np.array_equal(better, chosen):
            break
        chosen = better
    return np.argmin(square[:, chosen], axis=1).astype(np.int64), chosen.astype(np.int64)


def _medoid(square: Array, members: NDArray[np.int64], before: int) -> int:
    if not len(members):
        return before
    return int(members[np.argmin(square[np.ix_(members, members)].sum(axis=1))])


def divisor_k(episodes: int, divisor: int) -> int:
    """Return episodes // divisor, at least 2 (`--auto_n_clusters_divisor`); raises `FineVLAError` for a divisor below 1."""
    if divisor < 1:
        raise FineVLAError(f"episodes cannot be divided by {divisor}: give 1 or more")
    return max(MIN_K, episodes // divisor)


def groups_of(labels: NDArray[np.int64]) -> dict[str, tuple[int, ...]]:
    """Return the indices by label, labels in numeric order."""
    return {str(c): tuple(np.flatnonzero(labels == c).tolist()) for c in sorted(set(labels.tolist()))}


def in_order(leaves: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Sort leaves by their path as text, as FineVLA does: "10" before "2"."""
    return dict(sorted(leaves.items()))


def representatives(groups: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Draw one index of each cluster at random (seed 42), in the order given."""
    rng = np.random.RandomState(SEED)
    return {name: int(rng.choice(members)) for name, members in groups.items()}


def as_clusters(square: Array, groups: Mapping[str, Sequence[int]], tree: Array | None, how: str) -> Clusters:
    """Convert FineVLA's groups to `Clusters`; cluster k is the k-th of `groups`, not the k-th by size."""
    labels = np.zeros(len(square), dtype=np.int64)
    for k, members in enumerate(groups.values(), start=1):
        labels[list(members)] = k
    look_up = looked_up(squareform(square, checks=False), len(square))
    return Clusters(labels, medoids(labels, look_up), tree, how)
