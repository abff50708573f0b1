"""The mentions of a clause: what of a text means an arm, an act, a side or a number, each with its place; longest first."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from finevla_tools.annotate import claim_sides_en, claim_words_en, claim_words_zh
from finevla_tools.annotate.claim_text import HAN
from finevla_tools.annotate.claim_verbs import WORD, verb_kind

Patterns = tuple[tuple[str, str, re.Pattern[str]], ...]


def _compiled(words: Sequence[tuple[str, str, str]]) -> Patterns:
    return tuple((kind, value, re.compile(pattern)) for kind, value, pattern in words)


_EN = _compiled((*claim_words_en.WORDS, *claim_sides_en.WORDS))
_EN_MEASURES = _compiled(claim_sides_en.MEASURES)
_EN_FROM = _compiled(claim_sides_en.FROM)
_ZH = _compiled(claim_words_zh.WORDS)
_DIGIT = re.compile(r"\d")
_MAY_BE_FROM = re.compile(r"\bfrom\b|approach|top|straight|vertical|overhead")
_LATIN = re.compile(r"[A-Za-z]{2}")
_SIDES = {"l": "left", "r": "right"}


@dataclass(frozen=True)
class Mention:
    """Something that a clause means; `kind` as in `WORDS`, `number` where it has one, `unit` of a length."""

    kind: str
    value: str
    begin: int
    end: int
    text: str
    number: str = ""
    unit: str = ""


@lru_cache(maxsize=4096)
def mentions_in(clause: str) -> tuple[Mention, ...]:
    """Return the mentions of a clause in their order; where two overlap, the earlier and longer one."""
    is_chinese = bool(HAN.search(clause))
    found: list[Mention] = []
    for patterns in _near(clause, is_chinese):
        found += [_mention(kind, value, match) for kind, value, pattern in patterns for match in pattern.finditer(clause)]
    found += [
        _mention(kind, "", word) for word in WORD.finditer(clause) if (kind := verb_kind(clause, word)) is not None
    ]
    taken: list[Mention] = []
    for one in sorted(found, key=lambda one: (one.begin, -one.end)):
        if not taken or one.begin >= taken[-1].end:
            taken.append(one)
    return tuple(taken)


def _near(clause: str, is_chinese: bool) -> Iterator[Patterns]:
    """The patterns that may match: those of measures have a digit in all they match, and those of approaches one of these words."""
    if not is_chinese or _LATIN.search(clause):
        if _MAY_BE_FROM.search(clause):
            yield _EN_FROM
        yield _EN
        if _DIGIT.search(clause):
            yield _EN_MEASURES
    if is_chinese:
        yield _ZH


def _mention(kind: str, value: str, match: re.Match[str]) -> Mention:
    if not match.re.groups:
        return Mention(kind, value, match.start(), match.end(), match[0])
    groups = {name: said for name, said in match.groupdict().items() if said}
    side = groups.get("side", "")
    number = next((groups[name] for name in "nmo" if name in groups), "")
    value = value or _SIDES.get(side, side)
    return Mention(kind, value, match.start(), match.end(), match[0], number, groups.get("u", ""))


def of_kind(mentions: Sequence[Mention], *kinds: str) -> list[Mention]:
    """Return the mentions of some kinds."""
    return [one for one in mentions if one.kind in kinds]
