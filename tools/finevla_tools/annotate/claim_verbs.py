"""English verbs in all their forms, for patterns that mean a verb whatever its tense; and nouns that look like one."""

import re

_CONSONANT_Y = re.compile(r"[^aeiou]y$")
# Before these a base form is a noun: `a firm grip`, `the robot's hold`.
_NOUN = (
    r"(?<!\ba )(?<!\ban )(?<!\bthe )(?<!\bits )(?<!\bof )(?<!'s )(?<!firm )(?<!good )(?<!secure )(?<!tight )(?<!solid )(?<!strong )"
    r"(?<!stable )(?<!gentle )(?<!full )(?<!no )(?<!any )(?<!failed )(?<!each )(?<!successful )(?<!first )(?<!second )(?<!third )"
)


def verbs(*lemmas: str) -> str:
    """Return a pattern of all forms; `grip+` doubles its last letter, `take:took,taken` has its own past."""
    return "(?:" + "|".join(form for lemma in lemmas for form in _forms(lemma)) + ")"


def noun_or(pattern: str) -> str:
    """Return a pattern that leaves out what follows an article or the like."""
    return _NOUN + pattern


def either(*patterns: str) -> str:
    """Return a pattern of whole words for any of some patterns."""
    return rf"\b(?:{'|'.join(patterns)})\b"


def _forms(lemma: str) -> list[str]:
    word, _, own = lemma.partition(":")
    stem = word.rstrip("+")
    base = stem + stem[-1] if word.endswith("+") else stem
    third = stem[:-1] + "ies" if _CONSONANT_Y.search(stem) else stem + ("es" if stem.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")
    if _CONSONANT_Y.search(stem):
        past, doing = stem[:-1] + "ied", stem + "ing"
    elif stem.endswith("e"):
        past, doing = stem + "d", stem[:-1] + "ing"
    else:
        past, doing = base + "ed", base + "ing"
    return [doing, third, *(own.split(",") if own else [past]), stem]
