"""`finevla annotate --annotator vlm`: a model beside the motion, what motion contradicts first, and runs that go on."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("httpx", reason="httpx comes with 'make data-setup'")
from lerobot_sets import HOME, Take, write
from played_vlm_server import PlayedVlmServer, always

from finevla_tools.annotate.draft import ANNOTATIONS, RECORD
from finevla_tools.annotate.vlm_annotator import VlmWay
from finevla_tools.annotate.vlm_command import CONTRADICTED, vlm_options
from finevla_tools.annotate.vlm_server import VlmOptions
from finevla_tools.cli import main
from finevla_tools.datasets.annotation_table import read_annotations

FRAMES, FPS = 150, 30


def grasping(at: float) -> Take:
    """The left arm reaches, closes on something of that width, and goes back with it; a camera looks on."""
    t = np.arange(FRAMES) / FPS
    state = np.tile(HOME, (FRAMES, 1))
    state[:, 1] += np.interp(t, [0.5, 1.5, 2.5, 4.0], [0.0, 0.5, 0.5, 0.0])
    state[:, 6] = np.interp(t, [1.8, 2.2], [1.0, at])
    action = state.copy()
    action[:, 6] = np.where(t > 1.7, 0.0, 1.0)
    pictures = {"front": np.full((FRAMES, 64, 96), 90, np.uint8)}
    return Take(state.astype(np.float32), action.astype(np.float32), t.astype(np.float32), ["take it"], pictures)


def annotate(root: Path, url: str, out: Path, *options: str) -> int:
    words = ["annotate", str(root), "--annotator", "vlm", "--server", url, "--model", "played", "--preset", "robofine"]
    return main([*words, "--out", str(out), *options])


def test_model_speaks_beside_the_motion_and_what_the_motion_contradicts_is_doubted_most(tmp_path: Path) -> None:
    root = write(tmp_path / "set", [grasping(0.4), grasping(0.0)])
    with PlayedVlmServer() as server:
        assert annotate(root, server.url, tmp_path / "draft") == 0
        asked = len(server.requests)
    assert json.loads((tmp_path / "draft" / RECORD).read_text())["annotator"] == "motion, played"
    rows = read_annotations(tmp_path / "draft" / ANNOTATIONS)
    for episode in (0, 1):
        own = [row for row in rows if row.episode == episode]
        assert {row.source for row in own} == {"motion", "vlm"}
        said = [
            row for row in own if row.source == "vlm" and row.dimension == "text" and "right arm" in row.value.lower()
        ]
        assert said, "the played model says that the right arm did it"
        assert {row.confidence for row in said} == {CONTRADICTED}
    with PlayedVlmServer() as server:
        assert annotate(root, server.url, tmp_path / "again" / "draft") == 0
        assert len(server.requests) == asked
    (tmp_path / "draft").rename(tmp_path / "first")
    with PlayedVlmServer() as server:
        assert annotate(root, server.url, tmp_path / "draft") == 0
        assert not server.requests, "what was answered once is not asked again"
    assert read_annotations(tmp_path / "draft" / ANNOTATIONS) == rows


def test_episode_that_the_model_cannot_do_keeps_what_motion_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "set", [grasping(0.4)])
    with PlayedVlmServer(always("ignored schema")) as server:
        assert annotate(root, server.url, tmp_path / "draft") == 1
    assert "without the model's part: episode 0: " in capsys.readouterr().err
    assert {row.source for row in read_annotations(tmp_path / "draft" / ANNOTATIONS)} == {"motion"}
    assert list(json.loads((tmp_path / "draft" / RECORD).read_text())["without_model"]) == ["0"]


def test_some_episodes_without_an_answer_leave_a_draft_that_names_them_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "set", [grasping(0.4), grasping(0.0)])
    refused = set[str]()

    def refuses_the_first(token: str, _: int) -> str:
        refused.update({token} if not refused else ())
        return "400" if token in refused else "right"

    with PlayedVlmServer(refuses_the_first) as server:
        assert annotate(root, server.url, tmp_path / "draft") == 1
    (lacking,) = json.loads((tmp_path / "draft" / RECORD).read_text())["without_model"]
    told = capsys.readouterr().err
    assert f"without the model's part: episode {lacking}: '{server.url}' refused the request (HTTP 400)" in told
    spoken = {row.episode for row in read_annotations(tmp_path / "draft" / ANNOTATIONS) if row.source == "vlm"}
    assert spoken == {0, 1} - {int(lacking)}


@pytest.mark.parametrize("is_down", [True, False])
def test_no_answer_at_all_is_one_sentence_that_leaves_no_draft_and_the_same_command_goes_on(
    is_down: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path / "set", [grasping(0.4), grasping(0.0)])

    def impatient(arguments: argparse.Namespace) -> "tuple[VlmOptions, VlmWay]":
        options, way = vlm_options(arguments)
        return replace(options, tries=1), way

    monkeypatch.setattr("finevla_tools.annotate.command.vlm_options", impatient)
    with PlayedVlmServer(always("400")) as server:
        if not is_down:
            assert annotate(root, server.url, tmp_path / "draft") == 2
    if is_down:
        assert annotate(root, server.url, tmp_path / "draft") == 2
    (told,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert told.startswith(
        "error: 'played' answered for none of 2 episodes, and no draft is written: mend what follows"
    )
    assert ("gave no answer in 1 try" if is_down else "refused the request (HTTP 400)") in told
    assert not (tmp_path / "draft").exists()
    with PlayedVlmServer() as server:
        assert annotate(root, server.url, tmp_path / "draft") == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", ""), "name the model by --model"),
        (("--server", "gpu-host"), "must begin with http:// or https:// and name a host"),
        (("--preset", "thoughts"), "thoughts"),
        (("--concurrency", "0"), "concurrency is 0; it must be at least 1"),
    ],
)
def test_mistakes_are_told_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    root = write(tmp_path / "set", [grasping(0.4)])
    assert annotate(root, "http://127.0.0.1:9/v1", tmp_path / "draft", *options) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "draft").exists()


def test_server_that_is_not_there_is_one_sentence_and_leaves_no_draft(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "set", [grasping(0.4)])
    with PlayedVlmServer(always("401")) as server:
        assert annotate(root, server.url, tmp_path / "draft") == 2
    assert "error: " in capsys.readouterr().err
    assert not (tmp_path / "draft").exists()


@pytest.mark.parametrize(
    "option", [["--model", "qwen"], ["--server", "http://here:1/v1"], ["--preset", "robofine"], ["--most-cost", "1"]]
)
def test_option_of_a_model_without_a_model_is_refused(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "set", [grasping(0.4)])
    assert main(["annotate", str(root), "--out", str(tmp_path / "draft"), *option]) == 2
    assert f"error: {option[0]} is of a model that is asked: add --annotator vlm" in capsys.readouterr().err
    assert not (tmp_path / "draft").exists()


def test_what_was_used_is_told_and_a_limit_of_cost_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "set", [grasping(0.4)])
    prices = ["--price-in", "1000", "--price-out", "1000"]
    with PlayedVlmServer() as server:
        assert annotate(root, server.url, tmp_path / "dear", *prices, "--most-cost", "0.1") == 2
        assert not server.requests
        assert "above the limit of 0.1" in capsys.readouterr().err
        assert annotate(root, server.url, tmp_path / "draft", *prices) == 0
    assert "used: 1 request, 900 tokens in, 90 out, 0.99 at these prices" in capsys.readouterr().err
