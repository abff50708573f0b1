"""The robot's joint trajectory controllers as a test sees them: played by our own code, or real ones on mock hardware.

What is seen of a controller is its reference, position and velocity; where it is sent to is a trajectory message's content.
"""

import importlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.joint_trajectory_controller import Point, TrajectoryController
from finevla_core.urdf import expand

MS, S = 1_000_000, 1_000_000_000
PERIOD_NS = 5 * MS
ROOT = Path(__file__).parents[2]
SETTLE_S = 0.3  # real controllers: a message's way, and a moment to see what it did


@dataclass(frozen=True)
class Trace:
    """What a controller's reference was: `times_ns` (N,), `positions` and `velocities` (N, J)."""

    times_ns: NDArray[np.int64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]


class Controllers(Protocol):
    """All controllers of a robot, resting at `home`.

    `slack_s` is how late a message may arrive; `exact` how far (rad, m) a reference may be from what it should be, known
    by its stamp only.
    """

    slack_s: float
    exact: float

    def now_ns(self) -> int:
        """The controllers' clock."""

    def send(self, name: str, joints: Sequence[str], points: Sequence[Point], stamp_ns: int = 0) -> None:
        """A trajectory message; whether it is taken shows in what the controller does."""

    def run(self, seconds: float) -> dict[str, Trace]:
        """Let time pass, and what happened in it."""


class Played:
    """`TrajectoryController`s in a time of their own."""

    slack_s, exact = 0.0, 1e-6

    def __init__(self, robot: Embodiment, home: NDArray[np.float64]) -> None:
        self._now_ns = 50 * S
        self.controllers = {
            c.name: TrajectoryController(c.name, c.joints, [home[robot.joints.index(j)] for j in c.joints])
            for c in robot.controllers
        }

    def now_ns(self) -> int:
        return self._now_ns

    def send(self, name: str, joints: Sequence[str], points: Sequence[Point], stamp_ns: int = 0) -> None:
        try:
            self.controllers[name].accept(joints, points, stamp_ns, self._now_ns)
        except FineVLAError:
            return  # a controller on a topic cannot answer either

    def run(self, seconds: float) -> dict[str, Trace]:
        """References at 200 Hz, those of the first and of the last moment included."""
        end_ns = self._now_ns + round(seconds * S)
        times = np.unique([*range(self._now_ns, end_ns, PERIOD_NS), end_ns]).astype(np.int64)
        self._now_ns = end_ns
        return {name: _trace(controller, times) for name, controller in self.controllers.items()}


def _trace(controller: TrajectoryController, times: NDArray[np.int64]) -> Trace:
    seen = [(controller.sample(int(t)).copy(), controller.velocity.copy()) for t in times]
    return Trace(times, np.array([p for p, _ in seen]), np.array([v for _, v in seen]))


NEEDED = ("controller_manager", "joint_trajectory_controller", "robot_state_publisher", "control_msgs")


def missing_for_real() -> str:
    """Why there are no real controllers here; empty if there are."""
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        for package in NEEDED:
            get_package_prefix(package)
    except PackageNotFoundError:
        return f"package '{package}' is not installed (apt install ros-jazzy-ros2-control ros-jazzy-ros2-controllers)"
    return ""


class Real:
    """controller_manager with config/controllers.yaml and mock hardware, in processes of its own; a context manager."""

    # A replacement starts from the last command with the stamp of the cycle before; and stamps are those of the update.
    slack_s, exact = SETTLE_S, 2e-3

    def __init__(self, robot: Embodiment, home: NDArray[np.float64], folder: Path) -> None:
        from probe import Probe

        self.robot, self.home, self.probe = robot, home, Probe("contract")
        self._processes = [self._start(*command) for command in self._commands(folder)]

    def __enter__(self) -> "Real":
        from trajectory_msgs.msg import JointTrajectory

        from finevla_ros import qos

        state = importlib.import_module("control_msgs.msg").JointTrajectoryControllerState
        self.probe.__enter__()
        names = [c.name for c in self.robot.controllers]
        self._out = {n: self.probe.publisher(JointTrajectory, f"{n}/joint_trajectory", qos.ALL) for n in names}
        self._seen = {n: self.probe.listen(f"{n}/controller_state", state, qos.ALL) for n in names}
        self.probe.wait(lambda: all(self._seen.values()), "all controllers to be active", 60.0)
        return self

    def __exit__(self, *exception: object) -> None:
        self.probe.__exit__(*exception)
        for process in reversed(self._processes):
            os.killpg(process.pid, signal.SIGINT)
            process.wait(10.0)

    def go_home(self) -> None:
        """At rest at home, whatever a test left behind."""
        for c in self.robot.controllers:
            self.send(c.name, c.joints, [Point(S, tuple(self.home[self.robot.joints.index(j)] for j in c.joints))])
        self.run(1.0 + 2 * self.slack_s)

    def now_ns(self) -> int:
        return self.probe.now_ns()

    def send(self, name: str, joints: Sequence[str], points: Sequence[Point], stamp_ns: int = 0) -> None:
        from builtin_interfaces.msg import Duration
        from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

        from finevla_ros.messages import to_stamp

        message = JointTrajectory(joint_names=list(joints))
        message.header.stamp = to_stamp(stamp_ns)
        for point in points:
            entry = JointTrajectoryPoint(positions=list(point.positions), velocities=list(point.velocities))
            entry.time_from_start = Duration(sec=point.time_from_start_ns // S, nanosec=point.time_from_start_ns % S)
            message.points.append(entry)
        self._out[name].publish(message)

    def run(self, seconds: float) -> dict[str, Trace]:
        start_ns, first = self.now_ns(), {name: len(seen) for name, seen in self._seen.items()}
        end_ns = start_ns + round(seconds * S)
        self.probe.wait(lambda: self.now_ns() >= end_ns, "time to pass", seconds + 10.0)
        return {name: self._traced(seen[first[name] :]) for name, seen in self._seen.items()}

    def _traced(self, messages: list) -> Trace:
        from finevla_ros.messages import to_ns

        return Trace(
            np.array([to_ns(m.header.stamp) for m in messages], np.int64),
            np.array([m.reference.positions for m in messages]),
            np.array([m.reference.velocities for m in messages]),
        )

    def _commands(self, folder: Path) -> list[tuple[str, ...]]:
        import yaml

        urdf = expand(ROOT / self.robot.urdf, hardware_plugin="mock_components/GenericSystem", overrun="0.3")
        description = folder / "description.yaml"
        description.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"robot_description": urdf}}}))
        names = [c.name for c in self.robot.controllers]
        controllers = str(ROOT / "config" / "controllers.yaml")
        return [
            ("robot_state_publisher", "robot_state_publisher", "--ros-args", "--params-file", str(description)),
            ("controller_manager", "ros2_control_node", "--ros-args", "--params-file", controllers),
            ("controller_manager", "spawner", *names, "--ros-args"),
        ]

    def _start(self, package: str, executable: str, *arguments: str) -> subprocess.Popen:
        from ament_index_python.packages import get_package_prefix

        path = Path(get_package_prefix(package)) / "lib" / package / executable
        return subprocess.Popen([str(path), *arguments, "-r", "__ns:=/contract"], start_new_session=True)
