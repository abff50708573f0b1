"""Decides how an English text wants it done: which arm, from which side, held how, past the post how, turned which way."""

import re

from finevla_core.language.english_acting_arm import decide_arm
from finevla_core.language.english_approach import way_of_coming
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_parse_types import Cue
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import EnglishText
from finevla_core.language.english_tokens import END, EnglishToken
from finevla_core.language.english_word_tables import word_set

OPPOSITE = {"clockwise": "counterclockwise", "counterclockwise": "clockwise", "over": "round", "round": "over"}
_FAR = frozenset(
    (
        "in front",
        "in front of",
        "ahead",
        "ahead of",
        "front",
        "before",
        "on the far side of",
        "beyond",
        "far",
        "far side",
    )
)
_NEAR = frozenset(("behind", "back", "rear", "on the near side of", "near", "near side", "in back of"))
_APART = word_set("apart open spread wide parted opened")
_TRAVELS = word_set(
    "approach entry access translation displacement offset travel motion move movement transfer swing shift drift"
)
_PARTED = word_set("one a each both either")
_SELF = word_set("robot you yourself us base it itself body")
_FARTHEST = frozenset(("furthest", "farthest", "furthest from", "farthest from", "away", "distant", "remote", "outer"))
_NEAREST = frozenset(("nearest", "closest", "nearest to", "closest to", "nearer", "closer", "close to", "near to"))
_GRIP_ONLY = frozenset(
    ("sideways", "across", "lateral", "laterally", "left and right", "left to right", "right to left")
)
_NO = r"(?:not|never|without going|in no event|in no case|by no means|rather than|instead of|on no account) "
_LONG_FACES = re.compile(
    r"(?<!along the )(?<!along its )\b(?:long|longer|broad) (?:sides?|edges?|faces?)\b|\b(?:its|the) (?:width|breadth)\b"
)
_ENDS = re.compile(
    r"\b(?:its|the|by|both|two|at|opposite) (?:its |the )?(?:(?:two|both|opposite|short|narrow|small) )*ends\b"
    r"(?! of the (?:table|desk))|\b(?:short|shorter|narrow|narrower|end) (?:sides|edges|faces)\b"
    r"|\b(?:at|by|from) (?:either|each) end\b|\b(?:its|the) length\b|along \w+ long"
)
_DENIES = re.compile(r"\b(?:not|never|without|instead of|rather than)(?: \w+){0,4} ?$")


def decide_manner(text: EnglishText, out: Decision) -> None:
    """Fill in arm, approach, grasp, path and turn."""
    decide_arm(text, out)
    _approach(text, out)
    _grasp(text, out)
    _path(text, out)
    if out.slots.get("task") == "turn":
        _turn(text, out)


# ---- approach, grasp


def _cues(text: EnglishText, slot: str) -> list[Cue]:
    """Live cues of a slot, in order; a correction kills what was said before it."""
    cues = [c for c in text.parse.cues if c.slot == slot and not c.is_hypothetical]
    for number, cue in enumerate(cues):
        if cue.is_repair:
            for earlier in cues[:number]:
                earlier.is_dead = True
    return [c for c in cues if not c.is_dead]


def _approach(text: EnglishText, out: Decision) -> None:
    values = [c.value for c in _cues(text, "approach") if not c.is_negated]
    way = way_of_coming(text, out) if not set(values) - {"near", "below", "top"} else ""
    if way in ("left", "right") or (way == "front" and "top" not in values):
        out.slots["approach"] = way
        return
    bad = [value for value in values if value in ("near", "below")]
    if bad and len(bad) == len(values):
        out.problem = out.problem or f"I cannot come {'from below' if bad[0] == 'below' else 'from the near side'}"
    if bad and len(bad) < len(values) and not text.is_long:
        out.problem = out.problem or "you say two sides to come from: say one"
    values = [value for value in values if value not in ("near", "below")]
    if not text.is_long and set(values) & {c.value for c in _cues(text, "approach") if c.is_negated}:
        out.problem = out.problem or "you say a side to come from, and exclude it"
    if not values:
        if way := way or _goes_to_a_side(text, out):
            out.slots["approach"] = way
        return
    if len(set(values)) > 1 and not text.is_long:
        out.problem = out.problem or "you say two sides to come from: say one"
    out.slots["approach"] = max(values, key=lambda value: (values.count(value), -values.index(value)))


def _goes_to_a_side(text: EnglishText, out: Decision) -> str:
    """ "go to the far side of the cube", "move the gripper to the right side of the "
    "can"; "" where nothing is like that."""
    tokens = text.parse.tokens
    for act in text.positive:
        if act.value != "reach":
            continue
        ends = " ".join(t.text for t in tokens[act.at + 1 : act.at + 8])
        is_post = any(t.kind == "post" for t in tokens[act.at : act.at + 12])
        if (
            not is_post
            and not text.is_long
            and any(way in ends for way in ("the far side of", "its far side", "the front of the", "far side of"))
        ):
            return "front"
        for m in text.mentions:
            if m.verb_at != act.at:
                continue
            if (
                m.kind == "part"
                and m.side
                and m.prep in ("to", "on", "near")
                and tokens[m.end : m.end + 1]
                and tokens[m.end].text == "of"
            ):
                return m.side
            is_behind = m.prep == "near" and m.start > 0 and tokens[m.start - 1].text in ("behind", "beyond")
            if is_behind and act.is_command and text.is_target(m, out.target) and not text.is_long:
                return "front"
    return ""


def _grasp(text: EnglishText, out: Decision) -> None:
    cues = [c for c in _cues(text, "grasp") if not _is_way_to_move(text, c)]
    if out.slots.get("task") == "clean":  # "work from left to right"
        cues = [c for c in cues if not text.parse.tokens[c.at].text.endswith(("left to right", "right to left"))]
    fingers = [] if any(c.is_repair for c in cues) else _fingers(text)
    values = [c.value for c in cues if not c.is_negated] or fingers[:1]
    if len({*values, *fingers}) > 1 and not text.is_long:
        out.problem = out.problem or "you say both sideways and lengthways: say one"
    values = values or _faces_of_a_brick(text, out)
    if values:
        out.slots["grasp"] = values[-1]


def _faces_of_a_brick(text: EnglishText, out: Decision) -> list[str]:
    """ "By its long sides", "at both ends": a brick that is held there is held across or along, as people call it."""
    if out.target is None or out.target.shape != "brick":
        return []
    for way, faces in (("sideways", _LONG_FACES), ("lengthways", _ENDS)):
        if any(not _DENIES.search(text.words[: hit.start()]) for hit in faces.finditer(text.words)):
            return [way]
    return []


def _is_way_to_move(text: EnglishText, cue: Cue) -> bool:
    """Whether "sideways" or "across" says where something moves, and not how it is held."""
    if text.parse.tokens[cue.at].text in ("near and far", "far and near") and cue.verb not in (
        "pick",
        "squeeze",
        "close",
    ):
        return not any(t.kind == "finger" or t.text in ("grip", "grasp", "hold") for t in text.parse.tokens)
    after = text.parse.tokens[cue.at + 1].text if cue.at + 1 < len(text.parse.tokens) else ""
    if after == "of" and any(t.kind in ("post", "table", "bowl") for t in text.parse.tokens[cue.at + 2 : cue.at + 5]):
        return True
    is_vague = after == "of" and text.parse.tokens[cue.at].text.endswith("either side")
    if is_vague or after.partition(" ")[0] in _TRAVELS:
        return True  # "closes its fingers on either side of it"
    if text.parse.tokens[cue.at].text not in _GRIP_ONLY or after in (
        "sides", "faces", "ends", "edges", "face", "side", "grasp", "grip", "hold", "pinch", "pick",
    ):  # fmt: skip
        return False
    words = [t.text for t in text.parse.tokens[max(0, cue.at - 3) : cue.at]]
    if (
        (text.is_long or words[-1:] == ["it"])
        and text.parse.tokens[cue.at].text == "across"
        and any(w.startswith(("tak", "took")) for w in words)
    ):
        return True
    return cue.verb not in ("pick", "squeeze", "close") and (text.is_long or cue.verb not in ("", "be", "turn"))


def _fingers(text: EnglishText) -> list[str]:
    """Where the fingers go, one by one."""
    tokens = text.parse.tokens
    ways: list[str] = []
    is_fingers = any(t.kind == "finger" for t in tokens)
    for start, token in enumerate(tokens):
        is_one = text.is_long and token.text == "one" and any(t.text == "other" for t in tokens[start + 1 : start + 24])
        is_one = is_one or (is_fingers and token.text == "one" and _is_first_of_two(tokens, start))
        if token.kind != "finger" and not is_one and not (text.is_long and token.text == "contact"):
            continue
        if _is_pose(tokens, start) or _is_denied(tokens, start):
            continue
        marks = _marks(tokens, start)
        if {"left", "right"} <= marks:
            ways.append("sideways")
        elif {"far", "near"} <= marks:
            ways.append("lengthways")
    return ways


def _is_denied(tokens: list[EnglishToken], at: int) -> bool:
    """ "Not with the fingers at left and right"."""
    for token in reversed(tokens[max(0, at - 4) : at]):
        if token.kind in ("break", "verb"):
            return False
        if token.kind == "neg" or token.value == "instead":
            return True
    return False


def _is_first_of_two(tokens: list[EnglishToken], at: int) -> bool:
    """ "One in front, one at the back": said of fingers that were named before."""
    if at + 1 >= len(tokens) or tokens[at + 1].kind not in ("prep", "word", "side", "approach"):
        return False
    for token in tokens[at + 1 : at + 12]:
        if token.text in END:
            return False
        if token.text in ("one", "other", "another"):
            return True
    return False


def _is_pose(tokens: list[EnglishToken], start: int) -> bool:
    """Whether "open fingers, ..." or "fingers apart, ..." only says how the hand is, and not where its fingers go."""
    kinds = [t.kind for t in tokens[start + 1 : start + 3]]
    if start and tokens[start - 1].text in ("open", "opened", "spread") and kinds[:1] == ["break"]:
        return kinds[1:] == [] or tokens[start + 2].text not in ("one", "each", "a")
    follows = tokens[start + 3].text if start + 3 < len(tokens) else "one"
    return kinds[1:] == ["break"] and tokens[start + 1].text in _APART and follows not in _PARTED


def _marks(tokens: list[EnglishToken], start: int) -> set[str]:
    marks: set[str] = set()
    for i in range(start, min(start + 24, len(tokens))):
        token = tokens[i]
        if token.text in (".", "!", "?", "\n") or (token.kind == "neg" and i < start + 2):
            break
        if token.kind == "neg" and i < start + 4 and tokens[i + 1 : i + 2] and tokens[i + 1].kind == "verb":
            break  # "the fingers should not be left and right"
        words = token.text.split()
        is_other = i + 1 < len(tokens) and tokens[i + 1].kind in ("arm", "bowl", "shape")
        for side in ("left", "right"):
            if side in words and not is_other and token.kind in ("side", "prep", "grasp", "word"):
                marks.add(side)
        if (
            token.text in ("beside", "on either side of")
            and i <= start + 2
            and i + 1 < len(tokens)
            and tokens[i + 1].text == "it"
        ):
            marks |= {"left", "right"}
        is_far = token.text in _FAR or token.text in _FARTHEST
        if is_far or (token.kind == "approach" and token.value == "front") or token.text == "away from":
            marks.add("far")
        elif (
            (
                token.text in ("towards", "toward", "facing")
                and tokens[i + 1 : i + 3]
                and any(t.text in _SELF for t in tokens[i + 1 : i + 3])
            )
            or token.text in _NEAREST
            or (token.kind == "approach" and token.value == "near")
            or (token.text in _NEAR and not (token.text == "back" and tokens[i - 1].kind == "verb"))
        ):
            marks.add("near")
    return marks


# ---- path, turn


def _path(text: EnglishText, out: Decision) -> None:
    if way := _ways_compared(text):
        out.slots["path"] = way
        return
    values: list[tuple[str, bool, bool, bool]] = []
    last: Mention | None = None
    for m in text.mentions:
        is_carried = out.slots.get("task") not in ("pick", "reach", "turn")
        is_post = m.kind == "post" or (m.kind == "pronoun" and is_carried and _is_post(text, m, last))
        if is_post and m.prep in ("over", "round") and not m.is_hypothetical:
            values.append((m.prep, m.is_negated, m.is_repair, m.is_side))
        elif m.kind == "post" and m.prep in ("under", "through") and not m.is_negated:
            out.problem = out.problem or f"I cannot carry things {m.prep} the post"
        if m.kind in ("post", "object", "all"):
            last = m
    if any(not is_side for _, _, _, is_side in values):
        values = [value for value in values if not value[3]]
    yes = [value for value, is_negated, _, _ in values if not is_negated]
    no = [value for value, is_negated, _, _ in values if is_negated]
    if len(set(yes)) > 1 and not text.is_long and not values[-1][2]:
        out.problem = out.problem or "you say both over and round the post: say one"
    if set(yes) & set(no) and not text.is_long:
        out.problem = out.problem or "you say a way past the post, and exclude it"
    if yes:
        out.slots["path"] = yes[0] if text.is_long and yes.count(yes[0]) >= yes.count(yes[-1]) else yes[-1]
    elif no:
        out.slots["path"] = OPPOSITE[no[-1]]
    elif any(m.kind == "post" for m in text.mentions):
        _bare_path(text, out)


def _is_post(text: EnglishText, m: Mention, last: Mention | None) -> bool:
    """Whether "over it" is over the post: it was named last, or something else is carried over it."""
    if last is None or last.kind == "post":
        return last is not None
    act = text.roles.act(m)
    is_carried = act is not None and any(text.is_thing(other) for other in act.objects if other is not m)
    return is_carried and any(other.kind == "post" and other.start < m.start for other in text.mentions)


_ROUND_NOT_OVER = re.compile(
    rf"\b(around|round|past|at the side)( of it| it)? ,? ?(and |but )?{_NO}(over|above|overhead)\b"
)
_OVER_NOT_ROUND = re.compile(
    rf"\b(over|above|over the top|overhead)( of it| it)? ,? ?(and |but )?{_NO}(around|round|past)\b"
)
_BY_SIDE = re.compile(
    r"\b(post|pole|rod|pillar|column|stick|mast|obstacle|barrier|stake)\b[^.!?]{0,60}\b"
    r"(passed|pass it|avoided|rounded|circled|bypassed|circumvented|skirted|sidestepped|"
    r"(at|by|on|to|along) (the|its|one|either) side)\b(?! over| above)"
    r"|\bpass(es|ing|ed)? the (thin |slim )?(post|pole|rod|pillar|column|stick) (at|by|on|along) (the|its|one) (\w+ )?"
    r"(side|outside|left|right)\b"
    r"|\b(skirt|bypass|circumvent|sidestep|circle|round)(s|ing|es)? (around )?the (thin |slim )?"
    r"(post|pole|rod|pillar|column|stick)\b"
)
_ABOVE = re.compile(
    r"\b(post|pole|rod|pillar|column|stick|mast|obstacle|barrier|stake)\b[^.!?]{0,60}\b"
    r"(cleared|passed|crossed|taken) (from above|overhead|above|over|at the top)\b"
    r"|\b(clear|clears|clearing|cross|crosses|crossing|vault|hurdle) the (top of the )?(thin |slim )?(post|pole|rod|"
    r"pillar)\b"
)


def _ways_compared(text: EnglishText) -> str:
    """ "around, and not over, the post"; "" where no two ways are set against each other."""
    if not any(m.kind == "post" for m in text.mentions):
        return ""
    words = text.words
    for way, pattern, other in (("round", _ROUND_NOT_OVER, "over"), ("over", _OVER_NOT_ROUND, "round")):
        if (hit := pattern.search(words)) is not None:
            rest = words[: hit.start()] + words[hit.end() :]
            return "" if re.search(rf"\b{other} the (thin |slim )?(post|pole|rod|pillar)\b", rest) else way
    return ""


def _bare_path(text: EnglishText, out: Decision) -> None:
    """ "there is a post, so take it around": the post is understood."""
    tokens = text.parse.tokens
    words = " ".join(t.text for t in tokens)
    if _ABOVE.search(words):
        out.slots["path"] = "over"
    elif _BY_SIDE.search(words):
        out.slots["path"] = "round"
    for number, token in enumerate(tokens):
        is_denied = any(t.kind in ("neg", "finger") for t in tokens[max(0, number - 2) : number])
        follows = tokens[number + 1] if number + 1 < len(tokens) else None
        if (
            token.text == "over"
            and not is_denied
            and not text.is_long
            and (follows is None or follows.kind == "break" or follows.text == "with")
        ):
            out.slots.setdefault("path", "over")
        if token.text in ("around", "round", "detour") and not is_denied:
            out.slots["path"] = "round"


def _turn(text: EnglishText, out: Decision) -> None:
    cues = _cues(text, "turn")
    tokens = text.parse.tokens
    for m in text.mentions:
        before = [a for a in text.parse.acts if a.at < m.start and a.sentence == m.sentence]
        near = tokens[max(0, m.start - 5) : m.start]
        is_noun = any(t.value == "turn" and t.kind == "verb" for t in near) and not any(t.kind == "break" for t in near)
        is_bare = not text.is_long and not text.parse.acts
        is_after = (
            is_bare or is_noun or (m.is_repair and m.verb == "turn") or (bool(before) and before[-1].value == "turn")
        )
        is_after = is_after or (not text.is_long and m.prep == "to" and any(a.value == "turn" for a in before))
        follows = [t.value or t.kind for t in tokens[m.end : m.end + 2]]
        is_after = is_after or follows in (["turn"], ["turn", "break"])  # "right turn"
        is_of_knob = m.kind == "part" and tokens[m.end : m.end + 1] != [] and tokens[m.end].text in ("of", "from")
        is_way = m.kind == "side" or (m.kind == "part" and m.prep in ("", "to", "in") and not is_of_knob)
        if is_way and m.side and is_after:
            value = "clockwise" if m.side == "right" else "counterclockwise"
            cues.append(Cue("turn", value, m.start, m.sentence, m.clause, "turn", is_negated=m.is_negated))
    if any(c.verb == "turn" and not c.is_negated for c in cues):
        cues = [c for c in cues if c.verb in ("turn", "")]
    yes = [c.value for c in cues if not c.is_negated]
    no = [c.value for c in cues if c.is_negated]
    if len(set(yes)) > 1:
        out.problem = out.problem or "you say both clockwise and counterclockwise: say one"
    elif yes:
        out.slots["turn"] = yes[-1]
    elif len(set(no)) > 1:
        out.problem = out.problem or "you exclude both ways to turn it"
    elif no:
        out.slots["turn"] = OPPOSITE[no[-1]]
