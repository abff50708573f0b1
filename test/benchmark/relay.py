"""A bare rclpy relay of the stack's messages, with as many hops: what `make bench` compares the stack's latency with.

Pictures of three cameras -> observation -> chunk -> trajectories of all controllers. Each hop is a node in a process of its
own that fills in a message of the true size and publishes it; nothing is looked at, resized, judged or inferred.

    python test/benchmark/relay.py ROLE --ros-args -r __ns:=/relay      # ROLE: camera, observation, chunk, command
"""

import array
import contextlib
import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Self

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from finevla_client.connection import Connection
from finevla_core.embodiment import Embodiment
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.messages import to_ns
from finevla_sim.robot_files import default_robot

ROLES = ("camera", "observation", "chunk", "command")
NAMESPACE = "relay"
SIDE_PX = 224  # of the simulator's pictures
STATES_HZ, HORIZON = 100.0, 16
STEPS = 60  # knots of a trajectory


class Camera(Node):
    """Pictures of all cameras at the robot's rate, and joint states."""

    def __init__(self, robot: Embodiment) -> None:
        super().__init__("camera")
        self.pictures = [self.create_publisher(Image, c.topic, qos.SENSOR) for c in robot.cameras]
        self.infos = [self.create_publisher(CameraInfo, info_topic(c.topic), qos.SENSOR) for c in robot.cameras]
        self.states = self.create_publisher(JointState, robot.state_topic, qos.SENSOR)
        self.picture = Image(encoding="rgb8", height=SIDE_PX, width=SIDE_PX, step=3 * SIDE_PX)
        self.picture.data = array.array("B", bytes(3 * SIDE_PX * SIDE_PX))
        self.state = JointState(name=[v.joint for v in robot.values], position=[0.0] * len(robot.values))
        self.create_timer(1.0 / robot.observation_rate_hz, self._send)
        self.create_timer(1.0 / STATES_HZ, lambda: self.states.publish(self.state))

    def _send(self) -> None:
        stamp = self.get_clock().now().to_msg()
        self.picture.header.stamp = stamp
        info = CameraInfo()
        info.header.stamp = stamp
        for picture, told in zip(self.pictures, self.infos, strict=True):
            picture.publish(self.picture)
            told.publish(info)


class ObservationRelay(Node):
    """Pictures in, an observation out when the last camera's has come."""

    def __init__(self, robot: Embodiment) -> None:
        super().__init__("observation")
        cameras = len(robot.cameras)
        self.message = msg.Observation(embodiment=robot.name, cameras=[c.name for c in robot.cameras])
        size = cameras * 3 * robot.image_height * robot.image_width
        self.message.images = array.array("B", bytes(size))
        self.message.state_names, self.message.state = list(robot.names), [0.0] * len(robot.names)
        self.publisher = self.create_publisher(msg.Observation, "observation", qos.NEWEST)
        self.came: dict[str, Any] = {}
        for camera in robot.cameras:
            self.create_subscription(Image, camera.topic, lambda m, n=camera.name: self._on_image(n, m), qos.SENSOR)
        self.create_subscription(JointState, robot.state_topic, lambda _: None, qos.SENSOR)
        self.needed = cameras

    def _on_image(self, name: str, message: Image) -> None:
        self.came[name] = message.header.stamp
        if len(self.came) == self.needed and len({to_ns(stamp) for stamp in self.came.values()}) == 1:
            self.message.header.stamp = message.header.stamp
            self.message.image_stamps = [message.header.stamp] * self.needed
            self.publisher.publish(self.message)
            self.came.clear()


class ChunkRelay(Node):
    """An observation in, a chunk out."""

    def __init__(self, robot: Embodiment) -> None:
        super().__init__("chunk")
        self.message = msg.ActionChunk(embodiment=robot.name, names=list(robot.names), horizon=HORIZON)
        self.message.actions = array.array("d", bytes(8 * HORIZON * len(robot.names)))
        self.publisher = self.create_publisher(msg.ActionChunk, "action_chunk", qos.NEWEST)
        self.create_subscription(msg.Observation, "observation", self._on_observation, qos.NEWEST)

    def _on_observation(self, message: msg.Observation) -> None:
        self.message.header.stamp = message.header.stamp
        self.publisher.publish(self.message)


class CommandRelay(Node):
    """A chunk in, a trajectory for each controller out."""

    def __init__(self, robot: Embodiment) -> None:
        super().__init__("command")
        self.told = []
        for controller in robot.controllers:
            publisher = self.create_publisher(JointTrajectory, f"{controller.name}/joint_trajectory", qos.ALL)
            zeros = [0.0] * len(controller.joints)
            points = [JointTrajectoryPoint(positions=zeros, velocities=zeros) for _ in range(STEPS)]
            self.told.append((publisher, JointTrajectory(joint_names=list(controller.joints), points=points)))
        self.create_subscription(msg.ActionChunk, "action_chunk", self._on_chunk, qos.NEWEST)

    def _on_chunk(self, message: msg.ActionChunk) -> None:
        for publisher, trajectory in self.told:
            trajectory.header.stamp = message.header.stamp
            publisher.publish(trajectory)


def info_topic(topic: str) -> str:
    """A camera's calibration beside its pictures."""
    return topic.replace("image_raw", "camera_info")


class Relay:
    """The relay's processes, and milliseconds from the last picture to the last trajectory. A context manager."""

    def __init__(self) -> None:
        self.robot = default_robot().embodiment
        self.milliseconds: list[float] = []
        self._imaged: dict[int, int] = {}
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._client = Connection(NAMESPACE, name="relay_watch").__enter__()  # first: it sets the transport of all
        arguments = ("--ros-args", "-r", f"__ns:=/{NAMESPACE}")
        self._processes = [subprocess.Popen([sys.executable, __file__, role, *arguments]) for role in ROLES]
        for camera in self.robot.cameras:
            self._client.listen(info_topic(camera.topic), CameraInfo, qos.SENSOR, self._on_info)
        last = self.robot.controllers[0].name
        self._client.listen(f"{last}/joint_trajectory", JointTrajectory, qos.ALL, self._on_trajectory)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(10.0)
        self._client.__exit__(None, None, None)

    def spread(self) -> tuple[float, float]:
        """Median and 99th percentile of what was measured so far; raises `statistics.StatisticsError` if nothing was."""
        ordered = sorted(self.milliseconds)
        return statistics.median(ordered), ordered[round(0.99 * (len(ordered) - 1))]

    def _now(self) -> int:
        return int(self._client.node.get_clock().now().nanoseconds)

    def _on_info(self, message: CameraInfo) -> None:
        self._imaged[to_ns(message.header.stamp)] = self._now()

    def _on_trajectory(self, message: JointTrajectory) -> None:
        imaged = self._imaged.pop(to_ns(message.header.stamp), None)
        if imaged is not None:
            self.milliseconds.append((self._now() - imaged) * 1e-6)


def main(argv: Sequence[str] | None = None) -> int:
    """One hop."""
    role, *arguments = argv if argv is not None else sys.argv[1:]
    rclpy.init(args=arguments)
    kinds = dict(zip(ROLES, (Camera, ObservationRelay, ChunkRelay, CommandRelay), strict=True))
    executor = SingleThreadedExecutor()
    node = kinds[role](default_robot().embodiment)
    executor.add_node(node)
    with contextlib.suppress(KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        executor.spin()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
