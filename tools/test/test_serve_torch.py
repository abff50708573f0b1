"""Promises of `finevla serve` with a bundle of weights: the chunks of the network itself, to a policy that has no torch."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")

from tiny_bundle import make_tiny_bundle
from torch_bundle import make_torch_bundle

from finevla_core.bundle import load_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_core.policy.remote_policy import RemotePolicy
from finevla_core.understanding import NotUnderstood
from finevla_models.torch_graphs import TorchGraphs
from finevla_tools.serve.served_bundle import host_bundle
from finevla_tools.serve.websocket_server import PolicyServer, ServerOptions

WORDS = Instruction("reach the [/red] cube with the left arm", id="7")


@pytest.fixture
def bundle(tmp_path: Path, robot: Embodiment) -> Path:
    return make_torch_bundle(tmp_path / "weights", robot)


def serve(bundle: Path, port: int = 0) -> PolicyServer:
    hosted = host_bundle(bundle, 1, 8)
    server = PolicyServer(hosted.session, hosted.metadata("test"), ServerOptions(port=port), lambda _: None)
    server.start()
    return server


@pytest.fixture
def server(bundle: Path) -> Iterator[PolicyServer]:
    running = serve(bundle)
    yield running
    running.close()


def remote(bundle: Path, robot: Embodiment, port: int) -> RemotePolicy:
    policy = load_policy(bundle, robot, server=f"ws://127.0.0.1:{port}")
    assert isinstance(policy, RemotePolicy)
    return policy


def until(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.02)


def observation(robot: Embodiment, k: int) -> Observation:
    rng, stamp_ns = np.random.default_rng(k), (k + 1) * 100_000_000
    images = rng.integers(0, 256, (3, robot.image_height, robot.image_width, 3), np.uint8)
    state = rng.uniform(0.1, 0.5, len(robot.names)).astype(np.float32)
    return Observation(stamp_ns, robot.camera_names, images, (stamp_ns,) * 3, state, stamp_ns)


def test_served_weights_answer_as_the_network_does_memory_and_all(
    server: PolicyServer, bundle: Path, robot: Embodiment
) -> None:
    loaded = load_bundle(bundle)
    here, there = BundlePolicy(loaded, robot, TorchGraphs(loaded, 1)), remote(bundle, robot, server.port)
    try:
        until(lambda: not there.waiting_text, "the server is not found")
        assert there.understand(WORDS) == here.understand(WORDS)
        encoded = here.encode(WORDS), there.encode(WORDS)
        for k in range(4):
            wanted, found = (
                here.predict(observation(robot, k), encoded[0]),
                there.predict(observation(robot, k), encoded[1]),
            )
            np.testing.assert_array_equal(found.actions, wanted.actions)
    finally:
        there.close()


def test_what_is_waited_for_is_said_and_a_server_that_comes_back_is_found(
    server: PolicyServer, bundle: Path, robot: Embodiment
) -> None:
    port = server.port
    policy = remote(bundle, robot, port)
    try:
        until(lambda: not policy.waiting_text, "the server is not found")
        server.close()
        until(lambda: "refuses connections" in policy.waiting_text, "nobody notices that the server has gone")
        with pytest.raises(NotUnderstood, match="cannot be asked what it understands"):
            policy.understand(WORDS)
        again = serve(bundle, port)
        try:
            until(lambda: not policy.waiting_text, "the server is not found again")
            assert policy.understand(WORDS).summary
        finally:
            again.close()
    finally:
        policy.close()


@pytest.mark.parametrize("other", ["weights", "graph"])
def test_server_of_another_bundle_is_refused_by_name(
    tmp_path: Path, bundle: Path, robot: Embodiment, other: str
) -> None:
    make = make_torch_bundle if other == "weights" else make_tiny_bundle
    server = serve(make(tmp_path / "another", robot))
    policy = remote(bundle, robot, server.port)
    try:
        with pytest.raises(FineVLAError, match="serves another bundle: its policy is 'another', not 'weights'"):
            policy.ready()
        until(lambda: "serves another bundle" in policy.waiting_text, "it is not said")
    finally:
        policy.close()
        server.close()


def test_graph_runs_in_serve_too_where_a_server_is_named(tmp_path: Path, robot: Embodiment) -> None:
    graph = make_tiny_bundle(tmp_path / "graph", robot, memory_gain=0.01)
    here, server = load_policy(graph, robot), serve(graph)
    there = remote(graph, robot, server.port)
    try:
        told = here.encode(WORDS), there.encode(WORDS)
        for k in range(3):
            wanted, found = here.predict(observation(robot, k), told[0]), there.predict(observation(robot, k), told[1])
            np.testing.assert_array_equal(found.actions, wanted.actions)
    finally:
        there.close()
        server.close()


def test_serving_weights_without_torch_is_one_sentence(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "finevla_models.torch_loading", None)
    with pytest.raises(FineVLAError, match="runtime 'torch' and .* is not installed here: run 'make train-setup'"):
        host_bundle(bundle, 1, 8)
