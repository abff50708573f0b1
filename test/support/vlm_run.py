"""Many made-up episodes for the model's client, and a run of it as a process that can be killed.

python test/support/vlm_run.py URL FOLDER COUNT CONCURRENCY
"""

import random
import sys
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from played_vlm_server import BROKEN, HARMLESS, UNTRUE

from finevla_tools.annotate.annotation import Annotation
from finevla_tools.annotate.vlm_annotator import VlmEpisode, VlmWay, annotate_dataset, open_journal
from finevla_tools.annotate.vlm_frames import ViewFile
from finevla_tools.annotate.vlm_server import VlmOptions, VlmServer

SECONDS = 1.0


def write_video(
    path: Path, seconds: float = SECONDS, fps: int = 10, codec: str = "libx264", size: tuple[int, int] = (64, 48)
) -> Path:
    """A video whose pictures become brighter with time."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        count = round(seconds * fps) + 1
        for k in range(count):
            picture = np.full((size[1], size[0], 3), 255 * k // count, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def words_of(number: int) -> str:
    return f"put cube number {number} into the bowl"


def episodes(video: Path, count: int, most_views: int = 1) -> Iterator[VlmEpisode]:
    """Episodes that share one video; their words tell them apart."""
    views = [ViewFile(name, video) for name in ("high", "wrist_left")[:most_views]]
    for number in range(count):
        fact = Annotation(number, 0.2, 0.4, "action_sequence", "gripper_state", "closes on something", "motion")
        yield VlmEpisode(number, words_of(number), SECONDS, views, [fact])


def misbehaviour(seed: int, share: float = 0.3) -> Callable[[str, int], str]:
    """Answers a share of requests in every way that is wrong, at most twice in a row each, then right."""

    def behave(token: str, number: int) -> str:
        chance = random.Random(zlib.crc32(f"{seed} {token} {number}".encode()))
        if number >= 6 or chance.random() > share:
            return chance.choice(HARMLESS)
        return chance.choice(BROKEN + UNTRUE)

    return behave


def options(url: str, concurrency: int = 8) -> VlmOptions:
    return VlmOptions(
        url=url, model="played", concurrency=concurrency, back_off_s=0.001, tries=8, key_variable="PLAYED_VLM_KEY"
    )


def main(url: str, folder: str, count: str, concurrency: str) -> None:
    video = Path(folder) / "v.mp4"
    with VlmServer(options(url, int(concurrency))) as server, open_journal(Path(folder)) as journal:
        for result in annotate_dataset(episodes(video, int(count)), server, VlmWay(most_frames=2), journal):
            print(result.episode, result.state, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
