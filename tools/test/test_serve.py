"""`finevla serve`: what clients of three dialects get, that they are kept apart, and what is refused."""

import json
import socket
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_bundle import make_tiny_bundle
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from finevla_core.bundle import load_bundle, write_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Factors, Instruction
from finevla_core.manifest import Manifest, RemoteServer
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.policy_interface import Policy
from finevla_core.policy_wire.msgpack_arrays import OPENPI
from finevla_core.understanding import NotUnderstood, TargetAbsent
from finevla_tools.cli import main
from finevla_tools.serve.batching import BatchedGraphs
from finevla_tools.serve.command import is_loopback
from finevla_tools.serve.served_bundle import host_bundle
from finevla_tools.serve.websocket_server import PolicyServer, ServerOptions

WAIT_S = 30.0


class Served:
    """A server of a bundle on a free port of this machine."""

    def __init__(self, bundle: Path, token: str = "", max_clients: int = 32) -> None:
        self.hosted = host_bundle(bundle, 1, 8)
        self.told: list[str] = []
        options = ServerOptions(port=0, token=token, max_clients=max_clients)
        self.server = PolicyServer(self.hosted.session, self.hosted.metadata("test"), options, self.told.append)
        self.server.start()
        self.url = f"ws://127.0.0.1:{self.server.port}"

    def client(self, **options: Any) -> ClientConnection:
        return connect(self.url, compression=None, max_size=None, **options)


@pytest.fixture
def bundle(tmp_path: Path, robot: Embodiment) -> Path:
    return make_tiny_bundle(tmp_path / "tiny", robot, drift=0.1, memory_gain=1.0, text_gain=0.01)


@pytest.fixture
def served(bundle: Path) -> Iterator[Served]:
    running = Served(bundle)
    yield running
    running.server.close()


def ask(client: ClientConnection, request: Mapping[str, Any]) -> Any:
    client.send(OPENPI.encode(request))
    answer = client.recv(timeout=WAIT_S)
    return answer if isinstance(answer, str) else OPENPI.decode(answer, "the answer")


def aloha(state: float = 0.0, prompt: str = "reach the cube", **more: Any) -> dict[str, Any]:
    picture = np.full((3, 224, 224), 7, np.uint8)
    images = dict.fromkeys(("cam_high", "cam_left_wrist", "cam_right_wrist"), picture)
    return {"images": images, "state": np.full(14, state, np.float32), "prompt": prompt} | more


def starvla(state: float = 0.0, prompt: str = "reach the cube", **more: Any) -> dict[str, Any]:
    example = {
        "image": [np.zeros((96, 128, 3), np.uint8)] * 3,
        "lang": prompt,
        "state": np.full((1, 14), state, np.float32),
    }
    return {"type": "infer", "request_id": "7", "payload": {"examples": [example], "unnorm_key": "cobotmagic"} | more}


def test_first_frame_is_what_every_client_reads(served: Served) -> None:
    with served.client() as client:
        said = OPENPI.decode(bytes(client.recv(timeout=WAIT_S)), "the first frame")
    assert said["env"] == "starvla_policy_server"
    assert said["available_unnorm_keys"] == ["cobotmagic"]
    assert said["action_chunk_size"] == said["finevla"]["horizon"] == 16
    assert said["finevla"]["values"][6] == "left_gripper"
    assert said["finevla"]["units"] == "rad; grippers 0 closed to 1 open"


def test_client_of_openpi_gets_the_nodes_chunk_and_the_times(served: Served, bundle: Path, robot: Embodiment) -> None:
    policy = load_policy(bundle, robot)
    images = np.full((3, 192, 192, 3), 7, np.uint8)
    wanted = policy.predict(
        Observation(1, robot.camera_names, images, (1,) * 3, np.full(14, 0.2, np.float32), 1),
        policy.encode(Instruction("reach the cube")),
    )
    with served.client() as client:
        client.recv(timeout=WAIT_S)
        first = ask(client, aloha(0.2))
        second = ask(client, aloha(0.2))
    np.testing.assert_array_equal(first["actions"], wanted.actions)
    assert first["server_timing"]["infer_ms"] > 0
    assert "prev_total_ms" not in first["server_timing"]
    assert second["server_timing"]["prev_total_ms"] > 0
    assert (second["actions"] != first["actions"]).any(), "it has a memory, and remembers"


def test_client_of_starvla_gets_its_envelope(served: Served) -> None:
    with served.client() as client:
        client.recv(timeout=WAIT_S)
        answer = ask(client, starvla())
        assert (answer["status"], answer["ok"], answer["type"], answer["request_id"]) == (
            "ok",
            True,
            "inference_result",
            "7",
        )
        assert answer["data"]["actions"].shape == (1, 16, 14)
        assert ask(client, {"type": "ping", "request_id": "p"}) == {
            "status": "ok",
            "ok": True,
            "type": "ping",
            "request_id": "p",
        }


@pytest.mark.parametrize(
    "begin",
    [
        lambda client: ask(client, {"type": "reset", "request_id": "r"}),
        lambda client: ask(client, aloha(prompt="reach the ball")),
        lambda client: ask(client, aloha(episode="two")),
    ],
)
def test_memory_begins_anew_with_a_reset_other_words_or_another_episode(served: Served, begin: Any) -> None:
    with served.client() as client:
        client.recv(timeout=WAIT_S)
        first, later = ask(client, aloha()), ask(client, aloha())
        begin(client)
        again = ask(client, aloha())
    assert (later["actions"] != first["actions"]).any()
    np.testing.assert_array_equal(again["actions"], first["actions"])


def test_clients_do_not_share_a_memory(served: Served) -> None:
    with served.client() as one, served.client() as other:
        for client in (one, other):
            client.recv(timeout=WAIT_S)
        first = ask(one, aloha())
        ask(one, aloha())
        np.testing.assert_array_equal(ask(other, aloha())["actions"], first["actions"])


def test_eight_clients_at_once_get_their_own_answers(served: Served) -> None:
    wrong: list[str] = []

    def drive(number: int) -> None:
        with served.client() as client:
            client.recv(timeout=WAIT_S)
            base = ask(client, aloha(number / 10, episode=f"{number}"))["actions"]
            for k in range(20):
                state = number / 10 + k / 1000
                found = ask(client, aloha(state, episode=f"{number}/{k}"))["actions"]
                if not np.allclose(found - base, np.float32(state) - np.float32(number / 10), atol=1e-6):
                    wrong.append(f"client {number}, request {k}")

    threads = [threading.Thread(target=drive, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"images": {}, "state": np.zeros(14, np.float32), "prompt": "go"}, "picture 'front' is missing; there are none"),
        (aloha() | {"state": np.zeros(7, np.float32)}, "observation state has 7 values, bundle 'tiny' needs 14"),
        (aloha() | {"state": np.full(14, np.nan, np.float32)}, "state must be a finite float32 vector"),
        (aloha() | {"prompt": 3}, "the prompt is missing or no text"),
        (aloha() | {"prompt": " "}, "the instruction is empty"),
        (aloha() | {"images": {"cam_high": np.zeros((4, 4), np.uint8)}}, "picture 'cam_high' must be"),
        ([1, 2], "the request"),
    ],
)  # fmt: skip
def test_client_of_openpi_reads_one_sentence_and_goes_on(served: Served, request_: Any, said: str) -> None:
    with served.client() as client:
        client.recv(timeout=WAIT_S)
        text = ask(client, request_)
        assert isinstance(text, str)
        assert "\n" not in text
        with pytest.raises(AssertionError, match=said):
            raise AssertionError(text)
        assert ask(client, aloha())["actions"].shape == (16, 14)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"type": "dance", "request_id": "7"}, "there is no request of type 'dance'; known are infer, ping and reset"),
        (starvla(unnorm_key="franka"), "unnorm_key 'franka' is not known; this policy is of 'cobotmagic'"),
        (starvla(examples=[]), "'examples' must be a list of one example"),
        (starvla(examples=[{"image": [], "lang": "go"}]), "the example has 0 pictures, this policy sees front, left, right"),
    ],
)  # fmt: skip
def test_client_of_starvla_gets_an_error_in_its_envelope_and_goes_on(served: Served, request_: Any, said: str) -> None:
    with served.client() as client:
        client.recv(timeout=WAIT_S)
        answer = ask(client, request_)
        assert answer["ok"] is False
        assert said in (answer["error"]["message"] if isinstance(answer, dict) else answer)
        assert ask(client, starvla())["ok"] is True


@pytest.mark.parametrize("frame", ["a text", b"", b"\xc1", b"\x00" * 100, b"\xde\xff\xff", OPENPI.encode({"type": 3})])
def test_frame_that_is_no_request_is_told_and_disturbs_nobody(served: Served, frame: Any) -> None:
    with served.client() as client, served.client() as other:
        for each in (client, other):
            each.recv(timeout=WAIT_S)
        client.send(frame)
        assert client.recv(timeout=WAIT_S)
        assert ask(client, aloha())["actions"].shape == (16, 14)
        assert ask(other, aloha())["actions"].shape == (16, 14)


def remote_bundle(path: Path, served: Served, **server: Any) -> Path:
    m = served.hosted.manifest
    remote = RemoteServer(served.url, **{"timeout_s": WAIT_S} | server)
    manifest = Manifest(
        "remote", m.embodiment, m.cameras, m.images, m.values, m.horizon, m.dt_s, {}, runtime="remote", remote=remote
    )
    return write_bundle(path / "remote", manifest, {"card.md": b"# Remote\n"}).path


def chunks(policy: Policy, robot: Embodiment, count: int) -> list[Any]:
    """What a policy answers to a short recording, with one chunk accepted by the bridge in between."""
    rng, made = np.random.default_rng(0), []
    encoded = policy.encode(Instruction("reach the red cube", "from above", Factors(active_actor="left_arm"), "7", 1))
    for k in range(count):
        stamp_ns = 10**9 + k * 10**8
        images = rng.integers(0, 255, (3, 192, 192, 3)).astype(np.uint8)
        state = rng.random(14).astype(np.float32)
        policy.accepted(*(made[-1].sequence, 2, 1.0) if made else (0, 0, 1.0))
        made.append(
            policy.predict(Observation(stamp_ns, robot.camera_names, images, (stamp_ns,) * 3, state, stamp_ns), encoded)
        )
    return made


@pytest.mark.parametrize("continues", [False, True])
def test_served_policy_answers_our_node_as_in_its_own_process(
    tmp_path: Path, robot: Embodiment, continues: bool
) -> None:
    joined = {"continues": True, "joining": "rtc"} if continues else {"memory_gain": 1.0}
    bundle = make_tiny_bundle(tmp_path / "tiny", robot, drift=0.1, **joined)
    served = Served(bundle)
    remote = load_policy(remote_bundle(tmp_path, served), robot)
    try:
        far, near = chunks(remote, robot, 6), chunks(load_policy(bundle, robot), robot, 6)
        for one, other in zip(far, near, strict=True):
            np.testing.assert_array_equal(one.actions, other.actions)
            assert (one.stamp_ns, one.instruction_id, one.names) == (other.stamp_ns, other.instruction_id, other.names)
        assert remote.server_s is not None
        assert 0 < remote.server_s <= far[-1].inference_s
    finally:
        remote.close()
        served.server.close()


def test_served_reader_says_what_it_understood_and_refuses_by_name(tmp_path: Path, robot: Embodiment) -> None:
    served = Served(make_tiny_bundle(tmp_path / "tiny", robot, reader="tabletop", present=0.0))
    remote = load_policy(remote_bundle(tmp_path, served), robot)
    try:
        understood = remote.understand(Instruction("reach the red cube with the left arm"))  # type: ignore[attr-defined]
        assert understood.is_checked
        assert understood.factors.active_actor == "left_arm"
        with pytest.raises(NotUnderstood, match="kettle"):
            remote.understand(Instruction("pour the kettle"))  # type: ignore[attr-defined]
        with pytest.raises(TargetAbsent, match="I see no red cube"):
            chunks(remote, robot, 1)
    finally:
        remote.close()
        served.server.close()
    with pytest.raises(NotUnderstood, match="cannot be asked"):
        remote.understand(Instruction("reach the red cube"))  # type: ignore[attr-defined]


def test_server_of_another_layout_is_refused_when_it_is_met(tmp_path: Path, robot: Embodiment) -> None:
    served = Served(make_tiny_bundle(tmp_path / "tiny", robot))
    bundle = load_bundle(remote_bundle(tmp_path, served))
    manifest = bundle.manifest.__class__(**{**vars(bundle.manifest), "dt_s": 0.02})
    path = write_bundle(tmp_path / "faster", manifest, {"card.md": b"x"}).path
    try:
        with pytest.raises(
            FineVLAError, match=r"the server's policy has dt_s 0.1, the bundle 0.02: they do not belong"
        ):
            chunks(load_policy(path, robot), robot, 1)
    finally:
        served.server.close()


def test_health_is_told_and_web_pages_and_strangers_are_refused(bundle: Path) -> None:
    served = Served(bundle, token="secret-7")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{served.server.port}/healthz", timeout=WAIT_S) as answer:
            assert answer.read() == b"OK\n"
        for headers in ({}, {"Authorization": "Api-Key secret-8"}, {"Authorization": "secret-7"}):
            with pytest.raises(InvalidStatus) as refused:
                served.client(additional_headers=headers)
            assert refused.value.response.status_code == 401
        for kind in ("Api-Key", "Bearer"):
            with served.client(additional_headers={"Authorization": f"{kind} secret-7"}) as client:
                assert client.recv(timeout=WAIT_S)
        with pytest.raises(InvalidStatus):
            served.client(additional_headers={"Authorization": "Api-Key secret-7"}, origin="http://evil.example")
        assert not any("secret" in line for line in served.told)
    finally:
        served.server.close()


def test_one_client_too_many_is_told_to_come_later(bundle: Path) -> None:
    served = Served(bundle, max_clients=1)
    try:
        with served.client() as first:
            first.recv(timeout=WAIT_S)
            with served.client() as second, pytest.raises(ConnectionClosed) as refused:
                second.recv(timeout=WAIT_S)
            assert refused.value.rcvd is not None
            assert refused.value.rcvd.code == 1013
    finally:
        served.server.close()


class CountingGraphs:
    """Graphs that add 1 to the state, and take as long for one observation as for eight."""

    provider, memory_shape, takes_running, tells_presence, batches = "test", None, False, False, True

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.gate = threading.Event()

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        if not self.sizes:
            self.gate.wait(WAIT_S)
        self.sizes.append(len(inputs["state"]))
        if (inputs["state"] < 0).any():
            raise FineVLAError("a negative state")
        return {"actions": inputs["state"] + 1}

    def features(self, tokens: Any, mask: Any) -> Any:
        raise NotImplementedError


def test_who_comes_while_one_runs_goes_together_with_the_next() -> None:
    graphs = CountingGraphs()
    batched = BatchedGraphs(graphs, most=4)
    found: dict[int, Any] = {}

    def run(number: int) -> None:
        found[number] = batched.run({"state": np.full((1, 2), float(number))})["actions"]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    while len(batched._waiting) < 8:
        threading.Event().wait(0.01)
    graphs.gate.set()
    for thread in threads:
        thread.join(WAIT_S)
    assert {number: value.tolist() for number, value in found.items()} == {n: [[n + 1.0] * 2] for n in range(9)}
    assert graphs.sizes == [1, 4, 4]


def test_fault_in_one_run_reaches_those_of_that_run_and_nobody_after() -> None:
    graphs = CountingGraphs()
    graphs.gate.set()
    batched = BatchedGraphs(graphs, most=4)
    with pytest.raises(FineVLAError, match="a negative state"):
        batched.run({"state": np.full((1, 2), -1.0)})
    assert batched.run({"state": np.zeros((1, 2))})["actions"].tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "0.0.0.0"), "is reached from other machines: put a token into an environment variable"),
        (("--token-env", "NOT_THERE"), "environment variable 'NOT_THERE' of --token-env is not set or empty"),
        (("--port", "70000"), "--port is 70000; it must be between 0 and 65535"),
        (("--clients", "0"), "clients"),
    ],
)
def test_mistakes_of_the_command_are_one_sentence(
    bundle: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert main(["serve", str(bundle), *words]) == 2
    assert said in capsys.readouterr().err


def test_port_that_is_taken_is_one_sentence(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["serve", str(bundle), "--port", str(taken.getsockname()[1])]) == 2
    assert "cannot be listened on" in capsys.readouterr().err


def test_loopback_is_known_in_all_its_spellings() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.3.2.1", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.3", "gpu-host")))


def test_metadata_is_plain_data(served: Served) -> None:
    assert json.dumps(OPENPI.decode(served.hosted.metadata("test"), "metadata"))
