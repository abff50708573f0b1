"""NumPy arrays in MessagePack frames, as openpi and starVLA (`OPENPI`) and as XPolicyLab (`MSGPACK_NUMPY`) write them.

A frame comes from a stranger: its size, depth and count are bounded before anything is built, and nothing is unpickled.
"""

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, quoted

MAX_BYTES = 1 << 26  # a frame; 21 pictures of 1280x800 fit
MAX_DEPTH = 16
MAX_VALUES = 20_000  # maps, lists, texts and numbers of a frame; an array counts as one map with four of each
MAX_DIMENSIONS = 8
MAX_DTYPE = 16  # characters; "<U4294967295" has 12
REFUSED_KINDS = "VOc"  # records, Python objects, complex numbers
# What a value of each kind of dtype may be in a frame (`__npgeneric__`).
GENERIC_TYPES: dict[str, tuple[type, ...]] = {
    "b": (bool,),
    "i": (int,),
    "u": (int,),
    "f": (float, int),
    "S": (bytes,),
    "U": (str,),
}
# First byte of a value -> bytes of the number behind it, and whether that counts bytes (1), values (2) or pairs (3).
_LENGTHS = {
    **{first: (size, 1) for first, size in ((0xC4, 1), (0xC5, 2), (0xC6, 4), (0xD9, 1), (0xDA, 2), (0xDB, 4))},
    **{first: (size, 2) for first, size in ((0xDC, 2), (0xDD, 4))},
    **{first: (size, 3) for first, size in ((0xDE, 2), (0xDF, 4))},
}
_NUMBERS = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_FORMATS = {1: ">B", 2: ">H", 4: ">I"}


class _BrokenFrame(ValueError):
    """What is wrong with a frame, without where it came from."""


@dataclass(frozen=True)
class ArrayCodec:
    """`encode` and `decode` of frames in one convention for arrays; both conventions use maps with bytes keys."""

    name: str
    to_map: Callable[[Any], Any]
    from_map: Callable[[dict[Any, Any]], Any]

    def encode(self, value: object) -> bytes:
        """Return a frame of maps with text or bytes keys, lists, texts, bytes, numbers, NumPy arrays and NumPy numbers.

        Raises:
            FineVLAError: for a value that has no place in a frame: another type, a record, an object, a complex number.
        """
        try:
            return bytes(msgpack.packb(value, default=self.to_map))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise FineVLAError(f"this cannot be sent to a policy: {_one_line(error)}") from error

    def decode(self, frame: bytes, where: str, max_bytes: int = MAX_BYTES) -> Any:
        """Return what is in a frame; tuples come back as lists, and arrays as read-only views on bytes.

        Args:
            frame: one whole frame.
            where: whose frame it is, with which the sentence of an error begins.
            max_bytes: the largest frame that is looked at.
        Raises:
            FineVLAError: if it is no frame, is too large, too deep or has too many values, or holds a broken array.
        """
        try:
            if len(frame) > max_bytes:
                raise _BrokenFrame(f"it has {len(frame)} bytes, {max_bytes} are read at most")
            _check_structure(frame)
            return msgpack.unpackb(frame, object_hook=self.from_map, raw=False, strict_map_key=True)
        except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
            raise FineVLAError(
                f"{where}: the frame cannot be read as MessagePack with arrays as {self.name} writes them: "
                f"{_one_line(error)}; is it a server or client of that protocol?"
            ) from error


def _check_structure(frame: bytes) -> None:
    """Walk over a frame's values without building any; raises `_BrokenFrame` for what is too much, cut short or strange."""
    left = [1]  # values still to come, for each list and map that is open
    position = values = 0
    while left:
        if left[-1] == 0:
            left.pop()
            continue
        left[-1] -= 1
        values += 1
        if values > MAX_VALUES:
            raise _BrokenFrame(f"it has more than {MAX_VALUES} values")
        if position >= len(frame):
            raise _BrokenFrame(f"it is cut short after {len(frame)} bytes")
        position, inside = _skip(frame, position)
        if inside:
            left.append(inside)
            if len(left) > MAX_DEPTH + 1:
                raise _BrokenFrame(f"its maps and lists are more than {MAX_DEPTH} deep")
        if position > len(frame):
            raise _BrokenFrame(f"it is cut short after {len(frame)} bytes")
    if position != len(frame):
        raise _BrokenFrame(f"{len(frame) - position} bytes follow its end")


def _skip(frame: bytes, position: int) -> tuple[int, int]:
    """The position behind a value's own bytes, and how many values are inside it."""
    first = frame[position]
    position += 1
    if first <= 0x7F or first >= 0xE0 or first in (0xC0, 0xC2, 0xC3):
        return position, 0
    if first <= 0x8F:
        return position, 2 * (first & 0x0F)
    if first <= 0x9F:
        return position, first & 0x0F
    if first <= 0xBF:
        return position + (first & 0x1F), 0
    if first in _NUMBERS:
        return position + _NUMBERS[first], 0
    if first not in _LENGTHS:
        raise _BrokenFrame(f"byte {position - 1} ({first:#04x}) begins an extension type or nothing")
    size, kind = _LENGTHS[first]
    if position + size > len(frame):
        raise _BrokenFrame(f"it is cut short after {len(frame)} bytes")
    (length,) = struct.unpack_from(_FORMATS[size], frame, position)
    position += size
    return (position + length, 0) if kind == 1 else (position, length * (kind - 1))


def _dtype(text: object) -> np.dtype[Any]:
    """The dtype that a frame names; only one plain type has a place in it."""
    if not isinstance(text, str) or not 0 < len(text) <= MAX_DTYPE:
        raise _BrokenFrame(f"an array's dtype is no name of one ({_kind(text)})")
    try:
        dtype = np.dtype(text)
    except (TypeError, ValueError, SyntaxError, OverflowError) as error:
        raise _BrokenFrame(f"an array has the dtype {quoted(text)}, which NumPy does not know") from error
    if dtype.kind in REFUSED_KINDS:
        raise _BrokenFrame(f"an array has the dtype {quoted(text)}; records, objects and complex numbers are not taken")
    return dtype


def _array(data: object, dtype: object, shape: object) -> NDArray[Any]:
    """A read-only array on a frame's bytes, if dtype and shape need exactly these."""
    found = _dtype(dtype)
    if not isinstance(data, bytes):
        raise _BrokenFrame(f"an array's data is no bytes but {_kind(data)}")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise _BrokenFrame("an array's shape is no list of numbers from 0 on")
    if len(shape) > MAX_DIMENSIONS:
        raise _BrokenFrame(f"an array has {len(shape)} dimensions, {MAX_DIMENSIONS} are read at most")
    needed = math.prod(shape) * found.itemsize
    if found.itemsize == 0 or needed != len(data):
        size = "x".join(map(str, shape)) or "one value"
        raise _BrokenFrame(f"an array of {size} in {found.str} needs {needed} bytes and has {len(data)}")
    return np.ndarray(buffer=data, dtype=found, shape=tuple(shape))


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def _one_line(error: Exception) -> str:
    """What a library says, on one line and without its class: first part only."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _checked(value: Any) -> None:
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in REFUSED_KINDS:
        raise ValueError(f"an array has the dtype {value.dtype}; records, objects and complex numbers are not sent")


def _openpi_map(value: Any) -> Any:
    _checked(value)
    if isinstance(value, np.ndarray):
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    if isinstance(value, np.generic):
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    raise TypeError(f"a value of type {type(value).__name__} has no place in a frame")


def _from_openpi_map(found: dict[Any, Any]) -> Any:
    if b"__ndarray__" in found:
        return _array(found.get(b"data"), found.get(b"dtype"), found.get(b"shape"))
    if b"__npgeneric__" in found:
        dtype, data = _dtype(found.get(b"dtype")), found.get(b"data")
        if type(data) not in GENERIC_TYPES.get(dtype.kind, ()):
            raise _BrokenFrame(f"a number in {dtype.str} is {_kind(data)}")
        return dtype.type(data)
    return found


def _msgpack_numpy_map(value: Any) -> Any:
    _checked(value)
    if isinstance(value, np.ndarray):
        said = {b"nd": True, b"type": value.dtype.str, b"kind": b""}
        return said | {b"shape": value.shape, b"data": value.tobytes()}
    if isinstance(value, np.bool_ | np.number):
        return {b"nd": False, b"type": value.dtype.str, b"data": value.tobytes()}
    raise TypeError(f"a value of type {type(value).__name__} has no place in a frame")


def _from_msgpack_numpy_map(found: dict[Any, Any]) -> Any:
    if b"nd" in found:
        kind = found.get(b"kind", b"")
        if not isinstance(kind, bytes) or kind:
            raise _BrokenFrame("an array is of records or pickled objects, which are not read")
        if found[b"nd"] is True:
            return _array(found.get(b"data"), found.get(b"type"), found.get(b"shape"))
        return _array(found.get(b"data"), found.get(b"type"), [1])[0]
    if b"complex" in found:
        raise _BrokenFrame("a number is complex, which is not read")
    return found


OPENPI = ArrayCodec("openpi", _openpi_map, _from_openpi_map)
MSGPACK_NUMPY = ArrayCodec("msgpack_numpy", _msgpack_numpy_map, _from_msgpack_numpy_map)


def text_of(value: object) -> str:
    """Return a text of a frame, and an empty one for whatever else stands there: an array compares with nothing."""
    return value if isinstance(value, str) else ""


def list_of(value: object) -> list[Any]:
    """Return a list of a frame, and an empty one for whatever else stands there."""
    return value if isinstance(value, list) else []


def map_of(value: object, what: str) -> Mapping[str, Any]:
    """Return a decoded value as a map with text keys; raises `FineVLAError` beginning with `what` for anything else."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise FineVLAError(f"{what} is no map with names but {_kind(value)}: is it a server of this protocol?")
    return value
