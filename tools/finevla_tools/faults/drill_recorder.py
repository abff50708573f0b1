"""What a drill looks at: true joint states, what the controllers were told, the bridge's states, and what the operator saw."""

import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from finevla_client.connection import Connection
from finevla_core.embodiment import Embodiment
from finevla_core.joint_trajectory_controller import Point
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.messages import to_ns
from finevla_ros.trajectories import points_of
from finevla_tools.faults.message_relay import BEFORE, CHUNKS, told_topic

REST = 0.05  # rad/s, measured, of the fastest joint
RESTED_S = 0.25
WARN, ERROR = 1, 2
STOP_WORD = "stop.word"  # the one stop that is not latched
MOST_AHEAD_S = 0.03  # that a state's stamp is carried on: longer, and simulated time may stand still


@dataclass(frozen=True)
class StateSample:
    """A true joint state, of before any relay: positions and velocities `(J,)` in values."""

    at_s: float
    stamp_ns: int
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]


@dataclass(frozen=True)
class CommandSample:
    """A trajectory on a controller's topic; `clock_ns` is the controllers' time when it came."""

    at_s: float
    clock_ns: int
    controller: str
    joints: tuple[str, ...]
    stamp_ns: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Seen:
    """An event, or a line of the diagnostics that is not OK."""

    at_s: float
    level: int
    code: str
    text: str

    @property
    def is_stop(self) -> bool:
        """Whether it tells that the arms were stopped."""
        return self.code == STOP_WORD or (self.level == ERROR and self.code != "diagnostics")


class MotionRecorder:
    """Remembers since the last `begin`; times are the steady clock's (`at_s`)."""

    def __init__(self, client: Connection, robot: Embodiment, simulated_time: bool) -> None:
        self.client, self.robot, self.simulated_time = client, robot, simulated_time
        self.is_arm = np.array([not value.is_gripper for value in robot.values])
        self._scale = robot.to_velocities(np.ones(len(robot.joints)))
        self._lock = threading.Lock()
        self.begin()
        client.listen(f"{BEFORE}/{robot.state_topic}", JointState, qos.SENSOR, self._on_state)
        for controller in robot.controllers:
            # As the controllers hear it, where there is a relay.
            topic = f"{BEFORE}/{told_topic(controller.name)}" if simulated_time else told_topic(controller.name)
            client.listen(topic, JointTrajectory, qos.ALL, partial(self._on_command, controller.name))
        client.listen(CHUNKS, msg.ActionChunk, qos.NEWEST)
        client.listen("safety/watchdog", msg.Heartbeat, qos.NEWEST)
        client.listen("safety/pending_plan", msg.PendingPlan, qos.LATCHED)
        client.listen("safety/events", msg.SafetyEvent, qos.ALL, self._on_event)
        client.listen("/diagnostics", DiagnosticArray, qos.ALL, self._on_diagnostics)

    def begin(self) -> None:
        """Drop all samples and events recorded so far."""
        with self._lock:
            self.states: list[StateSample] = []
            self.told: list[CommandSample] = []
            self.seen: list[Seen] = []

    def speed(self, state: StateSample) -> float:
        """Return the speed of the fastest arm joint (grippers excluded), rad/s."""
        return float(abs(state.velocities[self.is_arm]).max())

    def is_moving(self, least: float) -> bool:
        """Whether an arm is at speed right now."""
        return bool(self.states) and self.speed(self.states[-1]) > least

    def rested_at_s(self, since_s: float, is_over: bool = False) -> float | None:
        """When the arms came to rest, and have stayed so until now and for long enough; None if they have not.

        `is_over`: the robot has ended with its stack, so that its last state is all there is to see of its rest.
        """
        states = [state for state in self.states if state.at_s >= since_s]
        rested: float | None = None
        for state in reversed(states):
            if self.speed(state) > REST:
                break
            rested = state.at_s
        least_s = 0.0 if is_over else RESTED_S
        return rested if rested is not None and states[-1].at_s - rested >= least_s else None

    def first_stop(self, since_s: float) -> Seen | None:
        """The first event that tells of a stop, latched or by a stop word."""
        return next((s for s in self.seen if s.at_s >= since_s and s.is_stop), None)

    def clock_ns(self) -> int:
        """Return the time by the controllers' clock: stamp of the newest state in simulation, else the system time."""
        if self.simulated_time:
            return self.states[-1].stamp_ns if self.states else 0
        return time.time_ns()

    def _clock_at(self, at_s: float) -> int:
        """Return the controllers' time now: the newest state's is up to a state's period and its delivery ago."""
        if not self.simulated_time or not self.states:
            return self.clock_ns()
        newest = self.states[-1]
        return newest.stamp_ns + round(min(at_s - newest.at_s, MOST_AHEAD_S) * 1e9)

    def _on_state(self, message: JointState) -> None:
        if list(message.name) != list(self.robot.joints):
            return
        velocities = np.array(message.velocity) / self._scale
        positions = self.robot.to_values(np.array(message.position))
        with self._lock:
            self.states.append(StateSample(time.monotonic(), to_ns(message.header.stamp), positions, velocities))

    def _on_command(self, controller: str, message: JointTrajectory) -> None:
        stamp = to_ns(message.header.stamp)
        at_s, points = time.monotonic(), tuple(points_of(message))
        told = CommandSample(at_s, self._clock_at(at_s), controller, tuple(message.joint_names), stamp, points)
        with self._lock:
            self.told.append(told)

    def _on_event(self, message: msg.SafetyEvent) -> None:
        self._see(message.level, message.code, message.text)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            level: Any = status.level
            level = level[0] if isinstance(level, bytes) else int(level)
            node, _, what = status.name.rpartition("/")
            if level and node == f"/{self.client.namespace}":
                self._see(level, "diagnostics", f"{what}: {status.message}")

    def _see(self, level: int, code: str, text: str) -> None:
        with self._lock:
            self.seen.append(Seen(time.monotonic(), int(level), code, text))
