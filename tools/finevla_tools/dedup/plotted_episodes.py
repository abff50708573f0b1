"""Which episodes of a group a picture can hold, in which order, and the part of the merge tree that is theirs."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
SHOWN = 200  # episodes in a heat map, a tree and an embedding: more than a screen's pixels tell apart


@dataclass(frozen=True)
class Thinning:
    """M of a group's N episodes in drawing order: as the tree orders its leaves, or else cluster by cluster."""

    episodes: Indices  # (M,) indices into the group
    labels: Indices  # (M,)
    tree: Array | None  # (M - 1, 4) SciPy's linkage over places in this order; merges nobody computed are at infinity
    total: int

    @property
    def is_thinned(self) -> bool:
        """Whether some of the group's episodes are left out."""
        return len(self.episodes) < self.total

    @property
    def spans(self) -> list[tuple[int, int, int]]:
        """Stretches of one cluster: label, first place, place after the last."""
        edges = [0, *(np.flatnonzero(np.diff(self.labels)) + 1).tolist(), len(self.labels)]
        return [(int(self.labels[a]), a, b) for a, b in pairwise(edges) if b > a]


def thin(labels: Indices, medoids: Indices, linkage: Array | None, limit: int = SHOWN) -> Thinning:
    """At most about `limit` episodes, evenly along the order, with the medoids of the largest clusters."""
    count = len(labels)
    whole = None if linkage is None or count < 2 else with_all_leaves(linkage, count)
    if whole is None:
        rank = {label: place for place, label in enumerate(by_size(labels))}
        order = np.array(sorted(range(count), key=lambda i: (rank[int(labels[i])], i)), dtype=np.int64)
    else:
        order = leaves(whole)
    if count > limit:
        place = np.empty(count, dtype=np.int64)
        place[order] = np.arange(count)
        forced = place[[medoids[label - 1] for label in by_size(labels)[: limit // 8]]]
        even = np.linspace(0, count - 1, limit - len(forced)).round().astype(np.int64)
        order = order[np.union1d(even, forced)]
    tree = None if whole is None or len(order) < 2 else induced(whole, order)
    return Thinning(order, labels[order], tree, count)


def by_size(labels: Indices) -> list[int]:
    """Labels, those of the largest clusters first."""
    names, sizes = np.unique(labels, return_counts=True)
    return [int(names[k]) for k in np.lexsort((names, -sizes))]


def with_all_leaves(linkage: Array, count: int) -> Array:
    """SciPy's linkage of all `count` leaves: merges that were not computed are added at infinity."""
    rows = np.asarray(linkage, dtype=np.float64)[:, :4]
    if len(rows) >= count - 1:
        return rows
    used = set(rows[:, :2].astype(int).ravel().tolist())
    roots = [node for node in range(count + len(rows)) if node not in used]
    sizes = {node: 1 if node < count else int(rows[node - count, 3]) for node in roots}
    roots.sort(key=lambda node: (-sizes[node], node))
    more: list[list[float]] = []
    left = roots[0]
    for right in roots[1:]:
        node = count + len(rows) + len(more)
        sizes[node] = sizes[left] + sizes[right]
        more.append([left, right, np.inf, sizes[node]])
        left = node
    return np.vstack([rows, np.array(more)])


def leaves(linkage: Array) -> Indices:
    """Leaves from left to right."""
    count, stack, found = len(linkage) + 1, [2 * len(linkage)], []
    while stack:
        node = stack.pop()
        if node < count:
            found.append(node)
        else:
            left, right = linkage[node - count, :2]
            stack += [int(right), int(left)]
    return np.array(found, dtype=np.int64)


def induced(linkage: Array, chosen: Indices) -> Array:
    """The tree over `chosen` leaves alone, numbered by their place there: two meet at the height at which they met before."""
    count = len(linkage) + 1
    new = np.full(count + len(linkage), -1, dtype=np.int64)
    new[chosen] = np.arange(len(chosen))
    sizes = [1] * len(chosen)
    rows: list[list[float]] = []
    for row, (a, b, height) in enumerate(linkage[:, :3].tolist()):
        left, right = int(new[int(a)]), int(new[int(b)])
        if left < 0 or right < 0:
            new[count + row] = max(left, right)
            continue
        new[count + row] = len(sizes)
        sizes.append(sizes[left] + sizes[right])
        rows.append([left, right, height, sizes[-1]])
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def square_of(condensed: Array | None, count: int, chosen: Indices) -> Array:
    """Distances (M, M) among `chosen` of `count` episodes, read from the condensed form; nan where nothing is known."""
    size = len(chosen)
    square = np.full((size, size), np.nan)
    np.fill_diagonal(square, 0.0)
    if condensed is not None and size > 1:
        a, b = np.triu_indices(size, 1)
        square[a, b] = square[b, a] = condensed[place_of(chosen[a], chosen[b], count)]
    return square


def to_medoid(condensed: Array | None, labels: Indices, medoids: Indices) -> Array:
    """Distance of each of N episodes to the medoid of its cluster; nan where it is not known."""
    every = np.arange(len(labels))
    medoid = medoids[labels - 1]
    found = np.where(medoid == every, 0.0, np.nan)
    others = every[medoid != every]
    if condensed is not None and len(others):
        found[others] = condensed[place_of(others, medoid[others], len(labels))]
    return found


def place_of(a: Indices, b: Indices, count: int) -> Indices:
    """Where the pairs are in SciPy's condensed order."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    places: Indices = count * low - low * (low + 1) // 2 + high - low - 1
    return places
