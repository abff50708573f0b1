"""Between a node and those who listen to it: every message is passed on as it came, or as a fault wants it.

The node publishes on `faults/<topic>` instead (a remapping), and the relay on the topic itself. Bytes are not unpacked unless
a fault looks into them.
"""

import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState

from finevla_core.embodiment import Embodiment
from finevla_interfaces.msg import ActionChunk
from finevla_ros import qos
from finevla_tools.transport import use_stack_transport

BEFORE = "faults"
CHUNKS, CLOCK = "action_chunk", "/clock"
# Serialized messages: 4 bytes of encapsulation, then the stamp (int32 s, uint32 ns), little endian as every machine here.
STAMP = struct.Struct("<iI")
STAMP_AT = 4
S = 1_000_000_000


@dataclass(frozen=True)
class Line:
    """A topic that goes through a relay, and which node it comes from."""

    topic: str
    kind: Any
    profile: QoSProfile
    node: str

    @property
    def before(self) -> str:
        """Where the node publishes it."""
        return f"{'/' if self.topic.startswith('/') else ''}{BEFORE}/{self.topic.lstrip('/')}"


def lines_of(robot: Embodiment, clock: bool) -> list[Line]:
    """What drills can spoil: the policy's chunks, cameras, joint states, and simulated time where there is any."""
    cameras = [Line(camera.topic, Image, qos.SENSOR, "simulator") for camera in robot.cameras]
    lines = [
        Line(CHUNKS, ActionChunk, qos.NEWEST, "policy"),
        Line(robot.state_topic, JointState, qos.SENSOR, "simulator"),
        *cameras,
    ]
    return [*lines, Line(CLOCK, Clock, qos.SENSOR, "simulator")] if clock else lines


class Relay:
    """One line; `change` is called with the bytes and may `send` what it likes, None = pass on."""

    def __init__(self, node: Any, line: Line) -> None:
        self.line, self._context = line, node.context
        self.change: Callable[[bytes], None] | None = None
        self._publisher = node.create_publisher(line.kind, line.topic, line.profile)
        node.create_subscription(line.kind, line.before, self._pass, line.profile, raw=True)

    def send(self, data: bytes) -> None:
        """To those who listen; nothing once the graph is gone."""
        if self._context.ok():
            self._publisher.publish(data)

    def later(self, seconds: float, data: bytes) -> None:
        """Send it after a while."""
        timer = threading.Timer(seconds, self.send, (data,))
        timer.daemon = True
        timer.start()

    def _pass(self, data: bytes) -> None:
        change = self.change
        self.send(data) if change is None else change(data)


class Relays:
    """All lines, by topic; a context manager with a thread of its own."""

    def __init__(self, lines: Sequence[Line], namespace: str) -> None:
        use_stack_transport()
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context)
        self.node = rclpy.create_node(
            "finevla_faults",
            namespace=namespace,
            context=self.context,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self.by_topic: Mapping[str, Relay] = {line.topic: Relay(self.node, line) for line in lines}
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(timeout=2.0)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)

    def heal(self) -> None:
        """Everything is passed on again."""
        for relay in self.by_topic.values():
            relay.change = None


def stamp_ns(data: bytes) -> int:
    """The stamp of a serialized message that begins with one."""
    seconds, nanoseconds = STAMP.unpack_from(data, STAMP_AT)
    return int(seconds) * S + int(nanoseconds)


def stamped(data: bytes, at_ns: int) -> bytes:
    """The same message with another stamp."""
    return data[:STAMP_AT] + STAMP.pack(*divmod(at_ns, S)) + data[STAMP_AT + STAMP.size :]
