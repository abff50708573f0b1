"""The distance: against plain Python that shares nothing with it, its promises as properties, and what it refuses."""

import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_tools.dedup import dtw_simd, finevla_distance
from finevla_tools.dedup.dtw_distances import cells, condensed, pair_distances
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory, mirror_image, prepare

Array = NDArray[np.float64]


def motion(seed: int, frames: int, arms: int = 1, space: str = "eef", joints: int = 6) -> Array:
    """Smooth `(frames, arms, D)`: sums of a few slow waves; a gripper that opens and shuts."""
    rng, t = np.random.default_rng(seed), np.linspace(0, 1, frames)[:, None]

    def waves(dims: int) -> Array:
        return sum(rng.normal(size=dims) / k * np.sin(np.pi * k * t + rng.uniform(0, 6, dims)) for k in range(1, 6))

    parts = []
    for _ in range(arms):
        turn = waves(4) / 2 + rng.normal(size=4)
        pose = [waves(3), turn / np.linalg.norm(turn, axis=1, keepdims=True)] if space == "eef" else [waves(joints)]
        parts.append(np.hstack([*pose, 1 / (1 + np.exp(-20 * waves(1)))]))
    return np.stack(parts, axis=1)


def group(*values: Array) -> list[PoseTrajectory]:
    return [PoseTrajectory(f"set/episode_{n:06d}", one) for n, one in enumerate(values)]


def slow(trajectories: list[PoseTrajectory], measure: Metric, i: int = 0, j: int = 1) -> float:
    """The definition, cell by cell in Python, with a whole table and a way back."""
    values = [one.values.tolist() for one in trajectories]
    arms, dims = trajectories[0].values.shape[1:]
    scale = {}
    for a in range(arms):
        for d in range(dims):
            column = [frame[a][d] for one in values for frame in one]
            flat = max(column) - min(column) < 1e-12 or len(values) < 2 or not measure.scale
            turns = measure.space == "eef" and 3 <= d < 7
            scale[a, d] = (0.0, 1.0) if flat or turns else (min(column), max(column) - min(column))
    first, second = (
        [[[(f[a][d] - scale[a, d][0]) / scale[a, d][1] for d in range(dims)] for a in range(arms)] for f in values[n]]
        for n in (i, j)
    )
    if not measure.compat:
        return _warped(first, second, measure, range(arms))
    return sum(_warped(first, second, measure, [arm]) for arm in range(arms))


def _warped(first: list, second: list, measure: Metric, arms: list[int] | range) -> float:
    n, m = len(first), len(second)
    grip = [[sum(abs(a[k][-1] - b[k][-1]) for k in arms) for b in second] for a in first]
    cost = [[sum(_move(a[k], b[k], measure) for k in arms) for b in second] for a in first]
    if not measure.two_stage:
        cost = [[c + measure.w_grip * g for c, g in zip(*row, strict=True)] for row in zip(cost, grip, strict=True)]
    width = max(measure.band, abs(n - m)) if measure.band else n + m
    table = [[math.inf] * (m + 1) for _ in range(n + 1)]
    table[0][0] = 0.0
    for a in range(1, n + 1):
        for b in range(1, m + 1):
            if abs(a - b) <= width:
                best = min(table[a - 1][b - 1], table[a - 1][b], table[a][b - 1])
                table[a][b] = best + cost[a - 1][b - 1]
    a, b, path = n, m, []
    while (a, b) != (0, 0):
        path.append((a - 1, b - 1))
        from_where = [(a - 1, b - 1), (a - 1, b), (a, b - 1)]
        a, b = min(from_where, key=lambda at: table[at[0]][at[1]] if min(at) >= 0 else math.inf)  # the first of equals
    raw, opened = table[n][m], sum(grip[a][b] for a, b in path)
    if not measure.compat:
        total = raw + measure.w_grip * opened if measure.two_stage else raw
        return total / len(path) if measure.normalize else total
    if measure.two_stage:
        return raw / (n + m) if measure.band else raw / len(path) + measure.w_grip * opened / len(path)
    return raw / ((n + m) if measure.band else len(path)) if measure.normalize else raw


def _move(a: list[float], b: list[float], measure: Metric) -> float:
    if measure.space == "joint":
        return measure.w_pos * math.dist(a[:-1], b[:-1])
    p, q = a[3:7], b[3:7]
    if not measure.compat:
        p, q = [x / math.hypot(*p) for x in p], [x / math.hypot(*q) for x in q]
        apart = min(math.dist(p, q), math.dist(p, [-x for x in q]))
        angle = 4 * math.asin(min(apart / 2, 1.0))
    else:
        angle = 2 * math.acos(min(abs(sum(x * y for x, y in zip(p, q, strict=True))), 1.0))
    return measure.w_pos * math.dist(a[:3], b[:3]) + measure.w_rot * angle


MODES = [
    {"two_stage": two, "band": band, "normalize": norm, "scale": scale}
    for two in (True, False)
    for band in (None, 3, 20)
    for norm in (True, False)
    for scale in (True, False)
]


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("space", ["eef", "joint"])
@pytest.mark.parametrize("arms", [1, 2])
def test_distances_are_those_of_the_definition(compat: bool, space: str, arms: int) -> None:
    for number, mode in enumerate(MODES):
        measure = Metric(space, 0.7, 1.3, 5.0, compat=compat, **mode)
        lengths = (33, 24, 35) if number % 2 else (17, 26, 18)  # bands that bind on either side
        trajectories = group(*(motion(10 * number + k, t, arms, space) for k, t in enumerate(lengths)))
        if compat and space == "eef":
            trajectories[1].values[:, :, 3:7] *= 0.8  # FineVLA does not mind, nor make it good
        prepared = prepare(trajectories, measure)
        pairs = [(0, 1), (0, 2), (1, 2)]
        expected = [slow(trajectories, measure, i, j) for i, j in pairs]
        np.testing.assert_allclose(pair_distances(prepared, pairs), expected, rtol=1e-9 if compat else 3e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(2, 40), st.sampled_from(MODES), st.booleans())
def test_ties_go_diagonal_then_up_then_left(seed: int, n: int, m: int, mode: dict, compat: bool) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 3, (t, 1, 2)).astype(float) for t in (n, m))  # whole numbers: sums are exact, ties abound
    measure = Metric("joint", compat=compat, **{**mode, "scale": False})
    assert condensed(prepare(group(a, b), measure))[0] == pytest.approx(slow(group(a, b), measure), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("band", [None, 100, 500])
def test_float32_stays_within_a_ten_thousandth(band: int | None) -> None:
    """Against float64, whose path and sums are checked above; long enough for several strips and strips with a band."""
    worst, measure = 0.0, Metric(band=band)
    for seed, frames in [(s, 200) for s in range(6)] + [(s, 700) for s in range(3)] + [(7, 1500)]:
        rng = np.random.default_rng(seed)
        trajectories = group(*(motion(100 * seed + k, int(frames * rng.uniform(0.7, 1))) for k in range(4)))
        pairs = np.column_stack(np.triu_indices(4, 1))
        found = pair_distances(prepare(trajectories, measure), pairs)
        exact = prepare(trajectories, replace(measure, compat=True, w_grip=100.0))
        for (i, j), distance in zip(pairs, found, strict=True):
            width = max(band, abs(int(exact.lengths[i] - exact.lengths[j]))) if band else 10**6
            first, second = exact.of(i)[0], exact.of(j)[0]
            cost, length, grip = finevla_distance._align(first, second, True, 1.0, 1.0, 0.0, False, width)
            worst = max(worst, abs(distance / ((cost + 100 * grip) / length) - 1))
    assert worst < 1e-4


@pytest.mark.parametrize("angle", [0.0, 1e-6, 1e-4, 0.01, 0.3, 1.0, 2.0, 3.0, math.pi])
def test_angles_are_right_however_small(angle: float) -> None:
    still, turned = np.zeros((2, 1, 8)), np.zeros((3, 1, 8))
    still[:, 0, 6] = 1
    turned[:, 0, 3], turned[:, 0, 6] = math.sin(angle / 2), math.cos(angle / 2)
    found = condensed(prepare(group(still, turned), Metric(scale=False)))[0]
    assert found == pytest.approx(angle, rel=5e-7, abs=1e-12)


def test_arc_polynomial_is_as_good_as_it_says() -> None:
    square = np.linspace(1e-9, 2, 200_001)
    series = np.polyval(np.array(dtw_simd.ASIN[::-1], np.float64), square)
    assert np.abs(np.sqrt(square) * series / (4 * np.arcsin(np.sqrt(square) / 2)) - 1).max() < 1.2e-7


motions = st.builds(motion, st.integers(0, 10**6), st.integers(2, 90), st.integers(1, 2))
modes = st.sampled_from([m for m in MODES if m["scale"]])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 90), st.integers(2, 90), st.integers(1, 2), modes, st.booleans())
def test_a_distance_is_symmetric_not_negative_and_zero_to_itself(
    seed: int, n: int, m: int, arms: int, mode: dict, mirror: bool
) -> None:
    a, b = motion(seed, n, arms), motion(seed + 1, m, arms)
    prepared = prepare(group(a, b), Metric(mirror=mirror, **mode))
    there, back, same = pair_distances(prepared, [(0, 1), (1, 0), (1, 1)])
    assert there == back > 0
    assert same == 0
    assert condensed(prepare(group(b, a), Metric(mirror=mirror, **mode)))[0] == pytest.approx(there, rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(motions, motions, st.data())
def test_signs_and_lengths_of_quaternions_do_not_matter(a: Array, b: Array, data: st.DataObject) -> None:
    a, b = a[:, :1], b[:, :1]
    before = condensed(prepare(group(a, b), Metric()))[0]
    flips = data.draw(st.lists(st.sampled_from([1.0, -1.0]), min_size=len(a), max_size=len(a)))
    other = a.copy()
    other[:, 0, 3:7] *= np.array(flips)[:, None]
    assert condensed(prepare(group(other, b), Metric()))[0] == before
    other[:, 0, 3:7] *= data.draw(st.floats(0.5, 2))
    assert condensed(prepare(group(other, b), Metric()))[0] == pytest.approx(before, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.lists(st.integers(1, 4), min_size=60, max_size=60), st.booleans())
def test_the_same_motion_slowed_down_is_no_other_one(seed: int, n: int, times: list[int], two_stage: bool) -> None:
    a, b = motion(seed, n), motion(seed + 1, 40)
    slower = np.repeat(a, times[:n], axis=0)
    prepared = prepare(group(a, slower, b), Metric(two_stage=two_stage, normalize=False))
    same, near, far = condensed(prepared)
    assert same == 0
    if not two_stage:  # every path of the slower one is a path of the other with frames counted again
        assert far >= near * (1 - 1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(2, 60), st.booleans(), st.booleans())
def test_a_band_as_wide_as_both_is_none(seed: int, n: int, m: int, two_stage: bool, narrower: bool) -> None:
    trajectories = group(motion(seed, n), motion(seed + 1, m))
    bands = [None, n + m, max(n, m)]
    free, *wide = (condensed(prepare(trajectories, Metric(band=b, two_stage=two_stage)))[0] for b in bands)
    assert wide == [free, free]
    raw = [condensed(prepare(trajectories, Metric(band=b, two_stage=False, normalize=False)))[0] for b in (1, 5, None)]
    assert raw[0] >= raw[1] >= raw[2]


def test_strips_change_nothing() -> None:
    """A table higher than a strip, with bands wider and narrower than one: as the definition in one piece."""
    height = dtw_simd.strip_height(14)
    n, m = 3 * height - 7, 2 * height + 5
    exact = prepare(group(motion(1, n, 1, "joint", 13), motion(2, m, 1, "joint", 13)), Metric("joint", compat=True))
    for band in (None, 2 * height, height + 1, 20):
        prepared = prepare(
            group(motion(1, n, 1, "joint", 13), motion(2, m, 1, "joint", 13)), Metric("joint", band=band)
        )
        width = max(band, n - m) if band else n + m
        cost, length, grip = finevla_distance._align(exact.of(0)[0], exact.of(1)[0], False, 1.0, 0.0, 0.0, False, width)
        assert condensed(prepared)[0] == pytest.approx((cost + 100 * grip) / length, rel=1e-5)


def test_two_arms_are_one_motion_but_two_for_finevla() -> None:
    """The left arm early and the right arm late is not the same as both early: only one alignment can tell."""
    t = np.linspace(0, 1, 50)
    early, late = np.clip(t * 2, 0, 1), np.clip(t * 2 - 1, 0, 1)
    a, b = (np.zeros((50, 2, 2)) for _ in range(2))
    a[:, 0, 0], a[:, 1, 0], b[:, 0, 0], b[:, 1, 0] = early, late, early, early
    assert condensed(prepare(group(a, b), Metric("joint")))[0] > 0.1
    assert condensed(prepare(group(a, b), Metric("joint", compat=True)))[0] == pytest.approx(0, abs=0.01)


def test_a_mirrored_motion_is_a_duplicate_when_asked() -> None:
    a, b = motion(3, 80, 2), motion(4, 70, 2)
    trajectories = group(a, mirror_image(a), b)
    assert condensed(prepare(trajectories, Metric()))[0] > 1
    prepared = prepare(trajectories, Metric(mirror=True))
    same, to_a, to_image = condensed(prepared)
    assert same == pytest.approx(0, abs=1e-5)
    assert to_a == pytest.approx(to_image, rel=1e-4)
    np.testing.assert_array_equal(mirror_image(mirror_image(a)), a)
    # a turn to the left about z becomes one to the right; a tool on the left is on the right
    turned = np.array([[[0.3, 0.2, 0.1, 0, 0, 0.6, 0.8, 1]]])
    np.testing.assert_allclose(mirror_image(turned), [[[0.3, -0.2, 0.1, 0, 0, -0.6, 0.8, 1]]])


def test_one_trajectory_or_a_still_dimension_is_not_scaled() -> None:
    a, b = motion(1, 20), motion(2, 20)
    a[:, 0, 2] = b[:, 0, 2] = 0.4
    prepared = prepare(group(a, b), Metric())
    assert np.ptp(prepared.of(0)[0, 2]) == 0
    alone = prepare(group(a), Metric(w_grip=1.0))
    np.testing.assert_allclose(np.ptp(alone.of(0)[0, :3], axis=1), np.ptp(a[:, 0, :3], axis=0), atol=1e-6)


def test_order_threads_and_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    from finevla_tools.dedup import dtw_distances

    trajectories = group(*(motion(k, 20 + 13 * k) for k in range(7)))
    prepared = prepare(trajectories, Metric(band=9))
    pairs = np.column_stack(np.triu_indices(7, 1))
    found = condensed(prepared)
    monkeypatch.setattr(dtw_distances, "WORTH_A_TASK", 1000)
    monkeypatch.setattr(dtw_distances.numba, "get_num_threads", lambda: 2)
    assert len(dtw_distances._parts(cells(prepared, pairs), 2)) > 4
    np.testing.assert_array_equal(condensed(prepared), found)
    np.testing.assert_array_equal([pair_distances(prepared, pair)[0] for pair in pairs], found)
    assert pair_distances(prepared, np.empty((0, 2), np.int64)).shape == (0,)
    for (i, j), count in zip(pairs, cells(prepared, pairs), strict=True):
        n, m = prepared.lengths[i], prepared.lengths[j]
        assert count == sum(abs(a - b) <= max(9, abs(n - m)) for a in range(n) for b in range(m))


def test_keys_tell_measures_apart() -> None:
    changed = [Metric(), Metric("joint"), Metric(w_pos=2), Metric(w_rot=2), Metric(w_grip=2), Metric(scale=False)]
    changed += [
        Metric(two_stage=False),
        Metric(band=1),
        Metric(normalize=False),
        Metric(mirror=True),
        Metric(compat=True),
    ]
    assert len({one.key() for one in changed}) == len(changed)
    assert Metric(w_pos=1, band=5).key() == Metric(w_pos=1.0, band=5).key() == Metric(band=np.int64(5)).key()


def spoiled(**changes: object) -> Array:
    values = motion(1, 10)
    for place, value in changes.items():
        frame, dim = map(int, place[1:].split("_"))
        values[frame, 0, dim] = value
    return values


@pytest.mark.parametrize(
    ("measure", "values", "words"),
    [
        ({}, spoiled(f3_1=math.nan), "episode_000001.*frame 3 is not finite"),
        ({}, spoiled(f9_7=math.inf), "frame 9 is not finite"),
        ({}, spoiled(f4_3=0, f4_4=0, f4_5=0, f4_6=0), "quaternion of frame 4 is zero"),
        ({"scale": False}, spoiled(f2_0=1e12), "no motion"),
        ({}, motion(1, 10)[:1], "1 frame: at least two"),
        ({}, motion(1, 10)[:0], "0 frames"),
        ({}, motion(1, 10, 2), "2 arms of 8 values.*1 of 8"),
        ({}, motion(1, 10, 1, "joint"), "8 values, here are 7"),
        ({}, motion(1, 10)[:, 0], "shape"),
    ],
)
def test_what_cannot_be_compared_is_named(measure: dict, values: Array, words: str) -> None:
    with pytest.raises(FineVLAError, match=words):
        prepare(group(motion(0, 10), values), Metric(**measure))


@pytest.mark.parametrize(
    "wrong",
    [
        {"space": "tcp"}, {"w_pos": -1}, {"w_rot": math.nan}, {"w_grip": math.inf}, {"band": 0}, {"band": 2.5},
        {"band": True}, {"w_pos": 0, "w_rot": 0, "w_grip": 0}, {"mirror": True, "space": "joint"},
        {"mirror": True, "compat": True},
    ],
)  # fmt: skip
def test_what_is_no_measure_is_refused(wrong: dict) -> None:
    with pytest.raises(FineVLAError):
        Metric(**wrong)


def test_no_trajectory_one_twice_and_pairs_outside_are_refused() -> None:
    a = PoseTrajectory("set/a", motion(0, 10))
    with pytest.raises(FineVLAError, match="at least one"):
        prepare([], Metric())
    with pytest.raises(FineVLAError, match="'set/a' is in the group twice"):
        prepare([a, a], Metric())
    prepared = prepare([a], Metric())
    for pair in [(0, 1), (-1, 0)]:
        with pytest.raises(FineVLAError, match="group of 1"):
            pair_distances(prepared, [pair])
    with pytest.raises(FineVLAError, match="device"):
        pair_distances(prepared, [(0, 0)], "tpu")
    with pytest.raises(FineVLAError, match="device"):
        pair_distances(prepare([a], Metric(compat=True)), [(0, 0)], "cuda")


SIMULATED = """
import numpy as np
from finevla_tools.dedup import dtw_cuda
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory, prepare
from finevla_tools.dedup.dtw_distances import condensed
dtw_cuda.THREADS, dtw_cuda.BLOCKS = 4, 2
rng = np.random.default_rng(0)
for measure in (Metric(band=2, mirror=True), Metric("joint", two_stage=False)):
    group = [PoseTrajectory(str(k), rng.normal(size=(5 + k, 2, 8)).cumsum(axis=0)) for k in range(3)]
    prepared = prepare(group, measure)
    np.testing.assert_allclose(condensed(prepared, "cuda"), condensed(prepared), rtol=1e-6)
"""


@pytest.mark.slow
def test_the_gpu_kernel_agrees_in_the_simulator() -> None:
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    subprocess.run([sys.executable, "-c", SIMULATED], env=environment, check=True, timeout=120)


def test_without_a_gpu_cuda_is_refused() -> None:
    from numba import cuda

    if not cuda.is_available():
        with pytest.raises(FineVLAError, match="no CUDA device"):
            condensed(prepare(group(motion(0, 5), motion(1, 5)), Metric()), "cuda")
