"""Claims of a clause on how often something was tried, and the moments that it gives to what grippers do."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from finevla_tools.annotate.claim_grips import VERBS, Placed, is_denied
from finevla_tools.annotate.claim_mentions import ClaimMention, of_kind
from finevla_tools.annotate.claim_paths import is_bound
from finevla_tools.annotate.claim_types import Claim, Told

_NUMBERS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "once": 1, "twice": 2, "thrice": 3, "a": 1, "an": 1,
    "the first": 1, "one": 1, "two": 2, "three": 3,
}  # fmt: skip
_MOMENTS = re.compile(r"\d+(?:\.\d+)?")
COUNTED = frozenset(("no retry", "again", "anew", "failed tries", "ordinal", "tries", "times"))  # mentions of how often
SHORT_S = 1.5  # a span that means a moment
TIMED = ("close", "open", "miss")


def _number(one: ClaimMention) -> int:
    said = one.number or one.value
    digits = "".join(sign for sign in said if sign.isdigit())
    return int(digits) if digits else _NUMBERS.get(said, 0)


def held_claims(clause: str, mentions: Sequence[ClaimMention]) -> Iterator[Claim]:
    """Give from when to when a clause that tells of holding says that something is held."""
    for span in of_kind(mentions, "span"):
        moments = _MOMENTS.findall(span.text)
        if len(moments) == 2:
            yield Claim("held", "-".join(moments), clause)


def count_claims(clause: str, mentions: Sequence[ClaimMention]) -> Iterator[Claim]:
    """Give what a clause says of attempts: how many, which one, whether there was a second."""
    if of_kind(mentions, "no retry"):
        yield Claim("no retry", "", clause)
        return
    for again in _repeats(clause, mentions)[:1]:
        yield Claim("no retry" if is_denied(clause, mentions, again) else "count", ">1", clause)
        return
    failed = bool(of_kind(mentions, "fail", "nothing"))
    for one in of_kind(mentions, "failed tries", "ordinal", "tries", "times")[:1]:
        number = _number(one)
        if number == 0:
            return
        if one.kind == "failed tries":
            is_ordinal = one.number in ("first", "second", "third", "the first") or one.text.startswith("第")
            yield Claim("one of attempts" if is_ordinal else "failed attempts", str(number), clause, hedged=is_ordinal)
        elif one.kind == "ordinal":
            is_last = bool(of_kind(mentions, "grasp", "succeed", "hold", "shut")) and not failed
            yield Claim("attempt" if is_last else "one of attempts", str(number), clause, hedged=failed)
        elif one.kind == "tries" and (one.text[-1] not in "次回遍趟" or _is_of_grasp(clause, mentions)):
            yield Claim(
                "one of attempts" if failed else "count", str(number), clause, hedged=failed or is_bound(clause, one)
            )
        elif one.kind == "times" and _is_of_grasp(clause, mentions):
            yield Claim("one of attempts" if failed else "count", str(number), clause, hedged=failed)


def _is_of_grasp(clause: str, mentions: Sequence[ClaimMention]) -> bool:
    if "试" in clause:
        return True
    return bool(of_kind(mentions, "grasp", "shut", "try", "succeed", "hold")) and not of_kind(mentions, "turn")


def _repeats(clause: str, mentions: Sequence[ClaimMention]) -> list[ClaimMention]:
    """What says that something was tried again: `grasps it again`, but not `lets it go again`."""
    found = of_kind(mentions, "again")
    for one in of_kind(mentions, "anew"):
        acts = [act for act in mentions if act.end <= one.begin and act.kind in (*VERBS, "try", "tries")]
        near = bool(acts) and acts[-1].kind in ("grasp", "shut", "try", "tries", "reach", "go")
        # `after letting go it closes the gripper again` is no try.
        after = near and acts[-1].kind == "shut" and any(act.kind in ("release", "spread") for act in acts)
        if near and not after and len(clause[acts[-1].end : one.begin].split()) <= 3:
            found.append(one)
    return found


def with_times(placed: Sequence[Placed], clause: str, mentions: Sequence[ClaimMention], told: Told) -> list[Claim]:
    """Return the claims with their moments: of several each goes to the nearest act that has none yet."""
    if not placed:
        return []
    times = [one for one in of_kind(mentions, "time") if not _is_end(clause, one)]
    claims = dict(enumerate(placed))
    events = [k for k, (_, claim) in claims.items() if claim.kind in TIMED and not claim.denied]
    between = _between(mentions)
    if not times and between is not None:
        for k in events:
            if claims[k][1].kind == "open":
                claims[k] = (claims[k][0], replace(claims[k][1], at_s=between))
    elif not times and told.at_s is not None:
        for k in events:
            claims[k] = (claims[k][0], replace(claims[k][1], at_s=told.at_s))
    elif times and len({claims[k][1].kind for k in events}) == 1 and len(times) == 1:
        for k in events:
            claims[k] = (claims[k][0], replace(claims[k][1], at_s=float(times[0].number)))
    else:
        for one in times:
            free = [k for k in events if claims[k][1].at_s is None]
            if free:
                k = min(free, key=lambda k: abs(claims[k][0] - one.begin))
                claims[k] = (claims[k][0], replace(claims[k][1], at_s=float(one.number)))
    return [claim for _, claim in claims.values()]


def _between(mentions: Sequence[ClaimMention]) -> float | None:
    """The middle of the only span of a clause, if that is short: `lets go between 5 and 6 s` is no span of holding."""
    spans = [_MOMENTS.findall(one.text) for one in of_kind(mentions, "span")]
    if len(spans) != 1 or len(spans[0]) != 2:
        return None
    begin, end = map(float, spans[0])
    return (begin + end) / 2 if 0.0 <= end - begin <= SHORT_S else None


def moment(clause: str, mentions: Sequence[ClaimMention]) -> float | None:
    """Return the only moment that a clause gives, or None."""
    times = [one for one in of_kind(mentions, "time") if not _is_end(clause, one)]
    return float(times[0].number) if len(times) == 1 else None


def _is_end(clause: str, one: ClaimMention) -> bool:
    """`holds it until 9 s` gives no moment at which it is grasped."""
    return clause[: one.begin].rstrip().endswith(("until", "till", "up to", "until about", "by", "before"))
