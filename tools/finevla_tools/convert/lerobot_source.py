"""LeRobot data sets (v2.0, v2.1, v3.0) as a source: rows by pyarrow, videos by PyAV, neither LeRobot nor torch needed.

A picture belongs to a row if it is shown at the row's timestamp; where there is none, the episode is refused.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.pointer_files import refuse_no_content
from finevla_core.recording.label_contradiction import same_words
from finevla_tools.convert import compressed_pictures
from finevla_tools.convert.episode import CameraStream, EpisodeFrame, Header, Picture, Reference
from finevla_tools.convert.episode_names import inside
from finevla_tools.convert.lerobot_columns import Columns, Vector, columns_of
from finevla_tools.convert.lerobot_pictures import VideoPictures, declared_camera, sentences, stored_picture
from finevla_tools.convert.task_labels import TaskTable, task_for
from finevla_tools.datasets.frame_times import refuse_impossible_times
from finevla_tools.datasets.language_row import LanguageRow
from finevla_tools.datasets.scalar_columns import stored_columns

ROWS = 256  # of numbers in memory at once
ROWS_WITH_PICTURES = 4
IMAGES = "observation.images."
DEFAULTS = {"timestamp", "frame_index", "episode_index", "index", "task_index", "next.done"}
COUNTED = ("timestamp", "task_index", "frame_index")
LANGUAGE = ("language_persistent", "language_events")
TOLD_BEGIN = 0.25  # of a frame: a video that begins later is worth a sentence
TOLD = 5  # sentences on broken metadata, of which there may be thousands
MAX_ROWS = 1_000_000


@dataclass(frozen=True)
class LeRobotOptions:
    """Which columns are state and action, and how far (s) a picture may be from its row's time.

    `state` and `action` are names with commas, joined side by side; empty: observation.state and action where they are
    there, else those that are recognised. `gripper` and `gripper_action` are scales as `gripper_and_joint_scales.parse` reads
    them. `fps` can
    only be the data set's own: rows are taken as they are.
    """

    state: str = ""
    action: str = ""
    tolerance_s: float = 1e-3
    task: str | TaskTable = ""
    gripper: str = "auto"
    gripper_action: str = ""
    fps: int | None = None


def matches(path: Path) -> bool:
    """Whether `path` is the folder of a LeRobot data set."""
    return (path / "meta" / "info.json").is_file()


class LeRobotSource:
    """One data set; what is wrong with its metadata as a whole is told when its episodes are opened."""

    def __init__(self, path: Path, options: LeRobotOptions = LeRobotOptions()) -> None:
        self.path, self.options = path, options
        self._opened: Any = None
        self._columns: Columns | None = None
        self._reader: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "options": self.options, "_opened": None, "_columns": self._columns, "_reader": None}

    def settle(self) -> tuple[str, ...]:
        """Decide once, over all episodes, which columns are read and how they are scaled; what was decided, in words."""
        if self._columns is None:
            o, files = self.options, self.files()
            if o.fps not in (None, files.fps):
                raise FineVLAError(
                    f"'{self.path}' has {files.fps:g} frames per second, --fps {o.fps} cannot be made of it: rows of a data "
                    "set are taken as they are; leave --fps out"
                )
            self._columns = columns_of(files, o.state, o.action, o.gripper, o.gripper_action)
        return self._columns.told

    def files(self) -> Any:
        """The opened metadata; raises `FineVLAError` if they are broken."""
        from finevla_tools.datasets.lerobot_files import open_dataset

        if self._opened is None:
            with sentences(f"'{self.path}'"):
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
        self.settle()
        assert self._columns is not None
        return LeRobotEpisode(reference, self.files(), self.options, self._columns, self._words())

    def _words(self) -> Any:
        """The reader of its words; None where there are tasks only."""
        from finevla_tools.datasets.episode_words import WordsReader, has_words

        if self._reader is None and has_words(self.files()):
            self._reader = WordsReader(self.files())
        return self._reader


class LeRobotEpisode:
    """One episode of a data set."""

    def __init__(
        self, reference: Reference, files: Any, options: LeRobotOptions, columns: Columns, reader: Any = None
    ) -> None:
        self._files, self._options, self._columns = files, options, columns
        self._where = f"'{files.root}', episode {reference.part}"
        self._first = 0  # the frame that its first row says it is
        found = [episode for episode in files.episodes if episode.index == reference.part]
        if not found:
            raise FineVLAError(f"{self._where} is not in the metadata of the data set")
        self._file = found[0]
        self._given_task = task_for(options.task, reference)
        self._path = inside(files.root, str(self._file.path.relative_to(files.root)), self._where)
        with sentences(self._where):
            self._videos = {video.camera.name: video for video in self._all_videos()}
            self._images = dict(self._all_images())
            own = replace(self._file, tasks=(self._given_task,)) if self._given_task else self._file
            self._said = None if reader is None else reader.read(own)
            self._is_ours = reader is not None and reader.is_ours(self._file.index)
            self.header = self._describe(reference)

    def _describe(self, reference: Reference) -> Header:
        files = self._files
        if files.fps != round(files.fps):
            raise FineVLAError(f"'{files.root}' has {files.fps} frames per second; only whole numbers can be written")
        state, action = self._columns.state, self._columns.action
        used = {*state.keys, *action.keys, *DEFAULTS, *LANGUAGE, *self._images.values()}
        used |= {footage.key for footage in self._file.videos} - files.depth
        used |= set(stored_columns(used, files.vectors))
        facts: dict[str, Any] = {
            "source": str(self._path),
            "source_format": f"lerobot {files.version}",
            "source_episode": self._file.index,
            "actions": f"as in the source ({', '.join(action.keys)})",
            "grippers": list(self._columns.told),
            "notes": self._problems(),
            "left_out": sorted(str(key)[:80] for key in set(files.features) - used - set(files.vectors))[:50],
        }
        if files.depth:
            facts["notes"] += [f"depth is no colour picture and was left out: {', '.join(sorted(files.depth))[:300]}"]
        return Header(
            name=reference.name,
            fps=round(files.fps),
            robot=files.robot[:80] or "unknown",
            state_names=state.names,
            action_names=action.names,
            cameras=tuple(video.camera for video in self._videos.values())
            + tuple(self._camera(name, key) for name, key in self._images.items()),
            words=self._words(),
            annotations=self._said.annotations if self._said is not None else (),
            facts=facts,
        )

    def _footage_problems(self) -> Iterator[str]:
        """Where the piece of a shared video is said to be longer or shorter than the episode's rows."""
        due_s = (self._file.length or 0) / self._files.fps
        for video in self._file.videos:
            said_s = due_s if video.end_s is None else video.end_s - video.begin_s
            if due_s and abs(said_s - due_s) > 0.75 / self._files.fps:
                yield (
                    f"its piece of {video.key} is said to last {said_s:.3f} s, its rows take {due_s:.3f} s; its pictures may "
                    "be another episode's"
                )

    def _problems(self) -> list[str]:
        """Of the metadata: the first few, which stand for the rest."""
        problems = [*self._footage_problems(), *self._files.problems]
        more = [f"and {len(problems) - TOLD} more of its metadata"] if len(problems) > TOLD else []
        return [*problems[:TOLD], *more]

    def frames(self) -> Iterator[EpisodeFrame]:
        """Rows in blocks, pictures one at a time; each is checked against the rate of the data set."""
        header, fps = self.header, self.header.fps
        tolerance = self._options.tolerance_s
        sizes = {camera.name: (camera.height, camera.width) for camera in header.cameras}
        state, action = self._columns.state, self._columns.action
        with sentences(self._where), contextlib.ExitStack() as stack:
            footage = {name: stack.enter_context(video) for name, video in self._videos.items()}
            k = 0
            for table in self._tables((*state.keys, *action.keys, *COUNTED, *self._images.values())):
                self._follow(table, k)
                refuse_impossible_times(table, self._files.fps, self._where)
                columns = [self._vector(table, state), self._vector(table, action)]
                columns += [self._numbers(table, key, 1) for key in ("timestamp", "task_index")]
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
                        what = f"{self._where}: picture {k} of {name}"
                        shown[name] = stored_picture(column[i].as_py(), self._files.root, what)
                        if (found := compressed_pictures.size(shown[name], what)) != sizes[name]:
                            raise FineVLAError(f"{what} is {found[1]}x{found[0]}")
                    yield EpisodeFrame(columns[0][i], columns[1][i], shown, self._task(int(columns[3][i, 0]), k))
                    k += 1
            for name, video in footage.items():
                if video.begins_s > TOLD_BEGIN / fps:
                    self._tell(
                        f"its video of {name} begins at {video.begins_s:.3f} s; its first picture is taken for that of row 0"
                    )
                if not self._file.is_shared and video.has_more():
                    self._tell(f"its video of {name} goes on behind its last row; rows may be missing")
            if k == 0 or (self._file.length is not None and k != self._file.length):
                raise DamagedFileError(
                    f"{self._where} has {counted(k, 'row')}, {self._file.length} are said to be there"
                )

    def _follow(self, table: Any, k: int) -> None:
        """Refuse rows, from the episode's `k`-th on, whose numbers are mixed up; tell where they do not begin with 0."""
        from finevla_tools.datasets.row_numbers import refuse_mixed_rows

        self._first = refuse_mixed_rows(table, self._where, k, self._first if k else None)
        if self._first:
            self._tell(f"its rows begin with frame {self._first}; pictures are taken by their times all the same")

    def _all_videos(self) -> Iterator[VideoPictures]:
        for footage in self._file.videos:
            if footage.key in self._files.depth:
                continue
            camera = self._camera(_short_name(footage.key), footage.key)
            path = inside(self._files.root, str(footage.path.relative_to(self._files.root)), self._where)
            if not np.isfinite(footage.begin_s) or footage.begin_s < 0:
                raise FineVLAError(f"{self._where}: its video of {camera.name} begins at {footage.begin_s} s")
            yield VideoPictures(camera, replace(footage, path=path), self._options.tolerance_s)
        stated = {key for key, feature in self._files.features.items() if feature.get("dtype") == "video"}
        if lacking := stated - self._files.depth - {footage.key for footage in self._file.videos}:
            raise FineVLAError(f"{self._where} has no video of {min(lacking)}; the metadata are incomplete")

    def _all_images(self) -> Iterator[tuple[str, str]]:
        for key, feature in self._files.features.items():
            if feature.get("dtype") == "image" and key not in self._files.depth:
                yield _short_name(key), key

    def _camera(self, name: str, key: str) -> CameraStream:
        return declared_camera(key, name, self._files.features[key].get("shape"), self._files.root)

    def _vector(self, table: Any, part: Vector) -> NDArray[np.float32]:
        """State or action `(T, D)`, its columns side by side, grippers 0 to 1."""
        found = [self._numbers(table, key, width) for key, width in zip(part.keys, part.widths, strict=True)]
        return part.scaled(np.concatenate(found, axis=1))

    def _numbers(self, table: Any, key: str, width: int) -> NDArray[Any]:
        from finevla_tools.datasets.lerobot_files import values

        if key == "task_index" and key not in table.column_names:
            return np.full((table.num_rows, 1), -1)
        found = values(table, key, self._where)
        if found.shape != (table.num_rows, width):
            raise FineVLAError(
                f"{self._where}: column '{key}' has {counted(found.shape[1], 'value')}, {width} are declared"
            )
        if not np.isfinite(found).all():
            raise FineVLAError(f"{self._where}: column '{key}' holds NaN or infinity; leave the episode out")
        return found if key == "task_index" else found.astype(np.float32)

    def _task(self, index: int, row: int) -> str:
        """`--task`, the episode's own label where it has one, else what the row's index means in the table of tasks.

        Rows of an episode with several labels say which of them; where a number and a text contradict, texts count.
        """
        if self._given_task:
            return self._given_task
        if self._is_ours and self._said is not None:
            return str(self._said.raw_at(row))
        task = self._files.task_table.get(index)
        own = [text for text in self._file.tasks or () if text.strip()]
        if len(own) == 1 and (task is None or task not in own):
            if task is not None and not same_words(task, own[0]):
                self._tell(f"its rows' task {index} is '{task}', its own label '{own[0]}'; the label counts")
            return str(own[0])
        if task is None:
            raise FineVLAError(
                f"{self._where}: task {index} of row {row} is not in the table of tasks; name it with --task"
            )
        if own and task not in own:
            self._tell(
                f"task '{task}' of its rows is none of its own labels ({', '.join(own)[:200]}); the rows' counts"
            )
        return str(task)

    def _tell(self, sentence: str) -> None:
        """Into the facts, which are written when the frames are read."""
        notes = self.header.facts["notes"]
        if sentence not in notes:
            notes.append(sentence)

    def _tables(self, columns: tuple[str, ...]) -> Iterator[Any]:
        """The episode's rows in order, some at a time; a shared file's other row groups are not touched."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        from finevla_tools.datasets.episode_rows import OWN_INDEX, refuse_another

        if not self._path.is_file():
            raise DamagedFileError(f"'{self._path}' is missing")
        refuse_no_content(self._path)
        with pq.ParquetFile(self._path) as file:
            wanted = stored_columns((*columns, OWN_INDEX), self._files.vectors)
            there = [c for c in wanted if c in file.schema_arrow.names]
            if file.metadata.num_rows > 1000 * MAX_ROWS:
                raise DamagedFileError(
                    f"'{self._path}' says it has {counted(file.metadata.num_rows, 'row')}; the file is broken"
                )
            groups = [g for g in range(file.metadata.num_row_groups) if self._may_hold(file.metadata.row_group(g))]
            size = ROWS_WITH_PICTURES if self._images else ROWS
            for group in groups:
                for batch in file.iter_batches(size, row_groups=[group], columns=there, use_threads=False):
                    table = pa.Table.from_batches([batch])
                    if OWN_INDEX in there and self._file.is_shared:
                        table = table.filter(pc.equal(table.column(OWN_INDEX), self._file.index))
                    elif OWN_INDEX in there:
                        refuse_another(table.column(OWN_INDEX), self._path, self._file.index)
                    if table.num_rows:
                        yield self._files.joined(table, columns, self._where)

    def _may_hold(self, group: Any) -> bool:
        if not self._file.is_shared:
            return True
        for c in range(group.num_columns):
            column = group.column(c)
            if column.path_in_schema == "episode_index" and column.statistics and column.statistics.has_min_max:
                return bool(column.statistics.min <= self._file.index <= column.statistics.max)
        return True

    def _words(self) -> tuple[LanguageRow, ...]:
        """Rows of its language columns, or of our side file; what holds from a time on before what happens once."""
        rows = () if self._said is None else self._said.rows()
        short = (replace(row, camera=_short_name(row.camera)) if row.camera else row for row in rows)
        return tuple(sorted(short, key=lambda row: (row.is_event, row.time_s, row.style or "", row.role)))


def _short_name(key: str) -> str:
    """A camera's name by its feature: what follows `observation.images.`, else the last part."""
    name = str(key).removeprefix(IMAGES) if str(key).startswith(IMAGES) else str(key).rsplit(".", 1)[-1]
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name):
        raise FineVLAError(f"camera '{name[:80]}' is no plain name; rename the feature '{str(key)[:80]}'")
    return name
