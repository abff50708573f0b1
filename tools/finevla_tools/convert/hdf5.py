"""Episodes of the Cobot Magic's and ALOHA's collectors (HDF5), with RDT's, RoboMIND's and the AIO kit's variants.

Nothing outside the file is ever read: links other than plain ones, external and virtual storage are refused.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.convert import pictures
from finevla_tools.convert.episode import Frame, Header, Picture, Reference
from finevla_tools.convert.hdf5_content import BASE_NAMES, BLOCK, Content, Hdf5Options
from finevla_tools.convert.hdf5_file import opened
from finevla_tools.convert.naming import episode_names, task_of_folder

SUFFIXES = (".hdf5", ".h5")
SIDE_FILES = ("{stem}.json", "instruction.json", "instructions.json", "expanded_instruction_gpt-4-turbo.json")
SIDE_KEYS = ("instruction", "language_instruction", "task", "instructions")


def matches(path: Path) -> bool:
    """Whether `path` is an HDF5 file, or a folder with one somewhere below."""
    if path.is_file():
        return path.suffix.lower() in SUFFIXES
    return path.is_dir() and next(_files(path), None) is not None


def _files(path: Path) -> Iterator[Path]:
    return (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


@dataclass(frozen=True)
class Hdf5Source:
    """One file, or all files below a folder."""

    path: Path
    embodiment: Embodiment
    options: Hdf5Options = field(default_factory=Hdf5Options)

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
            self.header = self._describe(content)
        self._task = str(self.header.facts["task"])

    def _describe(self, content: Content) -> Header:
        options, robot = self._options, self._source.embodiment
        scale, told = content.gripper_scale()
        task, task_from = self._task_of(content)
        if not task:
            raise FineVLAError(f"'{self._reference.path}' does not say what its task is; name it with --task")
        facts: dict[str, Any] = {
            "source": str(self._reference.path),
            "source_format": f"hdf5 ({content.layout.name})",
            "actions": content.layout.alignment,
            "gripper_scale": scale,
            "gripper_scale_from": "option" if options.gripper != "auto" else told,
            "colours": options.colours,
            "task": task,
            "task_from": task_from,
            "frames": content.frames,
            "fps_from": "option" if options.fps else f"collector ({content.family})",
            "left_out": content.left_out(),
        }
        if scale == "motor":
            facts["gripper_motor_open"] = [options.motor_open, options.motor_open_action or options.motor_open]
        if collect := content.collected_by():
            facts["collect"] = collect
        names = robot.names
        self._scale = scale
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
        if self._options.task.strip():
            return self._options.task.strip(), "option"
        if text := content.instruction():
            return text, "file"
        path = self._reference.path
        if text := _side_text(path):
            return text, "file beside it"
        root = self._source.path if self._source.path.is_dir() else path.parent
        return task_of_folder(path, root), "folder"

    def frames(self) -> Iterator[Frame]:
        """Numbers come in blocks, pictures one at a time."""
        path, robot = self._reference.path, self._source.embodiment
        with opened(path) as file:
            content = Content(file, path, robot, self._options)
            sizes = {camera.name: (camera.height, camera.width) for camera in self.header.cameras}
            for begin in range(0, content.frames, BLOCK):
                end = min(begin + BLOCK, content.frames)
                states = content.values("state", begin, end, self._scale)
                actions = content.values("action", begin, end, self._scale)
                for i in range(begin, end):
                    shown: dict[str, Picture] = {}
                    for name, images in content.images.items():
                        shown[name] = images.at(i)
                        height, width = pictures.size(shown[name], images.where(i))
                        if (height, width) != sizes[name]:
                            raise FineVLAError(
                                f"{images.where(i)} is {width}x{height}, the first one is "
                                f"{sizes[name][1]}x{sizes[name][0]}; record one size per camera"
                            )
                    yield Frame(states[i - begin], actions[i - begin], shown, self._task)


def _side_text(path: Path) -> str:
    """The task from a small JSON file beside an episode; what cannot be read says nothing."""
    for pattern in SIDE_FILES:
        side = path.with_name(pattern.format(stem=path.stem))
        if not side.is_file() or side.stat().st_size > 1 << 20:
            continue
        try:
            said = json.loads(side.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(said, Mapping):
            said = next((said[key] for key in SIDE_KEYS if said.get(key)), None)
        if isinstance(said, list) and said:
            said = said[0]
        if isinstance(said, str) and said.strip():
            return said.strip()
    return ""
