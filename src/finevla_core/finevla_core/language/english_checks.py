"""What an English text may ask for that the robot cannot do: each check gives one sentence, or "" where it finds nothing."""

import itertools
import re

from finevla_core.language.english_clauses import Act
from finevla_core.language.english_entities import Entity
from finevla_core.language.english_mentions import FOREIGN, Mention
from finevla_core.language.english_roles import PUTS, WORK
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import Text

_GIVES = re.compile(
    r"\b(?:give|hand|pass|offer|present|lend|show|sell|send|gift)s? (?:the|that|this|it)\b[^.,;]{0,30}\bto "
    r"(?:my|our|his|her|a|an|me|him|her|us|them|the "
    r"(?!left|right|bowl|other|side|dish|far|red|green|blue|yellow|purple|orange))\b"
)


def cannot(text: Text, out: Decision) -> str:
    if _GIVES.search(" ".join(t.text for t in text.parse.tokens)):
        return "I cannot hand things to somebody"
    if text.parse.bad:
        return f"I cannot do this {text.parse.bad[0]}"
    for act in text.positive:
        if act.value == "cannot" and not act.is_side and act.form != "noun" and _is_wanted(text, act):
            return f"I cannot {act.text} things"
        if act.value == "throw" and "place" not in out.slots and out.slots.get("task") not in ("place", "clean"):
            return f"I cannot {act.text} things, I can put them into a bowl"
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
    if out.slots.get("task") == "turn" and any(
        w in ("upwards", "downwards", "up", "down", "upward", "downward")
        and words[n - 1] in ("knob", "dial", "it", "degrees", "turn")
        for n, w in enumerate(words)
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


def _is_wanted(text: Text, act: Act) -> bool:
    """Whether a verb is something to do, and not "hiding behind the brick"."""
    before = text.parse.tokens[act.at - 1].text if act.at else ""
    if act.is_command or act.is_passive:
        return True
    if act.form == "ing":
        return before in ("by", "start", "mind", "try", "begin")
    return act.form == "base" or any(text.is_thing(m) or m.kind in ("arm", "bowl", "post") for m in act.objects)


def wrong_target(text: Text, out: Decision) -> str:
    for act in text.positive:
        for m in act.objects:
            if m.kind == "table" and out.slots.get("task") == "clean":
                continue
            if (
                act.value in ("pick", "put", "turn", "stack", "open", "close", "clean")
                and m.kind in ("bowl", "post", "table")
                and act.form != "noun"
                and not m.prep
                and not (m.kind == "post" and act.text.startswith("clear"))
            ) and not (m.kind == "bowl" and (_is_tag(text, m) or (not m.determiner and act.value == "put"))):
                return f"I cannot {act.text} the {m.head}"
            if act.value == "open" and text.is_thing(m) and m.kind == "object":
                return f"I cannot open the {m.head}"
            if act.value == "turn" and m.kind == "object" and m.shapes and m.shapes[0] != "knob":
                return f"I can turn the knob only, not the {m.head}"
            if (
                act.value in ("pick", "put")
                and m.kind == "finger"
                and not m.prep
                and act.form != "noun"
                and act.text not in ("put", "place", "bring", "hold", "keep", "get", "set")
            ):
                return f"I cannot {act.text} a {m.head}"
    for m in text.mentions:
        if m.kind in ("table", "bowl") and m.prep in ("under", "through") and not m.is_negated and not m.is_side:
            return f"I cannot go {text.parse.tokens[m.start - 1].text} the {m.head}"
        if m.entity < 0 or m.is_negated:
            continue
        if len(set(m.colors)) > 1:
            return f"you say both {m.colors[0]} and {m.colors[1]}: say one"
        if len(set(m.sizes)) > 1:
            return "you say both small and big: say one"
        if m.prep == "in" and m.kind == "object" and text.roles.act(m) is not None and m.verb in PUTS:
            return f"I cannot put things into the {m.head}"
    return ""


def _is_tag(text: Text, m: Mention) -> bool:
    tokens = text.parse.tokens
    return m.start > 0 and tokens[m.start - 1].kind == "break"


def wrong_arms(text: Text, out: Decision) -> str:
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
        is_report = act is not None and act.is_hypothetical
        if m.kind == "object" and m.determiner == "both" and not m.is_negated and not is_report:
            return "one thing at a time: say only the first job"
        if (
            m.kind == "arm"
            and not m.is_negated
            and (m.determiner in ("both", "each") or (m.is_plural and m.prep == "with"))
        ):
            act = text.roles.act(m)
            if act is None or act.value not in ("state", "see"):
                return "I use one arm at a time: say which"
        if (
            m.kind == "finger"
            and m.is_plural
            and any(t.text in ("three", "four", "five") for t in text.parse.tokens[max(0, m.start - 1) : m.end])
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


def several(text: Text, out: Decision) -> str:
    """Two jobs in one text."""
    if out.slots.get("task") == "clean":
        return "one thing at a time: say only the first job" if _names_one_thing(text) else ""
    is_turned = any(c.slot == "turn" and not c.is_negated and not c.is_dead for c in text.parse.cues)
    if (
        is_turned
        and out.slots.get("task") in ("place", "stack", "pick")
        and any("knob" in m.shapes for m in text.mentions)
    ):
        return "one thing at a time: say only the first job"
    if any(m.kind == "bowl" and m.determiner == "both" and m.prep and not m.is_negated for m in text.mentions):
        return "you say both bowls: say one"
    if out.slots.get("place", "object") != "object" and any(_is_second_place(text, out, m) for m in text.mentions):
        return "you say a bowl and another object to put it on: say one"
    jobs = [text.links.entities[m.entity] for m in text.mentions if _is_job(text, out, m) or _is_listed(text, out, m)]
    jobs = [job for job in jobs if not job.is_nothing]
    if any(not _may_be_same(a, b) for a in jobs for b in jobs):
        return "one thing at a time: say only the first job"
    sides = {m.side for m in text.mentions if m.kind == "bowl" and m.side and _is_end(text, m)}
    if len(sides) > 1 and not any(m.kind == "bowl" and m.prep in ("from", "near") for m in text.mentions):
        return "you say both the left and the right bowl: say one"
    target = out.target
    if target is not None and target.is_group and all(m.is_plural for m in target.mentions):
        return "one thing at a time: say which of them"
    return ""


def _names_one_thing(text: Text) -> bool:
    deeds = [a for a in text.positive if a.value in ("put", "pick", "turn", "stack")]
    return any(m.kind == "object" and (m.colors or m.shapes) for a in deeds for m in a.objects)


def _is_second_place(text: Text, out: Decision, m: Mention) -> bool:
    is_on = m.kind == "object" and m.prep == "on" and not m.is_negated and bool(m.colors)
    return is_on and not text.is_target(m, out.target)


def _is_job(text: Text, out: Decision, m: Mention) -> bool:
    """Whether the text wants something done with what is mentioned here."""
    entity, act = text.entity(m), text.roles.act(m)
    if entity is None or m.is_negated or m.is_hypothetical or m.kind != "object" or entity is out.support:
        return False
    if act is None:
        return m.prep == "to" and m.sentence in text.roles.verbless
    if act.is_negated:
        return False
    if m.prep in ("to", "over"):
        return act.value == "reach"
    return m.prep == "" and act.value in WORK and not _is_aside(text, m, act)


def _is_listed(text: Text, out: Decision, m: Mention) -> bool:
    """ "Knob, cube, ball": one of several things that are only named."""
    is_named = (
        m.kind == "object" and m.prep == "" and m.entity >= 0 and text.links.entities[m.entity] is not out.support
    )
    is_open = not (m.is_negated or m.is_dead or m.is_repair or m.is_side or m.is_hypothetical)
    return is_named and is_open and not any(a.form != "noun" for a in text.parse.acts) and bool(m.shapes)


def _is_end(text: Text, m: Mention) -> bool:
    """Whether something shall end in the bowl."""
    is_main = not (m.is_negated or m.is_subject or m.is_side or m.is_hypothetical)
    follows = text.parse.tokens[m.end : m.end + 1]
    if not m.prep and follows and follows[0].value == "be":
        return False  # "the right bowl is full, so ..."
    return is_main and m.prep in ("in", "to", "")


def _may_be_same(a: Entity, b: Entity) -> bool:
    pairs = ((a.color, b.color), (a.shape, b.shape), (a.size, b.size))
    return a is b or all(not x or not y or x == y for x, y in pairs)


def _is_aside(text: Text, m: Mention, act: Act) -> bool:
    is_put = any(b.kind == "bowl" and b.prep == "in" and b.verb_at == act.at for b in text.mentions)
    return m.is_subject and act.value == "reach" and not act.is_passive and not is_put


def no_end(text: Text, out: Decision) -> str:
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


def _grips_after(text: Text, act: Act) -> bool:
    return any(a.at > act.at and a.value in ("close", "pick") for a in text.positive) and any(
        m.kind == "arm" and m.start < act.at for m in text.mentions
    )
