"""Pictures of an episode for a model: chosen by the motion's phases or at a fixed rate, small, with their time on them.

They are decoded here, for servers differ in which codecs they read and in which times they make of a video.
"""

import base64
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.pointer_files import refuse_no_content
from finevla_tools.annotate.annotation import Annotation
from finevla_tools.datasets.lerobot_files import UNCUT
from finevla_tools.datasets.video_frames import refuse_turned, rgb_of

MAX_WIDTH = 512
QUALITY = 85
TIME_SHARE = 0.12  # of a picture's height: smaller times are misread
LATEST_S = 0.5  # the last picture of a video stands for what comes this much later
EDGE_S = 1e-3  # a picture that is nearer to a time is of that time
APART_S = 0.05  # two phases' edges that are nearer than this are shown once


@dataclass(frozen=True)
class ViewFile:
    """A camera's video of an episode, from `begin_s` to `end_s` of the file; after it come other episodes' pictures."""

    name: str
    path: Path
    begin_s: float = 0.0
    end_s: float | None = None  # to the end of the file

    @property
    def label(self) -> str:
        """The name as a model may read it: what is no letter, digit, dot or dash is a line."""
        return re.sub(r"[^A-Za-z0-9_.-]", "_", self.name)[:64] or "view"

    @property
    def is_wrist(self) -> bool:
        """Whether the camera looks from a hand."""
        return "wrist" in self.name.lower() or "hand" in self.name.lower()


@dataclass(frozen=True)
class VlmFrame:
    """One JPEG picture at a time of the episode."""

    time_s: float
    jpeg: bytes

    @property
    def url(self) -> str:
        """The picture as a data URL."""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode()


def phase_times(facts: Sequence[Annotation], duration_s: float, most: int) -> tuple[float, ...]:
    """Return times at which something begins, is in its middle or ends, at most `most`; few facts are filled up evenly.

    Steps give their start, middle and end; gripper events (contact, release) theirs.
    """
    _check(duration_s, most)
    edges, middles = {0.0, duration_s}, set[float]()
    for row in facts:
        if row.step or row.slot == "gripper_state":
            edges |= {row.from_s, row.to_s}
            middles.add((row.from_s + row.to_s) / 2)
    chosen: list[float] = []
    for time_s in (*sorted(edges), *sorted(middles)):
        if time_s <= duration_s and all(abs(time_s - other) > APART_S for other in chosen):
            chosen.append(time_s)
    if len(chosen) < min(8, most):  # nothing known of the motion: look at all of it
        return fixed_times(duration_s, min(most / max(duration_s, 1.0), 2.0), most)
    if len(chosen) > most:
        ordered = sorted(chosen)
        chosen = [ordered[k] for k in np.linspace(0, len(ordered) - 1, most).round().astype(int)]
    return tuple(sorted(chosen))


def fixed_times(duration_s: float, fps: float, most: int) -> tuple[float, ...]:
    """Return times at `fps` from 0 to the end; where that is more than `most`, that many evenly spaced."""
    _check(duration_s, most)
    if not fps > 0.0:
        raise FineVLAError(f"pictures at {fps} a second; the rate must be above 0")
    count = int(duration_s * fps + 1e-9) + 1
    if count <= most:
        return tuple(k / fps for k in range(count))
    return tuple(float(t) for t in np.linspace(0.0, duration_s, most))


def even_times(duration_s: float, count: int) -> tuple[float, ...]:
    """Return so many times from 0 to the end, evenly spaced: a request of always as many pictures."""
    _check(duration_s, count)
    return tuple(float(t) for t in np.linspace(0.0, duration_s, count))


def _check(duration_s: float, most: int) -> None:
    if not (math.isfinite(duration_s) and duration_s >= 0.0) or most < 2:
        raise FineVLAError(f"an episode of {duration_s} s cannot be shown in {most} pictures")


def read_frames(
    view: ViewFile, times_s: Sequence[float], width: int = MAX_WIDTH, quality: int = QUALITY, stamped: bool = True
) -> list[VlmFrame]:
    """Return a view's pictures at these times in order, at most `width` wide, with their time on them if `stamped`.

    Raises `FineVLAError` with one sentence.
    """
    return [
        VlmFrame(time_s, _jpeg(picture, time_s, width, quality, stamped))
        for time_s, picture in _pictures(view, times_s)
    ]


def _pictures(view: ViewFile, times_s: Sequence[float]) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """The picture that is shown at each time: the last one that is not later."""
    import av

    if not view.path.is_file():
        raise DamagedFileError(f"view '{view.name}': '{view.path}' is missing")
    refuse_no_content(view.path)
    todo, shown = list(times_s)[::-1], None
    length_s = math.inf if view.end_s is None else view.end_s - view.begin_s - EDGE_S
    try:
        with av.open(str(view.path), metadata_errors="replace", options=UNCUT) as container:
            stream = container.streams.video[0]
            begin_s = view.begin_s
            if view.end_s is None and begin_s == 0.0:  # a file of its own: its first picture is the episode's
                begin_s = float((stream.start_time or 0) * stream.time_base)
            if view.begin_s > 0.0:
                container.seek(round(view.begin_s / stream.time_base), backward=True, any_frame=False, stream=stream)
            for frame in container.decode(stream):
                if frame.pts is None:
                    continue
                refuse_turned(frame, f"view '{view.name}': '{view.path}'")
                at_s = float(frame.pts * stream.time_base) - begin_s
                if at_s > length_s:
                    break
                while todo and shown is not None and at_s > todo[-1] + EDGE_S:
                    yield todo.pop(), rgb_of(shown)
                shown, shown_s = frame, at_s
                if not todo:
                    return
            while todo and shown is not None and todo[-1] <= shown_s + LATEST_S:
                yield todo.pop(), rgb_of(shown)
    except (av.FFmpegError, IndexError, ValueError) as error:
        if isinstance(error, FineVLAError):
            raise
        raise DamagedFileError(f"view '{view.name}': '{view.path}' cannot be read: {str(error)[:200]}") from error
    if todo:
        raise DamagedFileError(f"view '{view.name}': '{view.path}' ends before {todo[-1]:.2f} s of the episode")


def _jpeg(picture: NDArray[np.uint8], time_s: float, width: int, quality: int, stamped: bool) -> bytes:
    image = Image.fromarray(picture)
    if image.width > width:
        image = image.resize((width, max(round(image.height * width / image.width), 1)), Image.Resampling.LANCZOS)
    if stamped:
        _stamp(image, time_s)
    file = io.BytesIO()
    image.save(file, "jpeg", quality=quality)
    return file.getvalue()


def _stamp(image: Image.Image, time_s: float) -> None:
    high = max(round(TIME_SHARE * image.height), 8)
    draw, text = ImageDraw.Draw(image), shown_time(time_s)
    font = ImageFont.load_default(size=high * 0.8)
    wide = draw.textlength(text, font=font) + high * 0.4
    draw.rectangle((0, 0, wide, high), fill=(0, 0, 0))
    draw.text((high * 0.2, high / 2), text, font=font, fill=(255, 255, 255), anchor="lm")


def shown_time(time_s: float) -> str:
    """Return a time as it stands on the picture and beside it."""
    return f"{time_s:.2f} s"
