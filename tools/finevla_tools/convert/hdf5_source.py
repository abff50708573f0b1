"""Episodes of the Cobot Magic's and ALOHA's collectors (HDF5), with RDT's, RoboMIND's and the AIO kit's variants.

Nothing outside the file is ever read: links other than plain ones, external and virtual storage are refused.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.text_files import name_text, read_json, read_text
from finevla_tools.convert import compressed_pictures
from finevla_tools.convert.episode import EpisodeFrame, Header, Picture, Reference
from finevla_tools.convert.episode_names import episode_names, task_of_folder
from finevla_tools.convert.hdf5_content import BASE_NAMES, BLOCK, Content, Hdf5Options
from finevla_tools.convert.hdf5_file import opened
from finevla_tools.convert.joint_angles import AUTO, RAD
from finevla_tools.convert.task_labels import task_for
from finevla_tools.datasets import gripper_and_joint_scales

SUFFIXES = (".hdf5", ".h5")
SIDE_FILES = (
    *("{stem}.json", "instruction.json", "instructions.json", "expanded_instruction_gpt-4-turbo.json"),
    *("{stem}.txt", "instruction.txt", "instructions.txt", "task.txt"),
)
MAX_SIDE = 1 << 20  # bytes
SIDE_KEYS = ("instruction", "language_instruction", "task", "instructions")


def matches(path: Path) -> bool:
    """Whether `path` is an HDF5 file, or a folder with one somewhere below."""
    if path.is_file():
        return path.suffix.lower() in SUFFIXES
    return path.is_dir() and next(_files(path), None) is not None


def _files(path: Path) -> Iterator[Path]:
    return (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


@dataclass
class Hdf5Source:
    """One file, or all files below a folder."""

    path: Path
    embodiment: Embodiment
    options: Hdf5Options = field(default_factory=Hdf5Options)
    _decided: gripper_and_joint_scales.ScaleDecision | None = field(default=None, init=False, repr=False, compare=False)
    _joint_unit: str = field(default=AUTO, init=False, repr=False, compare=False)
    _widest: float = field(default=0.0, init=False, repr=False, compare=False)

    @property
    def joint_unit(self) -> str:
        """Unit of the joints, as it was said or decided over all files."""
        return self._joint_unit

    def settle(self) -> tuple[str, ...]:
        """Decide the scales of grippers and joints once, over all files; what was decided, in words."""
        decided = self.decided()
        if self._joint_unit in (AUTO, RAD):
            return decided.told
        return (*decided.told, f"joints read up to {self._widest:.4g}: taken as {self._joint_unit}, and made rad")

    def decided(self) -> gripper_and_joint_scales.ScaleDecision:
        """Raises `FineVLAError` if the files contradict each other; those that cannot be read are told when they are opened."""
        if self._decided is None:
            ranges, widest = {}, []
            for reference in self.references():
                # Whatever it is, it costs this episode when it is converted, and none of the others here.
                with contextlib.suppress(Exception), opened(reference.path) as file:
                    content = Content(file, reference.path, self.embodiment, self.options)
                    ranges[reference.name] = content.gripper_ranges()
                    widest.append(content.widest_joint())
            ranges = gripper_and_joint_scales.without_damaged(ranges)
            self._joint_unit, self._widest = self.options.joint_unit, max(widest, default=0.0)
            if self._joint_unit == AUTO and widest:
                self._joint_unit = gripper_and_joint_scales.angle_unit(widest, f"'{self.path}'")
            if not ranges:
                return gripper_and_joint_scales.ScaleDecision({})
            opening_m = 2 * next((v.one for v in self.embodiment.values if v.is_gripper), 0.05)
            self._decided = gripper_and_joint_scales.grippers(ranges, self._given(ranges), f"'{self.path}'", opening_m)
        return self._decided

    def _given(self, ranges: Mapping[str, Mapping[str, gripper_and_joint_scales.Range]]) -> dict[str, str]:
        """What is said of the scale; `motor_open` is for motors, however it is known that there are some."""
        o = self.options
        given = o.grippers()
        for group, reading in (("state", o.motor_open), ("action", o.motor_open_action or o.motor_open)):
            top = gripper_and_joint_scales.highest(ranges, group)
            if (
                given[group] == gripper_and_joint_scales.AUTO
                and reading
                and top > gripper_and_joint_scales.NORMALISED_UP_TO
            ):
                given[group] = str(reading)
        return given

    def references(self) -> list[Reference]:
        """Sorted by path, numbers in names by their value."""
        if self.path.is_file():
            return [Reference(episode_names([self.path.stem])[0], self.path)]
        files = sorted(_files(self.path), key=lambda p: _natural(str(p.relative_to(self.path))))
        names = episode_names(str(p.relative_to(self.path).with_suffix("")) for p in files)
        return [Reference(name, file) for name, file in zip(names, files, strict=True)]

    def open(self, reference: Reference) -> "Hdf5Episode":
        """Checks all but the pictures' contents."""
        return Hdf5Episode(reference, self)


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


class Hdf5Episode:
    """One file; opened for its header, and again while its frames are read."""

    def __init__(self, reference: Reference, source: Hdf5Source) -> None:
        self._reference, self._source, self._options = reference, source, source.options
        with opened(reference.path) as file:
            content = Content(file, reference.path, source.embodiment, source.options)
            self._decided = source.decided()
            self.header = self._describe(content)
        self._task = str(self.header.facts["task"])

    def _describe(self, content: Content) -> Header:
        options, robot = self._options, self._source.embodiment
        scales, given = self._decided.scales, options.grippers()
        scale = next((s.name for column, s in scales.items() if column.startswith("state")), "none")
        task, task_from = self._task_of(content)
        if not task:
            raise FineVLAError(f"'{self._reference.path}' does not say what its task is; name it with --task")
        facts: dict[str, Any] = {
            "source": str(self._reference.path),
            "source_format": f"hdf5 ({content.layout.name})",
            "actions": content.layout.alignment,
            "gripper_scale": scale
            if scale in gripper_and_joint_scales.GRIPPERS
            else gripper_and_joint_scales.MOTOR
            if options.motor_open
            else "said",
            "gripper_scale_from": "guessed" if given["state"] == gripper_and_joint_scales.AUTO else "option",
            "grippers": list(self._decided.told),
            "colours": options.colours,
            "task": task,
            "task_from": task_from,
            "frames": content.frames,
            "fps_from": "option" if options.fps else f"collector ({content.family})",
            "left_out": content.left_out(),
        }
        if content.depth:
            facts["notes"] = [f"depth is no colour picture and was left out: {', '.join(content.depth)[:300]}"]
        if collect := content.collected_by():
            facts["collect"] = collect
        names = robot.names
        return Header(
            name=self._reference.name,
            fps=options.fps or content.fps,
            robot=robot.name,
            state_names=names,
            action_names=names + (BASE_NAMES if options.base else ()),
            cameras=tuple(content.cameras()),
            facts=facts,
        )

    def _task_of(self, content: Content) -> tuple[str, str]:
        if given := task_for(self._options.task, self._reference):
            return given, "option"
        if text := content.instruction():
            return text, "file"
        path = self._reference.path
        if said := _side_text(path):
            return said
        root = self._source.path if self._source.path.is_dir() else path.parent
        return task_of_folder(path, root), "folder"

    def frames(self) -> Iterator[EpisodeFrame]:
        """Numbers come in blocks, pictures one at a time."""
        path, robot = self._reference.path, self._source.embodiment
        with opened(path) as file:
            content = Content(file, path, robot, self._options)
            sizes = {camera.name: (camera.height, camera.width) for camera in self.header.cameras}
            for begin in range(0, content.frames, BLOCK):
                end = min(begin + BLOCK, content.frames)
                unit = self._source.joint_unit
                states = content.values("state", begin, end, self._decided.scales, unit)
                actions = content.values("action", begin, end, self._decided.scales, unit)
                for i in range(begin, end):
                    shown: dict[str, Picture] = {}
                    for name, images in content.images.items():
                        shown[name] = images.at(i)
                        height, width = compressed_pictures.size(shown[name], images.where(i))
                        if (height, width) != sizes[name]:
                            raise FineVLAError(
                                f"{images.where(i)} is {width}x{height}, the first one is "
                                f"{sizes[name][1]}x{sizes[name][0]}; record one size per camera"
                            )
                    yield EpisodeFrame(states[i - begin], actions[i - begin], shown, self._task)


def _side_text(path: Path) -> tuple[str, str] | None:
    """The task from a small file beside an episode, and which one that is; raises `FineVLAError` if it cannot be read.

    It is not passed over then: the folder's name would become the task, and nobody would know.
    """
    for pattern in SIDE_FILES:
        side = path.with_name(pattern.replace("{stem}", path.stem))
        if not side.is_file() or side.stat().st_size > MAX_SIDE:
            continue
        try:
            stored = read_text(side)
            said = read_json(side) if side.suffix == ".json" else stored.text
        except FineVLAError as error:
            raise error.retold(f"{error}; mend it, or name the task with --task") from error
        if isinstance(said, Mapping):
            said = next((said[key] for key in SIDE_KEYS if said.get(key)), None)
        if isinstance(said, list) and said:
            said = said[0]
        lines = said.strip(" \t\r\n\ufeff").splitlines() if isinstance(said, str) else []
        if text := " ".join(lines if side.suffix == ".json" else lines[:1]).strip():
            how = "" if stored.encoding == "UTF-8" else f", read as {stored.encoding}"
            return text, f"file beside it ({name_text(side.name)}{how})"
    return None
