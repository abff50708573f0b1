"""Promises of how a stack ends: what drives the robot goes last, whatever else takes its time or ended why ever."""

import signal
import sys
import textwrap
import time
from dataclasses import fields
from pathlib import Path

import pytest

from finevla_control.vendor_node import VendorParameters
from finevla_core.errors import FineVLAError
from finevla_policy.policy_node import PolicyParameters
from finevla_sim.simulator_node import SimulatorParameters
from finevla_sim.tasks import TASKS
from finevla_tools.cli import main
from finevla_tools.launch_file import Launch, Process, load_launch
from finevla_tools.up import BAD_INPUT, NUMBERS, Stack, refuse_missing_drivers

ROOT = Path(__file__).parents[2]

NODE = """
#!{python}
import os, signal, sys, time
name = sys.argv[1]
def write(word):
    with open({journal!r}, "a") as file:
        file.write(f"{{name}} {{word}}\\n")
def end(*_):
    write("told")
    time.sleep(float(sys.argv[2]))
    write("gone")
    os._exit(0)
signal.signal(signal.SIGINT, end)
write("up")
if len(sys.argv) > 3:
    time.sleep(0.5)
    os._exit(int(sys.argv[3]))
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    file = tmp_path / "journal"
    file.touch()
    return file


def stack_of(journal: Path, nodes: dict[str, tuple[str, ...]]) -> Stack:
    processes = []
    for name, words in nodes.items():
        program = journal.parent / name
        program.write_text(textwrap.dedent(NODE).lstrip().format(python=sys.executable, journal=str(journal)))
        program.chmod(0o755)
        processes.append(Process(name, (str(program), name, *words), {}, False, 0.0))
    return Stack(Launch(tuple(processes), {}), lambda _name, _line: None)


def until_up(journal: Path, count: int) -> None:
    deadline = time.monotonic() + 30.0
    while journal.read_text().count(" up\n") < count:
        assert time.monotonic() < deadline, journal.read_text()
        time.sleep(0.02)


@pytest.mark.parametrize("code", ["", "2", "1"])
def test_robot_ends_last_whatever_ended_first(journal: Path, code: str) -> None:
    nodes = {"simulator": ("0",), "safety_bridge": ("0.6",), "safety_watchdog": ("0.5",), "motion": ("0.1",)}
    stack = stack_of(journal, nodes | {"policy": ("0", code) if code else ("0",)})
    stack.start()
    until_up(journal, 5)
    if code:
        assert stack.wait() == int(code)
        assert stack.failed
        assert (stack.exit_code == BAD_INPUT) == (code == "2")
    assert "safety_bridge told" not in journal.read_text()
    stack.stop()
    lines = journal.read_text().splitlines()
    assert lines[-2:] == ["simulator told", "simulator gone"]
    assert {"safety_bridge gone", "safety_watchdog gone", "motion gone"} <= set(lines)
    assert lines.index("safety_bridge told") < lines.index(
        "motion gone"
    )  # the arms are braked before anybody is waited for


@pytest.mark.parametrize("namespace", ["a b", "9x", "a//b", "x" * 200, "\x1b[31m"])
def test_namespace_that_ros_does_not_take_is_refused_before_anything_starts(
    namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every node ended with a traceback, was started again, and the command never came back."""
    assert main(["up", str(ROOT / "launch" / "cobotmagic.launch.yaml"), f"namespace:={namespace}"]) == 2
    said = capsys.readouterr().err
    assert "is no namespace" in said
    assert said.strip().isprintable()


@pytest.mark.parametrize(("folder", "is_ours"), [("finevla_policy", True), ("rviz2", False)])
def test_our_nodes_begin_with_interrupts_held_back(tmp_path: Path, folder: str, is_ours: bool) -> None:
    """Python itself takes a while before a program can say what becomes of a Ctrl-C; others might never let it in."""
    program = tmp_path / folder / "node"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport signal\nprint(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))\n"
    )
    program.chmod(0o755)
    lines: list[str] = []
    stack = Stack(Launch((Process("node", (str(program),), {}, False, 0.0),), {}), lambda _, line: lines.append(line))
    stack.start()
    stack.wait()
    assert lines[0] == str(is_ours)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"robot": "vendor", "cameras": "realsense"}, "run 'sudo apt install ros-[a-z]+-realsense2-camera'"),
        ({"robot": "sim", "cameras": "usb"}, "robot:=sim has simulated cameras"),
        ({"robot": "vendor", "cameras": "usb", "security": "/keys"}, "enclaves of their own"),
        ({"robot": "vendor", "extrinsics": "/nowhere.yaml"}, "calibration file '/nowhere.yaml' cannot be read"),
    ],
)
def test_cameras_that_cannot_be_started_are_one_sentence_before_anything_starts(
    cobotmagic_file: Path, given: dict[str, str], sentence: str
) -> None:
    launch = load_launch(ROOT / "launch" / "cobotmagic.launch.yaml", given | {"robot_file": str(cobotmagic_file)})
    with pytest.raises(FineVLAError, match=sentence):
        refuse_missing_drivers(launch)


def test_stack_without_cameras_of_its_own_needs_no_driver(cobotmagic_file: Path) -> None:
    file = ROOT / "launch" / "cobotmagic.launch.yaml"
    refuse_missing_drivers(load_launch(file, {"robot": "vendor", "robot_file": str(cobotmagic_file)}))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("seed:=", "seed:= is no whole number from 0 to 2147483647; give seed:= one"),
        ("seed:=first", "seed:=first is no whole number"),
        ("seed:=-1", "seed:=-1 is no whole number from 0"),
        ("seed:=2147483648", "seed:=2147483648 is no whole number"),
        ("seed:=7.0", "seed:=7.0 is no whole number"),
        ("seed:=1_000", "seed:=1_000 is no whole number"),
        ("task:=pik", "task:=pik is not one of reach, pick"),
        ("step:=yes", "step:=yes is not one of true, false"),
        ("clock:=on", "clock:=on is not one of true, false"),
        ("threads:=0", "threads:=0 is no whole number from 1 to 64"),
        ("server_port:=http", "server_port:=http is no whole number"),
        ("stroke_m:=7", "stroke_m:=7 is no decimal number from 0.0 to 0.15"),
        ("speed_percent:=0.5", "speed_percent:=0.5 is no whole number"),
    ],
)
@pytest.mark.parametrize("command", ["up", "demo"])
def test_argument_that_a_node_would_refuse_is_one_sentence_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, given: str, sentence: str
) -> None:
    monkeypatch.setattr("finevla_tools.up.share", lambda: ROOT)
    monkeypatch.setattr(Stack, "start", lambda _: pytest.fail("it was started"))
    assert main([command, given]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert sentence in told
    assert told.count("\n") == 1


def test_tasks_and_bounds_at_the_door_are_those_of_the_nodes() -> None:
    parameters = {
        "seed": SimulatorParameters, "threads": PolicyParameters, "stroke_m": VendorParameters,
        "speed_percent": VendorParameters,
    }  # fmt: skip
    for name, node in parameters.items():
        meta = next(f for f in fields(node) if f.name == name).metadata["param"]
        assert NUMBERS[name] == (meta.low, meta.high)
    for task in TASKS:
        assert load_launch(ROOT / "launch" / "cobotmagic.launch.yaml", {"task": task}).arguments["task"] == task
