"""Promises of the bridge node on real DDS: good chunks become trajectories, everything else becomes a reason."""

import threading
from pathlib import Path

import numpy as np
import pytest
import rclpy
from played_arm import FOLLOWING, HOLDING, STOPPED, Arm
from sealed import signer_of
from std_msgs.msg import Bool, Empty, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from finevla_core.embodiment import Embodiment
from finevla_core.safety.events import Trajectory
from finevla_interfaces import msg
from finevla_interfaces.srv import Approve, Authority
from finevla_ros import qos
from finevla_ros.messages import to_ns
from finevla_ros.trajectories import trajectory_to_msg

pytestmark = pytest.mark.slow  # each starts nodes


def test_good_chunk_becomes_one_trajectory_per_controller(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.follow()
        arm.wait(lambda: all(arm.commands.values()), "a trajectory for every controller")
        for controller in robot.controllers:
            message = arm.commands[controller.name][0]
            assert tuple(message.joint_names) == controller.joints
            assert 0 <= arm.now_ns() - to_ns(message.header.stamp) < 2_000_000_000
            assert np.allclose(message.points[-1].velocities, 0)
            assert all(len(p.positions) == len(p.velocities) == len(controller.joints) for p in message.points)
        gripper = arm.commands["left_gripper_controller"][0]
        assert gripper.points[-1].positions[0] == pytest.approx(0.05)  # values 0...1 became metres
        arm.in_state(FOLLOWING)
        assert arm.status[-1].chunks_accepted == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"spoil": True}, "chunk.finite"),
        ({"identity": "old"}, "chunk.instruction"),
        ({"epochs_ago": 1}, "chunk.epoch"),
        ({"client": ""}, "chunk.authority"),
    ],
)
def test_bad_chunk_becomes_a_reason_and_no_motion(start_node, robot: Embodiment, fault: dict, code: str) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.send(**fault)
        arm.wait(lambda: any(e.code == code for e in arm.events), f"the event {code}")
        assert not any(arm.commands.values())
        arm.wait(lambda: list(arm.status[-1].reject_codes) == [code], "the count in the status")


@pytest.mark.parametrize("by", ["topic", "service"])
def test_stop_is_latched_and_only_reset_leaves_it(start_node, robot: Embodiment, by: str) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.follow()
        followed = arm.told()
        if by == "topic":
            arm.publisher(Empty, "safety/stop", qos.ALL).publish(Empty())
        else:
            assert arm.call(Trigger, "safety/stop", Trigger.Request()).success
        arm.in_state(STOPPED)
        arm.wait(lambda: arm.told() > followed, "the stop")
        commands = arm.commands["left_arm_controller"]
        arm.wait(lambda: commands[-1].points == commands[-2].points, "it to be said twice")
        arm.is_refused("bridge.state")
        assert arm.told() == followed + 1
        assert "wait" in arm.call(Trigger, "safety/reset", Trigger.Request()).message  # cooling down
        for _ in range(50):
            if arm.call(Trigger, "safety/reset", Trigger.Request()).success:
                break
            threading.Event().wait(0.1)
        arm.in_state(HOLDING)


def _say(arm: Arm, topic: str, text: str) -> None:
    if topic == "instruction/text":
        arm.publisher(String, topic, qos.ALL).publish(String(data=text))
    else:
        raw, fine = ("", text) if topic.endswith("fine") else (text, "")
        arm.publisher(msg.Instruction, "instruction", qos.ALL).publish(msg.Instruction(raw=raw, fine=fine))


@pytest.mark.parametrize(
    ("topic", "text"),
    [("instruction/text", "停下来!"), ("instruction", "STOP at the red cube"), ("instruction fine", "please stop")],
)
def test_stop_word_brakes_without_any_policy_and_needs_no_reset(
    start_node, robot: Embodiment, topic: str, text: str
) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.follow()
        commands = arm.told()
        _say(arm, topic, text)
        event = arm.wait(lambda: next((e for e in arm.events if e.code == "stop.word"), None), "the stop")
        assert event.level == msg.SafetyEvent.WARN
        assert ("to be on the safe side" in event.text) == ("cube" in text)
        arm.wait(lambda: arm.told() > commands, "the braking")
        arm.in_state(HOLDING)
        braked = arm.told()
        arm.active.publish(msg.Instruction(id="now", raw="go"))  # a policy that took no notice
        arm.is_refused("chunk.ended")
        assert arm.told() == braked
        arm.active.publish(msg.Instruction(id="new", raw="go on"))
        arm.follow("new")


def test_what_repeats_is_published_each_time_and_logged_once(start_node, robot: Embodiment) -> None:
    node = start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        for _ in range(30):
            arm.send("old")
            threading.Event().wait(0.05)
        arm.wait(lambda: sum(e.code == "chunk.instruction" for e in arm.events) >= 20, "the refusals")
        told = [line for line in node.lines if "chunk.instruction" in line]
        assert 1 <= len(told) <= 3, told  # with a count where the machine is so slow that it takes 10 s


def test_words_that_only_contain_a_stop_word_are_left_to_the_policy(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        _say(arm, "instruction/text", "don't stop")
        _say(arm, "instruction/text", "put the stopper in")
        arm.follow()
        assert not any(e.code == "stop.word" for e in arm.events)


def test_reset_moves_nothing_whatever_is_sent_and_what_was_latched_before_is_void(
    start_node, robot: Embodiment
) -> None:
    node = start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.follow()
        node.process.kill()  # the latched announcement outlives it
        node.wait_for_exit()
        commands = arm.told()
        start_node("finevla_control", "safety_bridge")
        before = arm.status[-1].epoch
        arm.wait(lambda: arm.status[-1].epoch != before and arm.status[-1].state == HOLDING, "the new bridge to hold")
        arm.wait(arm.chunks.get_subscription_count, "it to listen")
        threading.Event().wait(1.0)  # whatever is latched has come by then
        arm.send()
        arm.wait(lambda: any(e.code in ("chunk.ended", "chunk.instruction") for e in arm.events), "the refusal")
        arm.publisher(Empty, "safety/stop", qos.ALL).publish(Empty())
        arm.in_state(STOPPED)
        arm.active.publish(msg.Instruction(id="meanwhile", raw="go"))
        threading.Event().wait(0.8)  # the cool-down, and another stream
        assert arm.call(Trigger, "safety/reset", Trigger.Request()).success
        arm.in_state(HOLDING)
        for identity in ("now", "meanwhile"):
            arm.active.publish(msg.Instruction(id=identity, raw="go"))
            arm.is_refused("chunk.ended", identity)
        assert arm.told() == commands
        arm.active.publish(msg.Instruction(id="new", raw="go"))
        arm.follow("new")


def test_nothing_moves_without_the_watchdog(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.follow()
        arm.is_watched = False
        arm.in_state(STOPPED)
        assert "watchdog does not answer" in arm.status[-1].reason
        threading.Event().wait(0.6)  # the cool-down
        assert "watchdog does not answer" in arm.call(Trigger, "safety/reset", Trigger.Request()).message


def test_heartbeats_of_anybody_do_not_replace_a_watchdog_that_hangs(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        recorded = arm.listen("safety/watchdog", msg.Heartbeat, qos.NEWEST)
        arm.follow()
        arm.wait(lambda: len(recorded) > 5, "heartbeats to copy")
        forger = arm.publisher(msg.Heartbeat, "safety/watchdog", qos.NEWEST)

        def forge() -> None:
            forger.publish(msg.Heartbeat(node="/finevla/safety_watchdog", is_well=True))
            copy = recorded[-1]
            copy.challenge = arm.status[-1].challenge
            forger.publish(copy)

        arm.is_watched = False
        timer = arm.node.create_timer(0.02, forge)
        arm.in_state(STOPPED)
        timer.cancel()
        assert "watchdog does not answer" in arm.status[-1].reason
        arm.wait(lambda: any(e.code == "heartbeat.forged" for e in arm.events), "the forger to be told")
        assert sum(e.code == "heartbeat.forged" for e in arm.events) == 1


def test_trajectory_of_a_stranger_with_a_good_name_is_a_stop_when_it_is_heard(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.follow()
        rival = rclpy.create_node("safety_watchdog", namespace="finevla", context=arm.context, enable_rosout=False)
        publisher = rival.create_publisher(JointTrajectory, "left_arm_controller/joint_trajectory", qos.ALL)
        arm.wait(lambda: publisher.get_subscription_count() == 2, "the bridge to hear")
        copy = arm.commands["left_arm_controller"][0]
        publisher.publish(copy)
        arm.in_state(STOPPED)
        assert "is a stranger's, it is a copy of one that /finevla/safety_bridge sent before" in arm.status[-1].reason
        rival.destroy_node()


def test_stop_of_the_watchdog_is_no_strangers(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.follow()
        watchdog = rclpy.create_node("safety_watchdog", namespace="finevla", context=arm.context, enable_rosout=False)
        publisher = watchdog.create_publisher(JointTrajectory, "left_arm_controller/joint_trajectory", qos.ALL)
        arm.wait(lambda: publisher.get_subscription_count() == 2, "the bridge to hear")
        signer, joints = signer_of(watchdog, "safety_watchdog"), robot.controllers[0].joints
        rows = np.zeros((1, len(joints)))
        heard = arm.told()
        for stamp_ns in (watchdog.get_clock().now().nanoseconds, 0):  # of now; and from when it is taken
            own = Trajectory("left_arm_controller", joints, stamp_ns, np.array([1.0]), rows, rows)
            publisher.publish(trajectory_to_msg(own, signer))
        arm.wait(lambda: arm.told() > heard, "them to come")
        threading.Event().wait(0.2)
        assert not any(e.code == "bridge.rival" for e in arm.events)
        watchdog.destroy_node()


def test_authority_is_one_clients_and_a_second_is_refused_by_name(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        assert arm.call(Authority, "safety/authority", Authority.Request(client="/teleop")).success
        refused = arm.call(Authority, "safety/authority", Authority.Request(client="/policy"))
        assert (refused.success, refused.holder) == (False, "/teleop")
        assert "'/teleop' has command authority" in refused.message
        arm.send()
        arm.wait(lambda: any("'/teleop' has command authority" in e.text for e in arm.events), "the refusal")
        assert arm.call(Authority, "safety/authority", Authority.Request(client="/teleop", release=True)).success
        arm.follow()
        assert arm.status[-1].client == "/policy"


def test_step_mode_shows_each_plan_and_waits_for_a_yes(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge", step=True)
    with Arm() as arm:
        arm.start(robot)
        arm.send()
        plan = arm.wait(lambda: arm.pending and arm.pending[-1].number and arm.pending[-1], "a plan to be shown")
        assert plan.client == "/policy"
        assert len(plan.positions) == len(plan.times_s) * len(robot.names)
        assert max(plan.travel) == pytest.approx(0.15, abs=0.02)
        assert plan.closest
        assert not any(arm.commands.values())
        assert arm.call(Approve, "safety/approve", Approve.Request(number=plan.number)).success
        arm.wait(lambda: arm.pending[-1].chunk_sequence == 0, "the plan to be gone")
        arm.send()
        arm.wait(lambda: arm.pending[-1].chunk_sequence == 2, "the next plan")
        stale = arm.call(Approve, "safety/approve", Approve.Request(number=plan.number, is_yes=True))
        assert (stale.success, "plan 1 does not wait any more" in stale.message) == (False, True)
        assert not any(arm.commands.values())
        now = Approve.Request(number=arm.pending[-1].number, is_yes=True)
        assert arm.call(Approve, "safety/approve", now).success
        arm.in_state(FOLLOWING)
        assert all(arm.commands.values())


def test_released_deadman_is_a_stop(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge", deadman=True, deadman_timeout_s=2.0)
    with Arm() as arm:
        arm.start(robot)
        arm.is_refused("heartbeat.lost")
        deadman = arm.publisher(Bool, "safety/deadman", qos.NEWEST)
        held = Bool(data=True)
        arm.node.create_timer(0.1, lambda: deadman.publish(held))
        arm.follow()
        held.data = False
        arm.in_state(STOPPED)
        assert "deadman" in arm.status[-1].reason


def test_second_commander_of_a_controller_is_a_stop(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.node.create_publisher(JointTrajectory, "left_arm_controller/joint_trajectory", qos.ALL)
        arm.in_state(STOPPED)
        assert "only one bridge may command the arm" in arm.status[-1].reason


def test_loosened_limits_are_one_sentence_and_exit_code_2(start_node, tmp_path: Path) -> None:
    file = tmp_path / "limits.yaml"
    file.write_text("values: {left_joint1: {velocity: 50}}")
    node = start_node("finevla_control", "safety_bridge", limits=file)
    assert node.wait_for_exit() == 2
    assert any("looser than the robot's" in line for line in node.lines)
