"""Looking at an episode's video: a few pictures a second, one at a time, from key frames alone where there are enough.

Only grey values are looked at. How many pictures there are is counted without decoding.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.pointer_files import refuse_no_content
from finevla_tools.clean.checks import Array, Measurement, PictureSample
from finevla_tools.clean.frozen_camera import frozen
from finevla_tools.datasets.lerobot_files import UNCUT, Footage
from finevla_tools.datasets.video_frames import refuse_turned

GRID = 8  # a picture is compared with the next by the means of 8 x 8 fields: noise and encoders vanish in them
BLACK_LEVEL = 40  # of 255: black is 16 in most videos, and a lens cap lets a little light in
MAX_PIXELS = 50_000_000  # a picture of more is a broken header


def times_and_looks(footage: Footage, fps: float, rate_hz: float) -> tuple[Array, list[PictureSample]]:
    """Return when a video's pictures are shown, in seconds of the episode, in order, and a look at about `rate_hz` per second.

    Raises `DamagedFileError` if it is unreadable.
    """
    import av

    av.logging.set_libav_level(av.logging.PANIC)
    if not footage.path.is_file():
        raise DamagedFileError(f"'{footage.path}' is missing")
    refuse_no_content(footage.path)
    try:
        with av.open(str(footage.path), options=UNCUT) as container:
            if not container.streams.video:
                raise DamagedFileError(f"'{footage.path}' has no video in it")
            stream = container.streams.video[0]
            if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
                raise DamagedFileError(f"'{footage.path}' claims pictures of more than {MAX_PIXELS} pixels")
            stream.codec_context.thread_count = 1  # episodes are looked at side by side
            times, keys = _times(container, stream, footage, fps)
            if not times:
                return np.zeros(0), []
            last = max(times)
            begin_s = (
                min(times) if footage.end_s is None else footage.begin_s
            )  # of a file of its own, wherever it begins
            wanted = np.arange(begin_s, last + 1e-6, 1.0 / rate_hz)
            near = np.sort(keys)[_nearest(np.sort(keys), wanted)] if keys else np.zeros(0)
            by_keys = bool(keys) and bool((np.abs(near - wanted) <= 0.5 / rate_hz + 1e-6).all())
            frames = _some(container, stream, footage, set(near.tolist())) if by_keys else _every(
                container, stream, footage, fps, wanted
            )  # fmt: skip
            return np.sort(times) - begin_s, _looks(frames, begin_s, f"'{footage.path}'")
    except (av.error.FFmpegError, OSError, ValueError, IndexError, MemoryError, ArithmeticError) as error:
        if isinstance(error, FineVLAError):
            raise
        raise DamagedFileError(f"'{footage.path}' cannot be decoded: {' '.join(str(error).split())[:160]}") from error


def judged(
    camera: str, looks: list[PictureSample], shown: Array, rows: int, arms: Mapping[str, Array], fps: float
) -> list[Measurement]:
    """Return the video checks of one camera; `arms` are the values `(T, D)` of each arm, rad or m.

    `shown` are the times of the pictures, seconds.
    """
    said = f"{camera}: {counted(len(shown), 'picture')} for {counted(rows, 'row')}"
    found = [Measurement("video_length", abs(len(shown) - rows), said, None, camera)]
    if rows and len(shown) and abs(len(shown) - rows) <= 1:  # else every row may be off
        due = np.arange(rows) / fps
        off = abs(due - shown[_nearest(shown, due)])
        worst = int(off.argmax())
        said = f"{camera}: row {worst} is at {due[worst]:.3f} s, the nearest picture {off[worst] * 1e3:.1f} ms from it"
        found.append(Measurement("video_times", float(off[worst]), said, worst, camera))
    if not looks:
        return found
    dark = [k for k, look in enumerate(looks) if look.bright < BLACK_LEVEL]
    said = f"{camera}: black in {len(dark)} of {counted(len(looks), 'picture')} looked at"
    found.append(Measurement("video_black", len(dark) / len(looks), said, _frame(looks, dark[:1], fps), camera))
    sharp = float(np.median([look.sharp for look in looks]))
    found.append(Measurement("video_blur", sharp, f"{camera}: sharpness {sharp:.3g}", None, camera))
    # A wrist's camera moves with its arm, and may see nothing else.
    own = next((side for side in ("left", "right") if side in camera and side in arms), "")
    seconds, first = frozen(looks, arms, own, fps)
    said = f"{camera}: the picture stays for {seconds:.1f} s while it should show the robot move"
    found.append(
        Measurement("video_frozen", seconds, said, _frame(looks, [] if first is None else [first], fps), camera)
    )
    return found


def sharpness(grey: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of a grey image `(H, W)`; 0 if it is smaller than 3 pixels."""
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


def _nearest(times: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.int64]:
    """Return which of the `times` `(N,)`, in order, is nearest to each of those wanted; of two as near the earlier one."""
    after = np.searchsorted(times, wanted).clip(0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(wanted - times[before] <= times[after] - wanted, before, after)


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


def _looks(frames: Iterable[tuple[float, Any]], begin_s: float, where: str) -> list[PictureSample]:
    looks: list[PictureSample] = []
    before: NDArray[np.uint8] | None = None
    for t, frame in frames:
        refuse_turned(frame, where)
        grey = _grey(frame)
        looks.append(_look(grey, t - begin_s, before))
        before = grey.copy()  # the decoder uses its memory again
    return looks


def _grey(frame: Any) -> NDArray[np.uint8]:
    if frame.width * frame.height > MAX_PIXELS:
        raise FineVLAError(f"a picture has {frame.width} x {frame.height} pixels")
    if frame.format.name in ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "gray"):
        plane = frame.planes[0]  # brightness as it was decoded, no conversion
        return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    return np.asarray(frame.to_ndarray(format="gray"), np.uint8)


def _look(grey: NDArray[np.uint8], at_s: float, before: NDArray[np.uint8] | None) -> PictureSample:
    rows, columns = (np.linspace(0, n, GRID + 1).astype(int) for n in grey.shape)
    areas = np.outer(np.maximum(np.diff(rows), 1), np.maximum(np.diff(columns), 1))

    def means(pixels: NDArray[Any]) -> Array:
        sums = np.add.reduceat(np.add.reduceat(pixels, rows[:-1], axis=0, dtype=np.float64), columns[:-1], axis=1)
        return np.asarray(sums / areas)

    noise = 0.0
    if before is not None and before.shape == grey.shape:
        noise = float(np.median(means(np.maximum(grey, before) - np.minimum(grey, before))))
    bright = float(np.percentile(grey[::4, ::4], 99))
    return PictureSample(at_s, bright, sharpness(grey), means(grey), float(areas.min()), noise)


def _frame(looks: list[PictureSample], places: list[int], fps: float) -> int | None:
    return round(looks[places[0]].at_s * fps) if places else None
