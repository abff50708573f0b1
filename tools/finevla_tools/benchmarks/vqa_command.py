"""`finevla bench vqa`: questions on videos, answered by a model and matched without one, as RoboFine-Bench publishes it."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from finevla_core.errors import FineVLAError
from finevla_tools.argument_checks import at_least, refuse_no_folder, refuse_no_output
from finevla_tools.benchmarks.server_options import add_server_arguments, server_options
from finevla_tools.stderr_notices import announce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finevla_tools.benchmarks.vqa_run import VqaSet, VqaWay

SHOWN = 12
TEXT = "questions on videos: a model's answers, matched as published and strictly"
BASELINES = ("no-frames", "shuffled-frames", "instruction-only")


def add_set_arguments(job: argparse.ArgumentParser, what: str) -> None:
    """Add what `vqa` and `caption` have in common."""
    job.add_argument("set", type=Path, help=f"folder with EvalSets.json, {what} and the videos")
    job.add_argument("--model", default="", help="name of the model that is measured, as the server has it")
    job.add_argument("--out", type=Path, help="folder of results; without it out/bench/<set>/<task>")
    job.add_argument(
        "--level", choices=("hard", "easy"), default="hard", help="easy: the model reads the instruction, too"
    )
    job.add_argument("--baseline", choices=BASELINES, default="", help="how well a model does that is blind")
    job.add_argument("--rounds", type=int, default=1, help="how often everything is asked")
    job.add_argument("--samples", type=int, metavar="N", help="only the first N")
    job.add_argument("--axes", type=Path, metavar="FILE", help="YAML: axis: [capability, ...]; without it our reading")
    job.add_argument(
        "--as-published", action=argparse.BooleanOptionalAction, default=True,
        help="the headline is the published score (default), or the repaired one; both are always there",
    )  # fmt: skip
    job.add_argument("--dry-run", action="store_true", help="say what would be asked and what it may cost, ask nothing")


def add_arguments(jobs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the job 'vqa' and its options to `jobs`."""
    job = jobs.add_parser("vqa", description=TEXT, help=TEXT)
    add_set_arguments(job, "QAEvalSets.json")
    job.add_argument(
        "--results",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="recorded result files that are scored as well",
    )
    add_server_arguments(job)


def run(arguments: argparse.Namespace) -> int:
    """Ask if a model is named, score all results in the folder; 0 if all samples were answered, 1 if some were not."""
    from finevla_tools.benchmarks.capabilities import read_axes
    from finevla_tools.benchmarks.evaluation_files import read_questions, read_samples
    from finevla_tools.benchmarks.set_folders import QUESTIONS, SETS, set_folder, set_name
    from finevla_tools.benchmarks.vqa_report import PAGE, by_model, headline, write_report
    from finevla_tools.benchmarks.vqa_run import SUFFIX, VqaSet, VqaWay, read_results

    refuse_no_folder(arguments.set)
    refuse_no_output("--out", arguments.out)
    at_least(1, rounds=arguments.rounds, samples=1 if arguments.samples is None else arguments.samples)
    axes = read_axes(arguments.axes)
    folder = set_folder(arguments.set)
    asked = VqaSet(folder, read_samples(folder / SETS), read_questions(folder / QUESTIONS))
    if not asked.names():
        raise FineVLAError(f"no sample of '{folder / SETS}' has a question in {QUESTIONS}; are both of one version?")
    way = VqaWay(arguments.baseline, arguments.level, arguments.rounds)
    out = arguments.out or Path("out/bench") / set_name(arguments.set) / "vqa"
    failed = 0
    if arguments.model or arguments.dry_run:
        failed = _ask(arguments, asked, way, out)
    if arguments.dry_run:
        return 0
    files = [*sorted(out.glob(f"*{SUFFIX}")), *arguments.results]
    if not files:
        raise FineVLAError(f"there are no results in '{out}'; give --model and --server, or recorded --results")
    results = [read_results(path, asked) for path in files]
    for one in results:
        if not one.records:
            raise FineVLAError(f"'{one.path}' answers no question of '{arguments.set}'; it belongs to another set")
        if one.strangers:
            print(f"warning: {one.strangers} questions of '{one.path}' are not in the set; left out", file=sys.stderr)
    write_report(out, asked, results, axes, arguments.as_published)
    for row in headline(by_model(results), asked, arguments.as_published).rows:
        print(_plain_row(row, "published, repaired" if arguments.as_published else "repaired, published"))
    print(f"written: {out / PAGE}")
    return 1 if failed else 0


def _ask(arguments: argparse.Namespace, asked: "VqaSet", way: "VqaWay", out: Path) -> int:
    """Ask the model, write a result file per round; return how many samples could not be asked or gave no answer."""
    from finevla_tools.benchmarks.model_run import ask_server, say_estimate
    from finevla_tools.benchmarks.video_frames import find_views, why_missing
    from finevla_tools.benchmarks.vqa_run import estimate, label, records_of, result_name, vqa_requests, write_results

    names = asked.names(arguments.samples)
    if not way.is_blind:
        seen = [name for name in names if find_views(asked.folder, asked.samples[name])[0]]
        say_missing([name for name in names if name not in set(seen)], len(names))
        lacking, names = len(names) - len(seen), seen
    else:
        lacking = 0
    if arguments.dry_run:
        say_estimate(*estimate(asked, names, way), arguments.price_in, arguments.price_out)
        return 0
    options = server_options(arguments, arguments.model)
    if not names:
        raise FineVLAError(
            f"no sample has a video on this machine; {why_missing(asked.folder, asked.samples.values())}"
        )
    announce(f"asking '{arguments.model}' about {len(names)} videos")
    answers = []
    try:
        for answer in ask_server(vqa_requests(asked, names, way), len(names) * way.rounds, options, out / "answers"):
            answers.append(answer)
    finally:
        for number in range(1, way.rounds + 1):
            own = sorted((one for one in answers if one.round == number), key=lambda one: one.sample_id)
            records = [record for one in own for record in records_of(asked, one)]
            if records:
                elapsed_s = sum(one.elapsed_s for one in own)
                path = out / result_name(arguments.model, way, number)
                write_results(path, records, label(arguments.model, way), elapsed_s)
    return lacking + sum(one.result is None for one in answers)


def say_missing(missing: list[str], total: int) -> None:
    """Print which samples have no video here; the rest is asked."""
    for name in missing[:SHOWN]:
        print(f"left out: {name}: none of its videos is on this machine", file=sys.stderr)
    if missing:
        more = f", {len(missing) - SHOWN} more of them not named" if len(missing) > SHOWN else ""
        print(f"{total - len(missing)} of {total} samples have a video{more}", file=sys.stderr)


def _plain_row(row: "Sequence[str]", what: str) -> str:
    import re

    model, first, second, rounds, questions, failed = (re.sub(r"<small>(.*?)</small>", r" [\1]", cell) for cell in row)
    told = f"{model}: {first}, {second} ({what}) of {questions} questions"
    return (
        told
        + (f"; rounds {rounds}" if rounds != "-" else "")
        + (f"; {failed} of failed calls" if failed != "0" else "")
    )
