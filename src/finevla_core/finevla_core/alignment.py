"""Which messages of a stream belong to a moment, by policy: the one rule of the live assembler and of the converter.

Stamps in, choices out: no clock, no file, no message is looked into here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Stamps = NDArray[np.int64]
Ordinals = NDArray[np.int32]

# The nearest message; the newest that is not after the moment; the first that is not before it; both neighbours, weighted.
POLICIES = ("nearest", "previous", "next", "linear")
IMAGE_POLICIES = POLICIES[:3]  # pictures are not mixed
NONE = -1


@dataclass(frozen=True)
class Choice:
    """Messages of one topic chosen for each frame: `before` and, for linear ones, `after` with its `weight` (0 to 1).

    `NONE` in `before` where there is no such message; `skew_ns` is how far the farther of the two lies from the frame.
    """

    before: Ordinals
    after: Ordinals
    weight: NDArray[np.float64]
    skew_ns: Stamps


def choose(stamps: Stamps, times: Stamps, policy: str) -> Choice:
    """Choose for each of `times` `(T,)` among messages stamped `stamps` `(N,)`, in any order, by one of `POLICIES`.

    Of two messages as near, the earlier is the nearest; where two have one stamp, the first that came counts as "next".
    """
    order = np.argsort(stamps, kind="stable").astype(np.int32)
    ordered = stamps[order]
    before = np.searchsorted(ordered, times, side="right") - 1
    after = np.searchsorted(ordered, times, side="left")
    has_before, has_after = before >= 0, after < len(ordered)
    if not len(ordered):
        none = np.full(len(times), NONE, np.int32)
        return Choice(none, none, np.zeros(len(times)), np.zeros(len(times), np.int64))
    b, a = np.maximum(before, 0), np.minimum(after, len(ordered) - 1)
    behind, ahead = times - ordered[b], ordered[a] - times
    if policy == "previous":
        return _one(order, b, has_before, behind)
    if policy == "next":
        return _one(order, a, has_after, ahead)
    if policy == "nearest":
        take_after = has_after & (~has_before | (ahead < behind))
        return _one(order, np.where(take_after, a, b), has_before | has_after, np.where(take_after, ahead, behind))
    exists = has_before & has_after
    span = np.maximum(ordered[a] - ordered[b], 1)
    weight = np.where(exists & (behind != 0), behind / span, 0.0)
    a = np.where(behind == 0, b, a)
    skew = np.where(behind == 0, 0, np.maximum(behind, ahead))
    return Choice(
        np.where(exists, order[b], NONE).astype(np.int32),
        np.where(exists, order[a], NONE).astype(np.int32),
        weight,
        np.where(exists, skew, 0),
    )


def _one(order: Ordinals, at: NDArray[np.int64], exists: NDArray[np.bool_], skew: Stamps) -> Choice:
    chosen = np.where(exists, order[at], NONE).astype(np.int32)
    return Choice(chosen, chosen, np.zeros(len(chosen)), np.where(exists, skew, 0))
