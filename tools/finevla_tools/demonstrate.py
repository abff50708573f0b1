"""The demonstrations behind `finevla demonstrate`: performed in the simulator, judged, handed to the writers."""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_sim.demonstrator import Demonstration, Demonstrator
from finevla_sim.episode import CONTROL_S, Episode
from finevla_sim.gripper_path_planner import UNDISTURBED, Disturbance, Unreachable
from finevla_sim.gripper_truth import truth_of
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.judge import obeyed
from finevla_sim.language import instruction_of
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import DEMONSTRATION_SEEDS
from finevla_sim.scene_sampling import sample_scene
from finevla_sim.tasks import sample_goal
from finevla_sim.world import World
from finevla_tools.datasets.episode_writer import EpisodeWriter
from finevla_tools.datasets.lerobot_writer import LeRobotWriter
from finevla_tools.datasets.rosbag_writer import RosbagWriter
from finevla_tools.work.parallel_map import Once, over
from finevla_tools.work.progress import Lines, Progress

FPS = round(1 / CONTROL_S)
SAY_EVERY_S = 10.0
TRIES = 20  # goals drawn for a scene until one can be reached


@dataclass(frozen=True)
class DemonstrationRequest:
    """What to demonstrate: tasks with their shares, the scenes' level, whether disturbed, whether drawn."""

    tasks: dict[str, float]
    level: str = "easy"
    disturbed: bool = True
    pictures: bool = True


class Performer:
    """Makes one episode per seed, the same for the same seed."""

    def __init__(self, wanted: DemonstrationRequest) -> None:
        self.wanted, self.robot = wanted, default_robot()
        self.ik = ArmIK(self.robot.embodiment, self.robot.urdf_path)
        self.world: World | None = None
        # Performers keep the cores busy; threads of Mesa's software renderer would only wait for each other.
        os.environ.setdefault("LP_NUM_THREADS", "0")

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
            truth=truth_of(done),
        )


def episodes(wanted: DemonstrationRequest, first: int, processes: int) -> Iterator[tuple[Episode, bool] | None]:
    """Episodes of the seeds `first`, `first + 1`, ... in that order, as many as are asked for."""
    seeds = iter(range(first, DEMONSTRATION_SEEDS))
    perform = Once(partial(Performer, wanted), Performer.perform)
    yield from (made for _, made in over(perform, seeds, processes, ahead=2))


def write_demos(arguments: argparse.Namespace, tasks: dict[str, float], formats: Sequence[str]) -> int:
    """`finevla demonstrate` with options that were checked; returns the exit code."""
    wanted = DemonstrationRequest(tasks, arguments.level, not arguments.undisturbed, not arguments.no_pictures)
    kept, tried, seconds = 0, 0, 0.0

    def text() -> str:
        return f"{kept}/{counted(arguments.episodes, 'episode')}, {tried} tried, {kept / progress.seconds:.2g}/s"

    progress = Progress("demonstrations", arguments.episodes, lines=Lines(text, every_s=SAY_EVERY_S))
    with ExitStack() as stack:
        stack.enter_context(progress)
        writers = [stack.enter_context(writer) for writer in _writers(formats, arguments.out)]
        for made in episodes(wanted, arguments.first, arguments.processes):
            tried += 1
            if made is not None and (made[1] or arguments.failures):
                for writer in writers:
                    writer.add(made[0])
                kept, seconds = kept + 1, seconds + made[0].steps * CONTROL_S
            progress.step(kept - progress.done)
            if kept == arguments.episodes:
                break
    if kept < arguments.episodes:
        raise FineVLAError(f"only {counted(kept, 'episode')} came out as told; give a smaller --first")
    rate = kept / progress.seconds
    print(
        f"{counted(kept, 'episode')} of {seconds / kept:.1f} s on average, {tried - kept} left out; {rate:.2g} episodes/s"
    )
    for writer in writers:
        print(f"written: {writer.root}")
    return 0


def _writers(formats: Sequence[str], out: Path) -> list[EpisodeWriter]:
    robot = default_robot().embodiment
    kinds: dict[str, type[EpisodeWriter]] = {"lerobot": LeRobotWriter, "rosbag2": RosbagWriter}
    return [kinds[name](out / name, robot, FPS) for name in formats]
