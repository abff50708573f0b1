"""Promises of the arm's joint names, of the door to the CAN interface, and of the emergency stop's own program."""

import itertools
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import can
import pytest

from finevla_control.piper import estop
from finevla_control.piper.can_link import check_interface, open_bus
from finevla_control.piper.feedback import ArmState
from finevla_control.piper.joint_names import Names
from finevla_control.piper.simulated_arm import SimulatedPiper
from finevla_core.errors import FineVLAError

LEFT = Names("left_")
SEVEN = [0.1, 1.0, -1.0, 0.2, 0.3, 0.4, 0.03]
_numbers = itertools.count()


def test_fingers_travel_half_of_the_opening_and_the_second_one_mirrors() -> None:
    state = ArmState(1.0, (0.0,) * 6, (0.1,) * 6, (2.0,) * 6, 0.08, 0.02, 0.5)
    positions, velocities, efforts = LEFT.state(state)
    assert LEFT.all[-2:] == ("left_gripper_joint1", "left_gripper_joint2")
    assert positions[-2:] == [0.04, -0.04]
    assert velocities[-2:] == [0.01, -0.01]
    assert efforts[-2:] == [0.5, 0.5]
    assert len(positions) == len(velocities) == len(efforts) == len(LEFT.all)


def test_command_is_read_by_name_and_with_the_nameless_finger_of_ros2_control() -> None:
    names = list(LEFT.commanded)
    for given, positions in [
        (names, SEVEN),
        ([*names, "left_gripper_joint2"], SEVEN),  # topic hardware: the mirrored finger last, without a position
        ([*names, "left_gripper_joint2"], [*SEVEN, -0.03]),
        (names[::-1], SEVEN[::-1]),
    ]:
        command = LEFT.command(given, positions)
        assert command.positions == tuple(SEVEN[:6])
        assert command.width_m == pytest.approx(0.06)


@pytest.mark.parametrize(
    ("names", "positions", "said"),
    [
        (LEFT.commanded[:6], SEVEN[:6], "lacks left_gripper_joint1"),
        (LEFT.commanded, SEVEN[:6], "7 names but 6 positions"),
        (LEFT.commanded, [*SEVEN, 0.0], "7 names but 8 positions"),
        ((), (), "lacks left_joint1"),
        ((*LEFT.commanded, "right_joint1"), [*SEVEN, 0.0], "'right_joint1', which is not of this arm"),
        ((*LEFT.commanded, "left_joint1"), [*SEVEN, 0.0], "twice"),
        (LEFT.commanded, [math.nan, *SEVEN[1:]], "not a number"),
        (LEFT.commanded, [*SEVEN[:6], math.inf], "not a number"),
    ],
)
def test_anything_but_the_whole_arm_is_refused(names: tuple, positions: list, said: str) -> None:
    with pytest.raises(FineVLAError, match=said):
        LEFT.command(names, positions)


@pytest.mark.parametrize("prefix", ["", "left", "_", "left arm_", "/left_"])
def test_prefix_that_is_none_is_refused(prefix: str) -> None:
    with pytest.raises(FineVLAError, match="prefix"):
        Names(prefix)


def interface(sysfs: Path, name: str, kind: int, flags: int) -> None:
    (sysfs / name).mkdir()
    (sysfs / name / "type").write_text(f"{kind}\n")
    (sysfs / name / "flags").write_text(f"0x{flags:x}\n")


def test_interface_is_checked_at_the_door_and_the_command_is_named(tmp_path: Path) -> None:
    interface(tmp_path, "can_left", 280, 0x41)
    interface(tmp_path, "can_right", 280, 0x40)
    interface(tmp_path, "eth0", 1, 0x1003)
    check_interface("can_left", "socketcan", tmp_path)
    check_interface("anything", "virtual", tmp_path)
    up = "ip link set can_right up type can bitrate 1000000"
    with pytest.raises(FineVLAError, match=f"'can_right' is down; run: sudo {up}"):
        check_interface("can_right", "socketcan", tmp_path)
    with pytest.raises(FineVLAError, match="'eth0' is no CAN interface"):
        check_interface("eth0", "socketcan", tmp_path)
    with pytest.raises(FineVLAError, match="'can0' does not exist .*here: can_left, can_right.*set can0 up type can"):
        check_interface("can0", "socketcan", tmp_path)


def test_unknown_kind_of_interface_is_one_sentence() -> None:
    with pytest.raises(FineVLAError, match="'can_left' \\(carrier_pigeon\\) cannot be opened"):
        open_bus("can_left", "carrier_pigeon")


@pytest.fixture
def arms() -> Iterator[list[tuple[str, SimulatedPiper]]]:
    """Two arms that run in real time."""
    stop, threads, made = threading.Event(), [], []
    for side in ("left", "right"):
        channel = f"estop-{side}-{next(_numbers)}"
        simulated = SimulatedPiper(can.Bus(interface="virtual", channel=channel), joints=(0.0, 1.2, -1.0, 0, 0, 0))
        made.append((channel, simulated))
        threads.append(threading.Thread(target=simulated.run, args=(stop,), daemon=True))
        threads[-1].start()
    yield made
    stop.set()
    for thread in threads:
        thread.join(2.0)
    for _, simulated in made:
        simulated.bus.shutdown()


def run_estop(*channels: str) -> int:
    return estop.main([*channels, "--interface-type", "virtual", "--timeout", "0.5"])


def test_estop_stops_both_arms_and_says_so(arms: list, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_estop(*(channel for channel, _ in arms)) == 0
    assert capsys.readouterr().out.count("STOPPED, confirmed by the arm") == 2
    assert all(simulated.is_stopped for _, simulated in arms)
    assert all(len(simulated.received) >= estop.AT_LEAST for _, simulated in arms)


def test_estop_of_an_arm_that_does_not_confirm_is_no_success(arms: list, capsys: pytest.CaptureFixture[str]) -> None:
    arms[1][1].faults.confirms_stop = False
    assert run_estop(*(channel for channel, _ in arms)) == 1
    said = capsys.readouterr()
    assert "STOPPED, confirmed" in said.out
    assert "NOT CONFIRMED: the arm says 'normal'; cut its power" in said.err
    arms[1][1].faults.silent = True
    assert run_estop(arms[1][0]) == 1
    assert "the arm says nothing; cut its power" in capsys.readouterr().err


def test_estop_stops_the_other_arm_when_one_interface_is_missing(
    arms: list, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(name: str, kind: str) -> can.BusABC:
        return open_bus(name, "socketcan" if name == "can_gone" else kind)

    monkeypatch.setattr(estop, "open_bus", some)
    assert run_estop("can_gone", arms[0][0]) == 2
    said = capsys.readouterr()
    assert arms[0][1].is_stopped
    assert "can_gone: NOT STOPPED: CAN interface 'can_gone' does not exist" in said.err
