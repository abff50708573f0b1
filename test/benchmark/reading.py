"""How well a bundle reads: shares of sentences of which it gets every slot right, seen and held-out phrasings apart.

usage: python test/benchmark/reading.py models/tabletop
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from finevla_core.instruction import Instruction
from finevla_core.policy import load_policy
from finevla_models.factors import SIZES, SLOTS, indices
from finevla_sim.ik import ArmIK
from finevla_sim.language import Said, how_of, say
from finevla_sim.robot import default_robot
from finevla_sim.sampling import TEST_SEEDS, sample_scene
from finevla_sim.tasks import TASKS, sample_goal

SCENES = 900
PUTS = ("place_color", "place_shape", "place_size")
Read = Callable[[str], NDArray[np.float32]]


def sentences(ik: ArmIK, split: str, is_fine: bool, is_crossed: bool = False) -> Iterator[Said]:
    """One sentence for each of `SCENES` test scenes; `is_crossed`: left hand to right bowl, which training never has."""
    tasks = PUTS if is_crossed else tuple(TASKS)
    for number in range(SCENES):
        scene = sample_scene(TEST_SEEDS + 500_000 + number, tasks[number % len(tasks)], ik)
        rng = np.random.default_rng([number, 43])
        goal = sample_goal(scene, rng)
        if is_crossed:
            goal = replace(goal, arm="left", place="right_bowl")
        yield say(goal, scene, rng, how_of(goal) if is_fine else (), split)


def wrong_slots(read: Read, said: Said) -> list[str]:
    """Names of the slots that are read wrongly."""
    parts = np.split(np.asarray(read(said.text)).reshape(-1), np.cumsum(SIZES)[:-1])
    found = [int(part.argmax()) for part in parts]
    return [name for name, a, b in zip(SLOTS, found, indices(said.slots), strict=True) if a != b]


def report(read: Read) -> None:
    """Print the table."""
    robot = default_robot()
    ik = ArmIK(robot.embodiment, robot.urdf_path)
    print("| sentences | all slots right | slots most often wrong |")
    print("|---|---|---|")
    for name, split, is_fine, is_crossed in (
        ("training grammar, fine", "train", True, False),
        ("training grammar, raw", "train", False, False),
        ("held-out phrasings, fine", "test", True, False),
        ("held-out phrasings, raw", "test", False, False),
        ("left hand to right bowl, training grammar", "train", True, True),
        ("left hand to right bowl, held-out phrasings", "test", True, True),
    ):
        wrong = [wrong_slots(read, said) for said in sentences(ik, split, is_fine, is_crossed)]
        slots = [slot for some in wrong for slot in some]
        often = sorted(set(slots), key=slots.count, reverse=True)[:4]
        worst = ", ".join(f"{slot} {slots.count(slot) / len(wrong):.1%}" for slot in often)
        print(f"| {name} | {sum(not some for some in wrong) / len(wrong):.1%} of {len(wrong)} | {worst} |", flush=True)


def main() -> None:
    """Read with a bundle's text model."""
    policy = load_policy(sys.argv[1], default_robot().embodiment)
    report(lambda text: policy.encode(Instruction(raw=text)).text)


if __name__ == "__main__":
    main()
