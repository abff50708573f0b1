"""What is wrong with which episode of a LeRobot data set (v2.0 to v3.0): a table with value, threshold and reason, and a page.

Nothing is deleted. Thresholds come from the data by robust statistics where physics gives none; --set changes them, and
takes seconds, for what was measured is kept. --out makes a data set of the kept episodes. A folder of data sets is looked at
one by one.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from finevla_core.errors import DiskFullError, FineVLAError, is_disk_full, unwritable
from finevla_core.plural_phrases import counted
from finevla_tools.argument_checks import refuse_no_output
from finevla_tools.canonical.command import add_gripper_arguments
from finevla_tools.crash_report import remember, unexpected
from finevla_tools.path_hints import way_on

WORTH_A_PROCESS = 50  # episodes: a process takes as long to start as some tens of them
MAX_DEPTH = 4  # of folders in which data sets are looked for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the data set and the options of `finevla clean` to `parser`."""
    parser.add_argument("dataset", nargs="?", type=Path, help="a LeRobot data set, or a folder of them")
    parser.add_argument("--report", type=Path, help="folder of tables and page; without it out/clean/<data set>")
    parser.add_argument("--out", type=Path, help="make a data set of the kept episodes here")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="CHECK=NUMBER",
        help="a threshold of your own; --list shows the checks",
    )
    parser.add_argument("--only", metavar="CHECK,...", help="run these checks only")
    parser.add_argument("--skip", metavar="CHECK,...", help="run all checks but these")
    parser.add_argument("--note", metavar="CHECK,...", help="report these checks, but drop no episode for them")
    parser.add_argument(
        "--k", type=float, default=6.0, help="number of robust deviations from the median from which a value is unusual"
    )
    parser.add_argument("--no-video", action="store_true", help="do not open the videos")
    parser.add_argument("--rate", type=float, default=4.0, help="pictures checked per second of video")
    add_gripper_arguments(parser)
    parser.add_argument("--map", help="a field map: a name of config/canonical, a .yaml, or a modality.json")
    parser.add_argument("--robot", help="a robot file whose limits hold; without it the field map's or the data set's")
    parser.add_argument("--compat", choices=["finevla"], help="FineVLA's own filters, numbers and reports instead")
    parser.add_argument("--threshold", type=float, help="with --compat: the largest distance")
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0 = one per core")
    parser.add_argument("--dry-run", action="store_true", help="print what would be decided, write nothing")
    parser.add_argument("--list", action="store_true", help="list the checks and end")


def run(arguments: argparse.Namespace) -> int:
    """0 when all was looked at, whatever was found."""
    if arguments.list:
        from finevla_tools.clean.checks import CHECKS

        for check in CHECKS.values():
            line = f"{check.fixed:g} {check.unit}" if check.fixed is not None else "from the data"
            print(f"  {check.name:15s} {check.looks_for}; {line}{'; notes only' if check.notes else ''}")
        return 0
    if arguments.dataset is None:
        raise FineVLAError("name a LeRobot data set, or a folder of them; --list alone names the checks")
    _check(arguments)
    if arguments.report is not None and arguments.report.suffix in (
        ".json",
        ".html",
        ".csv",
        ".txt",
        ".pdf",
        ".parquet",
    ):
        folder = arguments.report.with_suffix("")
        raise FineVLAError(f"--report '{arguments.report}' names a file; the report is a folder, as --report {folder}")
    refuse_no_output("--report", arguments.report)
    refuse_no_output("--out", arguments.out)
    roots = _datasets(arguments.dataset)
    if arguments.compat:
        return _compat(arguments, roots)
    if len(roots) > 1 and arguments.out is not None:
        raise FineVLAError("--out makes one data set; name one of those in this folder")
    failed = 0
    for root in roots:
        report = arguments.report or Path("out/clean")
        if arguments.report is None or len(roots) > 1:
            report = report / (root.resolve().name if len(roots) == 1 else root.relative_to(arguments.dataset))
        try:
            _clean(arguments, root, report)
        except Exception as error:  # one data set of a folder costs itself alone
            if is_disk_full(error) and not isinstance(error, DiskFullError):
                raise unwritable(report, error) from error
            if len(roots) == 1 or is_disk_full(error):
                raise
            failed += 1
            said = str(error)
            if not isinstance(error, FineVLAError):
                remember(odd := unexpected(f"'{root}'", error))
                said = odd.sentence
            print(f"left out: {said}", file=sys.stderr)
    return 1 if failed else 0


def _clean(arguments: argparse.Namespace, root: Path, report: Path) -> None:
    from finevla_tools.clean import keep_decisions, page, run
    from finevla_tools.datasets import lerobot_subset
    from finevla_tools.datasets.lerobot_files import open_dataset
    from finevla_tools.stderr_notices import announce

    given = keep_decisions.parse_set(arguments.set)
    names = keep_decisions.chosen(arguments.only, arguments.skip, not arguments.no_video)
    notes = (
        frozenset(keep_decisions.chosen(arguments.note, None, True)) - {"corrupt"} if arguments.note else frozenset()
    )
    announce(f"reading '{root}'")
    dataset = open_dataset(root)
    for problem in dataset.problems:
        print(f"warning: {problem}", file=sys.stderr)
    if dataset.depth and not arguments.no_video:
        print(f"depth is counted, not looked at: {', '.join(sorted(dataset.depth))[:300]}")
    if arguments.out is not None:
        lerobot_subset.refuse(dataset, arguments.out)
    plan = _plan(arguments, dataset, names)
    jobs = _jobs(arguments, len(dataset.episodes), not arguments.no_video)
    found = run.measured(dataset, plan, None if arguments.dry_run else report / run.JOURNAL, jobs)
    decisions = keep_decisions.decide(found.findings, names, given, arguments.k, notes)
    summary = run.summary_of(dataset, plan, decisions)
    if not arguments.dry_run:
        run.write_tables(report, decisions)
        page.write_page(report, dataset, plan, decisions)
        run.write_summary(report, summary)
    _print(summary, decisions)
    if not arguments.dry_run:
        print(f"report: {report / page.PAGE}")
    if arguments.out is not None and not arguments.dry_run:
        kept = lerobot_subset.write_kept(dataset, arguments.out, [e.episode for e in decisions.episodes if e.keep])
        print(f"data set of {counted(kept, 'episode')}: {arguments.out}")


def _compat(arguments: argparse.Namespace, roots: list[Path]) -> int:
    """FineVLA's three reports, in the data set's report folder."""
    from finevla_tools.clean import finevla_compat

    report = arguments.report or Path("out/clean") / arguments.dataset.resolve().name
    jobs = arguments.jobs
    for line in finevla_compat.write_reports(
        arguments.dataset, roots, report, arguments.map, arguments.threshold, jobs, arguments.dry_run
    ):
        print(line)
    return 0


def _plan(arguments: argparse.Namespace, dataset: Any, names: tuple[str, ...]) -> Any:
    from finevla_tools.canonical.arm_kinematics import ROBOTS, config_folder, limits
    from finevla_tools.canonical.field_map_choice import choose_map
    from finevla_tools.canonical.field_map_scales import Given, settle
    from finevla_tools.clean.episode_measures import ACTION, STATE, MeasurePlan

    try:
        fields = choose_map(dataset, arguments.map)
    except FineVLAError:
        if arguments.map or not {STATE, ACTION} <= set(dataset.features):
            raise
        fields = None  # values are compared as they are
    robot = arguments.robot or (fields.robot if fields else "")
    if not robot and (config_folder(ROBOTS) / f"{Path(dataset.robot).name}.yaml").is_file():
        robot = dataset.robot
    if robot:
        limits(robot)  # one that is not there is no fault of the episodes
    if fields is not None:
        given = Given(arguments.gripper, arguments.gripper_action)
        try:
            fields = settle(dataset, fields, given)
        except FineVLAError as error:
            if given != Given():
                raise
            print(f"{error}; values are compared as they are", file=sys.stderr)
            return MeasurePlan(names, None, "", arguments.rate)
        for sentence in fields.told:
            print(sentence, file=sys.stderr)
    return MeasurePlan(names, fields, robot, arguments.rate)


def _print(summary: dict[str, Any], decisions: Any) -> None:
    dropped = [e for e in decisions.episodes if not e.keep]
    print(f"{counted(summary['episodes'], 'episode')}: {summary['kept']} kept, {len(dropped)} dropped")
    for entry in summary["checks"]:
        if entry["flagged"]:
            line = "-" if entry["threshold"] is None else f"{entry['threshold']:.4g}"
            name = entry["check"] + (f" ({entry['camera']})" if entry["camera"] else "")
            note = "" if entry["drops"] else ", noted only"
            print(f"  {name:28s} {entry['flagged']:5d} flagged, threshold {line} ({entry['from']}){note}")
    for episode in dropped[:10]:
        print(f"  episode {episode.episode}: {episode.reasons[0]}")
    if len(dropped) > 10:
        print(f"  ... and {len(dropped) - 10} more, in the report")


def _jobs(arguments: argparse.Namespace, episodes: int, videos: bool) -> int:
    from finevla_tools.work.parallel_map import cores

    worth = 1 + episodes * (5 if videos else 1) // WORTH_A_PROCESS
    return int(arguments.jobs or min(cores(), worth))


def _check(arguments: argparse.Namespace) -> None:
    if not 0 < arguments.k < 1e6:
        raise FineVLAError(f"--k is {arguments.k}; a number above 0 is needed")
    if not 0 < arguments.rate <= 1000:
        raise FineVLAError(f"--rate is {arguments.rate}; pictures per second, above 0")
    if arguments.jobs < 0:
        raise FineVLAError(f"--jobs is {arguments.jobs}; at least 1, or 0 for one per core")
    if arguments.threshold is not None and not arguments.compat:
        raise FineVLAError("--threshold is for --compat finevla; give --set divergence=...")


def _datasets(path: Path) -> list[Path]:
    from finevla_tools.argument_checks import refuse_no_folder

    if (path / "meta" / "info.json").is_file():
        return [path]
    refuse_no_folder(path)
    found = sorted(
        file.parent.parent
        for depth in range(1, MAX_DEPTH + 1)
        for file in path.glob("/".join(["*"] * depth) + "/meta/info.json")
    )
    if not found:
        raise FineVLAError(
            f"'{path}' is no LeRobot data set and has none in it: there is no meta/info.json{way_on(path)}"
        )
    return found
