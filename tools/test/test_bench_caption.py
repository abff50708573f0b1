"""Promises of `finevla bench caption`: captions, verdicts on every fact exactly once, scores and pages."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx", reason="httpx comes with 'make data-setup'")

from bench_sets import PlayedBenchServer, write_set
from vlm_run import misbehaviour, options

from finevla_tools.annotate.vlm_journal import VlmJournal
from finevla_tools.annotate.vlm_server import VlmServer
from finevla_tools.benchmarks.caption_run import judge_requests, judged_answer, published_scores
from finevla_tools.benchmarks.caption_scoring import score
from finevla_tools.benchmarks.evaluation_files import (
    caption_steps,
    facts_line,
    read_captions,
    read_facts,
    read_judged,
    told_steps,
)
from finevla_tools.benchmarks.judged_captions import caption_interval
from finevla_tools.benchmarks.model_requests import answer_all
from finevla_tools.benchmarks.video_frames import caption_label
from finevla_tools.cli import main

TOLD = {"Step2": "It lifts the cube.", "Step10": "It waves.", "Step1": "The left arm grasps the red cube."}


def verdicts(words: list[str], skip: int = 0) -> dict[str, Any]:
    """A judge that finds a fact where the caption has its value, and that may forget the last facts."""
    payload = json.loads(words[0])
    told = " ".join(payload["caption_steps"])
    rows = [
        {"fact_id": fact["fact_id"], "capability": capability, "slot": fact["slot"], "gt_value": fact["value"],
         "label": "match" if fact["value"] in told else "omission", "caption_evidence": None, "note": "n"}
        for capability, facts in payload["gt_atomic_facts"].items()
        for fact in facts
    ]  # fmt: skip
    invented = [{"description": "it waves", "caption_step": "3", "note": ""}] * ("waves" in told)
    return {"gt_evaluations": rows[: len(rows) - skip], "hallucinated_actions": invented, "summary": {}}


def answer(words: list[str]) -> dict[str, Any]:
    return verdicts(words) if words[0].startswith("{") else TOLD


def bench(folder: Path, *more: str) -> int:
    return main(["bench", "caption", str(folder), "--out", str(folder / "out"), *more])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_captions_are_judged_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set", 4, views=2)
    with PlayedBenchServer(answer) as played:
        words = ("--model", "m", "--judge", "j", "--server", played.url)
        assert bench(folder, *words, "--repeats", "2") == 0
        count = len(played.requests)
        assert bench(folder, *words, "--repeats", "2") == 0
        assert len(played.requests) == count == 4 + 8
        labels = [part["text"] for part in played.requests[0]["messages"][0]["content"] if part["type"] == "text"]
        assert labels[:2] == ["[View: This is the main view of the video.]", "[View: left wrist view]"]
        assert played.requests[-1]["temperature"] == 0.1
    (caption, *_) = lines(folder / "out/captions/m_image_CaptionResult.jsonl")
    assert caption["caption_result"] == [TOLD["Step1"], TOLD["Step2"], TOLD["Step10"]]
    told = lines(folder / "out/judged/m_image_repeat1/scored_results.jsonl")
    # set-0: left arm, red cube: all four facts are said, and one of two actions was invented
    assert (told[0]["sample_id"], told[0]["caption_score"]) == ("set-0", round((1 + 1 + 0.5) / 3, 4))
    # set-1: right arm, green cube: what is not said is no contradiction
    assert (told[1]["consistency_score"], told[1]["weighted_coverage"]) == (1.0, round(1 / 3, 4))
    table = list(csv.DictReader((folder / "out/cross_model_summary.csv").open()))
    assert [row["model_name"] for row in table] == ["m_image_repeat1", "m_image_repeat2"]
    assert table[0]["active_actor_cov"] == "0.5"
    out = capsys.readouterr().out
    assert "(nothing said): published 0.3333, repaired 0.0000" in out
    page = (folder / "out/index.html").read_text()
    told_interval = re.search(r"published 0\.6944 \[(.+?) to (.+?)\]", out)
    assert told_interval
    raw = read_judged(folder / "out/judged/m_image_repeat1/direct_align_raw.jsonl")
    once = caption_interval([published_scores(raw)])  # repeats of a sample are not more samples
    assert told_interval.groups() == (f"{once.low:.4f}", f"{once.high:.4f}")
    for words_ in ("Fleiss&#39;s kappa", "it waves", "../v.mp4#t=", "bounded anti-hallucination", "By axis", "set-3: "):
        assert words_ in page, words_


def test_judge_that_forgets_facts_is_told_once_and_then_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_set(tmp_path / "set", 1)
    captions = tmp_path / "x_CaptionResult.jsonl"
    captions.write_text(
        json.dumps({"sample_id": "set-0", "caption_result": ["the left arm grasps"], "call_success": True})
    )
    with PlayedBenchServer(lambda words: verdicts(words, skip=1)) as played:
        assert bench(folder, "--captions", str(captions), "--judge", "j", "--server", played.url) == 0
        assert len(played.requests) == 2
        assert "exactly one verdict" in json.dumps(played.requests[1]["messages"][-1])
    figures = json.loads((folder / "out/summary.json").read_text())
    assert figures["judge_flaws"] == {"x": {"set-0": "missing: target_object_1"}}
    assert figures["models"][0]["coverage"] == 0.75  # of the judge's list: an action of two, and the arm
    assert figures["models"][0]["repaired_coverage"] == 0.5


def test_judge_that_answers_nonsense_is_an_error_of_that_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_set(tmp_path / "set", 2)
    captions = tmp_path / "x_CaptionResult.jsonl"
    captions.write_text(
        "".join(json.dumps({"sample_id": f"set-{k}", "caption_result": ["a"]}) + "\n" for k in range(2))
    )

    def odd(words: list[str]) -> dict[str, Any]:
        return {"gt_evaluations": [{"label": "fine"}]} if '"set-1"' in words[0] else verdicts(words)

    with PlayedBenchServer(odd) as played:
        assert bench(folder, "--captions", str(captions), "--judge", "j", "--server", played.url) == 1
    captured = capsys.readouterr()
    assert "no answer: set-1: the answer cannot be used" in captured.err
    assert "scored 1 of 2" in captured.out
    raw = lines(folder / "out/judged/x/direct_align_raw.jsonl")
    assert [row["status"] for row in raw] == ["ok", "error"]


def test_bad_server_loses_doubles_and_mixes_up_no_verdicts(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", 120, videos=False)
    facts = read_facts(folder / "GT_AtomicFacts.jsonl")
    captions = {name: [f"{one[2].value} arm, {one[3].value} cube, sample {name}"] for name, one in facts.items()}
    with (
        PlayedBenchServer(verdicts, misbehaviour(seed=5)) as played,
        VlmServer(options(played.url)) as server,
        VlmJournal(tmp_path / "j") as journal,
    ):
        answers = list(answer_all(judge_requests(facts, captions, 1), server, journal))
    assert sorted(one.sample_id for one in answers) == sorted(facts)
    good = [judged_answer(one) for one in answers if one.result is not None]
    assert len(good) > 100
    for one in good:
        own = {v.fact_id: v.gt_value for v in one.verdicts}
        assert own == {fact.fact_id: fact.value for fact in facts[one.sample_id]}
        assert score(one).coverage == round(2 / 3, 4)


def test_missing_captions_count_in_the_repaired_score_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set", 4)
    captions = tmp_path / "x_CaptionResult.jsonl"
    rows = [
        {"sample_id": "set-0", "caption_result": ["the left arm grasps and lifts the red"], "call_success": True},
        {"sample_id": "set-1", "caption_result": [], "call_success": False},
    ]
    captions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with PlayedBenchServer(answer) as played:
        assert bench(folder, "--captions", str(captions), "--judge", "j", "--server", played.url) == 0
    (row,) = csv.DictReader((folder / "out/cross_model_summary.csv").open())
    assert (row["num_scored"], row["num_facts_samples"]) == ("1", "4")
    assert (float(row["caption_score"]), float(row["repaired_caption"])) == (1.0, 0.25)


def test_recorded_verdicts_are_scored_without_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set", 1)
    raw = {
        "sample_id": "set-0",
        "gt_evaluations": [
            {"fact_id": "action_sequence_1", "capability": "action_sequence", "slot": "primitive_action", "gt_value": "grasp",
             "label": "partial", "caption_evidence": "step 1", "note": ""},
        ],
        "hallucinated_actions": [{"description": "w", "caption_step": "step 2", "note": ""}],
        "summary": {}, "status": "ok",
    }  # fmt: skip
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/direct_align_raw.jsonl").write_text(json.dumps(raw))
    assert bench(folder, "--judged", str(tmp_path / "theirs"), "--no-as-published") == 0
    out = capsys.readouterr().out
    assert "theirs: repaired" in out
    assert "published 0.3333" in out  # (0.5 + 0.5 + 0) / 3
    lines = [json.dumps(raw), json.dumps({**raw, "sample_id": "elsewhere", "gt_evaluations": []})]
    (tmp_path / "theirs/direct_align_raw.jsonl").write_text("\n".join(lines))  # a stranger is in no mean
    assert bench(folder, "--judged", str(tmp_path / "theirs")) == 0
    shown = capsys.readouterr()
    assert "published 0.3333" in shown.out
    assert "scored 1 of 1" in shown.out
    assert "1 verdict of 'theirs' is of no sample of" in shown.err
    raw["sample_id"] = "elsewhere"
    (tmp_path / "theirs/direct_align_raw.jsonl").write_text(json.dumps(raw))
    assert bench(folder, "--judged", str(tmp_path / "theirs")) == 2
    assert "are of no sample of" in capsys.readouterr().err


def test_dry_run_says_captions_and_judge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set", 2)
    assert bench(folder, "--dry-run", "--price-in", "2", "--price-out", "8", "--repeats", "3") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("captions would ask at most: 2 requests")
    assert second.startswith("judge would ask at most: 6 requests")
    assert not (folder / "out").exists()


def test_bad_input_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "set", 1)
    cases = {
        '{"sample_id": "a", "status": "ok"}': "no file of atomic facts",
        '{"sample_id": "a", "status": "ok", "capability_results": [{"capability": "speed"}]}': "known are action_sequence",
        '{"sample_id": "a", "status": "error"}': "holds no facts",
        "nonsense": "is not a JSON object",
    }
    kept = (folder / "GT_AtomicFacts.jsonl").read_text()
    for text, said in cases.items():
        (folder / "GT_AtomicFacts.jsonl").write_text(text)
        assert bench(folder) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ")
        assert said in error
    (folder / "GT_AtomicFacts.jsonl").write_text(kept)
    assert bench(folder) == 2
    assert "is judged; give --judge MODEL" in capsys.readouterr().err
    assert bench(folder, "--judge", "j") == 2
    assert "there are no captions to judge" in capsys.readouterr().err
    assert bench(folder, "--judged", str(tmp_path)) == 2
    assert "has no direct_align_raw.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "steps"),
    [
        (["a", " b  c "], ["a", "b c"]),
        ({"steps": ["a", "b"]}, ["a", "b"]),
        ({"Step10": "c", "Step2": "b", "Step1": "a"}, ["a", "b", "c"]),
        ({"note": "x", "Step1": "a"}, ["x", "a"]),  # a key without a number counts as 0
        ({}, []),
    ],
)
def test_published_forms_of_captions_are_read(value: Any, steps: list[str]) -> None:
    assert caption_steps(value) == steps


@pytest.mark.parametrize(
    ("truth", "steps"),
    [
        (["a", ""], ["a"]),
        ('["a", "b"]', ["a", "b"]),
        ("['a', 'b']", ["a", "b"]),
        ("[“a”， “b”]", ["a", "b"]),
        ("error (black screen)", []),
        ("one  sentence", ["one sentence"]),
        ("[broken", []),
        (None, []),
    ],
)
def test_published_forms_of_steps_are_read(truth: Any, steps: list[str]) -> None:
    assert told_steps(truth) == steps


def test_facts_are_written_with_all_ten_capabilities(tmp_path: Path) -> None:
    facts = read_facts(write_set(tmp_path / "set", 1, videos=False) / "GT_AtomicFacts.jsonl")
    line = facts_line("set-0", facts["set-0"])
    assert len(line["capability_results"]) == 10
    path = tmp_path / "again.jsonl"
    path.write_text(json.dumps(line))
    assert read_facts(path) == facts


def test_views_have_the_published_labels() -> None:
    told = [caption_label(name, k) for k, name in enumerate(("cam_high", "left_wrist", "wrist", "right_cam", "top"))]
    assert told == [
        "This is the main view of the video.", "left wrist view", "wrist view", "right side view", "top",
    ]  # fmt: skip


def test_captions_of_failed_calls_are_no_captions(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(
        '{"sample_id": "a", "caption_result": "one"}\n{"sample_id": "b", "caption_result": [], "call_success": false}'
    )
    assert read_captions(path) == {"a": ["one"]}
