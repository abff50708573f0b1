"""The one exception for mistakes that a person can mend: its text is a sentence that says what, where and what to do."""

import difflib
from collections.abc import Iterable


class FineVLAError(ValueError):
    """Bad input found at the door; programs print its text without a traceback and exit non-zero."""


def quoted(text: str, most: int = 60) -> str:
    """Return what a stranger gave in quotes, for a sentence: its first `most` characters, printable and on one line."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:most])
    return f"'{shown}'" if len(text) <= most else f"'{shown}...' ({len(text)} characters)"


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """The sentence for a name that does not exist: the nearest that does, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(str(name), names, 1)
    return f"unknown {what} '{name}'; " + (f"did you mean '{near[0]}'?" if near else f"known are {', '.join(names)}")
