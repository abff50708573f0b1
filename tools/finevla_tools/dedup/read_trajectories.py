"""Read all trajectories, with a reason for each one that cannot be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.dedup import result_tables
from finevla_tools.dedup.frame_cost import PoseTrajectory
from finevla_tools.dedup.groups import Item, task_of
from finevla_tools.dedup.source_data_sets import ARMS, DedupSource, Entry, EpisodeRequest
from finevla_tools.dedup.trajectory_loading import Spool, load_all
from finevla_tools.work.progress import Progress


@dataclass
class Read:
    """Trajectories that were read: number `n` of the spool is of `entries[n]`; `rows` are of all episodes, in order."""

    spool: Spool
    entries: list[Entry]
    rows: list[result_tables.EpisodeRow]
    row_of: list[int]  # of trajectory n
    items: list[Item]
    notes: list[str]

    def trajectory(self, number: int) -> PoseTrajectory:
        """Return trajectory `number` with its episode's id."""
        return PoseTrajectory(self.entries[number].id, self.spool[number])


def read_all(
    sources: Sequence[DedupSource], entries: Sequence[Entry], wanted: EpisodeRequest, jobs: int, work: Path
) -> Read:
    """Read what is not dropped; raises `FineVLAError` if nothing can be used."""
    spool = Spool(work / "trajectories")
    read = Read(spool, [], [_row(sources, entry) for entry in entries], [], [], [n for s in sources for n in s.notes])
    place = {entry.id: k for k, entry in enumerate(entries)}
    lacking: dict[str, int] = {}
    todo = sum(not entry.dropped for entry in entries)
    with Progress("read", todo) as progress:
        for entry, found in load_all(sources, entries, wanted, jobs):
            progress.step()
            row = read.rows[place[entry.id]]
            row.frames, row.non_unit_quaternions, row.flipped_quaternions = found.frames, found.non_unit, found.flipped
            if found.task_indices and (files := sources[entry.source].files) is not None:
                row.task = task_of([files.task_table.get(i, "") for i in found.task_indices])
            if found.values is None:
                row.skipped = row.reason = found.skipped
                continue
            row.arms = " and ".join(found.arms)
            for what in found.lacking:
                lacking[what] = lacking.get(what, 0) + 1
            spool.add(found.values)
            read.entries.append(entry)
            read.row_of.append(place[entry.id])
            read.items.append(Item((row.task,), row.dataset, found.arms, found.values.shape[2]))
    spool.close()
    total = len(read.items)
    read.notes += [
        f"{what} is not there and taken as 0: {n} of {counted(total, 'episode')}" for what, n in sorted(lacking.items())
    ]
    for arm in ARMS if len(wanted.arms) > 1 else ():
        if alone := sum(item.arms == (arm,) for item in read.items):
            read.notes.append(f"the {arm} arm alone is there: {alone} of {counted(total, 'episode')}")
    if not read.entries:
        first = next((row.skipped for row in read.rows if row.skipped), "all are dropped")
        raise FineVLAError(f"no episode can be used; the first: {first}")
    return read


def _row(sources: Sequence[DedupSource], entry: Entry) -> result_tables.EpisodeRow:
    source = sources[entry.source]
    row = result_tables.EpisodeRow(
        entry.id, source.name, entry.episode, task_of(entry.file.tasks or ()), forced=entry.forced
    )
    if entry.dropped:
        row.skipped = row.reason = entry.dropped
    return row
