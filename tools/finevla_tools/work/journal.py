"""A file that only grows, record by record, each with its checksum: whatever is killed, what is in it can be believed.

Nothing is forced to the disk: a process that is killed loses nothing it has written, and after a power cut the checksums tell.
"""

import fcntl
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from finevla_core.errors import FineVLAError, unwritable
from finevla_core.recording.atomic_files import write_text

RECORD = struct.Struct("<II")  # bytes of the payload, its CRC-32
MAX_HEAD = 1 << 16


class Journal:
    """Records behind a first line that says whose they are; open for one process at a time."""

    def __init__(self, path: Path, identity: Mapping[str, str]) -> None:
        """`identity` is what the records depend on: name to hash, the name being used to say what differs.

        Raises `FineVLAError` if the file has another identity, is no journal, is in use, or cannot be made.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _begin(path, identity)
            self._file: IO[bytes] = path.open("r+b", buffering=0)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise FineVLAError(f"'{path}' is in use by another run: wait for it, or name another folder") from error
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            self._end = _check(path, self._file.readline(MAX_HEAD), identity)
        except FineVLAError:
            self._file.close()
            raise

    def records(self) -> Iterator[bytes]:
        """All payloads in order, up to the first that is cut short or damaged; from there on the file is written anew."""
        with self.path.open("rb") as file:
            file.seek(self._end)
            while len(head := file.read(RECORD.size)) == RECORD.size:
                size, sum_ = RECORD.unpack(head)
                payload = file.read(size)
                if len(payload) < size or zlib.crc32(payload) != sum_:
                    break
                self._end = file.tell()
                yield payload
        self._file.truncate(self._end)

    def append(self, payload: bytes) -> None:
        """Append a record after those that `records` found; if the disk is full, undo the write and raise `FineVLAError`."""
        record = RECORD.pack(len(payload), zlib.crc32(payload)) + payload
        try:
            write_at(self._file.fileno(), record, self._end)
        except OSError as error:
            self._file.truncate(self._end)
            raise unwritable(self.path, error) from error
        self._end += len(record)

    def close(self) -> None:
        """Close the file, so that another process may open it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_at(file: int, data: bytes | memoryview, at: int) -> None:
    """All of `data`: the system may take it in parts."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written


def _begin(path: Path, identity: Mapping[str, str]) -> None:
    write_text(path, json.dumps(dict(identity)) + "\n")


def _check(path: Path, head: bytes, identity: Mapping[str, str]) -> int:
    """Bytes of the first line."""
    try:
        found: Any = json.loads(head) if head.endswith(b"\n") else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise FineVLAError(
            f"'{path}' was not written by this program, or is damaged: remove it, or name another folder"
        )
    if differs := [name for name, value in identity.items() if found.get(name) != value]:
        raise FineVLAError(f"'{path}' belongs to {differs[0]}: name another folder, or remove this one")
    return len(head)
