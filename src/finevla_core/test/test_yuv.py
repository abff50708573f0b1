"""Promises about YUV pictures: the colours of each kind, padded rows, and a size that does not fit named."""

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("cv2", reason="OpenCV comes with the set-up of the robot")

from finevla_core.errors import FineVLAError
from finevla_core.images import ImageFormat, RawImage, to_policy_image
from finevla_core.yuv import YUV

# Of one colour each: brightness, blue and red difference (BT.601, the range of video), and what it is in RGB.
COLOURS = [
    ((16, 128, 128), (0, 0, 0)),
    ((235, 128, 128), (255, 255, 255)),
    ((81, 90, 240), (255, 0, 0)),
    ((145, 54, 34), (0, 255, 0)),
    ((41, 240, 110), (0, 0, 255)),
]


def planes(encoding: str, y: NDArray[np.uint8], u: int, v: int, padding: int = 0) -> RawImage:
    height, width = y.shape
    if encoding.startswith("nv"):
        pair = (u, v) if encoding == "nv12" else (v, u)
        rows = np.concatenate([y, np.tile(np.array(pair, np.uint8), (height // 2, width // 2))])
    else:
        rows = np.empty((height, 2 * width), np.uint8)
        at = 1 if encoding in ("yuv422", "uyvy") else 0
        rows[:, at::2] = y
        rows[:, 1 - at :: 4], rows[:, 3 - at :: 4] = u, v
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return RawImage(encoding, height, width, rows.shape[1], rows.tobytes())


@pytest.mark.parametrize("encoding", YUV)
@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize(("yuv", "rgb"), COLOURS)
def test_each_kind_has_its_colours(
    encoding: str, padding: int, yuv: tuple[int, int, int], rgb: tuple[int, int, int]
) -> None:
    made = to_policy_image(planes(encoding, np.full((6, 8), yuv[0], np.uint8), *yuv[1:], padding), ImageFormat(6, 8))
    assert np.abs(made.astype(int) - rgb).max() <= 2


@pytest.mark.parametrize("encoding", YUV)
def test_brightness_is_that_of_its_pixel(encoding: str) -> None:
    y = np.random.default_rng(0).integers(16, 236, (6, 8)).astype(np.uint8)
    made = to_policy_image(planes(encoding, y, 128, 128), ImageFormat(6, 8)).astype(int)
    assert np.abs(made - np.round((y.astype(float) - 16) * 255 / 219)[..., None]).max() <= 1


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (RawImage("yuv422", 4, 5, 10, bytes(40)), "5x4 yuv422 is not possible: .* width must be even"),
        (RawImage("nv12", 5, 4, 4, bytes(30)), "4x5 nv12 is not possible: .* width and height must be even"),
        (RawImage("nv21", 4, 4, 4, bytes(16)), "image has 16 bytes, 24 are needed"),
        (RawImage("yuyv", 4, 4, 4, bytes(99)), "4x4 yuyv cannot have rows of 4 bytes"),
        (RawImage("uyvy", 0, 4, 8, b""), "4x0 uyvy is not possible"),
        (RawImage("yuv422_yuy2", 4, 4, 8, bytes(31)), "image has 31 bytes, 32 are needed"),
        (RawImage("nv24", 4, 4, 4, bytes(48)), "'nv24' is not supported; use one of rgb8, .*nv21; have the driver"),
    ],
)
def test_a_size_that_does_not_fit_is_named(image: RawImage, sentence: str) -> None:
    with pytest.raises(FineVLAError, match=sentence):
        to_policy_image(image, ImageFormat(4, 4))
