"""The whole loop: simulator, recording, data set, cleaning, duplicates, words, training, bundle, and the stack obeys it."""

import json
from pathlib import Path

import pytest
import yaml
from tiny_backbone import make_tiny_backbone

from finevla_client.connection import Connection
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_tools.cli import main
from finevla_tools.launch_file import load_launch
from finevla_tools.up import DEFAULT_FILE, Stack, launch_path

pytestmark = pytest.mark.stack
CAMERAS = ("front", "left", "right")
STEPS = 50


def configuration(folder: Path, dataset: Path) -> Path:
    """A run of a tiny policy on a data set, without what cleaning and duplicates leave out."""
    kept = [str(folder / "cleaned/episodes.parquet"), str(folder / "unique/episodes.parquet")]
    run = {
        "name": "loop",
        "policy": {
            "backbone": {"new": str(make_tiny_backbone(folder / "backbone"))},
            "head": "oft",
            "options": {"hidden": 64},
            "embodiment": "cobotmagic",
            "cameras": {name: f"observation.images.{name}" for name in CAMERAS},
            "images": {"height": 32, "width": 32},
            "horizon": 16,
            "dt_s": 0.1,
        },
        "data": {"sets": [{"path": str(dataset), "kept": kept}], "mix": "1:1", "cache": str(folder / "cache")},
        "training": {"steps": STEPS, "batch": 4, "rate": 1e-3, "save_every": STEPS, "validate_every": STEPS},
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(run), encoding="utf-8")
    return path


@pytest.mark.timeout(600)
def test_what_is_recorded_reaches_the_policy_that_drives_the_arms(ros_domain: str, tmp_path: Path) -> None:
    del ros_domain
    # Not above: whoever collects the tests of nodes would wait for them.
    pytest.importorskip("lerobot", reason="LeRobot comes with 'make data-setup'")
    pytest.importorskip("transformers", reason="transformers come with 'make train-setup'")
    made = tmp_path / "demos/rosbag2"
    performed = ["--episodes", "3", "--tasks", "reach", "--undisturbed", "--processes", "1", "--formats", "rosbag2"]
    steps = (
        ["demonstrate", "--out", str(tmp_path / "demos"), *performed],
        ["convert", str(made), "--out", str(tmp_path / "set"), "--jobs", "1"],
        ["clean", str(tmp_path / "set"), "--report", str(tmp_path / "cleaned"), "--jobs", "1"],
        ["dedup", str(tmp_path / "set"), "--out", str(tmp_path / "unique"), "--jobs", "1"],
        ["annotate", str(tmp_path / "set"), "--out", str(tmp_path / "draft")],
        ["words", str(tmp_path / "set"), "--apply", str(tmp_path / "draft/annotations.parquet"), "--unreviewed",
         "--out", str(tmp_path / "spoken")],
        ["train", str(configuration(tmp_path, tmp_path / "spoken")), "--out", str(tmp_path / "run")],
        ["export", str(tmp_path / "run"), "--out", str(tmp_path / "mine")],
    )  # fmt: skip
    for step in steps:
        assert main(step) == 0, step
    losses = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    trained = [row["train/loss"] for row in losses if "train/loss" in row]
    assert trained[-1] < 0.7 * trained[0], trained
    _drives_the_arms(tmp_path / "mine")


def _drives_the_arms(bundle: Path) -> None:
    lines: list[str] = []
    launch = load_launch(launch_path(DEFAULT_FILE), {"robot": "sim", "bundle": str(bundle), "server_port": "8769"})
    stack = Stack(launch, lambda name, line: lines.append(f"[{name}] {line}"))
    try:
        stack.start()
        with Connection() as client:
            chunks: list[msg.ActionChunk] = []
            client.listen("action_chunk", msg.ActionChunk, qos.NEWEST, chunks.append)
            client.wait_until_ready(120.0)
            client.say(Instruction("reach the red cube with the left arm"))
            followed = client.wait(lambda: client.newest["safety/status"].state == msg.SafetyStatus.FOLLOWING, 60.0)
            assert followed, "the bridge follows no chunk of the trained policy"
            client.wait(lambda: bool(chunks), 10.0)  # the bridge's word may come before the chunk that it is about
            assert {chunk.policy for chunk in chunks} == {"mine"}
    except (AssertionError, FineVLAError) as error:
        raise AssertionError(f"{error}\n" + "\n".join(lines[-40:])) from error
    finally:
        stack.stop()
    assert not stack.failed
