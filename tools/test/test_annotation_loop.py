"""The whole way of words: a simulated episode is recorded, converted, annotated by its motion, reviewed, written back, read."""

import json
from pathlib import Path

import pytest

pytest.importorskip("lerobot", reason="LeRobot comes with 'make data-setup'")
pytest.importorskip("aiohttp", reason="aiohttp comes with 'make data-setup'")
from review_stage import ReviewStage

from finevla_tools.cli import main
from finevla_tools.datasets.episode_words import read_words
from finevla_tools.datasets.lerobot_files import open_dataset


def truth_of(bag: Path) -> dict[str, str]:
    """What the simulator says was said and done."""
    import yaml

    said: dict[str, str] = yaml.safe_load((bag / "metadata.yaml").read_text())["rosbag2_bagfile_information"][
        "custom_data"
    ]
    return said


def approve_all(dataset: Path, annotations: Path, out: Path) -> None:
    """A person who finds every draft right: two requests an episode, as two keys on the page."""
    with ReviewStage(dataset, annotations, "--db", str(out.with_suffix(".db"))) as stage:
        while (episode := stage.ask("POST", "/api/next", {"reviewer": "Li"})[1].get("episode")) is not None:
            _, found = stage.ask("GET", f"/api/episodes/{episode}?reviewer=Li")
            versions = {row["item"]: row["version"] for row in found["items"]}
            verdict = {"reviewer": "Li", "batch": f"{episode}", "versions": versions, "verdict": "approved"}
            status, answer = stage.ask("POST", f"/api/episodes/{episode}/verdict", verdict)
            assert status == 200, answer
        _, content, _ = stage.raw("GET", "/api/export")
        out.write_bytes(content)


@pytest.mark.slow
def test_recorded_motion_becomes_reviewed_words_that_equal_the_truth(tmp_path: Path) -> None:
    words = ["--episodes", "2", "--tasks", "pick", "--undisturbed", "--processes", "1", "--formats", "rosbag2"]
    assert main(["demonstrate", "--out", str(tmp_path / "demos"), *words]) == 0
    bags = sorted((tmp_path / "demos/rosbag2").iterdir())
    told = [truth_of(bag) for bag in bags]
    assert main(["convert", str(tmp_path / "demos/rosbag2"), "--out", str(tmp_path / "set"), "--jobs", "1"]) == 0
    assert main(["annotate", str(tmp_path / "set"), "--out", str(tmp_path / "draft")]) == 0
    approve_all(tmp_path / "set", tmp_path / "draft/annotations.parquet", tmp_path / "approved.parquet")
    apply = ["--apply", str(tmp_path / "approved.parquet"), "--out", str(tmp_path / "spoken")]
    assert main(["words", str(tmp_path / "set"), *apply]) == 0
    files = open_dataset(tmp_path / "spoken")
    assert len(files.episodes) == len(told)
    for episode, said in read_words(files).items():
        truth = json.loads(told[episode]["truth"])
        assert said.raw_at(0) == told[episode]["raw"], "what the operator said is the task"
        factors = said.factors_at(0)
        assert factors["active_actor"] == f"{truth['arm']}_arm"
        approaches = [
            row.value for row in said.annotations if row.slot == "approach_direction" and row.status == "approved"
        ]
        assert truth["approach"] in approaches
        closings = [
            row for row in said.annotations if row.slot == "gripper_state" and "closes on something" in row.value
        ]
        held = [closing for closing in truth["closings"] if closing["held"]]
        assert len({(row.from_s, row.to_s) for row in closings if row.source == "motion"}) == len(held)
        assert f"The {truth['arm']} arm" in said.fine_at(0) or told[episode]["fine"] == said.fine_at(0)
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    read = LeRobotDataset("local/spoken", root=tmp_path / "spoken")
    assert read.num_episodes == len(told)
    assert read[0]["task"] == told[0]["raw"]
