"""The closed-loop trials of a cell: rounds of SteerBench or scenes of `finevla evaluate`, as one score and its parts."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_sim.tasks import TASKS
from finevla_tools.evaluation.runner import BUNDLE, TrialJob, open_folder, run_jobs, trials_in
from finevla_tools.evaluation.statistics import average, summarise
from finevla_tools.evaluation.trials import Case, cases_of
from finevla_tools.mixture_study.study_cell import PART
from finevla_tools.mixture_study.study_config import LEVELS, STEERBENCH, StudyEvaluation
from finevla_tools.steerbench.benchmarked_policies import contestant_of
from finevla_tools.steerbench.cases import SteerCase, frozen_cases
from finevla_tools.steerbench.result_files import summarise_rows
from finevla_tools.steerbench.runner import open_steer_folder, run_cases

TRIAL_LIMIT_S = 300.0


def steer_cases(evaluation: StudyEvaluation) -> list[SteerCase]:
    """Return the frozen cases that an evaluation is of; raises `FineVLAError` if there are none."""
    levels, only = LEVELS[evaluation.level], evaluation.only
    found = [c for c in frozen_cases() if c.level in levels and c.number < evaluation.rounds]
    return _some([case for case in found if not only or case.task in only])


def evaluate_cases(evaluation: StudyEvaluation) -> list[Case]:
    """Return the cases of `finevla evaluate` that an evaluation is of; raises `FineVLAError` if there are none."""
    return _some([case for case in cases_of(evaluation.size) if not evaluation.only or case.task in evaluation.only])


def robot_seconds(evaluation: StudyEvaluation) -> tuple[int, float]:
    """Return how many trials each policy has, and the simulated seconds that they last at most."""
    if evaluation.by == STEERBENCH:
        cases: Iterable[tuple[str, str]] = [(case.case.kind, case.task) for case in steer_cases(evaluation)]
    else:
        cases = [(case.kind, case.task) for case in evaluate_cases(evaluation)]
    counts = [(trials_in(kind), TASKS[task].seconds) for kind, task in cases]
    return sum(count for count, _ in counts), sum(count * seconds for count, seconds in counts)


def try_policy(evaluation: StudyEvaluation, bundle: Path, folder: Path, processes: int) -> dict[str, float | None]:
    """Run the trials that `folder` does not have; return `score` (0 to 100), its parts, `trials`, `faults`, `stopped`.

    The score is the mean of SteerBench's settings, or of the factors whose pairs `finevla evaluate` counts. `stopped` is the
    share of trials that the safety gate ended.
    """
    if evaluation.by == STEERBENCH:
        return _steerbench(evaluation, bundle, folder, processes)
    open_folder(folder, bundle)
    jobs = [TrialJob(BUNDLE, case) for case in evaluate_cases(evaluation)]
    records = run_jobs(jobs, bundle, folder, processes)
    summary = summarise(records)
    parts = {name: share.share for name, share in summary["pairs"].items() if share.trials}
    parts |= {f"success_{words}": share.share for words, share in summary["success"].items() if share.trials}
    score = 100.0 * average(summary["pairs"]) if summary["pairs"] else math.nan
    if math.isnan(score):
        raise FineVLAError("no pair was tried, so that there is no score; raise evaluation.pairs, or name other tasks")
    found = {f"{PART}{name}": 100.0 * share for name, share in parts.items()}
    stopped = float(np.mean([bool(record["latched"]) for record in records]))
    return {"score": score, "trials": len(records), "faults": 0, "stopped": stopped, **found}


def _steerbench(evaluation: StudyEvaluation, bundle: Path, folder: Path, processes: int) -> dict[str, float | None]:
    contestant = contestant_of(str(bundle), None, False)
    open_steer_folder(folder, contestant)
    rows = run_cases(steer_cases(evaluation), contestant, folder, processes, TRIAL_LIMIT_S)
    levels = summarise_rows(rows).values()
    parts: dict[str, list[float]] = {}
    for level in levels:
        for name, setting in level["settings"].items():
            parts.setdefault(name, []).append(setting["points"])
    means = {name: float(np.mean(some)) for name, some in parts.items()}
    return {
        "score": float(np.mean(list(means.values()))),
        "trials": len(rows),
        "faults": sum(bool(row["fault"]) for row in rows),
        "stopped": float(np.mean([bool(row["latched"]) for row in rows])),
        **{f"{PART}{name}": value for name, value in means.items()},
    }


def _some[One](cases: list[One]) -> list[One]:
    if not cases:
        raise FineVLAError("evaluation: there is no such case; ask for more scenes or rounds, or name other tasks")
    return cases
