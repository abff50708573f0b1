"""Planned motion in figures: how long planning takes, how long the motions, and how many the gate lets pass unslowed.

    python test/benchmark/motion.py [--pairs 100] [--speed 0.3] [--seed 0]

Starts and goals are drawn evenly over all joints within their limits, of those at which the arms may rest; half of the goals
are the robot's home. Every motion is played through a bridge and its least distance is looked at every 10 ms.
"""

import argparse
import time
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import HOME
from finevla_core.errors import FineVLAError
from finevla_core.planning.motion_planner import Motion, MotionPlanner
from finevla_core.planning.planning_scene import PlanningScene
from finevla_core.planning.rrt import RRTConnect
from finevla_core.safety.envelope import load_envelope
from finevla_core.safety.gate import Gate, GateContext, GateOptions, Judged
from finevla_core.safety.plan import hold
from finevla_core.urdf import expand
from finevla_sim.robot_files import default_robot

SPARE_M = 0.015  # as the node has it
NOW_NS, LOOK_NS = 1_000_000_000, 10_000_000


def main() -> None:
    """Plan for all pairs and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--speed", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    robot = default_robot()
    e, urdf = robot.embodiment, expand(robot.urdf_path)
    wide, room = (PlanningScene(e, load_envelope(e, urdf, robot.safety_path, spare)) for spare in (SPARE_M, 0.0))
    mover = MotionPlanner(e, room, RRTConnect(e, (wide, room)))
    rng = np.random.default_rng(arguments.seed)
    mover.motion(anywhere(rng, room), anywhere(rng, room), arguments.speed)  # imports
    for goals in ("home", "anywhere"):
        spent, found, failed = [], [], Counter[str]()
        broken = 0
        for _ in range(arguments.pairs):
            start = anywhere(rng, room)
            goal = e.moved(start, HOME) if goals == "home" else anywhere(rng, room)
            began_s = time.perf_counter()
            try:
                motion = mover.motion(start, goal, arguments.speed)
            except FineVLAError as error:
                failed[str(error).partition(":")[0]] += 1
                motion = None
            spent.append(time.perf_counter() - began_s)
            if motion is not None:
                found.append(motion)
                broken += not is_kept(mover, start, motion)
        report(goals, np.array(spent), found, failed, broken)


def anywhere(rng: np.random.Generator, room: PlanningScene) -> NDArray[np.float64]:
    """Values that the arms may rest at."""
    while room.why_not(values := rng.uniform(room.lower, room.upper)):
        pass
    return values


def is_kept(mover: MotionPlanner, start: NDArray[np.float64], motion: Motion) -> bool:
    """Whether the gate lets every part pass, and nothing is too near at any look along it."""
    gate = Gate(mover.embodiment, mover.room.envelope, GateOptions())
    for number, part in enumerate(motion.parts, 1):
        chunk = part.chunk(mover.embodiment, NOW_NS, "benchmark", "/motion", 1, number)
        plan = hold(start, NOW_NS)
        found = gate.check(chunk, GateContext(NOW_NS, "", 1, "/motion", -1, -1, plan, start, NOW_NS, is_taken=True))
        if not isinstance(found, Judged):
            return False
        for time_ns in range(NOW_NS, found.plan.end_ns, LOOK_NS):
            if mover.room.too_near(found.plan.at(time_ns)[0]):
                return False
        start = found.plan.positions[-1]
    return True


def report(goals: str, spent: NDArray[np.float64], found: list[Motion], failed: Counter[str], broken: int) -> None:
    """One kind of goals."""
    durations = np.array([motion.duration_s for motion in found])
    count = len(spent)
    print(f"goals: {goals}; {len(found)} of {count} found, {sum(m.is_straight for m in found)} of them straight")
    print(
        f"  planning: median {np.median(spent):.2f} s, p99 {np.quantile(spent, 0.99):.2f} s, worst {spent.max():.2f} s"
    )
    p90 = np.quantile(durations, 0.9)
    print(f"  duration: median {np.median(durations):.1f} s, p90 {p90:.1f} s, worst {durations.max():.1f} s")
    unslowed, whole = (
        sum(part) for part in zip(*((m.speed_scale == 1.0, len(m.parts) == 1) for m in found), strict=True)
    )
    print(f"  not slowed by the gate: {unslowed}; in one chunk: {whole}")
    print(f"  refused by the gate, or too near to something at a look: {broken}")
    for why, number in failed.items():
        print(f"  {number} x {why}")


if __name__ == "__main__":
    main()
