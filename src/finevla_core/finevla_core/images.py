"""Camera payloads to the policy's pictures: decode, cut the middle to the wanted shape, shrink by area averaging.

The wider side is cut, never squeezed: what is round stays round, whatever the camera's format.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from finevla_core.errors import FineVLAError, quoted

# Bytes per pixel and Pillow's name for their order; Pillow swaps colours and drops alpha and padding while it copies.
ENCODINGS = {"rgb8": (3, "RGB"), "bgr8": (3, "BGR"), "rgba8": (4, "RGBX"), "bgra8": (4, "BGRX"), "mono8": (1, "L")}
# What drivers send instead unless they are told otherwise, and what to tell them; the first that an encoding begins with.
MENDED = {
    "yuv": "have the driver convert it (usb_cam: pixel_format mjpeg2rgb or yuyv2rgb; RealSense: rgb_camera.color_format RGB8)",
    "yuyv": "have the driver convert it (usb_cam: pixel_format mjpeg2rgb or yuyv2rgb)",
    "nv": "have the driver convert it",
    "bayer": "debayer it first (image_proc)",
    "16UC1": "this is a depth picture: the topic must be that of the colour picture",
    "32FC1": "this is a depth picture: the topic must be that of the colour picture",
    "mono16": "this is a depth or infrared picture: the topic must be that of the colour picture",
}
# 16-bit grey (a depth image on a colour topic) would be clipped to white, CMYK is no camera's: both are refused.
COMPRESSED_MODES = ("RGB", "RGBA", "L", "LA", "P")
MAX_PIXELS = 4096 * 4096  # far beyond any camera here; a bomb is refused before it is unpacked
# What Pillow raises for broken files: a broken PNG header is a SyntaxError, a chunk cut short a struct.error.
BROKEN = (Image.DecompressionBombError, OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error)

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
    return np.asarray(picture.convert("RGB"))  # mono only after it has been shrunk


def _from_raw(image: RawImage) -> Image.Image:
    if image.encoding not in ENCODINGS:
        remedy = next((text for start, text in MENDED.items() if image.encoding.startswith(start)), "")
        raise FineVLAError(
            f"image encoding {quoted(image.encoding)} is not supported; use one of {', '.join(ENCODINGS)}"
            + (f"; {remedy}" if remedy else "")
        )
    channels, order = ENCODINGS[image.encoding]
    if image.height < 1 or image.width < 1 or image.step < image.width * channels:
        raise FineVLAError(
            f"image of {image.width}x{image.height} {image.encoding} cannot have rows of {image.step} bytes"
        )
    data = np.frombuffer(image.data, np.uint8)
    if data.size < image.step * image.height:
        raise FineVLAError(
            f"image has {data.size} bytes, {image.step * image.height} are needed; it was cut on the way"
        )
    mode = "L" if order == "L" else "RGB"
    return Image.frombytes(mode, (image.width, image.height), data.data, "raw", order, image.step, 1)


def _from_compressed(image: CompressedImage, height: int, width: int) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(bytes(image.data)), formats=("JPEG", "PNG"))
        if picture.width * picture.height > MAX_PIXELS or picture.mode not in COMPRESSED_MODES:
            raise ValueError(f"{picture.width}x{picture.height} of kind {picture.mode} is no colour camera's picture")
        # libjpeg can shrink by powers of two while it decodes; twice the wanted size is left for the averaging.
        picture.draft("RGB", (2 * width, 2 * height))
        return picture.convert("RGB")
    except BROKEN as error:
        raise FineVLAError(f"compressed image cannot be decoded: {error}") from error


def _middle(width: int, height: int, wanted_width: int, wanted_height: int) -> tuple[float, float, float, float]:
    """The largest box of the wanted shape in the middle of an image: left, top, right, bottom."""
    scale = min(width / wanted_width, height / wanted_height)
    cut_width, cut_height = wanted_width * scale, wanted_height * scale
    left, top = (width - cut_width) / 2, (height - cut_height) / 2
    return left, top, left + cut_width, top + cut_height
