"""Tells two jobs in one English text from one: several things to act on, or several places for one."""

import itertools
import re

from finevla_core.language.english_mention_roles import WORK
from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_objects import Entity
from finevla_core.language.english_parse_types import Act
from finevla_core.language.english_role_placeholders import in_names
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import EnglishText

_NEXT = re.compile(
    r"(?:and|,|then) (?:then|next|afterwards|after that|subsequently|thereafter|later|finally)(?: the| that| a)? $"
)


_TWO_STACKS = re.compile(
    r"(?:TARGET|OTHER|SUPPORT) (?:on|onto|on top of|atop|upon) (?:SUPPORT|OTHER) ,? ?(?:and|then|and then) (?:(?:put|"
    r"place|stack|set) )?"
    r"(?:SUPPORT|OTHER) (?:on|onto|on top of|atop|upon) (?:OTHER|SUPPORT|TARGET)"
)


_AGAIN = re.compile(  # of another thing than the one before
    r"[.;,!] ?(?:\w+ )?(?:pick|take|lift|grab|put|place) (?:up )?(?:that|this)(?: one)?(?: up)? (?:too|as well|"
    r"also)(?= ?(?:$|[.!]))"
    r"|\w ?[.;,] ?(?:(?:then|and|afterwards|next|er) ,? ?)+do (?:exactly )?the same (?:with|for|to) (?:the|that|this|its) "
    r"(?!(?:left|right|other) (?:arm|hand|gripper))"
    r"|\b(?:pick|take|lift|grab) (?:up )?(?:the two of them|both of them|them both|each of them)\b"
    r"|\b(?:following that|after that|then|afterwards|next) ,? ?[^.;]{0,30}\b(?:goes|go|comes|belongs) (?:in|on|into|"
    r"onto) (?:the |there )"
    r"[^.;]{0,20}\b(?:as well|too)\b"
)


def several(text: EnglishText, out: Decision) -> str:
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
    if _AGAIN.search(text.words) or (out.slots.get("task") == "turn" and _takes_something(text)):
        return "one thing at a time: say only the first job"
    if any(m.kind == "bowl" and m.determiner == "both" and m.prep and not m.is_negated for m in text.mentions):
        return "you say both bowls: say one"
    if out.slots.get("place", "object") != "object" and any(_is_second_place(text, out, m) for m in text.mentions):
        return "you say a bowl and another object to put it on: say one"
    jobs = [text.links.entities[m.entity] for m in text.mentions if _is_job(text, out, m) or _is_listed(text, out, m)]
    ons = [m for m in text.mentions if m.kind == "object" and m.prep == "on" and m.entity >= 0 and not m.is_negated]
    if out.slots.get("task") == "stack" and any(_is_upon(text, a, b) for a, b in itertools.pairwise(ons)):
        return "you say two things to put it on: say one"
    if out.slots.get("task") == "stack" and _TWO_STACKS.search(in_names(text, out)):
        return "one thing at a time: say only the first job"
    jobs += [text.links.entities[m.entity] for m in text.mentions if _comes_next(text, m)]
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


def _takes_something(text: EnglishText) -> bool:
    """Whether something is to be done to another thing than the knob."""
    deeds = [a for a in text.positive if a.value in ("put", "pick", "stack", "squeeze", "reach") and a.form != "noun"]
    return any(
        m.kind == "object" and m.shapes and "knob" not in m.shapes and not (m.prep or m.is_negated)
        for a in deeds
        for m in a.objects
    )


def _names_one_thing(text: EnglishText) -> bool:
    deeds = [a for a in text.positive if a.value in ("put", "pick", "turn", "stack")]
    return any(m.kind == "object" and (m.colors or m.shapes) for a in deeds for m in a.objects)


def _is_second_place(text: EnglishText, out: Decision, m: Mention) -> bool:
    is_on = m.kind == "object" and m.prep == "on" and not m.is_negated and bool(m.colors)
    return is_on and not text.is_target(m, out.target)


def _is_job(text: EnglishText, out: Decision, m: Mention) -> bool:
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


def _is_upon(text: EnglishText, first: Mention, second: Mention) -> bool:
    """ "On the ball on the can", "on the brick and on the cube"."""
    between = [t.text for t in text.parse.tokens[first.end : second.start]]
    is_pair = between in (["on"], ["on top of"], ["and", "on"], ["and", "on top of"], ["and"])
    return is_pair and first.entity != second.entity and not (second.is_repair or first.is_side or second.is_side)


def _comes_next(text: EnglishText, m: Mention) -> bool:
    """ "Pick the cube and after that the ball"."""
    before = " ".join(t.text for t in text.parse.tokens[max(0, m.start - 3) : m.start + 1]) + " "
    is_thing = (
        m.kind == "object" and m.entity >= 0 and bool(m.shapes) and not (m.is_negated or m.is_dead or m.is_repair)
    )
    return is_thing and not m.is_side and _NEXT.search(before) is not None


def _is_listed(text: EnglishText, out: Decision, m: Mention) -> bool:
    """ "Knob, cube, ball": one of several things that are only named."""
    is_named = (
        m.kind == "object" and m.prep == "" and m.entity >= 0 and text.links.entities[m.entity] is not out.support
    )
    is_open = not (m.is_negated or m.is_dead or m.is_repair or m.is_side or m.is_hypothetical)
    return is_named and is_open and not any(a.form != "noun" for a in text.parse.acts) and bool(m.shapes)


def _is_end(text: EnglishText, m: Mention) -> bool:
    """Whether something shall end in the bowl."""
    is_main = not (m.is_negated or m.is_subject or m.is_side or m.is_hypothetical)
    follows = text.parse.tokens[m.end : m.end + 1]
    if not m.prep and follows and follows[0].value == "be":
        return False  # "the right bowl is full, so ..."
    return is_main and m.prep in ("in", "to", "")


def _may_be_same(a: Entity, b: Entity) -> bool:
    pairs = ((a.color, b.color), (a.shape, b.shape), (a.size, b.size))
    return a is b or all(not x or not y or x == y for x, y in pairs)


def _is_aside(text: EnglishText, m: Mention, act: Act) -> bool:
    is_put = any(b.kind == "bowl" and b.prep == "in" and b.verb_at == act.at for b in text.mentions)
    is_told = (
        m.is_subject and act.form == "ed" and not (act.is_passive or act.is_modal or act.objects)
    )  # "the ball rolled away"
    return is_told or (m.is_subject and act.value == "reach" and not act.is_passive and not is_put)
