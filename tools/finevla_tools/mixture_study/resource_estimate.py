"""How long a study will take and how much memory a cell needs, from a few measured steps of each head and one trial."""

import contextlib
import math
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_core.recording.atomic_files import remove_abandoned, temporary_of
from finevla_tools.mixture_study.study_cell import opened, told_to, use_threads
from finevla_tools.mixture_study.study_config import STEERBENCH, StudyCell, StudyEvaluation
from finevla_tools.number_format import duration, number
from finevla_tools.training.run_log import LOG
from finevla_tools.work.json_lines import read_json_lines
from finevla_tools.work.parallel_map import cores

STEPS, WINDOW = 6, 2  # that are measured, and how many of them, the last ones, count: the first are slower
KIB = 1024
CUDA = "cuda"
FREE_SHARE = 0.8  # of the memory that is free now, for cells


@dataclass(frozen=True)
class HeadPace:
    """What a cell of a head takes: seconds (of a step, of a trial's simulated second ...), peak memory, and its data."""

    head: str
    device: str
    data: str
    frames: int
    open_s: float
    step_s: float
    save_s: float
    load_s: float
    robot_pace: float
    trials: int
    robot_s: float
    peak_bytes: int

    def train_s(self, cell: StudyCell) -> float:
        """Return how long its training will take, steps, validations and checkpoints together."""
        options = cell.config.training
        stops = math.ceil(options.steps / min(options.save_every, options.validate_every))
        return self.open_s + options.steps * self.step_s + stops * self.save_s

    @property
    def trial_s(self) -> float:
        """How long its trials take, if all of them last as long as they may."""
        return self.load_s + self.robot_s * self.robot_pace

    def text(self, cell: StudyCell) -> str:
        """Return it as a line for people."""
        steps = cell.config.training.steps
        told = f"{self.trials:,} trials at {number(self.robot_pace)} s for a robot's second, at most {duration(self.trial_s)}"
        if not self.robot_pace:
            told = f"{self.trials:,} trials of a length that cannot be told: what has learned nothing fails in them"
        return (
            f"{self.head}: {steps:,} steps of {number(self.step_s)} s, training {duration(self.train_s(cell))}; {told}; "
            f"memory {self.peak_bytes / 2**30:.1f} GiB; on {self.device}"
        )


@dataclass(frozen=True)
class PaceJob:
    """A cell whose head is measured, in `folder`, with `threads`; its mix is one that the data of all ratios do for."""

    cell: StudyCell
    evaluation: StudyEvaluation
    folder: Path
    threads: int

    @property
    def name(self) -> str:
        """The head's name, for sentences about a process that was killed."""
        return f"the first steps of head {self.cell.head}"


def measure(job: PaceJob) -> HeadPace | FineVLAError:
    """Train a few steps, export and try once, in a folder that is removed; a `FineVLAError` is returned, not raised."""
    with (job.folder / "measured.txt").open("a", encoding="utf-8", errors="backslashreplace") as output:
        try:
            with told_to(output):
                return _measured(job)
        except FineVLAError as error:
            return error


def _measured(job: PaceJob) -> HeadPace:
    import torch

    from finevla_tools.export_vla import export_vla
    from finevla_tools.mixture_study.trials import robot_seconds
    from finevla_tools.training.trainer import train

    use_threads(job.threads)
    trials, robot_s = robot_seconds(job.evaluation)
    options = job.cell.config.training
    few = replace(options, steps=STEPS, save_every=STEPS, validate_every=STEPS, log_every=WINDOW)
    config = replace(job.cell.config, training=few)
    opened(config, job.threads)  # decodes what the cache does not have
    samples, open_s = _timed(lambda: opened(config, job.threads))
    with _aside(job.folder) as aside:
        run, bundle = aside / "train", aside / "bundle"
        _, train_s = _timed(lambda: train(config, samples, run))
        pace = [line["train/samples_per_s"] for line in read_json_lines(run / LOG) if "train/samples_per_s" in line]
        windows = [WINDOW * options.batch * options.accumulate / one for one in pace]
        step_s = windows[-1] / WINDOW
        _, export_s = _timed(lambda: export_vla(run, bundle, "", "blend"))
        load_s, robot_pace = _tried(job.evaluation, bundle)
    return HeadPace(
        head=job.cell.head,
        device=CUDA if torch.cuda.is_available() else "cpu",
        data=samples.hash,
        frames=samples.frames,
        open_s=open_s + sum(windows) - STEPS * step_s,
        step_s=step_s,
        save_s=max(0.0, train_s - sum(windows)),
        load_s=export_s + load_s,
        robot_pace=robot_pace,
        trials=trials,
        robot_s=robot_s,
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB,
    )


@contextlib.contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder for what is measured, gone afterwards; one that a killed process left goes, too."""
    remove_abandoned(folder)
    aside = temporary_of(folder / "measure")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _tried(evaluation: StudyEvaluation, bundle: Path) -> tuple[float, float]:
    """Seconds to load the policy, and of a trial for each second of the robot; 0 if what has learned nothing fails in it."""
    from finevla_tools.evaluation.runner import BUNDLE, Trier
    from finevla_tools.evaluation.trials import trials_of
    from finevla_tools.mixture_study.trials import evaluate_cases, steer_cases
    from finevla_tools.steerbench.cases import steer_trials

    trier, load_s = _timed(lambda: Trier(bundle))
    if evaluation.by == STEERBENCH:
        scene, trials = steer_trials(steer_cases(evaluation)[0], trier.ik)
    else:
        scene, trials = trials_of(evaluate_cases(evaluation)[0], trier.ik)
    try:
        record, wall_s = _timed(lambda: trier.record(BUNDLE, scene, trials[0]))
    except Exception:  # as a head may, whose tokens are no chunk yet
        return load_s, 0.0
    return load_s, wall_s / record["seconds"] if record["seconds"] else 0.0


def _timed[Made](make: Callable[[], Made]) -> tuple[Made, float]:
    began_s = time.monotonic()
    made = make()
    return made, time.monotonic() - began_s


def cells_at_once(paces: Sequence[HeadPace], cells: int) -> int:
    """Return how many cells this machine makes at the same time: one on a GPU, else one a core, as memory allows."""
    if any(pace.device == CUDA for pace in paces):
        return 1
    fit = int(FREE_SHARE * free_bytes() / max((pace.peak_bytes for pace in paces), default=1))
    return max(1, min(cores(), cells, fit))


def free_bytes() -> int:
    """Return the memory that processes could take now."""
    with Path("/proc/meminfo").open(encoding="ascii") as file:
        return next(int(line.split()[1]) * KIB for line in file if line.startswith("MemAvailable"))
