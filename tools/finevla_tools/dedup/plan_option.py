"""`--plan`: estimate a run from the lengths in the metadata and from a few groups that are read and compared."""

import time
from collections.abc import Sequence

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.dedup.cost_estimate import MOST, Workload, estimate, estimate_lines, measured
from finevla_tools.dedup.frame_cost import PoseTrajectory
from finevla_tools.dedup.groups import Group, Item, grouped
from finevla_tools.dedup.run import DedupJob
from finevla_tools.dedup.source_data_sets import DedupSource, Entry
from finevla_tools.dedup.trajectory_loading import load

GROUPS = 8  # read and measured
READ = 1200  # episodes of these at most


def intended(sources: Sequence[DedupSource], entries: Sequence[Entry], job: DedupJob) -> list[Group]:
    """Group the episodes by metadata alone; members are indices of `entries`, all wanted arms are assumed present."""
    items = {k: Item(e.file.tasks or (), sources[e.source].name, job.request.arms, 0) for k, e in enumerate(entries)}
    used = [k for k in items if not entries[k].dropped and (entries[k].file.length or 0) <= job.request.max_frames]
    return [
        Group(group.name, tuple(used[m] for m in group.members), group.arms)
        for group in grouped([items[k] for k in used], job.by)
    ]


def plan(
    sources: Sequence[DedupSource], entries: Sequence[Entry], job: DedupJob, cores: int, price: float | None
) -> list[str]:
    """Return lines about time, memory, disk and, with a `price` per core and hour, cost."""
    groups = intended(sources, entries, job)
    sample, read_s, frames = _sample(sources, entries, groups, job)
    unknown = sum(entries[k].file.length is None for group in groups for k in group.members)
    lengths = [np.array([entries[k].file.length or frames for k in group.members], np.int64) for group in groups]
    rates = measured(sample, job.measure, job.cut, read_s, job.seed)
    lines = estimate_lines((work := Workload.of(lengths)), rates, estimate(work, rates, cores, job.memory_mb, price))
    if unknown:
        lines.append(
            f"the metadata do not say the length of {counted(unknown, 'episode')}: {counted(frames, 'frame', 'are')} assumed"
        )
    return lines


def _sample(
    sources: Sequence[DedupSource], entries: Sequence[Entry], groups: Sequence[Group], job: DedupJob
) -> tuple[list[list[PoseTrajectory]], float, int]:
    """Trajectories of some groups, seconds that reading one took, and their mean length in frames.

    Groups are drawn by their number of pairs: most of the work is in those that are drawn.
    """
    random = np.random.default_rng(job.seed)
    some = [group for group in groups if group.pairs]
    if not some:
        raise FineVLAError("there is nothing to plan: no group has two episodes")
    chance = np.array([group.pairs for group in some], np.float64)
    chosen = random.choice(len(some), min(GROUPS, len(some)), replace=False, p=chance / chance.sum())
    readers = [source.reader() for source in sources]
    found: list[list[PoseTrajectory]] = []
    left, count, seconds = READ, 0, 0.0
    for number in chosen:
        members = some[number].members
        if len(members) > (most := min(MOST, max(left, 2))):
            members = tuple(np.sort(random.choice(members, most, replace=False)).tolist())
        begin = time.monotonic()
        loaded = [(entries[k], load(readers[entries[k].source], job.request, entries[k])) for k in members]
        if found:  # the first one also loads libraries
            seconds, count = seconds + time.monotonic() - begin, count + len(members)
        shapes = [one.values.shape[1:] for _, one in loaded if one.values is not None]
        usual = max(set(shapes), key=shapes.count, default=())
        found.append(
            [
                PoseTrajectory(e.id, one.values)
                for e, one in loaded
                if one.values is not None and one.values.shape[1:] == usual
            ]
        )
        left -= len(members)
        if left <= 0:
            break
    frames = [len(t.values) for group in found for t in group]
    if not frames:
        raise FineVLAError("there is nothing to plan: no episode of the sample can be read")
    return found, seconds / max(count, 1), int(np.mean(frames))
