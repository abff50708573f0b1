"""Video, picture and report of a demonstration: written on every way out, with what was done so far."""

import contextlib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from av import FFmpegError
from numpy.typing import NDArray
from PIL import Image

from finevla_core.errors import FineVLAError
from finevla_core.recording.atomic_files import write_text
from finevla_sim.simulator_node import OVERVIEW_SIZE
from finevla_tools.demo_instructions import PICTURED
from finevla_tools.demonstration_acts import ActResult
from finevla_tools.motion_end import RATE_HZ
from finevla_tools.session_host import SessionHost
from finevla_tools.simulated_scene_session import FollowedRecording
from finevla_tools.video_writer import BAR, Movie, captioned, card, write_picture

CARD_S = 2
FRAME_SIZE = (OVERVIEW_SIZE[0] + BAR, OVERVIEW_SIZE[1])
VIDEO, PAIR, REPORT = "demo.mp4", "pair.png", "report.json"


class Outputs:
    """The files in `folder`, once they are begun; `failures` says what could not be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failures: list[str] = []
        self._movie: Movie | None = None
        self._stills: list[NDArray[np.uint8]] = []  # how the acts of the pictured pair ended

    def begin(self) -> Movie:
        """Remove what an earlier run left, and open the video; raises `FineVLAError` if the folder cannot be written to."""
        if self._movie is None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                for name in (VIDEO, PAIR, REPORT):
                    (self.folder / name).unlink(missing_ok=True)
                self._movie = Movie(self.folder / VIDEO, RATE_HZ)
            except (OSError, FFmpegError) as error:
                raise FineVLAError(f"cannot write to '{self.folder}': {_reason(error)}; give --out another") from error
        return self._movie

    def show(self, number: int, result: ActResult) -> None:
        """Append an act to the video: all its tries with captions, and a card where there is nothing to be seen."""
        with self._unharmed("the video"):
            is_seen, still = any(recording.pictures for recording in result.recordings), None
            for recording in result.recordings:
                happened = f"the safety bridge {recording.stop}" if recording.stop else result.happened()
                is_as_asked = not recording.stop and all(result.obeyed.values())
                for still in frames(result.act.text, happened, is_as_asked, recording):
                    self.begin().add(still)
                recording.pictures.clear()  # megabytes, and seen
            if still is not None and result.act.factor == PICTURED:
                self._stills.append(still)
            if result.failure or not is_seen:
                self.show_card((f"{number}. asked: {result.act.text}", result.happened()))

    def show_card(self, lines: Sequence[str]) -> None:
        """Append a picture with text to the video."""
        for _ in range(CARD_S * RATE_HZ):
            self.begin().add(card(FRAME_SIZE, lines))

    def write_report(self, report: dict[str, Any]) -> None:
        """Write it whole or not at all."""
        with self._unharmed("the report"):
            write_text(self.folder / REPORT, json.dumps(report, indent=1, ensure_ascii=False))

    def finish(self, closing: Sequence[str]) -> None:
        """End the video, with a card if there are `closing` lines or no pictures at all, and write the picture of pairs."""
        movie = self.begin()
        with self._unharmed("the video"):
            if closing or not movie.frames:
                self.show_card(closing or ("the simulator sent no pictures",))
            movie.close()
        with self._unharmed("the picture"):
            if len(self._stills) == 2:
                write_picture(self.folder / PAIR, [self._stills])

    @contextlib.contextmanager
    def _unharmed(self, what: str) -> Iterator[None]:
        """What cannot be written is noted, and the rest goes on."""
        try:
            yield
        except (OSError, FFmpegError) as error:
            text = f"{what} could not be written: {_reason(error)}"
            if text not in self.failures:
                self.failures.append(text)


def frames(asked: str, happened: str, is_as_asked: bool, recording: FollowedRecording) -> Iterator[NDArray[np.uint8]]:
    """The pictures with what was asked and understood, the last one for a second more with what happened."""
    understood = (f"understood: {recording.understood}",) if recording.understood else ()
    for data in recording.pictures:
        picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        yield captioned(picture, (asked, *understood))
    if recording.pictures:
        last = captioned(picture, (asked, happened), is_as_asked)
        yield from [last] * RATE_HZ


def report_of(results: Sequence[ActResult], host: SessionHost) -> dict[str, Any]:
    """Everything that is known of a demonstration; the demonstration itself adds how it ended."""
    every = [ok for result in results for ok in result.obeyed.values()]
    policy, chunks = host.policy(), host.chunks()
    return {
        "overload": host.overload.as_dict(),
        "acts_planned": len(results),
        "acts_run": sum(not result.failure for result in results),
        "refused": sum(bool(result.refusal) for result in results),
        "retries": sum(len(result.retries) for result in results),
        "stops": sum(len(result.stops) for result in results),
        "factors_told": len(every),
        "factors_obeyed": sum(every),
        "stack_restart": host.restart,
        "bundle": getattr(policy, "bundle", None),
        "provider": getattr(policy, "provider", None),
        "inference_s": getattr(policy, "inference_s", None),
        "chunks_accepted": chunks.accepted,
        "chunks_rejected": dict(chunks.rejected),
        "acts": [result.as_dict() for result in results],
    }


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
