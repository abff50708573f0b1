"""Promises of the motion node, on real DDS, against a real safety bridge and arms that do what the bridge commands."""

import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion
from moving_arms import FOLLOWING, HOLDING, PERIOD_S, START, MovingArms
from rclpy.action import ActionClient
from std_msgs.msg import Empty, String
from std_srvs.srv import Trigger

from finevla_core.embodiment import HOME, Embodiment
from finevla_core.kinematics import Kinematics
from finevla_core.safety.events import RESET_ADVICE
from finevla_core.safety.limits import Limits, robot_limits
from finevla_core.urdf import expand
from finevla_interfaces import msg
from finevla_interfaces.action import GoTo, Home
from finevla_interfaces.srv import Approve, Authority
from finevla_ros import qos

pytestmark = pytest.mark.slow  # each starts nodes

SUCCEEDED, CANCELED, ABORTED = 4, 5, 6


@pytest.fixture
def limits(robot: Embodiment, cobotmagic_urdf: Path) -> Limits:
    return robot_limits(robot, expand(cobotmagic_urdf))


class Bench(MovingArms):
    """Arms that move, and questions to the motion node."""

    def start(self, robot: Embodiment) -> None:
        self.move_from_start(robot)
        self.chunks = self.listen("action_chunk", msg.ActionChunk, qos.NEWEST)
        self.pending = self.listen("safety/pending_plan", msg.PendingPlan, qos.LATCHED)
        self.clients = {name: ActionClient(self.node, kind, name) for name, kind in (("home", Home), ("go_to", GoTo))}
        self.feedback: list[float] = []
        self.in_state(HOLDING)
        for client in self.clients.values():
            assert client.wait_for_server(20.0)
        # The node may not have heard yet that the bridge holds.
        for _ in range(100):
            if self.go("go_to", names=self.robot.names[:1], values=START[:1].tolist()) == (SUCCEEDED, "there already"):
                return
            threading.Event().wait(0.1)
        pytest.fail("the motion node never got ready")

    def ask(self, name: str, **goal: Any) -> Any:
        """The handle of an accepted goal."""
        kind = {"home": Home, "go_to": GoTo}[name]
        handle = self.answered(
            lambda: self.clients[name].send_goal_async(
                kind.Goal(**goal), feedback_callback=lambda m: self.feedback.append(m.feedback.left_s)
            ),
            "the goal's acceptance",
        )
        assert handle.accepted
        return handle

    def end(self, handle: Any) -> tuple[int, str]:
        """How the goal ended, and what was said of it."""
        ended = self.answered(handle.get_result_async, "the goal's end")
        assert ended.result.success == (ended.status == SUCCEEDED)
        return ended.status, ended.result.message

    def go(self, name: str, **goal: Any) -> tuple[int, str]:
        return self.end(self.ask(name, **goal))

    def reset(self) -> None:
        for _ in range(50):  # the cool-down
            if self.call(Trigger, "safety/reset", Trigger.Request()).success:
                return
            threading.Event().wait(0.1)
        pytest.fail("no reset")

    def is_free(self) -> None:
        self.wait(lambda: self.status[-1].client == "", "authority to be given back")


@pytest.fixture
def bench(start_node: Any, robot: Embodiment) -> Any:
    def start(**parameters: object) -> None:
        start_node("finevla_control", "safety_bridge", **parameters)
        start_node("finevla_control", "motion", planner="ompl")
        bench.start(robot)

    with Bench() as bench:
        bench.begin = start
        yield bench


def test_home_moves_both_arms_to_the_robots_home_and_gives_authority_back(bench: Bench, limits: Limits) -> None:
    bench.begin()
    assert bench.go("home", speed_scale=0.5) == (SUCCEEDED, "there")
    goal = bench.robot.moved(START, HOME)
    assert np.allclose(bench.track[-1][1], goal, atol=5e-3)
    times, values = np.array([t for t, _ in bench.track]) * 1e-9, np.array([v for _, v in bench.track])
    speed = abs(np.diff(values, axis=0)) / np.maximum(np.diff(times), 0.5 * PERIOD_S)[:, None]
    assert (speed.max(0) < 0.6 * limits.velocity).all()
    assert bench.feedback[0] > bench.feedback[-1] >= 0.0
    assert len(bench.chunks) == 1  # all of it at once
    bench.is_free()
    assert bench.go("home") == (SUCCEEDED, "there already")


def test_go_to_moves_only_what_it_names_and_a_gripper_pose_is_reached(bench: Bench, cobotmagic_urdf: Path) -> None:
    bench.begin()
    robot = bench.robot
    assert bench.go("go_to", names=["left_joint1", "right_gripper"], values=[0.2, 0.4], speed_scale=0.9)[0] == SUCCEEDED
    expected = START.copy()
    expected[0], expected[13] = 0.2, 0.4
    assert np.allclose(bench.track[-1][1], expected, atol=5e-3)
    kinematics = Kinematics(expand(cobotmagic_urdf), robot.joints)
    wanted = kinematics.frame_pose(robot.to_positions(robot.moved(START, HOME)), "left_tcp")
    half = math.acos(np.clip((np.trace(wanted[:3, :3]) - 1) / 2, -1, 1)) / 2
    axis = np.array([wanted[2, 1] - wanted[1, 2], wanted[0, 2] - wanted[2, 0], wanted[1, 0] - wanted[0, 1]])
    x, y, z = (math.sin(half) * axis / np.linalg.norm(axis)).tolist()
    pose = PoseStamped(
        pose=Pose(
            position=Point(x=wanted[0, 3], y=wanted[1, 3], z=wanted[2, 3]),
            orientation=Quaternion(x=x, y=y, z=z, w=math.cos(half)),
        )
    )
    pose.header.frame_id = robot.base_frame
    assert bench.go("go_to", frame="left_tcp", pose=pose, speed_scale=0.9)[0] == SUCCEEDED
    reached = kinematics.frame_pose(robot.to_positions(bench.track[-1][1]), "left_tcp")
    assert np.allclose(reached, wanted, atol=5e-3)
    assert np.allclose(bench.track[-1][1][7:], expected[7:], atol=5e-3)


def test_what_cannot_be_done_is_refused_in_one_sentence_and_nothing_moves(bench: Bench) -> None:
    bench.begin()
    pose = PoseStamped(pose=Pose(position=Point(x=3.0, y=0.0, z=1.0), orientation=Quaternion(w=1.0)))
    elsewhere = PoseStamped()
    elsewhere.header.frame_id = "camera"
    for goal, text in (
        ({"pose_name": "hom"}, "unknown pose 'hom'; did you mean 'home'?"),
        ({}, "say where to go"),
        ({"names": ["left_joint9"], "values": [0.0]}, "unknown value 'left_joint9'"),
        ({"names": ["left_joint1"], "values": []}, "one value for each name"),
        ({"names": ["left_joint1"], "values": [9.0]}, "left_joint1 would be 9.000"),
        ({"names": ["left_joint1"], "values": [math.nan]}, "not finite"),
        ({"names": ["left_joint2"], "values": [2.6]}, "left_joint2"),
        ({"pose_name": "home", "speed_scale": 1.5}, "give a share of the limits"),
        ({"frame": "left_tcp", "pose": pose}, "left_tcp cannot be at"),
        ({"frame": "left_tcp", "pose": elsewhere}, "give it in 'base_footprint'"),
        ({"frame": "tool", "pose": PoseStamped(pose=Pose(orientation=Quaternion(w=1.0)))}, "unknown frame 'tool'"),
    ):
        if "left_joint2" in text:
            goal = {"names": ["left_joint2", "left_joint3"], "values": [2.6, -0.4]}
            text = "would be"
        status, message = bench.go("go_to", **goal)
        assert (status, text in message) == (ABORTED, True), message
    assert not bench.chunks
    bench.is_free()


def test_cancel_brakes_within_the_limits_and_the_arms_hold(bench: Bench, limits: Limits) -> None:
    bench.begin()
    handle = bench.ask("home", speed_scale=0.3)
    bench.wait(lambda: abs(bench.track[-1][1] - START).max() > 0.15, "the arms to move")
    bench.answered(handle.cancel_goal_async, "the cancellation")
    cancelled_ns = bench.now_ns()
    assert bench.end(handle) == (CANCELED, "cancelled: the arms were braked and hold")
    bench.in_state(HOLDING)
    bench.is_free()
    bench.wait(lambda: bench.track[-1][0] > cancelled_ns + 1_000_000_000, "another moment")
    moved = [v for t, v in bench.track if t > cancelled_ns + 700_000_000]
    assert np.ptp(moved, axis=0).max() < 1e-6
    assert abs(moved[-1] - bench.robot.moved(START, HOME)).max() > 0.05  # it was not there yet
    recent = [(t, v) for t, v in bench.track if t > cancelled_ns - 100_000_000]
    times, values = np.array([t for t, _ in recent]) * 1e-9, np.array([v for _, v in recent])
    steps = np.diff(values, axis=0) / np.diff(times)[:, None]
    assert (abs(steps).max(0) < limits.velocity).all()
    assert bench.go("home", speed_scale=0.9) == (SUCCEEDED, "there")


def test_second_goal_and_a_stop_are_told_by_their_sentences(bench: Bench) -> None:
    bench.begin()
    handle = bench.ask("home", speed_scale=0.2)
    bench.in_state(FOLLOWING)
    assert bench.go("go_to", pose_name="open") == (ABORTED, "'home' is under way; cancel it, or wait for its end")
    assert bench.status[-1].state == FOLLOWING
    bench.publisher(Empty, "safety/stop", qos.ALL).publish(Empty())
    status, text = bench.end(handle)
    assert status == ABORTED
    assert text == f"the bridge is stopped: stop was asked for by topic; {RESET_ADVICE}"
    assert bench.go("home") == (ABORTED, text)


def test_home_that_a_stop_interrupted_does_not_go_on_after_the_reset(bench: Bench) -> None:
    bench.begin()
    handle = bench.ask("home", speed_scale=0.3)
    bench.wait(lambda: abs(bench.track[-1][1] - START).max() > 0.1, "the arms to move")
    bench.publisher(Empty, "safety/stop", qos.ALL).publish(Empty())
    assert bench.end(handle)[0] == ABORTED
    sent = len(bench.chunks)
    bench.reset()
    bench.in_state(HOLDING)
    reset_ns = bench.now_ns()
    bench.wait(lambda: bench.track[-1][0] > reset_ns + 1_000_000_000, "another second")
    assert np.ptp([v for t, v in bench.track if t > reset_ns], axis=0).max() < 1e-6
    assert len(bench.chunks) == sent
    assert bench.go("home", speed_scale=0.9) == (SUCCEEDED, "there")


def test_stop_word_ends_a_motion_and_a_new_one_needs_no_reset(bench: Bench) -> None:
    bench.begin()
    handle = bench.ask("home", speed_scale=0.3)
    bench.wait(lambda: abs(bench.track[-1][1] - START).max() > 0.1, "the arms to move")
    bench.publisher(String, "instruction/text", qos.ALL).publish(String(data="Stop!"))
    status, text = bench.end(handle)
    assert (status, text) == (ABORTED, "the operator said 'stop'; the arms are braked and hold until new words come")
    bench.in_state(HOLDING)
    bench.is_free()
    assert bench.go("home", speed_scale=0.9) == (SUCCEEDED, "there")


def test_motion_that_waits_for_a_yes_is_over_after_a_stop_and_a_reset(bench: Bench) -> None:
    bench.begin(step=True)
    handle = bench.ask("home", speed_scale=0.9)
    bench.wait(lambda: bench.pending and bench.pending[-1].number, "the motion to be shown")
    bench.publisher(Empty, "safety/stop", qos.ALL).publish(Empty())
    bench.reset()
    assert bench.end(handle)[0] == ABORTED
    assert not bench.call(Approve, "safety/approve", Approve.Request(number=1, is_yes=True)).success
    assert abs(bench.track[-1][1] - START).max() < 1e-6


def test_who_else_commands_is_not_interrupted(bench: Bench) -> None:
    bench.begin()
    assert bench.call(Authority, "safety/authority", Authority.Request(client="/teleop")).success
    status, text = bench.go("home")
    assert (status, text) == (
        ABORTED,
        "'/teleop' has command authority; it must give it back (service safety/authority, with this client and release: true)",
    )
    assert bench.call(Authority, "safety/authority", Authority.Request(client="/teleop", release=True)).success
    active = bench.publisher(msg.Instruction, "active_instruction", qos.LATCHED)
    active.publish(msg.Instruction(id="now", raw="reach the cube"))
    threading.Event().wait(0.3)  # two streams
    status, text = bench.go("home")
    assert status == ABORTED
    assert text == "the policy follows 'reach the cube'; clear the instruction first (finevla say stop)"
    active.publish(msg.Instruction())
    threading.Event().wait(0.3)
    handle = bench.ask("home", speed_scale=0.2)
    bench.in_state(FOLLOWING)
    active.publish(msg.Instruction())  # "stop" said in mid-motion
    status, text = bench.end(handle)
    assert status == ABORTED
    assert text == "the motion has ended: no instruction is active any more"


def test_lost_joint_states_are_refused(bench: Bench) -> None:
    bench.begin()
    bench.is_felt = False
    bench.wait(lambda: bench.status[-1].state == 0, "the bridge to know nothing")
    assert bench.go("home") == (ABORTED, "the bridge is disabled: joint states stopped coming; nothing is commanded")


def test_step_mode_shows_the_whole_motion_and_waits_for_a_yes(bench: Bench) -> None:
    bench.begin(step=True)
    handle = bench.ask("home", speed_scale=0.9)
    bench.wait(lambda: bench.pending and bench.pending[-1].number, "the motion to be shown")
    assert bench.pending[-1].client == "/finevla/motion"
    assert abs(bench.track[-1][1] - START).max() < 1e-6
    assert bench.call(Approve, "safety/approve", Approve.Request(number=bench.pending[-1].number)).success
    assert bench.end(handle) == (ABORTED, "the operator turned the motion down")
    handle = bench.ask("home", speed_scale=0.9)
    bench.wait(lambda: bench.pending[-1].number, "the motion to be shown again")
    number = bench.pending[-1].number
    assert bench.call(Approve, "safety/approve", Approve.Request(number=number, is_yes=True)).success
    assert bench.end(handle) == (SUCCEEDED, "there")
