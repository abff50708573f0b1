"""What cannot be true of a robot is refused with the option that mends it: units of joints, clocks, times of frames."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for needed in ("pyarrow", "av", "h5py", "rosbags"):
    pytest.importorskip(needed, reason="needs 'make data-setup'")

import h5py
from foreign import aloha, recording
from lerobot_sets import take, write
from made_bags import MS, SECOND, START, Line, Scene, aligned, episode
from odd_bags import convert

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.cli import main
from finevla_tools.convert.arm_values import places_of
from finevla_tools.convert.episode import EpisodeFrame
from finevla_tools.convert.hdf5_content import Hdf5Options
from finevla_tools.convert.hdf5_source import Hdf5Source

ROOT = Path(__file__).parents[2]
TOOLS = ("convert", "canonicalise", "dedup", "annotate")


@pytest.fixture(scope="module")
def robot() -> Embodiment:
    return load_embodiment(ROOT / "config" / "robots" / "cobotmagic.yaml")


def states(frames: list[EpisodeFrame]) -> np.ndarray:
    return np.array([frame.state for frame in frames])


def in_unit(scene: Scene, factor: float, commands: bool) -> Scene:
    """The same motion with its arms' joints in another unit; grippers stay in metres."""
    for line in scene.lines:
        said = [line.message] if "joint_states" in line.topic else []
        if commands and "arm_controller" in line.topic:
            said = list(line.message.points)
        for one in said:
            key = "position" if hasattr(one, "position") else "positions"
            names = getattr(one, "name", None) or [""] * len(getattr(one, key))
            turned = [
                v if "gripper" in n or "finger" in n else v * factor
                for n, v in zip(names, getattr(one, key), strict=True)
            ]
            setattr(one, key, np.array(turned))
    return scene


class TestBags:
    @pytest.mark.parametrize(("unit", "factor"), [("deg", 180 / np.pi), ("mdeg", 180_000 / np.pi)])
    def test_joints_that_are_no_rad_are_refused_with_the_option_that_reads_them(
        self, robot: Embodiment, tmp_path: Path, unit: str, factor: float
    ) -> None:
        [(_, due)] = convert(episode(robot).write(tmp_path / "rad"), robot)
        bag = in_unit(episode(robot), factor, commands=True).write(tmp_path / "bag")
        with pytest.raises(FineVLAError, match=r"which is no angle in rad; say what it is by --joint-unit deg"):
            convert(bag, robot)
        [(_, found)] = convert(bag, robot, joint_unit=unit)
        assert states(found) == pytest.approx(states(due), abs=1e-5)
        assert [f.action for f in found] == [pytest.approx(f.action, abs=1e-5) for f in due]

    def test_commands_alone_are_looked_at_too(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = episode(robot)
        for line in scene.lines:
            if "left_arm_controller" in line.topic:
                for point in line.message.points:
                    point.positions[:] = np.degrees(point.positions)
        with pytest.raises(FineVLAError, match="left_arm_controller reads up to .* no angle in rad"):
            convert(scene.write(tmp_path / "bag"), robot)

    def test_one_reading_that_cannot_be_is_told_and_kept(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = episode(robot, seconds=3)
        line = next(line for line in scene.lines if "joint_states" in line.topic)
        line.message.position[0] = 40.0
        [(header, _)] = convert(scene.write(tmp_path / "bag"), robot)
        assert (
            "1 message of joint_states read beyond what a robot can, as 40 of left_joint1" in header.facts["notes"][0]
        )

    def test_grippers_of_another_scale_than_the_robot_file_s_are_refused(
        self, robot: Embodiment, tmp_path: Path
    ) -> None:
        scene = episode(robot)
        column = next(i for i, value in enumerate(robot.values) if value.is_gripper)
        for line in scene.lines:
            if "joint_states" in line.topic:
                line.message.position[column] *= 1000
        with pytest.raises(FineVLAError, match=r"whole opening of left_gripper .*'zero:' and 'one:'"):
            convert(scene.write(tmp_path / "bag"), robot)

    def test_a_gripper_that_goes_a_little_beyond_is_told(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = aligned(robot, steps=8)
        column = next(i for i, value in enumerate(robot.values) if value.is_gripper)
        values = np.zeros(len(robot.names))
        values[column] = 1.2
        scene.state(values, START + 350 * MS)
        [(header, _)] = convert(scene.write(tmp_path / "bag"), robot)
        assert header.facts["notes"] == ["left_gripper goes beyond 0 to 1: 0.000 to 1.200; it is not cut"]

    def test_arms_whose_clocks_differ_are_refused_and_read_by_times_of_recording(
        self, robot: Embodiment, tmp_path: Path
    ) -> None:
        scene = episode(robot, seconds=4)
        [(_, due)] = convert(scene.write(tmp_path / "right"), robot, stamps="received")
        lines: list[Line] = []
        for line in scene.lines:
            if not line.topic.endswith("joint_states"):
                lines.append(line)
                continue
            for side, late_s in (("left", 0), ("right", 2)):
                lines.append(replace(line, topic=f"/{side}/joint_states", message=_half(line.message, side, late_s)))
        scene.lines = lines
        bag = scene.write(tmp_path / "bag")
        with pytest.raises(FineVLAError, match=r"/right/joint_states are 2\.0 s apart.*--stamps received"):
            convert(bag, robot)
        [(_, found)] = convert(bag, robot, stamps="received")
        assert states(found) == pytest.approx(states(due))
        assert len(convert(bag, robot, stamps="header")[0][1]) < len(due)

    def test_a_camera_slower_than_the_frames_is_no_gap(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = Scene(robot, size=(8, 8))
        scene.say("put it away", "", START - SECOND)
        for camera in robot.camera_names:
            for k in range(10):
                scene.image(camera, k, START + k * 200 * MS)
        for k in range(1000):  # 500 Hz
            scene.state(np.full(len(robot.names), k / 1000), START + k * 2 * MS)
        for k in range(40):
            scene.command(np.full(len(robot.names), k / 40), START + k * 50 * MS)
        bag = scene.write(tmp_path / "bag")
        with pytest.raises(FineVLAError, match="camera front has 5 messages a second, of which 10 .* choose --fps 5"):
            convert(bag, robot)
        [(header, frames)] = convert(bag, robot, fps=5)
        assert header.fps == 5
        assert states(frames)[:, 0] == pytest.approx(np.arange(len(frames)) * 0.1, abs=1e-6)

    def test_a_clock_that_leaps_makes_two_episodes_and_no_message_is_told_as_lost(
        self, robot: Embodiment, tmp_path: Path
    ) -> None:
        scene = episode(robot, seconds=4)
        for line in scene.lines:
            if line.received_ns > START + 2 * SECOND:
                line.received_ns += 3600 * SECOND
                if hasattr(line.message, "header"):
                    line.message.header.stamp.sec += 3600
        pieces = convert(scene.write(tmp_path / "bag"), robot, gaps="cut", task="do it")
        assert sum(len(frames) for _, frames in pieces) == 41  # 4 s, and the moment of the leap on both sides of it
        for header, _ in pieces:
            assert "lost_messages" not in header.facts
            assert not [note for note in header.facts["notes"] if "not in it" in note]

    @pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
    @pytest.mark.parametrize("stamps", ["auto", "received", "header"])
    @pytest.mark.parametrize("back_s", [1, 3600])
    def test_a_clock_that_is_set_back_while_it_records_is_refused_and_loses_nothing_silently(
        self, robot: Embodiment, tmp_path: Path, storage: str, stamps: str, back_s: int
    ) -> None:
        scene = episode(robot, seconds=4)
        scene.lines.sort(key=lambda line: line.received_ns)
        for line in scene.lines:
            if line.received_ns > START + 2 * SECOND:
                line.received_ns -= back_s * SECOND
                if hasattr(line.message, "header"):
                    line.message.header.stamp.sec -= back_s
        bag = scene.write(tmp_path / "bag", storage=storage, as_received=False)
        with pytest.raises(FineVLAError, match=f"set back by {back_s}[.]0 s|steps back"):
            convert(bag, robot, stamps=stamps, task="do it")

    def test_a_recording_whose_messages_stand_in_another_order_is_read_by_their_times(
        self, robot: Embodiment, tmp_path: Path
    ) -> None:
        scene = episode(robot, seconds=4)
        [(_, due)] = convert(scene.write(tmp_path / "right"), robot, task="do it")
        np.random.default_rng(3).shuffle(scene.lines)
        [(_, found)] = convert(scene.write(tmp_path / "bag", as_received=False), robot, task="do it")
        assert states(found) == pytest.approx(states(due))


def _half(message: Any, side: str, late_s: int) -> Any:
    mine = [i for i, name in enumerate(message.name) if name.startswith(side)]
    header = copy.deepcopy(message.header)
    header.stamp.sec += late_s
    nothing = np.zeros(0)
    return type(message)(
        header=header,
        name=[message.name[i] for i in mine],
        position=message.position[mine],
        velocity=nothing,
        effort=nothing,
    )


class TestHdf5:
    def test_joints_in_degrees_become_rad_and_it_is_told(self, robot: Embodiment, tmp_path: Path) -> None:
        made = recording(0, 20, size=(8, 8))
        turning = [i for i, value in enumerate(robot.values) if not value.is_gripper]
        wide = replace(made, states=made.states.copy(), actions=made.actions.copy())
        for rows in (wide.states, wide.actions):
            rows[:, turning] *= 10
        in_degrees = replace(wide, states=wide.states.copy(), actions=wide.actions.copy())
        for rows in (in_degrees.states, in_degrees.actions):
            rows[:, turning] = np.degrees(rows[:, turning])
        aloha(tmp_path / "a" / "episode_0.hdf5", in_degrees)
        source = Hdf5Source(tmp_path / "a", robot, Hdf5Options(task="do it"))
        assert "taken as deg, and made rad" in source.settle()[-1]
        [reference] = source.references()
        frames = list(source.open(reference).frames())
        assert states(frames) == pytest.approx(wide.states, abs=1e-5)
        as_it_is = Hdf5Source(tmp_path / "a", robot, Hdf5Options(task="do it", joint_unit="rad"))
        as_it_is.settle()
        assert states(list(as_it_is.open(reference).frames())) == pytest.approx(in_degrees.states, rel=1e-6)

    @pytest.mark.parametrize(("width", "action_width"), [(16, 16), (14, 16), (26, 26)])
    def test_longer_rows_are_refused_until_it_is_said_which_values_are_the_arms(
        self, robot: Embodiment, tmp_path: Path, width: int, action_width: int
    ) -> None:
        made = recording(0, 12, size=(8, 8))
        path = tmp_path / "a" / "episode_0.hdf5"
        aloha(path, made)
        with h5py.File(path, "r+") as file:
            for name, wide in (("observations/qpos", width), ("action", action_width)):
                rows = file[name][()]
                del file[name]
                file[name] = np.hstack([rows, np.full((len(rows), wide - 14), 9.0, np.float32)])
        source = Hdf5Source(tmp_path / "a", robot, Hdf5Options(task="do it"))
        [reference] = source.references()
        with pytest.raises(FineVLAError, match=rf"has {action_width} values, robot .* has 14; .*--arm-values 0-13"):
            source.open(reference)
        said = Hdf5Source(tmp_path / "a", robot, Hdf5Options(task="do it", arm_values=places_of("0-6,7-13")))
        frames = list(said.open(reference).frames())
        assert np.array_equal(states(frames), made.states)
        assert np.array_equal([frame.action for frame in frames], made.actions)
        short = Hdf5Source(tmp_path / "a", robot, Hdf5Options(task="do it", arm_values=places_of("0-12")))
        with pytest.raises(FineVLAError, match="--arm-values names 13 values, robot .* has 14"):
            short.open(reference)

    @pytest.mark.parametrize("text", ["x", "3-1", "0-13,4", "-1", "0-9999", "0,,1"])
    def test_places_that_are_none_are_one_sentence(self, text: str) -> None:
        with pytest.raises(FineVLAError, match="--arm-values"):
            places_of(text)


class TestTimes:
    @pytest.mark.parametrize(("factor", "unit"), [(1e3, "milliseconds"), (1e9, "nanoseconds"), (1e-3, "'fps'")])
    @pytest.mark.parametrize("tool", TOOLS)
    def test_of_no_robot_are_one_sentence_in_every_tool(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], tool: str, factor: float, unit: str
    ) -> None:
        takes = [take(seed, frames=20) for seed in range(2)]
        takes[1].stamps = (takes[1].stamps.astype(np.float64) * factor).astype(np.float32)
        root = write(tmp_path / "set", takes)
        by = {"dedup": ["--by", "dataset"], "convert": ["--to", "lerobot-v2.1"]}.get(tool, [])
        assert main([tool, str(root), "--out", str(tmp_path / "out"), "--jobs", "1", *by]) == (
            0 if tool == "dedup" else 1
        )
        said = capsys.readouterr()
        [line] = {line for line in (said.out + said.err).splitlines() if "apart by column 'timestamp'" in line}
        assert "0.03333 s are due at the 30 frames per second of meta/info.json" in line
        assert unit in line

    def test_at_another_rate_than_the_data_set_says_are_told(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        root = write(tmp_path / "set", [take(0, frames=20)])
        info = json.loads((root / "meta/info.json").read_text())
        (root / "meta/info.json").write_text(json.dumps(info | {"fps": 15}))
        assert main(["canonicalise", str(root), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
        said = capsys.readouterr().err
        assert "the rows of episode_000000 come 30 times a second by column 'timestamp', meta/info.json says 15" in said
