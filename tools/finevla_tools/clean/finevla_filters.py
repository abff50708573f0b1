"""FineVLA's filters with its own numbers: frame counts, empty tasks, and the range-normalised distance of state and action.

Thresholds per data set are in config/clean/finevla.yaml. Known weaknesses are kept here on purpose; `finevla clean` without
--compat does better.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.text_files import read_yaml
from finevla_tools.canonical.convert import load_episode
from finevla_tools.canonical.layout import SLOTS
from finevla_tools.canonical.unified_values import Rules
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles

STATIC_STD, ACTIVE_RANGE, MIN_RANGE = 1e-3, 0.05, 1e-6
DEFAULT_THRESHOLD = 0.2
# Reasons: readers of FineVLA's reports look for these parts of words, the counters of its summaries too.
TOO_SHORT, NO_TASK = "frame数过少: {} < {}", "task为空"
TOO_FAR, NO_DIM, TOO_FEW = "L2={:.4f} > {}", "无有效帧", "无法计算: valid_frames={}"
EMPTY_FILE, NO_FILE, BROKEN_FILE = "parquet文件损坏: 0字节", "parquet文件无法访问", "parquet文件损坏: {}"
FRAME_WORDS, TASK_WORDS = ("frame",), ("task",)
L2_WORDS, CORRUPT_WORDS = ("L2", "无有效帧", "无法计算"), ("parquet文件损坏", "parquet文件无法访问")


@dataclass(frozen=True)
class PaperLimits:
    """FineVLA's limits for one data set; None = not checked, no slots = distances are not computed."""

    min_frames: int | None = None
    slots: tuple[str, ...] = ()
    l2: float | None = DEFAULT_THRESHOLD


@dataclass(frozen=True)
class PaperVerdict:
    """Verdict on one episode: reasons in FineVLA's words, and its L2 distance, None if it was not computed."""

    reasons: tuple[str, ...]
    l2: float | None
    valid_frames: int


def range_norm_l2(state: NDArray[np.float64], action: NDArray[np.float64]) -> float:
    """Return the mean L2 distance of states and actions `(T, D)`, each value divided by its range (`cal_distance.py`).

    NaN for fewer than 2 frames, infinity if exactly one of them stands still, 0 if no value moves.
    """
    if len(state) < 2:
        return float("nan")
    stds = state.std(axis=0), action.std(axis=0)
    still = [bool((std < STATIC_STD).all()) for std in stds]
    if still[0] != still[1]:
        return float("inf")
    both = np.concatenate([state, action])
    width = both.max(axis=0) - both.min(axis=0)
    active = (width >= ACTIVE_RANGE) & ~((stds[0] < STATIC_STD) & (stds[1] < STATIC_STD))
    if not active.any():
        return 0.0
    width = np.where(width < MIN_RANGE, 1.0, width)[active]
    apart = (state[:, active] - action[:, active]) / width
    return float(np.sqrt((apart**2).sum(axis=1)).mean())


def load_limits(path: Path, key: str) -> PaperLimits:
    """Read the limits of data set `key`, or of its first folder; raises `FineVLAError` for a malformed file."""
    try:
        table = read_yaml(path)
        entry: Any = table.get(key, table.get(key.split("/")[0], {})) or {}
        slots = tuple(entry.get("slots", ()))
        if odd := [s for s in slots if s not in SLOTS or s.endswith("gripper")]:
            raise FineVLAError(f"'{path}': {key} compares '{odd[0]}'; joints, end effectors and hands can be")
        least, limit = entry.get("min_frames"), entry.get("l2", DEFAULT_THRESHOLD)
        return PaperLimits(None if least is None else int(least), slots, None if limit is None else float(limit))
    except FineVLAError:
        raise
    except (AttributeError, TypeError, ValueError) as error:
        raise FineVLAError(f"'{path}' cannot be understood: {' '.join(str(error).split())[:200]}") from error


def dataset_key(root: Path) -> str:
    """Return the path relative to VLA_DATA_ROOT if `root` lies in it, else the folder's name."""
    base = os.environ.get("VLA_DATA_ROOT")
    here = root.resolve()
    if base and here.is_relative_to(Path(base).resolve()) and here != Path(base).resolve():
        return here.relative_to(Path(base).resolve()).as_posix()
    return here.name


def judge(dataset: LeRobotFiles, rules: Rules | None, limits: PaperLimits, episode: EpisodeFile) -> PaperVerdict:
    """Judge one episode as FineVLA does; without `rules` (no field map) the distance is not computed."""
    reasons = []
    if (corrupt := corruption(episode.path)) is not None:
        reasons.append(corrupt)
    length = episode.length or 0
    if limits.min_frames is not None and length < limits.min_frames:
        reasons.append(TOO_SHORT.format(length, limits.min_frames))
    if not any(text.strip() for text in episode.tasks or ()):
        reasons.append(NO_TASK)
    if corrupt is not None or rules is None or not limits.slots:
        return PaperVerdict(tuple(reasons), None, 0)
    try:
        unified = load_episode(dataset, episode, rules)
    except FineVLAError:  # its converter leaves such an episode out, and no distance is worked out
        return PaperVerdict(tuple(reasons), None, 0)
    columns = compared(limits.slots, unified.mask_state & unified.mask_action)
    # It computes in float32 until here.
    state, action = (a[:, columns].astype(np.float32).astype(np.float64) for a in (unified.state, unified.action))
    if not len(columns):
        return PaperVerdict((*reasons, NO_DIM), None, 0)
    score = range_norm_l2(state, action)
    if np.isnan(score):
        reasons.append(TOO_FEW.format(len(state)))
    elif limits.l2 is not None and score > limits.l2:
        reasons.append(TOO_FAR.format(score, limits.l2))
    return PaperVerdict(tuple(reasons), score, len(state))


def compared(slots: Sequence[str], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the indices among the 80 values of `slots` that `mask` marks as present."""
    every = np.concatenate([np.arange(SLOTS[s].start, SLOTS[s].stop) for s in slots]) if slots else np.zeros(0, int)
    return np.asarray(every[mask[every]], dtype=np.int64)


def corruption(path: Path) -> str | None:
    """Return FineVLA's reason if the file is empty or its Parquet schema cannot be read, else None; no data is read."""
    try:
        if path.stat().st_size == 0:
            return EMPTY_FILE
        pq.read_schema(path)
    except (pa.ArrowInvalid, ValueError) as error:
        return BROKEN_FILE.format(" ".join(str(error).split())[:80])
    except OSError as error:
        return (
            NO_FILE if isinstance(error, FileNotFoundError | PermissionError) else BROKEN_FILE.format(str(error)[:80])
        )
    return None
