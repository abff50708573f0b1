"""One cell of a mixture study, in a process of its own: train, export, try; each step goes on where a killed one ended."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from finevla_core.errors import DamagedFileError, DiskFullError, FineVLAError, is_disk_full
from finevla_core.recording.atomic_files import write_text
from finevla_core.text_files import read_json
from finevla_tools.crash_report import Unexpected, unexpected
from finevla_tools.mixture_study.study_config import StudyCell, StudyEvaluation
from finevla_tools.training.config import VLARunConfig
from finevla_tools.training.mixture import MIXES
from finevla_tools.training.run_folder import checkpoint_steps
from finevla_tools.training.run_log import LOG
from finevla_tools.work.json_lines import read_json_lines

PART = "part_"  # in front of the names of a score's parts
DONE, OUTPUT, RUN, BUNDLE, TRIALS = "cell.json", "output.txt", "train", "bundle", "trials"
HELD_OUT = "held_out_"  # in front of the trainer's numbers of held-out samples
CARD = "# Model card\n\nA policy of a mixture study: fine to raw {ratio}, head {head}, seed {seed}.\n"
Row = dict[str, Any]


@dataclass(frozen=True)
class CellJob:
    """A cell, where it is made, of which data (their hash), and with how many threads."""

    cell: StudyCell
    evaluation: StudyEvaluation
    folder: Path
    data: str
    threads: int

    @property
    def name(self) -> str:
        """The cell's name, for sentences about a process that was killed."""
        return self.cell.text


@dataclass(frozen=True)
class CellEnd:
    """What came of a cell: its row, or the `fault` that ended it; `odd` if nobody expected that."""

    row: Row
    fault: str = ""
    odd: Unexpected | None = None


def run_cell(job: CellJob) -> CellEnd:
    """Make a cell; what is wrong with it is in the result. Raises `DiskFullError`, which all others would meet, too."""
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        with (job.folder / OUTPUT).open("a", encoding="utf-8", errors="backslashreplace") as output, told_to(output):
            return CellEnd(_made(job))
    except DiskFullError:
        raise
    except FineVLAError as error:
        return CellEnd(place_of(job.cell), str(error))
    except Exception as error:  # whatever a head or a backbone may raise costs its cell
        if is_disk_full(error):
            raise
        odd = unexpected(f"cell '{job.cell.text}'", error)
        return CellEnd(place_of(job.cell), odd.sentence, odd)


def place_of(cell: StudyCell) -> Row:
    """Return the first columns of a cell's row: which one it is."""
    fine, raw = MIXES[cell.ratio]
    return {"head": cell.head, "ratio": cell.ratio, "fine_share": fine / (fine + raw), "seed": cell.seed}


def identity_of(cell: StudyCell, evaluation: StudyEvaluation) -> dict[str, Any]:
    """Return all that decides what a cell is."""
    return {"config": cell.config.plain(), "evaluation": evaluation.plain()}


def read_cell(folder: Path, cell: StudyCell, evaluation: StudyEvaluation) -> Row | None:
    """Return the row of a cell that is done, None for one that is not.

    Raises:
        FineVLAError: It was made of something else than the study says now.
    """
    path = folder / DONE
    if not path.is_file():
        return None
    found = read_json(path)
    if not isinstance(found, dict) or not {"identity", "row"} <= found.keys():
        raise DamagedFileError(f"'{path}' does not say what was tried; remove it, and the cell is tried again")
    was, now = _flat(found["identity"]), _flat(json.loads(json.dumps(identity_of(cell, evaluation))))
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            raise FineVLAError(
                f"'{folder}' was made with {name} {was.get(name, '(none)')}, and it is {now.get(name, '(none)')} now: the "
                "cells could not be compared; put it back, or start anew with another --out"
            )
    row: Row = found["row"]
    return row


def _made(job: CellJob) -> Row:
    from finevla_tools.mixture_study.trials import try_policy

    cell, run, bundle = job.cell, job.folder / RUN, job.folder / BUNDLE
    if checkpoint_steps(run)[-1:] != [cell.config.training.steps] or not bundle.is_dir():
        _train(job, run, bundle)
    tried = try_policy(job.evaluation, bundle, job.folder / TRIALS, job.threads)
    row = place_of(cell) | {"data": job.data, "steps": cell.config.training.steps} | tried | _held_out(run)
    done = {"identity": identity_of(cell, job.evaluation), "row": row}
    write_text(job.folder / DONE, json.dumps(done, indent=1, ensure_ascii=False))
    return row


def _train(job: CellJob, run: Path, bundle: Path) -> None:
    from finevla_tools.export_vla import export_vla
    from finevla_tools.training.trainer import train

    use_threads(job.threads)
    cell = job.cell
    if checkpoint_steps(run)[-1:] != [cell.config.training.steps]:
        samples = opened(cell.config, job.threads)
        if samples.hash != job.data:
            raise FineVLAError(
                f"its data are not those of the study (hash {samples.hash[:12]}, {job.data[:12]} when it began): the data "
                "sets were changed meanwhile; put them back, or start anew with another --out"
            )
        train(cell.config, samples, run, resume=run.is_dir())
    card = CARD.format(ratio=cell.ratio, head=cell.head, seed=cell.seed)
    export_vla(run, bundle, card, "blend")


def opened(config: VLARunConfig, jobs: int) -> Any:
    """Return the samples of a configuration; what was decided of the data is printed."""
    from finevla_tools.training.sample_source import open_samples

    return open_samples(config, jobs, say=print)


def _held_out(run: Path) -> dict[str, float]:
    """The trainer's last numbers of held-out samples: errors, and whether the policy listens, open loop."""
    found: dict[str, float] = {}
    for line in read_json_lines(run / LOG):
        for name, value in line.items():
            kind, _, rest = str(name).partition("/")
            if kind in ("validation", "steerability"):
                found[f"{HELD_OUT}{rest}"] = value
    return found


def _flat(tree: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return found


def use_threads(threads: int) -> None:
    """Let torch compute with `threads`, or with fewer where OMP_NUM_THREADS asks for fewer."""
    import torch

    torch.set_num_threads(min(threads, torch.get_num_threads()))


@contextlib.contextmanager
def told_to(output: TextIO) -> Iterator[None]:
    """Write to `output` what is printed meanwhile, errors too."""
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        yield
