"""Real-time chunking (arXiv 2506.07339) at run time: a running chunk laid along the rows of the chunk to be made.

Chunks are laid side by side by their stamps, and the delay is what the bridge counted: nothing here is estimated.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import ActionChunk


@dataclass(frozen=True)
class Accepted:
    """Chunk that the bridge accepted last: sequence number (0 = none), and its rows already past at that time."""

    sequence: int = 0
    executed_steps: int = 0


def aligned(running: ActionChunk, stamp_ns: int) -> tuple[NDArray[np.float64], int]:
    """Where `running` wants to be at the times of a chunk `(horizon, D)` of `stamp_ns`, which is not before its own,
    and how many of these rows it reaches; beyond its end it stays. Between its rows it is linear.
    """
    shift = (stamp_ns - running.stamp_ns) / 1e9 / running.dt_s
    at = shift + np.arange(running.horizon)
    rows = np.arange(running.horizon)
    values = np.stack([np.interp(at, rows, column) for column in running.actions.T], axis=1)
    return values, int(np.count_nonzero(at <= rows[-1]))


def row_weights(horizon: int, overlap: int, executed_steps: int) -> NDArray[np.float64]:
    """How firmly each row `(horizon,)` stands: 1 for those executed when the chunk comes, 0 from `overlap` on.

    Between them it falls evenly, strictly between 1 and 0 (the linear schedule of the paper's published code).
    """
    overlap = min(max(overlap, 0), horizon)
    executed = min(max(executed_steps, 0), overlap)
    return np.clip((overlap - np.arange(horizon)) / (overlap - executed + 1), 0.0, 1.0)
