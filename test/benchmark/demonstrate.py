"""What an episode of `finevla demonstrate` costs, in processor seconds: its stages, and the whole command.

python test/benchmark/demonstrate.py stages              performing, drawing, writing; and MuJoCo's drawing alone
python test/benchmark/demonstrate.py command             what one more episode costs, and the start
python test/benchmark/demonstrate.py command --against ../other     the same with another checkout, in turns

Processor time is user and system time of all threads, which other work on the machine lengthens by less than it does the
wall clock's; the least of several rounds is told, and the median.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import finevla_sim  # says how MuJoCo draws
from finevla_sim.episode import Episode
from finevla_sim.robot_files import default_robot
from finevla_sim.tasks import TASKS, mixture
from finevla_sim.world import World
from finevla_tools.datasets.episode_writer import EpisodeWriter
from finevla_tools.datasets.lerobot_writer import LeRobotWriter
from finevla_tools.datasets.rosbag_writer import RosbagWriter
from finevla_tools.demonstrate import FPS, DemonstrationRequest, Performer

ROOT = Path(__file__).parents[2]
WRITERS: dict[str, type[EpisodeWriter]] = {"rosbag2": RosbagWriter, "lerobot": LeRobotWriter}

assert finevla_sim


def cpu_s(who: int = resource.RUSAGE_SELF) -> float:
    """Processor seconds so far."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def timed(work: Callable[[], object]) -> float:
    """Processor seconds of some work."""
    before = cpu_s()
    work()
    return cpu_s() - before


def stages(level: str, count: int, rounds: int) -> None:
    """Tell what each stage of an episode costs."""
    drawn, blind = (Performer(DemonstrationRequest(mixture(",".join(TASKS)), level, True, p)) for p in (True, False))
    made: list[Episode] = []
    seen: dict[str, list[float]] = {}

    def perform(performer: Performer) -> None:
        done = [performer.perform(seed) for seed in range(count)]
        made[:] = [one[0] for one in done if one is not None]

    def write(name: str, folder: Path) -> None:
        writer = WRITERS[name](folder / name, default_robot().embodiment, FPS)
        for episode in made:
            writer.add(episode)
        seen[f"{name}: adding"].append((cpu_s() - before) / len(made))
        writer.close()

    drawn.perform(0)
    for _ in range(rounds + 1):
        for name, performer in (("performing, no pictures", blind), ("performing and drawing", drawn)):
            seen.setdefault(name, []).append(timed(lambda p=performer: perform(p)) / len(made))  # type: ignore[misc]
        assert drawn.world is not None
        alone = timed(lambda: draw_alone(drawn.world, 100)) / 100
        seen.setdefault("MuJoCo's drawing alone, as many pictures", []).append(
            alone * sum(e.steps for e in made) / len(made)
        )
        for name in WRITERS:
            seen.setdefault(f"{name}: adding", [])
            with tempfile.TemporaryDirectory() as folder:
                before = cpu_s()
                write(name, Path(folder))
                seen.setdefault(f"{name}: all, with its end", []).append((cpu_s() - before) / len(made))
    steps = sum(e.steps for e in made) / len(made)
    print(
        f"{len(made)} episodes of {steps:.0f} steps, {level}; processor seconds of one, least and median of {rounds} rounds"
    )
    for name, values in seen.items():
        print(
            f"{name:42} {min(values[1:]):6.3f} {statistics.median(values[1:]):6.3f}"
        )  # the first round loads libraries


def draw_alone(world: World | None, steps: int) -> None:
    """Draw the cameras' pictures as MuJoCo itself does, all geoms and the sky, and read them."""
    import mujoco
    import numpy as np

    assert world is not None
    renderer, model = world._renderer(), world.model
    height, width = world.image_size
    pixels, frame = np.empty((height, width, 3), np.uint8), mujoco.MjrRect(0, 0, width, height)
    scene = renderer._scene
    scene.flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = True
    view = mujoco.MjvCamera()
    view.type = mujoco.mjtCamera.mjCAMERA_FIXED
    for _ in range(steps):
        for name in world.embodiment.camera_names:
            view.fixedcamid = model.camera(name).id
            mujoco.mjv_updateScene(model, world.data, renderer._option, None, view, mujoco.mjtCatBit.mjCAT_ALL, scene)
            mujoco.mjr_render(frame, scene, renderer._context)
            mujoco.mjr_readPixels(pixels, None, frame, renderer._context)


def command(trees: list[Path], level: str, count: int, rounds: int) -> None:
    """Tell what the command costs for few and for many episodes, in one process, in each of the trees in turns."""
    few, many = 2, 2 + count
    seen: dict[tuple[Path, int], list[float]] = {}
    for _ in range(rounds):
        for episodes in (few, many):
            for tree in trees:
                seen.setdefault((tree, episodes), []).append(run(tree, level, episodes))
    for tree in trees:
        one = [(b - a) / count for a, b in zip(seen[tree, few], seen[tree, many], strict=True)]
        start = min(seen[tree, few]) - few * min(one)
        print(
            f"{tree.resolve().name:20} one more episode {min(one):.2f} (median {statistics.median(one):.2f}), start {start:.1f}"
        )


def run(tree: Path, level: str, episodes: int) -> float:
    """Processor seconds of `finevla demonstrate` with the sources of a tree."""
    sources = [str(tree.resolve() / "tools"), *map(str, sorted(tree.resolve().glob("src/*/")))]
    paths = os.pathsep.join([*sources, os.environ.get("PYTHONPATH", "")])
    out = Path(tempfile.mkdtemp())
    options = ["--out", str(out / "demos"), "--episodes", str(episodes), "--level", level, "--processes", "1"]
    before = cpu_s(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "finevla_tools.cli", "demonstrate", *options],
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    shutil.rmtree(out)
    return cpu_s(resource.RUSAGE_CHILDREN) - before


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("stages", "command"))
    parser.add_argument("--level", default="easy")
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path, help="another checkout of this repository, measured in turns (command)")
    arguments = parser.parse_args()
    if arguments.what == "stages":
        stages(arguments.level, arguments.episodes, arguments.rounds)
    else:
        trees = [ROOT, *([arguments.against] if arguments.against else [])]
        command(trees, arguments.level, arguments.episodes, arguments.rounds)


if __name__ == "__main__":
    main()
