"""Tables of patterns, each with characters or words of which one must stand in the text: most texts have none of them.

Looking for those is far faster than searching the patterns.
"""

import re
from collections.abc import Callable, Iterable

Needles = str | tuple[str, ...]  # single characters, or words
Wording = tuple[Needles, re.Pattern[str], str | Callable[[re.Match[str]], str]]
Reason = tuple[Needles, re.Pattern[str], str]


def stands(needles: Needles, text: str, letters: set[str]) -> bool:
    """Whether one of some characters or words stands in a text of these letters; else its pattern is not searched."""
    if isinstance(needles, str):
        return not letters.isdisjoint(needles)
    for needle in needles:  # noqa: SIM110 - hundreds of these for a text, and a generator takes twice as long
        if needle in text:
            return True
    return False


def reworded(text: str, wordings: Iterable[Wording]) -> str:
    """Return a text in which each wording in turn has been replaced."""
    letters = set(text)
    for needles, pattern, by in wordings:
        if stands(needles, text, letters):
            text = pattern.sub(by, text)
    return text


def first_reason(text: str, reasons: Iterable[Reason]) -> str:
    """Return the reason of the first pattern that is found in a text; "" where none is."""
    letters = set(text)
    return next(
        (reason for needles, pattern, reason in reasons if stands(needles, text, letters) and pattern.search(text)), ""
    )
