"""Motion's rows of one episode as they are compared with claims: events of grippers, directions, approaches, turns, tries."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from finevla_tools.annotate.annotation import Annotation
from finevla_tools.annotate.claim_mentions import mentions_in, of_kind
from finevla_tools.annotate.claim_paths import metres
from finevla_tools.annotate.claim_types import AXIS, SIDES

COMPARED = frozenset((
    "gripper_state", "translation_direction", "translation_extent", "approach_direction", "rotation_direction",
    "rotation_angle", "primitive_action", "failure", "interaction_type",
))  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """One measured thing of an arm: `kind` as that of claims, its value, and the row that says it."""

    kind: str
    value: str
    arm: str
    row: Annotation

    def shown(self) -> str:
        """Return the fact for a person."""
        span = f"{self.row.from_s:.2f} to {self.row.to_s:.2f} s"
        return f"{self.row.slot.replace('_', ' ')}: {self.row.value} ({span})"


@dataclass(frozen=True)
class MotionView:
    """All facts of an episode in the order of time; `attempts` is None where nothing is known of grippers."""

    facts: tuple[Fact, ...]
    arms: frozenset[str]
    attempts: int | None

    @classmethod
    def of(cls, rows: Sequence[Annotation]) -> "MotionView":
        """Make it of rows with source "motion"; others are left out."""
        rows = sorted((row for row in rows if row.source == "motion"), key=lambda row: (row.from_s, row.to_s))
        arm_of_step = {
            row.step: row.value.removesuffix("_arm") for row in rows if row.slot == "active_actor" and row.step
        }
        arms = {
            side for row in rows if row.slot == "active_actor" for side in SIDES
            if row.value in (f"{side}_arm", "both_arms")
        }  # fmt: skip
        only = next(iter(arms)) if len(arms) == 1 else ""
        facts = tuple(fact for row in rows for fact in _facts_of(row, arm_of_step.get(row.step, "") or only))
        told = [int(number) for row in rows if row.slot == "attempt_count" for number in re.findall(r"\d+", row.value)]
        closes = any(fact.kind == "close" for fact in facts)
        return cls(facts, frozenset(arms), max(told) if told else 1 if closes else None)

    def of_kind(self, kind: str, arm: str = "") -> list[Fact]:
        """Return facts of a kind, of one arm or of any."""
        sides = SIDES if arm in ("", "both") else (arm,)
        return [fact for fact in self.facts if fact.kind == kind and (not arm or fact.arm in sides or not fact.arm)]


_SIDE_OF_ARM = re.compile(r"\b(left|right)[ _](?:arm|gripper|hand)\b")
# As motion itself writes them; other words of rows are read as those of sentences are.
_METRES = re.compile(r"(\d+(?:\.\d+)?) m$")
_SENSES = ("clockwise", "counterclockwise")
_CLOSES = re.compile(r"\bclos")
_OPENS = re.compile(r"\bopen|\blets? go|\breleas")


def _facts_of(row: Annotation, arm: str) -> Iterator[Fact]:
    if row.slot not in COMPARED:
        return
    value = row.value.lower()
    if named := _SIDE_OF_ARM.search(value):
        arm = named[1]
    if row.slot == "gripper_state":
        if _CLOSES.search(value):
            yield Fact(
                "close", "nothing" if "nothing" in value else "something" if "something" in value else "", arm, row
            )
        elif _OPENS.search(value):
            yield Fact("open", "", arm, row)
    elif row.slot == "translation_direction":
        for part in value.split(" and "):
            word = part.strip().removeprefix("to the ")
            found = [word] if word in AXIS else [one.value for one in of_kind(mentions_in(part), "dir")]
            for name in found:
                yield Fact("direction", name, arm, row)
    elif row.slot == "translation_extent":
        own = _METRES.match(value)
        lengths = [float(own[1])] if own else [metres(one) for one in of_kind(mentions_in(value), "length")]
        for length in lengths[:1]:
            yield Fact("extent", str(length), arm, row)
    elif row.slot == "approach_direction":
        yield Fact("approach", value, arm, row)
    elif row.slot == "rotation_direction":
        for sense in [value] if value in _SENSES else [one.value for one in of_kind(mentions_in(value), "sense")]:
            yield Fact("rotation", sense, arm, row)
    elif row.slot == "rotation_angle" and (number := re.search(r"\d+(?:\.\d+)?", value)):
        yield Fact("angle", number[0], arm, row)
    elif row.slot == "primitive_action":
        yield Fact("phase", re.sub(r"^.*:\s*", "", value), arm, row)
    elif row.slot == "failure":
        yield Fact("lose" if "lost" in value else "miss", "", arm, row)
    elif row.slot == "interaction_type":
        yield Fact("coordination", re.sub(r"\s*\(.*", "", value), arm, row)
