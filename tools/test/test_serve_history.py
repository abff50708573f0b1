"""Promises of `finevla serve` on what was said before: of the client's own episode, the same as in the node, or not sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_bundle import make_tiny_bundle

from finevla_core.bundle import write_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.instruction import Instruction
from finevla_core.instruction_history import with_history
from finevla_core.manifest import Manifest, RemoteServer
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.policy_interface import Policy
from finevla_core.policy_wire.connection import PolicyConnection
from finevla_core.policy_wire.msgpack_arrays import OPENPI
from finevla_core.understanding import NotUnderstood
from finevla_tools.serve.client_session import ClientSession
from finevla_tools.serve.served_bundle import HostedBundle, host_bundle
from finevla_tools.serve.websocket_server import PolicyServer, ServerOptions

PROMPT = {"parts": ["raw"], "template": "{history}now {}", "history": {"most": 2, "template": "before {}. "}}
CUBE, BALL = "reach the cube", "reach the ball"
AFTER = "before reach the cube. now reach the ball"


@pytest.fixture
def hosted(tmp_path: Path, robot: Embodiment) -> HostedBundle:
    bundle = make_tiny_bundle(tmp_path / "tiny", robot, text_gain=0.01, transforms=({"prompt": PROMPT},))
    return host_bundle(bundle, threads=1, batch=1)


@pytest.fixture
def session(hosted: HostedBundle) -> ClientSession:
    return hosted.session()


def prompt(session: ClientSession, text: str, **more: Any) -> str:
    """What the policy reads when a client of openpi says this."""
    images = dict.fromkeys(("cam_high", "cam_left_wrist", "cam_right_wrist"), np.zeros((3, 64, 64), np.uint8))
    frame = session.answer(OPENPI.encode({"images": images, "state": np.zeros(14, np.float32), "prompt": text} | more))
    assert isinstance(frame, bytes), frame
    made: str = session.policy.maker.prompt(session._encoded.instruction)  # type: ignore[attr-defined]
    return made


def reset(session: ClientSession) -> None:
    session.answer(OPENPI.encode({"type": "reset", "request_id": "r"}))


def test_words_of_an_episode_that_a_client_names_are_history_and_another_name_ends_it(session: ClientSession) -> None:
    assert prompt(session, CUBE, episode="one") == "now reach the cube"
    assert prompt(session, CUBE, episode="one") == "now reach the cube"
    assert prompt(session, BALL, episode="one") == AFTER
    assert prompt(session, "go up", episode="one") == "before reach the cube; reach the ball. now go up"
    assert prompt(session, BALL, episode="two") == "now reach the ball"


def test_words_after_a_reset_are_history_until_the_next(session: ClientSession) -> None:
    reset(session)
    prompt(session, CUBE)
    assert prompt(session, BALL) == AFTER
    reset(session)
    assert prompt(session, BALL) == "now reach the ball"


def test_new_words_begin_an_episode_where_a_client_says_nothing_of_episodes(session: ClientSession) -> None:
    prompt(session, CUBE)
    assert prompt(session, BALL) == "now reach the ball"


def test_what_is_refused_is_no_history_and_clients_have_their_own(hosted: HostedBundle) -> None:
    one, other = hosted.session(), hosted.session()
    for session in (one, other):
        prompt(session, CUBE, episode="one")
    with pytest.raises(AssertionError, match="what was said before in this episode counts, too, until a stop"):
        prompt(one, "go " * 70, episode="one")
    prompt(other, "go up", episode="one")
    assert prompt(one, BALL, episode="one") == AFTER
    prompt(one, "stop", episode="one")
    assert prompt(one, BALL, episode="one") == "now reach the ball"


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is sent to policy servers."""
    sent: list[Any] = []
    request = PolicyConnection.request

    def recorded(self: PolicyConnection, frame: bytes, timeout_s: float) -> bytes:
        sent.append(OPENPI.decode(frame, "a request"))
        return request(self, frame, timeout_s)

    monkeypatch.setattr(PolicyConnection, "request", recorded)
    return sent


@pytest.fixture
def far(hosted: HostedBundle, tmp_path: Path, robot: Embodiment) -> Iterator[Policy]:
    yield from served(hosted, tmp_path, robot)


def served(hosted: HostedBundle, folder: Path, robot: Embodiment) -> Iterator[Policy]:
    server = PolicyServer(hosted.session, hosted.metadata("test"), ServerOptions(port=0), lambda _: None)
    server.start()
    m = hosted.manifest
    remote = RemoteServer(f"ws://127.0.0.1:{server.port}", timeout_s=30.0)
    manifest = Manifest(
        "far", m.embodiment, m.cameras, m.images, m.values, m.horizon, m.dt_s, {}, runtime="remote", remote=remote
    )
    policy = load_policy(write_bundle(folder / "far", manifest, {"card.md": b"# Far\n"}).path, robot)
    yield policy
    policy.close()
    server.close()


def chunk(policy: Policy, robot: Embodiment, instruction: Instruction) -> np.ndarray[Any, Any]:
    images = np.zeros((3, 192, 192, 3), np.uint8)
    observation = Observation(1, robot.camera_names, images, (1,) * 3, np.zeros(14, np.float32), 1)
    return policy.predict(observation, policy.encode(instruction)).actions


def test_the_nodes_history_reaches_its_server_and_answers_are_as_in_its_own_process(
    hosted: HostedBundle, far: Policy, robot: Embodiment, frames: list[Any]
) -> None:
    near = load_policy(hosted.bundle.path, robot)
    told = with_history(Instruction(BALL), [Instruction("go up"), Instruction("go down"), Instruction(CUBE)])
    np.testing.assert_array_equal(chunk(far, robot, told), chunk(near, robot, told))
    assert (chunk(far, robot, Instruction(BALL)) != chunk(far, robot, told)).any()
    assert [one["raw"] for one in frames[0]["payload"]["instruction"]["history"]] == ["go down", CUBE]
    assert "history" not in frames[1]["payload"]["instruction"]
    long = with_history(Instruction(BALL), [Instruction("go " * 60)])
    with pytest.raises(NotUnderstood, match="until a stop"):
        far.understand(long)  # type: ignore[attr-defined]


def test_nothing_is_sent_to_a_server_whose_policy_reads_no_history(
    tmp_path: Path, robot: Embodiment, frames: list[Any]
) -> None:
    hosted = host_bundle(make_tiny_bundle(tmp_path / "plain", robot), threads=1, batch=1)
    assert b"history" not in hosted.metadata("test")
    for far in served(hosted, tmp_path, robot):
        chunk(far, robot, with_history(Instruction(BALL), [Instruction(CUBE)]))
    assert "history" not in frames[0]["payload"]["instruction"]
