"""Reads English: a text about things on a table into slots, or the reason why it must not be acted on."""

from finevla_core.language.english_entities import Links
from finevla_core.language.english_parse import Walk
from finevla_core.language.english_refusals import refusal
from finevla_core.language.english_slots import Decider
from finevla_core.language.english_tokens import tokens
from finevla_core.language.reading import Reading


def read_english(text: str) -> Reading:
    """Read one text.

    Args:
        text: what an operator typed or said, in any case and with or without punctuation.

    Returns:
        The slots that it says, or a refusal for the operator.
    """
    parse = Walk(tokens(text)).run()
    links = Links(parse)
    decider = Decider(parse, links)
    decision = decider.decide()
    reason, unknown = refusal(parse, links, decision, decider)
    if reason:
        return Reading({}, reason, unknown, 0.0)
    passed = tuple(dict.fromkeys(word for word, _, _ in parse.unknown))
    return Reading(decision.slots, "", passed, max(0.3, 1.0 - 0.1 * len(passed)))
