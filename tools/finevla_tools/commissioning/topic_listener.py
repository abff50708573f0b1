"""What the robot says while it is listened to: pictures, joint states, the arms' drivers, stops; nothing is ever sent."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Empty

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import CompressedImage as CompressedPicture
from finevla_core.images import ImageFormat, RawImage, to_policy_image
from finevla_interfaces.msg import PiperStatus, SafetyStatus
from finevla_ros import qos
from finevla_ros.bounded_subscriptions import read, subscribe
from finevla_ros.messages import header_stamp_ns, to_ns

KEPT = 4096  # of each stream: 20 s at 200 Hz


@dataclass
class Stream:
    """One topic: when messages came (steady clock), how old each was by its stamp, and the newest of them."""

    topic: str
    count: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    ages_s: list[float] = field(default_factory=list)

    def note(self, age_s: float) -> None:
        """Count a message that arrives now and was stamped `age_s` seconds ago."""
        self.last_s = time.monotonic()
        self.first_s = self.first_s or self.last_s
        self.count += 1
        if len(self.ages_s) < KEPT:
            self.ages_s.append(age_s)

    def clear(self) -> None:
        """Reset count, times and ages."""
        self.count, self.first_s, self.last_s, self.ages_s = 0, 0.0, 0.0, []

    @property
    def rate_hz(self) -> float:
        """Messages per second between the first and the last."""
        return (self.count - 1) / (self.last_s - self.first_s) if self.count > 1 else 0.0


class TopicListener:
    """Subscriptions on a node that somebody else spins; `prefixes` are the arms' (`left_`, `right_`)."""

    def __init__(self, node: Node, robot: Embodiment, transport: str) -> None:
        self.node, self.robot, self.transport = node, robot, transport
        suffix, self.kind = ("", Image) if transport == "raw" else ("/compressed", CompressedImage)
        self.cameras = {c.name: Stream(node.resolve_topic_name(c.topic + suffix)) for c in robot.cameras}
        self.joints = Stream(node.resolve_topic_name(robot.state_topic))
        self.prefixes = [joint.removesuffix("joint1") for joint in robot.joints if joint.endswith("joint1")]
        self.prefixes = [prefix for prefix in self.prefixes if not prefix.endswith("gripper_")]
        self.arms: dict[str, PiperStatus] = {}
        self.stop_heard_s = self.stopped_s = 0.0
        self._lock = threading.Lock()
        self._pictures: dict[str, bytes] = {}
        self._values: NDArray[np.float64] | None = None
        self._broken = ""
        self.lowest: NDArray[np.float64] = np.zeros(0)
        self.highest: NDArray[np.float64] = np.zeros(0)
        for camera in robot.cameras:
            subscribe(node, self.kind, camera.topic + suffix, self._on_picture(camera.name), qos.SENSOR, unread=True)
        subscribe(node, JointState, robot.state_topic, self._on_joints, qos.SENSOR)
        for prefix in self.prefixes:
            subscribe(node, PiperStatus, f"{prefix}arm/status", self._on_arm(prefix), qos.SENSOR, most_bytes=65536)
        subscribe(node, Empty, "safety/stop", self._on_stop, qos.ALL)
        subscribe(node, SafetyStatus, "safety/status", self._on_status, qos.LATCHED)

    def listen(self, seconds: float) -> None:
        """Forget what came, and take in what comes now."""
        for stream in (*self.cameras.values(), self.joints):
            stream.clear()
        with self._lock:
            self._pictures.clear()
        time.sleep(seconds)

    def values(self) -> NDArray[np.float64]:
        """The newest joint state as values `(D,)`; raises `FineVLAError` if there is none that is whole."""
        with self._lock:
            if self._values is None:
                raise FineVLAError(self._broken or f"no joint state has come on {self.joints.topic}")
            return self._values.copy()

    def follow(self) -> None:
        """From now on note the lowest and highest of every value."""
        with self._lock:
            self.lowest, self.highest = np.zeros(0), np.zeros(0)

    def picture(self, camera: str) -> NDArray[np.uint8]:
        """The newest picture, RGB in the robot file's size; raises `FineVLAError` if there is none or it cannot be used."""
        with self._lock:
            data = self._pictures.get(camera)
        if data is None:
            raise FineVLAError(f"no picture has come on {self.cameras[camera].topic}")
        sizes = {c.name: (c.height, c.width) for c in self.robot.cameras}
        message = read(data, self.kind)
        if self.transport == "raw":
            m = message
            pixels, is_bigendian = memoryview(m.data), bool(m.is_bigendian)
            return to_policy_image(
                RawImage(m.encoding, m.height, m.width, m.step, pixels, is_bigendian), ImageFormat(*sizes[camera])
            )
        return to_policy_image(CompressedPicture(memoryview(message.data), message.format), ImageFormat(*sizes[camera]))

    def frame(self, camera: str) -> str:
        """The frame that the newest picture names, empty if there is none."""
        with self._lock:
            data = self._pictures.get(camera)
        return str(read(data, self.kind).header.frame_id) if data is not None else ""

    def publishers(self, topic: str) -> int:
        """How many publish on a topic."""
        return int(self.node.count_publishers(topic))

    def _now_ns(self) -> int:
        return int(self.node.get_clock().now().nanoseconds)

    def _on_picture(self, camera: str) -> Callable[[bytes], None]:
        def note(data: bytes) -> None:
            if (stamp_ns := header_stamp_ns(data)) is None:
                return
            with self._lock:
                self._pictures[camera] = data
            self.cameras[camera].note((self._now_ns() - stamp_ns) * 1e-9)

        return note

    def _on_joints(self, message: JointState) -> None:
        self.joints.note((self._now_ns() - to_ns(message.header.stamp)) * 1e-9)
        order = self.robot.order_in(message.name)
        if order is None or len(message.position) < len(message.name):
            missing = [joint for joint in self.robot.joints if joint not in message.name]
            self._broken = f"joint states lack {', '.join(missing) or 'positions'}"
            return
        values = self.robot.to_values([message.position[i] for i in order])
        with self._lock:
            self._values = values
            self.lowest = values if not self.lowest.size else np.fmin(self.lowest, values)
            self.highest = values if not self.highest.size else np.fmax(self.highest, values)

    def _on_arm(self, prefix: str) -> Callable[[PiperStatus], None]:
        def note(message: PiperStatus) -> None:
            self.arms[prefix] = message

        return note

    def await_stop(self) -> None:
        """From now on note when a stop is asked for, and when the bridge says that it is stopped (steady clock)."""
        self.stop_heard_s = self.stopped_s = 0.0

    def _on_status(self, message: SafetyStatus) -> None:
        if message.state == SafetyStatus.STOPPED:
            self.stopped_s = self.stopped_s or time.monotonic()

    def _on_stop(self, message: Empty) -> None:
        del message
        self.stop_heard_s = self.stop_heard_s or time.monotonic()
