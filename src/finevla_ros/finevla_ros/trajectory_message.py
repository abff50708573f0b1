"""Trajectories on the controllers' topics as bridge and watchdog hear them: read from their bytes, and judged by their seal.

rclpy takes 1.5 ms to convert a trajectory of 50 points (measured), for each of the bridge's own that come back to it as well.
Here that is a tenth, and what cannot be read in this way is read by rclpy.
"""

import array
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from finevla_core.safety.message_seal import Sender, TrajectoryCheck
from finevla_core.time_units import NS_PER_S
from finevla_ros import qos
from finevla_ros.bounded_subscriptions import MOST_BYTES, read
from finevla_ros.unlocked_take import BOUND, HugeMessage

PLAIN_CDR = b"\x00\x01"  # little-endian, version 1: how all middlewares send messages of ours
HEADER = 4  # bytes before the fields, from which alignment counts
MOST_POINTS = 10_000
Row = tuple[bytes, bytes, bytes, bytes, int, int]  # positions, velocities, accelerations, effort, seconds, nanoseconds


@dataclass(frozen=True)
class TrajectoryMessage:
    """A trajectory message as it came; `tag` is its header's frame, which controllers do not read."""

    tag: str
    sec: int
    nanosec: int
    joints: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def stamp_ns(self) -> int:
        """When it starts; 0 = now."""
        return self.sec * NS_PER_S + self.nanosec

    @property
    def times_ns(self) -> list[int]:
        """When its points are due, from its start."""
        return [row[4] * NS_PER_S + row[5] for row in self.rows]

    @property
    def positions(self) -> list[list[float]]:
        """Joint positions of each point (rad, prismatic m), in the order of the joint names."""
        return [array.array("d", row[0]).tolist() for row in self.rows]

    @property
    def velocities(self) -> list[list[float]]:
        """Joint velocities of each point (rad/s, prismatic m/s); an empty list for a point that has none."""
        return [array.array("d", row[1]).tolist() for row in self.rows]

    @property
    def content(self) -> bytes:
        """All that a controller could act on, for the seal."""
        parts = [struct.pack("<iII", self.sec, self.nanosec, len(self.joints))]
        for joint in self.joints:
            name = joint.encode("utf-8", "surrogatepass")
            parts += (struct.pack("<I", len(name)), name)
        for *values, sec, nanosec in self.rows:
            parts += (struct.pack("<IIIIiI", *map(len, values), sec, nanosec), *values)
        return b"".join(parts)

    @classmethod
    def of(cls, message: JointTrajectory) -> "TrajectoryMessage":
        """Convert a `JointTrajectory` that rclpy has read or that is to be sent."""
        rows = tuple(
            (
                p.positions.tobytes(), p.velocities.tobytes(), p.accelerations.tobytes(), p.effort.tobytes(),
                p.time_from_start.sec, p.time_from_start.nanosec,
            )
            for p in message.points
        )  # fmt: skip
        stamp = message.header.stamp
        return cls(message.header.frame_id, stamp.sec, stamp.nanosec, tuple(message.joint_names), rows)

    @classmethod
    def read(cls, data: bytes) -> "TrajectoryMessage":
        """Parse a serialized message; raises `ValueError` for bytes that this cannot read."""
        reader = _Reader(data)
        sec, nanosec = reader.pair("<iI")
        tag = reader.text()
        joints = tuple(reader.text() for _ in range(reader.count(4)))
        rows = tuple(
            (reader.doubles(), reader.doubles(), reader.doubles(), reader.doubles(), *reader.pair("<iI"))
            for _ in range(min(reader.count(24), MOST_POINTS + 1))
        )
        if len(rows) > MOST_POINTS:
            raise ValueError(f"more than {MOST_POINTS} points")
        return cls(tag, sec, nanosec, joints, rows)


class _Reader:
    """Walks through a serialized message; everything that does not fit is a `ValueError`."""

    def __init__(self, data: bytes) -> None:
        if data[:2] != PLAIN_CDR:
            raise ValueError("another encoding")
        self._data, self._at = data, HEADER

    def pair(self, layout: str) -> tuple[int, int]:
        self._align(4)
        first, second = struct.unpack(layout, self._take(8))
        return int(first), int(second)

    def count(self, least_bytes: int) -> int:
        """How many elements follow, of so many bytes at least."""
        self._align(4)
        number = int.from_bytes(self._take(4), "little")
        if number * least_bytes > len(self._data) - self._at:
            raise ValueError("it ends too soon")
        return number

    def text(self) -> str:
        return self._take(self.count(1))[:-1].decode("utf-8")

    def doubles(self) -> bytes:
        if not (number := self.count(8)):
            return b""
        self._align(8)
        return self._take(8 * number)

    def _align(self, size: int) -> None:
        self._at += -(self._at - HEADER) % size

    def _take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise ValueError("it ends too soon")
        self._at += size
        return taken


def read_trajectory(data: bytes | HugeMessage) -> TrajectoryMessage | None:
    """What a serialized trajectory says; None if it is none, or a larger one than anybody of ours sends."""
    if isinstance(data, HugeMessage) or len(data) > MOST_BYTES[JointTrajectory]:
        return None
    try:
        return TrajectoryMessage.read(data)
    except ValueError:
        return _converted(data)


def _converted(data: bytes) -> TrajectoryMessage | None:
    try:
        return TrajectoryMessage.of(read(data, JointTrajectory))
    except Exception:  # whatever is wrong with the bytes of a stranger
        return None


def judge(
    check: TrajectoryCheck, controller: str, data: bytes | HugeMessage, clock_ns: int
) -> tuple[TrajectoryMessage | None, Sender]:
    """What a serialized trajectory says, None if nothing that can be read, and who sent it."""
    heard = read_trajectory(data)
    if heard is None:
        return None, Sender(why=f"its {len(data)} bytes cannot be read")
    sender = check.heard(controller, heard.tag, heard.content, heard.stamp_ns, clock_ns)
    if isinstance(data, bytes) and sender.why and (again := _converted(data)) not in (None, heard):
        heard = again  # a middleware that lays messages out differently
        assert heard is not None
        sender = check.heard(controller, heard.tag, heard.content, heard.stamp_ns, clock_ns)
    return heard, sender


def listen_to_controllers(
    node: Node,
    controllers: Sequence[str],
    callback: Callable[[str, bytes], None],
    topic_of: Callable[[str], str] = str,
    event_callbacks: SubscriptionEventCallbacks | None = None,
) -> None:
    """Hear what controllers are told, as bytes, with the controller's name: in the way that the controllers hear it.

    `topic_of` resolves a topic's name for another node.
    """

    def hearing(controller: str) -> Callable[[bytes], None]:
        return lambda data: callback(controller, data)

    for name in controllers:
        topic = topic_of(f"{name}/joint_trajectory")
        made = node.create_subscription(
            JointTrajectory, topic, hearing(name), qos.ALL, raw=True, event_callbacks=event_callbacks
        )
        setattr(made, BOUND, MOST_BYTES[JointTrajectory])
