"""Promises of the data set writers: what LeRobot, rosbags and ROS read back is what was demonstrated, or nothing is there."""

import dataclasses
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Factors, Instruction
from finevla_sim.episode import Episode
from finevla_tools.convert.video_encoder import CameraEncoder
from finevla_tools.datasets.episode_words import EPISODES_FILE, TimedText, read_words
from finevla_tools.datasets.episode_writer import facts
from finevla_tools.datasets.lerobot_files import open_dataset
from finevla_tools.datasets.lerobot_writer import LeRobotWriter
from finevla_tools.datasets.rosbag_writer import RosbagWriter

FINE = 'with the left arm: über die Kante, 从上面, "slowly"'
STEP_NS = 100_000_000


@pytest.fixture(params=["cobotmagic", "single"])
def robot(request: pytest.FixtureRequest, cobotmagic_file: Path, single_file: Path) -> Embodiment:
    return load_embodiment(cobotmagic_file if request.param == "cobotmagic" else single_file)


@pytest.fixture
def cobotmagic(cobotmagic_file: Path) -> Embodiment:
    return load_embodiment(cobotmagic_file)


def pictures(steps: int, cameras: int, height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Smooth backgrounds, each another colour, with a square that wanders."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    made = np.zeros((steps, cameras, height, width, 3), np.uint8)
    for camera in range(cameras):
        slopes = np.random.default_rng((seed, camera)).uniform(40, 200, (3, 2))
        made[:, camera] = np.stack([20 + (a * x + b * y) / 2 for a, b in slopes], axis=-1)
        for step in range(steps):
            made[step, camera, 10:26, 5 + step : 21 + step] = (200, 60, 40)
    return made


def episode(robot: Embodiment, seed: int = 0, steps: int = 12, fine: str = FINE, images: bool = True) -> Episode:
    rng = np.random.default_rng(seed)
    shape = (steps, len(robot.names))
    factors = Factors(action_sequence=("grasp it", "lift it"), active_actor="left_arm", target_color="red")
    size = (robot.image_height, robot.image_width)
    return Episode(
        task="place_color",
        level="hard",
        seed=seed,
        instruction=Instruction(f"put the red cube away, {seed}", fine, factors),
        cameras=robot.camera_names,
        names=robot.names,
        stamps_ns=np.arange(steps, dtype=np.int64) * STEP_NS + 5 * STEP_NS,
        states=rng.normal(size=shape).astype(np.float32),
        actions=rng.normal(size=shape).astype(np.float32),
        images=pictures(steps, len(robot.cameras), *size, seed) if images else None,
        outcome="in the left bowl",
        score=87.5,
        success=seed % 2 == 0,
        events=((3, "pushed"), (7, "missed")),
    )


def psnr(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Peak signal to noise ratio of pictures of 0...255, dB."""
    error = np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / max(float(error), 1e-9)))


class TestLeRobot:
    """Through LeRobot's own reader."""

    pytestmark = pytest.mark.slow

    @pytest.fixture(autouse=True)
    def own_cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = pytest.importorskip("datasets", reason="LeRobot comes with 'make data-setup'").config
        pytest.importorskip("lerobot", reason="LeRobot comes with 'make data-setup'")
        monkeypatch.setattr(config, "HF_DATASETS_CACHE", tmp_path / "cache")
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    @staticmethod
    def read(root: Path) -> Any:
        from lerobot.datasets.lerobot_dataset import LeRobotDataset

        return LeRobotDataset("any/name", root=root, video_backend="pyav")

    @pytest.mark.parametrize(("videos", "decibels"), [(True, 35.0), (False, 100.0)], ids=["videos", "pngs"])
    def test_values_tasks_and_pictures_come_back(
        self, cobotmagic: Embodiment, tmp_path: Path, videos: bool, decibels: float
    ) -> None:
        made = [episode(cobotmagic, 0), episode(cobotmagic, 1, steps=9, fine="")]
        root = tmp_path / "set"
        with LeRobotWriter(root, cobotmagic, videos=videos) as writer:
            for one in made:
                writer.add(one)
            assert not root.exists(), "nothing is there before it is whole"
        assert [p.name for p in tmp_path.iterdir() if p.name != "cache"] == ["set"]
        read = self.read(root)
        assert (read.num_episodes, read.num_frames, read.fps) == (2, 21, 10)
        assert read.meta.robot_type == "cobotmagic"
        assert read.features["action"]["names"] == list(cobotmagic.names)
        rows = [read[i] for i in range(len(read))]
        words = read_words(open_dataset(root))
        for one, first, number in zip(made, (0, 12), (0, 1), strict=True):
            assert one.images is not None
            task, fine = f"put the red cube away, {number}", one.instruction.fine
            assert words[number].fine == ((TimedText(0.0, fine),) if fine else ())
            said = {"active_actor": "left_arm", "target_color": "red", "action_sequence": ("grasp it", "lift it")}
            assert words[number].factors_at(3) == said
            assert {(row.source, row.status) for row in words[number].annotations} == {("operator", "approved")}
            for step in range(one.steps):
                row = rows[first + step]
                assert row["task"] == task
                assert [said["content"] for said in row["language_persistent"]] == ([fine] if fine else [])
                assert float(row["timestamp"]) == pytest.approx(step / 10)
                assert np.array_equal(row["observation.state"].numpy(), one.states[step])
                assert np.array_equal(row["action"].numpy(), one.actions[step])
                for camera, image in zip(one.cameras, one.images[step], strict=True):
                    seen = row[f"observation.images.{camera}"].numpy().transpose(1, 2, 0) * 255
                    assert psnr(seen, image) > decibels, (step, camera)

    def test_what_lerobot_has_no_place_for_is_kept_beside(self, cobotmagic: Embodiment, tmp_path: Path) -> None:
        made = [episode(cobotmagic, seed, images=False) for seed in (4, 5)]
        with LeRobotWriter(tmp_path / "set", cobotmagic) as writer:
            for one in made:
                writer.add(one)
        assert self.read(tmp_path / "set")[3]["observation.state"].shape == (14,)
        lines = (tmp_path / "set" / EPISODES_FILE).read_text(encoding="utf-8").splitlines()
        for index, (line, one) in enumerate(zip(lines, made, strict=True)):
            kept = json.loads(line)
            assert kept.pop("episode_index") == index
            assert kept == facts(one) | {"name": f"episode_{index:06d}"}
            assert kept["factors"]["action_sequence"] == ["grasp it", "lift it"]
            assert kept["events"] == [[3, "pushed"], [7, "missed"]]

    def test_set_without_pictures_takes_none_later_and_stays_whole(
        self, cobotmagic: Embodiment, tmp_path: Path
    ) -> None:
        with LeRobotWriter(tmp_path / "set", cobotmagic) as writer:
            writer.add(episode(cobotmagic, images=False))
            with pytest.raises(FineVLAError, match="pictures are front 192x192.*before were none"):
                writer.add(episode(cobotmagic))
        read = self.read(tmp_path / "set")
        assert read.num_episodes == 1
        assert not [key for key in read.features if key.startswith("observation.images")]

    def test_interrupted_set_leaves_nothing(
        self, cobotmagic: Embodiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer = LeRobotWriter(tmp_path / "set", cobotmagic)
        writer.add(episode(cobotmagic))
        monkeypatch.setattr(CameraEncoder, "put", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            writer.add(episode(cobotmagic))
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(FineVLAError, match="closed"):
            writer.add(episode(cobotmagic))


class TestRosbag:
    """Through rosbags' reader and, where it is, ROS itself."""

    @pytest.fixture(autouse=True)
    def rosbags(self) -> Any:
        return pytest.importorskip("rosbags", reason="rosbags comes with 'make data-setup'")

    @staticmethod
    def read(bag: Path) -> tuple[dict[str, list[Any]], dict[str, list[int]]]:
        from rosbags.highlevel import AnyReader

        found: dict[str, list[Any]] = {}
        times: dict[str, list[int]] = {}
        with AnyReader([bag]) as reader:
            for connection, time_ns, raw in reader.messages():
                found.setdefault(connection.topic, []).append(reader.deserialize(raw, connection.msgtype))
                times.setdefault(connection.topic, []).append(time_ns)
        return found, times

    def test_every_message_comes_back(self, robot: Embodiment, tmp_path: Path) -> None:
        made = [episode(robot, 0), episode(robot, 1, steps=9)]
        start = 1_700_000_000_000_000_000
        with RosbagWriter(tmp_path / "bags", robot, start_ns=start) as writer:
            for one in made:
                writer.add(one)
        for index, one in enumerate(made):
            found, times = self.read(tmp_path / "bags" / f"episode_{index:06d}")
            assert one.images is not None
            stamps = (one.stamps_ns + start).tolist()
            states, actions = robot.to_positions(one.states), robot.to_positions(one.actions)
            assert len(found) == 2 + len(robot.cameras) + len(robot.controllers)
            for topic, messages in found.items():
                assert times[topic] == (stamps[:1] if topic == "/finevla/active_instruction" else stamps)
                for message, stamp in zip(messages, stamps, strict=False):
                    at = message.stamp if topic == "/finevla/active_instruction" else message.header.stamp
                    assert at.sec * 1_000_000_000 + at.nanosec == stamp
            joints = found[f"/finevla/{robot.state_topic}"]
            assert joints[0].name == list(robot.joints)
            assert np.array_equal([j.position for j in joints], states)
            for number, camera in enumerate(robot.cameras):
                images = found[f"/finevla/{camera.topic}/compressed"]
                seen = [np.asarray(Image.open(io.BytesIO(m.data.tobytes())).convert("RGB")) for m in images]
                assert np.array_equal(seen, one.images[:, number])
                assert images[0].header.frame_id == camera.frame
            for controller in robot.controllers:
                orders = found[f"/finevla/{controller.name}/joint_trajectory"]
                columns = [robot.joints.index(joint) for joint in controller.joints]
                assert orders[0].joint_names == list(controller.joints)
                assert np.array_equal([o.points[0].positions for o in orders], actions[:, columns])
                assert orders[0].points[0].time_from_start.nanosec == STEP_NS

    def test_instruction_and_outcome_come_back(self, cobotmagic: Embodiment, tmp_path: Path) -> None:
        from rosbags.rosbag2 import Reader

        one = episode(cobotmagic, images=False)
        with RosbagWriter(tmp_path / "bags", cobotmagic, namespace="/left_robot/") as writer:
            writer.add(one)
        bag = tmp_path / "bags" / "episode_000000"
        found, _ = self.read(bag)
        (said,) = found["/left_robot/active_instruction"]
        assert (said.raw, said.fine) == (one.instruction.raw, one.instruction.fine)
        assert said.id == "episode_000000"
        for slot in dataclasses.fields(Factors):
            wanted = getattr(one.instruction.factors, slot.name) or ()
            assert list(getattr(said.factors, slot.name)) == ([wanted] if isinstance(wanted, str) else list(wanted))
        with Reader(bag) as reader:
            qos = {c.topic: c.ext.offered_qos_profiles[0] for c in reader.connections}  # type: ignore[union-attr]
        kept = yaml.safe_load((bag / "metadata.yaml").read_text())["rosbag2_bagfile_information"]["custom_data"]
        assert (kept["outcome"], kept["success"], kept["seed"]) == ("in the left bowl", "true", "0")
        assert json.loads(kept["events"]) == [[3, "pushed"], [7, "missed"]]
        assert qos["/left_robot/active_instruction"].durability.name == "TRANSIENT_LOCAL"
        assert qos["/left_robot/joint_states"].reliability.name == "BEST_EFFORT"

    def test_ros_reads_the_instruction_and_knows_its_type(self, cobotmagic: Embodiment, tmp_path: Path) -> None:
        pytest.importorskip("rclpy", reason="needs a ROS 2 environment")
        from ament_index_python.packages import get_package_share_directory
        from rclpy.serialization import deserialize_message
        from rosbags.rosbag2 import Reader

        from finevla_interfaces import msg
        from finevla_ros.messages import instruction_from_msg

        one = episode(cobotmagic, images=False)
        with RosbagWriter(tmp_path / "bags", cobotmagic) as writer:
            writer.add(one)
        with Reader(tmp_path / "bags" / "episode_000000") as reader:
            connection, stamp, raw = next(iter(reader.messages()))
        read = instruction_from_msg(deserialize_message(raw, msg.Instruction))
        assert read == dataclasses.replace(one.instruction, id="episode_000000", stamp_ns=stamp)
        described = Path(get_package_share_directory("finevla_interfaces"), "msg", "Instruction.json")
        hashes = {h["type_name"]: h["hash_string"] for h in json.loads(described.read_text())["type_hashes"]}
        assert connection.digest == hashes["finevla_interfaces/msg/Instruction"]

    def test_same_episode_same_bytes(self, cobotmagic: Embodiment, tmp_path: Path) -> None:
        for name in "ab":
            with RosbagWriter(tmp_path / name, cobotmagic) as writer:
                writer.add(episode(cobotmagic))
        for file in ("episode_000000.mcap", "metadata.yaml"):
            first, second = (tmp_path / name / "episode_000000" / file for name in "ab")
            assert first.read_bytes() == second.read_bytes()

    def test_interrupted_bag_leaves_only_those_before(
        self, cobotmagic: Embodiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer = RosbagWriter(tmp_path / "bags", cobotmagic)
        writer.add(episode(cobotmagic, images=False))
        monkeypatch.setattr(writer._messages, "trajectory", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            writer.add(episode(cobotmagic, images=False))
        assert [p.name for p in (tmp_path / "bags").iterdir()] == ["episode_000000"]


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


WRITERS = [pytest.param(LeRobotWriter, marks=pytest.mark.slow), RosbagWriter]


@pytest.mark.parametrize("kind", WRITERS)
class TestMistakes:
    """Each is one sentence, and costs nothing that was written before."""

    @pytest.fixture(autouse=True)
    def packages(self) -> None:
        for name in ("lerobot", "rosbags"):
            pytest.importorskip(name, reason=f"{name} comes with 'make data-setup'")

    def test_existing_folder_is_refused(self, kind: Any, cobotmagic: Embodiment, tmp_path: Path) -> None:
        with pytest.raises(FineVLAError, match="exists already; remove it"):
            kind(tmp_path, cobotmagic)

    def test_nothing_to_write_is_said(self, kind: Any, cobotmagic: Embodiment, tmp_path: Path) -> None:
        with pytest.raises(FineVLAError, match="no episode was added"):
            kind(tmp_path / "out", cobotmagic).close()
        assert not os.listdir(tmp_path)

    def test_folder_that_cannot_be_made_is_one_sentence(
        self, kind: Any, cobotmagic: Embodiment, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(FineVLAError, match="cannot be written"):
            kind(tmp_path / "file" / "out", cobotmagic).add(episode(cobotmagic, images=False))

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"names": tuple("abcdefghijklmn")}, "its values are not those of robot 'cobotmagic'"),
            ({"cameras": ("front", "left", "top")}, "no camera 'top'"),
            ({"images": np.zeros((12, 2, 96, 96, 3), np.uint8)}, "images are .* is needed"),
            ({"states": np.zeros((12, 7), np.float32)}, r"states have shape \(12, 7\), \(12, 14\) is needed"),
            ({"actions": np.full((12, 14), np.nan, np.float32)}, "NaN"),
            ({"stamps_ns": np.arange(12) * 50_000_000}, "not 1/10 s apart"),
        ],
    )
    def test_episode_that_does_not_fit_is_one_sentence(
        self, kind: Any, cobotmagic: Embodiment, tmp_path: Path, change: dict[str, Any], text: str
    ) -> None:
        writer = kind(tmp_path / "out", cobotmagic)
        with pytest.raises(FineVLAError, match=f"^episode of task 'place_color', seed 0.*{text}"):
            writer.add(dataclasses.replace(episode(cobotmagic), **change))
        writer.abort()
        assert not os.listdir(tmp_path)

    def test_missing_package_says_what_to_run(
        self, kind: Any, cobotmagic: Embodiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("lerobot", "rosbags.typesys"):
            monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(FineVLAError, match="need (lerobot|rosbags).*run 'make data-setup' first"):
            kind(tmp_path / "out", cobotmagic)
