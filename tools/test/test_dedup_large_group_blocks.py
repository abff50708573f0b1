"""Promises of clustering by blocks: exact up to a block, close to exact beyond, and never the whole matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

pytest.importorskip("sklearn")
pytest.importorskip("kmedoids")
from sklearn.metrics import adjusted_rand_score

from finevla_core.errors import FineVLAError
from finevla_tools.dedup.clusters import METHODS, Clusters, Cut, cluster
from finevla_tools.dedup.large_group_blocks import Indices, cluster_blocks


class Motions:
    """Points and their noisy copies; distances are computed when asked for, and counted."""

    def __init__(self, n: int, per: int, noise: float = 0.03, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        base = max(n // per, 1)
        points, source = rng.normal(size=(base, 6)), rng.integers(0, base, n - base)
        order = rng.permutation(n)
        self.points = np.concatenate([points, points[source] + noise * rng.normal(size=(n - base, 6))])[order]
        self.source = np.concatenate([np.arange(base), source])[order]
        self.asked = 0

    def __call__(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        assert (pairs[:, 0] != pairs[:, 1]).all()
        self.asked += len(pairs)
        return np.asarray(np.linalg.norm(self.points[pairs[:, 0]] - self.points[pairs[:, 1]], axis=1))


def check(found: Clusters, n: int) -> None:
    """Well formed: numbered by size, each medoid in its cluster."""
    assert len(found.labels) == n
    assert found.labels[found.medoids].tolist() == list(range(1, len(found.medoids) + 1))
    assert (np.diff(found.sizes) <= 0).all()
    assert found.sizes.min() >= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(1, 5), st.sampled_from(METHODS), st.integers(0, 99))
def test_up_to_a_block_it_is_exact(n: int, per: int, method: str, seed: int) -> None:
    motions = Motions(max(n, 1), per, seed=seed)
    exact = cluster(pdist(motions.points[:n]) if n > 1 else np.zeros(0), n, Cut(method))
    found = cluster_blocks(n, motions, Cut(method), block=40)
    assert (found.labels == exact.labels).all()
    assert (found.medoids == exact.medoids).all()
    assert found.how == exact.how


@pytest.mark.parametrize("method", ["average", "complete"])
@pytest.mark.parametrize("per", [1, 4, 60])
def test_by_distance_it_finds_what_exact_clustering_finds(method: str, per: int) -> None:
    motions = Motions(900, per)
    cut = Cut(method, distance=0.3)
    found = cluster_blocks(900, motions, cut, block=150)
    check(found, 900)
    assert motions.asked < (0.35 if per > 1 else 0.6) * 900 * 899 / 2
    exact = cluster(pdist(motions.points), 900, cut)
    assert adjusted_rand_score(exact.labels, found.labels) > 0.995
    kept = exact.medoids[exact.labels - 1] == found.medoids[found.labels - 1]
    assert kept.mean() > 0.99
    assert "approximately" in found.how
    assert "blocks" in found.how


def test_the_cut_that_blocks_find_is_that_of_the_copies() -> None:
    motions = Motions(900, 6)
    found = cluster_blocks(900, motions, Cut(), block=200)
    check(found, 900)
    assert adjusted_rand_score(motions.source, found.labels) > 0.97
    assert "median of what the blocks found" in found.how


def test_where_nothing_is_alike_nothing_is_joined() -> None:
    motions = Motions(600, 1)
    found = cluster_blocks(600, motions, Cut(), block=100)
    assert len(found.medoids) > 590
    assert "stands out in none" in found.how


@pytest.mark.parametrize("method", ["average", "complete", "kmedoids"])
def test_by_count_it_makes_that_many(method: str) -> None:
    motions = Motions(900, 90)
    found = cluster_blocks(900, motions, Cut(method, count=10), block=150)
    check(found, 900)
    assert len(found.medoids) == 10
    assert adjusted_rand_score(motions.source, found.labels) > (0.8 if method == "kmedoids" else 0.99)


def test_a_cluster_larger_than_a_block_is_one_cluster() -> None:
    motions = Motions(800, 400, noise=0.01)
    found = cluster_blocks(800, motions, Cut(distance=0.5), block=100)
    check(found, 800)
    assert adjusted_rand_score(motions.source, found.labels) == 1.0
    assert motions.asked < 0.3 * 800 * 799 / 2


@settings(max_examples=15, deadline=None)
@given(st.integers(30, 120), st.integers(1, 9), st.integers(2, 25), st.floats(0, 3), st.integers(0, 99))
def test_whatever_the_block_the_result_is_whole_and_the_same_again(
    n: int, per: int, block: int, distance: float, seed: int
) -> None:
    motions = Motions(n, per, seed=seed)
    cut = Cut(distance=distance, seed=seed)
    found = cluster_blocks(n, motions, cut, block)
    check(found, n)
    again = cluster_blocks(n, motions, cut, block)
    assert (again.labels == found.labels).all()
    assert (again.medoids == found.medoids).all()


def test_episodes_that_are_all_the_same() -> None:
    def zero(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.zeros(len(pairs))

    for cut in (Cut(distance=0.1), Cut(), Cut("kmedoids", count=3)):
        check(cluster_blocks(100, zero, cut, block=20), 100)
    assert len(cluster_blocks(100, zero, Cut(), block=20).medoids) == 1


def test_blocks_can_be_clustered_another_way() -> None:
    motions, seen = Motions(300, 5), []

    def exactly(members: Indices, cut: Cut) -> Clusters:
        seen.append(len(members))
        return cluster(pdist(motions.points[members]), len(members), cut)

    cut = Cut(distance=0.3)
    found = cluster_blocks(300, motions, cut, 80, exactly)
    whole = cluster_blocks(300, motions, cut, 80)
    assert (found.labels == whole.labels).all()
    assert max(seen) <= 80
    assert sum(seen) >= 300


def test_what_has_no_approximation_is_a_sentence() -> None:
    motions = Motions(60, 5)
    for method in ("single", "ward"):
        with pytest.raises(FineVLAError, match=f"{method} linkage cannot be approximated by blocks"):
            cluster_blocks(60, motions, Cut(method, count=3), block=20)
    with pytest.raises(FineVLAError, match="blocks of 1 episode"):
        cluster_blocks(60, motions, Cut(), block=1)
    for method in ("average", "kmedoids"):
        with pytest.raises(FineVLAError, match="more than a block of 20 can hold"):
            cluster_blocks(60, motions, Cut(method, count=30), block=20)


def test_medoids_of_joined_clusters_are_true_ones() -> None:
    motions = Motions(400, 20)
    found = cluster_blocks(400, motions, Cut(distance=0.3), block=60)
    true = cluster(pdist(motions.points), 400, Cut(distance=0.3))
    for k, medoid in enumerate(found.medoids):
        members = found.members(k + 1)
        sums = np.linalg.norm(motions.points[members][:, None] - motions.points[members], axis=-1).sum(axis=1)
        assert sums[members.tolist().index(medoid)] == pytest.approx(sums.min())
    assert len(true.medoids) == len(found.medoids)


def test_a_cluster_torn_by_blocks_is_put_together_exactly() -> None:
    for seed in range(5):
        motions = Motions(500, 10, noise=0.1, seed=seed)
        cut = Cut(distance=0.45)
        exact = cluster(pdist(motions.points), 500, cut)
        found = cluster_blocks(500, motions, cut, block=120)
        assert (found.labels == exact.labels).mean() > 0.99
        assert (found.medoids[found.labels - 1] == exact.medoids[exact.labels - 1]).mean() > 0.98
