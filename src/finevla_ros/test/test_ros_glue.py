"""Promises of the ROS glue: messages keep what they carry, parameters are checked at the door."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finevla_core.chunk import ActionChunk
from finevla_core.errors import FineVLAError
from finevla_core.instruction import ACTORS, APPROACHES, Factors, Instruction
from finevla_core.observation import Observation
from finevla_interfaces import msg
from finevla_ros.messages import (
    chunk_from_msg,
    chunk_to_msg,
    instruction_from_msg,
    instruction_to_msg,
    observation_from_msg,
    observation_to_msg,
    to_ns,
    to_stamp,
)
from finevla_ros.params import declare, param

signs = st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t", exclude_characters="\ufffd")
texts = st.text(signs, min_size=1, max_size=20).filter(str.strip)
plain = {f.name: st.none() | texts for f in fields(Factors) if f.name != "action_sequence"}
factors = st.builds(
    Factors,
    **(
        plain
        | {
            "action_sequence": st.lists(texts, max_size=4).map(tuple),
            "active_actor": st.none() | st.sampled_from(ACTORS),
            "approach_direction": st.none() | st.sampled_from(APPROACHES),
        }
    ),
)


@settings(max_examples=50, deadline=None)
@given(texts, st.just("") | texts, factors, texts.filter(str.isprintable), st.integers(0, 2**31 * 10**9 - 1))
def test_instructions_survive_the_wire(raw: str, fine: str, said: Factors, identity: str, stamp_ns: int) -> None:
    instruction = Instruction(raw, fine, said, identity, stamp_ns)
    assert instruction_from_msg(instruction_to_msg(instruction)) == instruction


def test_understanding_travels_and_is_ignored_on_a_request() -> None:
    message = instruction_to_msg(Instruction("go", id="1"), "move, left arm")
    assert message.understood == "move, left arm"
    assert instruction_from_msg(message) == Instruction("go", id="1")


@pytest.mark.parametrize("given_empty", ["", " ", "\n"])
@pytest.mark.parametrize("slot", ["active_actor", "target_color", "action_sequence"])
def test_factor_that_is_given_but_empty_is_refused_by_name(slot: str, given_empty: str) -> None:
    with pytest.raises(FineVLAError, match=f"factor '{slot}' is given but empty"):
        instruction_from_msg(msg.Instruction(raw="go", factors=msg.Factors(**{slot: [given_empty]})))


@given(st.integers(0, 2**31 * 10**9 - 1))
def test_stamps_survive_the_wire(stamp_ns: int) -> None:
    assert to_ns(to_stamp(stamp_ns)) == stamp_ns


def test_observations_and_chunks_survive_the_wire() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 4, 6, 3)).astype(np.uint8)
    seen = Observation(7, ("a", "b"), images, (7, 9), rng.normal(size=3).astype(np.float32), 8, 5)
    back = observation_from_msg(observation_to_msg(seen, "robot", "base", ("x", "y", "z")))
    assert (back.images == images).all()
    assert (back.state == seen.state).all()
    assert (back.stamp_ns, back.image_stamps_ns, back.state_stamp_ns, back.sequence) == (7, (7, 9), 8, 5)
    actions = rng.normal(size=(4, 2))
    chunk = ActionChunk(7, "id", "robot", ("x", "y"), 0.1, actions, "policy", "/policy", 5, "rtc", 3, 0.01)
    returned = chunk_from_msg(chunk_to_msg(chunk, "base"))
    assert (returned.actions == chunk.actions).all()
    assert (returned.names, returned.dt_s, returned.sequence) == (("x", "y"), 0.1, 3)
    assert (returned.client, returned.epoch, returned.joining) == ("/policy", 5, "rtc")


def test_message_whose_sizes_do_not_fit_is_refused_or_empty() -> None:
    chunk = chunk_to_msg(ActionChunk(7, "id", "robot", ("x", "y"), 0.1, np.zeros((4, 2))), "base")
    chunk.horizon = 9
    assert chunk_from_msg(chunk).actions.size == 0
    message = observation_to_msg(
        Observation(7, ("a",), np.zeros((1, 4, 6, 3), np.uint8), (7,), np.zeros(1, np.float32), 7), "r", "b", ("x",)
    )
    message.height = 5
    with pytest.raises(FineVLAError):
        observation_from_msg(message)


def test_parameters_are_described_and_checked(ros_domain: str) -> None:
    del ros_domain
    import rclpy

    @dataclass(frozen=True)
    class Parameters:
        rate_hz: float = param(10.0, "how often", 1.0, 60.0)
        name: str = param("x", "who")

    context = rclpy.Context()
    rclpy.init(args=["--ros-args", "-p", "name:=me"], context=context)
    try:
        node = rclpy.create_node("parameters", context=context)
        assert declare(node, Parameters) == Parameters(10.0, "me")
        clock = node.set_parameters([rclpy.parameter.Parameter("use_sim_time", value=True)])[0]
        assert not clock.successful
        assert "started" in clock.reason  # whoever sets a safety node's clock takes its time away
        assert node.describe_parameter("rate_hz").description == "how often"
        bad = rclpy.create_node(
            "bad", context=context, cli_args=["--ros-args", "-p", "rate_hz:=500.0"], use_global_arguments=False
        )
        with pytest.raises(FineVLAError, match=r"'rate_hz'.* between 1\.0 and 60\.0"):
            declare(bad, Parameters)
    finally:
        rclpy.try_shutdown(context=context)


def test_unknown_robot_is_named_with_the_known_ones() -> None:
    from finevla_ros.share_paths import bundle_directory, robot_file

    assert robot_file("cobotmagic").is_file()
    with pytest.raises(FineVLAError, match="one of: .*cobotmagic"):
        robot_file("r2d2")
    with pytest.raises(FineVLAError, match="bundle 'nothing'"):
        bundle_directory("nothing")
    assert robot_file(str(Path(__file__).parents[3] / "config/robots/cobotmagic.yaml")).is_file()


def test_example_bundles_are_found_by_name_and_a_path_goes_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finevla_ros import share_paths

    share = Path(__file__).parents[3]
    monkeypatch.setattr(share_paths, "share", lambda: share)
    monkeypatch.chdir(tmp_path)
    assert share_paths.bundle_directory("examples/pi0_aloha") == share / "models/examples/pi0_aloha"
    (tmp_path / "examples/pi0_aloha").mkdir(parents=True)
    assert share_paths.bundle_directory("examples/pi0_aloha") == Path("examples/pi0_aloha")
    with pytest.raises(FineVLAError, match=r"one of: examples/finevla_fork, examples/pi05_aloha, .*tabletop"):
        share_paths.bundle_directory("examples/pi1_aloha")
    with pytest.raises(FineVLAError, match="is not at"):
        share_paths.bundle_directory("examples/../tabletop")
