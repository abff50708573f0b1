"""Tells whether an English text wants the whole table cleared, in whatever words."""

import re

from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_objects import Entity
from finevla_core.language.english_parse_types import Act
from finevla_core.language.english_text import EnglishText
from finevla_core.language.english_word_tables import word_set

_STAYS = word_set("stay stays stayed remain remains untouched alone")


def is_clean(text: EnglishText, target: Entity | None) -> bool:
    """Tell whether all that lies on the table is meant.

    Args:
        text: the text.
        target: the one object that it seems to act on; None without one.

    Returns:
        True where the table shall be cleared.
    """
    if any(_clears(text, act) for act in text.positive):
        return True
    if any(not m.is_negated and _is_all_wanted(text, m) for m in text.mentions):
        return True
    if (text.is_long or target is None or target.is_nothing) and _goes_on_until_empty(text):
        return True
    is_named = target is not None and not target.is_nothing
    alls = [m for m in text.mentions if m.kind == "all" and m.prep in ("over", "to", "of") and not m.is_negated]
    return not is_named and any(not _is_rest(text, m) for m in alls)


def _clears(text: EnglishText, act: Act) -> bool:
    """Whether a verb clears the table, or is done to everything."""
    alls = [m for m in act.objects if m.kind == "all" and not (text.is_long and _is_rest(text, m))]
    deeds = (
        ("put", "clean", "throw", "pick", "stack")
        if text.is_long
        else ("put", "clean", "throw", "pick", "stack", "reach", "want")
    )
    is_by_one = any(
        "by" in (words := [t.text for t in text.parse.tokens[m.start : m.end]]) or " by " in words[0] for m in alls
    )
    if alls and act.form != "noun" and (act.value in deeds or (is_by_one and act.value == "reach")):
        return True
    if act.value != "clean":
        return False
    after = text.parse.tokens[act.at + 1].text if act.at + 1 < len(text.parse.tokens) else ""
    if act.text.startswith("sweep") and after in ("across", "over"):
        return False  # an arm that sweeps across the table
    kinds = {m.kind for m in act.objects}
    is_done_to = act.subject is not None and act.subject.kind in ("table", "all")
    return is_done_to or "table" in kinds or _is_tidying(act, kinds, after in ("up", "away"))


def _is_rest(text: EnglishText, m: Mention) -> bool:
    """Whether "all the other objects" are those that nothing is done to."""
    words = " ".join(t.text for t in text.parse.tokens[m.start : m.end]).split()
    return "else" in words or "other" in words


def _is_all_wanted(text: EnglishText, m: Mention) -> bool:
    """Whether a mention of everything, or of the table, says that it shall be cleared."""
    if m.kind == "table":
        return (
            m.verb == "clean"
            and bool(m.prep)
            and any(a.at == m.verb_at and not a.text.startswith("sweep") for a in text.positive)
        )
    if m.kind != "all" or _is_kept(text, m) or (text.is_long and _is_rest(text, m)):
        return False
    if m.is_hypothetical and not text.is_long:
        return False  # "if everything is ready"
    if m.prep in ("of", "near") and m.start < 3 and not text.is_long:
        return False  # "of all the things on the table, lift the ball"
    act = text.roles.act(m)
    is_acted_on = (
        act is not None
        and not act.is_negated
        and act.value in ("put", "pick", "clean", "throw", "state", "reach", "stack")
    )
    if text.is_long:
        is_acted_on = is_acted_on and act is not None and act.value != "state"
    elif m.clause_is_bare:
        return m.prep != "with" or any(b.kind == "bowl" for b in text.mentions)
    if m.is_subject and is_acted_on:
        return act is None or not act.text.startswith(("take", "took"))
    return not m.prep and not m.clause_is_bare and _in_bowl_with(text, m)


_EMPTY_TABLE = re.compile(
    r"\b(until|till|has to|must|should|gotta|shall)\b[^.]{0,65}?\b(empty|bare|clear|cleared)\b(?! of)"
)
_WANTS_EMPTY = re.compile(
    r"\b(wants?|need|needs|like|leaves?|get|have|make|wish|gives?|expects?) (me |us |to see |to have )?(an?|the|our|your|this) "
    r"((completely|totally|perfectly|nice|all) )?(empty|bare|clear|clean|cleared|tidy|free) "
    r"(table|surface|desk|worktop|bench|tabletop|workspace|work surface)\b"
)
_BARE_TABLE = re.compile(
    r"\b(want|wants|like|need|needs|have|get|make|leave|see|wish|prefer|should|must|shall|has to|to be)\b[^.]{0,40}"
    r"\b(table|surface|desk|worktop|bench|tabletop)( \w+){0,2} "
    r"(bare|empty|clear|clean|free|cleared|emptied|tidied|spotless|pristine|neat|orderly|tidy|uncluttered)\b(?! of)"
)
_AIM_EMPTY = re.compile(
    r"\b(goal|aim|objective|purpose|result|idea|task|job|point|plan|mission|target)( \w+){0,4} (is|:) "
    r"(to have |to get |to see )?"
    r"(an?|the) (completely |totally |perfectly |all )?(empty|bare|clear|clean|cleared|tidy|free) "
    r"(table|surface|desk|worktop|bench|tabletop|workspace)\b"
)
_NOTHING_STAYS = re.compile(
    r"\b(nothing|no object|no objects|no item|no items|not a single \w+) (should|must|may|shall|can|is to|ought to) "
    r"(still )?(remain|be left|stay|be)\b[^.]{0,12}\b(table|surface|desk|bench|tabletop)\b"
    r"|\b(not|never) (leave|see|want) (anything|a thing|a single \w+|any object|any objects|any items?|so much as)\b"
    r"[^.]{0,16}\b(table|surface|desk|bench|tabletop)\b"
    r"|\b(leave|leaving|see|want) (to see )?(nothing|no object|no objects|no items?)\b[^.]{0,16}\b(table|surface|desk|bench)\b"
)
_NOTHING_LEFT = re.compile(
    r"\b(nothing|no object|no item|not a single \w+|not one \w+|no thing) (should|must|may|shall|can|is to|ought to) "
    r"(still )?(remain|be left|stay|lie|be|stand|sit)\b[^.]{0,20}\b(table|surface|desk|bench)\b|"
    r"\b(until|till)\b[^.]{0,30}\b(nothing|none|no object|no item|not a single)\b"
    r"[^.]{0,30}\b(left|remains?|remaining|more|on the table)\b"
)


def _goes_on_until_empty(text: EnglishText) -> bool:
    """ "... until there is not a single thing left on the table"."""
    words = text.words
    has_bowl = any(m.kind == "bowl" for m in text.mentions)
    empty = _EMPTY_TABLE.search(words)
    if _WANTS_EMPTY.search(words) or _BARE_TABLE.search(words):
        return True
    if _AIM_EMPTY.search(words) or _NOTHING_STAYS.search(words):
        return True
    return has_bowl and (
        bool(_NOTHING_LEFT.search(words))
        or (empty is not None and any(w in empty[0] for w in ("table", "surface", "workspace", "desk")))
    )


def _in_bowl_with(text: EnglishText, m: Mention) -> bool:
    """ "Everything on it should be in the left bowl"."""
    return not _is_kept(text, m) and any(
        b.kind == "bowl" and b.sentence == m.sentence and b.prep == "in" for b in text.mentions
    )


def _is_tidying(act: Act, kinds: set[str], is_up: bool) -> bool:
    is_word = act.text.startswith(("clean", "tid", "declut", "neat"))
    is_word = is_word or (act.text.startswith("straighten") and is_up)
    is_word = is_word or (act.text in ("clear", "clearing") and is_up and not kinds)
    return is_word and act.form != "noun" and not kinds - {"pronoun", "table", "unknown"}


def _is_kept(text: EnglishText, m: Mention) -> bool:
    tokens = text.parse.tokens
    return any(tokens[i].text in _STAYS for i in range(m.end, min(m.end + 4, len(tokens))))
