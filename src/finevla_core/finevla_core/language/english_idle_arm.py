"""Tells from the words after an arm of an English text whether it rests: "takes no part", "is held back"."""

from finevla_core.language.english_mention_roles import WORK
from finevla_core.language.english_tokens import EnglishToken
from finevla_core.language.english_word_tables import word_set

ACTIVE = WORK | {"use", "descend", "close", "open", "clean"}
_KEPT = word_set("""
    reserve back still out place position pose ground station away aside pocket pockets post lap break holiday
    strike home there down put clear wait peace guard
    """)
_REASONS = frozenset(("as soon as", "as long as", "as if"))
_GOES_ON = ("which", "who", "as ")  # what follows still speaks of the arm


def is_remark_begun(tokens: list[EnglishToken], at: int) -> bool:
    """Whether a reason or another order begins: ", because somebody is watching", "and do not spill the coffee"."""
    token = tokens[at]
    if token.kind == "sub":
        return not token.text.startswith(_GOES_ON) or token.text in _REASONS
    before = [t.text for t in tokens[max(0, at - 2) : at]]
    is_order = token.kind == "neg" and at + 1 < len(tokens) and tokens[at + 1].kind in ("verb", "unknown", "word")
    return is_order and (before[-1:] == ["and"] or before == ["and", "do"]) and token.text != "nothing"


def spares_a_thing(tokens: list[EnglishToken], at: int) -> bool:
    """ "Does not touch the red ball; it lifts ...": a thing is left alone, and the arm goes on to work."""
    if at >= len(tokens) or tokens[at].kind != "verb":
        return False
    end = at
    while end < len(tokens) and tokens[end].kind != "break" and tokens[end].text != "but":
        end += 1
    after = [t for t in tokens[end + 1 : end + 5] if t.kind == "verb" or t.text == "it"]
    is_thing = any(t.kind in ("shape", "color") for t in tokens[at:end])
    return is_thing and any(t.value in WORK and t.form in ("s", "base") for t in after)


def is_nothing(token: EnglishToken) -> bool:
    """Whether "does" only leads to what is not done."""
    return token.kind == "neg" or token.text in ("nothing", "little", "no part")


def denies_work(tokens: list[EnglishToken], at: int) -> bool:
    """Whether after a comma "not" or "never" is said of the arm itself, and not of another or of a way."""
    return at < len(tokens) and (tokens[at].kind == "verb" or tokens[at].is_idle or tokens[at].text in ("to", "in"))


def takes_no_part(tokens: list[EnglishToken], at: int) -> bool:
    """Whether a verb and what follows it say that nothing is done: "takes no part", "is held back", "has not stirred"."""
    after = [t.text for t in tokens[at + 1 : at + 4]]
    if not after:
        return False
    if tokens[at + 1].kind == "neg" or after[0] in ("no part", "no role", "nothing", "little"):
        return True
    if tokens[at].text in ("hold", "holds", "held", "keeps", "keep", "kept", "sits", "sit", "stays", "is", "has been"):
        own = after[1:2] if after[0] in ("its", "his", "her", "the") else after
        return own[:1] != [] and own[0] in _KEPT
    return False


def begins_anew(token: EnglishToken, distance: int, verbs: int) -> bool:
    return (
        (token.kind == "break" and token.text == "," and verbs > 0)
        or (token.kind in ("bowl", "arm") and distance > 0)
        or (token.kind == "shape" and not verbs and distance > 0)
        or (token.kind == "side" and verbs > 0 and distance > 0)
    )


def works(tokens: list[EnglishToken], start: int, end: int) -> bool:
    return any(
        t.kind == "verb"
        and t.value in ACTIVE
        and t.form != "noun"
        and not t.is_idle
        and t.text not in ("closed", "shut", "opened", "empty", "clean")
        for t in tokens[start:end]
    )


def is_sent_away(tokens: list[EnglishToken], at: int) -> bool:
    return any(
        t.text in ("out of the way", "out of it", "aside", "home", "as far away as", "away")
        for t in tokens[at + 1 : at + 5]
    )
