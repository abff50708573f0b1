"""The phrases of a whole Chinese text, each with its clause, and the questions that roles and slots ask of them."""

import re
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain

from finevla_core.language.chinese_grammar import Phrase, compile_rule, letters
from finevla_core.language.chinese_word_kinds import Kind

MARKS = (Kind.CLAUSE, Kind.SENTENCE, Kind.COLON, Kind.ASK)
# Small words that leave a denial as plain as it is; all others make it one of the manner ("do not grasp it too hard").
_PLAIN = re.compile(
    "(?:[了啊吧呢哦呀哈嘛啦喽咯噢的着哟]|可是|不过|可|然而|并且|而且|同时|你|您|我|绝对|一定|千万|又|也|还|务必|给我|谢谢)*"
)
NEAR, FAR = 12, 40  # phrases before and behind one that rules look at


@dataclass(frozen=True)
class ChinesePhrases:
    """The phrases of a whole text, in order, each with its clause; the questions that roles and slots ask of them."""

    phrases: tuple[Phrase, ...]
    size: int  # characters of the text

    @cached_property
    def letters(self) -> str:
        """One letter for each phrase's kind."""
        return letters(list(self.phrases))

    @cached_property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """Where each clause begins and ends among the phrases."""
        clauses: list[tuple[int, int]] = []
        for place, phrase in enumerate(self.phrases):
            if phrase.clause == len(clauses):
                clauses.append((place, place + 1))
            else:
                clauses[-1] = (clauses[-1][0], place + 1)
        return tuple(clauses)

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        """Where the clause of each phrase begins."""
        return tuple(self.bounds[phrase.clause][0] for phrase in self.phrases)

    def before(self, place: int, rule: str) -> bool:
        """Whether a rule matches what stands directly before a phrase within its clause."""
        start, near = self._starts[place], place - NEAR
        text = self.letters[start:place] if near <= start else "." + self.letters[near:place]
        return _compile_end(rule).search(text) is not None

    def after(self, place: int, rule: str) -> bool:
        """Whether a rule matches what stands directly behind a phrase within its clause."""
        end = min(self.bounds[self.phrases[place].clause][1], place + 1 + FAR)
        return compile_rule(rule).match(self.letters[place + 1 : end]) is not None

    def is_behind(self, place: int, mark: Kind, *kinds: Kind) -> bool:
        """Whether a mark stands before a phrase and one of some kinds before the mark."""
        return place > 1 and self.phrases[place - 1].kind is mark and self.phrases[place - 2].kind in kinds

    def has(self, rule: str) -> bool:
        """Whether a rule matches anywhere in the text."""
        return compile_rule(rule).search(self.letters) is not None

    def clause(self, place: int) -> list[tuple[int, Phrase]]:
        """The phrases of the clause that a phrase stands in, with their places."""
        start, end = self.bounds[self.phrases[place].clause]
        return list(enumerate(self.phrases[start:end], start))

    def places(self, *kinds: Kind) -> list[int]:
        """Where phrases of these kinds stand, in order."""
        found = [self._places[kind] for kind in kinds if kind in self._places]
        return sorted(chain.from_iterable(found)) if len(found) != 1 else list(found[0])

    @cached_property
    def _places(self) -> dict[Kind, list[int]]:
        places: dict[Kind, list[int]] = {}
        for place, phrase in enumerate(self.phrases):
            places.setdefault(phrase.kind, []).append(place)
        return places

    def corrects(self, place: int) -> bool:
        """Whether a word of correction stands before a phrase, with nothing but small words between."""
        small = (
            *MARKS,
            Kind.BE,
            Kind.BUT,
            Kind.SELECT,
            Kind.USE,
            Kind.FROM,
            Kind.PUT,
            Kind.STACK,
            Kind.AT,
            Kind.TO,
            Kind.REQUEST,
            Kind.THEN,
            Kind.GRASP,
        )
        for phrase in reversed(self.phrases[:place]):
            if phrase.kind not in small:
                return phrase.kind is Kind.CORRECTION
        return False

    def is_taken_back(self, place: int) -> bool:
        """Whether the clause behind that of a phrase begins with a word of correction."""
        following = self.phrases[place].clause + 1
        return following < len(self.bounds) and self.phrases[self.bounds[following][0]].kind is Kind.CORRECTION

    def counts(self, place: int) -> bool:
        """Whether a phrase is neither denied nor part of a remark."""
        return not (self.phrases[place].is_negated or self.phrases[place].is_remark)

    def is_corrected(self, first: int, second: int) -> bool:
        """Whether a word of correction stands between two places, or at the end of the text behind both."""
        return self._is_corrected_at_end or any(first <= place < second for place in self.places(Kind.CORRECTION))

    @cached_property
    def last_correction(self) -> int:
        """Where the last word of correction stands, -1 without one."""
        return max(self.places(Kind.CORRECTION), default=-1)

    @cached_property
    def _is_corrected_at_end(self) -> bool:
        last = next((phrase for phrase in reversed(self.phrases) if phrase.kind not in MARKS), None)
        return last is not None and last.kind is Kind.CORRECTION


def is_plain(tail: str) -> bool:
    """Whether small words say nothing of the manner of what they follow."""
    return _PLAIN.fullmatch(tail) is not None


@cache
def _compile_end(rule: str) -> re.Pattern[str]:
    return compile_rule(f"(?:{rule})$")
