"""Compressed pictures as recordings hold them: what kind and size they are, by their header, and decoded.

What enters is not trusted: sizes are looked at before anything is decoded.
"""

import io
import re
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.images import CompressedImage, ImageFormat, RawImage, demosaiced, fault_of, mosaic_of, to_policy_image
from finevla_tools.convert.episode import Encoded, Picture

MAX_SIDE = 8192  # pixels; larger than any robot's camera, small enough that a wrong header cannot fill the memory
ENDS = {"jpeg": b"\xff\xd9", "png": b"IEND"}
KINDS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}


def encoded(data: bytes, where: str) -> Encoded:
    """A JPEG or PNG file as a picture; raises `FineVLAError` beginning with `where` if it is neither."""
    for begin, kind in KINDS.items():
        if data.startswith(begin):
            return Encoded(data, kind)
    what = f"begins with {data[:4].hex(' ')}" if data else "is empty"
    raise DamagedFileError(f"{where} is no JPEG or PNG picture: it {what}; look at how it was recorded")


def recorded(image: CompressedImage, where: str) -> Picture:
    """A message's picture as it is if that is what it shows, else decoded (a mosaic); raises `FineVLAError` as `encoded`.

    The rule is the camera ingest's: what a policy would not see is not learned from.
    """
    try:
        mosaic = mosaic_of(image.format)
    except FineVLAError as error:
        raise FineVLAError(f"{where}: {error}") from error
    picture = encoded(bytes(image.data), where)
    return decode(picture, where, mosaic) if mosaic else picture


def size(picture: Picture, where: str) -> tuple[int, int]:
    """Height and width, by the header of a compressed one; raises `FineVLAError` beginning with `where`."""
    return Sizes().of(picture, where)


class Sizes:
    """Sizes of pictures that come one after another, as of one camera: what begins as the last one did is not parsed again.

    A camera's JPEGs have one header, of some 600 bytes; comparing it takes a hundredth of Pillow's time, and says the same.
    """

    def __init__(self) -> None:
        self._header, self._size = b"", (0, 0)

    def of(self, picture: Picture, where: str) -> tuple[int, int]:
        """Return height and width of a picture; raises `FineVLAError` beginning with `where` if it cannot be read."""
        if not isinstance(picture, Encoded):
            return picture.shape[0], picture.shape[1]
        if not self._header or not picture.data.startswith(self._header):
            self._header = b""
            self._size, length = _parsed(picture, where)
            self._header = picture.data[:length]
        return self._size


def refuse_cut(picture: Encoded, where: str) -> None:
    """Raise `DamagedFileError` for a picture that ends before its end; padding behind it does not matter.

    For those that are kept as they are: whoever decodes them later would fail.
    """
    if (
        picture.data.rfind(ENDS[picture.kind], len(picture.data) // 2) < 0
    ):  # a thumbnail has an end too, in the first half
        raise DamagedFileError(f"{where} ends before its end; it was cut off while it was written or sent")


def decode(picture: Picture, where: str, mosaic: str = "") -> NDArray[np.uint8]:
    """`(H, W, 3)` RGB, of a `mosaic` ("rggb") with its colours.

    Raises `FineVLAError` beginning with `where` if the picture is broken, too large, or no colour picture.
    """
    if not isinstance(picture, Encoded):
        return picture
    with _opened(picture, io.BytesIO(picture.data), where, mosaic) as image:
        try:
            return np.asarray(demosaiced(image, mosaic).convert("RGB"), np.uint8)
        except Exception as error:
            raise DamagedFileError(f"{where} cannot be decoded: {said(error)}") from error


def raw(image: RawImage) -> NDArray[np.uint8]:
    """`(H, W, 3)` RGB of an uncompressed picture, in its own size; not copied if it is that already."""
    height, width = image.height, image.width
    if image.encoding == "rgb8" and image.step == 3 * width and len(image.data) == 3 * width * height > 0:
        return np.frombuffer(image.data, np.uint8).reshape(height, width, 3)
    return to_policy_image(image, ImageFormat(height, width))


def _parsed(picture: Encoded, where: str) -> tuple[tuple[int, int], int]:
    """Height and width, and how many bytes of the file were looked at for them."""
    file = io.BytesIO(picture.data)
    with _opened(picture, file, where) as image:
        return (image.height, image.width), file.tell()


def _opened(picture: Encoded, file: io.BytesIO, where: str, mosaic: str = "") -> ImageFile.ImageFile:
    """A file of which the header is sound, the size bearable and the kind a colour camera's; nothing is decoded yet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of huge ones, which are refused below
            image = Image.open(file, formats=[picture.kind])
    except Exception as error:  # PIL's parsers raise whatever they meet
        raise DamagedFileError(f"{where} has a broken {picture.kind.upper()} header: {said(error)}") from error
    if not (0 < image.width <= MAX_SIDE and 0 < image.height <= MAX_SIDE):
        raise FineVLAError(
            f"{where} says it is {image.width}x{image.height}; at most {MAX_SIDE} pixels a side are read"
        )
    if fault := fault_of(image.mode, mosaic):
        raise FineVLAError(f"{where} is no colour picture: {fault}")
    return image


def said(error: BaseException) -> str:
    """What an exception of others says, in one line, without its number and the file, which the sentence has already."""
    text = re.sub(r" <_io.BytesIO[^>]*>|^\[Errno -?\d+\] |: '/[^']*'$", "", " ".join(str(error).split()))
    return text.strip("'")[:200] or type(error).__name__
