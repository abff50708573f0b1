"""MP4 with captions from single pictures; H.264 through PyAV."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

BAR = 56  # height of the caption bar, pixels


def captioned(picture: NDArray[np.uint8], lines: Sequence[str]) -> NDArray[np.uint8]:
    """The picture `(H, W, 3)` with a bar of up to two lines of text below."""
    height, width, _ = picture.shape
    canvas = Image.new("RGB", (width, height + BAR), (20, 22, 26))
    canvas.paste(Image.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=16)
    for row, line in enumerate(lines[:2]):
        color = (240, 240, 240) if row == 0 else (150, 205, 150)
        while line and draw.textlength(line, font=font) > width - 20:
            line = line[:-2]
        draw.text((10, height + 6 + 23 * row), line, font=font, fill=color)
    return np.asarray(canvas)


def write_mp4(path: Path, pictures: Sequence[NDArray[np.uint8]], rate_hz: int) -> None:
    """Write all pictures (same size, even sides) whole or not at all."""
    temporary = path.with_suffix(".tmp.mp4")
    height, width, _ = pictures[0].shape
    with av.open(str(temporary), "w") as container:
        stream = container.add_stream("libx264", rate=rate_hz)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "24", "preset": "veryfast"}
        for picture in pictures:
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    temporary.replace(path)
