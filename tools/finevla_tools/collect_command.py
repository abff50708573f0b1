"""`finevla collect`: a policy acts in scenes of the training split; what it saw is kept, with the truth of where things were.

Synthetic motions go well. What a policy gets itself into - a hand before the thing it looks for, a thing
let go of beside the bowl - it must have seen to get out of: dataset aggregation (Ross et al. 2011), for the finder alone.
"""

import argparse
from pathlib import Path

from finevla_core.bundle import load_bundle
from finevla_core.plural_phrases import counted
from finevla_core.policy.onnx_options import Execution
from finevla_sim.tasks import mixture
from finevla_tools.argument_checks import SHARDS, UNKNOWN, at_least, bundle_path, refuse_other_content
from finevla_tools.simulation_options import add_processes, add_tasks
from finevla_tools.stderr_notices import announce, note


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the bundle and the options of `finevla collect` to `parser`."""
    parser.add_argument("bundle", help="policy bundle: a name in models or a path")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--trials", type=int, default=500, help="how often the policy acts, each time in another scene")
    parser.add_argument("--first", type=int, default=0, help="number of the first scene")
    add_tasks(parser)
    add_processes(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the shards of collected trials that are not there yet; return the exit code."""
    refuse_other_content(arguments.out, SHARDS, UNKNOWN)
    at_least(1, trials=arguments.trials, processes=arguments.processes)
    at_least(0, first=arguments.first)
    bundle = bundle_path(arguments.bundle)
    load_bundle(bundle)
    tasks = mixture(arguments.tasks)
    announce(f"loading the simulator; {counted(arguments.trials, 'trial')} of '{arguments.bundle}' to {arguments.out}")
    from finevla_core.policy.bundle_loading import load_policy
    from finevla_sim.robot_files import default_robot
    from finevla_tools.collect import SHARD_TRIALS, write_collected
    from finevla_tools.work.resumable_shards import make_shards

    load_policy(bundle, default_robot().embodiment, execution=Execution(tell=note))
    firsts = range(arguments.first, arguments.first + arguments.trials, SHARD_TRIALS)
    paths = [arguments.out / f"drills_{first // SHARD_TRIALS:05d}.npz" for first in firsts]
    jobs = [(bundle, first, SHARD_TRIALS, tasks) for first in firsts]
    return make_shards(paths, jobs, write_collected, "trials", arguments.processes)
