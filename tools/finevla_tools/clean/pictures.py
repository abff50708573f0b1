"""Looking at an episode's video: a few pictures a second, one at a time, from key frames alone where there are enough.

Only grey values are looked at. How many pictures there are is counted without decoding.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_tools.clean.checks import Array, Measure, runs
from finevla_tools.datasets.lerobot_files import Footage

GRID = 8  # a picture is compared with the next by the means of 8 x 8 fields: noise and encoders vanish in them
# Of 255: by less than this do two encodings of the same picture differ in a field of 24 x 24 pixels; in smaller ones by more,
# for noise falls with the root of the area.
SAME_LEVEL, SAME_AREA = 1.0, 24 * 24
BLACK_LEVEL = 40  # of 255: black is 16 in most videos, and a lens cap lets a little light in
MAX_PIXELS = 50_000_000  # a picture of more is a broken header


@dataclass(frozen=True)
class Look:
    """One picture: when (s from the episode's beginning), its 99th percentile, sharpness and means of fields."""

    at_s: float
    bright: float
    sharp: float
    fields: NDArray[np.float64]
    area: float  # of a field, pixels


def count_and_look(footage: Footage, fps: float, rate_hz: float) -> tuple[int, list[Look]]:
    """How many pictures there are, and about `rate_hz` of them a second; raises `FineVLAError` naming the file."""
    import av

    av.logging.set_libav_level(av.logging.PANIC)
    if not footage.path.is_file():
        raise FineVLAError(f"'{footage.path}' is missing")
    try:
        with av.open(str(footage.path)) as container:
            if not container.streams.video:
                raise FineVLAError(f"'{footage.path}' has no video in it")
            stream = container.streams.video[0]
            if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
                raise FineVLAError(f"'{footage.path}' claims pictures of more than {MAX_PIXELS} pixels")
            stream.codec_context.thread_count = 1  # episodes are looked at side by side
            times, keys = _times(container, stream, footage, fps)
            if not times:
                return 0, []
            last = max(times)
            wanted = np.arange(footage.begin_s, last + 1e-6, 1.0 / rate_hz)
            near = np.array(keys)[[int(np.abs(np.array(keys) - t).argmin()) for t in wanted]] if keys else np.zeros(0)
            by_keys = bool(keys) and bool((np.abs(near - wanted) <= 0.5 / rate_hz + 1e-6).all())
            frames = _some(container, stream, footage, set(near.tolist())) if by_keys else _every(
                container, stream, footage, fps, wanted
            )  # fmt: skip
            return len(times), [_look(frame, t - footage.begin_s) for t, frame in frames]
    except (av.error.FFmpegError, OSError, ValueError, IndexError, MemoryError, ArithmeticError) as error:
        if isinstance(error, FineVLAError):
            raise
        raise FineVLAError(f"'{footage.path}' cannot be decoded: {' '.join(str(error).split())[:160]}") from error


def judged(camera: str, looks: list[Look], count: int, rows: int, state: Array, fps: float) -> list[Measure]:
    """The video checks of one camera; `state` `(T, D)` are the values whose motion it should see, scaled to their range."""
    found = [Measure("video_length", abs(count - rows), f"{camera}: {count} pictures for {rows} rows", None, camera)]
    if not looks:
        return found
    dark = [k for k, look in enumerate(looks) if look.bright < BLACK_LEVEL]
    said = f"{camera}: {len(dark)} of {len(looks)} pictures looked at are black"
    found.append(Measure("video_black", len(dark) / len(looks), said, _frame(looks, dark[:1], fps), camera))
    sharp = float(np.median([look.sharp for look in looks]))
    found.append(Measure("video_blur", sharp, f"{camera}: sharpness {sharp:.3g}", None, camera))
    seconds, first = _frozen(looks, state, fps)
    said = f"{camera}: the picture stays for {seconds:.1f} s while the robot moves"
    found.append(Measure("video_frozen", seconds, said, _frame(looks, first, fps), camera))
    return found


def sharpness(grey: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian; whatever the picture's size, edges of a few pixels count."""
    if min(grey.shape) < 3:
        return 0.0
    g = grey.astype(np.int16)
    edges = g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:] - 4 * g[1:-1, 1:-1]
    return float(edges.var(dtype=np.float64))


def _times(container: Any, stream: Any, footage: Footage, fps: float) -> tuple[list[float], list[float]]:
    """Times of the episode's pictures and of its key frames, by the packets alone."""
    half = 0.5 / fps
    begin, end = footage.begin_s - half, float("inf") if footage.end_s is None else footage.end_s - half
    _seek(container, stream, footage)
    times, keys = [], []
    for packet in container.demux(stream):
        if packet.pts is None:
            continue
        at = float(packet.pts * packet.time_base)
        if begin <= at < end:
            times.append(at)
            if packet.is_keyframe:
                keys.append(at)
        if packet.dts is not None and float(packet.dts * packet.time_base) > end + 1.0:
            break
    return times, keys


def _some(container: Any, stream: Any, footage: Footage, wanted: set[float]) -> Iterator[tuple[float, Any]]:
    """The key frames at these times; the packets between them never reach the decoder."""
    _seek(container, stream, footage)
    left = len(wanted)
    for packet in container.demux(stream):
        if packet.pts is None or not left:
            break
        if packet.is_keyframe and float(packet.pts * packet.time_base) in wanted:
            left -= 1
            yield from _timed(packet.decode(), stream)
    yield from _timed(stream.codec_context.decode(None), stream)


def _every(
    container: Any, stream: Any, footage: Footage, fps: float, wanted: NDArray[Any]
) -> Iterator[tuple[float, Any]]:
    """All pictures are decoded, those nearest to the wanted times given."""
    _seek(container, stream, footage)
    k, half = 0, 0.5 / fps
    for at, frame in _timed(container.decode(stream), stream):
        if k == len(wanted):
            break
        if at >= wanted[k] - half:
            yield at, frame
            while k < len(wanted) and wanted[k] - half <= at:
                k += 1


def _timed(frames: Iterable[Any], stream: Any) -> Iterator[tuple[float, Any]]:
    """A frame that comes late out of the decoder knows no time base: the stream's is meant."""
    for frame in frames:
        if frame.pts is not None:
            yield float(frame.pts * stream.time_base), frame


def _seek(container: Any, stream: Any, footage: Footage) -> None:
    # To the very beginning too: the file was read through before.
    with suppress(OSError):  # some containers cannot; then the reading begins where it is
        container.seek(int(footage.begin_s / stream.time_base), stream=stream, backward=True)


def _look(frame: Any, at_s: float) -> Look:
    if frame.width * frame.height > MAX_PIXELS:
        raise FineVLAError(f"a picture has {frame.width} x {frame.height} pixels")
    if frame.format.name in ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "gray"):
        plane = frame.planes[0]  # brightness as it was decoded, no conversion
        grey = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    else:
        grey = frame.to_ndarray(format="gray")
    rows, columns = (np.linspace(0, n, GRID + 1).astype(int) for n in grey.shape)
    sums = np.add.reduceat(np.add.reduceat(grey, rows[:-1], axis=0, dtype=np.float64), columns[:-1], axis=1)
    areas = np.outer(np.maximum(np.diff(rows), 1), np.maximum(np.diff(columns), 1))
    return Look(at_s, float(np.percentile(grey[::4, ::4], 99)), sharpness(grey), sums / areas, float(areas.min()))


def _frozen(looks: list[Look], state: Array, fps: float) -> tuple[float, list[int]]:
    """Longest time without change in which the robot goes more than a seventh of its way, and where it begins."""
    level = SAME_LEVEL * max(1.0, (SAME_AREA / looks[0].area) ** 0.5)
    same = np.array([np.abs(a.fields - b.fields).max() < level for a, b in pairwise(looks)])
    worst, first = 0.0, [0]
    for begin, end in runs(same) if len(same) else []:
        seconds = looks[end].at_s - looks[begin].at_s
        rows = state[int(looks[begin].at_s * fps) : int(looks[end].at_s * fps) + 1]
        if seconds > worst and len(rows) and (np.ptp(rows, axis=0) > 0.15).any():
            worst, first = seconds, [begin]
    return worst, first


def _frame(looks: list[Look], places: list[int], fps: float) -> int | None:
    return round(looks[places[0]].at_s * fps) if places else None
