"""`finevla bench make`: a benchmark of your own data set, of what people have reviewed; no model has a part in it."""

import argparse
import sys
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_tools.argument_checks import refuse_no_data_set, refuse_no_output
from finevla_tools.stderr_notices import announce

TEXT = "facts and questions of your own reviewed data set, in the published form"


def add_arguments(jobs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the job 'make' and its options to `jobs`."""
    job = jobs.add_parser("make", description=TEXT, help=TEXT)
    job.add_argument(
        "dataset", type=Path, help="a LeRobot data set whose annotations are reviewed, or of 'finevla demonstrate'"
    )
    job.add_argument("--out", type=Path, help="folder to make; without it out/bench/<data set>")
    job.add_argument("--name", default="", help="what samples are called by; without it the data set's folder")
    job.add_argument("--test-share", type=float, default=0.8, metavar="P", help="share of scenes in the test part")
    job.add_argument("--seed", type=int, default=0, help="which episodes are asked about what")
    job.add_argument("--unreviewed", action="store_true", help="drafts count, too: only for a first look")


def run(arguments: argparse.Namespace) -> int:
    """Write the benchmark; 0 if every episode is in it, 1 if some were left out."""
    refuse_no_data_set(arguments.dataset)
    refuse_no_output("--out", arguments.out)
    if not 0.0 < arguments.test_share <= 1.0:
        raise FineVLAError(f"--test-share is {arguments.test_share}; give a share above 0, at most 1")
    announce(f"reading '{arguments.dataset}'")
    from finevla_tools.annotate.episode_source import name_of
    from finevla_tools.benchmarks.own_set_writer import card, read_own_set, write_own_set
    from finevla_tools.datasets.lerobot_files import open_dataset
    from finevla_tools.work.staged_output import refuse_existing

    name = arguments.name or name_of(arguments.dataset)
    out = arguments.out or Path("out/bench") / name
    refuse_existing(out)
    files = open_dataset(arguments.dataset)
    made = read_own_set(files, name, arguments.test_share, arguments.seed, arguments.unreviewed)
    write_own_set(made, files, name, out, arguments.seed)
    for part, told in card(made, files, name, arguments.seed)["parts"].items():
        chance = "" if told["chance"] is None else f", {100 * told['chance']:.1f} % of them right by a guess"
        print(
            f"{part}: {told['samples']} episodes of {told['scenes']} scenes, {told['facts']} facts, "
            f"{told['questions']} questions{chance}"
        )
    for reason, some in made.left_out.items():
        shown = ", ".join(map(str, some[:12])) + (" ..." if len(some) > 12 else "")
        print(f"left out {len(some)} episodes ({reason}): {shown}", file=sys.stderr)
    print(f"written: {out}")
    return 1 if made.left_out else 0
