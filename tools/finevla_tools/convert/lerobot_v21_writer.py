"""Parts to a LeRobot v2.1 data set, the format of FineVLA's tools, starVLA and GR00T; written without LeRobot.

One Parquet file and one video per camera and episode: what workers made is taken as it is, only indexes are added.

Words of an episode are in meta/finevla_episodes.jsonl only. LeRobot's converter to v3.0 would take the language columns, but
LeRobot of the time of v2.1 does not open a data set that declares them: it knows no data type "language". Whoever wants
them in the tables writes v3.0.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError, unwritable
from finevla_core.plural_phrases import counted
from finevla_tools.convert.converted_episode import ACTION, STATE, EpisodePart, image_key, read_part
from finevla_tools.convert.language_files import write_word_files
from finevla_tools.convert.modality_json import modality
from finevla_tools.convert.video_encoder import join
from finevla_tools.datasets.episode_words import EPISODES_FILE
from finevla_tools.datasets.episode_writer import to_json
from finevla_tools.work.staged_output import Staged

CHUNK = 1000  # episodes per folder
DATA = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
# Columns that every data set has.
DEFAULTS = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}


def write_v21(folders: Iterable[Path], target: Path, embodiment: Embodiment | None = None) -> Path:
    """Put parts together as episodes 0, 1, ... of a new data set at `target`; the parts stay as they are.

    `embodiment` names the slots of meta/modality.json where its values are the parts'. Raises `FineVLAError` if `target`
    exists, there is no part, or one does not fit the first.
    """
    try:
        with Staged(target) as path, _Writer(path, embodiment) as writer:
            paths = list(folders)
            for folder in paths:
                writer.add(read_part(folder)[0])
            writer.finish()
            write_word_files(path, (read_part(folder)[0] for folder in paths))
    except OSError as error:
        raise unwritable(target, error) from error
    return target


class _Writer:
    """The metadata files, open while episodes come: nothing of one stays in memory but its tasks."""

    def __init__(self, root: Path, embodiment: Embodiment | None) -> None:
        self._root, self._embodiment = root, embodiment
        self._first: EpisodePart | None = None
        self._tasks: dict[str, int] = {}
        self._episodes = self._frames = 0
        (root / "meta").mkdir(parents=True)
        names = ("meta/episodes.jsonl", "meta/episodes_stats.jsonl", EPISODES_FILE)
        self._files = {name: (root / name).open("w", encoding="utf-8") for name in names}

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, part: EpisodePart) -> None:
        self._check(part)
        number, header = self._episodes, part.header
        place = {"episode_chunk": number // CHUNK, "episode_index": number}
        tasks = [self._tasks.setdefault(task, len(self._tasks)) for task in part.tasks]
        data = self._root / DATA.format(**place)
        data.parent.mkdir(parents=True, exist_ok=True)
        columns = self._write_rows(part, data, np.array(tasks, np.int64))
        if part.pictures == "video":
            for camera in header.cameras:
                video = self._root / VIDEO.format(**place, video_key=image_key(camera.name))
                join([part.video(camera.name)], [part.length], header.fps, video)
        stats = {name: _statistics(values) for name, values in columns.items()}
        stats |= {image_key(camera): _per_channel(numbers) for camera, numbers in part.picture_stats.items()}
        self._say("meta/episodes.jsonl", {"episode_index": number, "tasks": list(part.tasks), "length": part.length})
        self._say("meta/episodes_stats.jsonl", {"episode_index": number, "stats": stats})
        words = [vars(word) for word in header.words]
        more = {"episode_index": number, "name": header.name, **header.facts} | ({"words": words} if words else {})
        self._say(EPISODES_FILE, more)
        self._episodes += 1
        self._frames += part.length

    def finish(self) -> None:
        """The files that speak of all episodes."""
        if self._first is None:
            raise FineVLAError("there is no converted episode: no data set is written")
        header = self._first.header
        with (self._root / "meta" / "tasks.jsonl").open("w", encoding="utf-8") as file:
            for task, index in self._tasks.items():
                file.write(to_json({"task_index": index, "task": task}) + "\n")
        cameras = [camera.name for camera in header.cameras]
        self._dump("modality.json", modality(header.state_names, header.action_names, cameras, self._embodiment))
        self._dump("info.json", self._info(self._first))

    def _info(self, part: EpisodePart) -> dict[str, Any]:
        is_video = part.pictures == "video"
        features = part.features() | {k: {"dtype": kind, "shape": (1,), "names": None} for k, kind in DEFAULTS.items()}
        if is_video:
            for camera in part.header.cameras:
                features[image_key(camera.name)]["info"] = _video_info(part.video(camera.name), part)
        return {
            "codebase_version": "v2.1",
            "robot_type": part.header.robot,
            "total_episodes": self._episodes,
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "total_videos": self._episodes * len(part.header.cameras) if is_video else 0,
            "total_chunks": -(-self._episodes // CHUNK),
            "chunks_size": CHUNK,
            "fps": part.header.fps,
            "splits": {"train": f"0:{self._episodes}"},
            "data_path": DATA,
            "video_path": VIDEO if is_video and part.header.cameras else None,
            "features": features,
        }

    def _check(self, part: EpisodePart) -> None:
        if self._first is None:
            self._first = part
            return
        one, other = self._first.header, part.header
        differ: dict[str, tuple[Any, Any]] = {"rate": (one.fps, other.fps), "robot": (one.robot, other.robot)}
        mine, theirs = self._first.features(), part.features()
        differ |= {name: (mine.get(name), theirs.get(name)) for name in {*mine, *theirs}}
        if odd := sorted(name for name, (a, b) in differ.items() if a != b):
            raise FineVLAError(
                f"episode '{other.name}' has another {odd[0]} than '{one.name}'; write them to two data sets"
            )

    def _write_rows(self, part: EpisodePart, target: Path, tasks: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The part's table with the data set's indexes; its numeric columns are given back for statistics."""
        import pyarrow.parquet as pq

        kept: dict[str, list[NDArray[Any]]] = {name: [] for name in (STATE, ACTION, *DEFAULTS)}
        rows, writer = 0, None
        with pq.ParquetFile(part.data) as source:
            try:
                for table in _groups(source):
                    made = self._indexed(table, rows, tasks)
                    writer = writer or pq.ParquetWriter(target, made.schema)
                    writer.write_table(made)
                    for name, parts in kept.items():
                        parts.append(_array(made.column(name)))
                    rows += made.num_rows
            finally:
                if writer is not None:
                    writer.close()
        if rows != part.length:
            raise FineVLAError(
                f"'{part.data}' has {counted(rows, 'row')}, {part.length} are said to be there; convert it again"
            )
        return {name: np.concatenate(parts) for name, parts in kept.items()}

    def _indexed(self, table: Any, before: int, tasks: NDArray[np.int64]) -> Any:
        import pyarrow as pa

        count = table.num_rows
        own = table.column("task_index").to_numpy()
        index = np.arange(before, before + count, dtype=np.int64) + self._frames
        table = table.drop_columns(["task_index"])
        table = table.append_column("episode_index", pa.array(np.full(count, self._episodes, np.int64)))
        return table.append_column("index", pa.array(index)).append_column("task_index", pa.array(tasks[own]))

    def _say(self, name: str, row: Mapping[str, Any]) -> None:
        self._files[name].write(to_json(row) + "\n")

    def _dump(self, name: str, value: Mapping[str, Any]) -> None:
        text = json.dumps(value, ensure_ascii=False, indent=4)
        (self._root / "meta" / name).write_text(text + "\n", encoding="utf-8")


def _groups(source: Any) -> Iterator[Any]:
    for group in range(source.num_row_groups):
        yield source.read_row_group(group)


def _array(column: Any) -> NDArray[Any]:
    """`(T, D)`; scalars are `(T, 1)`."""
    array = column.combine_chunks()
    array = array.chunk(0) if hasattr(array, "chunk") else array
    return np.asarray(array.flatten() if hasattr(array, "flatten") else array).reshape(len(column), -1)


def _statistics(values: NDArray[Any]) -> dict[str, list[float]]:
    exact = values.astype(np.float64)
    found = {"min": exact.min(0), "max": exact.max(0), "mean": exact.mean(0), "std": exact.std(0)}
    found |= {name: np.quantile(exact, q, axis=0) for name, q in QUANTILES.items()}
    whole = np.issubdtype(values.dtype, np.integer)
    return {k: [int(x) if whole and k in ("min", "max") else float(x) for x in v] for k, v in found.items()} | {
        "count": [len(values)]
    }


def _per_channel(numbers: Mapping[str, list[float]]) -> dict[str, Any]:
    """Pictures' statistics in LeRobot's shape, (3, 1, 1)."""
    shaped = {key: [[[value]] for value in values] for key, values in numbers.items() if key != "count"}
    return shaped | {"count": [int(numbers["count"][0])]}


def _video_info(video: Path, part: EpisodePart) -> dict[str, Any]:
    """What LeRobot 2.1 says of videos, read from the first one."""
    import av

    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            said = (stream.height, stream.width, stream.codec_context.name, stream.pix_fmt)
    except (av.FFmpegError, IndexError) as error:
        raise FineVLAError(f"'{video}' is no video any more ({error}); convert the episode again") from error
    codec = {"libdav1d": "av1"}.get(said[2], said[2])
    return {
        "video.height": said[0],
        "video.width": said[1],
        "video.codec": codec,
        "video.pix_fmt": said[3],
        "video.is_depth_map": False,
        "video.fps": part.header.fps,
        "video.channels": 3,
        "has_audio": False,
    }
