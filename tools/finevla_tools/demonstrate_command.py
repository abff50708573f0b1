"""`finevla demonstrate`: executed demonstrations as a LeRobot v3.0 data set, as rosbag2 recordings, or both.

Motions are disturbed, miss now and then and try again. What is said of an episode is checked against what happened: an
episode that did not come out as told is left out, or kept as a failure if asked for.
"""

import argparse
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_sim.scene import DEMONSTRATION_SEEDS, LEVELS
from finevla_sim.tasks import mixture
from finevla_tools.argument_checks import at_least
from finevla_tools.simulation_options import add_processes, add_tasks
from finevla_tools.stderr_notices import announce
from finevla_tools.work.staged_output import refuse_existing

FORMATS = ("lerobot", "rosbag2")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `finevla demonstrate` to `parser`."""
    parser.add_argument("--out", type=Path, required=True, help="folder to make, with a folder per format")
    parser.add_argument("--episodes", type=int, default=100, help="how many to write")
    parser.add_argument("--first", type=int, default=0, help="seed of the first scene")
    add_tasks(parser)
    parser.add_argument(
        "--level", choices=LEVELS, default="easy", help="hard: light, table, clutter, cameras, friction differ"
    )
    parser.add_argument("--formats", default=",".join(FORMATS), help="lerobot, rosbag2 or both; '' only runs them")
    parser.add_argument("--no-pictures", action="store_true", help="joint states and actions only")
    parser.add_argument("--undisturbed", action="store_true", help="nobody pushes the arm or moves the object")
    parser.add_argument("--failures", action="store_true", help="keep episodes that did not come out as told, too")
    add_processes(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check the options and write the demonstrations; return the exit code. Raises `FineVLAError` for bad options."""
    at_least(1, episodes=arguments.episodes, processes=arguments.processes)
    at_least(0, first=arguments.first)
    if arguments.episodes > DEMONSTRATION_SEEDS or arguments.first >= DEMONSTRATION_SEEDS:
        raise FineVLAError(f"--episodes and --first must stay within the {DEMONSTRATION_SEEDS} seeds of demonstrations")
    formats = [name for name in arguments.formats.split(",") if name]
    if odd := [name for name in formats if name not in FORMATS]:
        raise FineVLAError(f"unknown format '{odd[0]}'; known are {', '.join(FORMATS)}")
    refuse_existing(arguments.out)
    tasks = mixture(arguments.tasks)
    announce(f"loading the simulator; {counted(arguments.episodes, 'episode')} to {arguments.out}")
    from finevla_tools.demonstrate import write_demos

    return write_demos(arguments, tasks, formats)
