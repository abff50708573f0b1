"""`finevla clean --compat finevla`: FineVLA's filters over one data set or a folder of them, and its reports.

They are written where they are asked for, as `<key>_filter_report.json`; FineVLA's clustering wants that in the data set.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.canonical.arm_kinematics import config_folder
from finevla_tools.canonical.field_map_choice import choose_map
from finevla_tools.canonical.unified_values import Rules
from finevla_tools.clean.finevla_filters import PaperLimits, PaperVerdict, dataset_key, judge, load_limits
from finevla_tools.clean.finevla_reports import (
    DIFF_FILE,
    diff_report,
    flat_report,
    report_name,
    structured_report,
    write_report,
)
from finevla_tools.datasets.lerobot_files import open_dataset
from finevla_tools.work.parallel_map import cores, over
from finevla_tools.work.progress import Progress

WORTH_A_PROCESS = 50


def write_reports(
    top: Path, roots: list[Path], report: Path, map_name: str | None, threshold: float | None, jobs: int, dry_run: bool
) -> Iterator[str]:
    """Write FineVLA's reports and yield lines for the terminal; a folder of data sets gets the structured report."""
    parts: dict[str, dict[int, PaperVerdict]] = {}
    failed = 0
    is_flat = roots == [top]
    for root in roots:
        try:
            limits, verdicts = judge_all(root, map_name, threshold, jobs)
        except FineVLAError as error:
            if is_flat:
                raise
            failed += 1
            yield f"left out: {error}"
            continue
        name = root.name if root.name not in parts else root.relative_to(top).as_posix()  # equal names are kept apart
        parts[name] = verdicts
        problems = sum(bool(v.reasons) for v in verdicts.values())
        yield f"{name}: problems in {problems} of {counted(len(verdicts), 'episode')} (L2 threshold {limits.l2})"
        if not dry_run:
            folder = report if is_flat else report / root.relative_to(top)
            folder.mkdir(parents=True, exist_ok=True)
            key = dataset_key(root)
            if limits.slots:
                write_report(folder / DIFF_FILE, diff_report(key, root, limits, verdicts), True)
            if is_flat:
                write_report(folder / report_name(key), flat_report(key, root, limits, verdicts), True)
                yield f"report: {folder / report_name(key)}"
    if not is_flat and not dry_run:
        report.mkdir(parents=True, exist_ok=True)
        key = dataset_key(top)
        path = report / report_name(key)
        write_report(path, structured_report(key, top, threshold, parts, failed), True)
        yield f"report: {path}"


def judge_all(
    root: Path, map_name: str | None, threshold: float | None, jobs: int = 1
) -> tuple[PaperLimits, dict[int, PaperVerdict]]:
    """Return FineVLA's limits and the verdict on each episode, by index."""
    dataset = open_dataset(root)
    limits = load_limits(config_folder("clean") / "finevla.yaml", dataset_key(root))
    if threshold is not None:
        limits = PaperLimits(limits.min_frames, limits.slots, threshold)
    rules = None
    if limits.slots:
        try:
            rules = Rules(choose_map(dataset, map_name, compat=True), compat=True)
        except FineVLAError:
            if map_name:
                raise  # without any map FineVLA looks at no distances either
    job = partial(judge, dataset, rules, limits)
    verdicts = {}
    with Progress("filter", len(dataset.episodes)) as progress:
        number = jobs or min(cores(), 1 + len(dataset.episodes) // WORTH_A_PROCESS)
        for episode, verdict in over(job, dataset.episodes, number):
            verdicts[episode.index] = verdict
            progress.step()
    return limits, verdicts
