"""Still pictures of many scenes with the place of every object: what a policy learns to find named things from.

A scene costs one picture instead of a whole demonstration, and each object in it can be the one a sentence names.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from finevla_sim.ik import ArmIK
from finevla_sim.language import phrasings
from finevla_sim.robot import default_robot
from finevla_sim.sampling import sample_scene
from finevla_sim.shards import load_shards, make_shards, save_shard
from finevla_sim.tasks import APPROACHES, BOWLS, SIDES, TASKS, Goal
from finevla_sim.world import World

SHARD_SCENES = 200
FIRST_SEED = 500_000  # away from the demonstrations' and from the test split's
PHRASINGS = 3


def load_pictures(folder: Path) -> Iterator[dict[str, Any]]:
    """Shards: `images` (N, H, W, 3) of the first camera and `scenes`, a list of lists of named places."""
    return load_shards(folder, "pictures", "scenes")


def write_pictures(path: Path, first: int, count: int) -> tuple[int, int]:
    """A shard of the scenes `first`... of the pictures' seeds."""
    robot = default_robot()
    ik = ArmIK(robot.embodiment, robot.urdf_path)
    camera, world = robot.embodiment.camera_names[0], None
    images, scenes = [], []
    for seed in range(FIRST_SEED + first, FIRST_SEED + first + count):
        scene = sample_scene(seed, "reach", ik)
        if world is None:
            world = World(scene, robot.embodiment, robot.urdf_path)
        else:
            world.reset(scene)
        images.append(world.image(camera))
        rng = np.random.default_rng([seed, 5])
        places = []
        for item in scene.objects:
            position = world.truth().objects[item.name][:3, 3]
            goal = _any_goal(item.name, rng)
            texts = [text for _, text in phrasings(goal, scene, rng, PHRASINGS, "train")]
            places.append({"place": position.tolist(), "pixel": world.project(camera, position), "texts": texts})
        scenes.append(places)
    save_shard(path, {"images": np.array(images)}, scenes=scenes)
    return count, count


def _any_goal(target: str, rng: np.random.Generator) -> Goal:
    task = list(TASKS)[rng.integers(len(TASKS))]
    arm, approach = SIDES[rng.integers(2)], APPROACHES[rng.integers(4)]
    return Goal(task, arm, target, approach, BOWLS[rng.integers(2)] if TASKS[task].uses_bowl else "")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla pictures`."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--scenes", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)


def run(options: argparse.Namespace) -> int:
    """`finevla pictures`."""
    firsts = range(0, options.scenes, SHARD_SCENES)
    paths = [options.out / f"pictures_{first // SHARD_SCENES:04d}.npz" for first in firsts]
    jobs = [(first, SHARD_SCENES) for first in firsts]
    return make_shards(paths, jobs, write_pictures, "pictures", options.processes)
