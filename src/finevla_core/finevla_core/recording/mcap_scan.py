"""Reads MCAP from the first byte on, without its index: whatever is whole is found, however the file ends.

Nothing here holds more than one chunk, and no length that a broken file claims is believed before it was read.
"""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.pointer_files import why_no_content
from finevla_core.recording import mcap_writer

_RECORD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
_FOOTER = struct.Struct("<BQQQI")
_COUNTS = struct.Struct("<QHI")  # of statistics: messages, schemas, channels
_CHANNEL_COUNT = struct.Struct("<HQ")
_STATISTICS_HEAD = 42  # bytes of statistics before the messages of each channel: numbers of records, and two times
_READ = 1 << 20
_READ_RECORDS = (
    mcap_writer.SCHEMA,
    mcap_writer.CHANNEL,
    mcap_writer.MESSAGE,
    mcap_writer.METADATA,
    mcap_writer.ATTACHMENT,
)
MAX_CHUNK = 1 << 28  # what a chunk may unpack to, and a record hold; writers make chunks of megabytes


@dataclass(frozen=True)
class Schema:
    """A message type: `encoding` is "ros2msg", "ros2idl" ..."""

    number: int
    name: str
    encoding: str
    definition: bytes


@dataclass(frozen=True)
class Channel:
    """A topic; its schema came before it."""

    number: int
    schema: Schema | None
    topic: str
    encoding: str
    metadata: dict[str, str]


@dataclass(frozen=True)
class RecordedMessage:
    """One message; `data` is as it was recorded."""

    channel: Channel
    sequence: int
    log_ns: int
    publish_ns: int
    data: memoryview


@dataclass(frozen=True)
class Metadata:
    """MCAP metadata record: a name and a map of strings."""

    name: str
    values: dict[str, str]


@dataclass(frozen=True)
class Attachment:
    """A file that was put beside the messages; `log_ns` is when, `created_ns` when it was made."""

    name: str
    media_type: str
    log_ns: int
    created_ns: int
    data: memoryview


Found = Channel | RecordedMessage | Metadata | Attachment


@dataclass
class Report:
    """How far a file was whole. `end` is the first byte behind what was read, `size` the file's.

    `written` is how many messages the file's own index says were written, None where it does not say; `set_back_s` by how
    much the recorder's clock was set back while it was written.
    """

    size: int = 0
    end: int = 0
    is_finished: bool = False  # the index and the last magic are there
    messages: int = 0
    written: int | None = None
    topics: int | None = None  # how many its index counts
    complaints: list[str] = field(default_factory=list)
    set_back_s: float = 0.0


class _Cut(Exception):
    """The data ends, or goes bad, before the record does."""


class Scan:
    """Iterate once over `Found`; `report` fills up meanwhile. Raises `FineVLAError` for what is no MCAP file at all.

    `units` counts the chunks, and the messages outside of chunks, that were begun.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.report, self.units = path, Report(), 0
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, Channel] = {}
        self._counts: Counter[int] = Counter()
        self._behind = 0  # where the end of the file should be, by its footer

    def __iter__(self) -> Iterator[Found]:
        try:
            with self.path.open("rb") as file:
                self.report.size = file.seek(0, 2)
                file.seek(0)
                if file.read(len(mcap_writer.MAGIC)) != mcap_writer.MAGIC:
                    why = why_no_content(self.path).removeprefix("is ")
                    why = f"it is {why}" if why else "it does not begin like one, nor like SQLite's"
                    raise FineVLAError(f"'{self.path}' is no MCAP file: {why}")
                self.report.end = len(mcap_writer.MAGIC)
                yield from self._file(file)
        except OSError as error:
            raise FineVLAError(f"'{self.path}' cannot be read: {error.strerror}") from error

    def channels(self) -> list[Channel]:
        """All topics, by the index alone where it has them; does not count as the iteration."""
        found, report = self._index()
        if report.is_finished and report.topics is not None and len(found) >= report.topics > 0:
            return found
        return [entry for entry in Scan(self.path) if isinstance(entry, Channel)]

    def count(self) -> int | None:
        """How many messages the index says there are; None where there is no index, or it does not say."""
        return self._index()[1].written

    def _index(self) -> tuple[list[Channel], Report]:
        index = Scan(self.path)
        tail = _FOOTER.size + len(mcap_writer.MAGIC)
        try:
            with self.path.open("rb") as file:
                size = index.report.size = file.seek(0, 2)
                file.seek(max(0, size - tail))
                opcode, _, start = _FOOTER.unpack(file.read(_FOOTER.size).ljust(_FOOTER.size, b"\0"))[:3]
                if opcode != mcap_writer.FOOTER or not 0 < start < size or file.read() != mcap_writer.MAGIC:
                    return [], index.report
                file.seek(start)
                found = [entry for entry in index._summary(file) if isinstance(entry, Channel)]
        except OSError as error:
            raise FineVLAError(f"'{self.path}' cannot be read: {error.strerror}") from error
        index.report.is_finished = True
        return found, index.report

    def _file(self, file: BinaryIO) -> Iterator[Found]:
        while True:
            head = file.read(_RECORD.size)
            if len(head) < _RECORD.size:
                self._complain("the file ends before its index" if not head else "a record is cut off")
                return
            opcode, length = _RECORD.unpack(head)
            left = self.report.size - file.tell()
            if opcode in (mcap_writer.DATA_END, mcap_writer.FOOTER):
                self._note_footer(opcode, file.tell() + length)
                file.seek(length, 1)
                yield from self._summary(file)
                self._end(file)
                return
            if not opcode:
                self._complain("what follows is no MCAP record")
                return
            self.units += opcode in (mcap_writer.CHUNK, mcap_writer.MESSAGE)
            if opcode == mcap_writer.CHUNK:
                yield from self._chunk(file, min(length, left, MAX_CHUNK), is_cut=length > min(left, MAX_CHUNK))
            elif length > left:
                self._complain("a record is cut off")
                return
            elif opcode in _READ_RECORDS and length > MAX_CHUNK:
                self._complain(f"a record of {length >> 20} MB is too large; left out")
                file.seek(length, 1)
            elif opcode in _READ_RECORDS:
                yield from self._record(opcode, memoryview(file.read(length)))
            else:
                file.seek(length, 1)
            if opcode == mcap_writer.CHUNK and length > min(left, MAX_CHUNK):
                return
            self.report.end = file.tell()

    def _summary(self, file: BinaryIO) -> Iterator[Found]:
        """Behind the messages stand all topics, those without a message too, and how many messages there are."""
        written: dict[int, int] = {}
        while len(head := file.read(_RECORD.size)) == _RECORD.size:
            opcode, length = _RECORD.unpack(head)
            self._note_footer(opcode, file.tell() + length)
            if not opcode or opcode == mcap_writer.FOOTER or length > min(self.report.size - file.tell(), MAX_CHUNK):
                break
            content = memoryview(file.read(length))
            is_known = opcode == mcap_writer.CHANNEL and int.from_bytes(content[:2], "little") in self._channels
            if opcode in (mcap_writer.SCHEMA, mcap_writer.CHANNEL) and not is_known:
                yield from self._record(opcode, content)
            elif opcode == mcap_writer.STATISTICS and length >= _COUNTS.size:
                self.report.written, _, self.report.topics = _COUNTS.unpack_from(content)
                written = _counts_of_channels(content[_STATISTICS_HEAD:])
        missing = (self.report.written or 0) - self.report.messages
        if missing > 0:
            self._complain(
                f"{missing} of {counted(self.report.written or 0, 'message')} that its index counts are not there"
            )
            return
        for number, count in written.items():
            if (lacking := count - self._counts[number]) > 0 and number in self._channels:
                topic = self._channels[number].topic
                self._complain(
                    f"{lacking} of {counted(count, 'message')} of {topic} that its index counts are not there"
                )

    def _note_footer(self, opcode: int, end: int) -> None:
        if opcode == mcap_writer.FOOTER:
            self._behind = end + len(mcap_writer.MAGIC)

    def _end(self, file: BinaryIO) -> None:
        end = self._behind or self.report.size
        file.seek(max(0, end - len(mcap_writer.MAGIC)))
        if file.read(len(mcap_writer.MAGIC)) != mcap_writer.MAGIC:
            self._complain("the index is cut off")
            return
        self.report.end, self.report.is_finished = end, end == self.report.size
        if not self.report.is_finished:
            is_another = file.read(len(mcap_writer.MAGIC)) == mcap_writer.MAGIC
            what = (
                "another MCAP file, which was appended to it; make two files of it" if is_another else "no part of it"
            )
            self._complain(f"{counted(self.report.size - end, 'byte')} behind its end are {what}")

    def _chunk(self, file: BinaryIO, length: int, is_cut: bool) -> Iterator[Found]:
        if length < mcap_writer.CHUNK_HEAD:
            self._complain("a chunk is cut off")
            return
        head = file.read(32)
        _first, _last, size, crc, named = struct.unpack("<QQQII", head)
        if named > min(16, length - 40):
            self._complain("a chunk names no compression that is known")
            file.seek(length - len(head), 1)
            return
        compression = file.read(named).decode(errors="replace")
        (_packed,) = struct.unpack("<Q", file.read(8))
        body = file.read(length - 40 - named)
        try:
            data, is_whole = _unpacked(compression, body, size)
        except FineVLAError as error:
            self._complain(str(error))
            return
        if is_cut or not is_whole:
            self._complain("a chunk is cut off")
        elif crc and zlib.crc32(data) != crc:
            self._complain(f"a chunk of {len(data)} bytes is not what was written (its checksum differs); left out")
            return
        yield from self._records(memoryview(data))

    def _records(self, data: memoryview) -> Iterator[Found]:
        at = 0
        while at + _RECORD.size <= len(data):
            opcode, length = _RECORD.unpack_from(data, at)
            at += _RECORD.size
            if length > len(data) - at:
                self._complain("a chunk ends within a record")
                return
            if opcode in (mcap_writer.SCHEMA, mcap_writer.CHANNEL, mcap_writer.MESSAGE):
                yield from self._record(opcode, data[at : at + length])
            at += length

    def _record(self, opcode: int, data: memoryview) -> Iterator[Found]:
        try:
            if opcode == mcap_writer.SCHEMA:
                schema = _schema(data)
                self._schemas[schema.number] = schema
            elif opcode == mcap_writer.CHANNEL:
                channel = self._channel(data)
                known = self._channels.get(channel.number)
                if known is not None and _told(known) != _told(channel):
                    self._complain(f"topic {channel.topic[:80]} has the number that {known.topic[:80]} had before")
                if known is None or _told(known) != _told(channel):
                    self._channels[channel.number] = channel
                    yield channel
            elif opcode == mcap_writer.METADATA:
                name, at = _text(data, 0)
                yield Metadata(name, _map(data, at)[0])
            elif opcode == mcap_writer.ATTACHMENT:
                yield _attachment(data)
            else:
                yield self._message(data)
        except (_Cut, struct.error, UnicodeDecodeError) as error:
            self._complain(str(error) if isinstance(error, _Cut) else "a record is malformed; left out")

    def _channel(self, data: memoryview) -> Channel:
        number, schema = struct.unpack_from("<HH", data)
        topic, at = _text(data, 4)
        encoding, at = _text(data, at)
        if schema and schema not in self._schemas:
            raise _Cut(f"topic '{topic[:80]}' has no message type; left out")
        return Channel(number, self._schemas.get(schema), topic, encoding, _map(data, at)[0])

    def _message(self, data: memoryview) -> RecordedMessage:
        number, sequence, log_ns, publish_ns = _MESSAGE.unpack_from(data)
        channel = self._channels.get(number)
        if channel is None:
            raise _Cut("a message belongs to no topic; left out")
        self.report.messages += 1
        self._counts[number] += 1
        return RecordedMessage(channel, sequence, log_ns, publish_ns, data[_MESSAGE.size :])

    def _complain(self, sentence: str) -> None:
        if sentence not in self.report.complaints and len(self.report.complaints) < 20:
            self.report.complaints.append(sentence)


def _told(channel: Channel) -> tuple[str, str, str]:
    return channel.topic, channel.encoding, channel.schema.name if channel.schema else ""


def _schema(data: memoryview) -> Schema:
    (number,) = struct.unpack_from("<H", data)
    name, at = _text(data, 2)
    encoding, at = _text(data, at)
    return Schema(number, name, encoding, _bytes(data, at)[0])


def _attachment(data: memoryview) -> Attachment:
    log_ns, created_ns = struct.unpack_from("<QQ", data)
    name, at = _text(data, 16)
    media_type, at = _text(data, at)
    (length,) = struct.unpack_from("<Q", data, at)
    if length > len(data) - at - 8:
        raise _Cut("an attachment is malformed; left out")
    return Attachment(name, media_type, log_ns, created_ns, data[at + 8 : at + 8 + length])


def _counts_of_channels(data: memoryview) -> dict[int, int]:
    """Messages by channel, as statistics have them behind their head; none where they do not say, or are malformed."""
    if len(data) < 4 or (length := int.from_bytes(data[:4], "little")) != len(data) - 4 or length % _CHANNEL_COUNT.size:
        return {}
    return dict(_CHANNEL_COUNT.iter_unpack(data[4:]))


def _bytes(data: memoryview, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from("<I", data, at)
    end = at + 4 + length
    if end > len(data):
        raise _Cut("a record is malformed; left out")
    return bytes(data[at + 4 : end]), end


def _text(data: memoryview, at: int) -> tuple[str, int]:
    found, end = _bytes(data, at)
    return found.decode(), end


def _map(data: memoryview, at: int) -> tuple[dict[str, str], int]:
    (length,) = struct.unpack_from("<I", data, at)
    at, end = at + 4, at + 4 + length
    values: dict[str, str] = {}
    while at < end:
        key, at = _text(data, at)
        values[key], at = _text(data, at)
    return values, at


def _unpacked(compression: str, body: bytes, size: int) -> tuple[bytes, bool]:
    """What a chunk holds, as far as it is there, and whether that is all; raises `FineVLAError` where it cannot be read."""
    if not compression:
        return body[:size], len(body) >= size
    if size > MAX_CHUNK:
        raise FineVLAError(f"a chunk claims {size} bytes unpacked; left out")
    unpacker = _unpacker(compression)
    data, at = bytearray(), 0
    try:
        while len(data) < size and not unpacker.eof and (at < len(body) or not unpacker.needs_input):
            piece = body[at : at + _READ] if unpacker.needs_input else b""
            data += unpacker.decompress(piece, size - len(data))  # a few bytes may claim to be gigabytes
            at += len(piece)
    except MemoryError:
        raise
    except Exception:  # each library has an error of its own, some of them private
        return bytes(data[:size]), False
    return bytes(data[:size]), len(data) >= size


def _unpacker(compression: str) -> Any:
    try:
        if compression == "lz4":
            from lz4.frame import LZ4FrameDecompressor

            return LZ4FrameDecompressor()
        if compression == "zstd":
            from backports import zstd

            return zstd.ZstdDecompressor()
    except ImportError as error:
        raise FineVLAError(f"a chunk is packed with {compression}; run 'make data-setup' first") from error
    raise FineVLAError(f"a chunk is packed with '{compression[:16]}', which is not known; left out")
