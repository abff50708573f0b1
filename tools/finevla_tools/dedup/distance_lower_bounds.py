"""Proven lower bounds of the dedup's distances, from outlines of the trajectories: what is far apart need not be aligned.

An outline cuts a trajectory into segments (short where it moves, long where it rests) and says of each in what box its
positions lie, within what angle of a middle rotation, between which gripper values. Proof, of every path p through the
table at once, so that it does not matter that the two-stage distance takes the path without looking at the gripper:

1. A frame pair costs at least what its two segments do: the gap between their boxes, the angle between their middles less
   both radii (rotations obey the triangle inequality), the gap between their gripper values; arms add up. Call it c.
2. The distance is (sum of the frame costs along p) / L(p). It is at least x if sum (c - x) >= 0 along every path.
3. A stretch of the path that goes `rows` down and `columns` right inside a block (a pair of segments) has at least
   max(rows, columns) >= a rows + (1 - a) columns cells for any 0 <= a <= 1, and at most rows + columns. So it adds at least
   (c - x) (a rows + (1 - a) columns) where c >= x, and (c - x) (rows + columns) elsewhere: every step down and every step
   right is charged on its own. (The first cell counts as one of each, a diagonal step too.)
4. Charged so, the path is a curve from corner to corner whose cost is linear in where it crosses from block to block. The
   least of a linear function is at a vertex: at a path along the blocks' edges, each edge charged with the cheaper of the
   blocks beside it. The cheapest of those is found block by block: f(x), at K^2 instead of T^2 cells.
5. f is a minimum of concave functions of x, hence concave, and f(0) >= 0: where the chord between f(u) >= 0 and f(v) < 0 is
   zero, f is not below zero. Sixteen pairs of x and a are worked through at once, one in each lane of a vector.

With a band, blocks outside of it are closed. Without normalisation the bound is f(0). The smaller of the bounds of a motion
and of its mirror image bounds the smaller of the distances. `compat` distances are bounded by 0.

Rounding. Along the path of f(x) = 0 what is added is at most x (N + M), in at most 2 MAX_SEGMENTS float32 sums: the bound is
wrong by less than 2 * 512 * 6e-8 * 4, of which typically a hundredth is seen. The kernel's own relative error is below 1e-4.
Together they are allowed for with SLACK; radii are enlarged by MARGIN, which is more than float32 does to an angle.
"""
# mypy: allow-untyped-decorators

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import NDArray

from finevla_tools.dedup.frame_cost import Prepared
from finevla_tools.dedup.simd_vectors import WIDTH, load, root, spread, store, where
from finevla_tools.dedup.trajectory_outlines import FINE, Outline, outline, rows_of_arm

F4 = np.float32
SLACK = 5e-4  # relative
CLOSED = F4(1e30)
PAIRS_A_TASK = 512
# Lanes: shares `a` of the rows, and for each of them the same five of x, in units of the mean cost along the diagonal
SHARES = np.repeat(np.array([0.5, 0.0, 1.0, 0.5], F4), 5)[:WIDTH]
TRIED = np.resize(np.array([0.0, 0.07, 0.2, 0.5, 1.0], F4), WIDTH)


def lower_bounds(prepared: Prepared, pairs: NDArray[np.int64], outlines: Outline | None = None) -> NDArray[np.float64]:
    """Return lower bounds `(P,)` of the distances of `pairs` `(P, 2)`, never above `dtw_distances.pair_distances`.

    `outlines` are those of the group if already computed; else fine ones are made.
    """
    pairs = np.sort(np.asarray(pairs, np.int64).reshape(-1, 2), axis=1)
    found = np.zeros(len(pairs))
    if prepared.measure.compat or not len(pairs):
        return found
    outlines = outlines or outline(prepared, FINE)
    parts = [slice(k, k + PAIRS_A_TASK) for k in range(0, len(pairs), PAIRS_A_TASK)]

    def bound(part: slice) -> None:
        found[part] = _bounds(prepared, outlines, outlines.values, outlines.ends, pairs[part])
        if prepared.measure.mirror:
            images = _bounds(prepared, outlines, outlines.mirrored, outlines.mirrored_ends, pairs[part])
            found[part] = np.minimum(found[part], images)

    if len(parts) < 2:
        bound(parts[0])
        return found
    with ThreadPoolExecutor(numba.get_num_threads()) as threads:
        list(threads.map(bound, parts))
    return found


def _bounds(
    prepared: Prepared,
    outlines: Outline,
    second: NDArray[np.float32],
    second_ends: NDArray[np.int64],
    pairs: NDArray[np.int64],
) -> NDArray[np.float64]:
    found = np.empty(len(pairs))
    _bound_all(
        outlines.values, second, outlines.offsets, outlines.counts, outlines.ends, second_ends, outlines.starts,
        prepared.lengths, pairs, prepared.arms, prepared.dims, prepared.measure.space == "eef",
        F4(prepared.weights[1]), prepared.measure.band or 0, prepared.measure.normalize, found,
    )  # fmt: skip
    return found * (1 - SLACK)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _bound_all(  # type: ignore[no-untyped-def]
    first, second, offsets, counts, ends, other_ends, starts, lengths, pairs, arms, dims, is_pose, w_rot, band, normalize, found
):  # fmt: skip
    most = counts.max()
    blocks = np.empty((most + 1) * (most + WIDTH + 2) + WIDTH, F4)
    line = np.empty((most + 1) * WIDTH, F4)
    rows = rows_of_arm(dims, is_pose)
    tried = np.empty(WIDTH, F4)
    for p in range(len(pairs)):
        i, j = pairs[p]
        n, m = counts[i], counts[j]
        a_ends, b_ends = ends[starts[i] : starts[i] + n], other_ends[starts[j] : starts[j] + m]
        stride = m + 1
        for a in range(n):
            if is_pose:
                _pose_blocks(first, offsets[i], a, n, second, offsets[j], m, arms, w_rot, blocks, a * stride)
            else:
                _joint_blocks(first, offsets[i], a, n, second, offsets[j], m, arms, rows, blocks, a * stride)
            blocks[a * stride + m] = CLOSED
        for b in range(stride):
            blocks[n * stride + b] = CLOSED
        if band:
            _close(blocks, stride, a_ends, b_ends, max(band, abs(lengths[i] - lengths[j])))
        scale = _along_diagonal(blocks, stride, a_ends, b_ends)
        for k in range(WIDTH):
            tried[k] = scale * TRIED[k]
        _cheapest(blocks, stride, a_ends, b_ends, tried, line)
        found[p] = _root(line, m * WIDTH, tried) if normalize else _largest_sum(line, m * WIDTH)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _pose_blocks(first, at, a, n, second, other, m, arms, w_rot, blocks, row):  # type: ignore[no-untyped-def]
    """Least costs of segment `a` with all m of the second trajectory."""
    zero = spread(F4(0))
    for k in range(0, m, WIDTH):
        cost = zero
        for arm in range(arms):
            i, j = at + 13 * arm * n + a, other + 13 * arm * m + k
            square = zero
            for d in range(3):
                gap = _gap(
                    first[i + d * n], first[i + (3 + d) * n], load(second, j + d * m), load(second, j + (3 + d) * m)
                )
                square = square + gap * gap
            minus = plus = zero
            for d in range(6, 10):
                p, q = spread(first[i + d * n]), load(second, j + d * m)
                minus = minus + (p - q) * (p - q)
                plus = plus + (p + q) * (p + q)
            turn = spread(w_rot) * _angle(where(minus < plus, minus, plus))
            turn = turn - spread(first[i + 10 * n]) - load(second, j + 10 * m)
            grip = _gap(first[i + 11 * n], first[i + 12 * n], load(second, j + 11 * m), load(second, j + 12 * m))
            cost = cost + root(square) + where(turn < zero, zero, turn) + grip
        store(blocks, row + k, cost)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _joint_blocks(first, at, a, n, second, other, m, arms, rows, blocks, row):  # type: ignore[no-untyped-def]
    zero = spread(F4(0))
    joints = rows // 2 - 1
    for k in range(0, m, WIDTH):
        cost = zero
        for arm in range(arms):
            i, j = at + rows * arm * n + a, other + rows * arm * m + k
            square = zero
            for d in range(joints):
                low, high = load(second, j + d * m), load(second, j + (joints + d) * m)
                gap = _gap(first[i + d * n], first[i + (joints + d) * n], low, high)
                square = square + gap * gap
            i, j = i + 2 * joints * n, j + 2 * joints * m
            cost = cost + root(square) + _gap(first[i], first[i + n], load(second, j), load(second, j + m))
        store(blocks, row + k, cost)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _gap(low, high, other_low, other_high):  # type: ignore[no-untyped-def]
    """Between the interval of one segment and those of sixteen others."""
    zero = spread(F4(0))
    below, above = other_low - spread(high), spread(low) - other_high
    gap = where(below < above, above, below)
    return where(gap < zero, zero, gap)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _angle(square):  # type: ignore[no-untyped-def]
    """4 asin(sqrt(square) / 2), by the first terms of its series: all are positive, so it is never above."""
    series = spread(F4(5 / 7168)) + square * spread(F4(35 / 294912))
    series = spread(F4(3 / 640)) + square * series
    series = spread(F4(1 / 24)) + square * series
    return root(square) * (spread(F4(2)) + spread(F4(2)) * square * series)


@numba.njit(cache=True, nogil=True)
def _close(blocks, stride, ends, other_ends, width):  # type: ignore[no-untyped-def]
    """Blocks no frame pair of which is within the band."""
    begin = 0
    for a in range(len(ends)):
        other = 0
        for b in range(len(other_ends)):
            if other - (ends[a] - 1) > width or begin - (other_ends[b] - 1) > width:
                blocks[a * stride + b] = CLOSED
            other = other_ends[b]
        begin = ends[a]


@numba.njit(cache=True, nogil=True)
def _along_diagonal(blocks, stride, ends, other_ends):  # type: ignore[no-untyped-def]
    """Mean cost of the blocks that the straight line from corner to corner goes through: a scale for what to try."""
    n, m = ends[-1], other_ends[-1]
    b, total, begin = 0, 0.0, 0
    for a in range(len(ends)):
        while b < len(other_ends) - 1 and other_ends[b] * n < (begin + ends[a]) * m / 2:
            b += 1
        if blocks[a * stride + b] < CLOSED:
            total += blocks[a * stride + b] * (ends[a] - begin)
        begin = ends[a]
    return total / n


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _cheapest(blocks, stride, ends, other_ends, tried, line):  # type: ignore[no-untyped-def]
    """f of all lanes, by the cheapest way along the edges from corner to corner; at `line[m * WIDTH]`."""
    x, down = load(tried, 0), load(SHARES, 0)
    right = spread(F4(1)) - down
    m = len(other_ends)
    store(line, 0, spread(F4(0)))
    before = 0
    for b in range(m):
        store(line, (b + 1) * WIDTH, load(line, b * WIDTH) + _charge(blocks[b], other_ends[b] - before, x, right))
        before = other_ends[b]
    begin = 0
    for a in range(len(ends)):
        here, below, size = a * stride, (a + 1) * stride, ends[a] - begin
        begin = ends[a]
        best = load(line, 0) + _charge(blocks[here], size, x, down)
        store(line, 0, best)
        before = 0
        for b in range(m):
            beside = blocks[here + b]
            step = load(line, (b + 1) * WIDTH) + _charge(min(beside, blocks[here + b + 1]), size, x, down)
            best = best + _charge(min(beside, blocks[below + b]), other_ends[b] - before, x, right)
            best = where(step < best, step, best)
            store(line, (b + 1) * WIDTH, best)
            before = other_ends[b]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _charge(cost, frames, x, share):  # type: ignore[no-untyped-def]
    """Of so many frames along an edge beside blocks that cost at least so much."""
    if cost >= CLOSED:
        return spread(CLOSED)
    over = spread(cost) - x
    return where(over < spread(F4(0)), over, over * share) * spread(F4(frames))


@numba.njit(cache=True, nogil=True)
def _root(line, at, tried):  # type: ignore[no-untyped-def]
    """The largest x of any share with f(x) >= 0, as far as the chords between those tried tell."""
    best = 0.0
    for lane in range(WIDTH):
        f = np.float64(line[at + lane])
        if f >= 0:
            best = max(best, np.float64(tried[lane]))
        elif tried[lane] > 0 and line[at + lane - 1] >= 0:
            low, value = np.float64(tried[lane - 1]), np.float64(line[at + lane - 1])
            best = max(best, low + value * (np.float64(tried[lane]) - low) / (value - f))
    return best


@numba.njit(cache=True, nogil=True)
def _largest_sum(line, at):  # type: ignore[no-untyped-def]
    best = 0.0
    for lane in range(WIDTH):
        if TRIED[lane] == 0:
            best = max(best, np.float64(line[at + lane]))
    return best
