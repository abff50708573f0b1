"""Runs trials in parallel processes and keeps every result as it comes, so that an evaluation goes on where it ended."""

import json
import multiprocessing
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.bundle import load_bundle, used_files
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_sim.demonstrator import Demonstrator
from finevla_sim.ik import ArmIK
from finevla_sim.judge import judge, obeyed, score, success
from finevla_sim.language import how_of, say
from finevla_sim.planner import UNDISTURBED, Unreachable
from finevla_sim.robot import default_robot
from finevla_sim.scene import Scene
from finevla_sim.tasks import TASKS, sample_goal
from finevla_sim.world import World
from finevla_tools.evaluation.contestants import Wanderer
from finevla_tools.evaluation.trials import Case, Trial, trials_of
from finevla_tools.rollout import Rollout, Watch, load_limited_policy, roll_out

RECORDS, HEADER = "trials.jsonl", "evaluation.json"
BUNDLE = "policy"  # the contestant that is not a baseline


@dataclass(frozen=True)
class Job:
    """All trials of a case by one contestant: "policy" or a baseline's name."""

    contestant: str
    case: Case


class Trier:
    """Runs trials one after the other: one world, one policy, many scenes."""

    def __init__(self, bundle: Path | None) -> None:
        self.robot = default_robot()
        self.ik = ArmIK(self.robot.embodiment, self.robot.urdf_path)
        self.policy = load_limited_policy(bundle, self.robot) if bundle else None
        self.world: World | None = None

    def run(self, job: Job) -> list[dict[str, Any]]:
        """One record per trial."""
        scene, trials = trials_of(job.case, self.ik)
        return [self.record(job.contestant, scene, trial) for trial in trials]

    def record(self, contestant: str, scene: Scene, trial: Trial) -> dict[str, Any]:
        """Run one trial and judge it."""
        started = time.perf_counter()
        rollout = self.execute(contestant, scene, trial)
        outcome = judge(scene, rollout.trace)
        done = obeyed(trial.goal, outcome)
        return trial.as_dict() | {
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

    def execute(self, contestant: str, scene: Scene, trial: Trial, watch: Watch | None = None) -> Rollout:
        """Let the contestant do what the trial says; the oracle sends no chunks."""
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
        text = _other_words(scene, trial) if contestant == "blind" else trial.text
        return roll_out(world, self.robot, self.policy, Instruction(raw=text, id="trial"), seconds, watch)

    def _world(self, scene: Scene) -> World:
        if self.world is None:
            self.world = World(scene, self.robot.embodiment, self.robot.urdf_path)
        else:
            self.world.reset(scene)
        return self.world


def run_jobs(jobs: Sequence[Job], bundle: Path | None, folder: Path, processes: int) -> list[dict[str, Any]]:
    """Run what is not in the folder's records yet, in parallel; returns all records of the jobs, old and new."""
    wanted = {(job.contestant, job.case.key) for job in jobs}
    old = [record for record in read_records(folder) if key_of(record) in wanted]
    done = {key_of(record) for record in old}
    todo = [job for job in jobs if (job.contestant, job.case.key) not in done]
    if done:
        print(f"{len(done)} of {len(jobs)} cases are there already", flush=True)
    new: list[dict[str, Any]] = []
    started = time.monotonic()
    with (folder / RECORDS).open("a", encoding="utf-8") as file:
        for count, records in enumerate(_run_all(todo, bundle, processes), 1):
            for record in records:
                file.write(json.dumps(record) + "\n")
            file.flush()
            new += records
            if count % 50 == 0 or count == len(todo):
                wall = time.monotonic() - started
                simulated = sum(record["seconds"] for record in new)
                left = wall / count * (len(todo) - count)
                print(f"{count}/{len(todo)} cases, {simulated / wall:.1f} x real time, {left:.0f} s left", flush=True)
    return old + new


def open_folder(folder: Path, bundle: Path) -> None:
    """Make the folder, or make sure that what is in it is of the same bundle."""
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
        found = json.loads(path.read_text(encoding="utf-8"))
        if found != header:
            raise FineVLAError(
                f"'{folder}' holds an evaluation of another bundle ({found.get('bundle')}); give another --out or "
                "remove it"
            )
    else:
        path.write_text(json.dumps(header, indent=1), encoding="utf-8")


def read_records(folder: Path) -> list[dict[str, Any]]:
    """What was run so far; a last line that was cut off is left out, and its case runs again."""
    path = folder / RECORDS
    if not path.is_file():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    counts: dict[tuple[str, str], int] = {}
    for record in records:
        counts[key_of(record)] = counts.get(key_of(record), 0) + 1
    return [record for record in records if counts[key_of(record)] == trials_in(record["kind"])]


def key_of(record: dict[str, Any]) -> tuple[str, str]:
    """The contestant and the case's key."""
    return record["contestant"], Case(record["kind"], record["task"], record["number"]).key


def trials_in(kind: str) -> int:
    """How many trials a case of that kind has."""
    return 1 if kind in ("hard", "held_out") else 2


def as_row(record: dict[str, Any]) -> dict[str, Any]:
    """A record as a flat row for tables: one nullable column per factor."""
    nested = {"obeyed", "refusals"}
    flat = {name: value for name, value in record.items() if name not in nested}
    return flat | {f"obeyed_{name}": right for name, right in record["obeyed"].items()}


_trier: Trier | None = None


def _start(bundle: Path | None) -> None:
    global _trier
    _trier = Trier(bundle)


def _run(job: Job) -> list[dict[str, Any]]:
    assert _trier is not None
    return _trier.run(job)


def _run_all(jobs: Sequence[Job], bundle: Path | None, processes: int) -> Iterator[list[dict[str, Any]]]:
    if not jobs:
        return
    with multiprocessing.get_context("spawn").Pool(min(processes, len(jobs)), _start, (bundle,)) as pool:
        yield from pool.imap_unordered(_run, jobs)


def _other_words(scene: Scene, trial: Trial) -> str:
    """A sentence about a goal drawn at random, the same for the same trial."""
    rng = np.random.default_rng([zlib.crc32(trial.case.key.encode()), trial.member])
    goal = sample_goal(scene, rng)
    return say(goal, scene, rng, how_of(goal), "test").text
