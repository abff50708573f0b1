"""rosbag2 recordings as episodes: at the moments at which the ingest node would have observed, or at a fixed rate.

A bag is read twice: first for its stamps, from which it is decided what makes which frame, then for the frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.convert.bag_analysis import BagAnalysis, BagOptions
from finevla_tools.convert.bag_frames import Collector
from finevla_tools.convert.bag_header import header
from finevla_tools.convert.bag_stream import BagRecording, is_bag
from finevla_tools.convert.episode import EpisodeFrame, Reference
from finevla_tools.convert.episode_names import episode_names
from finevla_tools.convert.frame_grid import Segment
from finevla_tools.convert.task_labels import task_for

TRASH = "trash"  # where the recorder puts what is discarded


@dataclass
class BagSource:
    """Source of episodes: all rosbag2 recordings at or below `root`, named by their folders."""

    root: Path
    embodiment: Embodiment
    options: BagOptions = field(default_factory=BagOptions)
    _last: BagAnalysis | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras in each episode: those of the options, else the robot's."""
        return self.embodiment.camera_names if self.options.cameras is None else self.options.cameras

    def references(self) -> list[Reference]:
        """Return one reference per recording, sorted by path; the recorder's trash is left out."""
        if is_bag(self.root):
            found = [self.root]
        else:
            below = (p for p in self.root.rglob("*") if not _is_aside(p.relative_to(self.root)))
            found = sorted(p for p in below if is_bag(p) and not (p.is_file() and is_bag(p.parent)))
        relative = [p.stem if p == self.root else str(p.relative_to(self.root).with_suffix("")) for p in found]
        return [Reference(name, path) for name, path in zip(episode_names(relative), found, strict=True)]

    def pieces(self, reference: Reference) -> list[Reference]:
        """The episodes of a bag: several if it has gaps and these are to be cut."""
        count = len(self._analysed(reference).segments)
        names = [reference.name] if count == 1 else [f"{reference.name}-{i:03d}" for i in range(count)]
        return [Reference(name, reference.path, i) for i, name in enumerate(names)]

    def open(self, reference: Reference) -> "BagEpisode":
        """A piece of a bag; the first, if it is one of `references`."""
        analysis = self._analysed(reference)
        return BagEpisode(analysis, analysis.segments[int(reference.part)], reference.name)

    def _analysed(self, reference: Reference) -> BagAnalysis:
        path = reference.path
        if self._last is None or self._last.recording.path != path:
            self._last = None
            o = replace(self.options, task=task_for(self.options.task, reference))
            try:
                recording = BagRecording(
                    path, self.embodiment, self.cameras, o.namespace, o.stamps, o.state_topics, o.joint_unit
                )
                self._last = BagAnalysis(recording, o)
            except FineVLAError as error:
                raise _named(path, error) from error
        return self._last


class BagEpisode:
    """Frames of one piece of a bag."""

    def __init__(self, analysis: BagAnalysis, segment: Segment, name: str) -> None:
        self._analysis, self._segment = analysis, segment
        self.header = header(analysis, segment, name)

    def frames(self) -> Iterator[EpisodeFrame]:
        """Second pass: what was chosen is collected as it comes by."""
        try:
            yield from Collector(self._analysis, self._segment).frames()
        except FineVLAError as error:
            raise _named(self._analysis.recording.path, error) from error


def _is_aside(path: Path) -> bool:
    """What the recorder's operator discarded, and what is hidden (being written)."""
    return any(part == TRASH or part.startswith(".") for part in path.parts)


def _named(path: Path, error: FineVLAError) -> FineVLAError:
    text = str(error)
    return error if text.startswith("bag '") else error.retold(f"bag '{path}': {text}")
