"""Serialized messages that are spoilt in every way that we thought of; the same seed gives the same ones."""

import importlib
import math
import random
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from rclpy.serialization import serialize_message

HEADER = 4  # bytes that say how the rest is encoded
COMMON_BYTES, LARGE_SHARE = 16_384, 0.02  # larger messages are copied seldom: they are sent, too
TEXTS = ("", "stop", "\0", "a\0b", "停", "x" * 63, "x" * 257, "..//", "{}%s%n", "\n" * 50)
HUGE_TEXTS, HUGE_SHARE = ("é" * 2_000, "x" * 20_000, "停" * 100_000), 0.02
FLOATS = (0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 5e-324, 1e308, -1e308, 1e-9, 3.0)
WORDS = (0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 4, 2**30)
HEADERS = (b"\0\0", b"\0\2", b"\0\3", b"\0\6", b"\0\7", b"\0\x0a", b"\xff\xff", b"\1\0")
SURROGATE, OVERLONG, NO_UTF8 = b"\xed\xa0\x80", b"\xc0\x80", b"\xff\xfe\xfd"


def kind_of(name: str) -> Any:
    """Return the class of a message, service or part of an action, as the graph names it ('std_msgs/msg/String')."""
    package, folder, rest = name.split("/")
    module = importlib.import_module(f"{package}.{folder}")
    for ending, part in (("_SendGoal", "SendGoalService"), ("_GetResult", "GetResultService")):
        if folder == "action" and rest.endswith(ending):
            return getattr(getattr(module, rest.removesuffix(ending)).Impl, part)
    return getattr(module, rest)


class Spoiler:
    """Makes spoilt messages of one kind; `true` are serialized ones that were heard."""

    def __init__(self, kind: type, true: Sequence[bytes], rng: random.Random) -> None:
        self.kind, self.rng = kind, rng
        self.plain = serialize_message(kind())
        self.true = list(true) or [self.plain]
        self.ways = (self.noise, self.cut, self.flipped, self.odd_word, self.odd_float, self.odd_header)
        self.ways += (self.odd_text, self.longer, self.extreme, self.extreme)

    def next(self) -> bytes:
        """Return one more."""
        return self.rng.choice(self.ways)()

    def extreme(self) -> bytes:
        """A message that can be read, of extreme values."""
        return bytes(serialize_message(extreme_message(self.kind, self.rng)))

    def noise(self) -> bytes:
        """Random bytes, with a right header or none."""
        head = b"\0\1\0\0" if self.rng.random() < 0.7 else b""
        return head + self.rng.randbytes(self.rng.choice((0, 1, 3, 4, 16, 100, 2_000)))

    def cut(self) -> bytes:
        """A true one, cut anywhere."""
        data = self._one()
        return data[: self.rng.randrange(len(data))]

    def flipped(self) -> bytes:
        """A true one with some bits that are wrong."""
        data = bytearray(self._one())
        for _ in range(self.rng.choice((1, 1, 2, 8, 64))):
            data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        return bytes(data)

    def odd_word(self) -> bytes:
        """A true one with a length, a number or a constant that is extreme."""
        return self._put(struct.pack("<I", self.rng.choice(WORDS)), 4)

    def odd_float(self) -> bytes:
        """A true one with some numbers that are none."""
        data = bytearray(self._one())
        for _ in range(self.rng.choice((1, 4, 100))):
            at = HEADER + 8 * self.rng.randrange(max(1, (len(data) - HEADER) // 8))
            data[at : at + 8] = struct.pack("<d", self.rng.choice(FLOATS))
        return bytes(data)

    def odd_header(self) -> bytes:
        """A true one that says it is encoded otherwise: big endian, with parameters, in nothing known."""
        return self.rng.choice(HEADERS) + self._one()[2:]

    def odd_text(self) -> bytes:
        """A true one with bytes that no UTF-8 has."""
        return self._put(self.rng.choice((SURROGATE, OVERLONG, NO_UTF8, b"\0\0\0\0")), 1)

    def longer(self) -> bytes:
        """A true one with more behind it."""
        return self._one() + self.rng.randbytes(self.rng.choice((1, 4, 64, 5_000)))

    def _one(self) -> bytes:
        data = self.rng.choice(self.true)
        return self.plain if len(data) > COMMON_BYTES and self.rng.random() > LARGE_SHARE else data

    def _put(self, value: bytes, step: int) -> bytes:
        data = bytearray(self._one())
        at = HEADER + step * self.rng.randrange(max(1, (len(data) - HEADER) // step))
        data[at : at + len(value)] = value
        return bytes(data)


def extreme_message(kind: type, rng: random.Random) -> Any:
    """Return a message of extreme values that its kind allows."""
    message = kind()
    for name, type_name in kind.get_fields_and_field_types().items():  # type: ignore[attr-defined]
        if rng.random() < 0.2:
            continue  # as it comes
        setattr(message, name, _value(getattr(message, name), type_name, rng))
    return message


def _value(plain: Any, type_name: str, rng: random.Random) -> Any:
    if type_name.startswith("sequence<"):
        inner, _, bound = type_name.removeprefix("sequence<").removesuffix(">").partition(",")
        sizes = (0, 1, 2, 14, 65) if "/" in inner or inner.startswith("string") else (0, 1, 14, 65, 2_000)
        size = min(rng.choice(sizes), int(bound or sizes[-1]))
        return [_value(_plain_of(inner), inner, rng) for _ in range(size)]
    if type_name.endswith("]"):
        inner, size = type_name.removesuffix("]").split("[")
        values = [_value(_plain_of(inner), inner, rng) for _ in range(int(size))]
        return np.array(values, plain.dtype) if isinstance(plain, np.ndarray) else values
    if "/" in type_name:
        return extreme_message(type(plain), rng)
    if type_name.startswith("string"):
        return rng.choice(HUGE_TEXTS if rng.random() < HUGE_SHARE else TEXTS)
    if type_name in ("double", "float"):
        value = rng.choice(FLOATS)
        return max(-3e38, min(3e38, value)) if type_name == "float" and math.isfinite(value) else value
    if type_name == "boolean":
        return rng.random() < 0.5
    if type_name == "octet":
        return rng.randbytes(1)
    bits = int("".join(filter(str.isdigit, type_name)))
    low, high = (0, 2**bits - 1) if type_name.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return rng.choice((low, high, 0, min(high, 1), high // 2, rng.randint(low, high)))


def _plain_of(type_name: str) -> Any:
    if "/" not in type_name:
        return None
    package, name = type_name.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), name)()
