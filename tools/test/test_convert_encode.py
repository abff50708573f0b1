"""Videos of parts: joined from fragments every frame is in its place, and AV1 is the same whoever shares the cores."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from finevla_tools.convert import encode
from finevla_tools.convert.encode import CameraEncoder, Codec, join, sharing
from finevla_tools.convert.episode import Camera

av = pytest.importorskip("av", reason="needs 'make data-setup'")

FRAMES, HEIGHT, WIDTH = 60, 64, 96


def picture(k: int) -> NDArray[np.uint8]:
    """Coloured blocks that move on by a third of one."""
    blocks = np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    return np.roll(blocks, 5 * k, 1)


def video(path: Path, codec: Codec, fps: int, first: int = 0) -> Path:
    encoder = CameraEncoder(path, Camera("front", HEIGHT, WIDTH), fps, codec)
    for k in range(FRAMES):
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
    monkeypatch.setattr(encode, "FRAGMENTS", encode.FRAGMENTS | {"frag_duration": "500000"})
    parts = [video(tmp_path / f"{i}.mp4", codec, fps, first=i * FRAMES) for i in range(2)]
    join(parts, [FRAMES, FRAMES], fps, tmp_path / "joined.mp4")
    with av.open(str(tmp_path / "joined.mp4")) as container:
        shown = [(frame.time, frame.to_ndarray(format="rgb24").astype(int)) for frame in container.decode(video=0)]
    assert [time for time, _ in shown] == pytest.approx([k / fps for k in range(2 * FRAMES)], abs=1e-9)
    for k, (_, seen) in enumerate(shown):
        before, this, after = (abs(seen - picture(j)).mean() for j in (k - 1, k, k + 1))
        assert this < 0.5 * min(before, after)


def test_av1_encoders_that_share_the_cores_make_the_same_video(tmp_path: Path) -> None:
    shared = sharing(Codec(), encoders=6, cores=2)
    assert shared.threads == 1
    assert packets(video(tmp_path / "shared.mp4", shared, 30)) == packets(video(tmp_path / "own.mp4", Codec(), 30))


def test_only_encoders_that_keep_all_cores_busy_do_with_a_thread_each() -> None:
    assert sharing(Codec(), encoders=3, cores=16) == Codec()
    assert sharing(Codec("h264"), encoders=6, cores=2) == Codec("h264")
    assert sharing(Codec(threads=4), encoders=6, cores=2) == Codec(threads=4)
