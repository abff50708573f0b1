"""Run SteerBench's cases in processes of their own: what crashes, hangs or dies in a trial costs that trial, and is named."""

import faulthandler
import json
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.policy.remote_policy import RemotePolicy
from finevla_core.recording.atomic_files import write_text
from finevla_core.text_files import read_json
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import Scene
from finevla_tools.evaluation.runner import Trier
from finevla_tools.evaluation.trials import Trial
from finevla_tools.steerbench.benchmark_settings import NAME, SETTINGS, VERSION
from finevla_tools.steerbench.benchmarked_policies import Contestant
from finevla_tools.steerbench.cases import SteerCase, cases_sha256, chance, steer_trials
from finevla_tools.steerbench.partial_credit import WEIGHTS, milestones, nothing_earned, points
from finevla_tools.work.json_lines import JsonLines, read_json_lines
from finevla_tools.work.parallel_map import Once, over
from finevla_tools.work.progress import Lines, Progress

ROWS, HEADER = "trials.jsonl", "steerbench.json"
LAST_RESORT = 1.5  # of the limit, for what no signal wakes: its process ends
KEPT = ("accepted", "refused", "latched", "held", "seconds", "happened")  # of evaluate's record
UNTRIED: dict[str, Any] = {"accepted": 0, "refused": 0, "latched": "", "held": "", "seconds": 0.0, "happened": ""}
Row = dict[str, Any]


class TrialHang(BaseException):
    """A trial took longer than allowed; no `Exception`, so that no policy swallows it."""


class CaseRunner:
    """Runs cases one after the other; after a fault the policy is loaded anew."""

    def __init__(self, contestant: Contestant, limit_s: float) -> None:
        self.contestant, self.limit_s = contestant, limit_s
        self.trier = self._load()

    def run(self, case: SteerCase) -> list[Row]:
        """Return a row for each trial of a case; raises `FineVLAError` if it cannot be solved or the policy be loaded."""
        scene, trials = steer_trials(case, self.trier.ik)
        return [self._row(case, scene, trial) for trial in trials]

    def _row(self, case: SteerCase, scene: Scene, trial: Trial) -> Row:
        try:
            with time_limit(self.limit_s):
                record, outcome = self.trier.judged(self.contestant.role, scene, trial)
        except TrialHang:
            fault = f"hang: no end within {self.limit_s:g} s"
        except Exception as error:  # whatever a policy may raise
            fault = f"crash: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        else:
            known = {name: record[name] for name in KEPT} | {"obeyed": record["obeyed"]}
            return row_of(case, scene, trial, milestones(trial, outcome, scene), known)
        self.trier = (
            self._load()
        )  # a server that is gone ends the run here, and the case is tried again in the next one
        return fault_row(case, scene, trial, fault)

    def _load(self) -> Trier:
        return load_trier(self.contestant, self.limit_s)


def load_trier(contestant: Contestant, limit_s: float) -> Trier:
    """Load a policy and see that it runs; simulated time stands still meanwhile, so a server may take as long as a trial.

    Raises:
        FineVLAError: The policy cannot be loaded, or its server not be had.
    """
    trier = Trier(contestant.bundle, contestant.server)
    if isinstance(trier.policy, RemotePolicy):
        trier.policy.server = replace(trier.policy.server, timeout_s=limit_s)
    if trier.policy is not None:
        trier.policy.ready()
    return trier


def row_of(case: SteerCase, scene: Scene, trial: Trial, earned: dict[str, float], known: Row) -> Row:
    """Return the row of a trial: what was asked, what was earned by milestones (`credit_*`), and what is `known` of it."""
    factors, obeyed = SETTINGS[case.setting].factors, known["obeyed"]
    score = points(earned)
    return {
        **{name: getattr(case, name) for name in ("setting", "level", "number", "task", "seed")},
        **{name: value for name, value in trial.as_dict().items() if name == "member" or name.startswith("goal_")},
        "text": trial.text,
        "told": list(trial.told),
        "chance": chance(scene, trial, factors),
        **{f"credit_{name}": earned.get(name) for name in WEIGHTS},
        "points": score,
        "is_solved": score >= 100.0,
        "is_steered": all(obeyed.get(factor, False) for factor in factors),
        "fault": "",
        **{name: value for name, value in known.items() if name != "obeyed"},
    }


def fault_row(case: SteerCase, scene: Scene, trial: Trial, fault: str) -> Row:
    """Return the row of a trial in which the policy failed: no points, and the fault."""
    return row_of(case, scene, trial, nothing_earned(trial), UNTRIED | {"obeyed": {}}) | {"fault": fault}


def open_steer_folder(folder: Path, contestant: Contestant) -> None:
    """Create the folder of a run; raises `FineVLAError` if it holds that of another policy or of other cases."""
    header = {"benchmark": NAME, "version": VERSION, "cases_sha256": cases_sha256(), "policy": contestant.identity()}
    path = folder / HEADER
    if path.is_file():
        if (found := read_json(path)) != header:
            policy = found.get("policy") if isinstance(found, dict) else None
            name = policy.get("name", "?") if isinstance(policy, dict) else "?"
            raise FineVLAError(f"'{folder}' holds a run of another policy or version ({name}); give another --out")
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(header, indent=1))


def run_cases(
    cases: Sequence[SteerCase], contestant: Contestant, folder: Path, processes: int, limit_s: float
) -> list[Row]:
    """Run the cases that `folder` has no rows of; return the rows of all of them, in the order of `cases`.

    Raises:
        FineVLAError: A case cannot be solved, or the policy cannot be loaded.
    """
    found = _read(folder)
    todo = [case for case in cases if case.key not in found]
    lines = Lines(
        lambda: f"{progress.steps}/{len(todo)} cases",
        every=50,
        every_s=60.0,
        left=lambda left_s: f", {left_s:.0f} s left",
    )
    run_one = Once(partial(CaseRunner, contestant, limit_s), CaseRunner.run)
    with JsonLines(folder / ROWS) as file, Progress("cases", len(todo), "cases", lines) as progress:
        died = partial(_died, limit_s)
        for case, rows in over(run_one, todo, processes, in_order=False, is_apart=True, died=died, tick=progress.tick):
            file.append(*[{"case": case.key, "of": len(rows), "row": row} for row in rows])
            found[case.key] = rows
            progress.step()
    return [row for case in cases for row in found[case.key]]


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TrialHang` in the main thread after so long; in a process of a pool, end it if even that does not help."""

    def ring(*_: object) -> None:
        raise TrialHang

    before = signal.signal(signal.SIGALRM, ring)
    is_apart = multiprocessing.parent_process() is not None
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        if is_apart:
            faulthandler.dump_traceback_later(seconds * LAST_RESORT, exit=True, file=nowhere)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)
            if is_apart:
                faulthandler.cancel_dump_traceback_later()


def _died(limit_s: float, case: SteerCase) -> list[Row]:
    """What came of a case whose process ended twice."""
    robot = default_robot()
    scene, trials = steer_trials(case, ArmIK(robot.embodiment, robot.urdf_path))
    said = f"death: its process ended, twice: killed, out of memory, or stuck for {limit_s * LAST_RESORT:g} s"
    return [fault_row(case, scene, trial, said) for trial in trials]


def _read(folder: Path) -> dict[str, list[Row]]:
    """The rows of all complete cases; of one that was cut short and run again, the last ones belong together."""
    found: dict[str, list[Row]] = {}
    counts: dict[str, int] = {}
    for line in read_json_lines(folder / ROWS):
        found.setdefault(line["case"], []).append(line["row"])
        counts[line["case"]] = line["of"]
    return {key: rows[-counts[key] :] for key, rows in found.items() if len(rows) >= counts[key]}
