"""Promises about whose columns these are: data sets as people publish them give the right joints, or one sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow")
import pyarrow as pa
import pyarrow.parquet as pq
from foreign_columns import arm, hand, write
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from finevla_core.errors import FineVLAError
from finevla_core.kinematics import Kinematics
from finevla_core.urdf import expand
from finevla_tools.canonical.convert import CanonicalOptions, convert, restored
from finevla_tools.canonical.field_map_choice import choose_map
from finevla_tools.canonical.field_map_scales import AUTOMATIC, Given, settle
from finevla_tools.canonical.inspect import inspect
from finevla_tools.canonical.layout import SLOTS
from finevla_tools.canonical.unified_files import read_unified
from finevla_tools.canonical.unified_values import Rules, Unified
from finevla_tools.cli import main
from finevla_tools.convert.lerobot_source import LeRobotOptions, LeRobotSource
from finevla_tools.datasets.lerobot_files import open_dataset
from finevla_tools.dedup.source_data_sets import EpisodeRequest, entries_of, open_sources
from finevla_tools.dedup.trajectory_loading import load_all

SHARED = Path(__file__).resolve().parents[2].parent / "shared/data/agilex_episode"
LEFT, RIGHT = arm(1), arm(2)
LEFT_HAND, RIGHT_HAND = hand(1), hand(2)
BOTH = np.hstack([LEFT, LEFT_HAND, RIGHT, RIGHT_HAND])
ONE = np.hstack([RIGHT, RIGHT_HAND])
SIDES = ("left", "right")
JOINTS = [f"{side}_{part}" for side in SIDES for part in (*(f"joint_{k}" for k in range(1, 7)), "gripper")]
SPACE = np.hstack([np.random.default_rng(0).uniform(0.1, 0.5, (40, 3)), np.tile(np.linspace(0, 0.5, 40)[:, None], 3)])


def unified(root: Path, given: Given = AUTOMATIC, given_map: str | None = None) -> Unified:
    """The first episode as `finevla canonicalise` makes it."""
    dataset = open_dataset(root)
    rules = Rules(settle(dataset, choose_map(dataset, given_map), given))
    convert(dataset, root / "u", CanonicalOptions(rules, doubles=True))
    return read_unified(root / "u/episode_000000.parquet")


def slot(made: Unified, name: str, action: bool = False) -> NDArray[np.float64]:
    """The filled values of a slot."""
    place = slice(SLOTS[name].start, SLOTS[name].stop)
    array, mask = (made.action, made.mask_action) if action else (made.state, made.mask_state)
    return array[:, place][:, mask[place]]


def slots(made: Unified) -> set[str]:
    return {s.name for s in SLOTS.values() if made.mask_state[s.start]}


def two(columns: NDArray[np.float32], key: str = "observation.state", **more: Any) -> dict[str, NDArray[Any]]:
    return {key: columns, "action": columns, **more}


def assert_both(made: Unified) -> None:
    """Each value in its arm's slot, and poses of both."""
    for side, joints, gripper in (("left", LEFT, LEFT_HAND), ("right", RIGHT, RIGHT_HAND)):
        for is_action in (False, True):
            np.testing.assert_allclose(slot(made, f"{side}_joint", is_action), joints, atol=1e-7)
            np.testing.assert_allclose(slot(made, f"{side}_gripper", is_action), gripper, atol=1e-7)
        assert slot(made, f"{side}_eef").shape[1] == 7


NESTED = {
    "a list in a list": [JOINTS],
    "motors": {"motors": JOINTS},
    "motors in a list": {"motors": [JOINTS]},
    "axes": {"axes": JOINTS},
    "by arm": {f"{s}_arm": [*(f"joint{k}" for k in range(6)), "gripper"] for s in SIDES},
    "by arm and gripper": {
        key: value for s in SIDES
        for key, value in ((f"{s}_arm", [f"joint{k}" for k in range(1, 7)]), (f"{s}_gripper", ["gripper"]))
    },
    "numbers by name": {name: k for k, name in reversed(list(enumerate(JOINTS)))},
    "a point and pos": [f"{n}.pos" for n in JOINTS],
    "j0": [f"{s}.{p}" for s in SIDES for p in (*(f"j{k}" for k in range(6)), "gripper")],
    "L and R": [f"{s}_{p}" for s in "LR" for p in (*(f"joint{k}_rad" for k in range(1, 7)), "gripper_open")],
    "camel case": [f"{s}{p}" for s in SIDES for p in (*(f"ArmJoint{k}" for k in range(1, 7)), "Gripper")],
    "side behind": [f"{p}_{s}" for s in SIDES for p in (*(f"joint{k}" for k in range(1, 7)), "gripper")],
    "joint7 of ROS": [f"{s}_joint{k}" for s in SIDES for k in range(1, 8)],
    "fl and fr": [f"{s}_{p}" for s in ("fl", "fr") for p in (*(f"joint{k}" for k in range(1, 7)), "gripper")],
    "Chinese": [f"{s}{p}" for s in ("左臂", "右臂") for p in (*(f"关节{k}" for k in range(1, 7)), "夹爪")],
    "shoulder to wrist": [
        f"{s}_{p}" for s in SIDES
        for p in ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
    ],
}  # fmt: skip


@pytest.mark.parametrize("how", NESTED)
def test_names_however_nested_say_which_value_is_which(tmp_path: Path, how: str) -> None:
    names = dict.fromkeys(("observation.state", "action"), NESTED[how])
    assert_both(unified(write(tmp_path / "set", [two(BOTH)], names, "agile_x")))


@pytest.mark.parametrize(
    "key", ["observation.qpos", "observation.joint_states", "observation.state.qpos", "qpos", "state"]
)
def test_states_under_other_columns_are_found(tmp_path: Path, key: str) -> None:
    more = {"observation.qvel": BOTH * 9, "observation.effort": BOTH * 7, "base_action": BOTH[:, :2]}
    names = dict.fromkeys((key, "action", "observation.qvel", "observation.effort"), JOINTS)
    assert_both(unified(write(tmp_path / "set", [two(BOTH, key, **more)], names, "agile_x")))


def test_one_column_for_each_part_is_put_together(tmp_path: Path) -> None:
    columns: dict[str, NDArray[Any]] = {}
    for prefix in ("observation.state", "action"):
        for side, joints, gripper in (("left", LEFT, LEFT_HAND), ("right", RIGHT, RIGHT_HAND)):
            columns |= {f"{prefix}.{side}_arm_joints": joints, f"{prefix}.{side}_gripper": gripper}
    root = write(tmp_path / "set", [columns], {}, "dual_piper")
    assert_both(unified(root))
    source = LeRobotSource(root)
    episode = source.open(source.references()[0])
    assert (np.array([f.state for f in episode.frames()]) == BOTH).all()
    assert len(set(episode.header.state_names)) == 14


SINGLE = {
    "a column each": ("observation.state.{}", "action.{}", "{s}_joint{k}", "{s}_gripper"),
    "by arm": ("observation.state.{}", "action.{}", "{s}.joint_{k}.pos", "{s}.gripper.pos"),
    "no state in the name": ("observation.{}", "action.{}", "{s}_arm_j{k}", "{s}_gripper"),
    "qpos": ("observation.qpos.{}", "action.{}", "{s}_joint{k}", "{s}_gripper"),
    "a line between": ("state_{}", "action_{}", "{s}_joint{k}", "{s}_gripper"),
    "a slash between": ("state/{}", "action/{}", "{s}_joint{k}", "{s}_gripper"),
    "names alone": ("{}", "action.{}", "{s}_joint{k}", "{s}_gripper"),
}


def single(how: str, key: int, sides: tuple[str, ...] = SIDES, scalar: bool = True) -> dict[str, NDArray[Any]]:
    """A state (key 0) or action (1) in columns of one value each, joints after grippers."""
    template, joint, gripper = SINGLE[how][key], SINGLE[how][2], SINGLE[how][3]
    made: dict[str, NDArray[Any]] = {}
    for side in sides:
        made[template.format(gripper.format(s=side))] = LEFT_HAND if side == "left" else RIGHT_HAND
    for k in reversed(range(6)):
        for side in sides:
            values = LEFT if side == "left" else RIGHT
            made[template.format(joint.format(s=side, k=k + 1))] = values[:, k : k + 1]
    return {name: column[:, 0] if scalar else column for name, column in made.items()}


@pytest.mark.parametrize("how", SINGLE)
@pytest.mark.parametrize("scalar", [False, True])
def test_one_column_for_each_value_is_one_vector(tmp_path: Path, how: str, scalar: bool) -> None:
    columns = {**single(how, 0, scalar=scalar), **single(how, 1, scalar=scalar)}
    noise = np.arange(40, dtype=np.float32)
    columns |= {"next.reward": noise, "observation.effort.left_joint1": noise, "observation.effort.left_joint2": noise}
    root = write(tmp_path / "set", [columns], {}, "dual_piper", shapes=dict.fromkeys(columns, (1,)))
    assert_both(unified(root))
    source = LeRobotSource(root)
    episode = source.open(source.references()[0])
    names, rows = episode.header.state_names, np.array([f.state for f in episode.frames()])
    assert len(set(names)) == len(names) == 14
    for side, joints, gripper in (("left", LEFT, LEFT_HAND), ("right", RIGHT, RIGHT_HAND)):
        mine = {name: rows[:, k] for k, name in enumerate(names) if side in name}
        np.testing.assert_array_equal(next(v for n, v in mine.items() if "gripper" in n), gripper[:, 0])
        np.testing.assert_array_equal(next(v for n, v in mine.items() if "3" in n), joints[:, 2])
    left_out = episode.header.facts["left_out"]
    assert "observation.effort.left_joint1" in left_out
    assert not [name for name in left_out if "state" in name or name.startswith("action")]


def test_single_columns_of_one_arm_go_through_every_tool(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    takes = [{**single("a column each", 0, ("right",)), **single("a column each", 1, ("right",))} for _ in range(2)]
    takes[1] = {name: column[::-1].copy() for name, column in takes[1].items()}
    root = write(tmp_path / "set", takes, {}, "piper", shapes=dict.fromkeys(takes[0], (1,)))
    assert main(["convert", str(root), "--inspect", "map.yaml"]) == 0
    said = capsys.readouterr().out
    assert "observation.state (7 values of single columns: right_gripper, right_joint6" in said
    assert said.startswith(f"'{root}': 2 episodes, read as a LeRobot data set (--kind lerobot)\n")
    for group in ("state", "action"):
        assert said.count(f"grippers of the {group}: ") == 1
    assert main(["canonicalise", str(root), "--map", "map.yaml", "--out", "u"]) == 0
    np.testing.assert_allclose(slot(read_unified(Path("u/episode_000000.parquet")), "right_joint"), RIGHT, atol=1e-6)
    assert main(["clean", str(root), "--report", "r", "--only", "finite,limits", "--out", "kept"]) == 0
    assert open_dataset(Path("kept")).vectors["action"][0] == "action.right_gripper"
    assert main(["dedup", str(root), "--out", "d", "--by", "dataset"]) == 0
    assert main(["convert", str(root), "--out", "c", "--to", "lerobot-v2.1"]) == 0
    made = open_dataset(Path("c"))
    assert made.width("observation.state") == 7
    assert not made.vectors
    capsys.readouterr()


@pytest.mark.parametrize("name", ["{}", "motor_{}", "value{}"])
def test_single_columns_that_are_only_counted_are_in_the_order_of_their_numbers(tmp_path: Path, name: str) -> None:
    """As unnamed values of a vector: two arms where the robot's type says so."""
    columns = {f"{g}.{name.format(k)}": BOTH[:, k] for g in ("observation.state", "action") for k in range(14)}
    columns = dict(sorted(columns.items()))  # 10 before 2
    assert_both(
        unified(write(tmp_path / "set", [columns], {}, "cobot_magic_agilex", shapes=dict.fromkeys(columns, (1,))))
    )


def test_single_columns_that_belong_to_no_vector_stay_alone(tmp_path: Path) -> None:
    noise = np.arange(40, dtype=np.float32)
    more = {
        "action.left_joint1": noise,
        "observation.state.done": noise,
        "observation.tasks.a": noise,
        "x.b": noise,
        "x.c": noise,
    }
    root = write(
        tmp_path / "set", [two(BOTH, **more)], dict.fromkeys(("observation.state", "action"), JOINTS), "agilex"
    )
    dataset = open_dataset(root)
    assert not dataset.vectors  # the vectors are there already, and the others name no joint
    assert_both(unified(root))


def test_a_single_column_that_lacks_or_breaks_is_one_sentence(tmp_path: Path) -> None:
    columns = {**single("a column each", 0), **single("a column each", 1)}
    root = write(tmp_path / "set", [columns], {}, "dual_piper", shapes=dict.fromkeys(columns, (1,)))
    dataset = open_dataset(root)
    path = dataset.episodes[0].path
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["observation.state.left_joint3"]), path)
    with pytest.raises(FineVLAError, match="has no column 'observation.state.left_joint3' of 'observation.state'"):
        dataset.read(dataset.episodes[0], ["observation.state"])
    cells = pa.array([[0.0]] * 39 + [[0.0, 1.0]])
    pq.write_table(table.set_column(table.column_names.index("action.left_joint3"), "action.left_joint3", cells), path)
    with pytest.raises(FineVLAError, match="column 'action.left_joint3' has 1 value, but 2 in row 39"):
        dataset.read(dataset.episodes[0], ["action"])


def test_order_in_the_column_does_not_matter(tmp_path: Path) -> None:
    order = np.random.default_rng(3).permutation(14)
    names = {key: [JOINTS[k] for k in order] for key in ("observation.state", "action")}
    assert_both(unified(write(tmp_path / "set", [two(BOTH[:, order])], names, "agilex")))


def test_values_of_other_bodies_stay_out(tmp_path: Path) -> None:
    wide = np.hstack([BOTH[:, :7], BOTH[:, :2] + 5, BOTH[:, 7:], BOTH[:, :3] + 9]).astype(np.float32)
    names = [*JOINTS[:7], "head_pan", "head_tilt", *JOINTS[7:], "base_vx", "base_vy", "lift_height"]
    assert_both(
        unified(write(tmp_path / "set", [two(wide)], dict.fromkeys(("observation.state", "action"), names), "agilex"))
    )


def test_poses_beside_joints_are_not_taken_for_joints(tmp_path: Path) -> None:
    """RoboCOIN's way: 26 values, of each arm joints, gripper, position and euler angles."""
    parts = [*(f"arm_joint_{k}_rad" for k in range(1, 7)), "gripper_open", *(f"eef_pos_{a}_m" for a in "xyz"),
             *(f"eef_rot_euler_{a}_rad" for a in "xyz")]  # fmt: skip
    names = [f"{side}_{part}" for side in SIDES for part in parts]
    wide = np.hstack([BOTH[:, :7], SPACE, BOTH[:, 7:], SPACE]).astype(np.float32)
    root = write(tmp_path / "set", [two(wide)], dict.fromkeys(("observation.state", "action"), names),
                 "agilex_cobot_decoupled_magic")  # fmt: skip
    assert_both(unified(root))
    told = choose_map(open_dataset(root), None).told
    assert any("mm from its own" in sentence for sentence in told)


@pytest.mark.parametrize("cameras", [(), ("cam_high", "cam_wrist")])
@pytest.mark.parametrize("names", [
    None, [*(f"joint_{k}" for k in range(6)), "gripper"], {"motors": [f"main_joint_{k}" for k in range(1, 8)]},
    [[*(f"joint{k}.pos" for k in range(1, 7)), "gripper.pos"]],
])  # fmt: skip
def test_seven_values_are_one_arm_on_the_right(tmp_path: Path, names: Any, cameras: tuple[str, ...]) -> None:
    root = write(tmp_path / "set", [two(ONE)], {"observation.state": names, "action": names}, "piper", cameras)
    made = unified(root)
    assert slots(made) == {"right_joint", "right_gripper", "right_eef"}
    np.testing.assert_allclose(slot(made, "right_joint"), RIGHT, atol=1e-7)
    (source,) = open_sources([root], EpisodeRequest(), None)
    ((_, loaded),) = load_all([source], entries_of([source]), EpisodeRequest(), 1)
    assert loaded.values is not None
    assert loaded.arms == ("right",)


def test_fourteen_values_of_one_arm_are_one_arm(tmp_path: Path) -> None:
    rates = np.gradient(ONE, axis=0).astype(np.float32)
    names = [f"{n}.{w}" for w in ("pos", "vel") for n in (*(f"joint_{k}" for k in range(1, 7)), "gripper")]
    root = write(tmp_path / "set", [{"observation.state": np.hstack([ONE, rates]), "action": ONE}],
                 {"observation.state": names, "action": names[:7]})  # fmt: skip
    made = unified(root)
    assert slots(made) == {"right_joint", "right_gripper", "right_eef"}
    np.testing.assert_allclose(slot(made, "right_joint"), RIGHT, atol=1e-7)


@pytest.mark.parametrize("names", [None, [f"motor_{k}" for k in range(14)], [f"joint_{k}" for k in range(14)],
                                   [*JOINTS[:6], "gripper"] * 2])  # fmt: skip
def test_fourteen_unnamed_values_of_a_piper_are_two_arms_only_where_something_says_so(
    tmp_path: Path, names: Any
) -> None:
    both = {"observation.state": names, "action": names}
    if names and len(set(names)) < 14:
        both = {key: [n.removeprefix("left_") for n in names] for key in both}
    root = write(tmp_path / "one", [two(BOTH)], both, "piper", ("top", "wrist"))
    with pytest.raises(FineVLAError, match="one arm or two.*--map cobotmagic.*--inspect"):
        choose_map(open_dataset(root), None)
    assert main(["dedup", str(root), "--out", str(tmp_path / "d")]) == 2
    assert_both(unified(write(tmp_path / "two", [two(BOTH)], both, "piper", ("cam_left_wrist", "cam_right_wrist"))))
    assert_both(unified(root, given_map="cobotmagic"))


def test_sets_of_both_widths_of_one_robot_type_are_each_read_right(tmp_path: Path) -> None:
    names = dict.fromkeys(("observation.state", "action"), JOINTS)
    one = write(tmp_path / "one", [two(ONE)], {}, "piper")
    both = write(tmp_path / "both", [two(BOTH)], names, "piper")
    sources = open_sources([one, both], EpisodeRequest(), None)
    found = [loaded for _, loaded in load_all(sources, entries_of(sources), EpisodeRequest(), 1)]
    assert [f.arms for f in found] == [("right",), ("left", "right")]
    np.testing.assert_allclose(found[0].values[:, 0], found[1].values[:, 1], atol=1e-6)


def test_poses_of_other_robots_are_their_own(tmp_path: Path) -> None:
    turned = Rotation.from_euler("xyz", SPACE[:, 3:])
    wxyz = turned.as_quat()[:, [3, 0, 1, 2]]
    columns = np.hstack([SPACE[:, :3] * 1000, wxyz, RIGHT_HAND]).astype(np.float32)
    names = ["tcp_x_mm", "tcp_y_mm", "tcp_z_mm", "tcp_qw", "tcp_qx", "tcp_qy", "tcp_qz", "gripper_position"]
    made = unified(write(tmp_path / "set", [{"observation.state": columns}], {"observation.state": names}, "ur5e"))
    pose = slot(made, "right_eef")
    np.testing.assert_allclose(pose[:, :3], SPACE[:, :3], atol=1e-6)
    assert (turned * Rotation.from_quat(pose[:, 3:]).inv()).magnitude().max() < 1e-5


@pytest.mark.parametrize("is_delta", [False, True])
def test_commanded_poses_are_absolute_or_differences_as_they_are(tmp_path: Path, is_delta: bool) -> None:
    """Bridge's eight values: the last is the gripper, and the one before it nothing."""
    names = ["x", "y", "z", "roll", "pitch", "yaw", "pad", "gripper"]
    path = np.cumsum(np.full((40, 6), 0.002), axis=0) + 0.2
    state = np.hstack([path, np.zeros((40, 1)), RIGHT_HAND]).astype(np.float32)
    step = np.full((40, 6), 0.002) if is_delta else path + 0.002
    action = np.hstack([step, RIGHT_HAND]).astype(np.float32)
    root = write(tmp_path / "set", [{"observation.state": state, "action": action}],
                 {"observation.state": names, "action": [*names[:6], "gripper"]}, "widowx")  # fmt: skip
    made = unified(root)
    np.testing.assert_allclose(slot(made, "right_gripper"), RIGHT_HAND, atol=1e-7)
    np.testing.assert_allclose(slot(made, "right_eef", action=True)[:, :3], path[:, :3] + 0.002, atol=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("degrees", 180 / np.pi), ("thousandths", 180_000 / np.pi)])
def test_joints_in_degrees_become_rad_and_come_back(tmp_path: Path, unit: str, factor: float) -> None:
    scaled = BOTH.astype(np.float64).copy()
    scaled[:, [*range(6), *range(7, 13)]] *= factor
    names = dict.fromkeys(("observation.state", "action"), JOINTS)
    root = write(tmp_path / "set", [two(scaled)], names, "agilex")
    dataset = open_dataset(root)
    fields = settle(dataset, choose_map(dataset, None))
    assert any(unit in sentence for sentence in fields.told)
    assert_both(unified(root))
    restored(root / "u", tmp_path / "back")
    import pyarrow.parquet as pq

    back = np.array(pq.read_table(tmp_path / "back/episode_000000.parquet")["observation.state"].to_pylist())
    np.testing.assert_allclose(back, scaled, rtol=1e-12, atol=1e-9)


def test_arms_that_are_no_pipers_get_no_poses(tmp_path: Path) -> None:
    other = BOTH.copy()
    other[:, [2, 9]] *= -1  # the first generation's elbow turns the other way
    names = dict.fromkeys(("observation.state", "action"), JOINTS)
    root = write(tmp_path / "set", [two(other)], names, "agilex")
    dataset = open_dataset(root)
    fields = settle(dataset, choose_map(dataset, None))
    assert not fields.forward
    assert any("another arm" in sentence for sentence in fields.told)


def test_aloha_has_joints_and_no_piper_s_poses(tmp_path: Path) -> None:
    names = dict.fromkeys(("observation.state", "action"), NESTED["shoulder to wrist"])
    made = unified(write(tmp_path / "set", [two(BOTH)], names, "aloha"))
    assert slots(made) == {"left_joint", "left_gripper", "right_joint", "right_gripper"}


def test_rows_that_are_not_as_declared_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = dict.fromkeys(("observation.state", "action"), JOINTS)
    root = write(tmp_path / "set", [two(ONE)], names, "agilex", shapes={key: [14] for key in names})
    assert main(["canonicalise", str(root), "--out", str(tmp_path / "u")]) == 2
    assert main(["dedup", str(root), "--out", str(tmp_path / "d")]) in (0, 2)
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out
    assert "episode_000000.parquet" in said.err + said.out
    assert "7" in said.err + said.out


GAP = [*(f"joint_{k}" for k in (1, 2, 3, 5, 6, 7)), "gripper"]
EIGHT, FEATURES = [f"left_joint_{k}" for k in range(8)], [f"feature_{k}" for k in range(7)]
STRANGE: dict[str, Any] = {
    "no columns": ({"observation.temperature": BOTH}, None),
    "nine unnamed values": (two(BOTH[:, :9]), None),
    "joints with a gap": (two(BOTH[:, :7]), GAP),
    "eight joints": (two(BOTH[:, :8]), EIGHT),
    "names of other values": (two(BOTH[:, :7]), FEATURES),
    "an unnamed pose": ({"observation.eef_pose": BOTH[:, :7], "action": BOTH[:, :7]}, None),
}


NOT_KNOWN = [
    (tool, how)
    for tool in ("canonicalise", "dedup", "convert")
    for how in STRANGE
    if tool != "convert" or "observation.state" not in STRANGE[how][0]  # which it copies, whatever is in it
]


@pytest.mark.parametrize(("tool", "how"), NOT_KNOWN)
def test_what_is_not_known_is_one_sentence_with_the_way_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str, tool: str
) -> None:
    columns, names = STRANGE[how]
    root = write(tmp_path / "set", [columns], dict.fromkeys(columns, names), "nobody")
    assert main([tool, str(root), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.count("error:") == 1
    assert "--inspect" in said or "--state-key" in said
    assert next(iter(columns)) in said or "no columns of numbers" in said or "none of numbers" in said


@pytest.mark.parametrize("how", [h for h in STRANGE if h != "no columns"])
def test_inspect_writes_a_map_that_can_be_corrected_and_given(tmp_path: Path, how: str) -> None:
    columns, names = STRANGE[how]
    root = write(tmp_path / "set", [columns], dict.fromkeys(columns, names), "nobody")
    assert main(["canonicalise", str(root), "--inspect", str(tmp_path / "map.yaml")]) == 1
    text = (tmp_path / "map.yaml").read_text()
    assert next(iter(columns)) in text
    assert main(["canonicalise", str(root), "--map", str(tmp_path / "map.yaml"), "--out", str(tmp_path / "u"),
                 "--gripper", "normalised"]) == 0  # fmt: skip


def test_a_map_that_inspect_wrote_gives_what_no_map_gives(tmp_path: Path) -> None:
    scaled = BOTH * np.where([n.endswith("gripper") for n in JOINTS], 0.08, 1).astype(np.float32)
    names = dict.fromkeys(("observation.state", "action"), JOINTS)
    root = write(tmp_path / "set", [two(scaled)], names, "agilex")
    assert inspect(open_dataset(root), None, AUTOMATIC, tmp_path / "map.yaml") == 0
    first = unified(root)
    (root / "u").rename(tmp_path / "u")
    second = unified(root, given_map=str(tmp_path / "map.yaml"))
    assert (first.state == second.state).all()
    assert (first.action == second.action).all()


def test_a_given_map_that_does_not_fit_names_what_is_there(tmp_path: Path) -> None:
    root = write(tmp_path / "set", [two(ONE, "observation.qpos")], {}, "piper")
    with pytest.raises(FineVLAError, match="does not fit field map 'cobotmagic'.*observation.qpos.*--inspect"):
        choose_map(open_dataset(root), "cobotmagic")
    with pytest.raises(FineVLAError, match="does not fit"):
        choose_map(open_dataset(write(tmp_path / "seven", [two(ONE)], {}, "piper")), "cobotmagic")


def test_limits_are_those_of_each_value_whatever_its_order_and_scale(tmp_path: Path) -> None:
    """`clean` compares with the robot's limits: right arm first, grippers of motors, joints in degrees."""
    from finevla_tools.clean.episode_measures import MeasurePlan, signals

    order = [*range(7, 14), *range(7)]
    scaled = BOTH[:, order] * np.where([JOINTS[k].endswith("gripper") for k in order], 3.6, 180 / np.pi)
    names = {key: [JOINTS[k] for k in order] for key in ("observation.state", "action")}
    root = write(tmp_path / "set", [two(scaled)], names, "agilex")
    dataset = open_dataset(root)
    found = signals(
        dataset, MeasurePlan((), settle(dataset, choose_map(dataset, None)), "cobotmagic"), dataset.episodes[0]
    )
    np.testing.assert_allclose(found.state, BOTH[:, order], atol=1e-6)
    assert found.state_limits is not None
    assert (found.state >= found.state_limits[0] - 1e-6).all()
    assert (found.state <= found.state_limits[1] + 1e-6).all()
    np.testing.assert_allclose(found.state_limits[1][[1, 6]], [np.pi, 1.1], atol=1e-3)  # leaders overshoot


@pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"github.com/Noietch/EVA-CLIENT, examples/agilex_dataset, is not in {SHARED}"
)
class TestRealRecording:
    """A real episode of an AgileX robot, as its users store it."""

    def test_clean_finds_nothing_wrong_with_its_numbers(self, tmp_path: Path) -> None:
        assert main(["clean", str(SHARED), "--no-video", "--report", str(tmp_path / "r")]) == 0
        assert json.loads((tmp_path / "r/summary.json").read_text())["kept"] == 1

    def test_it_is_canonicalised_with_its_own_poses(self, tmp_path: Path) -> None:
        import pyarrow.parquet as pq

        assert main(["canonicalise", str(SHARED), "--out", str(tmp_path / "u")]) == 0
        made = read_unified(tmp_path / "u/episode_000000.parquet")
        table = pq.read_table(SHARED / "data/chunk-000/episode_000000.parquet")
        qpos, eef = (np.array(table[f"observation.{key}"].to_pylist()) for key in ("qpos", "eef"))
        for side, at in (("left", 0), ("right", 1)):
            np.testing.assert_allclose(slot(made, f"{side}_joint"), qpos[:, 7 * at : 7 * at + 6], atol=1e-6)
            np.testing.assert_allclose(slot(made, f"{side}_gripper")[:, 0], qpos[:, 7 * at + 6] / 0.1, atol=1e-6)
            own, pose = eef[:, 8 * at : 8 * at + 7], slot(made, f"{side}_eef")
            assert np.linalg.norm(pose[:, :3] - own[:, :3], axis=1).max() < 2e-4
            turned = Rotation.from_quat(own[:, [4, 5, 6, 3]]) * Rotation.from_quat(pose[:, 3:]).inv()
            assert turned.magnitude().max() < 2e-3
        record = json.loads((tmp_path / "u/finevla_canonical.json").read_text())
        assert any("0.1358 m further along its z" in sentence for sentence in record["decided"])

    def test_its_tool_point_is_where_dedup_compares_it(self, cobotmagic_urdf: Path) -> None:
        (source,) = open_sources([SHARED], EpisodeRequest(), None)
        ((_, loaded),) = load_all([source], entries_of([source]), EpisodeRequest(), 1)
        assert loaded.values is not None
        assert loaded.values.shape == (398, 2, 8)
        assert 0 <= loaded.values[:, :, 7].min() <= loaded.values[:, :, 7].max() <= 1
        joints = [f"left_joint{k}" for k in range(1, 7)]
        model = Kinematics(expand(cobotmagic_urdf), joints)
        assert source.map is not None
        rows = source.files.read(source.episodes[0], ("observation.qpos",)) if source.files else None
        assert rows is not None
        q = np.array(rows["observation.qpos"].to_pylist())[100, :6]
        pose = np.linalg.inv(model.frame_pose(q, "left_base_link")) @ model.frame_pose(q, "left_tcp")
        np.testing.assert_allclose(loaded.values[100, 0, :3], pose[:3, 3], atol=1e-6)

    def test_it_is_read_for_conversion_without_an_option(self) -> None:
        source = LeRobotSource(SHARED, LeRobotOptions())
        episode = source.open(source.references()[0])
        states = np.array([frame.state for frame in episode.frames()])
        assert states.shape == (398, 14)
        np.testing.assert_allclose(states[:, [6, 13]].max(0), [0.796, 0.0], atol=1e-6)
        assert {c.name for c in episode.header.cameras} == {"cam_high", "cam_left_wrist", "cam_right_wrist"}
