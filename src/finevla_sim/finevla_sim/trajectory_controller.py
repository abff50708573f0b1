"""What joint_trajectory_controller (Jazzy) does with a JointTrajectory, without ROS: accept or refuse, then interpolate.

Facts: ros2_controllers' documentation and source; `interpolate_from_desired_state` is on, as in config/controllers.yaml.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError

VELOCITY_EPSILON = 1e-6


@dataclass(frozen=True)
class Point:
    """One trajectory point; `velocities` may be empty (then positions are joined by straight lines)."""

    time_from_start_ns: int
    positions: tuple[float, ...]
    velocities: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Running:
    times_ns: NDArray[np.int64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64] | None


class TrajectoryController:
    """One controller: the newest accepted trajectory replaces the running one, from the last command on."""

    def __init__(self, name: str, joints: Sequence[str], positions: NDArray[np.float64]) -> None:
        self.name, self.joints = name, tuple(joints)
        self.hold(positions)

    def hold(self, positions: NDArray[np.float64]) -> None:
        """Forget the trajectory and stay at `positions` `(J,)`."""
        self._position, self._velocity = np.array(positions, float), np.zeros(len(self.joints))
        self._running: _Running | None = None

    def accept(self, joints: Sequence[str], points: Sequence[Point], stamp_ns: int, now_ns: int) -> None:
        """Replace the running trajectory; raises `FineVLAError` where the controller would refuse the message."""
        self._check(joints, points, stamp_ns, now_ns)
        order = [list(joints).index(joint) for joint in self.joints]
        start_ns = stamp_ns or now_ns
        self.sample(now_ns)
        times = [now_ns, *(start_ns + p.time_from_start_ns for p in points)]
        positions = np.array([self._position, *([p.positions[i] for i in order] for p in points)])
        velocities = None
        if all(p.velocities for p in points):
            velocities = np.array([self._velocity, *([p.velocities[i] for i in order] for p in points)])
        behind = sum(t <= now_ns for t in times[1:])
        keep = [0, *range(1 + behind, len(times))]
        self._running = _Running(
            np.array(times, np.int64)[keep], positions[keep], None if velocities is None else velocities[keep]
        )

    def sample(self, now_ns: int) -> NDArray[np.float64]:
        """Command `(J,)` at a time; the last point is held for ever."""
        running = self._running
        if running is None:
            return self._position
        if now_ns >= running.times_ns[-1]:
            self.hold(running.positions[-1])
            return self._position
        i = max(0, int(np.searchsorted(running.times_ns, now_ns, side="right")) - 1)
        h = (running.times_ns[i + 1] - running.times_ns[i]) * 1e-9
        s = max(0.0, (now_ns - running.times_ns[i]) * 1e-9 / h)
        p0, p1 = running.positions[i], running.positions[i + 1]
        if running.velocities is None:
            self._position, self._velocity = p0 + s * (p1 - p0), (p1 - p0) / h
            return self._position
        m0, m1 = running.velocities[i] * h, running.velocities[i + 1] * h
        self._position = (
            (1 + 2 * s) * (1 - s) ** 2 * p0 + s * (1 - s) ** 2 * m0 + s**2 * (3 - 2 * s) * p1 + s**2 * (s - 1) * m1
        )
        self._velocity = (6 * s * (s - 1) * (p0 - p1) + (3 * s**2 - 4 * s + 1) * m0 + (3 * s**2 - 2 * s) * m1) / h
        return self._position

    def _check(self, joints: Sequence[str], points: Sequence[Point], stamp_ns: int, now_ns: int) -> None:
        where = f"{self.name}: trajectory refused"
        if missing := [joint for joint in self.joints if joint not in joints]:
            raise FineVLAError(f"{where}: joint '{missing[0]}' is missing; partial goals are not allowed")
        if unknown := [joint for joint in joints if joint not in self.joints]:
            raise FineVLAError(f"{where}: joint '{unknown[0]}' is not one of its joints")
        if not points:
            raise FineVLAError(f"{where}: it has no points")
        times = [p.time_from_start_ns for p in points]
        if any(later <= earlier for earlier, later in itertools.pairwise(times)) or times[0] < 0:
            raise FineVLAError(f"{where}: time_from_start must increase strictly")
        if stamp_ns and stamp_ns + times[-1] <= now_ns:
            raise FineVLAError(f"{where}: it ended {(now_ns - stamp_ns - times[-1]) * 1e-9:.3f} s ago")
        for point in points:
            if len(point.positions) != len(joints) or len(point.velocities) not in (0, len(joints)):
                raise FineVLAError(f"{where}: a point has {len(point.positions)} positions for {len(joints)} joints")
            if not np.isfinite([*point.positions, *point.velocities]).all():
                raise FineVLAError(f"{where}: a point is not finite")
        if points[-1].velocities and max(map(abs, points[-1].velocities)) > VELOCITY_EPSILON:
            raise FineVLAError(f"{where}: the velocity of its last point is not zero")
