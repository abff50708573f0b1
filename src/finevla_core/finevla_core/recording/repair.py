"""Makes a whole recording of what a crash has left; reads from the first byte on, and never touches what it reads."""

import json
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from finevla_core.errors import FineVLAError
from finevla_core.recording.episode import RECOVERED, REPAIRED, load
from finevla_core.recording.metadata import EPISODE, METADATA, Bag, Qos, Topic, custom_data, write_whole
from finevla_core.recording.scan import Channel, Message, Metadata, Report, Scan

MAX_YAML = 8 << 20  # bytes; metadata of a recording has kilobytes


@dataclass
class Repaired:
    """What came of it: `counts` by topic, `missing` those whose numbers show that more were written than are there."""

    folder: Path
    counts: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    duration_s: float = 0.0
    was_whole: bool = True
    sentences: list[str] = field(default_factory=list)

    @property
    def messages(self) -> int:
        """All of them."""
        return sum(self.counts.values())


def repair(bag: Path, out: Path | None = None) -> Repaired:
    """Copy every whole message of `bag` (a folder or an MCAP file) to a new recording, by default beside it.

    Raises `FineVLAError` if there is nothing to recover, or `out` is there already.
    """
    bag = Path(str(bag))
    files = mcap_files(bag)
    home = bag if bag.is_dir() else bag.parent
    out = out or bag.parent / f"{bag.stem if bag.is_file() else bag.name}{REPAIRED}"
    if out.exists() or out.is_symlink():
        raise FineVLAError(f"'{out}' exists already; remove it or give --out another name")
    staged = out.parent / f".{out.name}.repairing"
    if staged.exists():
        shutil.rmtree(staged)  # of a repair that was broken off: nothing but copies
    try:
        done = _repaired(files, Bag(staged, out.name), home, out)
        staged.rename(out)
    except OSError as error:
        raise FineVLAError(f"'{out}' cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return done


def mcap_files(bag: Path) -> list[Path]:
    """The MCAP files of a recording, in order; raises `FineVLAError` if there is none."""
    if bag.is_file():
        return [bag]
    if not bag.is_dir():
        raise FineVLAError(f"'{bag}' is not there; give the folder of a recording, or an MCAP file")
    files = [file for file in bag.glob("*.mcap") if file.is_file()]
    if not files:
        raise FineVLAError(f"'{bag}' has no MCAP file; only recordings in MCAP can be repaired")
    return sorted(files, key=lambda file: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", file.stem)])


def _repaired(files: list[Path], bag: Bag, home: Path, out: Path) -> Repaired:
    done = Repaired(out)
    copy = _Copy(bag)
    try:
        for file in files:
            scan = Scan(file)
            copy.take(scan)
            done.was_whole &= scan.report.is_finished and not scan.report.complaints
            done.sentences += _sentences(file, scan.report)
        if not bag.topics:
            raise FineVLAError(f"'{files[0]}' has no topic in it; there is nothing to recover")
        bag.writer.flush()
        writer = bag.writer
        done.counts = {topic.name: writer.counts[c] for c, topic in bag.topics.items()}
        done.missing = {bag.topics[c].name: n for c, n in copy.missing.items() if n}
        done.duration_s = (writer.last_ns - writer.first_ns) * 1e-9
        episode = load(home)
        bag.finish(_custom(home, copy.custom) | custom_data({"recovered": done.sentences}))
    finally:
        bag.writer.close()
    if episode:
        write_whole(bag.folder / EPISODE, json.dumps(_episode(episode, done), ensure_ascii=False, indent=1) + "\n")
    return done


class _Copy:
    """Copies messages of one or more files; topics of the same name and type become one."""

    def __init__(self, bag: Bag) -> None:
        self.bag = bag
        self.custom: dict[str, str] = {}
        self.missing: dict[int, int] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._newest: dict[int, int] = {}

    def take(self, scan: Scan) -> None:
        """Everything in one file."""
        for found in scan:
            if isinstance(found, Message):
                number = self._channel(found.channel)
                self._count(number, found.sequence)
                self.bag.writer.write(number, found.log_ns, found.publish_ns, found.data, found.sequence)
            elif isinstance(found, Channel):
                self._channel(found)
            elif isinstance(found, Metadata):
                self._metadata(found)

    def _channel(self, channel: Channel) -> int:
        kind = channel.schema.name if channel.schema else ""
        key = (channel.topic, kind)
        if key not in self._numbers:
            topic = Topic(channel.topic, kind, channel.metadata.get("topic_type_hash", ""), _qos(channel))
            definition, language = (channel.schema.definition, channel.schema.encoding) if channel.schema else (b"", "")
            self._numbers[key] = self.bag.add(topic, definition, language)
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


def _qos(channel: Channel) -> tuple[Qos, ...]:
    try:
        told = yaml.safe_load(channel.metadata.get("offered_qos_profiles", "")[:MAX_YAML])
        return tuple(Qos.from_rosbag2(entry) for entry in told or ())
    except (yaml.YAMLError, TypeError, ValueError, AttributeError, RecursionError):
        return ()


def _custom(home: Path, found: Mapping[str, str]) -> dict[str, str]:
    """What was known about the recording: its own metadata.yaml if it got that far, else what stands in the file."""
    told: Any = None
    try:
        file = home / METADATA
        if file.is_file() and file.stat().st_size < MAX_YAML:
            told = yaml.safe_load(file.read_text(encoding="utf-8"))["rosbag2_bagfile_information"].get("custom_data")
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError, AttributeError, RecursionError):
        told = None
    known = {str(k): str(v) for k, v in told.items()} if isinstance(told, Mapping) else {}
    return {k: v for k, v in found.items() if k not in ("schema", "state")} | known


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
