"""Promises of the image path: right colours and shape from every encoding; whatever is broken is refused in a sentence."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from finevla_core.errors import FineVLAError
from finevla_core.images import (
    ENCODINGS,
    FITS,
    MAX_PIXELS,
    WHOLE,
    CompressedImage,
    ImageFormat,
    RawImage,
    Region,
    fit_image,
    fit_point,
    to_policy_image,
)


def packed(picture: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def test_rgb_and_bgr_come_out_alike() -> None:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    as_rgb = to_policy_image(RawImage("rgb8", 4, 6, 18, pixels.tobytes()), ImageFormat(4, 6))
    as_bgr = to_policy_image(
        RawImage("bgr8", 4, 6, 18, np.ascontiguousarray(pixels[:, :, ::-1]).tobytes()), ImageFormat(4, 6)
    )
    assert (as_rgb == pixels).all()
    assert (as_bgr == pixels).all()


def test_padded_rows_and_alpha_are_left_out() -> None:
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    padded = np.concatenate([pixels.reshape(2, 12), np.full((2, 4), 255, np.uint8)], axis=1)
    image = to_policy_image(RawImage("bgra8", 2, 3, 16, padded.tobytes()), ImageFormat(2, 3))
    assert (image == pixels[:, :, [2, 1, 0]]).all()


def test_wide_image_is_cut_in_the_middle_and_averaged() -> None:
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 2:6] = 100
    pixels[::2, 2:6] += 20
    assert (to_policy_image(RawImage("rgb8", 4, 8, 24, pixels.tobytes()), ImageFormat(2, 2)) == 110).all()


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("height", "width"), [(60, 100), (100, 60), (80, 80)])
@pytest.mark.parametrize("region", [WHOLE, (0.0, 0.1, 0.9, 1.0)])
def test_a_point_is_where_it_is_seen_in_the_fitted_picture(fit: str, height: int, width: int, region: Region) -> None:
    wanted = ImageFormat(40, 30, fit, regions={"front": region})
    for x, y in ((30, 30), (40, 50), (52, 41)):
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[y - 2 : y + 2, x - 2 : x + 2] = 255
        weights = fit_image(pixels, wanted, "front")[..., 0].astype(float)
        rows, columns = np.mgrid[0:40, 0:30] + 0.5
        seen = (columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum()
        assert fit_point(x, y, height, width, wanted, "front") == pytest.approx(
            seen, abs=0.6
        )  # of a pixel: area averaging rounds


@pytest.mark.parametrize("fit", FITS)
def test_a_region_is_what_a_camera_of_that_region_would_show(fit: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    part = np.ascontiguousarray(pixels[24:48, 16:48])
    wanted = ImageFormat(12, 20, fit, regions={"front": (0.25, 0.5, 0.75, 1.0)})
    expected = fit_image(part, ImageFormat(12, 20, fit))
    raw = RawImage("rgb8", 48, 64, 192, pixels.tobytes())
    assert (to_policy_image(raw, wanted, "front") == expected).all()
    assert (fit_image(pixels, wanted, "front") == expected).all()
    assert (fit_image(pixels, wanted, "left") == fit_image(pixels, ImageFormat(12, 20, fit))).all()


def test_a_region_is_cut_out_of_a_picture_that_has_the_wanted_size() -> None:
    pixels = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    wanted = ImageFormat(16, 16, regions={"front": (0.0, 0.0, 0.5, 0.5)})
    assert (fit_image(pixels, wanted, "front")[::2, ::2] == pixels[:8, :8]).all()


def test_a_jpeg_of_which_a_small_part_is_wanted_is_unpacked_as_fine_as_the_part_needs() -> None:
    """libjpeg shrinks while it unpacks, by the size that is wanted: of a part, the whole must stay larger."""
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    buffer = io.BytesIO()
    Image.fromarray(stripes).save(buffer, "JPEG", quality=95, subsampling=0)
    wanted = ImageFormat(64, 64, regions={"front": (0.0, 0.0, 0.125, 0.125)})
    seen = to_policy_image(CompressedImage(buffer.getvalue()), wanted, "front")[..., 0].astype(int)
    assert np.abs(np.diff(seen, axis=1)).min() > 150, "the stripes of one pixel are there"


@pytest.mark.parametrize(
    "sides",
    [
        [0.0, 0.0, 1.0],
        [0.0, 0.0, 1.0, 1.1],
        [0.5, 0.0, 0.5, 1.0],
        [-0.1, 0.0, 1.0, 1.0],
        [0.0, 0.0, float("nan"), 1.0],
        [True, 0.0, 1.0, 1.0],
        ["0", 0.0, 1.0, 1.0],
        "half",
        None,
    ],
)
def test_a_region_that_there_is_not_is_refused(sides: Any) -> None:
    with pytest.raises(FineVLAError, match="the region of camera 'front' is .*; it must be left, top, right, bottom"):
        ImageFormat(8, 8, regions={"front": sides})


def test_jpeg_and_png_are_decoded() -> None:
    pixels = np.full((32, 32, 3), (200, 40, 90), np.uint8)
    for kind, tolerance in (("PNG", 0), ("JPEG", 6)):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        image = to_policy_image(CompressedImage(buffer.getvalue()), ImageFormat(16, 16))
        assert abs(image.astype(int) - pixels[0, 0]).max() <= tolerance


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(FineVLAError):
        to_policy_image(CompressedImage(data), ImageFormat(8, 8))


@given(
    st.sampled_from(["rgb8", "mono8", "bgra8", "16UC1", ""]),
    st.integers(0, 9), st.integers(0, 9), st.integers(0, 40), st.binary(max_size=400),
)  # fmt: skip
def test_any_raw_image_is_shown_or_refused(encoding: str, height: int, width: int, step: int, data: bytes) -> None:
    try:
        image = to_policy_image(RawImage(encoding, height, width, step, data), ImageFormat(5, 7))
    except FineVLAError:
        return
    assert image.shape == (5, 7, 3)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(ENCODINGS)), st.integers(1, 12), st.integers(1, 12), st.integers(0, 5), st.integers(0, 2**32 - 1)
)  # fmt: skip
def test_every_encoding_keeps_its_colours_and_drops_its_padding(
    encoding: str, height: int, width: int, padding: int, seed: int
) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    if encoding == "mono8":
        rgb[:] = rgb[:, :, :1]
    order = {"rgb": [0, 1, 2], "bgr": [2, 1, 0], "mon": [0]}[encoding[:3]]
    pixels = rgb[:, :, order]
    if encoding in ("rgba8", "bgra8"):
        pixels = np.concatenate([pixels, np.full((height, width, 1), seed % 256, np.uint8)], axis=2)
    rows = pixels.reshape(height, -1)
    rows = np.concatenate([rows, np.full((height, padding), 99, np.uint8)], axis=1)
    image = to_policy_image(
        RawImage(encoding, height, width, rows.shape[1], rows.tobytes()), ImageFormat(height, width)
    )
    assert (image == rgb).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_shrinking_by_a_whole_factor_is_the_mean_of_the_block(height: int, width: int, factor: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height * factor, width * factor, 3)).astype(np.uint8)
    raw = RawImage("rgb8", height * factor, width * factor, 3 * width * factor, pixels.tobytes())
    mean = pixels.reshape(height, factor, width, factor, 3).mean(axis=(1, 3))
    assert np.abs(to_policy_image(raw, ImageFormat(height, width)) - mean).max() <= 1.0  # rounded once per direction


@pytest.mark.parametrize("encoding", ["yuv420", "nv24", "16UC1", "bayer_rgbg8", "RGB8", ""])
def test_unknown_encoding_is_named(encoding: str) -> None:
    with pytest.raises(FineVLAError, match=f"encoding '{encoding}' is not supported; use one of rgb8"):
        to_policy_image(RawImage(encoding, 1, 1, 4, bytes(4)), ImageFormat(1, 1))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG"]), st.data())
def test_damaged_files_are_shown_or_refused(kind: str, data: st.DataObject) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (24, 24, 3)).astype(np.uint8)
    file = bytearray(packed(Image.fromarray(pixels), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = to_policy_image(CompressedImage(bytes(file)), ImageFormat(8, 8))
    except FineVLAError:
        return
    assert image.shape == (8, 8, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_file_cut_on_the_way_is_refused(kind: str) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    file = packed(Image.fromarray(pixels), kind)
    with pytest.raises(FineVLAError, match="cannot be decoded"):
        to_policy_image(CompressedImage(file[: len(file) // 2]), ImageFormat(64, 64))


def test_bomb_is_refused_before_it_is_unpacked() -> None:
    side = int(MAX_PIXELS**0.5) + 1
    file = packed(Image.new("L", (side, side)))
    assert len(file) < 100_000
    with pytest.raises(FineVLAError, match="cannot be decoded"):
        to_policy_image(CompressedImage(file), ImageFormat(8, 8))


def test_depth_image_is_refused_not_clipped() -> None:
    file = packed(Image.fromarray(np.full((8, 8), 3000, np.uint16)))
    with pytest.raises(FineVLAError, match="grey of more than 8 bits; this is a depth or infrared picture"):
        to_policy_image(CompressedImage(file), ImageFormat(8, 8))
