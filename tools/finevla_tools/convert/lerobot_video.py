"""Pictures out of a data set's videos, each at the time of its row; there is one, or the video is refused."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_tools.convert import pictures
from finevla_tools.convert.episode import CameraStream


@dataclass(frozen=True)
class CameraVideo:
    """A camera's video of an episode, which begins `begin_s` after the file does."""

    camera: CameraStream
    path: Path
    begin_s: float


class VideoPictures:
    """A video, decoded forward from where the episode begins."""

    def __init__(self, video: CameraVideo, tolerance_s: float) -> None:
        self._video, self._tolerance_s = video, tolerance_s
        self._where = f"'{video.path}'"

    def __enter__(self) -> "VideoPictures":
        import av

        from finevla_tools.datasets.lerobot_files import UNCUT

        if not self._video.path.is_file():
            raise DamagedFileError(f"{self._where} is missing")
        with damage_said(self._where):
            self._container = av.open(str(self._video.path), metadata_errors="replace", options=UNCUT)
            if not self._container.streams.video:
                self._container.close()
                raise DamagedFileError(f"{self._where} has no video stream")
            stream = self._container.streams.video[0]
            # A decoder would otherwise paint over what is broken and say nothing.
            stream.codec_context.options = {"err_detect": "explode"}
            if self._video.begin_s > 0:
                begin = round(self._video.begin_s / stream.time_base) - 1
                self._container.seek(begin, backward=True, any_frame=False, stream=stream)
            self._base = float(stream.time_base)
            self._decoded = self._container.decode(stream)
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def at(self, time_s: float) -> NDArray[np.uint8]:
        """The picture shown at that second of the episode; times must not go back."""
        due = self._video.begin_s + time_s
        camera = self._video.camera
        with damage_said(self._where):
            for frame in self._decoded:
                if frame.pts is None or frame.pts * self._base < due - self._tolerance_s:
                    continue
                if frame.is_corrupt:
                    raise DamagedFileError(f"{self._where}: its picture at {due:.3f} s is broken")
                if frame.pts * self._base > due + self._tolerance_s:
                    at_s = frame.pts * self._base
                    raise DamagedFileError(
                        f"{self._where} has no picture at {due:.4f} s, the next one is at {at_s:.4f} s"
                    )
                if (frame.height, frame.width) != (camera.height, camera.width):
                    raise FineVLAError(
                        f"{self._where} is {frame.width}x{frame.height}, {camera.width}x{camera.height} is declared"
                    )
                return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        raise DamagedFileError(f"{self._where} ends before {due:.4f} s; pictures are missing")


@contextlib.contextmanager
def damage_said(where: str) -> Iterator[None]:
    """Whatever pyarrow and FFmpeg say of a broken file as one sentence that begins with `where`."""
    try:
        yield
    except (FineVLAError, GeneratorExit):
        raise
    except Exception as error:
        raise DamagedFileError(f"{where} cannot be read: {pictures.said(error)}") from error
