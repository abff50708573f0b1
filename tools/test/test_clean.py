"""Promises of cleaning: planted defects are found and named, clean episodes left alone, FineVLA's numbers are its numbers."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow")
import pyarrow as pa
import pyarrow.parquet as pq
from lerobot_sets import CAMERAS, JOINTS, TABLE_DEFECTS, VIDEO_DEFECTS, Take, take, write, write_video
from scipy.spatial.transform import Rotation

from finevla_core.errors import FineVLAError
from finevla_core.text_files import read_json
from finevla_tools.clean import checks as c
from finevla_tools.clean import run as clean_run
from finevla_tools.clean.checks import CHECKS, Check
from finevla_tools.clean.finevla_compat import judge_all
from finevla_tools.clean.finevla_filters import PaperLimits, PaperVerdict, load_limits, range_norm_l2
from finevla_tools.clean.finevla_reports import (
    diff_report,
    flat_report,
    l2_statistics,
    read_report,
    structured_report,
    write_report,
)
from finevla_tools.clean.keep_decisions import chosen, parse_set, threshold_of
from finevla_tools.clean.video_checks import sharpness, times_and_looks
from finevla_tools.cli import main
from finevla_tools.datasets.lerobot_files import Footage, open_dataset, values
from finevla_tools.report.charts import histogram

quick = settings(max_examples=80, deadline=None)
EACH = 2  # episodes with each defect
# What a defect is besides: a state that is frozen jumps when it lets go, and so on.
ALSO = {
    "frozen_state": {"joint_jump", "divergence"},
    "divergence": {"limits"},
    "frames": {"gripper_unused"},
    "still": {"idle_head", "idle_tail", "gripper_unused"},
    "time_order": {"time_gap"},
    "time_jitter": {"time_gap"},
}


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / name).to_pylist()
    return rows


def flagged(folder: Path) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for row in table(folder, clean_run.ROWS):
        found.setdefault(row["episode_index"], set())
        if row["verdict"] == "flagged":
            found[row["episode_index"]].add(row["check"])
    return found


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, str], Path]:
    """A data set in which every defect has episodes, most have none, the defects by episode, and its report."""
    folder = tmp_path_factory.mktemp("planted")
    defects = {**TABLE_DEFECTS, **VIDEO_DEFECTS}
    takes = [take(seed, cameras=CAMERAS) for seed in range(2 * EACH * len(defects))]
    where = {}
    for k, (name, spoil) in enumerate(defects.items()):
        for episode in range(EACH * k, EACH * (k + 1)):
            spoil(takes[2 * episode])
            where[2 * episode] = name
    takes.append(takes[1])
    where[len(takes) - 1] = "twin"
    root = write(folder / "set", takes)
    broken = len(takes)
    where |= {broken: "corrupt", broken + 1: "video_corrupt"}
    shutil.copytree(root, folder / "more")
    for k in (broken, broken + 1):
        shutil.copyfile(
            root / "data/chunk-000/episode_000003.parquet", root / f"data/chunk-000/episode_{k:06d}.parquet"
        )
        for video in (root / "videos/chunk-000").iterdir():
            shutil.copyfile(video / "episode_000003.mp4", video / f"episode_{k:06d}.mp4")
    spoilt = root / f"data/chunk-000/episode_{broken:06d}.parquet"
    spoilt.write_bytes(spoilt.read_bytes()[:-300])
    other = take(999)
    pq.write_table(episode_table(other, broken + 1), root / f"data/chunk-000/episode_{broken + 1:06d}.parquet")
    video = next((root / "videos/chunk-000").iterdir()) / f"episode_{broken + 1:06d}.mp4"
    video.write_bytes(video.read_bytes()[:200])
    with (root / "meta/episodes.jsonl").open("a") as file:
        for k in (broken, broken + 1):
            file.write(
                json.dumps({"episode_index": k, "tasks": ["put the cube away"], "length": len(other.state)}) + "\n"
            )
    assert main(["clean", str(root), "--report", str(folder / "report"), "--jobs", "2"]) == 0
    return root, where, folder / "report"


def episode_table(one: Take, episode: int) -> pa.Table:
    return pa.table({
        "observation.state": one.state.tolist(), "action": one.action.tolist(), "timestamp": one.stamps,
        "frame_index": np.arange(len(one.state)), "episode_index": np.full(len(one.state), episode),
        "index": np.arange(len(one.state)), "task_index": np.zeros(len(one.state), np.int64),
    })  # fmt: skip


@pytest.mark.slow
class TestPlanted:
    def test_every_planted_defect_is_found(self, planted: tuple[Path, dict[int, str], Path]) -> None:
        _, where, report = planted
        found = flagged(report)
        assert {episode: name for episode, name in where.items() if name not in found[episode]} == {}

    def test_clean_episodes_are_not_flagged(self, planted: tuple[Path, dict[int, str], Path]) -> None:
        _, where, report = planted
        found = {episode: names for episode, names in flagged(report).items() if episode not in where}
        assert len(found) > 35
        assert {episode: names for episode, names in found.items() if names} == {}

    def test_spoilt_episodes_are_flagged_for_nothing_else(self, planted: tuple[Path, dict[int, str], Path]) -> None:
        _, where, report = planted
        found = flagged(report)
        odd = {e: found[e] - {name} - ALSO.get(name, set()) for e, name in where.items()}
        odd.pop(max(where))  # its rows are another episode's than its pictures
        assert {e: names for e, names in odd.items() if names} == {}

    def test_every_check_but_those_of_unknown_robots_was_tried(
        self, planted: tuple[Path, dict[int, str], Path]
    ) -> None:
        _, where, _ = planted
        assert set(CHECKS) - set(where.values()) == {"state_jump"}

    def test_every_reason_is_a_sentence_with_value_and_threshold(
        self, planted: tuple[Path, dict[int, str], Path]
    ) -> None:
        _, where, report = planted
        rows = [r for r in table(report, clean_run.ROWS) if r["verdict"] == "flagged"]
        assert all(r["value"] is not None and r["threshold"] is not None and len(r["reason"]) > 15 for r in rows)
        for episode in table(report, clean_run.EPISODES):
            drops = [r for r in episode["reasons"] if not r.startswith("note: ")]
            assert (episode["decision"] == "drop") == bool(drops)
            name = where.get(episode["episode_index"], "")
            assert bool(episode["reasons"]) == bool(name)
            if name in ("idle_head", "idle_tail", "gripper_unused"):
                assert episode["decision"] == "keep"

    def test_the_page_needs_nothing_from_elsewhere(self, planted: tuple[Path, dict[int, str], Path]) -> None:
        page = (planted[2] / "index.html").read_text()
        assert page.count("<svg") > 15
        assert 'class="limit"' in page
        assert "http" not in page.replace("http-equiv", "")
        assert page.count("<script") == 1
        assert "default-src 'none'" in page
        assert (planted[2] / "plots/histograms.png").read_bytes()[:4] == b"\x89PNG"

    def test_other_thresholds_need_no_second_look(
        self, planted: tuple[Path, dict[int, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root, _, report = planted
        shutil.copytree(report, tmp_path / "report")
        monkeypatch.setattr(clean_run, "_measure", None)  # would fail if called
        assert main(["clean", str(root), "--report", str(tmp_path / "report"), "--set", "time_gap=100"]) == 0
        assert not any("time_gap" in names for names in flagged(tmp_path / "report").values())
        assert json.loads((tmp_path / "report/summary.json").read_text())["episodes"] == len(flagged(report))


class TestChoice:
    def test_a_dry_run_writes_nothing(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        root = write(tmp_path / "set", [take(seed) for seed in range(3)])
        assert main(["clean", str(root), "--report", str(tmp_path / "r"), "--dry-run"]) == 0
        assert "3 kept, 0 dropped" in capsys.readouterr().out
        assert not (tmp_path / "r").exists()

    def test_only_and_skip_choose_checks(self) -> None:
        assert chosen("frames,task", None, True) == ("corrupt", "frames", "task")
        assert "video_blur" not in chosen(None, None, False)
        assert "limits" not in chosen(None, "limits", True)

    @pytest.mark.parametrize("arguments", [
        ["--set", "frame=3"], ["--set", "frames"], ["--set", "frames=x"], ["--set", "frames=nan"], ["--only", "nothing"],
        ["--skip", "nothing"], ["--k", "0"], ["--rate", "0"], ["--jobs", "-1"], ["--threshold", "1"], ["--map", "nothing"],
        ["--robot", "nothing"],
    ])  # fmt: skip
    def test_bad_options_are_one_sentence(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
    ) -> None:
        root = write(tmp_path / "set", [take(0)])
        assert main(["clean", str(root), "--report", str(tmp_path / "r"), *arguments]) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")

    def test_an_interrupted_run_goes_on(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        root = write(tmp_path / "set", [take(seed) for seed in range(4)])
        looked = []

        def dies(dataset: Any, plan: Any, item: Any) -> Any:
            if len(looked) == 2:
                raise KeyboardInterrupt
            looked.append(item[0].index)
            return real(dataset, plan, item)

        real = clean_run._measure
        monkeypatch.setattr(clean_run, "_measure", dies)
        arguments = ["clean", str(root), "--report", str(tmp_path / "r"), "--jobs", "1"]
        assert main(arguments) == 130
        with (tmp_path / "r" / clean_run.JOURNAL).open("a") as file:
            file.write('{"signature": "cut sh')
        looked.clear()
        monkeypatch.setattr(clean_run, "_measure", lambda d, p, i: (looked.append(i[0].index), real(d, p, i))[1])
        assert main(arguments) == 0
        assert looked == [2, 3]

    def test_another_robot_has_jumps_of_its_own_scale(self, tmp_path: Path) -> None:
        takes = [take(seed) for seed in range(12)]
        takes[5].state[40:45, 2] += 0.6
        root = write(tmp_path / "set", takes, robot="unheard_of")
        assert main(["clean", str(root), "--report", str(tmp_path / "r"), "--jobs", "1"]) == 0
        assert {e: names for e, names in flagged(tmp_path / "r").items() if names} == {5: {"state_jump"}}

    def test_a_folder_of_data_sets_is_looked_at_one_by_one(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("a/one", "b/one"):
            write(tmp_path / "all" / name, [take(1)])
        write(tmp_path / "all/bad", [take(1)], info={"fps": 0})
        assert main(["clean", str(tmp_path / "all"), "--report", str(tmp_path / "r")]) == 1
        assert (tmp_path / "r/a/one/checks.parquet").is_file()
        assert (tmp_path / "r/b/one/checks.parquet").is_file()
        assert "left out" in capsys.readouterr().err


class TestArithmetic:
    @quick
    @given(values=st.lists(st.floats(0.5, 2), min_size=20, max_size=60), bad=st.integers(1, 3))
    def test_a_few_bad_values_do_not_move_the_threshold(self, values: list[float], bad: int) -> None:
        check = Check("x", "", "", scale="log", spread=0.1)
        with_bad = threshold_of(check, [*values, *[1e6] * bad], None).value
        assert with_bad is not None
        assert with_bad < 1e6
        assert all(v <= with_bad for v in values) or np.std(np.log(values)) > 0.1

    def test_the_threshold_is_median_and_mad(self) -> None:
        values = [1.0, 2, 3, 4, 5, 6, 7, 8, 100]
        assert threshold_of(Check("x", "", ""), values, None, 2).value == pytest.approx(5 + 2 * 1.4826 * 2)
        assert threshold_of(Check("x", "", "", is_low_bad=True), values, None, 2).value == pytest.approx(
            5 - 2 * 1.4826 * 2
        )
        assert threshold_of(Check("x", "", ""), values[:5], None).value is None
        assert threshold_of(Check("x", "", ""), values, 7.0).value == 7.0
        assert parse_set(["frames=20", "task=0"]) == {"frames": 20.0, "task": 0.0}

    @quick
    @given(lag=st.integers(0, 8), dims=st.integers(1, 14), seed=st.integers(0, 1000))
    def test_divergence_does_not_grow_with_dimensions_or_lag(self, lag: int, dims: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        t = np.linspace(0, 6, 200)
        path = np.sin(t[:, None] + rng.uniform(0, 6, dims))
        score, found = c.divergence(path[: len(path) - lag], path[lag:], 30)
        assert score < 0.02
        assert found <= lag + 2

    def test_a_flipped_quaternion_is_no_defect(self, tmp_path: Path) -> None:
        takes = []
        for seed in range(10):
            t = np.linspace(0, 1, 60)
            rng = np.random.default_rng(seed)
            turned = Rotation.from_rotvec(np.outer(np.sin(3 * t), rng.normal(0, 0.5, 3))) * Rotation.random(rng=rng)
            position = np.c_[0.3 * np.sin(2 * t), 0.2 * np.cos(3 * t), 0.4 + 0.1 * t]
            pose = np.c_[position, turned.as_quat(), np.zeros((60, 7))].astype(np.float32)
            action = pose.copy()
            action[30:, 3:7] *= -1
            takes.append(Take(pose, action, (np.arange(60) / 30).astype(np.float32), ["wave"]))
        root = write(tmp_path / "Bridge", takes, robot="unheard_of")
        pose_map = {"right_eef": {"original_key": "observation.state", "type": "abs_quat", "start": 0, "end": 7}}
        action_map = {"right_eef": {"original_key": "action", "type": "abs_quat", "start": 0, "end": 7}}
        (root / "meta/modality.json").write_text(json.dumps({"state": pose_map, "action": action_map}))
        assert main(["clean", str(root), "--report", str(tmp_path / "r"), "--only", "divergence"]) == 0
        assert not any(flagged(tmp_path / "r").values())
        _, verdicts = judge_all(root, None, None)  # FineVLA takes them for defects
        assert all(v.l2 is not None and v.l2 > 0.5 and "L2=" in v.reasons[0] for v in verdicts.values())

    def test_rest_and_stops_are_no_held_frames(self) -> None:
        t = np.r_[np.zeros(30), np.linspace(0, 1, 60), np.ones(40), np.linspace(1, 0, 60), np.zeros(30)]
        smooth = 0.5 - 0.5 * np.cos(np.pi * t)
        path = np.repeat(smooth[:, None], 3, axis=1)
        assert c.held_frames(path, path)[0] == 0
        tripled = np.repeat(path[30:90:3], 3, axis=0)  # 10 Hz sold as 30
        assert c.held_frames(tripled, tripled)[0] > 0.5

    def test_bars_hold_every_value(self) -> None:
        h = histogram([1.0, 2.0, 3.0, math.inf], [False, False, True, True], 2.5, True)
        assert (h.good.sum(), h.bad.sum(), h.beyond) == (2, 1, 1)
        assert histogram([], [], None, True).good.sum() == 0
        assert histogram([0.0, 0.0], [False, False], 0.0, True).good.sum() == 2


def slow_l2(state: list[list[float]], action: list[list[float]]) -> float:
    """FineVLA's distance once more, from its description, without numpy."""
    frames = len(state)
    if frames < 2:
        return math.nan

    def std(column: list[float]) -> float:
        mean = math.fsum(column) / len(column)
        return math.sqrt(math.fsum((x - mean) ** 2 for x in column) / len(column))

    columns = [([row[d] for row in state], [row[d] for row in action]) for d in range(len(state[0]))]
    stds = [(std(s), std(a)) for s, a in columns]
    static_state, static_action = (all(pair[k] < 1e-3 for pair in stds) for k in (0, 1))
    if static_state != static_action:
        return math.inf
    active = []
    for d, (s, a) in enumerate(columns):
        width = max(s + a) - min(s + a)
        if width >= 0.05 and not (stds[d][0] < 1e-3 and stds[d][1] < 1e-3):
            active.append((d, width))
    if not active:
        return 0.0
    total = [math.sqrt(math.fsum(((state[t][d] - action[t][d]) / w) ** 2 for d, w in active)) for t in range(frames)]
    return math.fsum(total) / frames


class TestFineVLA:
    @settings(max_examples=200, deadline=None)
    @given(
        seed=st.integers(0, 10**6), frames=st.integers(0, 40), dims=st.integers(1, 14),
        scale=st.sampled_from([0.0, 1e-4, 0.02, 1.0]), still=st.sampled_from(["", "state", "action", "both", "some"]),
    )  # fmt: skip
    def test_the_distance_is_finevlas(self, seed: int, frames: int, dims: int, scale: float, still: str) -> None:
        rng = np.random.default_rng(seed)
        state = rng.normal(0, 1, (frames, dims)).cumsum(axis=0) * rng.choice([0.001, 0.02, 1.0], dims)
        action = state + rng.normal(0, scale, (frames, dims))
        if still in ("state", "both"):
            state[:] = state[:1]
        if still in ("action", "both"):
            action[:] = action[:1]
        if still == "some":
            state[:, 0] = action[:, 0] = 1.0
        found, wanted = range_norm_l2(state, action), slow_l2(state.tolist(), action.tolist())
        assert found == pytest.approx(wanted, rel=1e-12, nan_ok=True)

    def test_a_sign_flip_is_its_false_alarm(self) -> None:
        t = np.linspace(0, 1, 100)
        q = Rotation.from_rotvec(np.outer(t, [0.3, 0.5, 0.2])).as_quat()
        assert range_norm_l2(q, q) == 0
        assert range_norm_l2(q, -q) > 1

    @pytest.mark.parametrize(("key", "limits"), [
        ("BC_Z", PaperLimits(41, ("right_eef",), 1.0)), ("RH20T-fjy/rh20t_cfg3", PaperLimits(20, ("right_joint",), 0.2)),
        ("RoboCOIN/some/robot", PaperLimits(60, ("left_eef", "right_eef"), 0.2)), ("unheard", PaperLimits(None, (), 0.2)),
        ("xvla-soft-fold_franka_v3_franka", PaperLimits(None, ("right_joint",), None)), ("agibotworld_hyy", PaperLimits()),
    ])  # fmt: skip
    def test_thresholds_are_its_table(self, key: str, limits: PaperLimits) -> None:
        root = next(p for p in Path(__file__).resolve().parents if (p / "config/clean").is_dir())
        assert load_limits(root / "config/clean/finevla.yaml", key) == limits

    def test_its_reports_are_its_shapes(self, tmp_path: Path) -> None:
        takes = [take(seed) for seed in range(6)]
        takes[1].tasks, takes[2].length = [""], 3
        TABLE_DEFECTS["divergence"](takes[3])
        root = write(tmp_path / "RDT-yhq", takes)
        (root / "data/chunk-000/episode_000004.parquet").write_bytes(b"")
        state, action = (
            {"right_joint": {"original_key": key, "type": "abs_joint", "start": 7, "end": 13}}
            for key in ("observation.state", "action")
        )
        (root / "meta/modality.json").write_text(json.dumps({"state": state, "action": action}))
        assert main(["clean", str(root), "--compat", "finevla", "--report", str(tmp_path / "r"), "--jobs", "1"]) == 0
        report = read_json(tmp_path / "r/RDT-yhq_filter_report.json")
        assert list(report["RDT-yhq"]) == ["1", "2", "3", "4"]
        assert report["RDT-yhq"]["1"] == ["task为空"]
        assert "frame" in report["RDT-yhq"]["2"][0]
        assert report["RDT-yhq"]["3"][0].startswith("L2=")
        assert "parquet文件损坏" in report["RDT-yhq"]["4"][0]
        summary = report["summary"]
        assert summary["breakdown"] == {"frame_too_short": 1, "task_empty": 1, "l2_abnormal": 1, "parquet_corrupted": 1}
        assert (summary["frame_task_only"], summary["l2_only"], summary["both"]) == (2, 1, 1)
        diff = read_json(tmp_path / "r/state_action_diff_report.json")
        assert diff["metric"] == "range_norm_l2"
        assert diff["flagged_episodes"] == ["episode_000003"]
        dataset = open_dataset(root)
        for entry in diff["episodes"]:
            episode = dataset.episodes[int(entry["episode_name"][-6:])]
            raw = [
                values(dataset.read(episode), key, "")[:, 7:13].astype(np.float64)
                for key in ("observation.state", "action")
            ]
            assert entry["l2_score"] == pytest.approx(slow_l2(raw[0].tolist(), raw[1].tolist()), rel=1e-12)
        assert read_report(tmp_path / "r/RDT-yhq_filter_report.json") == {"RDT-yhq": report["RDT-yhq"]}

    def test_too_few_frames_count_in_two_buckets_and_broken_files_in_both(self) -> None:
        verdicts = {
            0: PaperVerdict(("无法计算: valid_frames=1",), math.nan, 1),
            12: PaperVerdict(("parquet文件损坏: 0字节",), None, 0),
        }
        report = flat_report("x", Path("x"), PaperLimits(), verdicts)
        assert report["summary"]["breakdown"] == {
            "frame_too_short": 1, "task_empty": 0, "l2_abnormal": 1, "parquet_corrupted": 1,
        }  # fmt: skip
        assert report["summary"]["both"] == 2
        assert "l2_statistics" not in report["summary"]

    def test_folders_of_data_sets_keep_equal_names_apart(self, tmp_path: Path) -> None:
        for name in ("franka/pick", "ur/pick"):
            write(tmp_path / "all" / name, [take(0), take(1)])
        (tmp_path / "all/ur/pick/data/chunk-000/episode_000001.parquet").write_bytes(b"")
        assert main(["clean", str(tmp_path / "all"), "--compat", "finevla", "--report", str(tmp_path / "r")]) == 0
        report = read_json(tmp_path / "r/all_filter_report.json")
        assert report["summary"]["mode"] == "subdataset"
        assert set(report["subdatasets"]) == {"pick", "ur/pick"}
        assert list(read_report(tmp_path / "r/all_filter_report.json")["ur/pick"]) == ["1"]

    def test_infinite_distances_are_counted_or_not_as_it_does(self, tmp_path: Path) -> None:
        scores = [0.1, 0.2, 0.3, math.inf, math.nan, None]
        flat, other = l2_statistics(scores, True), l2_statistics(scores, False)
        assert flat is not None
        assert other is not None
        assert (flat["n_inf"], flat["max_l2"], flat["mean_l2"]) == (1, 0.3, pytest.approx(0.2))
        assert other["max_l2"] == math.inf
        assert "n_inf" not in other
        verdicts = {0: PaperVerdict(("L2=inf > 0.2",), math.inf, 9), 1: PaperVerdict((), 0.1, 9)}
        report = structured_report("x", Path("x"), 0.2, {"a": verdicts})
        for compat, token in ((True, "Infinity"), (False, "null")):
            write_report(tmp_path / "r.json", report, compat)
            assert token in (tmp_path / "r.json").read_text()
            assert read_report(tmp_path / "r.json") == {"a": {"0": ["L2=inf > 0.2"]}}
        assert diff_report("x", Path("x"), PaperLimits(None, ("left_eef",)), verdicts)["valid_episodes"] == 1

    @pytest.mark.parametrize(
        "text", ["[]", "{", '{"subdatasets": []}', '{"a": {"x": ["r"]}}', '{"a": {"1": "r"}}', '{"a": 5}']
    )
    def test_what_is_no_report_is_one_sentence(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "r.json").write_text(text)
        with pytest.raises(FineVLAError):
            read_report(tmp_path / "r.json")


class TestPictures:
    @pytest.mark.parametrize(("gop", "rate"), [(2, 4.0), (250, 4.0), (2, 30.0)])
    def test_counting_and_looking_are_the_same_with_rare_key_frames(
        self, tmp_path: Path, gop: int, rate: float
    ) -> None:
        grey = np.random.default_rng(0).integers(0, 255, (61, 64, 64), dtype=np.uint8)
        write_video(tmp_path / "v.mp4", grey, 30, gop=gop)
        shown, looks = times_and_looks(Footage("observation.images.front", tmp_path / "v.mp4", 0.0, None), 30, rate)
        assert len(shown) == 61
        assert len(looks) == pytest.approx(2 * rate + 1, abs=1)
        shown, looks = times_and_looks(Footage("observation.images.front", tmp_path / "v.mp4", 0.5, 1.5), 30, rate)
        assert len(shown) == 30
        assert looks[0].at_s == pytest.approx(0, abs=0.04)

    @pytest.mark.parametrize("data", [b"", b"x" * 500, None])
    def test_what_is_no_video_is_one_sentence(self, tmp_path: Path, data: bytes | None) -> None:
        if data is not None:
            (tmp_path / "v.mp4").write_bytes(data)
        with pytest.raises(FineVLAError, match="v.mp4"):
            times_and_looks(Footage("observation.images.front", tmp_path / "v.mp4", 0.0, None), 30, 4)

    def test_blur_lowers_sharpness(self) -> None:
        grey = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.float64)
        soft = (grey + np.roll(grey, 1, 0) + np.roll(grey, 1, 1)) / 3
        assert sharpness(soft.astype(np.uint8)) < 0.5 * sharpness(grey.astype(np.uint8))
        assert sharpness(np.zeros((2, 2), np.uint8)) == 0


class TestKept:
    def test_v21_is_numbered_anew_and_nothing_else_changes(self, tmp_path: Path) -> None:
        takes = [take(seed, cameras=("front",)) for seed in range(4)]
        takes[1].tasks = [" "]
        root = write(tmp_path / "set", takes)
        ours = [{"episode_index": k, "outcome": f"o{k}"} for k in range(4)]
        (root / "meta/finevla_episodes.jsonl").write_text("".join(json.dumps(o) + "\n" for o in ours))
        assert (
            main(["clean", str(root), "--report", str(tmp_path / "r"), "--out", str(tmp_path / "kept"), "--jobs", "1"])
            == 0
        )
        kept, dataset = open_dataset(tmp_path / "kept"), open_dataset(root)
        assert [e.index for e in kept.episodes] == [0, 1, 2]
        first = 0
        for new, old in enumerate((0, 2, 3)):
            one, other = kept.read(kept.episodes[new]), dataset.read(dataset.episodes[old])
            for key in ("observation.state", "action", "timestamp", "task_index"):
                assert one.column(key).equals(other.column(key))
            assert set(one.column("episode_index").to_pylist()) == {new}
            assert one.column("index").to_pylist() == list(range(first, first + one.num_rows))
            first += one.num_rows
            paths = (kept.episodes[new].videos[0].path, dataset.episodes[old].videos[0].path)
            assert paths[0].read_bytes() == paths[1].read_bytes()
        lines = [json.loads(line) for line in (tmp_path / "kept/meta/finevla_episodes.jsonl").read_text().splitlines()]
        assert lines == [{"episode_index": n, "outcome": f"o{o}"} for n, o in enumerate((0, 2, 3))]
        info = read_json(tmp_path / "kept/meta/info.json")
        assert (info["total_episodes"], info["total_frames"], info["splits"]) == (3, first, {"train": "0:3"})

    @pytest.mark.slow
    def test_lerobots_own_converter_takes_the_kept_v21(self, tmp_path: Path) -> None:
        converter = pytest.importorskip("lerobot.scripts.convert_dataset_v21_to_v30")
        lerobot = pytest.importorskip("lerobot.datasets.lerobot_dataset")
        takes = [take(seed, cameras=("front",)) for seed in range(4)]
        takes[1].state[9, 9] = np.nan
        root = write(tmp_path / "set", takes)
        lines = []
        for k, one in enumerate(takes):
            index = np.arange(len(one.state)) + sum(len(t.state) for t in takes[:k])
            columns = {"observation.state": one.state, "action": one.action, "timestamp": one.stamps[:, None],
                       "frame_index": np.arange(len(index))[:, None], "index": index[:, None],
                       "episode_index": np.full((len(index), 1), k), "task_index": np.zeros((len(index), 1), int)}  # fmt: skip
            stats = {
                key: {how: getattr(np, how)(x, axis=0).tolist() for how in ("min", "max", "mean", "std")}
                | {"count": [len(x)]}
                for key, x in columns.items()
            }
            grey = {how: [[[0.5]]] * 3 for how in ("min", "max", "mean", "std")} | {"count": [len(index)]}
            lines.append(json.dumps({"episode_index": k, "stats": stats | {"observation.images.front": grey}}))
        (root / "meta/episodes_stats.jsonl").write_text("\n".join(lines))
        assert (
            main(
                ["clean", str(root), "--report", str(tmp_path / "r"), "--out", str(tmp_path / "t/kept"), "--jobs", "1"]
            )
            == 0
        )
        converter.convert_dataset(repo_id="t/kept", root=tmp_path / "t/kept", push_to_hub=False)
        kept = lerobot.LeRobotDataset("t/kept", root=tmp_path / "t/kept", video_backend="pyav")
        assert kept.meta.total_episodes == 3
        first = [int(i) for i in kept.meta.episodes["dataset_from_index"]]
        for new, old in enumerate((0, 2, 3)):
            assert np.array_equal(kept[first[new] + 5]["observation.state"], takes[old].state[5])
        assert kept.meta.stats["index"]["max"] == len(kept) - 1

    def test_nothing_is_overwritten_or_written_into_the_data_set(self, tmp_path: Path) -> None:
        root = write(tmp_path / "set", [take(0)])
        (tmp_path / "there").mkdir()
        for out in (tmp_path / "there", root / "kept"):
            assert main(["clean", str(root), "--report", str(tmp_path / "r"), "--out", str(out)]) == 2
        assert not (tmp_path / "r").exists()

    @pytest.mark.slow
    def test_v30_goes_through_lerobot_with_languages_and_our_file(self, tmp_path: Path) -> None:
        lerobot = pytest.importorskip("lerobot.datasets.lerobot_dataset")
        root = lerobot_v3(tmp_path / "set", 5)
        assert (
            main(["clean", str(root), "--report", str(tmp_path / "r"), "--out", str(tmp_path / "kept"), "--jobs", "1"])
            == 0
        )
        assert {e for e, names in flagged(tmp_path / "r").items() if names} == {2}
        kept = lerobot.LeRobotDataset("t/kept", root=tmp_path / "kept", video_backend="pyav")
        source = lerobot.LeRobotDataset("t/set", root=root, video_backend="pyav")
        assert kept.meta.total_episodes == 4
        starts = [int(i) for i in source.meta.episodes["dataset_from_index"]]
        new_starts = [int(i) for i in kept.meta.episodes["dataset_from_index"]]
        for new, old in enumerate((0, 1, 3, 4)):
            one, other = kept[new_starts[new] + 7], source[starts[old] + 7]
            assert np.array_equal(one["observation.state"], other["observation.state"])
            assert one["task"] == other["task"]
            error = np.mean(
                (np.asarray(one["observation.images.front"]) - np.asarray(other["observation.images.front"])) ** 2
            )
            assert 10 * np.log10(1 / max(error, 1e-9)) > 25
            files = open_dataset(tmp_path / "kept")
            said = files.read(files.episodes[new]).column("language_persistent").to_pylist()[0]
            assert said[0]["content"] == f"slowly, {old}"
        lines = [json.loads(line) for line in (tmp_path / "kept/meta/finevla_episodes.jsonl").read_text().splitlines()]
        assert lines == [{"episode_index": n, "outcome": f"o{o}"} for n, o in enumerate((0, 1, 3, 4))]


def lerobot_v3(root: Path, count: int) -> Path:
    """By LeRobot's own writer, several episodes a file; episode 2 has a NaN; languages as lerobot-annotate writes them."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    features = {key: {"dtype": "float32", "shape": (14,), "names": JOINTS} for key in ("observation.state", "action")}
    features["observation.images.front"] = {
        "dtype": "video",
        "shape": (96, 128, 3),
        "names": ["height", "width", "channels"],
    }
    made = LeRobotDataset.create("t/set", 30, features, root=root, robot_type="cobotmagic", video_backend="pyav",
                                 streaming_encoding=True, encoder_queue_maxsize=0)  # fmt: skip
    for k in range(count):
        one = take(k, frames=45, cameras=("front",))
        if k == 2:
            one.state[20, 3] = np.nan
        for state, action, grey in zip(one.state, one.action, one.pictures["front"], strict=True):
            picture = np.repeat(grey[..., None], 3, axis=2)
            made.add_frame(
                {"observation.state": state, "action": action, "observation.images.front": picture, "task": f"t{k % 2}"}
            )
        made.save_episode()
    made.finalize()
    row = pa.struct([("role", pa.string()), ("content", pa.string()), ("style", pa.string()), ("timestamp", pa.float32()),
                     ("camera", pa.string()), ("tool_calls", pa.list_(pa.string()))])  # fmt: skip
    event = pa.struct([f for f in row if f.name != "timestamp"])
    for path in sorted((root / "data").glob("*/*.parquet")):
        table = pq.read_table(path)
        said = [
            [
                {
                    "role": "user",
                    "content": f"slowly, {k}",
                    "style": "task_aug",
                    "timestamp": 0.0,
                    "camera": None,
                    "tool_calls": None,
                }
            ]
            for k in table.column("episode_index").to_pylist()
        ]
        table = table.append_column("language_persistent", pa.array(said, pa.list_(row)))
        table = table.append_column("language_events", pa.array([[]] * table.num_rows, pa.list_(event)))
        pq.write_table(table.replace_schema_metadata(None), path)
    info = json.loads((root / "meta/info.json").read_text())
    for key in ("language_persistent", "language_events"):
        info["features"][key] = {"dtype": "language", "shape": [1], "names": None}
    (root / "meta/info.json").write_text(json.dumps(info))
    ours = "".join(json.dumps({"episode_index": k, "outcome": f"o{k}"}) + "\n" for k in range(count))
    (root / "meta/finevla_episodes.jsonl").write_text(ours)
    return root


class TestBadInput:
    @pytest.mark.parametrize("name", ["info.json", "episodes.jsonl", "tasks.jsonl"])
    @pytest.mark.parametrize(
        "text", ["", "{", "null", "[1, 2]", '{"episode_index": "x"}', '{"fps": 1e999}', "\x00\x01"]
    )
    def test_broken_metadata_is_a_sentence_or_a_warning(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str
    ) -> None:
        root = write(tmp_path / "set", [take(0, frames=12)])
        (root / "meta" / name).write_text(text)
        code = main(["clean", str(root), "--report", str(tmp_path / "r"), "--jobs", "1"])
        said = capsys.readouterr().err
        assert code == (2 if name == "info.json" else 0)
        assert ("error: " in said) == (name == "info.json")

    @settings(max_examples=40, deadline=None)
    @given(at=st.integers(0, 10**6), flip=st.binary(min_size=1, max_size=40))
    def test_bit_rot_in_one_episode_leaves_the_others_alone(
        self, tmp_path_factory: pytest.TempPathFactory, at: int, flip: bytes
    ) -> None:
        folder = tmp_path_factory.mktemp("rot")
        root = write(folder / "set", [take(0, frames=20), take(1, frames=20)])
        path = root / "data/chunk-000/episode_000000.parquet"
        data = bytearray(path.read_bytes())
        at %= len(data) - len(flip)
        data[at : at + len(flip)] = flip
        path.write_bytes(bytes(data))
        assert main(["clean", str(root), "--report", str(folder / "r"), "--jobs", "1"]) == 0
        decisions = {e["episode_index"]: e["decision"] for e in table(folder / "r", clean_run.EPISODES)}
        assert decisions[1] == "keep"

    def test_wrong_columns_are_named(self, tmp_path: Path) -> None:
        root = write(tmp_path / "set", [take(seed) for seed in range(4)])
        path = root / "data/chunk-000/episode_000001.parquet"
        pq.write_table(pq.read_table(path).drop_columns("action"), path)
        pq.write_table(pa.table({"observation.state": ["x"]}), root / "data/chunk-000/episode_000002.parquet")
        assert main(["clean", str(root), "--report", str(tmp_path / "r"), "--jobs", "1"]) == 0
        found = {e["episode_index"]: e for e in table(tmp_path / "r", clean_run.EPISODES)}
        assert [e["decision"] for e in found.values()] == ["keep", "drop", "drop", "keep"]
        assert any("unknown column 'action'" in reason for reason in found[1]["reasons"])

    def test_paths_that_leave_the_data_set_are_not_followed(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        root = write(tmp_path / "set", [take(0)], info={"data_path": "../../{episode_index}.parquet"})
        assert main(["clean", str(root), "--report", str(tmp_path / "r")]) == 2
        assert "leaves the data set" in capsys.readouterr().err


def test_checks_are_listed_without_a_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(CHECKS)
    assert main(["clean"]) == 2
    assert "name a LeRobot data set" in capsys.readouterr().err
