"""Holds what sentences and slots claim against what the motion shows: the verdict is computed, and no model overturns it.

A claim that motion cannot judge gets no verdict against it: what is flagged here is shown to a person first.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from finevla_tools.annotate import claim_words as words
from finevla_tools.annotate.annotation import SPOKEN_SLOTS, TEXT, Annotation, spoken_pair
from finevla_tools.annotate.claims import Claim, claims_in
from finevla_tools.annotate.motion_view import SIDES, Fact, MotionView

AGREES, CONTRADICTS, CANNOT_TELL = "agrees", "contradicts", "cannot tell"
NEAR_S = 0.5  # people and models place a moment no better
ANGLE_SHARE, ANGLE_DEG = 0.25, 20.0
EXTENT_SHARE, EXTENT_M = 0.35, 0.03
FIRST_S = 0.5  # arms that begin nearer together begin at once
# Slots whose values are words of sentences already, and those that need a few around them to be read as one.
SLOTS: Mapping[str, str] = {
    "active_actor": "{}", "gripper_state": "{}", "primitive_action": "{}", "rotation_direction": "turns it {}",
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
    judged = [(claim, *_judge(claim, claims, scope, view)) for claim in claims]
    for claim, verdict, evidence in judged:
        yield ClaimVerdict(row, claim, verdict, evidence)
    if row.dimension != TEXT or row.slot in SPOKEN_SLOTS or any(verdict == CONTRADICTS for _, verdict, _ in judged):
        return
    if (wrong := _wrong_order(claims, scope)) is not None:
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
    if row.slot == "approach_direction" and value not in words.APPROACH:
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


Said = tuple[str, str]
_UNKNOWN: Said = (CANNOT_TELL, "the motion says nothing of it")


def _judge(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    judge = _JUDGES.get(claim.kind)
    return _UNKNOWN if judge is None else judge(claim, claims, scope, view)


def _arm(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    if not view.arms:
        return _UNKNOWN
    acting = f"acting: {' and '.join(sorted(view.arms))} arm"
    claimed = set(SIDES) if claim.arm == "both" else {claim.arm}
    if claim.kind == "idle":
        return (CONTRADICTS if claimed & view.arms else AGREES), acting
    return (AGREES if claimed <= view.arms else CONTRADICTS), acting


def _event(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    """Closing and opening: of that arm, at that time, and on something."""
    everything = view.of_kind("close") + view.of_kind("open")
    if not everything:
        return _UNKNOWN
    facts = scope.of_kind(claim.kind, claim.arm)
    if claim.denied:
        if facts and not claim.arm and len(view.arms) > 1:
            return CANNOT_TELL, _shown(facts)
        return (CONTRADICTS if facts else AGREES), _shown(facts) or f"no gripper {claim.kind}s"
    if not facts:
        others = view.of_kind(claim.kind)
        return CONTRADICTS, _shown(others) or f"no gripper {claim.kind}s in the episode"
    if claim.at_s is not None:
        near = [f for f in facts if f.row.from_s - NEAR_S <= claim.at_s <= f.row.to_s + NEAR_S]
        if not near:
            return CONTRADICTS, _shown(facts)
        facts = near
    failed = claim.kind == "close" and all(f.value == "nothing" for f in facts)
    if failed and not claim.value and not _says_failure(claims):
        return CONTRADICTS, _shown(facts)
    return AGREES, _shown(facts)


def _says_failure(claims: Sequence[Claim]) -> bool:
    return any(claim.kind in ("miss", "lose") or (claim.kind == "attempt" and claim.hedged) for claim in claims)


def _miss(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    closes = scope.of_kind("close", claim.arm)
    if not closes:
        return _UNKNOWN
    missed = [f for f in closes if f.value == "nothing"]
    if claim.at_s is not None:
        missed = [f for f in missed if f.row.from_s - NEAR_S <= claim.at_s <= f.row.to_s + NEAR_S]
    if missed:
        return AGREES, _shown(missed)
    lost = scope.of_kind("lose", claim.arm)
    if lost or any(not f.value for f in closes):
        return CANNOT_TELL, _shown(lost or closes)
    return CONTRADICTS, _shown(closes)


def _lose(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    lost, closes = scope.of_kind("lose", claim.arm), scope.of_kind("close", claim.arm)
    if claim.denied:
        return (CONTRADICTS if lost else CANNOT_TELL), _shown(lost) or "no loss was seen"
    if lost:
        return AGREES, _shown(lost)
    opens = scope.of_kind("open", claim.arm)
    if closes and len(opens) >= len(closes):
        return CONTRADICTS, _shown(opens)  # each thing that was held was let go by opening
    return _UNKNOWN


def _direction(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    facts = scope.of_kind("direction", claim.arm)
    if not claim.carried or not facts:
        return _UNKNOWN
    if any(f.value == claim.value for f in facts):
        return AGREES, _shown(facts)
    there_and_back = any(
        other.kind == "direction" and other.carried and other.value == words.OPPOSITE[claim.value] for other in claims
    )
    if there_and_back and any(f.value == words.OPPOSITE[claim.value] for f in facts):
        return CANNOT_TELL, _shown(facts)  # only where it went altogether is measured
    axis = [f for f in facts if words.AXIS[f.value] == words.AXIS[claim.value]]
    if axis:
        return CONTRADICTS, _shown(axis)
    level = [f for f in facts if words.AXIS[f.value] != "z"]
    if words.AXIS[claim.value] != "z" and level and not claim.hedged:
        return CONTRADICTS, _shown(level)
    return CANNOT_TELL, _shown(facts)


def _approach(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    facts = scope.of_kind("approach", claim.arm)
    if not facts:
        return _UNKNOWN
    agrees = any(f.value == claim.value for f in facts)
    return (AGREES if agrees != claim.denied else CONTRADICTS), _shown(facts)


def _rotation(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    facts = scope.of_kind("rotation", claim.arm) or scope.of_kind("rotation")
    if not facts:
        return _UNKNOWN
    agrees = any(f.value == claim.value for f in facts)
    return (AGREES if agrees != claim.denied else CONTRADICTS), _shown(facts)


def _number(kind: str, share: float, least: float) -> Callable[..., Said]:
    def judge(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
        facts = scope.of_kind(kind, claim.arm)
        if not facts:
            return _UNKNOWN
        said = float(claim.value)
        near = any(abs(float(f.value) - said) <= max(least, share * float(f.value)) for f in facts)
        # A length is measured with its part upwards, and often told without.
        upwards = kind == "extent" and any(words.AXIS[f.value] == "z" for f in scope.of_kind("direction", claim.arm))
        unsure = claim.hedged or (upwards and said < max(float(f.value) for f in facts))
        return (AGREES if near else CANNOT_TELL if unsure else CONTRADICTS), _shown(facts)

    return judge


def _count(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    if view.attempts is None:
        return _UNKNOWN
    closes = view.of_kind("close", claim.arm)
    evidence = f"{view.attempts} attempt{'s' * (view.attempts > 1)}, {len(closes)} closings"
    if claim.kind == "no retry":
        return (CONTRADICTS if view.attempts > 1 else AGREES), evidence
    if claim.value == ">1":
        return (AGREES if view.attempts > 1 else CONTRADICTS), evidence
    number = int(claim.value)
    if claim.kind == "attempt":  # `on the second attempt`; a failed one is followed by others
        if claim.hedged:
            return (AGREES if number <= view.attempts else CONTRADICTS), evidence
        if re.search(r"succe|grasp|hold of|until|成功|抓|夹|直到", claim.words, re.IGNORECASE):
            return (AGREES if number == view.attempts else CONTRADICTS), evidence
        return (AGREES if number <= view.attempts else CONTRADICTS), evidence
    return (AGREES if number in (view.attempts, len(closes), len(view.of_kind("close"))) else CONTRADICTS), evidence


def _coordination(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    facts = view.of_kind("coordination")
    if not facts:
        if claim.kind == "together" and len(view.arms) == 1 and claim.arm == "both":
            return CONTRADICTS, f"only the {next(iter(view.arms))} arm acts"
        return _UNKNOWN
    wrong = "sequential" if claim.kind == "together" else "simultaneous"
    right = "simultaneous" if claim.kind == "together" else "sequential"
    kinds = {f.value for f in facts}
    return (AGREES if right in kinds else CONTRADICTS if wrong in kinds else CANNOT_TELL), _shown(facts)


_JUDGES: Mapping[str, Callable[[Claim, Sequence[Claim], MotionView, MotionView], Said]] = {
    "arm": _arm, "idle": _arm, "close": _event, "open": _event, "miss": _miss, "lose": _lose, "direction": _direction,
    "approach": _approach, "rotation": _rotation, "angle": _number("angle", ANGLE_SHARE, ANGLE_DEG),
    "extent": _number("extent", EXTENT_SHARE, EXTENT_M), "count": _count, "attempt": _count, "no retry": _count,
    "together": _coordination, "in turn": _coordination,
}  # fmt: skip


def _shown(facts: Sequence[Fact]) -> str:
    return "; ".join(dict.fromkeys(fact.shown() for fact in facts[:4]))


def _wrong_order(claims: Sequence[Claim], scope: MotionView) -> tuple[Claim, str] | None:
    """The first claim that comes too late: told events must follow each other in the motion as they do in the words."""
    events = [f for f in scope.facts if f.kind in ("close", "open")]
    if not _says_failure(claims):
        events = list(_successes(events))
    told = [c for c in claims if events and c.kind in ("close", "open") and not c.denied and c.value != "try"]
    at, last = 0, Claim("", "", "")
    for claim in told:
        if claim.kind == last.kind and _same(claim.arm, last.arm):
            continue  # the same again: `grasps the cube, gripping it at its sides`
        last = claim
        match = next(
            (k for k in range(at, len(events)) if events[k].kind == claim.kind and _same(events[k].arm, claim.arm)),
            None,
        )
        if match is None:
            return claim, "told in another order than " + _shown(events)
        at = match + 1
    return _wrong_first(claims, scope)


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
    if begins[first] > begins[second] + FIRST_S:  # type: ignore[operator]
        return arms[0], f"the {second} arm begins at {begins[second]:.2f} s, the {first} arm at {begins[first]:.2f} s"
    return None
