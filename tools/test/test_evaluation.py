"""Promises of the evaluation: trials are the same for all, pairs differ in one factor, counts are right, nothing is lost."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with 'make train-setup'; the robot does without")

from tiny_bundle import make_tiny_bundle

from finevla_core.errors import FineVLAError
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.language import how_of
from finevla_sim.robot_files import default_robot
from finevla_sim.scene_sampling import TEST_SEEDS
from finevla_sim.tasks import FACTORS, TASKS, is_held_out
from finevla_tools import cli
from finevla_tools.evaluation import report, runner
from finevla_tools.evaluation.baselines import Wanderer
from finevla_tools.evaluation.pair_videos import pair_cases
from finevla_tools.evaluation.runner import BUNDLE, HEADER, TrialJob, Trier, open_folder, read_records, run_jobs
from finevla_tools.evaluation.scene_counts import KINDS, PAIRED, Size
from finevla_tools.evaluation.statistics import Share, average, paired, plain, summarise, together, wilson
from finevla_tools.evaluation.trials import Case, cases_of, trials_of

SMALL = Size(pairs=4, tasks=1, hard=1, held_out=3)
FIRST = [Case(kind, tasks[n % len(tasks)], n) for kind, tasks in PAIRED.items() for n in range(3)]


@pytest.fixture(scope="module")
def ik() -> ArmIK:
    robot = default_robot()
    return ArmIK(robot.embodiment, robot.urdf_path)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny", default_robot().embodiment, drift=0.2)


@pytest.mark.parametrize("case", FIRST, ids=lambda case: case.key)
def test_a_pair_is_one_scene_and_two_sentences_that_differ_in_one_factor(case: Case, ik: ArmIK) -> None:
    scene, (one, other) = trials_of(case, ik)
    field = FACTORS[case.kind]
    assert scene.seed >= TEST_SEEDS
    assert one.seed == other.seed == scene.seed
    assert {name for name, value in asdict(one.goal).items() if asdict(other.goal)[name] != value} == {field}
    assert one.text != other.text
    assert case.kind in one.told
    assert one.told == other.told
    assert not is_held_out(one.goal)
    assert not is_held_out(other.goal)
    again = trials_of(case, ik)[1]
    assert again == [one, other]


@pytest.mark.parametrize("task", TASKS)
def test_fine_words_tell_how_and_raw_ones_do_not(task: str, ik: ArmIK) -> None:
    _, (fine, raw) = trials_of(Case("task", task, 0), ik)
    assert fine.goal == raw.goal
    how = {factor for factor, field in FACTORS.items() if field in how_of(fine.goal)}
    assert how <= set(fine.told)
    assert not how & set(raw.told)


def test_held_out_cases_ask_the_left_hand_for_the_right_bowl(ik: ArmIK) -> None:
    for n in range(3):
        _, (trial,) = trials_of(Case("held_out", "place_color", n), ik)
        assert is_held_out(trial.goal)
        assert {"active_actor", "final_configuration"} <= set(trial.told)


def test_hard_cases_are_hard(ik: ArmIK) -> None:
    scene, (trial,) = trials_of(Case("hard", "reach", 0), ik)
    assert (scene.level, trial.level) == ("hard", "hard")
    assert scene.clutter


@given(st.integers(0, 40), st.integers(0, 9), st.integers(0, 9), st.integers(0, 20))
def test_cases_are_as_many_as_asked_for_and_mixed(pairs: int, tasks: int, hard: int, held_out: int) -> None:
    cases = cases_of(Size(pairs, tasks, hard, held_out))
    assert len({case.key for case in cases}) == len(cases)
    assert len(cases) == pairs * len(PAIRED) + (tasks + hard) * len(TASKS) + held_out
    if pairs >= 10:
        assert {case.kind for case in cases[: len(cases) // 3]} >= set(PAIRED)


@given(st.integers(0, 400), st.integers(0, 400))
def test_wilson_interval_holds_the_share_and_stays_within_0_and_1(right: int, wrong: int) -> None:
    low, high = wilson(right, right + wrong)
    assert 0.0 <= low <= high <= 1.0
    if right + wrong:
        assert low <= right / (right + wrong) + 1e-9
        assert high >= right / (right + wrong) - 1e-9


def test_wilson_interval_is_the_published_one() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Newcombe 1998
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def record(kind: str = "path_shape", member: int = 0, number: int = 0, **others) -> dict:
    made = {
        "contestant": BUNDLE, "kind": kind, "task": "detour", "number": number, "member": member, "level": "easy",
        "words": "fine", "told": ["path_shape"], "obeyed": {"path_shape": True, "active_actor": False}, "score": 60.0,
        "success": False, "accepted": 3, "refused": 1, "seconds": 5.0, "wall_s": 1.0, "text": "go", "refusals": {},
        "latched": "", "held": "",
    }  # fmt: skip
    return made | others


def test_a_pair_counts_only_if_both_were_obeyed_and_only_what_was_told_counts() -> None:
    wrong = {"obeyed": {"path_shape": False}}
    records = [record(), record(member=1), record(number=1), record(member=1, number=1, **wrong), record(number=2)]
    found = summarise(records)
    assert (found["pairs"]["path_shape"].right, found["pairs"]["path_shape"].trials) == (1, 2)
    assert (found["factors"]["path_shape"].right, found["factors"]["path_shape"].trials) == (4, 5)
    assert found["factors"]["active_actor"].trials == 0
    assert len(paired(records)["path_shape"]) == 2
    assert average(found["pairs"]) == 0.5


def test_hard_and_raw_trials_do_not_count_among_easy_fine_ones() -> None:
    records = [record("hard", level="hard"), record("task", words="raw", success=True), record("task")]
    found = summarise(records)
    assert found["factors"]["path_shape"].trials == 1
    assert (found["success"]["raw"].right, found["success"]["fine"].right) == (1, 0)
    assert found["hard"]["factors"]["path_shape"].trials == 1


def test_seeds_taken_together_count_as_one_evaluation() -> None:
    one, other = summarise([record(), record(member=1)]), summarise([record(number=7, obeyed={"path_shape": False})])
    found = together([one, other])
    assert str(found["factors"]["path_shape"]) == str(Share(2, 3, *wilson(2, 3)))
    assert found["pairs"]["path_shape"].trials == 1
    assert report.comparison_of({"one": one, "together": found})


def test_other_numbers_are_other_scenes(ik: ArmIK) -> None:
    here, there = cases_of(SMALL), cases_of(SMALL, first=40)
    assert [case.kind for case in here] == [case.kind for case in there]
    assert not {case.key for case in here} & {case.key for case in there}
    assert trials_of(here[0], ik)[0].seed != trials_of(there[0], ik)[0].seed
    with pytest.raises(FineVLAError, match="fewer than 2000 scenes"):
        cases_of(SMALL, first=1999)


def test_a_summary_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    records = [record(), record(member=1)]
    found = summarise(records)
    report.write_reports(tmp_path, "tiny", {BUNDLE: records}, {BUNDLE: found}, [], None)
    again = report.read_summary(tmp_path)
    assert plain(again) == plain(found)
    assert isinstance(again["pairs"]["path_shape"], Share)
    table = pq.read_table(tmp_path / report.TABLE).to_pylist()
    assert [row["obeyed_path_shape"] for row in table] == [True, True]
    assert "does it do as told?" in (tmp_path / report.PAGE).read_text()


def test_the_page_shows_every_share_and_each_pair_s_video_and_sentences(tmp_path: Path) -> None:
    records = [record(text="go <left>"), record(member=1, text="go & stay")]
    found = summarise(records)
    case = Case("path_shape", "detour", 0)
    stack = {"trials": 2, "obeyed": {"stack": found["success"]["fine"], "direct": "1 of 2"}, "agree": "2 of 2"}
    report.write_reports(tmp_path, "tiny", {BUNDLE: records}, {BUNDLE: found}, [case], stack)
    page = (tmp_path / report.PAGE).read_text()
    for table in report.tables_of({BUNDLE: found}):
        for cell in (cell for row in table.rows for cell in row):
            share, _, interval = cell.partition(" ")
            assert share in page
            assert interval in page
    assert "videos/path_shape_detour_0.mp4" in page
    assert "“go &lt;left&gt;” / “go &amp; stay”" in page
    assert "the same verdict on 2 of 2" in page
    assert "media-src 'self'" in page


def test_the_oracle_obeys_and_wandering_does_not(ik: ArmIK) -> None:
    trier = Trier(None)
    cases = [Case("active_actor", "reach", 0), Case("rotation_direction", "turn", 0)]
    oracle = [r for case in cases for r in trier.run(TrialJob("oracle", case))]
    assert all(r["success"] and all(r["obeyed"].values()) for r in oracle)
    random = [r for case in cases for r in trier.run(TrialJob("random", case))]
    assert not any(r["success"] for r in random)


def test_wandering_stays_near_where_the_arms_are() -> None:
    robot = default_robot().embodiment
    wanderer = Wanderer(robot, 0)

    class Seen:
        state, stamp_ns = np.zeros(14, np.float32), 5

    heard = type("Heard", (), {"instruction": type("I", (), {"id": "x"})})
    chunk = wanderer.predict(Seen, heard)
    assert chunk.actions.shape == (16, 14)
    assert abs(chunk.actions[0]).max() < 0.3


@pytest.mark.slow
def test_an_evaluation_goes_on_where_it_ended_and_other_bundles_are_refused(tmp_path: Path, bundle: Path) -> None:
    cases = [Case("active_actor", "reach", n) for n in range(2)]
    jobs = [TrialJob(BUNDLE, case) for case in cases] + [TrialJob("blind", cases[0])]
    open_folder(tmp_path, bundle)
    first = run_jobs(jobs[:1], bundle, tmp_path, 1)
    path = tmp_path / runner.RECORDS
    path.write_text(path.read_text() + '{"contestant": "pol')  # the power went
    every = run_jobs(jobs, bundle, tmp_path, 2)
    assert len(first) == 2
    assert len(every) == 6
    assert read_records(tmp_path)[:2] == first
    assert all(r["accepted"] > 0 for r in every)
    other = make_tiny_bundle(tmp_path / "other", default_robot().embodiment, drift=0.1)
    with pytest.raises(FineVLAError, match="holds an evaluation of another bundle"):
        open_folder(tmp_path, other)


@pytest.mark.slow
def test_the_command_writes_page_table_summary_and_videos(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(bundle), "--out", str(tmp_path / "a"), "--pairs", "1", "--tasks", "0", "--hard", "0"]
    words += ["--held-out", "0", "--only", "rotation_direction", "--baselines", "oracle", "--processes", "1"]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "rotation direction" in said
    data = json.loads((tmp_path / "a" / report.SUMMARY).read_text())
    assert data["contestants"]["oracle"]["pairs"]["rotation_direction"]["share"] == 1.0
    assert data["contestants"][BUNDLE]["trials"] == 2
    case = pair_cases(cases_of(Size(1, 0, 0, 0)), 1)[-1]
    video = tmp_path / "a" / "videos" / f"{case.kind}_{case.task}_{case.number}.mp4"
    assert video.stat().st_size > 10_000
    assert video.name in (tmp_path / "a" / report.PAGE).read_text()
    assert cli.main(["evaluate", "--compare", str(tmp_path / "a"), str(tmp_path / "a")]) == 0
    assert "Side by side" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a policy bundle"),
        (["nowhere"], "nowhere"),
        (["BUNDLE", "--baselines", "genius"], "unknown baseline 'genius'; known are oracle, blind, random"),
        (["BUNDLE", "--only", "colour"], "unknown kind of case 'colour'"),
        (["BUNDLE", "--pairs", "-1"], "must not be negative"),
        (["BUNDLE", "--pairs", "100000"], "fewer than 2000 scenes of a kind"),
        (["BUNDLE", "--baseline-share", "2"], "--baseline-share is 2"),
        (["--compare", "nowhere"], "'nowhere' has no summary.json; run 'finevla evaluate BUNDLE --out nowhere' first"),
    ],
)
def test_mistakes_are_one_sentence(
    words: list[str], said: str, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", *(str(bundle) if word == "BUNDLE" else word for word in words)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"contestants": []}', "[" * 100_000])
def test_a_damaged_summary_or_header_is_one_sentence(
    content: str, tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (report.SUMMARY, HEADER):
        (tmp_path / name).write_text(content)
    for words in (["--compare", str(tmp_path)], [str(bundle), "--out", str(tmp_path)]):
        assert cli.main(["evaluate", *words]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ")
        assert str(tmp_path) in error


def test_every_kind_has_scenes_of_its_own() -> None:
    seeds = [(KINDS.index(case.kind), case.task, case.number) for case in cases_of(SMALL)]
    assert len(set(seeds)) == len(seeds)
