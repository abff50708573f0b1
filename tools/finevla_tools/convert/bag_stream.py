"""A rosbag2 recording as a stream of stamped messages of one robot: which topic is what, and what a message holds.

Both passes of the bag reader (first the stamps, then the frames) go through `BagRecording.messages`, so they count alike.
"""

import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.images import CompressedImage, EncodedImage, RawImage
from finevla_core.plural_phrases import counted
from finevla_core.recording.bag_reader import BagReader, is_recording, is_storage
from finevla_core.recording.episode import load
from finevla_core.recording.mcap_scan import Channel, RecordedMessage
from finevla_core.recording.message_order import set_back_sentence
from finevla_core.time_units import NS_PER_S
from finevla_tools.convert import bag_joint_topics
from finevla_tools.convert.bag_joint_topics import LEADER, STATE, StatePart
from finevla_tools.convert.bag_topics import is_at, is_below, listed, spoken_topic, types_of
from finevla_tools.convert.compressed_pictures import said
from finevla_tools.convert.joint_angles import RAD, Angles
from finevla_tools.convert.message_types import (
    CHUNK,
    COMPRESSED,
    INSTRUCTION,
    JOINT_STATE,
    RAW,
    TEXT,
    TRAJECTORY,
    deserialize,
    is_installed,
    kind_of,
)

SAID, PLANNED = "instruction", "action_chunk"
CHECKED, RECEIVED = "auto", "received"
STAMPS = (
    CHECKED,
    "header",
    RECEIVED,
)  # the messages' own, where their clocks agree; or without asking; or of recording
LAST_NS = 2**63 - 1  # of any clock; MCAP's own fields hold more
# Where the stamp of a message that begins with a header is: after 4 bytes that say, by the second one, how to read it.
_STAMP = {1: struct.Struct("<iI"), 0: struct.Struct(">iI")}


@dataclass(frozen=True)
class BagMessage:
    """A message that counts: the `ordinal`-th of its `stream`; `received_ns` by the recorder's clock, content not unpacked."""

    stream: str
    ordinal: int
    stamp_ns: int
    received_ns: int
    content: Any


@dataclass(frozen=True)
class JointReading:
    """A joint state as it came, which is what the assembler takes, and its values; None if a joint lacks or is not finite."""

    names: tuple[str, ...]
    positions: Sequence[float]
    values: NDArray[np.float64] | None


@dataclass(frozen=True)
class RecordedCommand:
    """A command to one controller: positions `(points, joints)` of its joints (rad, m), due at `due_ns`."""

    due_ns: tuple[int, ...]
    positions: NDArray[np.float64]


@dataclass(frozen=True)
class SpokenInstruction:
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


class BagRecording:
    """An open bag; `messages` may be iterated again and again, always with the same ordinals."""

    def __init__(
        self,
        path: Path,
        embodiment: Embodiment,
        cameras: tuple[str, ...],
        namespace: str | None,
        stamps: str = STAMPS[0],
        state_topics: Sequence[str] = (),
        joint_unit: str = RAD,
    ) -> None:
        """Raises `FineVLAError` unless it is a readable bag in which the robot's joint states and cameras are."""
        self.path, self.embodiment, self.cameras, self.stamps = path, embodiment, cameras, stamps
        self._angles = Angles(embodiment, joint_unit)
        self.leader_problem = ""
        self._others: Counter[tuple[str, str]] = Counter()  # messages of another type than their topic's
        self.twice: Counter[str] = Counter()  # messages that name a joint twice
        with _in_words(path):
            self._reader = BagReader(path)
            types = types_of(self._reader.channels())
            self._states, self.parts = self._state_topics(types, namespace, tuple(state_topics))
            self.leaders = self._leader_parts(types, namespace)
        self.labels = _labels(path)
        self.custom = {str(key): value for key, value in self._reader.stored.custom.items() if isinstance(value, str)}
        self.topics = self._topics(types, namespace)
        self._whose = {camera.frame: camera.name for camera in embodiment.cameras}

    @property
    def state_streams(self) -> tuple[str, ...]:
        """Of joint states: one, or one of each part of the robot that tells of itself."""
        return tuple(part.stream for part in self.parts) or (STATE,)

    def messages(self) -> Iterator[BagMessage]:
        """All messages that count, in the order in which they were recorded; a broken one is a `FineVLAError`."""
        leaders = (part.stream for part in self.leaders)
        counts = dict.fromkeys((*self.topics.by_topic.values(), *self.state_streams, *leaders), 0)
        self._others.clear()
        self.twice.clear()
        with _in_words(self.path):
            for message in self._reader.messages(self._counts):
                found = self._read(message)
                if found is not None:
                    stream, stamp_ns, content = found
                    yield BagMessage(stream, counts[stream], stamp_ns, message.log_ns, content)
                    counts[stream] += 1
            self._refuse_damage()

    @property
    def notes(self) -> list[str]:
        """What is to be told of the recording; complete once its messages were read."""
        lost = [f"{n} of {counted(written, 'message')} of {topic}" for topic, (n, written) in self.lost.items()]
        said = [f"its metadata.yaml counts messages that are not in it: {', '.join(lost[:8])}"] if lost else []
        for (topic, kind), count in self._others.items():
            wanted = self.topics.types[topic]
            said.append(
                f"{counted(count, 'message', 'are')} left out, which came on {topic} as {kind}, not as {wanted}"
            )
        for topic, count in self.twice.items():
            said.append(f"{counted(count, 'message', 'are')} left out, which named a joint twice on {topic}")
        return [*self._reader.stored.notes, *said]

    def _counts(self, channel: Channel) -> bool:
        """Whether a message of this channel is read; one of another type than its topic's is counted."""
        kind, wanted = kind_of(channel), self.topics.types.get(channel.topic)
        if wanted not in (None, kind):
            self._others[channel.topic, kind] += 1
        return wanted == kind

    @property
    def lost(self) -> dict[str, tuple[int, int]]:
        """By topic, how many messages lack that metadata.yaml counts, and of how many; complete once all were read."""
        return self._reader.lost()

    def _refuse_damage(self) -> None:
        """What was broken may have been of these topics: nobody would see that a piece is missing, or elsewhere."""
        if self._reader.set_back_s:
            raise FineVLAError(set_back_sentence(self._reader.set_back_s))
        if broken := [p for p in self._reader.problems if p not in self._reader.stored.notes]:
            raise FineVLAError(
                f"it is not whole: {'; '.join(broken[:3])}; 'finevla bags repair' recovers what is whole"
            )

    def image(self, stream: str, data: bytes) -> EncodedImage:
        """The picture in a message of a camera's stream; raises `FineVLAError` if it says it is another camera's."""
        kind = next(self.topics.types[t] for t, s in self.topics.by_topic.items() if s == stream)
        with _in_words(self.path):
            message = deserialize(data, kind)
        camera = stream.removeprefix("camera ")
        if (whose := self._whose.get(message.header.frame_id, camera)) != camera:
            raise FineVLAError(f"its picture is camera {whose}'s, by its frame_id; are the cameras exchanged?")
        if kind == COMPRESSED:
            return CompressedImage(memoryview(message.data), message.format)
        pixels, is_bigendian = memoryview(message.data), bool(message.is_bigendian)
        return RawImage(message.encoding, message.height, message.width, message.step, pixels, is_bigendian)

    def _read(self, found: RecordedMessage) -> tuple[str, int, Any] | None:
        """Stream, stamp and content; None for what does not count (another device's joints, an empty command)."""
        stream, kind = self.topics.by_topic[found.channel.topic], kind_of(found.channel)
        if found.log_ns > LAST_NS:
            raise DamagedFileError(
                f"a message of {found.channel.topic} was recorded at {found.log_ns} ns, later than any clock can tell; "
                "the recorder's clock or the file is damaged"
            )
        received_ns = found.log_ns if self.stamps == RECEIVED else None
        if kind in (RAW, COMPRESSED):
            if not is_installed(found.channel):
                raise FineVLAError(f"{kind} is defined in it in another way than by ROS 2; such pictures are not read")
            data = bytes(found.data)
            return stream, _stamp_ns(data) if received_ns is None else received_ns, data
        message = _message(found)
        if kind == TEXT:
            spoken = str(message.data).strip()
            return (stream, 0, SpokenInstruction("", spoken, "", {})) if spoken else None
        if kind == INSTRUCTION:
            return stream, received_ns or _ns(message.stamp) or found.log_ns, _said(message)
        stamp_ns = _ns(message.header.stamp) if received_ns is None else received_ns
        if kind == JOINT_STATE:
            return self._in_rad(self._state(found.channel.topic, stamp_ns, message))
        if kind == CHUNK:
            return stream, stamp_ns, self._chunk(stamp_ns, message)
        command = self._command(stream, stamp_ns or found.log_ns, message)
        return None if command is None else (stream, stamp_ns or found.log_ns, command)

    def _state(self, topic: str, stamp_ns: int, message: Any) -> tuple[str, int, Any] | None:
        e, names, positions = self.embodiment, tuple(message.name), message.position
        for part in self.parts:
            if part.topic == topic and part.fits(names):
                return part.stream, stamp_ns, JointReading(names, positions, part.read(e, names, positions))
        for part in self.leaders:
            if part.topic == topic and part.fits(names):
                return part.stream, stamp_ns, JointReading(names, positions, self._led(part, names, positions))
        index = {name: i for i, name in enumerate(names)}
        if topic not in self._states or self.parts or (index and not any(joint in index for joint in e.joints)):
            return None  # another device on the same topic
        values, order = None, e.order_in(names)
        if len(index) < len(names) and order is None:
            self.twice[topic] += 1
        if order is not None and max(order) < len(positions):
            values = e.to_values([positions[i] for i in order])
            values = values if np.isfinite(values).all() else None
        return STATE, stamp_ns, JointReading(names, positions, values)

    def _in_rad(self, found: tuple[str, int, Any] | None) -> tuple[str, int, Any] | None:
        if found is None or found[2].values is None:
            return found
        stream, stamp_ns, reading = found
        return stream, stamp_ns, replace(reading, values=self._angles.in_rad(reading.values))

    def _led(self, part: StatePart, names: tuple[str, ...], positions: Sequence[float]) -> NDArray[np.float64] | None:
        """What a leading arm tells; one that cannot be read matters only where its motion is needed."""
        try:
            return part.read(self.embodiment, names, positions)
        except FineVLAError as error:
            self.leader_problem = str(error)
            return None

    def _state_topics(
        self, types: Mapping[str, str], namespace: str | None, chosen: tuple[str, ...]
    ) -> tuple[tuple[str, ...], tuple[StatePart, ...]]:
        """The topic that tells of all joints; or those that tell of parts of the robot, and which parts these are."""
        e = self.embodiment
        if odd := [topic for topic in chosen if types.get(topic) != JOINT_STATE]:
            raise FineVLAError(f"it has no joint states on {odd[0]}; {listed(types)}")
        usual = [t for t, k in types.items() if k == JOINT_STATE and is_at(t, e.state_topic, namespace)]
        others = bag_joint_topics.candidates(types, JOINT_STATE, lambda topic: is_below(topic, namespace))
        looked_at = list(chosen or dict.fromkeys((*usual, *others)))
        if not looked_at:
            raise FineVLAError(f"it has no {e.state_topic} of type {JOINT_STATE}; {listed(types, e.state_topic)}")
        messages = self._reader.messages(lambda c: c.topic in looked_at and kind_of(c) == JOINT_STATE)
        heard = bag_joint_topics.heard_in(messages, lambda m: tuple(_message(m).name), looked_at)
        whole = [t for t in chosen or usual if any(set(e.joints) <= set(names) for names in heard[t])]
        if len(whole) > 1:
            raise FineVLAError(f"it has {' and '.join(sorted(whole))}; say which robot's by --namespace")
        if whole or (len(usual) == 1 and not chosen and not any(map(len, heard.values()))):
            return tuple(whole or usual), ()
        parts = bag_joint_topics.parts_of(e, heard)
        return tuple(dict.fromkeys(part.topic for part in parts)), parts

    def _leader_parts(self, types: Mapping[str, str], namespace: str | None) -> tuple[StatePart, ...]:
        """What tells where the arms are that lead the robot's, if that is told of all its joints."""
        topics = bag_joint_topics.leaders(types, JOINT_STATE, lambda topic: is_below(topic, namespace))
        topics = [topic for topic in topics if topic not in self._states]
        if not topics:
            return ()
        messages = self._reader.messages(lambda c: c.topic in topics and kind_of(c) == JOINT_STATE)
        heard = bag_joint_topics.heard_in(messages, lambda m: tuple(_message(m).name), topics)
        with suppress(FineVLAError):
            return bag_joint_topics.parts_of(self.embodiment, heard, LEADER)
        return ()

    def _chunk(self, stamp_ns: int, message: Any) -> NDArray[np.float64]:
        if tuple(message.names) != self.embodiment.names or len(message.actions) < len(message.names):
            raise FineVLAError("an action chunk is not for this robot: its names are not those of the robot file")
        values = np.asarray(message.actions[: len(message.names)], np.float64)
        if not np.isfinite(values).all():
            raise FineVLAError(f"the action chunk stamped {stamp_ns} ns holds values that are not finite")
        return values

    def _command(self, stream: str, stamp_ns: int, message: Any) -> RecordedCommand | None:
        joints = next(c.joints for c in self.embodiment.controllers if c.name == stream)
        names = list(message.joint_names)
        if not message.points:
            return None  # takes a command back
        if missing := [joint for joint in joints if joint not in names]:
            raise FineVLAError(f"a command to {stream} lacks joint '{missing[0]}'; is it this robot's?")
        if twice := [joint for joint in joints if names.count(joint) > 1]:
            raise FineVLAError(
                f"a command to {stream} names joint '{twice[0]}' twice; nobody knows which position counts"
            )
        at = [names.index(joint) for joint in joints]
        if any(len(point.positions) < len(names) for point in message.points):
            raise FineVLAError(f"a command to {stream} has a point without a position for every joint")
        positions = np.array([[point.positions[i] for i in at] for point in message.points], np.float64)
        if not np.isfinite(positions).all():
            raise FineVLAError(f"the command to {stream} stamped {stamp_ns} ns holds values that are not finite")
        due = tuple(
            stamp_ns + point.time_from_start.sec * NS_PER_S + point.time_from_start.nanosec for point in message.points
        )
        return RecordedCommand(due, self._angles.joints_in_rad(joints, positions))

    def _topics(self, types: Mapping[str, str], namespace: str | None) -> Topics:
        e = self.embodiment
        wanted: list[tuple[str, str, tuple[str, ...]]] = []
        for camera in e.cameras:
            if camera.name in self.cameras:
                wanted.append((camera_stream(camera.name), camera.topic, (COMPRESSED, RAW)))
        optional = [(c.name, f"{c.name}/joint_trajectory", (TRAJECTORY,)) for c in e.controllers]
        optional += [(PLANNED, "action_chunk", (CHUNK,)), (SAID, "active_instruction", (INSTRUCTION,))]
        by_topic = {part.topic: LEADER for part in self.leaders} | dict.fromkeys(self._states, STATE)
        for stream, relative, kinds in [*wanted, *optional]:
            for kind in kinds:
                name = f"{relative}/compressed" if kind == COMPRESSED else relative
                found = [t for t, k in types.items() if k == kind and is_at(t, name, namespace)]
                if len(found) > 1:
                    raise FineVLAError(f"it has {' and '.join(sorted(found))}; say which robot's by --namespace")
                if found:
                    by_topic[found[0]] = stream
                    break
            else:
                if (stream, relative, kinds) in wanted:
                    there = listed(types, relative)
                    raise FineVLAError(f"it has no {relative} of type {' or '.join(kinds)}; {there}")
        if SAID not in by_topic.values() and (spoken := spoken_topic(types, namespace)):
            by_topic[spoken] = SAID
        state = self._states[0]
        space = state[: -len(e.state_topic)].strip("/") if state.endswith(e.state_topic) else ""
        return Topics(by_topic, {t: types[t] for t in by_topic}, space)


def _message(found: RecordedMessage) -> Any:
    return deserialize(found.data, kind_of(found.channel), found.channel.schema)


def _labels(bag: Path) -> dict[str, Any]:
    """The recorder's episode.json beside the messages, if there is a sound one."""
    folder = bag if bag.is_dir() else bag.parent
    with suppress(OSError):
        if bag.is_dir() or sum(map(is_storage, folder.iterdir())) == 1:
            return load(folder)
    return {}  # whose it is nobody says


def is_bag(path: Path) -> bool:
    """Whether a path looks like a recording: its storage file, or a folder with those of one or with a metadata.yaml."""
    return is_recording(path) if path.is_dir() else is_storage(path)


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Whatever goes wrong with a bag's files, as a `FineVLAError` that begins with its name."""
    try:
        yield
    except FineVLAError as error:
        raise error.retold(str(error) if str(error).startswith("bag '") else f"bag '{path}': {error}") from error
    except ImportError as error:
        raise FineVLAError(f"reading rosbag2 recordings needs {error.name}; run 'make data-setup' first") from error
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except MemoryError as error:
        raise DamagedFileError(f"bag '{path}': a record says it is larger than the memory; it is broken") from error
    except Exception as error:  # storage files are parsed by rosbags, SQLite and zstd, each with errors of its own
        hint = "'finevla bags repair' recovers what is whole"
        raise DamagedFileError(f"bag '{path}' cannot be read: {said(error)}; {hint}") from error


def _said(message: Any) -> SpokenInstruction:
    named = (name for name in message.factors.__dataclass_fields__ if not name.startswith("_"))
    factors = {name: _plain(getattr(message.factors, name)) for name in named}
    return SpokenInstruction(message.id, message.raw, message.fine, {k: v for k, v in factors.items() if v})


def _stamp_ns(data: bytes) -> int:
    if len(data) < 12:
        raise DamagedFileError("an image message is too short for a stamp; it was cut")
    seconds, nanoseconds = _STAMP[data[1] & 1].unpack_from(data, 4)
    return int(seconds) * NS_PER_S + int(nanoseconds)


def _ns(stamp: Any) -> int:
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else [str(v) for v in value]
