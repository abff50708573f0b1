"""A perfect arm at home with a watchdog and a policy, for nodes and tools that need a bridge with something behind it."""

import threading
from collections.abc import Callable

import numpy as np
from probe import Probe
from sealed import PlayedWatchdog
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.messages import chunk_to_msg, to_stamp

HOME = np.tile([0.0, 1.3, -1.6, 0.0, 0.4, 0.0, 1.0], 2)
DISABLED, HOLDING, FOLLOWING, STOPPED = range(4)
SENDS = 20


class Arm(Probe):
    """Plays a perfect arm at home and the watchdog: joint states and heartbeats, whatever is commanded."""

    def start(self, robot: Embodiment, until: int = HOLDING) -> None:
        self.robot, self.is_watched, self.sequence = robot, True, 0
        self.status = self.listen("safety/status", msg.SafetyStatus, qos.LATCHED)
        self.events = self.listen("safety/events", msg.SafetyEvent, qos.ALL)
        self.commands = {
            c.name: self.listen(f"{c.name}/joint_trajectory", JointTrajectory, qos.ALL) for c in robot.controllers
        }
        self.chunks = self.publisher(msg.ActionChunk, "action_chunk", qos.NEWEST)
        self.active = self.publisher(msg.Instruction, "active_instruction", qos.LATCHED)
        states = self.publisher(JointState, "joint_states", qos.SENSOR)
        watchdog = PlayedWatchdog(self.node)
        self.pending = self.listen("safety/pending_plan", msg.PendingPlan, qos.LATCHED)
        self.values = HOME.copy()  # what the joint states say
        self.ahead_s = 0.0  # by how much their stamps are of the future

        def feel() -> None:
            message = JointState(name=list(robot.joints), position=robot.to_positions(self.values).tolist())
            message.header.stamp = to_stamp(self.now_ns() + round(self.ahead_s * 1e9))
            states.publish(message)
            if self.is_watched:
                watchdog.beat()

        self.node.create_timer(0.02, feel)
        self.wait(lambda: self.status and self.status[-1].state == until, f"the bridge in state {until}")
        self.active.publish(msg.Instruction(id="now", raw="go"))
        threading.Event().wait(0.2)  # the instruction and the chunks are different streams

    def told(self, controller: str = "left_arm_controller") -> int:
        """How many different trajectories a controller was sent: each is said twice."""
        return len({(m.header.stamp.sec, m.header.stamp.nanosec, repr(m.points)) for m in self.commands[controller]})

    def send(self, identity: str = "now", spoil: bool = False, client: str = "/policy", epochs_ago: int = 0) -> None:
        phase = np.arange(1, 17) / 16
        ramp = phase**3 * (10 - 15 * phase + 6 * phase**2)
        actions = HOME + 0.15 * ramp[:, None] * np.tile([1, 1, 1, 1, 1, 1, 0], 2)
        if spoil:
            actions[3, 4] = np.nan
        self.sequence += 1
        epoch = self.status[-1].epoch - epochs_ago
        chunk = ActionChunk(
            self.now_ns(), identity, self.robot.name, self.robot.names, 0.1, actions, "bundle", client, epoch,
            sequence=self.sequence,
        )  # fmt: skip
        self.chunks.publish(chunk_to_msg(chunk, self.robot.base_frame))

    def follow(self, identity: str = "now") -> None:
        """Send chunks until one is followed: words, authority and chunks are different streams, and the last may be first.

        Where this process was held up for longer than the bridge waits for the watchdog, what was said has ended there: it is
        said again.
        """
        ended, again = self._count("chunk.ended"), 0

        def is_over() -> bool:
            return self.status[-1].state == FOLLOWING or self._count("chunk.ended") > ended

        while True:
            name = f"{identity} again {again}" if again else identity
            self._send_until(is_over, "a chunk to be followed", name)
            if self.status[-1].state == FOLLOWING:
                return
            self.in_state(HOLDING)
            ended, again = self._count("chunk.ended"), again + 1
            assert again < SENDS, "the bridge was disabled again and again"
            self.active.publish(msg.Instruction(id=f"{identity} again {again}", raw="go"))

    def is_refused(self, code: str, identity: str = "now") -> None:
        """Send chunks until one more is refused with that code."""
        before = self._count(code)
        self._send_until(lambda: self._count(code) > before, f"a refusal, {code}", identity)

    def _count(self, code: str) -> int:
        return sum(e.code == code for e in self.events)

    def _send_until(self, condition: Callable[[], bool], what: str, identity: str) -> None:
        for _ in range(SENDS):
            self.send(identity)
            try:
                return self.wait(condition, what, timeout_s=1.0)
            except AssertionError:
                continue
        raise AssertionError(f"sent {SENDS} chunks for {what}")

    def in_state(self, state: int) -> None:
        self.wait(lambda: self.status[-1].state == state, f"state {state}")
