"""Sentences for goals, by a small grammar: raw ones say what, fine ones also how; every statement is true of the motion.

Some words and orders are kept for testing only (`split="test"`), so that a policy meets phrasings it never read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finevla_core.instruction import Factors, Instruction
from finevla_sim.scene import Scene
from finevla_sim.tasks import Goal, default_arm


@dataclass(frozen=True)
class Words:
    """Alternatives for one meaning; the last few are held out for tests."""

    train: tuple[str, ...]
    test: tuple[str, ...]

    def pick(self, rng: np.random.Generator, split: str) -> str:
        """One alternative of the split."""
        choices = self.test if split == "test" else self.train
        return choices[rng.integers(len(choices))]


SHAPE_WORDS = {
    "cube": Words(("cube", "block", "box"), ("cube", "block")),
    "cylinder": Words(("cylinder", "can", "tin"), ("cylinder", "can")),
    "ball": Words(("ball", "sphere", "round ball"), ("ball", "sphere")),
    "brick": Words(("brick", "long brick", "bar"), ("brick", "bar")),
}
ANY_OBJECT = Words(("object", "thing", "one"), ("item", "object"))
ARM = Words(
    ("with the {} arm", "using the {} arm", "with your {} arm", "with the {} hand", "with the {} gripper"),
    ("by means of the {} arm", "using your {} hand", "with the {} robot arm"),
)
ARM_FIRST = Words(
    ("use the {} arm to", "let the {} arm", "take the {} arm and"), ("have the {} arm", "use your {} hand to")
)
FROM = {
    "top": Words(
        ("from above", "from the top", "straight from above", "top down"), ("vertically from above", "from overhead")
    ),
    "left": Words(
        ("from the left", "coming from the left side", "from its left side", "from the left side"),
        ("approaching from the left", "entering from the left hand side"),
    ),
    "right": Words(
        ("from the right", "coming from the right side", "from its right side", "from the right side"),
        ("approaching from the right", "entering from the right hand side"),
    ),
    "front": Words(
        ("from the front", "from the far side", "coming from the front", "from the front side"),
        ("approaching from the front", "entering from the far side"),
    ),
}
REACH = Words(
    ("reach", "go to", "move to", "reach for", "move the gripper to", "go over to", "point at"),
    ("head for", "reach towards", "travel to"),
)
PICK = Words(("pick up", "grasp", "grab", "take", "lift", "pick"), ("pick up and hold", "seize", "get hold of"))
PUT = Words(("put", "place", "drop", "move", "put away"), ("deposit", "set"))
REACH_END = Words(
    ("and stop just above it", "and hover over it", "then hold still with the gripper open", "and wait there"),
    ("and stay right above it",),
)
PICK_END = Words(
    ("close the gripper and lift it", "then raise it", "and lift it off the table", "and hold it up"),
    ("and bring it up into the air",),
)
INTO = Words(
    ("in the {} bowl", "into the {} bowl", "in the bowl on the {}"), ("inside the {} bowl", "into the {} hand bowl")
)


def factors_of(goal: Goal, scene: Scene) -> Factors:
    """The goal's factors as data."""
    item = scene.object(goal.target)
    steps = {
        "reach": ("reach the target",),
        "pick": ("grasp the target", "lift it"),
        "put": ("grasp the target", f"place it in the {goal.bowl.replace('_', ' ')}"),
    }
    return Factors(
        action_sequence=steps[goal.task],
        active_actor=f"{goal.arm}_arm",
        target_category="object",
        target_color=item.color,
        target_shape_or_size=item.shape,
        final_workspace_location=goal.bowl.replace("_", " ") or None,
        approach_direction=goal.approach,
    )


def sentence(goal: Goal, scene: Scene, rng: np.random.Generator, *, arm: bool, approach: bool, split: str) -> str:
    """One sentence that names the target (and the bowl), and the arm or the approach side where asked to."""
    target = _target(goal, scene, rng, split)
    how = FROM[goal.approach].pick(rng, split) if approach else ""
    with_arm = ARM.pick(rng, split).format(goal.arm) if arm else ""
    first = arm and rng.random() < 0.3
    if first:
        with_arm = ""
    main, ending = _clauses(goal, target, how, rng, split)
    if first:
        text = f"{ARM_FIRST.pick(rng, split).format(goal.arm)} {main}"
    elif with_arm and rng.random() < 0.5:
        text = f"{with_arm}{', ' if rng.random() < 0.5 else ' '}{main}"
    else:
        text = f"{main} {with_arm}".strip()
    if ending:
        text = f"{text}{', ' if rng.random() < 0.5 else ' '}{ending}"
    if rng.random() < 0.15:
        text = f"please {text}"
    return _finish(text, rng)


def phrasings(goal: Goal, scene: Scene, rng: np.random.Generator, count: int, split: str) -> list[tuple[str, str]]:
    """`count` pairs (level, sentence), level "raw" or "fine", all true of the goal; none says less than is needed."""
    must_arm = goal.arm != default_arm(scene.object(goal.target))
    must_approach = goal.approach != "top"
    said = []
    for _ in range(count):
        arm = must_arm or bool(rng.random() < 0.5)
        approach = must_approach or bool(rng.random() < 0.4)
        text = sentence(goal, scene, rng, arm=arm, approach=approach, split=split)
        said.append(("fine" if arm or approach else "raw", text))
    return said


def instruction_of(goal: Goal, scene: Scene, rng: np.random.Generator, split: str) -> Instruction:
    """A raw and a fine text with the factors as data."""
    return Instruction(
        raw=sentence(goal, scene, rng, arm=False, approach=False, split=split),
        fine=sentence(goal, scene, rng, arm=True, approach=True, split=split),
        factors=factors_of(goal, scene),
    )


def _target(goal: Goal, scene: Scene, rng: np.random.Generator, split: str) -> str:
    item = scene.object(goal.target)
    ways = ["both", "both"]
    if sum(o.color == item.color for o in scene.objects) == 1:
        ways.append("color")
    if sum(o.shape == item.shape for o in scene.objects) == 1:
        ways.append("shape")
    way = ways[rng.integers(len(ways))]
    noun = ANY_OBJECT.pick(rng, split) if way == "color" else SHAPE_WORDS[item.shape].pick(rng, split)
    return f"the {noun}" if way == "shape" else f"the {item.color} {noun}"


def _clauses(goal: Goal, target: str, how: str, rng: np.random.Generator, split: str) -> tuple[str, str]:
    """Main clause with the approach in it, and an ending that may be empty."""
    if goal.task == "put":
        side = goal.bowl.removesuffix("_bowl")
        into = INTO.pick(rng, split).format(side)
        if how or rng.random() < 0.3:
            return f"{PICK.pick(rng, split)} {target} {how}".strip(), f"and {PUT.pick(rng, split)} it {into}"
        return f"{PUT.pick(rng, split)} {target} {into}", ""
    verb, end = (REACH, REACH_END) if goal.task == "reach" else (PICK, PICK_END)
    ending = end.pick(rng, split) if rng.random() < 0.35 else ""
    return f"{verb.pick(rng, split)} {target} {how}".strip(), ending


def _finish(text: str, rng: np.random.Generator) -> str:
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:]
    return text + "." if rng.random() < 0.4 else text


def all_words(split: str) -> Sequence[str]:
    """Every alternative of the grammar in that split, for tests."""
    groups = [
        *SHAPE_WORDS.values(),
        ANY_OBJECT,
        ARM,
        ARM_FIRST,
        *FROM.values(),
        REACH,
        PICK,
        PUT,
        REACH_END,
        PICK_END,
        INTO,
    ]
    return [word for group in groups for word in (group.test if split == "test" else group.train)]
