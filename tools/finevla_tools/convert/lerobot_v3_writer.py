"""Parts to a LeRobot v3.0 data set: metadata, statistics and file layout by LeRobot's own code, so the format stays theirs.

Only what it would do slowly is done here: videos come encoded and are joined packet by packet, once per file, and frames
are copied table by table.
"""

import contextlib
import io
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.convert.converted_episode import ACTION, STATE, EpisodePart, image_key, read_part
from finevla_tools.convert.language_files import write_word_files
from finevla_tools.convert.modality_json import modality
from finevla_tools.convert.video_encoder import join
from finevla_tools.datasets.episode_words import EPISODES_FILE
from finevla_tools.datasets.episode_writer import to_json
from finevla_tools.datasets.language_rows import EVENTS, PERSISTENT, columns

MB = 1 << 20


@dataclass(frozen=True)
class V3Options:
    """Limits of LeRobot's files, MB; its own defaults."""

    data_file_mb: int = 100
    video_file_mb: int = 200

    def __post_init__(self) -> None:
        if min(self.data_file_mb, self.video_file_mb) < 1:
            raise FineVLAError("files of a data set must hold at least 1 MB")


def write_v3(
    folders: Sequence[Path], root: Path, embodiment: Embodiment | None = None, options: V3Options | None = None
) -> None:
    """Write the parts of one kind (see `conversion_run`), in order, to a data set at `root`, which must not exist.

    `embodiment` names the slots of meta/modality.json where its values are the parts'.
    """
    o = options or V3Options()
    part, _ = read_part(folders[0])
    features = _features(part, _speaks(folders))
    with _quiet():
        meta = _metadata().create(
            repo_id=f"finevla/{root.name}",
            fps=part.header.fps,
            features=features,
            robot_type=part.header.robot,
            root=root,
            use_videos=any(f["dtype"] == "video" for f in features.values()),
            data_files_size_in_mb=o.data_file_mb,
            video_files_size_in_mb=o.video_file_mb,
        )
        _fill(meta, folders, o)
        meta.finalize()
    _modality(root, part, embodiment)
    write_word_files(root, (read_part(folder)[0] for folder in folders))


def _fill(meta: Any, folders: Sequence[Path], o: V3Options) -> None:
    keys = list(meta.video_keys)
    videos = {key: _Videos(meta, key, o.video_file_mb * MB) for key in keys}
    with _Data(meta, o.data_file_mb * MB) as data, (meta.root / EPISODES_FILE).open("w", encoding="utf-8") as known:
        for index, folder in enumerate(folders):
            part, _ = read_part(folder)
            meta.save_episode_tasks(list(part.tasks))
            places = data.add(part, index)
            for key in keys:
                places |= videos[key].add(part)
            meta.save_episode(index, part.length, list(part.tasks), _statistics(part, meta, index), places)
            known.write(to_json({"episode_index": index, **facts(part)}) + "\n")
    for key in keys:
        videos[key].close()
        meta.update_video_info(key, video_encoder=encoder(part.codec))
    _write_last(meta)


def facts(part: EpisodePart) -> dict[str, Any]:
    """What meta/finevla_episodes.jsonl says of an episode: its facts and its name; its words are in the table of frames."""
    return {"name": part.header.name, "steps": part.length, **dict(part.header.facts)}


class _Data:
    """Data files: the frames of one part after another, each in row groups of its own."""

    def __init__(self, meta: Any, limit: int) -> None:
        self._meta, self._limit, self._path = meta, limit, Path()
        self._writer: Any = None
        self._schema = _hf_features(meta.features).arrow_schema
        self._chunk, self._file = 0, 0
        self._frames, self._size = 0, 0

    def add(self, part: EpisodePart, index: int) -> dict[str, Any]:
        """Copy a part's frames; gives where they are, as LeRobot's episode table says it."""
        import pyarrow.parquet as pq

        self._open(part.data.stat().st_size)
        tasks = np.array([self._meta.get_task_index(task) for task in part.tasks], np.int64)
        words = _language(part, self._schema) if PERSISTENT in self._schema.names else {}
        with pq.ParquetFile(part.data) as source:
            for group in range(source.num_row_groups):
                table = source.read_row_group(group)
                self._writer.write_table(self._table(table, words, index, tasks))
        first, self._frames = self._frames, self._frames + part.length
        return {
            "data/chunk_index": self._chunk,
            "data/file_index": self._file,
            "dataset_from_index": first,
            "dataset_to_index": self._frames,
        }

    def _open(self, size: int) -> None:
        """A file that has room for a part of `size` bytes; what the file itself has on disk by now lags behind."""
        import pyarrow.parquet as pq

        if self._writer is not None and self._size + size >= self._limit:
            self._writer.close()
            self._writer, self._size = None, 0
            self._chunk, self._file = _next_file(self._chunk, self._file, self._meta.chunks_size)
        if self._writer is None:
            place = self._meta.data_path.format(chunk_index=self._chunk, file_index=self._file)
            self._path = self._meta.root / place
            self._path.parent.mkdir(parents=True, exist_ok=True)
            pictures = [f"{key}.bytes" for key in self._meta.image_keys]
            numbers = [name for name in self._schema.names if name not in self._meta.image_keys]
            # Pictures are compressed already, and no two are the same: packing them again costs time and gains nothing.
            packed: Any = dict.fromkeys(numbers, "snappy") | dict.fromkeys(pictures, "none") if pictures else "snappy"
            self._writer = pq.ParquetWriter(
                self._path, self._schema, compression=packed, use_dictionary=["task_index"] if pictures else True
            )
        self._size += size

    def _table(self, table: Any, words: Mapping[str, Any], index: int, tasks: Any) -> Any:
        import pyarrow as pa

        at = table["frame_index"].to_numpy()
        made = {
            "episode_index": pa.array(np.full(len(at), index, np.int64)),
            "index": pa.array(at + self._frames),
            "task_index": pa.array(tasks[table["task_index"].to_numpy()]),
        }
        made |= {name: column.slice(int(at[0]), len(at)) for name, column in words.items()}
        all_of_them = [made[name] if name in made else table[name] for name in self._schema.names]
        flat = [c if f.type == c.type else _cast(c, f.type) for c, f in zip(all_of_them, self._schema, strict=True)]
        return pa.Table.from_arrays(flat, schema=self._schema)

    def __enter__(self) -> "_Data":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


class _Videos:
    """Video files of one camera: parts are collected, and joined to a file when its size limit is reached."""

    def __init__(self, meta: Any, key: str, limit: int) -> None:
        self._meta, self._key, self._limit = meta, key, limit
        self._chunk, self._file = 0, 0
        self._parts: list[tuple[Path, int]] = []
        self._size, self._frames = 0, 0

    def add(self, part: EpisodePart) -> dict[str, Any]:
        """Add a part's video; return its file and time range as columns of LeRobot's episode table."""
        video = part.video(self._key.removeprefix("observation.images."))
        size = video.stat().st_size
        if self._parts and self._size + size >= self._limit:
            self.close()
            self._chunk, self._file = _next_file(self._chunk, self._file, self._meta.chunks_size)
        fps, first = self._meta.fps, self._frames
        self._parts.append((video, part.length))
        self._size, self._frames = self._size + size, self._frames + part.length
        key = f"videos/{self._key}"
        return {
            f"{key}/chunk_index": self._chunk,
            f"{key}/file_index": self._file,
            f"{key}/from_timestamp": float(Fraction(first, fps)),
            f"{key}/to_timestamp": float(Fraction(self._frames, fps)),
        }

    def close(self) -> None:
        """Join the collected parts to one video file, and start a new list."""
        place = self._meta.video_path.format(video_key=self._key, chunk_index=self._chunk, file_index=self._file)
        join([video for video, _ in self._parts], [n for _, n in self._parts], self._meta.fps, self._meta.root / place)
        self._parts, self._size, self._frames = [], 0, 0


def _features(part: EpisodePart, speaks: bool) -> dict[str, dict[str, Any]]:
    features = part.features()
    if speaks:
        features |= {name: {"dtype": "language", "shape": (1,), "names": None} for name in (PERSISTENT, EVENTS)}
    return features


def _speaks(folders: Sequence[Path]) -> bool:
    return any(read_part(folder)[0].header.words for folder in folders)


def _language(part: EpisodePart, schema: Any) -> dict[str, Any]:
    """The two columns of all frames: what is in force, all of it on every frame; what happens, where it does."""
    rows = [w if w.camera is None else replace(w, camera=image_key(w.camera)) for w in part.header.words]
    times = (np.arange(part.length) / part.header.fps).astype(np.float32)
    return columns(rows, times, {name: schema.field(name).type for name in (PERSISTENT, EVENTS)})


def _cast(column: Any, kind: Any) -> Any:
    """A vector of one value is a plain number in LeRobot's tables."""
    import pyarrow as pa

    if (
        pa.types.is_fixed_size_list(column.type)
        and not pa.types.is_list(kind)
        and not pa.types.is_fixed_size_list(kind)
    ):
        column = pa.chunked_array([chunk.flatten() for chunk in column.chunks])
    return column.cast(kind)


def _statistics(part: EpisodePart, meta: Any, index: int) -> dict[str, Any]:
    """By feature: LeRobot's own of the numbers; those of pictures were counted while they were converted."""
    import pyarrow.parquet as pq

    with _imports():
        from lerobot.datasets.compute_stats import compute_episode_stats
    table = pq.read_table(part.data, columns=[STATE, ACTION, "timestamp", "frame_index", "task_index"])
    tasks = np.array([meta.get_task_index(task) for task in part.tasks], np.int64)
    numbers = {name: _matrix(table[name]) for name in (STATE, ACTION)}
    numbers |= {name: table[name].to_numpy() for name in ("timestamp", "frame_index")}
    numbers["episode_index"] = np.full(part.length, index, np.int64)
    numbers["index"] = numbers["frame_index"] + meta.total_frames
    numbers["task_index"] = tasks[table["task_index"].to_numpy()]
    stats: dict[str, Any] = compute_episode_stats(numbers, meta.features)
    for camera, values in part.picture_stats.items():
        stats[image_key(camera)] = {
            k: np.array(v, np.int64) if k == "count" else np.array(v).reshape(3, 1, 1) for k, v in values.items()
        }
    return stats


def _matrix(column: Any) -> Any:
    values = column.combine_chunks()
    return values.flatten().to_numpy().reshape(len(values), -1)


def _modality(root: Path, part: EpisodePart, embodiment: Embodiment | None) -> None:
    h = part.header
    made = modality(h.state_names, h.action_names, [camera.name for camera in h.cameras], embodiment)
    (root / "meta" / "modality.json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def encoder(codec: Mapping[str, Any]) -> Any:
    """LeRobot's settings of a video encoder (`Codec.facts`); raises `FineVLAError` if it does not take them."""
    with _imports():
        from lerobot.configs import RGBEncoderConfig
    try:
        return RGBEncoderConfig(**dict(codec))
    except ValueError as error:
        said = " ".join(str(error).split())
        raise FineVLAError(f"LeRobot does not take these settings of the video encoder: {said}") from error


def _metadata() -> Any:
    with _imports():
        from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
    return LeRobotDatasetMetadata


def _hf_features(features: Any) -> Any:
    with _imports():
        from lerobot.datasets.feature_utils import get_hf_features_from_features
    return get_hf_features_from_features(features)


def _next_file(chunk: int, file: int, per_chunk: int) -> tuple[int, int]:
    with _imports():
        from lerobot.datasets.utils import update_chunk_file_indices
    return update_chunk_file_indices(chunk, file, per_chunk)  # type: ignore[no-any-return]


def _write_last(meta: Any) -> None:
    """Info with what the videos say of themselves; statistics in the features' order, for LeRobot's is another each time."""
    with _imports():
        from lerobot.datasets.io_utils import write_info, write_stats
    write_info(meta.info, meta.root)
    meta.stats = {key: meta.stats[key] for key in meta.features if key in meta.stats}
    write_stats(meta.stats, meta.root)


@contextlib.contextmanager
def _imports() -> Iterator[None]:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here is fetched from anywhere
    try:
        yield
    except ImportError as error:
        raise FineVLAError(f"LeRobot data sets need {error.name}; run 'make data-setup' first") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """LeRobot warns about a video library that is not needed here."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(level)
