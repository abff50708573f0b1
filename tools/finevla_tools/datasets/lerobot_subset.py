"""A data set of the kept episodes: v3.0 through LeRobot's own tools, v2.x by copying files and writing the lists anew.

What LeRobot's tools know nothing of goes along: `meta/finevla_episodes.jsonl` with new indices, and language columns.
"""

import contextlib
import io
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from finevla_core.errors import FineVLAError
from finevla_core.text_files import json_line, read_json, read_json_lines
from finevla_tools.canonical.unified_files import write_json
from finevla_tools.datasets.annotation_table import ANNOTATIONS_FILE, read_annotations, write_annotations
from finevla_tools.datasets.episode_words import EPISODES_FILE
from finevla_tools.datasets.lerobot_files import (
    DATA_V2,
    VIDEO_V2,
    LeRobotFiles,
)
from finevla_tools.datasets.words_writer import FINE_FILE, write_fine_records
from finevla_tools.work.staged_output import Staged, refuse_existing

SIDE_FILES = ("modality.json", "tasks.jsonl", "README.md")


def refuse(dataset: LeRobotFiles, out: Path) -> None:
    """Raise `FineVLAError` before anything is measured if `out` cannot be made."""
    refuse_existing(out)
    if out.resolve().is_relative_to(dataset.root.resolve()):
        raise FineVLAError(f"'{out}' lies in the data set itself; name a folder beside it")


def write_kept(dataset: LeRobotFiles, out: Path, kept: Sequence[int]) -> int:
    """Whole or not at all; how many episodes there are in it."""
    if not kept:
        raise FineVLAError("no episode is kept: there is no data set to write")
    refuse(dataset, out)
    with Staged(out) as path:
        if len(kept) == len(dataset.episodes):
            shutil.copytree(dataset.root, path, ignore=shutil.ignore_patterns("unified_output", ".*"))
        elif dataset.is_v3:
            _with_lerobot(dataset, path, kept)
        else:
            _copy_v2(dataset, path, kept)
        if len(kept) != len(dataset.episodes):
            _keep_ours(dataset.root, path, kept)
    return len(kept)


def _with_lerobot(dataset: LeRobotFiles, out: Path, kept: Sequence[int]) -> None:
    logging.getLogger("lerobot").setLevel(logging.ERROR)  # it tells at length of decoders that it does without
    try:
        from lerobot.datasets.dataset_tools import delete_episodes
        from lerobot.datasets.lerobot_dataset import LeRobotDataset
    except ImportError as error:
        raise FineVLAError(f"writing v3.0 needs {error.name}; run 'make data-setup' first") from error
    drop = sorted({e.index for e in dataset.episodes} - set(kept))
    os.environ.setdefault("SVT_LOG", "1")
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bars
            source = LeRobotDataset(f"finevla/{dataset.root.name}", root=dataset.root, video_backend="pyav")
            delete_episodes(source, drop, output_dir=out, repo_id=f"finevla/{out.name}")
    except FineVLAError:
        raise
    except Exception as error:  # whatever LeRobot makes of a data set that it cannot read
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise FineVLAError(
            f"LeRobot cannot read '{dataset.root}' for a copy without the dropped episodes: {said}"
        ) from error


def _copy_v2(dataset: LeRobotFiles, out: Path, kept: Sequence[int]) -> None:
    """Episode files with new numbers; everything else of a row stays as it is."""
    info = dict(read_json(dataset.root / "meta" / "info.json"))
    size = max(1, int(info.get("chunks_size", 1000)))
    (out / "meta").mkdir(parents=True)
    frames, firsts, episodes = 0, [0], {e.index: e for e in dataset.episodes}
    for new, old in enumerate(kept):
        episode = episodes[old]
        table = dataset.read(episode)
        place = {"episode_index": new, "episode_chunk": new // size}
        path = out / DATA_V2.format(**place)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, _renumbered(table, new, frames))
        for footage in episode.videos:
            to = out / VIDEO_V2.format(**place, video_key=footage.key)
            to.parent.mkdir(parents=True, exist_ok=True)
            if footage.path.is_file():
                shutil.copyfile(footage.path, to)
        frames += table.num_rows
        firsts.append(frames)
    for name in SIDE_FILES:
        if (source := dataset.root / "meta" / name).is_file():
            shutil.copyfile(source, out / "meta" / name)
    for name in ("episodes.jsonl", "episodes_stats.jsonl"):
        if (dataset.root / "meta" / name).is_file():
            _renumber_lines(dataset.root / "meta" / name, out / "meta" / name, kept, firsts)
    info |= {
        "total_episodes": len(kept),
        "total_frames": frames,
        "total_chunks": 1 + (len(kept) - 1) // size,
        "total_videos": len(kept) * sum(f.get("dtype") == "video" for f in dataset.features.values()),
        "splits": {"train": f"0:{len(kept)}"},
        "data_path": DATA_V2,
        "video_path": VIDEO_V2 if info.get("video_path") else info.get("video_path"),
    }
    write_json(out / "meta" / "info.json", info)


def _renumbered(table: pa.Table, index: int, first: int) -> pa.Table:
    new = {"episode_index": np.full(table.num_rows, index), "index": np.arange(first, first + table.num_rows)}
    for name, array in new.items():
        if (at := table.schema.get_field_index(name)) >= 0:
            table = table.set_column(at, table.schema.field(at), pa.array(array, table.schema.field(at).type))
    return table


def _keep_ours(source: Path, out: Path, kept: Sequence[int]) -> None:
    """What is beside LeRobot's own files: annotations and lists of episodes, by the new numbers."""
    numbers = {old: new for new, old in enumerate(kept)}
    if (source / ANNOTATIONS_FILE).is_file():
        rows = [row for row in read_annotations(source / ANNOTATIONS_FILE) if row.episode in numbers]
        write_annotations(out / ANNOTATIONS_FILE, (replace(row, episode=numbers[row.episode]) for row in rows))
    if (source / FINE_FILE).is_file():
        fine, _ = read_json_lines(source / FINE_FILE)
        mine = sorted((numbers[row["episode_id"]], row) for row in fine if row.get("episode_id") in numbers)
        write_fine_records(out, [{**row, "episode_id": new} for new, row in mine])
    if (source / EPISODES_FILE).is_file():
        _renumber_lines(source / EPISODES_FILE, out / EPISODES_FILE, kept)
    if (source / "meta" / "modality.json").is_file() and not (out / "meta" / "modality.json").exists():
        shutil.copyfile(source / "meta" / "modality.json", out / "meta" / "modality.json")


def _renumber_lines(source: Path, out: Path, kept: Sequence[int], firsts: Sequence[int] | None = None) -> None:
    """Lines of the kept episodes; statistics of the two columns that count, if there are any, follow `firsts`."""
    numbers = {old: new for new, old in enumerate(kept)}
    rows, _ = read_json_lines(source)
    found: dict[int, Mapping[str, Any]] = {
        numbers[row["episode_index"]]: row for row in rows if row.get("episode_index") in numbers
    }
    with out.open("w", encoding="utf-8") as file:
        for new in sorted(found):
            row = {**found[new], "episode_index": new}
            if firsts is not None and isinstance(stats := row.get("stats"), dict):
                row["stats"] = stats | _counting(stats, new, firsts[new], firsts[new + 1])
            file.write(json_line(row) + "\n")


def _counting(stats: Mapping[str, Any], episode: int, first: int, end: int) -> dict[str, Any]:
    new = {
        "episode_index": {"min": [episode], "max": [episode], "mean": [float(episode)]},
        "index": {"min": [first], "max": [end - 1], "mean": [(first + end - 1) / 2]},
    }
    return {key: {**stats[key], **values} for key, values in new.items() if isinstance(stats.get(key), dict)}


def _write(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path, compression="snappy")
