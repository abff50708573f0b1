"""What collectors of the Cobot Magic and ALOHA keep where in their HDF5 files, as states, actions and pictures of a robot."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.convert import pictures
from finevla_tools.convert.episode import Camera, Picture
from finevla_tools.convert.hdf5_file import MAX_CHUNK, Stored, text
from finevla_tools.convert.naming import episode_names

MAX_FRAMES = 1_000_000  # five and a half hours at 50 Hz
BLOCK = 4096  # rows of numbers in memory at once
GRIPPERS = ("auto", "metres", "normalised", "motor")
METRES_UP_TO, NORMALISED_UP_TO, BELOW_ZERO = 0.11, 1.05, -0.05  # what the three scales look like in recordings
MOTOR_OPEN = 3.6  # ARX motors' reading of an open gripper
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


@dataclass(frozen=True)
class Hdf5Options:
    """What a file does not say of itself.

    `fps` None: 30, the collector's rate, or 50 where the file is ALOHA's own (attribute `sim` and no `base_action`).
    `gripper`: one of GRIPPERS; metres are of the whole opening, `motor_open` is the motors' reading of an open gripper
    (`motor_open_action` the leader's, if another). `colours`: "rgb" or "bgr", as stored.
    """

    fps: int | None = None
    gripper: str = "auto"
    motor_open: float = MOTOR_OPEN
    motor_open_action: float | None = None
    colours: str = "rgb"
    base: bool = False
    task: str = ""

    def __post_init__(self) -> None:
        if self.gripper not in GRIPPERS:
            raise FineVLAError(f"gripper scale '{self.gripper}' is unknown; choose from {', '.join(GRIPPERS)}")
        if self.colours not in ("rgb", "bgr"):
            raise FineVLAError(f"colour order '{self.colours}' is unknown; choose rgb or bgr")
        if not (self.motor_open > 0 and (self.motor_open_action is None or self.motor_open_action > 0)):
            raise FineVLAError("the motors' reading of an open gripper must be above 0")


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
        return sorted((set(self._stored.names("")) - used - {"observations"}) | more)[:50]

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

    def cameras(self) -> Iterator[Camera]:
        """Cameras by the robot's names, with the size of their first pictures."""
        for name, images in self.images.items():
            height, width = pictures.size(images.at(0), images.where(0))
            yield Camera(name, height, width)

    def values(self, which: str, begin: int, end: int, scale: str) -> NDArray[np.float32]:
        """States or actions `(end - begin, D)`: joints as they are, grippers 0 (closed) to 1 (open)."""
        rows = self._rows(which, begin, end)
        robot = self._robot
        for column, value in enumerate(robot.values):
            if value.is_gripper and scale == "metres":
                # recorded is the whole opening, the robot's joint moves one finger of two
                rows[:, column] = (rows[:, column].astype(np.float64) / 2 - value.zero) / (value.one - value.zero)
            elif value.is_gripper and scale == "motor":
                opened = self._options.motor_open
                if which == "action":
                    opened = self._options.motor_open_action or opened
                rows[:, column] = rows[:, column].astype(np.float64) / opened
        if which == "action" and self._base:
            rows = np.concatenate([rows, self._block(self._base[0], begin, end)], axis=1)
        return rows

    def gripper_scale(self) -> tuple[str, str]:
        """The scale of grippers by the range that they show, and that range in words; the option wins."""
        columns = [i for i, value in enumerate(self._robot.values) if value.is_gripper]
        low, high = np.inf, -np.inf
        for which in ("state", "action"):
            for begin in range(0, self.frames, BLOCK):
                rows = self._rows(which, begin, min(begin + BLOCK, self.frames))[:, columns]
                low, high = min(low, float(rows.min())), max(high, float(rows.max()))
        told = f"guessed: values from {low:.4g} to {high:.4g}"
        if self._options.gripper != "auto":
            return self._options.gripper, told
        if low < BELOW_ZERO or high > NORMALISED_UP_TO:
            return "motor", told
        return ("metres" if high <= METRES_UP_TO else "normalised"), told

    def _rows(self, which: str, begin: int, end: int) -> NDArray[np.float32]:
        parts = self._states if which == "state" else self._actions
        return np.concatenate([self._block(part, begin, end) for part in parts], axis=1)

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
        raise FineVLAError(f"'{self.path}' holds no episode of a known collector: none of {wanted} is there")

    def _check_numbers(self) -> None:
        wanted = len(self._robot.names)
        for what, parts in (("state", self._states), ("action", self._actions)):
            if any(part.shape[0] != self.frames for part in parts):
                lengths = ", ".join(f"{part.name} {part.shape[0]}" for part in (self._states[0], *parts))
                raise FineVLAError(f"'{self.path}': numbers of rows differ ({lengths}); the recording is incomplete")
            if (width := sum(part.shape[1] for part in parts)) != wanted:
                raise FineVLAError(
                    f"'{self.path}': {what} has {width} values, robot '{self._robot.name}' has {wanted}; name its robot file"
                )
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
            raise FineVLAError(f"'{self.path}': /{name} has {found.shape[0]} rows; 1 to {MAX_FRAMES} are read")
        return found

    def _all_images(self) -> Iterator[tuple[str, "Images"]]:
        taken: set[str] = set()
        lengths = self._stored.find("compress_len", needed=False)
        for stored in self._stored.names(self.layout.images):
            plain = episode_names([stored])[0]
            name = next((ours for ours, theirs in CAMERAS.items() if stored in theirs), plain)
            if name in taken or name not in self._robot.camera_names:
                name = plain
            if name in taken:
                raise FineVLAError(f"'{self.path}' has two cameras that read as '{name}'; rename one")
            taken.add(name)
            yield name, self._images_of(f"{self.layout.images}/{stored}", lengths)

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
            raise FineVLAError(f"'{self.path}': /{name} has {shape[0]} pictures for {self.frames} frames")
        if is_raw and max(shape[1:3]) > pictures.MAX_SIDE:
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
            raise FineVLAError(f"{self.where(i)} has {len(data)} bytes, which /compress_len does not say; it is broken")
        picture = pictures.encoded(data, self.where(i))
        if self._is_bgr:
            return np.ascontiguousarray(pictures.decode(picture, self.where(i))[..., ::-1])
        return picture
