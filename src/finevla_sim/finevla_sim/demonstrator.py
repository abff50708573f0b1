"""Scripted expert that sees ground truth: it plans gripper paths and, when disturbed or after a miss, plans again.

The chunk recorded at a step is what the expert would do from there, so a push is never an action to imitate.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_sim.episode import CONTROL_S
from finevla_sim.gripper_path_planner import CLOSED, Disturbance, PathPlanner, ScriptedMotion, may_push
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.judge import TaskOutcome, judge, score, success
from finevla_sim.scene import TABLE_HEIGHT_M, Scene, SceneObject
from finevla_sim.tasks import Goal
from finevla_sim.world import Truth, World

SETTLE_STEPS = 6
TRIES = 3
NUDGED = ("pick", "place_color", "place_shape")
NUDGE_M = (0.03, 0.045)  # an object that is nudged away while the gripper comes down


@dataclass
class Demonstration:
    """Executed goal over T control steps; `chunks` (T, HORIZON, D) are the expert's planned targets at each step.

    `is_right` (T,) is False where the expert did not know yet that its plan had failed: not to be imitated.
    """

    goal: Goal
    scene: Scene
    states: NDArray[np.float32]
    actions: NDArray[np.float32]
    chunks: NDArray[np.float32]
    images: NDArray[np.uint8] | None
    is_right: NDArray[np.bool_]
    trace: list[Truth]
    events: list[tuple[int, str]]
    outcome: TaskOutcome = field(init=False)

    def __post_init__(self) -> None:
        self.outcome = judge(self.scene, self.trace)

    @property
    def score(self) -> float:
        """Score of what was done against the goal, 0 to 100 points."""
        return score(self.goal, self.outcome, self.scene)

    @property
    def success(self) -> bool:
        """Whether the task was done, by the judge."""
        return success(self.goal, self.outcome, self.scene)


class Demonstrator:
    """Demonstrates goals in a world; one world and one IK solver serve many scenes."""

    def __init__(self, world: World, ik: ArmIK) -> None:
        self.world, self.planner = world, PathPlanner(ik)
        self.embodiment: Embodiment = world.embodiment

    def demonstrate(
        self, goal: Goal, rng: np.random.Generator, disturbance: Disturbance | None = None, draw: bool = True
    ) -> Demonstration:
        """Execute `goal` in the world's scene and record it, with images if `draw`; raises `Unreachable` if no path exists."""
        run = _Run(self.world, self.planner, goal, rng, disturbance or Disturbance(), draw)
        for item in _targets(self.world.scene, goal):
            run.handle(item)
        run.rest()
        return run.demonstration()


def _targets(scene: Scene, goal: Goal) -> list[SceneObject]:
    """Return the objects to handle, in order: the target, or all objects for task clean."""
    if goal.task != "clean":
        return [scene.object(goal.target)]
    return clean_order(scene, goal.arm)


def clean_order(scene: Scene, arm: str) -> list[SceneObject]:
    """Return all objects, sorted from the arm's own side to the other."""
    return sorted(scene.objects, key=lambda item: -item.position[1] if arm == "left" else item.position[1])


class _Run:
    """One demonstration in progress, with what was recorded so far."""

    def __init__(
        self,
        world: World,
        planner: PathPlanner,
        goal: Goal,
        rng: np.random.Generator,
        disturbance: Disturbance,
        draw: bool,
    ) -> None:
        self.world, self.planner, self.goal, self.rng = world, planner, goal, rng
        self.disturbance, self.draw = disturbance, draw
        self.states: list[NDArray[np.float64]] = []
        self.actions: list[NDArray[np.float64]] = []
        self.chunks: list[NDArray[np.float64]] = []
        self.images: list[NDArray[np.uint8]] = []
        self.is_right: list[bool] = []
        self.trace = [world.truth()]
        self.events: list[tuple[int, str]] = []

    def handle(self, item: SceneObject) -> None:
        """Carry out the goal with one object; after an empty grasp try again, up to `TRIES` times."""
        nudged = self.goal.task in NUDGED and self.rng.random() < self.disturbance.nudge
        for attempt in range(TRIES):
            ways = self.planner.ways(self.world.scene, self.goal, item, self._centre(item))
            grasp = next((i for i, way in enumerate(ways) if way.gripper == CLOSED), len(ways))
            if self._follow(ways, item, grasp, nudge=nudged and attempt == 0):
                return
            self.events.append((len(self.states), f"missed the {item.name.replace('_', ' ')}, tries again"))

    def rest(self) -> None:
        """Hold still for `SETTLE_STEPS` control steps, so that objects come to rest."""
        still = ScriptedMotion(np.tile(self._last(), (2, 1)), (1,))
        for _ in range(SETTLE_STEPS):
            self._step(still, 1, True)

    def demonstration(self) -> Demonstration:
        return Demonstration(
            goal=self.goal,
            scene=self.world.scene,
            states=np.array(self.states, np.float32),
            actions=np.array(self.actions, np.float32),
            chunks=np.array(self.chunks, np.float32),
            images=np.array(self.images, np.uint8) if self.draw else None,
            is_right=np.array(self.is_right),
            trace=self.trace,
            events=self.events,
        )

    def _follow(self, ways: list, item: SceneObject, grasp: int, nudge: bool) -> bool:
        """Follow the waypoints; return False as soon as the object is not in the gripper."""
        plan = self.planner.plan(self.goal.arm, self._last(), ways)
        pushes = self._pushes(plan)
        begun, right, last_done = len(self.states), True, 0
        while (step := len(self.states) - begun) < plan.steps:
            done = plan.done(step)
            if len(self.states) in pushes and may_push(ways, done):
                plan, begun, step = self._push(ways, done), len(self.states), 0
            if nudge and done == 1 and last_done == 0:
                self._nudge(item)
                right = False
            last_done = done
            if done == grasp + 2 and self._is_lost(item):
                return False
            self._step(plan, step, right)
        return grasp == len(ways) or plan.done(plan.steps) > grasp + 2 or not self._is_lost(item)

    def _pushes(self, plan: ScriptedMotion) -> set[int]:
        count = self.rng.integers(0, self.disturbance.pushes + 1) if self.disturbance.pushes else 0
        steps = self.rng.integers(3, max(4, plan.steps - 4), size=count)
        return {len(self.states) + int(step) for step in steps}

    def _push(self, ways: list, done: int) -> ScriptedMotion:
        pushed = self.planner.pushed(self.world.values(), self.goal.arm, self.rng, self.disturbance.scale_rad)
        self.world.push(pushed)
        self.world.set_targets(pushed)
        self.events.append((len(self.states), "the arm was pushed"))
        return self.planner.plan(self.goal.arm, pushed, ways, done)

    def _nudge(self, item: SceneObject) -> None:
        pose = self.world.truth().objects[item.name].copy()
        angle = self.rng.uniform(0, 2 * np.pi)
        pose[:2, 3] += self.rng.uniform(*NUDGE_M) * np.array([np.cos(angle), np.sin(angle)])
        self.world.put(item.name, pose)
        self.events.append((len(self.states), f"the {item.name.replace('_', ' ')} was moved"))

    def _is_lost(self, item: SceneObject) -> bool:
        """Return whether the object still lies on the table when it should be lifted."""
        return self.goal.task != "turn" and self._centre(item)[2] < TABLE_HEIGHT_M + item.height_m + 0.01

    def _centre(self, item: SceneObject) -> NDArray[np.float64]:
        return self.trace[-1].objects[item.name][:3, 3].copy()

    def _last(self) -> NDArray[np.float64]:
        """Return the last commanded values `(D,)`; a measured gripper around an object stops short of its target."""
        return self.actions[-1] if self.actions else self.world.values()

    def _step(self, plan: ScriptedMotion, step: int, right: bool) -> None:
        parts = 5
        self.states.append(self.world.values())
        self.actions.append(plan.targets[min(step + 1, plan.steps)])
        self.chunks.append(plan.chunk(step))
        self.is_right.append(right)
        if self.draw:
            self.images.append(self.world.images())
        for targets in plan.at((step + np.arange(1, parts + 1) / parts) * CONTROL_S):
            self.world.set_targets(targets)
            self.world.step(round(CONTROL_S / parts / self.world.dt_s))
        self.trace.append(self.world.truth())
