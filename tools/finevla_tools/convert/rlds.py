"""RLDS episodes as TFDS stores them (TFRecord files of flattened steps), read without TensorFlow.

Which keys are state, action, pictures and words is said per data set in config/datasets/*.yaml.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.counts import counted
from finevla_core.errors import FineVLAError, unknown
from finevla_core.text_files import read_yaml
from finevla_tools.convert import pictures, tfrecord
from finevla_tools.convert.episode import SAFE_NAME, CameraStream, EpisodeFrame, Header, Picture, Reference
from finevla_tools.convert.naming import episode_names
from finevla_tools.convert.task_table import TaskTable, task_for

STEPS = "steps/"
MAX_STEPS = 1_000_000
ENTRIES = {"names", "robot", "fps", "state", "action", "actions", "images", "language"}


@dataclass(frozen=True)
class Column:
    """Values of one key: the first `len(values)` of the `of` that each step has."""

    key: str
    values: tuple[str, ...]
    of: int


@dataclass(frozen=True)
class DatasetMap:
    """What a data set's keys mean; `names` are TFDS's for it."""

    name: str
    names: tuple[str, ...]
    robot: str
    fps: int
    state: tuple[Column, ...]
    action: tuple[Column, ...]
    actions: str
    images: Mapping[str, str]
    language: tuple[str, ...]

    @property
    def needed(self) -> list[str]:
        """All that an episode must have."""
        return [column.key for column in (*self.state, *self.action)]


@dataclass(frozen=True)
class RldsOptions:
    """`dataset` is the name of a map or the path of one; empty: by the file's name, or by its keys."""

    dataset: str = ""
    fps: int | None = None
    task: str | TaskTable = ""


def matches(path: Path) -> bool:
    """Whether `path` is a TFRecord file, or a folder with one somewhere below."""
    if path.is_file():
        return ".tfrecord" in path.name
    return path.is_dir() and next(path.rglob("*.tfrecord*"), None) is not None


@dataclass(frozen=True)
class RldsSource:
    """One TFRecord file, or all below a folder."""

    path: Path
    options: RldsOptions = RldsOptions()

    def references(self) -> list[Reference]:
        """A record each; where a file breaks off, one more that tells so. A map that does not exist is told at once."""
        if self.options.dataset:
            _named(self.options.dataset)
        top = self.path.parent if self.path.is_file() else self.path
        files = [self.path] if self.path.is_file() else sorted(p for p in top.rglob("*.tfrecord*") if p.is_file())
        found = []
        for file, name in zip(files, episode_names(str(f.relative_to(top)) for f in files), strict=True):
            for i, (offset, _) in enumerate(tfrecord.offsets(file)):
                found.append(Reference(f"{name}-{i:06d}", file, offset))
        return found

    def open(self, reference: Reference) -> "RldsEpisode":
        """Reads the whole record: an episode is one message."""
        return RldsEpisode(reference, self.options)


class RldsEpisode:
    """One record; its pictures stay compressed until they are used."""

    def __init__(self, reference: Reference, options: RldsOptions) -> None:
        path = reference.path
        self._where = f"'{path}', record at byte {reference.part}"
        raw = tfrecord.example(tfrecord.record(path, int(reference.part)), self._where)
        self._features = {key.removeprefix(STEPS): value for key, value in raw.items()}
        self._options, self._reference = options, reference
        self._map = _choose(self._features, path, options.dataset, self._where)
        self._steps = self._count()
        self._state = self._numbers(self._map.state)
        self._action = self._numbers(self._map.action)
        self._images = {name: self._pictures(key) for name, key in self._map.images.items() if key in self._features}
        if not self._images:
            raise FineVLAError(f"{self._where}: none of the pictures of map '{self._map.name}' is there")
        self._tasks = self._words()
        self.header = self._describe(reference)

    def _describe(self, reference: Reference) -> Header:
        used = {*self._map.needed, *self._map.images.values(), *self._map.language}
        cameras = []
        for name, images in self._images.items():
            height, width = pictures.size(pictures.encoded(images[0], self._at(name, 0)), self._at(name, 0))
            cameras.append(CameraStream(name, height, width))
        facts: dict[str, Any] = {
            "source": str(reference.path),
            "source_format": f"rlds ({self._map.name})",
            "source_record": int(reference.part),
            "actions": self._map.actions,
            "fps_from": "option" if self._options.fps else f"map '{self._map.name}'",
            "left_out": sorted(str(key)[:80] for key in set(self._features) - used)[:50],
        }
        return Header(
            name=reference.name,
            fps=self._options.fps or self._map.fps,
            robot=self._map.robot,
            state_names=tuple(name for column in self._map.state for name in column.values),
            action_names=tuple(name for column in self._map.action for name in column.values),
            cameras=tuple(cameras),
            facts=facts,
        )

    def frames(self) -> Iterator[EpisodeFrame]:
        """Pictures as they are stored."""
        sizes = {camera.name: (camera.height, camera.width) for camera in self.header.cameras}
        for i in range(self._steps):
            shown: dict[str, Picture] = {}
            for name, images in self._images.items():
                where = self._at(name, i)
                shown[name] = pictures.encoded(images[i], where)
                if (found := pictures.size(shown[name], where)) != sizes[name]:
                    raise FineVLAError(f"{where} is {found[1]}x{found[0]}, the first one has another size")
            yield EpisodeFrame(self._state[i], self._action[i], shown, self._tasks[i % len(self._tasks)])

    def _count(self) -> int:
        """Steps, by the flags that RLDS has, or by the first key."""
        for flag in ("is_first", "is_last", "is_terminal"):
            if len(self._features.get(flag, ())):
                return self._checked(len(self._features[flag]))
        first = self._map.state[0]
        return self._checked(len(self._features[first.key]) // first.of)

    def _checked(self, steps: int) -> int:
        if not 0 < steps <= MAX_STEPS:
            raise FineVLAError(f"{self._where} has {counted(steps, 'step')}; 1 to {MAX_STEPS} are read")
        return steps

    def _numbers(self, columns: tuple[Column, ...]) -> NDArray[np.float32]:
        parts = []
        for column in columns:
            values = self._features[column.key]
            if not isinstance(values, np.ndarray):
                raise FineVLAError(f"{self._where}: '{column.key}' holds text, numbers are needed")
            if len(values) != self._steps * column.of:
                raise FineVLAError(
                    f"{self._where}: '{column.key}' has {counted(len(values), 'value')}, "
                    f"{counted(self._steps, 'step')} of {column.of} are needed"
                )
            block = values.reshape(self._steps, column.of)[:, : len(column.values)].astype(np.float32)
            if not np.isfinite(block).all():
                raise FineVLAError(f"{self._where}: '{column.key}' holds NaN or infinity; leave the episode out")
            parts.append(block)
        return np.concatenate(parts, axis=1)

    def _pictures(self, key: str) -> list[bytes]:
        values = self._features[key]
        if not isinstance(values, list) or len(values) != self._steps:
            raise FineVLAError(
                f"{self._where}: '{key}' has {counted(len(values), 'picture')}, {self._steps} are needed"
            )
        return values

    def _words(self) -> list[str]:
        """A text for each step, or one for all."""
        if given := task_for(self._options.task, self._reference):
            return [given]
        for key in self._map.language:
            values = self._features.get(key)
            if isinstance(values, list) and len(values) in (1, self._steps):
                texts = [value.decode("utf-8", "replace").strip("\0 \n") for value in values]
                if all(texts):
                    return texts
        raise FineVLAError(f"{self._where} does not say what its task is; name it with --task")

    def _at(self, camera: str, step: int) -> str:
        return f"{self._where}: picture {step} of {camera}"


def _choose(features: Mapping[str, Any], path: Path, wanted: str, where: str) -> DatasetMap:
    if wanted:
        chosen = _named(wanted)
    else:
        known = {one.name: one for one in all_maps()}
        # TFDS calls its files <data set>-<split>.tfrecord-<shard>-of-<shards>.
        by_name = [one for one in known.values() if path.name.split("-", 1)[0] in one.names]
        by_keys = [one for one in known.values() if all(key in features for key in one.needed)]
        found = by_name or by_keys
        if not found:
            raise FineVLAError(
                f"{where}: its keys fit none of {', '.join(known)}; name the data set or give a map of it"
            )
        chosen = found[0]
    if lacking := [key for key in chosen.needed if key not in features]:
        raise FineVLAError(f"{where} has no '{lacking[0]}', which map '{chosen.name}' needs")
    return chosen


def _named(wanted: str) -> DatasetMap:
    """A map by its name, or by its file."""
    if wanted.endswith((".yaml", ".yml")):
        return load_map(Path(wanted))
    known = {one.name: one for one in all_maps()}
    if wanted not in known:
        raise FineVLAError(unknown("data set", wanted, known))
    return known[wanted]


@lru_cache
def all_maps() -> tuple[DatasetMap, ...]:
    """Load all maps of config/datasets, installed or in a source checkout; raises `FineVLAError` if there is none."""
    shares = [Path(p) / "share" / "finevla" for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    for place in (*shares, *Path(__file__).resolve().parents):
        if files := sorted((place / "config" / "datasets").glob("*.yaml")):
            return tuple(load_map(file) for file in files)
    raise FineVLAError("config/datasets is not found; run '. install/setup.bash' first")


def load_map(path: Path) -> DatasetMap:
    """A map from its file; raises `FineVLAError` that names file and entry."""
    raw = read_yaml(path)
    if not isinstance(raw, Mapping):
        raise FineVLAError(f"map '{path}' is not a mapping; see config/datasets/bridge.yaml for the shape")
    if odd := sorted(str(key) for key in raw if key not in ENTRIES):
        raise FineVLAError(f"map '{path}': {unknown('entry', odd[0], sorted(ENTRIES))}")
    try:
        images = {str(name): str(key) for name, key in raw["images"].items()}
        made = DatasetMap(
            name=path.stem,
            names=tuple(str(name) for name in raw.get("names", [])),
            robot=str(raw["robot"]),
            fps=int(raw["fps"]),
            state=tuple(_column(entry) for entry in raw["state"]),
            action=tuple(_column(entry) for entry in raw["action"]),
            actions=str(raw.get("actions", "as in the source")),
            images=images,
            language=tuple(str(key) for key in raw["language"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FineVLAError(f"map '{path}': missing or malformed entry ({pictures.said(error)})") from error
    if not made.state or not made.action or not all(SAFE_NAME.fullmatch(name) for name in images):
        raise FineVLAError(f"map '{path}' needs state, action and pictures with plain names")
    return made


def _column(entry: Mapping[str, Any]) -> Column:
    values = tuple(str(value) for value in entry["values"])
    of = int(entry.get("of", len(values)))
    if not 0 < len(values) <= of:
        raise ValueError(f"'{entry['key']}' takes {len(values)} of {counted(of, 'value')}")
    return Column(str(entry["key"]), values, of)
