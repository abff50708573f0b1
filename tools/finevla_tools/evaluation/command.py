"""`finevla evaluate`: is a policy steerable? Closed loop in unseen scenes, by factor and in pairs, beside baselines."""

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finevla_core.bundle import load_bundle
from finevla_core.errors import FineVLAError
from finevla_sim.tasks import TASKS
from finevla_tools.argument_checks import UNKNOWN, at_least, bundle_path, refuse_other_content
from finevla_tools.evaluation.baselines import BASELINES
from finevla_tools.evaluation.scene_counts import KINDS, QUICK, SUMMARY, Size
from finevla_tools.stderr_notices import announce

if TYPE_CHECKING:
    from finevla_tools.evaluation.trials import Case

CHEAP = "oracle"  # needs no pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the bundle and the options of `finevla evaluate` to `parser`."""
    parser.add_argument("bundle", nargs="?", help="policy bundle: a name in models or a path")
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
    parser.add_argument("--only-tasks", default="", help="only cases of these tasks, e.g. reach,pick")
    parser.add_argument(
        "--baselines", default="oracle,blind,random", help="which to run beside it (on the easy cases), '' for none"
    )
    parser.add_argument(
        "--baseline-share", type=float, default=0.25, help=f"of the cases that baselines are tried in; {CHEAP} in all"
    )
    parser.add_argument("--videos", type=int, default=1, help="pairs of each factor to film")
    parser.add_argument("--stack", type=int, default=0, metavar="N", help="run N pairs through the real stack as well")
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="default: one per core",
    )
    parser.add_argument(
        "--compare", type=Path, nargs="+", metavar="FOLDER", help="only print finished evaluations side by side"
    )
    parser.add_argument("--together", action="store_true", help="with --compare: and as one, for seeds of one recipe")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate a bundle or compare evaluations; return the exit code. Raises `FineVLAError` for bad options."""
    if arguments.compare:
        return _compare(arguments.compare, arguments.together)
    if arguments.together:
        raise FineVLAError("--together needs --compare and the folders of finished evaluations")
    if arguments.bundle is None:
        raise FineVLAError("name a policy bundle, e.g. 'finevla evaluate tabletop'")
    arguments.bundle = bundle_path(arguments.bundle)
    bundle = load_bundle(arguments.bundle)
    at_least(0, first=arguments.first, videos=arguments.videos, stack=arguments.stack)
    at_least(1, processes=arguments.processes)
    size, only, baselines = _size(arguments), _listed(arguments.only), _listed(arguments.baselines)
    tasks = _listed(arguments.only_tasks)
    for what, given, known in (
        ("kind of case", only, KINDS),
        ("task", tasks, tuple(TASKS)),
        ("baseline", baselines, tuple(BASELINES)),
    ):
        if odd := [name for name in given if name not in known]:
            raise FineVLAError(f"unknown {what} '{odd[0]}'; known are {', '.join(known)}")
    share = _share(arguments.baseline_share)
    out = arguments.out or Path("out/evaluate") / arguments.bundle.resolve().name
    refuse_other_content(out, UNKNOWN)
    announce(f"loading the simulator; '{bundle.manifest.name}' is evaluated to {out}")
    from finevla_tools.evaluation.trials import cases_of

    every = cases_of(size, arguments.first)
    cases = [case for case in every if case.kind in (only or KINDS) and case.task in (tasks or TASKS)]
    if not cases:
        raise FineVLAError("there is nothing to run; give more scenes")
    return _evaluate(arguments, bundle.manifest.name, cases, baselines, share, out)


def _evaluate(
    arguments: argparse.Namespace, name: str, cases: "list[Case]", baselines: list[str], share: float, out: Path
) -> int:
    """Try everything that was not tried yet, and write the reports; returns the exit code."""
    from finevla_tools.evaluation.pair_videos import pair_cases, write_videos
    from finevla_tools.evaluation.report import markdown, tables_of, write_reports
    from finevla_tools.evaluation.runner import BUNDLE, TrialJob, open_folder, run_jobs
    from finevla_tools.evaluation.stack_trials import compare, run_through_stack, sample
    from finevla_tools.evaluation.statistics import summarise

    open_folder(out, arguments.bundle)
    easy = [case for case in cases if case.kind != "hard"]
    tried = {name: easy if name == CHEAP else easy[: max(1, round(len(easy) * share))] for name in baselines}
    jobs = [TrialJob(BUNDLE, case) for case in cases] + [
        TrialJob(name, case) for name, some in tried.items() for case in some
    ]
    counted = "".join(f", {len(some)} for {name}" for name, some in tried.items())
    print(f"{len(cases)} cases for {name}{counted}; {out}", flush=True)
    started = time.monotonic()
    every = run_jobs(jobs, arguments.bundle, out, arguments.processes)
    records = {name: [r for r in every if r["contestant"] == name] for name in (BUNDLE, *baselines)}
    summaries: dict[str, dict[str, Any]] = {name: summarise(some) for name, some in records.items()}
    shown = pair_cases(cases, arguments.videos)
    write_videos(arguments.bundle, shown, out / "videos", arguments.processes)
    stack = None
    if arguments.stack:
        through = run_through_stack(arguments.bundle, sample(cases, arguments.stack), out / "stack.log")
        stack = compare(through, records[BUNDLE])
    write_reports(out, name, records, summaries, shown, stack)
    print("\n" + markdown(tables_of(summaries)) + "\n")
    chunks = summaries[BUNDLE]["chunks"]
    print(f"chunks refused by the safety gate: {chunks['refused']} of {chunks['accepted'] + chunks['refused']}")
    print(f"trials in which it stopped the arms: {summaries[BUNDLE]['latched']}")
    if stack:
        print(f"through the stack: obeyed {stack['obeyed']['stack']}, directly {stack['obeyed']['direct']}")
        print(f"  the same verdict on {stack['agree']}")
    print(f"{time.monotonic() - started:.0f} s; page with videos: {out}/index.html")
    return 0


def _compare(folders: "list[Path]", is_together: bool) -> int:
    """Print finished evaluations beside each other; returns the exit code."""
    for folder in folders:
        if not (folder / SUMMARY).is_file():
            raise FineVLAError(f"'{folder}' has no {SUMMARY}; run 'finevla evaluate BUNDLE --out {folder}' first")
    from finevla_tools.evaluation.report import comparison_of, markdown, read_summary
    from finevla_tools.evaluation.statistics import together

    compared = {folder.name: read_summary(folder) for folder in folders}
    if is_together:
        compared["together"] = together(list(compared.values()))
    print(markdown(comparison_of(compared)))
    return 0


def _size(arguments: argparse.Namespace) -> Size:
    size = Size(arguments.pairs, arguments.tasks, arguments.hard, arguments.held_out)
    if min(size.pairs, size.tasks, size.hard, size.held_out) < 0:
        raise FineVLAError("numbers of scenes must not be negative")
    return QUICK if arguments.quick else size


def _listed(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _share(value: float) -> float:
    if not 0.0 < value <= 1.0:
        raise FineVLAError(f"--baseline-share is {value}; give a share above 0 and up to 1")
    return value
