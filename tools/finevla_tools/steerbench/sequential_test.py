"""Is one policy better than another, equal, or worse? A test that may be looked at after every round, and stopped then.

A confidence sequence holds the true mean at all times together, with the error that one interval has at one time: hedged
capital, Theorem 3 of Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (JRSS B 86, 2024).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.05
GRID = 2001  # means that are tried: 0.1 points of 100 apart
BET = 0.5  # largest share of the capital that is put on one round ("c")
BETTER, EQUAL, WORSE, UNKNOWN = "better", "equal", "worse", "not yet known"


@dataclass(frozen=True)
class PairedVerdict:
    """What paired differences say: a word of those above, their mean with its interval, and when it was known first.

    `decided_after` rounds of `rounds`; 0 = never.
    """

    word: str
    low: float
    high: float
    mean: float
    rounds: int
    decided_after: int

    def __str__(self) -> str:
        known = f"after {self.decided_after} of {self.rounds} rounds" if self.decided_after else f"{self.rounds} rounds"
        return f"{self.word} ({known}): {self.mean:+.1f} points [{self.low:+.1f}, {self.high:+.1f}]"


def confidence_sequence(values: NDArray[np.float64], alpha: float = ALPHA) -> NDArray[np.float64]:
    """Return the interval of the mean after each round, `(R, 2)`, each within the one before.

    Rounds are alike, but the values within one need not be (each setting has a mean of its own): bets change from round to
    round only, and then the capital on the mean of a round's means is no more than a fair game's, by the inequality of the
    arithmetic and geometric means.

    Args:
        values: `(R, K)`, independent, each in 0 to 1; K values of each of R rounds.
        alpha: Chance that the mean is ever outside.
    """
    rounds, size = values.shape
    times = size * np.arange(1, rounds + 1)
    means = (0.5 + np.cumsum(values.sum(1))) / (times + 1)
    spreads = (0.25 + np.cumsum(((values - means[:, None]) ** 2).sum(1))) / (times + 1)
    before = np.concatenate([[0.25], spreads[:-1]])  # a bet knows nothing of the round that it is on
    bets = np.sqrt(2 * np.log(2 / alpha) / (before * times * np.log1p(times)))
    tried = np.linspace(0.0, 1.0, GRID)
    with np.errstate(divide="ignore"):
        up = np.minimum(bets[:, None], BET / tried)
        down = np.minimum(bets[:, None], BET / (1.0 - tried))
    won, lost = np.zeros((rounds, GRID)), np.zeros((rounds, GRID))
    for column in values.T:
        gaps = column[:, None] - tried
        won += np.log1p(up * gaps)
        lost += np.log1p(-down * gaps)
    capital = np.maximum(np.cumsum(won, 0), np.cumsum(lost, 0)) - np.log(2.0)
    is_in = np.logical_and.accumulate(capital < np.log(1.0 / alpha), axis=0)
    step = 1.0 / (GRID - 1)  # the ends lie between two means that were tried
    low = np.maximum.accumulate(tried[is_in.argmax(1)] - step)
    high = np.minimum.accumulate(tried[GRID - 1 - is_in[:, ::-1].argmax(1)] + step)
    return np.stack([np.maximum(low, 0.0), np.minimum(high, 1.0)], axis=1)


def verdict(differences: NDArray[np.float64], margin: float, alpha: float = ALPHA) -> PairedVerdict:
    """Judge paired differences of points, `(R, K)`, each -100 to 100: K cases of each round, in order.

    "equal" is a mean difference within `margin` points; it goes before "better" and "worse", which need a difference that is
    not 0 and may be small.
    """
    if not len(differences):
        return PairedVerdict(UNKNOWN, -100.0, 100.0, float("nan"), 0, 0)
    bounds = 200.0 * confidence_sequence((differences / 100.0 + 1.0) / 2.0, alpha) - 100.0
    words = [_word(low, high, margin) for low, high in bounds.tolist()]
    decided = next((k + 1 for k, word in enumerate(words) if word != UNKNOWN), 0)
    low, high = bounds[-1].tolist()
    return PairedVerdict(words[-1], low, high, float(differences.mean()), len(differences), decided)


def _word(low: float, high: float, margin: float) -> str:
    if -margin <= low and high <= margin:
        return EQUAL
    return BETTER if low > 0.0 else WORSE if high < 0.0 else UNKNOWN
