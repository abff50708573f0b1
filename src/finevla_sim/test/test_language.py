"""Promises of the sentences: true, unambiguous, with words kept for tests, and what they say told slot by slot."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_sim import synthetic_motions, tasks
from finevla_sim.language import (
    ARM_APART,
    ARM_FIRST,
    ARM_LAST,
    CLEAN,
    COLOR,
    FROM,
    GRASP,
    HOW,
    INTO,
    PATH,
    PICK,
    PUT,
    REACH,
    SHAPE,
    SIZE,
    TURN,
    WAY,
    factors_of,
    how_of,
    phrasings,
    say,
)
from finevla_sim.scene import Bowl, Scene, SceneObject
from finevla_sim.sentence_grammar import HELD_OUT, alternatives, expand
from finevla_sim.tasks import APPROACHES, GRASPS, PATHS, TURNS, Goal

BOWLS = (Bowl("left_bowl", (0.4, 0.25)), Bowl("right_bowl", (0.4, -0.25)))
SCENE = Scene(
    1,
    "reach",
    (
        SceneObject("cube", "red", 0.04, (0.45, 0.1)),
        SceneObject("ball", "red", 0.04, (0.45, -0.1)),
        SceneObject("brick", "blue", 0.04, (0.5, 0.0)),
        SceneObject("brick", "green", 0.03, (0.4, 0.0), size="small"),
        SceneObject("brick", "green", 0.045, (0.4, 0.1), size="big"),
    ),
    BOWLS,
    (0.0,) * 14,
)
NAMES = [o.name for o in SCENE.objects]
goals = st.builds(
    Goal,
    task=st.sampled_from(["reach", "pick", "place_color", "detour", "stack"]),
    arm=st.sampled_from(["left", "right"]),
    target=st.sampled_from(NAMES),
    approach=st.sampled_from(APPROACHES),
    grasp=st.sampled_from(("", *GRASPS)),
    path=st.sampled_from(("", *PATHS)),
    place=st.sampled_from(["left_bowl", "right_bowl"]),
).map(lambda g: Goal(**{**g.__dict__, "place": "blue_brick" if g.task == "stack" else g.place}))
knobs = st.builds(
    Goal,
    task=st.just("turn"),
    arm=st.sampled_from(["left", "right"]),
    target=st.just("red_cube"),
    approach=st.sampled_from(APPROACHES),
    turn=st.sampled_from(TURNS),
)
splits = st.sampled_from(["train", "test"])
seeds = st.integers(0, 10_000)


@settings(max_examples=300)
@given(goals | knobs, seeds, st.sets(st.sampled_from(HOW)), splits)
def test_a_sentence_says_what_was_asked_for_and_nothing_false(goal: Goal, seed: int, how: set[str], split: str) -> None:
    said = say(goal, SCENE, np.random.default_rng(seed), how, split)
    text, other = said.text.lower(), {"left": "right", "right": "left"}
    for word in ("arm", "gripper", "manipulator", "robot"):
        assert f"{other[goal.arm]} {word}" not in text
    for name in how_of(goal):
        assert said.slots[name] == (getattr(goal, name) if name in how else "")
    if "arm" in how:
        assert goal.arm in text
    if goal.turn:
        assert said.slots["turn"] == goal.turn
    item = SCENE.object(goal.target)
    below = {SCENE.object(goal.place).color} if goal.task == "stack" else set()
    assert not {c for c in ("red", "blue", "green") if c in re.findall(r"\w+", text)} - {item.color} - below
    if goal.task in ("place_color", "detour"):
        assert any(f"{goal.place.removesuffix('_bowl')}{end}" in text for end in (" ", "-", "", "."))


@settings(max_examples=200)
@given(goals, seeds, splits)
def test_the_name_in_a_sentence_fits_one_object_only(goal: Goal, seed: int, split: str) -> None:
    slots = say(goal, SCENE, np.random.default_rng(seed), (), split).slots
    named = {slot: slots[slot] for slot in ("color", "shape", "size") if slots[slot]}
    fits = [o.name for o in SCENE.objects if all(getattr(o, slot) == word for slot, word in named.items())]
    assert fits == [goal.target]


@given(goals, seeds)
def test_raw_says_what_and_fine_says_how_too(goal: Goal, seed: int) -> None:
    said = phrasings(goal, SCENE, np.random.default_rng(seed), 3, "train")
    for raw in said["raw"]:
        assert not any(raw.slots[name] for name in HOW)
    for fine in said["fine"]:
        assert any(fine.slots[name] for name in HOW)


@given(goals, seeds, splits)
def test_another_side_to_come_from_changes_the_words_about_it_only(goal: Goal, seed: int, split: str) -> None:
    left, right = (
        say(replace(goal, approach=side), SCENE, np.random.default_rng(seed), how_of(goal), split).text
        for side in ("left", "right")
    )
    assert left != right
    assert len(left.split()) == len(right.split())
    changed = [pair for pair in zip(left.lower().split(), right.lower().split(), strict=True) if pair[0] != pair[1]]
    assert len(changed) == 1


@given(goals)
def test_factors_are_the_goals(goal: Goal) -> None:
    factors = factors_of(goal, SCENE)
    assert factors.active_actor == f"{goal.arm}_arm"
    assert factors.approach_direction == goal.approach
    assert (factors.contact_region is None) == (not goal.grasp)
    if goal.place in ("left_bowl", "right_bowl"):
        assert factors.final_workspace_location == goal.place.replace("_", " ")


PATTERNS = [ARM_LAST, ARM_FIRST, ARM_APART, REACH, PICK, PUT, TURN, INTO, CLEAN]
for words in (SIZE, FROM, GRASP, PATH, WAY, SHAPE, COLOR):
    PATTERNS += words.values()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_keeps_some_phrasings_for_tests(pattern: str) -> None:
    train, test = set(alternatives(pattern, "train")), set(alternatives(pattern, "test"))
    assert train < test
    assert not any(HELD_OUT in text or "(" in text for text in test)


@given(seeds)
def test_training_never_draws_a_held_out_phrasing(seed: int) -> None:
    assert expand(REACH, np.random.default_rng(seed), "train") in alternatives(REACH, "train")


@pytest.mark.slow
def test_motions_come_back_from_disk_with_pictures_where_things_are(tmp_path: Path) -> None:
    made, tried = synthetic_motions.write_motions(tmp_path / "drills_0.npz", 5, 3, {"pick": 0.5, "clean": 0.5}, 2)
    shard = next(synthetic_motions.load_motions(tmp_path))
    assert made <= tried == 6
    assert len(shard["goals"]) == made
    plans = len(shard["goal"])
    assert len(shard["starts"]) == plans + 1 > made
    assert shard["images"].shape == (2 * plans, 3, 192, 192, 3)
    assert (np.diff(shard["rows"].reshape(-1, 2)) >= 0).all(), "the earlier one first"
    assert len(shard["states"]) == len(shard["where"]) == shard["starts"][-1]
    for rows, places in zip(shard["rows"], shard["places"], strict=True):
        gaps = np.linalg.norm(places - shard["where"][rows, :3], axis=1)
        assert np.nanmin(gaps) < 1e-6, "the target is among the things in the picture"
    assert set(shard["goals"][0]) >= {"task", "arm", "raw", "fine"}


def test_missing_shards_and_unknown_tasks_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FineVLAError, match="no drills_.* in .*; make some with 'finevla synthesize"):
        next(synthetic_motions.load_motions(tmp_path))
    with pytest.raises(FineVLAError, match="unknown task 'fly'"):
        tasks.mixture("reach:1,fly:2")
    for text in ("reach:-1,pick", "reach:0", "reach:nan", "reach:inf"):
        with pytest.raises(FineVLAError, match="must be positive numbers"):
            tasks.mixture(text)
    with pytest.raises(FineVLAError, match="'much' is not a number"):
        tasks.mixture("reach:much")
