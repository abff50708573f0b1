"""A scripted expert that sees ground truth: it plans gripper paths, is pushed off them, and plans again.

What is recorded at a frame is what the expert would do from there, so a push is never an action to imitate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from finevla_core.embodiment import Embodiment
from finevla_sim.ik import ArmIK, grasp_pose
from finevla_sim.judge import Outcome, judge, obeyed
from finevla_sim.sampling import ARM_BASE, GRASP_TILT_RAD
from finevla_sim.scene import TABLE_HEIGHT_M, Scene
from finevla_sim.tasks import Goal
from finevla_sim.world import World

CONTROL_S = 0.1
HORIZON = 16
SPEED_M_S = 0.22
SLOW_M_S = 0.12
SIDE_M, UP_M = 0.075, 0.085  # where the last straight line to the target begins, for an approach from a side
FROM = {"left": (0.0, SIDE_M), "right": (0.0, -SIDE_M), "front": (SIDE_M, 0.0), "top": (0.0, 0.0)}
HOVER_M = 0.025  # fingertips above the object's centre when reaching
OPEN, CLOSED = 1.0, 0.0
SETTLE_STEPS = 6
# Well inside what the arm's controller allows (3.0 rad/s, 5.0 rad/s^2): what is learned from it overshoots a little.
MAX_VELOCITY, MAX_ACCELERATION = 1.5, 3.0


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
    """Targets `(N, D)` of the arm's values at 10 Hz, from the moment of planning; held after the end."""

    targets: NDArray[np.float64]
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

    def chunk(self, step: int) -> NDArray[np.float64]:
        """The next `HORIZON` targets `(HORIZON, D)` after `step`."""
        return self.targets[np.minimum(step + 1 + np.arange(HORIZON), self.steps)]


@dataclass
class Episode:
    """A demonstration; F recorded frames out of T control steps."""

    goal: Goal
    scene: Scene
    frames: list[int]
    images: NDArray[np.uint8]
    states: NDArray[np.float32]
    chunks: NDArray[np.float32]
    path: NDArray[np.float32]
    target_position: NDArray[np.float32]
    bowl_position: NDArray[np.float32]
    outcome: Outcome

    @property
    def success(self) -> bool:
        """Whether the judge found every factor obeyed."""
        return all(obeyed(self.goal, self.outcome).values())


@dataclass(frozen=True)
class Disturbance:
    """How demonstrations are disturbed: number of pushes drawn from 0...`pushes`, joint offsets of `scale_rad`."""

    pushes: int = 2
    scale_rad: float = 0.12


class Demonstrator:
    """Executes goals in a world; one world and one IK serve many scenes."""

    def __init__(self, world: World, ik: ArmIK) -> None:
        self.world, self.ik = world, ik
        self.embodiment: Embodiment = world.embodiment

    def demonstrate(
        self, goal: Goal, rng: np.random.Generator, frames: int | None = None, disturbance: Disturbance | None = None
    ) -> Episode:
        """Run `goal` in the world's scene and record `frames` random steps (None = all); raises `Unreachable`."""
        world, scene = self.world, self.world.scene
        disturbance = disturbance or Disturbance()
        stage = self._ways(goal)
        plan = self._plan(goal.arm, world.values(), stage, 0)
        length = plan.steps + SETTLE_STEPS
        pushes = set(rng.integers(3, max(4, plan.steps - 4), size=rng.integers(0, disturbance.pushes + 1)).tolist())
        wanted = self._draw_frames(frames, length, rng)
        recorded: list[int] = []
        images, states, chunks, path, trace = [], [], [], [], [world.truth()]
        step, planned_at = 0, 0
        while step < length:
            done = self._stage_done(stage, plan, step - planned_at)
            if step in pushes and self._may_push(stage, done):
                self._push(goal.arm, rng, disturbance.scale_rad)
                plan, planned_at = self._plan(goal.arm, world.values(), stage, done), step
                length = step + plan.steps + SETTLE_STEPS
            path.append(world.values())
            if wanted is None or step in wanted:
                recorded.append(step)
                images.append(world.images())
                states.append(world.values())
                chunks.append(plan.chunk(step - planned_at))
            self._execute(plan, step - planned_at)
            trace.append(world.truth())
            step += 1
        return Episode(
            goal=goal,
            scene=scene,
            frames=recorded,
            images=np.array(images, np.uint8),
            states=np.array(states, np.float32),
            chunks=np.array(chunks, np.float32),
            path=np.array(path, np.float32),
            target_position=trace[0].objects[goal.target][:3, 3].astype(np.float32),
            bowl_position=_bowl_position(scene, goal),
            outcome=judge(scene, trace),
        )

    def _ways(self, goal: Goal) -> list[Way]:
        """The gripper's path for a goal, from wherever it is."""
        item = self.world.scene.object(goal.target)
        target = np.array([*item.position, TABLE_HEIGHT_M + item.height_m])
        contact = target + np.array([0, 0, HOVER_M if goal.task == "reach" else 0.004])
        before = contact + np.array([*FROM[goal.approach], UP_M])
        ways = [Way(before, -1.0, OPEN), Way(contact, -2.0, OPEN)]
        if goal.task == "reach":
            return ways
        ways += [Way(contact, 0.6, CLOSED), Way(contact + np.array([0, 0, 0.1]), -1.0, CLOSED)]
        if goal.task == "pick":
            return ways
        over = np.array([*self.world.scene.bowl(goal.bowl).position, TABLE_HEIGHT_M + 0.13])
        return [*ways, Way(over, -1.0, CLOSED), Way(over, 0.4, OPEN), Way(over + np.array([0, 0, 0.04]), -1.0, OPEN)]

    def _plan(self, arm: str, values: NDArray[np.float64], ways: Sequence[Way], start: int) -> Plan:
        """Joint targets from `values` along `ways[start:]`; the gripper path is a smooth curve, IK at every step."""
        here = self.ik.tcp(values, arm)[:3, 3]
        points, times, grippers = [here], [0.0], [values[self._gripper(arm)]]
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
        side = np.array([v.name.startswith(arm) and not v.is_gripper for v in self.embodiment.values])
        targets[:, side] = _blend_in(values[side], targets[:, side])
        targets[:, self._gripper(arm)] = np.interp(ticks, times, grippers)
        stretch = _stretch(targets[:, side])
        targets = _resampled(targets, stretch)
        if np.linalg.norm(self.ik.tcp(targets[-1], arm)[:3, 3] - points[-1]) > 0.008:
            raise Unreachable
        self._way_steps = [round(t * stretch / CONTROL_S) for t in times[1:]]
        self._way_start = start
        return Plan(targets)

    def _stage_done(self, ways: Sequence[Way], plan: Plan, step: int) -> int:
        """How many of `ways` lie behind."""
        return self._way_start + sum(step > end for end in self._way_steps)

    def _may_push(self, ways: Sequence[Way], done: int) -> bool:
        """Pushing a closing or a full gripper would only drop the object."""
        return done < len(ways) and all(way.gripper == OPEN for way in ways[: done + 1]) and done < 2

    def _push(self, arm: str, rng: np.random.Generator, scale_rad: float) -> None:
        values = self.world.values()
        moved = np.array([v.name.startswith(arm) and not v.is_gripper for v in self.embodiment.values])
        pushed = values + moved * rng.normal(0.0, scale_rad, values.shape)
        lower = self.world.model.actuator_ctrlrange[:, 0]
        upper = self.world.model.actuator_ctrlrange[:, 1]
        positions = np.clip(self.embodiment.to_positions(pushed), lower, upper)
        pushed = self.embodiment.to_values(positions)
        if self.ik.tcp(pushed, arm)[2, 3] < TABLE_HEIGHT_M + 0.06:
            return  # not into the table
        self.world.push(pushed)
        self.world.set_targets(pushed)

    def _execute(self, plan: Plan, step: int) -> None:
        parts = 5
        for part in range(parts):
            self.world.set_targets(plan.at((step + (part + 1) / parts) * CONTROL_S))
            self.world.step(round(CONTROL_S / parts / self.world.dt_s))

    def _gripper(self, arm: str) -> int:
        return next(i for i, v in enumerate(self.embodiment.values) if v.is_gripper and v.name.startswith(arm))

    @staticmethod
    def _draw_frames(frames: int | None, length: int, rng: np.random.Generator) -> set[int] | None:
        if frames is None:
            return None
        return set(rng.permutation(length)[:frames].tolist())


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


def _bowl_position(scene: Scene, goal: Goal) -> NDArray[np.float32]:
    if not goal.bowl:
        return np.full(3, np.nan, np.float32)
    return np.array([*scene.bowl(goal.bowl).position, TABLE_HEIGHT_M], np.float32)
