"""Decides how an English text wants it done: which arm, from which side, held how, past the post how, turned which way."""

import re

from finevla_core.language.english_clauses import Act, Cue
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_roles import WORK
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import Text
from finevla_core.language.english_tokens import Token

OPPOSITE = {"clockwise": "counterclockwise", "counterclockwise": "clockwise", "over": "round", "round": "over"}
_ACTIVE = WORK | {"use", "descend", "close", "open", "clean"}
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
_GRIP_ONLY = frozenset(
    ("sideways", "across", "lateral", "laterally", "left and right", "left to right", "right to left")
)


def decide_manner(text: Text, out: Decision) -> None:
    """Fill in arm, approach, grasp, path and turn."""
    _arm(text, out)
    _approach(text, out)
    _grasp(text, out)
    _path(text, out)
    if out.slots.get("task") == "turn":
        _turn(text, out)


# ---- arm


def _arm(text: Text, out: Decision) -> None:
    scores, active = {"left": 0.0, "right": 0.0}, {"left": 0, "right": 0}
    for m in text.mentions:
        if m.kind != "arm" or not m.side or (m.is_plural and not m.determiner):
            continue
        if m.is_negated:
            is_strange = text.is_long and text.roles.act(m) is None and not m.prep
            scores[m.side] -= 3.0 if m.prep in ("", "with", "of") and not is_strange else 0.0
        elif is_idle(text, m):
            scores[m.side] -= 3.0
        else:
            if m.is_hypothetical:
                continue
            if m.is_side and not m.prep and not _has_work(text, m):
                scores[m.side] += 0.5
                continue
            active[m.side] += 1
            scores[m.side] += _arm_weight(text, m)
    for m in text.mentions:
        if m.kind == "pronoun" and m.verb == "use" and not m.prep and not m.is_negated:
            before = [a.side for a in text.mentions if a.kind == "arm" and a.side and a.start < m.start]
            if before:
                scores[before[-1]] += 6.0
    left, right = scores["left"], scores["right"]
    if active["left"] and active["right"] and not text.is_long and left > -1 and right > -1:
        out.problem = "you say both left and right arm: say one"
    elif left > right and left >= 0:
        out.slots["arm"] = "left"
    elif right > left and right >= 0:
        out.slots["arm"] = "right"


def _has_work(text: Text, m: Mention) -> bool:
    return any(a.clause == m.clause and a.value in _ACTIVE and a.form != "noun" for a in text.parse.acts)


def _arm_weight(text: Text, m: Mention) -> float:
    act = text.roles.act(m)
    if m.prep == "with" or m.verb == "use":
        return 3.0
    if m.is_subject and act is not None:
        return 2.0 if act.value in WORK or act.form == "base" else 1.0
    return 2.0


def is_idle(text: Text, m: Mention) -> bool:
    """Whether the words around say that this arm does nothing."""
    act = text.roles.act(m)
    if any(t.text in _BEGINNINGS for t in text.parse.tokens[max(0, m.start - 4) : m.end + 4]):
        return False
    if m.prep == "with" and act is not None and act.value in _ACTIVE:
        return False
    if act is not None and m in act.objects and not m.prep and act.at < m.start:
        goes = any(
            o.verb_at == act.at and o.prep in ("over", "to", "near", "on") and o.kind in ("object", "pronoun")
            for o in text.mentions
        )
        return act.text.startswith(_KEEPS) and not goes
    if (
        act is not None
        and m.is_subject
        and act.value == "wait"
        and act.text in ("stays", "remains", "stay", "remain")
        and text.is_long
    ):
        return True
    return _rests(text, m)


def _rests(text: Text, m: Mention) -> bool:
    """Whether the words after an arm, up to the next clause, say that it rests."""
    tokens = text.parse.tokens
    verbs = 0
    for i in range(m.end, min(m.end + 16, len(tokens))):
        token = tokens[i]
        if token.text in (".", "!", "?", ";", "\n", "while", "but", "until", "when"):
            break
        if _begins_anew(token, i - m.end, verbs):
            break
        if token.kind == "neg" and (not verbs or (i + 1 < len(tokens) and tokens[i + 1].text == "moving")):
            return True
        if token.is_idle and any(t.text in ("from", "leaves", "leave", "leaving") for t in tokens[m.end : i]):
            continue
        if token.is_idle and not (
            token.text in ("still", "back", "home", "off") and verbs and _works(tokens, m.end, i)
        ):
            return True
        if (
            text.is_long
            and token.value == "wait"
            and token.text in ("remain", "remains", "stay", "stays")
            and not verbs
        ):
            return True
        if token.kind == "verb" and token.form != "noun" and token.value not in ("be", "state"):
            verbs += 1
            if i + 1 < len(tokens) and tokens[i + 1].kind == "neg":
                return True  # "takes no part"
            if _works(tokens, i, i + 1) and not _is_sent_away(tokens, i):
                return False
    return False


def _begins_anew(token: Token, distance: int, verbs: int) -> bool:
    return (token.kind == "break" and token.text == "," and verbs > 0) or (
        token.kind in ("bowl", "arm") and distance > 0
    )


def _works(tokens: list[Token], start: int, end: int) -> bool:
    return any(
        t.kind == "verb" and t.value in _ACTIVE and t.form != "noun" and not t.is_idle for t in tokens[start:end]
    )


def _is_sent_away(tokens: list[Token], at: int) -> bool:
    return any(
        t.text in ("out of the way", "out of it", "aside", "home", "as far away as", "away")
        for t in tokens[at + 1 : at + 5]
    )


# ---- approach, grasp


def _cues(text: Text, slot: str) -> list[Cue]:
    """Live cues of a slot, in order; a correction kills what was said before it."""
    cues = [c for c in text.parse.cues if c.slot == slot and not c.is_hypothetical]
    for number, cue in enumerate(cues):
        if cue.is_repair:
            for earlier in cues[:number]:
                earlier.is_dead = True
    return [c for c in cues if not c.is_dead]


def _approach(text: Text, out: Decision) -> None:
    values = [c.value for c in _cues(text, "approach") if not c.is_negated]
    bad = [value for value in values if value in ("near", "below")]
    if bad and len(bad) == len(values) and not text.is_long:
        out.problem = out.problem or f"I cannot come {'from below' if bad[0] == 'below' else 'from the near side'}"
    values = [value for value in values if value not in ("near", "below")]
    if not values:
        if text.is_long and _COMES_BACK.search(" ".join(t.text for t in text.parse.tokens)):
            out.slots["approach"] = "front"
        elif side := _goes_to_a_side(text, out):
            out.slots["approach"] = side
        elif _comes_down(text, out):
            out.slots["approach"] = "top"
        return
    if len(set(values)) > 1 and not text.is_long:
        out.problem = out.problem or "you say two sides to come from: say one"
    out.slots["approach"] = max(values, key=lambda value: (values.count(value), -values.index(value)))


_COMES_BACK = re.compile(
    r"\b(past|beyond|behind|far side|away from|other side|faces away)\b[^.!?]{0,130}"
    r"\b((back|pulled in|draw in|pulls? it) (to|toward|towards) (the robot|yourself|itself|you|its base)|"
    r"(draws?|drawn|pulls?|pulled|comes?|returns?|brought|bring) (it )?back|back (to|towards|toward) the robot)\b"
)


def _goes_to_a_side(text: Text, out: Decision) -> str:
    """ "go to the far side of the cube", "move the gripper to the right side of the can"; "" where nothing is like that."""
    tokens = text.parse.tokens
    for act in text.positive:
        if act.value != "reach":
            continue
        ends = " ".join(t.text for t in tokens[act.at + 1 : act.at + 8])
        is_post = any(t.kind == "post" for t in tokens[act.at : act.at + 12])
        if not is_post and any(
            way in ends for way in ("the far side of", "its far side", "the front of the", "far side of")
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


def _comes_down(text: Text, out: Decision) -> bool:
    """Whether the hand is lowered onto the target: that is from above, without being said so."""
    grips = [a.at for a in text.positive if a.value in ("pick", "close", "put") and a.form != "noun"]
    return any(_lands_on_target(text, out, act) for act in text.positive if not any(at < act.at for at in grips))


def _lands_on_target(text: Text, out: Decision, act: Act) -> bool:
    is_lowered = act.text.startswith("lower")
    if not is_lowered and act.value != "descend":
        return False
    subject = act.subject.kind if act.subject is not None else ""
    is_hand = any(m.kind in ("arm", "finger") or m.head == "itself" for m in act.objects)
    is_hand = is_hand or (not act.objects and (subject in ("arm", "finger", "pronoun") or act.is_command))
    onto = [m for m in text.mentions if m.verb_at == act.at and m.prep in ("on", "over", "to", "round")]
    is_target = any(text.is_target(m, out.target) for m in onto)
    return is_hand and (is_target or (subject != "pronoun" and any(m.kind in ("object", "pronoun") for m in onto)))


def _grasp(text: Text, out: Decision) -> None:
    cues = [c for c in _cues(text, "grasp") if not _is_way_to_move(text, c)]
    values = [c.value for c in cues if not c.is_negated] or _fingers(text)
    if len(set(values)) > 1 and not text.is_long:
        out.problem = out.problem or "you say both sideways and lengthways: say one"
    if values:
        out.slots["grasp"] = values[-1]


def _is_way_to_move(text: Text, cue: Cue) -> bool:
    """Whether "sideways" or "across" says where something moves, and not how it is held."""
    after = text.parse.tokens[cue.at + 1].text if cue.at + 1 < len(text.parse.tokens) else ""
    if text.parse.tokens[cue.at].text not in _GRIP_ONLY or after in ("sides", "faces", "ends", "edges", "face", "side"):
        return False
    return cue.verb not in ("pick", "squeeze", "close") and (text.is_long or cue.verb not in ("", "be", "turn"))


def _fingers(text: Text) -> list[str]:
    """Where the fingers go, one by one."""
    tokens = text.parse.tokens
    for start, token in enumerate(tokens):
        if token.kind != "finger" and not (text.is_long and token.text == "contact"):
            continue
        marks = _marks(tokens, start)
        if {"left", "right"} <= marks:
            return ["sideways"]
        if {"far", "near"} <= marks:
            return ["lengthways"]
    return []


def _marks(tokens: list[Token], start: int) -> set[str]:
    marks: set[str] = set()
    for i in range(start, min(start + 24, len(tokens))):
        token = tokens[i]
        if token.text in (".", "!", "?", "\n") or (token.kind == "neg" and i < start + 2):
            break
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
        if token.text in _FAR or (token.kind == "approach" and token.value == "front"):
            marks.add("far")
        elif (token.kind == "approach" and token.value == "near") or (
            token.text in _NEAR and not (token.text == "back" and tokens[i - 1].kind == "verb")
        ):
            marks.add("near")
    return marks


# ---- path, turn


def _path(text: Text, out: Decision) -> None:
    values: list[tuple[str, bool, bool, bool]] = []
    last: Mention | None = None
    for m in text.mentions:
        is_post = m.kind == "post" or (m.kind == "pronoun" and _is_post(text, m, last))
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


def _is_post(text: Text, m: Mention, last: Mention | None) -> bool:
    """Whether "over it" is over the post: it was named last, or something else is carried over it."""
    if last is None or last.kind == "post":
        return last is not None
    act = text.roles.act(m)
    is_carried = act is not None and any(text.is_thing(other) for other in act.objects if other is not m)
    return is_carried and any(other.kind == "post" and other.start < m.start for other in text.mentions)


def _bare_path(text: Text, out: Decision) -> None:
    """ "there is a post, so take it around": the post is understood."""
    for token in text.parse.tokens:
        if token.text in ("around", "round", "detour"):
            out.slots["path"] = "round"


def _turn(text: Text, out: Decision) -> None:
    cues = _cues(text, "turn")
    tokens = text.parse.tokens
    for m in text.mentions:
        before = [a for a in text.parse.acts if a.at < m.start and a.sentence == m.sentence]
        near = tokens[max(0, m.start - 5) : m.start]
        is_noun = any(t.value == "turn" and t.kind == "verb" for t in near) and not any(t.kind == "break" for t in near)
        is_bare = not text.is_long and not text.parse.acts
        is_after = is_bare or is_noun or (bool(before) and before[-1].value == "turn")
        if m.kind == "side" and m.side and is_after:
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
    elif no:
        out.slots["turn"] = OPPOSITE[no[-1]]
