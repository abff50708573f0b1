"""Promises of the sentences: true, unambiguous, with words kept for tests, and demonstrations that survive the disk."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_sim import demos
from finevla_sim.language import ARM, FROM, REACH, factors_of, phrasings, sentence
from finevla_sim.scene import Bowl, Scene, SceneObject
from finevla_sim.shards import load_shards, make_shards, save_shard
from finevla_sim.tasks import APPROACHES, Goal

SCENE = Scene(
    1,
    "reach",
    (
        SceneObject("cube", "red", 0.04, (0.45, 0.1)),
        SceneObject("ball", "red", 0.04, (0.45, -0.1)),
        SceneObject("brick", "blue", 0.04, (0.5, 0.0)),
    ),
    (Bowl("left_bowl", (0.4, 0.25)), Bowl("right_bowl", (0.4, -0.25))),
    (0.0,) * 14,
)
goals = st.builds(
    Goal,
    task=st.sampled_from(["reach", "pick", "put"]),
    arm=st.sampled_from(["left", "right"]),
    target=st.sampled_from([o.name for o in SCENE.objects]),
    approach=st.sampled_from(APPROACHES),
    bowl=st.sampled_from(["left_bowl", "right_bowl"]),
)


@given(goals, st.integers(0, 10_000), st.booleans(), st.booleans(), st.sampled_from(["train", "test"]))
def test_sentence_says_what_was_asked_for_and_nothing_false(
    goal: Goal, seed: int, arm: bool, approach: bool, split: str
) -> None:
    text = sentence(goal, SCENE, np.random.default_rng(seed), arm=arm, approach=approach, split=split).lower()
    other = {"left": "right", "right": "left"}[goal.arm]
    for word in ("arm", "gripper", "hand to"):
        assert f"{other} {word}" not in text
    if arm:
        assert goal.arm in text
    item = SCENE.object(goal.target)
    assert not any(c in text for c in ("red", "blue") if c != item.color)
    if item.color == "red":  # two red objects: the shape must be named
        assert any(w in text for w in ("cube", "block", "box", "ball", "sphere"))
    if goal.task == "put":
        assert "bowl" in text
        assert goal.bowl.removesuffix("_bowl") in text


@given(goals, st.integers(0, 1000))
def test_a_motion_that_is_not_the_default_is_said(goal: Goal, seed: int) -> None:
    for _, text in phrasings(goal, SCENE, np.random.default_rng(seed), 4, "train"):
        if goal.approach != "top":
            side = {"front": ("front", "far")}.get(goal.approach, (goal.approach,))
            assert any(s in text.lower() for s in side)


@given(goals)
def test_factors_are_the_goals(goal: Goal) -> None:
    factors = factors_of(goal, SCENE)
    assert factors.active_actor == f"{goal.arm}_arm"
    assert factors.approach_direction == goal.approach
    assert f"{factors.target_color}_{factors.target_shape_or_size}" == goal.target


def test_some_phrasings_are_kept_for_tests() -> None:
    for words in (ARM, REACH, *FROM.values()):
        assert not set(words.train) & set(words.test)


@pytest.mark.slow
def test_demonstrations_come_back_from_disk(tmp_path: Path) -> None:
    assert demos.write_demos(tmp_path / "demos_0.npz", 5, 2, {"reach": 1.0}, 3)[0] == 2
    shard = next(demos.load_demos(tmp_path))
    assert shard["images"].shape == (6, 3, 96, 96, 3)
    assert shard["chunks"].shape == (6, 16, 14)
    assert len(shard["episodes"]) == 2
    assert shard["episodes"][0]["texts"]


def write_list(path: Path, content: int) -> tuple[int, int]:
    save_shard(path, {"x": np.arange(3)}, things=[{"content": content}])
    return 1, 1


def test_a_second_run_makes_only_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / "new" / f"things_{i}.npz" for i in range(3)]
    assert make_shards(paths, [(i,) for i in range(3)], write_list, "things", 1) == 0
    paths[1].unlink()
    before = paths[0].stat().st_mtime_ns
    assert make_shards(paths, [(i + 10,) for i in range(3)], write_list, "things", 1) == 0
    assert "1/1 shards" in capsys.readouterr().out
    assert paths[0].stat().st_mtime_ns == before
    assert [s["things"][0]["content"] for s in load_shards(paths[0].parent, "things", "things")] == [0, 11, 2]
    assert sorted(paths[0].parent.iterdir()) == paths, "nothing half-written is left"


def test_missing_demonstrations_and_unknown_tasks_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FineVLAError, match="no demos in .*; make some with 'finevla demos"):
        next(demos.load_demos(tmp_path))
    with pytest.raises(FineVLAError, match="unknown task 'fly'"):
        demos._mixture("reach:1,fly:2")
