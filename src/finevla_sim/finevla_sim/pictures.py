"""Still pictures of many scenes with the place of every object: what a policy learns to find named things from.

A scene costs one picture instead of a whole demonstration, and each object in it can be the one a sentence names.
"""

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_sim.ik import ArmIK
from finevla_sim.language import phrasings
from finevla_sim.robot import default_robot
from finevla_sim.sampling import sample_scene
from finevla_sim.tasks import APPROACHES, BOWLS, SIDES, TASKS, Goal
from finevla_sim.world import World

SHARD_SCENES = 200
FIRST_SEED = 500_000  # away from the demonstrations' and from the test split's
PHRASINGS = 3


def make_pictures(out: Path, scenes: int, processes: int) -> None:
    """Write shards of `SHARD_SCENES` pictures; finished shards are kept, so a run can be resumed."""
    out.mkdir(parents=True, exist_ok=True)
    todo = [(out, shard) for shard in range(-(-scenes // SHARD_SCENES)) if not _path(out, shard).exists()]
    started = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for done, _ in enumerate(pool.imap_unordered(_write_shard, todo), 1):
            rate = done * SHARD_SCENES / (time.monotonic() - started)
            print(f"{done}/{len(todo)} shards, {rate:.0f} pictures/s", flush=True)


def load_pictures(folder: Path) -> Iterator[dict[str, Any]]:
    """Shards: `images` (N, H, W, 3) of the first camera and `scenes`, a list of lists of named places."""
    paths = sorted(folder.glob("pictures_*.npz"))
    if not paths:
        raise FineVLAError(f"no pictures in '{folder}'; make some with 'finevla pictures --out {folder}'")
    for path in paths:
        with np.load(path, allow_pickle=False) as shard:
            yield {"images": shard["images"], "scenes": json.loads(bytes(shard["scenes"]))}


def _write_shard(job: tuple[Path, int]) -> None:
    out, shard = job
    robot = default_robot()
    ik = ArmIK(robot.embodiment, robot.urdf_path)
    camera, world = robot.embodiment.camera_names[0], None
    images, scenes = [], []
    for number in range(SHARD_SCENES):
        seed = FIRST_SEED + shard * SHARD_SCENES + number
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
    temporary = _path(out, shard).with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        np.savez(file, images=np.array(images), scenes=np.frombuffer(json.dumps(scenes).encode(), np.uint8))
    os.replace(temporary, _path(out, shard))


def _any_goal(target: str, rng: np.random.Generator) -> Goal:
    task = list(TASKS)[rng.integers(len(TASKS))]
    arm, approach = SIDES[rng.integers(2)], APPROACHES[rng.integers(4)]
    return Goal(task, arm, target, approach, BOWLS[rng.integers(2)] if TASKS[task].uses_bowl else "")


def _path(out: Path, shard: int) -> Path:
    return out / f"pictures_{shard:04d}.npz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla pictures`."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--scenes", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)


def run(options: argparse.Namespace) -> int:
    """`finevla pictures`."""
    make_pictures(options.out, options.scenes, options.processes)
    return 0
