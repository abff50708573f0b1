"""A budget for all, shared out among groups: as their clusters are many, and to nobody more than it has."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def shares(budget: int, clusters: Sequence[int], episodes: Sequence[int], forced: Sequence[int]) -> NDArray[np.int64]:
    """How many of each group's `episodes` to keep; the sum is `budget` where so many are there, or more if forced.

    First what is forced, then one for each cluster, then the rest of the episodes; a step that cannot be done in full is
    done in proportion (largest remainders; of equal ones the first).
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
