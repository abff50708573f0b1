"""What readers give and writers take: an episode as frames at a fixed rate, streamed, with all that is known about it.

Readers of aligned sources (HDF5, LeRobot, RLDS) give their frames as they are; the bag reader makes them by a resampling
rule. Nothing here holds more than a frame.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_tools.annotate.annotation import Annotation
from finevla_tools.datasets.language_row import LanguageRow

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True)
class Encoded:
    """A compressed picture as it was recorded, not decoded: `data` is a whole JPEG or PNG file, `kind` "jpeg" or "png"."""

    data: bytes
    kind: str


Picture = NDArray[np.uint8] | Encoded  # decoded: (H, W, 3) RGB


@dataclass(frozen=True)
class CameraStream:
    """One camera's pictures: `name` as in `observation.images.<name>`."""

    name: str
    height: int
    width: int


@dataclass(frozen=True)
class Header:
    """What holds for a whole episode.

    `words` are all that is said but the frames' tasks; there a row names its camera as `cameras` do. `annotations` are the
    source's own; of bags they are made of the instructions in `facts`.

    `state_names` and `action_names` are in the order of the vectors; `facts` is what else is known (operator, outcome,
    source file, how actions were chosen, skew and gap histograms ...), as JSON knows it. `robot` is LeRobot's `robot_type`.
    """

    name: str
    fps: int
    robot: str
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    cameras: tuple[CameraStream, ...] = ()
    words: tuple[LanguageRow, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    annotations: tuple[Annotation, ...] = ()

    def __post_init__(self) -> None:
        if not SAFE_NAME.fullmatch(self.name):
            raise FineVLAError(f"episode name '{self.name[:80]}' is no plain file name; rename the source")
        if not 1 <= self.fps <= 1000:
            raise FineVLAError(f"episode '{self.name}': {self.fps} frames per second; 1 to 1000 are possible")


@dataclass(frozen=True)
class EpisodeFrame:
    """One moment: `state` `(S,)` and `action` `(A,)` float32, a picture per camera of the header, the task in words.

    Frame k is k / fps seconds after the first; what it was made of is the reader's to report in `Header.facts`.
    """

    state: NDArray[np.float32]
    action: NDArray[np.float32]
    pictures: Mapping[str, Picture]
    task: str


class SourceEpisode(Protocol):
    """One episode, opened: its header at once, its frames once, in order."""

    header: Header

    def frames(self) -> Iterator[EpisodeFrame]:
        """Raises `FineVLAError` in one sentence where the source is broken; what came before is then not to be used."""
        ...


@dataclass(frozen=True)
class Reference:
    """An episode that is there, not opened yet: picklable, so that any worker can open it."""

    name: str
    path: Path
    part: int | str = 0  # which episode of a source that holds many


class Source(Protocol):
    """A folder or file of episodes. Listing is cheap and never raises for one broken episode; opening says what is wrong."""

    def references(self) -> list[Reference]:
        """All episodes, in a stable order, under names that differ."""
        ...

    def open(self, reference: Reference) -> SourceEpisode:
        """Raises `FineVLAError` in one sentence: which file, what is wrong with it, what to do."""
        ...
