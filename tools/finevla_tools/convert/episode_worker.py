"""One episode to one part, streamed: what a worker process does. Needs neither torch nor LeRobot."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_tools.convert import compressed_pictures
from finevla_tools.convert.converted_episode import ACTION, DATA_FILE, STATE, EpisodePart, image_key, write_part
from finevla_tools.convert.episode import Encoded, EpisodeFrame, Header, Picture, SourceEpisode
from finevla_tools.convert.video_encoder import CameraEncoder, Codec, PictureStatistics

# A row group of data.parquet has so many rows, or so many bytes of pictures: all of it is in memory until it is written.
ROWS, GROUP_BYTES = 4096, 16 << 20
PROGRESS_EVERY = 50  # frames
PROGRESS_FILE = "progress"
KINDS = ("video", "png", "keep")
PADDED = "pictures_padded"  # of an episode's facts: by camera, sizes before and after


@dataclass(frozen=True)
class PartOptions:
    """`images`: "video", "png" (exact), or "keep" (compressed pictures pass as they are; raw ones become PNGs)."""

    images: str = "video"
    codec: Codec = field(default_factory=Codec)

    def __post_init__(self) -> None:
        if self.images not in KINDS:
            raise FineVLAError(f"images '{self.images}' is unknown; known are {', '.join(KINDS)}")


def make_part(episode: SourceEpisode, folder: Path, options: PartOptions, extra: Mapping[str, Any]) -> EpisodePart:
    """Write an episode to `folder`, which is there and empty; raises `FineVLAError`, and leaves what is written."""
    header = episode.header
    tasks: dict[str, int] = {}
    is_video = options.images == "video"
    with _sinks(header, folder, options) as sinks, _Table(folder / DATA_FILE, header, not is_video) as table:
        for count, frame in enumerate(episode.frames(), start=1):
            check(frame, header, count - 1)
            kept = {name: sink.put(frame.pictures[name]) for name, sink in sinks.items()}
            table.add(frame, tasks.setdefault(frame.task, len(tasks)), {} if is_video else kept)
            if count % PROGRESS_EVERY == 0:
                (folder / PROGRESS_FILE).write_text(str(count))
        for sink in sinks.values():
            sink.finish()
    if not table.length:
        raise FineVLAError(f"episode '{header.name}' has no frames")
    (folder / PROGRESS_FILE).unlink(missing_ok=True)
    part = EpisodePart(
        folder=folder,
        header=_as_written(header, sinks),  # now: its facts may have grown while its frames were read
        length=table.length,
        tasks=tuple(tasks),
        pictures="video" if is_video else "image",
        picture_stats={name: sink.statistics.numbers() for name, sink in sinks.items()},
        codec=options.codec.facts() if is_video else {},
    )
    write_part(part, extra)
    return part


def _as_written(header: Header, sinks: Mapping[str, Any]) -> Header:
    """The header with the sizes that the pictures have in the data set, and what was added to them."""
    cameras = tuple(sinks[camera.name].coded for camera in header.cameras)
    padded = {
        was.name: f"{was.width}x{was.height} to {is_.width}x{is_.height}"
        for was, is_ in zip(header.cameras, cameras, strict=True)
        if was != is_
    }
    return replace(header, cameras=cameras, facts={**header.facts, PADDED: padded}) if padded else header


def check(frame: EpisodeFrame, header: Header, k: int) -> None:
    """Raise `FineVLAError` unless a frame is what its header says."""
    where = f"episode '{header.name}', frame {k}"
    for what, vector, names in (
        ("state", frame.state, header.state_names),
        ("action", frame.action, header.action_names),
    ):
        if vector.shape != (len(names),) or vector.dtype != np.float32:
            raise FineVLAError(f"{where}: {what} is {vector.shape} {vector.dtype}, ({len(names)},) float32 is needed")
        if not np.isfinite(vector).all():
            raise FineVLAError(
                f"{where}: {what} holds {names[int(np.argmin(np.isfinite(vector)))]}, which is not finite"
            )
    if not frame.task.strip():
        raise FineVLAError(f"{where} has no task text; give one with --task")
    for camera in header.cameras:
        if camera.name not in frame.pictures:
            raise FineVLAError(f"{where} has no picture of camera '{camera.name}'")


class _VideoSink:
    """A camera's pictures into its video."""

    def __init__(self, header: Header, camera: Any, folder: Path, options: PartOptions) -> None:
        path = folder / "videos" / f"{image_key(camera.name)}.mp4"
        path.parent.mkdir(exist_ok=True)
        self._encoder = CameraEncoder(path, camera, header.fps, options.codec)
        self.statistics, self.coded = self._encoder.statistics, self._encoder.coded

    def put(self, picture: Picture) -> None:
        self._encoder.put(picture)

    def finish(self) -> None:
        self._encoder.finish()

    def abort(self) -> None:
        try:
            self._encoder.finish()
        except BaseException:  # the first error counts
            return


class _ImageSink:
    """A camera's pictures as files of their own; they are looked at (size, statistics), some of them also decoded."""

    # Statistics need pixels; of pictures that pass as they are one in so many is decoded, and the first of all.
    EVERY = 16

    def __init__(self, header: Header, camera: Any, folder: Path, options: PartOptions) -> None:
        self._camera, self._options, self._count = camera, options, 0
        self.coded = camera
        self._sizes = compressed_pictures.Sizes()
        self.statistics = PictureStatistics()

    def put(self, picture: Picture) -> bytes:
        where = f"a picture of camera {self._camera.name}"
        if (is_ := self._sizes.of(picture, where)) != (self._camera.height, self._camera.width):
            was = f"{self._camera.width}x{self._camera.height}"
            raise FineVLAError(
                f"{where} is {is_[1]}x{is_[0]}, the first one was {was}; record one size, or give --size"
            )
        passes = self._options.images == "keep" and isinstance(picture, Encoded)
        if not passes or self._count % self.EVERY == 0:
            decoded = compressed_pictures.decode(picture, where)
            self.statistics.add(decoded)
        self._count += 1
        if passes:
            assert isinstance(picture, Encoded)
            compressed_pictures.refuse_cut(picture, where)
            return picture.data
        return _png(decoded)

    def finish(self) -> None:
        """Do nothing: pictures are in the table, no file is open."""

    def abort(self) -> None:
        """Do nothing: pictures are in the table, no file is open."""


@contextmanager
def _sinks(header: Header, folder: Path, options: PartOptions) -> Iterator[dict[str, Any]]:
    kind = _VideoSink if options.images == "video" else _ImageSink
    sinks: dict[str, Any] = {}
    try:
        for camera in header.cameras:
            sinks[camera.name] = kind(header, camera, folder, options)
        yield sinks
    except BaseException:
        for sink in sinks.values():
            sink.abort()
        raise


class _Table:
    """Writer of data.parquet: collects rows and writes a row group when enough of them are there."""

    def __init__(self, path: Path, header: Header, with_pictures: bool) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pa, self._header, self.length = pa, header, 0
        self._cameras = [camera.name for camera in header.cameras] if with_pictures else []
        wide = [(STATE, len(header.state_names)), (ACTION, len(header.action_names))]
        fields = [pa.field(name, pa.list_(pa.float32(), width)) for name, width in wide]
        fields += [
            pa.field("timestamp", pa.float32()),
            pa.field("frame_index", pa.int64()),
            pa.field("task_index", pa.int64()),
        ]
        fields += [
            pa.field(image_key(c), pa.struct([("bytes", pa.binary()), ("path", pa.string())])) for c in self._cameras
        ]
        # JPEG and PNG do not get smaller, and no two are the same.
        packed = {f.name: "snappy" for f in fields if f.name not in map(image_key, self._cameras)}
        packed |= {f"{image_key(c)}.bytes": "none" for c in self._cameras}
        self._schema = pa.schema(fields)
        self._writer = pq.ParquetWriter(path, self._schema, compression=packed, use_dictionary=["task_index"])
        self._state = np.empty((ROWS, wide[0][1]), np.float32)
        self._action = np.empty((ROWS, wide[1][1]), np.float32)
        self._task = np.empty(ROWS, np.int64)
        self._pictures: dict[str, list[bytes]] = {c: [] for c in self._cameras}
        self._rows, self._bytes = 0, 0

    def add(self, frame: EpisodeFrame, task: int, kept: Mapping[str, bytes]) -> None:
        """Add a frame with its task index; `kept` has the JPEG or PNG files to store, by camera."""
        r = self._rows
        self._state[r], self._action[r], self._task[r] = frame.state, frame.action, task
        for camera, data in kept.items():
            self._pictures[camera].append(data)
            self._bytes += len(data)
        self._rows, self.length = r + 1, self.length + 1
        if self._rows == ROWS or self._bytes > GROUP_BYTES:
            self._write()

    def _write(self) -> None:
        pa, n = self._pa, self._rows
        if not n:
            return
        at = np.arange(self.length - n, self.length, dtype=np.int64)
        columns: list[Any] = [
            pa.FixedSizeListArray.from_arrays(_numbers(block[:n].ravel()), block.shape[1])
            for block in (self._state, self._action)
        ]
        times = (at / self._header.fps).astype(np.float32)
        columns += [_numbers(values) for values in (times, at, self._task[:n])]
        for camera in self._cameras:
            data = _cells(self._pictures[camera], pa.binary())
            path = _cells([b"frame-%06d" % k for k in at], pa.string())
            columns.append(pa.StructArray.from_arrays([data, path], names=["bytes", "path"]))
            self._pictures[camera] = []
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self._rows, self._bytes = 0, 0

    def __enter__(self) -> "_Table":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._write()
        finally:
            self._writer.close()


# Columns are not made by `pa.array`: it imports pandas, a third of a second in every worker.


def _numbers(values: NDArray[Any]) -> Any:
    """A column of `(N,)` numbers, copied."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values.copy())])


def _cells(cells: Sequence[bytes], kind: Any) -> Any:
    """A column of bytes or text."""
    import pyarrow as pa

    ends = np.cumsum([0, *map(len, cells)], dtype=np.int32)
    return pa.Array.from_buffers(kind, len(cells), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(cells))])


def _png(picture: NDArray[np.uint8]) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png", compress_level=1)
    return buffer.getvalue()
