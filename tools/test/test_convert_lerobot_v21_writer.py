"""Promises of the v2.1 writer: LeRobot's own converter takes its data sets, and what it makes of them is what was written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lerobot")
pytest.importorskip("h5py")

import foreign

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.convert.lerobot_v21_writer import write_v21
from finevla_tools.convert.modality_json import modality


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("images", ["video", "png"])
def test_lerobot_s_own_converter_takes_it_and_gives_the_same_frames(
    tmp_path: Path, robot: Embodiment, images: str
) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset
    from lerobot.scripts.convert_dataset_v21_to_v30 import convert_dataset

    root = tmp_path / "set"
    write_v21(foreign.parts(tmp_path / "parts", robot, images=images), root, robot)
    convert_dataset("finevla/set", root=root, push_to_hub=False)
    dataset = LeRobotDataset("finevla/set", root=root, video_backend="pyav")
    assert (dataset.meta.total_episodes, dataset.meta.robot_type, dataset.fps) == (3, robot.name, 10)
    assert dataset.meta.features["action"]["names"] == list(robot.names)
    at = 0
    for i in range(3):
        r = foreign.recording(i, 12 + i)
        for k in range(12 + i):
            item = dataset[at]
            assert (item["observation.state"].numpy() == r.states[k]).all()
            assert (item["action"].numpy() == r.actions[k]).all()
            assert item["timestamp"].item() == np.float32(k / 10)
            assert item["task"] == (f"then task {i}" if i and k >= (12 + i) / 2 else foreign.TASK)
            for c, camera in enumerate(robot.camera_names):
                shown = item[f"observation.images.{camera}"].numpy().transpose(1, 2, 0) * 255
                assert np.abs(shown - r.images[k, c]).max() < 1.5  # of lossless RGB; LeRobot's decoder rounds
            at += 1
    assert at == len(dataset)
    every = np.concatenate([foreign.recording(i, 12 + i).states for i in range(3)])
    np.testing.assert_allclose(dataset.meta.stats["observation.state"]["mean"], every.mean(0), atol=1e-6)
    np.testing.assert_allclose(dataset.meta.stats["observation.state"]["max"], every.max(0), atol=1e-6)


def test_files_are_those_of_v21(tmp_path: Path, robot: Embodiment) -> None:
    root = write_v21(foreign.parts(tmp_path / "parts", robot), tmp_path / "set", robot)
    info = json.loads((root / "meta/info.json").read_text())
    assert info["codebase_version"] == "v2.1"
    assert (info["total_episodes"], info["total_frames"], info["total_videos"], info["total_chunks"]) == (3, 39, 9, 1)
    for i in range(3):
        assert (root / info["data_path"].format(episode_chunk=0, episode_index=i)).is_file()
        for camera in robot.camera_names:
            key = f"observation.images.{camera}"
            assert (root / info["video_path"].format(episode_chunk=0, episode_index=i, video_key=key)).is_file()
    assert lines(root / "meta/episodes.jsonl")[2] == {
        "episode_index": 2, "tasks": [foreign.TASK, "then task 2"], "length": 14
    }  # fmt: skip
    assert [row["task_index"] for row in lines(root / "meta/tasks.jsonl")] == [0, 1, 2]
    stats = lines(root / "meta/episodes_stats.jsonl")[1]["stats"]
    assert np.shape(stats["observation.images.left"]["mean"]) == (3, 1, 1)
    assert stats["action"]["count"] == [13]
    assert lines(root / "meta/finevla_episodes.jsonl")[0]["operator"] == "Ünal"


def test_modality_is_the_union_of_what_its_readers_need(robot: Embodiment) -> None:
    made = modality(robot.names, robot.names, robot.camera_names, robot)
    assert list(made["state"]) == list(made["action"]) == ["left_joint", "left_gripper", "right_joint", "right_gripper"]
    assert made["action"]["right_joint"] == {
        "original_key": "action", "type": "abs_joint", "start": 7, "end": 13, "dim": 6,
        "absolute": True, "rotation_type": None, "dtype": "float32",
    }  # fmt: skip
    assert made["video"]["left"] == {"original_key": "observation.images.left"}
    assert made["annotation"] == {"human.action.task_description": {"original_key": "task_index"}}


def test_modality_of_other_robots(single_file: Path) -> None:
    single = load_embodiment(single_file)
    assert list(modality(single.names, single.names, [], single)["state"]) == ["right_joint", "right_gripper"]
    strange = ["waist", "left_joint_0", "left_gripper", "left_joint_1", *(f"x{i}" for i in range(30))]
    assert list(modality(strange, strange, [])["action"]) == ["reserved", "left_joint", "left_gripper", "left_joint.2"]


def test_modality_is_read_by_the_canonical_form(tmp_path: Path, robot: Embodiment) -> None:
    fields = pytest.importorskip("finevla_tools.canonical.field_map")
    root = write_v21(foreign.parts(tmp_path / "parts", robot, 1), tmp_path / "set", robot)
    assert fields.is_tool_view(root / "meta/modality.json")
    assert next(f.slot for f in fields.modality_map(root / "meta/modality.json").state) == "left_joint"


def test_a_part_that_does_not_fit_leaves_nothing_behind(tmp_path: Path, robot: Embodiment) -> None:
    folders = foreign.parts(tmp_path / "parts", robot, 2)
    text = (folders[1] / "part.json").read_text().replace('"fps": 10', '"fps": 20')
    (folders[1] / "part.json").write_text(text)
    with pytest.raises(FineVLAError, match="another rate"):
        write_v21(folders, tmp_path / "set", robot)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["parts"]
    with pytest.raises(FineVLAError, match="no converted episode"):
        write_v21([], tmp_path / "set", robot)
    (tmp_path / "set").mkdir()
    with pytest.raises(FineVLAError, match="exists already"):
        write_v21(folders, tmp_path / "set", robot)


def test_parts_are_not_touched(tmp_path: Path, robot: Embodiment) -> None:
    folders = foreign.parts(tmp_path / "parts", robot, 1)
    before = {p: p.read_bytes() for p in folders[0].rglob("*") if p.is_file()}
    write_v21(folders, tmp_path / "set", robot)
    assert before == {p: p.read_bytes() for p in folders[0].rglob("*") if p.is_file()}


@pytest.mark.parametrize("kind", ["hdf5", "rlds", "lerobot"])
def test_command_takes_files_of_others_and_gives_v21(
    tmp_path: Path, robot: Embodiment, cobotmagic_file: Path, kind: str
) -> None:
    """From the command line to the tables: state and action are bit for bit what was recorded."""
    import argparse

    import pyarrow.parquet as pq

    from finevla_tools.convert import command

    pytest.importorskip("google_crc32c")
    recordings = [foreign.recording(i, 12 + i, *((7, 1) if kind == "rlds" else ())) for i in range(2)]
    source, more = tmp_path / "in", ["--task", "fold the towel"]
    if kind == "hdf5":
        for i, r in enumerate(recordings):
            foreign.aloha(source / f"episode_{i}.hdf5", r)
        more += ["--gripper", "normalised", "--fps", "25"]
    elif kind == "rlds":
        foreign.rlds(source / "x.tfrecord", [foreign.bridge(r) for r in recordings])
        more += ["--dataset", "bridge", "--fps", "25"]
    else:
        write_v21(foreign.parts(tmp_path / "parts", robot, 2, "png"), source, robot)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    fixed = ["--to", "lerobot-v2.1", "--images", "keep", "--robot", str(cobotmagic_file), "--jobs", "1"]
    assert command.run(parser.parse_args([str(source), "--out", str(tmp_path / "out"), *fixed, *more])) == 0
    info = json.loads((tmp_path / "out/meta/info.json").read_text())
    assert info["fps"] == (10 if kind == "lerobot" else 25)
    assert [row["task"] for row in lines(tmp_path / "out/meta/tasks.jsonl")] == ["fold the towel"]
    for i, r in enumerate(recordings):
        table = pq.read_table(tmp_path / "out" / info["data_path"].format(episode_chunk=0, episode_index=i))
        assert (np.array(table["observation.state"].to_pylist(), np.float32) == r.states).all()
        assert (np.array(table["action"].to_pylist(), np.float32) == r.actions).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--codec", "nope"), "there is no video encoder 'nope' here; take libsvtav1, h264"),
        (("--codec", "libdav1d"), "there is no video encoder 'libdav1d' here"),  # it only decodes
        (("--codec", "h264", "--preset", "silly"), "video codec 'h264' does not work with options .*'silly'"),
        (("--crf", "99"), "video codec 'libsvtav1' does not work with options .*'99'"),
    ],
)
def test_an_encoder_that_cannot_is_refused_before_anything_is_read(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    import argparse

    from finevla_tools.convert import command

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    words = [str(tmp_path / "not-there"), "--out", str(tmp_path / "out"), "--to", "lerobot-v2.1", *options]
    with pytest.raises(FineVLAError, match=said):
        command.run(parser.parse_args(words))
    assert not list(tmp_path.iterdir())
