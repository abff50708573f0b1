"""A scripted expert that sees ground truth: it plans gripper paths, is pushed off them, and plans again.

What is recorded at a frame is what the expert would do from there, so a push is never an action to imitate.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_sim.ik import ArmIK
from finevla_sim.judge import Outcome, judge, obeyed
from finevla_sim.planner import CONTROL_S, Disturbance, Plan, Planner, may_push
from finevla_sim.scene import Scene
from finevla_sim.tasks import Goal
from finevla_sim.world import World

SETTLE_STEPS = 6


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
    outcome: Outcome

    @property
    def success(self) -> bool:
        """Whether the judge found every factor obeyed."""
        return all(obeyed(self.goal, self.outcome).values())


class Demonstrator:
    """Executes goals in a world; one world and one IK serve many scenes."""

    def __init__(self, world: World, ik: ArmIK) -> None:
        self.world, self.planner = world, Planner(ik)
        self.embodiment: Embodiment = world.embodiment

    def demonstrate(
        self, goal: Goal, rng: np.random.Generator, frames: int | None = None, disturbance: Disturbance | None = None
    ) -> Episode:
        """Run `goal` in the world's scene and record `frames` random steps (None = all); raises `Unreachable`."""
        world, scene = self.world, self.world.scene
        disturbance = disturbance or Disturbance()
        stage = self.planner.ways(scene, goal)
        plan = self.planner.plan(goal.arm, world.values(), stage)
        length = plan.steps + SETTLE_STEPS
        pushes = set(rng.integers(3, max(4, plan.steps - 4), size=rng.integers(0, disturbance.pushes + 1)).tolist())
        wanted = _draw_frames(frames, length, rng)
        recorded: list[int] = []
        images, states, chunks, path, trace = [], [], [], [], [world.truth()]
        step, planned_at = 0, 0
        while step < length:
            done = plan.done(step - planned_at)
            if step in pushes and may_push(stage, done):
                pushed = self.planner.pushed(world.values(), goal.arm, rng, disturbance.scale_rad)
                world.push(pushed)
                world.set_targets(pushed)
                plan, planned_at = self.planner.plan(goal.arm, world.values(), stage, done), step
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
            outcome=judge(scene, trace),
        )

    def _execute(self, plan: Plan, step: int) -> None:
        parts = 5
        for part in range(parts):
            self.world.set_targets(plan.at((step + (part + 1) / parts) * CONTROL_S))
            self.world.step(round(CONTROL_S / parts / self.world.dt_s))


def _draw_frames(frames: int | None, length: int, rng: np.random.Generator) -> set[int] | None:
    if frames is None:
        return None
    return set(rng.permutation(length)[:frames].tolist())
