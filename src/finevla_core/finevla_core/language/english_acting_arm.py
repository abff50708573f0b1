"""Decides which arm an English text wants to act: the one that does the work, or the one that is not said to rest."""

import itertools

from finevla_core.language.english_idle_arm import (
    ACTIVE,
    begins_anew,
    denies_work,
    is_nothing,
    is_remark_begun,
    is_sent_away,
    spares_a_thing,
    takes_no_part,
    works,
)
from finevla_core.language.english_mention_roles import WORK
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_noun_phrase_words import FOREIGN
from finevla_core.language.english_parse_types import Act
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import EnglishText
from finevla_core.language.english_tokens import EnglishToken
from finevla_core.language.english_word_tables import word_set

_SAYS = frozenset(("be", "state", "happen", "see", "wait", "want"))
_KEEPS = ("lock", "keep", "leav", "kept", "left", "park", "hold", "held", "ignor", "tuck")
_BEGINNINGS = frozenset(
    (
        "initially",
        "starts",
        "begins",
        "at the start",
        "at the beginning",
        "at first",
        "to begin with",
        "start",
        "begin",
        "starting",
    )
)
_POSES = word_set("open apart spread wide fully low close level vertical upright above over hovering closed")
_REMAINS = word_set("remain remains stay stays remained stayed")
_IDLE_NAMES = word_set("idle passive unused inactive unneeded uninvolved resting spare unemployed")
_STANDS = (
    "sit", "sat", "stand", "stood", "stay", "remain", "rest", "hang", "hung", "hold", "held", "keep", "kept", "lie", "lay",
    "wait",
    "linger", "loiter", "lounge", "dangle", "chill", "relax", "idle", "laze", "slack", "watch", "look",
)  # fmt: skip
_TROUBLES = word_set("""
    trouble troubles bother problem problems issue issues difficulty difficulties hassle grief mishap accident wrong fault
    faults amiss nothing struggling struggled struggle failed failure luck error errors hiccup hiccups glitch glitches
    patience happy unhappy
    """)
_PART_TAKING = frozenset(
    (
        "moving",
        "move",
        "take",
        "take part",
        "takes part",
        "participate",
        "help",
        "assist",
        "join",
        "needed",
        "involved",
        "used",
    )
)
_LIGHT = word_set("get gets got take takes taking getting took has have having")
_PASSES_OVER = ("ignor", "disregard", "skip", "spar", "neglect", "overlook", "omit", "leav", "avoid", "steer", "reject",
                "dismiss", "declin", "having", "pay", "tak", "forget")  # fmt: skip
_BINDING = word_set("only allowed permitted required")
_DUTIES = word_set("has have had needs need must should shall can will may ought gets is")
_WORKS = frozenset(("takes care", "take care", "does", "acts", "works", "performs", "executes"))


def decide_arm(text: EnglishText, out: Decision) -> None:
    """Fill in the arm, or say that both are wanted."""
    scores, active = {"left": 0.0, "right": 0.0}, {"left": 0, "right": 0}
    idle: set[str] = set()
    referred = _refer_back(text)
    for m in text.mentions:
        if m.kind != "arm" or not m.side or (m.is_plural and not m.determiner) or m.determiner in FOREIGN:
            continue
        if m.prep == "near" and not text.is_long:
            continue  # "the brick near your left hand"
        ahead = text.parse.tokens[max(0, m.start - 8) : m.start]
        if m.is_negated and text.is_long and any(t.text in ("other", "further", "more", "else") for t in ahead):
            continue  # "no other motion is made by the right arm"
        if m.is_negated:
            is_strange = text.is_long and text.roles.act(m) is None and not m.prep
            scores[m.side] -= 3.0 if m.prep in ("", "with", "of") and not is_strange else 0.0
        elif m.start not in referred and is_idle(text, m):
            scores[m.side] -= 3.0
            idle.add(m.side)
        else:
            if m.is_hypothetical:
                continue
            if not text.is_long and _is_reason(text, m):
                scores[m.side] += 0.5
                continue
            if _is_only(text, m):
                active[m.side] += 1
                scores[m.side] += 4.0
                continue
            if m.is_side and not m.prep and not _has_work(text, m):
                scores[m.side] += 0.5
                continue
            active[m.side] += 1
            scores[m.side] += _long_weight(text, m) if text.is_long else _arm_weight(text, m)
    _take_used(text, scores)
    if not any(scores.values()) and not text.is_long:
        _take_remark(text, scores)
    if any(active[side] and not text.is_long for side in idle):
        out.problem = "you say that an arm acts, and that it rests"
    left, right = scores["left"], scores["right"]
    if active["left"] and active["right"] and not text.is_long and left > -1 and right > -1:
        out.problem = "you say both left and right arm: say one"
    elif text.is_long and len(idle) == 2 and any(t.text in ("either", "neither", "nor") for t in text.parse.tokens):
        out.problem = "you say of both arms that they rest"
    elif left > right and (left >= 0 or text.is_long):
        out.slots["arm"] = "left"
    elif right > left and (right >= 0 or text.is_long):
        out.slots["arm"] = "right"
    elif text.is_long and left:
        out.slots["arm"] = next(m.side for m in text.mentions if m.kind == "arm" and m.side)  # the first does the work


def _take_used(text: EnglishText, scores: dict[str, float]) -> None:
    """ "The left arm is free: use it"."""
    for m in text.mentions:
        if m.kind == "pronoun" and m.verb == "use" and m.start == m.verb_at + 1 and not m.is_negated:
            before = [a.side for a in text.mentions if a.kind == "arm" and a.side and a.start < m.start]
            if before:
                scores[before[-1]] += 6.0


def _refer_back(text: EnglishText) -> set[int]:
    """Give "that arm" the side of the arm named before it; return the places of those named, which do not rest then."""
    last: Mention | None = None
    referred: set[int] = set()
    for m in text.mentions:
        if m.kind == "arm" and m.side and not m.is_plural:
            last = m
            continue
        words = m.words(text.parse.tokens) if m.kind == "arm" else [""]
        is_that = m.kind == "arm" and not (m.is_other or m.is_plural)
        is_that = is_that and ((words[0] in ("that", "this") and words[1:2] != ["the"]) or "same" in words)
        act = text.roles.act(m)
        is_let = m.kind == "pronoun" and act is not None and act.text in ("let", "have", "make") and text.is_hand(m)
        if last is not None and (is_that or is_let):
            m.kind, m.side = "arm", last.side
            referred |= {last.start, m.start}
    return referred


def _is_reason(text: EnglishText, m: Mention) -> bool:
    """ "The left arm has a loose cable, so use the other one": an arm of which only something is said, beside one at work."""
    act = text.roles.act(m)
    own = [a for a in text.parse.acts if a.clause == m.clause and a.form != "noun"]
    start, end = text.parse.sentences[m.sentence]
    if m.prep == "with" and _is_trouble(text, m):
        return True
    others = [o for o in text.mentions if o.kind == "arm" and o.side and o.side != m.side and not o.is_negated]
    is_beside_only = any(_is_only(text, o) for o in others) and not _is_only(text, m)
    tokens = text.parse.tokens[start:end]
    is_bound = any(
        (t.text == "must" and m.verb != "wait")
        or (t.text in _BINDING and not is_beside_only and follows.value != "be")  # not "only has one finger"
        for t, follows in itertools.pairwise([*tokens, tokens[-1]])
    )
    if m.prep or is_bound:
        return False
    said = [a for a in (*own, *([act] if act is not None else [])) if not _is_suffered(text, a, m)]
    is_said = all(a.value in _SAYS for a in said) and bool(own)
    follows = text.parse.tokens[m.end : m.end + 1]
    is_said = is_said or (not own and follows != [] and follows[0].kind == "unknown" and follows[0].text.endswith("ed"))
    return is_said and any(is_beside_only or o.prep == "with" or o.verb in ("use", "want", *ACTIVE) for o in others)


def _is_suffered(text: EnglishText, act: Act, m: Mention) -> bool:
    """ "The right gripper is slipping", "the arm overheated": what befalls the arm `m`, and does nothing to a thing."""
    is_bare = act.subject is m and not act.objects and not act.is_command and act.form in ("ing", "ed")
    return is_bare and not any(text.is_thing(o) and o.clause == act.clause for o in text.mentions)


def _is_only(text: EnglishText, m: Mention) -> bool:
    """ "Only the right arm is allowed"."""
    return m.start > 0 and not m.prep and text.parse.tokens[m.start - 1].text in ("only", "just", "solely")


def _is_trouble(text: EnglishText, m: Mention) -> bool:
    """ "We had trouble with the left hand", "there is something wrong with it"."""
    return any(t.text in _TROUBLES for t in text.parse.tokens[max(0, m.start - 5) : m.start])


def _take_remark(text: EnglishText, scores: dict[str, float]) -> None:
    """ "I wonder whether the left arm gets there, so ...": the only arm that is spoken of, though in a remark."""
    named = [m for m in text.mentions if m.kind == "arm" and m.side and m.head and m.is_side]
    sides = {m.side for m in named if not is_idle(text, m)}
    if len(sides) == 1:
        scores[sides.pop()] = 1.0


def _has_work(text: EnglishText, m: Mention) -> bool:
    return any(a.clause == m.clause and a.value in ACTIVE and a.form != "noun" for a in text.parse.acts)


def _arm_weight(text: EnglishText, m: Mention) -> float:
    act = text.roles.act(m)
    if m.prep == "with" or m.verb == "use":
        return 3.0
    if m.is_subject and act is not None:
        return 2.0 if act.value in WORK or act.form == "base" else 1.0
    return 2.0


def _long_weight(text: EnglishText, m: Mention) -> float:
    """In a long text the arm that opens, goes, grips or lifts does the work; one that is only named says little."""
    act = text.roles.act(m)
    if m.is_subject and act is not None and not act.is_negated and act.value in ACTIVE | {"rise"}:
        return 4.0
    if m.prep in ("with", "of", "by") or m.verb == "use":
        return 4.0
    follows = text.parse.tokens[m.end : m.end + 1]
    is_told = any(t.kind == "break" and t.text in (",", ":") for t in follows) or (act is not None and not m.is_subject)
    return 2.0 if is_told else 1.0


def is_idle(text: EnglishText, m: Mention) -> bool:
    """Whether the words around say that this arm does nothing."""
    act = text.roles.act(m)
    if text.is_long and (_is_called_idle(text, m) or _is_left_out(text, m)):
        return True
    near = text.parse.tokens[max(0, m.start - 4) : m.end + 5]
    if any(
        t.text in _BEGINNINGS and after.text not in ("to", "till", "until") for t, after in itertools.pairwise(near)
    ):
        return False
    if any(t.text in ("had", "until now") for t in text.parse.tokens[m.end : m.end + 4]):
        return False
    if m.prep == "with" and act is not None and act.value in ACTIVE:
        return False
    follows = text.parse.tokens[m.end : m.end + 1]
    if not m.prep and follows and follows[0].kind == "verb" and follows[0].form == "s" and _rests(text, m):
        return True  # "lift the cube the right arm stays home"
    is_withdrawn = act is not None and act.value == "withdraw" and m in act.objects and not text.is_long
    if is_withdrawn and any(o.kind == "arm" and o.side not in ("", m.side) for o in text.mentions):
        return True
    if act is not None and m in act.objects and not m.prep and act.at < m.start:
        goes = act.value != "see" and any(
            o.verb_at == act.at and o.prep in ("over", "to", "near", "on") and o.kind in ("object", "pronoun")
            for o in text.mentions
        )
        if act.text.startswith(_KEEPS) or goes or not (text.is_long or act.value in ("see", "state")):
            return act.text.startswith(_KEEPS) and not goes
    if (
        act is not None
        and m.is_subject
        and act.value == "wait"
        and act.text in ("stays", "remains", "stay", "remain")
        and text.is_long
        and not _holds_a_pose(text.parse.tokens, act.at + 1)
    ):
        return True
    return (text.is_long and _stands_by(text, m, act)) or _rests(text, m)


def _holds_a_pose(tokens: list[EnglishToken], at: int) -> bool:
    """ "stays open", "remains above the cube": the hand is at work."""
    return at < len(tokens) and (tokens[at].text in _POSES or tokens[at].value in ("over", "open"))


def _is_called_idle(text: EnglishText, m: Mention) -> bool:
    """ "Idle: right arm", "the idle arm is the left one"."""
    tokens = text.parse.tokens
    for i in range(m.start, max(-1, m.start - 8), -1):
        token = tokens[i]
        if (token.kind == "break" and token.text != ":") or (token.kind == "verb" and token.value not in ("be", "use")):
            return False
        if token.text in _IDLE_NAMES or (token.text in ("used", "needed") and tokens[i - 1].kind == "neg" and i):
            return True
    return False


def _is_left_out(text: EnglishText, m: Mention) -> bool:
    """ "No use is made of the left arm", "nothing is asked of it", "there is no movement of the left arm"."""
    tokens = text.parse.tokens
    if not m.prep or m.prep not in ("of", "to", "by", "with", "in", "from"):
        return False
    for i in range(m.start - 1, max(-1, m.start - 9), -1):
        if tokens[i].kind == "break" or (tokens[i].kind == "verb" and tokens[i].value in ACTIVE - {"use"}):
            return False
        if tokens[i].kind == "neg" and tokens[i].text in ("no", "nothing", "none", "never", "not", "hardly"):
            return True
    return False


def _stands_by(text: EnglishText, m: Mention, act: Act | None) -> bool:
    """ "Just sits there", "hangs out", "holds its home position": a hand that is only somewhere."""
    if act is None or not m.is_subject or act.is_negated or act.at > m.end + 3:
        return False
    if not act.text.startswith(_STANDS) or _holds_a_pose(text.parse.tokens, act.at + 1):
        return False
    near = [o for o in text.mentions if o.verb_at == act.at and o is not m and o.clause == act.clause]
    return not any(o.kind in ("object", "pronoun", "finger", "all") for o in near)


def _rests(text: EnglishText, m: Mention) -> bool:
    """Whether the words after an arm, up to the next clause, say that it rests."""
    tokens = text.parse.tokens
    verbs = 0
    for i in range(m.end, min(m.end + 16, len(tokens))):
        token = tokens[i]
        if token.text in (".", "!", "?", ";", "\n", "while", "but", "until", "when"):
            break
        if token.kind == "side" and tokens[i - 1].kind == "break" and i > m.end:
            break  # "right arm only, left stays parked"
        if begins_anew(token, i - m.end, verbs) or (not text.is_long and is_remark_begun(tokens, i)):
            break
        if token.text == "no" and i + 1 < len(tokens) and tokens[i + 1].value in ("pick", "close", "squeeze"):
            continue  # "right hand, no grasp"
        if token.kind == "neg" and tokens[i - 1].kind == "break" and not denies_work(tokens, i + 1):
            continue
        if token.kind == "neg" and token.value == "verb" and token.text.startswith(_PASSES_OVER):
            continue  # "ignores the can and lifts the ball"
        if token.kind == "neg" and not text.is_long and spares_a_thing(tokens, i + 1):
            return False
        if token.kind == "neg" and (not verbs or (i + 1 < len(tokens) and tokens[i + 1].text in _PART_TAKING)):
            return True
        if token.text in _WORKS and not (i + 1 < len(tokens) and is_nothing(tokens[i + 1])):
            return False
        if token.is_idle and any(t.text in ("from", "leaves", "leave", "leaving") for t in tokens[m.end : i]):
            continue
        if token.text == "still" and i + 1 < len(tokens) and tokens[i + 1].text in _DUTIES:
            continue  # "still has to put"
        if token.is_idle and not (token.text in ("still", "back", "home", "off") and verbs and works(tokens, m.end, i)):
            return True
        if text.is_long and token.text in _REMAINS and not verbs and not _holds_a_pose(tokens, i + 1):
            return True
        if token.kind == "verb" and token.form != "noun" and token.value not in ("be", "state"):
            verbs += 1
            if takes_no_part(tokens, i):
                return True
            is_light = token.text in _LIGHT and any(t.is_idle for t in tokens[i + 1 : i + 4])
            if not is_light and works(tokens, i, i + 1) and not is_sent_away(tokens, i):
                return False
    return False
