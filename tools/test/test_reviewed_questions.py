"""Reviewed sets as questions: as the annotator would ask, with what was approved; learned, exported, loaded by transformers."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'")
pytest.importorskip("httpx", reason="httpx comes with 'make data-setup'")
from grasping_takes import FPS, grasping
from lerobot_sets import write
from played_vlm_server import PlayedVlmServer
from tiny_backbone import make_tiny_backbone

from finevla_tools.annotate.annotation import APPROVED
from finevla_tools.annotate.draft import ANNOTATIONS
from finevla_tools.annotate.json_schema import schema_errors
from finevla_tools.cli import main
from finevla_tools.datasets.annotation_table import read_annotations, write_annotations


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three episodes, of which the first two are reviewed."""
    folder = tmp_path_factory.mktemp("reviewed")
    write(folder / "set", [grasping(), grasping(at=0.3), grasping(at=0.0)], FPS)
    assert main(["annotate", str(folder / "set"), "--out", str(folder / "draft")]) == 0
    rows = [
        replace(row, status=APPROVED) for row in read_annotations(folder / "draft" / ANNOTATIONS) if row.episode < 2
    ]
    rows = [
        replace(row, value=row.value.replace("the object", "the red cube"), source="human")
        if row.dimension == "text"
        else row
        for row in rows
    ]
    write_annotations(folder / "approved.parquet", rows)
    assert (
        main(["words", str(folder / "set"), "--apply", str(folder / "approved.parquet"), "--out", str(folder / "told")])
        == 0
    )
    return folder / "told"


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_question_is_what_the_annotator_sends_and_its_answer_what_was_approved(
    reviewed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["annotate", str(reviewed), "--questions", str(tmp_path / "questions"), "--pictures", "4"]
    assert main(asked) == 1, "one episode is not reviewed"
    said = capsys.readouterr()
    assert "left out: episode 2: no steps and fine text of it are approved" in said.err
    assert "images: {height: 48, width: 64}" in said.out
    lines = lines_of(tmp_path / "questions")
    assert len(lines) == 2
    with PlayedVlmServer() as server:
        vlm = ["annotate", str(reviewed), "--annotator", "vlm", "--server", server.url, "--model", "own"]
        assert main([*vlm, "--preset", "reviewed", "--pictures", "4", "--out", str(tmp_path / "draft")]) == 0
        requests = server.requests
    for k, line in enumerate(lines):
        answer = json.loads(line["answer"])
        request = next(r for r in requests if answer["episode"] in json.dumps(r["response_format"]))
        (message,) = request["messages"]
        *pictures, text = message["content"]
        assert message["role"] == "user"
        assert text["text"] == line["question"]
        jpegs = [base64.b64decode(part["image_url"]["url"].partition(",")[2]) for part in pictures]
        assert jpegs == [(tmp_path / "questions" / name).read_bytes() for name in line["images"]]
        assert len(jpegs) == 4
        assert not list(schema_errors(answer, request["response_format"]["json_schema"]["schema"]))
        assert f"episode_{k:06d}" in line["images"][0]
        assert "red cube" in answer["refined_instruction"]
        assert answer["steps"][0]["verb"] in ("approach", "grasp")
        assert {step["arm"] for step in answer["steps"]} == {"left_arm"}
        assert {"slot": "approach_direction", "value": "top", "step": 1} in answer["factors"]


def test_what_was_never_reviewed_is_one_sentence(
    reviewed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["annotate", str(reviewed.parent / "set"), "--questions", str(tmp_path / "q")]) == 2
    assert "has no reviewed episode to ask about" in capsys.readouterr().err
    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--out", "x"], "leave --out out"),
        (["--annotator", "vlm"], "asks no model"),
        (["--pictures", "1"], "at least 2"),
    ],
)
def test_options_that_do_not_go_together_are_told(
    reviewed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert main(["annotate", str(reviewed), "--questions", str(tmp_path / "q"), "--model", "m", *options]) == 2
    assert sentence in capsys.readouterr().err


def test_a_backbone_learns_them_and_becomes_a_folder_that_transformers_loads(reviewed: Path, tmp_path: Path) -> None:
    assert main(["annotate", str(reviewed), "--questions", str(tmp_path / "questions"), "--pictures", "2"]) == 1
    backbone = tmp_path / "backbone"
    backbone.mkdir()
    make_tiny_backbone(backbone)
    names = [name.rpartition("/")[2][15:-4] for name in lines_of(tmp_path / "questions")[0]["images"]]
    policy = {
        "backbone": str(backbone),
        "head": "language",
        "cameras": {name: name for name in names},
        "max_tokens": 16384,
    }
    config = {
        "name": "annotator",
        "policy": {**policy, "images": {"height": 48, "width": 64}},
        "data": {"sets": [str(tmp_path / "questions/questions.jsonl")], "validation": 0.0},
        "training": {"steps": 2, "batch": 1, "save_every": 2, "workers": 1, "backbone_rate": 1e-3},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    assert main(["train", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "run"), "--threads", "1"]) == 0
    out = tmp_path / "exported"
    assert main(["export", str(tmp_path / "run"), "--out", str(out)]) == 0
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model, processor = AutoModelForImageTextToText.from_pretrained(out), AutoProcessor.from_pretrained(out)
    before = AutoModelForImageTextToText.from_pretrained(backbone)
    assert set(model.state_dict()) == set(before.state_dict())
    assert any(not torch.equal(value, before.state_dict()[name]) for name, value in model.state_dict().items())
    assert processor.tokenizer("grasp")["input_ids"]
    assert {path.suffix for path in out.iterdir()} >= {".json", ".safetensors", ".md"}
    assert main(["export", str(tmp_path / "run"), "--out", str(out)]) == 2, "nothing is overwritten"
