"""One converted episode on disk, before the data sets are put together: what workers write and every writer reads.

A part is a folder:

    part.json                             all of `EpisodePart`: header, length, tasks, how pictures are kept, their statistics
    data.parquet                          a row per frame, in order; few row groups, each of bounded size
    videos/observation.images.<c>.mp4     a video per camera, frame k at k / fps, first frame a key frame (pictures "video"),
                                          written in fragments

Columns of data.parquet: `observation.state` and `action` (fixed-size lists of float32), `timestamp` (float32, k / fps),
`frame_index` (int64), `task_index` (int64, into the part's own `tasks`) and, where pictures are kept as "image",
`observation.images.<c>` (struct of `bytes`, a whole JPEG or PNG file, and `path`, its name). Numbers that hold only within
a data set (episode_index, index, the data set's task_index) are the writer's to add.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finevla_core.errors import DamagedFileError
from finevla_core.text_files import json_line
from finevla_tools.annotate.annotation import Annotation
from finevla_tools.convert.episode import CameraStream, Header
from finevla_tools.datasets.language_row import LanguageRow

PART_FILE, DATA_FILE = "part.json", "data.parquet"
STATE, ACTION = "observation.state", "action"

Numbers = dict[str, list[float]]


@dataclass(frozen=True)
class EpisodePart:
    """A part read back. `pictures` is "video" or "image"; `codec` are the video's settings by LeRobot's names.

    `tasks` are the episode's, in the order in which they come up. `picture_stats` are by camera: min, max, mean, std, q01,
    q10, q50, q90, q99 of the red, green and blue values (0 to 1) of all frames, and count (1 value), the number of frames.
    """

    folder: Path
    header: Header
    length: int
    tasks: tuple[str, ...]
    pictures: str
    picture_stats: Mapping[str, Numbers]
    codec: Mapping[str, Any]

    @property
    def data(self) -> Path:
        """Path of data.parquet, the table of frames."""
        return self.folder / DATA_FILE

    def video(self, camera: str) -> Path:
        """Return the path of a camera's video file."""
        return self.folder / "videos" / f"{image_key(camera)}.mp4"

    def features(self) -> dict[str, dict[str, Any]]:
        """The features as LeRobot declares them, without those that every data set has (timestamp, indexes)."""
        h = self.header
        features: dict[str, dict[str, Any]] = {
            STATE: {"dtype": "float32", "shape": (len(h.state_names),), "names": list(h.state_names)},
            ACTION: {"dtype": "float32", "shape": (len(h.action_names),), "names": list(h.action_names)},
        }
        for camera in h.cameras:
            shape = (camera.height, camera.width, 3)
            features[image_key(camera.name)] = {
                "dtype": self.pictures,
                "shape": shape,
                "names": ["height", "width", "channels"],
            }
        return features


def image_key(camera: str) -> str:
    """The feature of a camera's pictures."""
    return f"observation.images.{camera}"


def write_part(part: EpisodePart, extra: Mapping[str, Any]) -> None:
    """Write part.json into the part's folder; `extra` is kept beside it (the engine's, for resuming)."""
    known = {f.name: getattr(part, f.name) for f in dataclasses.fields(part) if f.name not in ("folder", "header")}
    text = json_line({"header": dataclasses.asdict(part.header), **known, "extra": dict(extra)})
    (part.folder / PART_FILE).write_text(text, encoding="utf-8")


def read_part(folder: Path) -> tuple[EpisodePart, dict[str, Any]]:
    """A part and the `extra` that was written with it; raises `FineVLAError` if part.json is not one."""
    try:
        raw = json.loads((folder / PART_FILE).read_text(encoding="utf-8"))
        extra, h = raw.pop("extra"), raw.pop("header")
        header = Header(
            **h
            | {
                "state_names": tuple(h["state_names"]),
                "action_names": tuple(h["action_names"]),
                "cameras": tuple(CameraStream(**c) for c in h["cameras"]),
                "words": tuple(LanguageRow(**w) for w in h["words"]),
                "annotations": tuple(Annotation(**a) for a in h.get("annotations", ())),
            }
        )
        return EpisodePart(folder, header, **raw | {"tasks": tuple(raw["tasks"])}), extra
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DamagedFileError(f"'{folder}' is no finished part of a conversion ({error}); remove it") from error
