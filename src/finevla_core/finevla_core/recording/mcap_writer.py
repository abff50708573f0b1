"""Writes MCAP (mcap.dev, version 0) so that a kill at any moment costs only the chunk that is being collected.

Chunks are not compressed: camera images hardly shrink, and the messages of a chunk that was cut short can be read.
Messages are handed to the kernel as they came, without a copy.
"""

import os
import struct
import threading
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = range(1, 9)
ATTACHMENT, ATTACHMENT_INDEX = 0x09, 0x0A
STATISTICS, METADATA, METADATA_INDEX, SUMMARY_OFFSET, DATA_END = range(0x0B, 0x10)
PROFILE, LIBRARY = "ros2", "finevla"

Buffer = bytes | bytearray | memoryview

CHUNK_BYTES = 4 << 20  # a handful of 640x480 images; readers hold whole chunks
_BUFFERS = 1000  # of one writev; Linux takes 1024
_RECORD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<BQHIQQ")  # opcode and length, then channel, sequence, log time, publish time
_CHUNK = struct.Struct("<QQQIIQ")  # first and last time, size, CRC, length of the compression's name (none), size again
_ENTRY = struct.Struct("<QQ")
MESSAGE_HEAD = _MESSAGE.size - _RECORD.size
CHUNK_HEAD = _CHUNK.size


@dataclass
class _Open:
    """The chunk that is being collected."""

    buffers: list[Buffer] = field(default_factory=list)
    size: int = 0
    crc: int = 0
    first_ns: int = 0
    last_ns: int = 0
    index: dict[int, list[bytes]] = field(default_factory=dict)


class McapWriter:
    """One MCAP file. One thread writes and flushes; topics may be added and `sync` called by others meanwhile.

    Anything may raise `OSError`: then `finish` may still close what was written.

    `counts` are messages by channel, `first_ns` and `last_ns` their log times (0 if there is none).
    """

    def __init__(self, path: Path, chunk_bytes: int = CHUNK_BYTES) -> None:
        """Makes the file; raises `FileExistsError` if it is there."""
        self.path = path
        self.counts: dict[int, int] = {}
        self.first_ns, self.last_ns = 0, 0
        self._chunk_bytes = chunk_bytes
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._at = 0
        self._schemas: list[bytes] = []
        self._channels: list[bytes] = []
        self._chunks: list[bytes] = []
        self._metadata: list[bytes] = []
        self._attachments: list[bytes] = []
        self._open = _Open()
        self._lock = threading.Lock()  # of the file's end
        self._append([MAGIC, record(HEADER, text(PROFILE) + text(LIBRARY))])

    @property
    def bytes_written(self) -> int:
        """Length of the file so far, without the open chunk."""
        return self._at

    @property
    def pending(self) -> int:
        """Bytes in the open chunk."""
        return self._open.size

    def add_schema(self, name: str, encoding: str, definition: bytes) -> int:
        """A message type; returns its number, from 1."""
        with self._lock:
            number = len(self._schemas) + 1
            content = struct.pack("<H", number) + text(name) + text(encoding) + _sized(definition)
            self._append([record(SCHEMA, content)])
            self._schemas.append(record(SCHEMA, content))
            return number

    def add_channel(self, schema: int, topic: str, encoding: str, metadata: Mapping[str, str]) -> int:
        """A topic of the message type `schema` (0 = none); returns its number, from 1."""
        with self._lock:
            number = len(self._channels) + 1
            content = struct.pack("<HH", number, schema) + text(topic) + text(encoding) + _map(metadata)
            self._append([record(CHANNEL, content)])
            self._channels.append(record(CHANNEL, content))
            self.counts[number] = 0
            return number

    def add_metadata(self, name: str, values: Mapping[str, str]) -> None:
        """Named texts, readable without any message."""
        data = record(METADATA, text(name) + _map(values))
        with self._lock:
            index = struct.pack("<QQ", self._at, len(data)) + text(name)
            self._append([data])
            self._metadata.append(record(METADATA_INDEX, index))

    def add_attachment(self, name: str, media_type: str, log_ns: int, created_ns: int, data: Buffer) -> None:
        """A file beside the messages, such as a calibration."""
        times, named = struct.pack("<QQ", log_ns, created_ns), text(name) + text(media_type)
        content = b"".join((times, named, struct.pack("<Q", len(data)), data))
        written = record(ATTACHMENT, content + struct.pack("<I", zlib.crc32(content)))
        with self._lock:
            place = struct.pack("<QQ", self._at, len(written))
            self._append([written])
            self._attachments.append(record(ATTACHMENT_INDEX, place + times + struct.pack("<Q", len(data)) + named))

    def write(self, channel: int, log_ns: int, publish_ns: int, data: Buffer, sequence: int | None = None) -> None:
        """One message; it is in the file when the chunk is full or `flush` is called. `data` must not change any more."""
        chunk = self._open
        if not chunk.buffers:
            chunk.first_ns = chunk.last_ns = log_ns
        elif log_ns < chunk.first_ns:
            chunk.first_ns = log_ns
        elif log_ns > chunk.last_ns:
            chunk.last_ns = log_ns
        number = self.counts[channel] if sequence is None else sequence
        length = MESSAGE_HEAD + len(data)
        head = _MESSAGE.pack(MESSAGE, length, channel, number & 0xFFFFFFFF, log_ns, publish_ns)
        chunk.index.setdefault(channel, []).append(_ENTRY.pack(log_ns, chunk.size))
        chunk.buffers += (head, data)
        chunk.crc = zlib.crc32(data, zlib.crc32(head, chunk.crc))
        chunk.size += _RECORD.size + length
        self.counts[channel] += 1
        if chunk.size >= self._chunk_bytes:
            self.flush()

    def flush(self) -> None:
        """Hand the open chunk to the kernel: from here on a killed process does not lose it."""
        chunk, self._open = self._open, _Open()
        if chunk.buffers:
            with self._lock:
                self._write_chunk(chunk)

    def sync(self) -> None:
        """Wait until the disk has what was handed to the kernel; may be called from another thread."""
        os.fdatasync(self._file)

    def finish(self) -> None:
        """Write the index and close the file; the file is closed even if that raises `OSError`."""
        try:
            self.flush()
            self._append([record(DATA_END, struct.pack("<I", 0))])
            self._append(self._summary())
            os.fsync(self._file)
        finally:
            self.close()

    def close(self) -> None:
        """Close without an index, as a kill would."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write_chunk(self, chunk: _Open) -> None:
        head = _CHUNK.pack(chunk.first_ns, chunk.last_ns, chunk.size, chunk.crc, 0, chunk.size)
        start = self._at
        chunk_length = _RECORD.size + len(head) + chunk.size
        offsets, indexes, at = b"", b"", start + chunk_length
        for channel, entries in chunk.index.items():
            offsets += struct.pack("<HQ", channel, at + len(indexes))
            indexes += record(MESSAGE_INDEX, struct.pack("<H", channel) + _sized(b"".join(entries)))
        try:
            self._append([_RECORD.pack(CHUNK, len(head) + chunk.size) + head, *chunk.buffers, indexes])
        except OSError:
            for channel, entries in chunk.index.items():
                self.counts[channel] -= len(entries)
            raise
        self._chunks.append(
            record(
                CHUNK_INDEX,
                struct.pack("<QQQQ", chunk.first_ns, chunk.last_ns, start, chunk_length)
                + _sized(offsets)
                + struct.pack("<Q", len(indexes))
                + text("")
                + struct.pack("<QQ", chunk.size, chunk.size),
            )
        )
        self.first_ns = min(self.first_ns, chunk.first_ns) if len(self._chunks) > 1 else chunk.first_ns
        self.last_ns = max(self.last_ns, chunk.last_ns)

    def _summary(self) -> list[Buffer]:
        counts = b"".join(struct.pack("<HQ", channel, n) for channel, n in self.counts.items())
        sizes = (
            len(self._schemas),
            len(self._channels),
            len(self._attachments),
            len(self._metadata),
            len(self._chunks),
        )
        statistics = struct.pack("<QHIIIIQQ", sum(self.counts.values()), *sizes, self.first_ns, self.last_ns)
        start, at = self._at, self._at
        parts, offsets = b"", b""
        groups: Iterable[tuple[int, Sequence[bytes]]] = (
            (SCHEMA, self._schemas),
            (CHANNEL, self._channels),
            (STATISTICS, [record(STATISTICS, statistics + _sized(counts))]),
            (CHUNK_INDEX, self._chunks),
            (ATTACHMENT_INDEX, self._attachments),
            (METADATA_INDEX, self._metadata),
        )
        for opcode, records in groups:
            if records:
                group = b"".join(records)
                offsets += record(SUMMARY_OFFSET, struct.pack("<BQQ", opcode, at, len(group)))
                parts += group
                at += len(group)
        summary = parts + offsets + _RECORD.pack(FOOTER, 20) + struct.pack("<QQ", start, at)
        return [summary + struct.pack("<I", zlib.crc32(summary)) + MAGIC]

    def _append(self, buffers: Sequence[Buffer]) -> None:
        """Write all or nothing: what a full disk cut short is taken back, so that the index may still fit."""
        end = self._at
        try:
            for i in range(0, len(buffers), _BUFFERS):
                end += self._write_all(buffers[i : i + _BUFFERS])
        except OSError:
            os.ftruncate(self._file, self._at)
            os.lseek(self._file, self._at, os.SEEK_SET)
            raise
        self._at = end

    def _write_all(self, buffers: Sequence[Buffer]) -> int:
        wanted = sum(map(len, buffers))
        written = os.writev(self._file, buffers)
        if written < wanted:  # a signal, or a disk that is nearly full: the next write says which
            rest = memoryview(b"".join(buffers))[written:]
            while rest:
                rest = rest[os.write(self._file, rest) :]
        return wanted


def record(opcode: int, content: bytes) -> bytes:
    """A record with its opcode and length."""
    return _RECORD.pack(opcode, len(content)) + content


def text(value: str) -> bytes:
    """A string as MCAP has it."""
    return _sized(value.encode())


def _sized(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def _map(values: Mapping[str, str]) -> bytes:
    return _sized(b"".join(text(key) + text(value) for key, value in values.items()))
