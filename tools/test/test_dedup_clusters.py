"""Promises of clustering: SciPy's cut and no other, medoids by definition, FineVLA's numbers worked out by hand and anew."""

from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

pytest.importorskip("sklearn")
pytest.importorskip("kmedoids")
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from finevla_core.errors import FineVLAError
from finevla_tools.dedup import clusters as module
from finevla_tools.dedup.automatic import candidates
from finevla_tools.dedup.clusters import METHODS, TREES, Cut, by_size, cluster, from_merges, looked_up, medoids

quick = settings(max_examples=80, deadline=None)
trees = st.sampled_from(TREES)


def planted(n: int, copies: int, noise: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances of `n` motions and noisy copies of some of them, and which are the same."""
    rng = np.random.default_rng(seed)
    points, source = rng.normal(size=(n, 8)), rng.integers(0, n, copies)
    copied = points[source] + noise * rng.normal(size=(copies, 8))
    return pdist(np.concatenate([points, copied])), np.concatenate([np.arange(n), source])


@st.composite
def condensed(draw: st.DrawFn, most: int = 12) -> NDArray[np.float64]:
    """Distances of 2 to `most` episodes: any, as DTW keeps no triangle inequality; ties are likely."""
    n = draw(st.integers(2, most))
    size = n * (n - 1) // 2
    values = st.one_of(st.integers(0, 4).map(float), st.floats(0, 5).map(lambda d: round(d, 9)))
    return np.array(draw(st.lists(values, min_size=size, max_size=size)))


def count_of(distances: NDArray[np.float64]) -> int:
    return len(squareform(distances))


def same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """The same partition, however it is numbered."""
    return len(set(zip(a.tolist(), b.tolist(), strict=True))) == len(set(a.tolist())) == len(set(b.tolist()))


@quick
@given(condensed(), trees, st.floats(0, 6), st.integers(1, 14))
def test_clusters_are_those_of_scipys_cut(distances: NDArray[np.float64], method: str, t: float, k: int) -> None:
    n, tree = count_of(distances), linkage(distances, method)
    assert same(cluster(distances, n, Cut(method, distance=t)).labels, fcluster(tree, t, "distance"))
    found = cluster(distances, n, Cut(method, count=k))
    assert same(found.labels, fcluster(tree, k, "maxclust"))
    assert f"into {len(found.medoids)} clusters" in found.how
    assert (f"{k} asked" in found.how) == (len(found.medoids) != k)
    assert found.distance is not None
    if len(found.medoids) in (1, n) or len(set(tree[:, 2])) == n - 1:  # the height named is that of the cut
        assert same(found.labels, fcluster(tree, found.distance, "distance")) or n == len(found.medoids)


@quick
@given(condensed(), st.sampled_from(METHODS))
def test_every_way_numbers_by_size_and_names_true_medoids(distances: NDArray[np.float64], method: str) -> None:
    n, square = count_of(distances), squareform(distances)
    try:
        found = cluster(distances, n, Cut(method))
    except FineVLAError:
        assert method == "ward"
        raise
    sizes = [len(found.members(k + 1)) for k in range(len(found.medoids))]
    assert sum(sizes) == n
    assert sizes == sorted(sizes, reverse=True) == found.sizes.tolist()
    first = [found.members(k + 1)[0] for k in range(len(sizes))]
    assert all(a < b for k, (a, b) in enumerate(pairwise(first)) if sizes[k] == sizes[k + 1])
    for k, medoid in enumerate(found.medoids):
        members = found.members(k + 1)
        sums = [sum(square[i, members]) for i in members]
        assert medoid in members
        assert sums[members.tolist().index(medoid)] == pytest.approx(min(sums))
    again = cluster(distances, n, Cut(method))
    assert (again.labels == found.labels).all()
    assert (again.medoids == found.medoids).all()
    assert again.how == found.how


def test_of_equal_medoids_the_lowest_index_wins() -> None:
    square = np.full((5, 5), 0.1)  # sums of the same numbers in any order
    np.fill_diagonal(square, 0)
    assert medoids(np.ones(5, dtype=np.int64), looked_up(squareform(square), 5)).tolist() == [0]
    assert medoids(np.array([2, 1, 2, 1, 1]), looked_up(squareform(square), 5)).tolist() == [1, 0]


def test_medoids_ask_only_for_pairs_inside_clusters_and_for_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    distances, _ = planted(30, 10, 0.1)
    labels = by_size(np.random.default_rng(1).integers(0, 4, 40))
    asked: list[NDArray[np.int64]] = []

    def distances_of(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        asked.append(pairs)
        return looked_up(distances, 40)(pairs)

    whole = medoids(labels, distances_of)
    assert len(asked) == 1
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 7)
    assert (medoids(labels, distances_of) == whole).all()
    assert len(asked) > 10
    wanted = {(i, j) for i, j in combinations(range(40), 2) if labels[i] == labels[j]}
    pieces = [tuple(sorted(p)) for p in np.concatenate(asked[1:]).tolist()]
    assert len(pieces) == len(wanted)
    assert set(pieces) == wanted == {tuple(sorted(p)) for p in asked[0].tolist()}


@quick
@given(condensed(), trees, st.floats(0, 6))
def test_merges_up_to_the_cut_are_enough(distances: NDArray[np.float64], method: str, t: float) -> None:
    n, tree = count_of(distances), linkage(distances, method)
    cut = Cut(method, distance=t)
    found = from_merges(tree[tree[:, 2] <= t], n, looked_up(distances, n), cut)
    whole = cluster(distances, n, cut)
    assert (found.labels == whole.labels).all()
    assert (found.medoids == whole.medoids).all()
    assert found.how == whole.how


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 25), st.integers(0, 2**31), st.sampled_from(("average", "complete", "single")), st.booleans())
def test_another_order_of_the_episodes_gives_the_same_clusters(n: int, seed: int, method: str, given_k: bool) -> None:
    rng = np.random.default_rng(seed)
    distances = rng.permutation(n * (n - 1) // 2) + rng.uniform(0.1, 0.4, n * (n - 1) // 2)  # no ties
    order = rng.permutation(n)
    cut = Cut(method, count=3) if given_k else Cut(method)
    one = cluster(distances, n, cut)
    other = cluster(squareform(squareform(distances)[np.ix_(order, order)]), n, cut)
    assert same(one.labels[order], other.labels)


@pytest.mark.parametrize("method", ["average", "complete", "single", "ward", "kmedoids"])
@pytest.mark.parametrize(("motions", "copies"), [(60, 3), (60, 40), (12, 120), (5, 4)])
def test_planted_copies_are_found_without_being_told_where_to_cut(method: str, motions: int, copies: int) -> None:
    distances, source = planted(motions, copies, 0.02)
    found = cluster(distances, motions + copies, Cut(method))
    if method == "kmedoids":
        assert adjusted_rand_score(source, found.labels) > 0.97
    else:
        assert same(source, found.labels)
    assert "leap" in found.how
    assert found.candidates[0].clusters == motions == len(found.medoids)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 40, 300])
def test_without_structure_nothing_is_called_alike(n: int) -> None:
    distances, _ = planted(n, 0, 0)
    found = cluster(distances, n, Cut())
    assert len(found.medoids) == n
    assert "stands out" in found.how
    exact = squareform(np.pad(squareform(distances), ((0, 1), (0, 1)), mode="edge"), checks=False)  # the last one twice
    if n > 2:
        assert len(cluster(exact, n + 1, Cut()).medoids) == n


def test_the_same_episode_over_and_over_is_one_cluster() -> None:
    found = cluster(np.zeros(6), 4, Cut())
    assert found.labels.tolist() == [1, 1, 1, 1]
    assert "all episodes are the same" in found.how


@quick
@given(condensed(9))
def test_candidates_carry_the_silhouette_of_their_cut(distances: NDArray[np.float64]) -> None:
    tree = linkage(distances, "average")
    weighed = candidates(tree, distances)
    assert list(weighed) == sorted(weighed, key=lambda c: -c.score)
    for one in weighed:
        labels = fcluster(tree, one.distance, "distance")
        assert one.clusters == len(set(labels))
        assert one.ratio > 1
        each = silhouette_samples(squareform(distances), labels, metric="precomputed")
        company = np.bincount(labels)[labels] > 1
        assert one.silhouette == pytest.approx(each[company].mean(), abs=1e-5)


def test_groups_of_none_and_of_one() -> None:
    for n in (0, 1):
        found = cluster(np.zeros(0), n, Cut())
        assert found.labels.tolist() == [1] * n
        assert found.medoids.tolist() == list(range(n))
        assert from_merges(np.zeros((0, 4)), n, looked_up(np.zeros(0), n), Cut(distance=1.0)).labels.tolist() == [1] * n


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"method": "averge"}, "did you mean 'average'"),
        ({"distance": 1.0, "count": 2}, "give one of them"),
        ({"distance": -1.0}, "from 0 up"),
        ({"distance": float("nan")}, "from 0 up"),
        ({"count": 0}, "1 or more"),
        ({"method": "kmedoids", "distance": 0.1}, "no heights"),
        ({"method": "ward", "distance": 0.1}, "no distances"),
    ],
)
def test_a_cut_that_cannot_be_made_is_a_sentence(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(FineVLAError, match=says):
        Cut(**arguments)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -0.1])
def test_what_is_no_distance_is_named(odd: float) -> None:
    for place, (i, j) in enumerate(combinations(range(5), 2)):
        distances = np.ones(10)
        distances[place] = odd
        with pytest.raises(FineVLAError, match=f"episodes {i} and {j} of their group"):
            cluster(distances, 5, Cut())
