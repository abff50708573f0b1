"""Promises of `finevla bench vqa`: nothing lost or doubled, blind baselines, what is missing said, pages and tables."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx", reason="httpx comes with 'make data-setup'")

from bench_sets import PlayedBenchServer, oracle, write_set
from vlm_run import misbehaviour, options

from finevla_tools.annotate.vlm_journal import VlmJournal
from finevla_tools.annotate.vlm_server import VlmServer
from finevla_tools.benchmarks.capabilities import AXES, CAPABILITIES, read_axes
from finevla_tools.benchmarks.evaluation_files import read_questions, read_samples
from finevla_tools.benchmarks.model_requests import answer_all
from finevla_tools.benchmarks.score_uncertainty import bootstrap, bootstrap_difference
from finevla_tools.benchmarks.vqa_run import VqaSet, VqaWay, records_of, vqa_messages, vqa_requests
from finevla_tools.benchmarks.vqa_scoring import judged, shared
from finevla_tools.cli import main


def opened(folder: Path) -> VqaSet:
    return VqaSet(folder, read_samples(folder / "EvalSets.json"), read_questions(folder / "QAEvalSets.json"))


def answers_of(folder: Path) -> Any:
    """A model that knows all answers."""
    known = {one.question_id: oracle(one) for some in opened(folder).questions.values() for one in some}
    return lambda words: {"answers": {name: known[name] for name in re.findall(r"^Q\d+\. \[(.+?)\]", words[0], re.M)}}


def bench(folder: Path, played: PlayedBenchServer, *more: str) -> int:
    return main(
        ["bench", "vqa", str(folder), "--model", "org/m.1", "--server", played.url, "--out", str(folder / "out"), *more]
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_oracle_is_right_and_results_have_the_published_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_set(tmp_path / "set", 4, views=2)
    with PlayedBenchServer(answers_of(folder)) as played:
        assert bench(folder, played) == 0
        (first, *_) = played.requests
        content = first["messages"][1]["content"]
        assert [part["text"] for part in content if part["type"] == "text"][:2] == [
            "[View: cam_high]",
            "[View: wrist_left]",
        ]
        assert sum(part["type"] == "image_url" for part in content) == 2 * 2  # 2 a second of 1 s
        assert "put number" not in json.dumps(content)  # hard: no instruction
    assert "org/m.1: 100.0 %" in capsys.readouterr().out
    *records, summary = lines(folder / "out/org_m_1_image_vqa_result.jsonl")
    assert len(records) == 12
    assert set(records[0]) == {
        "question_id", "sample_id", "answer_type", "capability", "error_type", "question", "gt_answer", "model_answer_raw",
        "model_answer_parsed", "correct", "call_success", "elapsed", "token_usage",
    }  # fmt: skip
    assert re.fullmatch(r"[A-D]\. red", records[2]["gt_answer"])
    assert summary["_type"] == "summary"
    assert (summary["total_questions"], summary["total_correct"], summary["overall_accuracy"]) == (12, 12, 1.0)
    assert summary["accuracy_by_capability"]["active_actor"] == {"correct": 4, "total": 4, "accuracy": 1.0}
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "VQATest_Score.csv", "answers", "index.html", "org_m_1_image_vqa_result.jsonl", "summary.json",
    ]  # fmt: skip
    page = (folder / "out/index.html").read_text()
    for words in (
        "Every judgement",
        "Which colour is the thing?",
        "../v.mp4#t=0.000,1.000",
        "Entity &amp; Scene Grounding",
    ):
        assert words in page


def test_bad_server_loses_and_doubles_nothing(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", 120, videos=False)
    asked, way = opened(folder), VqaWay("no-frames")
    with (
        PlayedBenchServer(answers_of(folder), misbehaviour(seed=3)) as played,
        VlmServer(options(played.url)) as server,
        VlmJournal(tmp_path / "j") as journal,
    ):
        answers = list(answer_all(vqa_requests(asked, asked.names(), way), server, journal))
        again = list(answer_all(vqa_requests(asked, asked.names(), way), server, journal))
    assert sorted(one.sample_id for one in answers) == sorted(asked.names())
    done = [one for one in answers if one.result is not None]
    assert len(done) > 100
    for one in done:
        # The server also answers in another language, which is an answer, and wrong; another sample's never gets in.
        told = [record for record in records_of(asked, one) if record.answer and "Робот" not in record.answer]
        assert all(record.correct for record in told)
    assert {one.sample_id: one.result for one in again if one.result} == {one.sample_id: one.result for one in done}


def test_second_run_asks_nothing_and_rounds_ask_again(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", 3)
    with PlayedBenchServer(answers_of(folder)) as played:
        assert bench(folder, played) == 0
        assert bench(folder, played) == 0
        assert len(played.requests) == 3
        assert bench(folder, played, "--rounds", "2") == 0
        assert len(played.requests) == 6  # the first round is known
    table = list(csv.DictReader((folder / "out/VQATest_Score.csv").open()))
    assert [row["round"] for row in table] == ["", "1", "2", "mean"]
    assert table[-1]["overall"] == "1.0000+-0.0000"


def test_part_of_the_answers_is_asked_for_once_more_and_then_wrong(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", 1)
    with PlayedBenchServer(lambda _: {"answers": {"Q1": "yes", "[set-0_q2]": 2}}) as played:
        assert bench(folder, played) == 0
        assert "these questions have no answer: set-0_q3" in json.dumps(played.requests[1])
    *records, _ = lines(folder / "out/org_m_1_image_vqa_result.jsonl")
    assert [record["correct"] for record in records] == [True, True, False]
    assert all(record["call_success"] for record in records)


def test_model_that_talks_nonsense_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set", 2)
    with PlayedBenchServer(lambda _: {"answers": {"poem": "roses"}}) as played:
        assert bench(folder, played) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\nno answer: set-") == 2
    assert "6 of failed calls" in captured.out
    *_, summary = lines(folder / "out/org_m_1_image_vqa_result.jsonl")
    assert summary["accuracy_by_capability"] == {"unknown": {"correct": 0, "total": 6, "accuracy": 0.0}}


@pytest.mark.parametrize("baseline", ["no-frames", "shuffled-frames", "instruction-only"])
def test_baselines_see_what_they_may(baseline: str, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", 2)
    shown = vqa_messages(opened(folder), "set-0", VqaWay())
    asked = vqa_messages(opened(folder), "set-0", VqaWay(baseline))
    pictures, others = (
        [part["image_url"]["url"] for part in told[1]["content"] if part["type"] == "image_url"]
        for told in (asked, shown)
    )
    assert ("put number 0" in json.dumps(asked)) is (baseline == "instruction-only")
    if baseline == "shuffled-frames":
        assert sorted(pictures) == sorted(others)
        assert pictures != others
    else:
        assert pictures == []
        assert "not shown the video" in asked[0]["content"]


def test_easy_level_reads_the_instruction(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", 1)
    assert "put number 0" in json.dumps(vqa_messages(opened(folder), "set-0", VqaWay(level="easy")))


def test_missing_videos_are_named_and_the_rest_is_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set", 3)
    samples = json.loads((folder / "EvalSets.json").read_text())
    samples[1]["views"]["view1"] = "https://example.org/v.mp4"
    (folder / "EvalSets.json").write_text(json.dumps(samples))
    with PlayedBenchServer(answers_of(folder)) as played:
        assert bench(folder, played) == 1
    captured = capsys.readouterr()
    assert "left out: set-1: none of its videos" in captured.err
    assert "2 of 3 samples have a video" in captured.err
    assert "of 6 of 9 questions" in captured.out
    assert "1 of 3 samples lack a video" in (folder / "out/index.html").read_text()


@pytest.mark.parametrize("place", ["Videos", "videos", "EvalData/Videos"])
def test_published_folders_are_found(place: str, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", 1)
    samples = json.loads((folder / "EvalSets.json").read_text())
    samples[0]["views"] = {"view1": "https://example.org/v.mp4"}
    (folder / "EvalSets.json").write_text(json.dumps(samples))
    path = folder / place / "one/set-0/cam_high.mp4"
    path.parent.mkdir(parents=True)
    (folder / "v.mp4").rename(path)
    assert len(vqa_messages(opened(folder), "set-0", VqaWay())[1]["content"]) == 4


def test_dry_run_asks_nothing_and_says_the_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set", 3)
    words = ["bench", "vqa", str(folder), "--dry-run", "--price-in", "1", "--rounds", "2", "--out", str(folder / "out")]
    assert main(words) == 0
    assert re.search(
        r"at most: 6 requests, [\d,]+ tokens in, 540 out, 0\.0\d+ at these prices; 18 pictures", capsys.readouterr().out
    )
    assert not (folder / "out").exists()


def test_recorded_results_are_matched_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set", 2)
    told = {"answer_type": "yes_no", "correct": True, "call_success": True}
    rows = [
        {"question_id": "set-0_q1", "model_answer_raw": "not sure", **told},  # the truth is yes
        {"question_id": "set-1_q1", "model_answer_raw": "not sure", **told},  # no
        {"question_id": "elsewhere", "model_answer_raw": "no", **told},
        {"_type": "summary", "model": "theirs"},
    ]
    path = tmp_path / "x_image_vqa_result.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["bench", "vqa", str(folder), "--results", str(path), "--out", str(tmp_path / "out")]) == 0
    captured = capsys.readouterr()
    assert "theirs: 50.0 %" in captured.out
    assert "0.0 %" in captured.out.split("],")[1]
    assert "1 questions of" in captured.err
    assert (
        main(["bench", "vqa", str(folder), "--results", str(path), "--out", str(tmp_path / "o"), "--no-as-published"])
        == 0
    )
    assert "theirs: 0.0 %" in capsys.readouterr().out


def test_bad_input_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set", 1)
    for name, text, said in (
        ("QAEvalSets.json", '[{"sample_id": "a", "status": "ok", "qas": [{"id": 1}]}]', "another version"),
        ("QAEvalSets.json", "[]", "holds no questions"),
        ("QAEvalSets.json", "{", "cannot be read as JSON"),
        ("EvalSets.json", '[{"id": 3}]', "no 'sample_id'"),
        ("EvalSets.json", "[3]", "something else than objects"),
    ):
        kept = (folder / name).read_text()
        (folder / name).write_text(text)
        assert main(["bench", "vqa", str(folder), "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ")
        assert said in error
        (folder / name).write_text(kept)
    assert main(["bench", "vqa", str(folder), "--out", str(tmp_path / "out")]) == 2
    assert "there are no results in" in capsys.readouterr().err
    assert main(["bench", "vqa", str(tmp_path / "nowhere")]) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: [*rows, rows[0] | {"model_answer_raw": "no idea"}], "has two answers to 'set-0_q1'"),
        (lambda rows: [rows[0] | {"call_success": "false"}, *rows[1:]], "'call_success' of 'set-0_q1' is 'false'"),
        (lambda rows: [*rows, "half"], "line 13, is not a JSON object"),
        (lambda rows: [rows[0] | {"elapsed": "long", "token_usage": [1]}, *rows[1:]], ""),
        (
            lambda rows: [rows[0] | {"call_success": False, "model_answer_raw": ""}, *rows],
            "",
        ),  # tried again, as published
    ],
)
def test_recorded_results_lose_nothing_without_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, said: str
) -> None:
    folder = write_set(tmp_path / "set", 4, videos=False)
    rows = [
        {"question_id": one.question_id, "model_answer_raw": oracle(one), "call_success": True}
        for some in opened(folder).questions.values()
        for one in some
    ]
    rows.append({"_type": "summary", "model": "a\n\x1b[31mb"})
    told = change(rows[:-1])
    file = tmp_path / "r.jsonl"
    file.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in [*told, rows[-1]]))
    code = main(["bench", "vqa", str(folder), "--results", str(file), "--out", str(tmp_path / "out")])
    shown = capsys.readouterr()
    assert (code, said in shown.err) == (2 if said else 0, True)
    if not said:
        assert shown.out.startswith("a [31mb: 100.0 %")
        assert "of 12 of 12 questions" in shown.out


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("EvalSets.json", lambda rows: [*rows, rows[0]], "has the sample 'set-0' twice"),
        ("EvalSets.json", lambda rows: [rows[0] | {"views": ["a.mp4"]}], "'views' of 'set-0' is no object"),
        ("EvalSets.json", lambda rows: [rows[0] | {"meta": 3}], "'meta' of 'set-0' is no object"),
        ("QAEvalSets.json", lambda rows: [rows[0], rows[0] | {"qas": [{}]}], "has the sample 'set-0' twice"),
        ("QAEvalSets.json", lambda rows: [rows[0] | {"qas": 1}], "'qas' of 'set-0' is no list"),
    ],
)
def test_a_sample_that_is_there_twice_or_of_another_form_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, change: Any, said: str
) -> None:
    folder = write_set(tmp_path / "set", 2, videos=False)
    (folder / file).write_text(json.dumps(change(json.loads((folder / file).read_text()))))
    assert main(["bench", "vqa", str(folder), "--model", "m", "--dry-run"]) == 2
    assert said in capsys.readouterr().err


def test_question_without_a_right_option_is_left_out_of_the_repaired_score(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", 1)
    wrong = opened(folder).questions["set-0"][2]
    share = shared([judged(wrong, "", "red"), judged(type(wrong)(**vars(wrong) | {"answer": "leftmost"}), "", "red")])
    assert (share.right, share.asked, share.strictly, share.counted) == (1, 2, 1, 1)


def test_axes_cover_all_capabilities_and_can_be_replaced(tmp_path: Path) -> None:
    assert sorted(name for some in AXES.values() for name in some) == sorted(CAPABILITIES)
    path = tmp_path / "axes.yaml"
    path.write_text(json.dumps({"all": list(CAPABILITIES)}))
    assert read_axes(path) == {"all": CAPABILITIES}
    path.write_text(json.dumps({"all": list(CAPABILITIES)[1:]}))
    with pytest.raises(Exception, match="'action_sequence' must be in one axis, and is in 0"):
        read_axes(path)


def test_intervals_hold_the_value_and_shrink_with_more_samples() -> None:
    few, many = bootstrap([1, 0, 1, 0], [1] * 4), bootstrap([1, 0] * 200, [1] * 400)
    assert few.low <= few.value == many.value <= few.high
    assert many.high - many.low < few.high - few.low
    assert bootstrap([1, 0] * 200, [1] * 400) == many
    assert bootstrap([], []).value != 0


def test_samples_that_all_agree_leave_open_what_so_many_can_miss() -> None:
    for count in (1, 10, 400):
        every = bootstrap([2.0] * count, [2] * count)
        assert every.value == every.high == 1.0
        assert every.low**count == pytest.approx(
            0.025
        )  # that many samples miss what is so frequent in one of forty cases
        none = bootstrap([0.0] * count, [3] * count)
        assert (none.low, none.high) == (0.0, pytest.approx(1.0 - every.low))
    halves = bootstrap([1.0] * 10, [2] * 10)
    assert halves.value == 0.5
    assert halves.low == pytest.approx(1.0 - halves.high)
    assert 0.3 < halves.low < 0.4
    assert bootstrap([3.0] * 10, [1] * 10, span=None).low == 3.0
    assert bootstrap([-2.0] * 10, [1] * 10).low == -2.0  # published anti-hallucination ends below its span
    same = {str(k): float(k % 2) for k in range(50)}
    equal = bootstrap_difference(same, same)
    assert equal.value == 0.0
    assert equal.high == -equal.low == pytest.approx(1.0 - 0.025 ** (1 / 50))
