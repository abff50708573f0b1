"""The one writer of words: a data set's language columns, tasks and annotations, made anew whole or not at all.

Only shards of data that hold a touched episode are written, with all of their episodes; videos and other shards are linked
where the file system can, else copied. LeRobot of v2.x opens no data set with language columns: there the rows go to
`meta/finevla_episodes.jsonl`.
"""

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from finevla_core.errors import DamagedFileError, FineVLAError, unwritable
from finevla_core.instruction import check_signs
from finevla_core.plural_phrases import counted
from finevla_core.recording.atomic_files import replace_folder, write_by, write_text
from finevla_core.text_files import json_line, read_json, read_json_lines
from finevla_tools.annotate.annotation import Annotation
from finevla_tools.datasets import task_tables
from finevla_tools.datasets.annotation_table import ANNOTATIONS_FILE, appended, read_annotations, write_annotations
from finevla_tools.datasets.episode_words import EPISODES_FILE, FIELDS, EpisodeWords, WordsReader
from finevla_tools.datasets.language_rows import FEATURES, check_row, columns, nearest, same_calls
from finevla_tools.datasets.lerobot_files import LeRobotFiles
from finevla_tools.work.staged_output import Staged, refuse_existing

FINE_FILE = "meta/FineGrainedInstruction.jsonl"
LINKED = (".mp4", ".parquet", ".png", ".jpg", ".jpeg")  # files that every writer of ours replaces and none changes


def write_words(files: LeRobotFiles, words: Mapping[int, EpisodeWords], out: Path | None = None) -> Path:
    """Write a data set with these words, those of other episodes being kept.

    Args:
        files: The data set; it stays as it is if `out` is given.
        words: By episode; of `annotations` those that the data set does not have yet are appended.
        out: The folder to make; without it the data set itself is replaced, at once.

    Returns:
        The folder that was written.

    Raises:
        FineVLAError: One sentence, and nothing was written: words that do not fit their episode, a damaged file.
    """
    root = files.root.resolve()
    made = {number: checked(files, one) for number, one in words.items()}
    if out is not None:
        refuse_existing(out)
        if out.resolve().is_relative_to(root):
            raise FineVLAError(f"'{out}' lies in the data set itself; name a folder beside it")
    staged = Staged(root.with_name(f".{root.name}.words") if out is None else out)
    try:
        touched = _touched(files, made)
        _carry(root, staged.path, {path.resolve() for path in touched})
        write_into(staged.path, files, made)
        if out is not None:
            return staged.publish()
        replace_folder(staged.path, root)
    except OSError as error:
        raise unwritable(out or root, error) from error
    finally:
        staged.discard()
    return files.root


def write_into(root: Path, files: LeRobotFiles, words: Mapping[int, EpisodeWords]) -> None:
    """Write checked words into a folder that is not shown yet: a copy of `files`, or `files` itself while it is made."""
    reader = WordsReader(files)
    table = task_tables.DatasetTasks(files.task_table)
    touched = _touched(files, words)
    for path in touched:
        _write_shard(root, path, reader, words, table)
    old = read_annotations(files.root / ANNOTATIONS_FILE) if reader.has_table else ()
    new = [row for one in words.values() for row in one.annotations]
    if old or new:
        write_annotations(root / ANNOTATIONS_FILE, appended(old, new))
    task_tables.write(root, files, table, {number: one.tasks for number, one in words.items()})
    info = dict(read_json(files.root / "meta" / "info.json"))
    info["total_tasks"] = len(table.texts)
    if files.is_v3 and touched:
        info["features"] = {**info["features"], **FEATURES}
    write_text(root / "meta" / "info.json", json.dumps(info, indent=4, ensure_ascii=False) + "\n")
    _write_side_file(root, files, words)
    write_fine_records(root, fine_records(({one.episode: one for one in reader} | dict(words)).values()))


def checked(files: LeRobotFiles, words: EpisodeWords) -> EpisodeWords:
    """Return the words as they will be read back; raises `FineVLAError` if they do not fit the data set's episode."""
    where = f"the words of episode {words.episode}"
    episode = next((e for e in files.episodes if e.index == words.episode), None)
    if episode is None:
        raise FineVLAError(f"{where}: '{files.root}' has no such episode; it has {len(files.episodes)}")
    times = files.read(episode, ("timestamp",)).column("timestamp").to_numpy()
    if len(times) != words.length:
        raise FineVLAError(f"{where} are of {counted(words.length, 'frame')}, in '{files.root}' it has {len(times)}")
    edges = [edge for span in words.raw for edge in (span.first, span.end)]
    if (
        not edges
        or edges[0] != 0
        or edges[-1] != words.length
        or edges[1:-1:2] != edges[2:-1:2]
        or edges != sorted(edges)
    ):
        raise FineVLAError(
            f"{where}: its raw goals do not cover its {counted(words.length, 'frame')} one after the other"
        )
    for text in (*words.tasks, *(row.content for row in words.rows())):
        check_signs(text, where)
    if odd := [task for task in words.tasks if not task.strip()]:
        raise FineVLAError(f"{where}: a raw goal is empty ('{odd[0]}'); say what is to be done")
    cameras = [key for key in files.features if key.startswith("observation.images.")]
    for row in words.rows():
        check_row(row, where, cameras)
        if not -0.5 / files.fps <= row.time_s <= words.duration_s + 0.5 / files.fps:
            raise FineVLAError(f"{where}: '{row.content[:60]}' is said at {row.time_s} s of {words.duration_s:.2f} s")
    for one in words.annotations:
        check_annotation(one, words)
    said: dict[str, Any] = {
        name: tuple(dataclasses.replace(text, time_s=_snapped(times, text.time_s)) for text in getattr(words, name))
        for name in FIELDS
    }
    others = (dataclasses.replace(r, time_s=_snapped(times, r.time_s), tool_calls=same_calls(r)) for r in words.others)
    said["others"] = tuple(others)
    said = {name: tuple(sorted(some, key=lambda one: one.time_s)) for name, some in said.items()}
    return dataclasses.replace(words, **said)


def _snapped(times_s: NDArray[np.floating[Any]], time_s: float) -> float:
    """The time of the frame that is nearest: LeRobot wants events exactly there, and compares float32 with float32."""
    return float(times_s[nearest(times_s, time_s)])


def check_annotation(row: Annotation, words: EpisodeWords) -> None:
    """Raise `FineVLAError` unless a row speaks of this episode and of a time that it has."""
    if row.episode != words.episode:
        raise FineVLAError(f"an annotation of episode {row.episode} is among the words of episode {words.episode}")
    if row.to_s > words.duration_s + 1.0 / words.fps:
        raise FineVLAError(
            f"an annotation of episode {row.episode} ({row.slot}) ends at {row.to_s:.2f} s, but the episode has "
            f"{counted(words.length, 'frame')}, {words.duration_s:.2f} s: it was made for another data set"
        )


def write_fine_records(root: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write FineVLA's `meta/FineGrainedInstruction.jsonl`; where no episode has a fine text there is none."""
    path = root / FINE_FILE
    if rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(json_line(row) + "\n" for row in rows))
    else:
        path.unlink(missing_ok=True)


def fine_records(words: Iterable[EpisodeWords]) -> list[dict[str, Any]]:
    """Return the lines of FineVLA's file: per episode its fine texts, which its trainers join with spaces."""
    return [
        {"episode_id": one.episode, "FineGrainedInstruction": fine}
        for one in words
        if (fine := list(dict.fromkeys(text.text for text in one.fine)))
    ]


def _touched(files: LeRobotFiles, words: Mapping[int, EpisodeWords]) -> list[Path]:
    """Shards to write: all where the columns are new, for a reader wants every file to have the same."""
    shards = list(dict.fromkeys(episode.path for episode in files.episodes))
    if files.is_v3 and not set(FEATURES) <= set(files.features):
        return shards
    mine = {episode.path for episode in files.episodes if episode.index in words}
    return [path for path in shards if path in mine]


def _carry(root: Path, to: Path, touched: set[Path]) -> None:
    """Bring what stays the same to a new folder: large files as links where that is possible, small ones as copies."""
    for folder, folders, names in os.walk(root, followlinks=True):
        below = to / Path(folder).relative_to(root)
        below.mkdir(parents=True, exist_ok=True)
        folders.sort()
        for name in names:
            source = Path(folder, name).resolve()
            if source not in touched:
                _link(source, below / name)


def _link(source: Path, to: Path) -> None:
    if source.suffix.lower() in LINKED:
        try:
            os.link(source, to)
            return
        except OSError:  # another file system, or one without links
            pass
    shutil.copy2(source, to)


def _write_shard(
    root: Path, path: Path, reader: WordsReader, words: Mapping[int, EpisodeWords], tasks: "task_tables.DatasetTasks"
) -> None:
    """Write one file of data with the words of all of its episodes, each in a row group of its own."""
    files = reader.files
    mine = sorted((e for e in files.episodes if e.path == path), key=lambda e: e.index)
    target = root / path.relative_to(files.root)
    target.parent.mkdir(parents=True, exist_ok=True)
    _refuse_strays(path, {e.index for e in mine}, files.is_v3)

    def write(temporary: Path) -> None:
        writer = None
        try:
            for episode in mine:
                table = files.read(episode)
                said = words.get(episode.index) or reader.read(episode, table)
                table = _with_words(table, said, tasks, files.is_v3)
                writer = writer or pq.ParquetWriter(temporary, table.schema, compression="snappy")
                writer.write_table(table, row_group_size=max(1, table.num_rows))
        finally:
            if writer is not None:
                writer.close()

    try:
        write_by(target, write)
    except pa.ArrowException as error:
        raise DamagedFileError(
            f"'{path}' cannot be written with words: {' '.join(str(error).split())[:200]}"
        ) from error


def _refuse_strays(path: Path, known: set[int], is_shared: bool) -> None:
    """Raise `FineVLAError` for rows of episodes that the metadata do not know: they would be lost."""
    if not is_shared:
        return
    there = set(pq.read_table(path, columns=["episode_index"], partitioning=None)["episode_index"].unique().to_pylist())
    if stray := sorted(there - known):
        raise DamagedFileError(f"'{path}' has rows of episode {stray[0]}, which meta/episodes does not know; repair it")


def _with_words(table: Any, words: EpisodeWords, tasks: "task_tables.DatasetTasks", has_columns: bool) -> Any:
    indices = np.empty(table.num_rows, np.int64)
    for span in words.raw:
        indices[span.first : span.end] = tasks.index(span.task)
    table = _set(table, "task_index", pa.array(indices))
    if has_columns:
        for name, column in columns(words.rows(), table.column("timestamp").to_numpy()).items():
            table = _set(table, name, column)
    return table.replace_schema_metadata(None)  # what it says of columns is of those before


def _set(table: Any, name: str, column: Any) -> Any:
    at = table.schema.get_field_index(name)
    return table.append_column(name, column) if at < 0 else table.set_column(at, name, column)


def _write_side_file(root: Path, files: LeRobotFiles, words: Mapping[int, EpisodeWords]) -> None:
    """Our file of episodes: in v2.x the place of the rows; in v3.0, which has columns, without them."""
    path = files.root / EPISODES_FILE
    rows: Sequence[dict[str, Any]] = read_json_lines(path)[0] if path.is_file() else []
    if not rows and files.is_v3:
        return
    by_index = {row.get("episode_index"): row for row in rows}
    for number, one in words.items():
        row = by_index.setdefault(number, {"episode_index": number})
        row.pop("words", None)
        said = [dataclasses.asdict(r) for r in sorted(one.rows(), key=lambda r: (r.time_s, r.style or "", r.role))]
        if said and not files.is_v3:
            row["words"] = said
    kept = [row for _, row in sorted(by_index.items(), key=lambda item: str(item[0]).zfill(12))]
    write_text(root / EPISODES_FILE, "".join(json_line(row) + "\n" for row in kept))
