"""Gripper paths for goals, and joint targets along them: where the scripted expert would go from any state, and how.

Needs no simulation: from ground truth of the scene and the robot's values alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from finevla_core.embodiment import Embodiment
from finevla_sim.ik import ArmIK, grasp_pose
from finevla_sim.sampling import ARM_BASE, GRASP_TILT_RAD
from finevla_sim.scene import TABLE_HEIGHT_M, Scene
from finevla_sim.tasks import Goal

CONTROL_S = 0.1
HORIZON = 16
SPEED_M_S = 0.22
SLOW_M_S = 0.12
SIDE_M, UP_M = 0.075, 0.085  # where the last straight line to the target begins, for an approach from a side
FROM = {"left": (0.0, SIDE_M), "right": (0.0, -SIDE_M), "front": (SIDE_M, 0.0), "top": (0.0, 0.0)}
HOVER_M = 0.025  # fingertips above the object's centre when reaching
OPEN, CLOSED = 1.0, 0.0
# Well inside what the arm's controller allows (3.0 rad/s, 5.0 rad/s^2): what is learned from it overshoots a little.
MAX_VELOCITY, MAX_ACCELERATION = 1.5, 3.0
MAX_STRETCH = 2.7  # a path that must run slower than this is not worth imitating


class Unreachable(Exception):
    """The goal cannot be executed in this scene; draw another one."""


@dataclass(frozen=True)
class Way:
    """One stretch of a gripper path: to `position` (3,) within `seconds`, then `gripper` holds."""

    position: NDArray[np.float64]
    seconds: float
    gripper: float


@dataclass
class Plan:
    """Targets `(N, D)` of the robot's values at 10 Hz, from the moment of planning; held after the end.

    `ends` are the steps at which the ways end, the first of them being way number `start` of the whole path.
    """

    targets: NDArray[np.float64]
    ends: tuple[int, ...]
    start: int = 0
    spline: CubicSpline = field(init=False)

    def __post_init__(self) -> None:
        times = np.arange(len(self.targets)) * CONTROL_S
        self.spline = CubicSpline(times, self.targets, bc_type="clamped")

    @property
    def steps(self) -> int:
        """Control steps until the end."""
        return len(self.targets) - 1

    def at(self, time_s: float) -> NDArray[np.float64]:
        """Targets `(D,)` at a time since planning."""
        return np.asarray(self.spline(min(max(time_s, 0.0), self.steps * CONTROL_S)))

    def done(self, step: int) -> int:
        """How many ways of the whole path lie behind at `step`."""
        return self.start + sum(step > end for end in self.ends)

    def chunk(self, step: int) -> NDArray[np.float64]:
        """The next `HORIZON` targets `(HORIZON, D)` after `step`."""
        return self.targets[np.minimum(step + 1 + np.arange(HORIZON), self.steps)]


@dataclass(frozen=True)
class Disturbance:
    """How demonstrations are disturbed: number of pushes drawn from 0...`pushes`, joint offsets of `scale_rad`."""

    pushes: int = 2
    scale_rad: float = 0.12


class Planner:
    """Plans for any scene; keeps no state between calls."""

    def __init__(self, ik: ArmIK) -> None:
        self.ik = ik
        self.embodiment: Embodiment = ik.embodiment

    def ways(self, scene: Scene, goal: Goal) -> list[Way]:
        """The gripper's path for a goal, from wherever it is."""
        item = scene.object(goal.target)
        target = np.array([*item.position, TABLE_HEIGHT_M + item.height_m])
        contact = target + np.array([0, 0, HOVER_M if goal.task == "reach" else 0.004])
        before = contact + np.array([*FROM[goal.approach], UP_M])
        ways = [Way(before, -1.0, OPEN), Way(contact, -2.0, OPEN)]
        if goal.task == "reach":
            return ways
        ways += [Way(contact, 0.6, CLOSED), Way(contact + np.array([0, 0, 0.1]), -1.0, CLOSED)]
        if goal.task == "pick":
            return ways
        over = np.array([*scene.bowl(goal.bowl).position, TABLE_HEIGHT_M + 0.13])
        return [*ways, Way(over, -1.0, CLOSED), Way(over, 0.4, OPEN), Way(over + np.array([0, 0, 0.04]), -1.0, OPEN)]

    def plan(self, arm: str, values: NDArray[np.float64], ways: Sequence[Way], start: int = 0) -> Plan:
        """Joint targets from `values` (at rest) along `ways[start:]`, a smooth curve of the gripper with IK at every step.

        Raises `Unreachable` where the arm does not get there, or only at a crawl.
        """
        gripper = gripper_index(self.embodiment, arm)
        here = self.ik.tcp(values, arm)[:3, 3]
        points, times, grippers = [here], [0.0], [values[gripper]]
        for way in ways[start:]:
            distance = float(np.linalg.norm(way.position - points[-1]))
            seconds = way.seconds if way.seconds > 0 else distance / (SPEED_M_S if way.seconds > -1.5 else SLOW_M_S)
            seconds = max(2, round((seconds + (0.5 if len(times) == 1 else 0.2)) / CONTROL_S)) * CONTROL_S
            points.append(way.position)
            times.append(times[-1] + seconds)
            grippers.append(way.gripper)
        ticks = np.arange(round(times[-1] / CONTROL_S) + 1) * CONTROL_S
        curve = _rounded(np.array(times), np.array(points), ticks)
        targets = np.tile(values, (len(ticks), 1))
        for i, position in enumerate(curve):
            pose = grasp_pose(position, ARM_BASE[arm], GRASP_TILT_RAD)
            previous = targets[i - 1] if i else values
            targets[i] = self.ik.solve(previous, arm, pose, 4 if i else 1)
        targets[0] = values
        side = arm_mask(self.embodiment, arm)
        targets[:, side] = _blend_in(values[side], targets[:, side])
        targets[:, gripper] = np.interp(ticks, times, grippers)
        stretch = _stretch(targets[:, side])
        if stretch > MAX_STRETCH:
            raise Unreachable  # past a singular pose: nothing to learn from
        targets = _resampled(targets, stretch)
        if np.linalg.norm(self.ik.tcp(targets[-1], arm)[:3, 3] - points[-1]) > 0.008:
            raise Unreachable
        return Plan(targets, tuple(round(t * stretch / CONTROL_S) for t in times[1:]), start)

    def pushed(
        self, values: NDArray[np.float64], arm: str, rng: np.random.Generator, scale_rad: float
    ) -> NDArray[np.float64]:
        """`values` with the arm pushed a little, within its limits; unchanged where that would end in the table."""
        moved = values + arm_mask(self.embodiment, arm) * rng.normal(0.0, scale_rad, values.shape)
        moved = self.ik.clipped(moved)
        return moved if self.ik.tcp(moved, arm)[2, 3] > TABLE_HEIGHT_M + 0.06 else values


def may_push(ways: Sequence[Way], done: int) -> bool:
    """Whether the arm may be pushed with `done` ways behind: a closing or a full gripper would only drop the object."""
    return done < min(len(ways), 2) and all(way.gripper == OPEN for way in ways[: done + 1])


def gripper_index(embodiment: Embodiment, arm: str) -> int:
    """Index of the arm's gripper among the values."""
    return next(i for i, v in enumerate(embodiment.values) if v.is_gripper and v.name.startswith(arm))


def arm_mask(embodiment: Embodiment, arm: str) -> NDArray[np.bool_]:
    """Which of the values `(D,)` are the arm's joints, its gripper left out."""
    return np.array([v.name.startswith(arm) and not v.is_gripper for v in embodiment.values])


def _rounded(
    times: NDArray[np.float64], points: NDArray[np.float64], ticks: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Piecewise straight path with smoothed corners and soft start and end: linear interpolation under a moving window."""
    window = 7
    padded = np.concatenate([np.full(window, ticks[0]), ticks, np.full(window, ticks[-1])])
    warped = np.column_stack([np.interp(padded, times, points[:, axis]) for axis in range(3)])
    kernel = np.hanning(window + 2)[1:-1]
    kernel /= kernel.sum()
    smooth = np.column_stack([np.convolve(warped[:, axis], kernel, mode="same") for axis in range(3)])
    smooth = smooth[window:-window]
    smooth[0], smooth[-1] = points[0], points[-1]
    return smooth


def _blend_in(start: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """The wrist's orientation is not where the path wants it at first: ease from `start` into the path."""
    count = min(12, len(targets))
    gap = start - targets[1] if len(targets) > 1 else np.zeros_like(start)
    ramp = np.ones(len(targets))
    phase = np.clip((np.arange(len(targets)) - 1) / count, 0.0, 1.0)
    ramp = 1 - phase**3 * (10 - 15 * phase + 6 * phase**2)
    eased = targets + ramp[:, None] * gap
    eased[0] = start
    return eased


def _stretch(targets: NDArray[np.float64]) -> float:
    """How much slower a path of arm joints `(N, J)` must run to keep within the expert's own limits, at least 1."""
    velocity = np.diff(targets, axis=0) / CONTROL_S
    acceleration = np.diff(velocity, axis=0, prepend=0.0, append=0.0) / CONTROL_S
    return max(
        1.0, float(abs(velocity).max()) / MAX_VELOCITY, (float(abs(acceleration).max()) / MAX_ACCELERATION) ** 0.5
    )


def _resampled(targets: NDArray[np.float64], stretch: float) -> NDArray[np.float64]:
    """The same path, `stretch` times slower, at the same rate."""
    steps = len(targets) - 1
    count = round(steps * stretch)
    return np.asarray(CubicSpline(np.arange(steps + 1), targets, bc_type="clamped")(np.linspace(0, steps, count + 1)))
