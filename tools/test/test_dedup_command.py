"""Promises of `finevla dedup`: planted duplicates go, everything is listed with its reason, FineVLA's files are its files."""

import errno
import json
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow")
pytest.importorskip("numba")
import pyarrow.parquet as pq
from lerobot_sets import JOINTS, Take, take, write
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from finevla_tools.cli import main
from finevla_tools.datasets.lerobot_files import open_dataset
from finevla_tools.dedup import dtw_distances, result_tables, run_outputs
from finevla_tools.dedup import group_comparison as compare_module
from finevla_tools.dedup.correction_effects import between, sample
from finevla_tools.dedup.distance_store import Work, pairs_of
from finevla_tools.dedup.episode_budget import shares
from finevla_tools.dedup.finevla_files import folder_names
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory, prepare
from finevla_tools.dedup.group_comparison import compare
from finevla_tools.dedup.groups import Group
from finevla_tools.dedup.source_data_sets import EpisodeRequest, entries_of, open_sources

quick = settings(max_examples=60, deadline=None)
TASKS, MOTIONS, COPIES = 2, 3, 3


def warped(one: Take, seed: int) -> Take:
    """The same motion at another speed, with a little noise."""
    rng, count = np.random.default_rng(seed), len(one.state)
    frames = int(count * rng.uniform(0.8, 1.25))
    at = np.linspace(0, count - 1, frames)
    path = np.column_stack([np.interp(at, np.arange(count), one.state[:, k]) for k in range(14)])
    made = (path + rng.normal(0, 5e-4, path.shape)).astype(np.float32)
    return Take(made, made.copy(), (np.arange(frames) / 30).astype(np.float32), list(one.tasks))


def takes() -> list[Take]:
    """TASKS x MOTIONS x COPIES; copies of one motion lie side by side."""
    found = []
    for task in range(TASKS):
        for motion in range(MOTIONS):
            one = take(10 * task + motion, frames=40)
            one.tasks = [f"task {task}"]
            found += [one, *(warped(one, k) for k in range(1, COPIES))]
    return found


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of planted duplicates, and one episode that cannot be read (the last)."""
    spoilt = deepcopy((some := takes())[0])
    spoilt.state[3, 2] = np.nan
    return write(tmp_path_factory.mktemp("planted") / "set", [*some, spoilt])


def dedup(*arguments: Any) -> int:
    return main(["dedup", *map(str, arguments), "--jobs", "1"])


def rows_of(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / result_tables.EPISODES).to_pylist()
    return rows


def said_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / result_tables.RUN).read_text())
    return found


@pytest.fixture(scope="module")
def done(planted: Path) -> Path:
    """The plain run of it, with distances and a data set of what is kept."""
    out = planted.parent / "out"
    assert dedup(planted, "--out", out, "--distances", "--dataset", planted.parent / "kept") == 0
    return out


def telling(out: Path) -> float:
    """A distance between those of copies and those of different motions."""
    table = pq.read_table(out / result_tables.DISTANCES).to_pylist()
    alike = [row["distance"] for row in table if row["i"] // COPIES == row["j"] // COPIES]
    others = [row["distance"] for row in table if row["i"] // COPIES != row["j"] // COPIES]
    assert max(alike) < min(others)
    return (max(alike) + min(others)) / 2


class TestPlanted:
    def test_one_of_each_motion_is_kept(self, done: Path) -> None:
        rows = rows_of(done)
        motions = [k // COPIES for k, row in enumerate(rows) if row["kept"]]
        assert motions == list(range(TASKS * MOTIONS))
        for k in range(TASKS * MOTIONS):
            assert len({row["cluster"] for row in rows[COPIES * k : COPIES * (k + 1)]}) == 1

    def test_every_episode_is_listed_with_its_reason(self, done: Path) -> None:
        rows = rows_of(done)
        assert [row["episode_index"] for row in rows] == list(range(TASKS * MOTIONS * COPIES + 1))
        assert all(row["reason"] for row in rows)
        assert rows[-1]["skipped"] == rows[-1]["reason"]
        assert "frame 3 is NaN" in rows[-1]["skipped"]
        assert not rows[-1]["kept"]
        for row in rows[:-1]:
            assert row["skipped"] is None
            assert row["group"] == row["task"]
            assert row["is_medoid"] == (row["distance_to_medoid"] == 0)

    def test_run_json_says_what_was_done(self, done: Path) -> None:
        said = said_of(done)
        counts = said["counts"]
        assert (counts["compared"], counts["skipped"], counts["kept"], counts["groups"]) == (18, 1, 6, 2)
        assert said["pairs"] == said["aligned"] == 2 * 36
        assert said["measure"]["key"] == Metric().key()
        assert (done / run_outputs.PAGE).stat().st_size > 10_000

    def test_distances_are_those_of_the_kernel(self, done: Path, planted: Path) -> None:
        table = pq.read_table(done / result_tables.DISTANCES).to_pylist()
        assert all(row["is_exact"] for row in table)
        sources = open_sources([planted], EpisodeRequest(), None)
        from finevla_tools.dedup.trajectory_loading import load

        members = range(MOTIONS * COPIES)
        found = [load(sources[0], EpisodeRequest(), entry).values for entry in entries_of(sources)[: len(members)]]
        prepared = prepare([PoseTrajectory(str(k), v) for k, v in enumerate(found) if v is not None], Metric())
        wanted = dtw_distances.condensed(prepared)
        mine = [row for row in table if row["group"] == "task 0"]
        assert [(row["i"], row["j"]) for row in mine] == [
            tuple(p) for p in pairs_of(np.arange(len(wanted)), len(members))
        ]
        np.testing.assert_allclose([row["distance"] for row in mine], wanted, rtol=1e-6)

    def test_data_set_of_the_kept_has_their_rows(self, done: Path, planted: Path) -> None:
        kept, source = open_dataset(planted.parent / "kept"), open_dataset(planted)
        old = [row["episode_index"] for row in rows_of(done) if row["kept"]]
        assert len(kept.episodes) == len(old)
        for new, number in zip(kept.episodes, old, strict=True):
            one, other = kept.read(new), source.read(source.episodes[number])
            assert one["observation.state"].to_pylist() == other["observation.state"].to_pylist()

    def test_nothing_is_left_beside_the_output(self, done: Path, planted: Path) -> None:
        assert sorted(p.name for p in planted.parent.iterdir()) == ["kept", "out", "set"]

    def test_the_same_again_is_the_same(self, done: Path, planted: Path, tmp_path: Path) -> None:
        assert dedup(planted, "--out", tmp_path / "out") == 0
        assert rows_of(tmp_path / "out") == rows_of(done)

    @pytest.mark.parametrize("linkage", ["average", "complete", "single"])
    def test_few_distances_make_the_same_clusters_as_all(
        self, done: Path, planted: Path, tmp_path: Path, linkage: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compare_module, "LAZY_CELLS", 0)
        cut = telling(done)
        out = tmp_path / "out"
        assert dedup(planted, "--out", out, "--cut-distance", cut, "--linkage", linkage, "--distances") == 0
        assert [r["cluster"] for r in rows_of(out)] == [r["cluster"] for r in rows_of(done)]
        said = said_of(out)
        assert said["aligned"] < said["pairs"] or linkage == "single"  # it looks at 16 at a time: half a group here
        table = pq.read_table(out / result_tables.DISTANCES).to_pylist()
        assert sum(row["is_exact"] for row in table) == said["aligned"]
        exact = {
            (row["i"], row["j"]): row["distance"] for row in pq.read_table(done / result_tables.DISTANCES).to_pylist()
        }
        assert all(row["distance"] <= exact[row["i"], row["j"]] * (1 + 1e-3) for row in table)

    def test_budget_is_held_and_spread(self, planted: Path, tmp_path: Path) -> None:
        assert dedup(planted, "--out", tmp_path / "out", "--budget", 10) == 0
        kept = [row for row in rows_of(tmp_path / "out") if row["kept"]]
        assert len(kept) == 10
        assert len({(row["group"], row["cluster"]) for row in kept}) == 6

    def test_small_budget_leaves_groups_out_and_says_so(self, planted: Path, tmp_path: Path) -> None:
        assert dedup(planted, "--out", tmp_path / "out", "--budget", 1) == 0
        rows = rows_of(tmp_path / "out")
        assert sum(row["kept"] for row in rows) == 1
        assert sum("no room for this group" in row["reason"] for row in rows) == 9

    def test_reviewed_episodes_stay(self, planted: Path, tmp_path: Path) -> None:
        (tmp_path / "keep.txt").write_text("1\nset/episode_000002\n")
        assert dedup(planted, "--out", tmp_path / "out", "--keep-file", tmp_path / "keep.txt") == 0
        rows = rows_of(tmp_path / "out")
        assert [row["forced"] for row in rows[:4]] == [False, True, True, False]
        assert all(row["kept"] and row["reason"].startswith("forced") for row in rows[1:3])
        assert sum(row["kept"] for row in rows) == 7

    def test_two_of_each_cluster(self, planted: Path, tmp_path: Path) -> None:
        assert dedup(planted, "--out", tmp_path / "out", "--per-cluster", 2) == 0
        assert sum(row["kept"] for row in rows_of(tmp_path / "out")) == 12

    def test_what_clean_drops_is_left_out_and_listed(self, planted: Path, tmp_path: Path) -> None:
        assert main(["clean", str(planted), "--report", str(tmp_path / "r")]) == 0
        assert dedup(planted, "--out", tmp_path / "out", "--clean", tmp_path / "r") == 0
        assert rows_of(tmp_path / "out")[-1]["skipped"].startswith("clean: ")

    def test_group_that_does_not_tell_is_cut_as_the_others(self, tmp_path: Path) -> None:
        same = take(77, frames=40)
        same.tasks = ["all the same"]
        root = write(tmp_path / "set", [*takes(), same, *(warped(same, k) for k in range(5))])
        assert dedup(root, "--out", tmp_path / "out") == 0
        kept = [row for row in rows_of(tmp_path / "out") if row["kept"]]
        assert [row["task"] for row in kept].count("all the same") == 1
        assert len(kept) == TASKS * MOTIONS + 1
        assert ["median of 2 groups" in group["how"] for group in said_of(tmp_path / "out")["groups"]] == [
            False,
            False,
            True,
        ]

    def test_large_groups_go_by_blocks(
        self, done: Path, planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compare_module, "BLOCK", 5)
        cut = ("--cut-distance", telling(done))
        for number, (more, cells) in enumerate([((), 0), (cut, 0), (cut, 1e9)]):
            monkeypatch.setattr(compare_module, "LAZY_CELLS", cells)
            out = tmp_path / f"out{number}"
            assert dedup(planted, "--out", out, *more) == 0
            kept = [k // COPIES for k, row in enumerate(rows_of(out)) if row["kept"]]
            assert kept == list(range(TASKS * MOTIONS))

    def test_joints_say_the_same(self, planted: Path, tmp_path: Path) -> None:
        assert dedup(planted, "--out", tmp_path / "out", "--space", "joint", "--arms", "left") == 0
        rows = rows_of(tmp_path / "out")
        assert {row["arms"] for row in rows[:-1]} == {"left"}
        assert sum(row["kept"] for row in rows) == 6


class TestInterrupted:
    def test_goes_on_without_computing_again(
        self, planted: Path, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        computed = []
        original = dtw_distances.pair_distances

        def counted(prepared: Any, pairs: Any, device: str = "cpu") -> Any:
            computed.append(len(pairs))
            if len(computed) == fail_at:
                raise KeyboardInterrupt
            return original(prepared, pairs, device)

        monkeypatch.setattr(dtw_distances, "pair_distances", counted)
        monkeypatch.setattr(run_outputs, "ALL_PAIRS", 0)
        out, fail_at = tmp_path / "out", 2
        assert dedup(planted, "--out", out) == 130
        assert [p.name for p in tmp_path.iterdir()] == [".out.work"]
        fail_at = -1
        computed.clear()
        assert dedup(planted, "--out", out) == 0
        assert sum(computed) == 36  # the other group alone
        assert rows_of(out) == rows_of(done)
        assert [p.name for p in tmp_path.iterdir()] == ["out"]

    def test_is_not_taken_for_another_measure(
        self, planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(run_outputs, "write_page", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            assert dedup(planted, "--out", tmp_path / "out") == 130
        assert dedup(planted, "--out", tmp_path / "out", "--w-grip", 7) == 2
        assert "another measure" in capsys.readouterr().err
        assert dedup(planted, "--out", tmp_path / "out", "--w-grip", 7, "--force") == 0

    def test_two_at_once_are_refused(self, planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        from finevla_tools.dedup.run import workplace

        with workplace(tmp_path / "out", False):
            assert dedup(planted, "--out", tmp_path / "out") == 2
        assert "another process" in capsys.readouterr().err


class TestCompat:
    @pytest.fixture(scope="class")
    def compat(self, planted: Path) -> Path:
        out = planted.parent.parent / "compat"
        assert dedup(planted, "--out", out, "--compat", "finevla", "--band", 20) == 0
        return out

    def test_files_are_finevlas(self, compat: Path, planted: Path) -> None:
        for task in range(TASKS):
            folder = compat / "finevla" / f"task_{task}"
            with np.load(folder / "distance_matrix.npz") as found:
                square, ids = found["dist_matrix"], found["episode_ids"].tolist()
            assert ids == list(range(9 * task, 9 * task + 9))
            assert square.dtype == np.float64
            np.testing.assert_array_equal(square, square.T)
            said = json.loads((folder / "distance_matrix.json").read_text())
            assert (said["side"], said["sides_computed"], said["rot_type"]) == ("both", ["left", "right"], "quaternion")
            assert said["params"] == {"w_pos": 1.0, "w_rot": 1.0, "w_grip": 100.0, "normalize": True, "window": 20}
            upper = squareform(square)
            assert said["stats"]["std"] == pytest.approx(upper.std())
            results = json.loads((folder / "cluster_results.json").read_text())
            assert results["mode"] == "flat"
            labels = fcluster(linkage(upper, "average"), results["n_clusters"], "maxclust")
            rng = np.random.RandomState(42)
            for name, cluster in results["hierarchical"]["clusters"].items():
                members = [ids[k] for k in np.flatnonzero(labels == int(name))]
                assert cluster == {"count": len(members), "episodes": members}
                assert results["cluster_representation"][name] == f"{planted}/{rng.choice(members)}"
            for cluster in results["kmedoids"]["clusters"].values():
                assert cluster["medoid_episode"] in cluster["episodes"]
            assert "best_rel_gap" in results["auto_k_info"]
        summary = json.loads((compat / "finevla" / "batch_summary.json").read_text())
        assert summary["set"]["total_tasks_processed"] == TASKS
        tasks = json.loads((compat / "finevla" / "task_per_episode.json").read_text())
        assert tasks["tasks"]["task 1"] == {"count": 9, "episode_indices": list(range(9, 18))}

    def test_whom_it_drew_is_kept(self, compat: Path, planted: Path) -> None:
        drawn = set()
        for file in compat.glob("finevla/*/cluster_results.json"):
            drawn |= {
                int(p.rpartition("/")[2]) for p in json.loads(file.read_text())["cluster_representation"].values()
            }
        assert {row["episode_index"] for row in rows_of(compat) if row["kept"]} == drawn

    def test_distances_are_both_arms_added(self, compat: Path, planted: Path) -> None:
        sums = 0.0
        for side in ("left", "right"):
            out = compat.parent / f"compat_{side}"
            assert dedup(planted, "--out", out, "--compat", "finevla", "--band", 20, "--arms", side) == 0
            sums = sums + np.load(out / "finevla/task_1/distance_matrix.npz")["dist_matrix"]
        both = np.load(compat / "finevla/task_1/distance_matrix.npz")["dist_matrix"]
        np.testing.assert_allclose(both, sums, rtol=1e-9)

    def test_recursive_leaves_are_all_episodes(self, planted: Path, tmp_path: Path) -> None:
        assert dedup(planted, "--out", tmp_path / "out", "--compat", "finevla", "--recursive") == 0
        results = json.loads((tmp_path / "out/finevla/task_0/cluster_results.json").read_text())
        assert results["mode"] == "recursive"
        assert sorted(e for leaf in results["leaf_clusters"].values() for e in leaf["episodes"]) == list(range(9))
        assert results["episode_to_cluster"].keys() == {str(k) for k in range(9)}
        rng = np.random.RandomState(42)
        for name, leaf in results["leaf_clusters"].items():
            assert results["cluster_representation"][name] == f"{planted}/{rng.choice(leaf['episodes'])}"
        assert results["recursive_tree"]["count"] == 9

    def test_differences_are_told(self, compat: Path) -> None:
        found = said_of(compat)["differences_to_finevla"]
        assert {one["group"] for one in found} == {"task 0", "task 1"}
        assert all(one["differ"] == one["pairs"] == 36 for one in found)
        assert all(one["by"]["quaternion norms"] == 0 < one["by"]["gripper under a band"] for one in found)

    def test_clusters_of_both_modes_are_compared(self, compat: Path, done: Path) -> None:
        for one in [*said_of(compat)["differences_to_finevla"], *said_of(done)["differences_to_finevla"]]:
            assert one["clusters"] == [MOTIONS, MOTIONS]
            assert one["apart"] == 0

    @pytest.mark.parametrize("more", [("--cut-distance", 1), ("--budget", 3), ("--per-cluster", 2), ("--mirror",),
                                      ("--linkage", "kmedoids")])  # fmt: skip
    def test_what_finevla_has_not_is_refused(self, planted: Path, tmp_path: Path, more: tuple[Any, ...]) -> None:
        assert dedup(planted, "--out", tmp_path / "out", "--compat", "finevla", *more) == 2
        assert not list(tmp_path.iterdir())

    def test_folders_of_tasks_do_not_collide(self) -> None:
        assert folder_names(["put it", "put, it", "?", "put_it"]) == ["put_it", "put_it_2", "unknown_task", "put_it_3"]


class TestDifferences:
    def trajectories(self, arms: int = 1, spoil: bool = False) -> list[PoseTrajectory]:
        rng = np.random.default_rng(0)
        made = []
        for k in range(6):
            frames = int(rng.integers(20, 30))
            values = np.cumsum(rng.normal(0, 0.05, (frames, arms, 8)), axis=0)
            values[..., 3:7] += [0, 0, 0, 2]
            values[..., 3:7] /= np.linalg.norm(values[..., 3:7], axis=2, keepdims=True)
            if spoil and k == 0:
                values[..., 3:7] *= 0.5
            made.append(PoseTrajectory(str(k), values))
        return made

    def by(self, measure: Metric, **kind: Any) -> tuple[int, dict[str, int]]:
        pairs = pairs_of(np.arange(15), 6)
        found, theirs, ours = between("g", self.trajectories(**kind), measure, pairs)
        assert found.pairs == len(theirs) == len(ours) == 15
        return found.differ, {name: count for name, count in found.by.items() if count}

    def test_there_are_none_of_one_arm_without_a_band(self) -> None:
        assert self.by(Metric()) == (0, {})

    def test_norms_matter_to_the_pairs_of_the_spoilt_one(self) -> None:
        assert self.by(Metric(), spoil=True) == (5, {"quaternion norms": 5})

    def test_bands_lose_the_gripper_and_have_another_divisor(self) -> None:
        assert self.by(Metric(band=15)) == (15, {"one divisor": 15, "gripper under a band": 15})

    def test_two_arms_are_aligned_as_one(self) -> None:
        differ, by = self.by(Metric(), arms=2)
        assert 0 < differ == by["both arms aligned as one"]
        assert len(by) == 1

    def test_scaling_is_the_whole_groups_whatever_the_sample(self) -> None:
        some = self.trajectories()
        pairs = np.array([[1, 2], [3, 4]])
        _, theirs, ours = between("g", some, Metric(), pairs)
        np.testing.assert_allclose(ours, dtw_distances.pair_distances(prepare(some, Metric()), pairs), rtol=1e-6)
        np.testing.assert_allclose(
            theirs, dtw_distances.pair_distances(prepare(some, Metric(compat=True)), pairs), rtol=1e-9
        )

    def test_samples_are_pairs_and_short_of_long_ones(self) -> None:
        found = sample(10, [100] * 10, 20, 0)
        assert len(found) == len({tuple(p) for p in found}) == 20
        assert (found[:, 0] < found[:, 1]).all()
        assert len(sample(100, [20_000] * 100, 100, 0)) == 1


class TestShares:
    groups = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=8)

    @quick
    @given(groups=groups, budget=st.integers(0, 100))
    def test_hold_the_budget(self, groups: list[tuple[int, int, int]], budget: int) -> None:
        episodes = [clusters + more for clusters, more, _ in groups]
        forced = [min(f, e) for (_, _, f), e in zip(groups, episodes, strict=True)]
        clusters = [c for c, _, _ in groups]
        made = shares(budget, clusters, episodes, forced)
        assert sum(made) == max(min(budget, sum(episodes)), sum(forced))
        assert (made <= episodes).all()
        assert (made >= forced).all()
        if budget >= sum(max(c, f) for c, f in zip(clusters, forced, strict=True)):
            assert (made >= clusters).all()


class TestDistanceTable:
    @quick
    @given(count=st.integers(0, 12), at_once=st.integers(1, 30), seed=st.integers(0, 99))
    def test_comes_back(self, count: int, at_once: int, seed: int, tmp_path_factory: Any) -> None:
        folder, rng = tmp_path_factory.mktemp("t"), np.random.default_rng(seed)
        condensed = rng.uniform(size=count * (count - 1) // 2)
        exact = rng.uniform(size=len(condensed)) < 0.5
        members = np.sort(rng.choice(100, count, replace=False))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(result_tables, "ROWS_AT_ONCE", at_once)
            with result_tables.DistanceWriter(folder, ["a", "b"]) as writer:
                writer.add(1, members, condensed, exact)
        found = pq.read_table(folder / result_tables.DISTANCES).to_pylist()
        pairs = members[pairs_of(np.arange(len(condensed)), count)].reshape(-1, 2)
        assert [(r["i"], r["j"]) for r in found] == [tuple(p) for p in pairs.tolist()]
        assert [r["distance"] for r in found] == condensed.tolist()
        assert [r["is_exact"] for r in found] == exact.tolist()
        assert all(r["group"] == "b" for r in found)


class TestBadInput:
    @pytest.mark.parametrize(("arguments", "word"), [
        (["nowhere"], "does not exist"),
        (["SET", "SET"], "named twice"),
        (["SET", "--cut-distance", "1", "--clusters", "3"], "give one of them"),
        (["SET", "--cut-distance", "nan"], "cut at distance"),
        (["SET", "--clusters", "0"], "0 clusters"),
        (["SET", "--linkage", "median"], "unknown clustering"),
        (["SET", "--band", "0"], "band is 0"),
        (["SET", "--w-grip", "-1"], "w_grip is -1"),
        (["SET", "--budget", "0"], "--budget is 0"),
        (["SET", "--memory", "1"], "--memory is 1"),
        (["SET", "--fps", "0"], "--fps is 0"),
        (["SET", "--seed", "-1"], "--seed is -1"),
        (["SET", "--recursive"], "add --compat finevla"),
        (["SET", "--space", "joint", "--mirror"], "mirror"),
        (["SET", "--keep-file", "nowhere"], "cannot be read"),
        (["SET", "--clean", "nowhere"], "does not exist"),
        (["SET", "--max-frames", "20"], "no episode can be used"),
        (["SET", "--out", "SET"], "exists already"),
        (["SET", "--dataset", "SET/kept"], "in the data set itself"),
        (["SET", "OTHER"], "different frame rates"),
        (["SET", "OTHER", "--by", "all", "--compat", "finevla", "--fps", "10"], "within one data set"),
    ])  # fmt: skip
    def test_is_one_sentence(
        self, planted: Path, tmp_path: Path, arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(tmp_path / "other", [take(0)], fps=10)
        filled = [a.replace("SET", str(planted)).replace("OTHER", str(tmp_path / "other")) for a in arguments]
        filled = [str(tmp_path / a) if a == "nowhere" else a for a in filled]
        out = [] if "--out" in arguments else ["--out", str(tmp_path / "out")]
        assert dedup(*filled, *out) == 2
        said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(said) == 1
        assert word in said[0]
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("module", ["numba", "sklearn", "kmedoids"])
    def test_missing_library_says_how_to_get_it(
        self, planted: Path, tmp_path: Path, module: str, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        ours = {
            f"finevla_tools.dedup.{n}"
            for n in (
                *("dtw_distances", "dtw_simd", "simd_vectors", "distance_lower_bounds"),
                *("lazy_distances", "finevla_distance", "cost_estimate"),
            )
        }
        for name in [n for n in sys.modules if n in ours or n.startswith(f"{module}.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, module, None)
        more = {
            "numba": (),
            "sklearn": ("--compat", "finevla", "--linkage", "ward"),
            "kmedoids": ("--linkage", "kmedoids"),
        }
        assert dedup(planted, "--out", tmp_path / "out", *more[module]) == 2
        assert f"'dedup' needs {module}; run 'make data-setup' first" in capsys.readouterr().err

    def test_full_disk_is_one_sentence_and_the_next_try_goes_on(
        self, planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def full(*_: Any, **__: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(result_tables.pq, "write_table", full)
            assert dedup(planted, "--out", tmp_path / "out") == 2
        assert "No space left on device" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
        assert dedup(planted, "--out", tmp_path / "out") == 0

    def test_dry_run_writes_nothing(self, planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert dedup(planted, "--out", tmp_path / "out", "--dry-run") == 0
        assert "19 of 19 episodes would be read and compared in 2 groups, 81 pairs" in capsys.readouterr().out
        assert not list(tmp_path.iterdir())

    def test_one_episode_alone_is_kept(self, tmp_path: Path) -> None:
        root = write(tmp_path / "set", [take(0)])
        assert dedup(root, "--out", tmp_path / "out") == 0
        (row,) = rows_of(tmp_path / "out")
        assert row["kept"]
        assert row["is_medoid"]

    def test_plan_tells_hours_and_writes_nothing(
        self, planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert dedup(planted, "--out", tmp_path / "out", "--plan", "--cores", 8, "--price", 1) == 0
        said = capsys.readouterr().out
        assert "19 trajectories in 2 groups" in said
        assert "time on 8 cores" in said
        assert "price" in said
        assert not list(tmp_path.iterdir())


class TestSeveralSets:
    def test_are_compared_with_each_other_and_written_apart(self, tmp_path: Path) -> None:
        some = takes()[: MOTIONS * COPIES]
        one, other = write(tmp_path / "one", some[::2]), write(tmp_path / "other", some[1::2])
        assert dedup(one, other, "--out", tmp_path / "out", "--dataset", tmp_path / "kept") == 0
        rows = rows_of(tmp_path / "out")
        assert sum(row["kept"] for row in rows) == MOTIONS
        counts = {name: sum(row["kept"] for row in rows if row["dataset"] == name) for name in ("one", "other")}
        for name, count in counts.items():
            if count:
                assert len(open_dataset(tmp_path / "kept" / name).episodes) == count

    def test_of_other_arms_are_kept_apart_and_said(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        some = takes()[: MOTIONS * COPIES]
        one, other = write(tmp_path / "both", some), write(tmp_path / "single", some, robot="some_arm")
        left = {
            "state": {"left_joint": {"original_key": "observation.state", "type": "abs_joint", "start": 0, "end": 6}}
        }
        (other / "meta/modality.json").write_text(json.dumps(left))
        assert dedup(one, other, "--out", tmp_path / "out", "--space", "joint") == 0
        said = capsys.readouterr().out
        assert "the left arm alone is there: 9 of 18 episodes" in said
        assert "left_gripper is not there and taken as 0: 9 of 18 episodes" in said
        assert {(row["dataset"], row["group"]) for row in rows_of(tmp_path / "out")} == {
            ("both", "task 0 [left and right, 7 values]"), ("single", "task 0 [left, 7 values]"),
        }  # fmt: skip

    def test_by_data_set_rates_may_differ(self, tmp_path: Path) -> None:
        roots = [write(tmp_path / f"s{fps}", takes()[:6], fps=fps) for fps in (10, 30)]
        assert dedup(*roots, "--out", tmp_path / "out", "--by", "dataset") == 0
        assert {row["group"] for row in rows_of(tmp_path / "out")} == {"s10", "s30"}


@pytest.mark.slow
class TestLeRobot:
    def test_reads_the_data_set_of_the_kept(self, tmp_path: Path) -> None:
        lerobot = pytest.importorskip("lerobot.datasets.lerobot_dataset")
        features = {k: {"dtype": "float32", "shape": (14,), "names": JOINTS} for k in ("observation.state", "action")}
        made = lerobot.LeRobotDataset.create(
            "t/set", 30, features, root=tmp_path / "set", robot_type="cobotmagic", use_videos=False
        )
        some = takes()[: MOTIONS * COPIES]
        for one in some:
            for state, action in zip(one.state, one.action, strict=True):
                made.add_frame({"observation.state": state, "action": action, "task": one.tasks[0]})
            made.save_episode()
        made.finalize()
        assert dedup(tmp_path / "set", "--out", tmp_path / "out", "--dataset", tmp_path / "kept") == 0
        old = [row["episode_index"] for row in rows_of(tmp_path / "out") if row["kept"]]
        assert len(old) == MOTIONS
        kept = lerobot.LeRobotDataset("t/kept", root=tmp_path / "kept")
        firsts = [int(k) for k in kept.meta.episodes["dataset_from_index"]]
        assert len(firsts) == len(old)
        for first, number in zip(firsts, old, strict=True):
            assert np.array_equal(kept[first + 5]["observation.state"], some[number].state[5])


def test_group_counts_its_pairs() -> None:
    assert Group("g", (1, 2, 5), ("left",)).pairs == 3


def test_compare_keeps_what_it_computed(tmp_path: Path) -> None:
    from finevla_tools.dedup.clusters import Cut

    some = TestDifferences().trajectories()
    found = compare("g", some, Metric(), Cut(count=2), Work(tmp_path))
    assert found.condensed is not None
    np.testing.assert_allclose(found.condensed, dtw_distances.condensed(prepare(some, Metric())), rtol=1e-6)
    assert (found.to_medoid[found.clusters.medoids] == 0).all()
