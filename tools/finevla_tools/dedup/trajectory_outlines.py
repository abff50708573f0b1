"""Outlines of trajectories: a few segments for many frames, and in what bounds each one's frames lie.

Segments are short where much happens and long where nothing does: as fine as needed, with as few as possible.
"""
# mypy: allow-untyped-decorators

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from finevla_tools.dedup.frame_cost import Prepared
from finevla_tools.dedup.simd_vectors import WIDTH

F4 = np.float32
COARSE, FINE = 16, 6  # mean frames of a segment: bounds at a hundredth and a tenth of the work of an alignment
MAX_SEGMENTS = 256
MARGIN = 4e-6  # rad
MOVES, GRIPS = 2.0, 1.0  # how the segments are dealt out: to motion, to the gripper, and 1 to time
PADDING = WIDTH  # a vector that begins at the last value reads so far


@dataclass(frozen=True)
class Outline:
    """Segments of N trajectories; made by `outline`.

    Trajectory n has `counts[n]` segments, described at `offsets[n]` of `values` as (rows, counts[n]), rows being for each arm
    the box's lower and upper corner (P each), for tool poses the middle quaternion (4) and the radius times its weight (1),
    and the gripper's least and largest value. `ends` are the frames behind each segment, at `starts[n]`.
    """

    counts: NDArray[np.int64]
    offsets: NDArray[np.int64]
    starts: NDArray[np.int64]
    values: NDArray[np.float32]
    mirrored: NDArray[np.float32]
    ends: NDArray[np.int64]
    mirrored_ends: NDArray[np.int64]


def outline(prepared: Prepared, frames: int) -> Outline:
    """Segments of `frames` frames on average, at most `MAX_SEGMENTS` a trajectory."""
    counts = np.clip(-(-prepared.lengths // frames), 1, MAX_SEGMENTS)
    is_pose = prepared.measure.space == "eef"
    rows = prepared.arms * rows_of_arm(prepared.dims, is_pose)
    starts = np.concatenate([[0], np.cumsum(counts)])
    made = []
    for source in (prepared.values, prepared.mirrored):
        size = int(starts[-1]) if len(source) else 0
        values, ends = np.zeros(rows * size + PADDING if size else 0, F4), np.zeros(size, np.int64)
        if size:
            _outline_all(
                source, prepared.offsets, prepared.lengths, prepared.arms, prepared.dims, is_pose,
                prepared.weights[1], starts, values, ends,
            )  # fmt: skip
        made.append((values, ends))
    (values, ends), (mirrored, mirrored_ends) = made
    return Outline(counts, starts[:-1] * rows, starts[:-1], values, mirrored, ends, mirrored_ends)


@numba.njit(cache=True)
def rows_of_arm(dims, is_pose):  # type: ignore[no-untyped-def]
    """Return how many values one arm's segment has: 13 for poses, else lower and upper bound of each dimension."""
    return 13 if is_pose else 2 * dims


@numba.njit(cache=True, nogil=True)
def _outline_all(values, offsets, lengths, arms, dims, is_pose, w_rot, starts, outlines, ends):  # type: ignore[no-untyped-def]
    rows = arms * rows_of_arm(dims, is_pose)
    for n in range(len(lengths)):
        count, length = starts[n + 1] - starts[n], lengths[n]
        rows_in = values[offsets[n] : offsets[n] + arms * dims * length].reshape(arms, dims, length)
        rows_out = outlines[starts[n] * rows : starts[n + 1] * rows].reshape(arms, rows // arms, count)
        into = ends[starts[n] : starts[n + 1]]
        _cut(rows_in, is_pose, w_rot, into)
        for arm in range(arms):
            _describe(rows_in[arm], is_pose, w_rot, into, rows_out[arm])


@numba.njit(cache=True, nogil=True)
def _cut(rows, is_pose, w_rot, ends):  # type: ignore[no-untyped-def]
    """Where the segments end: equal shares of a sum of time, motion and gripper motion, each at least a frame long."""
    arms, dims, length = rows.shape
    moved, gripped = np.zeros(length), np.zeros(length)
    places = 3 if is_pose else dims - 1
    for t in range(1, length):
        before = max(t - 2, 0)  # two frames back: shaking counts for less
        for arm in range(arms):
            gripped[t] += abs(rows[arm, dims - 1, t] - rows[arm, dims - 1, before])
            square = 0.0
            for d in range(places):
                square += (rows[arm, d, t] - rows[arm, d, before]) ** 2
            moved[t] += np.sqrt(square)
            if is_pose:
                moved[t] += w_rot * _angle_between(rows[arm, 3:7, t], rows[arm, 3:7, before])
    all_moved, all_gripped = max(moved.sum(), 1e-9), max(gripped.sum(), 1e-9)
    count, done, k = len(ends), 0.0, 0
    total = 1 + MOVES * moved.sum() / all_moved + GRIPS * gripped.sum() / all_gripped
    for t in range(length):
        # Frame t begins a segment if the share is full, or if there are only as many frames left as segments.
        is_full = done >= total * (k + 1) / count or length - t <= count - 1 - k
        if is_full and t > (ends[k - 1] if k else 0) and k < count - 1:
            ends[k] = t
            k += 1
        done += 1 / length + MOVES * moved[t] / all_moved + GRIPS * gripped[t] / all_gripped
    ends[count - 1] = length


@numba.njit(cache=True, nogil=True)
def _angle_between(p, q):  # type: ignore[no-untyped-def]
    """Angle (rad) between two rotations as unit quaternions, by the chord, in float64."""
    minus = plus = 0.0
    for d in range(4):
        minus += (np.float64(p[d]) - np.float64(q[d])) ** 2
        plus += (np.float64(p[d]) + np.float64(q[d])) ** 2
    return 4 * np.arcsin(min(np.sqrt(min(minus, plus)) / 2, 1.0))


@numba.njit(cache=True, nogil=True)
def _describe(rows, is_pose, w_rot, ends, described):  # type: ignore[no-untyped-def]
    """Boxes, middle rotations, radii and gripper intervals of one arm's `rows` (D, T) into `described`."""
    dims = rows.shape[0]
    places = 3 if is_pose else dims - 1
    last = len(described) - 2
    middle = np.zeros(4)
    begin = 0
    for k in range(len(ends)):
        end = ends[k]
        for d in range(places):
            described[d, k], described[places + d, k] = rows[d, begin:end].min(), rows[d, begin:end].max()
        described[last, k], described[last + 1, k] = rows[dims - 1, begin:end].min(), rows[dims - 1, begin:end].max()
        if is_pose:
            for d in range(4):
                middle[d] = np.float64(rows[3 + d, begin]) + rows[3 + d, (begin + end) // 2] + rows[3 + d, end - 1]
            norm = np.sqrt((middle**2).sum())
            if norm < 0.1:  # three rotations that have no middle: any one will do
                for d in range(4):
                    middle[d] = rows[3 + d, begin]
                norm = 1.0
            for d in range(4):
                described[6 + d, k] = middle[d] / norm
            radius = 0.0
            for t in range(begin, end):
                radius = max(radius, _angle_between(rows[3:7, t], described[6:10, k]))
            described[10, k] = w_rot * (radius + MARGIN)
        begin = end
