"""TFRecord files and the tf.train.Example in them, read without TensorFlow.

The framing carries checksums: whatever was cut off or changed is found before it is looked into.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.plural_phrases import counted

MAX_RECORD = 1 << 31  # bytes; TensorFlow itself writes no larger message
MAX_FEATURES = 10_000
PACKAGE = "finevla.tfrecord"  # of the messages' declaration; not TensorFlow's own, which may be loaded beside it

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
            try:
                length = _length(file.read(12), size - offset)
            except ValueError as error:
                rest = (
                    f"the {counted(size - offset, 'byte')} from there on may hold other episodes, which cannot be found"
                )
                raise ValueError(f"{error}; {rest}") from error
            data = file.read(length + 4)
        if masked_crc(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise ValueError("its checksum is wrong, so its bytes were changed")
    except (OSError, ValueError) as error:
        raise DamagedFileError(f"{where}: {error}") from error
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
        raise ValueError(f"it says it has {counted(length, 'byte')}, and the file ends before")
    return length


def example(data: memoryview, where: str) -> dict[str, Feature]:
    """The features of a tf.train.Example or SequenceExample; raises `FineVLAError` beginning with `where`."""
    example_type, sequence_type, decode_error = _message_types()
    try:
        plain, sequence = example_type.FromString(data), sequence_type.FromString(data)
        found = {name: _feature(feature) for name, feature in plain.features.feature.items()}
        found |= {name: _feature_list(steps.feature) for name, steps in sequence.feature_lists.feature_list.items()}
    except (decode_error, ValueError) as error:
        raise DamagedFileError(f"{where} is no tf.train.Example: {error}") from error
    if len(found) > MAX_FEATURES:
        raise DamagedFileError(f"{where} is no tf.train.Example: it has over {MAX_FEATURES} features")
    return found


def _feature(feature: Any) -> Feature:
    kind = feature.WhichOneof("kind")
    if kind == "float_list":
        return np.array(feature.float_list.value, np.float32)
    if kind == "int64_list":
        return np.array(feature.int64_list.value, np.int64)
    return list(feature.bytes_list.value)


def _feature_list(features: Sequence[Any]) -> Feature:
    """A SequenceExample's: one feature a step, joined."""
    steps = [_feature(feature) for feature in features]
    if all(isinstance(step, list) for step in steps):
        return [value for step in steps for value in step]
    arrays = [step for step in steps if isinstance(step, np.ndarray)]
    if len(arrays) != len(steps):
        raise ValueError("a list of features mixes kinds")
    return np.concatenate(arrays)


@lru_cache
def _message_types() -> tuple[Any, Any, type[Exception]]:
    """tf.train.Example and SequenceExample (tensorflow/core/example/*.proto), and what a broken one raises."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory
    except ImportError as error:
        raise FineVLAError("TFRecord files need protobuf; run 'make data-setup' first") from error
    file = descriptor_pb2.FileDescriptorProto(name="finevla/example.proto", package=PACKAGE, syntax="proto3")
    for name, value_type in (("BytesList", 12), ("FloatList", 2), ("Int64List", 3)):
        _add_field(file.message_type.add(name=name), "value", 1, value_type, is_list=True)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("bytes_list", "float_list", "int64_list"), 1):
        of = {"bytes_list": "BytesList", "float_list": "FloatList", "int64_list": "Int64List"}[name]
        _add_field(feature, name, number, of).oneof_index = 0
    _add_field(file.message_type.add(name="FeatureList"), "feature", 1, "Feature", is_list=True)
    _add_map(file.message_type.add(name="Features"), "feature", "Feature")
    _add_map(file.message_type.add(name="FeatureLists"), "feature_list", "FeatureList")
    _add_field(file.message_type.add(name="Example"), "features", 1, "Features")
    _add_field(file.message_type.add(name="SequenceExample"), "feature_lists", 2, "FeatureLists")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made = [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in ("Example", "SequenceExample")
    ]
    return made[0], made[1], message.DecodeError


def _add_field(message: Any, name: str, number: int, kind: int | str, is_list: bool = False) -> Any:
    """A field of a protobuf type (its number), or of another message of this file (its name)."""
    field = message.field.add(name=name, number=number, label=3 if is_list else 1)
    if isinstance(kind, str):
        field.type, field.type_name = 11, f".{PACKAGE}.{kind}"
    else:
        field.type = kind
    return field


def _add_map(message: Any, name: str, kind: str) -> None:
    """A map from text to a message, which on the wire is a list of its entries."""
    entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
    entry.options.map_entry = True
    _add_field(entry, "key", 1, 9)
    _add_field(entry, "value", 2, kind)
    _add_field(message, name, 1, f"{message.name}.{entry.name}", is_list=True)
