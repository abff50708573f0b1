"""Promises of the one rule of alignment: what a slow, plain search would choose, live and offline alike."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.alignment import IMAGE_POLICIES, NONE, POLICIES, choose
from finevla_core.assembler import Assembler
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import RawImage
from finevla_core.observation import Observation

MS = 1_000_000
T0 = 50_000 * MS


def slow(stamps: list[int], t: int, policy: str) -> tuple[int, int, float]:
    """The rule in words: nearest (the earlier of two as near), newest not after,
    first not before, or both neighbours with a weight."""
    best = (NONE, NONE, 0.0)
    before = [i for i, s in enumerate(stamps) if s <= t]
    after = [i for i, s in enumerate(stamps) if s >= t]
    newest = max(before, key=lambda i: (stamps[i], i), default=NONE)
    oldest = min(after, key=lambda i: (stamps[i], i), default=NONE)
    if policy == "next":
        best = (oldest, oldest, 0.0)
    elif policy == "previous":
        best = (newest, newest, 0.0)
    elif policy == "nearest":
        if newest == NONE or (oldest != NONE and stamps[oldest] - t < t - stamps[newest]):
            best = (oldest, oldest, 0.0)
        else:
            best = (newest, newest, 0.0)
    elif newest != NONE and oldest != NONE:
        if stamps[newest] == t:
            best = (newest, newest, 0.0)
        else:
            best = (newest, oldest, (t - stamps[newest]) / (stamps[oldest] - stamps[newest]))
    return best


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", range(30))
def test_choices_are_those_of_a_plain_search(policy: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    stamps = rng.choice(2000, size=rng.integers(0, 40), replace=False)
    if rng.random() < 0.5:
        stamps.sort()
    times = np.sort(rng.integers(-100, 2100, 60))
    chosen = choose(stamps.astype(np.int64), times, policy)
    for k, t in enumerate(times):
        assert (chosen.before[k], chosen.after[k], chosen.weight[k]) == slow(stamps.tolist(), int(t), policy)
        used = [stamps[i] for i in (chosen.before[k], chosen.after[k]) if i != NONE]
        assert chosen.skew_ns[k] == max((abs(int(s) - int(t)) for s in used), default=0)


@given(data=st.data(), images_by=st.sampled_from(IMAGE_POLICIES), states_by=st.sampled_from(POLICIES))
def test_live_observation_is_what_the_rule_chooses_from_a_bag(
    cobotmagic_file: Path, data: st.DataObject, images_by: str, states_by: str
) -> None:
    robot = dataclasses.replace(
        load_embodiment(cobotmagic_file), images_by=images_by, states_by=states_by, max_skew_s=1.0, max_age_s=1.0
    )
    assembler = Assembler(robot)
    stamps = {
        name: T0 + MS * np.cumsum(data.draw(st.lists(st.integers(1, 40), min_size=3, max_size=7)))
        for name in (*robot.camera_names, "joints")
    }
    for name in robot.camera_names:
        for k, stamp in enumerate(stamps[name].tolist()):
            assembler.add_image(name, stamp, lambda k=k: RawImage("rgb8", 8, 10, 30, bytes([k]) * 240))
    for k, stamp in enumerate(stamps["joints"].tolist()):
        assembler.add_state(stamp, robot.joints, [0.01 * k] * len(robot.joints))
    made = assembler.observe(T0 + 300 * MS)
    moment = np.array([min(stamps[name][-1] for name in robot.camera_names)])
    images = {name: choose(stamps[name], moment, images_by).before[0] for name in robot.camera_names}
    state = choose(stamps["joints"], moment, states_by)
    if NONE in (*images.values(), state.before[0]):
        assert not isinstance(made, Observation), "nothing is filled in"
        return
    assert isinstance(made, Observation)
    assert made.images[:, 0, 0, 0].tolist() == list(images.values())
    mixed = (1 - state.weight[0]) * state.before[0] + state.weight[0] * state.after[0]
    assert np.allclose(made.state[0], 0.01 * mixed, atol=1e-6)
    assert made.state_stamp_ns == (stamps["joints"][state.before[0]] if state.weight[0] == 0 else moment[0])


@pytest.mark.parametrize(("entry", "policy"), [("images_by", "linear"), ("states_by", "newest")])
def test_robot_file_with_another_policy_is_refused_by_name(
    cobotmagic_file: Path, tmp_path: Path, entry: str, policy: str
) -> None:
    raw = yaml.safe_load(cobotmagic_file.read_text())
    raw["observation"][entry] = policy
    file = tmp_path / "robot.yaml"
    file.write_text(yaml.safe_dump(raw))
    with pytest.raises(FineVLAError, match=f"observation.{entry}: .*'{policy}'"):
        load_embodiment(file)
