"""A data set as 80 values with a mask, in FineVLA's files: joints, end-effector poses and grippers of one arm or two.

Reads LeRobot v2.0 to v3.0. What the columns mean is in its meta/modality.json, or in a file of config/canonical (--map).
End-effector poses that a data set lacks are computed from its joints. --restore makes the columns out of the 80 values again.
"""

import argparse
import sys
from pathlib import Path

from finevla_core.errors import FineVLAError, unknown

FOLDER = "unified_output"
WORTH_A_PROCESS = 50  # episodes: a process takes as long to start as some tens of them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `finevla canonicalise` takes."""
    parser.add_argument("dataset", type=Path, help="a LeRobot data set; with --restore a folder that this command made")
    parser.add_argument("--out", type=Path, help=f"the folder to make; without it {FOLDER} in the data set")
    parser.add_argument("--map", help="a field map: a name of config/canonical, a .yaml, or a modality.json")
    parser.add_argument(
        "--target", action="append", default=[], metavar="WHAT=TYPE",
        help="other target types, as eef_action=delta_rotvec (joint_state, eef_state, joint_action, eef_action)",
    )  # fmt: skip
    parser.add_argument(
        "--compat", choices=["finevla"], help="FineVLA's own numbers: quaternion signs as SciPy has them"
    )
    parser.add_argument(
        "--doubles", action="store_true", help="float64 instead of float32: differences come back exactly"
    )
    parser.add_argument("--episodes", type=int, metavar="N", help="only the first N")
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0 = one per core")
    parser.add_argument("--dry-run", action="store_true", help="print a random frame of each episode, write nothing")
    parser.add_argument("--seed", type=int, default=0, help="of the dry run's frames")
    parser.add_argument("--force", action="store_true", help="make anew what is of other input or options")
    parser.add_argument("--restore", action="store_true", help="from the 80 values to the data set's own columns")


def run(arguments: argparse.Namespace) -> int:
    """0 if every episode is there, 1 if some were left out."""
    from finevla_tools.canonical import convert
    from finevla_tools.canonical.unify import Rules, Targets
    from finevla_tools.datasets.jobs import cores
    from finevla_tools.datasets.lerobot_files import open_dataset

    if arguments.restore:
        if arguments.out is None:
            raise FineVLAError("--restore needs --out, the folder to make")
        count = convert.restored(arguments.dataset, arguments.out)
        print(f"{count} episodes in their own columns: {arguments.out}")
        return 0
    if arguments.episodes is not None and arguments.episodes < 1:
        raise FineVLAError(f"--episodes is {arguments.episodes}; at least 1 is needed")
    dataset = open_dataset(arguments.dataset)
    for problem in dataset.problems:
        print(f"warning: {problem}", file=sys.stderr)
    compat = arguments.compat == "finevla"
    rules = Rules(convert.choose_map(dataset, arguments.map, compat), Targets(**_targets(arguments.target)), compat)
    if arguments.dry_run:
        for _, text in convert.sample(dataset, rules, arguments.seed, arguments.episodes):
            print(text)
        return 0
    options = convert.Options(
        rules,
        arguments.doubles or compat,
        arguments.jobs or min(cores(), 1 + len(dataset.episodes) // WORTH_A_PROCESS),
        arguments.episodes,
        arguments.force,
    )
    outcome = convert.convert(dataset, arguments.out or arguments.dataset / FOLDER, options)
    for index, sentence in outcome.failed.items():
        print(f"left out: episode {index}: {sentence}", file=sys.stderr)
    done = "nothing to do, all is there" if outcome.is_untouched else f"{outcome.made} made, {outcome.kept} kept"
    print(f"{outcome.folder}: {done}, {len(outcome.failed)} left out (map '{rules.map.name}')")
    return 1 if outcome.failed else 0


def _targets(given: list[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        known = ("joint_state", "eef_state", "joint_action", "eef_action")
        if name not in known:
            raise FineVLAError(unknown("target", name, known))
        found[name] = value
    return found
