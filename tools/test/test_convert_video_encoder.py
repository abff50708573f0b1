"""Videos of parts: joined from fragments every frame is in its place, and AV1 is the same whoever shares the cores."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("pyarrow", reason="pyarrow comes with 'make train-setup'")
from foreign import aloha, recording

from finevla_core.errors import FineVLAError
from finevla_tools.annotate.vlm_frames import ViewFile, read_frames
from finevla_tools.clean.video_checks import times_and_looks
from finevla_tools.cli import main
from finevla_tools.convert import video_encoder
from finevla_tools.convert.episode import CameraStream
from finevla_tools.convert.lerobot_pictures import VideoPictures
from finevla_tools.convert.video_encoder import CameraEncoder, Codec, join, sharing
from finevla_tools.datasets.lerobot_files import Footage, open_dataset

av = pytest.importorskip("av", reason="needs 'make data-setup'")

FRAMES, HEIGHT, WIDTH = 60, 64, 96


def picture(k: int) -> NDArray[np.uint8]:
    """Coloured blocks that move on by a third of one."""
    blocks = np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    return np.roll(blocks, 5 * k, 1)


def video(path: Path, codec: Codec, fps: int, first: int = 0, count: int = FRAMES) -> Path:
    encoder = CameraEncoder(path, CameraStream("front", HEIGHT, WIDTH), fps, codec)
    for k in range(count):
        encoder.put(picture(first + k))
    encoder.finish()
    return path


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0)]


@pytest.mark.parametrize(
    ("codec", "fps"),
    [(Codec(), 30), (Codec("h264", g=12, preset="medium"), 25), (Codec("hevc", g=30, preset="fast"), 7)],
    ids=["av1", "h264", "hevc"],  # the latter two with frames that are shown in another order than they are stored
)
def test_in_joined_fragments_every_frame_is_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: Codec, fps: int
) -> None:
    monkeypatch.setattr(video_encoder, "FRAGMENTS", video_encoder.FRAGMENTS | {"frag_duration": "500000"})
    parts = [video(tmp_path / f"{i}.mp4", codec, fps, first=i * FRAMES) for i in range(2)]
    join(parts, [FRAMES, FRAMES], fps, tmp_path / "joined.mp4")
    with av.open(str(tmp_path / "joined.mp4")) as container:
        shown = [(frame.time, frame.to_ndarray(format="rgb24").astype(int)) for frame in container.decode(video=0)]
    assert [time for time, _ in shown] == pytest.approx([k / fps for k in range(2 * FRAMES)], abs=1e-9)
    for k, (_, seen) in enumerate(shown):
        before, this, after = (abs(seen - picture(j)).mean() for j in (k - 1, k, k + 1))
        assert this < 0.5 * min(before, after)


@pytest.mark.parametrize("codec", [Codec(), Codec("h264"), Codec("hevc", preset="ultrafast"), Codec("h264", g=12)])
@pytest.mark.parametrize("fps", [7, 10, 15, 25, 30, 50])
def test_every_frame_that_is_written_is_decoded(tmp_path: Path, codec: Codec, fps: int) -> None:
    for count in (1, 2, 5, 13):
        one = video(tmp_path / "one.mp4", codec, fps, count=count)
        join([one, one], [count, count], fps, tmp_path / "joined.mp4")
        for path, frames in ((one, count), (tmp_path / "joined.mp4", 2 * count)):
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                shown = [float(frame.pts * stream.time_base) for frame in container.decode(stream)]
                assert stream.average_rate == fps
            assert shown == pytest.approx([k / fps for k in range(frames)], abs=1e-9)


WRITES = """
import sys
import av, numpy as np
from finevla_tools.convert.video_encoder import FRAGMENTS, Codec, add_stream, open_cleared
from finevla_tools.convert.episode import CameraStream

codec = Codec("hevc", preset="ultrafast")
for _ in range(12):
    with av.open(sys.argv[1], "w", options=FRAGMENTS) as container:
        stream = add_stream(container, CameraStream("front", 64, 96), 10, codec)
        open_cleared(stream, codec)
        for k in range(2):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 90 * k, np.uint8), format="rgb24")
            frame.pts = k
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
"""


def test_x265_writes_what_the_muxer_takes_every_time(tmp_path: Path) -> None:
    """It reads memory that it never set: in a process that has done nothing else most of these failed at their end."""
    subprocess.run([sys.executable, "-c", WRITES, str(tmp_path / "v.mp4")], check=True, timeout=100)
    with av.open(str(tmp_path / "v.mp4")) as container:
        assert len(list(container.decode(video=0))) == 2


def test_an_encoder_that_fails_at_the_very_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pictures are taken by then, and the end of them was heard: nothing more comes to wait for."""

    calls = []

    def fail_second(packets: Any, fps: int) -> Any:
        calls.append(packets)
        if len(calls) == 2:
            raise ValueError("the last frames are lost")
        return packets

    monkeypatch.setattr(video_encoder, "_lasting", fail_second)
    with pytest.raises(FineVLAError, match="failed at picture 1 of camera front: the last frames are lost"):
        video(tmp_path / "v.mp4", Codec("h264"), 10, count=1)


@pytest.mark.parametrize("codec", [Codec(), Codec("h264", g=12)])
def test_a_last_frame_whose_length_others_left_open_is_read(
    tmp_path: Path, codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg takes such a video to end where that frame begins."""
    monkeypatch.setattr(video_encoder, "_lasting", open_ended)
    join([video(tmp_path / "v.mp4", codec, 10, count=13)], [13], 10, tmp_path / "open.mp4")
    with av.open(str(tmp_path / "open.mp4")) as container:
        assert len(list(container.decode(video=0))) == 12
    footage = Footage("k", tmp_path / "open.mp4", 0.0, None)
    shown, looks = times_and_looks(footage, 10, 10.0)
    assert len(shown) == 13
    assert looks[-1].at_s == pytest.approx(1.2)
    with VideoPictures(CameraStream("front", HEIGHT, WIDTH), footage) as read:
        assert [read.at(k / 10).shape for k in range(13)] == [(HEIGHT, WIDTH, 3)] * 13
    assert [frame.time_s for frame in read_frames(ViewFile("front", footage.path), [0.0, 1.2])] == [0.0, 1.2]


def open_ended(packets: list[Any], fps: int) -> list[Any]:
    for packet in packets:
        packet.duration = 0
    return packets


def test_av1_encoders_that_share_the_cores_make_the_same_video(tmp_path: Path) -> None:
    shared = sharing(Codec(), encoders=6, cores=2)
    assert shared.threads == 1
    assert packets(video(tmp_path / "shared.mp4", shared, 30)) == packets(video(tmp_path / "own.mp4", Codec(), 30))


def test_only_encoders_that_keep_all_cores_busy_do_with_a_thread_each() -> None:
    assert sharing(Codec(), encoders=3, cores=16) == Codec()
    assert sharing(Codec("h264"), encoders=6, cores=2) == Codec("h264")
    assert sharing(Codec(threads=4), encoders=6, cores=2) == Codec(threads=4)


ODD = [(171, 213), (171, 214), (172, 213), (31, 65)]


@pytest.mark.parametrize("codec", [Codec(), Codec("h264"), Codec("hevc"), Codec("h264", pix_fmt="yuv422p")])
@pytest.mark.parametrize(("height", "width"), ODD)
def test_pictures_of_odd_sizes_are_encoded_and_stay_where_they_are(
    tmp_path: Path, codec: Codec, height: int, width: int
) -> None:
    shown = np.zeros((height, width, 3), np.uint8)
    shown[:, :, 0], shown[:, :, 1] = np.linspace(20, 230, width), np.linspace(20, 230, height)[:, None]
    encoder = CameraEncoder(tmp_path / "v.mp4", CameraStream("front", height, width), 10, replace(codec, crf=10))
    for _ in range(4):
        encoder.put(shown)
    encoder.finish()
    with av.open(str(tmp_path / "v.mp4")) as container:
        seen = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert {picture.shape[:2] for picture in seen} == {(encoder.coded.height, encoder.coded.width)}
    assert (encoder.coded.height - height, encoder.coded.width - width) <= (1, 1)
    assert codec.vcodec != "libsvtav1" or (encoder.coded.height, encoder.coded.width) == (height, width)
    assert len(seen) == 4
    apart = abs(seen[0][:height, :width].astype(int) - shown)
    assert apart.mean() < 4
    assert apart[:, -1].mean() < 20
    assert apart[-1].mean() < 20
    assert encoder.statistics.numbers()["count"] == [4.0]


@pytest.mark.parametrize(
    ("codec", "height", "width"),
    [
        (Codec(), 16, 16),
        (Codec(), 2, 64),
        (Codec(), 1, 33),
        (Codec("hevc"), 7, 7),
        (Codec("hevc"), 64, 48),
        (Codec("libx265"), 31, 33),
    ],
)
def test_what_our_encoder_does_not_take_is_said_of_the_encoder(
    tmp_path: Path, codec: Codec, height: int, width: int
) -> None:
    def encoded() -> None:
        encoder = CameraEncoder(tmp_path / "v.mp4", CameraStream("front", height, width), 10, codec)
        encoder.put(np.zeros((height, width, 3), np.uint8))
        encoder.finish()

    with pytest.raises(FineVLAError) as refused:
        encoded()
    said = str(refused.value)
    assert f"video encoder '{codec.vcodec}' does not take pictures of {width}x{height}, as camera front has" in said
    assert "source" not in said
    assert "take another --codec, or --images png" in said


@pytest.mark.parametrize("to", ["lerobot-v2.1", "lerobot-v3"])
def test_bc_z_in_h264_is_a_data_set_of_even_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], to: str
) -> None:
    """BC-Z's pictures are 213x171."""
    for k in range(2):
        aloha(tmp_path / f"in/episode_{k}.hdf5", recording(k, 6, cameras=2, size=(171, 213)), "padded")
    words = ["convert", str(tmp_path / "in"), "--out", str(tmp_path / "set"), "--to", to, "--task", "go", "--jobs", "1"]
    assert main([*words, "--codec", "h264"]) == 0
    told = capsys.readouterr().out
    assert told.count("are padded from 213x171 to 214x172") == 2  # once for each camera
    files = open_dataset(tmp_path / "set")
    shapes = {tuple(f["shape"]) for f in files.features.values() if f["dtype"] == "video"}
    assert shapes == {(172, 214, 3)}
    for episode in files.episodes:
        assert [len(times_and_looks(footage, 30, 4)[0]) for footage in episode.videos] == [6, 6]
