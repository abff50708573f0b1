"""`finevla bench caption`: videos told in steps by a model, held against atomic facts by a judge, scored as published."""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.argument_checks import at_least, refuse_no_folder, refuse_no_output
from finevla_tools.benchmarks.server_options import add_server_arguments, server_options
from finevla_tools.benchmarks.vqa_command import add_set_arguments, say_missing
from finevla_tools.stderr_notices import announce

if TYPE_CHECKING:
    from finevla_tools.benchmarks.judged_captions import CaptionFacts, CaptionRun
    from finevla_tools.benchmarks.vqa_run import VqaWay

TEXT = "videos told in steps: a judge's verdict on every fact, scored as published and repaired"
JUDGE_TEMPERATURE = 0.1  # the published one


def add_arguments(jobs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the job 'caption' and its options to `jobs`."""
    job = jobs.add_parser("caption", description=TEXT, help=TEXT)
    add_set_arguments(job, "GT_AtomicFacts.jsonl")
    job.add_argument(
        "--captions", type=Path, nargs="+", default=[], metavar="FILE", help="*_CaptionResult.jsonl to judge"
    )
    job.add_argument("--judge", default="", metavar="MODEL", help="model that compares captions with facts")
    job.add_argument("--judge-server", default="", metavar="URL", help="its server; without it --server")
    job.add_argument("--repeats", type=int, default=1, help="how often each caption is judged")
    job.add_argument(
        "--judged",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="folders with a recorded direct_align_raw.jsonl",
    )
    add_server_arguments(job)


def run(arguments: argparse.Namespace) -> int:
    """Caption, judge and score, each if asked for; 0 if every sample is judged, 1 if some are not."""
    from finevla_tools.benchmarks.capabilities import read_axes
    from finevla_tools.benchmarks.caption_report import PAGE, headline, write_report
    from finevla_tools.benchmarks.caption_run import CAPTIONS
    from finevla_tools.benchmarks.evaluation_files import read_facts, read_samples
    from finevla_tools.benchmarks.judged_captions import CaptionFacts
    from finevla_tools.benchmarks.set_folders import SETS, facts_file, set_folder, set_name
    from finevla_tools.benchmarks.vqa_run import VqaWay

    refuse_no_folder(arguments.set)
    refuse_no_output("--out", arguments.out)
    at_least(1, rounds=arguments.rounds, repeats=arguments.repeats, samples=arguments.samples or 1)
    axes = read_axes(arguments.axes)
    folder = set_folder(arguments.set)
    samples, facts = read_samples(folder / SETS), read_facts(facts_file(folder))
    names = sorted(facts)[: arguments.samples]
    asked = CaptionFacts(folder, samples, {name: facts[name] for name in names})
    way = VqaWay(arguments.baseline, arguments.level, arguments.rounds)
    out = arguments.out or Path("out/bench") / set_name(arguments.set) / "caption"
    failed = 0
    if arguments.dry_run:
        return _dry_run(arguments, asked, way)
    if arguments.model:
        failed += _caption(arguments, asked, way, out)
    if arguments.judge:
        files = [*sorted((out / "captions").glob(f"*{CAPTIONS}")), *arguments.captions]
        if not files:
            raise FineVLAError("there are no captions to judge; give --model and --server, or recorded --captions")
        failed += _judge(arguments, asked, files, out)
    runs = _recorded(out, arguments)
    if not runs:
        raise FineVLAError(
            f"nothing in '{out}' is judged; give --judge MODEL, or folders of a recorded judge by --judged"
        )
    runs = [_of_the_set(one, asked, arguments.set) for one in runs]
    write_report(out, asked, runs, axes, arguments.as_published)
    table = headline(asked, runs, arguments.as_published)
    for row in table.rows:
        cells = [re.sub(r"<small>(.*?)</small>", r" [\1]", cell) for cell in row]
        told = ", ".join(
            f"{head.removeprefix('#')} {cell}" for head, cell in zip(table.heads[4:], cells[4:], strict=True)
        )
        print(f"{cells[0]}: {told}")
    print(f"written: {out / PAGE}")
    return 1 if failed else 0


def _of_the_set(run: "CaptionRun", asked: "CaptionFacts", folder: Path) -> "CaptionRun":
    """A run without verdicts on samples that the set does not have, which would count in its means."""
    mine = {name: judged for name, judged in run.judged.items() if name in asked.facts}
    if not mine:
        raise FineVLAError(f"the verdicts '{run.name}' are of no sample of '{folder}'")
    if strangers := len(run.judged) - len(mine):
        print(
            f"warning: {counted(strangers, 'verdict')} of '{run.name}' {'is' if strangers == 1 else 'are'} of no sample of "
            f"'{folder}', and left out",
            file=sys.stderr,
        )
    return replace(run, judged=mine)


def _dry_run(arguments: argparse.Namespace, asked: "CaptionFacts", way: "VqaWay") -> int:
    from finevla_tools.benchmarks.caption_run import estimate_captions, estimate_judging
    from finevla_tools.benchmarks.model_run import say_estimate
    from finevla_tools.benchmarks.video_frames import find_views

    known = [name for name in asked.facts if name in asked.samples]
    seen = [name for name in known if way.is_blind or find_views(asked.folder, asked.samples[name])[0]]
    usage, pictures = estimate_captions(asked.folder, asked.samples, seen, way)
    print("captions ", end="")
    say_estimate(usage, pictures, arguments.price_in, arguments.price_out)
    print("judge ", end="")
    times = arguments.repeats * way.rounds
    say_estimate(estimate_judging(asked.facts, list(asked.facts), times), 0, arguments.price_in, arguments.price_out)
    return 0


def _caption(arguments: argparse.Namespace, asked: "CaptionFacts", way: "VqaWay", out: Path) -> int:
    """Have the model caption all videos that are here; return how many samples have no caption."""
    from finevla_tools.benchmarks.caption_run import CAPTIONS, caption_line, caption_requests, write_lines
    from finevla_tools.benchmarks.model_run import ask_server
    from finevla_tools.benchmarks.video_frames import find_views, why_missing
    from finevla_tools.benchmarks.vqa_run import SUFFIX, label, result_name

    names = [name for name in asked.facts if name in asked.samples]
    views = {name: 0 if way.is_blind else len(find_views(asked.folder, asked.samples[name])[0]) for name in names}
    if not way.is_blind:
        say_missing([name for name in names if not views[name]], len(names))
        names = [name for name in names if views[name]]
    if not names:
        raise FineVLAError(
            f"no sample has a video on this machine; {why_missing(asked.folder, asked.samples.values())}"
        )
    options = server_options(arguments, arguments.model)
    announce(f"'{arguments.model}' captions {len(names)} videos")
    answers = []
    requests = caption_requests(asked.folder, asked.samples, names, way)
    try:
        for answer in ask_server(requests, len(names) * way.rounds, options, out / "answers"):
            answers.append(answer)
    finally:
        for number in range(1, way.rounds + 1):
            own = sorted((one for one in answers if one.round == number), key=lambda one: one.sample_id)
            model = label(arguments.model, way)
            rows = [caption_line(one, asked.samples[one.sample_id], model, views[one.sample_id]) for one in own]
            name = result_name(arguments.model, way, number).removesuffix(SUFFIX)
            if rows:
                write_lines(out / "captions" / f"{name}{CAPTIONS}", rows)
    return len(asked.facts) * way.rounds - sum(one.result is not None for one in answers)


def _judge(arguments: argparse.Namespace, asked: "CaptionFacts", files: Sequence[Path], out: Path) -> int:
    """Have the judge compare the captions of all files with the facts; return how many were not judged."""
    from finevla_tools.benchmarks.caption_run import CAPTIONS, judge_requests, judged_answer, write_judged
    from finevla_tools.benchmarks.evaluation_files import read_captions
    from finevla_tools.benchmarks.model_run import ask_server

    options = server_options(arguments, arguments.judge, arguments.judge_server, JUDGE_TEMPERATURE)
    failed = 0
    for path in files:
        captions, name = read_captions(path), path.name.removesuffix(CAPTIONS).removesuffix(".jsonl")
        both = set(asked.facts) & set(captions)
        if not both:
            raise FineVLAError(f"'{path}' has no caption of a sample of '{arguments.set}'")
        announce(f"'{arguments.judge}' judges {len(both)} captions of '{name}'")
        answers = []
        requests = judge_requests(asked.facts, captions, arguments.repeats)
        try:
            for answer in ask_server(requests, len(both) * arguments.repeats, options, out / "verdicts" / name):
                answers.append(answer)
        finally:
            for number in range(1, arguments.repeats + 1):
                own = sorted((one for one in answers if one.round == number), key=lambda one: one.sample_id)
                folder = f"{name}_repeat{number}" if arguments.repeats > 1 else name
                if own:
                    write_judged(out / "judged" / folder, [judged_answer(one) for one in own], folder)
        failed += sum(one.result is None for one in answers)
    return failed


def _recorded(out: Path, arguments: argparse.Namespace) -> "list[CaptionRun]":
    from finevla_tools.benchmarks.caption_run import CAPTIONS, RAW
    from finevla_tools.benchmarks.evaluation_files import read_captions, read_judged
    from finevla_tools.benchmarks.judged_captions import CaptionRun

    known: dict[str, Mapping[str, Sequence[str]]] = {}
    for path in (*(out / "captions").glob(f"*{CAPTIONS}"), *arguments.captions):
        known[path.name.removesuffix(CAPTIONS).removesuffix(".jsonl")] = read_captions(path)
    folders = [*sorted(path.parent for path in (out / "judged").glob(f"*/{RAW}")), *arguments.judged]
    runs = []
    for folder in folders:
        path = folder if folder.is_file() else folder / RAW
        if not path.is_file():
            raise FineVLAError(f"'{folder}' has no {RAW}; give a folder that a judge's run wrote")
        name = path.parent.name
        runs.append(CaptionRun(name, read_judged(path), known.get(re.sub(r"_repeat\d+$", "", name), {})))
    if doubled := [run.name for k, run in enumerate(runs) if run.name in {other.name for other in runs[:k]}]:
        print(f"warning: several folders are called '{doubled[0]}'; they count as rounds of one model", file=sys.stderr)
    return runs
