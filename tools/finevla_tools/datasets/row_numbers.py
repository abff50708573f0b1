"""The numbers that rows of a data set give themselves: which frame of their episode they are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import DamagedFileError

FRAME = "frame_index"


def _frame_numbers(table: Any) -> NDArray[np.int64]:
    """The column's whole numbers `(T,)`; nothing where it is not there or holds none: no set needs it."""
    import pyarrow as pa

    if FRAME not in table.column_names:
        return np.zeros(0, np.int64)
    column = table.column(FRAME)
    if not pa.types.is_integer(column.type) or column.null_count:
        return np.zeros(0, np.int64)
    return np.asarray(column.to_numpy(), np.int64)


def refuse_mixed_rows(table: Any, where: str, row: int = 0, first: int | None = None) -> int:
    """Return the frame that an episode's first row says it is, 0 where rows do not say; `row` is the table's first.

    Raises `DamagedFileError` beginning with `where` if rows do not follow each other. The same number in all says nothing.
    """
    frames = _frame_numbers(table)
    if not len(frames) or (len(frames) > 1 and (frames == frames[0]).all()):
        return first or 0
    first = int(frames[0]) if first is None else first
    due = first + row + np.arange(len(frames))
    if (odd := np.flatnonzero(frames != due)).size:
        k = int(odd[0])
        raise DamagedFileError(
            f"{where}: row {row + k} says it is frame {frames[k]}, {due[k]} is due; rows are missing or mixed up"
        )
    return first
