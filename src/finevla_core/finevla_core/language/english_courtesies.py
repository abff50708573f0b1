"""Drops what an English text says to somebody before its order and behind it: "Okay, robot, ...", "..., thanks a lot"."""

import re

_ADDRESS = re.compile(
    r"^\s*(?:(?:(?:hey|hi|hello|dear|ok|okay|yo|oi|so) )?(?:robot|machine|computer)|ok|okay|alright|hey|hi|hello|yo|oi|um|"
    r"uh|well|please|so) ?[,!] ?(?=\w)"
)
_THANKS = re.compile(
    r"(?:(?<=[.!?])|(?<=\w) ?,) +(?:many )?(?:thanks|thank you|cheers|ta|much obliged|much appreciated)"
    r"(?: (?:so much|very much|a lot|a bunch|a million|kindly|in advance|mate|robot|again))? ?[.!]*\s*$"
)


def without_courtesies(text: str) -> str:
    """Return a text in lower case without an address at its beginning and without thanks at its end."""
    return _THANKS.sub("", _ADDRESS.sub("", text))
