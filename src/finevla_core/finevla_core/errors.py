"""The one exception for mistakes that a person can mend: its text is a sentence that says what, where and what to do."""

import difflib
from collections.abc import Iterable


class FineVLAError(ValueError):
    """Bad input found at the door; programs print its text without a traceback and exit non-zero."""


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """The sentence for a name that does not exist: the nearest that does, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(str(name), names, 1)
    return f"unknown {what} '{name}'; " + (f"did you mean '{near[0]}'?" if near else f"known are {', '.join(names)}")
