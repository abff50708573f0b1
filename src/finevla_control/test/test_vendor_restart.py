"""A vendor's robot whose controllers, or driver, end in mid-motion and come back: a stop, and no leap."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
from played_arm import FOLLOWING, HOLDING, STOPPED
from probe import Probe
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.messages import chunk_to_msg, to_ns, to_stamp

pytestmark = [pytest.mark.slow, pytest.mark.alone]  # each starts nodes, and plays their neighbours

STATES = ("/joint_states_single_l", "/joint_states_single_r")
COMMANDS = ("/joint_states_l", "/joint_states_r")
POSE = [0.0, 1.3, -1.6, 0.0, 0.4, 0.0, 0.06]
SAG = 0.005  # rad: what the driver's arms hang below what they are told
TRIES = 30
FASTEST = 0.8  # rad/s: the motion that is asked for has a quarter of it, and a leap within a cycle has more
EACH = QoSProfile(depth=5_000)  # of the commands, however late this process comes to read them


class Robot(Probe):
    """Plays the driver of both arms, and a policy."""

    def start(self, robot: Embodiment) -> None:
        self.robot, self.is_speaking, self.sequence = robot, True, 0
        self.at = [list(POSE), list(POSE)]
        self.commands = [self.listen(topic, JointState, EACH) for topic in COMMANDS]
        self.status = self.listen("safety/status", msg.SafetyStatus, qos.LATCHED)
        self.events = self.listen("safety/events", msg.SafetyEvent, qos.ALL)
        self.chunks = self.publisher(msg.ActionChunk, "action_chunk", qos.NEWEST)
        self.active = self.publisher(msg.Instruction, "active_instruction", qos.LATCHED)
        self.out = [self.publisher(JointState, topic, qos.NEWEST) for topic in STATES]
        self.node.create_timer(0.01, self._speak)
        self.wait(lambda: self.status and self.status[-1].state == HOLDING, "the bridge to hold", 60.0)

    def _speak(self) -> None:
        for side, out in enumerate(self.out):
            if self.commands[side]:
                told = self.commands[side][-1].position
                self.at[side] = [told[0], told[1] - SAG, *told[2:]]
            message = JointState(name=[f"joint{i}" for i in range(7)], position=self.at[side])
            message.header.stamp = to_stamp(self.now_ns())
            if self.is_speaking:
                out.publish(message)

    def set_out(self, identity: str) -> None:
        """Say it, and send chunks from where the arms are, until they move: again, where the machine held a node up."""
        before = self.left().copy()
        for again in range(TRIES):
            self.active.publish(msg.Instruction(id=f"{identity} {again}", raw="go"))
            threading.Event().wait(0.2)  # the instruction and the chunks are different streams
            for _ in range(3):
                self._send(f"{identity} {again}")
                if self._waits(lambda: self.status[-1].state == FOLLOWING, 1.0):
                    break
            if self._waits(lambda: abs(self.left() - before).max() > 0.03, 2.0):
                return
            if self.status[-1].state == STOPPED:
                self.reset()
        raise AssertionError(f"'{identity}' was not followed: {[e.code for e in self.events[-20:]]}")

    def reset(self) -> None:
        self.wait(lambda: self.call(Trigger, "safety/reset", Trigger.Request()).success, "the reset", 60.0)

    def left(self) -> np.ndarray:
        return np.array(self.at[0][:6])

    def _send(self, identity: str) -> None:
        here = self.robot.to_values([v for side in self.at for v in (*side[:6], side[6] / 2)])
        phase = np.arange(1, 17) / 16
        ramp = phase**3 * (10 - 15 * phase + 6 * phase**2)
        actions = here + 0.2 * ramp[:, None] * np.tile([1, 0, 0, 0, 0, 0, 0], 2)
        self.sequence += 1
        chunk = ActionChunk(
            self.now_ns(), identity, self.robot.name, self.robot.names, 0.1, actions, "bundle", "/policy",
            self.status[-1].epoch, sequence=self.sequence,
        )  # fmt: skip
        self.chunks.publish(chunk_to_msg(chunk, self.robot.base_frame))

    def _waits(self, condition: Callable[[], object], seconds: float) -> bool:
        try:
            self.wait(condition, "a while", seconds)
        except AssertionError:
            return False
        return True


@pytest.mark.parametrize("who", ["controllers", "driver"])
def test_who_ends_in_mid_motion_and_comes_back_is_a_stop_and_makes_no_leap(
    start_node, robot: Embodiment, who: str
) -> None:
    controllers = start_node("finevla_control", "vendor_bridge")
    start_node("finevla_control", "safety_bridge")
    start_node("finevla_control", "safety_watchdog", camera_noise="false")
    with Robot() as arms:
        arms.start(robot)
        arms.set_out("first")
        heard = len(arms.events)
        if who == "controllers":
            controllers.process.kill()
            controllers.process.wait(10.0)
        else:
            arms.is_speaking = False
        arms.wait(lambda: arms.status[-1].state == STOPPED, "the stop")
        codes = {"state.lost", "watchdog.joints", "stop.topic", "watchdog"}
        arms.wait(lambda: {e.code for e in arms.events[heard:]} & codes, "the reason")
        if who == "controllers":
            start_node("finevla_control", "vendor_bridge")
        arms.is_speaking = True
        rested, told = arms.left(), len(arms.commands[0]) if who == "controllers" else 0
        arms.reset()
        threading.Event().wait(1.0)  # a reset never moves
        assert abs(arms.left() - rested).max() < 0.02 if who == "controllers" else arms.status[-1].state == HOLDING
        assert told in (0, len(arms.commands[0]))  # new controllers say nothing before they are told something
        before = len(arms.commands[0])
        arms.set_out("second")
        said = arms.commands[0][before:]
        moves = np.array([m.position[:6] for m in said])
        if who == "controllers":  # they hold the arms where they found them, and are led from there
            assert abs(moves[0] - rested).max() < SAG
        seconds = np.diff([to_ns(m.header.stamp) for m in said]) * 1e-9
        assert (abs(np.diff(moves, axis=0)).max(1) < FASTEST * np.maximum(seconds, 0.02)).all()
