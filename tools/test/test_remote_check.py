"""Promises of the doctor about a policy server: it is asked once, and what does not fit is one sentence."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_bundles import EXAMPLES
from recording_server import STARVLA_METADATA, RecordingServer
from tiny_bundle import make_tiny_bundle

from finevla_core.bundle import load_bundle
from finevla_core.embodiment import HOME, Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.remote_policy import RemotePolicy
from finevla_core.policy_wire.msgpack_arrays import OPENPI
from finevla_tools.remote_check import ask_server
from finevla_tools.serve.client_requests import metadata_frame
from finevla_tools.serve.served_bundle import host_bundle
from finevla_tools.serve.websocket_server import PolicyServer, ServerOptions


def looked_at(robot: Embodiment, url: str, bundle: Path = EXAMPLES / "pi0_aloha") -> str:
    policy = load_policy(bundle, robot, server=url)
    assert isinstance(policy, RemotePolicy)
    policy.server = replace(policy.server, timeout_s=30.0)  # however busy this machine is
    try:
        return ask_server(policy, robot)
    finally:
        policy.close()


def test_a_good_server_is_told_with_its_rows_its_time_and_its_first_row(robot: Embodiment) -> None:
    home = robot.moved(np.zeros(14), HOME)

    def answer(_: dict[str, Any]) -> dict[str, Any]:
        rows = np.tile(home, (50, 1))
        rows[0, 8] += 0.31
        return {"actions": rows, "server_timing": {"infer_ms": 83.0}}

    with RecordingServer({}, answer) as server:
        said = looked_at(robot, server.url)
    assert "which speaks openpi's dialect and answers 50 rows of 14 values" in said
    assert "83 ms of them its own" in said
    assert "leaves right_joint2 most, by 0.31" in said
    (asked,) = server.asked
    assert not asked["images"]["cam_high"].any()
    np.testing.assert_allclose(asked["state"], home, atol=1e-6)


def test_another_length_of_chunk_is_named_with_what_the_manifest_says(robot: Embodiment) -> None:
    with (
        RecordingServer({}, lambda _: {"actions": np.zeros((10, 14))}) as server,
        pytest.raises(FineVLAError, match=r"answers \(10, 14\) where its manifest says \(50, 14\)"),
    ):
        looked_at(robot, server.url)


def test_another_protocols_server_is_named_at_the_handshake(robot: Embodiment) -> None:
    with (
        RecordingServer(STARVLA_METADATA, lambda _: {}) as server,
        pytest.raises(FineVLAError, match="this is a starVLA server, and the policy is set up for openpi"),
    ):
        looked_at(robot, server.url)


def test_a_server_that_is_not_there_is_named(robot: Embodiment) -> None:
    with RecordingServer({}, lambda _: {}) as server:
        url = server.url
    with pytest.raises(FineVLAError, match=f"policy server {url} refuses connections"):
        looked_at(robot, url)


def test_finevla_serve_is_compared_and_not_asked_to_move(robot: Embodiment, tmp_path: Path) -> None:
    hosted = host_bundle(make_tiny_bundle(tmp_path / "tiny", robot), threads=1, batch=1)
    server = PolicyServer(hosted.session, hosted.metadata("9.9"), ServerOptions(port=0), lambda _: None)
    server.start()
    try:
        with pytest.raises(FineVLAError, match=r"dt_s 0.1, the bundle 0.02: they do not belong together"):
            looked_at(robot, f"ws://127.0.0.1:{server.port}")
    finally:
        server.close()


def test_the_served_policy_is_known_by_what_its_server_says_of_it(robot: Embodiment) -> None:
    tabletop = load_bundle(EXAMPLES.parent / "tabletop").manifest
    metadata = OPENPI.decode(metadata_frame(tabletop, "test"), "metadata")
    with RecordingServer(metadata, lambda _: {}) as server:
        said = looked_at(robot, server.url, EXAMPLES / "tabletop_served")
    assert said == f"runs on policy server {server.url}, which speaks finevla's dialect: robot, values and rate agree"
    assert not server.asked
    served = load_bundle(EXAMPLES / "tabletop_served").manifest
    for entry in ("cameras", "images", "values", "horizon", "dt_s", "joining"):
        assert getattr(served, entry) == getattr(tabletop, entry), entry
