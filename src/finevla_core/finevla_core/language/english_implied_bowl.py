"""Finds the bowl that an English text means where it does not say it plainly: the side, or "" where there is none."""

from finevla_core.language.english_text import EnglishText


def corrected_bowl(text: EnglishText) -> str:
    """ "Into the left bowl; sorry, everything goes into the right bowl": the side said after the correction; else ""."""
    bowls = [m for m in text.mentions if m.kind == "bowl" and m.side and not m.is_negated]
    between = text.parse.tokens[bowls[0].end : bowls[-1].start]
    is_corrected = any(t.kind == "corr" or t.text == "no" for t in between)
    return bowls[-1].side if is_corrected else ""


def bowl_there(text: EnglishText) -> str:
    """ "In case the left bowl is not full, drop the ball there": the side of the only bowl spoken of; else ""."""
    sides = {m.side for m in text.parse.mentions if m.kind == "bowl" and m.side}
    tokens = text.parse.tokens
    is_there = any(
        a.value == "put" and any(t.text in ("there", "in there") for t in tokens[m.end : m.end + 1])
        for a in text.positive
        for m in a.objects
    )
    return sides.pop() if is_there and len(sides) == 1 and not text.is_long else ""


def that_bowl(text: EnglishText) -> str:
    """The side of "that bowl": of the bowl named before it, or of the way to it."""
    for m in text.mentions:
        if m.kind != "bowl" or m.side or m.is_negated or m.is_hypothetical or m.prep not in ("in", "to", "over", "on"):
            continue
        before = [b for b in text.mentions if b.start < m.start and b.side and not b.is_negated]
        named = [b.side for b in before if b.kind == "bowl"]
        ways = [
            b.side for b in before
            if b.kind in ("side", "part") and b.sentence == m.sentence
            and (b.prep == "to" or (not b.prep and b.kind == "side" and b.verb in ("put", "reach")))
        ]  # fmt: skip
        if (text.is_long and named and m.determiner in ("the", "that", "this")) or ways:
            return (ways or named)[-1]
    return ""


def waiting_bowl(text: EnglishText) -> str:
    """The side of the only bowl, where it is named before the hand of a long text lets go: "the left bowl waits there"."""
    bowls = [m for m in text.mentions if m.kind == "bowl" and m.side and not (m.is_negated or m.is_hypothetical)]
    bowls = [m for m in bowls if m.is_subject and m.prep == ""]
    lets_go = [a.at for a in text.positive if a.value in ("release", "open", "put", "throw") and a.form != "noun"]
    is_before = bool(bowls) and any(at > bowls[0].start for at in lets_go)
    return bowls[0].side if len({m.side for m in bowls}) == 1 and is_before else ""
