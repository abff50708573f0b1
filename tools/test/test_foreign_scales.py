"""Promises about the scale of grippers: one for a whole data set, told, the right one, and refused where files disagree."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow")
h5py = pytest.importorskip("h5py")

import foreign
from foreign_columns import arm, hand, write
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.canonical.convert import load_episode
from finevla_tools.canonical.field_map_choice import choose_map
from finevla_tools.canonical.field_map_scales import AUTOMATIC, Given, settle
from finevla_tools.canonical.unified_values import Rules
from finevla_tools.cli import main
from finevla_tools.convert.hdf5_content import Hdf5Options
from finevla_tools.convert.hdf5_source import Hdf5Source
from finevla_tools.convert.lerobot_source import LeRobotOptions, LeRobotSource
from finevla_tools.datasets import gripper_and_joint_scales
from finevla_tools.datasets.lerobot_files import open_dataset

JOINTS = [f"{side}_{part}" for side in ("left", "right") for part in (*(f"joint_{k}" for k in range(1, 7)), "gripper")]
OPEN = hand(0)[:, 0].astype(np.float64)  # 0 to 1


def columns(state: Any, action: Any = None, part: float = 1.0) -> dict[str, NDArray[np.float32]]:
    """An episode whose grippers read `state` (left and right, when they are open); `part`: how far they open."""
    made = {}
    for key, opened in (("observation.state", state), ("action", state if action is None else action)):
        rows = np.hstack([arm(1), np.zeros((40, 1)), arm(2), np.zeros((40, 1))])
        rows[:, [6, 13]] = OPEN[:, None] * np.broadcast_to(opened, 2) * part
        made[key] = rows.astype(np.float32)
    return made


def made(root: Path, *episodes: dict[str, NDArray[np.float32]]) -> Path:
    return write(root, episodes, dict.fromkeys(("observation.state", "action"), JOINTS), "agilex")


def read(root: Path, how: str, k: int = 0, said: Given = AUTOMATIC) -> tuple[NDArray[Any], NDArray[Any], list[str]]:
    """Grippers of states and actions `(T, 2)` of an episode, as canonicalise and as convert give them, and what is told."""
    dataset = open_dataset(root)
    if how == "canonicalise":
        fields = settle(dataset, choose_map(dataset, None), said)
        unified = load_episode(dataset, dataset.episodes[k], Rules(fields))
        return unified.state[:, [16, 45]], unified.action[:, [16, 45]], list(fields.told)
    source = LeRobotSource(root, LeRobotOptions(gripper=said.gripper, gripper_action=said.gripper_action))
    told = list(source.settle())
    frames = list(source.open(source.references()[k]).frames())
    state, action = (np.array([getattr(f, w) for f in frames]) for w in ("state", "action"))
    return state[:, [6, 13]], action[:, [6, 13]], told


BOTH = pytest.mark.parametrize("how", ["canonicalise", "convert"])
SCALES: dict[str, tuple[Any, Any]] = {
    "metres": (0.1, None),
    "metres, of a smaller gripper": (0.07, None),
    "millimetres or percent": (100.0, None),
    "the Piper's integers": (100_000.0, None),
    "0 to 1": (1.0, None),
    "motors": (3.6, None),
    "RDT's": ([4.7908, 4.7888], [11.8997, 13.9231]),
    "metres, and 0 to 1 for actions": (0.1, 1.0),
    "0 to 1, and metres for actions": (1.0, 0.1),
}


@BOTH
@pytest.mark.parametrize("name", SCALES)
def test_every_scale_that_is_published_becomes_0_to_1(tmp_path: Path, how: str, name: str) -> None:
    state, action = SCALES[name]
    root = made(tmp_path / "set", columns(state, action), columns(state, action, 0.9))
    wanted = OPEN * (0.7 if "smaller" in name else 1.0)
    found = read(root, how)
    for values in found[:2]:
        np.testing.assert_allclose(values, np.stack([wanted, wanted], axis=1), atol=2e-6)
    assert sum("grippers of the" in sentence for sentence in found[2]) == 2


@BOTH
@pytest.mark.parametrize("opened", [0.1, 1.0, 3.6])
def test_an_episode_that_hardly_opens_has_the_scale_of_the_others(tmp_path: Path, how: str, opened: float) -> None:
    root = made(tmp_path / "set", columns(opened, part=0.04), columns(opened), columns(opened))
    np.testing.assert_allclose(read(root, how)[0][:, 0], OPEN * 0.04, atol=1e-6)
    np.testing.assert_allclose(read(root, how, 1)[0][:, 0], OPEN, atol=1e-6)


@BOTH
def test_overshoot_is_kept_and_said(tmp_path: Path, how: str) -> None:
    over = columns(1.0)
    over["observation.state"][5, 6], over["observation.state"][6, 6] = 1.12, -0.08
    state, _, told = read(made(tmp_path / "set", columns(1.0), over), how, 1)
    assert state[5, 0] == pytest.approx(1.12)
    assert state[6, 0] == pytest.approx(-0.08)
    assert any("left gripper of the state goes beyond 0 to 1: -0.080 to 1.120" in sentence for sentence in told)


@BOTH
@pytest.mark.parametrize("pair", [(0.1, 1.0), (0.1, 3.6), (1.0, 3.6), (1.0, 100.0), (0.08, 100.0), (1.0, 70_000.0)])
def test_files_that_disagree_are_refused_and_an_option_settles_it(
    tmp_path: Path, how: str, pair: tuple[float, float]
) -> None:
    root = made(tmp_path / "set", *(columns(opened) for opened in (*pair, *pair)))
    with pytest.raises(FineVLAError, match="different scales.*episode_00000.*episode_00000.*--gripper") as caught:
        read(root, how)
    assert len(str(caught.value).split(". ")) == 1
    np.testing.assert_allclose(read(root, how, 0, Given("normalised"))[0][:, 0], OPEN * pair[0], rtol=1e-6)


@BOTH
@pytest.mark.parametrize(("said", "state", "action"), [
    (Given("0.08"), [0.08, 0.08], [0.08, 0.08]),
    (Given("4.79,4.78", "11.9,13.9"), [4.79, 4.78], [11.9, 13.9]),
    (Given("rdt", "rdt-action"), [4.7908, 4.7888], [11.8997, 13.9231]),
    (Given("finger-metres"), [0.05, 0.05], [0.05, 0.05]),
    (Given("metres", "normalised"), [0.1, 0.1], [1.0, 1.0]),
])  # fmt: skip
def test_scales_can_be_said_for_each_arm_and_for_actions(
    tmp_path: Path, how: str, said: Given, state: list[float], action: list[float]
) -> None:
    found = read(made(tmp_path / "set", columns(state, action)), how, 0, said)
    for values in found[:2]:
        np.testing.assert_allclose(values, np.stack([OPEN, OPEN], axis=1), atol=2e-6)


@BOTH
def test_closed_and_open_can_be_said_and_a_gripper_may_read_less_when_open(tmp_path: Path, how: str) -> None:
    episode = columns(1.0)
    episode["observation.state"][:, [6, 13]] = (255 * (1 - OPEN))[:, None]  # as Robotiq's: 255 is closed
    found = read(made(tmp_path / "set", episode), how, 0, Given("255:0", "normalised"))
    np.testing.assert_allclose(found[0][:, 0], OPEN, atol=1e-6)
    shifted = columns(1.0)
    shifted["observation.state"][:, [6, 13]] = (-0.34 + 3.9 * OPEN)[:, None]  # the first generation's motors
    found = read(made(tmp_path / "other", shifted), how, 0, Given("-0.34:3.56", "normalised"))
    np.testing.assert_allclose(found[0][:, 0], OPEN, atol=1e-6)


@BOTH
@pytest.mark.parametrize("readings", [(0, 255), (-1, 1), (0, 7.0), (0, 1000), (0, 1e7), (-50, 50)])
def test_a_scale_that_nobody_knows_is_refused_with_the_option(
    tmp_path: Path, how: str, readings: tuple[float, float]
) -> None:
    episode = columns(1.0)
    low, high = readings
    episode["observation.state"][:, [6, 13]] = (low + (high - low) * OPEN)[:, None]
    with pytest.raises(FineVLAError, match=r"no scale that is known.*--gripper -?\d"):
        read(made(tmp_path / "set", episode), how)


@BOTH
def test_grippers_can_be_kept_as_they_are(tmp_path: Path, how: str) -> None:
    root = made(tmp_path / "set", columns(0.08))
    np.testing.assert_array_equal(read(root, how, 0, Given("keep"))[0][:, 0], columns(0.08)["observation.state"][:, 6])


@pytest.mark.parametrize("text", ["metre", "0", "nan", "1,2,3", "0.1:0.1", "a:b", "inf", ""])
def test_a_scale_that_is_none_is_one_sentence(text: str) -> None:
    with pytest.raises(FineVLAError, match="gripper scale"):
        gripper_and_joint_scales.parse(text)


def test_one_episode_in_many_is_outvoted(tmp_path: Path) -> None:
    episodes = {f"episode_{k}": {"state.left": (0.0, 1.0)} for k in range(30)} | {"odd": {"state.left": (0.0, 0.09)}}
    assert gripper_and_joint_scales.grippers(episodes, {}, "it").scales["state.left"].name == "normalised"
    episodes |= {f"odd_{k}": {"state.left": (0.0, 0.09)} for k in range(10)}
    with pytest.raises(FineVLAError, match="different scales"):
        gripper_and_joint_scales.grippers(episodes, {}, "it")


@settings(max_examples=60, deadline=None)
@given(
    scale=st.sampled_from(["metres", "normalised", "percent", "micrometres"]),
    parts=st.lists(st.floats(0.75, 1.0), min_size=1, max_size=6),
    little=st.lists(st.floats(0.012, 0.05), max_size=3),
)
def test_readings_of_any_scale_are_scaled_alike_in_every_episode(
    scale: str, parts: list[float], little: list[float]
) -> None:
    opened = gripper_and_joint_scales.OPENED[scale][0]
    episodes = {str(k): {"state.left": (0.0, p * opened)} for k, p in enumerate([*little, *parts])}
    found = gripper_and_joint_scales.grippers(episodes, {}, "it").scales["state.left"]
    assert found.apply(opened) == pytest.approx(1.0)


class TestHdf5:
    """The collectors' files, a gripper's scale for all of a folder."""

    def source(self, path: Path, robot: Embodiment, **options: Any) -> Hdf5Source:
        return Hdf5Source(path, robot, Hdf5Options(task="fold", **options))

    def states(self, source: Hdf5Source, k: int = 0, what: str = "state") -> NDArray[np.float32]:
        return np.array([getattr(f, what) for f in source.open(source.references()[k]).frames()])

    @pytest.mark.parametrize("little", [0.02, 0.05])
    def test_an_episode_that_hardly_opens_is_not_multiplied(
        self, tmp_path: Path, robot: Embodiment, little: float
    ) -> None:
        r = foreign.recording()
        for k, factor in enumerate((little, 1.0)):
            foreign.aloha(tmp_path / f"episode_{k}.hdf5", r, gripper=factor)
        found = self.states(self.source(tmp_path, robot))
        np.testing.assert_allclose(found[:, 6], r.states[:, 6] * little, rtol=1e-6)

    def test_overshoot_in_one_episode_is_not_divided(self, tmp_path: Path, robot: Embodiment) -> None:
        r = foreign.recording()
        for k, factor in enumerate((1.2, 1.0, 1.0)):
            foreign.aloha(tmp_path / f"episode_{k}.hdf5", r, gripper=factor)
        source = self.source(tmp_path, robot)
        np.testing.assert_allclose(self.states(source)[:, 6], r.states[:, 6] * 1.2, rtol=1e-6)
        assert any("beyond 0 to 1" in sentence for sentence in source.settle())

    def test_files_that_disagree_are_refused_before_anything_is_written(
        self, tmp_path: Path, robot: Embodiment, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for k, factor in enumerate((0.1, 1.0)):
            r = foreign.recording(k)
            r.states[0, 6::7] = 1.0
            foreign.aloha(tmp_path / f"in/episode_{k}.hdf5", r, gripper=factor)
        assert main(["convert", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--task", "fold"]) == 2
        assert "different scales" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    def test_rdt_s_scales_are_those_of_each_column(self, tmp_path: Path, robot: Embodiment) -> None:
        r = foreign.recording()
        r.states[0, [6, 13]] = r.actions[0, [6, 13]] = 1.0
        path = tmp_path / "episode_0.hdf5"
        foreign.aloha(path, r)
        with h5py.File(path, "a") as file:
            file["observations/qpos"][:, [6, 13]] = r.states[:, [6, 13]] * [4.7908, 4.7888]
            file["action"][:, [6, 13]] = r.actions[:, [6, 13]] * [11.8997, 13.9231]
        for options in ({}, {"motor_open": "4.7908,4.7888", "motor_open_action": "11.8997,13.9231"}):
            source = self.source(path, robot, **options)
            for what, wanted in (("state", r.states), ("action", r.actions)):
                np.testing.assert_allclose(self.states(source, 0, what)[:, [6, 13]], wanted[:, [6, 13]], rtol=1e-5)

    @pytest.mark.parametrize("text", ["0", "-1", "x", "1,2,3"])
    def test_a_motor_s_reading_that_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(FineVLAError, match="gripper scale"):
            Hdf5Options(gripper="motor", motor_open=text)


def test_what_was_converted_is_not_scaled_again(tmp_path: Path) -> None:
    pytest.importorskip("av")
    names = [
        f"{side}_{part}" for side in ("left", "right") for part in (*(f"joint_{k}" for k in range(1, 7)), "gripper")
    ]
    root = write(
        tmp_path / "in", [columns(0.1, part=0.5)], dict.fromkeys(("observation.state", "action"), names), "agilex"
    )
    given = ["--to", "lerobot-v2.1", "--gripper", "metres", "--jobs", "1"]
    assert main(["convert", str(root), "--out", str(tmp_path / "out"), *given]) == 0
    np.testing.assert_allclose(read(tmp_path / "out", "canonicalise")[0][:, 0], OPEN * 0.5, atol=1e-6)


class TestDamage:
    """A damaged episode must not decide for all the others."""

    @given(st.integers(0, 199), st.sampled_from([5e5, -1e20, 3e38]))
    def test_one_absurd_reading_is_not_in_the_range(self, at: int, absurd: float) -> None:
        readings = np.linspace(0.0, 1.0, 200)
        readings[at] = absurd
        low, high = gripper_and_joint_scales.range_of(readings)
        assert 0.0 <= low < 0.01
        assert 0.99 < high <= 1.0

    @given(st.floats(1e-3, 1e5), st.floats(0.01, 1.0))
    def test_true_readings_are_all_in_the_range(self, opened: float, share: float) -> None:
        readings = np.concatenate([np.zeros(100), np.full(round(100 * share) + 3, opened)])
        assert gripper_and_joint_scales.range_of(readings) == (0.0, opened)

    def test_one_damaged_episode_of_many_is_left_out_and_half_of_them_are_not(self) -> None:
        many = {str(k): {"state.left": (0.0, 1.0)} for k in range(9)} | {"bad": {"state.left": (0.0, 5e5)}}
        assert "bad" not in gripper_and_joint_scales.without_damaged(many)
        two = {"a": {"state.left": (0.0, 1.0)}, "b": {"state.left": (0.0, 70_000.0)}}
        assert gripper_and_joint_scales.without_damaged(two) == two

    @pytest.mark.parametrize(
        ("most", "unit"), [([1.5, 2.0, 5e5], "rad"), ([3.0, 90.0, 120.0], "deg"), ([2e4, 9e4], "mdeg")]
    )
    def test_half_of_the_episodes_decide_the_unit_of_joints(self, most: list[float], unit: str) -> None:
        assert gripper_and_joint_scales.angle_unit(most, "'set'") == unit
