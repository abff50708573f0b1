"""The dedup's distance beside the reference's, in one run on one thread: processor time (medians), largest difference, memory.

usage: dedup_kernel.py [--pairs N] [--frames 200 700 1500] [--errors N]

The reference is FineVLA's kernel (github.com/xlang-ai/FineVLA, FineVLA-Tool/ClusteringAndSampling), written plainly for numba:
a whole table of float64, the arc cosine of the dot product, a way back, and the two-stage distance's walk along the path
in Python ("walk compiled": by numba).
With a band it leaves the gripper out; there ours is compared with what the reference would be with it.
"""

import argparse
import resource
import time
from collections.abc import Callable

import numba
import numpy as np
from numpy.typing import NDArray

from finevla_tools.dedup.dtw_distances import cells, pair_distances
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory, prepare

Array = NDArray[np.float64]
W_GRIP = 100.0


@numba.njit(cache=True)
def table_of(a: Array, b: Array, w_grip: float, band: int) -> Array:
    n, m = len(a), len(b)
    width = max(band, abs(n - m)) if band else n + m
    table = np.full((n + 1, m + 1), np.inf)
    table[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(max(1, i - width), min(m, i + width) + 1):
            x, y, z = a[i - 1, 0] - b[j - 1, 0], a[i - 1, 1] - b[j - 1, 1], a[i - 1, 2] - b[j - 1, 2]
            dot = 0.0
            for d in range(3, 7):
                dot += a[i - 1, d] * b[j - 1, d]
            cost = np.sqrt(x * x + y * y + z * z) + 2.0 * np.arccos(min(abs(dot), 1.0))
            cost += w_grip * abs(a[i - 1, 7] - b[j - 1, 7])
            table[i, j] = cost + min(table[i - 1, j - 1], min(table[i - 1, j], table[i, j - 1]))
    return table


@numba.njit(cache=True)
def way_back(table: Array) -> NDArray[np.int64]:
    i, j = table.shape[0] - 1, table.shape[1] - 1
    path = np.empty((i + j, 2), np.int64)
    length = 0
    while i > 0 or j > 0:
        path[length] = i - 1, j - 1
        length += 1
        best, step = table[i - 1, j - 1], 0
        if table[i - 1, j] < best:
            best, step = table[i - 1, j], 1
        if table[i, j - 1] < best:
            step = 2
        i, j = i - (step < 2), j - (step != 1)
    return path[:length]


@numba.njit(cache=True)
def opened(path: NDArray[np.int64], a: Array, b: Array) -> float:
    total = 0.0
    for k in range(len(path)):
        total += abs(a[path[k, 0], 7] - b[path[k, 1], 7])
    return total


def walk(path: NDArray[np.int64], a: Array, b: Array) -> float:
    total = 0.0
    for i, j in path:
        total += abs(a[i, 7] - b[j, 7])
    return total


def two_stage(a: Array, b: Array, band: int, walked: Callable[..., float], with_gripper: bool) -> float:
    table = table_of(a, b, 0.0, band)
    if band and not with_gripper:
        return float(table[-1, -1] / (len(a) + len(b)))
    path = way_back(table)
    return float(table[-1, -1] / len(path) + W_GRIP * walked(path, a, b) / len(path))


def flat(a: Array, b: Array, band: int) -> float:
    table = table_of(a, b, W_GRIP, band)
    return float(table[-1, -1] / (len(a) + len(b) if band else len(way_back(table))))


def motion(rng: np.random.Generator, frames: int) -> Array:
    """Smooth `(frames, 8)`: sums of slow waves, a gripper that opens and shuts."""
    t = np.linspace(0, 1, frames)[:, None]

    def waves(dims: int) -> Array:
        return sum(rng.normal(size=dims) / k * np.sin(np.pi * k * t + rng.uniform(0, 6, dims)) for k in range(1, 6))

    turn = waves(4) / 2 + rng.normal(size=4)
    return np.hstack([waves(3), turn / np.linalg.norm(turn, axis=1, keepdims=True), 1 / (1 + np.exp(-20 * waves(1)))])


def scaled(motions: list[Array]) -> list[Array]:
    lower, upper = np.min([m.min(axis=0) for m in motions], axis=0), np.max([m.max(axis=0) for m in motions], axis=0)
    lower[3:7], upper[3:7] = 0, 1
    return [(m - lower) / (upper - lower) for m in motions]


def row(rng: np.random.Generator, frames: int, band: int, two: bool, pairs: int) -> str:
    motions = [motion(rng, frames) for _ in range(2 * pairs)]
    group = [PoseTrajectory(str(k), m[:, None]) for k, m in enumerate(motions)]
    prepared = prepare(group, Metric(two_stage=two, band=band or None))
    which, plain = np.arange(2 * pairs).reshape(-1, 2), scaled(motions)

    def all_of(distance: Callable[..., float], *more: object) -> list[float]:
        return [distance(plain[i], plain[j], band, *more) for i, j in which]

    runs: dict[str, Callable[[], object]] = {
        "reference": (lambda: all_of(two_stage, walk, False)) if two else lambda: all_of(flat),
        "compiled": (lambda: all_of(two_stage, opened, False)) if two else lambda: all_of(flat),
        "ours": lambda: pair_distances(prepared, which),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for again in range(8):
        for name, run in runs.items():
            begin = time.process_time()
            run()
            if again:  # the first one compiles
                times[name].append(time.process_time() - begin)
    reference, compiled, ours = (1000 * np.median(times[name]) / pairs for name in runs)
    exact = np.array(all_of(two_stage, opened, True) if two else all_of(flat))
    if band and not two:  # the reference divides by N + M
        exact *= 2 * frames / np.array([len(way_back(table_of(plain[i], plain[j], W_GRIP, band))) for i, j in which])
    worst = np.abs(pair_distances(prepared, which) / exact - 1).max()
    count = cells(prepared, which).mean()
    return (
        f"| {'two-stage' if two else 'flat'} | {frames} | {band or '-'} | {reference:.3f} | {compiled:.3f} | {ours:.3f} "
        f"| {reference / ours:.1f} | {compiled / ours:.1f} | {1e6 * ours / count:.2f} | {worst:.1e} |"
    )


def errors(rng: np.random.Generator, pairs: int) -> str:
    """Ours against the reference, and, as a measure for that, the reference against itself with frames in float32."""
    ours: list[Array] = []
    rounded: list[Array] = []
    while sum(map(len, ours)) < pairs:
        motions = [motion(rng, int(rng.integers(100, 1500))) for _ in range(12)]
        band = int(rng.choice([0, 100]))
        which, plain = np.column_stack(np.triu_indices(12, 1)), scaled(motions)
        prepared = prepare(
            [PoseTrajectory(str(k), m[:, None]) for k, m in enumerate(motions)], Metric(band=band or None)
        )
        exact = np.array([two_stage(plain[i], plain[j], band, opened, True) for i, j in which])
        plain = [m.astype(np.float32).astype(np.float64) for m in plain]
        ours.append(np.abs(pair_distances(prepared, which) / exact - 1))
        rounded.append(np.abs([two_stage(plain[i], plain[j], band, opened, True) for i, j in which] / exact - 1))
    said = ""
    for what, found in (("ours", ours), ("the reference of frames rounded to float32", rounded)):
        relative = np.concatenate(found)
        at = ", ".join(f"{q:.1%}: {np.quantile(relative, q):.1e}" for q in (0.5, 0.99, 0.999))
        said += f"{what}, relative difference in {len(relative)} pairs of 100 to 1,500 frames: {at}, "
        said += f"largest {relative.max():.1e}, beyond 1e-4: {(relative > 1e-4).sum()}\n"
    return said


def memory(frames: int) -> str:
    rng = np.random.default_rng(0)
    motions = [motion(rng, frames) for _ in range(2)]
    plain, prepared = (
        scaled(motions),
        prepare([PoseTrajectory(str(k), m[:, None]) for k, m in enumerate(motions)], Metric()),
    )
    grown = []
    for run in (lambda: pair_distances(prepared, [(0, 1)]), lambda: two_stage(*plain, 0, opened, True)):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run()
        grown.append((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    return f"two trajectories of {frames} frames: ours took {grown[0]:.1f} MB more, the reference {grown[1]:.1f} MB"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--frames", type=int, nargs="+", default=[200, 700, 1500])
    parser.add_argument("--errors", type=int, default=0)
    arguments = parser.parse_args()
    numba.set_num_threads(1)
    rng = np.random.default_rng(0)
    row(rng, 20, 0, True, 2), row(rng, 20, 5, False, 2)  # everything is compiled
    needed = memory(6000)
    print("| distance | frames | band | reference ms | walk compiled ms | ours ms | ratio | ratio to compiled walk | ns/cell "
          "| largest relative difference |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    for two in (True, False):
        for frames in arguments.frames:
            for band in (0, 100):
                print(row(rng, frames, band, two, arguments.pairs), flush=True)
    print(f"\n{needed}")
    if arguments.errors:
        print(errors(rng, arguments.errors))


if __name__ == "__main__":
    main()
