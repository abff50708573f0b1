"""Writes an English text with the parts that its things play, so that patterns are about parts and not about words."""

from finevla_core.language.english_mentions import Mention
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_text import EnglishText

_NAMES = {"bowl": "BOWL", "post": "POST", "arm": "ARM", "finger": "FINGERS", "all": "THING", "table": "TABLE"}
_SEARCHED = 400  # tokens: bounds the time for a text without end


def in_names(text: EnglishText, out: Decision) -> str:
    """Write a text with what is spoken of by its part in it.

    Args:
        text: the text.
        out: what is decided so far, with the target.

    Returns:
        Its words, with TARGET, SUPPORT (below it), OTHER, ARM, FINGERS, BOWL, POST, TABLE and THING for what they name.
    """
    spans: dict[int, tuple[int, str]] = {}
    for m in text.parse.mentions:
        if name := _name(text, m, out):
            spans[m.start] = (m.end, name)
    for start, end in text.parse.sentences:
        follows = text.parse.tokens[end : end + 1]
        if text.parse.tokens[end - 1].text == "?" and follows and follows[0].text in ("no", "nope", "nah"):
            spans[start] = (end, ".")  # "Touch it? No: ..." is taken back
    pieces: list[str] = []
    i = 0
    tokens = text.parse.tokens[:_SEARCHED]
    while i < len(tokens):
        if i in spans:
            end, name = spans[i]
            pieces.append(name)
            i = max(end, i + 1)
            continue
        pieces.append("." if tokens[i].text in ("!", "?", "\n") else tokens[i].text)
        i += 1
    return " " + " ".join(pieces) + " . "


def _name(text: EnglishText, m: Mention, out: Decision) -> str:
    if m.kind in _NAMES:
        return _NAMES[m.kind]
    if m.kind == "pronoun":
        if m.head == "itself" or text.is_hand(m):
            return "ARM"
        return "TARGET" if text.is_target(m, out.target) and not m.is_subject else ""
    if m.kind == "object":
        if out.support is not None and text.is_target(m, out.support):
            return "SUPPORT"
        return "TARGET" if text.is_target(m, out.target) else "OTHER"
    return ""
