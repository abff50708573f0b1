"""Finds the clauses of a short English text that only tell of somebody or something else: "my sister needs it for school"."""

from finevla_core.language.english_noun_phrase_words import FOREIGN
from finevla_core.language.english_tokens import BREAKS, EnglishToken
from finevla_core.language.english_word_tables import word_set

_SHORT = 45  # tokens
_WORLD = word_set("color shape shapeword bowl arm post thing all approach turn grasp finger cup neg corr sub way bad")
_OTHERS = word_set("""
    my his her our their i we people nobody somebody someone everybody everyone there he she they today tomorrow everything
    another some
    """)
_WE = word_set("i we there")
_ARTICLES = word_set("the a an this that your")
_BEFORE = word_set("the a an this that my your its it and to from in on with of")
_OWN = word_set("you i we it robot please")
_FINITE = word_set("is was are were has had will would can could might may does did")
_DEEDS = frozenset(
    ("pick", "put", "throw", "stack", "turn", "clean", "reach", "close", "open", "descend", "cannot", "use")
)


def remarks(tokens: list[EnglishToken]) -> set[int]:
    """Find where remarks begin.

    Args:
        tokens: all tokens of the text.

    Returns:
        Places of the first tokens of clauses that name nothing of the table and have a subject of their own; none
        where the text names nothing of the table at all.
    """
    if len(tokens) > _SHORT or not any(t.kind in ("color", "shape", "thing", "all", "shapeword") for t in tokens):
        return set()
    found: set[int] = set()
    start = 0
    for end in range(len(tokens) + 1):
        if end < len(tokens) and tokens[end].text not in BREAKS:
            continue
        while start < end and tokens[start].text in ("and", "but", "so", "as", "well", "by the way", "while", "whilst"):
            start += 1
        if _is_remark(tokens[start:end]):
            found.add(start)
        start = end + 1
    return found


def _is_remark(clause: list[EnglishToken]) -> bool:
    """Whether a clause tells of somebody or something else, and asks for nothing."""
    if len(clause) < 3 or any(_is_of_world(clause, at) for at in range(len(clause))) or _subject(clause) == 0:
        return False
    verbs = [t for t in clause if t.kind == "verb" and t.form != "noun"]
    rest = clause[_subject(clause) :]
    is_report = clause[0].text not in _WE and rest[0].kind == "verb" and rest[0].form == "s"
    if any(t.value in _DEEDS for t in verbs[is_report:]):
        return False
    told = [t for t in rest[:3] if (t.kind == "verb" and t.form in ("s", "ed", "base")) or t.text in _FINITE]
    is_strange = clause[1].value in ("noun", "concrete") and rest[:1] != [] and rest[0].kind == "unknown"
    return bool(told) or is_strange


def _is_of_world(clause: list[EnglishToken], at: int) -> bool:
    """Whether a word names something of the table; somebody's own hand is none of it."""
    if clause[at].kind == "arm":
        return not any(t.text in FOREIGN for t in clause[max(0, at - 2) : at])
    return clause[at].kind in _WORLD


def _subject(clause: list[EnglishToken]) -> int:
    """How many words the subject has; 0 where the clause has none of its own."""
    first = clause[0]
    if first.text in _OTHERS or first.kind == "unknown" or first.value in ("noun", "concrete"):
        return 1
    if first.text in _ARTICLES and clause[1].kind in ("unknown", "word", "table") and clause[1].text not in _OWN:
        return 2
    return 0


def is_call(tokens: list[EnglishToken], at: int) -> bool:
    """Tell whether an unknown word belongs to what stands before all else, and apart: "breaker breaker, ...".

    Args:
        tokens: all tokens of the text.
        at: place of the word.
    """
    if at > 2 or any(t.kind not in ("unknown", "word", "number") for t in tokens[:at]):
        return False
    end = at + 1
    while end < len(tokens) and tokens[end].kind != "break":
        end += 1
    own, follows = tokens[:end], tokens[end].text if end < len(tokens) else ""
    is_heading = follows == ":" and any(t.kind == "number" for t in own)
    is_apart = len(own) <= 3 and all(t.kind in ("unknown", "word", "number") and t.text not in _BEFORE for t in own)
    return is_apart and (is_heading or follows in (",", "!", "-")) and end + 2 < len(tokens)
