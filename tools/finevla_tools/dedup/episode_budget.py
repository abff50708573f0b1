"""Divide a budget of episodes among groups, in proportion to their numbers of clusters."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def shares(budget: int, clusters: Sequence[int], episodes: Sequence[int], forced: Sequence[int]) -> NDArray[np.int64]:
    """Return how many episodes to keep in each group; the sum is `budget`, less if there are fewer, more if forced.

    `clusters`, `episodes` and `forced` are counts by group. First come forced episodes, then one per cluster, then the
    other episodes; a step that exceeds the budget is done in proportion (largest remainders; ties go to the first
    group).
    """
    given = np.array(forced, np.int64)
    for wanted in (np.minimum(np.maximum(clusters, forced), episodes), np.asarray(episodes)):
        room = np.maximum(wanted.astype(np.int64) - given, 0)
        left = max(budget - int(given.sum()), 0)
        given = given + _in_proportion(left, room)
    return given


def _in_proportion(amount: int, room: NDArray[np.int64]) -> NDArray[np.int64]:
    total = int(room.sum())
    if amount >= total:
        return room
    whole, rest = np.divmod(room * amount, total)
    most = np.argsort(-rest, kind="stable")[: amount - int(whole.sum())]
    whole[most] += 1
    return whole
