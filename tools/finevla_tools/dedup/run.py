"""Run the dedup: read, group, compare, cluster, select; intermediate results are kept so that a run can be resumed."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from finevla_core.errors import FineVLAError, is_disk_full, unwritable
from finevla_core.plural_phrases import counted
from finevla_tools.dedup import result_tables
from finevla_tools.dedup.clusters import TREES, Cut
from finevla_tools.dedup.distance_store import Work
from finevla_tools.dedup.episode_budget import shares
from finevla_tools.dedup.episode_selection import EpisodeChoice, Keep, select
from finevla_tools.dedup.finevla_clusters import Recursion
from finevla_tools.dedup.finevla_run import Batch, PaperRequest
from finevla_tools.dedup.frame_cost import Metric
from finevla_tools.dedup.group_comparison import GroupResult, cut_again, distances, tells
from finevla_tools.dedup.groups import Group, grouped
from finevla_tools.dedup.parallel_groups import WORTH, compare_all
from finevla_tools.dedup.read_trajectories import Read, read_all
from finevla_tools.dedup.source_data_sets import DedupSource, Entry, EpisodeRequest
from finevla_tools.work import staged_output
from finevla_tools.work.progress import Progress

SHOWN = 100  # of so many groups, the largest, distances stay at hand for the page: each is an open file

FORCED, NO_ROOM = "named in the keep file", "the budget has no room for this group"


@dataclass(frozen=True)
class DedupJob:
    """Options of a run. `recursion` is FineVLA's recursive clustering and needs a measure with `compat`."""

    request: EpisodeRequest = field(default_factory=EpisodeRequest)
    measure: Metric = field(default_factory=Metric)
    cut: Cut = field(default_factory=Cut)
    recursion: Recursion | None = None
    by: str = "task"
    budget: int | None = None  # of all groups together
    per_cluster: int | None = None  # None: one of each cluster, or as the budget has it
    seed: int = 0
    jobs: int = 1
    memory_mb: int = 2048
    engine: str = "local"
    with_distances: bool = False


@dataclass(frozen=True)
class DedupOutcome:
    """Result of a run; lists are by group, the largest group first."""

    read: Read
    groups: list[Group]
    results: list[GroupResult]
    choices: list[list[EpisodeChoice]]
    seconds: dict[str, float]

    @property
    def pairs(self) -> int:
        """Number of pairs within all groups."""
        return sum(group.pairs for group in self.groups)

    @property
    def aligned(self) -> int:
        """Number of pairs whose DTW distance was computed, over all groups."""
        return sum(known.aligned for known in self.results)


@contextmanager
def workplace(out: Path, fresh: bool) -> Iterator[tuple[Path, Path]]:
    """Yield a hidden work folder beside `out`, kept for resuming, and a folder in it that becomes `out` at the end.

    `fresh` deletes earlier distances. Raises `FineVLAError` if another process works there, or it cannot be written.
    """
    work = out.with_name(f".{out.name}.work")
    busy = f"'{out}' is being made by another process; wait, or name another --out"
    try:
        with staged_output.workplace(out, work, busy) as made:
            for old in (made, work / "distances") if fresh else (made,):
                shutil.rmtree(old, ignore_errors=True)
            made.mkdir()
            yield work, made
    except OSError as error:
        if is_disk_full(error):
            raise unwritable(out, error) from error
        raise FineVLAError(
            f"'{out}' cannot be made: {error.strerror or error}; what was computed is kept for the next try"
        ) from error


def dedup(
    sources: Sequence[DedupSource], entries: Sequence[Entry], job: DedupJob, folder: Path, work: Path
) -> DedupOutcome:
    """Run all stages; episodes.parquet goes into `folder`, what is needed to resume into `work`."""
    clock, seconds = time.monotonic(), {}
    read = read_all(sources, entries, job.request, job.jobs, work)
    seconds["read"] = time.monotonic() - clock
    groups = grouped(read.items, job.by)
    store = Work(work / "distances", job.memory_mb, job.engine)
    try:
        clock = time.monotonic()
        known, drawn = _compared(sources, read, groups, job, folder, store)
        if not job.measure.compat and job.cut.method in TREES and job.cut.distance is job.cut.count is None:
            _share_threshold(read, groups, known, job, store)
        if groups and not any(group.pairs for group in groups):
            larger = {"dataset": "; --by all makes larger ones", "all": ""}
            advice = larger.get(job.by, "; --by dataset or --by all makes larger ones")
            read.notes.append(f"no group has two episodes: nothing was compared{advice}")
        seconds["compare"] = time.monotonic() - clock
        clock = time.monotonic()
        choices = drawn if job.measure.compat else _choices(read, groups, known, job, store)
        seconds["choose"] = time.monotonic() - clock
    finally:
        store.close()
    _fill(read, groups, known, choices)
    result_tables.write_episodes(folder, read.rows)
    return DedupOutcome(read, groups, known, choices, seconds)


def _compared(
    sources: Sequence[DedupSource], read: Read, groups: Sequence[Group], job: DedupJob, folder: Path, store: Work
) -> tuple[list[GroupResult], list[list[EpisodeChoice]]]:
    """Return each group's result and, with FineVLA's clusters, the choices that its draw makes."""
    asked = PaperRequest(job.cut, job.recursion, job.by, job.request.space)
    batch = Batch(sources, read, groups, asked, folder) if job.measure.compat else None
    known: list[GroupResult] = []
    drawn: list[list[EpisodeChoice]] = []
    with Progress("compare", len(groups), "groups") as progress, _distances(folder, groups, job) as writer:
        named = ((group.name, [read.trajectory(n) for n in group.members]) for group in groups)
        side_by_side = compare_all(named, job.measure, job.cut, store, _processes(groups, job))
        for number, group in enumerate(groups):
            if batch is None:
                found = next(side_by_side)
            else:
                found, chosen = batch.compare(number, [read.trajectory(n) for n in group.members], job.measure, store)
                drawn.append(chosen)
            if writer is not None and found.condensed is not None:
                writer.add(number, np.array([read.row_of[n] for n in group.members]), found.condensed, found.is_exact)
            elif writer is not None:
                read.notes.append(f"distances of '{group.name}' are not written: it was compared in blocks")
            known.append(found if number < SHOWN else replace(found, condensed=None, is_exact=None))
            progress.step()
    if batch is not None:
        batch.finish()
    return known, drawn


def _processes(groups: Sequence[Group], job: DedupJob) -> int:
    """Return the number of processes: 1 if there are too few pairs to pay for more."""
    return job.jobs if sum(group.pairs for group in groups) > WORTH else 1


def _share_threshold(read: Read, groups: Sequence[Group], known: list[GroupResult], job: DedupJob, store: Work) -> None:
    """Cut groups without a clear gap at the median distance of the groups that have one.

    If fewer than half of the groups of three and more episodes have a gap, none is changed and a note says so.
    """
    telling = [one.clusters.distance for one in known if tells(one) and one.clusters.distance is not None]
    large = sum(len(group.members) > 2 for group in groups)
    if 2 * len(telling) < large or not telling:
        if large > len(telling):
            read.notes.append(
                f"in {large - len(telling)} of {counted(large, 'group')} no cut stands out: what is not "
                "nearly the same is kept there; "
                "--cut-distance and --clusters say otherwise"
            )
        return
    distance = float(np.median(telling))
    for number, (group, one) in enumerate(zip(groups, known, strict=True)):
        if not tells(one) and one.clusters.linkage is not None:
            trajectories = [read.trajectory(n) for n in group.members]
            with distances(group.name, trajectories, job.measure, job.cut, store) as of:
                known[number] = cut_again(one, distance, len(telling), of)


def _distances(
    folder: Path, groups: Sequence[Group], job: DedupJob
) -> AbstractContextManager[result_tables.DistanceWriter | None]:
    names = [group.name for group in groups]
    return result_tables.DistanceWriter(folder, names) if job.with_distances else nullcontext()


def _choices(
    read: Read, groups: Sequence[Group], known: Sequence[GroupResult], job: DedupJob, store: Work
) -> list[list[EpisodeChoice]]:
    forced = [{k: FORCED for k, n in enumerate(g.members) if read.entries[n].forced} for g in groups]
    budgets: Sequence[int | None] = [None] * len(groups)
    if job.budget is not None:
        counts = [len(k.clusters.medoids) for k in known]
        made = shares(job.budget, counts, [len(g.members) for g in groups], [len(f) for f in forced])
        budgets = [int(share) for share in made]
    found = []
    for group, one, budget, some in zip(groups, known, budgets, forced, strict=True):
        trajectories = [read.trajectory(n) for n in group.members]
        if budget == 0:
            found.append([EpisodeChoice(k, False, NO_ROOM, int(label)) for k, label in enumerate(one.clusters.labels)])
            continue
        keep = Keep(budget, job.per_cluster, seed=job.seed)
        with distances(group.name, trajectories, job.measure, job.cut, store) as of:
            found.append(select(one.clusters, of, [t.id for t in trajectories], keep, some))
    return found


def _fill(
    read: Read, groups: Sequence[Group], known: Sequence[GroupResult], choices: Sequence[Sequence[EpisodeChoice]]
) -> None:
    """Write groups, clusters and choices into the rows; cluster numbers are per group."""
    for group, found, chosen in zip(groups, known, choices, strict=True):
        for k, number in enumerate(group.members):
            row, label = read.rows[read.row_of[number]], int(found.clusters.labels[k])
            row.group, row.cluster = group.name, label
            row.is_medoid = int(found.clusters.medoids[label - 1]) == k
            row.distance_to_medoid = float(found.to_medoid[k])
        for choice in chosen:
            row = read.rows[read.row_of[group.members[choice.index]]]
            row.kept, row.reason = choice.kept, choice.reason
