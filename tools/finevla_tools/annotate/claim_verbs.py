"""English verbs by what they mean, in all their forms: what grippers do, what arms do with what they hold, how it comes out."""

import re
from collections.abc import Mapping, Sequence

# `grip+` doubles its last letter, `take:took,taken` has its own past.
_LEMMAS: dict[str, str] = {
    "grasp": "grasp grip+ grab+ pick seize clamp clasp pinch snatch clutch catch:caught nab+ snag+ capture secure fetch"
    " retrieve pluck squeeze nip+ scoop collect trap+ obtain enclose envelop acquire grapple clench hook",
    "take": "take:took,taken",
    "release": "release drop+ relinquish unclamp ungrip+ unclasp unhand disengage dump discard",
    "shut": "tighten converge",
    "spread": "unclench widen loosen relax slacken",
    "hold": "hold:held retain",
    "succeed": "succeed",
    "fail": "fail miss whiff fumble botch",
    "carry": "carry transport transfer+ convey haul drag+ push pull slide:slid bring:brought shift deliver relocate reposition"
    " translate nudge displace tow lug+ scoot whisk ferry tug+ shove sweep:swept propel+ guide shuttle heave"
    " cart trundle steer run:ran escort",
    "go": "move travel head proceed progress glide swing:swung drift advance go:went,gone",
    "lift": "lift raise hoist elevate lower",
    "reach": "approach reach descend dive swoop lunge enter arrive extend stretch engage contact touch target",
    "retreat": "retreat retract withdraw:withdrew,withdrawn return recede",
    "turn": "rotate twist spin+:spun swivel revolve pivot reorient screw unscrew wring:wrung crank roll",
    "act": "act work operate use handle manipulate perform participate cooperate collaborate employ start"
    " begin+:began,begun lead:led follow coordinate execute contribute do:did,done,does",
}
_NOUNS = {"grasp", "hold", "reach"}  # kinds whose base forms are nouns after an article
_CONSONANT_Y = re.compile(r"[^aeiou]y$")
_NOUN_BEFORE = re.compile(
    r"(?:\b(?:a|an|the|its|his|their|this|that|each|no|any|firm|good|secure|tight|solid|strong|stable|gentle|full"
    r"|failed|successful"
    r"|first|second|third|single|proper|of|in)|'s) $"
)
_POSE_AFTER = re.compile(r" (?:pose|posture|position|point|location|height|approach|configuration|candidate|planner)\b")
WORD = re.compile(r"[A-Za-z]+")


def _forms(lemma: str) -> list[str]:
    word, _, own = lemma.partition(":")
    stem = word.rstrip("+")
    doubled = stem + stem[-1] if word.endswith("+") else stem
    if _CONSONANT_Y.search(stem):
        third, past, doing = stem[:-1] + "ies", stem[:-1] + "ied", stem + "ing"
    elif stem.endswith("e"):
        third, past, doing = stem + "s", stem + "d", stem[:-1] + "ing"
    else:
        is_hissing = stem.endswith(("s", "x", "z", "ch", "sh", "o"))
        third, past, doing = stem + ("es" if is_hissing else "s"), doubled + "ed", doubled + "ing"
    return [stem, third, doing, *(own.split(",") if own else [past])]


FORMS: Mapping[str, str] = {
    form: kind for kind, lemmas in reversed(_LEMMAS.items()) for lemma in lemmas.split() for form in _forms(lemma)
}


def verb_kind(clause: str, word: re.Match[str]) -> str | None:
    """Return what kind of act a word is, None if it is none: `a firm grip` is a thing."""
    kind = FORMS.get(word[0])
    if kind in _NOUNS and _NOUN_BEFORE.search(clause[: word.start()]):
        return None
    if kind == "grasp" and (clause.endswith("pre-", 0, word.start()) or _POSE_AFTER.match(clause, word.end())):
        return None
    return kind


def either(*patterns: str) -> str:
    """Return a pattern of whole words for any of some patterns."""
    return rf"\b(?:{'|'.join(patterns)})\b"


def any_of(patterns: Sequence[str]) -> str:
    """Return a pattern that matches where any of some does; the edge of a word that most begin with is looked for once."""
    unnamed = [re.sub(r"\?P<\w+>", "?:", pattern) for pattern in patterns]
    ways = [way for pattern in unnamed for way in _ways(pattern)]
    at_words = [way.removeprefix(r"\b") for way in ways if way.startswith(r"\b")]
    others = [way for way in ways if not way.startswith(r"\b")]
    return "|".join([rf"\b(?:{'|'.join(at_words)})"] * bool(at_words) + others)


def _ways(pattern: str) -> list[str]:
    """The alternatives of a pattern, cut at `|` outside of its groups."""
    ways, depth = [""], 0
    for sign in re.findall(r"\\.|\[[^\]]*\]|.", pattern):
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and depth == 0:
            ways.append("")
        else:
            ways[-1] += sign
    return ways
