"""One drill after the other on a stack in simulation that is started for them, in a ROS domain of its own."""

import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

from rclpy.action import ActionClient
from std_msgs.msg import Empty, String
from std_srvs.srv import SetBool

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.safety.envelope import load_limits
from finevla_core.urdf import expand
from finevla_interfaces.action import GoTo
from finevla_ros import qos
from finevla_ros.share_paths import robot_file, safety_file
from finevla_tools.faults.drill_judge import STOOD_S
from finevla_tools.faults.drill_recorder import MotionRecorder
from finevla_tools.faults.drill_run import COME_TO_REST_S, FOLLOWING, NOT_GONE_ON, SET_OUT_S, Attempt
from finevla_tools.faults.drill_types import Drill, Moment, Result
from finevla_tools.faults.fault_injection import Injector
from finevla_tools.faults.foreign_publisher import Stranger
from finevla_tools.faults.message_relay import Relays, lines_of
from finevla_tools.launch_file import Launch, Process, load_launch
from finevla_tools.simulated_scene_session import wait_for_stack
from finevla_tools.simulation_client import SimulationClient
from finevla_tools.up import DEFAULT_FILE, Stack, launch_path

HOLDING, STOPPED = 1, 3
BYSTANDER = "bystander"  # stands for any process of the launch, and ends by SIGUSR1 with code 1, by SIGUSR2 with 2
BYSTANDS = """
import signal, sys, time
for number, code in ((signal.SIGUSR1, 1), (signal.SIGUSR2, 2), (signal.SIGINT, 0), (signal.SIGTERM, 0)):
    signal.signal(number, lambda *_, code=code: sys.exit(code))
while True:
    time.sleep(60)
"""
LISTENERS = 2  # to what the operator says: policy and bridge
READY_S = 60.0
NEW_S = 1.0
HELD_UP = {
    *("bridge.asleep", "watchdog.bridge", "state.lost", "watchdog.joints", "heartbeat.lost"),
    *("watchdog.observations", "watchdog.chunks"),
}
SPEED = 0.15  # rad/s; an arm this fast is in the middle of a motion
UNDER_WAY_S = 0.4  # the first command of a motion starts from where the arms sag to, not from where they were sent to
APART_RAD = 0.35  # further than a chunk may be from where the arm is
# A goal that a motion node was sent before it was killed goes to nobody, and so may the next: DDS lists the dead one for long.
GO_TRIES, GO_S = 3, 4.0
GO_RAD, GO_SPEED = 0.8, 0.6  # an operator's motion: of the first joint, at this share of the limits


@contextlib.contextmanager
def own_domain() -> Iterator[str]:
    """A ROS domain on this machine alone, so that no robot can be reached."""
    own = {
        "ROS_DOMAIN_ID": str(random.SystemRandom().randrange(2, 100)),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield own["ROS_DOMAIN_ID"]
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def drill_launch(bundle: str, clock: bool) -> Launch:
    """The stack in simulation, whose nodes publish to the relays."""
    given = {"robot": "sim", "bundle": bundle, "clock": str(clock).lower()}
    launch = load_launch(launch_path(DEFAULT_FILE), given)
    robot = load_embodiment(robot_file(launch.arguments["robot_file"]))
    remaps: dict[str, list[str]] = {}
    for line in lines_of(robot, clock):
        remaps.setdefault(line.node, []).extend(("-r", f"{line.topic}:={line.before}"))
    # The arguments of a node end with its ROS arguments.
    processes = [replace(p, command=(*p.command, *remaps.get(p.name, ()))) for p in launch.processes]
    bystander = Process(BYSTANDER, (sys.executable, "-S", "-E", "-c", BYSTANDS), {}, False, 0.0)
    return replace(launch, processes=(*processes, bystander))


class Session:
    """A stack that is spoiled and mended; `run` does one drill and leaves it as it was. A context manager."""

    def __init__(self, bundle: str, sentence: str, task: str = "reach", seed: int = 1_000_000) -> None:
        self.bundle, self.sentence, self.task, self.seed = bundle, sentence, task, seed
        self.log: list[str] = []
        self.logged_s: list[float] = []  # when the stack's lines came
        self._life = contextlib.ExitStack()
        self._clock: bool | None = None  # of the stack that runs; None = none does
        self.stack: Stack
        self.client: SimulationClient
        self.recorder: MotionRecorder
        self.injector: Injector

    def __enter__(self) -> Self:
        self._life.enter_context(own_domain())
        self._folder = self._life.enter_context(tempfile.TemporaryDirectory())
        self._stack_life = self._life.enter_context(contextlib.ExitStack())
        return self

    def __exit__(self, *_: object) -> None:
        self._life.close()

    def run(self, drill: Drill) -> Result:
        """Set out, fault, watch, mend, judge."""
        self._need_stack(drill.clock)
        nodes = [process.name for process in self.stack.launch.processes]
        if lacking := sorted(set(drill.nodes) - set(nodes)):
            raise FineVLAError(f"drill '{drill.name}': no node '{lacking[0]}' in the launch description")
        result = self._once(drill)
        # A second stop of the fault's own kind after the mending is told from the first by its effect alone.
        is_late = all(why.startswith(NOT_GONE_ON) for why in result.broken)
        was_held_up = result.codes & (HELD_UP if is_late else HELD_UP - set(drill.codes)) or result.stood_s > STOOD_S
        if result.broken and was_held_up:
            # The machine did not let a node run for a while: a fault of its own, and no answer to this one.
            self.log.append(f"once more, for the machine held a node up: {'; '.join(result.broken)}")
            result = self._once(drill)
            result.happened += " (at the second try: at the first the machine held a node up)"
        return result

    def _once(self, drill: Drill) -> Result:
        with contextlib.ExitStack() as prepared:
            try:
                self._prepare(drill, prepared)
            except FineVLAError as error:  # once: what a drill left behind is no excuse for the next
                self.log.append(f"starting the stack again: {error}")
                prepared.pop_all().close()
                self._end_stack()
                self._need_stack(drill.clock)
                self._prepare(drill, prepared)
            return Attempt(self, drill).result()

    def _prepare(self, drill: Drill, prepared: contextlib.ExitStack) -> None:
        if drill.prepare is not None:
            prepared.enter_context(drill.prepare(self.injector))
        self._set_out(drill)

    def end_stack(self) -> None:
        """The next drill starts another one."""
        self._end_stack()

    def _need_stack(self, clock: bool) -> None:
        if self._clock is clock and all(self.stack.pid(p.name) for p in self.stack.launch.processes):
            return
        self._end_stack()
        life = self._stack_life
        launch = drill_launch(self.bundle, clock)
        self.robot: Embodiment = load_embodiment(robot_file(launch.arguments["robot_file"]))
        file = robot_file(launch.arguments["robot_file"])
        urdf = expand(file.parents[2] / self.robot.urdf)
        self.limits = load_limits(self.robot, urdf, safety_file(launch.arguments["limits"]))
        logs = Path(self._folder) / "log"
        launch = replace(
            launch,
            processes=tuple(
                replace(p, environment={**p.environment, "ROS_LOG_DIR": str(logs)}) for p in launch.processes
            ),
        )
        self.stack = Stack(launch, self._on_line)
        life.callback(self.stack.stop)
        self._clock = clock
        namespace = launch.arguments["namespace"]
        relays = life.enter_context(Relays(lines_of(self.robot, clock), namespace))
        self.stack.start()
        self.client = life.enter_context(SimulationClient(namespace, name="finevla_drill"))
        self.recorder = MotionRecorder(self.client, self.robot, clock)
        stranger = life.enter_context(Stranger(namespace))
        text = self.client.node.create_publisher(String, "instruction/text", qos.ALL)
        stop = self.client.node.create_publisher(Empty, "safety/stop", qos.ALL)
        self.injector = Injector(
            self.stack, relays, self.client, self.recorder, stranger, self.robot, text, stop, self.sentence
        )
        self.motion = ActionClient(self.client.node, GoTo, "go_to")
        wait_for_stack(self.client, self.stack, READY_S)
        self.wait(lambda: text.get_subscription_count() >= LISTENERS, READY_S, "policy and bridge to hear what is said")
        self.wait(stop.get_subscription_count, READY_S, "the bridge to hear a stop")

    def _on_line(self, name: str, line: str) -> None:
        self.logged_s.append(time.monotonic())
        self.log.append(f"[{name}] {line}")

    def _end_stack(self) -> None:
        self._stack_life.close()
        self._clock = None

    def _set_out(self, drill: Drill) -> None:
        """At home, and then as the drill wants it: under way, at rest, stopped, or before a yes."""
        client, recorder = self.client, self.recorder
        client.say(Instruction(raw="stop"))
        self.step_mode(False)
        self.wait(lambda: self.state() != FOLLOWING, COME_TO_REST_S, "the bridge to come to rest")
        if self.state() == STOPPED:
            self.reset(COME_TO_REST_S)
        client.reset_scene(self.seed, self.task)
        began_s = time.monotonic()
        self.wait(lambda: recorder.rested_at_s(began_s), COME_TO_REST_S, "the arms to rest at home")
        client.adopt_scene()
        # The leap of arms that had moved just before stops the bridge, too, but is believed soon: there is nothing to adopt.
        self.wait(lambda: client.is_ready() or self.state() == STOPPED, SET_OUT_S, "the stack to be ready")
        if self.state() == STOPPED:
            self.reset(COME_TO_REST_S)
        self.wait(client.is_ready, SET_OUT_S, "the stack to be ready")
        recorder.begin()
        self.wait(lambda: recorder.states, COME_TO_REST_S, "joint states")
        if drill.moment is Moment.MOTION:
            for _ in range(GO_TRIES):
                self._go()
                if client.wait(lambda: self._is_under_way(drill.arms_apart), GO_S):
                    break
        elif drill.moment is Moment.STOPPED:
            self.press_stop()
            client.wait(lambda: False, NEW_S)  # a reset is possible from now on, and what the stop led to is said
        elif drill.moment is not Moment.HOLDING:
            self.step_mode(drill.moment is Moment.STEPPING)
            client.say(Instruction(raw=self.sentence))
        if drill.moment.is_moving:
            self.wait(lambda: self._is_under_way(drill.arms_apart), SET_OUT_S, "the arms to move")
        elif drill.moment is Moment.STEPPING:
            self.wait(lambda: client.newest["safety/status"].waiting, SET_OUT_S, "a plan that waits for a yes")

    def step_mode(self, is_on: bool) -> None:
        """Switch it, if it is not so already."""
        if bool(self.client.newest["safety/status"].stepping) is not is_on:
            self.client.call(SetBool, "safety/step_mode", SetBool.Request(data=is_on))

    def press_stop(self) -> None:
        """Stop as an operator does, and wait for it; raises `FineVLAError` if the bridge does not."""
        self.injector.stop.publish(Empty())
        self.wait(lambda: self.state() == STOPPED, COME_TO_REST_S, "the bridge to stop")

    def _go(self) -> None:
        """An operator's motion of one arm."""
        joint = self.robot.names[0]
        goal = GoTo.Goal(names=[joint], values=[GO_RAD], speed_scale=GO_SPEED)
        self.wait(self.motion.server_is_ready, SET_OUT_S, "the motion node")
        self.client.node.executor.create_task(lambda: self.motion.send_goal_async(goal))

    def _is_under_way(self, apart: bool) -> bool:
        r = self.recorder
        if self.state() != FOLLOWING or not r.is_moving(SPEED):
            return False
        if not r.told or time.monotonic() - r.told[0].at_s < UNDER_WAY_S:
            return False
        positions = self.recorder.states[-1].positions
        half = len(positions) // 2
        return not apart or bool(abs(positions[:half] - positions[half:])[:-1].max() > APART_RAD)

    def state(self) -> int:
        """Return the bridge's state by its newest status."""
        return int(self.client.newest["safety/status"].state)

    def accepted(self) -> int:
        """Return how many chunks the bridge has accepted so far."""
        return int(self.client.newest["safety/status"].chunks_accepted)

    def wait(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        """Wait up to `seconds` until `condition()` is true, else raise `FineVLAError` that names `what`."""
        if not self.client.wait(lambda: bool(condition()), seconds):
            raise FineVLAError(f"waited {seconds:g} s for {what}")

    def reset(self, seconds: float) -> bool:
        """Reset the bridge as an operator does, asking again until it holds; return whether a reset was needed.

        Raises `FineVLAError` if that takes more than `seconds`.
        """
        began_s, is_reset = time.monotonic(), False
        while True:
            try:
                self.wait(lambda: self.client.received_s["safety/status"] > began_s, seconds, "a bridge that speaks")
                # One that was just started is disabled at first, until the watchdog answers and stops it.
                if self.state() == STOPPED or self.client.wait(lambda: self.state() == STOPPED, NEW_S):
                    self.client.reset_simulated_bridge()
                    is_reset = True
                self.wait(lambda: self.state() in (HOLDING, FOLLOWING), 1.0, "the bridge to hold")
                return is_reset
            except FineVLAError as error:
                if time.monotonic() - began_s > seconds:
                    raise FineVLAError(f"no reset within {seconds:g} s: {error}") from error
            self.client.wait(lambda: False, 0.2)
