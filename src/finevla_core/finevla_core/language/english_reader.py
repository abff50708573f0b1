"""Reads English: a text about things on a table into slots, or the reason why it must not be acted on."""

from finevla_core.language.english_manner import decide_manner
from finevla_core.language.english_misplaced_words import mark_strange
from finevla_core.language.english_parse import Walk
from finevla_core.language.english_refusals import passed_over, refusal
from finevla_core.language.english_slots import decide
from finevla_core.language.english_text import EnglishText
from finevla_core.language.english_tokens import MAX_LETTERS, MAX_TOKENS, tokens
from finevla_core.language.reader_result import Reading


def read_english(text: str) -> Reading:
    """Read one text.

    Args:
        text: what an operator typed or said, in any case and with or without punctuation.

    Returns:
        The slots that it says, or a refusal for the operator.
    """
    pieces, read_as = tokens(text)
    if len(text) > MAX_LETTERS or len(pieces) > MAX_TOKENS:
        return Reading(refusal="the text is too long: say it in fewer words", certainty=0.0)
    mark_strange(pieces)
    parsed = EnglishText(Walk(pieces).run())
    decision = decide(parsed)
    decide_manner(parsed, decision)
    reason, unknown = refusal(parsed, decision)
    if reason:
        return Reading({}, reason, unknown, 0.0)
    passed = (*read_as, *passed_over(parsed))
    return Reading(decision.slots, "", passed, max(0.3, 1.0 - 0.1 * len(passed)))
