"""MP4 and pictures with captions; H.264 through PyAV, written whole or not at all."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from finevla_core.recording.atomic_files import publish, remove_abandoned, temporary_of, write_by

BAR = 56  # height of the caption bar, pixels
COLORS = ((240, 240, 240), (150, 205, 150))
OTHERWISE = (240, 170, 90)  # of what did not go as it was asked


def captioned(picture: NDArray[np.uint8], lines: Sequence[str], is_as_asked: bool = True) -> NDArray[np.uint8]:
    """The picture `(H, W, 3)` with a bar of up to two lines of text below; too long lines are cut.

    The second line tells what happened; it is orange where that was not asked for.
    """
    height, width, _ = picture.shape
    canvas = Image.new("RGB", (width, height + BAR), (20, 22, 26))
    canvas.paste(Image.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=16)
    colors = COLORS if is_as_asked else (COLORS[0], OTHERWISE)
    for row, line in enumerate(lines[:2]):
        while line and draw.textlength(line, font=font) > width - 20:
            line = line[:-2]
        draw.text((10, height + 6 + 23 * row), line, font=font, fill=colors[row])
    return np.asarray(canvas)


def card(size: tuple[int, int], lines: Sequence[str]) -> NDArray[np.uint8]:
    """A dark picture of `size` (height, width, both even) with paragraphs of text; what does not fit is cut."""
    height, width = size
    canvas = Image.new("RGB", (width, height), (20, 22, 26))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=18)
    columns = int((width - 40) / draw.textlength("n", font=font))
    y = height // 4
    for k, line in enumerate(lines):
        text = "\n".join(textwrap.wrap(line, columns))
        draw.multiline_text((20, y), text, font=font, fill=COLORS[min(k, 1)], spacing=6)
        y += round(draw.multiline_textbbox((0, 0), text, font=font, spacing=6)[3]) + 20
    return np.asarray(canvas)


def write_picture(path: Path, rows: Sequence[Sequence[NDArray[np.uint8]]]) -> None:
    """Rows of pictures of the same size as one PNG."""
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows if row], axis=0)
    write_by(path, lambda temporary: Image.fromarray(sheet).save(temporary, "png", optimize=True))


class Movie:
    """Context manager: pictures of one size (even sides) go straight to the file, which appears when all went well."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        self.path, self.rate_hz, self.frames = path, rate_hz, 0
        remove_abandoned(path.parent)
        self._temporary = temporary_of(path)
        self._container = av.open(str(self._temporary), "w", format="mp4")
        self._stream: Any = None

    def __enter__(self) -> Self:
        return self

    def add(self, picture: NDArray[np.uint8]) -> None:
        """One more picture `(H, W, 3)` RGB."""
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", rate=self.rate_hz)
            self._stream.height, self._stream.width = picture.shape[:2]
            self._stream.pix_fmt = "yuv420p"
            self._stream.options = {"crf": "24", "preset": "veryfast"}
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        self.frames += 1

    def close(self) -> None:
        """End the file and put it in its place, unless there was no picture."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()
        if self.frames:
            publish(self._temporary, self.path)
        else:
            self._temporary.unlink(missing_ok=True)

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._container.close()
            self._temporary.unlink(missing_ok=True)
