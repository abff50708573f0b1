"""A LeRobot data set as its files, v2.0 to v3.0: what is said of each episode, and its rows, read with pyarrow alone.

Nothing is decoded, and nothing of one episode stays in memory for the next but one row group. Whatever is wrong with one
episode is told when that episode is read; whatever is wrong with all of them when the data set is opened.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from finevla_core.errors import DamagedFileError, FineVLAError, unknown
from finevla_core.plural_phrases import counted
from finevla_core.text_files import read_json, read_json_lines
from finevla_tools.datasets.episode_rows import rows_alone, rows_among_others, short, whole_table
from finevla_tools.datasets.lerobot_paths import filled, template
from finevla_tools.datasets.row_numbers import FRAME, refuse_mixed_rows
from finevla_tools.datasets.scalar_columns import stored_columns, vectors, with_vectors
from finevla_tools.datasets.value_meanings import flat_names
from finevla_tools.path_hints import no_data_set

MAX_EPISODES = 10_000_000  # of an info.json: more is a typing error, and a list of them would fill the memory
MOST_SHARED_S = 0.02  # of two episodes' pictures: less than one at any usual rate, more than times are rounded by
MAX_VALUE = float(np.finfo(np.float32).max)  # larger ones would become infinite in what is written
MAX_WIDTH = 4096  # values of one feature
DATA_V2 = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO_V2 = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
DATA_V3 = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_V3 = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
DEEP_PIXELS = re.compile(r"gray(9|1\d)")  # FFmpeg's words for grey of more than 8 bits
# Some writers leave the last frame's length open; FFmpeg, which cuts at the end that follows from it, would leave it out.
UNCUT = {"advanced_editlist": "0"}


@dataclass(frozen=True)
class Footage:
    """Where one camera's pictures of an episode are: a file, and the seconds of it that are the episode's."""

    key: str
    path: Path
    begin_s: float
    end_s: float | None  # None: to the end of the file


@dataclass(frozen=True)
class EpisodeFile:
    """What the metadata say of one episode. `length` and `tasks` are as stated there, which may be wrong or missing (None).

    `rows` is the half-open interval of the whole data set's `index` (v3.0); `path` holds this episode alone in v2.x.
    """

    index: int
    path: Path
    length: int | None
    tasks: tuple[str, ...] | None
    is_shared: bool = False
    videos: tuple[Footage, ...] = ()

    @property
    def name(self) -> str:
        """The file name that v2.1 gives it."""
        return f"episode_{self.index:06d}"


@dataclass(frozen=True)
class LeRobotFiles:
    """An opened data set; picklable, so that any worker can read it. `problems` are sentences about its metadata.

    `vectors` are features that single columns make together (`scalar_columns`), with the names of those.
    """

    root: Path
    fps: float
    version: str
    robot: str
    features: Mapping[str, Mapping[str, Any]]
    episodes: tuple[EpisodeFile, ...]
    info: Mapping[str, Any]
    problems: tuple[str, ...] = ()
    task_table: Mapping[int, str] = field(default_factory=dict)
    vectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_v3(self) -> bool:
        """Whether many episodes share a file."""
        return self.version.startswith("v3")

    @property
    def depth(self) -> frozenset[str]:
        """Features whose pictures are depth: no camera of colours."""
        return frozenset(key for key, feature in self.features.items() if is_depth(key, feature))

    def names(self, key: str) -> tuple[str, ...]:
        """The names of a feature's values, however nested; nothing where none or not as many as values are stated."""
        names = flat_names(self.features.get(key, {}).get("names"))
        return names if len(names) == self.width(key) else ()

    def width(self, key: str) -> int:
        """How many values of a feature a frame has, as declared; 0 where that is not sound."""
        shape = self.features.get(key, {}).get("shape")
        shape = [shape] if isinstance(shape, int) else shape
        if not isinstance(shape, list | tuple) or not all(type(n) is int and 0 < n <= MAX_WIDTH for n in shape):
            return 0
        size = math.prod(shape)
        return size if size <= MAX_WIDTH else 0

    def read(self, episode: EpisodeFile, columns: Iterable[str] | None = None) -> pa.Table:
        """The episode's rows; of `columns` those that are there. Raises `FineVLAError` naming file and fault.

        Rows that say they are not in their order are a fault: what is computed of them would be of no motion.
        """
        wanted = None if columns is None else tuple(dict.fromkeys(columns))
        stored = None if wanted is None else stored_columns((*wanted, FRAME), self.vectors)
        if not episode.is_shared:
            table = rows_alone(episode.path, episode.index, stored)
        elif (table := rows_among_others(episode.path, episode.index, stored)).num_rows == 0:
            raise DamagedFileError(f"'{episode.path}' has no rows of episode {episode.index}")
        refuse_mixed_rows(table, f"'{episode.path}'")
        if wanted is not None and FRAME not in wanted and FRAME in table.column_names:
            table = table.drop_columns([FRAME])
        return table if wanted is None else self.joined(table, wanted, f"'{episode.path}'")

    def joined(self, table: pa.Table, keys: Iterable[str], where: str) -> pa.Table:
        """Add the vectors among `keys`; raises `DamagedFileError` if a column of one is not there or no single number."""
        for key in (key for key in keys if key in self.vectors):
            if lacking := [column for column in self.vectors[key] if column not in table.column_names]:
                raise DamagedFileError(f"{where} has no column '{lacking[0]}' of '{key}'")
            rows = np.hstack([values(table, column, where).reshape(table.num_rows, -1) for column in self.vectors[key]])
            if rows.shape[1] != len(self.vectors[key]):
                raise DamagedFileError(f"{where}: a column of '{key}' has several values, one is declared")
            made = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
            table = table.append_column(key, made)
        return table


def open_dataset(root: Path | str) -> LeRobotFiles:
    """Raises `FineVLAError` in one sentence if it is no LeRobot data set of v2.x or v3.0."""
    root = Path(root)
    path = root / "meta" / "info.json"
    if not path.is_file():
        raise FineVLAError(no_data_set(root))
    info = read_json(path)
    if not isinstance(info, dict):
        raise DamagedFileError(f"'{path}' is not a JSON object")
    version = str(info.get("codebase_version", "v2.1"))
    if not re.fullmatch(r"v[23]\.\d+", version):
        raise FineVLAError(f"'{path}': codebase_version '{version[:40]}' is not known; v2.0, v2.1 and v3.0 are read")
    fps = info.get("fps")
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps <= 10_000:
        raise FineVLAError(f"'{path}': fps is {repr(fps)[:40]}; a number above 0 is needed")
    features = info.get("features")
    if not isinstance(features, dict) or not all(isinstance(f, dict) for f in features.values()):
        raise DamagedFileError(f"'{path}': features is not an object of objects")
    video_keys = [key for key, feature in features.items() if feature.get("dtype") == "video"]
    try:
        listed = (_list_v3 if version.startswith("v3") else _list_v2)(root, info, video_keys)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, FineVLAError):
            raise
        raise DamagedFileError(f"'{root}/meta' cannot be understood: {short(error)}") from error
    episodes, tasks, problems = listed
    robot, made = str(info.get("robot_type") or ""), vectors(features)
    features = with_vectors(features, made)
    return LeRobotFiles(root, float(fps), version, robot, features, tuple(episodes), info, tuple(problems), tasks, made)


def is_depth(key: str, feature: Mapping[str, Any]) -> bool:
    """Whether a feature's pictures are depth: by LeRobot's flag (0.6, and as it was before), its name or its pixels."""
    if feature.get("dtype") not in ("video", "image"):
        return False
    said = [found for name in ("info", "video_info") if isinstance(found := feature.get(name), Mapping)]
    flagged = any(found.get(flag) for found in said for flag in ("is_depth_map", "video.is_depth_map"))
    deep = any(DEEP_PIXELS.match(str(found.get("video.pix_fmt", ""))) for found in said)
    return flagged or deep or "depth" in re.split(r"[^a-z]+", key.lower())


def values(table: pa.Table, key: str, where: str) -> NDArray[Any]:
    """A column as `(T, D)` of its own number type; scalars become `(T, 1)`. Raises `FineVLAError` for anything else."""
    if key not in table.column_names:
        raise FineVLAError(f"{where}: " + unknown("column", key, table.column_names))
    array = table.column(key).combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    rows = len(array)
    while pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
        if array.null_count:
            raise DamagedFileError(f"{where}: column '{key}' has empty cells")
        if not pa.types.is_fixed_size_list(array.type):
            lengths = np.diff(np.asarray(array.offsets))
            if len(lengths) and (lengths != lengths[0]).any():
                odd = int(np.flatnonzero(lengths != lengths[0])[0])
                raise DamagedFileError(
                    f"{where}: column '{key}' has {counted(lengths[0], 'value')}, but {lengths[odd]} in row {odd}"
                )
        array = array.flatten()
    if array.null_count:
        raise DamagedFileError(f"{where}: column '{key}' has empty cells")
    kind = array.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise DamagedFileError(f"{where}: column '{key}' holds {kind}, numbers are needed")
    flat = np.asarray(array.to_numpy(zero_copy_only=False))
    if rows and not len(flat):
        raise DamagedFileError(f"{where}: column '{key}' has no value in any of its {counted(rows, 'row')}")
    if flat.dtype == np.float16:
        flat = flat.astype(np.float32)
    if flat.dtype == np.float64 and (beyond := np.isfinite(flat) & (np.abs(flat) > MAX_VALUE)).any():
        raise DamagedFileError(
            f"{where}: column '{key}' holds {flat[beyond][0]:.3g}, more than any unit of a robot makes"
        )
    return flat.reshape(rows, -1) if rows else flat.reshape(0, 0)


def _list_v2(
    root: Path, info: Mapping[str, Any], video_keys: Sequence[str]
) -> tuple[list[EpisodeFile], dict[int, str], list[str]]:
    rows: dict[int, Any] = {}
    problems: list[str] = []
    for name in ("episodes.jsonl", "episode.jsonl"):
        if (root / "meta" / name).is_file():
            found, problems = read_json_lines(root / "meta" / name)
            for row in found:
                number = row.get("episode_index")
                if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < MAX_EPISODES:
                    if rows.setdefault(number, row) != row:
                        problems.append(f"'{root}/meta/{name}' has two lines for episode {number}; the last counts")
                    rows[number] = row
                else:
                    problems.append(f"'{root}/meta/{name}' has a line without an episode_index; it was left out")
            break
    tasks: dict[int, str] = {}
    if (root / "meta" / "tasks.jsonl").is_file():
        found, more = read_json_lines(root / "meta" / "tasks.jsonl")
        problems += more
        tasks, odd = _task_table(found, root / "meta" / "tasks.jsonl")
        problems += odd
    total, size = _count(info, "total_episodes", 0), max(1, _count(info, "chunks_size", 1000))
    data_path, video_path = template(info, "data_path", DATA_V2), template(info, "video_path", VIDEO_V2)
    lying = {int(p.stem[8:]): p for p in sorted((root / "data").glob("**/episode_*.parquet")) if p.stem[8:].isdecimal()}
    if total > 1000 + 10 * len({*rows, *lying}):  # missing ones are told one by one, but not millions of them
        raise FineVLAError(
            f"'{root}/meta/info.json' says there are {counted(total, 'episode')}, {len({*rows, *lying})} are there"
        )
    episodes = []
    for number in sorted({*range(total), *rows, *lying}):
        fields = {"episode_index": number, "episode_chunk": number // size}
        path = filled(root, data_path, fields)
        path = path if path.exists() else lying.get(number, path)
        videos = tuple(
            Footage(key, filled(root, video_path, fields | {"video_key": key}), 0.0, None) for key in video_keys
        )
        row = rows.get(number, {})
        episodes.append(EpisodeFile(number, path, _length(row), _tasks(row, tasks), False, videos))
    return episodes, tasks, problems


def _task_table(rows: Sequence[Mapping[str, Any]], path: Path) -> tuple[dict[int, str], list[str]]:
    tasks: dict[int, str] = {}
    problems = []
    for row in rows:
        number, text = row.get("task_index"), row.get("task")
        if isinstance(number, bool) or not isinstance(number, int) or not isinstance(text, str):
            problems.append(f"'{path}' has a row without task_index or task; it was left out")
        elif tasks.setdefault(number, text) != text:
            problems.append(f"'{path}' has two texts for task {number}; the first counts")
    return tasks, problems


def _list_v3(
    root: Path, info: Mapping[str, Any], video_keys: Sequence[str]
) -> tuple[list[EpisodeFile], dict[int, str], list[str]]:
    data_path, video_path = template(info, "data_path", DATA_V3), template(info, "video_path", VIDEO_V3)
    wanted = ["episode_index", "length", "tasks", "data/chunk_index", "data/file_index"]
    parts = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")
    wanted += [f"videos/{key}/{part}" for key in video_keys for part in parts]
    episodes: dict[int, EpisodeFile] = {}
    doubtful: set[int] = set()
    tasks, problems = _tasks_v3(root / "meta" / "tasks.parquet")
    files = sorted((root / "meta" / "episodes").glob("**/*.parquet"))
    for file in files:
        try:
            table = whole_table(file, tuple(wanted))
        except FineVLAError as error:
            problems.append(str(error))
            continue
        for row in table.to_pylist():
            number = row.get("episode_index")
            if not isinstance(number, int) or not 0 <= number < MAX_EPISODES:
                problems.append(f"'{file}' has a row without an episode_index; it was left out")
                continue
            place = {"chunk_index": row["data/chunk_index"], "file_index": row["data/file_index"]}
            at = {key: {part: row.get(f"videos/{key}/{part}") for part in parts} for key in video_keys}
            shown = {key: place_of for key, place_of in at.items() if place_of["chunk_index"] is not None}
            if not all(map(_is_number, (*place.values(), *(v for some in shown.values() for v in some.values())))):
                problems.append(
                    f"'{file}' does not say where the rows and videos of episode {number} are; it was left out"
                )
                continue
            videos = [
                Footage(
                    key,
                    filled(root, video_path, {**some, "video_key": key}),
                    float(some["from_timestamp"]),
                    float(some["to_timestamp"]),
                )
                for key, some in shown.items()
            ]
            path = filled(root, data_path, place)
            made = EpisodeFile(number, path, _length(row), _tasks(row, tasks), True, tuple(videos))
            if episodes.setdefault(number, made) != made:
                doubtful.add(number)
    for number in sorted(doubtful):
        problems.append(f"'{root}/meta/episodes' has two rows for episode {number} that contradict; it was left out")
        del episodes[number]
    if not episodes:
        raise FineVLAError(problems[-1] if problems else f"'{root}' has no meta/episodes/*/*.parquet")
    listed = [episodes[number] for number in sorted(episodes)]
    return listed, tasks, [*problems, *_shared_footage(listed)]


def _shared_footage(episodes: Sequence[EpisodeFile]) -> list[str]:
    """Sentences on episodes that are said to show the same pictures."""
    taken: dict[Path, list[tuple[float, float, int, str]]] = {}
    for episode in episodes:
        for video in episode.videos:
            taken.setdefault(video.path, []).append((video.begin_s, video.end_s or 0.0, episode.index, video.key))
    found = []
    for path, some in taken.items():
        for (_, end, one, key), (begin, _, other, _) in pairwise(sorted(some)):
            if end - begin > MOST_SHARED_S:
                found.append(
                    f"episodes {one} and {other} are said to share {end - begin:.2f} s of {key} in '{path}'; one of them shows "
                    "the other's pictures"
                )
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _tasks_v3(path: Path) -> tuple[dict[int, str], list[str]]:
    """Texts by number of a tasks.parquet, where they are the index of pandas or a column, and sentences about its rows."""
    if not path.is_file():
        return {}, []
    try:
        table = pq.read_table(path, partitioning=None)
        text = "task" if "task" in table.column_names else "__index_level_0__"
        pairs = zip(table["task_index"].to_pylist(), table[text].to_pylist(), strict=True)
        return _task_table([{"task_index": number, "task": task} for number, task in pairs], path)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        return {}, [f"'{path}' cannot be read: {short(error)}"]


def _count(info: Mapping[str, Any], key: str, default: int) -> int:
    given = info.get(key, default)
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= MAX_EPISODES:
        raise FineVLAError(f"meta/info.json: {key} is {repr(given)[:40]}; a number of 0 to {MAX_EPISODES} is needed")
    return given


def _length(row: Mapping[str, Any]) -> int | None:
    given = row.get("length")
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _tasks(row: Mapping[str, Any], table: Mapping[int, str]) -> tuple[str, ...] | None:
    """Task texts that stand in the row, else those its index names; None where nothing is said."""
    given = row.get("tasks")
    if given is None and "task_index" in row:
        said = row["task_index"]
        some = said if isinstance(said, list) else [said]
        return tuple(table[i] for i in some if isinstance(i, int) and i in table) or None
    if isinstance(given, str):
        return (given,)
    return tuple(_text(task, table) for task in given) if isinstance(given, list) else None


def _text(task: Any, table: Mapping[int, str]) -> str:
    """A task's text; some sets list numbers of the table in place of texts."""
    if type(task) is int:
        return table.get(task, str(task))
    return "" if task is None else str(task)
