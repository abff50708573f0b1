"""Makes a whole recording of what a crash has left; reads from the first byte on, and never touches what it reads."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.recording.atomic_files import publish, write_text
from finevla_core.recording.bag_metadata import EPISODE, Bag, Definitions, Topic, custom_data
from finevla_core.recording.bag_reader import PACKED, BagReader, EmptyScan, offered, unpacked
from finevla_core.recording.episode import RECOVERED, REPAIRED, load
from finevla_core.recording.mcap_scan import Attachment, Channel, Metadata, RecordedMessage, Report, Scan, Schema
from finevla_core.recording.sqlite_reader import SqliteScan

MAX_YAML = 8 << 20  # bytes; metadata of a recording has kilobytes


@dataclass
class Repaired:
    """Result of a repair: messages copied by topic; `missing` by topic are those known to be written but not found."""

    folder: Path
    counts: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    duration_s: float = 0.0
    was_whole: bool = True
    sentences: list[str] = field(default_factory=list)

    @property
    def messages(self) -> int:
        """Number of messages copied, over all topics."""
        return sum(self.counts.values())


def repair(bag: Path, out: Path | None = None) -> Repaired:
    """Copy every whole message of `bag` (a folder, or an MCAP or SQLite file) to a new recording, by default beside it.

    Raises `FineVLAError` if there is nothing to recover, or `out` is there already.
    """
    bag = Path(str(bag))
    reader = BagReader(bag)
    home = bag if bag.is_dir() else bag.parent
    name = bag.name if bag.is_dir() else Path(bag.name.removesuffix(PACKED)).stem
    out = out or bag.parent / f"{name}{REPAIRED}"
    if out.exists() or out.is_symlink():
        raise FineVLAError(f"'{out}' exists already; remove it or give --out another name")
    staged = out.parent / f".{out.name}.repairing"
    if staged.exists():
        shutil.rmtree(staged)  # of a repair that was broken off: nothing but copies
    try:
        done = _repaired(reader, Bag(staged, out.name), home, out)
        publish(staged, out)
    except OSError as error:
        raise FineVLAError(f"'{out}' cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return done


def _repaired(reader: BagReader, bag: Bag, home: Path, out: Path) -> Repaired:
    done = Repaired(out, sentences=list(reader.stored.notes))
    copy = _Copy(bag, reader.is_packed)
    try:
        for scan in reader.scans():
            copy.take(scan)
            done.was_whole &= scan.report.is_finished and not scan.report.complaints
            done.sentences += _sentences(scan.path, scan.report)
        if not bag.topics:
            raise FineVLAError(f"'{reader.stored.files[0]}' has no topic in it; there is nothing to recover")
        bag.writer.flush()
        writer = bag.writer
        for c, topic in bag.topics.items():
            done.counts[topic.name] = done.counts.get(topic.name, 0) + writer.counts[c]
        done.missing = {bag.topics[c].name: n for c, n in copy.missing.items() if n}
        for name, written in reader.stored.counts.items():
            done.missing[name] = max(done.missing.get(name, 0), written - done.counts.get(name, 0))
        done.missing = {name: n for name, n in done.missing.items() if n > 0}
        done.was_whole &= not done.missing and not copy.broken
        done.sentences += copy.sentences()
        done.duration_s = (writer.last_ns - writer.first_ns) * 1e-9
        episode = load(home)
        bag.finish(_without_state(copy.custom) | reader.stored.custom | custom_data({"recovered": done.sentences}))
    finally:
        bag.writer.close()
    if episode:
        text = json.dumps(_episode(episode, done), ensure_ascii=False, indent=1) + "\n"
        write_text(bag.folder / EPISODE, text, sync=True)
    return done


class _Copy:
    """Copies messages of one or more files; topics of the same name, type and encoding become one."""

    def __init__(self, bag: Bag, is_packed: bool) -> None:
        self.bag, self._is_packed = bag, is_packed
        self.custom: dict[str, str] = {}
        self.missing: dict[int, int] = {}
        self.broken: Counter[str] = Counter()
        self._unpacked = 0
        self._numbers: dict[tuple[str, str, str, str, bytes], int] = {}
        self._newest: dict[int, int] = {}

    def take(self, scan: Scan | SqliteScan | EmptyScan) -> None:
        """Copy all records of one file to the new recording."""
        for found in scan:
            if isinstance(found, RecordedMessage):
                self._message(found)
            elif isinstance(found, Channel):
                self._channel(found)
            elif isinstance(found, Attachment):
                a = found
                self.bag.writer.add_attachment(a.name, a.media_type, a.log_ns, a.created_ns, a.data)
            elif isinstance(found, Metadata):
                self._metadata(found)

    def sentences(self) -> list[str]:
        """What happened to messages that were packed one by one."""
        said = [f"{topic}: {counted(n, 'packed message', 'are')} broken; left out" for topic, n in self.broken.items()]
        if self._unpacked:
            said.append(
                f"{counted(self._unpacked, 'message', 'were')} packed one by one (zstd); the copy has all unpacked"
            )
        return said

    def _message(self, found: RecordedMessage) -> None:
        number = self._channel(found.channel)
        self._count(number, found.sequence)
        try:
            plain = unpacked(found, self._is_packed)
        except FineVLAError:
            self.broken[found.channel.topic] += 1
            return
        self._unpacked += plain is not found
        self.bag.writer.write(number, found.log_ns, found.publish_ns, plain.data, found.sequence)

    def _channel(self, channel: Channel) -> int:
        schema = channel.schema or Schema(0, "", "", b"")
        definition = schema.definition or _definition(schema.name, channel.encoding)
        key = (channel.topic, schema.name, channel.encoding, schema.encoding, definition)
        if key not in self._numbers:
            digest = channel.metadata.get("topic_type_hash", "")
            topic = Topic(channel.topic, schema.name, digest, offered(channel), channel.encoding, channel.metadata)
            self._numbers[key] = self.bag.add(topic, definition, schema.encoding)
        return self._numbers[key]

    def _count(self, number: int, sequence: int) -> None:
        """Our recorder numbers the messages of a topic without a gap; others write 0, or the publisher's numbers."""
        newest = self._newest.get(number, -1)
        if self.custom.get("schema") == "finevla.episode/1" and sequence > newest + 1:
            self.missing[number] = self.missing.get(number, 0) + sequence - newest - 1
        self._newest[number] = sequence

    def _metadata(self, found: Metadata) -> None:
        if found.name == "finevla_episode":
            self.custom |= found.values
        elif found.name != "rosbag2":  # which is written anew
            self.bag.writer.add_metadata(found.name, found.values)


def _definition(kind: str, encoding: str) -> bytes:
    """Return the installed definition of a type that its recorder did not store (SQLite's until Iron); b"" if none."""
    if encoding == "cdr" and kind:
        with suppress(FineVLAError, OSError, UnicodeDecodeError):
            return _DEFINITIONS.of(kind).encode()
    return b""


_DEFINITIONS = Definitions()


def _without_state(found: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in found.items() if k not in ("schema", "state")}


def _episode(told: dict[str, Any], done: Repaired) -> dict[str, Any]:
    topics = told.get("topics") if isinstance(told.get("topics"), dict) else {}
    return told | {
        "state": RECOVERED,
        "name": done.folder.name,
        "duration_s": round(done.duration_s, 3),
        "messages": done.messages,
        "topics": {name: (topics or {}).get(name, {}) | {"messages": count} for name, count in done.counts.items()},
        "recovered": {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "notes": done.sentences},
    }


def _sentences(file: Path, report: Report) -> list[str]:
    said = [f"{file.name}: {complaint}" for complaint in report.complaints]
    if report.end < report.size:
        said.append(f"{file.name}: {report.size - report.end} of {report.size} bytes, at the end, are no whole record")
    return said
