"""Whether serialized bytes can be a message of a kind: lengths that they claim against what is left, before memory is taken.

The middleware makes a list as long as its length says, and finds out afterwards that nothing is there: 120 bytes that claim
50 million texts took 2.8 GB (measured).
"""

import importlib
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

from rosidl_parser.definition import (
    AbstractSequence,
    AbstractString,
    Array,
    BasicType,
    BoundedSequence,
    BoundedString,
    NamespacedType,
)

HEADER, COUNT = 4, 4  # bytes before the fields, from which alignment counts, and of a length
SIZES = {
    **dict.fromkeys(("boolean", "byte", "char", "octet", "int8", "uint8"), 1),
    **dict.fromkeys(("int16", "uint16"), 2),
    **dict.fromkeys(("int32", "uint32", "float"), 4),
    **dict.fromkeys(("int64", "uint64", "double"), 8),
}


class Unsound(ValueError):
    """A length that cannot be true."""


Unpack = Callable[[bytes, int], tuple[int]]  # reads a length
Step = Callable[[bytes, int, Unpack], int]  # from a position in the bytes to the one behind the field
Steps = Callable[[bytes, int, Unpack, int], int]  # the same for so many of them
# Of plain CDR, version 1: how all middlewares send messages of ours.
UNPACK: dict[bytes, Unpack] = {
    b"\x00\x00": struct.Struct(">I").unpack_from,
    b"\x00\x01": struct.Struct("<I").unpack_from,
}


def why_unsound(data: bytes, kind: Any) -> str:
    """Return why `data` cannot be a message of `kind`, "" if its lengths can be true. Contents are not looked at."""
    if (unpack := UNPACK.get(data[:2])) is None:
        return "it is not encoded as messages are"
    try:
        _message(kind)[0](data, HEADER, unpack)
    except struct.error:
        return "it ends too soon"
    except Unsound as error:
        return str(error)
    return ""


@cache
def _message(kind: Any) -> tuple[Step, int]:
    """How a message is walked through, and the least bytes that it has."""
    fields = [_field(field) for field in kind.SLOT_TYPES]
    steps = [step for step, _ in fields]

    def walk(data: bytes, at: int, unpack: Unpack) -> int:
        for step in steps:
            at = step(data, at, unpack)
        return at

    return walk, max(1, sum(least for _, least in fields))


def _field(field: Any) -> tuple[Step, int]:
    if isinstance(field, AbstractSequence):
        return _sequence(field.value_type, field.maximum_size if isinstance(field, BoundedSequence) else None)
    of, count = (field.value_type, field.size) if isinstance(field, Array) else (field, 1)
    steps, least = _elements(of)
    return lambda data, at, unpack: steps(data, at, unpack, count), count * least


def _class_of(field: NamespacedType) -> Any:
    module = importlib.import_module(".".join(field.namespaces))
    if hasattr(module, field.name):
        return getattr(module, field.name)
    outer, _, part = field.name.rpartition("_")  # a goal is a part of its action
    return getattr(getattr(module, outer), part)


def _sequence(of: Any, most: int | None) -> tuple[Step, int]:
    steps, least = _elements(of)

    def walk(data: bytes, at: int, unpack: Unpack) -> int:
        at += -at % COUNT
        (count,) = unpack(data, at)
        at += COUNT
        if most is not None and count > most:
            raise Unsound(f"a list claims {count} elements, {most} are allowed")
        if count * least > len(data) - at:
            raise Unsound(f"a list claims {count} elements, and {len(data) - at} bytes are left")
        return steps(data, at, unpack, count) if count else at

    return walk, COUNT


def _elements(of: Any) -> tuple[Steps, int]:
    """Fields of one type, one behind the other, and the least bytes that one of them has."""
    if isinstance(of, BasicType):
        return _numbers(SIZES[of.typename])
    if isinstance(of, AbstractString):
        return _texts(of.maximum_size if isinstance(of, BoundedString) else None)
    if not isinstance(of, NamespacedType):
        raise TypeError(f"fields of type {of} are not known here")  # wide texts, which no message of ours has
    step, least = _message(_class_of(of))

    def walk(data: bytes, at: int, unpack: Unpack, count: int) -> int:
        for _ in range(count):
            at = step(data, at, unpack)
        return at

    return walk, least


def _numbers(size: int) -> tuple[Steps, int]:
    def walk(data: bytes, at: int, _: Unpack, count: int) -> int:
        at += -(at - HEADER) % size + count * size
        if at > len(data):
            raise Unsound("it ends too soon")
        return at

    return walk, size


def _texts(most: int | None) -> tuple[Steps, int]:
    def walk(data: bytes, at: int, unpack: Unpack, count: int) -> int:
        end = len(data)
        for _ in range(count):
            at += -at % COUNT
            length = unpack(data, at)[0]
            at += COUNT + length
            if at > end:
                raise Unsound(f"a text claims {length} bytes, and {end - at + length} are left")
            if most is not None and length > most + 1:  # its end counts
                raise Unsound(f"a text claims {length} bytes, {most} are allowed")
        return at

    return walk, COUNT
