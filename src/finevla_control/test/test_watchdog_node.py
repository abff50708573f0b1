"""Promises of the watchdog node on real DDS: it asks for stops, makes them where nobody else does, and is quiet else."""

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from probe import Probe
from sealed import sealed_status, signer_of
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Empty
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.joint_trajectory_controller import TrajectoryController
from finevla_core.observation import Observation
from finevla_core.safety.events import Trajectory
from finevla_core.safety.limits import Limits, robot_limits
from finevla_core.urdf import expand
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.messages import chunk_to_msg, observation_to_msg, to_ns, to_stamp
from finevla_ros.trajectories import points_of, sender_of, times_ns, trajectory_to_msg

pytestmark = [pytest.mark.slow, pytest.mark.alone]  # each starts nodes, and plays their neighbours

HOME = np.tile([0.0, 1.3, -1.6, 0.0, 0.4, 0.0, 1.0], 2)
DISABLED, HOLDING, FOLLOWING, STOPPED = range(4)
WATCHDOG = "/finevla/safety_watchdog"
PERIOD_S = 0.01


@pytest.fixture
def limits(robot: Embodiment, cobotmagic_urdf: Path) -> Limits:
    return robot_limits(robot, expand(cobotmagic_urdf))


class Arms(Probe):
    """Plays the arms with their controllers, and cameras that see something new each time."""

    def play(self, robot: Embodiment) -> None:
        self.robot = robot
        positions = robot.to_positions(HOME)
        self.columns = {c.name: [robot.joints.index(j) for j in c.joints] for c in robot.controllers}
        self.arms = [TrajectoryController(c.name, c.joints, positions[self.columns[c.name]]) for c in robot.controllers]
        self.commanded: list[tuple[int, np.ndarray]] = []
        self.refused: list[str] = []
        self.is_frozen = False
        self.stops = self.listen("safety/stop", Empty, qos.ALL)
        self.events = self.listen("safety/events", msg.SafetyEvent, qos.ALL)
        self.beats = self.listen("safety/watchdog", msg.Heartbeat, qos.NEWEST)
        self.own = {c.name: list[JointTrajectory]() for c in robot.controllers}
        for arm in self.arms:
            topic = f"{arm.name}/joint_trajectory"
            self.node.create_subscription(JointTrajectory, topic, self._controller(arm), qos.ALL)
        self.states = self.publisher(JointState, "joint_states", qos.SENSOR)
        self.observations = self.publisher(msg.Observation, "observation", qos.NEWEST)
        self.pictures = itertools.count(1)
        self.node.create_timer(PERIOD_S, self._feel)
        self.node.create_timer(0.1, self._see)

    def _controller(self, arm: TrajectoryController) -> Callable[[JointTrajectory], None]:
        def on_trajectory(m: JointTrajectory) -> None:
            points = points_of(m)
            with self.changed:
                if sender_of(m) == WATCHDOG:
                    self.own[arm.name].append(m)
                try:
                    arm.accept(m.joint_names, points, to_ns(m.header.stamp), self.now_ns())
                except ValueError as error:
                    self.refused.append(str(error))
                self.changed.notify_all()

        return on_trajectory

    def _feel(self) -> None:
        now_ns = self.now_ns()
        positions = np.zeros(len(self.robot.joints))
        with self.changed:
            for arm in self.arms:
                positions[self.columns[arm.name]] = arm.sample(now_ns)
            self.commanded.append((now_ns, positions))
            self.changed.notify_all()
        message = JointState(name=list(self.robot.joints), position=positions.tolist())
        message.header.stamp = to_stamp(now_ns)
        self.states.publish(message)

    def _see(self) -> None:
        content = 0 if self.is_frozen else next(self.pictures) % 256
        shape = (len(self.robot.cameras), 16, 16, 3)
        now_ns = self.now_ns()
        values = self.robot.to_values(self.commanded[-1][1]) if self.commanded else HOME
        seen = Observation(
            now_ns, self.robot.camera_names, np.full(shape, content, np.uint8), (now_ns,) * shape[0],
            values.astype(np.float32), now_ns, 0,
        )  # fmt: skip
        self.observations.publish(observation_to_msg(seen, self.robot.name, "base_footprint", self.robot.names))

    def wait_for(self, code: str) -> msg.SafetyEvent:
        return self.wait(lambda: [e for e in self.events if e.code == code], f"the event {code}")[0]

    def wait_for_own_stop(self) -> None:
        self.wait(lambda: all(self.own.values()), "a stop of the watchdog for every controller")

    def wait_for_rest(self) -> None:
        def rests() -> bool:
            recent = [p for t, p in self.commanded[-25:]]
            return len(recent) == 25 and abs(recent[-1] - recent[0]).max() == 0.0

        self.wait(rests, "the arms to rest")


class Stage(Arms):
    """Plays the bridge too, under its name, and the operator's deadman switch."""

    def start(self, robot: Embodiment) -> None:
        self.state, self.epoch, self.held = HOLDING, 1, True
        self.spoke_s = 0.0
        self.obeys = True  # stops when asked to
        self.bridge = rclpy.create_node("safety_bridge", namespace="finevla", context=self.context, enable_rosout=False)
        self.executor.add_node(self.bridge)
        self.signer = signer_of(self.bridge, "safety_bridge")
        self.status = self.bridge.create_publisher(msg.SafetyStatus, "safety/status", qos.LATCHED)
        self.commands = {
            c.name: self.bridge.create_publisher(JointTrajectory, f"{c.name}/joint_trajectory", qos.ALL)
            for c in robot.controllers
        }
        self.deadman = self.node.create_publisher(Bool, "safety/deadman", qos.NEWEST)
        self.bridge.create_subscription(Empty, "safety/stop", self._on_stop, qos.ALL)
        self.heart = self.bridge.create_timer(0.05, self._speak)
        self.play(robot)
        for told in (*self.commands.values(), self.status, self.deadman):
            listeners = 2 if told in self.commands.values() else 1  # the watchdog and the controllers
            self.wait(lambda p=told, n=listeners: p.get_subscription_count() == n, f"{told.topic_name} to be heard")
        heard = len(self.beats) + 20  # a second: the first words to a newcomer take up to half of one
        self.wait(lambda: len(self.beats) > heard and self.beats[-1].is_well, "a watchdog that is well")
        if self.state == STOPPED:  # it took longer to find the deadman switch than the watchdog waits
            self.state, self.epoch = HOLDING, self.epoch + 1
            self.wait_for("watchdog.reset")
        for until_now in (self.events, self.stops, *self.own.values()):
            until_now.clear()

    def _speak(self) -> None:
        self.status.publish(sealed_status(self.signer, self.state, self.epoch))
        self.deadman.publish(Bool(data=self.held))
        self.spoke_s = time.monotonic()

    def _on_stop(self, _: Empty) -> None:
        if self.obeys and self.state != STOPPED:
            self.state = STOPPED
            self._speak()  # at once: to make up a motion takes longer here than a bridge's stop
            self.tell(0.02, 0.2)  # as long as a stop at this speed takes

    def tell(self, speed: float, seconds: float) -> None:
        """As the bridge: a smooth motion of all arm joints from where they are commanded to."""
        now_ns = self.now_ns()
        phase = np.linspace(0, 1, 21)[1:]
        ramp, slope = phase**2 * (3 - 2 * phase), 6 * phase * (1 - phase) / seconds
        away = speed * seconds / 2 * np.tile([1, -1, 1, 1, 1, 1, 0], 2)
        for arm in self.arms:
            columns = self.columns[arm.name]
            with self.changed:
                rows = arm.sample(now_ns) + ramp[:, None] * away[columns]
            told = Trajectory(arm.name, arm.joints, now_ns, phase * seconds, rows, slope[:, None] * away[columns])
            self.commands[arm.name].publish(trajectory_to_msg(told, self.signer))

    def go(self, speed: float = 0.6, seconds: float = 4.0) -> None:
        """The bridge follows a chunk, and the arms move."""
        self.state = FOLLOWING
        self.tell(speed, seconds)
        first = self.commanded[-1][1]
        self.wait(lambda: abs(self.commanded[-1][1] - first).max() > 0.05, "the arms to move")

    def hang(self) -> float:
        """The bridge says no more; when it last did."""
        self.heart.cancel()
        return self.spoke_s


def test_hung_bridge_is_braked_to_rest_within_the_limits(start_node, robot: Embodiment, limits: Limits) -> None:
    start_node("finevla_control", "safety_watchdog")
    with Stage() as stage:
        stage.start(robot)
        stage.obeys = False
        stage.go()
        spoke_s = stage.hang()
        stage.wait_for_own_stop()
        assert time.monotonic() - spoke_s < 0.5  # 0.3 s to notice, a tick, and a busy machine
        stage.wait_for_rest()
        assert stage.wait_for("watchdog.bridge").level == msg.SafetyEvent.ERROR
        for controller in robot.controllers:
            stage.wait(partial(_has_two, stage.own[controller.name]), "the stop to be said again")
            stop, again = stage.own[controller.name]
            assert (again.header.stamp, again.points) == (stop.header.stamp, stop.points)
            assert tuple(stop.joint_names) == controller.joints
            assert not any(stop.points[-1].velocities)
            assert times_ns(stop) == sorted(set(times_ns(stop)))
        stage.wait(lambda: not stage.beats[-1].is_well, "a heartbeat that says why")
        within_limits(stage, limits)
        assert stage.stops


def _has_two(stops: list[JointTrajectory]) -> bool:
    return len(stops) == 2


def within_limits(stage: Arms, limits: Limits) -> None:
    """What the controllers commanded, sampled: nothing faster, harder or farther than the robot may.

    The sampling differs in length, and a trajectory begins some milliseconds after it was made: hence the tolerance.
    Where a busy machine held these played controllers up, what came meanwhile was late by no fault of who sent it.
    """
    times = np.array([t for t, _ in stage.commanded]) * 1e-9
    values = stage.robot.to_values(np.array([p for _, p in stage.commanded]))
    assert (values >= limits.lower - 1e-3).all()
    assert (values <= limits.upper + 1e-3).all()
    window = 5
    middle = (times[window:] + times[:-window]) / 2
    speed = (values[window:] - values[:-window]) / (times[window:] - times[:-window])[:, None]
    hardness = abs((speed[window:] - speed[:-window]) / (middle[window:] - middle[:-window])[:, None])
    is_even = np.lib.stride_tricks.sliding_window_view(np.diff(times), 2 * window).max(1) < 3 * PERIOD_S
    assert is_even.mean() > 0.5
    assert (hardness[is_even] <= 1.3 * limits.acceleration).all()
    assert (abs(speed) <= limits.velocity).all()


def test_confirmed_stop_is_left_to_the_bridge_and_a_reset_ends_it(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_watchdog", deadman=True)
    with Stage() as stage:
        stage.start(robot)
        stage.go()
        stage.held = False
        stage.wait(lambda: stage.state == STOPPED, "the stop")
        assert "released" in stage.wait_for("watchdog.deadman").text
        stage.wait_for_rest()
        assert not any(stage.own.values())
        stage.held = True
        stage.wait(lambda: stage.beats[-1].is_well, "a watchdog that sees no cause any more")
        stage.state, stage.epoch = HOLDING, stage.epoch + 1
        stage.wait_for("watchdog.reset")


def test_bridge_that_speaks_but_does_not_stop_is_braked(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_watchdog", deadman=True)
    with Stage() as stage:
        stage.start(robot)
        stage.obeys = False
        stage.go()
        stage.held = False
        stage.wait_for_own_stop()
        stage.wait_for("watchdog.brake")
        stage.wait_for_rest()
        stage.wait(lambda: len(stage.stops) > 1, "it to be asked again")


def test_second_commander_is_a_stop(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_watchdog")
    with Stage() as stage:
        stage.start(robot)
        stage.node.create_publisher(JointTrajectory, "left_arm_controller/joint_trajectory", qos.ALL)
        stage.wait(lambda: stage.state == STOPPED, "the stop")
        text = stage.wait_for("watchdog.rival").text
        assert "/finevla/probe on /finevla/left_arm_controller/joint_trajectory" in text
        assert not any(stage.own.values())  # nothing moved


def test_trajectory_of_a_stranger_with_a_good_name_is_braked_when_it_is_heard(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_watchdog")
    with Stage() as stage:
        stage.start(robot)
        stage.obeys = False  # the watchdog alone
        arm = stage.arms[0]
        rest = arm.sample(stage.now_ns()).copy()
        rival = rclpy.create_node("safety_watchdog", namespace="finevla", context=stage.context, enable_rosout=False)
        publisher = rival.create_publisher(JointTrajectory, f"{arm.name}/joint_trajectory", qos.ALL)
        stage.wait(lambda: publisher.get_subscription_count() == 2, "the controller and the watchdog to hear")
        here = np.tile(rest, (1, 1))
        away = Trajectory(arm.name, arm.joints, 0, np.array([1.0]), here + 0.25 * np.sign(0.5 - here), here * 0)
        message = trajectory_to_msg(away)
        message.header.frame_id = WATCHDOG
        publisher.publish(message)
        text = stage.wait_for("watchdog.rival").text
        assert f"/finevla/{arm.name}/joint_trajectory is a stranger's, it carries no seal of this stack" in text
        stage.wait(lambda: stage.own[arm.name], "a stop of the watchdog")
        stage.wait_for_rest()
        assert abs(arm.sample(stage.now_ns()) - rest).max() < 0.05  # a busy machine; of 0.25
        rival.destroy_node()


def test_second_watchdog_refuses_to_start_and_the_first_goes_on(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_watchdog")
    with Stage() as stage:
        stage.start(robot)
        second = start_node("finevla_control", "safety_watchdog")
        assert second.wait_for_exit() == 2
        assert any("another watchdog of this stack is running already" in line for line in second.lines)
        stage.go()
        beats = len(stage.beats)
        stage.wait(lambda: len(stage.beats) > beats + 20, "the first to beat on")
        assert stage.beats[-1].is_well
        assert not stage.stops
        assert not any(stage.own.values())


def test_watchdog_that_has_heard_nothing_yet_says_so_and_not_that_all_is_well(start_node) -> None:
    start_node("finevla_control", "safety_watchdog")
    with Probe() as probe:
        diagnosed = probe.listen("/diagnostics", DiagnosticArray, qos.ALL)
        probe.wait(lambda: diagnosed, "the watchdog's diagnostics")
    (status,) = diagnosed[0].status
    assert status.message == "has not heard the safety bridge and joint states yet; nothing moves before"


def test_frozen_camera_is_a_stop_only_while_the_arms_move(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_watchdog")
    with Stage() as stage:
        stage.start(robot)
        stage.is_frozen = True
        seen = len(stage.commanded)
        stage.wait(lambda: len(stage.commanded) > seen + 100, "ten equal pictures at rest")
        assert stage.state == HOLDING
        stage.go()
        stage.wait(lambda: stage.state == STOPPED, "the stop")
        assert "cameras front, left, right" in stage.wait_for("watchdog.camera_frozen").text
        assert not any(stage.own.values())


def test_healthy_stack_hears_nothing_but_the_heartbeat(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_watchdog")
    with Stage() as stage:
        stage.start(robot)
        stage.go(seconds=1.0)
        begun, beats = time.monotonic(), len(stage.beats)
        stage.wait(lambda: len(stage.beats) >= beats + 40, "forty heartbeats")
        assert time.monotonic() - begun < 3.0  # 20 Hz
        assert all(beat.is_well and beat.node == WATCHDOG for beat in stage.beats)
        assert not stage.stops
        assert not any(stage.own.values())
        assert not [e for e in stage.events if e.level == msg.SafetyEvent.ERROR]


class Driver(Arms):
    """Sends chunks to a real bridge."""

    def start(self, robot: Embodiment) -> None:
        self.status = self.listen("safety/status", msg.SafetyStatus, qos.LATCHED)
        self.play(robot)
        self.chunks = self.publisher(msg.ActionChunk, "action_chunk", qos.NEWEST)
        self.active = self.publisher(msg.Instruction, "active_instruction", qos.LATCHED)
        self.wait(lambda: self.status and self.status[-1].state == HOLDING and self.beats, "the bridge to hold")

    def go(self, instruction: str = "now") -> None:
        """Send the same motion until the bridge, which first has to hear of the instruction, follows it."""
        self.active.publish(msg.Instruction(id=instruction, raw="go"))
        first = self.commanded[-1][1]
        for sequence in range(100):
            phase = np.arange(1, 17) / 16
            ramp = phase**3 * (10 - 15 * phase + 6 * phase**2)
            actions = self.robot.to_values(first) + 0.3 * ramp[:, None] * np.tile([1, 1, 1, 1, 1, 1, 0], 2)
            chunk = ActionChunk(
                self.now_ns(), instruction, self.robot.name, self.robot.names, 0.1, actions,
                client="/finevla/driver", epoch=self.status[-1].epoch, sequence=sequence,
            )  # fmt: skip
            self.chunks.publish(chunk_to_msg(chunk, self.robot.base_frame))
            if threading.Event().wait(0.1) or self.status[-1].state == FOLLOWING:
                break
        self.wait(lambda: abs(self.commanded[-1][1] - first).max() > 0.03, "the arms to move")


def test_stopped_bridge_process_ends_in_rest_also_after_it_wakes_up(
    start_node, robot: Embodiment, limits: Limits
) -> None:
    start_node("finevla_control", "safety_watchdog")
    bridge = start_node("finevla_control", "safety_bridge").process.pid
    with Driver() as driver:
        driver.start(robot)
        driver.go()
        os.kill(bridge, signal.SIGSTOP)
        try:
            driver.wait_for_own_stop()
            driver.wait_for_rest()
            rest = driver.commanded[-1][1]
            within_limits(driver, limits)
        finally:
            os.kill(bridge, signal.SIGCONT)
        driver.wait(lambda: driver.status[-1].state == STOPPED, "the bridge to stop")
        driver.wait_for_rest()
        assert abs(driver.commanded[-1][1] - rest).max() < 0.02  # its belated stop is answered before it leads anywhere
        epoch = driver.status[-1].epoch
        for _ in range(100):
            if driver.call(Trigger, "safety/reset", Trigger.Request()).success:
                break
            threading.Event().wait(0.1)
        driver.wait_for("watchdog.reset")
        driver.wait(lambda: driver.status[-1].epoch == epoch + 1 and driver.status[-1].state == HOLDING, "holding")
        driver.go("again")
