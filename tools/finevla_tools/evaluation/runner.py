"""Run trials in parallel processes and store each result at once, so that an evaluation can be resumed."""

import json
import os
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.bundle import load_bundle, used_files
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.recording.atomic_files import write_text
from finevla_core.text_files import read_json
from finevla_sim.demonstrator import Demonstrator
from finevla_sim.gripper_path_planner import UNDISTURBED, Unreachable
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.judge import TaskOutcome, judge, obeyed, score, success
from finevla_sim.language import how_of, say
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import Scene
from finevla_sim.tasks import TASKS, sample_goal
from finevla_sim.world import World
from finevla_tools.evaluation.baselines import Wanderer
from finevla_tools.evaluation.trials import Case, Trial, trials_of
from finevla_tools.rollout import Rollout, Watch, load_limited_policy, roll_out
from finevla_tools.work.json_lines import JsonLines, read_json_lines
from finevla_tools.work.parallel_map import Once, over
from finevla_tools.work.progress import Lines, Progress

RECORDS, HEADER = "trials.jsonl", "evaluation.json"
BUNDLE = "policy"  # the contestant that is not a baseline


@dataclass(frozen=True)
class TrialJob:
    """All trials of a case by one contestant: "policy" or a baseline's name."""

    contestant: str
    case: Case


class Trier:
    """Runs trials one after the other: one world, one policy (on `server`, where one is named), many scenes."""

    def __init__(self, bundle: Path | None, server: str = "") -> None:
        # Triers keep the cores busy; threads of Mesa's software renderer would only wait for each other.
        os.environ.setdefault("LP_NUM_THREADS", "0")
        self.robot = default_robot()
        self.ik = ArmIK(self.robot.embodiment, self.robot.urdf_path)
        self.policy = load_limited_policy(bundle, self.robot, server) if bundle else None
        self.world: World | None = None

    def run(self, job: TrialJob) -> list[dict[str, Any]]:
        """Run all trials of the job's case; return one record for each."""
        scene, trials = trials_of(job.case, self.ik)
        return [self.record(job.contestant, scene, trial) for trial in trials]

    def record(self, contestant: str, scene: Scene, trial: Trial) -> dict[str, Any]:
        """Run one trial, judge it from ground truth and return the record."""
        return self.judged(contestant, scene, trial)[0]

    def judged(self, contestant: str, scene: Scene, trial: Trial) -> tuple[dict[str, Any], TaskOutcome]:
        """Run one trial; return the record, and what happened by the judge."""
        started = time.perf_counter()
        rollout = self.execute(contestant, scene, trial)
        outcome = judge(scene, rollout.trace)
        done = obeyed(trial.goal, outcome)
        record = trial.as_dict() | {
            "contestant": contestant,
            "task": trial.case.task,
            "told": list(trial.told),
            "obeyed": {factor: bool(right) for factor, right in done.items()},
            "score": score(trial.goal, outcome, scene),
            "success": bool(success(trial.goal, outcome, scene)),
            "happened": outcome.sentence(),
            "accepted": rollout.accepted,
            "refused": sum(rollout.rejected.values()),
            "refusals": rollout.rejected,
            "latched": rollout.latched,
            "held": rollout.held,
            "seconds": (rollout.trace[-1].stamp_ns - rollout.trace[0].stamp_ns) * 1e-9,
            "wall_s": time.perf_counter() - started,
        }
        return record, outcome

    def execute(self, contestant: str, scene: Scene, trial: Trial, watch: Watch | None = None) -> Rollout:
        """Roll out one trial with the contestant's policy; the oracle demonstrates the goal and sends no chunks."""
        world = self._world(scene)
        if contestant == "oracle":
            rng = np.random.default_rng([trial.seed, trial.member])
            try:
                demonstration = Demonstrator(world, self.ik).demonstrate(trial.goal, rng, UNDISTURBED, draw=False)
            except Unreachable:  # after something was pushed away
                return Rollout([world.truth()], 0, {})
            return Rollout(demonstration.trace, 0, {})
        seconds = TASKS[trial.case.task].seconds
        if contestant == "random":
            wanderer = Wanderer(self.robot.embodiment, trial.seed + trial.member)
            return roll_out(world, self.robot, wanderer, Instruction(raw=trial.text, id="trial"), seconds, watch)
        assert self.policy is not None
        text = other_words(scene, trial) if contestant == "blind" else trial.text
        return roll_out(world, self.robot, self.policy, Instruction(raw=text, id="trial"), seconds, watch)

    def _world(self, scene: Scene) -> World:
        if self.world is None:
            self.world = World(scene, self.robot.embodiment, self.robot.urdf_path)
        else:
            self.world.reset(scene)
        return self.world


def run_jobs(jobs: Sequence[TrialJob], bundle: Path | None, folder: Path, processes: int) -> list[dict[str, Any]]:
    """Run the jobs that `folder` has no records of, in parallel; return the records of all jobs."""
    wanted = {(job.contestant, job.case.key) for job in jobs}
    old = [record for record in read_records(folder) if key_of(record) in wanted]
    done = {key_of(record) for record in old}
    todo = [job for job in jobs if (job.contestant, job.case.key) not in done]
    if done:
        print(f"{len(done)} of {len(jobs)} cases are there already", flush=True)
    new: list[dict[str, Any]] = []

    def text() -> str:
        simulated = sum(record["seconds"] for record in new)
        return f"{progress.steps}/{len(todo)} cases, {simulated / progress.seconds:.1f} x real time"

    lines = Lines(text, every=50, every_s=60.0, left=lambda left_s: f", {left_s:.0f} s left")
    with JsonLines(folder / RECORDS) as file, Progress("trials", len(todo), "cases", lines) as progress:
        run_one = Once(partial(Trier, bundle), Trier.run)
        for _, records in over(run_one, todo, processes, in_order=False, tick=progress.tick):
            file.append(*records)
            new += records
            progress.step()
    return old + new


def open_folder(folder: Path, bundle: Path) -> None:
    """Create `folder` for evaluating `bundle`; raises `FineVLAError` if it holds an evaluation of another bundle."""
    manifest = load_bundle(bundle).manifest
    used = used_files(manifest).values()
    header = {
        "schema": "finevla.evaluation/1",
        "bundle": manifest.name,
        "sha256": {file: manifest.files[file] for file in used},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / HEADER
    if path.is_file():
        found = read_json(path)
        if found != header:
            other = found.get("bundle") if isinstance(found, dict) else None
            raise FineVLAError(
                f"'{folder}' holds an evaluation of another bundle ({other}); give another --out or remove it"
            )
    else:
        write_text(path, json.dumps(header, indent=1))


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Read the records of all completed cases; a case whose records are incomplete is left out and runs again."""
    cases: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in read_json_lines(folder / RECORDS):
        cases.setdefault(key_of(record), []).append(record)
    counts = {key: trials_in(records[0]["kind"]) for key, records in cases.items()}
    # Of a case that was cut short and run again, the last ones belong together.
    return [
        record for key, records in cases.items() if len(records) >= counts[key] for record in records[-counts[key] :]
    ]


def key_of(record: dict[str, Any]) -> tuple[str, str]:
    """Return the contestant and the case key of a record."""
    return record["contestant"], Case(record["kind"], record["task"], record["number"]).key


def trials_in(kind: str) -> int:
    """Return how many trials a case of this kind has: 1 or 2."""
    return 1 if kind in ("hard", "held_out") else 2


def as_row(record: dict[str, Any]) -> dict[str, Any]:
    """Flatten a record to a table row, with one nullable column `obeyed_*` per factor."""
    nested = {"obeyed", "refusals"}
    flat = {name: value for name, value in record.items() if name not in nested}
    return flat | {f"obeyed_{name}": right for name, right in record["obeyed"].items()}


def other_words(scene: Scene, trial: Trial) -> str:
    """Return a sentence about a goal drawn at random, the same for the same trial."""
    rng = np.random.default_rng([zlib.crc32(trial.case.key.encode()), trial.member])
    goal = sample_goal(scene, rng)
    return say(goal, scene, rng, how_of(goal), "test").text
