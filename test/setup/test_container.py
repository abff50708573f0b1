"""What the container, the development container and the CI workflow say is true of this tree; none of them is built here."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from finevla_tools.cli import COMMANDS
from finevla_tools.launch_file import load_launch
from finevla_tools.up import DEFAULT_FILE, launch_path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
TARGETS = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.M))
COMPOSE = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())


def ignored() -> set[str]:
    return set((ROOT / ".dockerignore").read_text().split())


def steps() -> str:
    return "\n".join(step.get("run", "") for job in WORKFLOW["jobs"].values() for step in job["steps"])


def test_targets_are_those_that_others_name() -> None:
    assert {"robot", "workstation"} == TARGETS
    assert {service["build"]["target"] for service in COMPOSE["services"].values()} <= TARGETS
    assert json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())["build"]["target"] in TARGETS
    assert set(re.findall(r"--target (\S+)", steps())) <= TARGETS


def test_what_is_copied_and_called_is_there() -> None:
    copied = [source for source in re.findall(r"^COPY (?!--)(\S+) \S+$", DOCKERFILE, re.M) if source != "."]
    called = re.findall(r"(?:bash|-r|--file) ((?:docker|tools|requirements)/\S+?)[\s)\"]", DOCKERFILE + steps())
    tested = re.findall(r"-m pytest (.+)$", steps(), re.M)[0].split()
    assert len(copied) >= 4
    assert len(called) >= 4
    assert len(tested) >= 4
    for path in {*copied, *called, *tested}:
        assert (ROOT / path).exists(), path
    assert not {path.partition("/")[0] for path in copied} & ignored()


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_services_call_what_the_command_line_knows(service: str) -> None:
    command = COMPOSE["services"][service].get("command", [])
    if not command:
        return
    program, name, *arguments = command
    assert program == "finevla"
    assert name in COMMANDS
    given = dict(re.sub(r"\$\{\w+:-(\w+)\}", r"\1", one).split(":=") for one in arguments)
    load_launch(launch_path(DEFAULT_FILE), given)


def test_gpu_file_changes_only_what_is_there() -> None:
    (name, service), *others = yaml.safe_load((ROOT / "docker/gpu.yaml").read_text())["services"].items()
    assert not others
    assert name in COMPOSE["services"]
    assert [argument in re.findall(r"^ARG (\w+)=", DOCKERFILE, re.M) for argument in service["build"]["args"]] == [True]


def test_nobody_outside_reaches_a_container_unless_told() -> None:
    for service in COMPOSE["services"].values():
        assert "ports" not in service
        assert not service.get("privileged")
        assert (
            service.get("environment", {})
            .get("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
            .endswith(("LOCALHOST", ":-LOCALHOST}"))
        )


def test_robot_is_ended_as_ctrl_c_does_and_given_time_to_rest() -> None:
    robot: dict[str, Any] = COMPOSE["services"]["robot"]
    assert robot["stop_signal"] == "SIGINT"
    assert int(robot["stop_grace_period"].removesuffix("s")) >= 10


def test_layer_of_manifests_holds_all_manifests_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(["bash", str(ROOT / "docker/manifests.sh"), str(ROOT), str(tmp_path)], check=True)
    copied = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert copied == {Path("package.xml"), *(p.relative_to(ROOT) for p in ROOT.glob("src/*/package.xml"))}


def test_what_rosdep_leaves_to_pip_is_installed_by_pip() -> None:
    keys = subprocess.run(
        ["bash", str(ROOT / "docker/manifests.sh"), "--pip-keys"], check=True, capture_output=True, text=True
    ).stdout.split()
    lines = (ROOT / "requirements/apt.txt").read_text().splitlines()
    names = {re.split(r"[<>=\[]", line)[0] for line in lines if line and not line.startswith("#")}
    assert keys
    assert {key.removeprefix("python3-").removesuffix("-pip") for key in keys} <= names
    robot = {
        re.split(r"[<>=\[ ]", line)[0]
        for line in (ROOT / "requirements/robot.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    from_apt = {
        "scipy",
        "pyyaml",
        "pin",
        "xacro",
        "pillow",
        "rich",
        "python-can",
        "msgpack",
        "opencv-python-headless",
    }  # of rosdep's keys
    assert robot - from_apt <= names


def test_scripts_are_bash() -> None:
    for script in (ROOT / "docker").glob("*.sh"):
        subprocess.run(["bash", "-n", str(script)], check=True)
