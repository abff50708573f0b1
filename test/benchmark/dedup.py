"""Scale of `finevla dedup`: a whole job beside the reference's, growth to 50,000 trajectories, a million on paper.

usage: dedup.py job [--arms 1|2] [--size N] [--share S]    duplicates found, and how much faster
       dedup.py growth [--most N] [--group N]              time per trajectory at a fixed group size, memory, disk
       dedup.py million [--group N]                        planned with the rates measured here
"""

import argparse
import json
import math
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import planted
from numpy.typing import NDArray

TASKS, SEED = 10, 0
CALIBRATION = (1_000_000, 1_000_001, 1_000_002)  # tasks that are in no job: labels are looked at in them alone
HEIGHTS = np.arange(1.0, 12.01, 0.1)
SIZES = (1_000, 5_000, 20_000, 50_000, 1_000)  # the first once more: has the machine changed meanwhile?
CHUNK = 4  # pairs that the reference sends to a process at a time


def threshold(recipe: planted.Recipe, mirror: bool, size: int = 200) -> float:
    """Where to cut: the middle of the heights with the best F1 on the calibration tasks, as somebody who has looked at a few
    pairs would set it. The labels of the tasks that are then measured play no part."""
    from scipy.cluster.hierarchy import fcluster, linkage

    from finevla_tools.dedup.dtw_distances import condensed
    from finevla_tools.dedup.frame_cost import Metric, prepare

    counts = np.zeros((len(HEIGHTS), 3))
    for task in CALIBRATION:
        group = planted.group(SEED, task, size, recipe)
        tree = linkage(condensed(prepare(group.trajectories(), Metric(mirror=mirror))), "average")
        truth = group.motions if mirror else group.labels
        counts += [agreement(fcluster(tree, height, "distance"), truth) for height in HEIGHTS]
    f1 = 2 * counts[:, 0] / (counts[:, 1] + counts[:, 2])
    return float(HEIGHTS[f1 >= f1.max() - 1e-9].mean())


def agreement(labels: NDArray[np.int64], truth: NDArray[np.int64]) -> tuple[int, int, int]:
    """Pairs that are rightly in one cluster, that should be, that are."""
    i, j = np.triu_indices(len(labels), 1)
    found, wanted = labels[i] == labels[j], truth[i] == truth[j]
    return int((found & wanted).sum()), int(wanted.sum()), int(found.sum())


@dataclass(frozen=True)
class Task:
    """A group whose trajectories lie in a spool, from number `first` on."""

    name: str
    ids: tuple[str, ...]
    first: int
    labels: NDArray[np.int64]
    motions: NDArray[np.int64]
    frames: NDArray[np.int64]


@dataclass(frozen=True)
class Done:
    """What came of one group."""

    labels: NDArray[np.int64]
    kept: int
    pairs: int
    aligned: int


def spooled(groups: Iterable[planted.Planted], path: Path):  # type: ignore[no-untyped-def]
    """Trajectories on disk as a run has them once they are read, and the truth about them."""
    from finevla_tools.dedup.trajectory_loading import Spool

    spool, tasks = Spool(path), []
    for g in groups:
        frames = np.array([len(values) for values in g.values])
        tasks.append(Task(g.ids[0], g.ids, len(spool), g.labels, g.motions, frames))
        for values in g.values:
            spool.add(values)
    spool.close()
    return spool, tasks


def compared(spool, tasks: list[Task], measure, cut, folder: Path, jobs: int) -> list[Done]:  # type: ignore[no-untyped-def]
    """From trajectories on disk to choices, with what is known kept on disk: what a run does."""
    from finevla_tools.dedup.distance_store import Work
    from finevla_tools.dedup.episode_selection import Keep, select
    from finevla_tools.dedup.frame_cost import PoseTrajectory
    from finevla_tools.dedup.group_comparison import distances
    from finevla_tools.dedup.parallel_groups import compare_all

    def read(task: Task) -> list[PoseTrajectory]:
        return [PoseTrajectory(name, spool[task.first + k]) for k, name in enumerate(task.ids)]

    work, done = Work(folder), []
    found = compare_all(((task.name, read(task)) for task in tasks), measure, cut, work, jobs)
    known = [replace(one, condensed=None, is_exact=None) for one in found]
    for task, one in zip(tasks, known, strict=True):
        with distances(task.name, read(task), measure, cut, work) as of:
            choices = select(one.clusters, of, task.ids, Keep(quota=1))
        count = len(task.ids) * (len(task.ids) - 1) // 2
        done.append(Done(one.clusters.labels, sum(choice.kept for choice in choices), count, one.aligned))
    return done


# The reference ---------------------------------------------------------------------------------------------------------------


def reference_seconds(groups: list[planted.Planted], share: float, jobs: int) -> tuple[float, int, int]:
    """All pairs of all groups, one arm after the other, as FineVLA-Tool does it: a pool to which both sequences of every pair
    are pickled. A random `share` of the pairs is computed; seconds are those of all. Also pairs computed and pairs in all."""
    random = np.random.default_rng(SEED)
    seconds, computed, total = 0.0, 0, 0
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        warm = groups[0].values[0][:20, 0]
        pool.map(aligned_by_reference, [(0, 1, warm, warm)] * (4 * jobs), chunksize=1)  # imports and compiles
        for group in groups:
            pairs = np.column_stack(np.triu_indices(len(group), 1))
            some = pairs[np.sort(random.choice(len(pairs), max(1, round(share * len(pairs))), replace=False))]
            begin = time.perf_counter()
            for arm in range(group.values[0].shape[1]):
                sequences = scaled([values[:, arm] for values in group.values])
                matrix = np.zeros((len(group), len(group)))
                tasks = ((i, j, sequences[i], sequences[j]) for i, j in some)
                for i, j, distance in pool.imap_unordered(aligned_by_reference, tasks, chunksize=CHUNK):
                    matrix[i, j] = matrix[j, i] = distance
            seconds += (time.perf_counter() - begin) * len(pairs) / len(some)
            computed, total = computed + len(some), total + len(pairs)
    return seconds, computed, total


def scaled(sequences: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Global min-max over the group, quaternions left as they are."""
    stacked = np.concatenate(sequences)
    low, span = stacked.min(0), np.ptp(stacked, axis=0)
    span[span < 1e-12] = 1.0
    low[3:7], span[3:7] = 0.0, 1.0
    return [(sequence - low) / span for sequence in sequences]


def aligned_by_reference(task: tuple[int, int, NDArray[np.float64], NDArray[np.float64]]) -> tuple[int, int, float]:
    """In a process of the pool: compiled full table and way back, and the walk along the path in Python."""
    from dedup_kernel import two_stage, walk

    i, j, a, b = task
    return i, j, two_stage(a, b, 0, walk, True)


# Subcommands -----------------------------------------------------------------------------------------------------------------


def job(arguments: argparse.Namespace) -> None:
    from finevla_tools.dedup.clusters import Cut
    from finevla_tools.dedup.frame_cost import Metric
    from finevla_tools.work.parallel_map import cores

    recipe = planted.Recipe(arms=arguments.arms)
    groups = list(planted.groups(SEED, TASKS, arguments.size // TASKS, recipe))
    ours, aligned = math.inf, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spool, tasks = spooled(groups, folder / "spool")
        frames = np.concatenate([task.frames for task in tasks])
        print(f"\n{TASKS} tasks of {len(groups[0])}, {arguments.arms} arm(s), ", end="")
        print(f"frames {frames.min()} to {frames.max()}, mean {frames.mean():.0f}; {cores()} cores")
        print(
            "\n| what | cut at | s | recall | precision | pairs aligned | kept |\n|---|---|---|---|---|---|---|",
            flush=True,
        )
        for what, mirror, is_given in (
            ("given", False, True),
            ("given, mirror images are alike", True, True),
            ("automatic, all pairs", False, False),
        ):
            if mirror and arguments.arms == 1:
                continue
            measure = Metric(mirror=mirror)
            cut = Cut("average", threshold(recipe, mirror) if is_given else None)
            compared(*spooled([groups[0]], folder / "warm"), measure, cut, folder / f"warm {what}", 1)
            begin = time.perf_counter()
            done = compared(spool, tasks, measure, cut, folder / what, arguments.jobs)
            took = time.perf_counter() - begin
            report(what, cut.distance, took, tasks, done, mirror)
            if what == "given":
                ours, aligned = took, sum(d.aligned for d in done)
    seconds, computed, total = reference_seconds(groups, arguments.share, cores())
    print("\n| job | alignments | s | times |\n|---|---|---|---|")
    total, computed = total * arguments.arms, computed * arguments.arms
    print(f"| reference, {cores()} processes | {total:,} ({computed:,} timed) | {seconds:.1f} | 1 |")
    print(f"| ours, whole, {cores()} cores | {aligned:,} | {ours:.2f} | {seconds / ours:.0f} |")


def report(what: str, height: float | None, seconds: float, tasks: list[Task], done: list[Done], mirror: bool) -> None:
    counts = [agreement(d.labels, t.motions if mirror else t.labels) for t, d in zip(tasks, done, strict=True)]
    both, wanted, found = np.sum(counts, axis=0)
    pairs, aligned = sum(d.pairs for d in done), sum(d.aligned for d in done)
    print(
        f"| {what} | {'-' if height is None else f'{height:.2f}'} | {seconds:.2f} | {both / wanted:.2%} "
        f"| {both / max(found, 1):.2%} | {aligned / pairs:.1%} of {pairs:,} | {sum(d.kept for d in done)} |",
        flush=True,
    )


def growth(arguments: argparse.Namespace) -> None:
    """Each size in a process of its own, so that the largest memory is its own."""
    height = threshold(planted.Recipe(arms=arguments.arms), False)
    print(
        f"\ngroups of {arguments.group}, {arguments.arms} arm(s), {arguments.jobs} process(es), cut at {height:.2f}\n"
    )
    print(
        "| trajectories | s | ms per trajectory | ms of a core | pairs | aligned | planned s | peak memory, MB | disk, MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    each, of_cores = [], []
    for size in [s for s in SIZES if s <= arguments.most]:
        text = subprocess.run(
            [sys.executable, __file__, "one", "--size", str(size), "--group", str(arguments.group), "--height", str(height),
             "--arms", str(arguments.arms), "--jobs", str(arguments.jobs)],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        r = json.loads(text.splitlines()[-1])
        each.append(r["seconds"] / size)
        of_cores.append(r["of_cores"] / size)
        low, likely, high = r["planned"]
        print(
            f"| {size:,} | {r['seconds']:.1f} | {1e3 * each[-1]:.2f} | {1e3 * of_cores[-1]:.2f} | {r['pairs']:,} "
            f"| {r['aligned'] / r['pairs']:.1%} "
            f"| {likely:.1f} ({low:.1f} to {high:.1f}) | {r['memory_mb']:.0f} | {r['disk_mb']:.0f} |",
            flush=True,
        )
    print(
        f"\nlargest by smallest per trajectory: time {max(each) / min(each):.3f}, of cores {max(of_cores) / min(of_cores):.3f}"
    )


def one(arguments: argparse.Namespace) -> None:
    """A run of one size: plan first, then do it."""
    from finevla_tools.dedup.clusters import Cut
    from finevla_tools.dedup.cost_estimate import Workload, estimate, measured
    from finevla_tools.dedup.distance_store import MEMORY_MB
    from finevla_tools.dedup.frame_cost import Metric

    recipe, measure, cut = planted.Recipe(arms=arguments.arms), Metric(), Cut("average", arguments.height)
    sample = [planted.group(SEED, task, arguments.group, recipe) for task in CALIBRATION]
    rates = measured([group.trajectories() for group in sample], measure, cut)
    seen = Workload.of(np.array([len(values) for values in group.values]) for group in sample)
    planned = estimate(
        seen.grown(arguments.size / arguments.group / len(sample)), rates, arguments.jobs, MEMORY_MB, None
    )
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        spool, tasks = spooled(
            planted.groups(SEED, arguments.size // arguments.group, arguments.group, recipe), folder / "spool"
        )
        begin, begin_cores = time.perf_counter(), of_cores()
        done = compared(spool, tasks, measure, cut, folder / "work", arguments.jobs)
        seconds = time.perf_counter() - begin
        for process in multiprocessing.active_children():
            process.join()
        spent = of_cores() - begin_cores
        disk = sum(f.stat().st_size for f in (folder / "work").rglob("*.*"))
    most = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({
        "seconds": seconds, "of_cores": spent, "pairs": sum(d.pairs for d in done), "aligned": sum(d.aligned for d in done),
        "planned": planned.seconds, "disk_mb": disk / 1e6,
        "memory_mb": most[0] + (arguments.jobs if arguments.jobs > 1 else 0) * most[1],
    }))  # fmt: skip


def of_cores() -> float:
    """Seconds of cores so far, with those of processes that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def million(arguments: argparse.Namespace) -> None:
    """Two shapes of a million: groups all of one size, and of sizes as data sets have them, many small and some large."""
    from finevla_tools.dedup.clusters import Cut
    from finevla_tools.dedup.cost_estimate import Workload, estimate, estimate_lines, measured
    from finevla_tools.dedup.frame_cost import Metric

    recipe = planted.Recipe(arms=arguments.arms)
    cut = Cut("average", threshold(recipe, False))
    sample = [planted.group(SEED, task, arguments.group, recipe) for task in (*CALIBRATION, 0, 1, 2)]
    rates = measured([group.trajectories() for group in sample], Metric(), cut)
    lengths = np.array([len(v) for group in sample for v in group.values])
    for name, sizes in (
        (
            f"{1_000_000 // arguments.group:,} groups of {arguments.group}",
            np.full(1_000_000 // arguments.group, arguments.group),
        ),
        ("groups of log-normal sizes, most below 100, the largest of thousands", heavy(1_000_000)),
    ):
        random = np.random.default_rng(SEED)
        work = Workload.of(random.choice(lengths, size) for size in sizes)
        print(f"\n{name}\n")
        for cores in (2, 16, 96):
            found = estimate(work, rates, cores, 2048, arguments.price_per_core_hour)
            for line in estimate_lines(work, rates, found)[0 if cores == 2 else 1 : None if cores == 96 else -2]:
                print(f"- {line}")


def heavy(total: int) -> NDArray[np.int64]:
    """Group sizes that add up to `total`."""
    random = np.random.default_rng(SEED)
    sizes = np.clip(np.rint(random.lognormal(math.log(40), 1.5, total)), 1, 20_000).astype(np.int64)
    before = np.cumsum(sizes) - sizes
    return np.minimum(sizes, total - before)[before < total]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for run in (job, growth, million, one):
        command = commands.add_parser(run.__name__)
        command.set_defaults(run=run)
        command.add_argument("--arms", type=int, default=2, choices=[1, 2])
        command.add_argument("--group", type=int, default=200)
        command.add_argument("--size", type=int, default=2_000)
        command.add_argument("--share", type=float, default=0.1, help="of the pairs that the reference computes")
        command.add_argument("--jobs", type=int, default=1, help="processes: groups at a time")
        command.add_argument("--most", type=int, default=50_000)
        command.add_argument("--height", type=float, default=4.0)
        command.add_argument("--folder", type=Path, help="where distances are put; a temporary folder without it")
        command.add_argument("--price-per-core-hour", type=float, default=None)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
