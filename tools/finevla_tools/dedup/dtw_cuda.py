"""The same sweep on a GPU: one block a pair, its threads along the anti-diagonal. Not run here: no GPU was at hand.

Numba's simulator agrees with the CPU on small inputs (`test_dedup_distance.py`); speed and occupancy were never measured.
"""
# mypy: allow-untyped-decorators, allow-untyped-defs

import math

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_tools.dedup.frame_cost import Prepared, Values

THREADS = 256
BLOCKS = 1024  # each takes pair after pair; what they keep of the table lies in the GPU's memory


def align_all(prepared: Prepared, others: Values, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Cost, length and gripper differences `(P, 3)` of the best path of each of `pairs`, as `sweep.align_all`."""
    if not cuda.is_available():
        raise FineVLAError("device 'cuda': no CUDA device is here - leave device out to compute on the processor")
    measure, blocks = prepared.measure, min(BLOCKS, len(pairs))
    sums = cuda.device_array((len(pairs), 3), np.float64)
    table = cuda.device_array((blocks, 3, 3, int(prepared.lengths.max()) + 2), np.float64)
    on_device = [cuda.to_device(a) for a in (prepared.values, others, prepared.offsets, prepared.lengths, pairs)]
    _align[blocks, THREADS](
        *on_device, prepared.arms, prepared.dims, measure.space == "eef", np.float32(prepared.weights[1]),
        not measure.two_stage, measure.band or 0, table, sums,
    )  # fmt: skip
    return np.asarray(sums.copy_to_host())


@cuda.jit
def _align(values, others, offsets, lengths, pairs, arms, dims, poses, w_rot, flat, band, tables, sums):
    """`tables` `(B, 3, 3, L + 2)` has the last three diagonals of cost, length and gripper; row i has the slot i + 1."""
    table = tables[cuda.blockIdx.x]
    for p in range(cuda.blockIdx.x, len(pairs), cuda.gridDim.x):
        n, m = lengths[pairs[p, 0]], lengths[pairs[p, 1]]
        first, second = values[offsets[pairs[p, 0]] :], others[offsets[pairs[p, 1]] :]
        width = max(band, abs(n - m)) if band else n + m
        for slot in range(cuda.threadIdx.x, n + 2, cuda.blockDim.x):
            for kept in range(3):
                table[kept, 0, slot] = math.inf
                table[kept, 1, slot] = table[kept, 2, slot] = 0.0
        cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            table[1, 0, 0] = 0.0  # where all paths begin, two diagonals before the first
        cuda.syncthreads()
        for diagonal in range(n + m - 1):
            low = max(0, diagonal - m + 1, (diagonal - width + 1) // 2)
            high = min(n - 1, diagonal, (diagonal + width) // 2)
            now, before, earlier = diagonal % 3, (diagonal + 2) % 3, (diagonal + 1) % 3
            for i in range(low + cuda.threadIdx.x, high + 1, cuda.blockDim.x):
                cost, grip = _frame_cost(first, i, n, second, diagonal - i, m, arms, dims, poses, w_rot)
                kept, slot = earlier, i
                if table[before, 0, i] < table[kept, 0, slot]:
                    kept = before
                if table[before, 0, i + 1] < table[kept, 0, slot]:
                    kept, slot = before, i + 1
                table[now, 0, i + 1] = table[kept, 0, slot] + (cost + grip if flat else cost)
                table[now, 1, i + 1] = table[kept, 1, slot] + 1
                table[now, 2, i + 1] = table[kept, 2, slot] + grip
            if cuda.threadIdx.x == 0:
                table[now, 0, low] = table[now, 0, high + 2] = math.inf
            cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            for of in range(3):
                sums[p, of] = table[(n + m - 2) % 3, of, n]
        cuda.syncthreads()


@cuda.jit(device=True)
def _frame_cost(first, i, n, second, j, m, arms, dims, poses, w_rot):
    cost, grip = np.float32(0), np.float32(0)
    for arm in range(arms):
        row, last = arm * dims, (arm + 1) * dims - 1
        square = np.float32(0)
        for d in range(row, row + 3 if poses else last):
            step = first[d * n + i] - second[d * m + j]
            square += step * step
        cost += np.float32(math.sqrt(square))
        if poses:
            near, far = np.float32(0), np.float32(0)
            for d in range(row + 3, last):
                one, other = first[d * n + i], second[d * m + j]
                near += (one - other) * (one - other)
                far += (one + other) * (one + other)
            cost += w_rot * np.float32(4) * math.asin(math.sqrt(min(near, far)) * np.float32(0.5))
        grip += abs(first[last * n + i] - second[last * m + j])
    return cost, grip
