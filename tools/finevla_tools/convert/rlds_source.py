"""RLDS episodes as TFDS stores them (TFRecord files of flattened steps), read without TensorFlow.

Which keys are state, action, pictures and words is said per data set in config/datasets/*.yaml.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.convert import compressed_pictures, tfrecord
from finevla_tools.convert.episode import CameraStream, EpisodeFrame, Header, Picture, Reference
from finevla_tools.convert.episode_names import episode_names
from finevla_tools.convert.rlds_map import Column, DatasetMap, all_maps, named_map
from finevla_tools.convert.task_labels import TaskTable, task_for
from finevla_tools.datasets import gripper_and_joint_scales

STEPS = "steps/"
MAX_STEPS = 1_000_000


@dataclass(frozen=True)
class RldsOptions:
    """`dataset` is the name of a map or the path of one; empty: by the file's name, or by its keys.

    `gripper` and `gripper_action` are scales as `gripper_and_joint_scales.parse` reads them, in place of the map's.
    """

    dataset: str = ""
    fps: int | None = None
    task: str | TaskTable = ""
    gripper: str = gripper_and_joint_scales.AUTO
    gripper_action: str = ""


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
            named_map(self.options.dataset)
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
        self._notes: list[str] = []
        said = {"state": options.gripper, "action": options.gripper_action or options.gripper}
        self._scales = {group: _scales(getattr(self._map, group), text) for group, text in said.items()}
        self._state = self._numbers("state", self._map.state)
        self._action = self._numbers("action", self._map.action)
        self._images = {name: self._pictures(key) for name, key in self._map.images.items() if key in self._features}
        if not self._images:
            raise FineVLAError(f"{self._where}: none of the pictures of map '{self._map.name}' is there")
        self._tasks = self._words()
        self.header = self._describe(reference)

    def _describe(self, reference: Reference) -> Header:
        used = {*self._map.needed, *self._map.images.values(), *self._map.language}
        cameras = []
        for name, images in self._images.items():
            height, width = compressed_pictures.size(
                compressed_pictures.encoded(images[0], self._at(name, 0)), self._at(name, 0)
            )
            cameras.append(CameraStream(name, height, width))
        facts: dict[str, Any] = {
            "source": str(reference.path),
            "source_format": f"rlds ({self._map.name})",
            "source_record": int(reference.part),
            "actions": self._map.actions,
            "gripper_scale": {group: _said(scales) for group, scales in self._scales.items() if scales},
            "notes": self._notes,
            "fps_from": "option" if self._options.fps else f"map '{self._map.name}'",
            "left_out": sorted(str(key)[:80] for key in set(self._features) - used)[:50],
        }
        if all(scale is not None for scales in self._scales.values() for scale in scales.values()):
            facts["grippers"] = [f"of the {group}: {text}" for group, text in facts["gripper_scale"].items()]
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
                shown[name] = compressed_pictures.encoded(images[i], where)
                if (found := compressed_pictures.size(shown[name], where)) != sizes[name]:
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

    def _numbers(self, group: str, columns: tuple[Column, ...]) -> NDArray[np.float32]:
        """A group's values `(T, D)`, grippers 0 (closed) to 1 (open)."""
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
            for k in column.grippers:
                self._scale_gripper(block, k, self._scales[group][column.key], f"{column.values[k]} of the {group}")
            parts.append(block)
        return np.concatenate(parts, axis=1)

    def _scale_gripper(
        self, block: NDArray[np.float32], k: int, scale: gripper_and_joint_scales.GripperScale | None, name: str
    ) -> None:
        """Scale one gripper's readings in `block`; what then lies outside 0 to 1 is told, not cut."""
        if scale is None or scale.name == gripper_and_joint_scales.KEEP:
            return
        if (scale.closed, scale.opened) != (0.0, 1.0):
            block[:, k] = (block[:, k].astype(np.float64) - scale.closed) / (scale.opened - scale.closed)
        low, high = float(block[:, k].min()), float(block[:, k].max())
        if low < -gripper_and_joint_scales.OUTSIDE or high > 1 + gripper_and_joint_scales.OUTSIDE:
            self._notes.append(f"{name} goes beyond 0 to 1: {low:.3f} to {high:.3f}; it is not cut")

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
        chosen = named_map(wanted)
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


def _scales(columns: tuple[Column, ...], said: str) -> dict[str, gripper_and_joint_scales.GripperScale | None]:
    """What the gripper of each column that has one reads closed and open: as `said`, else by the map."""
    given = None if said == gripper_and_joint_scales.AUTO else gripper_and_joint_scales.parse(said)[0]
    return {column.key: given or column.scale for column in columns if column.grippers}


def _said(scales: Mapping[str, gripper_and_joint_scales.GripperScale | None]) -> str:
    return "; ".join(
        f"{key} as it is, for the map does not say what is closed and open (--gripper does)"
        if scale is None
        else f"{key} as it is"
        if scale.name == gripper_and_joint_scales.KEEP
        else f"{key} {scale.closed:g} closed, {scale.opened:g} open ({scale.name})"
        for key, scale in scales.items()
    )
