"""Bayer mosaics, one colour a pixel as the sensor sees it, to pictures: what image_proc does between driver and policy."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

PATTERN = re.compile(r"bayer_([rgb]{4})(8|16)")
KNOWN = ("rggb", "bggr", "gbrg", "grbg")


def pattern_of(encoding: str) -> tuple[str, int] | None:
    """Colours of the first two pixels of the first and second row, and bits per pixel; None if it is no mosaic."""
    match = PATTERN.fullmatch(encoding)
    return (match[1], int(match[2])) if match and match[1] in KNOWN else None


def demosaic(mosaic: NDArray[np.uint8], pattern: str) -> NDArray[np.uint8]:
    """`(H, W)` of at least 2x2 to RGB `(H, W, 3)`: what a pixel lacks is the mean of its nearest that have it (bilinear)."""
    # A mirrored border goes on in the same pattern.
    p = np.pad(mosaic.astype(np.uint16), 1, mode="reflect")
    beside, above = (p[1:-1, :-2] + p[1:-1, 2:] + 1) >> 1, (p[:-2, 1:-1] + p[2:, 1:-1] + 1) >> 1
    cross = (p[1:-1, :-2] + p[1:-1, 2:] + p[:-2, 1:-1] + p[2:, 1:-1] + 2) >> 2
    corners = (p[:-2, :-2] + p[:-2, 2:] + p[2:, :-2] + p[2:, 2:] + 2) >> 2
    made = np.empty((*mosaic.shape, 3), np.uint8)
    for i in (0, 1):
        for j in (0, 1):
            here, row, column = (pattern[2 * a + b] for a, b in ((i, j), (i, 1 - j), (1 - i, j)))
            planes: dict[str, NDArray[Any]] = {here: mosaic}
            if here == "g":
                planes |= {row: beside, column: above}
            else:
                planes |= {"g": cross, "b" if here == "r" else "r": corners}
            for channel, colour in enumerate("rgb"):
                made[i::2, j::2, channel] = planes[colour][i::2, j::2]
    return made
