"""`finevla demos`: executed demonstrations as a LeRobot v3.0 data set, as rosbag2 recordings, or both.

Motions are disturbed, miss now and then and try again. What is said of an episode is checked against what happened: an
episode that did not come out as told is left out, or kept as a failure if asked for.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_sim.demonstrator import Demonstration, Demonstrator
from finevla_sim.drills import FIRST_SEED, mixture
from finevla_sim.episode import CONTROL_S, Episode
from finevla_sim.ik import ArmIK
from finevla_sim.judge import obeyed
from finevla_sim.language import instruction_of
from finevla_sim.planner import UNDISTURBED, Disturbance, Unreachable
from finevla_sim.robot import default_robot
from finevla_sim.sampling import sample_scene
from finevla_sim.scene import LEVELS
from finevla_sim.tasks import TASKS, sample_goal
from finevla_sim.world import World
from finevla_tools.datasets.common import EpisodeWriter, refuse_existing
from finevla_tools.datasets.lerobot_writer import LeRobotWriter
from finevla_tools.datasets.rosbag_writer import RosbagWriter

FORMATS = ("lerobot", "rosbag2")
FPS = round(1 / CONTROL_S)
TRIES = 20  # goals drawn for a scene until one can be reached


@dataclass(frozen=True)
class Wanted:
    """What to demonstrate: tasks with their shares, the scenes' level, whether disturbed, whether drawn."""

    tasks: dict[str, float]
    level: str = "easy"
    disturbed: bool = True
    pictures: bool = True


class Performer:
    """Makes one episode per seed, the same for the same seed."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted, self.robot = wanted, default_robot()
        self.ik = ArmIK(self.robot.embodiment, self.robot.urdf_path)
        self.world: World | None = None

    def perform(self, seed: int) -> tuple[Episode, bool] | None:
        """The episode and whether all that is said of it is true; None if no goal could be reached."""
        rng = np.random.default_rng([seed, 29])
        task = str(rng.choice(list(self.wanted.tasks), p=list(self.wanted.tasks.values())))
        scene = sample_scene(seed, task, self.ik, self.wanted.level)
        disturbance = Disturbance() if self.wanted.disturbed else UNDISTURBED
        for _ in range(TRIES):
            goal = sample_goal(scene, rng)
            if self.world is None:
                self.world = World(scene, self.robot.embodiment, self.robot.urdf_path)
            else:
                self.world.reset(scene)
            try:
                done = Demonstrator(self.world, self.ik).demonstrate(goal, rng, disturbance, self.wanted.pictures)
            except Unreachable:
                continue
            return self._episode(done, seed, task, rng), all(obeyed(goal, done.outcome).values()) and done.success
        return None

    def _episode(self, done: Demonstration, seed: int, task: str, rng: np.random.Generator) -> Episode:
        robot = self.robot.embodiment
        return Episode(
            task=task,
            level=done.scene.level,
            seed=seed,
            instruction=instruction_of(done.goal, done.scene, rng, "train"),
            cameras=robot.camera_names,
            names=robot.names,
            stamps_ns=np.arange(len(done.states)) * round(CONTROL_S * 1e9),
            states=done.states,
            actions=done.actions,
            images=done.images,
            outcome=done.outcome.sentence(),
            score=done.score,
            success=done.success,
            events=tuple(done.events),
        )


def episodes(wanted: Wanted, first: int, processes: int) -> Iterator[tuple[Episode, bool] | None]:
    """Episodes of the seeds `first`, `first + 1`, ... in that order, as many as are asked for."""
    seeds = iter(range(first, FIRST_SEED))
    if processes == 1:
        performer = Performer(wanted)
        yield from map(performer.perform, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(processes, _start, (wanted,)) as pool:
        waiting = [pool.apply_async(_perform, (next(seeds),)) for _ in range(2 * processes)]
        while waiting:
            yield waiting.pop(0).get()
            if (seed := next(seeds, None)) is not None:
                waiting.append(pool.apply_async(_perform, (seed,)))


_performer: Performer | None = None


def _start(wanted: Wanted) -> None:
    global _performer
    _performer = Performer(wanted)


def _perform(seed: int) -> tuple[Episode, bool] | None:
    assert _performer is not None
    return _performer.perform(seed)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla demos`."""
    parser.add_argument("--out", type=Path, required=True, help="folder to make, with a folder per format")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="seed of the first scene")
    parser.add_argument("--tasks", default=",".join(TASKS), help="tasks with optional weights, e.g. reach:2,pick:1")
    parser.add_argument("--level", choices=LEVELS, default="easy")
    parser.add_argument("--formats", default=",".join(FORMATS), help="lerobot, rosbag2 or both; '' only runs them")
    parser.add_argument("--no-pictures", action="store_true", help="joint states and actions only")
    parser.add_argument("--undisturbed", action="store_true", help="nobody pushes the arm or moves the object")
    parser.add_argument("--failures", action="store_true", help="keep episodes that did not come out as told, too")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)


def run(arguments: argparse.Namespace) -> int:
    """`finevla demos`."""
    if not 1 <= arguments.episodes <= FIRST_SEED or not 0 <= arguments.first < FIRST_SEED:
        raise FineVLAError(f"--episodes and --first must stay within the {FIRST_SEED} seeds of demonstrations")
    wanted = Wanted(mixture(arguments.tasks), arguments.level, not arguments.undisturbed, not arguments.no_pictures)
    refuse_existing(arguments.out)
    started, kept, tried, seconds = time.monotonic(), 0, 0, 0.0
    with ExitStack() as stack:
        writers = [stack.enter_context(writer) for writer in _writers(arguments.formats, arguments.out)]
        for made in episodes(wanted, arguments.first, max(1, arguments.processes)):
            tried += 1
            if made is None or not (made[1] or arguments.failures):
                continue
            for writer in writers:
                writer.add(made[0])
            kept, seconds = kept + 1, seconds + made[0].steps * CONTROL_S
            if kept % 100 == 0:
                print(f"{kept}/{arguments.episodes} episodes, {kept / (time.monotonic() - started):.1f}/s", flush=True)
            if kept == arguments.episodes:
                break
    if kept < arguments.episodes:
        raise FineVLAError(f"only {kept} episodes came out as told; give a smaller --first")
    wall = time.monotonic() - started
    print(
        f"{kept} episodes of {seconds / kept:.1f} s on average, {tried - kept} left out; {kept / wall:.1f} episodes/s"
    )
    for writer in writers:
        print(f"written: {writer.root}")
    return 0


def _writers(formats: str, out: Path) -> list[EpisodeWriter]:
    robot = default_robot().embodiment
    kinds: dict[str, type[EpisodeWriter]] = {"lerobot": LeRobotWriter, "rosbag2": RosbagWriter}
    names = [name for name in formats.split(",") if name]
    for name in names:
        if name not in kinds:
            raise FineVLAError(f"unknown format '{name}'; known are {', '.join(FORMATS)}")
    return [kinds[name](out / name, robot, FPS) for name in names]
