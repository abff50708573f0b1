"""Promises of mosaics: every pixel keeps what the sensor saw of it, and a compressed image's words are believed."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from finevla_core.bayer_mosaic import KNOWN, demosaic
from finevla_core.errors import FineVLAError
from finevla_core.images import CompressedImage, ImageFormat, RawImage, mosaic_of, to_policy_image

HEIGHT, WIDTH = 12, 16
OPENCV = {"rggb": "BG", "bggr": "RG", "gbrg": "GR", "grbg": "GB"}  # OpenCV names the second row's middle


def sampled(picture: NDArray[np.uint8], pattern: str) -> NDArray[np.uint8]:
    """What a sensor with this pattern sees of an RGB picture."""
    mosaic = np.empty(picture.shape[:2], np.uint8)
    for place, colour in enumerate(pattern):
        i, j = divmod(place, 2)
        mosaic[i::2, j::2] = picture[i::2, j::2, "rgb".index(colour)]
    return mosaic


def ramps(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    return np.stack([40 + 8 * y, 200 - 4 * x, 60 + 2 * (x + y)], axis=2).astype(np.uint8)


def file(picture: NDArray[Any], kind: str = "png", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("pattern", KNOWN)
@pytest.mark.parametrize("size", [(12, 16), (13, 17), (2, 2), (2, 7)])
def test_one_colour_stays_that_colour_to_the_very_border(pattern: str, size: tuple[int, int]) -> None:
    orange = np.full((*size, 3), (230, 120, 10), np.uint8)
    np.testing.assert_array_equal(demosaic(sampled(orange, pattern), pattern), orange)


@pytest.mark.parametrize("pattern", KNOWN)
def test_ramps_are_what_they_were_inside(pattern: str) -> None:
    inside = (slice(1, -1), slice(1, -1))
    np.testing.assert_array_equal(demosaic(sampled(ramps(), pattern), pattern)[inside], ramps()[inside])


@pytest.mark.parametrize("pattern", KNOWN)
def test_opencv_makes_the_same_of_any_mosaic(pattern: str) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV comes with 'make data-setup'")
    mosaic = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
    theirs = cv2.cvtColor(mosaic, getattr(cv2, f"COLOR_Bayer{OPENCV[pattern]}2RGB"))
    inside = (slice(1, -1), slice(1, -1))
    np.testing.assert_array_equal(demosaic(mosaic, pattern)[inside], theirs[inside])


@pytest.mark.parametrize("pattern", KNOWN)
@pytest.mark.parametrize("wire", ["raw8", "raw16", "raw16 big endian", "padded", "png8", "png16", "jpeg"])
def test_a_mosaic_comes_in_its_colours_however_it_is_sent(pattern: str, wire: str) -> None:
    orange = np.full((HEIGHT, WIDTH, 3), (230, 120, 10), np.uint8)
    mosaic = sampled(orange, pattern)
    deep = (mosaic.astype(np.uint16) << 8) + 77
    rows = np.concatenate([mosaic, np.full((HEIGHT, 5), 99, np.uint8)], axis=1)
    made = {
        "raw8": lambda: RawImage(f"bayer_{pattern}8", HEIGHT, WIDTH, WIDTH, mosaic.tobytes()),
        "padded": lambda: RawImage(f"bayer_{pattern}8", HEIGHT, WIDTH, WIDTH + 5, rows.tobytes()),
        "raw16": lambda: RawImage(f"bayer_{pattern}16", HEIGHT, WIDTH, 2 * WIDTH, deep.astype("<u2").tobytes()),
        "raw16 big endian": lambda: RawImage(
            f"bayer_{pattern}16", HEIGHT, WIDTH, 2 * WIDTH, deep.astype(">u2").tobytes(), True
        ),
        "png8": lambda: CompressedImage(file(mosaic), f"bayer_{pattern}8; png compressed "),
        "png16": lambda: CompressedImage(file(deep), f"bayer_{pattern}16; png compressed "),
        "jpeg": lambda: CompressedImage(file(mosaic, "jpeg", quality=100), f"bayer_{pattern}8; jpeg compressed "),
    }[wire]()
    shown = to_policy_image(made, ImageFormat(HEIGHT, WIDTH))
    assert np.abs(shown.astype(int) - orange).max() <= (3 if wire == "jpeg" else 0)


@pytest.mark.parametrize(
    ("said", "mosaic"),
    [
        ("", ""),
        ("jpeg", ""),
        ("png", ""),
        ("JPEG", ""),
        ("rgb8; jpeg compressed bgr8", ""),
        ("mono8; jpeg compressed ", ""),
        ("bayer_grbg8; jpeg compressed ", "grbg"),
        ("bayer_grbg8;png compressed", "grbg"),
        ("bayer_bggr16; png compressed ", "bggr"),
        ("bayer_rggb8", "rggb"),
        ("what ever; \u2028 it is", ""),
    ],
)
def test_words_about_a_picture_are_understood(said: str, mosaic: str) -> None:
    assert mosaic_of(said) == mosaic


def test_a_mosaic_that_its_driver_has_made_colours_of_stays_as_it_is() -> None:
    image = CompressedImage(file(ramps()), "bayer_rggb8; png compressed bgr8")
    np.testing.assert_array_equal(to_policy_image(image, ImageFormat(HEIGHT, WIDTH)), ramps())


@pytest.mark.parametrize(
    ("said", "picture", "sentence"),
    [
        ("16UC1; png compressed ", np.zeros((4, 4), np.uint16), "this is a depth picture"),
        ("16UC1; compressedDepth png", np.zeros((4, 4), np.uint16), "this is a depth picture"),
        ("32FC1; compressedDepth rvl", np.zeros((4, 4), np.uint16), "this is a depth picture"),
        ("mono16; png compressed ", np.zeros((4, 4), np.uint16), "depth or infrared"),
        ("png", np.zeros((4, 4), np.uint16), "grey of more than 8 bits"),
        ("rgb8; png compressed bgr8", np.zeros((4, 4), np.uint16), "grey of more than 8 bits"),
        ("h264", np.zeros((4, 4), np.uint8), "a piece of a video"),
        ("hevc", np.zeros((4, 4), np.uint8), "a piece of a video"),
        ("bayer_xyzw8; png compressed ", np.zeros((4, 4), np.uint8), "a mosaic is bayer_rggb8"),
        ("bayer_rggb8; png compressed ", np.zeros((1, 4), np.uint8), "2x2 is the least"),
        ("png", np.zeros((4, 4), bool), "its kind is 1"),
    ],
)
def test_what_is_no_colour_picture_is_refused_in_one_sentence(said: str, picture: Any, sentence: str) -> None:
    with pytest.raises(FineVLAError, match=sentence) as refused:
        to_policy_image(CompressedImage(file(picture), said), ImageFormat(4, 4))
    assert "\n" not in str(refused.value)


def test_colours_of_16_bits_are_colours() -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV comes with 'make data-setup'")
    deep = (ramps().astype(np.uint16) << 8) + 50
    data = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(
        to_policy_image(CompressedImage(data, "rgb16; png compressed bgr16"), ImageFormat(HEIGHT, WIDTH)), ramps()
    )
