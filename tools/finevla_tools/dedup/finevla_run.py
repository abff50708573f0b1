"""Groups as FineVLA's tools run them: its clusters, whom it draws, its files of each group and of the batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.distance import squareform

from finevla_core.errors import FineVLAError
from finevla_tools.dedup import finevla_files as files
from finevla_tools.dedup.clusters import Cut, looked_up
from finevla_tools.dedup.distance_store import Work
from finevla_tools.dedup.episode_selection import EpisodeChoice
from finevla_tools.dedup.finevla_clusters import Recursion
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory, prepare
from finevla_tools.dedup.group_comparison import GroupResult, alone, to_medoids, whole
from finevla_tools.dedup.groups import Group
from finevla_tools.dedup.read_trajectories import Read
from finevla_tools.dedup.source_data_sets import DedupSource


@dataclass(frozen=True)
class PaperRequest:
    """FineVLA's grouping and cut; `recursion` None: flat clustering."""

    cut: Cut
    recursion: Recursion | None
    by: str
    space: str


class Batch:
    """Runs FineVLA's analysis group by group and writes its files; `finish` writes those of the whole batch."""

    def __init__(
        self,
        sources: Sequence[DedupSource],
        read: Read,
        groups: Sequence[Group],
        asked: PaperRequest,
        folder: Path,
    ) -> None:
        """Prepare the groups; raises `FineVLAError` if one spans several data sets, which FineVLA cannot do."""
        self._read, self._groups, self._asked = read, groups, asked
        self._folder = folder / files.FOLDER
        self._units = [self._unit(sources, group) for group in groups]
        self._places = files.folder_names([group.name for group in groups])
        self._counts: list[int | None] = [None] * len(groups)

    def compare(
        self, number: int, trajectories: Sequence[PoseTrajectory], measure: Metric, store: Work
    ) -> tuple[GroupResult, list[EpisodeChoice]]:
        """Cluster group `number` and write its files; return the result and the choices of its episodes."""
        group, forced = self._groups[number], self._forced(number)
        if len(trajectories) < 2:
            kept = "nothing to compare it with: FineVLA leaves it out"
            return alone(len(trajectories), self._asked.cut), [
                EpisodeChoice(k, True, kept, 1) for k in range(len(trajectories))
            ]
        condensed = whole(group.name, prepare(trajectories, measure), store)
        square = squareform(np.asarray(condensed, np.float64))
        found = files.analyse(square, self._asked.cut, self._asked.recursion)
        files.write_unit(self._folder / self._places[number], self._units[number], square, found, measure)
        self._counts[number] = len(found.groups)
        clusters = found.clusters
        apart = to_medoids(clusters, looked_up(condensed, len(square)))
        drawn = set(found.representatives.values())
        choices = [
            EpisodeChoice(
                k, k in drawn or k in forced, _reason(str(name), k in drawn, k in forced), int(clusters.labels[k])
            )
            for k, name in sorted((k, name) for name, members in found.groups.items() for k in members)
        ]
        return GroupResult(clusters, condensed, None, apart, len(condensed)), choices

    def finish(self) -> None:
        """Write batch_summary.json and, if grouped by task, task_per_episode.json."""
        self._folder.mkdir(exist_ok=True)
        files.write_summary(self._folder, files.summary_of(list(zip(self._units, self._counts, strict=True))))
        if self._units[0].task is not None:
            tasks = {str(unit.task): unit.episodes for unit in self._units}
            files.write_tasks(self._folder, self._units[0].dataset, tasks)

    def _unit(self, sources: Sequence[DedupSource], group: Group) -> files.Unit:
        entries = [self._read.entries[n] for n in group.members]
        if len({entry.source for entry in entries}) > 1:
            raise FineVLAError(
                "FineVLA compares within one data set: with --compat finevla name one, or group several --by dataset"
            )
        source = sources[entries[0].source]
        formats = {f.format for f in source.map.state if f.slot.endswith("_eef")} if source.map else set()
        rotation = "euler" if formats == {"euler"} else "quaternion"
        return files.Unit(
            source.name,
            str(source.root),
            tuple(entry.episode for entry in entries),
            group.arms,
            "none" if self._asked.space == "joint" else rotation,
            group.name if self._asked.by == "task" else None,
        )

    def _forced(self, number: int) -> set[int]:
        return {k for k, n in enumerate(self._groups[number].members) if self._read.entries[n].forced}


def _reason(cluster: str, is_drawn: bool, is_forced: bool) -> str:
    if is_drawn:
        return f"drawn to stand for cluster {cluster} (FineVLA's seed)"
    if is_forced:
        return "forced: named in the keep file"
    return f"another was drawn to stand for cluster {cluster}"
