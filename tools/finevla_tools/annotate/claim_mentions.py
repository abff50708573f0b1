"""The mentions of a clause: what of a text means an arm, an act, a side or a number, each with its place; longest first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from finevla_tools.annotate import claim_words_en as en
from finevla_tools.annotate import claim_words_zh as zh

_PATTERNS = tuple((kind, value, re.compile(pattern, re.IGNORECASE)) for kind, value, pattern in (*en.WORDS, *zh.WORDS))
_HAN = re.compile(r"[一-鿿]")
_LATIN = re.compile(r"[A-Za-z]{2}")
_EN = _PATTERNS[: len(en.WORDS)]
_ZH = _PATTERNS[len(en.WORDS) :]
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


def mentions_in(clause: str) -> list[Mention]:
    """Return the mentions of a clause in their order; where two overlap, the earlier and longer one."""
    patterns = (*(_EN if _LATIN.search(clause) or not _HAN.search(clause) else ()), *(_ZH if _HAN.search(clause) else ()))
    found = [_mention(kind, value, match) for kind, value, pattern in patterns for match in pattern.finditer(clause)]
    taken: list[Mention] = []
    for one in sorted(found, key=lambda one: (one.begin, -one.end)):
        if not taken or one.begin >= taken[-1].end:
            taken.append(one)
    return taken


def _mention(kind: str, value: str, match: re.Match[str]) -> Mention:
    groups = {name: said for name, said in match.groupdict().items() if said}
    side = groups.get("side", "").lower()
    number = next((groups[name] for name in "nmo" if name in groups), "")
    value = value or _SIDES.get(side, side)
    return Mention(kind, value, match.start(), match.end(), match[0], number.lower(), groups.get("u", "").lower())


def of_kind(mentions: Sequence[Mention], *kinds: str) -> list[Mention]:
    """Return the mentions of some kinds."""
    return [one for one in mentions if one.kind in kinds]
