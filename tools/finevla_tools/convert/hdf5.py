"""Episodes of the Cobot Magic's and ALOHA's collectors (HDF5), with RDT's, RoboMIND's and the AIO kit's variants.

Nothing outside the file is ever read: links other than plain ones, external and virtual storage are refused.
"""

import contextlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.convert import pictures
from finevla_tools.convert.episode import Camera, Frame, Header, Picture, Reference
from finevla_tools.convert.naming import episode_names, task_of_folder

SUFFIXES = (".hdf5", ".h5")
MAX_FRAMES = 1_000_000  # five and a half hours at 50 Hz
MAX_CHUNK = 1 << 28  # bytes that one read may have to unpack; collectors use one picture per chunk
BLOCK = 4096  # rows of numbers in memory at once
KNOWN_FILTERS = {1, 2, 3, 5, 6, 32000}  # deflate, shuffle, fletcher32, nbit, scaleoffset, lzf: part of every h5py
DEFLATE, VLEN_ENTRY = 1, 16
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
SIDE_FILES = ("{stem}.json", "instruction.json", "instructions.json", "expanded_instruction_gpt-4-turbo.json")
SIDE_KEYS = ("instruction", "language_instruction", "task", "instructions")


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
    options: Hdf5Options = Hdf5Options()

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
        with _opened(reference.path) as file:
            content = _Content(file, reference.path, source.embodiment, source.options)
            self.header = self._describe(content)
        self._task = str(self.header.facts["task"])

    def _describe(self, content: "_Content") -> Header:
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

    def _task_of(self, content: "_Content") -> tuple[str, str]:
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
        with _opened(path) as file:
            content = _Content(file, path, robot, self._options)
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


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file, and every complaint of the HDF5 library as one sentence that names it."""
    try:
        import h5py
    except ImportError as error:
        raise FineVLAError("HDF5 files need h5py; run 'make data-setup' first") from error
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (FineVLAError, GeneratorExit):
        raise
    except Exception as error:  # a broken file makes h5py raise almost anything
        raise FineVLAError(f"'{path}' is no intact HDF5 file: {pictures.said(error)}") from error


class _Content:
    """An open file, checked: what is declared is there, of sensible type and size."""

    def __init__(self, file: Any, path: Path, robot: Embodiment, options: Hdf5Options) -> None:
        self._file, self.path, self._robot, self._options = file, path, robot, options
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
        is_piper = "collect" in self._file or "eef_pose" in self._names("observations")
        return "aloha" if is_aloha and "sim" in self._file.attrs and not is_piper else "cobotmagic"

    @property
    def fps(self) -> int:
        """The collector's frames per second."""
        return 50 if self.family == "aloha" else 30

    def left_out(self) -> list[str]:
        """What the file holds and the episode does not, such as depth."""
        used = {part.split("/")[0] for part in (*self.layout.state, *self.layout.action, self.layout.images)}
        used |= {"base_action"} if self._options.base else set()
        more = {f"observations/{name}" for name in self._names("observations")}
        more -= {"observations/qpos", self.layout.images}
        return sorted((set(self._names("")) - used - {"observations"}) | more)[:50]

    def collected_by(self) -> dict[str, int]:
        """How many frames each way of collecting gave, as the AIO kit notes it."""
        found = self._find("collect", needed=False)
        if found is None or found.dtype.kind not in "SO" or found.shape != (self.frames,):
            return {}
        counts: Counter[str] = Counter()
        for begin in range(0, self.frames, BLOCK):
            counts.update(_text(value)[:40] for value in found[begin : begin + BLOCK])
        return dict(counts.most_common(20))

    def instruction(self) -> str:
        """The task, where the file says it, as a dataset or an attribute."""
        for name in INSTRUCTIONS:
            found = self._find(name, needed=False)
            value: Any = None
            if found is not None and found.dtype.kind in "SO" and found.size <= 1000:
                value = found[()]
            elif name in self._file.attrs:
                value = self._file.attrs[name]
            while isinstance(value, np.ndarray) and value.size:
                value = value.flat[0]
            text = _text(value)
            if text and not text.endswith((".json", ".txt")):  # some variants keep the name of a file here
                return text
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
            if all(self._find(name, needed=False) is not None for name in layout.state):
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
        found = self._find(name)
        if found.dtype.kind not in "fiu" or found.ndim != 2 or found.shape[1] > 256:
            raise FineVLAError(
                f"'{self.path}': /{name} is {found.dtype} {found.shape}; numbers of shape (frames, values) are needed"
            )
        if not 1 <= found.shape[0] <= MAX_FRAMES:
            raise FineVLAError(f"'{self.path}': /{name} has {found.shape[0]} rows; 1 to {MAX_FRAMES} are read")
        return found

    def _all_images(self) -> Iterator[tuple[str, "_Images"]]:
        taken: set[str] = set()
        lengths = self._find("compress_len", needed=False)
        for stored in self._names(self.layout.images):
            plain = episode_names([stored])[0]
            name = next((ours for ours, theirs in CAMERAS.items() if stored in theirs), plain)
            if name in taken or name not in self._robot.camera_names:
                name = plain
            if name in taken:
                raise FineVLAError(f"'{self.path}' has two cameras that read as '{name}'; rename one")
            taken.add(name)
            yield name, self._images_of(f"{self.layout.images}/{stored}", lengths)

    def _images_of(self, name: str, lengths: Any) -> "_Images":
        found = self._find(name)
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
        return _Images(found, str(self.path), name, self._options.colours == "bgr", counts)

    def _names(self, group: str) -> list[str]:
        found = self._find(group, needed=False, group=True) if group else self._file
        names = [] if found is None else [str(name) for name in found]
        if len(names) > 1000:
            raise FineVLAError(f"'{self.path}': /{group} has {len(names)} entries; that is no episode")
        return names

    def _find(self, name: str, needed: bool = True, group: bool = False) -> Any:
        """What is at `name`, by plain links only and stored in this file; None if it is missing and not `needed`."""
        import h5py

        here = self._file
        for part in name.split("/"):
            link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
            if link is None:
                if needed:
                    raise FineVLAError(
                        f"'{self.path}' has no /{name}; the recording is incomplete or of another layout"
                    )
                return None
            if not isinstance(link, h5py.HardLink):
                raise FineVLAError(f"'{self.path}': /{name} is a link to elsewhere, which is not followed")
            here = here[part]
        if group != isinstance(here, h5py.Group) or not isinstance(here, h5py.Group | h5py.Dataset):
            if not needed:
                return None
            raise FineVLAError(f"'{self.path}': /{name} is not a data set")
        if not group:
            self._check_storage(here, name)
        return here

    def _check_storage(self, found: Any, name: str) -> None:
        where = f"'{self.path}': /{name}"
        if found.shape is None or found.dtype.kind not in "fiuSOb":
            raise FineVLAError(f"{where} holds neither numbers nor text nor pictures")
        if found.external or found.is_virtual:
            raise FineVLAError(f"{where} keeps its data in another file, which is not followed")
        if found.dtype.kind == "O" and (_vlen(found.dtype) is None):
            raise FineVLAError(f"{where} holds references, which are not followed")
        plist = found.id.get_create_plist()
        filters = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
        if odd := filters - KNOWN_FILTERS:
            raise FineVLAError(
                f"{where} is packed by HDF5 filter {min(odd)}, which is not supported; repack it with gzip"
            )
        if found.chunks is None:
            is_whole = found.id.get_storage_size() >= found.size * found.dtype.itemsize or not found.size
        else:
            if np.prod(found.chunks, dtype=float) * found.dtype.itemsize > MAX_CHUNK:
                raise FineVLAError(
                    f"{where} is stored in pieces of over {MAX_CHUNK >> 20} MiB; repack it in smaller ones"
                )
            pieces = [-(-rows // size) for rows, size in zip(found.shape, found.chunks, strict=True)]
            is_whole = found.id.get_num_chunks() == np.prod(pieces, dtype=float)
        if not is_whole:  # HDF5 would give zeros for what is not there
            raise FineVLAError(f"{where} was not wholly written; the recording broke off")
        if found.dtype.kind == "O":
            self._check_lengths(found, where, filters)

    def _check_lengths(self, found: Any, where: str, filters: set[int]) -> None:
        """Refuse data of variable length that say they are larger than the file: HDF5 would reserve that much for them."""
        if filters - {DEFLATE}:
            raise FineVLAError(f"{where} is of variable length and packed other than by gzip; repack it without")
        size = self.path.stat().st_size
        total = 0
        for entries in self._stored_entries(found, where, bool(filters)):
            lengths = np.frombuffer(entries, "<u4")[:: VLEN_ENTRY // 4]
            total += int(lengths.sum(dtype=np.uint64))
            if total > size:
                raise FineVLAError(f"{where} says it is larger than the whole file; the file is broken")

    def _stored_entries(self, found: Any, where: str, is_deflated: bool) -> Iterator[bytes]:
        """As they are in the file: length (4 bytes), where the data are (8) and their number there (4)."""
        with self.path.open("rb") as raw:
            if found.chunks is None:
                raw.seek(found.id.get_offset() or 0)
                yield _whole(raw.read(found.size * VLEN_ENTRY))
                return
            most = int(np.prod(found.chunks, dtype=np.int64)) * VLEN_ENTRY
            for i in range(found.id.get_num_chunks()):
                chunk = found.id.get_chunk_info(i)
                raw.seek(chunk.byte_offset)
                data = raw.read(min(chunk.size, most + 1024))
                yield _whole(zlib.decompressobj().decompress(data, most) if is_deflated else data)


class _Images:
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


def _whole(entries: bytes) -> bytes:
    return entries[: len(entries) // VLEN_ENTRY * VLEN_ENTRY]


def _vlen(dtype: np.dtype[Any]) -> Any:
    import h5py

    return h5py.check_string_dtype(dtype) or (h5py.check_vlen_dtype(dtype) == np.uint8 or None)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\0 \n\t")
    return value.strip() if isinstance(value, str) else ""


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
