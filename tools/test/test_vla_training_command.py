"""Promises of `finevla train CONFIG.yaml`: a data set in, checkpoints out that say what they are of; questions likewise."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")
pytest.importorskip("lerobot", reason="data sets need 'make data-setup'")

from lerobot_sets import JOINTS
from tiny_backbone import make_tiny_backbone
from training_sets import KEYS, make_set, only

from finevla_core.errors import FineVLAError
from finevla_core.policy.manifest_transforms import parse_transforms
from finevla_models.vla.backbone import load_backbone
from finevla_models.vla.policy_files import load_vla
from finevla_tools.cli import main
from finevla_tools.training import command, trainer
from finevla_tools.training.config import load_run_config, parse_run_config
from finevla_tools.training.config_types import PolicyOptions
from finevla_tools.training.process_launch import TOLD, run_ranks
from finevla_tools.training.question_samples import QuestionSamples


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_backbone(tmp_path_factory.mktemp("backbone"))


def write_config(folder: Path, backbone: Path, data: dict[str, object], **policy: object) -> Path:
    raw = {
        "name": "tiny",
        "policy": {
            "backbone": str(backbone),
            "head": "oft",
            "embodiment": "cobotmagic",
            "cameras": {"front": KEYS["front"]},
            "images": {"height": 32, "width": 32},
            "horizon": 4,
            "dt_s": 0.1,
            **policy,
        },
        "data": {**data, "cache": str(folder / "cache")},
        "training": {"steps": 3, "batch": 2, "save_every": 2, "workers": 1},
    }
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(raw))
    return file


def test_a_data_set_becomes_a_policy_that_says_what_it_is_of(
    backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = {"sets": [str(make_set(tmp_path / "set"))], "mix": "1:1", "validation": 0.3}
    file, run = write_config(tmp_path, backbone, data), tmp_path / "run"
    assert main(["train", str(file), "--out", str(run), "--threads", "1"]) == 0
    assert f"checkpoint: {run}/checkpoints/3" in capsys.readouterr().out
    described = yaml.safe_load((run / "checkpoints/3/policy.yaml").read_text())
    assert described["values"][6] == "left_gripper"
    assert parse_transforms(described["transforms"], described["values"])
    assert described["statistics"]
    assert described["training"]["mix"] == "1:1"
    assert len(described["training"]["data"]["hash"]) == 64
    assert described["training"]["code"]["version"]
    assert load_vla(run / "checkpoints/3").head.shape.horizon == 4
    assert main(["train", str(file), "--out", str(run)]) == 2
    assert "exists already; go on with --resume" in capsys.readouterr().err
    make_set(tmp_path / "set2", seed=5)
    file.write_text(file.read_text().replace("/set\n", "/set2\n"))
    assert main(["train", str(file), "--out", str(run), "--resume"]) == 2
    assert "it is" in (said := capsys.readouterr().err)
    assert "the steps would not be the same" in said


def test_processes_of_one_run_end_together() -> None:
    assert run_ranks(["train", "--help"], 2) == 0
    assert run_ranks(["train", "none.yaml"], 2) == 2


def test_what_was_decided_of_the_data_is_told_once(
    tmp_path: Path, backbone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(only(make_set(tmp_path / "set"), JOINTS[:7]))
    file = write_config(tmp_path, backbone, {"sets": [root, root], "mix": "raw"})
    monkeypatch.setattr(command, "run_ranks", lambda *_: 0)
    assert main(["train", str(file), "--out", str(tmp_path / "run"), "--processes", "2"]) == 0
    assert capsys.readouterr().err.count("does not have right_joint1") == 1
    for name, value in {TOLD: "1", "RANK": "0", "WORLD_SIZE": "2"}.items():  # as a process that `run_ranks` starts
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(trainer, "train", lambda *_: tmp_path)
    assert main(["train", str(file), "--out", str(tmp_path / "run")]) == 0
    assert "does not have" not in capsys.readouterr().err


def write_questions(folder: Path, count: int = 10, **entries: object) -> Path:
    lines = []
    for k in range(count):
        names = [f"{k}_{view}.png" for view in range(2)]
        for name in names:
            Image.fromarray(np.full((32, 64, 3), 20 * k, np.uint8)).save(folder / name)
        lines.append({"images": names, "question": f"how bright is it, {k}", "answer": str(k), **entries})
    file = folder / "questions.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def options(backbone: Path, folder: Path) -> PolicyOptions:
    cameras = {"one": "1", "two": "2"}
    return load_run_config(write_config(folder, backbone, {"sets": ["x"]}, head="language", cameras=cameras)).policy


def test_each_epoch_asks_every_question_once_but_those_held_out(backbone: Path, tmp_path: Path) -> None:
    policy = options(backbone, tmp_path)
    samples = QuestionSamples([write_questions(tmp_path)], policy, 0.2, seed=3)
    assert samples.frames == 8
    epochs = [[samples.example(8 * epoch + k).answer for k in range(8)] for epoch in range(2)]
    held_out = [one.answer for one in samples.held_out(5)]
    assert sorted(epochs[0]) == sorted(epochs[1])
    assert epochs[0] != epochs[1]
    assert sorted(epochs[0] + held_out) == [str(k) for k in range(10)]
    one = samples.example(0)
    assert [image.shape for image in one.images] == [(32, 32, 3)] * 2
    assert samples.hash != QuestionSamples([write_questions(tmp_path, answer="no")], policy, 0.2, seed=3).hash


@pytest.mark.parametrize("what", ["entries", "views"])
def test_hash_of_questions_covers_their_order_also_where_only_their_pictures_differ(
    backbone: Path, tmp_path: Path, what: str
) -> None:
    policy = options(backbone, tmp_path)
    (folder := tmp_path / "asked").mkdir()
    file = write_questions(folder, question="how bright is it", answer="so")
    before = QuestionSamples([file], policy, 0.2, seed=3).hash
    assert QuestionSamples([folder.rename(tmp_path / "moved") / file.name], policy, 0.2, seed=3).hash == before
    file = tmp_path / "moved" / file.name
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    if what == "entries":
        rows[1], rows[2] = rows[2], rows[1]
    else:
        rows[0]["images"].reverse()
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert QuestionSamples([file], policy, 0.2, seed=3).hash != before


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"answer": ""}, "entry 1 has no 'answer'"),
        ({"images": ["0_0.png"]}, "entry 1 has 1 pictures, policy.cameras names 2"),
        ({"images": ["0_0.png", "no.png"]}, "its picture '.*no.png' does not exist"),
        ({"images": "0_0.png"}, "'images' must list the files"),
    ],
)
def test_a_question_that_is_none_is_named(
    backbone: Path, tmp_path: Path, entries: dict[str, object], said: str
) -> None:
    with pytest.raises(FineVLAError, match=said):
        QuestionSamples([write_questions(tmp_path, **entries)], options(backbone, tmp_path), 0.0, 0)


def test_questions_are_learned_through_the_command(backbone: Path, tmp_path: Path) -> None:
    file = write_config(
        tmp_path, backbone, {"sets": [str(write_questions(tmp_path))]}, head="language", cameras={"a": "1", "b": "2"}
    )
    raw = yaml.safe_load(file.read_text())
    for name in ("embodiment", "horizon", "dt_s"):
        del raw["policy"][name]
    file.write_text(yaml.safe_dump(raw))
    assert parse_run_config(raw).policy.head == "language"
    assert main(["train", str(file), "--out", str(tmp_path / "run"), "--threads", "1"]) == 0
    assert (tmp_path / "run/checkpoints/3/model.safetensors").is_file()


def test_a_small_backbone_learns_its_pieces_from_questions_too(tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"question": "where is the zyxwvu?", "answer": "behind the zyxwvu"}\n' * 3)
    arguments = ["backbone", str(questions), "--size", "tiny", "--out", str(tmp_path / "made")]
    assert main(arguments) == 0
    pieces = json.loads((tmp_path / "made" / "tokenizer.json").read_text())["model"]["vocab"]
    assert any("zyxwvu" in piece for piece in pieces)
    questions.write_text("no JSON\n")
    assert main([*arguments[:-1], str(tmp_path / "other")]) != 0


def test_patches_of_a_small_backbone_are_as_large_as_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"question": "where is the cube?", "answer": "left"}\n')
    arguments = ["backbone", str(questions), "--size", "tiny"]
    assert main([*arguments, "--patch", "12", "--out", str(tmp_path / "made")]) == 0
    assert json.loads((tmp_path / "made" / "config.json").read_text())["vision_config"]["patch_size"] == 12
    images = load_backbone(str(tmp_path / "made")).prompts.processor.image_processor
    made = images(images=[np.zeros((48, 72, 3), np.uint8)], return_tensors="pt")
    assert made["image_grid_thw"].tolist() == [[1, 4, 6]]
    capsys.readouterr()
    assert main([*arguments, "--patch", "1", "--out", str(tmp_path / "other")]) == 2
    assert "--patch 1: a patch is 4 to 64 pixels wide" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
