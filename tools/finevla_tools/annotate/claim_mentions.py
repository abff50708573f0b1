"""The mentions of a clause: what of a text means an arm, an act, a side or a number, each with its place; longest first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from finevla_tools.annotate import claim_directions_en, claim_words_en, claim_words_zh
from finevla_tools.annotate.claim_text_normalization import HAN
from finevla_tools.annotate.claim_verbs import WORD, any_of, verb_kind

_EACH = 8  # patterns that are asked for together; 5 to 15 are about as fast


@dataclass(frozen=True)
class Patterns:
    """A few patterns with their kinds and values, and one pattern that matches wherever any of them does."""

    any_of: re.Pattern[str]
    each: tuple[tuple[str, str, re.Pattern[str]], ...]


def _compiled(words: Sequence[tuple[str, str, str]]) -> tuple[Patterns, ...]:
    """Most clauses have no match of most patterns, and one pattern for all of a group finds that out far faster."""
    groups = [words[k : k + _EACH] for k in range(0, len(words), _EACH)]
    return tuple(
        Patterns(
            re.compile(any_of([pattern for _, _, pattern in group])),
            tuple((kind, value, re.compile(pattern)) for kind, value, pattern in group),
        )
        for group in groups
    )


ENGLISH = _compiled((*claim_words_en.WORDS, *claim_directions_en.WORDS))
CHINESE = _compiled(claim_words_zh.WORDS)
_LATIN = re.compile(r"[A-Za-z]{2}")
_SIDES = {"l": "left", "r": "right"}


class ClaimMention(NamedTuple):
    """Something that a clause means; `kind` as in `WORDS`, `number` where it has one, `unit` of a length."""

    kind: str
    value: str
    begin: int
    end: int
    text: str
    number: str = ""
    unit: str = ""


@lru_cache(maxsize=4096)
def mentions_in(clause: str) -> tuple[ClaimMention, ...]:
    """Return the mentions of a clause in their order; where two overlap, the earlier and longer one."""
    is_chinese = bool(HAN.search(clause))
    groups = (*(ENGLISH if _LATIN.search(clause) or not is_chinese else ()), *(CHINESE if is_chinese else ()))
    found = [
        _mention(kind, value, match)
        for group in groups
        if group.any_of.search(clause)
        for kind, value, pattern in group.each
        for match in pattern.finditer(clause)
    ]
    found += [
        _mention(kind, "", word) for word in WORD.finditer(clause) if (kind := verb_kind(clause, word)) is not None
    ]
    taken: list[ClaimMention] = []
    for one in sorted(found, key=lambda one: (one.begin, -one.end)):
        if not taken or one.begin >= taken[-1].end:
            taken.append(one)
    return tuple(taken)


def _mention(kind: str, value: str, match: re.Match[str]) -> ClaimMention:
    if not match.re.groups:
        return ClaimMention(kind, value, match.start(), match.end(), match[0])
    groups = {name: said for name, said in match.groupdict().items() if said}
    side = groups.get("side", "")
    number = next((groups[name] for name in "nmo" if name in groups), "")
    value = value or _SIDES.get(side, side)
    return ClaimMention(kind, value, match.start(), match.end(), match[0], number, groups.get("u", ""))


def of_kind(mentions: Sequence[ClaimMention], *kinds: str) -> list[ClaimMention]:
    """Return the mentions of some kinds."""
    return [one for one in mentions if one.kind in kinds]
