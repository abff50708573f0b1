"""What a text claims of a motion: arms, grippers, directions, approaches, turns, counts and times, in the order of time.

A text is read clause by clause: its mentions (`claim_mentions`) are what both languages mean, and one set of rules reads those.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from finevla_tools.annotate import claim_directions_en as en
from finevla_tools.annotate import claim_words_zh as zh
from finevla_tools.annotate.claim_asides import FOR_A_WHILE, goes_on, is_of_picture, may_tell_of_others, told_here
from finevla_tools.annotate.claim_clauses import sentences_in
from finevla_tools.annotate.claim_grips import VERBS, grip_claims, is_denied, is_state
from finevla_tools.annotate.claim_mentions import ClaimMention, mentions_in, of_kind
from finevla_tools.annotate.claim_numbers import COUNTED, count_claims, held_claims, moment, with_times
from finevla_tools.annotate.claim_paths import approach_claims, path_claims, turn_claims
from finevla_tools.annotate.claim_text_normalization import plain_text
from finevla_tools.annotate.claim_types import OTHER, SIDES, Claim, Told

__all__ = ["Claim", "claims_in"]
ACTS = (*VERBS, "act", "try", "together", "in turn")
_DOES = ("do", "does", "did")
# What an arm is like, and not what it does.
_IS_SO = re.compile(
    r" (?:(?:is|are|was|were)(?! (?:the|it|used|active|chosen)\b)|remains?|stay(?:s|ed)?|hangs?|hovers?|looks?"
    r"|appears?|seems?|can be)\b"
)
_NEAR = 60  # signs before an arm in which there is room for all that is looked for there
_NAMES_ARMS = re.compile(r"\b(?:arm|gripper|hand|manipulator)s?\b|臂|手|爪")
# An arm after these is where something is or by what it is held, and not what stands still.
_HELD_BY = re.compile(r"\b(?:in|by|with|inside|between|from|of|using) (?:the |its )?$|被$")
_WITHOUT = re.compile(
    r"\b(?:without(?: using| moving| involving)?|not(?: use| move| with| by| using)?|never(?: use| uses)?"
    r"|rather than|instead of"
    r"|(?:nobody|no one|nothing|none) \w+)"
    r"(?: with| by)? (?:the |its |your )?$|(?:不|没|别|勿|未|不要|而非|而不)(?:使?用|动用?|靠|是)?$"
)
_LEFT_OUT = re.compile(
    r"\b(?:leav(?:e|es|ing)|left|keep(?:s|ing)?|kept|hold(?:s|ing)?) (?:the |its "
    r"|your )?$"
)
_AS_IT_IS = re.compile(
    r" (?:where|as|in place|in its|alone|out|be\b|still|put|at rest|idle|unused|parked|behind"
    r"|aside)"
)


def claims_in(text: str) -> list[Claim]:
    """Return the claims of a text in the order in which it tells what happened, not in that of its words."""
    text = plain_text(text)
    told = Told(names_arms=bool(_NAMES_ARMS.search(text)))
    groups: list[list[Claim]] = []
    for sentence, clauses, is_earlier in sentences_in(text):
        told.part += not is_earlier and not goes_on(sentence)
        found = _of_sentence(sentence, clauses, told)
        groups.insert(max(len(groups) - 1, 0) if is_earlier else len(groups), found)
    return [claim for group in groups for claim in group]


def _of_sentence(sentence: str, clauses: Sequence[str], told: Told) -> list[Claim]:
    told.at_s, told.carried = None, False
    read = _read(clauses)
    if may_tell_of_others(sentence):
        read = told_here(read)
    if any(of_kind(mentions, "unless") for _, mentions in read):
        return []  # `if it misses, it tries again` says what may happen
    arm_before = told.arm
    arms = [_arms(clause, mentions, told) for clause, mentions in read]
    acting = [claim.arm for found in arms for claim in found if claim.kind == "arm"]
    told.arm = arm_before
    if len(set(acting)) == 1:
        told.arm = acting[0]  # `having gripped it, the left arm moves`: it is named later
    found: list[Claim] = []
    for (clause, mentions), of_arms in zip(read, arms, strict=True):
        here = list(dict.fromkeys(claim.arm for claim in of_arms if claim.kind == "arm"))
        if here:
            told.arm = here[0] if len(here) == 1 else ""
        found += of_arms
        made = list(_of_clause(clause, mentions, told))
        if not made and found and (at_s := moment(clause, mentions)) is not None and (clause, mentions) == read[-1]:
            found[-1] = _timed(found[-1], at_s)
        made = [_placed(claim, told) for claim in made]
        found += made
        _remember(clause, mentions, made, told)
    unsure = _unsure_kinds(found, sentence)
    found = [claim for claim in found if claim.kind not in unsure and (claim.kind, claim.value) not in unsure]
    merged = _merged(found)
    return list(_with_last_attempts(merged)) if any(claim.kind == "one of attempts" for claim in merged) else merged


def _placed(claim: Claim, told: Told) -> Claim:
    """The claim with its arm and its telling; a grasp is `bare` where the arm went to it with fingers that opened for it."""
    is_ready = claim.kind == "close" and told.is_ready
    return replace(claim, arm=claim.arm or told.arm, part=told.part, bare=claim.bare or is_ready)


def _unsure_kinds(found: Sequence[Claim], sentence: str) -> set[object]:
    """Sides as a picture may show them, and what arms and grippers are like only for a while: kinds, or kinds with a value."""
    kinds, unsure = {claim.kind for claim in found}, set[object]()
    if ("idle" in kinds or "miss" in kinds) and FOR_A_WHILE.search(sentence):
        unsure |= {"idle", ("miss", "state")}
    if kinds & {"direction", "approach", "rotation"} and is_of_picture(sentence):
        unsure |= {"direction", "approach", "rotation"}
    return unsure


def _merged(claims: Sequence[Claim]) -> list[Claim]:
    """One claim of what is told twice: `closes its fingers, gripping it`, `closes, but on nothing`."""
    merged: list[Claim] = []
    for claim in claims:
        last = merged[-1] if merged else None
        is_more = claim.kind == "miss" or (claim.kind == "close" and last is not None and last.value == "shut")
        if last is not None and is_more and last.kind == "close" and not last.denied and last.arm == claim.arm:
            merged.pop()
            claim = replace(claim, at_s=last.at_s if claim.at_s is None else claim.at_s)
        merged.append(claim)
    return merged


def _read(clauses: Sequence[str]) -> list[tuple[str, Sequence[ClaimMention]]]:
    """The clauses with their mentions; what only names an arm belongs to the next one: `its partner, the left arm, waits`."""
    read: list[tuple[str, Sequence[ClaimMention]]] = []
    for clause in clauses:
        if read and _is_of_next(*read[-1]):
            clause = f"{read.pop()[0]} {clause}"
        read.append((clause, mentions_in(clause)))
    return read


def _is_of_next(clause: str, mentions: Sequence[ClaimMention]) -> bool:
    """Whether a clause only names an arm, or from when to when something was."""
    kinds = {one.kind for one in mentions}
    names = kinds <= {"arm", "one", "grip"} and not kinds.isdisjoint({"arm", "one"})
    return kinds == {"span"} or (names and not _IS_SO.search(clause))


def _with_last_attempts(claims: Sequence[Claim]) -> Iterator[Claim]:
    """An attempt that a grasp follows in its sentence is the one that succeeds."""
    for k, claim in enumerate(claims):
        after = next((one for one in claims[k + 1 :] if one.kind not in ("arm", "idle")), None)
        is_last = (
            claim.kind == "one of attempts"
            and not claim.hedged
            and after is not None
            and after.kind in ("close", "hold")
        )
        yield replace(claim, kind="attempt") if is_last else claim


def _timed(claim: Claim, at_s: float) -> Claim:
    return replace(claim, at_s=at_s) if claim.kind in ("close", "open") and claim.at_s is None else claim


def _of_clause(clause: str, mentions: Sequence[ClaimMention], told: Told) -> Iterator[Claim]:
    yield from with_times(list(grip_claims(clause, mentions, told)), clause, mentions, told)
    kinds = {one.kind for one in mentions}
    if "dir" in kinds or "length" in kinds:
        yield from path_claims(clause, mentions, told)
    if "from" in kinds:
        yield from approach_claims(clause, mentions, told)
    if "sense" in kinds or "angle" in kinds:
        yield from turn_claims(clause, mentions, told)
    if not COUNTED.isdisjoint(kinds):
        yield from count_claims(clause, mentions)
    if "span" in kinds and "hold" in kinds:
        yield from held_claims(clause, mentions)
    for kind, other in (("together", "in turn"), ("in turn", "together")):
        for one in of_kind(mentions, kind)[:1]:
            is_denied_here = any(no.end <= one.begin for no in of_kind(mentions, "not"))  # `never act at the same time`
            yield Claim(other if is_denied_here else kind, "", clause)


def _remember(clause: str, mentions: Sequence[ClaimMention], made: Sequence[Claim], told: Told) -> None:
    """Keep what the next clause builds on."""
    if not mentions:
        return
    for claim in made:
        if claim.kind in ("close", "hold") and not claim.denied and claim.value != "try":
            told.holds, told.let_go = True, False
        elif (claim.kind == "open" and not claim.denied) or claim.kind in ("miss", "lose"):
            told.holds, told.let_go = False, claim.kind == "open"
    kinds = {one.kind for one in mentions}
    told.is_ready = told.let_go and (told.is_ready or "reach" in kinds)
    if any(claim.kind != "count" for claim in made):
        told.at_s = None
    elif (at_s := moment(clause, mentions)) is not None:
        told.at_s = at_s
    carries = any(claim.kind == "direction" and claim.carried for claim in made)
    told.carried = carries or "carry" in kinds or (told.carried and not made)
    # `turns it clockwise, seen from above, by 90 degrees`: what claims nothing does not end a turn
    turns = any(claim.kind in ("rotation", "angle") for claim in made) or "turn" in kinds
    told.turned = turns or (told.turned and not made)


def _arms(clause: str, mentions: Sequence[ClaimMention], told: Told) -> list[Claim]:
    """The arms that a clause says act, or do not."""
    named = [(one, _which(one, mentions, told)) for one in mentions if one.kind in ("arm", "one", "hold")]
    named = [(one, arm) for one, arm in named if arm and not _is_beside(clause, one)]
    if not named:
        return []
    acts = any(one.kind in ACTS and not is_state(clause, one) for one in mentions)
    found = []
    idle = {arm for one, arm in named if _is_idle(clause, mentions, one)}
    for one, arm in named:
        if arm in idle:
            found.append(Claim("idle", arm, clause, arm))
        elif arm != "both" or acts:
            if _is_denied_act(clause, mentions, one) or (not acts and _IS_SO.match(clause, one.end)):
                continue
            unsure = not acts or bool(of_kind(mentions, "not"))
            found.append(Claim("arm", arm, clause, arm, hedged=unsure))
            told.arm = arm
    return found


def _is_denied_act(clause: str, mentions: Sequence[ClaimMention], arm: ClaimMention) -> bool:
    """`the left arm does not need to help` does not say that it acts."""
    after = [one for one in mentions if one.begin >= arm.end and one.kind in ("not", *ACTS) and one.text not in _DOES]
    return bool(after) and after[0].kind == "not" and clause[after[0].begin : after[0].end] not in ("without", "no")


def _which(one: ClaimMention, mentions: Sequence[ClaimMention], told: Told) -> str:
    if one.value == "other":
        named = [arm.value for arm in of_kind(mentions, "arm") if arm.value in SIDES and arm.begin < one.begin]
        return OTHER.get(named[-1] if named else told.arm, "")
    return one.value if one.kind != "one" or told.names_arms else ""


def _is_beside(clause: str, one: ClaimMention) -> bool:
    before, after = clause[max(one.begin - _NEAR, 0) : one.begin], clause[one.end :]
    return bool(en.BESIDE.search(before) or zh.BESIDE.search(before) or zh.INSIDE.match(after))


def _is_idle(clause: str, mentions: Sequence[ClaimMention], one: ClaimMention) -> bool:
    before = clause[max(one.begin - _NEAR, 0) : one.begin]
    if _WITHOUT.search(before):
        return True
    if _LEFT_OUT.search(before) and _AS_IT_IS.match(clause[one.end :]):
        return True
    if _HELD_BY.search(before):
        return False
    for still in of_kind(mentions, "still"):
        if still.begin >= one.end:
            between = [arm for arm in of_kind(mentions, "arm", "one") if one.end <= arm.begin < still.begin]
            verbs = [verb for verb in of_kind(mentions, *VERBS) if one.end <= verb.begin < still.begin]
            if not between and not verbs and not is_denied(clause, mentions, still):
                return True
        elif one.begin - still.end <= 5:
            return True
    return False
