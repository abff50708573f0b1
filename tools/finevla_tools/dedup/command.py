"""Which trajectories of a data set say the same, and which of them to keep: by DTW, as FineVLA, for one arm or both.

Reads LeRobot v2.0 to v3.0 and unified episodes, one data set or several; writes a row per episode with its reason, a page to
look at, and on request a data set of what is kept. Nothing is deleted. Interrupted, the same command goes on.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.canonical.command import add_gripper_arguments

WORTH_A_PROCESS = 3000  # episodes: a process takes as long to start as so many to be read
MIN_MEMORY_MB = 256
LISTED = 10  # lines on the screen; the table has all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the data sets and the options of `finevla dedup` to `parser`."""
    add = parser.add_argument
    add("dataset", type=Path, nargs="+", help="LeRobot data sets, or folders of unified episodes")
    add("--out", type=Path, help="folder of tables and page; without it out/dedup/<data set>")
    add("--dataset", dest="kept", type=Path, metavar="FOLDER",
        help="make a LeRobot data set of what is kept; of several data sets, one folder each in it")  # fmt: skip
    group = parser.add_argument_group("what is compared")
    add = group.add_argument
    add(
        "--by",
        choices=["task", "dataset", "all"],
        default="task",
        help="which episodes are compared with each other: those of the same task, the same data set, or all",
    )
    add("--space", choices=["eef", "joint"], default="eef", help="poses of the tool and gripper, or joints and gripper")
    add("--arms", choices=["left", "right", "both"], default="both", help="both: whichever an episode has")
    add(
        "--from",
        dest="origin",
        choices=["state", "action"],
        default="state",
        help="measured states, or commanded actions",
    )
    add("--map", help="a field map: a name of config/canonical, a .yaml, or a modality.json")
    add_gripper_arguments(group)
    add("--fps", type=float, metavar="HZ", help="resample all trajectories to this rate")
    add("--max-frames", type=int, default=20_000, metavar="N", help="longer episodes are skipped")
    add("--clean", type=Path, action="append", default=[], metavar="REPORT",
        help="leave out what 'finevla clean' drops (its report folder), or a filter report of FineVLA's")  # fmt: skip
    group = parser.add_argument_group("how far two of them are apart")
    add = group.add_argument
    add("--w-pos", type=float, default=1.0, help="weight of the position (per its range in the group) or the joints")
    add("--w-rot", type=float, default=1.0, help="weight of the rotation (per rad)")
    add("--w-grip", type=float, help="weight of the gripper (per its range in the group); without it FineVLA's 100")
    add("--band", type=int, metavar="FRAMES", help="Sakoe-Chiba band: how far an alignment may stray")
    add(
        "--one-stage", action="store_true", help="align by the gripper too, instead of adding its difference afterwards"
    )
    add("--no-scale", action="store_true", help="metres and radians instead of parts of the group's range")
    add("--mirror", action="store_true", help="a motion and its mirror image by the other arm are alike, too")
    group = parser.add_argument_group("what is alike, and what is kept of it")
    add = group.add_argument
    add(
        "--cut-distance",
        type=float,
        metavar="X",
        help="motions closer than this are alike; spares the alignment of most pairs",
    )
    add(
        "--clusters",
        type=int,
        metavar="K",
        help="number of clusters in each group; without this and --cut-distance the data decide",
    )
    add("--linkage", default="average", help="average, complete, single, ward or kmedoids")
    add(
        "--per-cluster",
        type=int,
        metavar="Q",
        help="number to keep of each cluster: its medoid and those that differ most from it",
    )
    add("--budget", type=int, metavar="N", help="number to keep in all")
    add(
        "--keep-file",
        type=Path,
        metavar="FILE",
        help="episodes that stay in any case, such as reviewed ones: ids or indices, one a line",
    )
    add("--seed", type=int, help="seed of all random draws; without it 0, with --compat FineVLA's 42")
    add("--recursive", action="store_true", help="with --compat: clusters of clusters")
    add("--compat", choices=["finevla"], help="FineVLA's own distances, clusters, draws and files")
    group = parser.add_argument_group("the work itself")
    add = group.add_argument
    add("--distances", action="store_true", help="write the distances that were computed, too")
    add("--jobs", type=int, default=0, help="processes; 0 = one per core")
    add("--memory", type=int, default=2048, metavar="MB", help="memory for distances; the rest is kept on disk")
    add("--engine", choices=["local", "ray"], default="local", help="ray: distances on a Ray cluster")
    add("--force", action="store_true", help="begin anew what was interrupted with other options")
    add("--plan", action="store_true", help="estimate time, memory and disk from a sample, and end")
    add("--cores", type=int, metavar="N", help="with --plan: cores of the machines that will do the work")
    add("--price", type=float, metavar="PRICE", help="with --plan: price of one core for one hour")
    add("--dry-run", action="store_true", help="say what would be compared, write nothing")


def run(arguments: argparse.Namespace) -> int:
    """0 when all was looked at, whatever was skipped."""
    from finevla_tools.argument_checks import refuse_no_folder, refuse_no_output
    from finevla_tools.stderr_notices import announce

    _check(arguments)
    for dataset in arguments.dataset:
        refuse_no_folder(dataset)
    refuse_no_output("--out", arguments.out, beside_data_sets=True)
    announce(f"reading {', '.join(map(str, arguments.dataset))}")
    from finevla_tools.dedup import clean_reports_and_keep_file
    from finevla_tools.dedup.source_data_sets import check_rates, entries_of, open_sources
    from finevla_tools.work.parallel_map import cores

    job = _job(arguments)
    sources = open_sources(arguments.dataset, job.request, arguments.map)
    for problem in (p for source in sources for p in source.problems):
        print(f"warning: {problem}", file=sys.stderr)
    if arguments.by != "dataset":
        check_rates(sources, arguments.fps)
    entries = clean_reports_and_keep_file.without_dropped(entries_of(sources), sources, arguments.clean)
    entries = clean_reports_and_keep_file.with_forced(entries, sources, arguments.keep_file)
    job = _with_processes(job, arguments, len(entries))
    out = arguments.out or Path("out/dedup") / sources[0].name.replace("/", "_")
    if arguments.dry_run:
        _print_intent(sources, entries, job)
        return 0
    if arguments.plan:
        from finevla_tools.dedup.plan_option import plan

        for line in plan(sources, entries, job, arguments.cores or cores(), arguments.price):
            print(line)
        return 0
    return _dedup(arguments, sources, entries, job, out)


def _dedup(arguments: argparse.Namespace, sources: Any, entries: Any, job: Any, out: Path) -> int:
    from finevla_tools.dedup import result_tables, run_outputs
    from finevla_tools.dedup import run as runs

    run_outputs.refuse_datasets(sources, arguments.kept)
    with runs.workplace(out, arguments.force) as (work, made):
        outcome = runs.dedup(sources, entries, job, made, work)
        differ, compared = run_outputs.differences(job, outcome)
        run_outputs.write_page(made, sources, job, outcome, differ, compared)
        said = run_outputs.said_of(sources, job, outcome, differ)
        result_tables.write_run(made, said)
        # Before the results appear: where there is no room for these, the same command goes on.
        datasets = run_outputs.write_datasets(sources, arguments.kept, outcome)
    _print(said, outcome)
    print(f"report: {out / run_outputs.PAGE}")
    for folder, count in datasets:
        print(f"data set of {counted(count, 'episode')}: {folder}")
    return 0


def _job(arguments: argparse.Namespace) -> Any:
    from finevla_tools.canonical.field_map_scales import Given
    from finevla_tools.dedup.clusters import Cut
    from finevla_tools.dedup.frame_cost import Metric
    from finevla_tools.dedup.run import DedupJob
    from finevla_tools.dedup.source_data_sets import ARMS, EpisodeRequest

    compat = arguments.compat == "finevla"
    arms = ARMS if arguments.arms == "both" else (arguments.arms,)
    grippers = Given(arguments.gripper, arguments.gripper_action)
    wanted = EpisodeRequest(
        arguments.space, arms, arguments.origin, arguments.fps, arguments.max_frames, compat, grippers
    )
    measure = Metric(
        space=arguments.space,
        w_pos=arguments.w_pos,
        w_rot=arguments.w_rot,
        w_grip=100.0 if arguments.w_grip is None else arguments.w_grip,
        scale=not arguments.no_scale,
        two_stage=not arguments.one_stage,
        band=arguments.band,
        mirror=arguments.mirror,
        compat=compat,
    )
    seed = arguments.seed if arguments.seed is not None else 42 if compat else 0
    cut = Cut(arguments.linkage, arguments.cut_distance, arguments.clusters, seed)
    return DedupJob(
        request=wanted,
        measure=measure,
        cut=cut,
        recursion=_recursion(arguments) if arguments.recursive else None,
        by=arguments.by,
        budget=arguments.budget,
        per_cluster=arguments.per_cluster,
        seed=seed,
        memory_mb=arguments.memory,
        engine=arguments.engine,
        with_distances=arguments.distances,
    )


def _recursion(arguments: argparse.Namespace) -> Any:
    """FineVLA's rules: by task it makes at most 20 leaves and splits from 4 episodes on, else from 5."""
    from finevla_tools.dedup.finevla_clusters import Recursion

    by_task = arguments.by == "task"
    return Recursion(arguments.linkage, 4 if by_task else 5, 3 if by_task else 2, max_leaves=20 if by_task else 0)


def _with_processes(job: Any, arguments: argparse.Namespace, episodes: int) -> Any:
    from dataclasses import replace

    from finevla_tools.work.parallel_map import cores

    return replace(job, jobs=arguments.jobs or min(cores(), 1 + episodes // WORTH_A_PROCESS))


def _check(arguments: argparse.Namespace) -> None:
    for name, least in (
        ("max_frames", 2),
        ("per_cluster", 1),
        ("budget", 1),
        ("jobs", 0),
        ("cores", 1),
        ("memory", MIN_MEMORY_MB),
    ):
        given = getattr(arguments, name)
        if given is not None and given < least:
            raise FineVLAError(f"--{name.replace('_', '-')} is {given}; at least {least} is needed")
    if arguments.fps is not None and not 0 < arguments.fps <= 10_000:
        raise FineVLAError(f"--fps is {arguments.fps}; frames per second, above 0 and at most 10000")
    if arguments.seed is not None and not 0 <= arguments.seed < 2**32:
        raise FineVLAError(f"--seed is {arguments.seed}; a whole number from 0 to {2**32 - 1}")
    if arguments.compat and arguments.mirror:
        raise FineVLAError("--mirror is not FineVLA's: leave out either --mirror or --compat")
    if arguments.recursive and not arguments.compat:
        raise FineVLAError("--recursive is FineVLA's: add --compat finevla")
    if arguments.compat:
        for name in ("cut_distance", "budget", "per_cluster"):
            if getattr(arguments, name) is not None:
                raise FineVLAError(f"FineVLA has no --{name.replace('_', '-')}: leave out either it or --compat")
        if arguments.linkage == "kmedoids":
            raise FineVLAError("FineVLA draws from its tree's clusters: with --compat take another --linkage")


def _print_intent(sources: Any, entries: Any, job: Any) -> None:
    from finevla_tools.dedup.plan_option import intended

    groups = intended(sources, entries, job)
    count, pairs = sum(len(group.members) for group in groups), sum(group.pairs for group in groups)
    print(
        f"{count} of {counted(len(entries), 'episode')} would be read and compared in "
        f"{counted(len(groups), 'group')}, {counted(pairs, 'pair')}"
    )
    for group in groups[:LISTED]:
        print(f"  {len(group.members):6d} episodes, {group.pairs:10,d} pairs: {group.name[:80]}")
    if len(groups) > LISTED:
        print(f"  ... and {len(groups) - LISTED} more")


def _print(said: dict[str, Any], outcome: Any) -> None:
    counts = said["counts"]
    share = "" if said["pruned_share"] is None else f", {said['pruned_share']:.0%} of them never aligned"
    print(f"{counted(counts['episodes'], 'episode')}: {counts['compared']} compared, {counts['skipped']} skipped")
    many = "s" if counts["groups"] != 1 else ""
    print(f"{counted(said['pairs'], 'pair')} in {counts['groups']} group{many}{share}")
    print(
        f"{counted(counts['clusters'], 'cluster')}; {counted(counts['kept'], 'episode')} kept, "
        f"{counts['compared'] - counts['kept']} not"
    )
    for note in said["notes"]:
        print(f"  {note}")
    skipped = [row for row in outcome.read.rows if row.skipped]
    for row in skipped[:LISTED]:
        print(f"  skipped {row.id}: {row.skipped}")
    if len(skipped) > LISTED:
        print(f"  ... and {len(skipped) - LISTED} more, in the table")
