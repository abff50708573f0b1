"""Videos as others publish them: the right picture in the right colours at the right time, or one sentence."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

for needed in ("pyarrow", "av"):
    pytest.importorskip(needed, reason="needs 'make data-setup'")

import av
import pyarrow.parquet as pq
from lerobot_sets import Take, take, write

from finevla_core.errors import FineVLAError
from finevla_tools.annotate.vlm_frames import ViewFile, read_frames
from finevla_tools.clean.run import ROWS
from finevla_tools.clean.video_checks import times_and_looks
from finevla_tools.cli import main
from finevla_tools.convert.lerobot_source import LeRobotSource
from finevla_tools.datasets.lerobot_files import open_dataset

FRAMES, HEIGHT, WIDTH = 12, 48, 64
MPEG, FULL = 1, 2  # FFmpeg's numbers of the ranges
BT709, BT601, BT2020 = 1, 5, 9  # and of the matrices
QUIET: dict[str, Any] = {"codec": "libx265", "options": {"x265-params": "log-level=none"}}
DEEP = QUIET | {"pixels": "yuv420p10le"}


def picture(k: int) -> NDArray[np.uint8]:
    """Four fields of strong colours, of which the last one tells which picture it is."""
    made = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    made[: HEIGHT // 2, : WIDTH // 2], made[: HEIGHT // 2, WIDTH // 2 :] = (200, 40, 30), (30, 180, 60)
    made[HEIGHT // 2 :, : WIDTH // 2], made[HEIGHT // 2 :, WIDTH // 2 :] = (40, 60, 190), 20 + 16 * k
    return made


def encode(
    path: Path,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    box: str | None = None,
    tag: str = "",
    matrix: int = 0,
    span: int = 0,
    first: int = 0,
    base: Fraction = Fraction(1, 30),
    **more: Any,
) -> None:
    """Write the pictures, the first at `first` of the time `base`."""
    with av.open(str(path), "w", format=box, options=more.get("muxer", {})) as container:
        sound = container.add_stream("aac", rate=16000) if more.get("sound") else None
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt, stream.options = WIDTH, HEIGHT, pixels, options or {}
        stream.codec_context.time_base = base
        if tag:
            stream.codec_context.codec_tag = tag
        if matrix:
            stream.codec_context.colorspace = matrix
        if span:
            stream.codec_context.color_range = span
        other = container.add_stream("libx264", rate=30) if more.get("second") else None
        if other:
            other.width, other.height, other.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for k in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(k), format="rgb24")
            said = ({"dst_colorspace": matrix} if matrix else {}) | ({"dst_color_range": span} if span else {})
            frame = frame.reformat(format=pixels, **said)
            frame.pts, frame.time_base = first + (k if more.get("as_counted") else round(k / 30 / base)), base
            if matrix:
                frame.colorspace = matrix
            if span:
                frame.color_range = span
            container.mux(stream.encode(frame))
            if other:
                negative = av.VideoFrame.from_ndarray(255 - picture(k), format="rgb24")
                negative.pts = k
                container.mux(other.encode(negative))
            if sound:
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 533), np.float32), format="fltp", layout="mono")
                silence.sample_rate, silence.pts = 16000, 533 * k
                container.mux(sound.encode(silence))
        for one in filter(None, (stream, other, sound)):
            container.mux(one.encode(None))


def turned(path: Path, degrees: int) -> None:
    """Let the video ask to be shown turned, by the display matrix of its track."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 20 + 16
    one = 1 << 16
    matrix = {90: [0, one, 0, -one, 0, 0, 0, 0, 1 << 30], 180: [-one, 0, 0, 0, -one, 0, 0, 0, 1 << 30]}[degrees]
    data[at : at + 36] = b"".join(number.to_bytes(4, "big", signed=True) for number in matrix)
    path.write_bytes(data)


@pytest.fixture
def data_set(tmp_path: Path) -> tuple[Path, Path]:
    """A data set of one episode, and where its video is to be."""
    motion = take(1, frames=FRAMES)
    still = np.zeros((FRAMES, HEIGHT, WIDTH), np.uint8)
    state, action = (np.resize(values, (FRAMES, 14)) for values in (motion.state, motion.action))
    stamps = (np.arange(FRAMES) / 30).astype(np.float32)
    root = write(tmp_path / "set", [Take(state, action, stamps, ["take it"], {"front": still})])
    [video] = root.glob("videos/**/*.mp4")
    video.unlink()
    return root, video


def shown(root: Path) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """The pictures of the only episode, and what is told of it."""
    source = LeRobotSource(root)
    episode = source.open(source.references()[0])
    return [frame.pictures["front"] for frame in episode.frames()], episode.header.facts["notes"]


def refuse_others(found: list[NDArray[np.uint8]], most: int = 6) -> None:
    """Fail unless these are the pictures, in order, in the middle of each field."""
    assert len(found) == FRAMES
    for k, one in enumerate(found):
        for y in (HEIGHT // 4, 3 * HEIGHT // 4):
            for x in (WIDTH // 4, 3 * WIDTH // 4):
                assert np.abs(one[y, x].astype(int) - picture(k)[y, x]).max() <= most, (k, y, x)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"matrix": BT709, "span": MPEG},
        {"matrix": BT709, "span": FULL},
        {"matrix": BT601, "span": FULL},
        {"options": {"bf": "3", "b-adapt": "0"}},
        {"options": {"flags": "+ilme+ildct"}},
        {"pixels": "yuv444p"},
        {"codec": "libx264rgb", "pixels": "rgb24"},
        {"sound": True},
        {"second": True},
        QUIET,
        QUIET | {"tag": "hvc1"},
        DEEP,
        DEEP | {"matrix": BT709, "span": MPEG},
        DEEP | {"matrix": BT2020, "span": MPEG},
        DEEP | {"matrix": BT601, "span": FULL},
        {"codec": "libvpx-vp9"},
        {"codec": "libvpx-vp9", "matrix": BT709, "span": FULL},
        {"codec": "libvpx-vp9", "pixels": "yuva420p", "box": "webm"},
        {"codec": "mjpeg", "pixels": "yuvj420p", "box": "avi"},
        {"codec": "mjpeg", "pixels": "yuvj420p", "box": "matroska"},
        {"codec": "ffv1", "pixels": "bgr0", "box": "matroska"},
        {"codec": "png", "pixels": "rgba", "box": "mov"},
    ],
    ids=str,
)
def test_pictures_have_their_colours_and_their_order(data_set: tuple[Path, Path], how: dict[str, Any]) -> None:
    root, video = data_set
    encode(video, **how)
    found, told = shown(root)
    refuse_others(found)
    assert not told


@pytest.mark.parametrize(
    ("how", "begins_s"),
    [
        ({"first": 30}, "1.000"),
        ({"first": 1000, "base": Fraction(1, 15360)}, "0.065"),
        ({"muxer": {"movflags": "frag_keyframe+empty_moov"}}, "0.067"),  # behind the pictures that wait for others
        ({"first": 100, "base": Fraction(1, 15360)}, ""),
    ],
    ids=str,
)
def test_a_video_that_begins_late_begins_with_the_first_row(
    data_set: tuple[Path, Path], how: dict[str, Any], begins_s: str
) -> None:
    root, video = data_set
    encode(video, **how)
    found, told = shown(root)
    refuse_others(found)
    assert [note for note in told if f"begins at {begins_s} s" in note] == (told if begins_s else [])
    assert len(told) == bool(begins_s)
    times, looks = times_and_looks(open_dataset(root).episodes[0].videos[0], 30.0, 10.0)
    assert len(times) == FRAMES
    assert looks[0].at_s == 0.0
    assert [frame.time_s for frame in read_frames(ViewFile("front", video), [0.0, 0.3])] == [0.0, 0.3]


@pytest.mark.parametrize("degrees", [90, 180])
def test_a_video_that_asks_to_be_turned_is_one_sentence_in_every_reader(
    data_set: tuple[Path, Path], degrees: int
) -> None:
    root, video = data_set
    encode(video)
    turned(video, degrees)
    said = rf"asks to be shown turned by {-degrees % 360} degrees .*as they are to be seen"
    with pytest.raises(FineVLAError, match=said):
        shown(root)
    with pytest.raises(FineVLAError, match=said):
        times_and_looks(open_dataset(root).episodes[0].videos[0], 30.0, 10.0)
    with pytest.raises(FineVLAError, match=said):
        read_frames(ViewFile("front", video), [0.0])


def test_pictures_at_uneven_times_are_one_sentence(data_set: tuple[Path, Path]) -> None:
    root, video = data_set
    encode(video, base=Fraction(1, 25), as_counted=True)
    with pytest.raises(FineVLAError, match=r"has no picture at 0\.0333 s, the next one is at 0\.0400 s"):
        shown(root)
    # What the conversion refuses is not kept by the cleaning.
    assert main(["clean", str(root), "--only", "video_times", "--report", str(root.parent / "report")]) == 0
    rows = pq.read_table(root.parent / "report" / ROWS).to_pylist()
    [row] = [row for row in rows if row["check"] == "video_times"]
    assert row["verdict"] == "flagged"
    assert "the nearest picture" in row["reason"]


def test_pictures_that_are_numbers_in_a_table_are_named(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    root = write(tmp_path / "set", [take(0, frames=12)])
    [path] = root.glob("data/**/*.parquet")
    table = pq.read_table(path)
    cells = pa.array([[[[1, 2, 3]] * 8] * 8] * table.num_rows)
    pq.write_table(table.append_column("observation.images.top", cells), path)
    info = json.loads((root / "meta/info.json").read_text())
    info["features"]["observation.images.top"] = {"dtype": "image", "shape": [8, 8, 3], "names": None}
    (root / "meta/info.json").write_text(json.dumps(info))
    with pytest.raises(FineVLAError, match="picture 0 of top is stored as numbers .* JPEG or PNG"):
        shown(root)
