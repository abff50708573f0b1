"""Promises of looking at compressed pictures: a header that was seen before changes nothing in what is found or refused."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from finevla_core.errors import FineVLAError
from finevla_tools.convert import compressed_pictures
from finevla_tools.convert.episode import Encoded


def file(kind: str, height: int, width: int, seed: int, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(picture).save(buffer, kind, **({"quality": quality} if kind == "jpeg" else {}))
    return buffer.getvalue()


MADE = [
    Encoded(file(kind, *size, seed, quality), kind)
    for kind in ("jpeg", "png")
    for size in ((8, 16), (24, 16))
    for seed in range(2)
    for quality in (60, 90)
]


def seen(sizes: compressed_pictures.Sizes, picture: Encoded) -> object:
    try:
        return sizes.of(picture, "a picture")
    except FineVLAError as error:
        return str(error)


@st.composite
def streams(draw: st.DrawFn) -> list[Encoded]:
    """Pictures one after the other, some cut or with a byte changed, most often in the header."""
    stream = []
    for made in draw(st.lists(st.sampled_from(MADE), min_size=1, max_size=12)):
        data = bytearray(made.data)
        if (harm := draw(st.sampled_from(("none", "none", "cut", "change")))) == "cut":
            del data[draw(st.integers(8, len(data) - 1)) :]
        elif harm == "change":
            data[draw(st.integers(3, min(700, len(data) - 1)))] = draw(st.integers(0, 255))
        stream.append(Encoded(bytes(data), made.kind))
    return stream


@given(streams())
@settings(max_examples=300, deadline=None)
def test_a_stream_of_pictures_is_judged_as_each_alone(stream: list[Encoded]) -> None:
    sizes = compressed_pictures.Sizes()
    for picture in stream:
        assert seen(sizes, picture) == seen(compressed_pictures.Sizes(), picture)


def test_a_picture_of_another_size_is_seen_among_its_likes() -> None:
    sizes = compressed_pictures.Sizes()
    small, large = Encoded(file("jpeg", 8, 16, 0), "jpeg"), Encoded(file("jpeg", 24, 16, 1), "jpeg")
    assert [sizes.of(p, "a picture") for p in (small, small, large, small)] == [(8, 16), (8, 16), (24, 16), (8, 16)]
