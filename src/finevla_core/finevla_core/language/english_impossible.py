"""What an English text may ask for that the robot cannot do: each check gives one sentence, or "" where it finds nothing."""

import itertools
import re

from finevla_core.language.english_mention_roles import PUTS
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_noun_phrase_words import FOREIGN
from finevla_core.language.english_parse_types import Act
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import EnglishText
from finevla_core.language.english_word_tables import word_set

_GIVES = re.compile(
    r"\b(?:give|hand|pass|offer|present|lend|show|sell|send|gift)s? (?:the|that|this|it)\b[^.,;]{0,30}\bto "
    r"(?:my|our|his|her|a|an|me|him|her|us|them|the "
    r"(?!left|right|bowl|other|side|dish|far|red|green|blue|yellow|purple|orange))\b"
    r"|\b(?:give|hand|pass|transfer|hands|passes)s? (?:the|that|this|it)\b[^.,;]{0,30}\b(?:to|into|over to) (?:the|your) "
    r"(?:other|left|right) (?:arm|hand|gripper|claw)\b"
)
_GIVING = re.compile(r"\b(?:give|gives|giving)\b(?! me| us)[^.,;]{0,40} $")
_BOTH_WAYS = re.compile(
    r"\b(?:turn|rotate|twist|spin|crank|swivel|knob|dial)s?(?: the)?(?: knob| dial| it)?(?: to the)? (?:left and"
    r" (?:to the )?right|"
    r"right and (?:to the )?left|left and then right|right and then left|left to right|right to left|clockwise and (?:then )?"
    r"counterclockwise|both ways|back and forth|to and fro|in both directions)\b"
)

_HURLS = ("throw", "threw", "hurl", "fling", "flung", "launch")
# Verbs of the hand or of the table that are not said of a thing that stands on it.
_MISUSES = word_set(
    """close shut tighten bite clean mop sweep neaten tidy straighten use apply employ operate utilise utilize deploy engage
    perform conduct execute command control involve extend stretch unfold empty vacate closes shuts tightens cleans tidies uses
    applies operates"""
)
_LIFTS = ("lift", "rais", "hois", "remov", "elev", "heav", "pluck", "extract", "steal", "unearth", "pull up")
_AT_A_TARGET = re.compile(
    r"\b(?:throw|hurl|fling|chuck|toss|lob|pitch)(?:s|es|ing)? [^.,;]{1,40} at (?!the (?:end|moment)|once|all|\w+ speed)"
)
_TO_A_MARK = re.compile(
    r"\bto (?:the )?(?:position|setting|number|level|step|notch|mark|value|zero|maximum|minimum|\d)"
)
_MIDDLE = frozenset(("middle", "centre", "center", "central", "third", "upper", "lower"))


def cannot(text: EnglishText, out: Decision) -> str:
    if _GIVES.search(text.words):
        return "I cannot hand things to somebody"
    if text.parse.bad:
        return f"I cannot do this {text.parse.bad[0]}"
    if out.slots.get("task") == "turn" and _BOTH_WAYS.search(text.words):
        return "you say both clockwise and counterclockwise: say one"
    for m in text.mentions:
        if m.kind == "unknown" and m.determiner in ("a", "an") and not (m.prep or m.is_negated) and _is_given(text, m):
            return f"I cannot give things a {m.unknown[-1]}"
    for act in text.positive:
        if act.value == "cannot" and not act.is_side and act.form != "noun" and _is_wanted(text, act):
            return f"I cannot {act.text} things"
        is_single = act.text.startswith(_HURLS) and any(text.is_target(m, out.target) for m in act.objects)
        if (
            act.value == "throw"
            and (is_single or "place" not in out.slots)
            and (is_single or out.slots.get("task") not in ("place", "clean"))
        ):
            return f"I cannot {act.text} things, I can put them into a bowl"
    if _AT_A_TARGET.search(text.words):
        return "I cannot throw things at something"
    return _unfinished(text) or _wrong_grip(text, out)


def _unfinished(text: EnglishText) -> str:
    """A text that stops before its end, or leaves it open whether it is wanted."""
    words = [t.text for t in text.parse.tokens]
    if any(
        (a == "or" and b == "not") or words[n : n + 3] == ["or", "do", "not"]
        for n, (a, b) in enumerate(itertools.pairwise(words))
    ):
        return "say clearly whether you want it"
    words = [w for n, w in enumerate(words) if text.parse.tokens[n].kind != "break"]
    is_stranded = len(words) > 1 and words[-2] in ("it", "them", "lift", "drop", "put", "go", "place", "take")
    if (
        words[-1:]
        and not (is_stranded and words[-1] in ("with", "in", "on", "to"))
        and words[-1] in ("on", "in", "into", "onto", "with", "to", "from", "the", "a", "of", "at", "and")
    ):
        return f"the text ends after '{words[-1]}': say the rest"
    return ""


def _wrong_grip(text: EnglishText, out: Decision) -> str:
    """A turn up or down, a grip from below, a deed "by pushing", and a squeeze without more."""
    words = [t.text for t in text.parse.tokens if t.kind != "break"]
    if out.slots.get("task") == "turn" and "turn" not in out.slots and _TO_A_MARK.search(text.words):
        return "say clockwise or counterclockwise"
    if (
        out.slots.get("task") == "turn"
        and "turn" not in out.slots
        and any(
            w in ("upwards", "downwards", "up", "down", "upward", "downward")
            and words[n - 1] in ("knob", "dial", "it", "degrees", "turn")
            for n, w in enumerate(words)
        )
    ):
        return "say clockwise or counterclockwise"
    for number, token in enumerate(text.parse.tokens[:-1]):
        if token.kind == "finger" and any(
            w in ("beneath", "underneath", "below", "under") for w in words[number : number + 12]
        ):
            return "I cannot grip from above and below"
        after = text.parse.tokens[number + 1]
        if (
            token.text in ("by", "just by")
            and after.text.endswith("ing")
            and after.kind in ("verb", "unknown", "word")
            and after.value in ("", "see", "cannot", "want", "happen")
        ):
            return f"I cannot do it by {after.text}"
    hard = [a for a in text.positive if a.value == "squeeze" and not a.is_side and a.form != "noun"]
    if hard and not any(
        a.value in ("pick", "put", "stack", "turn", "reach", "descend") for a in text.positive if a.form != "noun"
    ):
        return f"I cannot {hard[0].text} things"
    return ""


def _is_given(text: EnglishText, m: Mention) -> bool:
    """ "Give the cube a shake"."""
    before = " ".join(t.text for t in text.parse.tokens[max(0, m.start - 12) : m.start])
    return bool(_GIVING.search(before + " "))


def _is_wanted(text: EnglishText, act: Act) -> bool:
    """Whether a verb is something to do, and not "hiding behind the brick"."""
    before = text.parse.tokens[act.at - 1].text if act.at else ""
    if act.is_command or act.is_passive:
        return True
    if act.form == "ing":
        return before in ("by", "start", "mind", "try", "begin")
    return act.form == "base" or any(text.is_thing(m) or m.kind in ("arm", "bowl", "post") for m in act.objects)


def wrong_target(text: EnglishText, out: Decision) -> str:
    """Something is done to what it cannot be done to."""
    for act in text.positive:
        for m in act.objects:
            if reason := _wrong_object(text, out, act, m):
                return reason
    for m in text.mentions:
        if reason := _wrong_place(text, out, m):
            return reason
    return ""


def _wrong_object(text: EnglishText, out: Decision, act: Act, m: Mention) -> str:
    """A verb that is not said of this object."""
    if m.kind == "table" and out.slots.get("task") == "clean":
        return ""
    if (
        act.value in ("pick", "put", "turn", "stack", "open", "close", "clean")
        and m.kind in ("bowl", "post", "table")
        and act.form != "noun"
        and not m.prep
        and not (m.kind == "post" and act.text.startswith("clear"))
    ) and not (m.kind == "bowl" and (_is_tag(text, m) or (not m.determiner and act.value in ("put", "clean")))):
        return f"I cannot {act.text} the {m.head}"
    if act.value == "open" and text.is_thing(m):
        return f"I cannot open {_said(m)}"
    if (
        act.value == "squeeze"
        and text.is_thing(m)
        and not m.prep
        and act.text.startswith(("push", "press", "compress"))
    ):
        return f"I cannot {act.text} {_said(m)}"
    if m.kind in ("post", "bowl", "table") and not m.prep and act.value == "squeeze" and act.text.startswith("push"):
        return f"I cannot {act.text} the {m.head}"
    if "knob" in m.shapes and not m.prep and out.slots.get("task") == "reach" and _takes_away(text, act, m):
        return "the knob is fixed to the table"
    if act.text.startswith("empt") and m.kind == "object" and not m.prep:
        return f"I cannot empty {_said(m)}"
    if act.value == "turn" and not m.prep and _is_no_knob(text, m):
        return f"I can turn the knob only, not {_said(m)}"
    if out.slots.get("task") == "reach" and m.kind == "object" and not m.prep and act.text in _MISUSES:
        return f"I cannot {act.text} the {m.head}"
    if (
        act.value in ("pick", "put")
        and m.kind == "finger"
        and not m.prep
        and not any(text.is_thing(o) for o in act.objects)
        and act.form != "noun"
        and not act.text.startswith(("put", "plac", "bring", "hold", "keep", "get", "got", "receiv", "set"))
    ):
        return f"I cannot {act.text} a {m.head}"
    return ""


def _wrong_place(text: EnglishText, out: Decision, m: Mention) -> str:
    """A place, a tool or a property that there is not."""
    own = text.parse.tokens[max(0, m.start - 1) : m.end]
    if m.kind == "bowl" and any(t.text in _MIDDLE for t in own) and not m.is_negated:
        return "there is a left and a right bowl: say which"
    if (
        m.kind == "bowl"
        and m.prep
        and not m.side
        and not (m.is_negated or m.is_side)
        and (m.colors or m.sizes or m.unknown)
    ):
        return "there is a left and a right bowl: say which"
    if m.kind == "object" and not (m.is_negated or m.is_side) and _is_strange_use(text, out, m):
        return f"I cannot do this with {_said(m)}"
    if m.kind == "bowl" and not m.is_negated and _is_taken_too(text, m):
        return "I cannot pick up the bowl"
    if m.kind == "bowl" and not m.is_negated and _comes_out_of(text, m):
        return "I take things from the table only"
    if m.kind in ("table", "bowl") and m.prep in ("under", "through") and not m.is_negated and not m.is_side:
        return f"I cannot go {text.parse.tokens[m.start - 1].text} the {m.head}"
    if m.entity < 0 or m.is_negated:
        return ""
    if len(set(m.colors)) > 1:
        return f"you say both {m.colors[0]} and {m.colors[1]}: say one"
    if len(set(m.sizes)) > 1:
        return "you say both small and big: say one"
    if m.prep == "in" and m.kind == "object" and text.roles.act(m) is not None and m.verb in PUTS:
        return f"I cannot put things into the {m.head}"
    return ""


def _is_strange_use(text: EnglishText, out: Decision, m: Mention) -> bool:
    """ "Lift the ball using the cube", "turn over the can"."""
    before = text.parse.tokens[m.start - 1].text if m.start else ""
    act = text.roles.act(m)
    is_tool = before in ("using", "by means of", "with the help of", "employing") and not text.is_target(m, out.target)
    ends = m.end == len(text.parse.tokens) or text.parse.tokens[m.end].kind == "break"
    is_lifted = act is not None and act.value == "pick" and any(text.is_target(o, out.target) for o in act.objects)
    is_tool = is_tool or (before == "with" and ends and is_lifted and not text.is_target(m, out.target))
    is_turned = (
        before == "over" and act is not None and act.value == "turn" and act.at == m.start - 2 and _is_no_knob(text, m)
    )
    return is_tool or (is_turned and not act.is_negated if act is not None else False)


def _takes_away(text: EnglishText, act: Act, m: Mention) -> bool:
    """ "Lift the knob", "take the dial off the table"."""
    tokens = text.parse.tokens
    is_up = any(
        t.text in ("up", "off", "away", "out") for t in (*tokens[act.at + 1 : m.start], *tokens[m.end : m.end + 1])
    )
    return act.value in ("put", "stack", "throw") or act.text.startswith(_LIFTS) or (act.value == "pick" and is_up)


def _is_taken_too(text: EnglishText, m: Mention) -> bool:
    """ "Pick up the cube and the bowl"."""
    tokens = text.parse.tokens
    picked = {o.end for a in text.positive if a.value == "pick" for o in a.objects}
    ends = m.end == len(tokens) or tokens[m.end].kind == "break"
    return not m.prep and m.start > 1 and tokens[m.start - 1].text == "and" and m.start - 1 in picked and ends


def _said(m: Mention) -> str:
    return m.head if m.kind == "pronoun" else f"the {m.head}"


def _is_no_knob(text: EnglishText, m: Mention) -> bool:
    entity = text.entity(m)
    is_it = m.kind == "pronoun" and text.is_thing(m) and entity is not None and entity.shape not in ("", "knob")
    return is_it or (m.kind == "object" and bool(m.shapes) and m.shapes[0] != "knob")


def _comes_out_of(text: EnglishText, m: Mention) -> bool:
    """ "Take the ball out of the left bowl"."""
    act, before = text.roles.act(m), text.parse.tokens[m.start - 1].text if m.start else ""
    is_taken = act is not None and act.value in ("pick", "put", "throw") and not (act.is_negated or act.is_side)
    return is_taken and not m.is_side and before in ("out of", "from", "from inside", "off")


def _is_tag(text: EnglishText, m: Mention) -> bool:
    tokens = text.parse.tokens
    return m.start > 0 and tokens[m.start - 1].kind == "break"


def wrong_arms(text: EnglishText, out: Decision) -> str:
    for m in text.mentions:
        if (
            m.kind == "arm"
            and m.determiner in FOREIGN
            and not m.is_side
            and not (m.is_subject and m.verb == "be")
            and (m.prep or m.verb in ("pick", "use", "put"))
        ):
            return "I can use my own arms only"
        act = text.roles.act(m)
        is_report = act is not None and (act.is_hypothetical or act.value in ("be", "state", "see", "wait"))
        if m.kind == "object" and m.determiner == "both" and not m.is_negated and not is_report:
            return "one thing at a time: say only the first job"
        if (
            m.kind == "arm"
            and not m.is_negated
            and (m.determiner in ("both", "each") or (m.is_plural and m.prep == "with" and not m.side))
        ):
            act = text.roles.act(m)
            if act is None or act.value not in ("state", "see") or act.text in ("let", "make", "have"):
                return "I use one arm at a time: say which"
        if (
            m.kind == "finger"
            and m.is_plural
            and any(
                t.text.split()[-1] in ("three", "four", "five") for t in text.parse.tokens[max(0, m.start - 1) : m.end]
            )
        ):
            return "I have two fingers on each hand"
    tokens = text.parse.tokens
    for number, token in enumerate(tokens):
        ends = number + 1 == len(tokens) or tokens[number + 1].kind == "break"
        if token.text == "both" and ends and any(m.kind == "arm" and not m.is_negated for m in text.mentions):
            return "I use one arm at a time: say which"
    if any(m.kind == "arm" and m.determiner == "neither" and not m.side for m in text.mentions) and "task" in out.slots:
        return "you exclude both arms"
    sides = [m for m in text.mentions if m.kind == "arm" and m.side]
    negated = {m.side for m in sides if m.is_negated}
    if len(negated) == 2:
        return "you exclude both arms"
    if (
        len(negated) == 1
        and all(m.side in negated for m in sides)
        and any(not m.is_negated and m.prep == "with" for m in sides)
    ):
        return "you say an arm and exclude it"
    return ""


def no_end(text: EnglishText, out: Decision) -> str:
    """Something shall be put, and it is not said where, or somewhere where nothing can be put."""
    if out.support is not None and out.support.shape == "knob":
        return "I cannot put things onto the knob"
    if out.slots.get("task") in ("place", "stack", "clean", "turn") or out.slots.get("path"):
        return ""
    for act in text.positive:
        if act.text.startswith("lower") and all(m.kind == "pronoun" for m in act.objects) and _grips_after(text, act):
            continue  # "the gripper above the can, lower it, close"
        if (act.value in PUTS and act.form != "noun" and any(text.is_thing(m) for m in act.objects)) or (
            act.value in PUTS and text.is_target(act.subject, out.target)
        ):
            return "I can put things into a bowl or onto another object: say where"
    return ""


def _grips_after(text: EnglishText, act: Act) -> bool:
    return any(a.at > act.at and a.value in ("close", "pick") for a in text.positive) and any(
        m.kind == "arm" and m.start < act.at for m in text.mentions
    )
