"""Messages of a recording by the definitions that are stored in it: what another version defines otherwise is not misread."""

from functools import lru_cache
from typing import Any

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.recording.mcap_scan import Channel, Schema
from finevla_tools.convert.compressed_pictures import said

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
JOINT_STATE, TRAJECTORY = "sensor_msgs/msg/JointState", "trajectory_msgs/msg/JointTrajectory"
CHUNK, INSTRUCTION = "finevla_interfaces/msg/ActionChunk", "finevla_interfaces/msg/Instruction"
TEXT = "std_msgs/msg/String"  # without a stamp
READ = (RAW, COMPRESSED, JOINT_STATE, TRAJECTORY, CHUNK, INSTRUCTION, TEXT)
# What is read of a message; a definition may have more.
NEEDED = {
    JOINT_STATE: ("header", "name", "position"),
    TRAJECTORY: ("header", "joint_names", "points"),
    CHUNK: ("header", "names", "actions"),
    INSTRUCTION: ("id", "stamp", "raw", "fine", "factors"),
    TEXT: ("data",),
}


def kind_of(channel: Channel) -> str:
    """The type of a topic's messages; of those that are not serialized as ROS 2 does, it says so and fits no other."""
    name = channel.schema.name if channel.schema else ""
    if channel.encoding != "cdr":
        return f"{name} as {channel.encoding or 'nothing known'}"
    package, _, rest = name.partition("/")
    return name if not rest or "/" in rest else f"{package}/msg/{rest}"


def deserialize(data: bytes | memoryview, kind: str, schema: Schema | None = None) -> Any:
    """A message as rosbags gives it, by the definition in `schema`; raises `FineVLAError` if the bytes are no such message."""
    store = _store_of(kind, schema) if schema else _installed()
    try:
        if bytes(data[:2]) not in (b"\0\0", b"\0\1"):
            raise ValueError(f"it begins with {bytes(data[:4]).hex(' ')}, which is no plain CDR (XCDR1)")
        return store.deserialize_cdr(bytes(data), kind)
    except Exception as error:  # rosbags' generated code raises whatever broken bytes lead to
        raise DamagedFileError(f"a {kind.rsplit('/', 1)[1]} message cannot be read: {said(error)}") from error


def is_installed(channel: Channel) -> bool:
    """Whether a topic's messages are laid out as the installed definition of their type says, or nothing else is said."""
    return channel.schema is None or _store_of(kind_of(channel), channel.schema) is _installed()


@lru_cache(maxsize=256)
def _store_of(kind: str, schema: Schema) -> Any:
    """The types by which messages are read: the stored definition's, where it is another than the installed one."""
    installed = _installed()
    own = _parsed(kind, schema)
    if not own.get(kind, ((), ()))[1] or all(installed.fielddefs.get(name) == told for name, told in own.items()):
        return installed
    there = [name for name, _ in own[kind][1]]
    if lacking := [field for field in NEEDED.get(kind, ()) if field not in there]:
        raise FineVLAError(
            f"{kind} is defined in it without '{lacking[0]}' (it has {', '.join(there[:8])}); it is another type of that name"
        )
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.EMPTY)
    try:
        store.register({**installed.fielddefs, **own})
    except Exception as error:  # whatever rosbags makes of types that cannot be
        raise DamagedFileError(f"{kind} is defined in it in a way that cannot be read: {said(error)}") from error
    return store


def _parsed(kind: str, schema: Schema) -> dict[str, Any]:
    """Fields by type as a stored definition says; nothing where it says nothing that can be understood."""
    from rosbags.typesys import get_types_from_idl, get_types_from_msg

    parsers = {"ros2msg": lambda text: get_types_from_msg(text, kind), "ros2idl": get_types_from_idl}
    if schema.encoding not in parsers:
        return {}
    try:
        return dict(parsers[schema.encoding](schema.definition.decode("utf-8")))
    except Exception:  # a parser of others, of text that anybody wrote; the type's name is what is left
        return {}


@lru_cache(maxsize=1)
def _installed() -> Any:
    from finevla_tools.datasets.rosbag_writer import _typestore

    return _typestore()
