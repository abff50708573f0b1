"""Motions for many goals from many states, with pictures of some of their moments: what a policy is trained from.

Plans are not executed but posed - arms and objects are put where they would be - so that a moment costs its pictures only,
and a motion without pictures a hundredth of a demonstration.
"""

import argparse
from pathlib import Path

from finevla_core.plural_phrases import counted
from finevla_sim.tasks import mixture
from finevla_tools.argument_checks import SHARDS, UNKNOWN, at_least, refuse_other_content
from finevla_tools.simulation_options import add_processes, add_tasks
from finevla_tools.stderr_notices import announce


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `finevla synthesize` to `parser`."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--scenes", type=int, default=8000, help="scenes, 2 goals in each")
    parser.add_argument("--first", type=int, default=0, help="number of the first scene")
    add_tasks(parser)
    parser.add_argument(
        "--pictures",
        type=int,
        default=0,
        help="moments of each plan with pictures of all cameras; the finder learns from those with one or more [0]",
    )
    add_processes(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the shards of motions that are not there yet; return the exit code."""
    refuse_other_content(arguments.out, SHARDS, UNKNOWN)
    at_least(1, scenes=arguments.scenes, processes=arguments.processes)
    at_least(0, first=arguments.first, pictures=arguments.pictures)
    tasks = mixture(arguments.tasks)
    announce(f"loading the simulator; {counted(arguments.scenes, 'scene')} to {arguments.out}")
    from finevla_sim.synthetic_motions import SHARD_SCENES, write_motions
    from finevla_tools.work.resumable_shards import make_shards

    firsts = range(arguments.first, arguments.first + arguments.scenes, SHARD_SCENES)
    paths = [arguments.out / f"drills_{first // SHARD_SCENES:05d}.npz" for first in firsts]
    jobs = [(first, SHARD_SCENES, tasks, arguments.pictures) for first in firsts]
    return make_shards(paths, jobs, write_motions, "goals", arguments.processes)
