"""Between a node and those who listen to it: every message is passed on as it came, or as a fault wants it.

The node publishes on `faults/<topic>` instead (a remapping), and the relay on the topic itself; or the node takes from there.
Bytes are not unpacked unless a fault looks into them.
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
from trajectory_msgs.msg import JointTrajectory

from finevla_core.embodiment import Embodiment
from finevla_core.time_units import NS_PER_S
from finevla_interfaces.msg import ActionChunk
from finevla_ros import qos
from finevla_ros.spin_thread import SpinThread
from finevla_ros.transport import use_stack_transport

BEFORE = "faults"
CHUNKS, CLOCK = "action_chunk", "/clock"
# Serialized messages: 4 bytes of encapsulation, then the stamp (int32 s, uint32 ns), little endian as every machine here.
STAMP = struct.Struct("<iI")
STAMP_AT = 4


@dataclass(frozen=True)
class Line:
    """A topic that goes through a relay, and the node that it comes from, or, if `is_taken`, that takes it."""

    topic: str
    kind: Any
    profile: QoSProfile
    node: str
    is_taken: bool = False

    @property
    def before(self) -> str:
        """Where the node publishes it, or takes it from."""
        return f"{'/' if self.topic.startswith('/') else ''}{BEFORE}/{self.topic.lstrip('/')}"


def lines_of(robot: Embodiment, clock: bool) -> list[Line]:
    """What drills can spoil: the policy's chunks, cameras, joint states; with simulated time that, and what controllers hear.

    Two stacks, so that not every drill has what the controllers are told pass through one more process.
    """
    cameras = [Line(camera.topic, Image, qos.SENSOR, "simulator") for camera in robot.cameras]
    lines = [
        Line(CHUNKS, ActionChunk, qos.NEWEST, "policy"),
        Line(robot.state_topic, JointState, qos.SENSOR, "simulator"),
        *cameras,
    ]
    if not clock:
        return lines
    told = [Line(told_topic(c.name), JointTrajectory, qos.ALL, "simulator", True) for c in robot.controllers]
    return [*lines, Line(CLOCK, Clock, qos.SENSOR, "simulator"), *told]


def told_topic(controller: str) -> str:
    """Where a controller is told its trajectories."""
    return f"{controller}/joint_trajectory"


class Relay:
    """One line; `change` is called with the bytes and may `send` what it likes, None = pass on."""

    def __init__(self, node: Any, line: Line) -> None:
        self.line, self._context = line, node.context
        self.change: Callable[[bytes], None] | None = None
        taken, given = (line.topic, line.before) if line.is_taken else (line.before, line.topic)
        self._publisher = node.create_publisher(line.kind, given, line.profile)
        node.create_subscription(line.kind, taken, self._pass, line.profile, raw=True)

    def send(self, data: bytes) -> None:
        """To those who listen; nothing once the graph is gone."""
        if self._context.ok():
            self._publisher.publish(data)

    def later(self, seconds: float, data: bytes) -> None:
        """Send a message after `seconds`, from a timer thread."""
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
        self._spinner = SpinThread(self.node, SingleThreadedExecutor(context=self.context), "finevla_faults")

    def __enter__(self) -> Self:
        self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._spinner.close()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)

    def heal(self) -> None:
        """Everything is passed on again."""
        for relay in self.by_topic.values():
            relay.change = None


def stamp_ns(data: bytes) -> int:
    """The stamp of a serialized message that begins with one."""
    seconds, nanoseconds = STAMP.unpack_from(data, STAMP_AT)
    return int(seconds) * NS_PER_S + int(nanoseconds)


def stamped(data: bytes, at_ns: int) -> bytes:
    """Return the serialized message with another stamp."""
    return data[:STAMP_AT] + STAMP.pack(*divmod(at_ns, NS_PER_S)) + data[STAMP_AT + STAMP.size :]
