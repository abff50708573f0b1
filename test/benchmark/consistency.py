"""How many planted false claims the consistency check flags, and how many true sentences it flags wrongly.

    python test/benchmark/consistency.py [--count 2000] [--seed 1] [--show 20]

Sentences are composed in English and Chinese about made-up motion (`test/support/claimed_motion.py`): phrasings that were
looked at while the check was written, sets that were first measured unseen, and the
simulator's own sentences for its own goals.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from claimed_motion import ARMS, FIFTH, FOURTH, SECOND, SENSES, SIDES, THIRD, TUNED, SaidMotion, said_motions
from eighth_claims import EIGHTH, EIGHTH_WORDS
from eleventh_claims import ELEVENTH, ELEVENTH_WORDS
from fourteenth_claims import told_motions
from ninth_claims import NINTH, NINTH_WORDS
from tenth_claims import TENTH, TENTH_WORDS
from thirteenth_claims import THIRTEENTH, THIRTEENTH_WORDS
from twelfth_claims import TWELFTH, TWELFTH_WORDS
from unseen_claims import SEVENTH, SIXTH

from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.language import how_of, say
from finevla_sim.robot_files import load_robot
from finevla_sim.scene_sampling import sample_scene
from finevla_sim.tasks import Goal, sample_goal
from finevla_tools.annotate.annotation import Annotation, dimension_of
from finevla_tools.annotate.consistency import contradictions


def simulated(count: int, seed: int) -> Iterator[SaidMotion]:
    """The simulator's fine sentences of scenes and goals, with arm, approach and turn as facts, and one of them changed."""
    rng, choose = np.random.default_rng(seed), random.Random(seed)
    robot = load_robot(Path(__file__).parents[2] / "config/robots/cobotmagic.yaml")
    ik = ArmIK(robot.embodiment, robot.urdf_path)
    for number in range(count):
        scene = sample_scene(
            seed * 100_000 + number, choose.choice(("reach", "pick", "place_color", "stack", "turn")), ik
        )
        goal = sample_goal(scene, rng)
        facts = tuple(facts_of(goal, number))
        yield SaidMotion(say(goal, scene, rng, how_of(goal), "test").text, "", facts, number)
        what = choose.choice(["arm", "approach"] + ["turn"] * 2 * bool(goal.turn))
        yield SaidMotion(say(changed(goal, what, choose), scene, rng, how_of(goal), "test").text, what, facts, number)


def facts_of(goal: Goal, number: int) -> Iterator[Annotation]:
    """What motion would say of a goal that was done."""
    values = {"active_actor": f"{goal.arm}_arm", "approach_direction": goal.approach, "rotation_direction": goal.turn}
    if goal.task != "reach":
        values["gripper_state"] = f"{goal.arm} gripper closes on something"
    for slot, value in values.items():
        if value:
            yield Annotation(number, 0.0, 8.0, dimension_of(slot), slot, value, "motion", 0.9)
    if goal.task not in ("reach", "pick"):
        value = f"{goal.arm} gripper opens and lets go"
        yield Annotation(number, 7.0, 7.3, dimension_of("gripper_state"), "gripper_state", value, "motion", 0.9)


def changed(goal: Goal, what: str, choose: random.Random) -> Goal:
    """The goal with one detail changed."""
    if what == "arm":
        return replace(goal, arm=ARMS[goal.arm])
    if what == "turn":
        return replace(goal, turn=SENSES[goal.turn])
    return replace(goal, approach=choose.choice([side for side in SIDES[:4] if side != goal.approach]))


def measured(name: str, said: Iterable[SaidMotion], show: int) -> None:
    """Print one row of the table, and what went wrong."""
    right, wrong, by = Counter[bool](), list[str](), Counter[tuple[str, bool]]()
    sentences, begin_s = list(said), time.perf_counter()
    for one in sentences:
        flags = contradictions([one.row], one.facts)
        right[bool(one.planted)] += bool(flags) == bool(one.planted)
        by[one.planted, bool(flags)] += 1
        if bool(flags) != bool(one.planted):
            evidence = flags[0].sentence if flags else "; ".join(f"{f.slot}={f.value}" for f in one.facts)
            wrong.append(f"    {one.planted or 'true'}: {one.text} [{evidence}]")
    rate = len(sentences) / (time.perf_counter() - begin_s)
    false = sum(bool(one.planted) for one in sentences)
    true = len(sentences) - false
    found, wrongly = 100 * right[True] / false, 100 * (1 - right[False] / true)
    print(f"| {name} | {false} | {found:.1f} % | {true} | {wrongly:.1f} % | {rate:.0f} |")
    kinds = sorted({what for what, _ in by if what})
    missed = {what: f"{by[what, False]}/{by[what, False] + by[what, True]}" for what in kinds}
    print(f"    missed by kind: {missed}", file=sys.stderr)
    print("\n".join(wrong[:show]), file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument(
        "--sets",
        default="tuned,second,third,fourth,fifth,sixth,seventh,eighth,ninth,tenth,eleventh,twelfth,thirteenth,fourteenth,simulator",
    )
    options = parser.parse_args()
    print("| sentences | false | flagged | true | flagged wrongly | sentences/s |\n|---|---|---|---|---|---|")
    sets = {
        "tuned": lambda: said_motions(TUNED, options.count, options.seed),
        "second": lambda: said_motions(SECOND, options.count, options.seed),
        "third": lambda: said_motions(THIRD, options.count, options.seed),
        "fourth": lambda: said_motions(FOURTH, options.count, options.seed),
        "fifth": lambda: said_motions(FIFTH, options.count, options.seed),
        "sixth": lambda: said_motions(SIXTH, options.count, options.seed),
        "seventh": lambda: said_motions(SEVENTH, options.count, options.seed),
        "eighth": lambda: said_motions(EIGHTH, options.count, options.seed, EIGHTH_WORDS),
        "ninth": lambda: said_motions(NINTH, options.count, options.seed, NINTH_WORDS),
        "tenth": lambda: said_motions(TENTH, options.count, options.seed, TENTH_WORDS),
        "eleventh": lambda: said_motions(ELEVENTH, options.count, options.seed, ELEVENTH_WORDS),
        "twelfth": lambda: said_motions(TWELFTH, options.count, options.seed, TWELFTH_WORDS),
        "thirteenth": lambda: said_motions(THIRTEENTH, options.count, options.seed, THIRTEENTH_WORDS),
        "fourteenth": lambda: told_motions(),
        "simulator": lambda: simulated(min(options.count, 1000), options.seed),
    }
    for name in options.sets.split(","):
        measured(name, sets[name](), options.show)


if __name__ == "__main__":
    main()
