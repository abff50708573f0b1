"""Node `camera_ingest`: images of all cameras and joint states to one `observation`, as soon as all cameras have moved on.

Images are kept as the bytes that came; only the frames that are used are unpacked.
"""

import time
from collections import Counter
from dataclasses import dataclass, field, replace

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage as CompressedImageMsg
from sensor_msgs.msg import Image as ImageMsg
from sensor_msgs.msg import JointState

from finevla_core.assembler import Assembler, Problem
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError, quoted
from finevla_core.images import CompressedImage, EncodedImage, RawImage
from finevla_core.observation import Observation
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.bounded_subscriptions import read, subscribe
from finevla_ros.messages import header_stamp_ns, image_format_from_msg, observation_to_msg, to_ns
from finevla_ros.node_main import run_node
from finevla_ros.params import declare, param
from finevla_ros.share_paths import robot_file

# Not the newest joint state is wanted but the one nearest to an image: none may push another out while frames are being
# decoded (50 are 0.5 s at 100 Hz).
EVERY_STATE = QoSProfile(depth=50, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)


@dataclass(frozen=True)
class IngestParameters:
    """ROS parameters of `camera_ingest`: the robot file and how the cameras send images."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path")
    transport: str = param("raw", "what the cameras send: raw (sensor_msgs/Image) or compressed (CompressedImage)")


@dataclass
class Statistics:
    """What happened since the last report; series in seconds."""

    observations: int = 0
    frames: Counter[str] = field(default_factory=Counter)
    problems: Counter[tuple[str, str]] = field(default_factory=Counter)
    sentences: dict[tuple[str, str], str] = field(default_factory=dict)
    series: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value_s: float) -> None:
        """One more value of a series."""
        self.series.setdefault(name, []).append(value_s)

    def complain(self, problems: tuple[Problem, ...]) -> None:
        """Count problems by source and code; of each kind the newest sentence is kept (they differ in their numbers)."""
        for problem in problems:
            self.problems[problem.source, problem.code] += 1
            self.sentences[problem.source, problem.code] = f"{problem.source}: {problem.text}"

    def values(self) -> dict[str, object]:
        """Everything as diagnostics show it: frames of each camera that came and were not used are its drops."""
        shown: dict[str, object] = {"observations_per_s": self.observations}
        for camera, count in self.frames.items():
            shown[f"frames_per_s_{camera}"] = count
            shown[f"frames_unused_{camera}"] = max(0, count - self.observations)
        for name, samples in self.series.items():
            middle = sorted(samples)[len(samples) // 2]
            shown |= {f"{name}_median": round(middle, 5), f"{name}_max": round(max(samples), 5)}
        return shown | {f"problem {code}, {source}": count for (source, code), count in self.problems.items()}


class CameraIngest(Node):
    """Buffers by `finevla_core.assembler`; emits at most at the robot file's rate."""

    def __init__(self) -> None:
        super().__init__("camera_ingest")
        self.parameters = declare(self, IngestParameters)
        if self.parameters.transport not in ("raw", "compressed"):
            raise FineVLAError(f"parameter 'transport' is '{self.parameters.transport}'; it must be raw or compressed")
        self.embodiment = load_embodiment(robot_file(self.parameters.robot))
        self.assembler = Assembler(self.embodiment)
        self.frames = {frame: c.name for c in self.embodiment.cameras for frame in (c.frame, c.driver_frame)}
        self.statistics = self._no_statistics()
        self.publisher = self.create_publisher(msg.Observation, "observation", qos.NEWEST)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.ALL)
        # Before the cameras: what is ready at the same time is handled in this order, and an image needs its state.
        subscribe(self, JointState, self.embodiment.state_topic, self._on_state, EVERY_STATE)
        subscribe(self, msg.ImageFormat, "observation/image_format", self._on_format, qos.LATCHED)
        for camera in self.embodiment.cameras:
            self._subscribe(camera.name, camera.topic)
        # By the machine's own clock: a /clock that stands still must be reported too.
        self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_format(self, message: msg.ImageFormat) -> None:
        """The active policy says how it sees; the robot file's format holds until one has."""
        try:
            images = image_format_from_msg(message)
        except FineVLAError as error:
            self.get_logger().warning(f"image format of policy {quoted(message.policy)} refused: {error}")
            return
        if images != self.assembler.embodiment.images:
            self.assembler.embodiment = self.embodiment.seen_as(images)
            self.get_logger().info(f"policy {quoted(message.policy)} takes pictures of {images}")

    def _subscribe(self, camera: str, topic: str) -> None:
        kind, name = (
            (ImageMsg, topic) if self.parameters.transport == "raw" else (CompressedImageMsg, f"{topic}/compressed")
        )
        subscribe(self, kind, name, lambda data: self._on_image(camera, data), qos.SENSOR, unread=True)

    def _on_image(self, camera: str, data: bytes) -> None:
        self.statistics.frames[camera] += 1
        now_ns, started = self.get_clock().now().nanoseconds, time.perf_counter()
        if (stamp_ns := header_stamp_ns(data)) is None:
            self.statistics.complain((Problem(f"camera {camera}", "image.broken", "a message without a stamp came"),))
            return
        self.assembler.add_image(camera, stamp_ns, lambda: self._unpack(camera, data))
        result = self.assembler.poll(now_ns)
        if isinstance(result, Observation):
            self.statistics.add("decode_s", time.perf_counter() - started)
            self._publish(result, now_ns)
        elif result is not None:
            self.statistics.complain(result)

    def _unpack(self, camera: str, data: bytes) -> EncodedImage:
        message = read(data, ImageMsg if self.parameters.transport == "raw" else CompressedImageMsg)
        # Frames that nobody knows pass: drivers name theirs as they like. One that is another camera's is a mistake.
        if (whose := self.frames.get(message.header.frame_id, camera)) != camera:
            raise FineVLAError(f"its picture is camera {whose}'s, by its frame_id; are the cameras exchanged?")
        if self.parameters.transport == "compressed":
            return CompressedImage(memoryview(message.data), message.format)
        data, is_bigendian = memoryview(message.data), bool(message.is_bigendian)
        return RawImage(message.encoding, message.height, message.width, message.step, data, is_bigendian)

    def _on_state(self, message: JointState) -> None:
        self.assembler.add_state(to_ns(message.header.stamp), message.name, message.position)

    def _publish(self, observation: Observation, now_ns: int) -> None:
        e, s = self.embodiment, self.statistics
        self.publisher.publish(observation_to_msg(observation, e.name, e.base_frame, e.names))
        s.observations += 1
        s.add("age_s", (now_ns - observation.stamp_ns) * 1e-9)
        s.add("skew_s", observation.skew_s)
        for camera, stamp_ns in zip(observation.cameras, observation.image_stamps_ns, strict=True):
            s.add(f"age_s_{camera}", (now_ns - stamp_ns) * 1e-9)

    def _report(self) -> None:
        s, self.statistics = self.statistics, self._no_statistics()
        now = self.get_clock().now()
        if not s.observations and not s.problems:
            s.complain(tuple(map(self._explained, self.assembler.diagnose(now.nanoseconds))))
        level = DiagnosticStatus.OK if s.observations else DiagnosticStatus.ERROR
        if s.problems and s.observations:
            level = DiagnosticStatus.WARN
        values = s.values() | {"clock_resets": self.assembler.resets}
        status = DiagnosticStatus(
            name=f"{self.get_fully_qualified_name()}: observations",
            level=level,
            message="; ".join(s.sentences.values()) or f"{s.observations} observations/s",
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = now.to_msg()
        self.diagnostics.publish(message)

    def _explained(self, problem: Problem) -> Problem:
        """A camera that sends nothing: whether anybody is there who could."""
        topics = {f"camera {camera.name}": camera.topic for camera in self.embodiment.cameras}
        if problem.code != "image.missing" or problem.source not in topics:
            return problem
        raw = topics[problem.source]
        topic, other = (raw, f"{raw}/compressed") if self.parameters.transport == "raw" else (f"{raw}/compressed", raw)
        if self.count_publishers(topic):
            return replace(
                problem, text=f"{problem.text} on {self.resolve_topic_name(topic)}, although a driver is there"
            )
        text = f"{problem.text}: nobody publishes {self.resolve_topic_name(topic)}"
        if self.count_publishers(other):
            transport = "compressed" if self.parameters.transport == "raw" else "raw"
            text += f", but {self.resolve_topic_name(other)} is there: give transport:={transport}"
        return replace(problem, text=text)

    def _no_statistics(self) -> Statistics:
        return Statistics(frames=Counter(dict.fromkeys(self.embodiment.camera_names, 0)))


def main() -> int:
    """Run node `camera_ingest` until it is told to stop; return the exit code (0 fine, 2 bad input)."""
    return run_node(CameraIngest)
