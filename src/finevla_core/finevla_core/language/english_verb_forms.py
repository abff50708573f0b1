"""Inflects English verbs: "lift", "lifts", "lifting", "lifted"."""

import re

from finevla_core.language import english_verbs as verbs

_SHORT_VOWEL = re.compile(r"[^aeiou]*[aeiou][^aeiouwxy]")


def forms(verb: str) -> dict[str, str]:
    """Inflected form -> name of the form, of a regular or listed verb."""
    stem = verb[:-1] if verb.endswith("e") and not verb.endswith("ee") else verb
    third = verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "z")) else "s")
    forms = {verb: "base", third: "s", stem + "ing": "ing", stem + "ed": "ed"}
    if _SHORT_VOWEL.fullmatch(verb) and verb != "spot":  # "spotted" is how a thing looks
        forms |= {verb + verb[-1] + "ing": "ing", verb + verb[-1] + "ed": "ed"}  # "nipping"
    for form in verbs.IRREGULAR.get(verb, ()):
        ending = "ing" if form.endswith("ing") and form != "bring" else "s" if form in ("has", "is", "goes") else "ed"
        ending = "s" if form.endswith("ies") else ending
        if form == verb:
            continue
        forms[form] = ending
    return forms
