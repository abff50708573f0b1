"""Promises of `finevla doctor --robot` that need no ROS: CAN buses, answers, what is judged by hand, the report."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.safety.envelope import load_boxes
from finevla_core.safety.limits import robot_limits
from finevla_core.urdf import expand
from finevla_tools.cli import main
from finevla_tools.commissioning.can_buses import check_can
from finevla_tools.commissioning.manual_steps import _ends, _table
from finevla_tools.commissioning.person_answers import ENTER, Answers, NotAnswered, Terminal, person_of
from finevla_tools.commissioning.report import write_report
from finevla_tools.commissioning.step_outcome import StepOutcome, failed, passed, skipped

ROOT = Path(__file__).parents[2]


def bus(name: str, up: bool = True, bitrate: int = 1_000_000, state: str = "ERROR-ACTIVE", kind: str = "can") -> dict:
    """As `ip -details -json link show` has it."""
    data = {"state": state, "bittiming": {"bitrate": bitrate}} if kind == "can" else {}
    flags = ["NOARP", "UP", "LOWER_UP"] if up else ["NOARP"]
    return {"ifname": name, "flags": flags, "link_type": "can", "linkinfo": {"info_kind": kind, "info_data": data}}


@pytest.fixture
def played_ip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`ip` that tells of these interfaces."""

    def play(*entries: dict, text: str = "") -> None:
        (tmp_path / "told.json").write_text(text or json.dumps([{"ifname": "lo", "flags": ["UP"]}, *entries]))
        program = tmp_path / "ip"
        program.write_text(f"#!{sys.executable}\nprint(open({str(tmp_path / 'told.json')!r}).read())\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return play


def test_healthy_buses_are_told_with_their_bitrate(played_ip) -> None:
    played_ip(bus("can_left"), bus("can_right"))
    outcomes = list(check_can(["can_left", "can_right"]))
    assert [(o.step, o.state) for o in outcomes] == [("can.can_left", "ok"), ("can.can_right", "ok")]
    assert outcomes[0].found == "up, 1000000 bit/s, ERROR-ACTIVE"


@pytest.mark.parametrize(
    ("entry", "found", "remedy"),
    [
        (bus("can0"), "there is no CAN interface 'can_left'", r"there are: can0"),
        (bus("can_left", up=False), "it is down", "sudo ip link set can_left up type can bitrate 1000000"),
        (bus("can_left", bitrate=500_000), "it runs at 500000 bit/s", "sudo ip link set can_left down; sudo ip"),
        (bus("can_left", state="BUS-OFF"), "its controller is BUS-OFF", "termination"),
        (bus("can_left", kind="vcan"), "virtual bus", "adapter"),
    ],
)
def test_bus_that_is_not_well_is_named_with_what_to_do(played_ip, entry: dict, found: str, remedy: str) -> None:
    played_ip(entry)
    (outcome,) = check_can(["can_left"])
    assert outcome.state == "failed"
    assert found in outcome.found
    assert remedy in outcome.remedy


def test_ip_that_tells_nonsense_is_a_failed_step_and_no_traceback(played_ip) -> None:
    for text in ("no json", "[1]", '[{"ifname": "can_left", "linkinfo": 3}]'):
        played_ip(text=text)
        (outcome,) = check_can(["can_left"])
        assert (outcome.state, "'ip link' cannot be asked" in outcome.found) == ("failed", True)
    assert [o.state for o in check_can([])] == ["skipped"]


def test_answers_are_read_and_what_they_leave_out_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "answers.yaml").write_text("picture.left.upright: yes\nstop.press: skip\nlimits.left.begin: enter\n")
    person = Answers.read(tmp_path / "answers.yaml")
    assert person.ask("picture.left.upright", "?", ("yes", "no")) == "yes"  # not YAML's true
    assert person.ask("limits.left.begin", "?", (ENTER,)) == ENTER
    with pytest.raises(NotAnswered, match="nobody answers 'table.left'"):
        person.ask("table.left", "?", (ENTER,))
    with pytest.raises(NotAnswered, match="skip"):
        person.ask("stop.press", "?", (ENTER, "self"))
    with pytest.raises(FineVLAError, match="answer 'yes' to 'picture.left.upright' is none of left, right"):
        person.ask("picture.left.upright", "?", ("left", "right"))
    for text in ("- a", "a: [1]", "a: {", "7"):
        (tmp_path / "answers.yaml").write_text(text)
        with pytest.raises(FineVLAError, match=r"answers\.yaml"):
            Answers.read(tmp_path / "answers.yaml")


def test_a_person_is_asked_again_until_it_is_a_choice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["perhaps", " YES ", "", "skip"])
    monkeypatch.setattr("builtins.input", lambda _: next(typed))
    assert Terminal().ask("k", "Is it?", ("yes", "no")) == "yes"
    assert "'perhaps' is none of them" in capsys.readouterr().out
    assert Terminal().ask("k", "Ready?", (ENTER,)) == ENTER
    with pytest.raises(NotAnswered, match="skipped"):
        Terminal().ask("k", "Is it?", ("yes", "no"))

    def ended(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    with pytest.raises(NotAnswered, match="ended"):
        Terminal().ask("k", "Is it?", ("yes", "no"))


def test_without_a_terminal_the_doctor_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    with pytest.raises(FineVLAError, match="give --answers FILE, or --unattended"):
        person_of(None, False)
    with pytest.raises(NotAnswered):
        person_of(None, True).ask("k", "?", ("yes",))
    assert main(["doctor", "--unattended"]) == 2
    assert main(["doctor", "--robot", "nowhere.yaml", "--unattended"]) == 2


def moved(robot: Embodiment, **spans: tuple[float, float]) -> SimpleNamespace:
    """What ears have followed: every value at home but those that are given."""
    low, high = np.array([0.0, 1.3, -1.6, 0.0, 1.0, 0.0, 1.0] * 2), np.array([0.0, 1.3, -1.6, 0.0, 1.0, 0.0, 1.0] * 2)
    for name, span in spans.items():
        low[robot.names.index(name)], high[robot.names.index(name)] = span
    return SimpleNamespace(robot=robot, lowest=low, highest=high)


@pytest.mark.parametrize(
    ("spans", "state", "found"),
    [
        ({"left_joint1": (-2.6, 2.6)}, "ok", "no end lies beyond the limits; not moved: left_joint2"),
        ({"left_joint3": (-3.1, 0.0)}, "failed", "left_joint3 went from -3.100 to 0.000, its limits are -2.967"),
        ({"left_gripper": (0.0, 1.4)}, "failed", "left_gripper went from 0.000 to 1.400"),
        ({"right_joint2": (0.0, 1.0)}, "failed", "instead of this arm right_joint2 moved: the arms are exchanged"),
        ({}, "skipped", "nothing moved"),
    ],
)
def test_ends_reached_by_hand_are_judged(
    robot: Embodiment, cobotmagic_urdf: Path, spans, state: str, found: str
) -> None:
    limits = robot_limits(robot, expand(cobotmagic_urdf))
    outcome = _ends(moved(robot, **spans), limits, "left_", "limits.left")  # type: ignore[arg-type]
    assert outcome.state == state
    assert outcome.found.startswith(found)


@pytest.mark.parametrize(
    ("tip", "state", "found"),
    [
        ((0.6, 0.2, 0.743), "ok", "touched at 0.743 m; zone 'table' ends at 0.740 m"),
        ((0.6, 0.2, 0.770), "failed", "zone 'table' of the safety file ends at 0.740 m"),
        ((0.6, 0.2, 0.700), "failed", "zone 'table' of the safety file ends at 0.740 m"),
        ((0.2, 0.7, 0.740), "failed", "the safety file has no table at (0.20, 0.70)"),
    ],
)
def test_table_is_compared_with_the_safety_files(tip: tuple[float, ...], state: str, found: str) -> None:
    outcome = _table("table.left", np.array(tip), load_boxes(ROOT / "config" / "safety" / "cobotmagic.yaml"))
    assert (outcome.state, found in outcome.found) == (state, True)
    assert state == "ok" or f"{tip[2]:.3f}" in outcome.remedy


def test_report_is_written_for_people_and_for_programs(tmp_path: Path) -> None:
    outcomes: list[StepOutcome] = [
        passed("picture.left", "it is", file="picture_1.png"), failed("a|b", "x|y", "do"), skipped("c", "nobody"),
    ]  # fmt: skip
    write_report(tmp_path / "r", {"robot": "cobotmagic", "time": "now"}, outcomes)
    told = json.loads((tmp_path / "r" / "report.json").read_text())
    assert (told["robot"], told["result"]) == ("cobotmagic", "1 ok, 1 failed, 1 skipped")
    assert [step["state"] for step in told["steps"]] == ["ok", "failed", "skipped"]
    text = (tmp_path / "r" / "report.md").read_text()
    assert "| a/b | **failed** | x/y | do |" in text
    assert "![picture_1.png](picture_1.png)" in text
    (tmp_path / "file").touch()
    with pytest.raises(FineVLAError, match="cannot be written"):
        write_report(tmp_path / "file", {"robot": ""}, [])
