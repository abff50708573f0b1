"""Distances by dynamic time warping, compiled: the table is swept along its anti-diagonals, sixteen cells at a time.

Nothing of the table is kept but three diagonals: the path's length and its gripper differences travel with the cost, so
that the two-stage distance needs no way back, and memory grows with T, not T^2. Steps, tie order (diagonal, up, left)
and band are FineVLA's; of a pair the trajectory with the smaller index is the first one, so d(a, b) = d(b, a) in ties too.

float32 and its error. TODO
"""
# mypy: allow-untyped-decorators

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_tools.dedup.cost import Measure, Prepared
from finevla_tools.dedup.sweep import align_all

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
    align_all(
        prepared.values, second, prepared.offsets, prepared.lengths, pairs, prepared.arms, prepared.dims,
        measure.space == "eef", np.float32(prepared.weights[1]), np.float32(not measure.two_stage), measure.band or 0, sums,
    )  # fmt: skip
    cost, length, grip = sums.T
    total = cost + grip if measure.two_stage else cost
    return np.asarray(total / length if measure.normalize else total)
