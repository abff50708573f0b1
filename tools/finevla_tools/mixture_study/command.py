"""`finevla bench mixture`: one resumable command for all policies of a study, sized to the machine."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.argument_checks import UNKNOWN, at_least, refuse_other_content
from finevla_tools.crash_report import remember
from finevla_tools.mixture_study.study_config import MixtureStudy, StudyCell, load_study
from finevla_tools.number_format import duration
from finevla_tools.stderr_notices import announce
from finevla_tools.work.parallel_map import cores, over
from finevla_tools.work.progress import Lines, Progress, clock
from finevla_tools.work.staged_output import locked

if TYPE_CHECKING:
    from finevla_tools.mixture_study.resource_estimate import HeadPace
    from finevla_tools.mixture_study.study_cell import CellEnd, CellJob

CELLS = "cells"


def add_arguments(jobs: Any) -> None:
    """Add the job mixture and its options to the subparsers of `finevla bench`."""
    text = "how much fine text does a policy need? Trains and tries every ratio, head and seed of a study"
    job = jobs.add_parser("mixture", description=text, help=text)
    job.add_argument("study", type=Path, help="configuration of the study (*.yaml), which names one of 'finevla train'")
    job.add_argument("--out", type=Path, help="folder of cells and results; default out/mixture/NAME; goes on there")
    job.add_argument(
        "--jobs", type=int, default=0, help="cells at once; 0 = one on a GPU, else as cores and memory allow"
    )
    job.add_argument("--dry-run", action="store_true", help="measure, say how long it will take, and train nothing")


def run(arguments: argparse.Namespace) -> int:
    """Run a study, or go on with it; return the exit code: 1 if a cell failed. Raises `FineVLAError`."""
    at_least(0, jobs=arguments.jobs)
    study = load_study(arguments.study)
    out = arguments.out or Path("out/mixture") / study.name
    refuse_other_content(out, UNKNOWN)
    with locked(out, out, f"another 'finevla bench mixture' works in '{out}'; wait for it, or name another --out"):
        return _run(arguments, study, out)


def _run(arguments: argparse.Namespace, study: MixtureStudy, out: Path) -> int:
    from finevla_tools.mixture_study.study_cell import CellEnd, CellJob, read_cell

    cells = study.cells()
    found = {cell.name: read_cell(out / CELLS / cell.name, cell, study.evaluation) for cell in cells}
    ends: dict[str, CellEnd] = {name: CellEnd(row) for name, row in found.items() if row is not None}
    todo = [cell for cell in cells if cell.name not in ends]
    print(f"{study.name}: {counted(len(cells), 'cell')}, {len(ends)} done; {out}", flush=True)
    if todo:
        paces = _paces(study, todo, out, arguments.jobs)
        at_once = arguments.jobs or _at_once(paces, len(todo))
        _tell(todo, paces, at_once)
        if arguments.dry_run:
            return 0
        data = {row["data"] for end in ends.values() if (row := end.row)} | {pace.data for pace in paces}
        if len(data) > 1:
            raise FineVLAError(
                f"'{out}': the data sets were changed since the first cells, so that cells could not be compared; put them "
                "back, or start anew with another --out"
            )
        threads = max(1, cores() // at_once)
        folder, evaluation = out / CELLS, study.evaluation
        jobs = [CellJob(cell, evaluation, folder / cell.name, next(iter(data)), threads) for cell in todo]
        _make(study, jobs, ends, out, at_once)
    return _end(study, ends, out)


def _paces(study: MixtureStudy, todo: Sequence[StudyCell], out: Path, jobs: int) -> "list[HeadPace]":
    """Measure each head that has cells to come; raises `FineVLAError` for what is wrong with one, before hours of work."""
    from finevla_tools.mixture_study.resource_estimate import PaceJob, measure

    threads = max(1, cores() // min(jobs or cores(), len(todo)))
    heads = dict.fromkeys(cell.head for cell in todo)
    announce(f"measuring a few steps and a trial of {', '.join(heads)}")
    first = {head: next(cell for cell in todo if cell.head == head) for head in heads}
    asked = [PaceJob(study.widest(cell), study.evaluation, out, threads) for cell in first.values()]
    paces = []
    for _, pace in over(measure, asked, 1, is_apart=True):
        if isinstance(pace, FineVLAError):
            raise pace
        paces.append(pace)
    return paces


def _at_once(paces: "Sequence[HeadPace]", cells: int) -> int:
    from finevla_tools.mixture_study.resource_estimate import cells_at_once

    return cells_at_once(paces, cells)


def _tell(todo: Sequence[StudyCell], paces: "Sequence[HeadPace]", at_once: int) -> None:
    seconds = 0.0
    for pace in paces:
        own = [cell for cell in todo if cell.head == pace.head]
        print(f"  {pace.text(own[0])}")
        seconds += sum(pace.train_s(cell) + pace.trial_s for cell in own)
    whole = seconds / min(at_once, len(todo))
    print(
        f"{counted(len(todo), 'cell')} to make of {paces[0].frames:,} frames, {at_once} at once on {counted(cores(), 'core')}: "
        f"about {duration(whole)}, if all trials last as long as they may",
        flush=True,
    )


def _make(study: MixtureStudy, jobs: "Sequence[CellJob]", ends: "dict[str, CellEnd]", out: Path, at_once: int) -> None:
    from finevla_tools.mixture_study.study_cell import CellEnd, place_of, run_cell

    died = "its process was killed twice, as happens when memory runs out; see its output.txt, or use fewer --jobs"
    lines = Lines(lambda: f"{progress.steps}/{len(jobs)} cells", every=1, left=clock)
    with Progress("cells", len(jobs), "cells", lines) as progress:
        given = over(
            run_cell, jobs, at_once, ahead=1, in_order=False, is_apart=True,
            died=lambda job: CellEnd(place_of(job.cell), died), tick=progress.tick,
        )  # fmt: skip
        for job, end in given:
            remember(end.odd)
            ends[job.cell.name] = end
            said = f"failed: {end.fault}" if end.fault else f"{end.row['score']:.1f} points"
            print(f"{job.cell.text}: {said}", flush=True)
            _write(study, ends, out)
            progress.step()


def _write(study: MixtureStudy, ends: "dict[str, CellEnd]", out: Path) -> None:
    from finevla_core.recording.atomic_files import write_text
    from finevla_tools.mixture_study.page import PAGE, study_page
    from finevla_tools.mixture_study.result_tables import rows_of, write_tables

    rows = rows_of(study.cells(), ends)
    write_tables(out, study, rows)
    write_text(out / PAGE, study_page(study, rows))


def _end(study: MixtureStudy, ends: "dict[str, CellEnd]", out: Path) -> int:
    from finevla_tools.evaluation.report import markdown
    from finevla_tools.mixture_study.page import PAGE, findings, study_tables
    from finevla_tools.mixture_study.result_tables import rows_of, scores_of

    _write(study, ends, out)
    rows = rows_of(study.cells(), ends)
    print("\n" + markdown(study_tables(study, rows)) + "\n")
    print("\n".join(findings(scores_of(study, rows))))
    failed = [name for name, end in ends.items() if end.fault]
    if failed:
        print(f"{counted(len(failed), 'cell')} failed: {', '.join(failed)}; the same command tries again")
    print(f"page: {out / PAGE}")
    return 1 if failed else 0
