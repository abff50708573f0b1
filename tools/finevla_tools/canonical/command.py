"""A data set as 80 values with a mask, in FineVLA's files: joints, end-effector poses and grippers of one arm or two.

Reads LeRobot v2.0 to v3.0. What the columns mean is in its meta/modality.json, or in a file of config/canonical (--map).
End-effector poses that a data set lacks are computed from its joints. --restore makes the columns out of the 80 values again.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError, unknown
from finevla_core.plural_phrases import counted
from finevla_tools.argument_checks import refuse_no_data_set, refuse_no_folder, refuse_no_output
from finevla_tools.stderr_notices import announce

FOLDER = "unified_output"
WORTH_A_PROCESS = 50  # episodes: a process takes as long to start as some tens of them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the data set and the options of `finevla canonicalise` to `parser`."""
    parser.add_argument("dataset", type=Path, help="a LeRobot data set; with --restore a folder that this command made")
    parser.add_argument("--out", type=Path, help=f"the folder to make; without it {FOLDER} in the data set")
    parser.add_argument("--map", help="a field map: a name of config/canonical, a .yaml, or a modality.json")
    add_gripper_arguments(parser)
    parser.add_argument(
        "--inspect", nargs="?", const="-", metavar="FILE",
        help="print what each column is taken for, write that as a field map to FILE, where you can correct it, and end",
    )  # fmt: skip
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
    parser.add_argument("--seed", type=int, default=0, help="seed that chooses the frames of the dry run")
    parser.add_argument("--force", action="store_true", help="make anew what is of other input or options")
    parser.add_argument("--restore", action="store_true", help="from the 80 values to the data set's own columns")


def add_gripper_arguments(parser: Any) -> None:
    """How the grippers are scaled, for every tool that reads data sets of others."""
    parser.add_argument(
        "--gripper", default="auto", metavar="SCALE",
        help="how the data set states gripper openings. auto: found from all episodes; metres (of the whole opening), "
        "finger-metres, millimetres, normalised, percent, motor, rdt, keep; or the value when open (0.08), of left and right "
        "(4.79,4.78), or when closed and open (0.1:3.5)",
    )  # fmt: skip
    parser.add_argument(
        "--gripper-action", default="", metavar="SCALE", help="scale of the grippers in the actions, if it is another"
    )


def run(arguments: argparse.Namespace) -> int:
    """0 if every episode is there, 1 if some were left out."""
    (refuse_no_folder if arguments.restore else refuse_no_data_set)(arguments.dataset)
    refuse_no_output("--out", arguments.out)
    targets = _targets(arguments.target)
    announce(f"reading '{arguments.dataset}'")
    from finevla_tools.canonical import convert
    from finevla_tools.canonical.field_map_choice import choose_map
    from finevla_tools.canonical.field_map_scales import Given, settle
    from finevla_tools.canonical.unified_values import Rules, Targets
    from finevla_tools.datasets.lerobot_files import open_dataset
    from finevla_tools.work.parallel_map import cores

    if arguments.restore:
        if arguments.out is None:
            raise FineVLAError("--restore needs --out, the folder to make")
        count = convert.restored(arguments.dataset, arguments.out)
        print(f"{counted(count, 'episode')} in their own columns: {arguments.out}")
        return 0
    if arguments.episodes is not None and arguments.episodes < 1:
        raise FineVLAError(f"--episodes is {arguments.episodes}; at least 1 is needed")
    dataset = open_dataset(arguments.dataset)
    for problem in dataset.problems:
        print(f"warning: {problem}", file=sys.stderr)
    given = Given(arguments.gripper, arguments.gripper_action)
    if arguments.inspect:
        from finevla_tools.canonical.inspect import inspect

        return inspect(dataset, arguments.map, given, None if arguments.inspect == "-" else Path(arguments.inspect))
    compat = arguments.compat == "finevla"
    fields = choose_map(dataset, arguments.map, compat)
    fields = fields if compat else settle(dataset, fields, given)  # FineVLA takes grippers as they are
    _tell(fields)
    rules = Rules(fields, Targets(**targets), compat)
    if arguments.dry_run:
        for _, text in convert.sample(dataset, rules, arguments.seed, arguments.episodes):
            print(text)
        return 0
    options = convert.CanonicalOptions(
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
    print(f"{outcome.folder}: {done}, {len(outcome.failed)} left out (field map: {rules.map.name})")
    return 1 if outcome.failed else 0


def _tell(fields: Any) -> None:
    """How the map came about, and of which frames computed poses are."""
    for sentence in fields.told:
        print(sentence, file=sys.stderr)
    if fields.forward:
        tips = ", ".join(f"{way.slot} is {way.tip} in {way.base}" for way in fields.forward)
        print(f"by forward kinematics: {tips}", file=sys.stderr)


def _targets(given: list[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        known = ("joint_state", "eef_state", "joint_action", "eef_action")
        if name not in known:
            raise FineVLAError(unknown("target", name, known))
        found[name] = value
    return found
