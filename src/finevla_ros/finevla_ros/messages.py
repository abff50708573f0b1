"""Messages of finevla_interfaces to and from the domain types of finevla_core, and stamps to nanoseconds."""

import array
import math
import struct
from dataclasses import fields

import numpy as np
from builtin_interfaces.msg import Time

from finevla_core.bridge_report import BridgeReport
from finevla_core.chunk import ActionChunk
from finevla_core.errors import FineVLAError, one_line
from finevla_core.images import ImageFormat
from finevla_core.instruction import EMPTY_FACTOR, Factors, Instruction
from finevla_core.observation import Observation
from finevla_core.safety.authority import MAX_CLIENT
from finevla_core.safety.events import MAX_REASON, State
from finevla_core.time_units import NS_PER_S
from finevla_interfaces import msg

# A serialized message with a header starts with 4 bytes of encapsulation (the second one's lowest bit: little endian),
# then the stamp: int32 s, uint32 ns.
_STAMP_AT = 4
MAX_UNDERSTOOD = 2000  # characters
_STAMP = {1: struct.Struct("<iI"), 0: struct.Struct(">iI")}


def to_ns(stamp: Time) -> int:
    """A message's stamp in nanoseconds."""
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def header_stamp_ns(data: bytes) -> int | None:
    """The stamp of a serialized message that begins with a header, without reading the rest; None if it is cut off."""
    if len(data) < _STAMP_AT + 8:
        return None
    seconds, nanoseconds = _STAMP[data[1] & 1].unpack_from(data, _STAMP_AT)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def to_stamp(stamp_ns: int) -> Time:
    """Nanoseconds to a message's stamp."""
    return Time(sec=stamp_ns // NS_PER_S, nanosec=stamp_ns % NS_PER_S)


def instruction_from_msg(message: msg.Instruction) -> Instruction:
    """A checked instruction; raises `FineVLAError` for what cannot be followed, an empty factor among it."""
    slots: dict[str, object] = {}
    for slot in fields(Factors):
        said = tuple(getattr(message.factors, slot.name))
        if "" in said:
            raise FineVLAError(EMPTY_FACTOR.format(name=slot.name))
        if slot.name == "action_sequence":
            slots[slot.name] = said
        elif said:
            slots[slot.name] = said[0]
    return Instruction(
        raw=message.raw,
        fine=message.fine,
        factors=Factors(**slots),  # type: ignore[arg-type]
        id=message.id,
        stamp_ns=to_ns(message.stamp),
    )


def instruction_to_msg(instruction: Instruction, understood: str = "") -> msg.Instruction:
    """The message of an instruction; `understood` is what a policy takes it for, where one has been asked."""
    factors = msg.Factors()
    for name, value in instruction.factors.said().items():
        setattr(factors, name, list(value) if isinstance(value, tuple) else [value])
    return msg.Instruction(
        id=instruction.id,
        stamp=to_stamp(instruction.stamp_ns),
        raw=instruction.raw,
        fine=instruction.fine,
        factors=factors,
        understood=one_line(understood, MAX_UNDERSTOOD),
    )


def report_from_msg(status: msg.SafetyStatus) -> BridgeReport:
    """What a bridge's status says about instructions; a state that nobody knows is one in which nothing may move."""
    is_known = status.state in {int(state) for state in State}
    return BridgeReport(
        state=State(status.state) if is_known else State.DISABLED,
        reason=one_line(status.reason, MAX_REASON)
        if is_known
        else f"it says state {status.state}, which is unknown here",
        client=one_line(status.client, MAX_CLIENT),
        epoch=status.epoch,
        is_stepping=status.stepping,
        is_waiting=status.waiting,
    )


def observation_from_msg(message: msg.Observation) -> Observation:
    """An observation whose images view the message's own buffer; raises `FineVLAError` if sizes do not fit."""
    images = np.frombuffer(message.images, dtype=np.uint8)
    shape = (len(message.cameras), message.height, message.width, 3)
    if not images.size or images.size != math.prod(shape):  # in numpy's integers a huge shape may come out as fitting
        images = np.zeros((0, 0, 0, 3), np.uint8)  # refused by Observation, with the camera count named
    else:
        images = images.reshape(shape)
    return Observation(
        stamp_ns=to_ns(message.header.stamp),
        cameras=tuple(message.cameras),
        images=images,
        image_stamps_ns=tuple(to_ns(s) for s in message.image_stamps),
        state=np.array(message.state, dtype=np.float32),
        state_stamp_ns=to_ns(message.state_stamp),
        sequence=message.sequence,
    )


def observation_to_msg(
    observation: Observation, embodiment: str, frame_id: str, state_names: tuple[str, ...]
) -> msg.Observation:
    """The message of an observation; images travel as one array (the fast way through rclpy)."""
    message = msg.Observation(
        sequence=observation.sequence,
        embodiment=embodiment,
        cameras=list(observation.cameras),
        image_stamps=[to_stamp(s) for s in observation.image_stamps_ns],
        height=observation.images.shape[1],
        width=observation.images.shape[2],
        state_names=list(state_names),
        state=array.array("f", observation.state.tobytes()),
        state_stamp=to_stamp(observation.state_stamp_ns),
        skew_s=observation.skew_s,
    )
    message.images = array.array("B", observation.images.tobytes())
    message.header.stamp = to_stamp(observation.stamp_ns)
    message.header.frame_id = frame_id
    return message


def image_format_from_msg(message: msg.ImageFormat) -> ImageFormat:
    """The pictures that a policy wants; raises `FineVLAError` for what no policy can have."""
    regions = np.array(message.regions, dtype=np.float64)
    if regions.size != 4 * len(message.cameras) or len(set(message.cameras)) < len(message.cameras):
        raise FineVLAError(
            f"{len(message.cameras)} cameras have {regions.size} numbers of regions; four each are needed"
        )
    by_camera = dict(zip(message.cameras, regions.reshape(-1, 4).tolist(), strict=True))
    return ImageFormat(message.height, message.width, message.fit, message.filter, by_camera)


def image_format_to_msg(images: ImageFormat, policy: str) -> msg.ImageFormat:
    """The message by which a policy asks for its pictures."""
    return msg.ImageFormat(
        policy=policy,
        height=images.height,
        width=images.width,
        fit=images.fit,
        filter=images.filter,
        cameras=list(images.regions),
        regions=[side for region in images.regions.values() for side in region],
    )


def chunk_from_msg(message: msg.ActionChunk) -> ActionChunk:
    """A chunk as it came: unchecked, except that an impossible shape becomes an empty plan (which the gate refuses)."""
    actions = np.array(message.actions, dtype=np.float64)
    shape = (message.horizon, len(message.names))
    fits = actions.size == shape[0] * shape[1] and actions.size > 0
    return ActionChunk(
        stamp_ns=to_ns(message.header.stamp),
        instruction_id=message.instruction_id,
        embodiment=message.embodiment,
        names=tuple(message.names),
        dt_s=message.dt_s,
        actions=actions.reshape(shape) if fits else np.zeros((0, len(message.names))),
        policy=message.policy,
        client=message.client,
        epoch=message.epoch,
        joining=message.joining or "blend",
        sequence=message.sequence,
        inference_s=message.inference_s,
    )


def chunk_to_msg(chunk: ActionChunk, frame_id: str) -> msg.ActionChunk:
    """The message of a chunk."""
    message = msg.ActionChunk(
        sequence=chunk.sequence,
        instruction_id=chunk.instruction_id,
        embodiment=chunk.embodiment,
        policy=chunk.policy,
        client=chunk.client,
        epoch=chunk.epoch,
        joining=chunk.joining,
        names=list(chunk.names),
        dt_s=chunk.dt_s,
        horizon=chunk.horizon,
        actions=array.array("d", np.ascontiguousarray(chunk.actions, dtype=np.float64).tobytes()),
        inference_s=chunk.inference_s,
    )
    message.header.stamp = to_stamp(chunk.stamp_ns)
    message.header.frame_id = frame_id
    return message
