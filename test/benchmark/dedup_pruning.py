"""How many pairs the dedup need not align, by which bound, and what that saves, on motions with planted duplicates.

usage: dedup_pruning.py [--tasks N] [--count N] [--frames T] [--arms 1|2] [--w-grip W ...] [--band B] [--method M ...]

Each line is the sum over all tasks, the same work with and without bounds, and whether the answers are the same. Thresholds
lie between the distances of copies and those of other motions; at 0 % as low as the copies allow, at 100 % as high as can be.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from planted import Recipe, group
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from finevla_tools.dedup.distance_lower_bounds import lower_bounds
from finevla_tools.dedup.dtw_distances import condensed, pair_distances
from finevla_tools.dedup.frame_cost import Metric, Prepared, prepare
from finevla_tools.dedup.lazy_distances import METHODS, Distances, linkage_to, nearest, within
from finevla_tools.dedup.trajectory_outlines import COARSE, FINE, outline

Array = NDArray[np.float64]
NEIGHBOURS = 5


class Task:
    """One group, all of its distances, and the range of thresholds that tell copies from other motions."""

    def __init__(self, number: int, arguments: argparse.Namespace, w_grip: float) -> None:
        planted = group(0, number, arguments.count, Recipe(frames=arguments.frames, arms=arguments.arms))
        self.prepared: Prepared = prepare(planted.trajectories(), Metric(w_grip=w_grip, band=arguments.band))
        first, second = np.triu_indices(arguments.count, 1)
        is_copy = planted.labels[first] == planted.labels[second]
        started = time.perf_counter()
        self.exact = condensed(self.prepared)
        self.seconds = time.perf_counter() - started
        self.low, self.high = (
            float(np.quantile(self.exact[is_copy], 0.99)),
            float(np.quantile(self.exact[~is_copy], 0.001)),
        )
        self.other = np.flatnonzero(~is_copy)

    def threshold(self, share: float) -> float:
        return float(self.low ** (1 - share) * self.high**share) if self.low < self.high else self.low


def bounds(tasks: list[Task]) -> None:
    """How near the bounds come to the distances of different motions, and what they cost."""
    for name, frames in (("coarse", COARSE), ("fine", FINE)):
        started, ratios, pairs = time.perf_counter(), [], 0
        for task in tasks:
            outlines = outline(task.prepared, frames)
            first, second = np.triu_indices(len(task.prepared), 1)
            found = lower_bounds(task.prepared, np.column_stack([first, second]), outlines)
            assert (found <= task.exact).all(), "a bound is above a distance"
            ratios.append((found / task.exact)[task.other])
            pairs += len(found)
        seconds = time.perf_counter() - started
        p10, p50, p90 = np.quantile(np.concatenate(ratios), [0.1, 0.5, 0.9])
        cheaper = sum(task.seconds for task in tasks) / seconds
        print(f"  {name}: bound / distance {p10:.2f}, {p50:.2f}, {p90:.2f} (10, 50, 90 %), {1e6 * seconds / pairs:.1f} us, "
              f"{cheaper:.0f} x cheaper than aligning")  # fmt: skip


def line(
    name: str, tasks: list[Task], lazily: Callable[[Task, Distances], Array], plainly: Callable[[Task], Array]
) -> None:
    settled, seconds, aligning, is_same = np.zeros(3, np.int64), 0.0, 0.0, True
    for task in tasks:
        spent = 0.0

        def exact(pairs: NDArray[np.int64], prepared: Prepared = task.prepared) -> Array:
            nonlocal spent
            started = time.perf_counter()
            found = pair_distances(prepared, pairs)
            spent += time.perf_counter() - started
            return found

        started = time.perf_counter()
        distances = Distances(task.prepared, exact)
        answer = lazily(task, distances)
        seconds += time.perf_counter() - started
        aligning += spent
        settled += distances.settled
        expected = plainly(task)
        is_same &= answer.shape == expected.shape and np.allclose(answer, expected, rtol=1e-9)
    share = 100 * settled / settled.sum()
    all_of_them = sum(task.seconds for task in tasks)
    print(f"  | {name} | {share[0]:.1f} | {share[1]:.1f} | {share[2]:.1f} | {seconds:.2f} | {aligning:.2f} | "
          f"{all_of_them:.2f} | {all_of_them / seconds:.1f} | {'yes' if is_same else 'NO'} |")  # fmt: skip


def cut(task: Task, method: str, share: float) -> Array:
    rows = linkage(task.exact, method)
    return np.asarray(rows[rows[:, 2] <= task.threshold(share)])


def nearest_plainly(task: Task) -> Array:
    return np.sort(squareform(task.exact) + np.diag(np.full(len(task.prepared), np.inf)), axis=1)[:, :NEIGHBOURS]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=3)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--frames", type=int, default=450)
    parser.add_argument("--arms", type=int, default=2)
    parser.add_argument("--band", type=int)
    parser.add_argument("--w-grip", type=float, nargs="+", default=[1.0, 100.0])
    parser.add_argument("--method", choices=METHODS, nargs="+", default=list(METHODS))
    arguments = parser.parse_args()
    warm = Task(0, argparse.Namespace(count=8, frames=60, arms=arguments.arms, band=arguments.band), 1.0)
    linkage_to(Distances(warm.prepared), "average", warm.high)  # compiles
    for w_grip in arguments.w_grip:
        tasks = [Task(number, arguments, w_grip) for number in range(arguments.tasks)]
        lows, highs = zip(*((task.low, task.high) for task in tasks), strict=True)
        print(
            f"w_grip {w_grip:g}, {arguments.tasks} tasks of {arguments.count}, {arguments.frames} frames: "
            f"copies to {max(lows):.2f}, others from {min(highs):.2f}"
        )
        bounds(tasks)
        print(
            "  | what | settled by coarse, % | by fine, % | aligned, % | seconds | of them aligning | all pairs | x | same |"
        )
        print("  |---|---|---|---|---|---|---|---|---|")
        for method in arguments.method:
            for share in (0.0, 0.5, 1.0):
                line(
                    f"{method}, threshold at {100 * share:.0f} %",
                    tasks,
                    lambda task, d, m=method, s=share: linkage_to(d, m, task.threshold(s)),  # type: ignore[misc]
                    lambda task, m=method, s=share: cut(task, m, s),  # type: ignore[misc]
                )
        line(f"{NEIGHBOURS} nearest", tasks, lambda _, d: nearest(d, NEIGHBOURS)[1], nearest_plainly)
        line(
            "all within 50 %",
            tasks,
            lambda task, d: within(d, task.threshold(0.5))[1],
            lambda task: task.exact[task.exact <= task.threshold(0.5)],
        )


if __name__ == "__main__":
    main()
