"""Promises of the bridge's ear for stops on real DDS: however they are said, whatever else is on its way, and at the end."""

import signal
import threading

import pytest
from played_arm import FOLLOWING, HOLDING, STOPPED, Arm
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from std_msgs.msg import Bool, Empty, String

from finevla_core.embodiment import Embodiment
from finevla_interfaces import msg
from finevla_ros import qos

pytestmark = [pytest.mark.slow, pytest.mark.alone]  # each starts nodes, and plays their neighbours

BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.mark.parametrize("profile", [qos.ALL, BEST_EFFORT], ids=["reliable", "best effort"])
def test_stop_is_heard_reliable_and_best_effort(start_node, robot: Embodiment, profile: QoSProfile) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        stop = arm.publisher(Empty, "safety/stop", profile)  # before the motion, as below
        arm.follow()
        stop.publish(Empty())
        arm.in_state(STOPPED)
        arm.wait(lambda: any(e.code == "stop.topic" for e in arm.events), "the event")


def test_stop_word_is_heard_best_effort_and_obeyed_once(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:

        def heard() -> int:
            return sum(e.code == "stop.word" for e in arm.events)

        arm.start(robot)
        # Before the motion: nobody sends again what comes before the two have found each other.
        unreliable = arm.publisher(String, "instruction/text", BEST_EFFORT)
        reliable = arm.publisher(String, "instruction/text", qos.ALL)
        arm.follow()
        # As a button says it, again and again: what is said best effort before the listener knows who speaks is lost.
        button = arm.node.create_timer(0.05, lambda: unreliable.publish(String(data="停")))
        arm.wait(heard, "the stop word")
        button.cancel()
        arm.in_state(HOLDING)
        threading.Event().wait(0.3)  # what is still under way
        before = heard()
        reliable.publish(String(data="stop"))
        arm.wait(lambda: heard() > before, "the second stop word")
        threading.Event().wait(0.3)  # its second copy
        assert heard() == before + 1


def test_deadman_is_heard_best_effort(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge", deadman=True, deadman_timeout_s=2.0)
    with Arm() as arm:
        switch = arm.publisher(Bool, "safety/deadman", BEST_EFFORT)
        is_held = [True]
        arm.node.create_timer(0.05, lambda: switch.publish(Bool(data=is_held[0])))
        arm.start(robot)
        arm.wait(lambda: arm.send() or arm.status[-1].state == FOLLOWING, "motion")
        is_held[0] = False
        arm.in_state(STOPPED)
        arm.wait(lambda: any(e.code == "deadman" for e in arm.events), "the reason")


def test_what_is_large_or_no_message_is_told_and_stops_are_heard_all_the_same(start_node, robot: Embodiment) -> None:
    node = start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.follow()
        words = arm.publisher(String, "instruction/text", qos.ALL)
        states = arm.publisher(msg.Heartbeat, "safety/watchdog", qos.NEWEST)
        for _ in range(20):
            words.publish(String(data="stop " + "x" * 1_000_000))
            words.publish(b"\0\1\0\0\xff\xff\xff\xff")
            states.publish(serialize_message(msg.Heartbeat(node="x" * 100))[:-9])
            arm.chunks.publish(msg.ActionChunk(instruction_id="x" * 1_000_000))
        arm.wait(lambda: sum(e.code == "message.refused" for e in arm.events) >= 3, "the refusals")
        words.publish(String(data="stop"))
        arm.wait(lambda: any(e.code == "stop.word" for e in arm.events), "the stop word")
        assert sum("message.refused" in line for line in node.lines) <= 6
        assert all(len(e.text) < 300 for e in arm.events)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_bridge_that_is_told_to_end_brakes_first(start_node, robot: Embodiment, number: signal.Signals) -> None:
    node = start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.follow()
        before = {name: arm.told(name) for name in arm.commands}
        node.process.send_signal(number)
        arm.wait(lambda: any(e.code == "stop.ending" for e in arm.events), "the stop")
        arm.wait(lambda: all(arm.told(n) > count for n, count in before.items()), "the braking")
        assert node.wait_for_exit() == 0


def test_bridge_that_holds_ends_at_once_and_quietly(start_node, robot: Embodiment) -> None:
    node = start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        node.process.send_signal(signal.SIGINT)
        assert node.wait_for_exit() == 0
        assert not any("ERROR" in line or "Traceback" in line for line in node.lines)
