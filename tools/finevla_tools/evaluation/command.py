"""`finevla evaluate`: is a policy steerable? Closed loop in unseen scenes, by factor and in pairs, beside baselines."""

import argparse
import os
import time
from pathlib import Path
from typing import Any

from finevla_core.bundle import load_bundle
from finevla_core.errors import FineVLAError
from finevla_tools.evaluation.contestants import BASELINES
from finevla_tools.evaluation.report import SUMMARY, comparison_of, markdown, read_summary, tables_of, write_reports
from finevla_tools.evaluation.runner import BUNDLE, Job, open_folder, run_jobs
from finevla_tools.evaluation.statistics import summarise, together
from finevla_tools.evaluation.through_stack import compare, run_through_stack, sample
from finevla_tools.evaluation.trials import KINDS, Case, Size, cases_of
from finevla_tools.evaluation.videos import pair_cases, write_videos

CHEAP = "oracle"  # needs no pictures
QUICK = Size(pairs=6, tasks=2, hard=1, held_out=6)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla evaluate`."""
    parser.add_argument("bundle", type=Path, nargs="?", help="bundle directory")
    parser.add_argument(
        "--out", type=Path, help="folder of records and reports; default out/evaluate/NAME; goes on there"
    )
    parser.add_argument("--pairs", type=int, default=Size.pairs, help="scenes for each factor, with two sentences each")
    parser.add_argument("--tasks", type=int, default=Size.tasks, help="scenes for each task, in fine and in raw words")
    parser.add_argument("--hard", type=int, default=Size.hard, help="hard scenes for each task")
    parser.add_argument(
        "--held-out", type=int, default=Size.held_out, help="scenes for the hand and bowl never trained"
    )
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first scene of each kind; others are new ones"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, for a first look")
    parser.add_argument(
        "--only", default="", help=f"only these kinds of cases, e.g. task or path_shape ({', '.join(KINDS)})"
    )
    parser.add_argument(
        "--baselines", default="oracle,blind,random", help="which to run beside it (on the easy cases), '' for none"
    )
    parser.add_argument(
        "--baseline-share", type=float, default=0.25, help=f"of the cases that baselines are tried in; {CHEAP} in all"
    )
    parser.add_argument("--videos", type=int, default=1, help="pairs of each factor to film")
    parser.add_argument("--stack", type=int, default=0, metavar="N", help="run N pairs through the real stack as well")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--compare", type=Path, nargs="+", metavar="FOLDER", help="only print finished evaluations side by side"
    )
    parser.add_argument("--together", action="store_true", help="with --compare: and as one, for seeds of one recipe")


def run(arguments: argparse.Namespace) -> int:
    """`finevla evaluate`."""
    if arguments.compare:
        compared = {folder.name: _finished(folder) for folder in arguments.compare}
        if arguments.together:
            compared["together"] = together(list(compared.values()))
        print(markdown(comparison_of(compared)))
        return 0
    if arguments.bundle is None:
        raise FineVLAError("name a bundle directory, e.g. 'finevla evaluate models/tabletop'")
    bundle = load_bundle(arguments.bundle)
    baselines = [name for name in arguments.baselines.split(",") if name]
    cases, share = _cases(arguments), _share(arguments.baseline_share)
    for name in baselines:
        if name not in BASELINES:
            raise FineVLAError(f"unknown baseline '{name}'; known are {', '.join(BASELINES)}")
    out = arguments.out or Path("out/evaluate") / arguments.bundle.resolve().name
    open_folder(out, arguments.bundle)
    easy = [case for case in cases if case.kind != "hard"]
    tried = {name: easy if name == CHEAP else easy[: max(1, round(len(easy) * share))] for name in baselines}
    jobs = [Job(BUNDLE, case) for case in cases] + [Job(name, case) for name, some in tried.items() for case in some]
    counted = "".join(f", {len(some)} for {name}" for name, some in tried.items())
    print(f"{len(cases)} cases for {bundle.manifest.name}{counted}; {out}")
    started = time.monotonic()
    every = run_jobs(jobs, arguments.bundle, out, max(1, arguments.processes))
    records = {name: [r for r in every if r["contestant"] == name] for name in (BUNDLE, *baselines)}
    summaries: dict[str, dict[str, Any]] = {name: summarise(some) for name, some in records.items()}
    shown = pair_cases(cases, arguments.videos)
    write_videos(arguments.bundle, shown, out / "videos", max(1, arguments.processes))
    stack = None
    if arguments.stack:
        through = run_through_stack(arguments.bundle, sample(cases, arguments.stack), out / "stack.log")
        stack = compare(through, records[BUNDLE])
    write_reports(out, bundle.manifest.name, records, summaries, shown, stack)
    print("\n" + markdown(tables_of(summaries)) + "\n")
    chunks = summaries[BUNDLE]["chunks"]
    print(f"chunks refused by the safety gate: {chunks['refused']} of {chunks['accepted'] + chunks['refused']}")
    print(f"trials in which it stopped the arms: {summaries[BUNDLE]['latched']}")
    if stack:
        print(f"through the stack: obeyed {stack['obeyed']['stack']}, directly {stack['obeyed']['direct']}")
        print(f"  the same verdict on {stack['agree']}")
    print(f"{time.monotonic() - started:.0f} s; page with videos: {out}/index.html")
    return 0


def _cases(arguments: argparse.Namespace) -> list[Case]:
    size = Size(arguments.pairs, arguments.tasks, arguments.hard, arguments.held_out)
    if min(size.pairs, size.tasks, size.hard, size.held_out) < 0:
        raise FineVLAError("numbers of scenes must not be negative")
    cases = cases_of(QUICK if arguments.quick else size, arguments.first)
    only = [kind for kind in arguments.only.split(",") if kind]
    for kind in only:
        if kind not in KINDS:
            raise FineVLAError(f"unknown kind of case '{kind}'; known are {', '.join(KINDS)}")
    cases = [case for case in cases if not only or case.kind in only]
    if not cases:
        raise FineVLAError("there is nothing to run; give more scenes")
    return cases


def _share(value: float) -> float:
    if not 0.0 < value <= 1.0:
        raise FineVLAError(f"--baseline-share is {value}; give a share above 0 and up to 1")
    return value


def _finished(folder: Path) -> dict[str, Any]:
    if not (folder / SUMMARY).is_file():
        raise FineVLAError(f"'{folder}' has no {SUMMARY}; run 'finevla evaluate BUNDLE --out {folder}' first")
    return read_summary(folder)
