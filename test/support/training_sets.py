"""Small LeRobot data sets to train on: two cameras, words of every kind, v2.1 and the same as v3.0, one arm or two."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from lerobot_sets import CAMERAS, JOINTS, take, write

from finevla_tools.annotate.annotation import APPROVED, Annotation, dimension_of
from finevla_tools.datasets.annotation_table import ANNOTATIONS_FILE, write_annotations
from finevla_tools.datasets.episode_words import EPISODES_FILE
from finevla_tools.datasets.task_tables import DatasetTasks, write_table

FPS = 10
SIZE = (48, 64)
KEYS = {name: f"observation.images.{name}" for name in CAMERAS}


def make_set(
    root: Path,
    episodes: int = 3,
    frames: int = 24,
    *,
    fps: int = FPS,
    fine: bool = True,
    seed: int = 0,
    cameras: Sequence[str] = CAMERAS,
    robot: str = "cobotmagic",
) -> Path:
    """Write a v2.1 set of ours; each episode has its own raw goal, two paraphrases and, with `fine`, fine text and factors."""
    takes = [take(seed + k, frames, fps, cameras, SIZE) for k in range(episodes)]
    for k, one in enumerate(takes):
        one.tasks = [f"goal {seed + k}"]
    write(root, takes, fps, robot)
    rows, lines = [], []
    for k in range(episodes):
        words = [_row("task_aug", "user", f"goal {seed + k}, said {way}") for way in ("so", "otherwise")]
        if fine:
            words.append(_row("plan", "assistant", f"goal {seed + k} with the left arm, slowly"))
            rows += [
                _factor(k, len(takes[k].state) / fps, *f)
                for f in (("active_actor", "left_arm"), ("target_color", "red"))
            ]
        lines.append(json.dumps({"episode_index": k, "words": words}))
    (root / EPISODES_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    if rows:
        write_annotations(root / ANNOTATIONS_FILE, rows)
    return root


def add_words(root: Path, episode: int, *rows: Mapping[str, Any]) -> None:
    """Add rows of language to an episode's line of the side file."""
    lines = [json.loads(line) for line in (root / EPISODES_FILE).read_text(encoding="utf-8").splitlines()]
    lines[episode]["words"] += [dict(row) for row in rows]
    (root / EPISODES_FILE).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def vqa(time_s: float, camera: str, question: str, answer: str) -> list[dict[str, Any]]:
    """Return the two rows of a question about a picture."""
    said = (("user", question), ("assistant", answer))
    return [_row("vqa", role, text) | {"time_s": time_s, "camera": camera, "is_event": True} for role, text in said]


def only(root: Path, values: Sequence[str], keys: Sequence[str] = ("observation.state", "action")) -> Path:
    """Leave these of the robot's values in the columns, and only these columns of numbers."""
    info = json.loads((root / "meta/info.json").read_text())
    places = [JOINTS.index(name) for name in values]
    for path in sorted(root.glob("data/**/*.parquet")):
        table = pq.read_table(path, partitioning=None)
        for key in ("observation.state", "action"):
            at = table.schema.get_field_index(key)
            if key not in keys:
                table = table.remove_column(at)
                continue
            rows = np.array(table.column(key).to_pylist(), np.float32)[:, places]
            column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), len(places))
            table = table.set_column(at, key, column)
        pq.write_table(table, path)
    for key in ("observation.state", "action"):
        info["features"][key] |= {"shape": [len(places)], "names": list(values)}
        if key not in keys:
            del info["features"][key]
    (root / "meta/info.json").write_text(json.dumps(info))
    return root


def as_v3(root: Path, out: Path) -> Path:
    """Write a v2.1 set as v3.0: all episodes in one table and one video a camera, packets copied as they are."""
    info = json.loads((root / "meta/info.json").read_text())
    episodes = [json.loads(line) for line in (root / "meta/episodes.jsonl").read_text().splitlines()]
    tables = [pq.read_table(path, partitioning=None) for path in sorted(root.glob("data/**/*.parquet"))]
    (out / "data/chunk-000").mkdir(parents=True)
    pq.write_table(pa.concat_tables(tables), out / "data/chunk-000/file-000.parquet")
    rows: list[dict[str, Any]] = []
    for k, one in enumerate(episodes):
        rows.append({"episode_index": k, "tasks": one["tasks"], "length": one["length"]})
        rows[-1] |= {"data/chunk_index": 0, "data/file_index": 0}
    for key in [key for key, f in info["features"].items() if f["dtype"] == "video"]:
        path = out / f"videos/{key}/chunk-000/file-000.mp4"
        ends = _joined(sorted(root.glob(f"videos/**/{key}/*.mp4")), path, info["fps"])
        for row, begin_s, end_s in zip(rows, [0.0, *ends], ends, strict=False):
            row |= {f"videos/{key}/chunk_index": 0, f"videos/{key}/file_index": 0}
            row |= {f"videos/{key}/from_timestamp": begin_s, f"videos/{key}/to_timestamp": end_s}
    (out / "meta/episodes/chunk-000").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), out / "meta/episodes/chunk-000/file-000.parquet")
    tasks = DatasetTasks({})
    for one in episodes:
        tasks.index(one["tasks"][0])
    write_table(out, True, tasks.texts)
    info |= {"codebase_version": "v3.0", "data_path": None, "video_path": None}
    (out / "meta/info.json").write_text(json.dumps(info))
    for name in (EPISODES_FILE, ANNOTATIONS_FILE):
        if (root / name).is_file():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes((root / name).read_bytes())
    return out


def _joined(videos: Sequence[Path], path: Path, fps: float) -> list[float]:
    """One video of several, without decoding them; the seconds at which each ends."""
    import av

    path.parent.mkdir(parents=True)
    ends, frames = [], 0
    with av.open(str(path), "w") as out:
        stream = None
        for video in videos:
            with av.open(str(video)) as container:
                source = container.streams.video[0]
                stream = stream or out.add_stream_from_template(source)
                begin, count = round(frames / fps / source.time_base), 0
                for packet in container.demux(source):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + begin, packet.dts + begin
                    packet.stream = stream
                    out.mux(packet)
                    count += 1
                frames += count
            ends.append(frames / fps)
    return ends


def _row(style: str, role: str, content: str) -> dict[str, Any]:
    return {"time_s": 0.0, "role": role, "content": content, "style": style}


def _factor(episode: int, to_s: float, slot: str, value: str) -> Annotation:
    return Annotation(episode, 0.0, to_s, dimension_of(slot), slot, value, "operator", 1.0, 0, APPROVED)
