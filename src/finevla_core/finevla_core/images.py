"""Camera payloads to the policy's pictures: decode, cut the middle to the wanted shape, shrink by area averaging.

The wider side is cut, never squeezed: what is round stays round, whatever the camera's format.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from finevla_core.errors import FineVLAError

CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}
MAX_PIXELS = 4096 * 4096  # far beyond any camera here; a bomb is refused before it is unpacked
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

Buffer = bytes | bytearray | memoryview | NDArray[np.uint8]


@dataclass(frozen=True)
class RawImage:
    """The content of a sensor_msgs/Image: `step` bytes per row, padding allowed."""

    encoding: str
    height: int
    width: int
    step: int
    data: Buffer


@dataclass(frozen=True)
class CompressedImage:
    """The content of a sensor_msgs/CompressedImage: JPEG or PNG."""

    data: Buffer


EncodedImage = RawImage | CompressedImage
Loader = Callable[[], EncodedImage]


def to_policy_image(image: EncodedImage, height: int, width: int) -> NDArray[np.uint8]:
    """RGB `(height, width, 3)` uint8; raises `FineVLAError` for a wrong encoding, a wrong size or broken data."""
    picture = _from_raw(image) if isinstance(image, RawImage) else _from_compressed(image, height, width)
    box = _middle(picture.width, picture.height, width, height)
    if picture.size != (width, height) or box != (0, 0, width, height):
        picture = picture.resize((width, height), Image.Resampling.BOX, box=box)
    return np.asarray(picture)


def _from_raw(image: RawImage) -> Image.Image:
    if image.encoding not in CHANNELS:
        raise FineVLAError(f"image encoding '{image.encoding}' is not supported; use one of {', '.join(CHANNELS)}")
    channels = CHANNELS[image.encoding]
    if image.height < 1 or image.width < 1 or image.step < image.width * channels:
        raise FineVLAError(
            f"image of {image.width}x{image.height} {image.encoding} cannot have rows of {image.step} bytes"
        )
    data = np.frombuffer(image.data, np.uint8)
    if data.size < image.step * image.height:
        raise FineVLAError(
            f"image has {data.size} bytes, {image.step * image.height} are needed; it was cut on the way"
        )
    rows = data[: image.step * image.height].reshape(image.height, image.step)[:, : image.width * channels]
    pixels = rows.reshape(image.height, image.width, channels)
    if channels == 1:
        return Image.fromarray(pixels[:, :, 0]).convert("RGB")
    order = [2, 1, 0] if image.encoding.startswith("bgr") else [0, 1, 2]
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, order]) if channels == 4 or order[0] else pixels)


def _from_compressed(image: CompressedImage, height: int, width: int) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(bytes(image.data)), formats=("JPEG", "PNG"))
        # libjpeg can shrink by powers of two while it decodes; twice the wanted size is left for the averaging.
        picture.draft("RGB", (2 * width, 2 * height))
        return picture.convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise FineVLAError(f"compressed image cannot be decoded: {error}") from error


def _middle(width: int, height: int, wanted_width: int, wanted_height: int) -> tuple[float, float, float, float]:
    """The largest box of the wanted shape in the middle of an image: left, top, right, bottom."""
    scale = min(width / wanted_width, height / wanted_height)
    cut_width, cut_height = wanted_width * scale, wanted_height * scale
    left, top = (width - cut_width) / 2, (height - cut_height) / 2
    return left, top, left + cut_width, top + cut_height
