"""`finevla evaluate`: a bundle in closed loop on scenes it never saw; success and obedience per factor, with intervals."""

import argparse
import json
import multiprocessing
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.instruction import Instruction
from finevla_core.policy import load_policy
from finevla_sim.ik import ArmIK
from finevla_sim.judge import judge, obeyed
from finevla_sim.language import sentence
from finevla_sim.robot import default_robot
from finevla_sim.sampling import TEST_SEEDS, sample_scene
from finevla_sim.tasks import TASKS, default_arm, sample_goal
from finevla_sim.world import World
from finevla_tools.rollout import roll_out

SECONDS = {"reach": 10.0, "pick": 14.0, "put": 20.0}
Z95 = 1.959964


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % confidence interval of a share (Wilson 1927)."""
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, Z95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 / (1 + z2 / trials) * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def evaluate(bundle: Path, task: str, scenes: int, seed: int, processes: int) -> list[dict[str, Any]]:
    """One record per scene: goal, sentence, outcome, factors obeyed."""
    jobs = [(str(bundle), task, list(range(k, scenes, processes)), seed) for k in range(processes)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return [record for records in pool.imap_unordered(_run, jobs) for record in records]


def summary(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Share and interval per factor."""
    counts: dict[str, list[bool]] = defaultdict(list)
    for record in records:
        for factor, right in record["obeyed"].items():
            counts[factor].append(right)
    return {
        factor: {"share": sum(c) / len(c), "interval": wilson(sum(c), len(c)), "trials": len(c)}
        for factor, c in counts.items()
    }


def _run(job: tuple[str, str, list[int], int]) -> list[dict[str, Any]]:
    bundle, task, numbers, seed = job
    robot = default_robot()
    policy = load_policy(bundle, robot.embodiment)
    ik = ArmIK(robot.embodiment, robot.urdf_path)
    world: World | None = None
    records = []
    for number in numbers:
        rng = np.random.default_rng([seed, number, 23])
        scene = sample_scene(TEST_SEEDS + seed * 10_000 + number, task, ik)
        if world is None:
            world = World(scene, robot.embodiment, robot.urdf_path)
        else:
            world.reset(scene)
        goal = sample_goal(scene, rng)
        text = sentence(goal, scene, rng, arm=True, approach=True, split="test")
        rollout = roll_out(world, robot, policy, Instruction(raw=text, id=f"eval-{number}"), SECONDS[task])
        outcome = judge(scene, rollout.trace)
        records.append(
            {
                "seed": scene.seed,
                "sentence": text,
                "goal": asdict(goal),
                "default_arm": default_arm(scene.object(goal.target)) == goal.arm,
                "outcome": outcome.as_dict(),
                "what_happened": outcome.sentence(),
                "obeyed": obeyed(goal, outcome),
                "chunks_accepted": rollout.accepted,
                "chunks_rejected": rollout.rejected,
                "seconds": rollout.trace[-1].stamp_ns * 1e-9,
            }
        )
    return records


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla evaluate`."""
    parser.add_argument("bundle", type=Path, help="bundle directory")
    parser.add_argument("--task", choices=sorted(TASKS), default="reach")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--report", type=Path, help="write all records as JSON")


def run(arguments: argparse.Namespace) -> int:
    """`finevla evaluate`."""
    records = evaluate(arguments.bundle, arguments.task, arguments.scenes, arguments.seed, arguments.processes)
    found = summary(records)
    print(f"{arguments.bundle}, task {arguments.task}, {len(records)} unseen scenes, held-out phrasings")
    for factor, entry in found.items():
        low, high = entry["interval"]
        print(f"  {factor:20s} {entry['share']:6.1%}  [{low:.1%}, {high:.1%}]  n={entry['trials']}")
    rejected = sum(sum(r["chunks_rejected"].values()) for r in records)
    total = rejected + sum(r["chunks_accepted"] for r in records)
    print(f"  chunks refused by the safety gate: {rejected} of {total}")
    if arguments.report:
        arguments.report.parent.mkdir(parents=True, exist_ok=True)
        arguments.report.write_text(json.dumps({"summary": found, "records": records}, indent=1), encoding="utf-8")
    return 0
