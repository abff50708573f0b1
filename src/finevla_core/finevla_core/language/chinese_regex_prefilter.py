"""Finds out which words a text must have for an expression to match at all, so that most expressions need no search."""

import re

Cues = tuple[frozenset[str], ...]

_NEGATIVE = ("(?!", "(?<!")
_OPENING = ("(?:", "(?=", "(?<=", *_NEGATIVE, "(")
_QUANTIFIER = re.compile(r"(?:[?*+]|\{(\d*),?\d*\})\??")


def cues_of(expression: str) -> Cues:
    """Return sets of words; whatever the expression matches stands in a text that has at least one of each set.

    Of the syntax of `re`, groups without flags, classes, alternatives, quantifiers and assertions are understood.
    """
    return _alternatives(expression, 0)[0]


def _alternatives(text: str, at: int) -> tuple[Cues, int]:
    """The cues of alternatives up to the end of their group, and where that is."""
    branches: list[Cues] = []
    while True:
        cues, at = _sequence(text, at)
        branches.append(cues)
        if at >= len(text) or text[at] != "|":
            break
        at += 1
    if len(branches) == 1:
        return branches[0], at
    if not all(branches):
        return (), at
    return (frozenset().union(*(min(cues, key=_weakness) for cues in branches)),), at


def _weakness(cue: frozenset[str]) -> tuple[int, int]:
    """How often a cue may be in a text: long words are rare, and few of them rarer."""
    return -min(map(len, cue)), len(cue)


def _sequence(text: str, at: int) -> tuple[Cues, int]:
    """The cues of one alternative: those of all its parts that it cannot do without."""
    cues: list[frozenset[str]] = []
    run = ""  # letters in a row
    while at < len(text) and text[at] not in "|)":
        start = at
        part, at = _part(text, at)
        quantifier = _QUANTIFIER.match(text, at)
        if quantifier is None and len(part) == 1 and part[0] == {text[start]}:
            run += text[start]
            continue
        if run:
            cues.append(frozenset((run,)))
            run = ""
        if quantifier is not None:
            at = quantifier.end()
            if quantifier.group()[0] in "?*" or quantifier.group(1) in ("", "0"):
                continue
        cues.extend(part)
    return (*cues, frozenset((run,))) if run else tuple(cues), at


def _part(text: str, at: int) -> tuple[Cues, int]:
    """The cues of one character, class or group, and where it ends."""
    letter = text[at]
    if letter == "(":
        opening = next(opening for opening in _OPENING if text.startswith(opening, at))
        cues, end = _alternatives(text, at + len(opening))
        return ((), end + 1) if opening in _NEGATIVE else (cues, end + 1)
    if letter == "[":
        end = text.index("]", at + 1)
        inner = text[at + 1 : end]
        is_open = inner.startswith("^") or "-" in inner or "\\" in inner
        return (() if is_open else (frozenset(inner),)), end + 1
    if letter == "\\":
        return (() if text[at + 1].isalnum() else (frozenset(text[at + 1]),)), at + 2
    return (() if letter in ".^$" else (frozenset(letter),)), at + 1
