"""Says why an English text must not be acted on, in one sentence; "" where nothing speaks against it."""

from finevla_core.language.english_entities import Links
from finevla_core.language.english_parse import Parse
from finevla_core.language.english_slots import Decider, Decision

LONG = 60
QUESTION = frozenset("where what who whom whose why how when which is are was were does did have has am".split())


def _quoted(words: list[str]) -> str:
    unique = list(dict.fromkeys(words))[:6]
    if len(unique) == 1:
        return f"I do not know '{unique[0]}'"
    return "I know none of: " + ", ".join(unique)


def unknown_words(parse: Parse, decision: Decision) -> list[str]:
    """Unknown words that matter."""
    is_long = len(parse.tokens) > LONG
    words = []
    for m in parse.mentions:
        if (
            m.unknown
            and not m.is_negated
            and not m.is_dead
            and not m.is_side
            and not (is_long and m.kind == "unknown" and m.prep)
        ):
            if is_long and not (m.kind == "object" and m.entity >= 0 and parse):
                continue
            words += m.unknown
    if not is_long:
        words += [word for word, is_side, _ in parse.unknown if not is_side]
    return words


def refusal(parse: Parse, links: Links, decision: Decision, decider: Decider) -> tuple[str, tuple[str, ...]]:
    """The reason, and the words that it is about."""
    words = unknown_words(parse, decision)
    if words:
        return _quoted(words), tuple(dict.fromkeys(words))
    if decision.problem:
        return decision.problem, ()
    bad = [a for a in decider.positive if a.value == "cannot" and not a.is_side and not (len(parse.tokens) > LONG)]
    if bad:
        return f"I cannot {bad[0].text} things", (bad[0].text,)
    task = decision.slots.get("task")
    if task != "clean" and decision.target is None:
        return "say which object: its colour or its shape", ()
    return "", ()
