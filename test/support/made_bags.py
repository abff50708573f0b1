"""Bags for tests: any messages of a robot at any stamps, in any storage; pictures tell by their colour which they are."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from finevla_core.embodiment import Embodiment
from finevla_core.instruction import Factors, Instruction
from finevla_tools.datasets.rosbag_writer import IMAGE, INSTRUCTION, JOINT_STATE, TRAJECTORY, _Messages

MS = 1_000_000
SECOND = 1_000_000_000
RAW = "sensor_msgs/msg/Image"
START = 1_700_000_000 * SECOND
BAG_VERSION = 9


@dataclass
class Line:
    """A message to be recorded."""

    topic: str
    kind: str
    received_ns: int
    message: Any


@dataclass
class Scene:
    """Collects messages of a robot; `write` makes a bag of them, in order of reception."""

    robot: Embodiment
    size: tuple[int, int] = (24, 32)
    namespace: str = "/finevla"
    due_ns: int = 100 * MS
    lines: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.make = _Messages(self.robot, self.due_ns)

    def add(self, topic: str, kind: str, message: Any, received_ns: int) -> None:
        self.lines.append(Line(f"{self.namespace}/{topic}", kind, received_ns, message))

    def say(self, raw: str, fine: str, stamp_ns: int) -> None:
        said = Instruction(raw, fine, Factors(active_actor="left_arm"))
        self.add("active_instruction", INSTRUCTION, self.make.instruction(said, raw[:8], stamp_ns), stamp_ns)

    def picture(self, camera: str, number: int) -> NDArray[np.uint8]:
        """A picture of one colour with a gradient: no two of a camera are alike."""
        index = self.robot.camera_names.index(camera)
        height, width = self.size
        made = np.zeros((height, width, 3), np.uint8)
        made[..., 0], made[..., 1], made[..., 2] = number % 256, index * 60 + (number // 256) % 60, np.arange(width) * 4
        return made

    def image(
        self, camera: str, number: int, stamp_ns: int, delay_ns: int = 0, raw: bool = False, **header: Any
    ) -> None:
        entry = next(c for c in self.robot.cameras if c.name == camera)
        frame, picture = header.get("frame_id", entry.frame), self.picture(camera, number)
        if raw:
            message = self.make._types[RAW](
                header=self.make._header(frame, stamp_ns),
                height=picture.shape[0],
                width=picture.shape[1],
                encoding="rgb8",
                is_bigendian=0,
                step=picture.shape[1] * 3,
                data=picture.ravel(),
            )
            self.add(entry.topic, RAW, message, stamp_ns + delay_ns)
        else:
            message = self.make.image(picture, frame, stamp_ns)
            self.add(f"{entry.topic}/compressed", IMAGE, message, stamp_ns + delay_ns)

    def state(self, values: Sequence[float] | NDArray[Any], stamp_ns: int, delay_ns: int = 0) -> None:
        positions = self.robot.to_positions(np.asarray(values, np.float64))
        self.add(self.robot.state_topic, JOINT_STATE, self.make.joint_state(positions, stamp_ns), stamp_ns + delay_ns)

    def command(self, values: Sequence[float] | NDArray[Any], stamp_ns: int, delay_ns: int = 0) -> None:
        positions = self.robot.to_positions(np.asarray(values, np.float64))
        for controller in self.robot.controllers:
            message = self.make.trajectory(controller, positions, stamp_ns)
            self.add(f"{controller.name}/joint_trajectory", TRAJECTORY, message, stamp_ns + delay_ns)

    def write(
        self,
        path: Path,
        storage: str = "mcap",
        split: int = 1,
        custom: dict[str, str] | None = None,
        as_received: bool = True,
    ) -> Path:
        """Write the bag, in the order of reception or as the lines stand; `split` into so many files."""
        from rosbags.rosbag2 import StoragePlugin, Writer

        plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
        lines = sorted(self.lines, key=lambda line: line.received_ns) if as_received else self.lines
        parts = [list(part) for part in np.array_split(np.arange(len(lines)), split)]
        folders = [path] if split == 1 else [path.with_name(f"{path.name}.{i}") for i in range(split)]
        for folder, part in zip(folders, parts, strict=True):
            with Writer(folder, version=BAG_VERSION, storage_plugin=plugin) as bag:
                for key, value in (custom or {}).items():
                    bag.set_custom_data(key, value)
                known: dict[str, Any] = {}
                for line in (lines[i] for i in part):
                    if line.topic not in known:
                        known[line.topic] = bag.add_connection(line.topic, line.kind, typestore=self.make.store)
                    data = self.make.store.serialize_cdr(line.message, line.kind)
                    bag.write(known[line.topic], line.received_ns, data)
        return path if split == 1 else _joined(path, folders)


def episode(
    robot: Embodiment, seconds: float = 1.5, seed: int = 0, raw: bool = False, size: tuple[int, int] = (24, 32)
) -> Scene:
    """A robot that moves: cameras at 30 Hz with jitter and delay, states at 50 Hz, commands at 20 Hz, two instructions."""
    scene, rng = Scene(robot, size=size), np.random.default_rng(seed)
    scene.say("put it away", "with the left arm, slowly", START - SECOND)
    scene.say("stop that, lift it", "", START + int(seconds * 0.6 * SECOND))
    for camera in robot.camera_names:
        phase = int(rng.integers(0, 20)) * MS
        for k in range(int(seconds * 30)):
            stamp = START + phase + k * SECOND // 30 + int(rng.integers(-3, 4)) * MS
            scene.image(camera, k, stamp, delay_ns=int(rng.integers(1, 12)) * MS, raw=raw)

    def values(t_ns: int) -> NDArray[Any]:
        return 0.5 + 0.4 * np.sin((t_ns - START) * 1e-9 + np.arange(len(robot.names)))

    for k in range(int(seconds * 50)):
        stamp = START + k * 20 * MS + int(rng.integers(0, 2)) * MS
        scene.state(values(stamp), stamp, delay_ns=int(rng.integers(0, 4)) * MS)
    for k in range(int(seconds * 20)):
        stamp = START + k * 50 * MS
        scene.command(values(stamp + 100 * MS), stamp)
    return scene


def aligned(
    robot: Embodiment, steps: int = 8, seed: int = 0, size: tuple[int, int] = (24, 32), task: str = "do it"
) -> Scene:
    """As `finevla demonstrate` records: everything at the same stamps, ten times a second."""
    scene, rng = Scene(robot, size=size), np.random.default_rng(seed)
    scene.say(task, "", START)
    for k in range(steps):
        stamp = START + k * 100 * MS
        for camera in robot.camera_names:
            scene.image(camera, k, stamp)
        scene.state(rng.uniform(0, 1, len(robot.names)), stamp)
        scene.command(rng.uniform(0, 1, len(robot.names)), stamp)
    return scene


def pixels(data: bytes) -> NDArray[np.uint8]:
    """A PNG or JPEG file, decoded."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def _joined(path: Path, folders: Iterable[Path]) -> Path:
    """One bag of several files, as a recorder that splits leaves it."""
    import yaml

    path.mkdir()
    whole: dict[str, Any] = {}
    for i, folder in enumerate(folders):
        told = yaml.safe_load((folder / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
        name = Path(told["relative_file_paths"][0])
        new = f"{path.name}_{i}{name.suffix}"
        (folder / name.name).rename(path / new)
        told["relative_file_paths"] = [new]
        if not whole:
            whole = told
        else:
            whole["relative_file_paths"].append(new)
            whole["message_count"] += told["message_count"]
            end = told["starting_time"]["nanoseconds_since_epoch"] + told["duration"]["nanoseconds"]
            whole["duration"]["nanoseconds"] = end - whole["starting_time"]["nanoseconds_since_epoch"]
            _merge_topics(whole["topics_with_message_count"], told["topics_with_message_count"])
        (folder / "metadata.yaml").unlink()
        folder.rmdir()
    (path / "metadata.yaml").write_text(yaml.safe_dump({"rosbag2_bagfile_information": whole}))
    return path


def _merge_topics(into: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    known = {entry["topic_metadata"]["name"]: entry for entry in into}
    for entry in more:
        if (old := known.get(entry["topic_metadata"]["name"])) is not None:
            old["message_count"] += entry["message_count"]
        else:
            into.append(entry)
