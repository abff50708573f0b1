"""Tiny LeRobot v3.0 data sets without pictures, several episodes a file and several files, to write words into."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from lerobot_sets import take, write

from finevla_tools.datasets.episode_words import EpisodeWords, TaskSpan, TimedText, operator_rows
from finevla_tools.datasets.language_row import LanguageRow
from finevla_tools.datasets.task_tables import DatasetTasks, write_table

FPS = 10
SHARDS = ((5,), (6, 7, 8), (9,))  # frames of the episodes of three files
COUNTED = ("frame_index", "episode_index", "index", "task_index")


def write_v3(root: Path, shards: Sequence[Sequence[int]], tasks: Sequence[str] = ("put it away",)) -> Path:
    """Write a data set: by file the numbers of frames of its episodes, whose tasks are `tasks` in turn."""
    table, episodes, frames = DatasetTasks({}), list[dict[str, object]](), 0
    for file, lengths in enumerate(shards):
        parts = []
        for length in lengths:
            number, task = len(episodes), tasks[len(episodes) % len(tasks)]
            parts.append(_rows(number, length, frames, table.index(task)))
            place = {"data/chunk_index": 0, "data/file_index": file}
            span = {"dataset_from_index": frames, "dataset_to_index": frames + length}
            where = {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
            episodes.append({"episode_index": number, "tasks": [task], "length": length} | place | span | where)
            frames += length
        path = root / f"data/chunk-000/file-{file:03d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.concat_tables(parts), path)
    (root / "meta/episodes/chunk-000").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(episodes), root / "meta/episodes/chunk-000/file-000.parquet")
    write_table(root, True, table.texts)
    features = {
        name: {"dtype": "float32", "shape": [2], "names": ["a", "b"]} for name in ("observation.state", "action")
    }
    features["timestamp"] = {"dtype": "float32", "shape": [1], "names": None}  # type: ignore[dict-item]
    features |= {name: {"dtype": "int64", "shape": [1], "names": None} for name in COUNTED}  # type: ignore[misc]
    info = {
        "codebase_version": "v3.0",
        "robot_type": "cobotmagic",
        "total_episodes": len(episodes),
        "total_frames": frames,
        "total_tasks": len(table.texts),
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": FPS,
        "splits": {"train": f"0:{len(episodes)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": None,
        "features": features,
    }
    (root / "meta/info.json").write_text(json.dumps(info))
    (root / "meta/stats.json").write_text("{}")
    return root


def _rows(number: int, length: int, first: int, task: int) -> pa.Table:
    values = np.random.default_rng(number).normal(size=(length, 2)).astype(np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 2)
    return pa.table(
        {
            "observation.state": column,
            "action": column,
            "timestamp": (np.arange(length) / FPS).astype(np.float32),
            "frame_index": np.arange(length),
            "episode_index": np.full(length, number),
            "index": np.arange(first, first + length),
            "task_index": np.full(length, task),
        }
    )


SAY = '[{"type": "function", "function": {"name": "say", "arguments": {"text": "on my way"}}}]'


def make(root: Path, version: str) -> Path:
    if version == "v3.0":
        return write_v3(root, SHARDS, ("put it away", "清理桌面"))
    return write(root, [take(seed, frames=12, fps=FPS) for seed in range(3)], fps=FPS)


def full(words: EpisodeWords) -> EpisodeWords:
    """Something of every kind."""
    return dataclasses.replace(
        words,
        raw=(TaskSpan(0, 3, "put it, 放下"), TaskSpan(3, words.length, "no, leave it")),
        paraphrases=(TimedText(0.0, "tidy up"),),
        fine=(TimedText(0.0, "with the left arm,\u2028slowly"), TimedText(0.3, "open the gripper")),
        steps=(TimedText(0.0, "grasp it"), TimedText(0.2, "lift it", "user")),
        motions=(TimedText(0.1, "move left"),),
        interjections=(TimedText(0.3, "no, leave it"),),
        others=(LanguageRow(0.3, "assistant", "", None, None, True, SAY), LanguageRow(0.0, "assistant", "m", "memory")),
        annotations=tuple(operator_rows(words.episode, 0.0, 0.3, {"active_actor": "left_arm"})),
    )
