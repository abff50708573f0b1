"""How well instructions are read: hand-written sentences, the simulator's grammar, what is outside of the world, and stops.

usage: python test/benchmark/reading.py [--wrong SET]    # SET: english, chinese, outside, stop, not_stop (never a kept part)
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from finevla_core.instruction import Instruction
from finevla_core.language.reader import read_text
from finevla_core.stop_words import stop_of
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.language import InstructionText, how_of, say
from finevla_sim.robot_files import default_robot
from finevla_sim.scene_sampling import TEST_SEEDS, sample_scene
from finevla_sim.tasks import TASKS, sample_goal

SETS = Path(__file__).resolve().parents[1] / "language"
SCENES = 900
PUTS = ("place_color", "place_shape", "place_size")
GRAMMAR = (
    ("training grammar, fine", "train", True, False),
    ("training grammar, raw", "train", False, False),
    ("held-out phrasings, fine", "test", True, False),
    ("held-out phrasings, raw", "test", False, False),
    ("left hand to right bowl, training grammar", "train", True, True),
    ("left hand to right bowl, held-out phrasings", "test", True, True),
)


@dataclass
class Score:
    """Counts of one set: sentences whole, slots right, and sentences refused."""

    sentences: int = 0
    whole: int = 0
    slots: int = 0
    slots_right: int = 0
    refused: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def add(self, text: str, means: Mapping[str, str]) -> bool:
        """Count one sentence that says `means`; True if every slot is right and none is made up."""
        started = time.perf_counter()
        reading = read_text(text)
        self.seconds.append(time.perf_counter() - started)
        slots = {} if reading.refusal else dict(reading.slots)
        names = set(means) | set(slots)
        bad = [name for name in names if slots.get(name) != means.get(name)]
        self.sentences += 1
        self.whole += not bad
        self.slots += len(names)
        self.slots_right += len(names) - len(bad)
        self.refused += bool(reading.refusal)
        self.wrong.update(bad)
        return not bad

    def row(self, name: str) -> str:
        """One row of the table."""
        worst = ", ".join(f"{slot} {count / self.sentences:.1%}" for slot, count in self.wrong.most_common(3))
        return (
            f"| {name} | {self.whole / self.sentences:.1%} of {self.sentences} | {self.slots_right / self.slots:.1%} of "
            f"{self.slots} | {self.refused / self.sentences:.1%} | {worst} | {1e3 * float(np.median(self.seconds)):.2f} |"
        )


def load(name: str) -> list[dict[str, Any]]:
    """Entries of a hand-written set."""
    entries: list[dict[str, Any]] = yaml.safe_load((SETS / f"{name}.yaml").read_text(encoding="utf-8"))
    return entries


def sentences(ik: ArmIK, split: str, is_fine: bool, is_crossed: bool = False) -> Iterator[InstructionText]:
    """One sentence for each of `SCENES` test scenes; `is_crossed`: left hand to right bowl, which training never has."""
    tasks = PUTS if is_crossed else tuple(TASKS)
    for number in range(SCENES):
        scene = sample_scene(TEST_SEEDS + 500_000 + number, tasks[number % len(tasks)], ik)
        rng = np.random.default_rng([number, 43])
        goal = sample_goal(scene, rng)
        if is_crossed:
            goal = replace(goal, arm="left", place="right_bowl")
        yield say(goal, scene, rng, how_of(goal) if is_fine else (), split)


def moves(text: str) -> bool:
    """Whether arms would move on hearing a text: it is no stop, and it is not refused."""
    return stop_of(Instruction(raw=text)) is None and not read_text(text).refusal


def report_read(wrong: str) -> None:
    """Print the table of what is to be read."""
    print("| sentences | read whole | slots right | refused | slots most often wrong | median ms |")
    print("|---|---|---|---|---|---|")
    for language in ("english", "chinese"):
        for name in (language, f"{language}_kept"):
            score = Score()
            for entry in load(name):
                if not score.add(entry["say"], entry["means"]) and wrong == name and not name.endswith("_kept"):
                    reading = read_text(entry["say"])
                    print(f"  {entry['say']}\n    {entry['means']}\n    {dict(reading.slots)} {reading.refusal}")
            print(score.row(f"hand-written, {name.replace('_kept', ', never tuned on')}"), flush=True)
    robot = default_robot()
    ik = ArmIK(robot.embodiment, robot.urdf_path)
    for name, split, is_fine, is_crossed in GRAMMAR:
        score = Score()
        for said in sentences(ik, split, is_fine, is_crossed):
            score.add(said.text, {slot: word for slot, word in said.slots.items() if word})
        print(score.row(name), flush=True)


def report_held(wrong: str) -> None:
    """Print the table of what must not move an arm, and of stops."""
    print("\n| sentences | arms hold | by kind |")
    print("|---|---|---|")
    outside = load("outside")
    for name, kept in (("outside of the world", False), ("outside of the world, never tuned on", True)):
        some = [entry for entry in outside if entry["kept"] is kept]
        moving = [entry for entry in some if moves(entry["say"])]
        kinds = ", ".join(f"{kind} {count}" for kind, count in Counter(e["kind"] for e in moving).most_common())
        print(f"| {name} | {1 - len(moving) / len(some):.1%} of {len(some)} | {kinds or '-'} |", flush=True)
        if wrong == "outside" and not kept:
            print("\n".join(f"  {entry['kind']}: {entry['say']}" for entry in moving))
    for name, entries, expected in (
        ("stop", load("stop"), True),
        ("such words otherwise", [e for e in load("not_stop") if not e["stops"]], False),
        ("begins with such a word and goes on", [e for e in load("not_stop") if e["stops"]], True),
    ):
        bad = [e["say"] for e in entries if (stop_of(Instruction(raw=e["say"])) is not None) is not expected]
        print(f"| {name}: {'stops' if expected else 'does not stop'} | {_share(entries, bad)} | - |")
        if wrong in ("stop", "not_stop"):
            print("\n".join(f"  {text}" for text in bad))


def _share(entries: Iterable[object], bad: Iterable[object]) -> str:
    count = len(list(entries))
    return f"{1 - len(list(bad)) / count:.1%} of {count}"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", default="", help="a set whose wrong sentences are printed")
    arguments = parser.parse_args()
    report_read(arguments.wrong)
    report_held(arguments.wrong)


if __name__ == "__main__":
    main()
