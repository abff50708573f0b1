"""What stands beside a recording's MCAP file: `metadata.yaml` as rosbag2 (Jazzy) writes it, and the messages' definitions."""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from finevla_core.errors import FineVLAError
from finevla_core.recording.atomic_files import write_text
from finevla_core.recording.mcap_writer import McapWriter
from finevla_core.time_units import NS_PER_S

METADATA, EPISODE = "metadata.yaml", "episode.json"
VERSION, DISTRO = 9, "jazzy"
FOREVER_NS = 2**63 - 1
_LINE = "=" * 80
_TYPE = re.compile(r"([A-Za-z]\w*)/(?:msg/)?([A-Za-z]\w*)")
_FIELD = re.compile(r"^\s*([A-Za-z][\w/]*)(?:<=\d+)?(?:\[[<=\d]*\])?\s+[A-Za-z]\w*", re.MULTILINE)
_PRIMITIVES = {
    *("bool", "byte", "char", "float32", "float64", "string", "wstring"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}
# rmw's enumerations, as rosbag2 wrote them until version 8.
_WORDS = {
    "history": {0: "system_default", 1: "keep_last", 2: "keep_all", 3: "unknown"},
    "reliability": {0: "system_default", 1: "reliable", 2: "best_effort", 3: "unknown", 4: "best_available"},
    "durability": {0: "system_default", 1: "transient_local", 2: "volatile", 3: "unknown", 4: "best_available"},
    "liveliness": {0: "system_default", 1: "automatic", 3: "manual_by_topic", 4: "unknown", 5: "best_available"},
}


@dataclass(frozen=True)
class Qos:
    """What a publisher offers, in rosbag2's words; durations in nanoseconds."""

    history: str = "unknown"  # DDS does not tell others how much is kept
    depth: int = 0
    reliability: str = "reliable"
    durability: str = "volatile"
    deadline_ns: int = FOREVER_NS
    lifespan_ns: int = FOREVER_NS
    liveliness: str = "automatic"
    lease_ns: int = FOREVER_NS

    @classmethod
    def from_rosbag2(cls, told: Mapping[str, Any]) -> "Qos":
        """Read a profile of any rosbag2 version, in words or numbers; missing or unknown entries become the default."""

        def word(key: str) -> str:
            value, words = told.get(key), _WORDS[key]
            if isinstance(value, int):
                return words.get(value, "unknown")
            return str(value) if value in words.values() else "unknown"

        return cls(
            word("history"),
            int(told.get("depth", 0)),
            word("reliability"),
            word("durability"),
            _nanoseconds(told.get("deadline")),
            _nanoseconds(told.get("lifespan")),
            word("liveliness"),
            _nanoseconds(told.get("liveliness_lease_duration")),
        )

    def as_rosbag2(self) -> dict[str, Any]:
        """Return the profile as rosbag2's metadata.yaml writes it; durations as `sec` and `nsec`."""
        return {
            "history": self.history,
            "depth": self.depth,
            "reliability": self.reliability,
            "durability": self.durability,
            "deadline": _duration(self.deadline_ns),
            "lifespan": _duration(self.lifespan_ns),
            "liveliness": self.liveliness,
            "liveliness_lease_duration": _duration(self.lease_ns),
            "avoid_ros_namespace_conventions": False,
        }


@dataclass(frozen=True)
class Topic:
    """A topic to record: absolute name, type ("sensor_msgs/msg/Image"), the type's hash (RIHS01_..., or empty).

    `encoding` is how its messages are serialized; `described`, where given, is all that its channel says of itself.
    """

    name: str
    type: str
    type_hash: str = ""
    qos: tuple[Qos, ...] = ()
    encoding: str = "cdr"
    described: Mapping[str, str] | None = None


class Bag:
    """A rosbag2 recording that is being written at `folder` (which must not be there), as one MCAP file."""

    def __init__(self, folder: Path, name: str = "") -> None:
        """Makes the folder and the file, which is named after the folder or `name`; raises `OSError`."""
        folder.mkdir(parents=True)
        self.folder = folder
        self.file = folder / f"{name or folder.name}_0.mcap"
        self.writer = McapWriter(self.file)
        self._schemas: dict[tuple[str, str, bytes], int] = {}
        self.topics: dict[int, Topic] = {}

    def add(self, topic: Topic, definition: bytes, language: str = "ros2msg") -> int:
        """The channel of a new topic, with the definition of its type; a topic without a type has none."""
        key = (topic.type, language, definition)
        if topic.type and key not in self._schemas:
            self._schemas[key] = self.writer.add_schema(topic.type, language, definition)
        described = topic.described
        if described is None:
            qos = yaml.safe_dump([q.as_rosbag2() for q in topic.qos], sort_keys=False).strip()
            described = {"offered_qos_profiles": qos, "topic_type_hash": topic.type_hash}
        number = self.writer.add_channel(self._schemas.get(key, 0), topic.name, topic.encoding, described)
        self.topics[number] = topic
        return number

    def finish(self, custom: Mapping[str, str]) -> None:
        """Write index and metadata.yaml; raises `OSError`, and then the recording is one for `finevla bags repair`."""
        writer = self.writer
        writer.flush()
        found = information(self.file.name, self.topics, writer.counts, writer.first_ns, writer.last_ns, custom)
        writer.add_metadata("rosbag2", {"serialized_metadata": yaml.safe_dump(found, sort_keys=False)})
        writer.finish()
        text = yaml.safe_dump({"rosbag2_bagfile_information": found}, sort_keys=False)
        write_text(self.folder / METADATA, text, sync=True)


def information(
    file: str,
    topics: Mapping[int, Topic],
    counts: Mapping[int, int],
    first_ns: int,
    last_ns: int,
    custom: Mapping[str, str],
) -> dict[str, Any]:
    """rosbag2's `rosbag2_bagfile_information`, keys in its order."""
    count = sum(counts.values())
    span = {"duration": {"nanoseconds": last_ns - first_ns}, "starting_time": {"nanoseconds_since_epoch": first_ns}}
    return {
        "version": VERSION,
        "storage_identifier": "mcap",
        **span,
        "message_count": count,
        "topics_with_message_count": [
            {
                "topic_metadata": {
                    "name": topic.name,
                    "type": topic.type,
                    "serialization_format": topic.encoding,
                    "offered_qos_profiles": [q.as_rosbag2() for q in topic.qos],
                    "type_description_hash": topic.type_hash,
                },
                "message_count": counts[number],
            }
            for number, topic in topics.items()
        ],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [file],
        "files": [{"path": file, **span, "message_count": count}],
        "custom_data": dict(custom) or None,
        "ros_distro": DISTRO,
    }


class Definitions:
    """Finds .msg files below `prefixes` (`<prefix>/share/<package>/msg`), by default the sourced environment's."""

    def __init__(self, prefixes: Iterable[Path] | None = None) -> None:
        if prefixes is None:
            prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
        self._prefixes = tuple(prefixes)
        self._known: dict[str, str] = {}

    def of(self, kind: str) -> str:
        """The definition of "package/msg/Name" with all that it consists of, as rosbag2 and Foxglove expect it."""
        if kind in self._known:
            return self._known[kind]
        done: dict[str, str] = {}
        waiting = [_name(kind)]
        while waiting:
            package, name = waiting.pop(0)
            key = f"{package}/{name}"
            if key in done:
                continue
            done[key] = self._read(package, name)
            waiting += _parts(done[key], package)
        first, *others = done.items()
        self._known[kind] = first[1] + "".join(f"\n{_LINE}\nMSG: {key}\n{definition}" for key, definition in others)
        return self._known[kind]

    def _read(self, package: str, name: str) -> str:
        for prefix in self._prefixes:
            file = prefix / "share" / package / "msg" / f"{name}.msg"
            if file.is_file():
                return file.read_text(encoding="utf-8")
        raise FineVLAError(f"message type '{package}/msg/{name}' is defined nowhere; source the workspace that has it")


def custom_data(facts: Mapping[str, Any]) -> dict[str, str]:
    """Facts as rosbag2's custom_data takes them: texts, JSON where they are none."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in facts.items()
    }


def _name(kind: str) -> tuple[str, str]:
    match = _TYPE.fullmatch(kind)
    if match is None:
        raise FineVLAError(f"'{kind[:80]}' is no message type; it must look like sensor_msgs/msg/Image")
    return match[1], match[2]


def _parts(definition: str, package: str) -> Sequence[tuple[str, str]]:
    found = []
    for match in _FIELD.finditer(re.sub(r"#.*", "", definition)):
        kind = match[1]
        if kind in _PRIMITIVES:
            continue
        found.append(_name(kind) if "/" in kind else (package, kind))
    return found


def _nanoseconds(told: Any) -> int:
    if not isinstance(told, Mapping):
        return FOREVER_NS
    return min(int(told.get("sec", 0)) * NS_PER_S + int(told.get("nsec", 0)), FOREVER_NS)


def _duration(ns: int) -> dict[str, int]:
    return {"sec": ns // NS_PER_S, "nsec": ns % NS_PER_S}
