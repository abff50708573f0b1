"""Promises of the robot check: another robot, absent or idle controllers and other joints are each one sentence, and a hold."""

import dataclasses
from pathlib import Path

import pytest
from bridge_run import BridgeRun
from guarded_arms import Guarded

from finevla_core.embodiment import Embodiment
from finevla_core.safety.events import State
from finevla_core.safety.robot_check import ANSWER_S, ListedController, RobotCheck
from finevla_core.urdf import expand

MANAGER = "/finevla/controller_manager"
S = 1_000_000_000


class Robot:
    """What a check hears of a robot on which all is well, unless a test spoils it."""

    def __init__(self, embodiment: Embodiment, urdf: Path, manager: str = MANAGER) -> None:
        self.now_ns = 100 * S
        self.urdf = expand(urdf)
        self.real = expand(urdf, overrun="0.3", hardware_plugin="mock_components/GenericSystem")
        self.listed = [
            ListedController(c.name, "active", tuple(f"{joint}/position" for joint in c.joints))
            for c in embodiment.controllers
        ]
        self.listed.append(ListedController("joint_state_broadcaster", "active"))
        self.check = RobotCheck(embodiment, self.urdf, manager, lambda: self.now_ns)

    def spoil(self, controller: str, /, **change: object) -> None:
        self.listed = [
            dataclasses.replace(c, **change) if c.name == controller else c  # type: ignore[arg-type]
            for c in self.listed
        ]


@pytest.fixture
def real(robot: Embodiment, cobotmagic_urdf: Path) -> Robot:
    return Robot(robot, cobotmagic_urdf)


def test_nothing_moves_before_description_and_controllers_are_known(real: Robot) -> None:
    assert "no robot_description was heard" in real.check.why_not()
    real.check.on_description(real.real)
    assert f"{MANAGER} does not say which controllers are active" in real.check.why_not()
    real.check.on_controllers(real.listed)
    assert real.check.why_not() == ""


def test_a_manager_that_falls_silent_is_unknown_again(real: Robot) -> None:
    real.check.on_description(real.real)
    real.check.on_controllers(real.listed)
    real.now_ns += round((ANSWER_S + 0.1) * S)
    assert "does not say which controllers are active" in real.check.why_not()
    real.check.on_controllers(real.listed)
    assert real.check.why_not() == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "inactive"}, "controller left_arm_controller is 'inactive', not active"),
        ({"state": "unconfigured"}, "controller left_arm_controller is 'unconfigured', not active"),
        (
            {"name": "other"},
            "controller left_arm_controller is not loaded; ros2 run controller_manager spawner left_arm",
        ),
        ({"interfaces": ()}, "commands the joints none, the robot file has left_joint1, left_joint2"),
        (
            {"interfaces": tuple(f"left_joint{i}/position" for i in (2, 1, 3, 4, 5, 6))},
            "commands the joints left_joint2, left_joint1, left_joint3",
        ),
        (
            {"interfaces": tuple(f"right_joint{i}/position" for i in range(1, 7))},
            "commands the joints right_joint1, right_joint2",
        ),
    ],
)
def test_controllers_that_would_not_follow_are_named(real: Robot, change: dict[str, object], said: str) -> None:
    real.check.on_description(real.real)
    real.check.on_controllers(real.listed)
    real.spoil("left_arm_controller", **change)
    real.check.on_controllers(real.listed)
    assert said in real.check.why_not()
    assert "\n" not in real.check.why_not()


def test_order_is_that_of_joints_not_of_interfaces(real: Robot) -> None:
    real.check.on_description(real.real)
    both = tuple(f"left_joint{i}/{kind}" for i in range(1, 7) for kind in ("position", "velocity"))
    real.spoil("left_arm_controller", interfaces=both)
    real.check.on_controllers(real.listed)
    assert real.check.why_not() == ""


@pytest.mark.parametrize("manager", ["", MANAGER])
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('velocity="3.0"', 'velocity="5.0"', "joint 'left_joint1' has velocity limit 5, expected 3 (and 11 more)"),
        ('"left_joint6"', '"left_wrist"', "joint 'left_joint6' is missing"),
        ("</robot>", "", "it cannot be read: it is no XML"),
    ],
)
def test_another_description_is_named_and_stays_until_its_publisher_has_gone(
    robot: Embodiment, cobotmagic_urdf: Path, manager: str, old: str, new: str, said: str
) -> None:
    real = Robot(robot, cobotmagic_urdf, manager)
    real.check.on_controllers(real.listed)
    real.check.on_description(real.real)
    assert real.check.why_not() == ""
    real.check.on_description(real.real.replace(old, new))
    real.check.on_description(real.real)  # the true one as well: two publishers
    assert said in real.check.why_not()
    assert real.check.reconsider(True)
    assert said in real.check.why_not(), "nothing is known before somebody says his again"
    for text in (real.real, real.real.replace(old, new), real.real):  # both still there
        real.check.on_description(text)
    assert said in real.check.why_not()
    assert real.check.reconsider(True)
    real.check.on_description(real.real)
    assert real.check.why_not() == ""
    assert not real.check.reconsider(True), "all is well"


def test_another_description_is_forgotten_when_nobody_publishes_one(robot: Embodiment, cobotmagic_urdf: Path) -> None:
    check = Robot(robot, cobotmagic_urdf, "").check
    check.on_description("<robot/>")
    assert check.is_other
    assert not check.reconsider(False)
    assert check.why_not() == ""


def test_without_ros2_control_nothing_is_waited_for(robot: Embodiment, cobotmagic_urdf: Path) -> None:
    assert Robot(robot, cobotmagic_urdf, "").check.why_not() == ""


def test_bridge_is_disabled_with_the_reason_until_the_robot_is_ready(guarded: Guarded) -> None:
    run, why = BridgeRun(guarded), ["controller a is not loaded"]
    run.bridge.why_unready = lambda: why[0]
    run.pass_time(1)
    assert (run.bridge.state, run.bridge.reason) == (State.DISABLED, why[0])
    run.bridge.on_instruction("go", run.now)
    run.chunk()
    assert run.accepted() == 0
    assert run.bridge.take()[0] == []
    why[0] = ""
    run.pass_time(1)
    assert run.bridge.state is State.HOLDING


def test_a_robot_that_is_not_ready_any_more_is_a_latched_stop_in_motion(guarded: Guarded) -> None:
    run, why = BridgeRun(guarded), [""]
    run.bridge.why_unready = lambda: why[0]
    run.chunk()
    run.pass_time(5)
    assert run.bridge.state is State.FOLLOWING
    why[0] = "controller a is 'inactive', not active"
    run.chunk()
    assert run.bridge.counts.rejected == {"robot.unready": 1}
    run.pass_time(1)
    assert run.bridge.state is State.STOPPED
    assert any(event.code == "robot.unready" and why[0] in event.text for event in run.bridge.take()[1])
    run.pass_time(100)
    assert run.bridge.reset(run.now) == (False, why[0])
    assert run.bridge.state is State.STOPPED
    why[0] = ""
    run.reset()
    assert run.bridge.state is State.HOLDING


def test_controllers_that_were_away_are_led_from_what_they_hold_now(guarded: Guarded) -> None:
    run, why = BridgeRun(guarded), [""]
    run.bridge.why_unready = lambda: why[0]
    run.chunk()
    run.pass_time(200)  # to its end
    run.bridge.take()
    for away in (False, True):
        why[0] = "controller a is 'inactive', not active" if away else ""
        run.pass_time(1)
        why[0] = ""
        run.pass_time(1)
        run.bridge.on_instruction(f"go{away}", run.now)
        run.chunk(f"go{away}")
        first = run.bridge.take()[0][0]
        # Knot 0 is left out where a controller holds something else than what it was told here last.
        assert (first.times_s[0] > 0) == away
        run.pass_time(200)
        run.bridge.take()
