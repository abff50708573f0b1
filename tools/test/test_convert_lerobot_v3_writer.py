"""Promises of the LeRobot v3.0 writer, by LeRobot's own reader: what was recorded comes back, and the format is theirs."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lerobot", reason="LeRobot comes with 'make data-setup'")
pytest.importorskip("rosbags", reason="rosbags come with 'make data-setup'")
pytestmark = pytest.mark.slow

from made_bags import MS, START, aligned, episode, pixels

from finevla_core.embodiment import Embodiment
from finevla_tools import cli
from finevla_tools.canonical.field_map_choice import choose_map
from finevla_tools.convert import lerobot_v3_writer
from finevla_tools.convert.bag_analysis import BagOptions
from finevla_tools.convert.bag_source import BagSource
from finevla_tools.convert.episode import Encoded
from finevla_tools.convert.video_encoder import Codec
from finevla_tools.datasets.episode_words import read_words
from finevla_tools.datasets.lerobot_files import open_dataset

# What AV1 at LeRobot's settings keeps of a smooth picture; its 4:2:0 colours alone cost more at hard edges.
DECIBELS = 35.0


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = pytest.importorskip("datasets").config
    monkeypatch.setattr(config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def read(root: Path) -> Any:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    return LeRobotDataset("any/name", root=root, video_backend="pyav")


def convert(*arguments: object) -> int:
    return cli.main(["convert", *map(str, arguments)])


def psnr(one: Any, other: Any) -> float:
    error = np.mean((np.asarray(one, np.float64) - np.asarray(other, np.float64)) ** 2)
    return float(10 * np.log10(255**2 / max(float(error), 1e-9)))


def image(item: Any, camera: str) -> Any:
    return np.round(item[f"observation.images.{camera}"].numpy().transpose(1, 2, 0) * 255)


@pytest.mark.parametrize("images", ["video", "keep"])
def test_every_frame_comes_back_through_lerobot(robot: Embodiment, tmp_path: Path, images: str) -> None:
    bags = tmp_path / "bags"
    bags.mkdir()
    episode(robot, seconds=2.0, seed=1, size=(64, 96)).write(bags / "one")
    episode(robot, seconds=1.5, seed=2, size=(64, 96)).write(bags / "two", "sqlite3")
    assert convert(bags, "--out", tmp_path / "set", "--fps", 15, "--images", images, "--jobs", 1) == 0
    assert not (tmp_path / "set.partial").exists()
    data, source = read(tmp_path / "set"), BagSource(bags, robot, BagOptions(fps=15))
    assert (data.num_episodes, data.fps, data.meta.robot_type) == (2, 15, "cobotmagic")
    index = 0
    for number, reference in enumerate(source.references()):
        wanted = source.open(reference)
        events = {round(w.time_s * 15): w for w in wanted.header.words if w.is_event}
        for k, frame in enumerate(wanted.frames()):
            item = data[index]
            np.testing.assert_array_equal(item["observation.state"].numpy(), frame.state)
            np.testing.assert_array_equal(item["action"].numpy(), frame.action)
            assert item["timestamp"].item() == np.float32(k / 15)
            assert (item["frame_index"].item(), item["index"].item()) == (k, index)
            assert item["episode_index"].item() == number
            assert item["task"] == frame.task
            for camera, picture in frame.pictures.items():
                assert isinstance(picture, Encoded)
                found = psnr(image(item, camera), pixels(picture.data))
                assert found > (DECIBELS if images == "video" else 80), f"{camera}, frame {k}: {found:.1f} dB"
            assert [row["content"] for row in item["language_persistent"]] == ["with the left arm, slowly"]
            assert [row["content"] for row in item["language_events"]] == [
                e.content for i, e in events.items() if i == k
            ]
            index += 1
    assert index == data.num_frames
    assert data.meta.tasks["task_index"].tolist() == list(range(len(data.meta.tasks))), (
        "LeRobot looks tasks up by position"
    )
    known = [json.loads(line) for line in (tmp_path / "set/meta/finevla_episodes.jsonl").read_text().splitlines()]
    assert [k["name"] for k in known] == ["one", "two"]
    assert known[0]["actions_by"] == "commanded"
    words = read_words(open_dataset(tmp_path / "set"))
    assert [text.text for text in words[0].fine] == ["with the left arm, slowly"]
    assert {(row.source, row.status) for row in words[0].annotations} <= {("operator", "approved")}
    modality = json.loads((tmp_path / "set/meta/modality.json").read_text())
    assert modality["state"]["left_gripper"]["start"] == 6


def test_info_and_statistics_are_those_of_lerobots_own_writer(robot: Embodiment, tmp_path: Path) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    bag = aligned(robot, steps=20, size=(48, 64)).write(tmp_path / "bag")
    assert convert(bag, "--out", tmp_path / "ours", "--jobs", 1) == 0
    ours = read(tmp_path / "ours")
    features = {k: v for k, v in ours.meta.features.items() if k.startswith(("observation", "action"))}
    features = {k: {n: v[n] for n in ("dtype", "shape", "names")} for k, v in features.items()}
    theirs = LeRobotDataset.create("any/name", 10, features, root=tmp_path / "theirs", robot_type="cobotmagic")
    [reference] = (source := BagSource(bag, robot)).references()
    for frame in source.open(reference).frames():
        made = {f"observation.images.{c}": pixels(p.data) for c, p in frame.pictures.items()}  # type: ignore[union-attr]
        theirs.add_frame({"observation.state": frame.state, "action": frame.action, "task": frame.task, **made})
    theirs.save_episode()
    theirs.finalize()
    one, other = (json.loads((tmp_path / n / "meta/info.json").read_text()) for n in ("ours", "theirs"))
    assert one == other
    a, b = (json.loads((tmp_path / n / "meta/stats.json").read_text()) for n in ("ours", "theirs"))
    assert {k: set(v) for k, v in a.items()} == {k: set(v) for k, v in b.items()}
    for key, numbers in b.items():
        for name, value in numbers.items():
            # Pictures: theirs by a histogram of 5000 bins, ours exact.
            tolerance = 0.01 if "images" in key else 0
            np.testing.assert_allclose(np.array(a[key][name]), np.array(value), atol=tolerance, err_msg=f"{key} {name}")


def test_codec_options_are_those_lerobot_makes() -> None:
    from lerobot.configs import RGBEncoderConfig

    for codec in (
        Codec(),
        Codec("h264", preset="veryfast", crf=23),
        Codec(g=30, threads=1),
        Codec("libsvtav1", preset="8"),
    ):
        theirs = RGBEncoderConfig(**codec.facts()).get_codec_options(codec.threads, as_strings=True)
        assert codec.options() == theirs


def test_files_are_split_and_videos_begin_where_they_shall(
    robot: Embodiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bags = tmp_path / "bags"
    for i in range(4):
        aligned(robot, steps=9, seed=i, size=(96, 96)).write(bags / f"b{i}")
    monkeypatch.setattr(lerobot_v3_writer, "MB", 1 << 10)
    monkeypatch.setattr(
        lerobot_v3_writer, "V3Options", partial(lerobot_v3_writer.V3Options, data_file_mb=1, video_file_mb=5)
    )
    assert convert(bags, "--out", tmp_path / "set", "--jobs", 1, "--codec", "h264", "--gop", 10) == 0
    data = read(tmp_path / "set")
    assert len(list((tmp_path / "set/data").rglob("*.parquet"))) > 1
    assert len(list((tmp_path / "set/videos/observation.images.front").rglob("*.mp4"))) > 1
    for i in range(data.num_frames):
        assert image(data[i], "front")[..., 0].mean() == pytest.approx(i % 9, abs=4), "the picture of that very frame"


def test_killed_in_the_middle_it_goes_on_and_nothing_differs(robot: Embodiment, tmp_path: Path) -> None:
    bags = tmp_path / "bags"
    for i in range(5):
        episode(robot, seconds=2.5, seed=i, size=(96, 128)).write(bags / f"b{i}")
    command = [sys.executable, "-m", "finevla_tools.cli", "convert", str(bags), "--fps", "10", "--jobs", "2", "--out"]
    assert subprocess.run([*command, str(tmp_path / "whole")], check=False).returncode == 0
    running = subprocess.Popen([*command, str(tmp_path / "set")], start_new_session=True)
    parts = tmp_path / "set.partial" / "parts"
    until = time.monotonic() + 120
    while not any(parts.glob("b*/done.json")) and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not (tmp_path / "set").exists()
    until = time.monotonic() + 30
    while _children(running.pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert not _children(running.pid), "workers end with whom they work for"
    kept = list(parts.glob("b*/done.json"))  # one more may have become whole before its worker ended
    assert kept
    result = subprocess.run([*command, str(tmp_path / "set")], check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert f"converted already: {len(kept)} of 5 episodes" in result.stdout
    files = sorted(p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(tmp_path / "set") for p in (tmp_path / "set").rglob("*") if p.is_file())
    for file in files:
        assert (tmp_path / "set" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file


def _children(session: int) -> list[int]:
    """Processes of a session that are still there (its leader is gone)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_simulator_episode_to_bag_to_lerobot(robot: Embodiment, tmp_path: Path) -> None:
    pytest.importorskip("mujoco")
    from finevla_sim.tasks import mixture
    from finevla_tools.datasets.rosbag_writer import RosbagWriter
    from finevla_tools.demonstrate import FPS, DemonstrationRequest, episodes

    made = next(
        m for m in episodes(DemonstrationRequest(mixture("reach"), "easy", False, True), 0, 1) if m is not None
    )[0]
    with RosbagWriter(tmp_path / "bags", robot, FPS, start_ns=START + 7 * MS) as writer:
        writer.add(made)
    assert convert(tmp_path / "bags", "--out", tmp_path / "set", "--jobs", 1) == 0
    data = read(tmp_path / "set")
    assert data.num_frames == made.steps
    for k in range(made.steps):
        item = data[k]
        np.testing.assert_array_equal(item["observation.state"].numpy(), through(robot, made.states[k]))
        np.testing.assert_array_equal(item["action"].numpy(), through(robot, made.actions[k]))
        for c, camera in enumerate(made.cameras):
            assert psnr(image(item, camera), made.images[k, c]) > 30, "rendered edges lose more than smooth pictures"
    # What the data set says of itself is enough for the tools that come next.
    fields = choose_map(open_dataset(tmp_path / "set"), None)
    assert {way.slot for way in fields.forward} == {"left_eef", "right_eef"}


def through(robot: Embodiment, values: Any) -> Any:
    """To positions and back, as by way of a message."""
    return robot.to_values(robot.to_positions(values)).astype(np.float32)
