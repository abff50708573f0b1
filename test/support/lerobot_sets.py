"""Small LeRobot data sets of a made-up Cobot Magic, v2.1 by pyarrow and PyAV, so that tests can plant any defect in them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

JOINTS = [f"{side}_{part}" for side in ("left", "right") for part in (*(f"joint{i}" for i in range(1, 7)), "gripper")]
HOME = np.array([0.0, 1.3, -1.6, 0.0, 1.0, 0.0, 1.0] * 2)
ARMS = [i for i, name in enumerate(JOINTS) if "gripper" not in name]
CAMERAS = ("front", "left")


@dataclass
class Take:
    """One episode, to be spoilt: state and action `(T, 14)`, stamps in s, pictures by camera `(T, H, W)` grey."""

    state: NDArray[np.float32]
    action: NDArray[np.float32]
    stamps: NDArray[np.float32]
    tasks: list[str]
    pictures: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    length: int | None = None  # what the metadata say, if not the truth
    late_from: int | None = None  # the first picture that is shown later than its row, by two thirds of a frame


def take(
    seed: int, frames: int = 90, fps: int = 30, cameras: Sequence[str] = (), size: tuple[int, int] = (96, 128)
) -> Take:
    """A plain episode: both arms go somewhere and back smoothly, a gripper closes and opens, the state lags a little."""
    rng = np.random.default_rng(seed)
    frames += int(rng.integers(-frames // 6, frames // 6 + 1))
    t = np.linspace(0, 1, frames + 4)
    goal = HOME.copy()
    goal[ARMS] += rng.uniform(0.15, 0.35, 12) * rng.choice([-1, 1], 12)
    goal[[4, 11]] = HOME[4] - 0.2  # their limit is near
    goal[[6, 13]] = rng.uniform(0.0, 0.3, 2)
    phase = 0.5 - 0.5 * np.cos(2 * np.pi * np.clip((t - 0.02) / 0.96, 0, 1))
    path = HOME + phase[:, None] * (goal - HOME)
    noise = rng.normal(0, 2e-4, (frames, 14))
    action, state = path[4:], path[2:-2] + noise
    made = {name: _scene(state, seed + k, size) for k, name in enumerate(cameras)}
    stamps = (np.arange(frames) / fps).astype(np.float32)
    return Take(
        np.clip(state, -3, 3).astype(np.float32), action.astype(np.float32), stamps, ["put the cube away"], made
    )


def _scene(state: NDArray[np.float64], seed: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A textured table with a bright square that goes where the first joints of both arms are."""
    rng = np.random.default_rng(seed % 7)
    height, width = size
    block = max(4, height // 24)
    table = np.kron(rng.integers(60, 200, (-(-height // block), -(-width // block))), np.ones((block, block)))
    table = table[:height, :width]
    made = np.repeat(table[None].astype(np.uint8), len(state), axis=0)
    for k, row in enumerate(state):
        x = int((width - 12) * (0.5 + 0.9 * (row[0] + row[1] - 1.3)) % (width - 12))
        y = int((height - 12) * (0.5 + 0.9 * row[7]) % (height - 12))
        made[k, y : y + 12, x : x + 12] = 245
    return made


def write(
    root: Path, takes: Sequence[Take], fps: int = 30, robot: str = "cobotmagic", info: Mapping[str, Any] | None = None
) -> Path:
    """A v2.1 data set."""
    features: dict[str, Any] = {
        key: {"dtype": "float32", "shape": [14], "names": JOINTS} for key in ("observation.state", "action")
    }
    features |= {
        key: {"dtype": kind, "shape": [1], "names": None}
        for key, kind in (("timestamp", "float32"), ("frame_index", "int64"), ("episode_index", "int64"),
                          ("index", "int64"), ("task_index", "int64"))
    }  # fmt: skip
    cameras = list(takes[0].pictures)
    for name in cameras:
        shape = [*takes[0].pictures[name].shape[1:], 3]
        features[f"observation.images.{name}"] = {
            "dtype": "video", "shape": shape, "names": ["height", "width", "channels"],
        }  # fmt: skip
    (root / "meta").mkdir(parents=True)
    tasks = list(dict.fromkeys(text for one in takes for text in one.tasks)) or [""]
    first = 0
    with (root / "meta/episodes.jsonl").open("w") as file:
        for k, one in enumerate(takes):
            rows = len(one.state)
            length = rows if one.length is None else one.length
            file.write(json.dumps({"episode_index": k, "tasks": one.tasks, "length": length}) + "\n")
            number = tasks.index(one.tasks[0]) if one.tasks else 0
            write_rows(root / f"data/chunk-000/episode_{k:06d}.parquet", one, k, first, number)
            for name in cameras:
                key = f"observation.images.{name}"
                write_video(
                    root / f"videos/chunk-000/{key}/episode_{k:06d}.mp4", one.pictures[name], fps, late=one.late_from
                )
            first += rows
    (root / "meta/tasks.jsonl").write_text(
        "".join(json.dumps({"task_index": i, "task": text}) + "\n" for i, text in enumerate(tasks))
    )
    said = {
        "codebase_version": "v2.1",
        "robot_type": robot,
        "fps": fps,
        "total_episodes": len(takes),
        "total_frames": first,
        "total_tasks": len(tasks),
        "total_videos": len(takes) * len(cameras),
        "total_chunks": 1,
        "chunks_size": 1000,
        "splits": {"train": f"0:{len(takes)}"},
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
        if cameras
        else None,
        "features": features,
    }
    (root / "meta/info.json").write_text(json.dumps(said | dict(info or {}), indent=1))
    return root


def write_rows(path: Path, one: Take, episode: int, first: int, task: int) -> None:
    """The rows of one episode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = len(one.state)
    columns = {
        "observation.state": pa.FixedSizeListArray.from_arrays(pa.array(one.state.reshape(-1)), one.state.shape[1]),
        "action": pa.FixedSizeListArray.from_arrays(pa.array(one.action.reshape(-1)), one.action.shape[1]),
        "timestamp": pa.array(one.stamps),
        "frame_index": pa.array(np.arange(rows)),
        "episode_index": pa.array(np.full(rows, episode)),
        "index": pa.array(np.arange(first, first + rows)),
        "task_index": pa.array(np.full(rows, task)),
    }
    pq.write_table(pa.table(columns), path)


def write_video(
    path: Path, grey: NDArray[np.uint8], fps: int, codec: str = "libx264", gop: int = 2, late: int | None = None
) -> None:
    """Grey pictures as a video with a key frame every `gop`; from picture `late` on two thirds of a frame late."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec, fps, options={"crf": "23", "preset": "veryfast"} if codec == "libx264" else {}
        )
        stream.codec_context.thread_count = 1  # the same bytes whatever the machine does beside it
        stream.height, stream.width = grey.shape[1:]
        stream.pix_fmt, stream.gop_size = "yuv420p", gop
        for k, picture in enumerate(grey):
            frame = av.VideoFrame.from_ndarray(np.repeat(picture[..., None], 3, axis=2), format="rgb24")
            if late is not None:
                frame.pts, frame.time_base = 3 * k + 2 * (k >= late), Fraction(1, 3 * fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


# Defects by the check that must find them: each spoils an episode in place.


def _held(t: Take) -> None:
    for k in range(20, 70, 5):
        t.state[k], t.action[k] = t.state[k - 1], t.action[k - 1]


def _frozen(t: Take) -> None:
    t.state[20:50] = t.state[20]


def _shifted(t: Take) -> None:
    t.action[:, ARMS] = t.action[::-1][:, ARMS] + np.linspace(0, 0.5, len(t.action))[:, None].astype(np.float32)


def _nan(t: Take) -> None:
    t.state[33, 4] = np.nan


def _jump(t: Take) -> None:
    t.state[40:45, 2] += 0.6


def _commanded_jump(t: Take) -> None:
    t.action[40, 3] += 1.5


def _beyond(t: Take) -> None:
    t.state[:, 4] += np.linspace(0, 0.6, len(t.state)).astype(np.float32)
    t.action[:, 4] += np.linspace(0, 0.6, len(t.state)).astype(np.float32)


def _idle_head(t: Take) -> None:
    n, rng = 120, np.random.default_rng(1)
    noise = rng.normal(0, 2e-4, (n, 14)).astype(np.float32)
    t.state = np.concatenate([np.repeat(t.state[:1], n, axis=0) + noise, t.state])
    t.pictures = {k: np.concatenate([np.repeat(v[:1], n, axis=0), v]) for k, v in t.pictures.items()}
    t.action = np.concatenate([np.repeat(t.action[:1], n, axis=0), t.action])
    t.stamps = (np.arange(len(t.state)) / 30).astype(np.float32)


def _idle_tail(t: Take) -> None:
    n, rng = 120, np.random.default_rng(2)
    noise = rng.normal(0, 2e-4, (n, 14)).astype(np.float32)
    t.state = np.concatenate([t.state, np.repeat(t.state[-1:], n, axis=0) + noise])
    t.pictures = {k: np.concatenate([v, np.repeat(v[-1:], n, axis=0)]) for k, v in t.pictures.items()}
    t.action = np.concatenate([t.action, np.repeat(t.action[-1:], n, axis=0)])
    t.stamps = (np.arange(len(t.state)) / 30).astype(np.float32)


def _still(t: Take) -> None:
    noise = np.random.default_rng(4).normal(0, 2e-4, t.state.shape).astype(np.float32)
    t.state, t.action = t.state[:1] + noise, np.repeat(t.action[:1], len(t.action), axis=0)
    t.pictures = {k: np.repeat(v[:1], len(v), axis=0) for k, v in t.pictures.items()}


def _unused(t: Take) -> None:
    for values in (t.state, t.action):
        values[:, [6, 13]] = 1.0


def _short(t: Take) -> None:
    t.state, t.action, t.stamps = t.state[:6], t.action[:6], t.stamps[:6]
    t.pictures = {k: v[:6] for k, v in t.pictures.items()}


def _backwards(t: Take) -> None:
    t.stamps[40] = t.stamps[38]


def _uneven(t: Take) -> None:
    t.stamps = t.stamps + np.random.default_rng(3).uniform(-0.014, 0.014, len(t.stamps)).astype(np.float32)


def _gap(t: Take) -> None:
    t.stamps[40:] += 0.4


def _task(t: Take) -> None:
    t.tasks = [" "]


def _length(t: Take) -> None:
    t.length = len(t.state) - 5


TABLE_DEFECTS: dict[str, Callable[[Take], None]] = {
    "held_frames": _held,
    "frozen_state": _frozen,
    "divergence": _shifted,
    "finite": _nan,
    "joint_jump": _jump,
    "action_jump": _commanded_jump,
    "limits": _beyond,
    "idle_head": _idle_head,
    "idle_tail": _idle_tail,
    "gripper_unused": _unused,
    "still": _still,
    "frames": _short,
    "time_order": _backwards,
    "time_jitter": _uneven,
    "time_gap": _gap,
    "task": _task,
    "length": _length,
}


def _black(t: Take) -> None:
    t.pictures["front"][30:60] = 0


def _blurred(t: Take) -> None:
    grey = t.pictures["front"].astype(np.float32)
    for _ in range(12):
        grey = (np.roll(grey, 1, 1) + np.roll(grey, -1, 1) + np.roll(grey, 1, 2) + np.roll(grey, -1, 2)) / 4
    t.pictures["front"] = grey.astype(np.uint8)


def _stuck(t: Take) -> None:
    t.pictures["left"][15:70] = t.pictures["left"][15]


def _lost(t: Take) -> None:
    t.pictures["front"] = t.pictures["front"][:-10]


def _late(t: Take) -> None:
    t.late_from = 60


VIDEO_DEFECTS: dict[str, Callable[[Take], None]] = {
    "video_black": _black,
    "video_blur": _blurred,
    "video_frozen": _stuck,
    "video_length": _lost,
    "video_times": _late,
}
