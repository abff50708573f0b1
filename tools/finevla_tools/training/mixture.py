"""Mixtures: which set a sample is of, and in which words its frame is told, each by the sample's number alone.

Ratios are exact: among each block of as many consecutive samples as a ratio has parts, each part has its share, in an order
that differs from block to block. The frames are the same in every mixture.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from finevla_core.errors import FineVLAError, quoted
from finevla_tools.training.config_types import LanguageRates
from finevla_tools.training.random_draws import generator, permuted

FINE, RAW, FACTORS, PARAPHRASE, NONE = "fine", "raw", "factors", "paraphrase", "none"
WORDING = "fine paraphrase"
# The seven of FineVLA (arXiv 2605.27284): fine to raw.
MIXES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"1:0": (1, 0), "4:1": (4, 1), "2:1": (2, 1), "1:1": (1, 1), "1:2": (1, 2), "1:4": (1, 4), "0:1": (0, 1)}
)
ALSO: Mapping[str, str] = MappingProxyType({FINE: "1:0", RAW: "0:1"})
BLOCK = 10_000  # samples among which weights of sets are exact; finer ones are rounded
# Streams of `random_draws`: no two things share one. Those of frames and of held-out frames are followed by the set's number.
MIX_STREAM, WORD_STREAM, SET_STREAM, QUESTION_STREAM, THOUGHT_STREAM, SPLIT_STREAM = 1, 2, 3, 4, 5, 1 << 32
FRAME_STREAM, HELD_OUT_STREAM = 2 << 32, 3 << 32
AS_THEY_ARE = LanguageRates()  # nothing replaces the words


@dataclass(frozen=True)
class Mixture:
    """How many of `fine + raw` samples are told the fine text; chances that replace it or the raw goal are in `rates`."""

    fine: int
    raw: int
    rates: LanguageRates = AS_THEY_ARE

    @property
    def needs_fine(self) -> bool:
        """Whether any sample is told a fine text."""
        return self.fine > 0 and self.rates.drop < 1.0

    @property
    def needs_raw(self) -> bool:
        """Whether any sample is told the raw goal."""
        return (self.raw > 0 or self.rates.factors > 0.0) and self.rates.drop < 1.0

    def kind(
        self, index: int, seed: int, has_factors: bool, has_paraphrases: bool, has_wordings: bool = False
    ) -> tuple[str, float]:
        """Return in which words sample `index` is told, and a number in 0...1 to choose among several such.

        A frame that has no factors, paraphrases of its goal or wordings of its fine text is told what it would be without
        those chances.
        """
        block, place = divmod(index, self.fine + self.raw)
        is_fine = permuted(place, self.fine + self.raw, seed, MIX_STREAM, block) < self.fine
        drop, factors, paraphrase, which = generator(seed, WORD_STREAM, index).random(4).tolist()
        if drop < self.rates.drop:
            return NONE, which
        if has_factors and factors < self.rates.factors:
            return FACTORS, which
        if is_fine:
            return (WORDING if has_wordings and paraphrase < self.rates.paraphrase else FINE), which
        return (PARAPHRASE if has_paraphrases and paraphrase < self.rates.paraphrase else RAW), which

    def thinks(self, index: int, seed: int) -> bool:
        """Return whether sample `index` says its step before it acts."""
        return self.rates.thoughts > 0.0 and generator(seed, THOUGHT_STREAM, index).random() < self.rates.thoughts


def parse_mixture(text: str, rates: LanguageRates = AS_THEY_ARE) -> Mixture:
    """Return the mixture that `fine:raw` says; raises `FineVLAError` for one that is none of the seven."""
    said = ALSO.get(text, text) if isinstance(text, str) else text
    if not isinstance(said, str) or said not in MIXES:
        known = ", ".join((*MIXES, *ALSO))
        hint = "; put it in quotes, YAML reads 1:1 as a number" if isinstance(text, int) else ""
        raise FineVLAError(f"mixture {quoted(str(text))} (fine to raw) is not known; known are {known}{hint}")
    return Mixture(*MIXES[said], rates)


@dataclass(frozen=True)
class SetShares:
    """Which set each sample is of: of each block of `sum(counts)` samples `counts[k]` are of set k."""

    counts: tuple[int, ...]

    def place(self, index: int, seed: int) -> tuple[int, int]:
        """Return the set of sample `index`, and how many samples that set has before it in the order of its own."""
        size = sum(self.counts)
        block, position = divmod(index, size)
        place = permuted(position, size, seed, SET_STREAM, block)
        for number, count in enumerate(self.counts):
            if place < count:
                return number, block * count + place
            place -= count
        raise AssertionError(place)


def shares_of(weights: Sequence[float]) -> SetShares:
    """Return the shares of sets by their weights; raises `FineVLAError` for weights that are none."""
    for weight in weights:
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not (0 < weight < math.inf):
            raise FineVLAError(
                f"weight {quoted(str(weight))} of a set must be a number above 0; leave the set out instead"
            )
    exact = [Fraction(str(weight)) for weight in weights]
    parts = [int(weight * math.lcm(*(w.denominator for w in exact))) for weight in exact]
    parts = [part // math.gcd(*parts) for part in parts]
    if sum(parts) > BLOCK:
        parts = [max(1, round(part * BLOCK / sum(parts))) for part in parts]
    return SetShares(tuple(parts))


@dataclass(frozen=True)
class QuestionShare:
    """Which batches are questions about pictures: `ratio` of all, evenly spread; batches are of `batch` samples."""

    ratio: Fraction
    batch: int

    def split(self, index: int) -> tuple[bool, int]:
        """Return whether sample `index` is a question, and its number among those of its kind."""
        number, place = divmod(index, self.batch)
        before = math.floor(number * self.ratio)
        if math.floor((number + 1) * self.ratio) > before:
            return True, before * self.batch + place
        return False, index - before * self.batch


def question_share(ratio: float, batch: int) -> QuestionShare:
    """Return the share of questions; raises `FineVLAError` for a ratio that is none."""
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0.0 <= ratio < 1.0:
        raise FineVLAError(f"vlm.ratio is {quoted(str(ratio))}; it is the share of batches of questions, 0 to below 1")
    return QuestionShare(Fraction(str(ratio)).limit_denominator(BLOCK), batch)
