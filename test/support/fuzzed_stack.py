"""A whole simulated stack that is sent spoilt messages on one topic or service after the other, and what it does about it."""

import contextlib
import os
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import rclpy
from raw_requests import RawRequests
from rclpy._rclpy_pybind11 import RCLError
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from spoilt_messages import Spoiler, kind_of
from std_msgs.msg import Empty, String
from tiny_bundle import make_tiny_bundle

from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_ros import qos
from finevla_ros.bounded_subscriptions import MOST_BYTES, most_observation_bytes, subscribe
from finevla_ros.executor import OneThreadExecutor
from finevla_ros.share_paths import robot_file
from finevla_ros.spin_thread import SpinThread
from finevla_tools.faults.drill_session import own_domain
from finevla_tools.launch_file import load_launch
from finevla_tools.simulation_client import SimulationClient
from finevla_tools.up import DEFAULT_FILE, Stack, launch_path

RSS_BAR_MB, LINES_BAR, MOVED_BAR_RAD = 20.0, 10.0, 0.01
READY_S, OBEYS_S, HEARD_S, SETTLED_S, WARM_S = 120.0, 30.0, 20.0, 1.0, 4.0
FIXED_BYTES = 5  # of an Empty or a Bool
TRUE_COPIES = 5  # of each topic
STEP_S = 0.02
MOST_BYTES_S = 20_000_000
# Heard by every volatile or latched, reliable or best-effort subscription.
EVERYBODY = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass
class Target:
    """A topic that nodes of the stack hear, or a service that they offer."""

    name: str
    type_name: str
    is_service: bool
    ends: tuple[str, ...]  # the nodes


@dataclass
class Outcome:
    """What came of one target; `dead` and `grown_mb` by process, `obeys` is "" or what went wrong."""

    target: Target
    sent: int = 0
    seconds: float = 0.0
    dead: list[str] = field(default_factory=list)
    grown_mb: dict[str, float] = field(default_factory=dict)
    lines: Counter[str] = field(default_factory=Counter)
    moved_rad: float = 0.0
    obeys: str = ""

    @property
    def lines_s(self) -> float:
        """Of the node that says most."""
        return max(self.lines.values(), default=0) / max(self.seconds, 1.0)

    @property
    def misses(self) -> list[str]:
        """Bars that were missed."""
        return [
            *(f"{line}" for line in self.dead),
            *(f"{name} grew {mb:.0f} MB" for name, mb in self.grown_mb.items() if mb > RSS_BAR_MB),
            *([f"{self.lines.most_common(1)[0]} lines"] if self.lines_s > LINES_BAR else []),
            *([f"moved {self.moved_rad:.3f} rad"] if self.moved_rad > MOVED_BAR_RAD else []),
            *([self.obeys] if self.obeys else []),
        ]


class FuzzedStack:
    """A context manager; `targets` are read from the running graph."""

    def __init__(self, seed: int = 0) -> None:
        self.rng, self.log = random.Random(seed), list[tuple[str, str]]()
        self._life = contextlib.ExitStack()
        self._true: dict[str, list[bytes]] = defaultdict(list)
        self._joints: list[np.ndarray] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._life.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._life.close()

    def _start(self) -> None:
        life = self._life
        life.enter_context(own_domain())
        folder = Path(life.enter_context(tempfile.TemporaryDirectory()))
        os.environ |= {"FINEVLA_KEY_DIR": str(folder / "keys"), "ROS_LOG_DIR": str(folder / "log")}
        robot = self.robot = load_embodiment(robot_file("cobotmagic"))
        bundle = make_tiny_bundle(folder / "tiny", robot, drift=1.0, pace=0.4)
        given = {"robot": "sim", "bundle": str(bundle), "record": "true", "episodes": str(folder / "episodes")}
        launch = load_launch(launch_path(DEFAULT_FILE), given)
        self.namespace = f"/{launch.arguments['namespace'].strip('/')}"
        self.stack = Stack(launch, lambda name, line: self.log.append((name, line)))
        life.callback(self.stack.stop)
        self.stack.start()
        with SimulationClient(self.namespace) as client:
            client.wait_until_ready(READY_S)
            self._listen()
            client.reset_scene(1, "reach")
            client.adopt_scene()
            client._text.publish(String(data="reach the cube"))
            client.wait(lambda: False, WARM_S)  # what is heard meanwhile are the true messages

    def _listen(self) -> None:
        context = rclpy.Context()
        rclpy.init(args=[], context=context)
        self._life.callback(lambda: rclpy.try_shutdown(context=context))
        self.node = Node("fuzz", namespace=self.namespace, context=context, enable_rosout=False)
        spinner = SpinThread(self.node, OneThreadExecutor(context=context), "fuzz")
        self._life.callback(spinner.close)
        subscribe(self.node, JointState, self.robot.state_topic, self._on_joints, qos.SENSOR)
        for target in self.targets():
            if not target.is_service:
                kind = kind_of(target.type_name)
                bound = MOST_BYTES.get(kind) or most_observation_bytes(self.robot)
                keep = self._true[target.name]
                self.node.create_subscription(
                    kind, target.name, lambda d, k=keep, b=bound: self._keep(k, d, b), qos.SENSOR, raw=True
                )
        spinner.start()

    def _keep(self, copies: list[bytes], data: bytes, bound: int) -> None:
        if len(data) <= bound and len(copies) < TRUE_COPIES and data not in copies:
            copies.append(data)

    def _on_joints(self, message: JointState) -> None:
        if set(message.name) == set(self.robot.joints) and len(message.position) == len(message.name):
            self._joints.append(np.array(message.position))

    def targets(self) -> list[Target]:
        """What nodes of the stack hear and offer, whatever its namespace is."""
        nodes = [
            (name, space) for name, space in self.node.get_node_names_and_namespaces() if self._is_ours(name, space)
        ]
        ends: dict[tuple[str, str, bool], set[str]] = defaultdict(set)
        for name, space in nodes:
            for topic, types in self.node.get_subscriber_names_and_types_by_node(name, space):
                ends[topic, types[0], False].add(name)
            for service, types in self.node.get_service_names_and_types_by_node(name, space):
                ends[service, types[0], True].add(name)
        return [Target(*key, tuple(sorted(names))) for key, names in sorted(ends.items())]

    def _is_ours(self, name: str, space: str) -> bool:
        return space == self.namespace and name != "fuzz" and not name.startswith("finevla_")

    def fuzz(self, target: Target, messages: int, rate_hz: float) -> Outcome:
        """Send so many spoilt messages; the stack is stopped before, and is asked for a stop and a reset after."""
        outcome = Outcome(target)
        outcome.obeys = self._stop()
        time.sleep(SETTLED_S)
        pids, rss, lines = self._pids(), self._rss(), len(self.log)
        before, start = self._joints[-1], len(self._joints)
        began_s = time.monotonic()
        outcome.sent = self.send(target, messages, rate_hz)
        time.sleep(SETTLED_S)
        outcome.seconds = time.monotonic() - began_s
        outcome.dead = [f"{name} died" for name, pid in pids.items() if self.stack.pid(name) != pid]
        new = self._rss()
        outcome.grown_mb = {
            name: new[name] - rss[name] for name in rss if name in new and pids[name] == self.stack.pid(name)
        }
        outcome.lines = Counter(name for name, _ in self.log[lines:])
        seen = self._joints[-20:] if kind_of(target.type_name) is JointState else self._joints[start:]
        outcome.moved_rad = max((float(abs(q - before).max()) for q in seen), default=0.0)
        outcome.obeys = outcome.obeys or self.disobedience()
        return outcome

    def send(self, target: Target, messages: int, rate_hz: float) -> int:
        """Send spoilt messages, and return how many."""
        kind = kind_of(target.type_name)
        spoiler = Spoiler(kind.Request if target.is_service else kind, self._true[target.name], self.rng)
        with self._sender(target) as send:
            return self._flood(send, spoiler, messages, rate_hz)

    def sweep(self, targets: Sequence[Target], messages: int, rate_hz: float) -> list[str]:
        """Send some to each while the bridge is stopped; return who died, what moved, and what is not obeyed after."""
        wrong = [self._stop()]
        time.sleep(SETTLED_S)
        pids, before, start = self._pids(), self._joints[-1], len(self._joints)
        for target in targets:
            self.send(target, messages, rate_hz)
        wrong += [f"{name} died" for name, pid in pids.items() if self.stack.pid(name) != pid]
        wrong += [self.disobedience()]
        moved_rad = max(float(abs(q - before).max()) for q in self._joints[start:])
        wrong += [f"moved {moved_rad:.3f} rad"] if moved_rad > MOVED_BAR_RAD else []
        return [why for why in wrong if why]

    def _flood(self, send: Callable[[bytes], None], spoiler: Spoiler, messages: int, rate_hz: float) -> int:
        sent = total = 0
        began_s = time.monotonic()
        while sent < messages and not self.stack.failed:
            now_s = time.monotonic() - began_s
            if sent > now_s * rate_hz or total > now_s * MOST_BYTES_S:
                time.sleep(STEP_S)
                continue
            data = spoiler.next()
            send(data)
            sent, total = sent + 1, total + len(data)
        return sent

    @contextlib.contextmanager
    def _sender(self, target: Target) -> Iterator[Callable[[bytes], None]]:
        kind = kind_of(target.type_name)
        if target.is_service:
            raw = RawRequests(self.node, kind, target.name)
            try:
                yield raw.send
            finally:
                raw.close()
            return
        publisher = self.node.create_publisher(kind, target.name, EVERYBODY)
        try:
            until_s = time.monotonic() + HEARD_S
            while publisher.get_subscription_count() < len(target.ends) and time.monotonic() < until_s:
                time.sleep(0.05)
            yield lambda data: _publish(publisher, data)
        finally:
            self.node.destroy_publisher(publisher)

    def _pids(self) -> dict[str, int | None]:
        return {process.name: self.stack.pid(process.name) for process in self.stack.launch.processes}

    def _rss(self) -> dict[str, float]:
        """Megabytes by process; what is shared with others by shared memory is not its own."""
        sizes = {}
        for name, pid in self._pids().items():
            with contextlib.suppress(OSError):
                pages = Path(f"/proc/{pid}/statm").read_text().split()
                sizes[name] = (int(pages[1]) - int(pages[2])) * 4096 / 1e6
        return sizes

    def _stop(self) -> str:
        with SimulationClient(self.namespace) as client:
            return self._stops(client)

    def _stops(self, client: SimulationClient) -> str:
        stop = client.node.create_publisher(Empty, "safety/stop", qos.ALL)
        until_s = time.monotonic() + OBEYS_S
        while not stop.get_subscription_count() and time.monotonic() < until_s:
            time.sleep(0.05)
        stop.publish(Empty())
        return "" if client.wait(client.is_stopped, OBEYS_S) else "no stop was heard"

    def disobedience(self) -> str:
        """Return what the stack does not do any more, "" if it resets and then hears a stop."""
        if self.stack.failed:
            return f"the stack ended: {self.stack.epitaph[:200]}"
        with SimulationClient(self.namespace) as client:
            until_s = time.monotonic() + OBEYS_S
            while True:
                try:
                    client.wait(lambda: False, 0.3)
                    if client.is_stopped():
                        client.reset_simulated_bridge()
                    client.wait_until_ready(5.0)
                    return self._stops(client)
                except FineVLAError as error:
                    if time.monotonic() > until_s:
                        return f"no reset: {str(error)[:200]}"

    def follows(self) -> str:
        """Return why it does not follow words any more, "" if it does."""
        with SimulationClient(self.namespace) as client:
            client.wait(lambda: False, 0.5)
            if client.is_stopped():
                client.reset_simulated_bridge()
            try:
                client.wait_until_ready(READY_S)
            except FineVLAError as error:
                return f"it is not ready any more: {error}"
            # Policy and bridge: words that are published before they are known to listen reach nobody.
            client.wait(lambda: client._text.get_subscription_count() >= 2, OBEYS_S)
            client._text.publish(String(data="reach the cube"))
            following: Any = lambda: client.newest["safety/status"].state == 2  # noqa: E731
            return (
                ""
                if client.wait(following, OBEYS_S)
                else f"it does not follow: {client.newest['safety/status'].reason}"
            )


def _publish(publisher: Any, data: bytes) -> None:
    """Fast DDS itself refuses to send more than a type without strings and sequences can have: then a part of it."""
    try:
        publisher.publish(data)
    except RCLError:
        with contextlib.suppress(RCLError):
            publisher.publish(data[:FIXED_BYTES])
