"""Claims of a clause on where things go: directions and lengths of a carry, sides of an approach, sense and angle of a turn.

A direction is claimed of what its verb moves: `moves to the left` is a carry only while something is held.
"""

import re
from collections.abc import Iterator, Sequence

from finevla_tools.annotate.claim_grips import VERBS, is_denied
from finevla_tools.annotate.claim_mentions import ClaimMention, of_kind
from finevla_tools.annotate.claim_types import Claim, Told

_COMING = re.compile(
    r"\b(?:in|line|path|coming|came|comes|moving|approaching|approached|entering|arriving"
    r"|starting|descending|reached|gripped|grasped) $"
)
_MOVED_THING = re.compile(r"(?:^|\b)(?:the|a) (?:\w+ )?\w+ (?:then |is |was |slowly |thus )?$")
_OTHER_LENGTH = re.compile(
    r"^[ -]?(?:tall|high|long|wide|thick|deep|above|below|from|off|of|in (?:height|length"
    r"|diameter)|高|长|宽|厚|处|见方|直径)"
)
_BOUND = re.compile(
    r"(?:more than|less than|at least|at most|no more than|fewer than|up to|nearly|almost|within|beyond"
    r"|exceeding|well over|超过|不到|至少|不足|不超过|最多|将近|多于|少于) ?$"
)
_BOUND_ZH = re.compile(r"(?:以上|以内|多(?!次|个))")
_ARTICLE = re.compile(
    r"\b(?:the|a|an|this|that)(?: (?:red|green|blue|yellow|small|big|large|white"
    r"|black))* $"
)
_AT_ANGLE = re.compile(r"\bat (?:an? )?(?:angle of )?(?:about |roughly |around )?$")
_ITS = re.compile(r"^(?: (?:the|its|your|both|his))* $")
_TURNS_BACK = re.compile(r"\bback\b|\breturn|\breset|\b(?:rest|home|initial) (?:pose|position)|复位|回")
_IN_STEPS = re.compile(r"\b(?:steps|stages|increments|parts|each|per|every)\b|每次|各")
_TAKEN_ZH = re.compile(r"[把将被]")
_METRES = {"mm": 1e-3, "mi": 1e-3, "毫米": 1e-3, "cm": 1e-2, "ce": 1e-2, "厘米": 1e-2, "公分": 1e-2, "in": 0.0254}
_NOT_CARRYING = ("reach", "retreat", "turn", "grasp", "shut", "spread", "release", "lose")


def metres(length: ClaimMention) -> float:
    """Return a length in metres."""
    return float(length.number) * _METRES.get(length.unit[:2], 1.0)


def governing(mentions: Sequence[ClaimMention], of: ClaimMention) -> ClaimMention | None:
    """Return the verb that a mention belongs to: the one before it in its clause, or else the next one."""
    verbs = of_kind(mentions, *VERBS)
    before = [verb for verb in verbs if verb.end <= of.begin]
    if of.text[0] > "\u4e00" and of.kind in ("dir", "from"):  # in Chinese the side comes before its verb
        after = [verb for verb in verbs if verb.begin >= of.end]
        return after[0] if after else before[-1] if before else None
    return before[-1] if before else next(iter(verbs), None)


def path_claims(clause: str, mentions: Sequence[ClaimMention], told: Told) -> Iterator[Claim]:
    """Give the directions and lengths of a clause; `carried` says whether they are those of something held."""
    hedged = bool(of_kind(mentions, "hedge"))
    carried = False
    for one in of_kind(mentions, "dir"):
        is_carried = _is_carried(clause, mentions, one, told)
        carried |= is_carried
        denied = is_denied(clause, mentions, one)
        for value in one.value.split("+"):
            yield Claim("direction", value, clause, hedged=hedged, carried=is_carried, denied=denied)
    for one in of_kind(mentions, "length"):
        if _OTHER_LENGTH.match(clause[one.end :]) or _is_size(clause, mentions, one):
            continue
        verb = governing(mentions, one)
        if (
            (carried or told.carried)
            if verb is None
            else verb.kind != "lift" and _is_carried(clause, mentions, one, told)
        ):
            bound = hedged or is_bound(clause, one)
            yield Claim("extent", str(metres(one)), clause, hedged=bound)
            return


def is_bound(clause: str, number: ClaimMention) -> bool:
    """Return whether a number is only a bound: `more than 20 cm`."""
    return bool(_BOUND.search(clause[: number.begin]) or _BOUND_ZH.match(clause[number.end :]))


def _is_size(clause: str, mentions: Sequence[ClaimMention], length: ClaimMention) -> bool:
    """`the 5 cm cube` is that large; `a 5 cm shift` goes that far."""
    if not _ARTICLE.search(clause[: length.begin]):
        return False
    return not any(0 <= one.begin - length.end <= 1 and one.kind in ("carry", "go", "turn") for one in mentions)


def _is_carried(clause: str, mentions: Sequence[ClaimMention], one: ClaimMention, told: Told) -> bool:
    verb = governing(mentions, one)
    if verb is None:
        return told.carried or told.holds
    if _is_of_arm(clause, mentions, verb):
        return False
    if verb.kind in ("carry", "place", "take"):
        return True
    if verb.kind == "retreat" and _TAKEN_ZH.search(clause[: verb.begin]):
        return True  # `把杯子向左移走`
    if verb.kind in _NOT_CARRYING:
        return False
    if verb.kind == "go" and verb.end <= one.begin and " back " in clause[verb.end : one.begin + 1]:
        return False  # `swings back left` is the arm's way home
    holds = told.holds or any(other.kind == "hold" for other in mentions)
    is_thing = bool(_MOVED_THING.search(clause[: verb.begin])) and not of_kind(
        [other for other in mentions if other.end <= verb.begin], "arm", "one", "grip"
    )
    return holds or (verb.kind == "go" and is_thing and "robot" not in clause[: verb.begin])


def _is_of_arm(clause: str, mentions: Sequence[ClaimMention], verb: ClaimMention) -> bool:
    """Whether a verb moves the arm itself: `swings its gripper forward`, `把左臂向前移`."""
    named = of_kind(mentions, "arm", "one", "grip")
    after = any(verb.end <= one.begin and _ITS.match(clause[verb.end : one.begin]) for one in named)
    return after or any(clause[: one.begin].endswith(("把", "将")) for one in named)


def approach_claims(clause: str, mentions: Sequence[ClaimMention], told: Told) -> Iterator[Claim]:
    """Give the sides from which a clause says that something is approached."""
    for one in of_kind(mentions, "from"):
        before = clause[: one.begin]
        if any(seen.end <= one.begin and one.begin - seen.end <= 2 for seen in of_kind(mentions, "seen")):
            continue
        verb = governing(mentions, one)
        comes = bool(_COMING.search(before))
        if verb is not None and not comes:
            if verb.kind in ("place", "release") or (verb.kind == "carry" and one.value != "top"):
                continue  # `brings it from the left` says where it was
            if verb.kind == "go" and told.holds and verb.end <= one.begin:
                continue
        yield Claim("approach", one.value, clause, denied=is_denied(clause, mentions, one))


def turn_claims(clause: str, mentions: Sequence[ClaimMention], told: Told) -> Iterator[Claim]:
    """Give the sense and the angle of a turn; `told.turned` says that the clause before was of one."""
    turns, senses = of_kind(mentions, "turn"), of_kind(mentions, "sense")
    if told.let_go or _TURNS_BACK.search(clause):
        return  # how the wrist goes back is not how the thing was turned
    if not told.holds and any(_is_of_arm(clause, mentions, turn) for turn in turns):
        return  # a wrist that turns before it grasps
    for sense in senses:
        denied = is_denied(clause, mentions, sense) or any(is_denied(clause, mentions, turn) for turn in turns)
        yield Claim("rotation", sense.value, clause, denied=denied)
    if (turns or senses or told.turned) and not of_kind(mentions, "tilt"):
        for angle in of_kind(mentions, "angle")[:1]:
            if not _AT_ANGLE.search(clause[: angle.begin]) and not _IN_STEPS.search(clause):
                yield Claim("angle", str(float(angle.number)), clause, hedged=is_bound(clause, angle))
