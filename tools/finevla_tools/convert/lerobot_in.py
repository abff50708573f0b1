"""LeRobot data sets (v2.0, v2.1, v3.0) as a source: rows by pyarrow, videos by PyAV, neither LeRobot nor torch needed.

A picture belongs to a row if it is shown at the row's timestamp; where there is none, the episode is refused.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, unknown
from finevla_tools.convert import pictures
from finevla_tools.convert.episode import Camera, Frame, Header, Picture, Reference, Words
from finevla_tools.convert.naming import inside

ROWS = 256  # of numbers in memory at once
ROWS_WITH_PICTURES = 4
IMAGES = "observation.images."
DEFAULTS = {"timestamp", "frame_index", "episode_index", "index", "task_index", "next.done"}
LANGUAGE = ("language_persistent", "language_events")
MAX_ROWS = 1_000_000


@dataclass(frozen=True)
class LeRobotOptions:
    """Which columns are state and action, and how far (s) a picture may be from its row's time."""

    state: str = "observation.state"
    action: str = "action"
    tolerance_s: float = 1e-3
    task: str = ""


def matches(path: Path) -> bool:
    """Whether `path` is the folder of a LeRobot data set."""
    return (path / "meta" / "info.json").is_file()


class LeRobotSource:
    """One data set; what is wrong with its metadata as a whole is told when its episodes are opened."""

    def __init__(self, path: Path, options: LeRobotOptions = LeRobotOptions()) -> None:
        self.path, self.options = path, options
        self._opened: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "options": self.options, "_opened": None}

    def files(self) -> Any:
        """The opened metadata; raises `FineVLAError` if they are broken."""
        from finevla_tools.datasets.lerobot_files import open_dataset

        if self._opened is None:
            with _sentences(f"'{self.path}'"):
                self._opened = open_dataset(self.path)
        return self._opened

    def references(self) -> list[Reference]:
        """An episode each; one that cannot be opened stands for all if the metadata are broken."""
        try:
            episodes = self.files().episodes
        except FineVLAError:
            return [Reference("episode_000000", self.path, 0)]
        return [Reference(episode.name, self.path, episode.index) for episode in episodes]

    def open(self, reference: Reference) -> "LeRobotEpisode":
        """Reads the metadata of all and the language of this one."""
        return LeRobotEpisode(reference, self.files(), self.options)


@dataclass(frozen=True)
class _Video:
    camera: Camera
    path: Path
    begin_s: float


class LeRobotEpisode:
    """One episode of a data set."""

    def __init__(self, reference: Reference, files: Any, options: LeRobotOptions) -> None:
        self._files, self._options = files, options
        self._where = f"'{files.root}', episode {reference.part}"
        found = [episode for episode in files.episodes if episode.index == reference.part]
        if not found:
            raise FineVLAError(f"{self._where} is not in the metadata of the data set")
        self._file = found[0]
        self._path = inside(files.root, str(self._file.path.relative_to(files.root)), self._where)
        with _sentences(self._where):
            self._videos = {video.camera.name: video for video in self._all_videos()}
            self._images = dict(self._all_images())
            self.header = self._describe(reference)

    def _describe(self, reference: Reference) -> Header:
        files = self._files
        if files.fps != round(files.fps):
            raise FineVLAError(f"'{files.root}' has {files.fps} frames per second; only whole numbers can be written")
        used = {self._options.state, self._options.action, *DEFAULTS, *LANGUAGE, *self._images.values()}
        used |= {footage.key for footage in self._file.videos}
        words, left_out = self._words()
        facts: dict[str, Any] = {
            "source": str(self._path),
            "source_format": f"lerobot {files.version}",
            "source_episode": self._file.index,
            "actions": f"as in the source ({self._options.action})",
            "left_out": sorted(str(key)[:80] for key in set(files.features) - used)[:50] + left_out,
        }
        return Header(
            name=reference.name,
            fps=round(files.fps),
            robot=files.robot[:80] or "unknown",
            state_names=self._names_of(self._options.state),
            action_names=self._names_of(self._options.action),
            cameras=tuple(video.camera for video in self._videos.values())
            + tuple(self._camera(name, key) for name, key in self._images.items()),
            words=words,
            facts=facts,
        )

    def frames(self) -> Iterator[Frame]:
        """Rows in blocks, pictures one at a time; each is checked against the rate of the data set."""
        header, fps = self.header, self.header.fps
        tolerance = self._options.tolerance_s
        sizes = {camera.name: (camera.height, camera.width) for camera in header.cameras}
        names = (self._options.state, self._options.action, "timestamp", "task_index")
        widths = (len(header.state_names), len(header.action_names), 1, 1)
        with _sentences(self._where), contextlib.ExitStack() as stack:
            footage = {name: stack.enter_context(_Footage(video, tolerance)) for name, video in self._videos.items()}
            k = 0
            for table in self._tables((*names, *self._images.values())):
                columns = [self._numbers(table, *pair) for pair in zip(names, widths, strict=True)]
                shown_columns = {name: table.column(key) for name, key in self._images.items()}
                for i in range(table.num_rows):
                    time_s = float(columns[2][i, 0])
                    if abs(time_s - k / fps) > tolerance:
                        raise FineVLAError(
                            f"{self._where}: row {k} is at {time_s:.4f} s, {k / fps:.4f} s is due at {fps} frames per "
                            f"second; rows are missing or were recorded unevenly"
                        )
                    shown: dict[str, Picture] = {name: video.at(time_s) for name, video in footage.items()}
                    for name, column in shown_columns.items():
                        shown[name] = self._stored(column[i].as_py(), name, k)
                        if (found := pictures.size(shown[name], f"{self._where}: picture {k} of {name}")) != sizes[
                            name
                        ]:
                            raise FineVLAError(f"{self._where}: picture {k} of {name} is {found[1]}x{found[0]}")
                    yield Frame(columns[0][i], columns[1][i], shown, self._task(int(columns[3][i, 0]), k))
                    k += 1
            if k == 0 or (self._file.length is not None and k != self._file.length):
                raise FineVLAError(f"{self._where} has {k} rows, {self._file.length} are said to be there")

    def _all_videos(self) -> Iterator[_Video]:
        for footage in self._file.videos:
            camera = self._camera(_short_name(footage.key), footage.key)
            path = inside(self._files.root, str(footage.path.relative_to(self._files.root)), self._where)
            if not np.isfinite(footage.begin_s) or footage.begin_s < 0:
                raise FineVLAError(f"{self._where}: its video of {camera.name} begins at {footage.begin_s} s")
            yield _Video(camera, path, footage.begin_s)
        stated = {key for key, feature in self._files.features.items() if feature.get("dtype") == "video"}
        if lacking := stated - {footage.key for footage in self._file.videos}:
            raise FineVLAError(f"{self._where} has no video of {min(lacking)}; the metadata are incomplete")

    def _all_images(self) -> Iterator[tuple[str, str]]:
        for key, feature in self._files.features.items():
            if feature.get("dtype") == "image":
                yield _short_name(key), key

    def _camera(self, name: str, key: str) -> Camera:
        """Size by the declared shape, whichever order it is in."""
        shape = self._files.features[key].get("shape")
        if not (isinstance(shape, list) and len(shape) == 3 and all(type(n) is int and n > 0 for n in shape)):
            raise FineVLAError(f"'{self._files.root}/meta/info.json': shape of {key[:80]} is not (height, width, 3)")
        height, width, channels = shape if shape[2] in (1, 3) else (shape[1], shape[2], shape[0])
        if channels != 3 or max(height, width) > pictures.MAX_SIDE:
            raise FineVLAError(
                f"'{self._files.root}/meta/info.json': {key[:80]} is {shape}; RGB of at most {pictures.MAX_SIDE} pixels "
                f"a side is read"
            )
        return Camera(name, height, width)

    def _names_of(self, key: str) -> tuple[str, ...]:
        feature = self._files.features.get(key)
        if feature is None:
            raise FineVLAError(f"'{self._files.root}': {unknown('feature', key, self._files.features)}")
        shape = feature.get("shape")
        if not (isinstance(shape, list) and len(shape) == 1 and type(shape[0]) is int and 0 < shape[0] <= 4096):
            raise FineVLAError(f"'{self._files.root}/meta/info.json': shape of {key} is not (values,)")
        names = self._files.names(key)
        plain = key.rsplit(".", 1)[-1]
        return names if len(set(names)) == shape[0] else tuple(f"{plain}_{i}" for i in range(shape[0]))

    def _numbers(self, table: Any, key: str, width: int) -> NDArray[Any]:
        from finevla_tools.datasets.lerobot_files import values

        if key == "task_index" and key not in table.column_names:
            return np.full((table.num_rows, 1), -1)
        found = values(table, key, self._where)
        if found.shape != (table.num_rows, width):
            raise FineVLAError(f"{self._where}: column '{key}' has {found.shape[1]} values, {width} are declared")
        if not np.isfinite(found).all():
            raise FineVLAError(f"{self._where}: column '{key}' holds NaN or infinity; leave the episode out")
        return found if key == "task_index" else found.astype(np.float32)

    def _task(self, index: int, row: int) -> str:
        if self._options.task:
            return self._options.task
        task = self._files.task_table.get(index)
        if task is None and index == -1 and self._file.tasks and len(self._file.tasks) == 1:
            task = self._file.tasks[0]
        if task is None:
            raise FineVLAError(
                f"{self._where}: task {index} of row {row} is not in the table of tasks; name it with --task"
            )
        return str(task)

    def _stored(self, cell: Any, name: str, row: int) -> Picture:
        """A picture of an image column: its bytes, or the file that its path names."""
        where = f"{self._where}: picture {row} of {name}"
        data = cell.get("bytes") if isinstance(cell, Mapping) else cell
        if data is None and isinstance(cell, Mapping) and isinstance(cell.get("path"), str):
            path = inside(self._files.root, cell["path"], where)
            if not path.is_file() or path.stat().st_size > 1 << 28:
                raise FineVLAError(f"{where} should be in '{path}', where no picture is")
            data = path.read_bytes()
        if not isinstance(data, bytes):
            raise FineVLAError(f"{where} is missing")
        return pictures.encoded(data, where)

    def _tables(self, columns: tuple[str, ...]) -> Iterator[Any]:
        """The episode's rows in order, some at a time; a shared file's other row groups are not touched."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        if not self._path.is_file():
            raise FineVLAError(f"'{self._path}' is missing")
        with pq.ParquetFile(self._path) as file:
            there = [c for c in dict.fromkeys((*columns, "episode_index")) if c in file.schema_arrow.names]
            if file.metadata.num_rows > 1000 * MAX_ROWS:
                raise FineVLAError(f"'{self._path}' says it has {file.metadata.num_rows} rows; the file is broken")
            groups = [g for g in range(file.metadata.num_row_groups) if self._may_hold(file.metadata.row_group(g))]
            size = ROWS_WITH_PICTURES if self._images else ROWS
            for group in groups:
                for batch in file.iter_batches(size, row_groups=[group], columns=there, use_threads=False):
                    table = pa.Table.from_batches([batch])
                    if "episode_index" in there and self._file.is_shared:
                        table = table.filter(pc.equal(table.column("episode_index"), self._file.index))
                    if table.num_rows:
                        yield table

    def _may_hold(self, group: Any) -> bool:
        if not self._file.is_shared:
            return True
        for c in range(group.num_columns):
            column = group.column(c)
            if column.path_in_schema == "episode_index" and column.statistics and column.statistics.has_min_max:
                return bool(column.statistics.min <= self._file.index <= column.statistics.max)
        return True

    def _words(self) -> tuple[tuple[Words, ...], list[str]]:
        """LeRobot's language columns as words; tool calls are told to be left out."""
        if not any(key in self._files.features for key in LANGUAGE):
            return (), []
        words: list[Words] = []
        left_out: set[str] = set()
        first = True
        for table in self._tables(("timestamp", *LANGUAGE)):
            there = [key for key in LANGUAGE if key in table.column_names]
            for i, time_s in enumerate(self._numbers(table, "timestamp", 1)[:, 0]):
                for key in there:
                    if key == LANGUAGE[0] and not first:  # the same on every row
                        continue
                    for row in table.column(key)[i].as_py() or ():
                        words.append(self._word(row, float(time_s), key == LANGUAGE[1]))
                        left_out |= {f"{key}.tool_calls"} if row.get("tool_calls") else set()
                first = False
        return tuple(words), sorted(left_out)

    def _word(self, row: Any, time_s: float, is_event: bool) -> Words:
        if not isinstance(row, Mapping) or not isinstance(row.get("role"), str):
            raise FineVLAError(f"{self._where}: a row of its language columns is not understood: {str(row)[:80]}")
        begin = row.get("timestamp")
        camera = row.get("camera")
        return Words(
            time_s=time_s if is_event or begin is None else float(begin),
            role=row["role"],
            content=str(row.get("content") or ""),
            style=row.get("style"),
            camera=_short_name(camera) if camera else None,
            is_event=is_event,
        )


class _Footage:
    """A video, decoded forward from where the episode begins."""

    def __init__(self, video: _Video, tolerance_s: float) -> None:
        self._video, self._tolerance_s = video, tolerance_s
        self._where = f"'{video.path}'"

    def __enter__(self) -> "_Footage":
        import av

        if not self._video.path.is_file():
            raise FineVLAError(f"{self._where} is missing")
        with _sentences(self._where):
            self._container = av.open(str(self._video.path), metadata_errors="replace")
            if not self._container.streams.video:
                self._container.close()
                raise FineVLAError(f"{self._where} has no video stream")
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
        with _sentences(self._where):
            for frame in self._decoded:
                if frame.pts is None or frame.pts * self._base < due - self._tolerance_s:
                    continue
                if frame.is_corrupt:
                    raise FineVLAError(f"{self._where}: its picture at {due:.3f} s is broken")
                if frame.pts * self._base > due + self._tolerance_s:
                    at_s = frame.pts * self._base
                    raise FineVLAError(f"{self._where} has no picture at {due:.4f} s, the next one is at {at_s:.4f} s")
                if (frame.height, frame.width) != (camera.height, camera.width):
                    raise FineVLAError(
                        f"{self._where} is {frame.width}x{frame.height}, {camera.width}x{camera.height} is declared"
                    )
                return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        raise FineVLAError(f"{self._where} ends before {due:.4f} s; pictures are missing")


def _short_name(key: str) -> str:
    """A camera's name by its feature: what follows `observation.images.`, else the last part."""
    name = str(key).removeprefix(IMAGES) if str(key).startswith(IMAGES) else str(key).rsplit(".", 1)[-1]
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name):
        raise FineVLAError(f"camera '{name[:80]}' is no plain name; rename the feature '{str(key)[:80]}'")
    return name


@contextlib.contextmanager
def _sentences(where: str) -> Iterator[None]:
    """Whatever pyarrow and FFmpeg say of a broken file as one sentence that begins with `where`."""
    try:
        yield
    except (FineVLAError, GeneratorExit):
        raise
    except Exception as error:
        raise FineVLAError(f"{where} cannot be read: {pictures.said(error)}") from error
