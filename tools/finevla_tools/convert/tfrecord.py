"""TFRecord files and the tf.train.Example in them, read without TensorFlow.

The framing carries checksums: whatever was cut off or changed is found before it is looked into.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError

MAX_RECORD = 1 << 31  # bytes; TensorFlow itself writes no larger message
MAX_FEATURES = 10_000
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

Feature = list[bytes] | NDArray[Any]  # texts and pictures, or float32, or int64


def offsets(path: Path) -> Iterator[tuple[int, str]]:
    """Where each record begins, by the lengths alone; the last one with what is wrong if the file ends or lies there."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at < size:
            problem = ""
            length = 0
            try:
                length = _length(file.read(12), size - at)
            except ValueError as error:
                problem = str(error)
            yield at, problem
            if problem:
                return
            at += length + 16
            file.seek(at)


def record(path: Path, offset: int) -> memoryview:
    """The record that begins at `offset`; raises `FineVLAError` in one sentence."""
    where = f"'{path}', record at byte {offset}"
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            file.seek(offset)
            data = file.read(_length(file.read(12), size - offset) + 4)
        if masked_crc(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise ValueError("its checksum is wrong, so its bytes were changed")
    except (OSError, ValueError) as error:
        raise FineVLAError(f"{where}: {error}") from error
    return memoryview(data)[:-4]


def masked_crc(data: bytes) -> int:
    """TFRecord's checksum: CRC-32C, turned and shifted."""
    try:
        import google_crc32c
    except ImportError as error:
        raise FineVLAError("TFRecord files need google-crc32c; run 'make data-setup' first") from error
    crc = int(google_crc32c.value(data))
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _length(head: bytes, left: int) -> int:
    if len(head) < 12:
        raise ValueError("the file ends within a record")
    if masked_crc(head[:8]) != int.from_bytes(head[8:], "little"):
        raise ValueError("the checksum of its length is wrong, so what follows cannot be found")
    length = int.from_bytes(head[:8], "little")
    if length > MAX_RECORD or length + 16 > left:
        raise ValueError(f"it says it has {length} bytes, and the file ends before")
    return length


def example(data: memoryview, where: str) -> dict[str, Feature]:
    """The features of a tf.train.Example or SequenceExample; raises `FineVLAError` beginning with `where`."""
    try:
        found: dict[str, Feature] = {}
        for number, value in _fields(data):
            for inner, entry in _fields(value):
                if inner != 1 or number not in (1, 2):
                    continue
                parts = dict(_fields(entry))  # a map's entry: 1 is the key, 2 the value
                name = bytes(parts.get(1, b"")).decode("utf-8")
                content = parts.get(2, memoryview(b""))
                found[name] = _feature(content) if number == 1 else _feature_list(content)
                if len(found) > MAX_FEATURES:
                    raise ValueError(f"it has over {MAX_FEATURES} features")
    except (ValueError, OverflowError) as error:
        raise FineVLAError(f"{where} is no tf.train.Example: {error}") from error
    return found


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Field numbers and contents of a protobuf message; those that Example has not are skipped."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == BYTES:
            length, at = _varint(data, at)
            if length > end - at:
                raise ValueError("a field is longer than the message")
            yield tag >> 3, data[at : at + length]
            at += length
        elif kind == VARINT:
            begin = at
            _, at = _varint(data, at)
            yield tag >> 3, data[begin:at]
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
            if length > end - at:
                raise ValueError("a field is longer than the message")
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            raise ValueError(f"field type {kind} does not exist")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number does not end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _feature(data: memoryview) -> Feature:
    made: Feature = []
    for number, value in _fields(data):
        contents = [content for inner, content in _fields(value) if inner == 1]
        if number == 1:
            made = [bytes(content) for content in contents]
        elif number == 2:  # packed, or one by one; either way four bytes each
            raw = b"".join(contents)
            if len(raw) % 4:
                raise ValueError("a list of floats has odd bytes")
            made = np.frombuffer(raw, "<f4")
        elif number == 3:
            made = _varints(b"".join(contents))
    return made


def _feature_list(data: memoryview) -> Feature:
    """A SequenceExample's: one feature a step, joined."""
    steps = [_feature(value) for number, value in _fields(data) if number == 1]
    if all(isinstance(step, list) for step in steps):
        return [value for step in steps for value in step]
    arrays = [step for step in steps if isinstance(step, np.ndarray)]
    if len(arrays) != len(steps):
        raise ValueError("a list of features mixes kinds")
    return np.concatenate(arrays)


def _varints(raw: bytes) -> NDArray[np.int64]:
    """Packed int64s, all at once."""
    data = np.frombuffer(raw, np.uint8)
    ends = np.flatnonzero(data < 0x80)
    if not len(data):
        return np.zeros(0, np.int64)
    if not len(ends) or ends[-1] != len(data) - 1:
        raise ValueError("a number does not end")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 10:
        raise ValueError("a number is too long")
    shifts = 7 * (np.arange(len(data)) - np.repeat(starts, lengths))
    bits = (data & np.uint8(0x7F)).astype(np.uint64) << shifts.astype(np.uint64)
    return np.asarray(np.bitwise_or.reduceat(bits, starts)).view(np.int64)
