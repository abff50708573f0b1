"""Motions without pictures: plans for many goals from many states, each with sentences that are true of it.

A plan costs a hundredth of a rendered demonstration, so that how to move, once it is known where, is learned from many.
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_sim.ik import ArmIK
from finevla_sim.language import phrasings
from finevla_sim.planner import CLOSED, Disturbance, Plan, Planner, Unreachable, Way, gripper_index, may_push
from finevla_sim.robot import default_robot
from finevla_sim.sampling import sample_scene
from finevla_sim.scene import TABLE_HEIGHT_M, Scene
from finevla_sim.shards import load_shards, make_shards, save_shard
from finevla_sim.tasks import TASKS, Goal, sample_goal

SHARD_SCENES = 200
FIRST_SEED = 600_000  # away from the demonstrations', the pictures' and the test split's
GOALS = 3  # per scene, one after the other: the next begins where the arms were left
PHRASINGS = 8


def where_of(scene: Scene, goal: Goal) -> list[float]:
    """Metres in the base frame, `(6,)`: the target's centre, then where it shall end: its bowl, or where it is."""
    item = scene.object(goal.target)
    target = [*item.position, TABLE_HEIGHT_M + item.height_m]
    return [*target, *([*scene.bowl(goal.bowl).position, TABLE_HEIGHT_M] if goal.bowl else target)]


def load_motions(folder: Path) -> Iterator[dict[str, Any]]:
    """Shards: `states` and `targets` (N, D) of all plans in a row, `starts` (P + 1,) and `plans`, a list of P dicts."""
    return load_shards(folder, "motions", "plans")


def write_motions(path: Path, first: int, count: int) -> tuple[int, int]:
    """A shard of the scenes `first`... of the motions' seeds."""
    robot = default_robot()
    planner = Planner(ArmIK(robot.embodiment, robot.urdf_path))
    states, targets, plans = [], [], []
    tries = 0
    for seed in range(FIRST_SEED + first, FIRST_SEED + first + count):
        rng = np.random.default_rng([seed, 17])
        scene = sample_scene(seed, str(rng.choice(list(TASKS))), planner.ik)
        values = np.array(scene.arm_start)
        for _ in range(GOALS):
            goal = sample_goal(scene, rng)
            texts = [text for _, text in phrasings(goal, scene, rng, PHRASINGS, "train")]
            try:
                made = _plans(planner, scene, goal, values, rng)
            except Unreachable:
                tries += 1
                continue
            tries += len(made)
            for plan in made:
                held = _held(planner, scene, goal, plan, rng)
                states.append(held)
                targets.append(plan.targets)
                plans.append({"where": where_of(scene, goal), "texts": texts, "goal": asdict(goal)})
            values = held[rng.integers(len(held))] if goal.task == "reach" else np.array(scene.arm_start)
    arrays = {
        "states": np.concatenate(states).astype(np.float32),
        "targets": np.concatenate(targets).astype(np.float32),
        "starts": np.cumsum([0, *(len(t) for t in targets)]),
    }
    save_shard(path, arrays, plans=plans)
    return len(plans), tries


def _plans(
    planner: Planner, scene: Scene, goal: Goal, values: NDArray[np.float64], rng: np.random.Generator
) -> list[Plan]:
    """The plan from `values`, and from where pushes on the way lead to."""
    ways, push = planner.ways(scene, goal), Disturbance()
    plans = [planner.plan(goal.arm, values, ways)]
    for _ in range(push.pushes):
        step = int(rng.integers(3, max(4, plans[-1].steps - 4)))
        done = plans[-1].done(step)
        if not may_push(ways, done):
            break
        pushed = planner.pushed(plans[-1].targets[min(step, plans[-1].steps)], goal.arm, rng, push.scale_rad)
        plans.append(planner.plan(goal.arm, pushed, ways, done))
    return plans


def _held(planner: Planner, scene: Scene, goal: Goal, plan: Plan, rng: np.random.Generator) -> NDArray[np.float64]:
    """The states `(N, D)` along a plan: its targets, but fingers around an object stop at its width."""
    ways: list[Way] = planner.ways(scene, goal)
    states = plan.targets.copy()
    if any(way.gripper == CLOSED for way in ways):
        gripper, width = gripper_index(planner.embodiment, goal.arm), rng.uniform(0.3, 0.7)
        states[:, gripper] = np.maximum(states[:, gripper], width)
    return states


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla motions`."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--scenes", type=int, default=8000, help=f"scenes, {GOALS} goals in each")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)


def run(options: argparse.Namespace) -> int:
    """`finevla motions`."""
    firsts = range(0, options.scenes, SHARD_SCENES)
    paths = [options.out / f"motions_{first // SHARD_SCENES:04d}.npz" for first in firsts]
    jobs = [(first, SHARD_SCENES) for first in firsts]
    return make_shards(paths, jobs, write_motions, "plans", options.processes)
