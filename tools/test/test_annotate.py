"""Promises about `finevla annotate`: a draft of what motion says, the source untouched, and one sentence for bad input."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pyarrow comes with 'make train-setup'")
import pyarrow.parquet as pq
from lerobot_sets import HOME, JOINTS, Take, take, write

from finevla_core.pointer_files import POINTER
from finevla_tools.annotate.annotation import Annotation
from finevla_tools.annotate.draft import ANNOTATIONS, LABELS, RECORD
from finevla_tools.annotate.ground_truth_score import Score, Tally, compare
from finevla_tools.cli import main
from finevla_tools.datasets.annotation_table import read_annotations

REAL = Path(__file__).parents[3] / "shared" / "data" / "agilex_episode"
FRAMES, FPS = 240, 30


def grasping(at: float = 0.4) -> Take:
    """The left arm reaches, closes on something of that width, and goes back with it; the right one rests."""
    t = np.arange(FRAMES) / FPS
    state = np.tile(HOME, (FRAMES, 1))
    state[:, 1] += np.interp(t, [0.5, 2.0, 3.5, 5.0], [0.0, 0.5, 0.5, 0.0])
    state[:, 6] = np.interp(t, [2.5, 3.0], [1.0, at])
    action = state.copy()
    action[:, 6] = np.where(t > 2.4, 0.0, 1.0)
    return Take(state.astype(np.float32), action.astype(np.float32), t.astype(np.float32), ["take it"])


def said(rows: list[Annotation], slot: str, episode: int = 0) -> list[str]:
    return [row.value for row in rows if row.slot == slot and row.episode == episode]


def test_a_draft_has_the_columns_of_an_annotation(tmp_path: Path) -> None:
    # One episode closes fully, so that what the gripper reads closed is known.
    write(tmp_path / "set", [grasping(), grasping(0.0)])
    before = {path: path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()}
    assert main(["annotate", str(tmp_path / "set"), "--out", str(tmp_path / "draft")]) == 0
    assert {path: path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()} == before
    table = pq.read_table(tmp_path / "draft" / ANNOTATIONS)
    assert table.column_names == [field.name for field in fields(Annotation)]
    rows = read_annotations(tmp_path / "draft" / ANNOTATIONS)
    assert {row.source for row in rows} == {"motion"}
    assert {row.status for row in rows} == {"draft"}
    assert "left gripper closes on something" in said(rows, "gripper_state", 0)
    assert "left gripper closes on nothing" in said(rows, "gripper_state", 1)
    assert said(rows, "active_actor", 0)[0] == "left_arm"
    assert said(rows, "fine", 0)[0].startswith("The left arm moves to the object")
    labels = pq.read_table(tmp_path / "draft" / LABELS).to_pylist()
    assert {label["episode"] for label in labels} == {0, 1}
    assert json.loads((tmp_path / "draft" / RECORD).read_text())["annotator"] == "motion"


def test_two_processes_write_the_same(tmp_path: Path) -> None:
    write(tmp_path / "set", [grasping(0.1 * k) for k in range(6)])
    for jobs in ("1", "2"):
        assert main(["annotate", str(tmp_path / "set"), "--out", str(tmp_path / jobs), "--jobs", jobs]) == 0
    assert read_annotations(tmp_path / "1" / ANNOTATIONS) == read_annotations(tmp_path / "2" / ANNOTATIONS)


def test_a_broken_episode_costs_itself_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "set", [grasping(), grasping(0.0), take(1)])
    (root / "data/chunk-000/episode_000001.parquet").write_bytes(b"nothing of the kind")
    assert main(["annotate", str(root), "--out", str(tmp_path / "draft")]) == 1
    assert "left out: episode 1: " in capsys.readouterr().err
    assert {row.episode for row in read_annotations(tmp_path / "draft" / ANNOTATIONS)} == {0, 2}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--score"], "does not say what is true of its motions"),
        (["--show", "9"], "has episodes 0 to "),
        (["--episodes", "0"], "at least 1"),
        (["--map", "no such map"], "unknown field map"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    root = write(tmp_path / "set", [grasping()])
    assert main(["annotate", str(root), "--out", str(tmp_path / "draft"), *options]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert sentence in errors[0]
    assert not (tmp_path / "draft").exists()


def test_a_draft_that_exists_is_kept(tmp_path: Path) -> None:
    root = write(tmp_path / "set", [grasping()])
    (tmp_path / "draft").mkdir()
    assert main(["annotate", str(root), "--out", str(tmp_path / "draft")]) == 2
    assert list((tmp_path / "draft").iterdir()) == []


def test_columns_of_no_arm_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "set", [grasping()])
    info = json.loads((root / "meta/info.json").read_text())
    for key in ("observation.state", "action"):
        info["features"][key]["names"] = [f"tag_{k}" for k, _ in enumerate(JOINTS)]
    info["robot_type"] = "sundial"
    (root / "meta/info.json").write_text(json.dumps(info))
    assert main(["annotate", str(root), "--out", str(tmp_path / "draft")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_demonstrations_carry_the_truth_that_facts_are_scored_by() -> None:
    from finevla_tools.annotate.motion_facts import motion_facts
    from finevla_tools.annotate.trajectory import trajectory_of
    from finevla_tools.canonical.layout import DIM
    from finevla_tools.canonical.unified_values import Unified
    from finevla_tools.demonstrate import DemonstrationRequest, Performer

    made = Performer(DemonstrationRequest({"place_color": 1.0}, disturbed=False, pictures=False)).perform(3)
    assert made is not None
    episode = made[0]
    assert episode.truth is not None
    (closing,) = episode.truth["closings"]
    assert closing["held"]
    assert 0 < closing["begin_s"] < closing["end_s"] <= closing["lift_s"] < closing["opened_s"]
    state, mask = np.zeros((episode.steps, DIM)), np.zeros(DIM, bool)
    for ours, theirs in ((slice(0, 6), slice(0, 6)), (16, 6), (slice(29, 35), slice(7, 13)), (45, 13)):
        state[:, ours] = episode.states[:, theirs]
        mask[ours] = True
    facts = motion_facts(trajectory_of(Unified(state, state, mask, ~mask & mask), 0, np.arange(episode.steps) / 10))
    tally = Tally()
    compare(tally, episode.truth, facts, "")
    assert tally.counts["active_actor"] == [1, 1, 1]
    assert tally.counts["held or not"] == [1, 1, 1]
    false = dict(episode.truth, arm="right" if episode.truth["arm"] == "left" else "left")
    compare(tally, false, facts, "")
    assert tally.counts["active_actor"] == [2, 2, 1]
    assert tally.counts["event: gripper closes"][2] == 1  # the idle arm closed nothing


def test_score_needs_truth(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    row = {"episode_index": 4, "truth": {"arm": "left"}}
    (tmp_path / "meta/finevla_episodes.jsonl").write_text(
        json.dumps({"episode_index": 3}) + "\n" + json.dumps(row) + "\n"
    )
    assert set(Score.of(tmp_path).truth) == {4}


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real recording is not at {REAL}")
def test_a_real_recording_is_told_as_a_person_saw_it(tmp_path: Path) -> None:
    assert main(["annotate", str(REAL), "--out", str(tmp_path / "draft")]) == 0
    rows = read_annotations(tmp_path / "draft" / ANNOTATIONS)
    events = [(row.value, row.from_s, row.to_s) for row in rows if row.slot == "gripper_state"]
    assert [value for value, _, _ in events] == [
        "left gripper closes on something", "left gripper opens and lets go", "left gripper closes on nothing",
    ]  # fmt: skip
    for (_, from_s, to_s), true_s in zip(events, ((3.7, 4.0), (6.8, 7.1), (8.4, 8.9)), strict=True):
        assert (from_s, to_s) == pytest.approx(true_s, abs=0.15)
    phases = {row.value: row for row in rows if row.slot == "primitive_action"}
    assert phases["left arm: grasp"].from_s == pytest.approx(3.7, abs=0.15)
    assert max(row.to_s for row in phases.values()) == pytest.approx(10.0, abs=0.15)  # at rest
    assert set(said(rows, "active_actor")) == {"left_arm"}
    assert said(rows, "retry") == said(rows, "failure") == said(rows, "attempt_count") == []
    assert said(rows, "translation_direction")[0].startswith("to the right")


def test_what_is_not_what_it_seems_of_an_episode_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one_frame, fast, back, other = grasping(), grasping(), grasping(), grasping()
    one_frame = Take(one_frame.state[:1], one_frame.action[:1], one_frame.stamps[:1], ["take it"])
    fast.stamps = fast.stamps * np.float32(1e3)
    other.stamps = other.stamps * np.float32(2)
    back.stamps = back.stamps[::-1]
    root = write(tmp_path / "set", [grasping(0.0), one_frame, fast, back, other])
    assert main(["annotate", str(root), "--out", str(tmp_path / "draft")]) == 1
    said_of = capsys.readouterr()
    assert "3 episodes," in said_of.out
    assert "left out: episode 1: nothing is said of it" in said_of.err
    assert "episode_000002.parquet': its rows are 33.33 s apart" in said_of.err
    assert "they are in milliseconds: write the column in seconds" in said_of.err
    assert "in doubt: episode 4: its time stamps run at 15 frames a second, the data set says 30" in said_of.err
    assert "in doubt: episode 3: its time stamps do not rise" in said_of.err
    assert set(json.loads((tmp_path / "draft" / RECORD).read_text())["doubts"]) == {"3", "4"}


def test_a_file_with_the_rows_of_another_episode_is_not_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "set", [grasping(), grasping(0.0), take(1)])
    first, second = sorted(root.glob("data/**/*.parquet"))[:2]
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    assert main(["annotate", str(root), "--out", str(tmp_path / "draft")]) == 1
    assert (
        "has rows of episode 1 by its column 'episode_index', by its name it is of episode 0" in capsys.readouterr().err
    )
    assert {row.episode for row in read_annotations(tmp_path / "draft" / ANNOTATIONS)} == {2}


def test_a_set_without_episodes_has_none_to_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "set", [take(0)])
    next(root.glob("data/**/*.parquet")).unlink()
    (root / "meta/episodes.jsonl").write_text("")
    info = json.loads((root / "meta/info.json").read_text())
    (root / "meta/info.json").write_text(json.dumps(info | {"total_episodes": 0}))
    assert main(["annotate", str(root), "--show", "0"]) == 2
    assert f"--show 0: '{root}' has no episodes" in capsys.readouterr().err


def test_a_pointer_of_git_lfs_is_called_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "set", [grasping(), take(1)])
    sorted(root.glob("data/**/*.parquet"))[1].write_bytes(POINTER + b"v1\noid sha256:00\nsize 1\n")
    assert main(["annotate", str(root), "--out", str(tmp_path / "draft")]) == 1
    assert "is a pointer of Git LFS" in capsys.readouterr().err
