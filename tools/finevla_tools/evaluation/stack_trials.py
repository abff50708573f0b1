"""Repeat a sample of the trials through the real stack (DDS, ingest, policy node, bridge, simulator), and compare."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finevla_core.instruction import Instruction
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.judge import judge, obeyed, success
from finevla_sim.robot_files import default_robot
from finevla_sim.tasks import TASKS
from finevla_tools.evaluation.scene_counts import PAIRED
from finevla_tools.evaluation.statistics import share
from finevla_tools.evaluation.trials import Case, trials_of
from finevla_tools.launch_file import load_launch
from finevla_tools.simulated_scene_session import FollowedRecording, StackSession, wait_for_stack
from finevla_tools.simulation_client import SimulationClient
from finevla_tools.up import DEFAULT_FILE, launch_path, refuse_second_stack, running

READY_TIMEOUT_S = 60.0


def sample(cases: Sequence[Case], count: int) -> list[Case]:
    """Choose `count` paired cases, taking the factors in turn."""
    pairs = [c for c in cases if c.kind in PAIRED]
    return sorted(pairs, key=lambda c: (c.number, list(PAIRED).index(c.kind)))[:count]


def run_through_stack(bundle: Path, cases: Sequence[Case], log: Path) -> list[dict[str, Any]]:
    """Run the cases through a started stack; return a record per trial for `compare`.

    Raises `FineVLAError` if the stack does not come up.
    """
    launch = load_launch(launch_path(DEFAULT_FILE), {"robot": "sim", "bundle": str(bundle.resolve())})
    refuse_second_stack(launch)
    robot = default_robot()
    ik = ArmIK(robot.embodiment, robot.urdf_path)
    records = []
    with log.open("w", encoding="utf-8") as file:

        def write(name: str, line: str) -> None:
            with contextlib.suppress(ValueError):  # the log is closed
                print(f"[{name}] {line}", file=file, flush=True)

        with (
            running(launch, write) as stack,
            SimulationClient(launch.arguments["namespace"], name="finevla_evaluate") as client,
        ):
            wait_for_stack(client, stack, READY_TIMEOUT_S)
            stage = StackSession(client, stack)
            for case in cases:
                for trial in trials_of(case, ik)[1]:
                    scene = stage.lay_out(trial.seed, case.task)
                    recording = (
                        stage.follow(Instruction(raw=trial.text), TASKS[case.task].seconds) or FollowedRecording()
                    )
                    outcome = judge(scene, recording.trace)
                    print(f"  {trial.text}: {outcome.sentence()}", file=sys.stderr, flush=True)
                    records.append(
                        trial.as_dict()
                        | {
                            "task": case.task,
                            "told": list(trial.told),
                            "obeyed": {f: bool(r) for f, r in obeyed(trial.goal, outcome).items()},
                            "success": bool(success(trial.goal, outcome, scene)),
                            "happened": outcome.sentence(),
                        }
                    )
    return records


def compare(through: Sequence[dict[str, Any]], direct: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how often the stack agrees with the direct rollout, and the shares of both over the same trials."""
    by_key = {(r["kind"], r["task"], r["number"], r["member"]): r for r in direct}
    both = [(r, by_key[key]) for r in through if (key := (r["kind"], r["task"], r["number"], r["member"])) in by_key]
    told = [(one["obeyed"].get(f), other["obeyed"].get(f)) for one, other in both for f in one["told"]]
    return {
        "trials": len(both),
        "agree": share(one == other for one, other in told),
        "obeyed": {"stack": share(bool(one) for one, _ in told), "direct": share(bool(other) for _, other in told)},
        "success": {
            "stack": share(one["success"] for one, _ in both),
            "direct": share(other["success"] for _, other in both),
        },
    }
