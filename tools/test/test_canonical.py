"""Promises of the canonical form: what goes into the 80 values comes out again, and FineVLA's files are read and written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

pytest.importorskip("pyarrow")
import pyarrow as pa
import pyarrow.parquet as pq
from lerobot_sets import HOME, JOINTS, take, write, write_rows

from finevla_core.errors import FineVLAError
from finevla_core.kinematics import Kinematics
from finevla_core.urdf import expand
from finevla_tools.canonical import convert as cv
from finevla_tools.canonical.arm_kinematics import config_folder
from finevla_tools.canonical.convert import CanonicalOptions, convert, load_episode, restored
from finevla_tools.canonical.field_map import Field, FieldMap, is_tool_view, modality_map, yaml_map
from finevla_tools.canonical.field_map_choice import choose_map
from finevla_tools.canonical.layout import COLUMNS, DIM, SLOTS
from finevla_tools.canonical.rotations import SIZES, angle_between, continuous, from_rotation, to_rotation
from finevla_tools.canonical.unified_files import meta_json, read_meta, read_unified, write_unified
from finevla_tools.canonical.unified_values import Rules, Targets, Unified, restore, unify
from finevla_tools.cli import main
from finevla_tools.datasets.lerobot_files import open_dataset, values

quick = settings(max_examples=60, deadline=None)
number = st.floats(-3, 3, allow_nan=False, width=32)
formats = st.sampled_from(sorted(SIZES))
frames = st.sampled_from(["abs", "delta"])
targets = st.sampled_from(["abs", "delta", "rel"])
seeds = st.integers(0, 10**6)
metadata = st.sampled_from(["info.json", "episodes.jsonl", "tasks.jsonl"])


def walk(seed: int, count: int = 30) -> Rotation:
    """Rotations that change smoothly, many turns in all."""
    rng = np.random.default_rng(seed)
    steps = Rotation.from_rotvec(rng.normal(0, 0.3, (count, 3)))
    made = [Rotation.random(rng=rng)]
    for step in steps[1:]:
        made.append(step * made[-1])
    return Rotation.concatenate(made)


def angle(one: Rotation, other: Rotation) -> float:
    return float((one * other.inv()).magnitude().max())


class TestRotations:
    @quick
    @given(seed=seeds, kind=formats)
    def test_every_format_gives_the_same_rotation_back(self, seed: int, kind: str) -> None:
        rotation = walk(seed)
        assert angle(to_rotation(from_rotation(rotation, kind), kind, "here"), rotation) < 1e-7

    @quick
    @given(seed=seeds, flips=st.lists(st.booleans(), min_size=30, max_size=30))
    def test_signs_are_continuous_however_they_came(self, seed: int, flips: list[bool]) -> None:
        quaternions = walk(seed).as_quat() * np.where(flips, -1, 1)[:, None]
        made = continuous(quaternions)
        assert (np.sum(made[1:] * made[:-1], axis=1) >= 0).all()
        assert made[0, 3] >= 0
        np.testing.assert_allclose(np.abs(made), np.abs(quaternions))

    @quick
    @given(seed=seeds, flips=st.lists(st.booleans(), min_size=30, max_size=30))
    def test_angles_do_not_see_signs(self, seed: int, flips: list[bool]) -> None:
        one, other = walk(seed), walk(seed + 1)
        signed = other.as_quat() * np.where(flips, -1, 1)[:, None]
        np.testing.assert_allclose(angle_between(one.as_quat(), signed), (one * other.inv()).magnitude(), atol=1e-7)

    @pytest.mark.parametrize(("values", "kind", "word"), [
        (np.zeros((3, 4)), "quat", "zero"),
        (np.full((3, 3), np.nan), "euler", "not finite"),
        (np.zeros((3, 5)), "rotvec", "3 values"),
    ])  # fmt: skip
    def test_what_is_no_rotation_is_refused(self, values: Any, kind: str, word: str) -> None:
        with pytest.raises(FineVLAError, match=word):
            to_rotation(values, kind, "here")


def poses(seed: int, kind: str, count: int = 30) -> Any:
    rng = np.random.default_rng(seed)
    return np.c_[rng.normal(0, 0.4, (count, 3)), from_rotation(walk(seed, count), kind)]


class TestInverse:
    @quick
    @given(
        seed=seeds,
        state=formats,
        action=formats,
        frame=frames,
        target=targets,
        unit=formats,
    )
    def test_poses_come_back_as_the_same_poses(
        self, seed: int, state: str, action: str, frame: str, target: str, unit: str
    ) -> None:
        field_map = FieldMap(
            "t", (Field("right_eef", "s", "abs", state),), (Field("right_eef", "a", frame, action),)
        )  # fmt: skip
        rules = Rules(field_map, Targets(eef_state=f"abs_{unit}", eef_action=f"{target}_{unit}"))
        columns = {"s": poses(seed, state), "a": poses(seed + 1, action)}
        back = restore(unify(columns, rules, {}, "t"), rules, {k: v.shape[1] for k, v in columns.items()}, "t")
        for key, kind in (("s", state), ("a", action)):
            np.testing.assert_allclose(back[key][:, :3], columns[key][:, :3], atol=1e-12)
            turned = (to_rotation(x[key][:, 3:], kind, "t") for x in (back, columns))
            assert angle(*turned) < 1e-7

    @quick
    @given(data=st.data(), frame=frames, target=targets)
    def test_joints_come_back_bit_for_bit(self, data: st.DataObject, frame: str, target: str) -> None:
        row = st.lists(number, min_size=12, max_size=12)
        state, action = np.split(np.array(data.draw(st.lists(row, min_size=2, max_size=8)), np.float32), 2, axis=1)
        some = tuple(np.random.default_rng(len(state)).permutation(6).tolist())
        field_map = FieldMap(
            "t", (Field("left_joint", "s", "abs", "joint", some),), (Field("left_joint", "a", frame, "joint", some),)
        )  # fmt: skip
        rules = Rules(field_map, Targets(joint_action=f"{target}_joint"))
        back = restore(unify({"s": state, "a": action}, rules, {}, "t"), rules, {"s": 6, "a": 6}, "t")
        assert np.array_equal(back["s"].astype(np.float32), state)
        if frame == target == "abs":
            assert np.array_equal(back["a"].astype(np.float32), action)
        np.testing.assert_allclose(back["a"], action, atol=3e-15)

    def test_split_poses_keep_a_type_for_each_part(self) -> None:
        state, action = poses(1, "quat"), poses(2, "euler")
        field_map = FieldMap(
            "t",
            (
                Field("left_eef.rotation", "s", "abs", "quat", (3, 4, 5, 6)),
                Field("left_eef.position", "s", "abs", "joint", (0, 1, 2)),
            ),
            (
                Field("left_eef.position", "a", "delta", "joint", (0, 1, 2)),
                Field("left_eef.rotation", "a", "abs", "euler", (3, 4, 5)),
            ),
        )
        rules = Rules(field_map)
        made = unify({"s": state, "a": action}, rules, {}, "t")
        np.testing.assert_allclose(made.action[:, 7:10], state[:, :3] + action[:, :3], atol=1e-12)
        assert angle(Rotation.from_quat(made.action[:, 10:14]), Rotation.from_euler("xyz", action[:, 3:])) < 1e-9
        back = restore(made, rules, {"s": 7, "a": 6}, "t")
        np.testing.assert_allclose(back["a"][:, :3], action[:, :3], atol=1e-12)

    def test_delta_and_relative_targets_are_what_finevla_says(self) -> None:
        state, action = poses(3, "quat"), poses(4, "quat")
        field_map = FieldMap("t", (Field("left_eef", "s", "abs", "quat"),), (Field("left_eef", "a", "abs", "quat"),))
        place = SLOTS["left_eef"].start
        now, goal = Rotation.from_quat(state[:, 3:]), Rotation.from_quat(action[:, 3:])
        first = Rotation.from_quat(state[0, 3:])
        for target, position, rotation in (
            ("delta", action[:, :3] - state[:, :3], goal * now.inv()),
            ("rel", first.inv().apply(action[:, :3] - state[0, :3]), first.inv() * goal),
        ):
            made = unify(
                {"s": state, "a": action}, Rules(field_map, Targets(eef_action=f"{target}_quat")), {}, "t"
            ).action
            np.testing.assert_allclose(made[:, place : place + 3], position, atol=1e-12)
            assert angle(Rotation.from_quat(made[:, place + 3 : place + 7]), rotation) < 1e-7

    def test_compat_leaves_signs_as_scipy_gives_them(self) -> None:
        quaternions = poses(5, "quat")
        quaternions[10:, 3:] *= -1
        field_map = FieldMap("t", (Field("left_eef", "s", "abs", "quat"),), ())
        flipped = unify({"s": quaternions}, Rules(field_map, compat=True), {}, "t").state[:, 10:14]
        smooth = unify({"s": quaternions}, Rules(field_map), {}, "t").state[:, 10:14]
        np.testing.assert_allclose(flipped, Rotation.from_quat(quaternions[:, 3:]).as_quat(), atol=1e-12)
        assert (np.sum(smooth[1:] * smooth[:-1], axis=1) > 0).all()


@pytest.fixture
def joints(tmp_path: Path) -> Path:
    return write(tmp_path / "set", [take(seed) for seed in range(3)])


def options(root: Path, **more: Any) -> CanonicalOptions:
    return CanonicalOptions(Rules(choose_map(open_dataset(root), None)), **more)


class TestDataSet:
    def test_masks_are_the_slots_that_are_filled(self, joints: Path) -> None:
        outcome = convert(open_dataset(joints), joints / "u", options(joints))
        made = read_unified(outcome.folder / "episode_000001.parquet")
        wanted = {*range(6), *range(7, 14), 16, *range(29, 35), *range(36, 43), 45}
        assert set(np.flatnonzero(made.mask_state)) == set(np.flatnonzero(made.mask_action)) == wanted
        assert (made.state[:, ~made.mask_state] == 0).all()
        table = pq.read_table(outcome.folder / "episode_000001.parquet")
        assert table.column_names == list(COLUMNS)
        assert table.schema.field("state_unified").type.value_type == pa.float32()

    def test_poses_are_those_of_the_urdf_in_the_arms_base(self, joints: Path, cobotmagic_urdf: Path) -> None:
        dataset = open_dataset(joints)
        made = load_episode(dataset, dataset.episodes[0], Rules(choose_map(dataset, None)))
        model = Kinematics(expand(cobotmagic_urdf), [n.replace("gripper", "gripper_joint1") for n in JOINTS])
        raw = values(dataset.read(dataset.episodes[0]), "observation.state", "").astype(np.float64)
        raw[:, [6, 13]] *= 0.05
        for side, start in (("left", 7), ("right", 36)):
            for k in (0, 40):
                base, tip = (model.frame_pose(raw[k], f"{side}_{f}") for f in ("base_link", "tcp"))
                pose = np.linalg.inv(base) @ tip
                np.testing.assert_allclose(made.state[k, start : start + 3], pose[:3, 3], atol=1e-9)
                turned = Rotation.from_quat(made.state[k, start + 3 : start + 7])
                assert angle(turned, Rotation.from_matrix(pose[:3, :3])) < 1e-9
        assert np.allclose(HOME[:6], raw[0, :6], atol=0.1)

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_restored_columns_are_bit_equal(self, joints: Path, tmp_path: Path, jobs: int) -> None:
        assert main(["canonicalise", str(joints), "--out", str(tmp_path / "u"), "--jobs", str(jobs)]) == 0
        assert main(["canonicalise", str(tmp_path / "u"), "--restore", "--out", str(tmp_path / "back")]) == 0
        dataset = open_dataset(joints)
        for episode in dataset.episodes:
            table = dataset.read(episode)
            back = pq.read_table(tmp_path / "back" / f"{episode.name}.parquet")
            for key in ("observation.state", "action"):
                assert np.array_equal(values(back, key, ""), values(table, key, ""))

    def test_shared_files_of_v3_give_the_same(self, joints: Path, tmp_path: Path) -> None:
        dataset = open_dataset(joints)
        shared = as_v3(joints, tmp_path / "v3")
        for old, new in zip(dataset.episodes, open_dataset(shared).episodes, strict=True):
            one, other = (
                load_episode(d, e, Rules(choose_map(d, None))) for d, e in ((dataset, old), (open_dataset(shared), new))
            )
            assert np.array_equal(one.state, other.state)
            assert np.array_equal(one.action, other.action)

    def test_modality_json_of_the_data_set_wins(self, joints: Path) -> None:
        entry = {"original_key": "observation.state", "type": "abs_joint", "indices": [2, 0], "absolute": True}
        (joints / "meta/modality.json").write_text(json.dumps({"state": {"reserved.waist": entry}, "action": {}}))
        dataset = open_dataset(joints)
        made = load_episode(dataset, dataset.episodes[0], Rules(choose_map(dataset, None)))
        raw = values(dataset.read(dataset.episodes[0]), "observation.state", "")
        assert np.array_equal(made.state[:, 58:60], raw[:, [2, 0]])
        assert np.flatnonzero(made.mask_state).tolist() == [58, 59]

    def test_poses_that_a_modality_json_lacks_are_computed_for_a_known_robot(self, joints: Path) -> None:
        shipped = choose_map(open_dataset(joints), None)
        said = shipped.modality()
        (joints / "meta/modality.json").write_text(json.dumps(said))
        made = choose_map(open_dataset(joints), None)
        assert (made.name, made.forward, made.robot) == (joints.name, shipped.forward, "cobotmagic")
        assert choose_map(open_dataset(joints), None, compat=True).forward == ()
        said["state"]["left_joint"]["end"] = 5  # an arm of five joints is none of this robot's
        # The other arm has its poses already.
        said["state"]["right_eef"] = {**said["state"]["right_gripper"], "type": "abs_quat"}
        (joints / "meta/modality.json").write_text(json.dumps(said))
        assert choose_map(open_dataset(joints), None).forward == ()

    def test_a_trainers_modality_json_is_no_field_map(self, joints: Path) -> None:
        raw = {
            "state": {"left_arm": {"start": 0, "end": 6}},
            "action": {"left_arm": {"start": 0, "end": 6}},
            "video": {},
        }
        (joints / "meta/modality.json").write_text(json.dumps(raw))
        assert not is_tool_view(joints / "meta/modality.json")
        assert choose_map(open_dataset(joints), None).name == "cobotmagic"

    def test_single_arms_go_to_the_right(self, tmp_path: Path) -> None:
        found = yaml_map(config_folder("canonical") / "single_arm.yaml")
        assert {f.slot for f in (*found.state, *found.action)} == {"right_eef", "right_gripper"}

    def test_a_dry_run_shows_the_same_frames_and_writes_nothing(
        self, joints: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shown = []
        for _ in range(2):
            assert main(["canonicalise", str(joints), "--dry-run", "--seed", "3"]) == 0
            shown.append(capsys.readouterr().out)
        assert shown[0] == shown[1]
        assert "left_eef" in shown[0]
        assert not (joints / "unified_output").exists()


class TestExisting:
    def test_nothing_is_done_twice(self, joints: Path) -> None:
        first = convert(open_dataset(joints), joints / "u", options(joints))
        again = convert(open_dataset(joints), joints / "u", options(joints))
        assert (first.made, again.made, again.kept) == (3, 0, 3)

    def test_other_options_and_incomplete_folders_are_not_taken_for_done(self, joints: Path) -> None:
        convert(open_dataset(joints), joints / "u", options(joints))
        for other in (options(joints, doubles=True), options(joints, episodes=2)):
            with pytest.raises(FineVLAError, match="--force"):
                convert(open_dataset(joints), joints / "u", other)
        (joints / "u/episode_000001.parquet").unlink()
        with pytest.raises(FineVLAError, match="--force"):
            convert(open_dataset(joints), joints / "u", options(joints))
        mended = convert(open_dataset(joints), joints / "u", options(joints, force=True))
        assert (mended.made, mended.kept) == (1, 2)

    def test_a_changed_episode_alone_is_made_anew(self, joints: Path) -> None:
        convert(open_dataset(joints), joints / "u", options(joints))
        write_rows(joints / "data/chunk-000/episode_000002.parquet", take(9), 2, 0, 0)
        again = convert(open_dataset(joints), joints / "u", options(joints, force=True))
        assert (again.made, again.kept) == (1, 2)
        assert np.allclose(read_unified(joints / "u/episode_000002.parquet").state[:, :6], take(9).state[:, :6])

    def test_an_interrupted_run_goes_on(self, joints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = []

        def dies(*arguments: Any) -> None:
            calls.append(arguments)
            if len(calls) == 3:
                raise KeyboardInterrupt
            write_unified(*arguments)

        monkeypatch.setattr(cv, "write_file", dies)
        with pytest.raises(KeyboardInterrupt):
            convert(open_dataset(joints), joints / "u", options(joints))
        assert not (joints / "u").exists()
        monkeypatch.undo()
        again = convert(open_dataset(joints), joints / "u", options(joints))
        assert (again.made, again.kept) == (1, 2)
        assert not list(joints.glob(".u*"))


class TestFiles:
    def test_finevlas_doubles_are_read(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(5, DIM))
        masks = np.ones((5, DIM), bool)
        masks[2, 4] = False
        table = pa.table({"frame_index": np.arange(5), "state_unified": rows.tolist(), "action_unified": rows.tolist(),
                          "mask_state": masks.tolist(), "mask_action": masks.tolist()})  # fmt: skip
        pq.write_table(table, tmp_path / "e.parquet")
        made = read_unified(tmp_path / "e.parquet")
        assert np.array_equal(made.state, rows)
        assert np.flatnonzero(~made.mask_state).tolist() == [4]

    @pytest.mark.parametrize("doubles", [False, True])
    def test_files_come_back(self, tmp_path: Path, doubles: bool) -> None:
        rng = np.random.default_rng(1)
        given = Unified(
            rng.normal(size=(4, DIM)), rng.normal(size=(4, DIM)), rng.random(DIM) < 0.5, rng.random(DIM) < 0.5
        )
        write_unified(tmp_path / "e.parquet", given, doubles, "s")
        made = read_unified(tmp_path / "e.parquet")
        kind = np.float64 if doubles else np.float32
        assert np.array_equal(made.state, given.state.astype(kind))
        assert np.array_equal(made.mask_action, given.mask_action)
        assert pq.read_schema(tmp_path / "e.parquet").field("state_unified").type.value_type == pa.from_numpy_dtype(
            kind
        )

    def test_meta_says_what_finevlas_does(self, tmp_path: Path) -> None:
        made = meta_json(Targets(), False)
        assert set(made) == {"description", "unified_dim", "target_types", "slot_layout", "columns"}
        assert made["slot_layout"]["right_eef"] == {"start": 36, "end": 45, "dim": 9}
        assert made["target_types"]["eef_action"] == "abs_quat"
        (tmp_path / "m.json").write_text(json.dumps(made))
        assert read_meta(tmp_path / "m.json") == Targets()

    @pytest.mark.parametrize(("change", "word"), [
        ({"unified_dim": 79}, "80"), ({"target_types": {"joint_state": "x"}}, "target_types"),
        ({"target_types": {**Targets().as_dict(), "eef_state": "delta_quat"}}, "not possible"),
        ({"slot_layout": {}}, "slot"),
    ])  # fmt: skip
    def test_meta_of_another_layout_is_refused(self, tmp_path: Path, change: dict[str, Any], word: str) -> None:
        (tmp_path / "m.json").write_text(json.dumps(meta_json(Targets(), False) | change))
        with pytest.raises(FineVLAError, match=word):
            read_meta(tmp_path / "m.json")


GOOD = {"original_key": "observation.state", "type": "abs_joint"}


class TestBadInput:
    @pytest.mark.parametrize("state", [
        [], {"arm": GOOD}, {"left_joint": []}, {"left_joint": {"type": "abs_joint"}}, {"left_joint": GOOD | {"type": "abs"}},
        {"left_joint": GOOD | {"type": 5}}, {"left_joint": GOOD | {"type": "delta_joint"}},
        {"left_joint": GOOD | {"indices": "012"}}, {"left_joint": GOOD | {"indices": [-1]}},
        {"left_joint": GOOD | {"indices": [True]}}, {"left_joint": GOOD | {"start": 3, "end": 3}},
        {"left_joint": GOOD | {"start": 0, "end": 10**9}}, {"left_joint": GOOD | {"dim": "7"}},
        {"left_joint": GOOD | {"nonsense": 1}}, {"left_joint": GOOD | {"original_key": 7}}, {"left_joint": None},
    ])  # fmt: skip
    def test_hostile_modality_json_is_one_sentence(self, tmp_path: Path, state: Any) -> None:
        path = tmp_path / "modality.json"
        path.write_text(json.dumps({"state": state, "action": {}}))
        with pytest.raises(FineVLAError, match="modality.json"):
            modality_map(path)

    @pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00", '{"state": NaN}', "5", '"x"'])
    def test_what_is_no_modality_json_is_one_sentence(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "modality.json").write_text(text)
        with pytest.raises(FineVLAError):
            modality_map(tmp_path / "modality.json")

    @pytest.mark.parametrize(("entry", "word"), [
        (GOOD | {"start": 0, "end": 15}, "value 14"), (GOOD | {"dim": 7}, "map says 7"), (GOOD, "takes 7 values"),
        (GOOD | {"original_key": "nothing"}, "unknown column"), (GOOD | {"original_key": "task"}, "numbers are needed"),
    ])  # fmt: skip
    def test_maps_that_do_not_fit_are_one_sentence(self, joints: Path, entry: Any, word: str) -> None:
        (joints / "meta/modality.json").write_text(json.dumps({"state": {"left_joint": entry}, "action": {}}))
        for path in (joints / "data/chunk-000").iterdir():
            table = pq.read_table(path)
            pq.write_table(table.append_column("task", pa.array(["x"] * table.num_rows)), path)
        dataset = open_dataset(joints)
        with pytest.raises(FineVLAError, match=word):
            load_episode(dataset, dataset.episodes[0], Rules(choose_map(dataset, None)))

    def test_broken_episodes_are_named_and_intact_ones_converted(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        root = write(tmp_path / "set", [take(seed) for seed in range(9)])
        data = root / "data/chunk-000"
        spoil = {
            0: lambda p: p.write_bytes(b""),
            1: lambda p: p.write_bytes(p.read_bytes()[:-400]),
            2: lambda p: p.unlink(),
            3: lambda p: p.write_bytes(b"PAR1" + bytes(100) + b"PAR1"),
            4: lambda p: pq.write_table(pa.table({"observation.state": ["a"], "action": ["b"]}), p),
            5: lambda p: pq.write_table(pa.table({"observation.state": [[1.0], [1.0, 2.0]], "action": [[1.0], [1.0]]}), p),
            6: lambda p: pq.write_table(pa.table({"observation.state": [[1.0] * 14, None], "action": [[1.0] * 14] * 2}), p),
        }  # fmt: skip
        for index, how in spoil.items():
            how(data / f"episode_{index:06d}.parquet")
        assert main(["canonicalise", str(root), "--out", str(tmp_path / "u"), "--jobs", "1"]) == 1
        said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("left out")]
        assert len(said) == len(spoil)
        assert all(f"episode_{index:06d}.parquet" in line for index, line in zip(spoil, said, strict=True))
        assert sorted(p.name for p in (tmp_path / "u").glob("*.parquet")) == [
            "episode_000007.parquet",
            "episode_000008.parquet",
        ]

    @pytest.mark.parametrize("change", [
        {"data_path": "../../{episode_index}.parquet"}, {"data_path": "/etc/{episode_index}.parquet"},
        {"data_path": "{nothing}.parquet"}, {"fps": 0}, {"fps": "30"}, {"fps": True}, {"features": []},
        {"features": {"a": 1}}, {"total_episodes": -1}, {"total_episodes": 10**15}, {"chunks_size": "x"},
        {"codebase_version": "v9.0"}, {"data_path": 7},
    ])  # fmt: skip
    def test_hostile_info_json_is_one_sentence(self, joints: Path, change: dict[str, Any]) -> None:
        path = joints / "meta/info.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        with pytest.raises(FineVLAError):
            open_dataset(joints)

    @quick
    @given(
        data=st.binary(max_size=300),
        at=st.integers(0, 10**6),
        name=metadata,
    )
    def test_garbage_in_the_metadata_never_raises_anything_else(
        self, tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int, name: str
    ) -> None:
        root = tmp_path_factory.mktemp("garbage") / "set"
        write(root, [take(0, frames=12)])
        path = root / "meta" / name
        text = path.read_bytes()
        path.write_bytes(text[: at % len(text)] + data + text[at % len(text) + len(data) :])
        try:
            dataset = open_dataset(root)
            for episode in dataset.episodes[:3]:
                dataset.read(episode)
        except FineVLAError:
            pass

    def test_targets_that_are_none_are_one_sentence(self, joints: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for target in ("eef_action=abs_joint", "joint_state=delta_joint", "nothing=abs_quat"):
            assert main(["canonicalise", str(joints), "--target", target]) == 2
        assert main(["canonicalise", str(joints), "--map", "cobotmagik"]) == 2
        assert "did you mean 'cobotmagic'" in capsys.readouterr().err

    def test_restoring_from_something_else_is_one_sentence(self, joints: Path, tmp_path: Path) -> None:
        with pytest.raises(FineVLAError):
            restored(joints, tmp_path / "back")
        assert not (tmp_path / "back").exists()


def as_v3(root: Path, out: Path) -> Path:
    """The same rows in one shared file, as LeRobot v3.0 lays them out."""
    dataset = open_dataset(root)
    for folder in ("meta/episodes/chunk-000", "data/chunk-000"):
        (out / folder).mkdir(parents=True)
    tables = [dataset.read(e) for e in dataset.episodes]
    with pq.ParquetWriter(out / "data/chunk-000/file-000.parquet", tables[0].schema) as writer:
        for table in tables:
            writer.write_table(table)
    rows = [{"episode_index": e.index, "length": t.num_rows, "tasks": list(e.tasks or ()), "data/chunk_index": 0,
             "data/file_index": 0} for e, t in zip(dataset.episodes, tables, strict=True)]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), out / "meta/episodes/chunk-000/file-000.parquet")
    info = dict(dataset.info) | {"codebase_version": "v3.0", "data_path": None, "video_path": None}
    (out / "meta/info.json").write_text(json.dumps(info))
    return out
