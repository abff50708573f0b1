"""What a sentence claims of a motion: arms, grippers, directions, approaches, turns, counts and times, in its order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from finevla_tools.annotate import claim_words as words


@dataclass(frozen=True)
class Claim:
    """One claim: `kind` says what `value` is. `arm` is left, right, both or "" (not said); `at_s` a time or None.

    Kinds: arm, idle, close, open, miss, lose, direction, extent, approach, rotation, angle, count, no retry, together,
    in turn. `denied` turns a claim round: `does not close the gripper`.
    """

    kind: str
    value: str
    words: str
    arm: str = ""
    at_s: float | None = None
    denied: bool = False
    hedged: bool = False
    carried: bool = True


def claims_in(text: str) -> list[Claim]:
    """Return the claims of a text in the order in which it tells what happened, not in that of its words."""
    found: list[Claim] = []
    arm, holds = "", False
    for sentence in words.SENTENCES.split(text):
        at_s, turned, carried = None, False, False
        ordered = _in_order(sentence)
        if ordered != sentence:
            arm = next((one.arm for one in _arms(ordered) if one.kind == "arm"), arm)
        for clause in _clauses(ordered):
            arms = _arms(clause)
            if arms and arms[-1].kind == "arm":
                arm = arms[-1].arm
            found += arms
            at_s = _time(clause) or at_s
            made = [replace(claim, arm=claim.arm or arm) for claim in _of_clause(clause, at_s, holds, turned)]
            if carried and not made and (length := _extent(clause)) is not None:
                made = [replace(length, arm=arm)]
            for claim in made:
                if not claim.denied and claim.kind in ("close", "open"):
                    holds = claim.kind == "close"
            if made:
                at_s = None  # a clause of a time alone, as `at 3 s,`, tells it of the next one
            carried = any(claim.kind == "direction" and claim.carried for claim in made)
            # `turns it clockwise, seen from above, by 90 degrees`: what claims nothing does not end a turn
            turned = any(claim.kind in ("rotation", "angle") for claim in made) or (turned and not made)
            found += made
    return found


def _in_order(sentence: str) -> str:
    """`Before B, A` and `A after B` and `after B, A` as they happened."""
    if match := words.BEFORE.match(sentence):
        return f"{match['b']}, {match['a']}"
    if match := words.AFTER.match(sentence):
        return f"{match['a']}, {match['b']}"
    if (match := words.MID_AFTER.match(sentence)) and not re.match(r"\s*(?:that|wards)\b", match["b"]):
        return f"{match['b']}, {match['a']}"
    return sentence


def _clauses(sentence: str) -> list[str]:
    parts, at = [], 0
    for cut in words.CLAUSES.finditer(sentence):
        parts.append(sentence[at : cut.start()])
        at = cut.start() if cut[0].strip() in ("同时",) else cut.end()
    parts.append(sentence[at:])
    return [part.strip() for part in parts if part.strip()]


def _arms(clause: str) -> list[Claim]:
    """The arms that a clause says act, or do not."""
    kind = "idle" if words.IDLE.search(clause) else "arm"
    named = [(match.start(), arm) for arm, pattern in words.ARM.items() for match in pattern.finditer(clause)]
    acting = [(at, arm) for at, arm in sorted(named) if not words.BESIDE_ARM.search(clause[:at])]
    return [Claim(kind, arm, clause, arm) for _, arm in acting]


def _of_clause(clause: str, at_s: float | None, holds: bool, turned: bool) -> Iterator[Claim]:
    yield from _gripper(clause, at_s)
    yield from _directions(clause, holds)
    yield from _approaches(clause)
    yield from _turns(clause, turned)
    yield from _counts(clause)
    if words.TOGETHER.search(clause):
        yield Claim("together", "", clause)
    if words.IN_TURN.search(clause):
        yield Claim("in turn", "", clause)


def _time(clause: str) -> float | None:
    match = words.AT_TIME.search(clause)
    return float(match["a"] or match["b"] or match["c"] or match["d"]) if match else None


def _gripper(clause: str, at_s: float | None) -> Iterator[Claim]:
    if words.MISS.search(clause):
        yield Claim("miss", "", clause, at_s=at_s)
        return
    if (lost := words.LOSE.search(clause)) is not None:
        yield Claim("lose", "", clause, denied=bool(words.NOT.search(clause[: lost.start()])))
    tries = bool(words.TRY.search(clause))
    found = [
        (match.start(), kind, bool(words.NOT.search(clause[: match.start()])))
        for kind, pattern in (("close", words.CLOSE), ("open", words.OPEN))
        for match in pattern.finditer(clause)
    ]
    seen = set[str]()
    for _, kind, denied in sorted(found):
        if kind not in seen:
            seen.add(kind)
            yield Claim(kind, "try" if tries else "", clause, at_s=at_s, denied=denied)


def _directions(clause: str, holds: bool) -> Iterator[Claim]:
    if words.RETREAT.search(clause) or (
        re.search(r"\bfrom (?:the )?(?:left|right) to\b", clause) and not words.CARRY.search(clause)
    ):
        return
    carries = bool(words.CARRY.search(clause))
    carried = carries or (holds and not words.CLOSE.search(clause) and not words.REACH.search(clause))
    found = [name for name, pattern in words.DIRECTION.items() if pattern.search(clause)]
    for diagonal in words.ZH_DIAGONAL.finditer(clause):
        found += [words.ZH_WORD[word] for word in diagonal.groups() if word]
    hedged = bool(words.HEDGE.search(clause))
    for name in dict.fromkeys(found):
        yield Claim("direction", name, clause, hedged=hedged, carried=carried)
    if carries and (length := _extent(clause)) is not None:
        yield length


def _extent(clause: str) -> Claim | None:
    """How far something is carried; a lift is another length."""
    match = None if words.LIFT.search(clause) else words.EXTENT.search(clause)
    return match and Claim("extent", str(_metres(match)), clause, hedged=bool(words.HEDGE.search(clause)))


def _metres(match: re.Match[str]) -> float:
    unit = match["u"].lower()
    return float(match["n"]) * (1e-3 if unit.startswith(("mm", "milli", "毫")) else 1e-2 if unit[0] in "c厘" else 1.0)


def _approaches(clause: str) -> Iterator[Claim]:
    carries = bool(words.CARRY.search(clause)) and not words.REACH.search(clause)
    for side, pattern in words.APPROACH.items():
        match = pattern.search(clause)
        if match is None or words.SEEN.search(clause[: match.start()]) or words.SEEN_ZH.match(clause, match.end()):
            continue
        if carries and side != "top" and not words.COMING.search(clause[: match.start()]):
            continue  # `brings it from the left` says where it was
        yield Claim("approach", side, clause, denied=bool(words.NOT.search(clause[: match.start()])))


def _turns(clause: str, before: bool) -> Iterator[Claim]:
    turned = words.TURNS.search(clause)
    for sense, pattern in words.SENSE.items():
        if (match := pattern.search(clause)) is not None:
            yield Claim("rotation", sense, clause, denied=bool(words.NOT.search(clause[: (turned or match).start()])))
    if (turned or before) and (match := words.ANGLE.search(clause)) and "tilt" not in clause:
        named = match["q"] or match["z"]
        yield Claim("angle", str(words.PARTS_OF_TURN[named.lower()] if named else float(match["a"])), clause)


def _counts(clause: str) -> Iterator[Claim]:
    if words.NO_RETRY.search(clause):
        yield Claim("no retry", "", clause)
        return
    if words.AGAIN.search(clause):
        yield Claim("count", ">1", clause)
        return
    match = words.COUNT.search(clause)
    if match is None or not words.ATTEMPTS.search(clause) or words.TURNS.search(clause):
        return
    said = next(word for word in match.groups() if word).lower()
    number = words.NUMBERS.get(said) or int(said)
    failed = bool(re.search(r"fail|miss|nothing|失败|抓空|夹空", clause, re.IGNORECASE))
    kind = (
        "attempt"
        if (match["a"] and said in ("first", "second", "third", "fourth", "fifth")) or clause[match.start()] == "第"
        else "count"
    )
    yield Claim(kind if not failed else "attempt", str(number), clause, hedged=failed)
