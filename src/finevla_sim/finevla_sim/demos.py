"""Demonstrations in bulk: `finevla demos --out data/demos --episodes 6000`; shards of plain arrays.

Only executions that the judge found right are kept. Shards are written whole or not at all, so a run can be resumed.
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_sim.demonstrator import Demonstrator, Episode
from finevla_sim.ik import ArmIK
from finevla_sim.language import phrasings
from finevla_sim.motions import where_of
from finevla_sim.planner import Unreachable
from finevla_sim.robot import default_robot
from finevla_sim.sampling import TEST_SEEDS, sample_scene
from finevla_sim.scene import Scene
from finevla_sim.shards import load_shards, make_shards, save_shard
from finevla_sim.tasks import TASKS, Goal, sample_goal
from finevla_sim.world import World

SHARD_EPISODES = 50
SEEDS_PER_SHARD = 1000  # room for tries that fail
PHRASINGS = 8
OTHER_PHRASINGS = 3  # for each object that was not the target

# A demonstration, its sentences (level, text), and what other sentences would have meant in its scene.
Made = tuple[Episode, list[tuple[str, str]], list[dict[str, Any]]]


def load_demos(folder: Path) -> Iterator[dict[str, Any]]:
    """Shards: arrays over frames (`images`, `states`, `chunks`, `episode`) and `episodes`, a list of dicts."""
    return load_shards(folder, "demos", "episodes")


def write_demos(path: Path, first: int, count: int, tasks: dict[str, float], frames: int) -> tuple[int, int]:
    """A shard of `count` successful episodes in scenes of the seeds `first`..., and how many had to be tried."""
    maker = _Maker()
    made: list[Made] = []
    tried = 0
    while len(made) < count:
        one = maker.make(first + tried, tasks, frames)
        tried += 1
        if one is not None:
            made.append(one)
    _save(path, made)
    return count, tried


class _Maker:
    """One process's world and IK."""

    def __init__(self) -> None:
        robot = default_robot()
        self.robot = robot
        self.ik = ArmIK(robot.embodiment, robot.urdf_path)
        self.world: World | None = None

    def make(self, seed: int, tasks: dict[str, float], frames: int) -> Made | None:
        rng = np.random.default_rng([seed, 11])
        task = str(rng.choice(list(tasks), p=list(tasks.values())))
        scene = sample_scene(seed, task, self.ik)
        self._show(scene)
        goal = sample_goal(scene, rng)
        assert self.world is not None
        try:
            episode = Demonstrator(self.world, self.ik).demonstrate(goal, rng, frames)
        except Unreachable:
            return None
        if not episode.success:
            return None
        split = "test" if seed >= TEST_SEEDS else "train"
        return episode, phrasings(goal, scene, rng, PHRASINGS, split), _others(goal, scene, rng, split)

    def _show(self, scene: Scene) -> None:
        if self.world is None:
            self.world = World(scene, self.robot.embodiment, self.robot.urdf_path)
        else:
            self.world.reset(scene)


def _others(goal: Goal, scene: Scene, rng: np.random.Generator, split: str) -> list[dict[str, Any]]:
    """The same pictures under other sentences: where the target would be if another object had been named."""
    named = []
    for item in scene.objects:
        if item.name != goal.target:
            other = replace(sample_goal(scene, rng), target=item.name)
            texts = [text for _, text in phrasings(other, scene, rng, OTHER_PHRASINGS, split)]
            named.append({"where": where_of(scene, other), "texts": texts})
    return named


def _save(path: Path, made: list[Made]) -> None:
    meta = [
        {
            "seed": episode.scene.seed,
            "goal": asdict(episode.goal),
            "texts": texts,
            "where": where_of(episode.scene, episode.goal),
            "others": others,
            "outcome": episode.outcome.as_dict(),
            "steps": len(episode.path),
        }
        for episode, texts, others in made
    ]
    arrays = {
        "images": np.concatenate([e.images for e, _, _ in made]),
        "states": np.concatenate([e.states for e, _, _ in made]),
        "chunks": np.concatenate([e.chunks for e, _, _ in made]),
        "episode": np.concatenate([np.full(len(e.frames), i, np.int32) for i, (e, _, _) in enumerate(made)]),
    }
    save_shard(path, arrays, episodes=meta)


def _mixture(text: str) -> dict[str, float]:
    """'reach:2,pick:1' -> probabilities."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.partition(":")
        if name not in TASKS:
            raise FineVLAError(f"unknown task '{name}'; known are {', '.join(TASKS)}")
        try:
            weights[name] = float(weight or 1)
        except ValueError as error:
            raise FineVLAError(f"task weight '{weight}' is not a number; write e.g. reach:2,pick:1") from error
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla demos`."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--episodes", type=int, default=1000, help="successful episodes wanted")
    parser.add_argument(
        "--seed", type=int, default=0, help=f"first scene seed; {TEST_SEEDS} and above is the test split"
    )
    parser.add_argument("--tasks", default="reach,pick,put", help="tasks with optional weights, e.g. reach:2,pick:1")
    parser.add_argument("--frames", type=int, default=10, help="frames kept (and rendered) per episode")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)


def run(options: argparse.Namespace) -> int:
    """`finevla demos`; raises `FineVLAError` for what cannot be done."""
    tasks, shards = _mixture(options.tasks), range(-(-options.episodes // SHARD_EPISODES))
    paths = [options.out / f"demos_{options.seed:08d}_{shard:04d}.npz" for shard in shards]
    jobs = [(options.seed + shard * SEEDS_PER_SHARD, SHARD_EPISODES, tasks, options.frames) for shard in shards]
    return make_shards(paths, jobs, write_demos, "episodes", options.processes)
