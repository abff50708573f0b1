"""What a decoded frame of a video shows: its colours by its own matrix and range; and which frames nobody agrees on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError

RGB, PLAIN = "rgb24", 5  # the matrix of BT.601, which FFmpeg takes where a file says none
MATRICES = {1: 1, 4: 4, 7: 7, 9: 9, 10: 9}  # of a frame's colour space (BT.709, FCC, SMPTE 240M, BT.2020): FFmpeg's own
FULL_RANGE = 2


def rgb_of(frame: Any) -> NDArray[np.uint8]:
    """Return a frame's picture `(H, W, 3)` RGB, by the matrix and range that it says; PyAV asks for neither by itself."""
    matrix, span = MATRICES.get(int(frame.colorspace), PLAIN), int(frame.color_range)
    if matrix != PLAIN or span == FULL_RANGE:
        # What RGB is said to be of changes no pixel; it must differ from the source for FFmpeg to look at either.
        aim = PLAIN if matrix != PLAIN else min(MATRICES)
        frame = frame.reformat(format=RGB, src_colorspace=matrix, dst_colorspace=aim, src_color_range=span)
    return np.asarray(frame.to_ndarray(format=RGB), np.uint8)


def refuse_turned(frame: Any, where: str) -> None:
    """Raise `FineVLAError` beginning with `where` if a video asks to be shown turned: readers do not agree on it."""
    if turn := round(float(getattr(frame, "rotation", 0) or 0)) % 360:
        raise FineVLAError(
            f"{where} asks to be shown turned by {turn} degrees (its display matrix), which some readers of data sets do and "
            "others do not; write its pictures as they are to be seen ('ffmpeg -i IN OUT' does)"
        )
