"""How sure a score is: bootstrap intervals over samples, spread over rounds, agreement of a judge with itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
SEED = 42
UNSEEN = 0.025  # chance that what would show in so many samples showed in none: one end of a 95 % interval


@dataclass(frozen=True)
class ScoreInterval:
    """A value with its 95 % interval; NaN without samples."""

    value: float
    low: float
    high: float


def bootstrap(
    sums: Sequence[float], counts: Sequence[float], span: tuple[float, float] | None = (0.0, 1.0)
) -> ScoreInterval:
    """Return sum(sums) / sum(counts) with its percentile interval (Efron 1979), whole samples being drawn.

    A sample with several questions is drawn with all of them: answers on one video are not independent. The same numbers give
    the same interval. Samples that all say the same have no spread to draw from; what they leave open is then how many others
    there may be (Clopper and Pearson 1934), anywhere in the `span` of a sample's value, None = not known.
    """
    top, below = np.asarray(sums, np.float64), np.asarray(counts, np.float64)
    if not len(top) or not below.sum():
        return ScoreInterval(float("nan"), float("nan"), float("nan"))
    drawn = np.random.default_rng(SEED).integers(len(top), size=(RESAMPLES, len(top)))
    whole = below[drawn].sum(axis=1)
    shares: NDArray[np.float64] = top[drawn].sum(axis=1)[whole > 0] / whole[whole > 0]
    low, high = np.percentile(shares, (2.5, 97.5))
    value = float(top.sum() / below.sum())
    if span is not None and np.allclose(top, value * below):
        others = 1.0 - UNSEEN ** (1.0 / np.count_nonzero(below))
        low, high = value - max(0.0, value - span[0]) * others, value + max(0.0, span[1] - value) * others
    return ScoreInterval(value, float(low), float(high))


def bootstrap_difference(one: Mapping[str, float], other: Mapping[str, float]) -> ScoreInterval:
    """Return the mean difference `one` - `other` over the samples that both have, with its interval (paired bootstrap)."""
    both = [one[name] - other[name] for name in one if name in other]
    return bootstrap(both, [1.0] * len(both), span=(-1.0, 1.0))


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation of rounds; the latter is 0 for one round."""
    return mean(values), stdev(values) if len(values) > 1 else 0.0


@dataclass(frozen=True)
class JudgeAgreement:
    """How often repeats gave one thing the same label: the share of equal pairs, and Fleiss's kappa (1971)."""

    things: int
    repeats: int
    share: float
    kappa: float


def agreement(labels: Sequence[Sequence[str]]) -> JudgeAgreement:
    """Compare the labels of each thing over the repeats; things with fewer labels than the most are left out."""
    repeats = max(map(len, labels), default=0)
    rows = [Counter(some) for some in labels if len(some) == repeats]
    if repeats < 2 or not rows:
        return JudgeAgreement(len(rows), repeats, float("nan"), float("nan"))
    pairs = repeats * (repeats - 1)
    share = mean(sum(n * (n - 1) for n in row.values()) / pairs for row in rows)
    every = sum(rows, Counter[str]())
    chance = sum((n / every.total()) ** 2 for n in every.values())
    return JudgeAgreement(len(rows), repeats, share, 1.0 if chance == 1.0 else (share - chance) / (1.0 - chance))
