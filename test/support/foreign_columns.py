"""LeRobot v2.1 tables as other people publish them: any columns under any names, without pictures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

LOW = np.array([-0.5, 0.2, -1.8, -0.4, -0.3, -0.5])
HIGH = np.array([0.5, 1.6, -0.4, 0.4, 0.9, 0.5])  # a Piper's, well inside its limits


def arm(seed: int, frames: int = 40) -> NDArray[np.float32]:
    """Joints of a Piper `(T, 6)`, rad, each with a motion of its own."""
    rng = np.random.default_rng(seed)
    phase = np.linspace(0, 2 * np.pi, frames)[:, None] * rng.uniform(0.6, 1.4, 6) + rng.uniform(0, 6, 6)
    return (LOW + (HIGH - LOW) * (0.5 + 0.5 * np.sin(phase))).astype(np.float32)


def hand(seed: int, frames: int = 40, opened: float = 1.0) -> NDArray[np.float32]:
    """A gripper `(T, 1)` that closes and opens wholly."""
    turn = np.cos(np.linspace(0, 2 * np.pi, frames) + seed * 0)
    return (opened * (0.5 + 0.5 * turn)).astype(np.float32)[:, None]


def write(
    root: Path,
    episodes: Sequence[Mapping[str, NDArray[Any]]],
    names: Mapping[str, Any],
    robot: str = "piper",
    cameras: Sequence[str] = (),
    shapes: Mapping[str, Any] | None = None,
    tasks: Sequence[str] = ("fold the towel",),
) -> Path:
    """A data set of columns `(T, D)` by key, with `names` as they stand in info.json."""
    features: dict[str, Any] = {}
    for key, array in episodes[0].items():
        shape = (shapes or {}).get(key, list(array.shape[1:]))
        features[key] = {"dtype": str(array.dtype), "shape": shape, "names": names.get(key)}
    for key in ("frame_index", "episode_index", "index", "task_index"):
        features[key] = {"dtype": "int64", "shape": [1], "names": None}
    features["timestamp"] = {"dtype": "float32", "shape": [1], "names": None}
    for camera in cameras:
        features[f"observation.images.{camera}"] = {"dtype": "video", "shape": [8, 8, 3], "names": None}
    (root / "meta").mkdir(parents=True)
    info = {"codebase_version": "v2.1", "robot_type": robot, "fps": 30, "total_episodes": len(episodes),
            "total_frames": sum(len(next(iter(e.values()))) for e in episodes), "chunks_size": 1000,
            "features": features}  # fmt: skip
    (root / "meta/info.json").write_text(json.dumps(info), encoding="utf-8")
    lines = [json.dumps({"task_index": i, "task": t}, ensure_ascii=False) for i, t in enumerate(tasks)]
    (root / "meta/tasks.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    first = 0
    with (root / "meta/episodes.jsonl").open("w", encoding="utf-8") as file:
        for k, columns in enumerate(episodes):
            rows = len(next(iter(columns.values())))
            file.write(json.dumps({"episode_index": k, "tasks": [tasks[0]], "length": rows}, ensure_ascii=False) + "\n")
            made = {k: pa.array(a if a.ndim == 1 else list(a.reshape(rows, -1))) for k, a in columns.items()}
            made |= {
                "timestamp": pa.array((np.arange(rows) / 30).astype(np.float32)),
                "frame_index": pa.array(np.arange(rows)),
                "episode_index": pa.array(np.full(rows, k)),
                "index": pa.array(np.arange(first, first + rows)),
                "task_index": pa.array(np.zeros(rows, np.int64)),
            }
            path = root / f"data/chunk-000/episode_{k:06d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(made), path)
            first += rows
    return root
