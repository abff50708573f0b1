"""Promises of the bridge to a vendor's driver on real DDS, with a probe that plays the driver of both arms."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticArray
from probe import TIMEOUT_S, Probe
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from finevla_ros import qos
from finevla_ros.messages import to_ns, to_stamp

pytestmark = pytest.mark.slow  # each starts nodes

HOME = [0.1, 1.3, -1.6, 0.2, 0.4, -0.1, 0.06]
JOINTS = [f"left_joint{i}" for i in range(1, 7)]
BY_PLACE = [f"joint{i}" for i in range(7)]
BY_NAME = [*(f"joint{i}" for i in range(1, 7)), "gripper"]


class Driver(Probe):
    """Plays the driver: arms that are at once where a command says, states at 100 Hz."""

    def start(self, states: tuple[str, str], commands: tuple[str, str], names: list[str]) -> None:
        self.is_speaking, self.names = True, names
        self.at = [list(HOME), list(HOME)]
        self.joint_states = self.listen("joint_states", JointState, qos.SENSOR)
        self.reports = self.listen("/diagnostics", DiagnosticArray, qos.ALL)
        self.commands = [self.listen(topic, JointState, qos.NEWEST) for topic in commands]
        self.out = [self.publisher(JointState, topic, qos.NEWEST) for topic in states]
        self.node.create_timer(0.01, self._speak)
        self.arm = self.publisher(JointTrajectory, "left_arm_controller/joint_trajectory", qos.ALL)

    def _speak(self) -> None:
        for side, out in enumerate(self.out):
            if self.commands[side]:
                self.at[side] = list(self.commands[side][-1].position)
            message = JointState(name=self.names, position=self.at[side], velocity=[0.0] * 7, effort=[0.0] * 7)
            message.header.stamp = to_stamp(self.now_ns())
            if self.is_speaking:
                out.publish(message)

    def drive(self, offset: float, arrived: Callable[[], Any], what: str, seconds: int = 1) -> None:
        """Command the left arm until it is where it is wanted: again, when the bridge braked on a machine that stood still."""
        deadline = time.monotonic() + TIMEOUT_S
        while not arrived():
            assert time.monotonic() < deadline, f"waited {TIMEOUT_S} s for {what}"
            self.go(offset, seconds)
            with contextlib.suppress(AssertionError):
                self.wait(arrived, what, seconds + 2.0)

    def go(self, offset: float, seconds: int = 1) -> None:
        self.wait(self.arm.get_subscription_count, "the bridge to be found by who commands it")
        point = JointTrajectoryPoint(positions=[p + offset for p in HOME[:6]], velocities=[0.0] * 6)
        point.time_from_start = Duration(sec=seconds)
        self.arm.publish(JointTrajectory(joint_names=JOINTS, points=[point]))


@pytest.mark.parametrize(
    ("driver", "states", "commands", "names"),
    [
        ("single", ("/joint_states_single_l", "/joint_states_single_r"), ("/joint_states_l", "/joint_states_r"), BY_PLACE),
        ("puppet", ("/puppet/joint_left", "/puppet/joint_right"), ("/master/joint_left", "/master/joint_right"), BY_PLACE),
        ("agx", ("/a/feedback/joint_states", "/b/feedback/joint_states"), ("/a/control", "/b/control"), BY_NAME),
    ],
)  # fmt: skip
def test_trajectories_reach_the_driver_in_its_words(start_node, driver: str, states, commands, names) -> None:
    topics = {"left_state": states[0], "right_state": states[1]}
    topics |= {"left_command": commands[0], "right_command": commands[1]}
    start_node("finevla_control", "vendor_bridge", driver=driver, **(topics if driver == "agx" else {}))
    with Driver() as probe:
        probe.start(states, commands, names)
        probe.wait(lambda: len(probe.joint_states) > 10, "joint states")
        state = probe.joint_states[-1]
        assert list(state.name)[:7] == [*JOINTS, "left_gripper_joint1"]
        assert list(state.position) == pytest.approx([*HOME[:6], 0.03] * 2)
        assert 0 <= probe.now_ns() - to_ns(state.header.stamp) < 1_000_000_000
        assert not any(probe.commands)  # silent until told
        probe.drive(0.2, lambda: len(probe.commands[0]) > 100 and abs(probe.at[0][0] - 0.3) < 1e-6, "the arm to follow")
        moves = np.array([m.position for m in probe.commands[0]])
        assert moves[0] == pytest.approx(HOME, abs=5e-3)
        assert abs(np.diff(moves, axis=0)).max() < 0.1
        assert np.allclose([m.position for m in probe.commands[1]], HOME)  # the other arm is held
        command = probe.commands[0][-1]
        assert list(command.name) == names
        assert list(command.velocity) == ([] if driver == "agx" else [0.0] * 6 + [30.0])
        assert list(command.effort) == ([] if driver == "agx" else [0.0] * 6 + [1.0])


def test_driver_that_falls_silent_is_held_and_a_second_commander_refused(start_node) -> None:
    node = start_node("finevla_control", "vendor_bridge")
    with Driver() as probe:
        topics = ("/joint_states_l", "/joint_states_r")
        probe.start(("/joint_states_single_l", "/joint_states_single_r"), topics, BY_PLACE)
        probe.wait(lambda: probe.joint_states, "joint states")
        probe.drive(0.5, lambda: probe.commands[0] and probe.commands[0][-1].position[0] > 0.2, "motion", seconds=2)
        probe.is_speaking = False
        node.wait_for_line("stopped coming")
        probe.wait(lambda: probe.commands[0][-1].position == probe.commands[0][-20].position, "the hold")
        assert probe.commands[0][-1].position[0] < 0.55
        probe.is_speaking = True
        node.wait_for_line("joint states are back")
        probe.publisher(JointState, topics[0], qos.NEWEST)
        probe.wait(
            lambda: any("publishes on /joint_states_l too" in r.status[0].message for r in probe.reports), "the report"
        )
        probe.go(0.0)
        node.wait_for_line("trajectory refused: something else publishes")


def test_unknown_driver_is_named_with_the_known_ones(start_node) -> None:
    node = start_node("finevla_control", "vendor_bridge", driver="piper")
    assert node.wait_for_exit() == 2
    assert "unknown driver 'piper'" in "\n".join(node.lines)
