"""Promises of the HDF5 reader: numbers and pictures as stored, and one sentence for every file that is none of these."""

import json
from pathlib import Path

import numpy as np
import pytest

h5py = pytest.importorskip("h5py")

import foreign

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.cli import main
from finevla_tools.convert import compressed_pictures
from finevla_tools.convert.episode import Encoded, EpisodeFrame, Header
from finevla_tools.convert.hdf5_content import Hdf5Options
from finevla_tools.convert.hdf5_source import Hdf5Source, matches


def read(path: Path, robot: Embodiment, **options: object) -> tuple[Header, list[EpisodeFrame]]:
    source = Hdf5Source(path, robot, Hdf5Options(**options))  # type: ignore[arg-type]
    episode = source.open(source.references()[0])
    return episode.header, list(episode.frames())


def states(frames: list[EpisodeFrame]) -> np.ndarray:
    return np.array([frame.state for frame in frames])


def actions(frames: list[EpisodeFrame]) -> np.ndarray:
    return np.array([frame.action for frame in frames])


def test_collector_s_file_is_read_bit_for_bit(tmp_path: Path, robot: Embodiment) -> None:
    r = foreign.recording()
    foreign.aloha(tmp_path / "fold_the_towel" / "episode_3.hdf5", r)
    header, frames = read(tmp_path, robot)
    assert (states(frames) == r.states).all()
    assert (actions(frames) == r.actions).all()
    for k, frame in enumerate(frames):
        for c, camera in enumerate(("front", "left", "right")):
            assert (frame.pictures[camera] == r.images[k, c]).all()
    assert header.name == "fold_the_towel-episode_3"
    assert header.fps == 30
    assert header.state_names == header.action_names == robot.names
    assert {frame.task for frame in frames} == {"fold the towel"}
    assert header.facts["gripper_scale"] == "normalised"
    assert "observation i+1" in header.facts["actions"]
    assert header.facts["left_out"] == ["base_action", "observations/effort", "observations/qvel"]
    json.dumps(header.facts)


@pytest.mark.parametrize("stored", ["padded", "bytes"])
def test_compressed_pictures_stay_as_they_are(tmp_path: Path, robot: Embodiment, stored: str) -> None:
    r = foreign.recording()
    foreign.aloha(tmp_path / "task" / "episode_0.hdf5", r, stored)
    _, frames = read(tmp_path, robot)
    for k, frame in enumerate(frames):
        assert frame.pictures["left"] == Encoded(foreign.jpeg(r.images[k, 1]), "jpeg")


def test_robomind_is_read_with_its_own_words(tmp_path: Path, robot: Embodiment) -> None:
    r = foreign.recording()
    foreign.robomind(tmp_path / "t" / "success_episodes" / "train" / "1014_144602" / "data" / "trajectory.hdf5", r)
    header, frames = read(tmp_path, robot)
    assert (states(frames) == r.states).all()
    assert (actions(frames) == r.actions).all()
    assert frames[2].pictures["right"] == Encoded(foreign.jpeg(r.images[2, 2]), "jpeg")
    assert (frames[0].task, header.facts["task_from"]) == (foreign.TASK, "file")


def test_robomind_folder_names_the_task_where_the_file_does_not(tmp_path: Path, robot: Embodiment) -> None:
    path = tmp_path / "stack_two_bowls" / "success_episodes" / "train" / "1014_144602" / "data" / "trajectory.hdf5"
    foreign.robomind(path, foreign.recording())
    with h5py.File(path, "a") as file:
        del file["language_raw"]
    assert read(tmp_path, robot)[1][0].task == "stack two bowls"


def test_aio_kit_says_how_frames_were_collected(tmp_path: Path, robot: Embodiment) -> None:
    path = tmp_path / "task" / "episode_0.hdf5"
    foreign.aloha(path, foreign.recording(frames=5), gripper=0.1, base=False)
    with h5py.File(path, "a") as file:
        file["observations/eef_pose"] = np.zeros((5, 14))
        file["collect"] = np.array([b"teleop"] * 3 + [b"dagger"] * 2, dtype=object)
    header, frames = read(path, robot)
    assert header.facts["collect"] == {"teleop": 3, "dagger": 2}
    assert (header.fps, header.facts["gripper_scale"]) == (30, "metres")
    assert len(frames) == 5


def test_original_aloha_runs_at_50_hz(tmp_path: Path, robot: Embodiment) -> None:
    foreign.aloha(tmp_path / "task" / "episode_0.hdf5", foreign.recording(), base=False)
    assert read(tmp_path, robot)[0].fps == 50
    assert read(tmp_path, robot, fps=25)[0].fps == 25


@pytest.mark.parametrize(
    ("factor", "scale", "options"),
    [(0.1, "metres", {}), (1.0, "normalised", {}), (3.6, "motor", {}), (5.0, "motor", {"motor_open": 5.0})],
)
def test_gripper_scale_is_guessed_told_and_undone(
    tmp_path: Path, robot: Embodiment, factor: float, scale: str, options: dict[str, float]
) -> None:
    r = foreign.recording()
    foreign.aloha(tmp_path / "task" / "episode_0.hdf5", r, gripper=factor)
    header, frames = read(tmp_path, robot, **options)
    assert header.facts["gripper_scale"] == scale
    assert header.facts["gripper_scale_from"].startswith("guessed")
    grippers = [i for i, value in enumerate(robot.values) if value.is_gripper]
    joints = [i for i, value in enumerate(robot.values) if not value.is_gripper]
    np.testing.assert_allclose(states(frames)[:, grippers], r.states[:, grippers], rtol=1e-5)
    assert (states(frames)[:, joints] == r.states[:, joints]).all()


def test_gripper_scale_can_be_said(tmp_path: Path, robot: Embodiment) -> None:
    foreign.aloha(tmp_path / "task" / "episode_0.hdf5", foreign.recording(), gripper=0.1)
    header, frames = read(tmp_path, robot, gripper="normalised")
    assert header.facts["gripper_scale_from"] == "option"
    assert states(frames)[:, 6].max() <= 0.1


@pytest.mark.parametrize("stored", ["raw", "padded"])
def test_bgr_pictures_are_turned_when_said_so(tmp_path: Path, robot: Embodiment, stored: str) -> None:
    r = foreign.recording()
    foreign.aloha(tmp_path / "task" / "episode_0.hdf5", r, stored)
    shown = read(tmp_path, robot)[1][0].pictures["front"]
    turned = read(tmp_path, robot, colours="bgr")[1][0].pictures["front"]
    assert isinstance(turned, np.ndarray)
    assert (turned[..., ::-1] == compressed_pictures.decode(shown, "it")).all()


def test_base_is_appended_only_when_asked(tmp_path: Path, robot: Embodiment) -> None:
    foreign.aloha(tmp_path / "task" / "episode_0.hdf5", foreign.recording())
    header, frames = read(tmp_path, robot, base=True)
    assert header.action_names[14:] == ("base_linear_velocity", "base_angular_velocity")
    assert frames[3].action[14:].tolist() == [6, 7]
    assert frames[3].state.shape == (14,)


def test_task_comes_from_the_option_the_file_or_beside_it(tmp_path: Path, robot: Embodiment) -> None:
    path = tmp_path / "folder" / "episode_0.hdf5"
    foreign.aloha(path, foreign.recording())
    (path.parent / "expanded_instruction_gpt-4-turbo.json").write_text('{"instruction": "beside", "x": 1}')
    assert read(path, robot)[1][0].task == "beside"
    foreign.aloha(path, foreign.recording(), language_instruction="within")
    assert read(path, robot)[1][0].task == "within"
    assert read(path, robot, task="said")[1][0].task == "said"


def test_episodes_come_in_the_order_of_their_numbers_under_different_names(tmp_path: Path, robot: Embodiment) -> None:
    for name in ("a/episode_10.hdf5", "a/episode_2.hdf5", "b c/episode_2.h5", "b_c/episode_2.h5"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [reference.name for reference in Hdf5Source(tmp_path, robot).references()]
    assert names == ["a-episode_2", "a-episode_10", "b_c-episode_2", "b_c-episode_2-2"]
    assert matches(tmp_path)
    assert not matches(Path(__file__).parent)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("external link", "not followed"), ("soft link", "not followed"), ("external storage", "not followed"),
        ("virtual", "not followed"), ("references", "references"), ("huge", "not wholly written|rows"),
        ("huge picture", "pixels|not wholly written"), ("huge chunk", "256 MiB"), ("never written", "broke off"),
        ("wrong type", "numbers of shape"), ("compound", "neither numbers"), ("missing", "no /action"),
        ("no pictures", "at least one camera"), ("shorter", "incomplete"), ("wider", "16 values"), ("NaN", "row 5"),
        ("no JPEG", "begins with 01 01 01 01"), ("ring", "pictures are needed"), ("empty", "0 rows"),
    ],
)  # fmt: skip
def test_hostile_file_gets_one_sentence(tmp_path: Path, robot: Embodiment, how: str, says: str) -> None:
    path = tmp_path / "task" / "episode_0.hdf5"
    foreign.aloha(path, foreign.recording())
    foreign.harm_hdf5(path, how)
    with pytest.raises(FineVLAError, match=says) as caught:
        read(path, robot)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_lengths_that_exceed_the_file_are_refused_before_they_are_reserved(tmp_path: Path, robot: Embodiment) -> None:
    path = tmp_path / "task" / "trajectory.hdf5"
    foreign.robomind(path, foreign.recording())
    with h5py.File(path) as file:
        at = file["observations/rgb_images/camera_front"].id.get_offset()
    data = bytearray(path.read_bytes())
    data[at + 3] = 0xC0  # three gibibytes
    path.write_bytes(data)
    with pytest.raises(FineVLAError, match="larger than the whole file"):
        read(path, robot)


def test_damaged_files_get_one_sentence_each(tmp_path: Path, robot: Embodiment) -> None:
    small = foreign.recording(frames=3, size=(16, 24))
    intact = []
    for stored in ("raw", "padded", "bytes"):
        foreign.aloha(tmp_path / "intact.hdf5", small, stored)
        intact.append((tmp_path / "intact.hdf5").read_bytes())
    foreign.robomind(tmp_path / "intact.hdf5", small)
    intact.append((tmp_path / "intact.hdf5").read_bytes())
    refused = 0
    for seed in range(240):
        rng = np.random.default_rng(seed)
        path = tmp_path / f"damaged_{seed}.hdf5"
        path.write_bytes(foreign.DAMAGES[seed // 4 % 3](intact[seed % 4], rng))
        try:
            for frame in read(path, robot)[1]:
                for picture in frame.pictures.values():
                    compressed_pictures.decode(picture, "it")
        except FineVLAError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 120


def test_inspect_says_the_kind_in_words_and_the_scale_of_the_grippers_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign.aloha(tmp_path / "fold_shirt" / "episode_0.hdf5", foreign.recording(), gripper=0.07)
    assert main(["convert", str(tmp_path), "--inspect"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"'{tmp_path}': 1 episode, read as HDF5 files (--kind hdf5)"
    said = [line for line in lines if "gripper" in line and "(14)" not in line]
    assert [line.partition(":")[0].strip() for line in said] == ["grippers of the action", "grippers of the state"]
