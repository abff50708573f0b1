"""Promises of `finevla serve` to simulators: RoboTwin's classic protocol and XPolicyLab's frames, and nothing beyond them."""

import base64
import contextlib
import importlib
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_bundle import HORIZON, make_tiny_bundle
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.policy_wire.msgpack_arrays import MSGPACK_NUMPY
from finevla_tools.serve.command import endpoint, start_simulator_doors
from finevla_tools.serve.robotwin_protocol import MAX_MESSAGE_BYTES, RobotwinServer
from finevla_tools.serve.served_bundle import HostedBundle, host_bundle
from finevla_tools.serve.simulator_observations import state_places

ADAPTERS = Path(__file__).parents[1] / "adapters"
PATIENCE_S = 30.0
STATE = np.linspace(0.1, 0.6, 14)
PER_CHUNK = 0.01


@pytest.fixture(scope="module")
def hosted(robot: Embodiment, tmp_path_factory: pytest.TempPathFactory) -> HostedBundle:
    out = tmp_path_factory.mktemp("served") / "tiny"
    return host_bundle(make_tiny_bundle(out, robot, memory_gain=PER_CHUNK), threads=1, batch=1)


def picture(grey: int) -> NDArray[np.uint8]:
    return np.full((240, 320, 3), grey, np.uint8)


# RoboTwin ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def robotwin(hosted: HostedBundle) -> Iterator[RobotwinServer]:
    server = RobotwinServer(hosted.session, ("127.0.0.1", 0), 2, lambda _: None)
    server.start()
    yield server
    server.close()


class ClassicClient:
    """RoboTwin's ModelClient as its protocol is described."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)

    def __enter__(self) -> "ClassicClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, message: bytes) -> None:
        self.socket.sendall(len(message).to_bytes(4, "big") + message)

    def receive(self) -> dict[str, Any]:
        body = self.exactly(int.from_bytes(self.exactly(4), "big"))
        found: dict[str, Any] = json.loads(body, object_hook=as_array)
        return found

    def exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            part = self.socket.recv(size - len(got))
            assert part, "the server has hung up"
            got += part
        return got

    def has_ended(self) -> bool:
        with contextlib.suppress(ConnectionResetError):
            return self.socket.recv(1) == b""
        return True

    def ask(self, cmd: str, obs: object = None) -> dict[str, Any]:
        self.send(json.dumps({"cmd": cmd, "obs": obs}, default=as_map).encode())
        return self.receive()

    def call(self, func_name: str, obs: object = None) -> Any:
        return self.ask(func_name, obs)["res"]


def as_map(array: NDArray[Any]) -> dict[str, Any]:
    data = base64.b64encode(array.tobytes()).decode()
    return {"__numpy_array__": True, "data": data, "dtype": str(array.dtype), "shape": array.shape}


def as_array(found: dict[str, Any]) -> Any:
    if "__numpy_array__" not in found:
        return found
    return np.frombuffer(base64.b64decode(found["data"]), found["dtype"]).reshape(found["shape"])


def environment_observation() -> dict[str, Any]:
    cameras = {name: {"rgb": picture(k)} for k, name in enumerate(("head_camera", "left_camera", "right_camera"))}
    return {"observation": cameras, "joint_action": {"vector": STATE}, "instruction": "reach the red cube"}


def encoded_observation() -> dict[str, Any]:
    """As `tools/adapters/robotwin` encodes it."""
    images = {name: picture(k) for k, name in enumerate(("cam_high", "cam_left_wrist", "cam_right_wrist"))}
    return {"images": images, "state": STATE.astype(np.float32), "prompt": "reach the red cube"}


@pytest.mark.parametrize("observation", [environment_observation(), encoded_observation()])
def test_robotwins_client_is_given_a_chunk_and_reset_model_begins_anew(
    observation: dict[str, Any], robotwin: RobotwinServer
) -> None:
    with ClassicClient(robotwin.port) as client:
        moved = []
        for is_new in (False, False, True):
            if is_new:
                assert client.call("reset_model") is None
            assert client.call("update_obs", observation) is None
            actions = client.call("get_action")
            assert (actions.shape, actions.dtype) == ((HORIZON, 14), np.float64)
            moved.append(float(actions[0][1] - STATE[1]))
        np.testing.assert_allclose(moved, [0.0, PER_CHUNK, 0.0], atol=1e-6)
        assert client.call("get_action", observation).shape == (HORIZON, 14)


def test_the_adapter_works_with_robotwins_own_client(
    robotwin: RobotwinServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In two environments the adapter is copied without our client, and `model` is RoboTwin's."""
    shutil.copytree(ADAPTERS / "robotwin", tmp_path / "policy_two_environments")
    monkeypatch.syspath_prepend(str(tmp_path))
    adapter = importlib.import_module("policy_two_environments")
    taken: list[NDArray[np.float64]] = []
    task = SimpleNamespace(take_action_cnt=0, step_lim=100, eval_success=False)
    task.get_instruction = lambda: "reach the red cube"
    task.take_action = lambda action, **_: taken.append(action)
    with ClassicClient(robotwin.port) as model:
        adapter.reset_model(model)
        adapter.eval(task, model, environment_observation())
    assert np.array(taken).shape == (HORIZON, 14)
    np.testing.assert_allclose(taken[-1][1:7], STATE[1:7], atol=1e-6)


def test_two_clients_of_robotwin_have_memories_apart_and_a_third_is_refused(robotwin: RobotwinServer) -> None:
    with ClassicClient(robotwin.port) as one, ClassicClient(robotwin.port) as two:
        first = [one.call("get_action", encoded_observation()) for _ in range(2)][1]
        second = two.call("get_action", encoded_observation())
        np.testing.assert_allclose(first - second, PER_CHUNK, atol=1e-6)
        with ClassicClient(robotwin.port) as three:
            assert "2 clients are served already" in three.receive()["error"]


@pytest.mark.parametrize("name", ["close", "__init__", "session", "answer", "get_obs", "", None, 3])
def test_no_other_method_is_called_by_name(name: Any, robotwin: RobotwinServer) -> None:
    with ClassicClient(robotwin.port) as client:
        reply = client.ask(name, encoded_observation())
        assert "is not served; what may be called: get_action, update_obs, reset_model" in reply["error"]
        assert reply["traceback"] == ""
        assert client.has_ended()


def changed(**changes: object) -> bytes:
    return json.dumps({"cmd": "get_action", "obs": encoded_observation() | changes}, default=as_map).encode()


def broken_array(**changes: object) -> bytes:
    return changed(state=as_map(STATE) | changes)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"\xff\xfe", "no JSON"),
        (b"[" * 200_000, "no JSON"),
        (b"[1]", "no map"),
        (b'{"cmd": "get_action"}', "needs an observation"),
        (b'{"cmd": "update_obs"}', "needs an observation"),
        (b'{"cmd": "get_action", "obs": {}}', "'images'"),
        (b'{"cmd": "get_action", "obs": {"observation": {}}}', "camera 'head_camera'"),
        (changed(stamp_ns="now"), "'stamp_ns'"),
        (changed(stamp_ns=-1), "'stamp_ns'"),
        (changed(episode=7), "'episode'"),
        (broken_array(dtype="object"), "objects"),
        (broken_array(dtype="float32"), "needs 56 bytes and has 112"),
        (broken_array(shape=[1 << 40, 1 << 40]), "needs"),
        (broken_array(shape=[-1]), "shape"),
        (broken_array(data="!!"), "base64"),
        (broken_array(data=None), "bytes"),
    ],
)
def test_a_bad_message_is_answered_by_one_sentence(message: bytes, said: str, robotwin: RobotwinServer) -> None:
    with ClassicClient(robotwin.port) as client:
        client.send(message)
        reply = client.receive()
        assert said in reply["error"]
        assert "\n" not in reply["error"]
        assert client.has_ended()
    with ClassicClient(robotwin.port) as client:
        assert client.call("get_action", encoded_observation()).shape == (HORIZON, 14)


def test_a_message_that_is_too_long_is_refused_before_it_is_read(robotwin: RobotwinServer) -> None:
    with ClassicClient(robotwin.port) as client:
        client.socket.sendall((MAX_MESSAGE_BYTES + 1).to_bytes(4, "big"))
        assert f"{MAX_MESSAGE_BYTES} are read at most" in client.receive()["error"]
        assert client.has_ended()


def test_a_port_that_is_taken_is_named(robotwin: RobotwinServer, hosted: HostedBundle) -> None:
    with pytest.raises(FineVLAError, match=f"127.0.0.1:{robotwin.port} cannot be listened on.*--robotwin"):
        RobotwinServer(hosted.session, ("127.0.0.1", robotwin.port), 1, lambda _: None)


# XPolicyLab -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def xpolicylab(hosted: HostedBundle, capsys: pytest.CaptureFixture[str]) -> Iterator[ClientConnection]:
    """A client of the server as `--xpolicylab` starts it."""
    with contextlib.ExitStack() as life:
        start_simulator_doors(life, hosted, None, ("127.0.0.1", 0), 2)
        url = capsys.readouterr().out.split()[-1]
        yield life.enter_context(connect(url, open_timeout=PATIENCE_S))


def asked(client: ClientConnection, kind: str, payload: dict[str, Any] | None = None, **head: Any) -> dict[str, Any]:
    client.send(MSGPACK_NUMPY.encode({"message_type": kind, "payload": payload or {}, **head}))
    frame = client.recv(timeout=PATIENCE_S)
    assert isinstance(frame, bytes)
    found: dict[str, Any] = MSGPACK_NUMPY.decode(frame, "the answer")
    return found


def version_1_observation() -> dict[str, Any]:
    cameras = {name: {"color": picture(k)} for k, name in enumerate(("cam_head", "cam_left_wrist", "cam_right_wrist"))}
    state = {
        "right_ee_joint_state": STATE[13:],
        "left_arm_joint_state": STATE[:6],
        "left_ee_joint_state": float(STATE[6]),
        "right_arm_joint_state": STATE[7:13],
        "left_ee_pose": np.zeros(7),
    }
    more = {"data_format_version": "v1.0", "instructions": ["reach the red cube"], "env_idx": 0}
    return {"vision": cameras, "state": state, "additional_info": {"frequency": 30}, **more}


@pytest.mark.parametrize("identifier", ["message_id", "request_id"])
def test_xpolicylabs_frames_are_answered_with_their_own_identifiers(
    identifier: str, xpolicylab: ClientConnection
) -> None:
    head = {identifier: "7", "evaluation_id": "e", "action_case_id": None, "trial_id": "t", "step": 3}
    for kind, answer in (
        ("hello", "hello_ack"),
        ("prepare_case", "prepare_case_ack"),
        ("reset", "reset_result"),
        ("heartbeat", "heartbeat_ack"),
        ("trial_end", "trial_end_ack"),
    ):
        found = asked(xpolicylab, kind, {"trial_id": "t"}, **head)
        assert found["message_type"] == answer
        assert found["payload"]["ok"] is True
        assert {key: found[key] for key in head} == head
        assert isinstance(found["sent_at"], float)


def test_xpolicylab_is_told_the_policy_at_the_handshake(xpolicylab: ClientConnection, robot: Embodiment) -> None:
    told = asked(xpolicylab, "hello")["payload"]
    assert (told["values"], told["horizon"], told["dt_s"]) == (list(robot.names), HORIZON, 0.1)


def test_xpolicylab_is_given_rows_by_name_and_a_reset_begins_anew(xpolicylab: ClientConnection) -> None:
    moved = []
    for before in ("heartbeat", "heartbeat", "reset"):
        asked(xpolicylab, before)
        found = asked(xpolicylab, "infer", {"observation": version_1_observation()}, trial_id="t")
        assert found["message_type"] == "infer_result", found
        assert found["payload"]["latency_ms"] >= 0.0
        rows = found["payload"]["actions"]
        assert len(rows) == HORIZON
        row = np.concatenate(
            [rows[0][f"{side}_{part}_joint_state"] for side in ("left", "right") for part in ("arm", "ee")]
        )
        assert row.shape == (14,)
        moved.append(float(row[1] - STATE[1]))
        np.testing.assert_allclose(row[2:7] - STATE[2:7], moved[-1], atol=1e-6)
        np.testing.assert_allclose(row[8:] - STATE[8:], moved[-1], atol=1e-6)
    np.testing.assert_allclose(moved, [0.0, PER_CHUNK, 0.0], atol=1e-6)


def without(*path: str) -> dict[str, Any]:
    observation = version_1_observation()
    inside = observation
    for key in path[:-1]:
        inside = inside[key]
    del inside[path[-1]]
    return observation


@pytest.mark.parametrize(
    ("kind", "payload", "code", "said"),
    [
        ("infer", {}, "INVALID_FRAME", "'observation'"),
        ("infer", {"observation": without("vision", "cam_head")}, "INFER_FAILED", "camera 'cam_head'"),
        (
            "infer",
            {"observation": without("state", "left_ee_joint_state")},
            "INFER_FAILED",
            "0 values, this policy needs 1",
        ),
        ("infer", {"observation": without("instructions")}, "INFER_FAILED", "'instruction' is missing"),
        ("shutdown", {}, "UNKNOWN_MESSAGE_TYPE", "no message of type 'shutdown'"),
    ],
)
def test_what_xpolicylab_asks_wrongly_is_told_in_an_error_frame(
    kind: str, payload: dict[str, Any], code: str, said: str, xpolicylab: ClientConnection
) -> None:
    found = asked(xpolicylab, kind, payload, message_id="9")
    assert (found["message_type"], found["message_id"]) == ("error", "9")
    assert found["payload"]["code"] == code
    assert said in found["payload"]["message"]
    assert asked(xpolicylab, "heartbeat")["message_type"] == "heartbeat_ack", "the connection goes on"


def test_an_object_that_was_pickled_is_never_read(xpolicylab: ClientConnection) -> None:
    pickled = {b"nd": True, b"type": "|O", b"kind": b"O", b"shape": (1,), b"data": b"cposix\nsystem\n."}
    found = asked(xpolicylab, "infer", {"observation": {"state": pickled}})
    assert found["message_type"] == "error"
    assert "which are not read" in found["payload"]["message"]


def test_xpolicylabs_goodbye_ends_the_connection(xpolicylab: ClientConnection) -> None:
    xpolicylab.send(MSGPACK_NUMPY.encode({"message_type": "close", "payload": {"reason": "done"}}))
    with pytest.raises(ConnectionClosed):
        xpolicylab.recv(timeout=PATIENCE_S)


# The command line -------------------------------------------------------------------------------------------------------------


def test_simulators_are_served_on_this_machine_alone_unless_a_host_is_given() -> None:
    assert endpoint("", "--robotwin") is None
    assert endpoint("9999", "--robotwin") == ("127.0.0.1", 9999)
    assert endpoint("0.0.0.0:9999", "--robotwin") == ("0.0.0.0", 9999)
    assert endpoint("[::1]:9999", "--robotwin") == ("::1", 9999)
    for wrong in ("port", "70000", "-1", "host:", "1.5"):
        with pytest.raises(FineVLAError, match="--robotwin is"):
            endpoint(wrong, "--robotwin")


def test_xpolicylab_is_refused_for_a_robot_with_one_arm() -> None:
    with pytest.raises(FineVLAError, match="a left and a right arm"):
        state_places(("joint1", "joint2", "gripper"))
