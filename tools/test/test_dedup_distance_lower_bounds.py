"""Nothing that the dedup leaves out can have mattered: bounds stay below distances, lazy answers equal brute force."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from finevla_core.errors import FineVLAError
from finevla_tools.dedup.distance_lower_bounds import lower_bounds
from finevla_tools.dedup.dtw_distances import condensed, pair_distances
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory, prepare
from finevla_tools.dedup.lazy_distances import METHODS, Distances, linkage_to, nearest, within
from finevla_tools.dedup.trajectory_outlines import COARSE, FINE, MAX_SEGMENTS, outline

Array = NDArray[np.float64]


def motions(seed: int, count: int, arms: int = 1, dims: int = 8, kind: str = "smooth") -> list[PoseTrajectory]:
    """Smooth, jumping or resting motions; every second one is a warped, shaken copy of the one before."""
    random = np.random.default_rng(seed)
    made: list[Array] = []
    for k in range(count):
        length = int(random.integers(2, 140))
        if k % 2:
            times = np.sort(random.uniform(0, len(made[-1]) - 1, length))
            values = made[-1][np.round(times).astype(int)] + random.normal(
                0, 10 ** random.uniform(-5, -2), (length, arms, dims)
            )
        elif kind == "jumping":
            values = random.normal(0, 1, (length, arms, dims))
        elif kind == "resting":
            values = np.tile(random.normal(0, 1, (1, arms, dims)), (length, 1, 1))
        else:
            values = np.cumsum(random.normal(0, 0.05, (length, arms, dims)), 0) + random.normal(0, 0.3, (1, arms, dims))
            values[..., -1] = values[..., -1] > 0
        made.append(values)
    if dims == 8:
        for values in made:
            values[..., 3:7] += 1e-3
            values[:, 0, 3:7] *= random.choice([-1.0, 1.0], (len(values), 1))
    return [PoseTrajectory(f"set/episode_{k:06d}", values) for k, values in enumerate(made)]


def all_pairs(n: int) -> NDArray[np.int64]:
    return np.column_stack(np.triu_indices(n, 1))


measures = st.builds(
    dict,
    w_pos=st.sampled_from([0.0, 1.0, 3.0]),
    w_rot=st.sampled_from([0.0, 1.0, 0.2]),
    w_grip=st.sampled_from([1.0, 100.0, 1e4]),
    scale=st.booleans(),
    two_stage=st.booleans(),
    band=st.sampled_from([None, None, 1, 7, 50]),
    normalize=st.booleans(),
)


@settings(max_examples=120, deadline=None)
@given(measures, st.integers(0, 2**32), st.integers(1, 3), st.sampled_from(["smooth", "jumping", "resting"]), st.data())
def test_bounds_are_never_above_the_distance(
    choice: dict[str, Any], seed: int, arms: int, kind: str, data: Any
) -> None:
    space = data.draw(st.sampled_from(["eef", "eef", "joint"]))
    mirror = space == "eef" and arms == 2 and data.draw(st.booleans())
    prepared = prepare(motions(seed, 6, arms, 8 if space == "eef" else 7, kind), Metric(space, mirror=mirror, **choice))
    pairs = all_pairs(6)
    exact = pair_distances(prepared, pairs)
    for frames in (1, 3, FINE, COARSE, 1000):
        assert (lower_bounds(prepared, pairs, outline(prepared, frames)) <= exact).all(), frames


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["smooth", "jumping", "resting"]), st.integers(1, 20))
def test_an_outline_holds_every_frame(seed: int, kind: str, frames: int) -> None:
    prepared = prepare(motions(seed, 4, 2, 8, kind), Metric())
    made = outline(prepared, frames)
    for n in range(4):
        count, length = int(made.counts[n]), int(prepared.lengths[n])
        ends = made.ends[made.starts[n] : made.starts[n] + count]
        assert ends[-1] == length
        assert (np.diff(np.r_[0, ends]) > 0).all()
        owner = np.searchsorted(ends, np.arange(length), side="right")
        rows = made.values[made.offsets[n] : made.offsets[n] + 26 * count].reshape(2, 13, count)[:, :, owner]
        values = prepared.of(n)
        for low, high, dims in ((slice(0, 3), slice(3, 6), slice(0, 3)), (11, 12, 7)):
            assert (rows[:, low] <= values[:, dims]).all()
            assert (values[:, dims] <= rows[:, high]).all()
        inner = np.abs((rows[:, 6:10].astype(float) * values[:, 3:7]).sum(1)) / np.linalg.norm(
            rows[:, 6:10].astype(float), axis=1
        )
        angle = 2 * np.arccos(np.minimum(inner / np.linalg.norm(values[:, 3:7].astype(float), axis=1), 1))
        assert (angle <= rows[:, 10] + 1e-7).all()


def test_bounds_come_close_to_the_distances_of_different_motions() -> None:
    prepared = prepare(motions(4, 40), Metric(w_grip=1.0))
    pairs = all_pairs(40)
    is_copy = (pairs[:, 0] % 2 == 0) & (pairs[:, 1] == pairs[:, 0] + 1)
    exact, fine = pair_distances(prepared, pairs), lower_bounds(prepared, pairs)
    coarse = lower_bounds(prepared, pairs, outline(prepared, COARSE))
    assert np.median((fine / exact)[~is_copy]) > 0.5
    assert np.median((coarse / exact)[~is_copy]) > 0.25
    assert np.median((lower_bounds(prepared, pairs, outline(prepared, 1)) / exact)[~is_copy]) > 0.8


def test_a_constant_cost_is_its_own_bound() -> None:
    """Nothing moves: every path has the same mean, so the bound has no room."""
    one, other = np.zeros((90, 1, 8)), np.zeros((90, 1, 8))
    one[:, 0, 6] = other[:, 0, 6] = 1
    other[:, 0, 0], other[:, 0, 7] = 0.5, 0.25
    prepared = prepare([PoseTrajectory("a", one), PoseTrajectory("b", other)], Metric(scale=False, w_grip=2.0))
    np.testing.assert_allclose(lower_bounds(prepared, np.array([[0, 1]])), 1.0, rtol=2e-3)


def test_order_of_a_pair_does_not_matter() -> None:
    prepared = prepare(motions(3, 8, 2), Metric(mirror=True))
    pairs = all_pairs(8)
    np.testing.assert_array_equal(lower_bounds(prepared, pairs), lower_bounds(prepared, pairs[:, ::-1]))
    assert lower_bounds(prepared, np.zeros((0, 2), np.int64)).shape == (0,)


def test_finevlas_own_distance_is_not_bounded_but_answered() -> None:
    prepared = prepare(motions(3, 12), Metric(compat=True))
    assert (lower_bounds(prepared, all_pairs(12)) == 0).all()
    exact, lazy = condensed(prepared), Distances(prepared)
    threshold = float(np.median(exact))
    whole = linkage(exact, "average")
    np.testing.assert_allclose(linkage_to(lazy, "average", threshold), whole[whole[:, 2] <= threshold])
    assert lazy.aligned == len(exact)


def test_long_and_short_motions_are_bounded_too() -> None:
    """More frames than `MAX_SEGMENTS` times a segment, beside the fewest that there may be."""
    random = np.random.default_rng(8)
    made = [np.cumsum(random.normal(0, 0.02, (length, 1, 8)), 0) for length in (6000, 5000, 2, 3)]
    for values in made:
        values[..., 3:7] += np.array([0, 0, 0, 2.0])
    prepared = prepare([PoseTrajectory(f"t{k}", values) for k, values in enumerate(made)], Metric())
    assert outline(prepared, FINE).counts.tolist() == [MAX_SEGMENTS, MAX_SEGMENTS, 1, 1]
    exact = condensed(prepared)
    for frames in (FINE, COARSE):
        found = lower_bounds(prepared, all_pairs(4), outline(prepared, frames))
        assert (found <= exact).all()
        assert found[0] > 0


class Known:
    """Distances that a test made up, with bounds that are a part of them; remembers what was asked for."""

    def __init__(self, matrix: Array, random: np.random.Generator, levels: int = 2) -> None:
        self.matrix = matrix
        self.asked: list[tuple[int, int]] = []
        parts = np.sort(random.random((levels, *matrix.shape)) ** 0.5, axis=0)
        parts[:, random.random(matrix.shape) < 0.1] = 1
        bounds = [np.triu(part * matrix) + np.triu(part * matrix).T for part in parts]
        self.distances = Distances(matrix, self.exact, [lambda p, b=b: b[p[:, 0], p[:, 1]] for b in bounds])  # type: ignore[misc]

    def exact(self, pairs: NDArray[np.int64]) -> Array:
        self.asked += [(int(a), int(b)) for a, b in pairs]
        return np.asarray(self.matrix[pairs[:, 0], pairs[:, 1]])

    def check(self) -> None:
        """Nothing was computed twice, and the counts tell the truth."""
        assert len(set(self.asked)) == len(self.asked) == self.distances.aligned == self.distances.is_exact.sum()
        assert self.distances.settled.sum() == len(self.distances.lower)
        assert self.distances.settled[-1] == len(self.asked)


def clustered(random: np.random.Generator, n: int) -> Array:
    centres = random.normal(0, 1, (max(1, n // 4), 3))
    points = centres[random.integers(len(centres), size=n)] + random.normal(0, random.choice([0.05, 0.5]), (n, 3))
    return np.asarray(np.linalg.norm(points[:, None] - points[None], axis=2))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.sampled_from(METHODS), st.floats(0, 3))
def test_lazy_linkage_is_scipys_cut_at_the_threshold(seed: int, n: int, method: str, threshold: float) -> None:
    random = np.random.default_rng(seed)
    matrix = clustered(random, n)
    known = Known(matrix, random)
    found = linkage_to(known.distances, method, threshold)
    whole = linkage(squareform(matrix, checks=False), method) if n > 1 else np.empty((0, 4))
    expected = whole[whole[:, 2] <= threshold]
    np.testing.assert_array_equal(found[:, [0, 1, 3]], expected[:, [0, 1, 3]])
    np.testing.assert_allclose(found[:, 2], expected[:, 2], rtol=1e-12, atol=1e-15)
    known.check()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 5), st.sampled_from(METHODS), st.floats(0, 3))
def test_copies_at_distance_zero_are_ties_that_do_not_matter(
    seed: int, n: int, copies: int, method: str, cut: float
) -> None:
    random = np.random.default_rng(seed)
    kind = random.permutation(np.repeat(np.arange(n), copies))
    matrix = clustered(random, n)[kind][:, kind]
    if len(matrix) < 2:
        return
    known = Known(matrix, random)
    found = linkage_to(known.distances, method, cut)
    whole = linkage(squareform(matrix, checks=False), method)
    np.testing.assert_allclose(found[:, 2], whole[whole[:, 2] <= cut][:, 2], rtol=1e-12, atol=1e-15)
    expected = fcluster(whole, cut, "distance")
    labels = np.arange(len(matrix) + len(found))
    for row, (one, other) in enumerate(found[:, :2].astype(int)):
        labels[(labels == labels[one]) | (labels == labels[other])] = labels[len(matrix) + row]
    labels = labels[: len(matrix)]
    np.testing.assert_array_equal(labels[:, None] == labels, expected[:, None] == expected)
    known.check()


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.int64, st.integers(2, 14).map(lambda n: (n, n)), elements=st.integers(0, 3)),
    st.integers(1, 5),
    st.integers(0, 3),
)
@example(np.zeros((5, 5), np.int64), 4, 0)
def test_neighbours_are_those_of_brute_force_with_ties(drawn: NDArray[np.int64], k: int, threshold: int) -> None:
    matrix = np.triu(drawn, 1).astype(float)
    matrix += matrix.T
    n, random = len(matrix), np.random.default_rng(k)
    k = min(k, n - 1)
    known = Known(matrix, random)
    indices, found = nearest(known.distances, k)
    far = matrix + np.diag(np.full(n, np.inf))
    expected = np.argsort(far, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(found, np.take_along_axis(matrix, expected, 1))
    known.check()

    known = Known(matrix, random)
    pairs, near = within(known.distances, threshold)
    expected = all_pairs(n)[matrix[np.triu_indices(n, 1)] <= threshold]
    np.testing.assert_array_equal(pairs, expected)
    np.testing.assert_array_equal(near, matrix[pairs[:, 0], pairs[:, 1]])
    known.check()


def test_most_of_what_is_far_apart_is_never_aligned() -> None:
    prepared = prepare(motions(5, 60), Metric(w_grip=1.0))
    exact = condensed(prepared)
    copies = squareform(exact)[np.arange(0, 60, 2), np.arange(1, 60, 2)]
    threshold = float(copies.max())
    for method in METHODS:
        lazy = Distances(prepared)
        whole = linkage(exact, method)
        np.testing.assert_allclose(linkage_to(lazy, method, threshold), whole[whole[:, 2] <= threshold], rtol=1e-9)
        assert 30 <= lazy.aligned < 0.2 * len(exact)


def test_what_cannot_be_done_is_refused_in_a_sentence() -> None:
    distances = Distances(range(4), lambda p: np.ones(len(p)), [lambda p: np.zeros(len(p))])
    with pytest.raises(FineVLAError, match="Ward's linkage needs points"):
        linkage_to(distances, "ward", 1.0)
    with pytest.raises(FineVLAError, match="centroid"):
        linkage_to(distances, "centroid", 1.0)
    for k in (0, 4):
        with pytest.raises(FineVLAError, match="ask for 1 to 3"):
            nearest(distances, k)
    assert distances.aligned == 0


def test_refining_twice_computes_once() -> None:
    known = Known(clustered(np.random.default_rng(1), 12), np.random.default_rng(2))
    known.distances.refine(np.array([5, 5, 1]))
    known.distances.refine(np.array([1, 5]))
    known.distances.advance(np.array([1, 5]))
    assert len(known.asked) == 2
    asked = np.array([[3, 1], [0, 2], [4, 4], [1, 3]])
    np.testing.assert_array_equal(known.distances.of(asked), known.matrix[asked[:, 0], asked[:, 1]])
    assert len(known.asked) == 3, "the distance from 0 to 2 was known"
    known.check()
    pairs = known.distances.pairs(np.arange(66))
    np.testing.assert_array_equal(pairs, all_pairs(12))
    np.testing.assert_array_equal(known.distances.index(pairs[:, 1], pairs[:, 0]), np.arange(66))
