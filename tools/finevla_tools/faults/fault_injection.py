"""The faults themselves: each is a context manager that does the damage and, when it is left, undoes what can be undone."""

import array
import contextlib
import itertools
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rclpy.publisher import Publisher
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Empty
from trajectory_msgs.msg import JointTrajectory

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_ros import qos
from finevla_tools.faults.drill_recorder import MotionRecorder
from finevla_tools.faults.foreign_publisher import Stranger
from finevla_tools.faults.message_relay import CHUNKS, CLOCK, Relay, Relays, stamp_ns, stamped
from finevla_tools.simulation_client import SimulationClient
from finevla_tools.up import Stack

Fault = Callable[["Injector"], AbstractContextManager[None]]


@dataclass
class Injector:
    """What a fault acts on: stack, relays, publishers; in `broken` and `notes` it reports what else it saw."""

    stack: Stack
    relays: Relays
    client: SimulationClient
    recorder: MotionRecorder
    stranger: Stranger
    robot: Embodiment
    text: Publisher  # on instruction/text, already found by those who listen
    stop: Publisher  # on safety/stop, likewise
    sentence: str  # that sets the arms in motion
    began_s: float = 0.0  # when the fault really began, if not when it was asked for; 0 = then
    stop_said_s: float = 0.0  # when a stop was said in the middle of it; 0 = none was
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what else the report should say
    may_end: set[str] = field(default_factory=set)  # processes that the fault itself ends
    held: dict[str, Any] = field(default_factory=dict)  # of a preparation, for the fault

    def pid(self, node: str) -> int:
        """Return the process id of a running node; raises `FineVLAError` if there is none."""
        pid = self.stack.pid(node)
        if pid is None:
            raise FineVLAError(f"'{node}' does not run")
        return pid

    @contextlib.contextmanager
    def changing(self, topic: str, change: Callable[[Relay, bytes], None]) -> Iterator[None]:
        """Pass each message of a topic to `change(relay, data)`, which forwards, delays or drops it, until left."""
        relay = self.relays.by_topic[topic]
        relay.change = lambda data: change(relay, data)
        try:
            yield
        finally:
            relay.change = None


def killed(node: str) -> Fault:
    """Kill a node's process with SIGKILL; on leaving, start it again if the launch file does not."""

    @contextlib.contextmanager
    def fault(i: Injector) -> Iterator[None]:
        pid = i.pid(node)
        os.kill(pid, signal.SIGKILL)
        yield
        process = next(p for p in i.stack.launch.processes if p.name == node)
        if not process.respawn:
            i.stack.start_again(node)

    return fault


def hung(node: str) -> Fault:
    """Stop a node's process with SIGSTOP; on leaving, let it continue with SIGCONT."""

    @contextlib.contextmanager
    def fault(i: Injector) -> Iterator[None]:
        pid = i.pid(node)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    return fault


def held_up(node: str, seconds: float) -> Fault:
    """Stop a node's process with SIGSTOP for `seconds`; it runs again before the drill is observed."""

    @contextlib.contextmanager
    def fault(i: Injector) -> Iterator[None]:
        with hung(node)(i):
            time.sleep(seconds)
        yield

    return fault


def all_lost(topic: str) -> Fault:
    """Drop all messages of a topic."""
    return lambda i: i.changing(topic, lambda *_: None)


def every_other_lost(topic: str) -> Fault:
    """Drop every other message of a topic."""

    def fault(i: Injector) -> AbstractContextManager[None]:
        turn = itertools.cycle((True, False))
        return i.changing(topic, lambda relay, data: relay.send(data) if next(turn) else None)

    return fault


def delayed(topic: str, seconds: float) -> Fault:
    """Deliver the messages of a topic `seconds` late."""
    return lambda i: i.changing(topic, lambda relay, data: relay.later(seconds, data))


def doubled(topic: str) -> Fault:
    """Deliver each message of a topic twice, 20 ms apart."""

    def twice(relay: Relay, data: bytes) -> None:
        relay.send(data)
        relay.later(0.02, data)

    return lambda i: i.changing(topic, twice)


def reordered(topic: str) -> Fault:
    """Exchange each two successive messages of a topic: the second is sent first."""

    def fault(i: Injector) -> AbstractContextManager[None]:
        held: list[bytes] = []

        def change(relay: Relay, data: bytes) -> None:
            if not held:
                held.append(data)
                return
            relay.send(data)
            relay.later(0.01, held.pop())

        return i.changing(topic, change)

    return fault


def first_again(topic: str) -> Fault:
    """Replace all messages of a topic by the first one."""

    def fault(i: Injector) -> AbstractContextManager[None]:
        held: list[bytes] = []

        def change(relay: Relay, data: bytes) -> None:
            held.append(data) if not held else None
            relay.send(held[0])

        return i.changing(topic, change)

    return fault


def spoiled(change: Callable[[Any, Injector], None], times: int | None = None) -> Fault:
    """Change every chunk (or the first `times`) in place with `change(chunk, injector)`."""

    def fault(i: Injector) -> AbstractContextManager[None]:
        from finevla_interfaces.msg import ActionChunk

        done = itertools.count()

        def spoil(relay: Relay, data: bytes) -> None:
            if times is not None and next(done) >= times:
                return relay.send(data)
            chunk = deserialize_message(data, ActionChunk)
            change(chunk, i)
            relay.send(serialize_message(chunk))

        return i.changing(CHUNKS, spoil)

    return fault


def valued(value: float) -> Callable[[Any, Injector], None]:
    """Make a change that sets one action in the middle of the chunk to `value`."""

    def change(chunk: Any, i: Injector) -> None:
        chunk.actions[len(chunk.actions) // 2] = value

    return change


def moved_by(rad: float) -> Callable[[Any, Injector], None]:
    """Make a change that adds `rad` to every action of the chunk."""

    def change(chunk: Any, i: Injector) -> None:
        chunk.actions = array.array("d", (np.array(chunk.actions) + rad).tobytes())

    return change


def other_joints(chunk: Any, i: Injector) -> None:
    """Exchange the names of the chunk's first two joints."""
    names = list(chunk.names)
    names[0], names[1] = names[1], names[0]
    chunk.names = names


def fewer_values(chunk: Any, i: Injector) -> None:
    """Remove one value per row from the chunk's actions."""
    chunk.actions = chunk.actions[: -chunk.horizon]


def arms_swapped(chunk: Any, i: Injector) -> None:
    """Exchange the left and the right arm's values in the chunk."""
    rows = np.array(chunk.actions).reshape(chunk.horizon, -1)
    half = rows.shape[1] // 2
    chunk.actions = array.array("d", np.roll(rows, half, axis=1).tobytes())


def old_epoch(chunk: Any, i: Injector) -> None:
    """Set the chunk's epoch to the one before the last reset."""
    chunk.epoch -= 1


def longer(rows: int) -> Callable[[Any, Injector], None]:
    """Make a change that replaces the chunk's rows by `rows` copies of the last one."""

    def change(chunk: Any, i: Injector) -> None:
        last = np.array(chunk.actions).reshape(chunk.horizon, -1)[-1]
        chunk.actions = array.array("d", np.tile(last, (rows, 1)).tobytes())
        chunk.horizon = rows

    return change


def slower(times: float) -> Fault:
    """Delay chunks as if inference took `times` as long; those made meanwhile are dropped."""

    def fault(i: Injector) -> AbstractContextManager[None]:
        from finevla_interfaces.msg import ActionChunk

        free_s = 0.0

        def change(relay: Relay, data: bytes) -> None:
            nonlocal free_s
            if time.monotonic() < free_s:
                return
            more_s = (times - 1) * max(float(deserialize_message(data, ActionChunk).inference_s), 0.01)
            free_s = time.monotonic() + more_s
            relay.later(more_s, data)

        return i.changing(CHUNKS, change)

    return fault


def camera_topic(i: Injector, camera: str) -> str:
    """Return the topic of a camera's raw images."""
    return next(c.topic for c in i.robot.cameras if c.name == camera)


def camera_stopped(camera: str) -> Fault:
    """Drop all raw images of a camera."""
    return lambda i: all_lost(camera_topic(i, camera))(i)


def camera_lossy(camera: str) -> Fault:
    """Drop every other raw image of a camera."""
    return lambda i: every_other_lost(camera_topic(i, camera))(i)


def camera_frozen(camera: str) -> Fault:
    """Repeat a camera's first image with the stamps of the new ones."""

    def fault(i: Injector) -> AbstractContextManager[None]:
        held: list[bytes] = []

        def change(relay: Relay, data: bytes) -> None:
            held.append(data) if not held else None
            relay.send(stamped(held[0], stamp_ns(data)))

        return i.changing(camera_topic(i, camera), change)

    return fault


def cameras_swapped(one: str, other: str, says_so: bool) -> Fault:
    """Exchange the images of two cameras; with `says_so` each keeps the frame_id of its own camera."""

    @contextlib.contextmanager
    def fault(i: Injector) -> Iterator[None]:
        from sensor_msgs.msg import Image

        topics = [camera_topic(i, name) for name in (one, other)]
        frames = {c.topic: c.frame for c in i.robot.cameras}

        def to(topic: str) -> Callable[[Relay, bytes], None]:
            def change(_: Relay, data: bytes) -> None:
                if not says_so:
                    message = deserialize_message(data, Image)
                    message.header.frame_id = frames[topic]
                    data = serialize_message(message)
                i.relays.by_topic[topic].send(data)

            return change

        with i.changing(topics[0], to(topics[1])), i.changing(topics[1], to(topics[0])):
            yield

    return fault


def states_stopped(i: Injector) -> AbstractContextManager[None]:
    """Drop all joint states of the robot."""
    return all_lost(i.robot.state_topic)(i)


def states_stale(i: Injector) -> AbstractContextManager[None]:
    """Repeat the first joint state, its stamp unchanged."""
    return first_again(i.robot.state_topic)(i)


def states_off(joint: int, value: float, absolute: bool = False) -> Fault:
    """Add `value` (rad) to the position of one joint in all joint states, or set it to `value` if `absolute`."""

    def fault(i: Injector) -> AbstractContextManager[None]:
        from sensor_msgs.msg import JointState

        def change(relay: Relay, data: bytes) -> None:
            message = deserialize_message(data, JointState)
            message.position[joint] = value if absolute else message.position[joint] + value
            relay.send(serialize_message(message))

        return i.changing(i.robot.state_topic, change)

    return fault


def clock_jumped(seconds: float) -> Fault:
    """Shift the nodes' /clock by `seconds`; stamps of joint states and images are not shifted."""

    def fault(i: Injector) -> AbstractContextManager[None]:
        off_ns = round(seconds * 1e9)
        return i.changing(CLOCK, lambda relay, data: relay.send(stamped(data, max(0, stamp_ns(data) + off_ns))))

    return fault


def clock_stopped(i: Injector) -> AbstractContextManager[None]:
    """Drop /clock: the nodes' time stands still."""
    return all_lost(CLOCK)(i)


@contextlib.contextmanager
def stop_pressed(i: Injector) -> Iterator[None]:
    """Publish an operator's stop on safety/stop, without any fault."""
    i.stop.publish(Empty())
    yield


@contextlib.contextmanager
def rival(i: Injector) -> Iterator[None]:
    """Create a second publisher on the first controller's trajectory topic, which sends nothing."""
    topic = f"{i.robot.controllers[0].name}/joint_trajectory"
    publisher = i.client.node.create_publisher(JointTrajectory, topic, qos.ALL)
    try:
        yield
    finally:
        i.client.node.destroy_publisher(publisher)


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Load the CPUs with `count` busy processes of ordinary priority."""
    # They look whether we are still there: a drill that is killed leaves nothing burning behind.
    code = f"import os\nwhile os.getppid() == {os.getpid()}:\n    for _ in range(200000): pass"
    busy: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            busy.append(subprocess.Popen([sys.executable, "-S", "-E", "-c", code], env={}))
        yield
    finally:
        for process in busy:
            process.kill()
        for process in busy:
            process.wait()


def loaded(processes_per_core: int) -> Fault:
    """Busy processes on every core."""
    return lambda _: busy_processes(processes_per_core * (os.cpu_count() or 1))


@contextlib.contextmanager
def disk_full(i: Injector) -> Iterator[None]:
    """No process of the stack can write another byte to a file."""
    before: dict[int, tuple[int, int]] = {}
    pids = [pid for p in i.stack.launch.processes if (pid := i.stack.pid(p.name)) is not None]
    try:
        for pid in pids:
            hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
            before[pid] = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        yield
    finally:
        for pid, limits in before.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
