"""Estimate time, memory, disk and cost of a run from trajectory lengths and a measured sample of groups.

`estimate` only calculates; `measured` runs the sample against the clock. `said` states every assumption.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.dedup.clusters import Cut
from finevla_tools.dedup.distance_store import PAIR_BYTES, Work
from finevla_tools.dedup.episode_selection import Keep, select
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory, prepare
from finevla_tools.dedup.group_comparison import BLOCK, compare, distances
from finevla_tools.dedup.parallel_groups import SMALL, WORTH

RATE_S = 0.3  # how long the kernel's rate is measured in each group of the sample
BUDGET_S = 20.0  # no other group is begun after that
MOST = 400  # members of a group that is measured: of a larger one, so many
DOUBT = 1.25  # either way, of whatever was measured: machines differ by as much from one minute to the next
PROGRAM_MB = 350  # of memory, libraries included
MATRIX_BYTES = 8  # of memory for each two members of the largest group: clustering has them as a square
DISK_BYTES = 12  # a distance and where it belongs, at most
GB = 1e9


class Interval(NamedTuple):
    """Likely value with a lower and an upper bound."""

    low: float
    likely: float
    high: float

    def times(self, factor: float) -> "Interval":
        """Return the interval with all three values multiplied by `factor`."""
        return Interval(*(v * factor for v in self))


@dataclass(frozen=True)
class Workload:
    """Size of a run: `pairs` to compare, `cells` of their full DTW tables; `largest` is the side of the largest matrix.

    In groups larger than `BLOCK`, compared by blocks, about `BLOCK` / 2 pairs per trajectory are counted.
    """

    trajectories: int
    groups: int
    pairs: int
    cells: float
    frames: int
    largest: int
    largest_frames: int
    small: float = 0.0  # the part of the pairs that is in groups which are compared side by side

    @staticmethod
    def of(groups: Iterable[NDArray[np.int64]]) -> "Workload":
        """Compute the workload from the trajectory lengths (frames) of each group; raises `FineVLAError` for none."""
        count = members = pairs = frames = largest = most = small = 0
        cells = 0.0
        for lengths in groups:
            n, total = len(lengths), int(lengths.sum())
            count, members, frames = count + 1, members + n, frames + total
            part = min(1.0, BLOCK / max(n, 1))
            pairs += round(n * (n - 1) // 2 * part)
            cells += (float(total) ** 2 - float((lengths.astype(float) ** 2).sum())) / 2 * part
            small += n * (n - 1) // 2 if n <= SMALL else 0
            largest, most = max(largest, min(n, BLOCK)), max(most, total)
        if not members:
            raise FineVLAError("there is nothing to plan: no episode can be compared")
        return Workload(members, count, pairs, cells, frames, largest, most, small / max(pairs, 1))

    def grown(self, factor: float) -> "Workload":
        """Return the workload of `factor` times as many groups of the same kind."""
        return Workload(
            round(self.trajectories * factor), round(self.groups * factor), round(self.pairs * factor),
            self.cells * factor, round(self.frames * factor), self.largest, self.largest_frames,
            self.small,
        )  # fmt: skip


@dataclass(frozen=True)
class Rates:
    """Measured speeds of one core.

    `cells_s`: table cells per second. `aligned`: fraction of pairs that bounds do not exclude. `pair_s`: other time per
    pair (bounds, clustering). `trajectory_s`: reading and preparing one. `choice_s`: selection, per trajectory.
    `share`: table cells of a pair relative to the full table (less with a band, twice with mirror images).
    """

    cells_s: Interval
    aligned: Interval
    pair_s: Interval
    trajectory_s: Interval
    choice_s: Interval
    share: float = 1.0
    values: int = 16  # of a frame, all arms
    sampled: int = 0  # groups


@dataclass(frozen=True)
class Estimate:
    """Estimated wall-clock seconds on `cores`, bytes of memory and of disk; `price` is None if no rate was given."""

    cores: int
    align_s: Interval
    other_s: Interval
    seconds: Interval
    memory: float
    disk: float
    price: Interval | None


def estimate(work: Workload, rates: Rates, cores: int, memory_mb: int, price_per_core_hour: float | None) -> Estimate:
    """Estimate a run: aligning and reading use all cores, other comparison work in small groups only, selecting one.

    Raises `FineVLAError` for fewer than one core or an impossible price.
    """
    if cores < 1:
        raise FineVLAError(f"a run on {counted(cores, 'core')} cannot be planned; give at least 1")
    if price_per_core_hour is not None and not 0 <= price_per_core_hour < np.inf:
        raise FineVLAError(f"{price_per_core_hour} is no price of a core and hour; give a number from 0 up")
    cells = work.cells * rates.share
    fast, likely, slow = rates.cells_s.high, rates.cells_s.likely, rates.cells_s.low
    align = Interval(
        cells * rates.aligned.low / (fast * cores),
        cells * rates.aligned.likely / (likely * cores),
        cells * rates.aligned.high / (slow * cores),
    )
    small = work.small if work.pairs > WORTH else 0.0
    alone = 1 - small + small / cores
    pieces = zip(rates.pair_s, rates.trajectory_s, rates.choice_s, strict=True)
    other = Interval(
        *(work.pairs * pair * alone + work.trajectories * (one / cores + choice) for pair, one, choice in pieces)
    )
    seconds = Interval(*(a + b for a, b in zip(align, other, strict=True)))
    blocks = min(memory_mb * 1e6, work.pairs * float(PAIR_BYTES))
    memory = PROGRAM_MB * 1e6 + blocks + work.largest_frames * rates.values * 12 + work.largest**2 * MATRIX_BYTES
    disk = work.frames * rates.values * 8.0 + work.pairs * rates.aligned.high * DISK_BYTES
    price = None if price_per_core_hour is None else seconds.times(cores * price_per_core_hour / 3600)
    return Estimate(cores, align, other, seconds, memory, disk, price)


def estimate_lines(work: Workload, rates: Rates, found: Estimate) -> list[str]:
    """Return the estimate as lines for the terminal, with the assumptions it rests on."""
    lines = [
        f"{work.trajectories:,} trajectories in {counted(work.groups, 'group')}; {counted(work.pairs, 'pair')} to look at",
        f"time on {found.cores} core{'s' * (found.cores > 1)}: {_spoken(found.seconds)}; "
        f"aligning takes {found.align_s.likely / max(found.seconds.likely, 1e-9):.0%} of it",
        f"memory: {found.memory / GB:.1f} GB; disk while it runs: {found.disk / GB:.1f} GB",
    ]
    if found.price is not None:
        lines.append(f"price: {found.price.likely:,.2f} ({found.price.low:,.2f} to {found.price.high:,.2f})")
    return [
        *lines,
        f"measured on {rates.sampled} group{'s' * (rates.sampled != 1)} here: {rates.cells_s.likely / 1e6:,.0f} million table "
        f"cells a second and core, {rates.aligned.likely:.1%} of the pairs aligned; the interval is two standard errors, "
        f"at least a factor of {DOUBT:g} either way",
        "assumed: the groups that were measured stand for the others, each core is as fast as one here, reading, aligning "
        f"and the groups up to {SMALL:,} are shared by all cores and the rest is done by one, and nothing else runs",
    ]


def measured(
    sample: Sequence[Sequence[PoseTrajectory]], measure: Metric, cut: Cut, read_s: float = 0.0, seed: int = 0
) -> Rates:
    """Measure speeds on the groups of `sample` for about `BUDGET_S` seconds; `read_s`: reading one trajectory.

    Groups of fewer than two are left out; raises `FineVLAError` if there are no others.
    """
    import numba

    random = np.random.default_rng(seed)
    groups = [_some(group, random) for group in sample if len(group) > 1]
    if not groups:
        raise FineVLAError("there is nothing to measure: no group of the sample has two episodes")
    _once(groups[0][:4], measure, cut, random)  # compiles
    found, begin = [], time.monotonic()
    for group in groups:
        found.append(_once(group, measure, cut, random))
        if time.monotonic() - begin > BUDGET_S:
            break
    speed, aligned, pair_s, trajectory_s, choice_s, share = np.array(found).T
    threads = numba.get_num_threads()
    arms, dims = groups[0][0].values.shape[1:]
    weights = np.array([len(g) * (len(g) - 1) / 2 for g in groups[: len(found)]])
    return Rates(
        _interval(speed / threads, weights),
        _interval(aligned, weights, most=1.0),
        _interval(pair_s, weights),
        _interval(trajectory_s + read_s, weights),
        _interval(choice_s, weights),
        float(np.average(share, weights=weights)),
        int(arms * dims),
        len(found),
    )


def _once(
    group: Sequence[PoseTrajectory], measure: Metric, cut: Cut, random: np.random.Generator
) -> tuple[float, float, float, float, float, float]:
    """Of one group: cells a second on all threads, part aligned, seconds a pair, a trajectory, a choice, and table's share."""
    from finevla_tools.dedup.dtw_distances import cells, pair_distances

    begin = time.monotonic()
    prepared = prepare(group, measure)
    making_s = time.monotonic() - begin
    pairs = np.sort(_random_pairs(len(group), random), axis=1)
    work = cells(prepared, pairs)
    full = prepared.lengths[pairs].prod(axis=1)
    begin, done, at = time.monotonic(), 0.0, 0
    while (took := time.monotonic() - begin) < RATE_S or not done:
        step = pairs[at : at + 256]
        pair_distances(prepared, step)
        done += float(work[at : at + 256].sum())
        at = at + 256 if at + 256 < len(pairs) else 0
    speed = done / max(took, 1e-9)
    begin = time.monotonic()
    with TemporaryDirectory() as folder:
        store = Work(Path(folder))
        known = compare("sample", group, measure, cut, store)
        took, begin = time.monotonic() - begin, time.monotonic()
        with distances("sample", group, measure, cut, store) as of:
            select(known.clusters, of, [one.id for one in group], Keep())
        choosing_s = time.monotonic() - begin
    count = len(group) * (len(group) - 1) / 2
    align_s = known.aligned * float(work.mean()) / speed
    return (
        speed,
        min(known.aligned / count, 1.0),
        max(took - align_s - making_s, 0.0) / count,
        making_s / len(group),
        choosing_s / len(group),
        float(work.sum() / full.sum()),
    )


def _random_pairs(count: int, random: np.random.Generator, most: int = 4096) -> NDArray[np.int64]:
    first = random.integers(count, size=most)
    return np.stack([first, (first + random.integers(1, count, size=most)) % count], axis=1)


def _some(group: Sequence[PoseTrajectory], random: np.random.Generator) -> list[PoseTrajectory]:
    if len(group) <= MOST:
        return list(group)
    return [group[i] for i in np.sort(random.choice(len(group), MOST, replace=False))]


def _interval(values: NDArray[np.float64], weights: NDArray[np.float64], most: float = np.inf) -> Interval:
    """The mean by weight, and two standard errors of it, or `DOUBT` where that is wider."""
    mean = float(np.average(values, weights=weights))
    error = 2 * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    low, high = min(mean - error, mean / DOUBT), max(mean + error, mean * DOUBT)
    return Interval(max(low, mean / 10), mean, min(high, most))


def _spoken(seconds: Interval) -> str:
    units = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))
    size, unit = next((u for u in units if seconds.likely >= 2 * u[0]), units[-1])
    low, likely, high = seconds.times(1 / size)
    return f"{likely:.3g} {unit} ({low:.3g} to {high:.3g})"
