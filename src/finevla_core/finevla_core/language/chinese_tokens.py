"""Splits Chinese text into words of the vocabulary; characters that are left over are unknown words.

Of all ways to split a text the one with the fewest unknown characters is taken, and of these the one with the fewest words.
"""

import re
from dataclasses import dataclass
from functools import cache
from itertools import product

from finevla_core.language import chinese_refused_words as outside
from finevla_core.language.chinese_action_patterns import ACTION_PATTERNS
from finevla_core.language.chinese_attribute_words import VALUES
from finevla_core.language.chinese_compound_verbs import COMPOUNDS
from finevla_core.language.chinese_fillers import FILLERS
from finevla_core.language.chinese_grip_words import GRIP_PATTERNS
from finevla_core.language.chinese_motion_patterns import PATTERNS
from finevla_core.language.chinese_regex_prefilter import Cues, cues_of
from finevla_core.language.chinese_remark_patterns import SAYING_PATTERNS
from finevla_core.language.chinese_talk_patterns import SPEECH_PATTERNS
from finevla_core.language.chinese_verbs import VERBS
from finevla_core.language.chinese_word_kinds import Kind
from finevla_core.language.chinese_words import WORDS

UNKNOWN_COST = 6  # words of one character that an unknown character may be avoided with
_MARKS = {",": Kind.CLAUSE, ".": Kind.SENTENCE, ":": Kind.COLON, "/": Kind.LIST, "?": Kind.ASK}
_ONE = (1,)
_MANNER = 4  # characters; most words of manner are no longer
_NO_MANNER = (*_MARKS.values(), Kind.ARM, Kind.COLOR, Kind.SHAPE, Kind.BOWL, Kind.POST, Kind.TAKE, Kind.USE, Kind.IT)
_MANNER_FORM = re.compile(
    r"(.)\1(.)\2|..?[然声]|[咿-嚿](?<![唱唇哨哭商喜嗓嘴器啄啃嗅嚼喷喂哺])"
)  # doubled, "-ly", or a sound
_SPACES = re.compile(r"\s+(?=[^a-z0-9])|(?<=[^a-z0-9])\s+")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")


@dataclass(frozen=True)
class ChineseToken:
    """A word: its kind, its slot's word ("" if it has none; what is wrong for words from outside) and how it is written."""

    kind: Kind
    value: str
    text: str


def split(text: str) -> list[ChineseToken]:
    """Split text that `chinese_normalization.plain` made; spaces between Chinese characters count nothing."""
    text = _SPACES.sub("", text.strip())
    edges = _pattern_edges(text)
    words, lengths = _vocabulary()
    inner = _inside_latin(text)
    size = len(text)
    costs = [0] * (size + 1)
    best: list[ChineseToken] = [ChineseToken(Kind.UNKNOWN, "", "")] * size
    for at in range(size - 1, -1, -1):
        cost = costs[at + 1] + UNKNOWN_COST
        if text[at] < "\u3400" or text[at] > "\u9fff":
            best[at] = _rest(text, at)
            cost = costs[at + len(best[at].text)] + UNKNOWN_COST
        if at not in inner:
            for length in lengths.get(text[at : at + 2], _ONE):
                end = at + length
                if end > size or costs[end] + 1 >= cost or end in inner:
                    continue
                if (token := words.get(text[at:end])) is not None:
                    cost, best[at] = costs[end] + 1, token
        for token in edges.get(at, ()):
            if costs[at + len(token.text)] + 1 <= cost:
                cost, best[at] = costs[at + len(token.text)] + 1, token
        costs[at] = cost
    return _without_manner(_joined(text, best))


def _without_manner(tokens: list[ChineseToken]) -> list[ChineseToken]:
    """Pass over what an unknown word says of the manner: before "地", or in a form that only words of manner have."""
    for end, token in enumerate(tokens):
        if token.kind is Kind.UNKNOWN and _MANNER_FORM.fullmatch(token.text):
            tokens[end] = ChineseToken(Kind.FILLER, "", token.text)
        if token.text != "地":
            continue
        at, length = end, 0
        while at > 0 and length < _MANNER and tokens[at - 1].kind not in _NO_MANNER:
            at -= 1
            length += len(tokens[at].text)
        if length <= _MANNER and any(other.kind in (Kind.UNKNOWN, Kind.OUTSIDE) for other in tokens[at:end]):
            tokens[at:end] = [ChineseToken(Kind.FILLER, "", other.text) for other in tokens[at:end]]
    return tokens


def _rest(text: str, at: int) -> ChineseToken:
    """What stands there if no word of the vocabulary does: a mark, an unknown Latin word or one unknown character."""
    letter = text[at]
    if letter in _MARKS:
        return ChineseToken(_MARKS[letter], "", letter)
    if latin := _LATIN.match(text, at):
        return ChineseToken(Kind.UNKNOWN, "", latin.group())
    return ChineseToken(Kind.UNKNOWN if _HAN.match(letter) else Kind.FILLER, "", letter)


_LATIN = re.compile("[a-z]+(?:['-][a-z]+)*")
_LETTERS = re.compile("[a-z]{2,}", re.ASCII)


def _inside_latin(text: str) -> set[int]:
    """Where no word of the vocabulary can begin or end, because it is within a Latin word."""
    return {at for match in _LETTERS.finditer(text) for at in range(match.start() + 1, match.end())}


def _pattern_edges(text: str) -> dict[int, list[ChineseToken]]:
    edges: dict[int, list[ChineseToken]] = {}
    letters = frozenset(text)
    for kind, pattern, value, cues in all_patterns():
        if not has_cues(text, letters, cues):
            continue
        for match in pattern.finditer(text):
            edges.setdefault(match.start(), []).append(ChineseToken(kind, value, match.group()))
    return edges


def has_cues(text: str, letters: frozenset[str], cues: Cues) -> bool:
    """Whether a text of these letters has a word of each cue."""
    for cue in cues:
        if letters.isdisjoint(cue):
            for word in cue:
                if len(word) > 1 and word in text:
                    break
            else:
                return False
    return True


@cache
def all_patterns() -> tuple[tuple[Kind, re.Pattern[str], str, Cues], ...]:
    """All patterns, each with the characters without which it needs no search."""
    patterns = (*PATTERNS, *ACTION_PATTERNS, *GRIP_PATTERNS, *SPEECH_PATTERNS, *SAYING_PATTERNS)
    return tuple((kind, pattern, "".join(value), cues_of(pattern.pattern)) for kind, pattern, *value in patterns)


def _joined(text: str, best: list[ChineseToken]) -> list[ChineseToken]:
    """The words on the best way, unknown characters in a row as one unknown word."""
    tokens: list[ChineseToken] = []
    at = 0
    while at < len(text):
        token = best[at] if best[at].text else _rest(text, at)
        at += len(token.text)
        if token.kind is Kind.UNKNOWN and tokens and tokens[-1].kind is Kind.UNKNOWN:
            token = ChineseToken(Kind.UNKNOWN, "", tokens.pop().text + token.text)
        tokens.append(token)
    return tokens


@cache
def _vocabulary() -> tuple[dict[str, ChineseToken], dict[str, tuple[int, ...]]]:
    """All words as tokens (the world before what is outside), and how long the words are that begin with two characters."""
    words: dict[str, ChineseToken] = {
        word: ChineseToken(Kind.FILLER, "", word) for word in (*outside.HEADS.split(), *FILLERS.split())
    }
    for value, text in (
        ("property", outside.PROPERTIES),
        ("object", outside.OBJECTS),
        ("place", outside.PLACES),
        ("tool", outside.TOOLS),
    ):
        words.update({word: ChineseToken(Kind.OUTSIDE, value, word) for word in text.split()})
    for value, text in outside.ACTIONS.items():
        words.update({word: ChineseToken(Kind.ACTION, value, word) for word in text.split()})
    for kind, text in (*WORDS.items(), *VERBS.items()):
        words.update({word: ChineseToken(kind, "", word) for word in text.split()})
    for kind, values in VALUES.items():
        for value, text in values.items():
            words.update({word: ChineseToken(kind, value, word) for word in text.split()})
    for kind, compounds in COMPOUNDS:
        for word in compounds:
            words.setdefault(word, ChineseToken(kind, "", word))
    lengths: dict[str, set[int]] = {}
    for value, verbs, ends in outside.ACTION_PARTS:
        for word in map("".join, product(verbs.split(), ends.split())):
            words.setdefault(word, ChineseToken(Kind.ACTION, value, word))
    for word in words:
        lengths.setdefault(word[:2], {1}).add(len(word))
    return words, {first: tuple(sorted(sizes)) for first, sizes in lengths.items()}
