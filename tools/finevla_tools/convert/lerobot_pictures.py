"""Pictures of a LeRobot episode by the times of its rows: out of videos (PyAV), or out of image columns."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.pointer_files import refuse_no_content
from finevla_tools.convert import compressed_pictures
from finevla_tools.convert.episode import CameraStream, Encoded
from finevla_tools.convert.episode_names import inside
from finevla_tools.datasets.video_frames import refuse_turned, rgb_of

if TYPE_CHECKING:
    from finevla_tools.datasets.lerobot_files import Footage

MOST_ADDED = 2  # pictures behind the last row's that say nothing
TOLERANCE_S = 1e-3  # so far a picture may be from its row's time


class VideoPictures:
    """A video, decoded forward from where the episode begins, `footage.begin_s` after the file's start; a context manager.

    What comes after `footage.end_s` in a file that episodes share are pictures of the next one: they are refused.
    """

    def __init__(self, camera: CameraStream, footage: "Footage", tolerance_s: float = TOLERANCE_S) -> None:
        self.camera, self._path, self._begin_s, self._tolerance_s = camera, footage.path, footage.begin_s, tolerance_s
        self._end_s = math.inf if footage.end_s is None else footage.end_s
        self._is_alone = footage.end_s is None
        self.begins_s = (
            0.0  # of a file that is the episode's alone: when its first picture is shown, known once it is open
        )
        self._where = f"'{footage.path}'"

    def __enter__(self) -> "VideoPictures":
        import av

        from finevla_tools.datasets.lerobot_files import UNCUT

        if not self._path.is_file():
            raise DamagedFileError(f"{self._where} is missing")
        refuse_no_content(self._path, self._where)
        with sentences(self._where):
            self._container = av.open(str(self._path), metadata_errors="replace", options=UNCUT)
            if not self._container.streams.video:
                self._container.close()
                raise DamagedFileError(f"{self._where} has no video stream")
            stream = self._container.streams.video[0]
            # A decoder would otherwise paint over what is broken and say nothing.
            stream.codec_context.options = {"err_detect": "explode"}
            if self._begin_s > 0:
                begin = round(self._begin_s / stream.time_base) - 1
                self._container.seek(begin, backward=True, any_frame=False, stream=stream)
            self._base = float(stream.time_base)
            if self._is_alone and (begins := stream.start_time or 0) > 0:
                self.begins_s = begins * self._base
            self._decoded = self._container.decode(stream)
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def at(self, time_s: float) -> NDArray[np.uint8]:
        """Return the picture `(H, W, 3)` shown at that second of the episode; times must not go back."""
        due = self._begin_s + self.begins_s + time_s
        if due > self._end_s + self._tolerance_s:
            raise DamagedFileError(
                f"{self._where}: the episode's pictures end at {self._end_s:.4f} s by the metadata, its rows go on to "
                f"{due:.4f} s; what comes there are pictures of another episode"
            )
        with sentences(self._where):
            for frame in self._decoded:
                if frame.pts is None or frame.pts * self._base < due - self._tolerance_s:
                    continue
                refuse_turned(frame, self._where)
                if frame.is_corrupt:
                    raise DamagedFileError(f"{self._where}: its picture at {due:.3f} s is broken")
                if frame.pts * self._base > due + self._tolerance_s:
                    at_s = frame.pts * self._base
                    raise DamagedFileError(
                        f"{self._where} has no picture at {due:.4f} s, the next one is at {at_s:.4f} s"
                    )
                if (frame.height, frame.width) != (self.camera.height, self.camera.width):
                    raise FineVLAError(
                        f"{self._where} is {frame.width}x{frame.height}, {self.camera.width}x{self.camera.height} is declared"
                    )
                return rgb_of(frame)
        raise DamagedFileError(f"{self._where} ends before {due:.4f} s; pictures are missing")

    def has_more(self) -> bool:
        """Whether pictures follow those that were asked for, but for the odd one that an encoder adds."""
        with sentences(self._where):
            return len(list(islice(self._decoded, MOST_ADDED + 1))) > MOST_ADDED


def declared_camera(key: str, name: str, shape: Any, root: Path) -> CameraStream:
    """Return a camera's size by the declared shape of its feature, whichever order it is in; raises `FineVLAError`."""
    if not (isinstance(shape, list) and len(shape) == 3 and all(type(n) is int and n > 0 for n in shape)):
        raise FineVLAError(f"'{root}/meta/info.json': shape of {key[:80]} is not (height, width, 3)")
    height, width, channels = shape if shape[2] in (1, 3) else (shape[1], shape[2], shape[0])
    if channels != 3 or max(height, width) > compressed_pictures.MAX_SIDE:
        raise FineVLAError(
            f"'{root}/meta/info.json': {key[:80]} is {shape}; RGB of at most {compressed_pictures.MAX_SIDE} pixels a side "
            "is read"
        )
    return CameraStream(name, height, width)


def stored_picture(cell: Any, root: Path, where: str) -> Encoded:
    """Return a picture of an image column: its bytes, or the file that its path names; raises `FineVLAError`."""
    if isinstance(cell, list):
        raise FineVLAError(f"{where} is stored as numbers in rows of a list; JPEG or PNG bytes, or a path, are read")
    data = cell.get("bytes") if isinstance(cell, Mapping) else cell
    if data is None and isinstance(cell, Mapping) and isinstance(cell.get("path"), str):
        path = inside(root, cell["path"], where)
        if not path.is_file() or path.stat().st_size > 1 << 28:
            raise FineVLAError(f"{where} should be in '{path}', where no picture is")
        data = path.read_bytes()
    if not isinstance(data, bytes):
        raise DamagedFileError(f"{where} is missing")
    return compressed_pictures.encoded(data, where)


@contextlib.contextmanager
def sentences(where: str) -> Iterator[None]:
    """Tell whatever pyarrow and FFmpeg say of a broken file as one sentence that begins with `where`."""
    try:
        yield
    except (FineVLAError, GeneratorExit):
        raise
    except Exception as error:
        raise DamagedFileError(f"{where} cannot be read: {compressed_pictures.said(error)}") from error
