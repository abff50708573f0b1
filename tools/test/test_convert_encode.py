"""Videos of parts: whole however they are written, in their place to the frame, and the same whoever shares the cores."""

from pathlib import Path

import numpy as np
import pytest

from finevla_tools.convert import encode
from finevla_tools.convert.encode import CameraEncoder, Codec, join, sharing
from finevla_tools.convert.episode import Camera

av = pytest.importorskip("av", reason="needs 'make data-setup'")

FRAMES, HEIGHT, WIDTH = 60, 64, 96


def video(path: Path, codec: Codec, fps: int, shift: int = 0) -> Path:
    """Coloured blocks that move on with each frame."""
    blocks = np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    encoder = CameraEncoder(path, Camera("front", HEIGHT, WIDTH), fps, codec)
    for k in range(FRAMES):
        encoder.put(np.roll(blocks, 3 * (k + shift), 1))
    encoder.finish()
    return path


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0)]


def frames(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24").tobytes()) for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("codec", "fps"),
    [(Codec(), 30), (Codec("h264", g=12, preset="medium"), 25), (Codec("hevc", g=30, preset="fast"), 7)],
    ids=["av1", "h264", "hevc"],  # the latter two with frames that are shown in another order than they are stored
)
def test_joined_fragments_are_what_whole_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: Codec, fps: int
) -> None:
    made = {}
    for fragments in (encode.FRAGMENTS | {"frag_duration": "500000"}, {}):
        monkeypatch.setattr(encode, "FRAGMENTS", fragments)
        parts = [video(tmp_path / f"{len(fragments)}-{i}.mp4", codec, fps, 7 * i) for i in range(2)]
        joined = tmp_path / f"{len(fragments)}.mp4"
        join(parts, [FRAMES, FRAMES], fps, joined)
        made[len(fragments)] = frames(joined)
    pieces, whole = made.values()
    assert [time for time, _ in pieces] == pytest.approx([k / fps for k in range(2 * FRAMES)], abs=1e-9)
    assert pieces == whole


def test_av1_encoders_that_share_the_cores_make_the_same_video(tmp_path: Path) -> None:
    shared = sharing(Codec(), encoders=6, cores=2)
    assert shared.threads == 1
    assert packets(video(tmp_path / "shared.mp4", shared, 30)) == packets(video(tmp_path / "own.mp4", Codec(), 30))


def test_only_encoders_that_keep_all_cores_busy_do_with_a_thread_each() -> None:
    assert sharing(Codec(), encoders=3, cores=16) == Codec()
    assert sharing(Codec("h264"), encoders=6, cores=2) == Codec("h264")
    assert sharing(Codec(threads=4), encoders=6, cores=2) == Codec(threads=4)
