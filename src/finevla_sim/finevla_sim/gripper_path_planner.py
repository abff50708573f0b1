"""Gripper paths for goals, and joint targets along them: where the scripted expert would go from any state, and how.

Needs no simulation: from ground truth of the scene and the robot's values alone. What the safety gate would refuse because
something comes too near, it does not plan: it moves one arm only, and where the other is in the way, the goal cannot be had.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from finevla_core.embodiment import Embodiment
from finevla_core.safety.clearance import ClearanceModel
from finevla_core.safety.plan import Plan as Motion
from finevla_core.time_units import S_PER_NS
from finevla_sim.episode import CONTROL_S
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import default_clearance
from finevla_sim.scene import BOWLS, POST_HEIGHT_M, TABLE_HEIGHT_M, Scene, SceneObject
from finevla_sim.scene_sampling import natural_pose
from finevla_sim.tasks import Goal

HORIZON = 16
SPEED_M_S = 0.22
SLOW_M_S = 0.12
SIDE_M, UP_M = 0.058, 0.092  # where the last straight line to the target begins, for an approach from a side
FROM = {"left": (0.0, SIDE_M), "right": (0.0, -SIDE_M), "front": (SIDE_M, 0.0), "top": (0.0, 0.0)}
HOVER_M = 0.025  # fingertips above the object's centre when reaching
BITE_M = 0.006  # fingertips below the object's centre when grasping: a ball held above its middle slips out
LIFT_M = 0.10
DROP_M = 0.13  # over a bowl, above the table
CARRY_M = 0.115  # past the post on its far side, above the table
AROUND_M = 0.10  # from the post's axis to the path round it
TURN_RAD = 1.1
OPEN, CLOSED = 1.0, 0.0
FINGERS_S = 0.4  # to open or close
# Well inside what the arm's controller allows (3.0 rad/s, 5.0 rad/s^2): what is learned from it overshoots a little.
MAX_VELOCITY, MAX_ACCELERATION = 1.5, 3.0
MAX_STRETCH = 2.7  # a path that must run slower than this is not worth imitating
MAX_MISS_M, MAX_TWIST_RAD = 0.008, 0.4


class Unreachable(Exception):
    """Raised if the goal cannot be executed in this scene; draw another one."""


@dataclass(frozen=True)
class Waypoint:
    """One section of a gripper path: to `position` (3,) at `speed_m_s` or within `seconds`, with gripper value `gripper`.

    `turn_rad` is the gripper's rotation about its pointing axis, relative to `natural_pose`.
    """

    position: NDArray[np.float64]
    gripper: float
    turn_rad: float
    speed_m_s: float = SPEED_M_S
    seconds: float = 0.0


@dataclass
class ScriptedMotion:
    """Targets `(N, D)` of the robot's values at 10 Hz from the time of planning; the last one is held.

    `ends` are the steps at which the waypoints are reached, beginning with waypoint `start` of the whole path.
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
        """Number of control steps until the end."""
        return len(self.targets) - 1

    def at(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return targets `(K, D)` at `times_s` `(K,)` since planning, clipped to the motion's duration."""
        return np.asarray(self.spline(np.clip(times_s, 0.0, self.steps * CONTROL_S)))

    def motion(self) -> Motion:
        """Convert to the `Motion` that the safety gate checks."""
        times = np.arange(len(self.targets)) * CONTROL_S
        return Motion(np.round(times / S_PER_NS).astype(np.int64), self.targets, self.spline(times, 1))

    def done(self, step: int) -> int:
        """Return how many waypoints of the whole path are passed at `step`."""
        return self.start + sum(step > end for end in self.ends)

    def chunk(self, step: int) -> NDArray[np.float64]:
        """Return the `HORIZON` targets `(HORIZON, D)` that follow `step`."""
        return self.targets[np.minimum(step + 1 + np.arange(HORIZON), self.steps)]


@dataclass(frozen=True)
class Disturbance:
    """How demonstrations are disturbed: number of pushes drawn from 0...`pushes`, joint offsets of `scale_rad`.

    With probability `nudge` the object is moved away while the gripper comes down.
    """

    pushes: int = 2
    scale_rad: float = 0.12
    nudge: float = 0.1


UNDISTURBED = Disturbance(0, 0.0, 0.0)


class PathPlanner:
    """Plans gripper paths and joint targets for any scene; keeps no state between calls."""

    def __init__(self, ik: ArmIK, clearance: ClearanceModel | None = None) -> None:
        self.ik = ik
        self.embodiment: Embodiment = ik.embodiment
        self.clearance = clearance or default_clearance()

    def ways(self, scene: Scene, goal: Goal, item: SceneObject, centre: NDArray[np.float64]) -> list[Waypoint]:
        """Return the gripper's waypoints for a goal with `item`, whose centre is at `centre` (3,) in base_footprint."""
        turn = grasp_turn(centre, goal.arm, goal.grasp)
        contact = centre + np.array([0, 0, HOVER_M if goal.task == "reach" else -BITE_M])
        contact[2] = max(contact[2], TABLE_HEIGHT_M + 0.008)
        before = contact + np.array([*FROM[goal.approach], UP_M])
        ways = [Waypoint(before, OPEN, turn), Waypoint(contact, OPEN, turn, SLOW_M_S)]
        if goal.path:  # the way to the target may lead across the post
            ways.insert(0, Waypoint(np.array([*before[:2], TABLE_HEIGHT_M + POST_HEIGHT_M + 0.11]), OPEN, turn))
        if goal.task == "reach":
            return ways
        ways.append(Waypoint(contact, CLOSED, turn, seconds=0.5))
        if goal.task == "turn":
            end = turn + (TURN_RAD if goal.turn == "counterclockwise" else -TURN_RAD)
            up = contact + np.array([0, 0, 0.07])
            return [
                *ways,
                Waypoint(contact, CLOSED, end, seconds=1.3),
                Waypoint(contact, OPEN, end, seconds=0.5),
                Waypoint(up, OPEN, end),
            ]
        up = contact + np.array([0, 0, LIFT_M])
        if goal.task == "pick":
            return [*ways, Waypoint(up, CLOSED, turn)]
        if goal.place in BOWLS:
            over = np.array([*scene.bowl(goal.place).position, TABLE_HEIGHT_M + DROP_M])
            carried = _carried(scene, goal, contact, turn, over)
            return [
                *ways,
                *carried,
                Waypoint(over, OPEN, turn, seconds=0.5),
                Waypoint(over + np.array([0, 0, 0.04]), OPEN, turn),
            ]
        below = scene.object(goal.place)
        rest = np.array([*below.position, TABLE_HEIGHT_M + 2 * below.height_m + item.height_m + 0.002])
        rest[2] += contact[2] - centre[2]
        over = rest + np.array([0, 0, 0.06])
        down = [
            Waypoint(over, CLOSED, turn),
            Waypoint(rest, CLOSED, turn, SLOW_M_S),
            Waypoint(rest, OPEN, turn, seconds=0.5),
        ]
        return [*ways, Waypoint(up, CLOSED, turn), *down, Waypoint(rest + np.array([0, 0, 0.08]), OPEN, turn)]

    def plan(self, arm: str, values: NDArray[np.float64], ways: Sequence[Waypoint], start: int = 0) -> ScriptedMotion:
        """Plan joint targets from `values` (at rest) along `ways[start:]`: a smooth gripper curve, IK at every step.

        Raises `Unreachable` if the arm does not get there, would have to slow down too much, or comes too near to
        something.
        """
        gripper = gripper_index(self.embodiment, arm)
        here = self.ik.tcp(values, arm)[:3, 3]
        points, turns, times = [here], [ways[start].turn_rad], [0.0]
        fingers: list[tuple[float, float]] = [(0.0, float(values[gripper]))]
        for way in ways[start:]:
            distance = float(np.linalg.norm(way.position - points[-1]))
            seconds = way.seconds or distance / way.speed_m_s + (0.5 if len(times) == 1 else 0.2)
            seconds = max(2, round(seconds / CONTROL_S)) * CONTROL_S
            fingers.append((times[-1], fingers[-1][1]))
            fingers.append((times[-1] + min(FINGERS_S, seconds), way.gripper))
            points.append(way.position)
            turns.append(way.turn_rad)
            times.append(times[-1] + seconds)
        ticks = np.arange(round(times[-1] / CONTROL_S) + 1) * CONTROL_S
        curve = _rounded(np.array(times), np.column_stack([np.array(points), turns]), ticks)
        targets = np.tile(values, (len(ticks), 1))
        pose = np.eye(4)
        for i, (*position, turn) in enumerate(curve):
            pose = natural_pose(np.array(position), arm, turn)
            previous = targets[i - 1] if i else values
            targets[i] = self.ik.solve(previous, arm, pose, 4 if i else 30)
        targets[0] = values
        side = arm_mask(self.embodiment, arm)
        targets[:, side] = _blend_in(values[side], targets[:, side])
        targets[:, gripper] = np.interp(ticks, [t for t, _ in fingers], [g for _, g in fingers])
        stretch = _stretch(targets[:, side])
        if stretch > MAX_STRETCH:
            raise Unreachable(f"{stretch:.1f} times too fast")  # past a singular pose: nothing to learn from
        targets = _resampled(targets, stretch)
        targets[:, gripper] = np.clip(targets[:, gripper], CLOSED, OPEN)
        self._check_end(targets[-1], arm, pose)
        plan = ScriptedMotion(targets, tuple(round(t * stretch / CONTROL_S) for t in times[1:]), start)
        if violation := self.clearance.along(plan.motion()).violation:
            raise Unreachable(violation)
        return plan

    def pushed(
        self, values: NDArray[np.float64], arm: str, rng: np.random.Generator, scale_rad: float
    ) -> NDArray[np.float64]:
        """Return `values` with a random push of the arm, within its limits; unchanged if that is unsafe."""
        moved = values + arm_mask(self.embodiment, arm) * rng.normal(0.0, scale_rad, values.shape)
        moved = self.ik.clipped(moved)
        is_high = self.ik.tcp(moved, arm)[2, 3] > TABLE_HEIGHT_M + 0.06
        return moved if is_high and not self.clearance.at(moved).code else values

    def _check_end(self, values: NDArray[np.float64], arm: str, wanted: NDArray[np.float64]) -> None:
        end = self.ik.tcp(values, arm)
        twist = np.arccos(np.clip(end[:3, 1] @ wanted[:3, 1], -1.0, 1.0))
        if np.linalg.norm(end[:3, 3] - wanted[:3, 3]) > MAX_MISS_M or twist > MAX_TWIST_RAD:
            raise Unreachable("the arm does not get there")


def _carried(
    scene: Scene, goal: Goal, contact: NDArray[np.float64], turn: float, over: NDArray[np.float64]
) -> list[Waypoint]:
    """Return the waypoints from the table to above a bowl: straight, or past the post as the goal says."""
    if not goal.path:
        return [Waypoint(contact + np.array([0, 0, LIFT_M]), CLOSED, turn), Waypoint(over, CLOSED, turn)]
    assert scene.post is not None
    x, y = scene.post
    if goal.path == "round":
        low = TABLE_HEIGHT_M + CARRY_M
        corner = [
            np.array([x + AROUND_M, y - np.sign(y) * 0.03, low]),
            np.array([x + AROUND_M, y + np.sign(y) * 0.03, low]),
        ]
        return [
            Waypoint(np.array([*contact[:2], low]), CLOSED, turn),
            *(Waypoint(c, CLOSED, turn) for c in corner),
            Waypoint(over, CLOSED, turn),
        ]
    high = TABLE_HEIGHT_M + POST_HEIGHT_M + 0.085
    return [
        Waypoint(np.array([*contact[:2], high]), CLOSED, turn),
        Waypoint(np.array([x, y, high]), CLOSED, turn),
        Waypoint(np.array([x, y + np.sign(y) * 0.04, high]), CLOSED, turn),
        Waypoint(over, CLOSED, turn),
    ]


def grasp_turn(centre: NDArray[np.float64], arm: str, grasp: str) -> float:
    """Return the gripper's turn from `natural_pose` over `centre` to the grasp axis, rad, at most pi/2; 0 for grasp ""."""
    if not grasp:
        return 0.0
    axis = natural_pose(centre, arm)[:2, 1]
    wanted = 0.5 * np.pi if grasp == "sideways" else 0.0
    gap = wanted - np.arctan2(axis[1], axis[0])
    return float((gap + 0.5 * np.pi) % np.pi - 0.5 * np.pi)


def may_push(ways: Sequence[Waypoint], done: int) -> bool:
    """Return whether a push is allowed after `done` waypoints: not while the gripper closes or holds the object."""
    return done < min(len(ways), 2) and all(way.gripper == OPEN for way in ways[: done + 1])


def gripper_index(embodiment: Embodiment, arm: str) -> int:
    """Return the index of the arm's gripper among the values."""
    return next(i for i, v in enumerate(embodiment.values) if v.is_gripper and v.name.startswith(arm))


def arm_mask(embodiment: Embodiment, arm: str) -> NDArray[np.bool_]:
    """Return a mask `(D,)` of the arm's joints among the values, without its gripper."""
    return np.array([v.name.startswith(arm) and not v.is_gripper for v in embodiment.values])


def _rounded(
    times: NDArray[np.float64], points: NDArray[np.float64], ticks: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Piecewise straight path with smoothed corners and soft start and end: linear interpolation under a moving window."""
    window = 7
    padded = np.concatenate([np.full(window, ticks[0]), ticks, np.full(window, ticks[-1])])
    warped = np.column_stack([np.interp(padded, times, points[:, axis]) for axis in range(points.shape[1])])
    kernel = np.hanning(window + 2)[1:-1]
    kernel /= kernel.sum()
    smooth = np.column_stack([np.convolve(warped[:, axis], kernel, mode="same") for axis in range(points.shape[1])])
    smooth = smooth[window:-window]
    smooth[0], smooth[-1] = points[0], points[-1]
    return smooth


def _blend_in(start: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """The wrist's orientation is not where the path wants it at first: ease from `start` into the path."""
    count = min(12, len(targets))
    gap = start - targets[1] if len(targets) > 1 else np.zeros_like(start)
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
