"""What joint_trajectory_controller (Jazzy) does with a JointTrajectory, without ROS: accept or refuse, then interpolate.

The simulator and the bridge to a vendor's driver play it. Facts: ros2_controllers' documentation and source, version 4.42,
and what a real one at 200 Hz did with our plans; `interpolate_from_desired_state` is on, as in config/controllers.yaml.

A trajectory that begins in the future is led to from the last command, and that command counts as one period older than it
is: the controller commands one period ahead, and stamps what it commanded with the cycle before. In motion this is a jerk.
Whoever wants none sends the point that the command is at now as well, stamped in the past.
"""

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finevla_core.errors import FineVLAError, quoted

PERIOD_NS = 5_000_000  # of the control loop: update_rate in config/controllers.yaml
VELOCITY_EPSILON = float(np.finfo(np.float32).eps)  # the controller compares with that of a C++ float
SHORTEST_BRAKE_S = 1e-3


@dataclass(frozen=True)
class Point:
    """One trajectory point; `velocities` may be empty (then straight lines lead to it and away from it)."""

    time_from_start_ns: int
    positions: tuple[float, ...]
    velocities: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Knot:
    time_ns: int
    position: NDArray[np.float64]
    velocity: NDArray[np.float64] | None


class TrajectoryController:
    """One controller: the newest accepted trajectory replaces the running one, from the last command on.

    `tolerance` `(J,)`, in the joints' units, is how far the measured arm may be from the motion; 0 = anywhere.
    `period_ns` is the original's; 0 = a controller that has none, and leads from its last command as if it were of now.
    The original takes what is not finite, and then sends no command; it takes a joint that is named twice, too. `is_strict`
    refuses both.
    """

    def __init__(
        self,
        name: str,
        joints: Sequence[str],
        positions: ArrayLike,
        tolerance: ArrayLike | None = None,
        period_ns: int = PERIOD_NS,
        is_strict: bool = False,
    ) -> None:
        self.name, self.joints, self.period_ns, self.is_strict = name, tuple(joints), period_ns, is_strict
        limit = np.asarray(tolerance if tolerance is not None else np.zeros(len(self.joints)), float)
        self._tolerance = np.where(limit > 0, limit, np.inf)
        self.hold(positions)

    @property
    def velocity(self) -> NDArray[np.float64]:
        """Velocity `(J,)` of the command that was sampled last."""
        return self._velocity

    def hold(self, positions: ArrayLike) -> None:
        """Forget the trajectory and stay at `positions` `(J,)`."""
        self._position: NDArray[np.float64] = np.array(positions, float)
        self._velocity: NDArray[np.float64] = np.zeros(len(self.joints))
        self._knots: list[_Knot] = []

    def brake(self, deceleration: ArrayLike, now_ns: int) -> None:
        """From the command to rest, all joints in the same time and none harder than `deceleration` `(J,)`."""
        position, velocity = self.sample(now_ns), self._velocity
        time_s = max(float((abs(velocity) / np.asarray(deceleration)).max()), SHORTEST_BRAKE_S)
        # The cubic with these ends is a parabola: the deceleration is the same all the way.
        end = Point(round(time_s * 1e9), tuple(position + velocity * time_s / 2), (0.0,) * len(self.joints))
        self.accept(self.joints, [end], 0, now_ns)

    def accept(self, joints: Sequence[str], points: Sequence[Point], stamp_ns: int, now_ns: int) -> None:
        """Replace the running trajectory; raises `FineVLAError` where the controller would refuse the message.

        Nothing of the old one is kept, not even until a start in the future. Points that are past already are not left
        out: the command steps to where the trajectory is by now.
        """
        self._check(joints, points, stamp_ns, now_ns)
        order = [list(joints).index(joint) for joint in self.joints]
        start_ns = stamp_ns or now_ns
        self.sample(now_ns)
        self._before = _Knot(now_ns - self.period_ns, self._position, self._velocity)
        self._knots = [
            _Knot(
                start_ns + point.time_from_start_ns,
                np.array(point.positions, float)[order],
                np.array(point.velocities, float)[order] if point.velocities else None,
            )
            for point in points
        ]

    def sample(self, now_ns: int) -> NDArray[np.float64]:
        """Command `(J,)` at a time; the last point is held for ever."""
        if not self._knots:
            return self._position
        i = bisect.bisect_right(self._knots, now_ns, key=lambda knot: knot.time_ns)
        if i == len(self._knots):
            if np.isfinite(self._knots[-1].position).all():
                self.hold(self._knots[-1].position)
        else:
            a, b = self._knots[i - 1] if i else self._before, self._knots[i]
            position, velocity = _between(a, b, now_ns)
            if np.isfinite(position).all():  # else no command is sent, and the arm holds the last one
                self._position, self._velocity = position, velocity
        return self._position

    def watch(self, measured: ArrayLike, now_ns: int) -> str:
        """Hold where the arm is if that is farther from the motion than tolerated; says so, or returns an empty text."""
        here = np.asarray(measured, float)
        off = abs(here - self.sample(now_ns)) - self._tolerance
        if not self._knots or off.max() <= 0:
            return ""
        self.hold(here)
        return f"{self.name}: '{self.joints[int(off.argmax())]}' is too far from its trajectory; holding where it is"

    def _check(self, joints: Sequence[str], points: Sequence[Point], stamp_ns: int, now_ns: int) -> None:
        where = f"{self.name}: trajectory refused"
        if missing := [joint for joint in self.joints if joint not in joints]:
            raise FineVLAError(f"{where}: joint '{missing[0]}' is missing; partial goals are not allowed")
        if unknown := [joint for joint in joints if joint not in self.joints]:
            raise FineVLAError(f"{where}: joint {quoted(unknown[0])} is not one of its joints")
        if self.is_strict and len(joints) > len(self.joints):
            raise FineVLAError(f"{where}: it names a joint twice")
        if not points:
            raise FineVLAError(f"{where}: it has no points")
        times = [p.time_from_start_ns for p in points]
        if any(later <= earlier for earlier, later in itertools.pairwise(times)) or times[0] < 0:
            raise FineVLAError(f"{where}: time_from_start must increase strictly")
        if stamp_ns and stamp_ns + times[-1] < now_ns:
            raise FineVLAError(f"{where}: it ended {(now_ns - stamp_ns - times[-1]) * 1e-9:.3f} s ago")
        for point in points:
            if len(point.positions) != len(joints) or len(point.velocities) not in (0, len(joints)):
                raise FineVLAError(
                    f"{where}: a point has {len(point.positions)} positions and {len(point.velocities)} velocities "
                    f"for {len(joints)} joints"
                )
            if self.is_strict and not np.isfinite([*point.positions, *point.velocities]).all():
                raise FineVLAError(f"{where}: a point is not finite")
        if points[-1].velocities and max(map(abs, points[-1].velocities)) > VELOCITY_EPSILON:
            raise FineVLAError(f"{where}: the velocity of its last point is not zero")


def _between(a: _Knot, b: _Knot, now_ns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Position and velocity between two knots: a cubic where both have a velocity, else a straight line."""
    h = (b.time_ns - a.time_ns) * 1e-9
    s = max(0.0, (now_ns - a.time_ns) * 1e-9 / h)
    way = b.position - a.position
    if a.velocity is None or b.velocity is None:
        return a.position + s * way, way / h
    m0, m1 = a.velocity * h, b.velocity * h
    c2, c3 = 3 * way - 2 * m0 - m1, m0 + m1 - 2 * way
    return a.position + s * (m0 + s * (c2 + s * c3)), (m0 + s * (2 * c2 + 3 * s * c3)) / h
