"""Pictures to videos while they come: one encoder per camera, each in a thread of its own; and videos joined as they are.

PyAV and Pillow let go of Python's lock, so cameras are decoded and encoded side by side. Queues are short and block:
nothing is dropped, and never more than a few pictures are in memory.
"""

import ctypes
import io
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, is_disk_full, unwritable
from finevla_tools.convert import compressed_pictures
from finevla_tools.convert.episode import CameraStream, Picture
from finevla_tools.process_priority import give_way

CHECKED_SIDE = 64  # pixels; the least that every encoder takes
PLANAR = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p")  # formats of 8 bits that halve the colours
# Pixels; of narrower pictures SVT-AV1 divides by zero, and x265 (4.1) writes beyond its buffers: both end the process.
LEAST_WIDTH = {"libsvtav1": 32, "hevc": 64, "libx265": 64}
X265 = ("hevc", "libx265")
M_PERTURB, CLEARED = -6, 255  # of mallopt(3): what is allocated is filled with the byte's complement
_one_opens = threading.Lock()  # the setting is the whole process's
QUEUED = 4  # pictures that wait for a camera's encoder
# Written in fragments, for the muxer keeps an index of what is not written yet: of a whole hour it would be megabytes.
FRAGMENTS = {"movflags": "delay_moov+default_base_moof", "frag_duration": str(10_000_000)}  # of 10 s (FFmpeg counts us)
QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
# Larger pictures are thinned for the statistics to about this many pixels across, as LeRobot does.
STATS_SIDE, STATS_THIN_FROM = 150, 300


@dataclass(frozen=True)
class Codec:
    """LeRobot's names and defaults (its RGBEncoderConfig); `preset` None is LeRobot's for AV1, the codec's own otherwise."""

    vcodec: str = "libsvtav1"
    pix_fmt: str = "yuv420p"
    g: int = 2
    crf: int = 30
    preset: str | None = None
    threads: int | None = None  # None: the codec decides

    def options(self) -> dict[str, str]:
        """FFmpeg's options, the same as LeRobot makes of its own settings, but that x265 is quiet."""
        options = {"g": str(self.g), "crf": str(self.crf)}
        preset = self.preset or ("12" if self.vcodec == "libsvtav1" else None)
        if preset is not None:
            options["preset"] = preset
        if self.vcodec == "libsvtav1":
            lp = "" if self.threads is None else f":lp={self.threads}"
            options["svtav1-params"] = f"fast-decode=0{lp}"
        elif self.threads is not None:
            options["threads"] = str(self.threads)
        if self.vcodec in X265:
            options["x265-params"] = "log-level=none"  # it does not ask FFmpeg what to say; errors come back
        return options

    def facts(self) -> dict[str, Any]:
        """Return the settings under the names of LeRobot's encoder settings."""
        known = {key: value for key, value in asdict(self).items() if key != "threads"}
        known["vcodec"] = {"libx264": "h264", "libx265": "hevc"}.get(self.vcodec, self.vcodec)
        if self.preset is None and self.vcodec == "libsvtav1":
            known["preset"] = 12
        elif self.preset is not None and self.preset.lstrip("-").isdigit():
            known["preset"] = int(self.preset)
        return known


def sharing(codec: Codec, encoders: int, cores: int) -> Codec:
    """The codec for so many encoders at a time: where they keep all cores busy, one thread for each.

    AV1 encoders that each take all cores cost some 7 % more processor time; the videos are the same, bit for bit, which
    those of other codecs are not. What the codec says of threads itself stays.
    """
    if codec.vcodec == "libsvtav1" and codec.threads is None and encoders >= cores:
        return replace(codec, threads=1)
    return codec


class PictureStatistics:
    """Exact statistics of 8-bit pictures: how often each value comes, per channel."""

    def __init__(self) -> None:
        self.frames = 0
        self._counts = np.zeros((3, 256), np.int64)

    def add(self, picture: NDArray[np.uint8]) -> None:
        """One more `(H, W, 3)`."""
        import cv2

        height, width = picture.shape[:2]
        if max(height, width) >= STATS_THIN_FROM:
            thin = max(1, max(height, width) // STATS_SIDE)
            picture = np.ascontiguousarray(picture[::thin, ::thin])
        for channel in range(3):
            counts = cv2.calcHist([picture], [channel], None, [256], [0, 256])  # float32: exact up to 2^24 pixels
            self._counts[channel] += counts.ravel().astype(np.int64)
        self.frames += 1

    def numbers(self) -> dict[str, list[float]]:
        """By name, three values of 0...1 each (red, green, blue), and `count`."""
        values = np.arange(256) / 255.0
        total = self._counts.sum(axis=1)
        mean = self._counts @ values / total
        numbers = {
            "min": [values[np.flatnonzero(c)[0]] for c in self._counts],
            "max": [values[np.flatnonzero(c)[-1]] for c in self._counts],
            "mean": mean,
            "std": np.sqrt(np.maximum(0, self._counts @ values**2 / total - mean**2)),
        }
        below = np.cumsum(self._counts, axis=1)
        for name, q in QUANTILES.items():
            # The smallest value that at least this share of the pixels does not exceed.
            numbers[name] = [values[np.searchsorted(c, q * c[-1], side="left")] for c in below]
        return {k: [float(v) for v in numbers[k]] for k in numbers} | {"count": [float(self.frames)]}


class CameraEncoder:
    """A camera's video: `put` pictures, then `finish`; errors of its thread come out of either.

    `coded` is the camera as the video has it: larger by a row or a column where the codec takes even sides only.
    """

    def __init__(self, path: Path, camera: CameraStream, fps: int, codec: Codec) -> None:
        self.path, self.camera, self.fps, self.codec = path, camera, fps, codec
        self.coded = fitted(camera, codec)
        self.statistics = PictureStatistics()
        self._queue: queue.Queue[Picture | None] = queue.Queue(QUEUED)
        self._pictures = self._taken()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"encode {camera.name}", daemon=True)
        self._thread.start()

    def put(self, picture: Picture) -> None:
        """Waits while the encoder is behind."""
        self._check()
        self._queue.put(picture)

    def finish(self) -> None:
        """Waits until the video is whole."""
        self._queue.put(None)
        self._thread.join()
        self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _taken(self) -> Iterator[Picture]:
        """Take the pictures out of the queue; once they have ended, that stays so, whoever asks again."""
        while (picture := self._queue.get()) is not None:
            yield picture

    def _run(self) -> None:
        try:
            self._encode()
        except BaseException as error:
            self._error = error
            for _ in self._pictures:  # whoever puts must not wait for ever; `put` tells of it
                pass

    def _encode(self) -> None:
        import av

        shape, where = (self.camera.height, self.camera.width, 3), f"a picture of camera {self.camera.name}"
        with av.open(str(self.path), "w", options=FRAGMENTS) as container:
            stream = add_stream(container, self.coded, self.fps, self.codec)
            with self._blamed():
                open_cleared(stream, self.codec)
            for picture in self._pictures:
                decoded = compressed_pictures.decode(picture, where)
                if decoded.shape != shape:
                    is_, was = f"{decoded.shape[1]}x{decoded.shape[0]}", f"{shape[1]}x{shape[0]}"
                    raise FineVLAError(f"{where} is {is_}, the first one was {was}; record one size, or give --size")
                frame = _frame(decoded, self.coded, self.codec.pix_fmt)
                frame.pts, frame.time_base = self.statistics.frames, Fraction(1, self.fps)
                with self._blamed():
                    container.mux(_lasting(stream.encode(frame), self.fps))
                if self.statistics.frames == 0:  # the first one opened the encoder
                    give_way()
                self.statistics.add(decoded)
            with self._blamed():
                container.mux(_lasting(stream.encode(), self.fps))

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """What our encoder cannot do is said of it, never of the recording."""
        import av

        try:
            yield
        except (ValueError, av.FFmpegError) as error:
            if is_disk_full(error):
                raise unwritable(self.path, error) from error
            if self.statistics.frames == 0:
                raise _too_odd(self.camera, self.codec, compressed_pictures.said(error)) from error
            raise FineVLAError(
                f"video encoder '{self.codec.vcodec}' failed at picture {self.statistics.frames} of camera "
                f"{self.camera.name}: {compressed_pictures.said(error)}; try another --codec, or --images png"
            ) from error


def _frame(picture: NDArray[np.uint8], coded: CameraStream, pix_fmt: str) -> Any:
    """A picture as FFmpeg takes it, filled up to `coded`, its last row and column once more.

    FFmpeg's own conversion of odd sides leaves what is at hand in the colours of the last row and column.
    """
    import av

    height, width = picture.shape[:2]
    if height % 2 == width % 2 == 0 or pix_fmt not in PLANAR:
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    whole = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(format=pix_fmt)
    if (coded.height, coded.width) == even.shape[:2]:
        return whole
    frame = av.VideoFrame(width, height, pix_fmt)
    for to, of in zip(frame.planes, whole.planes, strict=True):
        rows = np.zeros((to.height, to.line_size), np.uint8)
        rows[:, : to.width] = np.frombuffer(of, np.uint8).reshape(-1, of.line_size)[: to.height, : to.width]
        to.update(rows.tobytes())
    return frame


def fitted(camera: CameraStream, codec: Codec) -> CameraStream:
    """Return the camera with the size that the codec takes: its own, or the next even one, the last row and column repeated.

    H.264 and H.265 halve the colours' sides and take no odd ones. Raises `FineVLAError` for a size that cannot be encoded.
    """
    if camera.width < (least := LEAST_WIDTH.get(codec.vcodec, 1)):
        raise _too_odd(camera, codec, f"at least {least} pixels of width are needed")
    if camera.height % 2 == camera.width % 2 == 0 or _refusal(camera.height, camera.width, codec) is None:
        return camera
    if codec.pix_fmt not in PLANAR:
        raise _too_odd(camera, codec, f"{codec.pix_fmt} of odd sides")
    even = replace(camera, height=camera.height + camera.height % 2, width=camera.width + camera.width % 2)
    if (said := _refusal(even.height, even.width, codec)) is not None:
        raise _too_odd(camera, codec, said)
    return even


def _too_odd(camera: CameraStream, codec: Codec, said: str) -> FineVLAError:
    return FineVLAError(
        f"video encoder '{codec.vcodec}' does not take pictures of {camera.width}x{camera.height}, as camera {camera.name} "
        f"has ({said}); take another --codec, or --images png"
    )


@lru_cache(maxsize=64)
def _refusal(height: int, width: int, codec: Codec) -> str | None:
    """What the encoder says to a grey picture of that size, if it does not take it: only itself knows."""
    import av

    grey = np.full((height, width, 3), 128, np.uint8)
    try:
        with av.open(io.BytesIO(), "w", format="mp4") as container:
            stream = add_stream(container, CameraStream("test", height, width), 10, codec)
            open_cleared(stream, codec)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode())
    except (ValueError, av.FFmpegError) as error:
        return compressed_pictures.said(error)
    finally:
        give_way()
    return None


def add_stream(container: Any, camera: CameraStream, fps: int, codec: Codec) -> Any:
    """A video stream of a container that is being written."""
    os.environ.setdefault("SVT_LOG", "1")  # errors only
    import av

    av.logging.set_libav_level(av.logging.ERROR)
    try:
        stream = container.add_stream(codec.vcodec, fps, options=codec.options())
    except av.codec.codec.UnknownCodecError as error:
        raise FineVLAError(
            f"there is no video encoder '{codec.vcodec}' here; take libsvtav1, h264, hevc or another that FFmpeg has"
        ) from error
    except (ValueError, av.FFmpegError) as error:
        raise FineVLAError(f"video codec '{codec.vcodec}' cannot be used: {compressed_pictures.said(error)}") from error
    stream.pix_fmt, stream.width, stream.height = codec.pix_fmt, camera.width, camera.height
    stream.time_base = Fraction(1, fps)
    return stream


def open_cleared(stream: Any, codec: Codec) -> None:
    """Open the encoder of a new stream if it is x265, in cleared memory; others open with their first picture.

    x265 4.1 reads memory that it never set, and by what lies there some of its videos, or all, say of themselves what FFmpeg's
    muxer refuses at their end ("Not yet implemented"). Where the C library cannot clear memory it is opened as it is.
    Raises what FFmpeg raises for settings that it does not take.
    """
    if codec.vcodec not in X265:
        return
    fill = getattr(ctypes.CDLL(None), "mallopt", lambda *_: 0)
    with _one_opens:
        fill(M_PERTURB, CLEARED)
        try:
            stream.codec_context.open(strict=False)
        finally:
            fill(M_PERTURB, 0)


def check(codec: Codec) -> None:
    """Encode a small grey picture to nowhere; raises `FineVLAError` if that codec, with these settings, cannot.

    Only the encoder itself knows what it takes, and whether it is built in and has the device that it needs.
    """
    import av

    camera, grey = (
        CameraStream("test", CHECKED_SIDE, CHECKED_SIDE),
        np.full((CHECKED_SIDE, CHECKED_SIDE, 3), 128, np.uint8),
    )
    with av.open(io.BytesIO(), "w", format="mp4") as container:
        stream = add_stream(container, camera, 10, codec)
        try:
            open_cleared(stream, codec)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode())
        except (ValueError, av.FFmpegError) as error:
            raise FineVLAError(
                f"video codec '{codec.vcodec}' does not work with options {codec.options()}: {compressed_pictures.said(error)}"
            ) from error
        finally:
            give_way()


def join(videos: Sequence[Path], frames: Sequence[int], fps: int, target: Path) -> None:
    """Videos one after the other, packet by packet, nothing encoded again; video i has `frames[i]` frames.

    Times are counted in frames, so that the thousandth video begins exactly where it shall; FFmpeg's own joining goes by
    durations in microseconds, and its error grows. Raises `FineVLAError` if one does not fit the first.
    """
    import av

    av.logging.set_libav_level(av.logging.ERROR)
    target.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(target), "w", options={"movflags": "faststart"}) as output:
        stream, before, first = None, 0, None
        for video, count in zip(videos, frames, strict=True):
            with av.open(str(video)) as source:
                origin = source.streams.video[0]
                said = (origin.codec_context.name, origin.width, origin.height, origin.pix_fmt, origin.time_base)
                if stream is None:
                    stream, first = output.add_stream_from_template(origin, opaque=True), said
                    stream.time_base = origin.time_base
                elif said != first:
                    raise FineVLAError(f"video '{video}' is {said}, those before it are {first}; they cannot be joined")
                offset = Fraction(before, fps) / origin.time_base
                if offset.denominator != 1:
                    raise FineVLAError(
                        f"video '{video}' counts time in {origin.time_base} s, which {fps} fps do not fit"
                    )
                for packet in source.demux(origin):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + int(offset), packet.dts + int(offset)
                    packet.stream = stream
                    output.mux(_lasting([packet], fps))
            before += count


def _lasting(packets: Sequence[Any], fps: int) -> Sequence[Any]:
    """The packets, each as long as a frame: encoders and fragments may leave it open.

    MP4 would then end with the last frame's beginning, and decoders leave that frame out.
    """
    for packet in packets:
        packet.duration = round(1 / (fps * packet.time_base))
    return packets
