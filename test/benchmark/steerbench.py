"""SteerBench's frozen cases drawn anew: `check` compares them with the file, `draw FILE` writes those of a new version."""

import argparse
import sys
from pathlib import Path

from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import default_robot
from finevla_tools.steerbench.benchmark_settings import ROUNDS, SEED
from finevla_tools.steerbench.cases import cases_text, draw_cases, frozen_cases


def main() -> int:
    """Draw all cases; return 1 if one is not as it was frozen."""
    parser = argparse.ArgumentParser(description=__doc__)
    jobs = parser.add_subparsers(dest="job", required=True)
    for name in ("check", "draw"):
        job = jobs.add_parser(name)
        job.add_argument("--rounds", type=int, default=ROUNDS)
        if name == "draw":
            job.add_argument("file", type=Path)
            job.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    robot = default_robot()
    ik, rounds = ArmIK(robot.embodiment, robot.urdf_path), range(arguments.rounds)
    if arguments.job == "draw":
        arguments.file.write_text(cases_text(draw_cases(ik, rounds, arguments.seed)), encoding="utf-8")
        return 0
    frozen = [case for case in frozen_cases() if case.number in rounds]
    other = [mine.key for mine, drawn in zip(frozen, draw_cases(ik, rounds), strict=True) if mine != drawn]
    print(
        f"{len(frozen) - len(other)} of {len(frozen)} cases are as they were frozen{''.join(f', not {key}' for key in other)}"
    )
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main())
