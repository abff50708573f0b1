"""Recordings as recorders leave them: MCAP or SQLite, packed or not, with a metadata.yaml or without; one reader for all.

What was written and is not there is counted, never passed over.
"""

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.recording import sqlite_reader
from finevla_core.recording.bag_metadata import METADATA, Qos
from finevla_core.recording.mcap_scan import MAX_CHUNK, Channel, Found, RecordedMessage, Report, Scan
from finevla_core.recording.message_order import in_order
from finevla_core.recording.sqlite_reader import SqliteScan
from finevla_core.text_files import read_yaml

MAX_YAML = 8 << 20  # bytes; metadata of a recording has kilobytes
PACKED = ".zstd"
STORAGE = (".mcap", ".db3")
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class StoredBag:
    """Which files are a recording, in order; what its metadata.yaml says (empty if there is none); what is odd about it."""

    files: tuple[Path, ...]
    told: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def custom(self) -> dict[str, str]:
        """The texts that the recorder was given."""
        found = self.told.get("custom_data")
        return {str(k): v for k, v in found.items() if isinstance(v, str)} if isinstance(found, Mapping) else {}

    @property
    def counts(self) -> dict[str, int]:
        """How many messages of each topic metadata.yaml says were written."""
        found: dict[str, int] = {}
        entries = self.told.get("topics_with_message_count")
        for entry in entries if isinstance(entries, list) else ():
            try:
                name, count = str(entry["topic_metadata"]["name"]), int(entry["message_count"])
            except (TypeError, KeyError, ValueError):
                continue
            found[name] = found.get(name, 0) + count
        return found


def is_storage(path: Path) -> bool:
    """Whether a file is named as a recording's."""
    return Path(path.name.removesuffix(PACKED)).suffix in STORAGE and not path.name.startswith(".") and path.is_file()


def is_recording(folder: Path) -> bool:
    """Whether a folder is one recording: it has a metadata.yaml, or its storage files are of one series."""
    return (folder / METADATA).exists() or len(
        {_series(path.name) for path in folder.iterdir() if is_storage(path)}
    ) == 1


def stored(bag: Path) -> StoredBag:
    """The files of a recording (its folder, or one file of it); raises `FineVLAError` where they are not all there."""
    if bag.is_file():
        told, _ = _told(bag.parent / METADATA, is_optional=True)
        names = _names(told)
        return StoredBag((bag,), told if names == [bag.name] else {})
    if not bag.is_dir():
        raise FineVLAError(f"'{bag}' is not there; give the folder of a recording, or an MCAP or SQLite (.db3) file")
    there = sorted((path for path in bag.iterdir() if is_storage(path)), key=numbered)
    there = [path for path in there if not (path.suffix == PACKED and path.with_suffix("") in there)]
    told, notes = _told(bag / METADATA, bool(there))
    if not there:
        raise FineVLAError(f"'{bag}' is no recording: no MCAP or SQLite (.db3) file is in it")
    names = _names(told)
    if not names and len(several := {_series(path.name): path.name for path in there}) > 1:
        one, other = list(several.values())[:2]
        raise FineVLAError(
            f"'{bag}' holds several recordings ({one}, {other} ...) and no {METADATA} that says which belong together: give "
            "one file, or a folder each"
        )
    if not names:
        return StoredBag(tuple(there), told, notes)
    return _named(bag, there, names, told, notes)


def numbered(path: Path) -> list[Any]:
    """Key for files in the order of their numbers, the tenth after the ninth."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def _names(told: Mapping[str, Any]) -> list[str]:
    """Return the storage files' names from metadata.yaml, without the folder that recorders before Foxy wrote."""
    return [re.split(r"[/\\]", str(name))[-1] for name in told.get("relative_file_paths") or ()]


def _named(
    bag: Path, there: Sequence[Path], names: Sequence[str], told: Mapping[str, Any], notes: tuple[str, ...]
) -> StoredBag:
    """Files by the names in metadata.yaml, and those of the same series that it does not know yet."""
    by_name = {
        name: path for path in there for name in (path.name, f"{path.name}{PACKED}", path.name.removesuffix(PACKED))
    }
    files = list(dict.fromkeys(by_name[name] for name in names if name in by_name))
    missing = [name for name in names if name not in by_name]
    others = [path for path in there if path not in files]
    if missing and not files and len(others) == len(missing):
        return StoredBag(tuple(there), told, (*notes, f"its files are not named as {METADATA} says; they were renamed"))
    if missing:
        raise FineVLAError(
            f"'{bag}': {METADATA} names {missing[0]}, which is not there{_holds(told, missing[0])}; put it back, or "
            f"move {METADATA} away to read only what is there"
        )
    series = {_series(path.name) for path in files}
    if strange := [path.name for path in others if _series(path.name) not in series]:
        raise FineVLAError(
            f"'{bag}': {METADATA} does not name {strange[0]}, which lies beside its files; move it away, or move "
            f"{METADATA} away to read them all"
        )
    if others:
        notes = (*notes, f"{METADATA} does not name {', '.join(p.name for p in others)}; read as well")
    return StoredBag((*files, *others), told, notes)


def _series(name: str) -> str:
    return re.sub(r"_\d+$", "", Path(name.removesuffix(PACKED)).stem)


def _holds(told: Mapping[str, Any], name: str) -> str:
    for entry in told.get("files") or ():
        if isinstance(entry, Mapping) and str(entry.get("path", "")).endswith(name):
            return f" ({entry.get('message_count')} messages)"
    return ""


def _told(file: Path, is_optional: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """rosbag2_bagfile_information; where it cannot be read but the messages can, that is noted."""
    if not file.is_file():
        return {}, ()
    try:
        return information(file), ()
    except FineVLAError as error:
        if not is_optional:
            raise
        return {}, (f"{error}; the messages were read without it",)


def information(file: Path) -> dict[str, Any]:
    """Return what a metadata.yaml says (rosbag2_bagfile_information); raises `FineVLAError` naming the file."""
    told = read_yaml(file, MAX_YAML)
    told = told.get("rosbag2_bagfile_information") if isinstance(told, dict) else None
    if not isinstance(told, dict):
        raise DamagedFileError(f"'{file}' cannot be read: rosbag2_bagfile_information is no table in it")
    names = told.get("relative_file_paths")
    if names is not None and not isinstance(names, list):
        raise DamagedFileError(f"'{file}' cannot be read: relative_file_paths is no list")
    return told


class EmptyScan:
    """Stands for a file of 0 bytes among others."""

    def __init__(self, path: Path) -> None:
        self.path, self.report = path, Report(complaints=["it is empty (0 bytes); nothing was written to it"])

    def __iter__(self) -> Iterator[Found]:
        return iter(())

    def channels(self) -> list[Channel]:
        """Return none: an empty file has no channels."""
        return []

    def count(self) -> int | None:
        """There is none, as far as is known."""
        return None


class BagReader:
    """An open recording: `channels` and `messages` may be asked for again and again.

    `problems` are sentences on what was broken, and `set_back_s` is by how much the recorder's clock was set back, complete
    once all messages were read. Raises `FineVLAError` where a file is no recording's.
    """

    def __init__(self, bag: Path) -> None:
        self.bag, self.stored = bag, stored(bag)
        self.problems: list[str] = list(self.stored.notes)
        self.set_back_s = 0.0
        self._unpacked: tempfile.TemporaryDirectory[str] | None = None
        self._counts: Counter[str] = Counter()
        packing = self._packing = str(self.stored.told.get("compression_mode") or "none").lower()
        self._format = str(self.stored.told.get("compression_format") or "")
        if packing not in ("none", "file", "message"):
            raise FineVLAError(f"'{bag}': compression_mode '{packing[:40]}' is not known; FILE and MESSAGE are")
        if packing != "none" and self._format != "zstd":
            raise FineVLAError(f"'{bag}' is packed with '{self._format[:40]}'; only zstd can be read, unpack it first")

    @property
    def is_packed(self) -> bool:
        """Whether metadata.yaml says that each message is packed by itself."""
        return self._packing == "message"

    def scans(self) -> Iterator[Scan | SqliteScan | EmptyScan]:
        """One per file, to be iterated over; packed files are unpacked aside.

        A file into which nothing was written, as a crash leaves the newest of several, is one that was not finished.
        """
        is_alone = len(self.stored.files) == 1
        for file in self.stored.files:
            yield scan(self._plain(file)) if is_alone or file.stat().st_size else EmptyScan(file)

    def channels(self) -> list[Channel]:
        """Every topic, those without a message too."""
        return [channel for scan in self.scans() for channel in scan.channels()]

    def messages(self, wanted: Callable[[Channel], bool] | None = None) -> Iterator[RecordedMessage]:
        """Messages in the order in which they were recorded, unpacked."""
        self.problems, self._counts, self.set_back_s = list(self.stored.notes), Counter(), 0.0
        for scan in self.scans():
            for found in in_order(scan) if isinstance(scan, Scan) else scan:
                if isinstance(found, RecordedMessage):
                    self._counts[found.channel.topic] += 1
                    if wanted is None or wanted(found.channel):
                        yield unpacked(found, self.is_packed)
            self.set_back_s = max(self.set_back_s, scan.report.set_back_s)
            self.problems += [f"{scan.path.name}: {complaint}" for complaint in scan.report.complaints]
            if not scan.report.is_finished and not scan.report.complaints:
                self.problems.append(f"{scan.path.name}: it was not finished")

    def lost(self) -> dict[str, tuple[int, int]]:
        """Of topics of which metadata.yaml knows more than was read: how many lack, and how many were written."""
        told = self.stored.counts
        return {topic: (n - self._counts[topic], n) for topic, n in told.items() if n > self._counts[topic]}

    def _plain(self, file: Path) -> Path:
        if file.suffix != PACKED and not _begins(file, ZSTD_MAGIC):
            return file
        if self._unpacked is None:
            self._unpacked = tempfile.TemporaryDirectory(prefix="finevla_bag_")
        plain = Path(self._unpacked.name) / file.name.removesuffix(PACKED)
        if not plain.exists():
            _unpack(file, plain)
        return plain


def scan(file: Path) -> Scan | SqliteScan:
    """The reader for a file, by how it begins."""
    return SqliteScan(file) if _begins(file, sqlite_reader.MAGIC) else Scan(file)


def offered(channel: Channel) -> tuple[Qos, ...]:
    """The qualities of service that a topic's publishers offered; none where that is not said."""
    try:
        told = yaml.safe_load(channel.metadata.get("offered_qos_profiles", "")[:MAX_YAML])
        return tuple(Qos.from_rosbag2(entry) for entry in told or ())
    except (yaml.YAMLError, TypeError, ValueError, AttributeError, RecursionError):
        return ()


def unpacked(message: RecordedMessage, is_packed: bool = False) -> RecordedMessage:
    """A message that the recorder packed by itself, as it was before; raises `FineVLAError` if it is broken.

    Messages serialized as CDR begin with a zero, so that none is mistaken for a packed one where nothing says so.
    """
    if message.data[:4] != ZSTD_MAGIC or not (is_packed or message.channel.encoding == "cdr"):
        return message
    zstd = _zstd()
    try:
        unpacker = zstd.ZstdDecompressor()
        data = unpacker.decompress(message.data, MAX_CHUNK)
        if not unpacker.eof:
            raise ValueError("it was cut, or is too large")
    except (zstd.ZstdError, ValueError, EOFError) as error:
        raise FineVLAError(f"a packed message of {message.channel.topic} cannot be unpacked: {error}") from error
    return replace(message, data=memoryview(data))


def _begins(file: Path, magic: bytes) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(magic)) == magic
    except OSError as error:
        raise FineVLAError(f"'{file}' cannot be read: {error.strerror}") from error


def _unpack(file: Path, plain: Path) -> None:
    zstd = _zstd()
    try:
        with zstd.open(file, "rb") as packed, plain.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
    except (zstd.ZstdError, EOFError) as error:
        if not plain.stat().st_size:
            raise FineVLAError(f"'{file}' cannot be unpacked: {error}") from error
        # What was unpacked ends early, as a file that was cut does, and is told of like one.
    except OSError as error:
        plain.unlink(missing_ok=True)
        raise FineVLAError(f"'{file}' cannot be unpacked to '{plain.parent}': {error.strerror}") from error


def _zstd() -> Any:
    try:
        from backports import zstd
    except ImportError as error:
        raise FineVLAError("the recording is packed with zstd; run 'make data-setup' first") from error
    return zstd
