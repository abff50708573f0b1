"""The same messages as recorders, crashes and other tools leave them: every storage, packing and order."""

import sqlite3
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from made_bags import Scene

from finevla_core.embodiment import Embodiment
from finevla_tools.convert.bag_analysis import BagOptions
from finevla_tools.convert.bag_source import BagSource
from finevla_tools.convert.episode import Encoded, EpisodeFrame, Header

DEFINITION = b"# as its recorder has it\n"


@dataclass(frozen=True)
class Packet:
    """A message as it is stored."""

    topic: str
    kind: str
    log_ns: int
    data: bytes


def packets(scene: Scene) -> list[Packet]:
    """A scene's messages in the order of reception."""
    lines = sorted(scene.lines, key=lambda line: line.received_ns)
    return [
        Packet(line.topic, line.kind, line.received_ns, bytes(scene.make.store.serialize_cdr(line.message, line.kind)))
        for line in lines
    ]


def write_mcap(
    file: Path, messages: Iterable[Packet], profile: str = "ros2", odd: bool = False, **options: Any
) -> Path:
    """By the library of the format's makers; `odd` adds channels that are no ROS ones and an attachment."""
    from mcap.writer import Writer

    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        writer = Writer(stream, **options)
        writer.start(profile, "odd")
        schemas: dict[str, int] = {}
        channels: dict[str, int] = {}
        if odd:
            add_foreign(writer, 1_700_000_000_000_000_000)
        for count, m in enumerate(messages):
            if m.kind not in schemas:
                schemas[m.kind] = writer.register_schema(m.kind, "ros2msg", DEFINITION)
            if m.topic not in channels:
                channels[m.topic] = writer.register_channel(m.topic, "cdr", schemas[m.kind])
            writer.add_message(channels[m.topic], m.log_ns, m.data, m.log_ns, count)
        writer.finish()
    return file


def add_foreign(writer: Any, at_ns: int) -> None:
    """A JSON channel, a protobuf one, one without a schema, and an attachment."""
    schema = writer.register_schema("operator.Note", "jsonschema", b'{"type": "object"}')
    channel = writer.register_channel("/notes", "json", schema, {"by": "ada"})
    writer.add_message(channel, at_ns, b'{"text": "begin"}', at_ns)
    proto = writer.register_schema("foxglove.Log", "protobuf", b"\n\x03abc")
    writer.add_message(writer.register_channel("/log", "protobuf", proto), at_ns, b"\x08\x01", at_ns)
    writer.add_message(writer.register_channel("/bytes", "x-own", 0), at_ns, b"anything", at_ns)
    writer.add_attachment(at_ns, at_ns, "calibration.yaml", "text/yaml", b"fx: 600\n")


def write_sqlite(
    file: Path, messages: Sequence[Packet], wal_from: int | None = None, schema: int = 4, has_index: bool = True
) -> Path:
    """As rosbag2's plugin; what comes from message `wal_from` on stays in the write-ahead log, as after a kill."""
    file.parent.mkdir(parents=True, exist_ok=True)
    making = file.with_name(f"making_{file.name}")
    database = sqlite3.connect(making, isolation_level=None)
    if wal_from is not None:
        database.execute("PRAGMA journal_mode=WAL")
    optional = {1: "", 2: ", offered_qos_profiles TEXT", 4: ", offered_qos_profiles TEXT, type_description_hash TEXT"}
    database.execute(
        "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, "
        f"serialization_format TEXT NOT NULL{optional[schema]})"
    )
    database.execute("CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB)")
    if has_index:
        database.execute("CREATE INDEX timestamp_idx ON messages (timestamp ASC)")
    if schema >= 4:
        database.execute("CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL)")
        database.execute("INSERT INTO schema VALUES (4, 'jazzy')")
        database.execute(
            "CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT, encoding TEXT, "
            "encoded_message_definition TEXT, type_description_hash TEXT)"
        )
    topics: dict[str, int] = {}
    for count, m in enumerate(messages):
        if count == wal_from:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if m.topic not in topics:
            topics[m.topic] = len(topics) + 1
            values = (topics[m.topic], m.topic, m.kind, "cdr", "", "")[: {1: 4, 2: 5, 4: 6}[schema]]
            database.execute(f"INSERT INTO topics VALUES ({', '.join('?' * len(values))})", values)
            if schema >= 4:
                database.execute(
                    "INSERT INTO message_definitions(topic_type, encoding, encoded_message_definition) VALUES (?, ?, ?)",
                    (m.kind, "ros2msg", DEFINITION.decode()),
                )
        database.execute(
            "INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", (topics[m.topic], m.log_ns, m.data)
        )
    # A copy while the recorder still has it open is what a kill leaves.
    for end in ("", "-wal") if wal_from is not None else ("",):
        file.with_name(file.name + end).write_bytes(making.with_name(making.name + end).read_bytes())
    database.close()
    for left in file.parent.glob(f"{making.name}*"):
        left.unlink()
    return file


def write_metadata(folder: Path, names: Sequence[str], messages: Sequence[Packet], **changed: Any) -> None:
    """A metadata.yaml as rosbag2 of Humble writes it, with `changed` entries."""
    topics: dict[str, dict[str, Any]] = {}
    for m in messages:
        about = {"name": m.topic, "type": m.kind, "serialization_format": "cdr", "offered_qos_profiles": ""}
        entry = topics.setdefault(m.topic, {"topic_metadata": about, "message_count": 0})
        entry["message_count"] += 1
    first, last = min(m.log_ns for m in messages), max(m.log_ns for m in messages)
    told = {
        "version": 5,
        "storage_identifier": "mcap" if "mcap" in names[0] else "sqlite3",
        "duration": {"nanoseconds": last - first},
        "starting_time": {"nanoseconds_since_epoch": first},
        "message_count": len(messages),
        "topics_with_message_count": list(topics.values()),
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": list(names),
        "files": [],
    }
    (folder / "metadata.yaml").write_text(yaml.safe_dump({"rosbag2_bagfile_information": told | changed}))


def without_message_indexes(file: Path) -> Path:
    """As rosbag2's option noMessageIndex writes: chunk indexes name no places of messages."""
    content, out, at = file.read_bytes(), bytearray(), 8
    out += content[:8]
    while at < len(content) - 8:
        opcode, length = struct.unpack_from("<BQ", content, at)
        whole = content[at : at + 9 + length]
        at += 9 + length
        if opcode == 0x07:
            continue
        out += whole
        if opcode == 0x0F:
            break
    return _ended(file, bytes(out))


def _ended(file: Path, data: bytes) -> Path:
    """Without a summary, as writers may leave it."""
    file.write_bytes(data + struct.pack("<BQQQI", 0x02, 20, 0, 0, 0) + b"\x89MCAP0\r\n")
    return file


def convert(path: Path, robot: Embodiment, **options: Any) -> list[tuple[Header, list[EpisodeFrame]]]:
    """The episodes of a recording, or of a folder of them."""
    source = BagSource(path, robot, BagOptions(**options))
    opened = [source.open(piece) for reference in source.references() for piece in source.pieces(reference)]
    return [(episode.header, list(episode.frames())) for episode in opened]


def told(frames: Sequence[EpisodeFrame]) -> list[tuple[bytes, bytes, tuple[bytes, ...]]]:
    """All that is in frames, to be compared."""
    return [
        (
            f.state.tobytes(),
            f.action.tobytes(),
            tuple(p.data if isinstance(p, Encoded) else p.tobytes() for p in f.pictures.values()),
        )
        for f in frames
    ]
