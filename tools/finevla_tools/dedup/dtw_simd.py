"""The compiled part of the distance: the table of two trajectories swept along its anti-diagonals, sixteen cells at a time.

Nothing of the table is kept but two diagonals and one row: the path's length and its gripper differences travel with the
cost. Long tables are swept in strips of rows, so that what a strip reads stays in the nearest cache.
"""
# mypy: allow-untyped-decorators, allow-untyped-defs

import numba
import numpy as np

from finevla_tools.dedup.simd_vectors import WIDTH, load, root, size, spread, store, where, widened

F4 = np.float32
ONE = F4(1)
# 2 asin(x) / x as a polynomial of (2 x)^2 from 0 to 2, which is all angles to pi: minimax, relative error below 1.2e-7
ASIN = tuple(
    F4(c) for c in (2, 0.0833268687, 0.00943386927, 0.00121903897, 0.000472898304, -0.00010688031, 4.92732943e-05)
)
CACHE = 10240  # float32 that a strip may read again and again: most of the 48 KB of a first-level cache

compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


@compiled
def align_all(values, others, offsets, lengths, pairs, arms, dims, poses, w_rot, flat, band, sums):
    """Cost, length and gripper differences of the best path of each of `pairs` `(P, 2)`, into `sums` `(P, 3)`.

    First trajectories are read from `values`, second ones from `others`; with `flat` (1, else 0) the gripper is part of
    the cost. `band` 0 is none.
    """
    rows, longest = arms * dims, 0
    for p in range(len(pairs)):
        longest = max(longest, lengths[pairs[p, 0]], lengths[pairs[p, 1]])
    row = (longest // WIDTH + 3) * WIDTH  # with a vector before and after: blocks are whole, and some lie half outside
    first, turned, costs = _aligned(rows * row, F4), _aligned(rows * row, F4), _aligned(2 * row, F4)
    table, carried = _aligned(2 * row, np.float64), _aligned(4 * row, F4)
    border, along = np.empty(longest + 1), np.empty((2, longest + 1), F4)
    height = strip_height(rows)
    for p in range(len(pairs)):
        n, m = lengths[pairs[p, 0]], lengths[pairs[p, 1]]
        one, other = offsets[pairs[p, 0]], offsets[pairs[p, 1]]
        for r in range(rows):
            for t in range(m):
                turned[r * row + WIDTH + t] = others[other + r * m + m - 1 - t]
        width = max(band, abs(n - m)) if band else n + m
        strips = -(-n // height) if min(n, m, width) > height else 1
        border[:], along[:], border[0] = np.inf, 0, 0
        for strip in range(strips):
            top, bottom = n * strip // strips, n * (strip + 1) // strips
            for r in range(rows):
                for t in range(bottom - top):
                    first[r * row + t] = values[one + r * n + top + t]
            _strip(
                first, top, bottom, turned, m, arms, dims, poses, w_rot, flat, width,
                costs, table, carried, row, border, along,
            )  # fmt: skip
            border[0] = np.inf
        sums[p, 0], sums[p, 1], sums[p, 2] = border[m], along[0, m], along[1, m]


@compiled
def strip_height(rows):
    """Rows of the table to sweep at once, for trajectories of so many values a frame."""
    return CACHE // (2 * rows + 10) // WIDTH * WIDTH  # both trajectories, costs, sums (float64), lengths and grippers


@compiled
def _aligned(count, kind):
    """Zeros that begin with a cache line."""
    room = np.zeros(count + WIDTH, kind)
    return room[(-room.ctypes.data % 64) // room.itemsize :][:count]


@compiled
def _strip(
    first, top, bottom, turned, m, arms, dims, poses, w_rot, flat, band, costs, table, carried, row, border, along
):
    """The rows `top` to `bottom` of the table; `border` and `along` hold the row above, and its last row afterwards.

    `table` has two diagonals of sums of costs, `carried` of lengths and of grippers, a slot for each row i of the strip and
    one for the row above; the older diagonal is overwritten from its end, where it is needed no more. The second trajectory
    is turned round: along a diagonal both are read forwards. Lanes outside the table compute what nobody reads: its cells
    are kept apart from them by borders of infinite cost.
    """
    height, grips = bottom - top, 2 * row
    begin, end = max(0, top - band), height - 1 + min(m, bottom + band)
    now, before = WIDTH, row + WIDTH
    table[:] = np.inf
    _enter(table, carried, now - 1, grips, border, along, begin)
    _enter(table, carried, before - 1, grips, border, along, begin + 1)
    for diagonal in range(begin, end):
        low = max(0, diagonal - m + 1, (diagonal - top - band + 1) // 2)
        high = min(height - 1, diagonal, (diagonal - top + band) // 2)
        start = low // WIDTH * WIDTH
        count = high + 1 - start
        for arm in range(arms):
            r = arm * dims * row
            i, j = r + start, r + start + WIDTH + m - 1 - diagonal
            if poses:
                _poses(first, i, turned, j, row, count, w_rot, costs, arm > 0)
            else:
                _joints(first, i, turned, j, row, count, dims, costs, arm > 0)
        for k in range((count - 1) // WIDTH * WIDTH, -1, -WIDTH):
            here, there = now + start + k, before + start + k
            grip = load(costs, row + k)
            best, above, left = load(table, here - 1), load(table, there - 1), load(table, there)
            up = above < best
            best = where(up, above, best)
            sideways = left < best
            store(table, here, where(sideways, left, best) + widened(load(costs, k) + spread(flat) * grip))
            store(carried, here, _taken(carried, here, there, up, sideways) + spread(ONE))
            store(carried, grips + here, _taken(carried, grips + here, grips + there, up, sideways) + grip)
        table[now + low - 1] = table[now + high + 1] = np.inf
        if low == 0 and diagonal + 1 < m:
            _enter(table, carried, now - 1, grips, border, along, diagonal + 2)
        if high == height - 1:
            j, last = diagonal - height + 2, now + height - 1
            border[j], along[0, j], along[1, j] = table[last], carried[last], carried[grips + last]
        now, before = before, now


@compiled
def _enter(table, carried, slot, grips, border, along, j):
    """What paths have gathered in the row above."""
    table[slot], carried[slot], carried[grips + slot] = border[j], along[0, j], along[1, j]


@compiled
def _taken(carried, here, there, up, sideways):
    """What is carried, from the cells that were come from."""
    return where(sideways, load(carried, there), where(up, load(carried, there - 1), load(carried, here - 1)))


@compiled
def _poses(a, i, b, j, row, count, w_rot, costs, more):
    """Costs of one arm's tool poses along a diagonal, `w_rot` times the angle included, and its gripper differences."""
    for k in range(0, count, WIDTH):
        p, q = i + k, j + k
        x, y, z = _step(a, p, b, q), _step(a, p + row, b, q + row), _step(a, p + 2 * row, b, q + 2 * row)
        p, q = p + 3 * row, q + 3 * row
        one = load(a, p), load(a, p + row), load(a, p + 2 * row), load(a, p + 3 * row)
        other = load(b, q), load(b, q + row), load(b, q + 2 * row), load(b, q + 3 * row)
        cost = root(x * x + y * y + z * z) + spread(w_rot) * _angle(one, other)
        _put(costs, k, row, cost, size(_step(a, p + 4 * row, b, q + 4 * row)), more)


@compiled
def _joints(a, i, b, j, row, count, dims, costs, more):
    """Costs of one arm's joints along a diagonal, and its gripper differences."""
    for k in range(0, count, WIDTH):
        square = spread(F4(0))
        for at in range(0, (dims - 1) * row, row):
            step = _step(a, i + k + at, b, j + k + at)
            square = square + step * step
        at = (dims - 1) * row
        _put(costs, k, row, root(square), size(_step(a, i + k + at, b, j + k + at)), more)


@compiled
def _step(a, p, b, q):
    return load(a, p) - load(b, q)


@compiled
def _put(costs, k, row, cost, grip, more):
    if more:  # than one arm
        cost, grip = cost + load(costs, k), grip + load(costs, row + k)
    store(costs, k, cost)
    store(costs, row + k, grip)


@compiled
def _angle(one, other):
    """The angle (rad) between two rotations, 4 asin(chord / 2) of their quaternions, whose signs do not matter.

    By the chord, because the arc cosine of a float32 product is wrong by 3e-4 rad for almost equal rotations.
    """
    x, y, z, w = one[0] - other[0], one[1] - other[1], one[2] - other[2], one[3] - other[3]
    square = x * x + y * y + z * z + w * w
    x, y, z, w = one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]
    opposite = x * x + y * y + z * z + w * w
    square = where(opposite < square, opposite, square)
    series = spread(ASIN[5]) + square * spread(ASIN[6])
    series = spread(ASIN[4]) + square * series
    series = spread(ASIN[3]) + square * series
    series = spread(ASIN[2]) + square * series
    series = spread(ASIN[1]) + square * series
    series = spread(ASIN[0]) + square * series
    return root(square) * series
