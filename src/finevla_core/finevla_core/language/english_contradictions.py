"""What speaks against itself in an English text: one sentence that says so, or "" where nothing does."""

import re

from finevla_core.language.english_noun_phrase_words import PARTS
from finevla_core.language.english_parse_types import Act
from finevla_core.language.english_role_placeholders import in_names
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import EnglishText
from finevla_core.language.english_word_tables import word_set

_SAME = {
    "pick": ("pick", "squeeze"),
    "turn": ("turn",),
    "place": ("pick", "put"),
    "stack": ("pick", "put"),
    "reach": ("reach",),
    "clean": ("clean",),
}
_CARRIED = ("pick", "place", "stack")
_PUT_DOWN = ("place", "stack", "clean")
_KEEPS_HOLD = (
    r"\bnever (?:let|lets|letting) go\b|\b(?:without|not|never) (?:ever )?(?:letting go|release|releasing|let go|"
    r"releases)\b"
    r"(?! (?:until|before|till|unless|too|yet|early))|\bkeep(?:s|ing)? (?:on )?(?:holding|hold of|gripping) "
    r"(?:TARGET|it|THING)"
)
_OPEN = r"(?:FINGERS|ARM) (?:that |which )?(?:\w+ ){0,3}(?:open|apart|spread|parted)\b"
_MUST = r"(?:(?:must|should|shall|has to|have to|is to|needs to|ought to) (?:be|come|end up|lie|stand|sit|stay)|being)"
_EMPTY = r"(?:empty|untouched|unused|clear|as it is|alone)"
# What no two of which go together: tasks, a pattern over the parts that things play, and what to tell the operator.
_CONFLICTS = [
    (tasks, re.compile(pattern), reason)
    for tasks, pattern, reason in (
        (_PUT_DOWN, _KEEPS_HOLD, "you say to put it down, and to keep hold of it"),
        (("stack",), r"\bSUPPORT (?:(?:is|lies|stands|sits|lying|standing|resting|sitting|being|ends|"
                     r"up) )*on (?:TARGET|top\b(?! of SUPPORT))",
         "you say which is below in two ways: say one"),
        (("stack",), r"\bnot (?:be|stay|remain|end up|lie|stand|sit|rest) (?:\w+ )?on (?:top of )?SUPPORT\b",
         "you say to put it there, and that it must not be there"),
        (("stack",), rf"\bSUPPORT {_MUST} (?:the (?:upper|top|higher)|on (?:the )?top|above|over)\b"
                     rf"|\bTARGET {_MUST} (?:the lower|the bottom|underneath|under|below|beneath)\b",
         "you say which is below in two ways: say one"),
        (("stack",), r"\bwithout (?:\w+ )?(?:ever )?touching SUPPORT\b(?! with)",
         "you say to put it there, and that it must not be there"),
        (_CARRIED, rf"\b(?:clos\w+|grip\w*|grasp\w*|squeez\w+|hold\w*|lift\w*) [^.,;]{{0,60}}\bwith (?:\w+ "
                   rf"){{0,3}}{_OPEN}",
         "you say to grasp, and to keep the gripper open"),
        (_CARRIED, r"\bkeep(?:s|ing)? (?:it|ARM|FINGERS|them) (?:wide |fully )?open (?:while|when|as|during|"
                   r"throughout)\b",
         "you say to grasp, and to keep the gripper open"),
        (_CARRIED, r"\b(?:it|TARGET) (?:must|should|may|shall|can|does|do) (?:not|never) (?:ever )?(?:leave|"
                   r"come off|get off|part from) TABLE",
         "you say to lift it, and that it must not leave the table"),
        (("clean",), r"\b(?:except|apart from|other than|but not|save|excluding|but for|all but|everything but)(?: "
                     r"for)? OTHER"
         r"|\bOTHER (?:, )?(?:which |that )?(?:stays?|remains?|is to stay|must stay|should stay)\b"
         r"|(?<!not )(?<!never )\bleav(?:e|es|ing) OTHER\b(?! (?:for|until|till|to) )", "I can clear away everything "
                                                            "only"),
        (("reach",), r"\bwhile (?:holding|gripping|grasping|clutching) (?:TARGET|it)\b", "you say to reach for "
                                                                                         "it, and to hold it"),
        (("place", "stack"), r"\bover POST\b[^.]*\b(?:below|under|lower than|beneath|not above|without going "
                             r"(?:above|over)) "
         r"(?:the |its )?(?:top|tip|height|POST)", "you say to go over the post, and to stay below its top"),
        (("clean",), r"\b(?:(?:but|and|yet) (?:do )?(?:not|never) (?:move|touch|shift|disturb|lift|take)|without "
                     r"(?:moving|touching|shifting|"
                     r"disturbing|lifting|taking)) (?:anything|any of (?:it|them)|a thing|a single thing|THING)\b(?! "
                     r"(?:else|but|other|from|that))",
         "you say to clear the table, and to leave it as it is"),
        (("turn",), r"(?<!counter)(?<!counter )(?<!anti)(?<!anti )\bclockwise\b(?! or)[^.;]{0,30}\b(?:that is|"
                    r"meaning|i e|so) ?,? (?:to|towards) (?:the |your )?left"
         r"|\b(?:counterclockwise|anticlockwise)\b[^.;]{0,30}\b(?:that is|meaning|i e|so) ?,? (?:to|"
         r"towards) (?:the |your )?right",
         "you say both clockwise and counterclockwise: say one"),
    )
]  # fmt: skip
_CLOSED = re.compile(
    r"\bwith (?:its |the |your |both |two |a )*(?:closed|shut) (?:fingers|gripper|hand|jaws|claw|fist)\b"
    r"|\bwith (?:its |the |your |both |two |a )*(?:fingers|gripper|hand|jaws|claw) (?:\w+ly )?(?:closed|shut)\b"
)
# By the bowl it is put into: "the left bowl must stay empty", "in the left bowl, which has to be the right bowl".
_USED_OTHERWISE = {
    f"{side}_bowl": re.compile(
        rf"\bleav(?:e|ing) (?:the |your )?{side} (?:hand )?bowl (?:\w+ly )?{_EMPTY}\b"
        rf"|\b{side} (?:hand )?bowl (?:must|should|shall|has to|is to|needs to) (?:stay|remain|be(?: left| kept)?) {_EMPTY}\b"
        rf"|\bbowl ?,? (?:which|that) (?:must|should|has to|is to) be the {other} (?:bowl|one)\b"
        rf"|\bwith the {other} (?:hand )?bowl as (?:its|the) (?:destination|goal|target|end)\b"
    )
    for side, other in (("left", "right"), ("right", "left"))
}
_WITHOUT_ITSELF = re.compile(
    r"\bwithout (?:using |moving |the help of |help from )?(?:your |the )?(left|right) (arm|hand|"
    r"gripper)\b[^.;]*\b(?:extend|use|using|"
    r"with|take|let|have|stretch|raise) (?:your |the )?\1 (?:arm|hand|gripper)\b"
    r"|\b(?:one|a single) (?:arm|hand|gripper) ?(?:only)? ?,? (?:namely|that is|i e|meaning) ?,? the left and the right\b"
)
_REST = word_set("other others anything anyone else neighbours neighbors rest things")
_STAYS = (
    "on the table",
    "where it is",
    "where it lies",
    "as it is",
    "where they are",
    "in place",
    "everything on it",
    "everything on the table",
)


def contradiction(text: EnglishText, out: Decision) -> str:
    """A text that wants a thing, and its opposite."""
    task = out.slots.get("task", "")
    for act in text.parse.acts:
        if act.is_negated and not act.is_dropped and act.form != "noun" and _is_excluded(text, out, act, task):
            return f"you say to {task} it, and not to {act.text} it"
    if task in (*_CARRIED, "clean") and any(_leaves_it(text, out, act) for act in text.positive):
        return f"you say to {task} it, and to leave it there"
    if task in _CARRIED and any(_keeps_hand_open(text, act) for act in text.parse.acts):
        return "you say to grasp, and not to close the gripper"
    if task in _CARRIED and _gripper_stays_open(text):
        return "you say to grasp, and to keep the gripper open"
    is_without = any(
        m.kind == "arm" and m.is_negated and m.prep == "with" and not (m.side or m.is_other) for m in text.mentions
    )
    if is_without or any(_excludes_arms(text, act) for act in text.parse.acts):
        return "you exclude both arms"
    if (reason := _names_itself_otherwise(text)) or (reason := _leads_elsewhere(text, out)):
        return reason
    if task in _CARRIED and _CLOSED.search(text.words):
        return "you say to grasp, and to keep the gripper closed"
    if _denies_the_same(text, out):
        return "you name it, and exclude it"
    otherwise = _USED_OTHERWISE.get(out.slots.get("place", ""))
    if otherwise is not None and otherwise.search(text.words):
        return "you say where to put it in two ways: say one"
    if _WITHOUT_ITSELF.search(text.words):
        return "you want an arm used, and not used: say which one"
    words = in_names(text, out)
    for tasks, pattern, reason in _CONFLICTS:
        if task in tasks and pattern.search(words):
            return reason
    return ""


def _denies_the_same(text: EnglishText, out: Decision) -> bool:
    """ "Leave the purple brick alone and lift the purple brick"."""
    tokens = text.parse.tokens
    named = {
        " ".join(t.text for t in tokens[m.start : m.end])
        for m in text.mentions
        if text.is_target(m, out.target) and m.kind == "object" and m.shapes and not (m.is_repair or m.is_negated)
    }
    for m in text.mentions:
        act, words = text.roles.act(m), " ".join(t.text for t in tokens[m.start : m.end])
        is_other_deed = act is not None and act.clause == m.clause
        is_way = any(c.is_negated and c.sentence == m.sentence for c in text.parse.cues) or any(
            o.is_negated and o is not m and o.sentence == m.sentence for o in text.mentions
        )
        if m.is_negated and m.kind == "object" and words in named and not (is_other_deed or is_way or m.prep):
            return True
    return False


def _names_itself_otherwise(text: EnglishText) -> str:
    """ "The cylinder, which is a ball", "the ball that is not a ball"."""
    for number, m in enumerate(text.parse.mentions[1:], 1):
        before = text.parse.mentions[number - 1]
        between = [t.text for t in text.parse.tokens[before.end : m.start] if t.kind != "break"]
        if (
            before.kind != "object"
            or m.kind != "object"
            or between[:1] not in (["which"], ["that"])
            or m.determiner == "the"
        ):
            continue
        if between[1:2] != ["is"] or len(between) > 3 or (len(between) == 3 and between[2] != "not"):
            continue
        own = {t.kind for t in text.parse.tokens[m.start : m.end]}
        shapes = m.shapes if own & {"shape", "shapeword"} else []
        for mine, other in ((before.shapes, shapes), (before.colors, m.colors if not shapes else [])):
            is_same = bool(set(mine) & set(other))
            if mine and other and is_same is (len(between) == 3):
                return f"you say {mine[0]}, and that it is {'no ' if is_same else ''}{other[0]}"
    return ""


def _leads_elsewhere(text: EnglishText, out: Decision) -> str:
    """ "Into the left bowl, so that it ends up in the right one", "into the bowl, but never into a bowl"."""
    place = out.slots.get("place", "")
    if out.slots.get("task") != "place":
        return ""
    for m in text.mentions:
        act = text.roles.act(m)
        if m.kind != "bowl" or act is None or (m.prep != "in" and not act.text.startswith("enter")):
            continue
        is_other = bool(m.side) and bool(place) and f"{m.side}_bowl" != place
        is_result = act.text.startswith(("end", "land", "finish", "arriv")) and not (m.is_negated or act.is_negated)
        is_denied = (
            act.is_negated
            and not is_other
            and not m.is_hypothetical
            and act.value in ("state", "reach", "be")
            and not text.is_long
        )
        if (is_result and is_other and m.is_side) or is_denied:
            return "you say to put it there, and that it ends elsewhere"
    return ""


def _is_excluded(text: EnglishText, out: Decision, act: Act, task: str) -> bool:
    """Whether the deed itself is excluded, and not a way, an arm or a place."""
    near = " ".join(t.text for t in text.parse.tokens[max(0, act.at - 2) : act.at])
    is_partial = act.text[:4] in ("hold", "held", "sque", "comp", "push") or any(
        word in near for word in ("just", "only", "merely")
    )
    if act.value not in _SAME.get(task, ()) or is_partial:
        return False
    ruled = [m for m in text.parse.mentions if m.verb_at == act.at]
    about = any((m.kind == "pronoun" or text.is_target(m, out.target)) and not m.prep for m in ruled)
    about = about or text.is_target(act.subject, out.target)
    others = any(m.kind in ("arm", "bowl", "post", "finger") for m in ruled)
    others = others or any(m.kind == "object" and not text.is_target(m, out.target) for m in ruled)
    others = others or any(t.text in _REST for t in text.parse.tokens[act.at + 1 : act.at + 4])
    how = any(c.is_negated and c.sentence == act.sentence and c.at > act.at for c in text.parse.cues)
    how = how or any(t.text in PARTS for t in text.parse.tokens[act.at + 1 : act.at + 5])
    how = how or any(m.kind == "side" and m.is_negated and m.sentence == act.sentence for m in text.parse.mentions)
    arms = any(m.kind == "arm" and m.is_negated and m.clause == act.clause for m in text.parse.mentions)
    return about and not others and not how and not arms


def _leaves_it(text: EnglishText, out: Decision, act: Act) -> bool:
    """ "... but leave it lying on the table"."""
    if act.text not in ("leave", "leaving", "leaves", "left", "keep", "keeping", "keeps"):
        return False
    ends = " ".join(t.text for t in text.parse.tokens[act.at : act.at + 9])
    ruled = [m for m in text.mentions if m.verb_at == act.at]
    is_it = any(
        m.kind == "pronoun"
        or (m.kind == "all" and not set(m.words(text.parse.tokens)) & _REST)
        or text.is_target(m, out.target)
        for m in ruled
    )
    return is_it and any(words in ends for words in _STAYS)


def _keeps_hand_open(text: EnglishText, act: Act) -> bool:
    ruled = [m for m in text.parse.mentions if m.verb_at == act.at]
    return act.is_negated and act.value == "close" and any(m.kind in ("arm", "finger") for m in ruled)


def _excludes_arms(text: EnglishText, act: Act) -> bool:
    ruled = [m for m in text.parse.mentions if m.verb_at == act.at]
    is_moved = act.is_negated and act.value in ("reach", "use")
    return is_moved and any(m.kind == "arm" and m.determiner == "any" for m in ruled)


def _gripper_stays_open(text: EnglishText) -> bool:
    words = [t.text for t in text.parse.tokens]
    closed = any(w in ("closed", "shut") for w in words)
    always = any(w in ("the whole time", "all the time", "the entire time", "throughout", "all along") for w in words)
    return always and ("open" in words or closed)
