"""Camera payloads to the policy's pictures: decode, fit to the wanted shape, shrink by area averaging.

Where nothing else is said the wider side is cut, never squeezed: what is round stays round, whatever the camera's format.
"""

import io
import math
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from finevla_core.bayer_mosaic import demosaic, pattern_of
from finevla_core.errors import FineVLAError, quoted
from finevla_core.yuv import YUV, rgb

# Bytes per pixel and Pillow's name for their order; Pillow swaps colours and drops alpha and padding while it copies.
ENCODINGS = {"rgb8": (3, "RGB"), "bgr8": (3, "BGR"), "rgba8": (4, "RGBX"), "bgra8": (4, "BGRX"), "mono8": (1, "L")}
# What drivers send instead unless they are told otherwise, and what to tell them; the first that an encoding begins with.
MENDED = {
    "yuv": "have the driver convert it (usb_cam: pixel_format mjpeg2rgb or yuyv2rgb; RealSense: rgb_camera.color_format RGB8)",
    "nv": "have the driver convert it",
    "bayer": "a mosaic is bayer_rggb8, bayer_bggr8, bayer_gbrg8 or bayer_grbg8, or of 16 bits",
    "16UC1": "this is a depth picture: the topic must be that of the colour picture",
    "32FC1": "this is a depth picture: the topic must be that of the colour picture",
    "mono16": "this is a depth or infrared picture: the topic must be that of the colour picture",
}
# 16-bit grey (a depth image on a colour topic) would be clipped to white, CMYK is no camera's: both are refused.
COMPRESSED_MODES = ("RGB", "RGBA", "L", "LA", "P")
DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # Pillow's names for grey of 16 bits
# What compressed_image_transport writes into `format`: "bayer_rggb8; png compressed ", and for depth "16UC1; compressedDepth".
FORMAT = re.compile(r"\s*([\w]+)\s*(?:;\s*(\w+)\b.*)?")
VIDEOS = ("h264", "h265", "hevc", "av1", "vp8", "vp9", "mpeg", "ffmpeg")
MAX_PIXELS = 4096 * 4096  # far beyond any camera here; a bomb is refused before it is unpacked
# What Pillow raises for broken files: a broken PNG header is a SyntaxError, a chunk cut short a struct.error.
BROKEN = (Image.DecompressionBombError, OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error)

FITS = (
    "crop",
    "pad",
    "stretch",
)  # cut the wider side, add black to the narrower one, or squeeze; the first is the default
FILTERS = {"area": Image.Resampling.BOX, "bilinear": Image.Resampling.BILINEAR}
MAX_SIDE = 1024  # pixels of a policy's picture; vision towers take 224 to 672

Buffer = bytes | bytearray | memoryview | NDArray[np.uint8]
Region = tuple[float, float, float, float]  # left, top, right, bottom, as shares of a picture's width and height
WHOLE: Region = (0.0, 0.0, 1.0, 1.0)
MIN_SHARE = 0.01  # of a region's sides


@dataclass(frozen=True)
class ImageFormat:
    """The pictures that a policy takes: their size, how a camera's are fitted to it, and by which filter.

    Of a camera named in `regions` it sees this part only, and that is what is fitted. Raises `FineVLAError` for sizes, fits,
    filters and regions that there are not.
    """

    height: int
    width: int
    fit: str = FITS[0]
    filter: str = "area"
    regions: Mapping[str, Region] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name, side in (("height", self.height), ("width", self.width)):
            if not isinstance(side, int) or isinstance(side, bool) or not 1 <= side <= MAX_SIDE:
                raise FineVLAError(f"the {name} of pictures is {side!r}; it must be a whole number, 1 to {MAX_SIDE}")
        for name, word, known in (("fit", self.fit, FITS), ("filter", self.filter, FILTERS)):
            if not isinstance(word, str) or word not in known:
                raise FineVLAError(f"the {name} of pictures is {quoted(str(word))}; known are {', '.join(known)}")
        if not isinstance(self.regions, Mapping):
            raise FineVLAError("the regions of pictures must be given by camera, as left, top, right, bottom")
        object.__setattr__(self, "regions", {str(camera): _region(camera, r) for camera, r in self.regions.items()})

    def __str__(self) -> str:
        parts = [f"of {camera} {' '.join(f'{n:g}' for n in region)}" for camera, region in self.regions.items()]
        return f"{self.height}x{self.width} ({', '.join((self.fit, self.filter, *parts))})"

    def region(self, camera: str) -> Region:
        """Return the part of a camera's picture that is seen."""
        return self.regions.get(camera, WHOLE)

    def plain(self) -> dict[str, Any]:
        """Return it as plain data for a file."""
        sizes = {"height": self.height, "width": self.width, "fit": self.fit, "filter": self.filter}
        return sizes | ({"regions": {name: list(part) for name, part in self.regions.items()}} if self.regions else {})

    def holds(self, picture: NDArray[np.uint8]) -> bool:
        """Return whether a picture `(H, W, 3)` has this size."""
        return picture.shape[:2] == (self.height, self.width)


def _region(camera: Any, sides: Any) -> Region:
    """Check the part of one camera's picture."""
    is_four = isinstance(sides, list | tuple) and len(sides) == 4
    if is_four and all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in sides):
        left, top, right, bottom = map(float, sides)
        if 0.0 <= left <= right - MIN_SHARE and right <= 1.0 and 0.0 <= top <= bottom - MIN_SHARE and bottom <= 1.0:
            return left, top, right, bottom
    raise FineVLAError(
        f"the region of camera {quoted(str(camera))} is {quoted(str(sides))}; it must be left, top, right, bottom, as shares "
        "from 0 to 1 of the picture's width and height"
    )


@dataclass(frozen=True)
class RawImage:
    """The content of a sensor_msgs/Image: `step` bytes per row, padding allowed."""

    encoding: str
    height: int
    width: int
    step: int
    data: Buffer
    is_bigendian: bool = False  # of encodings with 16 bits


@dataclass(frozen=True)
class CompressedImage:
    """The content of a sensor_msgs/CompressedImage: JPEG or PNG; `format` says what picture was packed, if anything."""

    data: Buffer
    format: str = ""


EncodedImage = RawImage | CompressedImage
Loader = Callable[[], EncodedImage]


def to_policy_image(image: EncodedImage, wanted: ImageFormat, camera: str = "") -> NDArray[np.uint8]:
    """RGB `(height, width, 3)` uint8 of a camera's picture.

    Raises `FineVLAError` for a wrong encoding, a wrong size or broken data.
    """
    region = wanted.region(camera)
    picture = _from_raw(image) if isinstance(image, RawImage) else _from_compressed(image, wanted, region)
    return np.asarray(_fitted(picture, wanted, region).convert("RGB"))  # mono only after it has been shrunk


def fit_image(picture: NDArray[np.uint8], wanted: ImageFormat, camera: str = "") -> NDArray[np.uint8]:
    """Fit a camera's picture `(H, W, 3)` as `to_policy_image` does; what may be fitted already is for `fit_once`."""
    region = wanted.region(camera)
    if region == WHOLE and wanted.holds(picture):
        return picture
    return np.asarray(_fitted(Image.fromarray(picture), wanted, region))


def fit_once(picture: NDArray[np.uint8], wanted: ImageFormat, camera: str = "") -> NDArray[np.uint8]:
    """Fit a picture `(H, W, 3)` that may have been fitted before, which its size tells: a region is cut out once."""
    return picture if wanted.holds(picture) else fit_image(picture, wanted, camera)


def fit_point(
    x: float, y: float, height: int, width: int, wanted: ImageFormat, camera: str = ""
) -> tuple[float, float]:
    """Return where a point (right, down, pixels) of a picture `(height, width)` is once it is fitted; it may be outside."""
    part = _part(width, height, wanted.region(camera))
    if wanted.fit == "pad":
        inner_width, inner_height = _inner(part, wanted)
        margin_x, margin_y = (wanted.width - inner_width) // 2, (wanted.height - inner_height) // 2
    else:
        inner_width, inner_height, margin_x, margin_y = wanted.width, wanted.height, 0, 0
        part = _middle(part, wanted) if wanted.fit == "crop" else part
    left, top, right, bottom = part
    return (
        margin_x + (x - left) * inner_width / (right - left),
        margin_y + (y - top) * inner_height / (bottom - top),
    )


def _fitted(picture: Image.Image, wanted: ImageFormat, region: Region) -> Image.Image:
    size, filtered = (wanted.width, wanted.height), FILTERS[wanted.filter]
    if picture.size == size and region == WHOLE:
        return picture
    part = _part(*picture.size, region)
    if wanted.fit == "crop":
        return picture.resize(size, filtered, box=_middle(part, wanted))
    if wanted.fit == "stretch":
        return picture.resize(size, filtered, box=part)
    inner = _inner(part, wanted)
    padded = Image.new(picture.mode, size)
    padded.paste(picture.resize(inner, filtered, box=part), ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return padded


def _part(width: int, height: int, region: Region) -> Region:
    """Return a region of a picture in pixels: left, top, right, bottom."""
    left, top, right, bottom = region
    return left * width, top * height, right * width, bottom * height


def _inner(part: Region, wanted: ImageFormat) -> tuple[int, int]:
    """Width and height of what is shown of a part that is padded."""
    width, height = part[2] - part[0], part[3] - part[1]
    ratio = max(width / wanted.width, height / wanted.height)
    return max(1, int(width / ratio)), max(1, int(height / ratio))


def mosaic_of(said: str) -> str:
    """The mosaic's pattern ("rggb") if a compressed image's `format` says that a mosaic was packed, else nothing.

    Raises `FineVLAError` if it says that it is no colour picture.
    """
    match = FORMAT.match(said)
    encoding, codec = (match[1], match[2] or "") if match else ("", "")
    if encoding.lower().startswith(VIDEOS):
        raise FineVLAError(f"its format is {quoted(said)}, a piece of a video; have the driver send JPEG or PNG")
    if codec.startswith("compressedDepth") or encoding in ("16UC1", "32FC1", "mono16"):
        remedy = MENDED.get(encoding, MENDED["16UC1"])
        raise FineVLAError(f"its format is {quoted(said)}; {remedy}")
    if encoding.startswith("bayer"):
        if (found := pattern_of(encoding)) is None:
            raise FineVLAError(f"its format is {quoted(said)}; {MENDED['bayer']}")
        return found[0]
    return ""


def fault_of(mode: str, mosaic: str) -> str:
    """Why a decoded picture of Pillow's `mode` is no colour picture, or nothing; `mosaic` as `mosaic_of` says."""
    if mode in COMPRESSED_MODES or (mosaic and mode in DEEP_MODES):
        return ""
    if mode in DEEP_MODES or mode == "F":
        return f"it is grey of more than 8 bits; {MENDED['mono16']}"
    return f"its kind is {mode}, which is no colour camera's; RGB or grey of 8 bits is needed"


def demosaiced(picture: Image.Image, mosaic: str) -> Image.Image:
    """A decoded picture as it is if it has colours already, else made of the mosaic that it is; `mosaic` may be empty."""
    if not mosaic or picture.mode not in ("L", *DEEP_MODES):
        return picture
    grey = np.asarray(picture)
    return Image.fromarray(_colours((grey >> 8 if grey.dtype != np.uint8 else grey).astype(np.uint8), mosaic))


def _colours(mosaic: NDArray[np.uint8], pattern: str) -> NDArray[np.uint8]:
    if min(mosaic.shape) < 2:
        raise FineVLAError(f"a mosaic of {mosaic.shape[1]}x{mosaic.shape[0]} has not all colours; 2x2 is the least")
    return demosaic(mosaic, pattern)


def _from_raw(image: RawImage) -> Image.Image:
    if image.encoding in YUV:
        data = np.frombuffer(image.data, np.uint8)
        return Image.fromarray(rgb(image.encoding, image.height, image.width, image.step, data))
    mosaic = pattern_of(image.encoding)
    if mosaic is None and image.encoding not in ENCODINGS:
        remedy = next((text for start, text in MENDED.items() if image.encoding.startswith(start)), "")
        raise FineVLAError(
            f"image encoding {quoted(image.encoding)} is not supported; use one of {', '.join((*ENCODINGS, *YUV))}"
            + (f"; {remedy}" if remedy else "")
        )
    channels, order = ENCODINGS[image.encoding] if mosaic is None else (mosaic[1] // 8, "L")
    if image.height < 1 or image.width < 1 or image.step < image.width * channels:
        raise FineVLAError(
            f"image of {image.width}x{image.height} {image.encoding} cannot have rows of {image.step} bytes"
        )
    data = np.frombuffer(image.data, np.uint8)
    if data.size < image.step * image.height:
        raise FineVLAError(
            f"image has {data.size} bytes, {image.step * image.height} are needed; it was cut on the way"
        )
    if mosaic is not None:
        rows = data[: image.step * image.height].reshape(image.height, image.step)[:, : image.width * channels]
        upper = 0 if image.is_bigendian else channels - 1  # the byte of 16 bits that is seen
        return Image.fromarray(_colours(np.ascontiguousarray(rows[:, upper::channels]), mosaic[0]))
    mode = "L" if order == "L" else "RGB"
    return Image.frombytes(mode, (image.width, image.height), data.data, "raw", order, image.step, 1)


def _from_compressed(image: CompressedImage, wanted: ImageFormat, region: Region) -> Image.Image:
    mosaic = mosaic_of(image.format)
    try:
        picture = Image.open(io.BytesIO(bytes(image.data)), formats=("JPEG", "PNG"))
        if picture.width * picture.height > MAX_PIXELS:
            raise ValueError(f"{picture.width}x{picture.height} pixels are no camera's")
        if fault := fault_of(picture.mode, mosaic):
            raise ValueError(fault)
        if not mosaic:
            # libjpeg can shrink by powers of two while it decodes; twice the wanted size is left for the averaging.
            left, top, right, bottom = region
            wide, high = 2 * wanted.width / (right - left), 2 * wanted.height / (bottom - top)
            picture.draft("RGB", (math.ceil(wide), math.ceil(high)))
        return demosaiced(picture, mosaic).convert("RGB")
    except BROKEN as error:
        said = f" (its format is {quoted(image.format)})" if image.format else ""
        raise FineVLAError(f"compressed image cannot be decoded: {error}{said}") from error


def _middle(part: Region, wanted: ImageFormat) -> Region:
    """The largest box of the wanted shape in the middle of a part of a picture: left, top, right, bottom."""
    left, top, right, bottom = part
    scale = min((right - left) / wanted.width, (bottom - top) / wanted.height)
    left += (right - left - wanted.width * scale) / 2
    top += (bottom - top - wanted.height * scale) / 2
    return left, top, left + wanted.width * scale, top + wanted.height * scale
