"""Promises of clustering: SciPy's cut and no other, medoids by definition, FineVLA's numbers worked out by hand and anew."""

import json
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

pytest.importorskip("sklearn")
pytest.importorskip("kmedoids")
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.dedup import clusters as module
from finevla_tools.dedup import finevla_clusters as fv
from finevla_tools.dedup.automatic_cut import candidates
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
    assert f"into {counted(len(found.medoids), 'cluster')}" in found.how
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


@pytest.mark.parametrize("n", [2, 3, 5, 10, 40, 300, 1500])
def test_without_structure_nothing_is_called_alike(n: int) -> None:
    distances, _ = planted(n, 0, 0)
    found = cluster(distances, n, Cut())
    assert len(found.medoids) == n
    assert "stands out" in found.how
    exact = squareform(np.pad(squareform(distances), ((0, 1), (0, 1)), mode="edge"), checks=False)  # the last one twice
    if n > 2:
        assert len(cluster(exact, n + 1, Cut()).medoids) == n


@pytest.mark.parametrize(("motions", "copies"), [(300, 1700), (1900, 100), (997, 3)])
def test_copies_are_found_in_large_groups_where_heights_lie_close(motions: int, copies: int) -> None:
    distances, source = planted(motions, copies, 0.08)
    found = cluster(distances, motions + copies, Cut())
    assert "leap" in found.how
    assert found.candidates[0].stands_out
    assert adjusted_rand_score(source, found.labels) > 0.98


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


# --- FineVLA's numbers --------------------------------------------------------------------------------------------------


def line(*points: float) -> NDArray[np.float64]:
    """Distances of points on a line, as a matrix."""
    at = np.array(points)
    return np.abs(at[:, None] - at)


def plain_auto_k(tree: NDArray[np.float64], limit: int) -> tuple[int, float]:
    """FineVLA's automatic k, written again: h(k) = linkage[N - k, 2], the first largest of (h(k) - h(k + 1)) / h(k + 1)."""
    n, best, winner = len(tree) + 1, -1.0, 2
    for k in range(2, min(limit, n - 1)):
        low, high = tree[n - k - 1][2], tree[n - k][2]
        gap = (high - low) / low if low > 1e-12 else float("inf")
        if gap > best:
            best, winner = gap, k
    return winner, max(best, 0.0)


def plain_tree(square: NDArray[np.float64], ids: list[int], rules: fv.Recursion) -> dict[str, list[int]]:
    """The tree of trees with a stack instead of a recursion; depth first, left to right."""
    leaves: dict[str, list[int]] = {}
    waiting = [("", ids, 0)]
    while waiting:
        path, members, depth = waiting.pop()
        room = rules.max_leaves - len(leaves) if rules.max_leaves else 10**9
        k = 0
        if len(members) >= rules.min_size and depth < rules.max_depth and room >= 2:
            sub = [[square[i][j] for j in members] for i in members]
            tree = linkage(squareform(np.array(sub), checks=False), rules.method)
            k, gap = plain_auto_k(tree, 10)
            k = 0 if depth > 0 and round(gap, 4) < rules.min_rel_gap else min(k, room)
        if not k:
            leaves[path[1:] or "0"] = members
            continue
        labels = fcluster(tree, k, "maxclust")
        for c in sorted(set(labels.tolist()), reverse=True):
            waiting.append((f"{path}.{c}", [m for m, at in zip(members, labels, strict=True) if at == c], depth + 1))
    return leaves


def test_auto_k_by_hand() -> None:
    # Average linkage merges at 1, 2, 10, and (20 + 21.5) ... : {0, 1}, {11, 13} and 40 on their own.
    found = fv.flat(line(0, 1, 11, 13, 40), 0)
    # heights: 1 (0-1), 2 (11-13), 11.5 (mean of 11 13 10 12), 33.75 (mean of 40 39 29 27)
    assert found.tree[:, 2].tolist() == [1, 2, 11.5, 33.75]
    assert found.auto is not None
    assert found.auto.merge_heights == {2: 33.75, 3: 11.5, 4: 2.0}
    assert found.auto.rel_gaps == {2: (33.75 - 11.5) / 11.5, 3: (11.5 - 2) / 2}
    assert found.k == found.auto.k == 3
    assert len(set(found.labels.tolist())) == 3
    assert found.labels.min() == 1
    assert found.auto.as_json() == {
        "merge_heights": {2: 33.75, 3: 11.5, 4: 2.0},
        "abs_gaps": {2: 22.25, 3: 9.5},
        "rel_gaps": {2: 1.9348, 3: 4.75},
        "ranked_k": [3, 2],
        "best_rel_gap": 4.75,
        "second_rel_gap": 1.9348,
        "confidence_ratio": 2.46,
        "confident": True,
    }
    json.dumps(found.auto.as_json())


def test_auto_k_where_there_is_nothing_to_choose() -> None:
    assert fv.flat(line(0, 1), 0).k == 2
    assert fv.auto_k(linkage(np.ones(1))).as_json() == {"note": "too few samples for auto-k"}
    assert fv.auto_k(linkage(pdist(np.array([[0.0], [1], [5]])))).as_json() == {"note": "cannot compute gaps"}
    assert fv.flat(line(0, 1, 5), 0).k == 2
    assert fv.auto_k(fv.tree_of(np.zeros((5, 5)), "average")).k == 2  # 0 above 0 is an infinite gap; the first wins
    with pytest.raises(FineVLAError, match="2 episodes or more"):
        fv.flat(np.zeros((1, 1)), 0)


@quick
@given(condensed(16), trees)
def test_auto_k_is_the_plain_rule(distances: NDArray[np.float64], method: str) -> None:
    square = squareform(distances)
    found = fv.flat(square, 0, method)
    assert found.auto is not None
    if not found.auto.note:
        assert (found.k, found.auto.best) == plain_auto_k(found.tree, 10)
    assert (found.labels == fcluster(linkage(distances, method), found.k, "maxclust")).all()
    assert fv.flat(square, 99, method).k == len(square)


def test_leaves_by_hand() -> None:
    # Two heaps far apart (k = 2); in the first two pairs and a point, in the second nothing stands out.
    square = line(0, 0.1, 10, 10.1, 30, 1000, 1001, 1002.1, 1003.3, 1004.6)
    tree = fv.recursive(square, fv.Recursion(min_size=3, max_depth=3, min_rel_gap=5.0))
    assert tree.k == 2
    assert tree.leaves() == {"1": (5, 6, 7, 8, 9), "2.1": (2, 3), "2.2": (0, 1), "2.3": (4,)}  # numbered by fcluster
    stops = {name: part.stop for name, part in tree.parts.items()}
    assert stops["2"] == ""
    assert "rel_gap too small" in stops["1"]
    written = tree.as_json(range(100, 110))
    assert written["count"] == 10
    assert written["leaf"] is False
    assert sorted(m for part in written["sub_clusters"].values() for m in part["episodes"]) == list(range(100, 110))
    json.dumps(written)


@settings(max_examples=150, deadline=None)
@given(
    condensed(16),
    trees,
    st.integers(1, 6),
    st.integers(0, 4),
    st.sampled_from((0.0, 0.03, 0.3, 1.0)),
    st.integers(0, 8),
)
def test_tree_of_trees_is_the_plain_one(
    distances: NDArray[np.float64], method: str, size: int, depth: int, gap: float, most: int
) -> None:
    square, rules = squareform(distances), fv.Recursion(method, max(size, 2), depth, gap, most)
    tree = fv.recursive(square, rules)
    leaves = tree.leaves()
    assert {k: list(v) for k, v in leaves.items()} == plain_tree(square, list(range(len(square))), rules)
    assert sorted(i for members in leaves.values() for i in members) == list(range(len(square)))
    assert list(fv.in_order(leaves)) == sorted(leaves)


def test_every_stop_rule_is_named() -> None:
    square = line(*(2.0**k for k in range(12)))
    for rules, stop in (
        (fv.Recursion(min_size=20), "too_few (12 < 20)"),
        (fv.Recursion(max_depth=0), "max_depth (0)"),
        (fv.Recursion(max_leaves=1), "leaf_budget exhausted (1 < 2)"),
    ):
        tree = fv.recursive(square, rules)
        assert tree.stop == stop
        assert tree.leaves() == {"0": tuple(range(12))}
    pairs = line(0, 1, 10, 11, 1000, 1001, 1010, 1011)  # k = 2, and 2 again in each half
    for most, stop in ((2, "max_leaf_clusters (2)"), (3, "leaf_budget exhausted (1 < 2)")):
        tree = fv.recursive(pairs, fv.Recursion(min_size=2, max_depth=2, max_leaves=most))
        assert {name: part.stop for name, part in tree.parts.items()} == {"1": "", "2": stop}
        assert {part.stop for part in tree.parts["1"].parts.values()} == {"max_depth (2)"}


def test_ward_is_that_of_scikit_learn_1_6() -> None:
    rng = np.random.RandomState(2)
    m, x = rng.uniform(0.1, 1, (7, 7)), rng.normal(size=(7, 3))
    d = np.linalg.norm(x[:, None] - x[None], axis=-1) * (1 + 0.2 * m)
    square = (d + d.T) / 2
    np.fill_diagonal(square, 0)
    # Made by MDS(6, dissimilarity="precomputed", random_state=42, normalized_stress="auto") of scikit-learn 1.6.1.
    first = [
        0.6488259171792502,
        0.18497335330757772,
        -0.3773549182579107,
        0.286285419849607,
        -0.12810212008256777,
        -0.5498714299543893,
    ]
    points = fv.embedded(square, 6)
    assert points[0] == pytest.approx(first, abs=1e-9)
    assert points == pytest.approx(plain_mds(square, 6), abs=1e-9)
    assert (fv.tree_of(square, "ward") == linkage(points, "ward")).all()


def plain_mds(square: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
    """SMACOF as scikit-learn 1.2 to 1.6 ran it by default: 4 starts, 300 steps, eps 1e-3; nothing of it is used here."""
    n, rng, results = len(square), np.random.RandomState(42), []
    for _ in range(4):
        x, before = rng.uniform(size=(n, dimensions)), None
        for _ in range(300):
            apart = np.sqrt(((x[:, None] - x) ** 2).sum(-1))
            stress = ((apart - square) ** 2).sum() / 2
            b = -square / np.where(apart == 0, 1e-5, apart)
            b[np.diag_indices(n)] -= b.sum(axis=1)
            x = b @ x / n
            now = stress / np.linalg.norm(x, axis=1).sum()
            if before is not None and before - now < 1e-3:
                break
            before = now
        results.append((stress, x))
    return min(results, key=lambda r: r[0])[1]


def test_k_medoids_by_hand() -> None:
    # RandomState(42).choice(5, 2, replace=False) starts at episodes 1 and 4 - worked on from there by hand:
    assert np.random.RandomState(42).choice(5, size=2, replace=False).tolist() == [1, 4]
    # at 0 1 2 | 20 21: medoid 1 keeps 0 1 2 (sums 3 2 3), medoid 4 keeps 3 4 (sums 1 1: the first) and becomes 3.
    labels, chosen = fv.k_medoids(line(0, 1, 2, 20, 21), 2)
    assert labels.tolist() == [0, 0, 0, 1, 1]
    assert chosen.tolist() == [1, 3]


@quick
@given(condensed(), st.integers(1, 12))
def test_k_medoids_is_the_plain_alternation(distances: NDArray[np.float64], k: int) -> None:
    square = squareform(distances)
    n = len(square)
    assume(k <= n)
    medoid = np.random.RandomState(42).choice(n, size=k, replace=False).tolist()
    for _ in range(300):
        at = [min(range(k), key=lambda c: (square[i][medoid[c]], c)) for i in range(n)]
        anew = []
        for c in range(k):
            members = [i for i in range(n) if at[i] == c]
            sums = [square[np.ix_([i], members)].sum() for i in members]
            anew.append(members[int(np.argmin(sums))] if members else medoid[c])
        if anew == medoid:
            break
        medoid = anew
    labels, chosen = fv.k_medoids(square, k)
    assert labels.tolist() == [min(range(k), key=lambda c: (square[i][chosen[c]], c)) for i in range(n)]
    if (distances * 4 == np.round(distances * 4)).all():  # sums without rounding: ties fall alike
        assert chosen.tolist() == medoid


def test_k_medoids_of_no_clusters_is_a_sentence() -> None:
    with pytest.raises(FineVLAError, match="cannot make 0 clusters"):
        fv.k_medoids(line(0, 1), 0)


def test_divisor() -> None:
    assert [fv.divisor_k(n, 10) for n in (1, 19, 29, 30, 1000)] == [2, 2, 2, 3, 100]
    with pytest.raises(FineVLAError, match="1 or more"):
        fv.divisor_k(5, 0)


def test_representatives_are_drawn_one_after_the_other() -> None:
    groups = fv.groups_of(np.array([10, 2, 2, 10, 2, 1, 10]))
    assert groups == {"1": (5,), "2": (1, 2, 4), "10": (0, 3, 6)}
    stream = np.random.RandomState(42)
    expected = {name: members[stream.randint(0, len(members))] for name, members in groups.items()}
    assert fv.representatives(groups) == expected
    leaves = {"2": (0, 1, 2), "10": (3, 4, 5), "1.2": (6, 7)}
    assert list(fv.representatives(fv.in_order(leaves))) == ["1.2", "10", "2"]


def test_the_rest_of_dedup_sees_finevlas_numbering() -> None:
    square = line(0, 10, 10.1, 10.2, 30)
    found = fv.flat(square, 3)
    seen = fv.as_clusters(square, fv.groups_of(found.labels), found.tree, "FineVLA's average linkage, k 3")
    assert (seen.labels == found.labels).all()
    assert [int(seen.labels[m]) for m in seen.medoids] == [1, 2, 3]
    assert 2 in seen.medoids
