"""Promises of the bridge on a robot that may be another one: it waits for description and controllers, and says for what."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from played_arm import DISABLED, HOLDING, STOPPED, Arm
from rclpy.task import Future
from std_msgs.msg import String
from std_srvs.srv import Trigger

from finevla_control.controller_list import UNANSWERED_S, ControllerList
from finevla_core.embodiment import Embodiment
from finevla_core.safety.robot_check import RobotCheck
from finevla_core.urdf import expand
from finevla_ros import qos

MANAGER = "/finevla/controller_manager"
RESET = Trigger, "safety/reset", Trigger.Request()


@pytest.mark.slow
def test_bridge_of_a_real_robot_waits_and_says_for_what(start_node, robot: Embodiment, cobotmagic_urdf: Path) -> None:
    start_node("finevla_control", "safety_bridge", controller_manager="controller_manager")
    with Arm() as arm:
        arm.start(robot, until=DISABLED)
        arm.wait(lambda: "no robot_description was heard" in arm.status[-1].reason, "the first reason")
        described = arm.publisher(String, "robot_description", qos.LATCHED)
        described.publish(String(data=expand(cobotmagic_urdf, overrun="0.3")))
        arm.wait(lambda: "which controllers are active" in arm.status[-1].reason, "the next reason")
        arm.is_refused("bridge.state")
        assert arm.status[-1].state == DISABLED
        assert not any(arm.commands.values())


@pytest.mark.slow
def test_another_description_is_a_stop_that_no_reset_leaves_while_it_is_there(
    start_node, robot: Embodiment, cobotmagic_urdf: Path
) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        described = arm.publisher(String, "robot_description", qos.LATCHED)
        described.publish(String(data=expand(cobotmagic_urdf)))
        arm.follow()
        described.publish(String(data=expand(cobotmagic_urdf, stroke="0.035")))
        said = "robot_description is not the robot that motion is planned with: joint 'left_gripper_joint1' has upper limit"
        # While it follows it stops; had the motion just ended, it would be disabled.
        arm.wait(lambda: arm.status[-1].state in (STOPPED, DISABLED) and said in arm.status[-1].reason, "the reason")
        answer = arm.call(*RESET)
        assert not answer.success
        assert arm.status[-1].state in (STOPPED, DISABLED)
        arm.node.destroy_publisher(described)
        for _ in range(100):  # its reason goes with its cause
            if (answer := arm.call(*RESET)).success:
                break
            threading.Event().wait(0.1)
        assert answer.success, answer.message
        arm.in_state(HOLDING)


class PlayedManager:
    """A node and the client that it makes: requests wait until they are answered."""

    def __init__(self) -> None:
        self.pending: list[Future] = []
        self.is_there, self.forgotten = True, 0

    def create_client(self, kind: Any, name: str) -> "PlayedManager":
        assert name == f"{MANAGER}/list_controllers"
        return self

    def service_is_ready(self) -> bool:
        return self.is_there

    def call_async(self, request: Any) -> Future:
        self.pending.append(Future())
        return self.pending[-1]

    def remove_pending_request(self, future: Future) -> None:
        self.forgotten += 1

    def answer(self, robot: Embodiment, state: str = "active") -> None:
        listed = [
            SimpleNamespace(name=c.name, state=state, claimed_interfaces=[f"{j}/position" for j in c.joints])
            for c in robot.controllers
        ]
        self.pending.pop(0).set_result(SimpleNamespace(controller=listed))


@pytest.fixture
def check(robot: Embodiment, cobotmagic_urdf: Path) -> RobotCheck:
    check = RobotCheck(robot, expand(cobotmagic_urdf), MANAGER)
    check.on_description(expand(cobotmagic_urdf))
    return check


def test_answers_of_the_manager_reach_the_check(robot: Embodiment, check: RobotCheck) -> None:
    manager = PlayedManager()
    asker = ControllerList(manager, MANAGER, check, SimpleNamespace(Request=object))  # type: ignore[arg-type]
    assert f"{MANAGER} does not say" in check.why_not()
    for state, said in (("active", ""), ("inactive", "controller left_arm_controller is 'inactive'"), ("active", "")):
        asker.ask()
        asker.ask()  # one question at a time
        assert len(manager.pending) == 1
        manager.answer(robot, state)
        assert check.why_not().startswith(said)
        assert bool(check.why_not()) == bool(said)


def test_a_manager_that_is_absent_or_hangs_is_asked_again(
    robot: Embodiment, check: RobotCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, now_s = PlayedManager(), [0.0]
    monkeypatch.setattr("finevla_control.controller_list.time.monotonic", lambda: now_s[0])
    asker = ControllerList(manager, MANAGER, check, SimpleNamespace(Request=object))  # type: ignore[arg-type]
    manager.is_there = False
    asker.ask()
    assert not manager.pending
    manager.is_there = True
    asker.ask()
    now_s[0] += UNANSWERED_S + 1.0
    asker.ask()
    assert (len(manager.pending), manager.forgotten) == (2, 1)
    manager.pending.pop(0).set_exception(RuntimeError("gone"))
    assert f"{MANAGER} does not say" in check.why_not()
    manager.answer(robot)
    assert check.why_not() == ""


def test_without_the_services_definition_the_arms_hold_and_it_is_said(
    check: RobotCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finevla_control.controller_list._service_type", lambda: None)
    ControllerList(PlayedManager(), MANAGER, check).ask()  # type: ignore[arg-type]
    assert "'controller_manager_msgs' is not installed" in check.why_not()
