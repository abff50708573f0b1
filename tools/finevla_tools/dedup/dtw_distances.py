"""Distances of a group by dynamic time warping: pairs shared out over threads, or given to a GPU.

Steps, tie order (diagonal, up, left) and band are FineVLA's. Of a pair the trajectory with the smaller index is the first
one, so that d(a, b) = d(b, a) where paths tie, too.

Error against float64. Frames and their costs are float32: coordinates run from 0 to 1 and are rounded by at most 3e-8, root
and arc by 1.2e-7 of their value, so that a frame costs within some 3e-7, of itself or of 1 where it is smaller. Costs are
summed in float64, which adds nothing; the gripper's sum is float32. A flat distance is within 1e-6 (measured: 2e-7). The
two-stage distance reads the gripper along a path, and where two paths are alike to 1e-7 of a frame's cost it may read along
the other one. Measured on 3,036 pairs of 100 to 1,500 frames: median 5e-7, 99 % below 2e-5, 7 pairs beyond 1e-4, the
largest 2e-3; the reference changes as much in 3 pairs when nothing but its frames are rounded to float32, as data sets
have them (`test/benchmark/dedup_kernel.py --errors 3000`).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_tools.dedup import finevla_distance
from finevla_tools.dedup.dtw_simd import align_all
from finevla_tools.dedup.frame_cost import Prepared, Values

Align = Callable[[Prepared, Values, NDArray[np.int64]], NDArray[np.float64]]  # cost, length, gripper `(P, 3)`
WORTH_A_TASK = 4_000_000  # table cells, some milliseconds: smaller parts are not worth a thread's while


def pair_distances(prepared: Prepared, pairs: NDArray[np.int64], device: str = "cpu") -> NDArray[np.float64]:
    """Distances `(P,)` of `pairs` `(P, 2)` of indices, on as many threads as numba has (`numba.set_num_threads`).

    `device` "cuda" computes them on a GPU (not with `compat`). Raises `FineVLAError` for indices outside the group.
    """
    pairs = np.sort(np.asarray(pairs, np.int64).reshape(-1, 2), axis=1)
    if pairs.size and not (pairs.min() >= 0 and pairs.max() < len(prepared)):
        raise FineVLAError(f"pairs name trajectories {pairs.min()} to {pairs.max()} of a group of {len(prepared)}")
    if device == "cuda" and not prepared.measure.compat:
        return _measured(prepared, pairs, _on_gpu)
    if device != "cpu":
        raise FineVLAError(f"device '{device}': distances are computed on cpu, and without compat on cuda")
    work, threads = cells(prepared, pairs), numba.get_num_threads()
    if threads == 1 or work.sum() < 2 * WORTH_A_TASK:
        return _on_one_thread(prepared, pairs)
    order = np.argsort(-work, kind="stable")
    parts = [order[part] for part in _parts(work[order], threads)]
    found = np.empty(len(pairs))
    # Python's threads, since the kernel lets go of their lock: unlike prange's they may be used from several threads at once,
    # and who is done takes the next part.
    with ThreadPoolExecutor(threads) as pool:
        for part, distances in zip(parts, pool.map(lambda p: _on_one_thread(prepared, pairs[p]), parts), strict=True):
            found[part] = distances
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
    each = max(int(done[-1]) // (8 * threads), WORTH_A_TASK)
    ends = np.unique(np.r_[np.flatnonzero(np.diff(done // each)) + 1, len(work)]).tolist()
    return [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def _on_one_thread(prepared: Prepared, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    return (
        finevla_distance.distances(prepared, pairs) if prepared.measure.compat else _measured(prepared, pairs, _swept)
    )


def _measured(prepared: Prepared, pairs: NDArray[np.int64], align: Align) -> NDArray[np.float64]:
    """Distances of sorted pairs from what `align` sums up along their paths; with mirror images, of the two the smaller."""
    found = np.full(len(pairs), np.inf)
    for others in (prepared.values, prepared.mirrored) if prepared.measure.mirror else (prepared.values,):
        cost, length, grip = align(prepared, others, pairs).T
        total = cost + grip if prepared.measure.two_stage else cost
        found = np.minimum(found, total / length if prepared.measure.normalize else total)
    return found


def _swept(prepared: Prepared, others: Values, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    measure, sums = prepared.measure, np.empty((len(pairs), 3))
    align_all(
        prepared.values, others, prepared.offsets, prepared.lengths, pairs, prepared.arms, prepared.dims,
        measure.space == "eef", np.float32(prepared.weights[1]), np.float32(not measure.two_stage), measure.band or 0, sums,
    )  # fmt: skip
    return sums


def _on_gpu(prepared: Prepared, others: Values, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    from finevla_tools.dedup import dtw_cuda  # only there where it is asked for

    return dtw_cuda.align_all(prepared, others, pairs)
