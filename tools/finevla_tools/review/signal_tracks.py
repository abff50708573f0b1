"""What is drawn below the videos: gripper openings and speeds out of the data set's own columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles, values
from finevla_tools.datasets.value_meanings import AXES, ValueMeaning, meaning

MAX_POINTS = 3000  # of one line: more than a screen has


@dataclass(frozen=True)
class SignalTrack:
    """A line over time: `kind` gripper, tool_speed (m/s) or joint_speed (rad/s); `side` left, right or ""."""

    kind: str
    side: str
    points: list[float]


@dataclass(frozen=True)
class Tracks:
    """All lines of an episode; every one has a point for each of `times_s`."""

    times_s: list[float]
    signals: list[SignalTrack]
    problem: str = ""


def read_tracks(dataset: LeRobotFiles, episode: EpisodeFile) -> Tracks:
    """Return the tracks; where the data set has none to draw, `problem` says why."""
    keys = [key for key, feature in dataset.features.items() if str(feature.get("dtype")).startswith("float")]
    keys = [key for key in keys if key == "observation.state" or ("pose" in key and key.startswith("observation."))]
    keys = keys or [key for key in ("action",) if key in dataset.features]
    try:
        table = dataset.read(episode, [*keys, "timestamp"])
        times = values(table, "timestamp", episode.name)[:, 0].astype(float)
        columns = {key: values(table, key, episode.name).astype(float) for key in keys}
    except FineVLAError as error:
        return Tracks([], [], str(error))
    signals: dict[tuple[str, str], SignalTrack] = {}
    for key, rows in columns.items():
        for signal in _signals(dataset.names(key), key, rows, 1.0 / dataset.fps):
            signals.setdefault((signal.kind, signal.side), signal)
    every = max(1, -(-len(times) // MAX_POINTS))
    thin = [SignalTrack(s.kind, s.side, [round(p, 4) for p in s.points[::every]]) for s in signals.values()]
    problem = "" if thin else "this data set has no joints, grippers or poses to draw"
    return Tracks([round(float(t - times[0]), 4) for t in times[::every]], thin, problem)


def _signals(names: Sequence[str], key: str, rows: NDArray[np.float64], dt_s: float) -> list[SignalTrack]:
    rows = np.nan_to_num(rows)
    if len(names) != rows.shape[1]:  # nobody says what the values are: all of them together move or rest
        return [SignalTrack("joint_speed", "", _speed(rows, dt_s, np.max))] if rows.size else []
    told = [meaning(name, key) for name in names]
    found = []
    for side in ("left", "right", ""):
        if grippers := _columns(told, side, ("gripper",)):
            found.append(SignalTrack("gripper", side, rows[:, grippers[0]].tolist()))
        if len(place := _columns(told, side, AXES)) == 3:
            found.append(SignalTrack("tool_speed", side, _speed(rows[:, place], dt_s, np.linalg.norm)))
        elif joints := _columns(told, side, ("joint",)):
            found.append(SignalTrack("joint_speed", side, _speed(rows[:, joints], dt_s, np.max)))
    return found


def _columns(told: Sequence[ValueMeaning], side: str, kinds: Sequence[str]) -> list[int]:
    return [k for k, value in enumerate(told) if value.side == side and value.kind in kinds]


def _speed(rows: NDArray[np.float64], dt_s: float, norm: object) -> list[float]:
    """Speed of every frame, over five frames so that noise does not hide what moves."""
    if len(rows) < 2:
        return [0.0] * len(rows)
    rate = np.abs(np.gradient(rows, dt_s, axis=0))
    kernel = np.ones(5) / 5
    size = norm(rate, axis=1)  # type: ignore[operator]
    return list(np.convolve(np.pad(size, 2, mode="edge"), kernel, mode="valid").astype(float))
