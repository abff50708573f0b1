"""Promises of the adapters: the files that users copy drive a stand-in for their simulator from a running server."""

import ast
import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgpack
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from tiny_bundle import HORIZON, make_tiny_bundle

from finevla_core.embodiment import Embodiment
from finevla_tools.serve.served_bundle import HostedBundle, host_bundle
from finevla_tools.serve.websocket_server import PolicyServer, ServerOptions

ADAPTERS = Path(__file__).parents[1] / "adapters"
STATE = np.linspace(0.1, 0.6, 14)
JOINTS = [0, 7]  # those that the tiny policy turns
PER_CHUNK = 0.01  # what it adds to every value for each chunk that it remembers


@pytest.fixture(scope="module")
def hosted(robot: Embodiment, tmp_path_factory: pytest.TempPathFactory) -> HostedBundle:
    out = tmp_path_factory.mktemp("served") / "tiny"
    return host_bundle(make_tiny_bundle(out, robot, memory_gain=PER_CHUNK), threads=1, batch=1)


@pytest.fixture
def url(hosted: HostedBundle) -> Iterator[str]:
    server = PolicyServer(hosted.session, hosted.metadata("test"), ServerOptions(port=0), lambda _: None)
    server.start()
    yield f"ws://127.0.0.1:{server.port}"
    server.close()


def copied(name: str, files: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The adapter as a package of the simulator's, copied as the README says."""
    package = folder / f"policy_{name}"
    shutil.copytree(ADAPTERS / name, package)
    for file in files:
        shutil.copy(ADAPTERS / file, package)
    monkeypatch.syspath_prepend(str(folder))
    for module in [module for module in sys.modules if module.partition(".")[0] == package.name]:
        monkeypatch.delitem(sys.modules, module)
    return importlib.import_module(package.name)


def picture(grey: int) -> NDArray[np.uint8]:
    return np.full((240, 320, 3), grey, np.uint8)


class StandInTask:
    """What a RoboTwin environment offers to an adapter; it commands what it is told."""

    def __init__(self, step_lim: int = 100, done_at: int = 1000) -> None:
        self.step_lim, self.done_at = step_lim, done_at
        self.take_action_cnt, self.eval_success = 0, False
        self.taken: list[NDArray[np.float64]] = []

    def get_instruction(self) -> str:
        return "reach the red cube"

    def get_obs(self) -> dict[str, Any]:
        cameras = {name: {"rgb": picture(k)} for k, name in enumerate(("head_camera", "left_camera", "right_camera"))}
        return {"observation": cameras, "joint_action": {"vector": STATE}, "endpose": {}}

    def take_action(self, action: NDArray[np.float64], action_type: str = "qpos") -> None:
        assert action_type == "qpos"
        self.taken.append(action)
        self.take_action_cnt += 1
        self.eval_success = self.take_action_cnt >= self.done_at


def test_files_are_of_python_310_short_and_free_of_this_project() -> None:
    for file in ADAPTERS.rglob("*.py"):
        text = file.read_text("utf-8")
        assert len(text.splitlines()) <= 150
        for node in ast.walk(ast.parse(text, feature_version=(3, 10))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.startswith(("finevla", "pickle")) for name in names), file
    assert len((ADAPTERS / "README.md").read_text("utf-8").splitlines()) <= 25


def test_robotwin_executes_the_chunk_that_the_server_makes_of_its_observation(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = copied("robotwin", ("policy_client.py",), tmp_path, monkeypatch)
    arguments = yaml.safe_load((ADAPTERS / "robotwin" / "deploy_policy.yml").read_text("utf-8"))
    model, task = adapter.get_model(arguments | {"url": url}), StandInTask()
    adapter.eval(task, model, task.get_obs())
    rows = np.array(task.taken)
    assert rows.shape == (HORIZON, 14)
    still = [k for k in range(14) if k not in JOINTS]
    np.testing.assert_allclose(rows[:, still], np.tile(STATE[still], (HORIZON, 1)), atol=1e-6)
    np.testing.assert_allclose(rows[-1, JOINTS], STATE[JOINTS] + 0.1, atol=1e-6)
    model.close()


def test_robotwins_episode_begins_with_a_policy_that_remembers_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = copied("robotwin", ("policy_client.py",), tmp_path, monkeypatch)
    model, remembered = adapter.get_model({"url": url}), []
    for is_new in (True, False, False, True):
        if is_new:
            adapter.reset_model(model)
        task = StandInTask()
        adapter.eval(task, model, task.get_obs())
        remembered.append(round(float(task.taken[0][1] - STATE[1]) / PER_CHUNK))
    assert remembered == [0, 1, 2, 0]
    model.close()


@pytest.mark.parametrize("task", [StandInTask(step_lim=3), StandInTask(done_at=3)])
def test_robotwin_ends_a_chunk_where_the_task_ends(
    task: StandInTask, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = copied("robotwin", ("policy_client.py",), tmp_path, monkeypatch)
    model = adapter.get_model({"url": url})
    adapter.eval(task, model, task.get_obs())
    assert task.take_action_cnt == 3
    model.close()


def test_encoded_observation_has_alohas_names_and_the_pictures_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = copied("robotwin", (), tmp_path, monkeypatch)  # without the client: nothing but NumPy is needed
    found = adapter.encode_obs(StandInTask().get_obs(), "go")
    assert list(found["images"]) == ["cam_high", "cam_left_wrist", "cam_right_wrist"]
    assert [image[0, 0, 0] for image in found["images"].values()] == [0, 1, 2]
    assert found["prompt"] == "go"
    np.testing.assert_allclose(found["state"], STATE, atol=1e-6)


def xpolicylab_observation(env: int = 0, words: str = "reach the red cube") -> dict[str, Any]:
    cameras = {name: {"color": picture(k)} for k, name in enumerate(("cam_head", "cam_left_wrist", "cam_right_wrist"))}
    state = {
        "left_arm_joint_state": STATE[:6],
        "left_ee_joint_state": STATE[6:7],
        "right_arm_joint_state": STATE[7:13],
        "right_ee_joint_state": STATE[13:],
    }
    return {"env_idx": env, "instruction": words, "vision": cameras, "state": state}


def test_xpolicylabs_model_answers_rows_by_name_and_forgets_at_a_reset(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied("xpolicylab", ("policy_client.py",), tmp_path, monkeypatch)
    model = importlib.import_module("policy_xpolicylab.model").Model({"url": url, "action_type": "joint"})
    moved = []
    for _ in range(2):
        model.update_obs(xpolicylab_observation())
        rows = model.get_action()
        assert len(rows) == HORIZON
        assert {key: value.shape for key, value in rows[0].items()} == {
            "left_arm_joint_state": (6,),
            "left_ee_joint_state": (1,),
            "right_arm_joint_state": (6,),
            "right_ee_joint_state": (1,),
        }
        moved.append(float(rows[0]["right_ee_joint_state"][0] - STATE[13]))
    model.reset()
    with pytest.raises(ValueError, match="call update_obs before"):
        model.get_action()
    model.update_obs(xpolicylab_observation())
    moved.append(float(model.get_action()[0]["right_ee_joint_state"][0] - STATE[13]))
    np.testing.assert_allclose(moved, [0.0, PER_CHUNK, 0.0], atol=1e-6)


def test_xpolicylabs_environments_of_a_batch_have_memories_apart(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied("xpolicylab", ("policy_client.py",), tmp_path, monkeypatch)
    model = importlib.import_module("policy_xpolicylab.model").Model({"url": url})
    moved = []
    for running in ([0, 1], [1], [0, 1]):
        model.update_obs_batch([xpolicylab_observation(env) for env in running])
        moved.append([float(rows[0]["left_ee_joint_state"][0] - STATE[6]) for rows in model.get_action_batch(running)])
    for found, wanted in zip(moved, ([0.0, 0.0], [PER_CHUNK], [PER_CHUNK, 2 * PER_CHUNK]), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_xpolicylabs_other_kind_of_action_is_refused_before_anything_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied("xpolicylab", ("policy_client.py",), tmp_path, monkeypatch)
    with pytest.raises(ValueError, match="answers joints"):
        importlib.import_module("policy_xpolicylab.model").Model({"action_type": "ee"})


def test_a_servers_refusal_reaches_the_simulator_as_one_line(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = copied("robotwin", ("policy_client.py",), tmp_path, monkeypatch)
    model = adapter.get_model({"url": url})
    with pytest.raises(RuntimeError, match="the policy server says: .*'front' is missing"):
        model.infer({"cam_left_wrist": picture(1)}, STATE, "go")
    with pytest.raises(ValueError, match="there is no 'shutdown' here"):
        model.call(func_name="shutdown")
    model.close()


def test_a_token_is_taken_from_the_environment(
    hosted: HostedBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = copied("robotwin", ("policy_client.py",), tmp_path, monkeypatch)
    options = ServerOptions(port=0, token="secret")
    server = PolicyServer(hosted.session, hosted.metadata("test"), options, lambda _: None)
    server.start()
    try:
        given = {"url": f"ws://127.0.0.1:{server.port}"}
        with pytest.raises(Exception, match="401"):
            adapter.get_model(given)
        monkeypatch.setenv("FINEVLA_TOKEN", "secret")
        model = adapter.get_model(given | {"token_env": "FINEVLA_TOKEN"})
        assert model.metadata["finevla"]["policy"] == "tiny"
        model.close()
    finally:
        server.close()


def test_the_client_reads_and_writes_arrays_as_the_server_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from finevla_core.policy_wire.msgpack_arrays import OPENPI

    copied("robotwin", ("policy_client.py",), tmp_path, monkeypatch)
    client = importlib.import_module("policy_robotwin.policy_client")
    whole = {"picture": picture(7), "state": STATE.astype(np.float32), "empty": np.zeros((0, 3))}
    assert msgpack.packb(whole, default=client._to_map) == OPENPI.encode(whole)
    back = msgpack.unpackb(OPENPI.encode(whole), object_hook=client._from_map)
    for name, value in whole.items():
        np.testing.assert_array_equal(back[name], value)
    with pytest.raises(TypeError, match="cannot be sent"):
        msgpack.packb({"object": np.array([object()])}, default=client._to_map)
