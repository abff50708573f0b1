"""Promises of where trajectories come from: the poses of the robot, and a sentence for each episode that has none."""

import json
import shutil
from dataclasses import replace
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
from lerobot_sets import TABLE_DEFECTS, Take, take, write

from finevla_core.errors import FineVLAError
from finevla_core.kinematics import Kinematics
from finevla_core.urdf import expand
from finevla_tools.canonical.rotations import angle_between
from finevla_tools.cli import main
from finevla_tools.dedup import clean_reports_and_keep_file
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory, prepare
from finevla_tools.dedup.groups import NO_TASK, Item, grouped, task_of
from finevla_tools.dedup.source_data_sets import (
    DedupSource,
    Entry,
    EpisodeRequest,
    check_rates,
    entries_of,
    open_sources,
)
from finevla_tools.dedup.trajectory_loading import Loaded, Spool, load_all, resampled

quick = settings(max_examples=60, deadline=None)
LEAST = sorted(len(take(seed).state) for seed in range(3))[1]  # frames: below it is one of three
QUATERNION_MAP = {
    "state": {
        "right_eef": {"original_key": "observation.state", "type": "abs_quat", "start": 0, "end": 7},
        "right_gripper": {"original_key": "observation.state", "type": "abs_joint", "start": 7, "end": 8},
    }
}


def loaded(
    roots: list[Path], wanted: EpisodeRequest | None = None, given_map: str | None = None
) -> list[tuple[Entry, Loaded]]:
    wanted = wanted or EpisodeRequest()
    sources = open_sources(roots, wanted, given_map)
    return list(load_all(sources, entries_of(sources), wanted, 1))


def poses(seed: int, frames: int = 40) -> np.ndarray[Any, np.dtype[np.float64]]:
    """One arm's `(T, 8)`: position, unit quaternion without jumps, gripper."""
    rng = np.random.default_rng(seed)
    turned = Rotation.from_rotvec(np.cumsum(rng.normal(0, 0.05, (frames, 3)), axis=0)).as_quat()
    return np.c_[np.cumsum(rng.normal(0, 0.01, (frames, 3)), axis=0), turned, rng.uniform(0, 1, frames)]


def quaternion_set(root: Path, arrays: list[np.ndarray[Any, Any]], fps: int = 30) -> Path:
    """One arm's poses as a data set with its own modality.json."""
    takes = [
        Take(a.astype(np.float32), a.astype(np.float32), (np.arange(len(a)) / fps).astype(np.float32), ["lift"])
        for a in arrays
    ]
    info = {"robot_type": "some_arm"}
    write(root, takes, fps=fps, info=info)
    (root / "meta/modality.json").write_text(json.dumps(QUATERNION_MAP))
    return root


@pytest.fixture
def joints(tmp_path: Path) -> Path:
    return write(tmp_path / "set", [take(seed) for seed in range(3)])


class TestPoses:
    def test_are_those_of_the_urdf_for_both_arms(self, joints: Path, cobotmagic_urdf: Path) -> None:
        state = take(1).state.astype(np.float64)
        made = loaded([joints])[1][1]
        assert made.values is not None
        assert made.arms == ("left", "right")
        assert made.values.shape == (len(state), 2, 8)
        for side, first in (("left", 0), ("right", 7)):
            model = Kinematics(expand(cobotmagic_urdf), [f"{side}_joint{i}" for i in range(1, 7)])
            base = np.linalg.inv(model.frame_pose(np.zeros(6), f"{side}_base_link"))
            for frame in (0, 20, len(state) - 1):
                wanted = base @ model.frame_pose(state[frame, first : first + 6], f"{side}_tcp")
                arm = made.values[frame, int(side == "right")]
                np.testing.assert_allclose(arm[:3], wanted[:3, 3], atol=1e-9)
                turn = Rotation.from_quat(arm[3:7]).inv() * Rotation.from_matrix(wanted[:3, :3])
                assert turn.magnitude() < 1e-7
                assert arm[7] == pytest.approx(state[frame, first + 6])

    def test_unified_folder_gives_the_same(self, joints: Path) -> None:
        assert main(["canonicalise", str(joints), "--doubles"]) == 0
        own, unified = loaded([joints]), loaded([joints / "unified_output"])
        for (one, a), (other, b) in zip(own, unified, strict=True):
            assert one.id == other.id == f"set/episode_{one.episode:06d}"
            assert one.file.tasks == other.file.tasks
            assert a.values is not None
            np.testing.assert_allclose(a.values, b.values, atol=1e-9)

    @pytest.mark.parametrize("eef", ["abs_wxyz", "abs_euler", "abs_rotvec"])
    def test_unified_folder_of_other_targets_too(self, joints: Path, tmp_path: Path, eef: str) -> None:
        assert (
            main(
                ["canonicalise", str(joints), "--out", str(tmp_path / "u"), "--doubles", "--target", f"eef_state={eef}"]
            )
            == 0
        )
        for (_, a), (_, b) in zip(loaded([joints]), loaded([tmp_path / "u"]), strict=True):
            assert a.values is not None
            assert b.values is not None
            np.testing.assert_allclose(
                np.delete(a.values, range(3, 7), 2), np.delete(b.values, range(3, 7), 2), atol=1e-7
            )
            for arm in (0, 1):
                assert angle_between(a.values[:, arm, 3:7], b.values[:, arm, 3:7]).max() < 1e-7

    def test_relative_actions_are_refused(self, joints: Path, tmp_path: Path) -> None:
        main(["canonicalise", str(joints), "--out", str(tmp_path / "u"), "--target", "eef_action=delta_rotvec"])
        with pytest.raises(FineVLAError, match="delta_rotvec"):
            open_sources([tmp_path / "u"], EpisodeRequest(origin="action"), None)

    def test_joints_and_grippers_as_they_are(self, joints: Path) -> None:
        made = loaded([joints], EpisodeRequest("joint", ("right",), "action"))[0][1].values
        assert made is not None
        np.testing.assert_array_equal(made[:, 0], take(0).action[:, 7:])

    def test_without_a_map_joints_are_one_arms(self, tmp_path: Path) -> None:
        unnamed = {"observation.state": {"dtype": "float32", "shape": [14], "names": None}}
        root = write(tmp_path / "set", [take(0)], robot="nobody", info={"features": unnamed})
        (source,) = open_sources([root], EpisodeRequest("joint"), None)
        assert "no field map" in source.notes[0]
        made = loaded([root], EpisodeRequest("joint"))[0][1].values
        assert made is not None
        np.testing.assert_array_equal(made[:, 0], take(0).state)

    @pytest.mark.slow
    def test_several_processes_give_the_same(self, joints: Path) -> None:
        sources = open_sources([joints], EpisodeRequest(), None)
        one, two = (list(load_all(sources, entries_of(sources), EpisodeRequest(), jobs)) for jobs in (1, 2))
        for (a, x), (b, y) in zip(one, two, strict=True):
            assert a == b
            np.testing.assert_array_equal(x.values, y.values)


class TestQuaternions:
    @quick
    @given(
        seed=st.integers(0, 10**6), flips=st.lists(st.booleans(), min_size=40, max_size=40), norm=st.floats(0.2, 5.0)
    )
    def test_to_mend_are_counted_and_no_difference(
        self, seed: int, flips: list[bool], norm: float, tmp_path_factory: Any
    ) -> None:
        clean = poses(seed)
        spoilt = clean.copy()
        spoilt[:, 3:7] *= np.where(flips, -norm, norm)[:, None]
        root = quaternion_set(tmp_path_factory.mktemp("q") / "set", [clean, spoilt])
        (_, one), (_, other) = loaded([root])
        assert one.values is not None
        assert other.values is not None
        np.testing.assert_array_equal(other.values[:, 0], spoilt.astype(np.float32))
        assert (one.flipped, one.non_unit) == (0, 0)
        assert other.flipped == int(np.sum(np.diff(np.array(flips, int)) != 0))
        assert other.non_unit == (40 if abs(norm - 1) > 2e-3 else other.non_unit)
        group = prepare([PoseTrajectory("a", one.values), PoseTrajectory("b", other.values)], Metric())
        np.testing.assert_allclose(group.of(0)[0, 3:7], group.of(1)[0, 3:7], atol=1e-5)

    def test_in_unified_files_too(self, joints: Path) -> None:
        main(["canonicalise", str(joints)])
        path = joints / "unified_output/episode_000001.parquet"
        table = pq.read_table(path)
        state = np.array(table["state_unified"].to_pylist())
        state[5:9, 10:14] *= -2.0
        table = table.set_column(1, "state_unified", pa.array(state.tolist()))
        pq.write_table(table, path)
        made = loaded([joints / "unified_output"])[1][1]
        assert (made.flipped, made.non_unit) == (2, 4)
        whole = loaded([joints])[1][1]
        assert made.values is not None
        assert whole.values is not None
        made.values[5:9, 0, 3:7] /= -2.0
        np.testing.assert_allclose(made.values, whole.values, atol=1e-5)


class TestBadEpisodes:
    def test_are_named_skipped_and_the_others_read(self, tmp_path: Path) -> None:
        arrays = [poses(seed) for seed in range(6)]
        arrays[1] = arrays[1][:1]
        arrays[2][7, 1] = np.nan
        arrays[3][9, 3:7] = 0
        arrays[4][11, 7] = np.inf
        root = quaternion_set(tmp_path / "set", arrays)
        (root / "data/chunk-000/episode_000005.parquet").write_bytes(b"PAR1")
        found = {entry.episode: made for entry, made in loaded([root])}
        words = {1: "has 1 frame", 2: "frame 7 is NaN", 3: "frame 9 is zero", 4: "frame 11", 5: "cannot be read"}
        assert found[0].values is not None
        for episode, word in words.items():
            assert found[episode].values is None
            assert word in found[episode].skipped
            assert f"episode_{episode:06d}" in found[episode].skipped

    def test_long_ones_are_not_even_opened(self, joints: Path) -> None:
        lines = [json.loads(line) for line in (joints / "meta/episodes.jsonl").read_text().splitlines()]
        lines[1]["length"] = 1_000_000
        (joints / "meta/episodes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (joints / "data/chunk-000/episode_000001.parquet").unlink()
        made = loaded([joints])[1][1]
        assert made.skipped == "has 1,000,000 frames, more than --max-frames 20000"

    def test_long_ones_are_found_though_the_metadata_lie(self, joints: Path) -> None:
        assert all(
            "more than --max-frames 50" in made.skipped for _, made in loaded([joints], EpisodeRequest(max_frames=50))
        )

    def test_every_defect_of_a_table_is_read_or_named(self, tmp_path: Path) -> None:
        takes = [take(k) for k in range(len(TABLE_DEFECTS))]
        for one, spoil in zip(takes, TABLE_DEFECTS.values(), strict=True):
            spoil(one)
        for entry, made in loaded([write(tmp_path / "set", takes)]):
            assert (made.values is None) == bool(made.skipped), entry.id

    def test_missing_column_is_named(self, joints: Path) -> None:
        path = joints / "data/chunk-000/episode_000002.parquet"
        pq.write_table(pq.read_table(path).drop_columns(["observation.state"]), path)
        made = loaded([joints])[2][1]
        assert made.values is None
        assert "observation.state" in made.skipped

    def test_broken_action_does_not_matter_to_the_state(self, tmp_path: Path) -> None:
        one = take(0)
        one.action[3] = np.nan
        root = write(tmp_path / "set", [one])
        assert loaded([root])[0][1].values is not None
        assert "NaN" in loaded([root], EpisodeRequest(origin="action"))[0][1].skipped


class TestArms:
    def test_one_that_is_masked_out_is_left_out(self, tmp_path: Path, joints: Path) -> None:
        single = quaternion_set(tmp_path / "single", [poses(0)])
        found = loaded([single, joints])
        assert found[0][1].arms == ("right",)
        assert found[1][1].arms == ("left", "right")

    def test_one_that_nobody_has_is_refused(self, tmp_path: Path) -> None:
        single = quaternion_set(tmp_path / "single", [poses(0)])
        with pytest.raises(FineVLAError, match="no end-effector poses of the left arm"):
            open_sources([single], EpisodeRequest(arms=("left",)), None)

    def test_lacking_gripper_is_zero_and_said(self, tmp_path: Path) -> None:
        root = quaternion_set(tmp_path / "single", [poses(0)])
        fields = {"state": {"right_eef": QUATERNION_MAP["state"]["right_eef"]}}
        (root / "meta/modality.json").write_text(json.dumps(fields))
        made = loaded([root])[0][1]
        assert made.values is not None
        assert made.lacking == ("right_gripper",)
        assert (made.values[:, 0, 7] == 0).all()


class TestRates:
    def test_different_ones_are_refused(self, tmp_path: Path) -> None:
        roots = [quaternion_set(tmp_path / f"s{fps}", [poses(0)], fps) for fps in (10, 30)]
        sources = open_sources(roots, EpisodeRequest(), None)
        with pytest.raises(FineVLAError, match="s10 10, s30 30"):
            check_rates(sources, None)
        check_rates(sources, 20.0)

    def test_resampled_ones_are_the_same_motion(self, tmp_path: Path) -> None:
        fine = poses(5, 61)
        fine[:, 7] = np.repeat([0.0, 1.0], [31, 30])
        roots = [quaternion_set(tmp_path / "f", [fine], 30), quaternion_set(tmp_path / "c", [fine[::3]], 10)]
        (_, a), (_, b) = loaded(roots, EpisodeRequest(fps=10.0))
        assert a.values is not None
        assert b.values is not None
        assert a.frames == 61
        assert a.values.shape == b.values.shape == (21, 1, 8)
        np.testing.assert_allclose(a.values, b.values, atol=1e-6)

    @quick
    @given(seed=st.integers(0, 10**6), fps=st.floats(1, 100), to=st.floats(1, 100), frames=st.integers(2, 50))
    def test_nothing_is_made_up(self, seed: int, fps: float, to: float, frames: int) -> None:
        one = poses(seed, frames)
        made = resampled(one, fps, to, "eef")
        assert len(made) == int(np.floor((frames - 1) / fps * to + 1e-9)) + 1
        assert (made[:, :3] >= one[:, :3].min(axis=0) - 1e-12).all()
        assert (made[:, :3] <= one[:, :3].max(axis=0) + 1e-12).all()
        assert set(made[:, 7]) <= set(one[:, 7])
        np.testing.assert_allclose(np.linalg.norm(made[:, 3:7], axis=1), 1)
        np.testing.assert_allclose(made[0, :3], one[0, :3])

    def test_between_two_frames_is_half_the_way(self) -> None:
        turned = Rotation.from_rotvec([[0, 0, 0.0], [0, 0, 1.0]]).as_quat()
        one = np.c_[[[0.0, 0, 0], [1, 2, 3]], turned, [0, 1]]
        made = resampled(one, 1.0, 2.0, "eef")
        np.testing.assert_allclose(made[1, :3], [0.5, 1, 1.5])
        np.testing.assert_allclose(made[1, 3:7], Rotation.from_euler("z", 0.5).as_quat())
        assert made[1, 7] == 0


class TestNames:
    def test_tell_equal_folders_apart(self, tmp_path: Path) -> None:
        roots = [write(tmp_path / robot / "put", [take(0)]) for robot in ("one", "two")]
        assert [e.id for e in entries_of(open_sources(roots, EpisodeRequest(), None))] == [
            "one/put/episode_000000", "two/put/episode_000000",
        ]  # fmt: skip

    def test_a_set_named_twice_is_refused(self, joints: Path) -> None:
        with pytest.raises(FineVLAError, match="named twice"):
            open_sources([joints, joints], EpisodeRequest(), None)


class TestGroups:
    def test_by_task_largest_first(self) -> None:
        items = [Item((task,), "d", ("right",), 8) for task in ("b", "a", "c", "b", "a", "b")]
        found = grouped(items, "task")
        assert [(g.name, g.members) for g in found] == [("b", (0, 3, 5)), ("a", (1, 4)), ("c", (2,))]

    def test_arms_that_differ_never_meet(self) -> None:
        items = [Item(("a",), "d", arms, 8) for arms in (("left", "right"), ("right",), ("right",))]
        found = grouped(items, "all")
        assert [(g.name, g.members) for g in found] == [
            ("all [right, 8 values]", (1, 2)), ("all [left and right, 8 values]", (0,)),
        ]  # fmt: skip

    @quick
    @given(
        tasks=st.lists(st.sampled_from(["a", "b", " ", "A"]), max_size=20),
        by=st.sampled_from(["task", "dataset", "all"]),
    )
    def test_everybody_is_in_one(self, tasks: list[str], by: str) -> None:
        found = grouped([Item((task,), task * 2, ("right",), 8) for task in tasks], by)
        assert sorted(m for g in found for m in g.members) == list(range(len(tasks)))

    def test_no_task_is_a_group(self) -> None:
        assert task_of(()) == task_of((" ",)) == NO_TASK
        assert task_of(("put", "", "lift")) == "put; lift"

    def test_unknown_grouping_is_one_sentence(self) -> None:
        with pytest.raises(FineVLAError, match="unknown grouping 'taks'; did you mean 'task'"):
            grouped([], "taks")


class TestSpool:
    @quick
    @given(shapes=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 2), st.integers(2, 8)), max_size=8))
    def test_gives_back_what_it_was_given(self, shapes: list[tuple[int, int, int]], tmp_path_factory: Any) -> None:
        rng = np.random.default_rng(0)
        arrays = [rng.normal(size=shape) for shape in shapes]
        spool = Spool(tmp_path_factory.mktemp("spool") / "values")
        for k, one in enumerate(arrays):
            assert spool.add(one) == k
        spool.close()
        for k, one in enumerate(arrays):
            np.testing.assert_array_equal(spool[k], one)
            assert spool.frames(k) == len(one)

    def test_full_disk_is_one_sentence(self) -> None:
        spool = Spool(Path("/dev/full"))
        with pytest.raises(FineVLAError, match="/dev/full"):
            spool.add(np.zeros((100_000, 2, 8)))


class TestDecided:
    def setup_report(self, root: Path, tmp_path: Path) -> Path:
        assert main(["clean", str(root), "--set", f"frames={LEAST}", "--report", str(tmp_path / "report")]) == 0
        return tmp_path / "report"

    def sources(self, *roots: Path) -> tuple[tuple[DedupSource, ...], list[Entry]]:
        sources = open_sources(roots, EpisodeRequest(), None)
        return sources, entries_of(sources)

    def test_report_of_clean_drops(self, joints: Path, tmp_path: Path) -> None:
        report = self.setup_report(joints, tmp_path)
        sources, entries = self.sources(joints)
        short = {k for k in range(3) if len(take(k).state) < LEAST}
        assert 0 < len(short) < 3
        for path in (report, report / "episodes.parquet"):
            made = clean_reports_and_keep_file.without_dropped(entries, sources, [path])
            assert {e.episode for e in made if e.dropped} == short
            assert all(str(LEAST) in e.dropped for e in made if e.dropped)

    def test_report_finds_its_data_set(self, joints: Path, tmp_path: Path) -> None:
        report = self.setup_report(joints, tmp_path)
        other = write(tmp_path / "other", [take(seed) for seed in range(3)])
        made = clean_reports_and_keep_file.without_dropped((both := self.sources(other, joints))[1], both[0], [report])
        assert {e.source for e in made if e.dropped} == {1}
        more = self.sources(other, write(tmp_path / "third", [take(0)]))
        with pytest.raises(FineVLAError, match="cannot be told"):
            clean_reports_and_keep_file.without_dropped(more[1], more[0], [report])

    def test_finevlas_report_drops(self, joints: Path, tmp_path: Path) -> None:
        path = tmp_path / "set_filter_report.json"
        path.write_text(json.dumps({"summary": {}, "set": {"1": ["too few"]}}))
        sources, entries = self.sources(joints)
        assert [
            e.episode for e in clean_reports_and_keep_file.without_dropped(entries, sources, [path]) if e.dropped
        ] == [1]
        path.write_text(json.dumps({"summary": {}, "set": {"12": ["too few"]}}))
        with pytest.raises(FineVLAError, match="episode 12"):
            clean_reports_and_keep_file.without_dropped(entries, sources, [path])

    @pytest.mark.parametrize("what", ["missing", "text", "table"])
    def test_what_is_no_report_is_one_sentence(self, joints: Path, tmp_path: Path, what: str) -> None:
        path = tmp_path / "episodes.parquet"
        if what == "text":
            path.write_text("no")
        if what == "table":
            pq.write_table(pa.table({"a": [1]}), path)
        sources, entries = self.sources(joints)
        with pytest.raises(FineVLAError, match="episodes.parquet"):
            clean_reports_and_keep_file.without_dropped(entries, sources, [path])

    @pytest.mark.parametrize(("name", "text"), [
        ("k.txt", "# reviewed\n1\nset/episode_000002\n"), ("k.json", '[1, "set/episode_000002"]'),
    ])  # fmt: skip
    def test_keep_file_forces_and_wins(self, joints: Path, tmp_path: Path, name: str, text: str) -> None:
        (tmp_path / name).write_text(text)
        sources, entries = self.sources(joints)
        entries = [replace(e, dropped="clean: no") for e in entries]
        made = clean_reports_and_keep_file.with_forced(entries, sources, tmp_path / name)
        assert [e.forced for e in made] == [False, True, True]
        assert [bool(e.dropped) for e in made] == [True, False, False]

    @pytest.mark.parametrize("text", ["7\n", "set/episode_9", "other/episode_000001"])
    def test_keep_file_of_something_else_is_one_sentence(self, joints: Path, tmp_path: Path, text: str) -> None:
        (tmp_path / "k.txt").write_text(text)
        sources, entries = self.sources(joints)
        with pytest.raises(FineVLAError, match="line 1: there is no episode"):
            clean_reports_and_keep_file.with_forced(entries, sources, tmp_path / "k.txt")

    def test_index_alone_says_nothing_of_two_sets(self, joints: Path, tmp_path: Path) -> None:
        (tmp_path / "k.txt").write_text("1")
        shutil.copytree(joints, tmp_path / "other")
        sources, entries = self.sources(joints, tmp_path / "other")
        with pytest.raises(FineVLAError, match="needs the data set's name"):
            clean_reports_and_keep_file.with_forced(entries, sources, tmp_path / "k.txt")
