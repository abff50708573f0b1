"""Claims of a clause on grippers: closed, opened, holding, closed on nothing; `closes the drawer` is none."""

import re
from collections.abc import Iterator, Sequence

from finevla_tools.annotate.claim_mentions import ClaimMention, of_kind
from finevla_tools.annotate.claim_text_normalization import HAN
from finevla_tools.annotate.claim_types import Claim, Told

Placed = tuple[int, Claim]
VERBS = (
    "grasp",
    "take",
    "release",
    "place",
    "shut",
    "spread",
    "hold",
    "carry",
    "go",
    "lift",
    "reach",
    "retreat",
    "turn",
    "lose",
)
_GRIP_IN_ARM = re.compile(r"grip|hand|claw|jaw|finger|pincer|effector|爪|手|夹")
_GRIP_HEAD = re.compile(
    r"^\s*(?:(?:the|its|his|their|your|both|left|right|robot|robot's|arm's|parallel|two|a|again|up|fully|wide"
    r"|widely)\s+)*(?:gripper|finger"
    r"|fingertip|claw|jaw|hand|pincer|prong|effector|grasper|end[- ]effector|grip\b|grasp\b|hold\b)"
)
_THING = re.compile(r"^\s+(?:the|a|an|its|this|that|another)\s+(?!way\b|same\b|end\b)\w+")
_PRONOUN = re.compile(
    r"(?:^|\b)(?:it|they|these|which|that|both)(?: \w+ly| then| is| are| had| has| have| was"
    r"| were| only| later| finally| slowly)*\s*$"
)
_BARE = re.compile(
    r"^(?:\W|\b(?:then|finally|first|later|only|again|also|lastly|at|about|s|the|time|it|slowly"
    r"|gently|is|are|on|from|by|of|and|t|to|mark|around|roughly)\b|[\d.=:]|\w+ly\b)*$"
)
_STAYS = re.compile(
    r"(?:remain\w*|stay\w*|keep\w*|kept|with|initially|already|being|is held|is left|sits?"
    r"|hover\w*)\b[^,]{0,28}$"
)
_STATE_BEFORE = re.compile(
    r"(?:\b(?:stay|remain|keep|kept)\w*(?: (?!then\b|thus\b)\w+){0,2} |\b(?:are|is|was|were) (?:still |already )|保持"
    r"|一直|始终|仍)$"
)
_IS = re.compile(r"\b(?:is|are|was|were|be)(?: \w+ly)? $")
_ABOUT_GRIPS = ("grasp", "shut", "hold", "grip", "try", "take", "arm", "one")
_OF_GRIPS = frozenset(("grasp", "take", "shut", "spread", "release", "place", "hold", "succeed", "lift", "lose"))
_OF_MISSES = frozenset(("left", "nothing", "fail", "grasp", "hold", "succeed"))
_GRASPS = frozenset(("grasp", "hold", "take", "lift", "shut", "reach", "release"))
_TO_DO = re.compile(r"(?P<to> to|) (?:(?:be|get|quite|\w+ly) )*(?=\w)")
_LOWER = re.compile(r"lower|降低|下放|放低")
_LIFTED = re.compile(
    r"\b(?:is|was|gets|being|been) (?:\w+ )?\||\| (?:it|the|a) (?!(?:\w+ )?(?:arm|gripper|hand|wrist)\b)"
    r"|[被把将][^左右]*\|"
)
_ELSE = re.compile(
    r"^ (?:is )?(?:left\b|remains|else|but|other|unusual|special|more|wrong|on the|around|nearby|(?:is|was|gets?"
    r"|has) (?:been )?(?:moved|touched"
    r"|disturbed|knocked|damaged|broken|hit|changed|left behind))"
)
_OTHERS_ZH = re.compile(r"(?:其他|其它|别的|其余|周围)\S*$")
_EMPTY_STATE = re.compile(r"empty$|空手|空着|里面?(?:却|还)?是空的|为空|空无一物|空空如也|没有任何|任何东西")
_EVENT = re.compile(r"\b(?:end|come|came|coming|return|remain|stay|still)|归|返|收|却|还是|结果|依然")
_LIDDED = re.compile(
    r"\b(?:drawer|door|lid|cabinet|cap|microwave|oven|fridge|refrigerator|laptop|zipper|cupboard|faucet|tap"
    r"|valve|window|book)s?\b|抽屉|门|盖|柜|微波炉|烤箱|冰箱|窗|龙头"
)
_GAP = re.compile(r"^(?:\s*\S+){0,3}\s*$")
_OPEN_VERB = re.compile(
    r"(?:\b(?:fingers|jaws|claws|grippers|pincers|to|then|finally|can|will|should|must"
    r"|they)\s*$|^\s*$)"
)
_NO_LONGER = re.compile(r"no longer|any ?(?:longer|more)|不再")
_COMES = re.compile(
    r"\b(?:com\w+|came|ends|ended|leav\w+|away|up with|return\w*|gets?|got|catch\w*|caught"
    r"|yields?|secur\w+|with|emerg\w+)\b"
)
_ALWAYS = re.compile(rf"not (?:between|inside|within)|[一-鿿]|{_COMES.pattern}")
_ON_THING = re.compile(
    r"\b(?:a?round|on|onto|over|upon|about) (?:it|them|the|this|that|its \w+|a|an"
    r"|something)\b"
)


def is_denied(clause: str, mentions: Sequence[ClaimMention], of: ClaimMention) -> bool:
    """Return whether a `not` stands close before a mention, with no other verb between."""
    before = [one for one in mentions if one.end <= of.begin and one.kind in ("not", *VERBS, "act")]
    if not before or before[-1].kind != "not":
        return False
    gap = clause[before[-1].end : of.begin]
    return len(gap) <= 5 if HAN.search(clause) else bool(_GAP.match(gap))


def is_state(clause: str, one: ClaimMention) -> bool:
    """Return whether fingers are open or closed and do not move: `the gripper stays open`."""
    if one.kind not in ("shut", "spread"):
        return False
    before = clause[: one.begin]
    return bool(_STATE_BEFORE.search(before) or (one.text == "open" and _IS.search(before)))


def grip_claims(clause: str, mentions: Sequence[ClaimMention], told: Told) -> Iterator[Placed]:
    """Give the claims on grippers of a clause, each with its place."""
    if (missed := _missed(clause, mentions)) is not None:
        value = _miss_of(clause, mentions, missed)
        yield missed.begin, Claim("miss", value, clause)
        if value != "state":
            return
    tries = of_kind(mentions, "try")
    seen = set[tuple[str, bool, bool]]()
    for one in mentions:
        if one.kind not in _OF_GRIPS:
            continue
        claim = _claim_of(clause, mentions, one, told)
        if missed is not None and claim is not None and claim.kind == "hold":
            continue
        if claim is None or (key := (claim.kind, claim.denied, claim.value == "shut")) in seen:
            continue
        seen.add(key)
        if claim.kind == "close" and any(attempt.begin < one.begin for attempt in tries):
            claim = Claim("close", "try", clause, denied=claim.denied)
        yield one.begin, claim


def _claim_of(clause: str, mentions: Sequence[ClaimMention], one: ClaimMention, told: Told) -> Claim | None:
    denied = is_denied(clause, mentions, one)
    if one.kind == "grasp" or (one.kind == "take" and _is_grasp(clause, mentions, one, told)):
        return Claim("close", "", clause)
    if one.kind == "shut" and not is_state(clause, one) and _is_of_gripper(clause, mentions, one):
        value = "" if _ON_THING.search(clause[one.end :]) else "shut"
        return Claim("close", value, clause, denied=denied)
    if one.kind == "spread" and not is_state(clause, one) and _is_of_gripper(clause, mentions, one):
        return Claim("open", "", clause, denied=denied, bare=True)
    if one.kind == "release":
        return Claim("open", "", clause, denied=denied)
    if one.kind == "place" and not denied:
        return Claim("open", "place", clause)
    is_lifted = (
        one.kind == "lift"
        and not _LOWER.match(one.text)
        and _LIFTED.search(f"{clause[: one.begin]}|{clause[one.end :]}")
    )
    if (one.kind in ("hold", "succeed") or is_lifted) and not denied:
        return Claim("hold", "", clause)
    if one.kind == "lose":
        return Claim("lose", "", clause, denied=denied)
    return None


def _is_grasp(clause: str, mentions: Sequence[ClaimMention], one: ClaimMention, told: Told) -> bool:
    """`takes the cup` is a grasp; `takes it to the left`, `takes two tries` and `takes place` are not."""
    is_passive = bool(re.search(r"\b(?:is|was|been|being|gets) (?:\w+ )?$", clause[: one.begin]))
    has_object = bool(re.match(r" (?:it|them|the|this|that|a|an)\b", clause[one.end :]))
    return (
        not told.holds
        and (has_object or is_passive)
        and not of_kind(mentions, "tries", "span", "dir", "time", "ordinal")
    )


def _missed(clause: str, mentions: Sequence[ClaimMention]) -> ClaimMention | None:
    """The mention that says that nothing was grasped."""
    for one in mentions:
        if one.kind not in _OF_MISSES:
            continue
        if one.kind == "left":
            return one
        if one.kind == "nothing" and _is_of_others(clause, mentions, one):
            continue
        if one.kind == "nothing" and (of_kind(mentions, *_ABOUT_GRIPS) or _ALWAYS.search(clause)):
            return one
        if one.kind == "fail" and not is_denied(clause, mentions, one) and _fails_to_grasp(clause, mentions, one):
            return one
        if (
            one.kind in ("grasp", "hold", "succeed")
            and is_denied(clause, mentions, one)
            and not _NO_LONGER.search(clause)
        ):
            return one
    return None


def _miss_of(clause: str, mentions: Sequence[ClaimMention], missed: ClaimMention) -> str:
    if missed.kind == "left":
        return "left"
    is_state_word = missed.kind == "nothing" and bool(_EMPTY_STATE.search(missed.text)) and not _EVENT.search(clause)
    return "state" if is_state_word and not of_kind(mentions, "grasp", "shut", "take", "try", "tries") else ""


def _is_of_others(clause: str, mentions: Sequence[ClaimMention], one: ClaimMention) -> bool:
    """`and nothing else`, `without closing on nothing`."""
    is_else = _ELSE.match(clause[one.end :]) or _OTHERS_ZH.search(clause[: one.begin])
    return bool(is_else) or is_denied(clause, mentions, one)


def _fails_to_grasp(clause: str, mentions: Sequence[ClaimMention], one: ClaimMention) -> bool:
    """`fails to grasp it`, and not `fails to keep it level` nor `cannot be seen`."""
    after = next((m for m in mentions if m.begin >= one.end and m.kind in VERBS), None)
    to_do = _TO_DO.match(clause, one.end)
    if to_do and (to_do["to"] or one.text.startswith("c")):
        return after is not None and after.kind in _GRASPS and one.end < after.begin <= to_do.end()
    return after is None or after.kind in _GRASPS


def _is_of_gripper(clause: str, mentions: Sequence[ClaimMention], one: ClaimMention) -> bool:
    """Whether it is a gripper that closes or opens, and not a drawer, and that it does so and is not just so."""
    before, after = clause[: one.begin], clause[one.end :]
    if clause.strip() == one.text and one.text.endswith("ed"):
        return False  # a state: `closed`
    if _GRIP_HEAD.match(after):
        return not (one.text == "open" and re.search(r"\b(?:with|an?|the|its)\s+$", before))
    if HAN.search(clause):
        is_short = len(clause) <= 6  # `手指先分开，后并拢`
        return bool(_grips(mentions)) or (
            (is_short or bool(of_kind(mentions, "arm", "one", "time"))) and not _LIDDED.search(clause)
        )
    if _STAYS.search(before) or _THING.match(after):
        return False
    if one.text == "open" and not _OPEN_VERB.search(before):
        return False
    if any(grip.end <= one.begin for grip in _grips(mentions)):
        return True
    if _LIDDED.search(clause):
        return False
    if re.match(r"meet|part|relax|ease|separat|loosen|slacken|widen|converge", one.text):
        return False
    arms = any(arm.end <= one.begin for arm in of_kind(mentions, "arm", "one"))
    return arms or bool(_PRONOUN.search(before)) or bool(_BARE.match(before))


def _grips(mentions: Sequence[ClaimMention]) -> list[ClaimMention]:
    return [
        one for one in mentions if one.kind == "grip" or (one.kind in ("arm", "one") and _GRIP_IN_ARM.search(one.text))
    ]
