"""FineVLA's own distance, in float64, with what the default mends: to repeat its numbers, not to find duplicates with.

Source: github.com/xlang-ai/FineVLA, FineVLA-Tool/ClusteringAndSampling. Its oddities: quaternions keep the norm they
have, so a short one is a rotation away from everything; with a band the two-stage distance loses the gripper and every
sum is divided by N + M instead of the path's length; the two-stage distance is always divided; two arms are aligned each
for itself and their distances added.
"""
# mypy: allow-untyped-decorators, allow-untyped-defs

import math

import numba
import numpy as np
from numpy.typing import NDArray

from finevla_tools.dedup.frame_cost import Prepared


def distances(prepared: Prepared, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distances `(P,)` of `pairs` `(P, 2)` on one thread; the first index is the first trajectory."""
    measure = prepared.measure
    banded = measure.band is not None
    sums = np.empty((len(pairs), prepared.arms, 3))
    _align_all(
        prepared.values, prepared.offsets, prepared.lengths, pairs, prepared.dims, measure.space == "eef",
        *prepared.weights, not measure.two_stage, measure.band or 0, sums,
    )  # fmt: skip
    cost, length, grip = np.moveaxis(sums, 2, 0)
    if banded:
        length = prepared.lengths[pairs].sum(axis=1)[:, None]
    if measure.two_stage:
        each = cost / length if banded else cost / length + measure.w_grip * (grip / length)
    else:
        each = cost / length if measure.normalize else cost
    return np.asarray(each.sum(axis=1))


@numba.njit(cache=True, nogil=True)
def _align_all(values, offsets, lengths, pairs, dims, poses, w_pos, w_rot, w_grip, flat, band, sums):
    """Cost, length and gripper differences of the best path of each pair and arm, into `sums` `(P, A, 3)`."""
    for p in range(len(pairs)):
        n, m = lengths[pairs[p, 0]], lengths[pairs[p, 1]]
        width = max(band, abs(n - m)) if band else n + m
        for arm in range(sums.shape[1]):
            at, to = offsets[pairs[p, 0]] + arm * dims * n, offsets[pairs[p, 1]] + arm * dims * m
            first, second = values[at : at + dims * n].reshape(dims, n), values[to : to + dims * m].reshape(dims, m)
            sums[p, arm] = _align(first, second, poses, w_pos, w_rot, w_grip, flat, width)


@numba.njit(cache=True, nogil=True)
def _align(first, second, poses, w_pos, w_rot, w_grip, flat, band):
    """The table row by row; length and gripper differences travel with the cost, as the way back would find them."""
    n, m = first.shape[1], second.shape[1]
    cost, length, grip = np.full(m + 1, np.inf), np.zeros(m + 1), np.zeros(m + 1)
    cost[0] = 0.0
    for i in range(1, n + 1):
        begin, end = max(1, i - band), min(m, i + band)
        diagonal = (cost[begin - 1], length[begin - 1], grip[begin - 1])
        cost[begin - 1] = np.inf
        for j in range(begin, end + 1):
            above = (cost[j], length[j], grip[j])
            best = diagonal
            if above[0] < best[0]:
                best = above
            if cost[j - 1] < best[0]:
                best = (cost[j - 1], length[j - 1], grip[j - 1])
            step, opening = _frame_cost(first, i - 1, second, j - 1, poses, w_pos, w_rot)
            cost[j] = best[0] + (step + w_grip * opening if flat else step)
            length[j], grip[j] = best[1] + 1, best[2] + opening
            diagonal = above
    return np.array([cost[m], length[m], grip[m]])


@numba.njit(cache=True, nogil=True)
def _frame_cost(first, i, second, j, poses, w_pos, w_rot):
    """Cost without the gripper, and the difference of the gripper."""
    square, last = 0.0, len(first) - 1
    for d in range(3 if poses else last):
        square += (first[d, i] - second[d, j]) ** 2
    cost = w_pos * math.sqrt(square)
    if poses:
        dot = 0.0
        for d in range(3, 7):
            dot += first[d, i] * second[d, j]
        cost += w_rot * 2.0 * math.acos(min(abs(dot), 1.0))
    return cost, abs(first[last, i] - second[last, j])
