"""Distances by dynamic time warping, compiled: the table is swept along its anti-diagonals, sixteen cells at a time.

Nothing of the table is kept but three diagonals: the path's length and its gripper differences travel with the cost, so
that the two-stage distance needs no way back, and memory grows with T, not T^2. Steps, tie order (diagonal, up, left)
and band are FineVLA's; of a pair the trajectory with the smaller index is the first one, so d(a, b) = d(b, a) in ties too.

float32 and its error. TODO
"""
# mypy: allow-untyped-decorators

import math
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_tools.dedup.cost import PADDING, Measure, Prepared
from finevla_tools.dedup.lanes import WIDTH, load, root, size, spread, store, where

F4 = np.float32
INF, ONE = F4(np.inf), F4(1)
# asin(x) / x of x^2 from 0 to 1/2 (angles to pi), times 2 / 4^k: see `_angle`
ASIN = tuple(
    F4(c)
    for c in (2.00000016, 0.0833254894, 0.00943634271, 0.001219181, 0.000469720919, -0.000104575164, 4.87827664e-05)
)
REBASE = 16  # diagonals between two subtractions of the smallest cost so far
GRID = F4(1024)  # it is rounded to 1 / GRID, with which the subtraction is exact
WORTH_A_TASK = 4_000_000  # table cells, some milliseconds: smaller parts are not worth a thread's while


def pair_distances(prepared: Prepared, pairs: NDArray[np.int64], device: str = "cpu") -> NDArray[np.float64]:
    """Distances `(P,)` of `pairs` `(P, 2)` of indices, on as many threads as numba has (`numba.set_num_threads`).

    `device` "cuda" computes them on a GPU (not with `compat`). Raises `FineVLAError` for indices outside the group.
    """
    pairs = np.sort(np.asarray(pairs, np.int64).reshape(-1, 2), axis=1)
    if pairs.size and not (pairs.min() >= 0 and pairs.max() < len(prepared)):
        raise FineVLAError(f"pairs name trajectories {pairs.min()} to {pairs.max()} of a group of {len(prepared)}")
    if device != "cpu":
        raise FineVLAError(f"device '{device}' is none of cpu, cuda")
    order = np.argsort(-cells(prepared, pairs), kind="stable")
    found = np.empty(len(pairs))
    parts = _parts(cells(prepared, pairs)[order], numba.get_num_threads())

    def align(part: slice) -> None:
        found[order[part]] = _smaller(prepared, pairs[order[part]])

    if len(parts) < 2:
        for part in parts:
            align(part)
        return found
    with ThreadPoolExecutor(numba.get_num_threads()) as threads:
        list(threads.map(align, parts))
    return found


def condensed(prepared: Prepared, device: str = "cpu") -> NDArray[np.float64]:
    """All distances of the group `(N (N - 1) / 2,)` in SciPy's order."""
    return pair_distances(prepared, np.column_stack(np.triu_indices(len(prepared), 1)), device)


def cells(prepared: Prepared, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many cells of the table each of `pairs` `(P, 2)` needs `(P,)`, mirror images included: the work to be done."""
    n, m = prepared.lengths[np.asarray(pairs, np.int64).reshape(-1, 2)].T
    count = n * m
    if prepared.measure.band is not None:
        band = np.maximum(prepared.measure.band, np.abs(n - m))
        for side in (n, m):
            cut = np.maximum(side - band - 1, 0)
            count = count - cut * (cut + 1) // 2
    return np.asarray(count * (1 + prepared.measure.mirror))


def _parts(work: NDArray[np.int64], threads: int) -> list[slice]:
    """Slices of about equal work, several a thread, of pairs in falling order of work."""
    done = np.cumsum(work)
    if not len(done):
        return []
    each = max(int(done[-1]) // (8 * threads), WORTH_A_TASK)
    ends = np.unique(np.r_[np.flatnonzero(np.diff(done // each)) + 1, len(work)]).tolist()
    return [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def _smaller(prepared: Prepared, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distances on one thread; with mirror images, of the two the smaller."""
    measure = prepared.measure
    found = _distances(prepared, prepared.values, pairs)
    return np.minimum(found, _distances(prepared, prepared.mirrored, pairs)) if measure.mirror else found


def _distances(prepared: Prepared, second: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    measure: Measure = prepared.measure
    sums = np.empty((len(pairs), 3))
    _align_all(
        prepared.values, second, prepared.offsets, prepared.lengths, pairs, prepared.arms, prepared.dims,
        measure.space == "eef", F4(prepared.weights[1]), F4(not measure.two_stage), measure.band or 0, sums,
    )  # fmt: skip
    cost, length, grip = sums.T
    total = cost + grip if measure.two_stage else cost
    return np.asarray(total / length if measure.normalize else total)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _align_all(values, others, offsets, lengths, pairs, arms, dims, poses, w_rot, flat, band, sums):  # type: ignore[no-untyped-def]
    """Cost, length and gripper differences of each pair's path into `sums` `(P, 3)`."""
    longest = 0
    for p in range(len(pairs)):
        longest = max(longest, lengths[pairs[p, 0]], lengths[pairs[p, 1]])
    table = np.empty(9 * (longest + 2 + PADDING), F4)
    turned = np.zeros(arms * dims * longest + PADDING, F4)
    for p in range(len(pairs)):
        n, m = lengths[pairs[p, 0]], lengths[pairs[p, 1]]
        at, other = offsets[pairs[p, 0]], offsets[pairs[p, 1]]
        for row in range(arms * dims):
            for t in range(m):
                turned[row * m + t] = others[other + row * m + m - 1 - t]
        width = max(band, abs(n - m)) if band else n + m
        sums[p] = _align(values[at:], n, turned, m, arms, dims, poses, w_rot, flat, width, table)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _align(first, n, turned, m, arms, dims, poses, w_rot, flat, band, table):  # type: ignore[no-untyped-def]
    """Cost, length and gripper differences of the path through the table of two trajectories, the second one turned round.

    `table` keeps the last three diagonals of each, one slot for every frame i of the first trajectory, and a border of inf.
    """
    slot = n + 2 + PADDING
    lengths, grips = 3 * slot, 6 * slot
    table[:lengths] = INF
    table[lengths : 9 * slot] = 0
    table[0] = 0
    base = 0.0
    for diagonal in range(2, n + m + 1):
        low, high = max(1, diagonal - m, (diagonal - band + 1) // 2), min(n, diagonal - 1, (diagonal + band) // 2)
        now, before, earlier = diagonal % 3 * slot, (diagonal - 1) % 3 * slot, (diagonal - 2) % 3 * slot
        for i in range(low - 1, high, WIDTH):
            cost, grip = _costs(first, i, n, turned, i + 1 + m - diagonal, m, arms, dims, poses, w_rot)
            cost = cost + spread(flat) * grip
            best, above, left = load(table, earlier + i), load(table, before + i), load(table, before + i + 1)
            up = above < best
            best = where(up, above, best)
            sideways = left < best
            store(table, now + i + 1, where(sideways, left, best) + cost)
            for carried in (lengths, grips):
                here = where(up, load(table, carried + before + i), load(table, carried + earlier + i))
                here = where(sideways, load(table, carried + before + i + 1), here)
                store(table, carried + now + i + 1, here + (spread(ONE) if carried == lengths else grip))
        table[now + low - 1] = table[now + high + 1] = INF
        if diagonal % REBASE == 0:
            base += _rebase(table, now + low, now + high + 1, before + low - 1, before + high + 1)
    end = (n + m) % 3 * slot + n
    return base + table[end], np.float64(table[lengths + end]), np.float64(table[grips + end])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _costs(first, i, n, turned, j, m, arms, dims, poses, w_rot):  # type: ignore[no-untyped-def]
    """Without and of the gripper, of sixteen frames of the first trajectory from i on and of the second, turned, from j on."""
    cost, grip = spread(F4(0)), spread(F4(0))
    for arm in range(arms):
        row = arm * dims
        square = spread(F4(0))
        for d in range(row, row + (3 if poses else dims - 1)):
            step = load(first, d * n + i) - load(turned, d * m + j)
            square = square + step * step
        cost = cost + root(square)
        if poses:
            apart, turned_apart = spread(F4(0)), spread(F4(0))
            for d in range(row + 3, row + 7):
                one, other = load(first, d * n + i), load(turned, d * m + j)
                apart = apart + (one - other) * (one - other)
                turned_apart = turned_apart + (one + other) * (one + other)
            cost = cost + spread(w_rot) * _angle(where(apart < turned_apart, apart, turned_apart))
        d = row + dims - 1
        grip = grip + size(load(first, d * n + i) - load(turned, d * m + j))
    return cost, grip


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _angle(square):  # type: ignore[no-untyped-def]
    """The angle (rad) between rotations whose quaternions are sqrt(square) apart: 4 asin(sqrt(square) / 2).

    By the chord: the arc cosine of a float32 product would be wrong by 3e-4 rad for almost equal rotations.
    """
    series = spread(ASIN[6])
    series = spread(ASIN[5]) + square * series
    series = spread(ASIN[4]) + square * series
    series = spread(ASIN[3]) + square * series
    series = spread(ASIN[2]) + square * series
    series = spread(ASIN[1]) + square * series
    series = spread(ASIN[0]) + square * series
    return root(square) * series


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _rebase(table, low, high, low_before, high_before):  # type: ignore[no-untyped-def]
    """Takes the smallest cost of a diagonal from it and the one before, so that what is near the best path stays precise."""
    least = INF
    for k in range(low, high):
        least = min(least, table[k])
    least = F4(math.floor(least * GRID)) / GRID
    for k in range(low, high):
        table[k] -= least
    for k in range(low_before, high_before):
        table[k] -= least
    return np.float64(least)
