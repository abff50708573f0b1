"""Sentences of what motion says: one per step, plain, and naming nothing that motion cannot know, as what is grasped.

What is said is the same in both languages, number for number; each says it in its own order of words.
"""

from collections.abc import Callable, Mapping

from finevla_tools.annotate import motion_sentences_zh as zh
from finevla_tools.annotate.motion_facts import ArmFacts, Grasp
from finevla_tools.annotate.step_words import StepWords, step_words

SIDES = {
    "top": "from above", "left": "from the left", "right": "from the right", "front": "from the far side",
    "back": "from the near side", "below": "from below",
}  # fmt: skip
SHAPES = {"over": " in an arc", "round": " in a curve to the side", "straight": ""}


def sentence_of(arm: ArmFacts, kind: str, grasp: Grasp | None, language: str = "en") -> tuple[str, float]:
    """Return a step's sentence and how sure it is; `kind` is grasp, close, hold, release or reach, `language` en or zh."""
    words = step_words(arm, kind, grasp)
    return written(words, language), words.confidence


def written(words: StepWords, language: str) -> str:
    """Return what there is to say of a step as a sentence; `language` is en or zh."""
    return _WRITERS[language](words)


def _english(words: StepWords) -> str:
    return f"The {words.side} arm {_OF_KIND[words.kind](words)}"


def _reach(words: StepWords) -> str:
    gripper = " It opens its gripper and does not close it." if words.opens else ""
    if not words.approach:
        return f"moves and grasps nothing.{gripper}"
    return f"moves to its target {SIDES[words.approach]} and stops there without grasping.{gripper}"


def _close(words: StepWords) -> str:
    return f"closes its gripper on {'something' if words.held else 'nothing'} on its way."


def _grasp(words: StepWords) -> str:
    how = ""
    if words.approach:
        how = f" {SIDES[words.approach]}" + (f", tilted by {words.tilt_deg:.0f} degrees," if words.tilt_deg else "")
    again = " again" if words.again else ""
    if not words.held:
        return f"moves to its target{again}{how} and closes its gripper on nothing."
    at = f" at its {words.fingers}" if words.fingers else ""
    return f"moves to the object{again}{how} and closes its gripper on it{at}."


def _hold(words: StepWords) -> str:
    lost = " but loses it" if words.lost else ""
    if words.turn:
        return f"turns the object {words.turn}, seen from above, by about {words.turn_deg:.0f} degrees in place{lost}."
    parts = []
    if words.lift_m is not None:
        parts.append(f"lifts it by {words.lift_m:.2f} m")
    if words.toward:
        parts.append(f"carries it {words.far_m:.2f} m {' and '.join(words.toward)}{SHAPES.get(words.shape, '')}")
    if words.lower_m is not None:
        parts.append(f"lowers it by {words.lower_m:.2f} m")
    if words.keeps:
        parts.append("keeps holding it")
    said = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] if parts else ""
    return f"{said or ('holds it in place' if words.is_carry else 'holds the object')}{lost}."


def _release(words: StepWords) -> str:
    return "opens its gripper, lets go of the object and moves away."


_OF_KIND: Mapping[str, Callable[[StepWords], str]] = {
    "reach": _reach, "close": _close, "grasp": _grasp, "hold": _hold, "release": _release,
}  # fmt: skip
_WRITERS: Mapping[str, Callable[[StepWords], str]] = {"en": _english, "zh": zh.sentence}
