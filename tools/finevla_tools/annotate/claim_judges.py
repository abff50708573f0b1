"""The verdict on one claim: it agrees with the motion, contradicts it, or motion cannot tell; with the facts that say so."""

from collections.abc import Callable, Mapping, Sequence

from finevla_tools.annotate.claim_asides import WHOLE_TIME
from finevla_tools.annotate.claim_types import AXIS, OPPOSITE, SIDES, Claim
from finevla_tools.annotate.motion_view import Fact, MotionView

AGREES, CONTRADICTS, CANNOT_TELL = "agrees", "contradicts", "cannot tell"
NEAR_S = 0.5  # people and models place a moment no better
PLACED_S = 1.0  # setting a thing down takes a while, of which the opening is the end
ANGLE_SHARE, ANGLE_DEG = 0.25, 20.0
EXTENT_SHARE, EXTENT_M = 0.35, 0.03

Said = tuple[str, str]
_UNKNOWN: Said = (CANNOT_TELL, "the motion says nothing of it")


def judge(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    """Return the verdict on a claim and its evidence; `claims` are all of its text, `scope` the facts of its time."""
    judged = _JUDGES.get(claim.kind)
    return _UNKNOWN if judged is None else judged(claim, claims, scope, view)


def shown(facts: Sequence[Fact]) -> str:
    """Return facts for a person, the first four."""
    return "; ".join(dict.fromkeys(fact.shown() for fact in facts[:4]))


def says_failure(claims: Sequence[Claim]) -> bool:
    """Return whether a text tells of a grasp that failed."""
    return any(
        claim.kind in ("miss", "lose", "failed attempts") or (claim.kind == "one of attempts" and claim.hedged)
        for claim in claims
    )


def _arm(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    if not view.arms:
        return _UNKNOWN
    acting = f"acting: {' and '.join(sorted(view.arms))} arm"
    claimed = set(SIDES) if claim.arm == "both" else {claim.arm}
    if claim.kind == "idle":
        if len(view.arms) > 1 and not WHOLE_TIME.search(claim.words):
            return CANNOT_TELL, acting  # it may rest while the other one acts
        return (CONTRADICTS if claimed & view.arms else AGREES), acting
    if claim.hedged and any(one.kind == "arm" and one.arm in view.arms and not one.hedged for one in claims):
        return CANNOT_TELL, acting  # it is named, and may not be said to act
    return (AGREES if claimed <= view.arms else CONTRADICTS), acting


def _event(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    """Closing and opening: of that arm, at that time, and on something."""
    everything = view.of_kind("close") + view.of_kind("open")
    if not everything:
        return _UNKNOWN
    facts = scope.of_kind(claim.kind, claim.arm)
    if claim.denied:
        if facts and not claim.arm and len(view.arms) > 1:
            return CANNOT_TELL, shown(facts)
        return (CONTRADICTS if facts else AGREES), shown(facts) or f"no gripper {claim.kind}s"
    if not facts:
        others = view.of_kind(claim.kind)
        unsure = claim.value == "place"  # a thing may be set down and held on to
        return (CANNOT_TELL if unsure else CONTRADICTS), shown(others) or f"no gripper {claim.kind}s in the episode"
    if claim.at_s is not None:
        near = _near(facts, claim.at_s, PLACED_S if claim.value == "place" else NEAR_S)
        if not near:
            return CONTRADICTS, shown(facts)
        facts = near
    failed = claim.kind == "close" and all(f.value == "nothing" for f in facts)
    if failed and not claim.value and not says_failure(claims):
        return CONTRADICTS, shown(facts)
    return AGREES, shown(facts)


def _near(facts: Sequence[Fact], at_s: float, within_s: float) -> list[Fact]:
    return [f for f in facts if f.row.from_s - within_s <= at_s <= f.row.to_s + within_s]


def _hold(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    closes = scope.of_kind("close", claim.arm)
    if not closes or says_failure(claims):
        return _UNKNOWN
    missed = all(f.value == "nothing" for f in closes)
    return (CONTRADICTS if missed else AGREES), shown(closes)


def _miss(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    closes = scope.of_kind("close", claim.arm)
    if not closes or (claim.value in ("left", "state") and _goes_on(claims)):
        return _UNKNOWN  # `leaves the plate untouched`, `is empty in the end`
    missed = [f for f in closes if f.value == "nothing"]
    if claim.at_s is not None:
        missed = _near(missed, claim.at_s, NEAR_S)
    if missed:
        return AGREES, shown(missed)
    lost = scope.of_kind("lose", claim.arm)
    if lost or any(not f.value for f in closes):
        return CANNOT_TELL, shown(lost or closes)
    return CONTRADICTS, shown(closes)


def _goes_on(claims: Sequence[Claim]) -> bool:
    """Return whether a text tells of something that was grasped."""
    grasped = ("hold", "direction", "extent", "open", "rotation")
    return any(not one.denied and (one.kind in grasped or (one.kind == "close" and one.value == "")) for one in claims)


def _lose(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    lost, closes = scope.of_kind("lose", claim.arm), scope.of_kind("close", claim.arm)
    if claim.denied:
        return (CONTRADICTS if lost else CANNOT_TELL), shown(lost) or "no loss was seen"
    if lost:
        return AGREES, shown(lost)
    opens = scope.of_kind("open", claim.arm)
    if closes and len(opens) >= len(closes):
        return CONTRADICTS, shown(opens)  # each thing that was held was let go by opening
    return _UNKNOWN


def _direction(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    facts = scope.of_kind("direction", claim.arm)
    if not claim.carried or not facts:
        return _UNKNOWN
    agrees = any(f.value == claim.value for f in facts)
    if claim.denied:
        return (CONTRADICTS if agrees else AGREES), shown(facts)
    if agrees:
        return AGREES, shown(facts)
    there_and_back = any(
        other.kind == "direction" and other.carried and other.value == OPPOSITE[claim.value] for other in claims
    )
    if there_and_back and any(f.value == OPPOSITE[claim.value] for f in facts):
        return CANNOT_TELL, shown(facts)  # only where it went altogether is measured
    axis = [f for f in facts if AXIS[f.value] == AXIS[claim.value]]
    if axis:
        return (CANNOT_TELL if claim.hedged else CONTRADICTS), shown(axis)
    others = [one.value for one in claims if one.kind == "direction" and one.carried and not one.denied]
    if any(f.value in others and AXIS[f.value] != "z" for f in facts):
        return CANNOT_TELL, shown(facts)  # the main direction is told, and this is a part that is not measured
    level = [f for f in facts if AXIS[f.value] != "z"]
    if AXIS[claim.value] != "z" and level and not claim.hedged:
        return CONTRADICTS, shown(level)
    return CANNOT_TELL, shown(facts)


def _approach(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    facts = scope.of_kind("approach", claim.arm)
    if not facts:
        return _UNKNOWN
    values = {f.value for f in facts}
    if claim.value not in values and any(one.kind == "approach" and one.value in values for one in claims):
        return CANNOT_TELL, shown(facts)  # a part of the way to it; measured is how it is reached
    return (AGREES if (claim.value in values) != claim.denied else CONTRADICTS), shown(facts)


def _rotation(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    facts = scope.of_kind("rotation", claim.arm) or scope.of_kind("rotation")
    if not facts:
        return _UNKNOWN
    agrees = any(f.value == claim.value for f in facts)
    return (AGREES if agrees != claim.denied else CONTRADICTS), shown(facts)


def _number(kind: str, share: float, least: float) -> Callable[..., Said]:
    def judged(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
        facts = scope.of_kind(kind, claim.arm)
        if not facts:
            return _UNKNOWN
        said = float(claim.value)
        near = any(abs(float(f.value) - said) <= max(least, share * float(f.value)) for f in facts)
        # A length is measured with its part upwards, and often told without.
        upwards = kind == "extent" and any(AXIS[f.value] == "z" for f in scope.of_kind("direction", claim.arm))
        unsure = claim.hedged or (upwards and said < max(float(f.value) for f in facts))
        return (AGREES if near else CANNOT_TELL if unsure else CONTRADICTS), shown(facts)

    return judged


def _count(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    if view.attempts is None:
        return _UNKNOWN
    closes = view.of_kind("close", claim.arm)
    evidence = f"{view.attempts} attempt{'s' * (view.attempts > 1)}, {len(closes)} closings"
    return (AGREES if _is_count(claim, view, closes) else CONTRADICTS), evidence


def _is_count(claim: Claim, view: MotionView, closes: Sequence[Fact]) -> bool:
    attempts = view.attempts or 0
    if claim.kind == "no retry":
        return attempts <= 1
    if claim.value == ">1":
        return attempts > 1
    number = int(claim.value)
    if claim.hedged and claim.kind == "count":  # `at least two`
        return True
    if claim.kind == "attempt":
        return number == attempts
    if claim.kind == "one of attempts":  # one of several
        return number <= attempts
    if claim.kind == "failed attempts":
        missed = sum(f.value == "nothing" for f in view.of_kind("close"))
        return number in (missed, attempts - 1)
    return number in (attempts, len(closes), len(view.of_kind("close")))


def _coordination(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    facts = view.of_kind("coordination")
    if not facts:
        if claim.kind == "together" and len(view.arms) == 1 and claim.arm == "both":
            return CONTRADICTS, f"only the {next(iter(view.arms))} arm acts"
        return _UNKNOWN
    wrong = "sequential" if claim.kind == "together" else "simultaneous"
    right = "simultaneous" if claim.kind == "together" else "sequential"
    kinds = {f.value for f in facts}
    return (AGREES if right in kinds else CONTRADICTS if wrong in kinds else CANNOT_TELL), shown(facts)


def _held(claim: Claim, claims: Sequence[Claim], scope: MotionView, view: MotionView) -> Said:
    """Holding from one moment to another: within a grasp and its release."""
    begin_s, end_s = (float(moment) for moment in claim.value.split("-"))
    closes = [f for f in scope.of_kind("close", claim.arm) if f.value != "nothing"]
    opens = scope.of_kind("open", claim.arm)
    if not closes:
        return _UNKNOWN
    for closed in closes:
        opened = next((f for f in opens if f.row.from_s >= closed.row.from_s), None)
        if closed.row.from_s - NEAR_S <= begin_s and (opened is None or end_s <= opened.row.to_s + NEAR_S):
            return AGREES, shown([closed, *([opened] if opened else [])])
    return CONTRADICTS, shown([*closes, *opens])


_JUDGES: Mapping[str, Callable[[Claim, Sequence[Claim], MotionView, MotionView], Said]] = {
    "arm": _arm, "idle": _arm, "close": _event, "open": _event, "hold": _hold, "held": _held, "miss": _miss, "lose": _lose,
    "direction": _direction, "approach": _approach, "rotation": _rotation,
    "angle": _number("angle", ANGLE_SHARE, ANGLE_DEG), "extent": _number("extent", EXTENT_SHARE, EXTENT_M),
    "count": _count, "one of attempts": _count, "attempt": _count, "failed attempts": _count, "no retry": _count,
    "together": _coordination, "in turn": _coordination,
}  # fmt: skip
