"""Promises of real-time chunking at run time: laid along stamps, delay as counted, only what the bridge accepted."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tiny_bundle import DT_S, HORIZON, make_tiny_bundle

from finevla_core.bundle import load_bundle, write_bundle
from finevla_core.chunk import JOININGS, ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.manifest import MANIFEST
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.bundle_policy import BundlePolicy, EncodedInstruction
from finevla_core.real_time_chunking import aligned, row_weights

DT_NS = round(DT_S * 1e9)


def ramp(stamp_ns: int = 0, horizon: int = 16, dt_s: float = 0.1, slope: float = 1.0) -> ActionChunk:
    """A chunk whose values are `slope` times the steps since its stamp."""
    rows = slope * np.arange(1.0, horizon + 1)[:, None]
    return ActionChunk(stamp_ns, "x", "r", ("a", "b"), dt_s, np.repeat(rows, 2, axis=1))


@pytest.mark.parametrize(("late_steps", "overlap"), [(0.0, 16), (1.0, 15), (2.5, 13), (15.0, 1), (15.5, 0), (40.0, 0)])
def test_rows_are_those_of_the_same_time_also_between_two(late_steps: float, overlap: int) -> None:
    rows, found = aligned(ramp(stamp_ns=7_000), 7_000 + round(late_steps * DT_NS))
    assert found == overlap
    wanted = np.minimum(late_steps + np.arange(1, 17), 16)  # then it stays where it ends
    np.testing.assert_allclose(rows, np.stack([wanted, wanted], axis=1), atol=1e-6)


@given(
    st.integers(0, 10**19),
    st.integers(0, 10**13),
    st.integers(1, 200),
    st.floats(1e-3, 5.0),
    st.integers(0, 2**32 - 1),
)
def test_no_stamps_and_no_delay_lead_out_of_the_chunk(
    stamp_ns: int, late_ns: int, horizon: int, dt_s: float, executed_steps: int
) -> None:
    running = ramp(stamp_ns, horizon, dt_s)
    rows, overlap = aligned(running, stamp_ns + late_ns)
    weights = row_weights(horizon, overlap, executed_steps)
    assert rows.shape == running.actions.shape
    assert 0 <= overlap <= horizon
    assert rows.min() >= running.actions.min()
    assert rows.max() <= running.actions.max()
    assert (np.diff(rows, axis=0) >= -1e-9).all(), "a chunk that rises is never read backwards"
    assert weights.shape == (horizon,)
    assert ((weights >= 0) & (weights <= 1)).all()
    assert (np.diff(weights) <= 0).all()
    assert not weights[overlap:].any(), "beyond the running chunk's end all is open"
    assert (weights[: min(executed_steps, overlap)] == 1).all(), "what was executed stands"


def test_weights_fall_evenly_between_what_was_executed_and_the_end() -> None:
    np.testing.assert_allclose(row_weights(8, 6, 2), [1, 1, 0.8, 0.6, 0.4, 0.2, 0, 0])
    assert not row_weights(8, 0, 5).any()


class Loop:
    """A policy of real-time chunking whose own idea is to stay, but for the first joint."""

    def __init__(self, policy: BundlePolicy) -> None:
        self.policy = policy
        self.encoded = policy.encode(Instruction("reach the cube"))

    def chunk(self, steps: float, state: float = 0.0, encoded: EncodedInstruction | None = None) -> ActionChunk:
        """The answer at the observation after so many of the chunk's steps."""
        robot, stamp = self.policy.embodiment, 5 * 10**9 + round(steps * DT_NS)
        images = np.zeros((len(robot.cameras), robot.image_height, robot.image_width, 3), np.uint8)
        values = np.full(len(robot.names), state, np.float32)
        seen = Observation(stamp, robot.camera_names, images, (stamp,) * len(robot.cameras), values, stamp)
        return self.policy.predict(seen, encoded or self.encoded)


@pytest.fixture
def loop(tmp_path: Path, robot: Embodiment) -> Loop:
    return Loop(load_policy(make_tiny_bundle(tmp_path / "rtc", robot, 3e38, continues=True, joining="rtc"), robot))


def firm(chunk: ActionChunk) -> np.ndarray:
    """How much of the running chunk, all 0, is in one whose own idea is 1."""
    return 1 - chunk.actions[:, 1]


def test_policy_continues_the_accepted_chunk_by_the_delay_that_was_counted(loop: Loop) -> None:
    first = loop.chunk(0.0)
    assert first.joining == "rtc"
    loop.policy.accepted(first.sequence, 3)
    second = loop.chunk(1.0, state=1.0)
    np.testing.assert_allclose(firm(second), row_weights(HORIZON, HORIZON - 1, 3), atol=1e-6)
    assert (firm(second)[:3] == 1).all()
    assert firm(second)[-1] == 0
    loop.policy.accepted(first.sequence, 1)  # no maximum: the newest count is the one that holds
    third = loop.chunk(2.0, state=1.0)
    np.testing.assert_allclose(firm(third), row_weights(HORIZON, HORIZON - 2, 1), atol=1e-6)


def test_refused_chunk_is_not_continued_the_one_before_is(loop: Loop) -> None:
    first = loop.chunk(0.0)
    loop.policy.accepted(first.sequence, 2)
    loop.chunk(1.0, state=5.0)  # refused, or lost: nobody said that it was accepted
    third = loop.chunk(2.0, state=1.0)
    np.testing.assert_allclose(firm(third), row_weights(HORIZON, HORIZON - 2, 2), atol=1e-6)
    loop.policy.accepted(third.sequence, 1, speed_scale=0.6)
    assert not firm(loop.chunk(2.5, state=1.0)).any(), "what was slowed down is elsewhere than its stamps say"
    loop.policy.accepted(0, 0)
    assert not firm(loop.chunk(3.0, state=1.0)).any(), "the bridge runs none of ours"
    loop.policy.accepted(999, 2)
    assert not firm(loop.chunk(4.0, state=1.0)).any(), "and none that we do not know"


def test_running_chunk_is_forgotten_as_the_memory_is(loop: Loop) -> None:
    def continued(steps: float, encoded: EncodedInstruction | None = None) -> bool:
        chunk = loop.chunk(steps, 1.0, encoded)
        loop.policy.accepted(accept(steps, encoded), 1)
        return bool(firm(chunk).any())

    def accept(steps: float, encoded: EncodedInstruction | None) -> int:
        return loop.chunk(steps, 0.0, encoded).sequence

    other = loop.policy.encode(Instruction("reach the ball"))
    assert [continued(s) for s in (0.0, 1.0, 1.5)] == [False, True, True]
    assert not continued(2.0, other), "other words"
    assert not continued(2.5), "and back"
    assert continued(2.5), "the same moment again"
    assert not continued(3.5 + HORIZON), "longer ago than a chunk lasts"
    assert not continued(3.0), "time went back"
    with pytest.raises(FineVLAError, match="not finite"):
        loop.chunk(3.5, state=3e38)  # and the first joint's 3e38 more: infinite
    assert not continued(4.0), "an answer was refused"


def test_warm_up_leaves_nothing_to_continue(loop: Loop) -> None:
    loop.policy.accepted(1, 2)
    assert not firm(loop.chunk(0.0, state=1.0)).any()


def test_bundle_that_takes_a_running_chunk_but_blends_gets_none(tmp_path: Path, robot: Embodiment) -> None:
    loop = Loop(load_policy(make_tiny_bundle(tmp_path / "blends", robot, 0.0, continues=True), robot))
    first = loop.chunk(0.0)
    loop.policy.accepted(first.sequence, 3)
    assert first.joining == "blend"
    assert not firm(loop.chunk(1.0, state=1.0)).any()


def test_manifest_says_how_chunks_are_joined(tmp_path: Path, robot: Embodiment) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny", robot)
    raw = yaml.safe_load((bundle / MANIFEST).read_text())
    for word in JOININGS:
        (bundle / MANIFEST).write_text(yaml.safe_dump(raw | {"joining": word}))
        assert load_bundle(bundle).manifest.joining == word
    del raw["joining"]
    (bundle / MANIFEST).write_text(yaml.safe_dump(raw))
    assert load_bundle(bundle).manifest.joining == "blend"
    for word, said in (("splice", "is 'splice'; known are blend, ensemble, rtc"), (7, "must be of type str, not 7")):
        (bundle / MANIFEST).write_text(yaml.safe_dump(raw | {"joining": word}))
        with pytest.raises(FineVLAError, match=f"entry 'joining' of manifest.yaml {said}"):
            load_bundle(bundle)


def test_network_that_cannot_be_continued_is_refused_for_rtc(tmp_path: Path, robot: Embodiment) -> None:
    with pytest.raises(FineVLAError, match="has not both inputs 'previous' and 'weights', which joining 'rtc' needs"):
        load_policy(make_tiny_bundle(tmp_path / "cannot", robot, joining="rtc"), robot)


def test_network_with_half_of_the_inputs_is_refused(tmp_path: Path, robot: Embodiment) -> None:
    bundle = make_tiny_bundle(tmp_path / "half", robot, continues=True)
    model, manifest = onnx.load(str(bundle / "policy.onnx")), load_bundle(bundle).manifest
    weights = model.graph.input.pop()
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((1, HORIZON), np.float32), weights.name))
    contents = {file: (bundle / file).read_bytes() for file in manifest.files}
    write_bundle(bundle, dataclasses.replace(manifest), contents | {"policy.onnx": model.SerializeToString()})
    with pytest.raises(FineVLAError, match="has not both inputs"):
        load_policy(bundle, robot)
