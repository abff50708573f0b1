"""Node `camera_ingest`: images of all cameras and joint states to one `observation`, as soon as all cameras have moved on.

Images are kept as the bytes that came; only the frames that are used are unpacked.
"""

import struct
import time
from collections import deque
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage as CompressedImageMsg
from sensor_msgs.msg import Image as ImageMsg
from sensor_msgs.msg import JointState

from finevla_core.assembler import Assembler, Problem
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import CompressedImage, EncodedImage, RawImage
from finevla_core.observation import Observation
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.convert import observation_to_msg, to_ns
from finevla_ros.params import declare, param
from finevla_ros.paths import robot_file
from finevla_ros.run import run_node

# A serialized message with a header starts with 4 bytes of encapsulation, then the stamp: int32 s, uint32 ns.
_STAMP = struct.Struct("<iI")
_STAMP_AT = 4


@dataclass(frozen=True)
class Parameters:
    """Parameters of the ingest."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path")
    transport: str = param("raw", "what the cameras send: raw (sensor_msgs/Image) or compressed (CompressedImage)")


@dataclass
class Statistics:
    """What the last second showed, for diagnostics."""

    observations: int = 0
    frames: dict[str, int] = field(default_factory=dict)
    skew_s: deque[float] = field(default_factory=lambda: deque(maxlen=100))
    age_s: deque[float] = field(default_factory=lambda: deque(maxlen=100))
    decode_s: deque[float] = field(default_factory=lambda: deque(maxlen=100))
    problems: tuple[Problem, ...] = ()


class CameraIngest(Node):
    """Buffers by `finevla_core.assembler`; emits at most at the robot file's rate."""

    def __init__(self) -> None:
        super().__init__("camera_ingest")
        self.parameters = declare(self, Parameters)
        if self.parameters.transport not in ("raw", "compressed"):
            raise FineVLAError(f"parameter 'transport' is '{self.parameters.transport}'; it must be raw or compressed")
        self.embodiment = load_embodiment(robot_file(self.parameters.robot))
        self.assembler = Assembler(self.embodiment)
        self.statistics = Statistics(frames=dict.fromkeys(self.embodiment.camera_names, 0))
        # A little shorter than the period, so that a camera's jitter does not cost every second frame.
        self.min_gap_ns = round(0.8e9 / self.embodiment.observation_rate_hz)
        self.used: dict[str, int] = dict.fromkeys(self.embodiment.camera_names, 0)
        self.emitted_ns = 0
        self.publisher = self.create_publisher(msg.Observation, "observation", qos.NEWEST)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.ALL)
        for camera in self.embodiment.cameras:
            self._subscribe(camera.name, camera.topic)
        self.create_subscription(JointState, self.embodiment.state_topic, self._on_state, qos.SENSOR)
        self.create_timer(1.0, self._report)

    def _subscribe(self, camera: str, topic: str) -> None:
        kind, name = (
            (ImageMsg, topic) if self.parameters.transport == "raw" else (CompressedImageMsg, f"{topic}/compressed")
        )
        self.create_subscription(kind, name, lambda data: self._on_image(camera, data), qos.SENSOR, raw=True)

    def _on_image(self, camera: str, data: bytes) -> None:
        seconds, nanoseconds = _STAMP.unpack_from(data, _STAMP_AT)
        unpack = _unpack_raw if self.parameters.transport == "raw" else _unpack_compressed
        self.assembler.add_image(camera, seconds * 1_000_000_000 + nanoseconds, lambda: unpack(data))
        self.statistics.frames[camera] += 1
        self._emit_if_due()

    def _on_state(self, message: JointState) -> None:
        self.assembler.add_state(to_ns(message.header.stamp), message.name, message.position)

    def _emit_if_due(self) -> None:
        stamps = self.assembler.newest_stamps()
        if any(stamps[name] == self.used[name] or not stamps[name] for name in stamps):
            return
        if 0 <= min(stamps.values()) - self.emitted_ns < self.min_gap_ns:
            return
        now_ns, started = self.get_clock().now().nanoseconds, time.perf_counter()
        result = self.assembler.observe(now_ns)
        self.used = stamps
        if not isinstance(result, Observation):
            self.statistics.problems = result
            return
        self.emitted_ns = min(result.image_stamps_ns)
        self.publisher.publish(
            observation_to_msg(result, self.embodiment.name, self.embodiment.base_frame, self.embodiment.names)
        )
        self.statistics.problems = ()
        self.statistics.observations += 1
        self.statistics.skew_s.append(result.skew_s)
        self.statistics.age_s.append((now_ns - result.stamp_ns) * 1e-9)
        self.statistics.decode_s.append(time.perf_counter() - started)

    def _report(self) -> None:
        s = self.statistics
        if not s.observations and not s.problems:
            result = self.assembler.observe(self.get_clock().now().nanoseconds)
            s.problems = () if isinstance(result, Observation) else result
        level = DiagnosticStatus.OK if s.observations else DiagnosticStatus.ERROR
        text = "; ".join(f"{p.source}: {p.text}" for p in s.problems) or f"{s.observations} observations/s"
        if s.problems and s.observations:
            level = DiagnosticStatus.WARN
        values = {"observations_per_s": s.observations, "clock_resets": self.assembler.resets}
        values |= {f"frames_per_s_{name}": count for name, count in s.frames.items()}
        values |= {f"problem_{p.code}": p.source for p in s.problems}
        for name in ("skew_s", "age_s", "decode_s"):
            if samples := sorted(getattr(s, name)):
                values |= {f"{name}_median": round(samples[len(samples) // 2], 5), f"{name}_max": round(samples[-1], 5)}
        status = DiagnosticStatus(
            name=f"{self.get_fully_qualified_name()}: observations",
            level=level,
            message=text,
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics.publish(message)
        self.statistics = Statistics(frames=dict.fromkeys(self.embodiment.camera_names, 0))


def _unpack_raw(data: bytes) -> EncodedImage:
    message = deserialize_message(data, ImageMsg)
    return RawImage(message.encoding, message.height, message.width, message.step, memoryview(message.data))


def _unpack_compressed(data: bytes) -> EncodedImage:
    return CompressedImage(memoryview(deserialize_message(data, CompressedImageMsg).data))


def main() -> int:
    """Entry point."""
    return run_node(CameraIngest)
