"""Promises of the frames' codec: bit for bit what the others write, and no frame of a stranger does more than be refused."""

import contextlib
import struct
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from finevla_core.errors import FineVLAError
from finevla_core.policy_wire.msgpack_arrays import MAX_DEPTH, MAX_VALUES, MSGPACK_NUMPY, OPENPI, ArrayCodec, map_of

FRAMES = Path(__file__).parent / "frames"
RECORDED = [
    (file.name, MSGPACK_NUMPY if file.name.startswith("xpolicylab") else OPENPI) for file in FRAMES.glob("*.bin")
]
ARRAYS = hnp.arrays(
    hnp.boolean_dtypes() | hnp.integer_dtypes(endianness="?") | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
KEYS = st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | KEYS | st.binary(max_size=8) | ARRAYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ARRAY_KEYS = st.sampled_from([b"__ndarray__", b"__npgeneric__", b"data", b"dtype", b"shape", b"nd", b"type", b"kind"])
DTYPES = st.sampled_from(["<f4", "|O", "V8", "<c8", "f4,f4", "(2,2)f4", "|S0", "<U4", "<M8[ns]"])
ARRAY_PARTS = (
    st.none() | st.booleans() | st.integers(-1, 2**63) | st.text(max_size=6) | DTYPES
    | st.binary(max_size=16) | st.lists(st.integers(-1, 2**40), max_size=3)
)  # fmt: skip


def packed(value: Any) -> bytes:
    return bytes(msgpack.packb(value))


def array_map(**changed: Any) -> bytes:
    good = {b"__ndarray__": True, b"data": bytes(24), b"dtype": "<f4", b"shape": [2, 3]}
    return packed({**good, **{key.encode(): value for key, value in changed.items()}})


def same(one: Any, other: Any) -> bool:
    """Equal in value and type, and NaN equals NaN; a tuple comes back as a list."""
    if isinstance(one, np.ndarray):
        return (
            isinstance(other, np.ndarray)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and (one == other or one != one)


def test_there_are_recorded_frames() -> None:
    assert {name for name, _ in RECORDED} >= {"openpi_request.bin", "openpi_answer.bin", "xpolicylab_answer.bin"}


@pytest.mark.parametrize(("name", "codec"), RECORDED)
def test_frames_of_the_published_clients_are_written_again_bit_for_bit(name: str, codec: ArrayCodec) -> None:
    frame = (FRAMES / name).read_bytes()
    assert codec.encode(codec.decode(frame, name)) == frame


def test_what_the_published_client_wrote_is_read_as_what_it_was() -> None:
    found = OPENPI.decode((FRAMES / "openpi_request.bin").read_bytes(), "frame")
    assert list(found) == ["state", "images", "prompt"]
    assert same(found["state"], np.arange(14) / 7)
    assert found["images"]["cam_high"].shape == (3, 8, 10)
    types = OPENPI.decode((FRAMES / "openpi_types.bin").read_bytes(), "frame")
    assert same(types["not in C order"], np.arange(6).reshape(2, 3).T.copy())
    assert same(types["big endian"], np.arange(3, dtype=">i4"))
    assert types["text"].tolist() == ["a", "箱子"]
    assert types["generics"] == [np.int8(-3), np.uint64(2**64 - 1), np.float32(1.5), np.bool_(True), "x"]
    assert isinstance(types["generics"][2], np.float32)


def test_arrays_of_a_frame_cannot_be_written_to() -> None:
    found = OPENPI.decode(OPENPI.encode(np.zeros(3)), "frame")
    assert not found.flags.writeable


@given(VALUES, st.sampled_from([OPENPI, MSGPACK_NUMPY]))
def test_what_is_encoded_is_decoded_again(value: Any, codec: ArrayCodec) -> None:
    assert same(value, codec.decode(codec.encode(value), "frame"))


@given(st.binary(max_size=200), st.sampled_from([OPENPI, MSGPACK_NUMPY]))
def test_any_bytes_are_read_or_refused_in_one_sentence(frame: bytes, codec: ArrayCodec) -> None:
    try:
        codec.decode(frame, "the server")
    except FineVLAError as error:
        assert str(error).startswith("the server: ")
        assert "\n" not in str(error)


@settings(max_examples=300)
@given(st.sampled_from(RECORDED), st.data())
def test_recorded_frames_with_changed_bytes_are_read_or_refused(
    recorded: tuple[str, ArrayCodec], data: st.DataObject
) -> None:
    frame = bytearray((FRAMES / recorded[0]).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(frame)))
    for one in (bytes(frame), bytes(frame[:cut])):
        with contextlib.suppress(FineVLAError):
            recorded[1].decode(one, "frame")


@given(st.dictionaries(ARRAY_KEYS, ARRAY_PARTS), st.sampled_from([OPENPI, MSGPACK_NUMPY]))
def test_any_map_that_calls_itself_an_array_is_one_or_refused(found: dict[bytes, Any], codec: ArrayCodec) -> None:
    try:
        read = codec.decode(packed(found), "frame")
    except FineVLAError:
        return
    if isinstance(read, np.ndarray):
        assert read.dtype.kind not in "VOc"
        assert read.nbytes <= 16


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (b"", "cut short after 0 bytes"),
        (packed({"a": 1})[:-1], "cut short"),
        (packed([1]) + b"\x01", "1 bytes follow its end"),
        (b"\xc1", "extension type or nothing"),
        (packed(msgpack.ExtType(5, b"pickle")), "extension type"),
        (packed(msgpack.Timestamp(1)), "extension type"),
        (b"\xdd\xff\xff\xff\xff" + bytes(100), "cut short"),  # a list of 4 milliards
        (b"\xc6\xff\xff\xff\xff" + bytes(100), "cut short"),
        (b"\xdc" + struct.pack(">H", MAX_VALUES) + bytes(MAX_VALUES), f"more than {MAX_VALUES} values"),
        (b"\x91" * (MAX_DEPTH + 1) + b"\x00", f"more than {MAX_DEPTH} deep"),
        (b"\x91" * 100_000 + b"\x00", f"more than {MAX_DEPTH} deep"),
        (b"\xa2\xff\xff", "utf-8"),
        (b"\x81\x01\x02", "int is not allowed for map key"),
        (array_map(dtype="|O"), "records, objects and complex"),
        (array_map(dtype="V4"), "records, objects and complex"),
        (array_map(dtype="<c8"), "records, objects and complex"),
        (array_map(dtype="f4,f4"), "records, objects and complex"),
        (array_map(dtype="(2,)f4"), "records, objects and complex"),
        (array_map(dtype="nonsense"), "which NumPy does not know"),
        (array_map(dtype=None), "no name of one"),
        (array_map(dtype="<f4" * 100), "no name of one"),
        (array_map(dtype="<f8"), "an array of 2x3 in <f8 needs 48 bytes and has 24"),
        (array_map(shape=[2, 4]), "needs 32 bytes and has 24"),
        (array_map(shape=[1 << 40, 1 << 40]), "needs"),
        (array_map(shape=[0, 1 << 62, 1 << 62], data=b""), "MessagePack"),
        (array_map(shape=[-2, -3]), "no list of numbers from 0 on"),
        (array_map(shape=[2.0, 3.0]), "no list of numbers from 0 on"),
        (array_map(shape=[True, 6]), "no list of numbers from 0 on"),
        (array_map(shape=6), "no list of numbers from 0 on"),
        (array_map(shape=[1] * 9), "9 dimensions"),
        (array_map(data="text"), "no bytes but a value of type str"),
        (array_map(data=None), "no bytes but nothing"),
        (array_map(dtype="|S0", data=b"", shape=[1 << 40]), "needs 0 bytes"),
        (packed({b"__npgeneric__": True, b"data": "1", b"dtype": "<f4"}), "a number in <f4 is a value of type str"),
        (packed({b"__npgeneric__": True, b"data": 300, b"dtype": "|u1"}), "MessagePack"),
        (packed({b"__npgeneric__": True, b"data": 3, b"dtype": "<M8[s]"}), "a number in <M8[s]"),
    ],
)
def test_broken_frames_are_refused_by_name(frame: bytes, said: str) -> None:
    with pytest.raises(FineVLAError) as caught:
        OPENPI.decode(frame, "policy server ws://gpu:8000")
    assert str(caught.value).startswith("policy server ws://gpu:8000: ")
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_frame_larger_than_is_read_is_refused() -> None:
    with pytest.raises(FineVLAError, match="it has 101 bytes, 100 are read at most"):
        OPENPI.decode(bytes(101), "server", max_bytes=100)


def test_nothing_of_msgpack_numpy_is_unpickled() -> None:
    trap = b"cos\nsystem\n(S'exit 1'\ntR."
    pickled = packed({b"nd": True, b"kind": b"O", b"type": "|O", b"shape": [1], b"data": trap})
    with pytest.raises(FineVLAError, match="pickled objects, which are not read"):
        MSGPACK_NUMPY.decode(pickled, "server")
    with pytest.raises(FineVLAError, match="complex"):
        MSGPACK_NUMPY.decode(packed({b"complex": True, b"data": "1j"}), "server")


@pytest.mark.parametrize("codec", [OPENPI, MSGPACK_NUMPY])
@pytest.mark.parametrize(
    "value",
    [object(), np.array([object()]), np.zeros(2, "V4"), np.array([1j]), np.complex64(1), {1, 2}, 2**64, Path("x")],
)
def test_what_has_no_place_in_a_frame_is_not_sent(codec: ArrayCodec, value: object) -> None:
    with pytest.raises(FineVLAError, match="cannot be sent to a policy"):
        codec.encode({"key": value})


def test_a_frame_that_is_no_map_with_names_is_refused() -> None:
    with pytest.raises(FineVLAError, match="the answer is no map with names but a value of type list"):
        map_of([], "the answer")
    with pytest.raises(FineVLAError, match="no map with names"):
        map_of({b"a": 1}, "the answer")
