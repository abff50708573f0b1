"""A fourteenth set of sentences: 151 of four voices about five motions, written before the check's patterns were read.

Voices: R a terse roboticist, O a chatty operator, V a vision-language model, Z a Chinese student. Each motion is told truly
and with one thing changed.
"""

from collections.abc import Iterator
from pathlib import Path

from claimed_motion import MadeEpisode, SaidMotion

from finevla_tools.annotate.annotation import Annotation, dimension_of


def told_motions() -> Iterator[SaidMotion]:
    """The sentences, each with what is wrong in it and the facts of its motion."""
    facts = motions()
    for line in Path(__file__).with_suffix(".tsv").read_text(encoding="utf-8").splitlines():
        _, motion, planted, text = line.split("\t")
        yield SaidMotion(text, planted, facts[motion], 0)


def motions() -> dict[str, tuple[Annotation, ...]]:
    """The facts of the five motions."""
    return {
        "A": _recorded(),
        "B": _made("carry", "right", "left", "forward", 22, 5.2, 9.0, 2),
        "C": _made("turn", "left", "front", "left", 10, 4.1, 7.6, 1),
        "D": _made("pair", "right", "top", "left", 15, 4.5, 8.0, 1),
        "E": _made("miss", "right", "top", "left", 10, 5.0, 9.0, 1),
    }


def _made(
    kind: str, arm: str, side: str, toward: str, centimetres: int, close_s: float, open_s: float, attempts: int
) -> tuple[Annotation, ...]:
    holds = kind != "miss"
    made = MadeEpisode(
        kind, arm, "cup", side, toward, centimetres, close_s, open_s, attempts, "counterclockwise", 90, holds=holds
    )
    return tuple(made.facts(0))


def _recorded() -> tuple[Annotation, ...]:
    """What motion says of a real episode of an AgileX robot."""
    rows = (
        (0.0, 13.23, "active_actor", "left_arm", 0),
        (0.17, 3.87, "active_actor", "left_arm", 1),
        (3.67, 3.87, "gripper_state", "left gripper closes on something", 1),
        (0.17, 3.87, "approach_direction", "top", 1),
        (0.17, 3.87, "contact_region", "left and right side", 1),
        (3.87, 6.83, "active_actor", "left_arm", 2),
        (3.87, 6.83, "translation_direction", "to the right and backward", 2),
        (3.87, 6.83, "translation_extent", "0.46 m", 2),
        (3.87, 6.83, "path_shape", "over", 2),
        (6.83, 7.03, "active_actor", "left_arm", 3),
        (6.83, 7.03, "gripper_state", "left gripper opens and lets go", 3),
        (7.03, 8.77, "active_actor", "left_arm", 4),
        (8.37, 8.77, "gripper_state", "left gripper closes on nothing", 4),
    )
    return tuple(
        Annotation(0, a, b, dimension_of(slot), slot, value, "motion", 0.9, k) for a, b, slot, value, k in rows
    )
