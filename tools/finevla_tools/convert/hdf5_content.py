"""What collectors of the Cobot Magic and ALOHA keep where in their HDF5 files, as states, actions and pictures of a robot."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError, one_line
from finevla_core.plural_phrases import counted
from finevla_tools.convert import compressed_pictures
from finevla_tools.convert.episode import CameraStream, Picture
from finevla_tools.convert.episode_names import episode_names
from finevla_tools.convert.hdf5_file import MAX_CHUNK, Stored, text
from finevla_tools.convert.joint_angles import AUTO, Angles
from finevla_tools.convert.task_labels import TaskTable
from finevla_tools.datasets import gripper_and_joint_scales
from finevla_tools.datasets.value_meanings import side_of

MAX_FRAMES = 1_000_000  # five and a half hours at 50 Hz
BLOCK = 4096  # rows of numbers in memory at once
BASE_NAMES = ("base_linear_velocity", "base_angular_velocity")
# Collectors' names of the robot's cameras; others keep their own.
CAMERAS = {
    "front": ("cam_high", "camera_front", "camera_f", "front", "head_camera"),
    "left": ("cam_left_wrist", "camera_left_wrist", "camera_left", "camera_l", "left", "left_camera"),
    "right": ("cam_right_wrist", "camera_right_wrist", "camera_right", "camera_r", "right", "right_camera"),
}
INSTRUCTIONS = ("language_instruction", "language_raw", "instruction", "task")


@dataclass(frozen=True)
class Layout:
    """Where a family of collectors keeps its numbers (joined side by side) and its pictures."""

    name: str
    state: tuple[str, ...]
    action: tuple[str, ...]
    images: str
    alignment: str


LAYOUTS = (
    Layout(
        "aloha",
        ("observations/qpos",),
        ("action",),
        "observations/images",
        "action[i] is the leader's pose sampled with observation i+1, stored beside observation i",
    ),
    Layout(
        "robomind",
        ("puppet/joint_position_left", "puppet/joint_position_right"),
        ("master/joint_position_left", "master/joint_position_right"),
        "observations/rgb_images",
        "action[i] is the leader's pose stored beside observation i",
    ),
    Layout(
        "agilex_data_tools",
        ("arm/jointStatePosition/puppetLeft", "arm/jointStatePosition/puppetRight"),
        ("arm/jointStatePosition/masterLeft", "arm/jointStatePosition/masterRight"),
        "camera/color",
        "action[i] is the leader's pose stored beside observation i",
    ),
)


# What files of others have at their top, whose they are, and what to do.
OTHERS = (
    ("data", "robomimic, LIBERO or MimicGen (/data/demo_...)", "LeRobot has data sets of them"),
    ("observation/robot_state", "raw DROID (trajectory.h5)", "its RLDS and LeRobot forms are"),
)


@dataclass(frozen=True)
class Hdf5Options:
    """What a file does not say of itself; `arm_values` are places of the robot's values in longer rows, from 0.

    `fps` None: 30, the collector's rate, or 50 where the file is ALOHA's own (attribute `sim` and no `base_action`).
    `gripper` and, if another, `gripper_action` are scales as `gripper_and_joint_scales.parse` reads them;
    `motor_open` (`motor_open_action`
    the leader's) is the motors' reading of an open gripper, of the left and the right one with a comma. `colours`: "rgb" or
    "bgr", as stored.
    """

    fps: int | None = None
    gripper: str = gripper_and_joint_scales.AUTO
    gripper_action: str = ""
    motor_open: str | float = ""
    motor_open_action: str | float = ""
    colours: str = "rgb"
    base: bool = False
    task: str | TaskTable = ""
    joint_unit: str = AUTO
    arm_values: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for said in self.grippers().values():
            if said != gripper_and_joint_scales.AUTO and any(
                scale.opened <= scale.closed for scale in gripper_and_joint_scales.parse(said)
            ):
                raise FineVLAError(f"gripper scale '{said}': an open gripper must read more than a closed one")
        if self.colours not in ("rgb", "bgr"):
            raise FineVLAError(f"colour order '{self.colours}' is unknown; choose rgb or bgr")

    def grippers(self) -> dict[str, str]:
        """What is said of the grippers' scale, by group."""
        state, action = str(self.motor_open or ""), str(self.motor_open_action or self.motor_open or "")
        given = {"state": self.gripper, "action": self.gripper_action or self.gripper}
        motor = {"state": state or gripper_and_joint_scales.MOTOR, "action": action or gripper_and_joint_scales.MOTOR}
        return {g: motor[g] if text == gripper_and_joint_scales.MOTOR else text for g, text in given.items()}


class Content:
    """An open file, checked: what is declared is there, of sensible type and size."""

    def __init__(self, file: Any, path: Path, robot: Embodiment, options: Hdf5Options) -> None:
        self._file, self.path, self._robot, self._options = file, path, robot, options
        self._stored = Stored(file, path)
        self.layout = self._layout()
        self._states = [self._numbers(name) for name in self.layout.state]
        self._actions = [self._numbers(name) for name in self.layout.action]
        self._base = [self._numbers("base_action")] if options.base else []
        self.frames = int(self._states[0].shape[0])
        self._check_numbers()
        stored = self._stored.names(self.layout.images)
        self.depth = sorted(f"{self.layout.images}/{name}" for name in stored if self._is_depth(name))
        self.images = dict(self._all_images())
        if not self.images:
            raise FineVLAError(f"'{path}' has no pictures in /{self.layout.images}; at least one camera is needed")

    @property
    def family(self) -> str:
        """Which collector's rate holds: ALOHA's own files tell by the missing base."""
        is_aloha = self.layout.name == "aloha" and "base_action" not in self._file
        is_piper = "collect" in self._file or "eef_pose" in self._stored.names("observations")
        return "aloha" if is_aloha and "sim" in self._file.attrs and not is_piper else "cobotmagic"

    @property
    def fps(self) -> int:
        """The collector's frames per second."""
        return 50 if self.family == "aloha" else 30

    def left_out(self) -> list[str]:
        """What the file holds and the episode does not, such as depth."""
        used = {part.split("/")[0] for part in (*self.layout.state, *self.layout.action, self.layout.images)}
        used |= {"base_action"} if self._options.base else set()
        more = {f"observations/{name}" for name in self._stored.names("observations")}
        more -= {"observations/qpos", self.layout.images}
        return sorted((set(self._stored.names("")) - used - {"observations"}) | more | set(self.depth))[:50]

    def collected_by(self) -> dict[str, int]:
        """How many frames each way of collecting gave, as the AIO kit notes it."""
        found = self._stored.find("collect", needed=False)
        if found is None or found.dtype.kind not in "SO" or found.shape != (self.frames,):
            return {}
        counts: Counter[str] = Counter()
        for begin in range(0, self.frames, BLOCK):
            counts.update(text(value)[:40] for value in found[begin : begin + BLOCK])
        return dict(counts.most_common(20))

    def instruction(self) -> str:
        """The task, where the file says it, as a dataset or an attribute."""
        for name in INSTRUCTIONS:
            found = self._stored.find(name, needed=False)
            value: Any = None
            if found is not None and found.dtype.kind in "SO" and found.size <= 1000:
                value = found[()]
            elif name in self._file.attrs:
                value = self._file.attrs[name]
            while isinstance(value, np.ndarray) and value.size:
                value = value.flat[0]
            said = text(value)
            if said and not said.endswith((".json", ".txt")):  # some variants keep the name of a file here
                return said
        return ""

    def cameras(self) -> Iterator[CameraStream]:
        """Cameras by the robot's names, with the size of their first pictures."""
        for name, images in self.images.items():
            height, width = compressed_pictures.size(images.at(0), images.where(0))
            yield CameraStream(name, height, width)

    def values(
        self,
        which: str,
        begin: int,
        end: int,
        scales: Mapping[str, gripper_and_joint_scales.GripperScale],
        joint_unit: str = AUTO,
    ) -> NDArray[np.float32]:
        """States or actions `(end - begin, D)`: joints in rad, grippers 0 (closed) to 1 (open)."""
        rows = self._rows(which, begin, end)
        rows[:, self._turning()] = Angles(self._robot, joint_unit).turned(rows[:, self._turning()])
        for column, side in self._grippers().items():
            scale, value = scales.get(f"{which}.{side}", gripper_and_joint_scales.UNSCALED), self._robot.values[column]
            closed, opened = scale.closed, scale.opened
            if scale.name in ("metres", "finger-metres"):  # of both fingers, or of one as the robot's joint
                fingers = 2 if scale.name == "metres" else 1
                closed, opened = fingers * value.zero, fingers * value.one
            if (closed, opened) != (0.0, 1.0):
                rows[:, column] = (rows[:, column].astype(np.float64) - closed) / (opened - closed)
        if which == "action" and self._base:
            rows = np.concatenate([rows, self._block(self._base[0], begin, end)], axis=1)
        return rows

    def gripper_ranges(self) -> dict[str, gripper_and_joint_scales.Range]:
        """The least and greatest reading of each gripper, `<state or action>.<side>`."""
        found: dict[str, gripper_and_joint_scales.Range] = {}
        columns = self._grippers()
        for which in ("state", "action"):
            for begin in range(0, self.frames, BLOCK):
                rows = self._rows(which, begin, min(begin + BLOCK, self.frames))
                for column, side in columns.items():
                    low, high = found.get(f"{which}.{side}", (np.inf, -np.inf))
                    one = rows[:, column]
                    found[f"{which}.{side}"] = min(low, float(one.min())), max(high, float(one.max()))
        return found

    def widest_joint(self) -> float:
        """The greatest size of a joint's reading in states and actions."""
        blocks = (
            self._rows(which, begin, min(begin + BLOCK, self.frames))[:, self._turning()]
            for which in ("state", "action")
            for begin in range(0, self.frames, BLOCK)
        )
        return max(float(np.abs(block).max(initial=0.0)) for block in blocks)

    def _turning(self) -> list[int]:
        return [i for i, value in enumerate(self._robot.values) if not value.is_gripper]

    def _grippers(self) -> dict[int, str]:
        """The robot's grippers by column, each with its side; of a robot of one arm, right."""
        columns = [i for i, value in enumerate(self._robot.values) if value.is_gripper]
        sides = [side_of(self._robot.values[i].name) for i in columns]
        plain = ("left", "right") if len(columns) == 2 else ("right",) * len(columns)
        return dict(zip(columns, sides if all(sides) else plain, strict=True))

    def _rows(self, which: str, begin: int, end: int) -> NDArray[np.float32]:
        parts = self._states if which == "state" else self._actions
        rows = np.concatenate([self._block(part, begin, end) for part in parts], axis=1)
        return rows[:, list(self._chosen(rows.shape[1]))]

    def _chosen(self, width: int, what: str = "") -> tuple[int, ...]:
        """Where the robot's values are in rows of that width; raises `FineVLAError` where that is not known."""
        wanted, given = len(self._robot.names), self._options.arm_values
        if width == wanted:
            return tuple(range(width))
        if not given:
            more = (
                f"; of {width} values the first {wanted} may be the arms' and the others a base's"
                if width > wanted
                else ""
            )
            raise FineVLAError(
                f"'{self.path}': {what} has {counted(width, 'value')}, robot '{self._robot.name}' has {wanted}{more}: name "
                f"its robot file by --robot"
                + (f", or say which are the arms', as --arm-values 0-{wanted - 1}" if width > wanted else "")
            )
        if len(given) != wanted:
            raise FineVLAError(
                f"--arm-values names {counted(len(given), 'value')}, robot '{self._robot.name}' has {wanted}"
            )
        if max(given) >= width:
            raise FineVLAError(
                f"'{self.path}': --arm-values names value {max(given)}, {what} has {counted(width, 'value')}"
            )
        return given

    def _block(self, part: Any, begin: int, end: int) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):
            rows = np.asarray(part[begin:end]).astype(np.float32)
        if not np.isfinite(rows).all():
            row = begin + int(np.flatnonzero(~np.isfinite(rows).all(1))[0])
            raise FineVLAError(f"'{self.path}': {part.name} holds NaN or infinity in row {row}; leave the episode out")
        return rows

    def _layout(self) -> Layout:
        for layout in LAYOUTS:
            if all(self._stored.find(name, needed=False) is not None for name in layout.state):
                return layout
        wanted = ", ".join(f"/{layout.state[0]}" for layout in LAYOUTS)
        for mark, whose, mend in OTHERS:
            if mark in self._file:
                raise FineVLAError(f"'{self.path}' is a file of {whose}, which is not read; {mend}")
        there = ", ".join(f"/{one_line(name, 40)}" for name in sorted(self._stored.names(""))[:6]) or "nothing"
        raise FineVLAError(
            f"'{self.path}' holds no episode of a known collector: none of {wanted} is there, but {there}; write it in one of "
            "these layouts, or as a LeRobot data set"
        )

    def _check_numbers(self) -> None:
        for what, parts in (("state", self._states), ("action", self._actions)):
            if any(part.shape[0] != self.frames for part in parts):
                lengths = ", ".join(f"{part.name} {part.shape[0]}" for part in (self._states[0], *parts))
                raise FineVLAError(f"'{self.path}': numbers of rows differ ({lengths}); the recording is incomplete")
            self._chosen(sum(part.shape[1] for part in parts), what)
        for base in self._base:
            if base.shape != (self.frames, len(BASE_NAMES)):
                raise FineVLAError(f"'{self.path}': {base.name} has shape {base.shape}, (frames, 2) is needed")

    def _numbers(self, name: str) -> Any:
        found = self._stored.find(name)
        if found.dtype.kind not in "fiu" or found.ndim != 2 or found.shape[1] > 256:
            raise FineVLAError(
                f"'{self.path}': /{name} is {found.dtype} {found.shape}; numbers of shape (frames, values) are needed"
            )
        if not 1 <= found.shape[0] <= MAX_FRAMES:
            raise FineVLAError(
                f"'{self.path}': /{name} has {counted(found.shape[0], 'row')}; 1 to {MAX_FRAMES} are read"
            )
        return found

    def _all_images(self) -> Iterator[tuple[str, "Images"]]:
        taken: set[str] = set()
        lengths = self._stored.find("compress_len", needed=False)
        for stored in self._stored.names(self.layout.images):
            if self._is_depth(stored):
                continue
            plain = episode_names([stored])[0]
            name = next((ours for ours, theirs in CAMERAS.items() if stored in theirs), plain)
            if name in taken or name not in self._robot.camera_names:
                name = plain
            if name in taken:
                raise FineVLAError(f"'{self.path}' has two cameras that read as '{name}'; rename one")
            taken.add(name)
            yield name, self._images_of(f"{self.layout.images}/{stored}", lengths)

    def _is_depth(self, stored: str) -> bool:
        """By its name, or by numbers that no colours are stored in."""
        if "depth" in re.split(r"[^a-z]+", stored.lower()):
            return True
        try:
            found = self._stored.find(f"{self.layout.images}/{stored}")
        except FineVLAError:
            return False  # what is wrong with it is told when it is read
        is_flat = found.ndim == 3 or (found.ndim == 4 and found.shape[3] == 1)
        return is_flat and found.dtype.kind in "uif" and found.dtype != np.uint8

    def _images_of(self, name: str, lengths: Any) -> "Images":
        found = self._stored.find(name)
        kind, shape = found.dtype.kind, found.shape
        is_raw = found.dtype == np.uint8 and len(shape) == 4 and shape[3] == 3
        is_padded = found.dtype == np.uint8 and len(shape) == 2
        if not (is_raw or is_padded or (kind in "SO" and len(shape) == 1)):
            raise FineVLAError(
                f"'{self.path}': /{name} is {found.dtype} {shape}; (frames, height, width, 3) uint8 or compressed "
                f"pictures are needed"
            )
        if shape[0] != self.frames:
            raise FineVLAError(
                f"'{self.path}': /{name} has {counted(shape[0], 'picture')} for {counted(self.frames, 'frame')}"
            )
        if is_raw and max(shape[1:3]) > compressed_pictures.MAX_SIDE:
            raise FineVLAError(f"'{self.path}': /{name} is {shape[2]}x{shape[1]}; at most 8192 pixels a side are read")
        if (is_padded and shape[1] > MAX_CHUNK) or found.dtype.itemsize > MAX_CHUNK:
            raise FineVLAError(f"'{self.path}': /{name} declares compressed pictures of over {MAX_CHUNK >> 20} MiB")
        counts = None
        if is_padded and lengths is not None and lengths.ndim == 2 and lengths.shape[1] == self.frames:
            counts = lengths
        return Images(found, str(self.path), name, self._options.colours == "bgr", counts)


class Images:
    """The pictures of one camera, one at a time."""

    def __init__(self, found: Any, path: str, name: str, is_bgr: bool, lengths: Any) -> None:
        self._found, self._path, self._name, self._is_bgr, self._lengths = found, path, name, is_bgr, lengths

    def where(self, i: int) -> str:
        """Which picture that is, for messages."""
        return f"'{self._path}': picture {i} of /{self._name}"

    def at(self, i: int) -> Picture:
        """Decoded if it is stored so, or in the wrong order of colours; else as it is stored."""
        row = self._found[i]
        if self._found.ndim == 4:
            pixels = np.asarray(row, np.uint8)
            return np.ascontiguousarray(pixels[..., ::-1]) if self._is_bgr else pixels
        data = row.encode("latin-1") if isinstance(row, str) else np.asarray(row).tobytes()
        data = data.rstrip(b"\0")  # padding; neither JPEG nor PNG ends in zeros
        if self._lengths is not None and len(data) not in np.asarray(self._lengths[:, i]):
            raise FineVLAError(
                f"{self.where(i)} has {counted(len(data), 'byte')}, which /compress_len does not say; it is broken"
            )
        picture = compressed_pictures.encoded(data, self.where(i))
        if self._is_bgr:
            return np.ascontiguousarray(compressed_pictures.decode(picture, self.where(i))[..., ::-1])
        return picture
