"""Clauses of a text in the order in which things happened: `A after B`, `B, having A`, `it had A` are put right here."""

import re
from collections.abc import Iterator

from finevla_tools.annotate.claim_text_normalization import HAN

SENTENCES = re.compile(r"[;!?。；！？\n]|\.(?!\d)")
# A comma or `and` is no border within numbers; `before` and the like are, for a new act begins there.
_BORDERS_EN = (
    r"[,:](?!\d)|[，、：]"
    r"|\s(?:and then|then|and|before|after|while|whilst|whereas|but|yet|until(?! \d| about \d| around \d)"
    r"|till(?! \d)|once(?= \w+)"
    r"|when|as soon as|which|who|so that|by the time|by which time|though|although|followed by)\s"
)
_BORDERS = re.compile(_BORDERS_EN)
_BORDERS_ZH = re.compile(
    rf"{_BORDERS_EN}|然后|接着|随后|随即|继而|再(?!次)|并(?!未|没|拢|且|列|行|进|肩|排)|而(?!且|下)"
    rf"|(?<!不)(?<!不是)(?<!并非)(?<!没有)同时|但是?|却(?!还)"
    r"|才(?=把|将|放|松|抓|夹)|等到?(?=左|右|另)"
    r"|(?<![向往朝左右着最前先今以])之?[后前](?!方|侧|面|端|部|退|者|移|推|拉|夹爪|抓了|共)"
)
_KEPT = ("同时",)
# What part `a` of a sentence tells was before its part `b`, and that before `c`; the first pattern that matches counts. Before
# each stand the words of which one is in all that it matches, for most sentences have none and patterns fail slowly.
_JUST = r"(?:(?:only |just |(?<!the )right |soon |shortly |immediately |directly |some time )?"
_PRIOR_WORDS = ("before", "prior to", "ahead of", "in advance of")
_PRIOR = rf"{_JUST}before|prior to|ahead of|in advance of)"
_LATER_WORDS = ("after", "once", "when", "as soon as", "following", "on")
_LATER = rf"(?:{_JUST}(?:after|once|when|as soon as|following))|on|upon)"
_SIDE = r"(?:the |its |my )?(?:left|right|other)\b"
_REORDERED: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (words, re.compile(pattern))
    for words, pattern in (
        ((" that ", " which "), rf"^(?P<b>[^,]+?) (?:that|which) (?P<a>{_SIDE}[^,]*? (?:has|had) .+)$"),
        (("follow", "comes after"),
         rf"^(?P<b>{_SIDE} \w+) (?:follows|followed|comes after) (?P<a>{_SIDE}(?: \w+)?)(?P<c>\b.*)$"),
        (("after",), r"^(?P<a>.+(?:,| and)) (?P<c>[^,]+?)\b(?:only |just )?after (?P<b>\w+ing [^,]+)$"),
        (("after",), rf"^(?P<b>[^,]+?)\bafter (?P<a>\w+ing [^,]+?),? and (?P<c>{_SIDE}.+)$"),
        (("等",), r"^(?P<b>(?:(?!等)[^，])+?)等(?:到|待)?(?P<a>[^，]*?[左右臂手][^，]*?)(?:之后|以后|后)(?P<c>.+)$"),
        (("在前",), r"^(?:.*?，)?(?P<a>[^，]+?)在前，(?P<b>[^，]+?)在后"),
        (("wait",), rf"^(?P<b>.+?) waits? (?:until|till|for(?= {_SIDE})) (?P<a>.+)$"),
        (("had already",), r"^(?P<a>.+? had already .+?) (?:when|as|before) (?P<b>.+)$"),
        (_PRIOR_WORDS, rf"^\s*{_PRIOR} (?!that\b|this\b|long\b)(?P<b>[^,]+),(?P<a>.+)$"),
        (_LATER_WORDS, rf"^\s*{_LATER} (?!that\b|this\b)(?P<a>[^,]+),(?P<b>.+)$"),
        (_PRIOR_WORDS, rf"^(?P<a>.+?)[, ]+{_PRIOR} (?!that\b|this\b|long\b)(?P<b>.+)$"),
        (("after",), rf"^(?P<b>.+?)\b{_JUST}after) (?!that\b|this\b|wards\b|\d)(?P<a>.+)$"),
        (_LATER_WORDS[1:-1],
         r"^(?P<b>.+?)(?<! and)(?<! then)[, ]+(?:(?:only |just )?(?:once|as soon as|when)|following) (?=\w+ \w+)(?P<a>.+)$"),
        ((", but", ", though"), r"^(?P<b>.+?), (?:but|though)(?: only)? (?:first|beforehand|before that)\b(?P<a>.+)$"),
        (("having",), r"^(?P<b>.+?), (?:having|after having) (?P<a>.+)$"),
        (("had ",), r"^(?P<b>[^,]+?), (?:which|that|who) (?:it )?had (?P<a>.+)$"),
        (("前，",), r"^(?:在)?(?P<b>[^，]+?)(?:之前|以前|前)，(?:先)?(?P<a>.+)$"),
        (("之前", "以前"), r"^(?:在)?(?P<b>[^，]+?)(?:之前|以前)(?:先)?(?P<a>.+)$"),
        (("前",), r"^(?P<b>.+?)，(?:而)?(?:在此|在这|此|这)之?前(?P<a>.+)$"),
    )
)  # fmt: skip
_UNTIL_WORDS = ("until", "till", "before")
_NOT_UNTIL = re.compile(
    r"\b(?:(?:do(?:es)?|did|is|was|are|were|has|had) )?(?:not|never) (?P<x>(?:\w+ ){1,6}?)(?:until"
    r"|till|before)(?= (?:about |around |roughly )?\d)"
)
_NOT_UNTIL_DONE = re.compile(
    r"^(?P<x>.+?) (?:do(?:es)? not|did not|is not|was not|not|never) (?P<b>[^,]+?),? (?:until|till"
    r"|before) (?P<a>(?!\d)[^,]+)"
)
_NOT_UNTIL_THEN = re.compile(
    r"^\s*(?:it is |it was )?not until (?P<a>[^,]+?)(?:,| (?:that|does|did"
    r"|do) )(?P<b>.+)$"
)
# A sentence in the past perfect, or one that begins so, is told late.
EARLIER = re.compile(
    r"^\s*(?:(?:before (?:that|this|doing (?:so|that|this))|beforehand|earlier|previously|prior to (?:that"
    r"|this))\b|(?:it|they|this|the (?:\w+ ){1,3})had "
    r"(?:already |previously |just |first |earlier )?(?!to\b)\w+|(?:在)?(?:此|这)之?前|之前(?=，|它|左|右))"
)


def sentences_in(text: str) -> Iterator[tuple[str, list[str], bool]]:
    """Give each sentence, its clauses as things happened, and whether it tells what was before the sentence before it."""
    for sentence in SENTENCES.split(text):
        if sentence.strip():
            ordered = in_order(sentence)
            yield sentence, _clauses(ordered), bool(EARLIER.match(sentence))


def in_order(sentence: str) -> str:
    """Return a sentence with its parts in the order of time."""
    if any(word in sentence for word in _UNTIL_WORDS):
        sentence = _NOT_UNTIL.sub(lambda m: f"{m['x']}at", sentence)
        if match := _NOT_UNTIL_THEN.match(sentence):
            return f"{match['a']}, {match['b']}"
        if match := _NOT_UNTIL_DONE.match(sentence):
            return f"{match['a']}, {match['x']} {match['b']}{sentence[match.end() :]}"
    for words, pattern in _REORDERED:
        if any(map(sentence.__contains__, words)) and (match := pattern.match(sentence)):
            return ", ".join(part for _, part in sorted(match.groupdict().items()))
    return sentence


def _clauses(sentence: str) -> list[str]:
    parts, at = [], 0
    for cut in (_BORDERS_ZH if HAN.search(sentence) else _BORDERS).finditer(sentence):
        parts.append(sentence[at : cut.start()])
        at = cut.start() if cut[0].strip() in _KEPT else cut.end()
    parts.append(sentence[at:])
    return [part.strip() for part in parts if part.strip()]
