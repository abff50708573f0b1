"""Promises of `security:=`: every process has keys of its own, and a stack that would not be secure is not started."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools import security
from finevla_tools.launch_file import load_launch
from finevla_tools.security_keystore import create
from finevla_tools.security_map import members
from finevla_tools.security_probe import ProbeResult, forge, trial, verdict

LAUNCH = Path(__file__).parents[2] / "launch"


@pytest.fixture
def keystore(tmp_path: Path, robot: Embodiment) -> Path:
    create(tmp_path / "keys", "finevla", 0, members(robot))
    return tmp_path / "keys"


def test_launch_gives_every_process_its_own_enclave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_SECURITY_ENCLAVE_OVERRIDE", "/finevla/operator")  # of the shell that starts the stack
    given_words = {"security": "/keys", "namespace": "lab", "record": "true"}
    for robot_words in ({"robot": "sim"}, {"robot": "vendor"}):
        for process in load_launch(LAUNCH / "cobotmagic.launch.yaml", given_words | robot_words).processes:
            assert process.environment["ROS_SECURITY_ENABLE"] == "true"
            assert process.environment["ROS_SECURITY_STRATEGY"] == "Enforce"
            assert process.environment["ROS_SECURITY_KEYSTORE"] == "/keys"
            assert process.environment["ROS_SECURITY_ENCLAVE_OVERRIDE"] == f"/lab/{process.name}" == process.node
    for process in load_launch(LAUNCH / "cobotmagic.launch.yaml", {}).processes:
        assert "ROS_SECURITY_ENABLE" not in process.environment


def test_every_node_of_the_launch_files_has_an_enclave_in_the_table(robot: Embodiment) -> None:
    def nodes(tree: object) -> list[dict]:
        if isinstance(tree, list):
            return [found for part in tree for found in nodes(part)]
        if not isinstance(tree, dict):
            return []
        return [tree["node"]] if "node" in tree else [found for part in tree.values() for found in nodes(part)]

    found = [node for file in LAUNCH.glob("*.yaml") for node in nodes(yaml.safe_load(file.read_text()))]
    viewers = {"rviz", "foxglove_bridge"}  # a person looks through them
    names = {node.get("name", node["exec"]) for node in found}
    assert names - viewers == set(members(robot)) - {"operator"}
    for node in found:
        name = node.get("name", node["exec"])
        name = "operator" if name in viewers else name
        assert {"name": "ROS_SECURITY_ENCLAVE_OVERRIDE", "value": f"/$(var namespace)/{name}"} in node["env"]


def test_stack_is_secured_only_where_strangers_are_kept_out() -> None:
    words = "This Fast DDS version doesn't have the security libraries"
    assert verdict(ProbeResult(True), ProbeResult(False, "denied")) == ""
    assert "no security built in" in verdict(ProbeResult(False, words), ProbeResult(False))
    assert "ros-jazzy" in verdict(ProbeResult(False, words), ProbeResult(False))
    assert "takes no notice of keys" in verdict(ProbeResult(True), ProbeResult(True))
    other = verdict(ProbeResult(False, "couldn't find all security files"), ProbeResult(False))
    assert "couldn't find all security files" in other
    assert "built in" not in other


def test_operator_joins_with_his_own_keys(keystore: Path, robot: Embodiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ) | {"ROS_DOMAIN_ID": "0"})
    asked = []
    monkeypatch.setattr(security, "refuse_insecure_dds", lambda *words: asked.append(words))
    nodes = [f"/finevla/{name}" for name in members(robot)]
    security.secure_stack(str(keystore), "finevla", "cobotmagic", nodes)
    assert asked == [(keystore, "/finevla/operator", 0)]
    assert os.environ["ROS_SECURITY_ENCLAVE_OVERRIDE"] == "/finevla/operator"
    with pytest.raises(FineVLAError, match="/finevla/stranger is not in the table of rights"):
        security.secure_stack(str(keystore), "finevla", "cobotmagic", ["/finevla/stranger"])
    # What does not run on this computer need not have keys on it.
    shutil.rmtree(keystore / "enclaves" / "finevla" / "recorder")
    security.secure_stack(str(keystore), "finevla", "cobotmagic", ["/finevla/policy"])
    with pytest.raises(FineVLAError, match="/finevla/recorder: this process has no enclave"):
        security.secure_stack(str(keystore), "finevla", "cobotmagic", ["/finevla/policy", "/finevla/recorder"])
    monkeypatch.setitem(os.environ, "ROS_DOMAIN_ID", "4")
    with pytest.raises(FineVLAError, match="not for ROS domain 4"):
        security.secure_stack(str(keystore), "finevla", "cobotmagic", nodes)


@pytest.mark.slow
def test_up_refuses_what_would_not_be_secure(keystore: Path, tmp_path: Path) -> None:
    true, operator = trial(keystore, "/finevla/operator", 0), "/finevla/operator"
    assert not trial(forge(keystore, operator, tmp_path), operator, 0).is_made  # no DDS lets a forged permission in
    if true.is_made:
        pytest.skip("this DDS has security: the stack would start")
    done = subprocess.run(
        [sys.executable, "-m", "finevla_tools.cli", "up", f"security:={keystore}"],
        capture_output=True, text=True, timeout=120, env=os.environ | {"ROS_DOMAIN_ID": "0"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "this Fast DDS has no security built in" in done.stderr
    assert "ros-jazzy" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""  # nothing was started


@pytest.mark.parametrize("words", [("stop",), ("up",)])
def test_keys_that_are_not_there_are_one_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    variables = {
        "ROS_SECURITY_ENABLE": "true",
        "ROS_SECURITY_STRATEGY": "Enforce",
        "ROS_SECURITY_KEYSTORE": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "finevla_tools.cli", *words],
        capture_output=True, text=True, timeout=120, env=os.environ | variables,
    )  # fmt: skip
    assert done.returncode == 2
    assert "does not let this process in" in done.stderr
    assert "Traceback" not in done.stderr
