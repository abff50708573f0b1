"""A rosbag2 recording as a stream of stamped messages of one robot: which topic is what, and what a message holds.

Both passes of the bag reader (first the stamps, then the frames) go through `Recording.messages`, so they count alike.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import CompressedImage, EncodedImage, RawImage
from finevla_tools.convert.pictures import said

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
JOINT_STATE, TRAJECTORY = "sensor_msgs/msg/JointState", "trajectory_msgs/msg/JointTrajectory"
CHUNK, INSTRUCTION = "finevla_interfaces/msg/ActionChunk", "finevla_interfaces/msg/Instruction"
STATE, SAID, PLANNED = "joint_states", "instruction", "action_chunk"
SECOND = 1_000_000_000
METADATA_BYTES = 8 << 20  # a metadata.yaml of hours with thousands of split files is smaller
STORAGE = (".mcap", ".db3")
# Where the stamp of a message that begins with a header is: after 4 bytes that say, by the second one, how to read it.
_STAMP = {1: struct.Struct("<iI"), 0: struct.Struct(">iI")}


@dataclass(frozen=True)
class Message:
    """A message that counts: the `ordinal`-th of its `stream`; `received_ns` by the recorder's clock, content not unpacked."""

    stream: str
    ordinal: int
    stamp_ns: int
    received_ns: int
    content: Any


@dataclass(frozen=True)
class Measured:
    """A joint state as it came, which is what the assembler takes, and its values; None if a joint lacks or is not finite."""

    names: tuple[str, ...]
    positions: Sequence[float]
    values: NDArray[np.float64] | None


@dataclass(frozen=True)
class Trajectory:
    """A command to one controller: positions `(points, joints)` of its joints (rad, m), due at `due_ns`."""

    due_ns: tuple[int, ...]
    positions: NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """An instruction in force from `stamp_ns` on."""

    id: str
    raw: str
    fine: str
    factors: Mapping[str, Any]


@dataclass(frozen=True)
class Topics:
    """Which topic of a bag is which stream of the robot, by name; cameras are `camera <name>`, controllers by their name."""

    by_topic: Mapping[str, str]
    types: Mapping[str, str]
    namespace: str


def camera_stream(name: str) -> str:
    """The stream of a camera."""
    return f"camera {name}"


class Recording:
    """An open bag; `messages` may be iterated again and again, always with the same ordinals."""

    def __init__(self, path: Path, embodiment: Embodiment, cameras: tuple[str, ...], namespace: str | None) -> None:
        """Raises `FineVLAError` unless it is a readable bag in which the robot's joint states and cameras are."""
        self.path, self.embodiment, self.cameras = path, embodiment, cameras
        with _in_words(path), _opened(path) as readers:
            types = {c.topic: c.msgtype for reader in readers for c in reader.connections}
            custom = {k: v for reader in readers for k, v in (reader.storage.metadata.custom or {}).items()}
        self.custom = {str(key): value for key, value in custom.items() if isinstance(value, str)}
        self.topics = self._topics(types, namespace)
        self._whose = {camera.frame: camera.name for camera in embodiment.cameras}

    def messages(self) -> Iterator[Message]:
        """All messages that count, in the order in which they were recorded; a broken one is a `FineVLAError`."""
        counts = dict.fromkeys(self.topics.by_topic.values(), 0)
        with _in_words(self.path), _opened(self.path) as readers:
            for reader in readers:
                wanted = [c for c in reader.connections if self.topics.types.get(c.topic) == c.msgtype]
                for connection, received_ns, data in reader.messages(wanted) if wanted else ():
                    stream = self.topics.by_topic[connection.topic]
                    found = self._read(stream, connection.msgtype, received_ns, data)
                    if found is not None:
                        yield Message(stream, counts[stream], found[0], received_ns, found[1])
                        counts[stream] += 1

    def image(self, stream: str, data: bytes) -> EncodedImage:
        """The picture in a message of a camera's stream; raises `FineVLAError` if it says it is another camera's."""
        kind = next(self.topics.types[t] for t, s in self.topics.by_topic.items() if s == stream)
        with _in_words(self.path):
            message = deserialize(data, kind)
        camera = stream.removeprefix("camera ")
        if (whose := self._whose.get(message.header.frame_id, camera)) != camera:
            raise FineVLAError(f"its picture is camera {whose}'s, by its frame_id; are the cameras exchanged?")
        if kind == COMPRESSED:
            return CompressedImage(memoryview(message.data))
        return RawImage(message.encoding, message.height, message.width, message.step, memoryview(message.data))

    def _read(self, stream: str, kind: str, received_ns: int, data: bytes) -> tuple[int, Any] | None:
        """Stamp and content; None for what does not count (another device's joints, an empty command)."""
        if kind in (RAW, COMPRESSED):
            return _stamp_ns(data), data
        message = deserialize(data, kind)
        if kind == INSTRUCTION:
            named = (name for name in message.factors.__dataclass_fields__ if not name.startswith("_"))
            factors = {name: _plain(getattr(message.factors, name)) for name in named}
            words = Said(message.id, message.raw, message.fine, {k: v for k, v in factors.items() if v})
            return _ns(message.stamp) or received_ns, words
        stamp_ns = _ns(message.header.stamp)
        if kind == JOINT_STATE:
            return self._state(stamp_ns, message)
        if kind == CHUNK:
            return self._chunk(stamp_ns, message)
        return self._command(stream, stamp_ns or received_ns, message)

    def _state(self, stamp_ns: int, message: Any) -> tuple[int, Any] | None:
        e, positions = self.embodiment, message.position
        index = {name: i for i, name in enumerate(message.name)}
        if index and not any(joint in index for joint in e.joints):
            return None  # another device on the same topic
        values = None
        if all(index.get(joint, len(positions)) < len(positions) for joint in e.joints):
            values = e.to_values([positions[index[joint]] for joint in e.joints])
            values = values if np.isfinite(values).all() else None
        return stamp_ns, Measured(tuple(message.name), positions, values)

    def _chunk(self, stamp_ns: int, message: Any) -> tuple[int, Any] | None:
        if tuple(message.names) != self.embodiment.names or len(message.actions) < len(message.names):
            raise FineVLAError("an action chunk is not for this robot: its names are not those of the robot file")
        values = np.asarray(message.actions[: len(message.names)], np.float64)
        if not np.isfinite(values).all():
            raise FineVLAError(f"the action chunk stamped {stamp_ns} ns holds values that are not finite")
        return stamp_ns, values

    def _command(self, stream: str, stamp_ns: int, message: Any) -> tuple[int, Any] | None:
        joints = next(c.joints for c in self.embodiment.controllers if c.name == stream)
        names = list(message.joint_names)
        if not message.points:
            return None  # takes a command back
        if missing := [joint for joint in joints if joint not in names]:
            raise FineVLAError(f"a command to {stream} lacks joint '{missing[0]}'; is it this robot's?")
        at = [names.index(joint) for joint in joints]
        if any(len(point.positions) < len(names) for point in message.points):
            raise FineVLAError(f"a command to {stream} has a point without a position for every joint")
        positions = np.array([[point.positions[i] for i in at] for point in message.points], np.float64)
        if not np.isfinite(positions).all():
            raise FineVLAError(f"the command to {stream} stamped {stamp_ns} ns holds values that are not finite")
        due = tuple(
            stamp_ns + point.time_from_start.sec * SECOND + point.time_from_start.nanosec for point in message.points
        )
        return stamp_ns, Trajectory(due, positions)

    def _topics(self, types: Mapping[str, str], namespace: str | None) -> Topics:
        e = self.embodiment
        wanted: list[tuple[str, str, tuple[str, ...]]] = [(STATE, e.state_topic, (JOINT_STATE,))]
        for camera in e.cameras:
            if camera.name in self.cameras:
                wanted.append((camera_stream(camera.name), camera.topic, (COMPRESSED, RAW)))
        optional = [(c.name, f"{c.name}/joint_trajectory", (TRAJECTORY,)) for c in e.controllers]
        optional += [(PLANNED, "action_chunk", (CHUNK,)), (SAID, "active_instruction", (INSTRUCTION,))]
        by_topic: dict[str, str] = {}
        for stream, relative, kinds in [*wanted, *optional]:
            for kind in kinds:
                name = f"{relative}/compressed" if kind == COMPRESSED else relative
                found = [t for t, k in types.items() if k == kind and _is_at(t, name, namespace)]
                if len(found) > 1:
                    raise FineVLAError(f"it has {' and '.join(sorted(found))}; say which robot's by --namespace")
                if found:
                    by_topic[found[0]] = stream
                    break
            else:
                if (stream, relative, kinds) in wanted:
                    there = ", ".join(sorted(types)[:12]) or "nothing"
                    raise FineVLAError(f"it has no {relative} of type {' or '.join(kinds)}; there is {there}")
        state = next(topic for topic, stream in by_topic.items() if stream == STATE)
        space = state[: -len(e.state_topic)].strip("/") if state.endswith(e.state_topic) else ""
        return Topics(by_topic, {t: types[t] for t in by_topic}, space)


def is_bag(path: Path) -> bool:
    """Whether a path looks like a recording: its storage file, or a folder with one or with a metadata.yaml."""
    if path.is_dir():
        return (path / "metadata.yaml").exists() or any(p.suffix in STORAGE for p in path.iterdir())
    return path.suffix in STORAGE and path.is_file()


def deserialize(data: bytes, kind: str) -> Any:
    """A message as rosbags gives it; raises `FineVLAError` if the bytes are no such message."""
    try:
        return _store().deserialize_cdr(data, kind)
    except Exception as error:  # rosbags' generated code raises whatever broken bytes lead to
        raise FineVLAError(f"a {kind.rsplit('/', 1)[1]} message cannot be read: {said(error)}") from error


@cache
def _store() -> Any:
    from finevla_tools.datasets.rosbag_writer import _typestore

    return _typestore()


@contextmanager
def _opened(path: Path) -> Iterator[list[Any]]:
    """Readers of a bag, to be read one after the other: one for a folder with metadata.yaml, else one per file."""
    from rosbags.rosbag2 import Reader

    paths = [path]
    if path.is_dir() and not (path / "metadata.yaml").exists():
        # Files of a recorder that was killed are numbered, the tenth after the ninth.
        paths = sorted((p for p in path.iterdir() if p.suffix in STORAGE), key=lambda p: (len(p.name), p.name))
    elif path.is_dir() and (size := (path / "metadata.yaml").stat().st_size) > METADATA_BYTES:
        raise FineVLAError(f"its metadata.yaml has {size >> 20} MB; no recorder writes such")
    readers = [Reader(p) for p in paths]
    opened: list[Any] = []
    try:
        for reader in readers:
            reader.open()
            opened.append(reader)
        yield readers
    finally:
        for reader in opened:
            reader.close()


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Whatever goes wrong with a bag's files, as a `FineVLAError` that begins with its name."""
    try:
        yield
    except FineVLAError as error:
        raise FineVLAError(str(error) if str(error).startswith("bag '") else f"bag '{path}': {error}") from error
    except ImportError as error:
        raise FineVLAError(f"reading rosbag2 recordings needs {error.name}; run 'make data-setup' first") from error
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except MemoryError as error:
        raise FineVLAError(f"bag '{path}': a record says it is larger than the memory; it is broken") from error
    except Exception as error:  # storage files are parsed by rosbags, SQLite and zstd, each with errors of its own
        hint = "" if path.suffix == ".db3" else "; 'finevla bags repair' recovers what is whole"
        raise FineVLAError(f"bag '{path}' cannot be read: {said(error)}{hint}") from error


def _is_at(topic: str, relative: str, namespace: str | None) -> bool:
    if relative.startswith("/"):
        return topic == relative
    if namespace is not None:
        return topic == "/".join(("", *filter(None, (namespace.strip("/"), relative))))
    return topic == relative or topic.endswith(f"/{relative}")


def _stamp_ns(data: bytes) -> int:
    if len(data) < 12:
        raise FineVLAError("an image message is too short for a stamp; it was cut")
    seconds, nanoseconds = _STAMP[data[1] & 1].unpack_from(data, 4)
    return int(seconds) * SECOND + int(nanoseconds)


def _ns(stamp: Any) -> int:
    return int(stamp.sec) * SECOND + int(stamp.nanosec)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else [str(v) for v in value]
