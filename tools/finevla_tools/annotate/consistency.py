"""Holds what sentences and slots claim against what the motion shows: the verdict is computed, and no model overturns it.

A claim that motion cannot judge gets no verdict against it: what is flagged here is shown to a person first.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from finevla_tools.annotate.annotation import SPOKEN_SLOTS, TEXT, Annotation, spoken_pair
from finevla_tools.annotate.claim_judges import AGREES, CANNOT_TELL, CONTRADICTS, NEAR_S, judge, says_failure, shown
from finevla_tools.annotate.claim_types import SIDES, Claim
from finevla_tools.annotate.claims import claims_in
from finevla_tools.annotate.motion_view import Fact, MotionView

__all__ = ["AGREES", "CANNOT_TELL", "CONTRADICTS", "ClaimVerdict", "contradictions", "judge_row", "verdicts"]

APPROACHES = ("top", "left", "right", "front", "back", "below")
OUTCOMES = ("close", "open", "hold", "miss", "direction", "rotation")
COUNTED = ("count", "one of attempts", "attempt", "failed attempts", "no retry")
FIRST_S = 0.5  # arms that begin nearer together begin at once
_COMES_LAST = re.compile(
    r"(?:the |its )?(?:left|right) \w+(?: (?!left\b|right\b|the\b)\w+){0,2}(?: the \w+)? (?:last|second)\b"
    r"|[^左右]{0,2}[左右][^左右]*(?:最后|第二)"
)
# Slots whose values are words of sentences already, and those that need a few around them to be read as one.
SLOTS: Mapping[str, str] = {
    "active_actor": "{} acts", "gripper_state": "{}", "primitive_action": "{}", "rotation_direction": "turns it {}",
    "rotation_angle": "turns it by {}", "translation_direction": "carries it {}", "translation_extent": "carries it {}",
    "approach_direction": "approaches from the {}", "attempt_count": "{} attempts",
}  # fmt: skip


@dataclass(frozen=True)
class ClaimVerdict:
    """One claim of one row: what it says, whether that agrees with the motion, and the facts that say so."""

    row: Annotation
    claim: Claim
    verdict: str
    evidence: str

    @property
    def sentence(self) -> str:
        """The verdict for a person, in one line."""
        return f"'{self.claim.words}' {self.verdict.replace('contradicts', 'contradicts the motion')}: {self.evidence}"


def contradictions(rows: Iterable[Annotation], facts: Iterable[Annotation]) -> list[ClaimVerdict]:
    """Return what contradicts the motion, in the order of `rows`; rows and facts may be of many episodes."""
    return [found for found in verdicts(rows, facts) if found.verdict == CONTRADICTS]


def verdicts(rows: Iterable[Annotation], facts: Iterable[Annotation]) -> Iterator[ClaimVerdict]:
    """Give a verdict for every claim of every row that is not motion's own."""
    by_episode: dict[int, list[Annotation]] = defaultdict(list)
    for fact in facts:
        by_episode[fact.episode].append(fact)
    views = {episode: MotionView.of(found) for episode, found in by_episode.items()}
    nothing = MotionView.of([])
    for row in rows:
        if row.source != "motion":
            yield from judge_row(row, views.get(row.episode, nothing))


def judge_row(row: Annotation, view: MotionView) -> Iterator[ClaimVerdict]:
    """Give a verdict for every claim of one row against the facts of its episode."""
    claims = list(_claims_of(row))
    scope = _scope(row, view)
    judged = [(claim, *judge(claim, claims, scope, view)) for claim in claims]
    for claim, verdict, evidence in judged:
        yield ClaimVerdict(row, claim, verdict, evidence)
    if row.dimension != TEXT or row.slot in SPOKEN_SLOTS or any(verdict == CONTRADICTS for _, verdict, _ in judged):
        return
    if (wrong := _wrong_outcome(claims, scope) or _wrong_order(claims, scope)) is not None:
        yield ClaimVerdict(row, wrong[0], CONTRADICTS, wrong[1])


def _claims_of(row: Annotation) -> list[Claim]:
    if row.slot in SPOKEN_SLOTS:  # a request may leave out what the answer says, and a question claims nothing
        said, answer = spoken_pair(row.value)
        return [*(claims_in(said) if row.slot == "command_rewriting" else ()), *claims_in(answer)]
    if row.dimension == TEXT:
        return claims_in(row.value)
    if row.slot not in SLOTS:
        return []
    value = row.value.replace("_", " ")
    if row.slot == "approach_direction" and value not in APPROACHES:
        return [claim for claim in claims_in(f"approaches {value}") if claim.kind == "approach"]
    if row.slot == "rotation_angle" and value.replace(".", "").isdigit():
        value += " degrees"
    if row.slot == "attempt_count" and not value.isdigit():
        return []
    if row.slot == "translation_direction" and value in ("left", "right"):
        value = f"to the {value}"
    return claims_in(SLOTS[row.slot].format(value))


def _scope(row: Annotation, view: MotionView) -> MotionView:
    """The facts of a row's time: a step is only compared with what happens meanwhile."""
    if not row.step or row.to_s <= row.from_s:
        return view
    begin, end = row.from_s - NEAR_S, row.to_s + NEAR_S
    facts = tuple(f for f in view.facts if f.row.from_s <= end and f.row.to_s >= begin)
    return replace(view, facts=facts)


def _wrong_outcome(claims: Sequence[Claim], scope: MotionView) -> tuple[Claim, str] | None:
    """The failure with which a text ends, where the last grasp was one; a text that counts its attempts may end with any."""
    told = [
        c for c in claims if c.kind in OUTCOMES and not c.denied and c.value not in ("try", "place", "left", "state")
    ]
    if not told or told[-1].kind != "miss" or any(c.kind in COUNTED for c in claims):
        return None
    closes = scope.of_kind("close", told[-1].arm)
    if closes and closes[-1].value == "something" and not scope.of_kind("lose", told[-1].arm):
        return told[-1], shown(closes)
    return None


def _wrong_order(claims: Sequence[Claim], scope: MotionView) -> tuple[Claim, str] | None:
    """The first claim that comes too late: told events must follow each other in the motion as they do in the words."""
    every = events = [f for f in scope.facts if f.kind in ("close", "open")]
    if not says_failure(claims):
        events = list(_successes(events))
    told = [c for c in claims if events and c.kind in ("close", "open") and not c.denied and c.value != "try"]
    if all(claim.at_s is not None for claim in told):
        told = []  # their times were judged
    at, last, begun = 0, Claim("", "", ""), False
    for claim in told[1:] if _prepares(told, claims) else told:
        if claim.part != last.part and last.kind == "open" and begun:
            at, begun = 0, False  # a title before, or a summary after what it sums up
        begun = begun or claim.kind == "close"
        if claim.kind == last.kind and _same(claim.arm, last.arm):
            continue  # the same again: `grasps the cube, gripping it at its sides`
        last = claim
        match = next(
            (k for k in range(at, len(events)) if events[k].kind == claim.kind and _same(events[k].arm, claim.arm)),
            None,
        )
        if match is None and claim.value == "shut" and at and _shuts_after(every, events[at - 1]):
            continue
        if match is None and claim.value == "place" and not any(event.kind == "open" for event in events):
            continue
        if match is None:
            return claim, "told in another order than " + shown(events)
        at = match + 1
    return _wrong_first(claims, scope)


def _shuts_after(events: Sequence[Fact], last: Fact) -> bool:
    """Whether fingers close once more after an event, on whatever: `lets it go and closes the gripper again`."""
    return any(event.kind == "close" and event.row.from_s > last.row.from_s for event in events)


def _prepares(told: Sequence[Claim], claims: Sequence[Claim]) -> bool:
    """Whether fingers are first told to open for a grasp: more is told after it, as of what was grasped."""
    if len(told) < 2 or not told[0].bare or told[1].kind != "close":
        return False
    if told[1].bare:
        return True
    after = claims[next(k for k, claim in enumerate(claims) if claim is told[1]) + 1 :]
    return any(one.kind in ("open", "direction", "extent", "rotation", "hold") and not one.denied for one in after)


def _successes(events: Sequence[Fact]) -> Iterator[Fact]:
    """Leave closings on nothing out, and the openings after them: a text that tells of no failure does not mean them."""
    missed = set[str]()
    for event in events:
        if event.kind == "close" and event.value == "nothing":
            missed.add(event.arm)
        elif event.kind == "open" and event.arm in missed:
            missed.remove(event.arm)
        else:
            yield event


def _same(arm: str, claimed: str) -> bool:
    return claimed in ("", "both", arm) or not arm


def _wrong_first(claims: Sequence[Claim], scope: MotionView) -> tuple[Claim, str] | None:
    """Which arm is told to begin, where both act one after the other."""
    arms = [c for c in claims if c.kind == "arm" and c.arm in SIDES]
    told = list(dict.fromkeys(c.arm for c in arms))
    begins = {side: min((f.row.from_s for f in scope.facts if f.arm == side), default=None) for side in SIDES}
    if len(told) < 2 or begins["left"] is None or begins["right"] is None:
        return None
    if any(f.value in ("simultaneous", "stabilise and act") for f in scope.of_kind("coordination")):
        return None
    first, second = told[0], told[1]
    if _COMES_LAST.match(arms[0].words):
        first, second = second, first
    if begins[first] > begins[second] + FIRST_S:  # type: ignore[operator]
        return arms[0], f"the {second} arm begins at {begins[second]:.2f} s, the {first} arm at {begins[first]:.2f} s"
    return None
