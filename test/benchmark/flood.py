"""How fast a stop stops, and how long bridge and watchdog are silent, while a stranger floods the stack; never a test.

    python test/benchmark/flood.py [--count 20] [--bundle tiny] [FLOOD ...]

A whole simulated stack follows an instruction, a process of its own floods one topic for a second, and then somebody
publishes a stop. Times are as another process hears them: from the stop to the bridge's first stopping command and to its
event. A motion that the flood itself has ended (which is safe) has no stopping command any more and is counted apart.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from typing import Any

import numpy as np
from rclpy.serialization import serialize_message
from std_srvs.srv import Trigger
from stopping import STOP_MOST_S, session_of

from finevla_core.errors import FineVLAError
from finevla_interfaces import msg
from finevla_interfaces.srv import Approve, Authority
from finevla_ros import qos
from finevla_tools.faults import message_floods
from finevla_tools.faults.drill_catalogue import drills_for
from finevla_tools.faults.drill_session import Session

BAR_MS, BAR_LINES = 100.0, 10.0
FLOOD_S, HEARD_S, READY_S = 1.0, 3.0, 60.0
CALL = "calls: "
CALLED = {
    "authority": lambda: (Authority, "safety/authority", Authority.Request(client="/finevla/other")),
    "resets": lambda: (Trigger, "safety/reset", Trigger.Request()),
    "approvals": lambda: (Approve, "safety/approve", Approve.Request(number=1, is_yes=True)),
}
FLOODS = {  # by name: the topic, and what
    "none": ("", ""),
    "malformed chunks": ("action_chunk", "malformed"),
    **{name: (topic, what) for name, (topic, what, _) in message_floods.FLOODS.items()},
    **{f"{CALL}{name}": (name, CALL) for name in CALLED},
}


def message_of(what: str) -> tuple[type, object, float]:
    """The kind of a flood's message, the message or its bytes, and how often it is sent a second."""
    if what == "malformed":
        return msg.ActionChunk, b"\0\1\0\0" + b"\xff" * 60, 1000.0
    make, rate_hz = message_floods.kinds()[what]
    message = make()
    return type(message), serialize_message(message), rate_hz


def flood(domain: str, namespace: str, kind: str, begin: Event, end: Event, sent: Any, listeners: Any) -> None:
    """The stranger, in a process of its own: floods while `begin` is set."""
    import rclpy

    os.environ.update({"ROS_DOMAIN_ID": domain, "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"})
    topic, what = FLOODS[kind]
    if not topic:
        return
    rclpy.init()
    node = rclpy.create_node("stranger", namespace=namespace)
    if what == CALL:
        call(node, topic, begin, end, sent, listeners)
        return
    message_kind, message, rate_hz = message_of(what)
    publisher = node.create_publisher(message_kind, topic, message_floods.profile_of(topic))
    while not publisher.get_subscription_count():
        time.sleep(0.05)
    listeners.value = publisher.get_subscription_count()
    while not end.is_set():
        if begin.wait(0.1):
            began_s = time.monotonic()
            publisher.publish(message)
            sent.value, listeners.value = sent.value + 1, publisher.get_subscription_count()
            time.sleep(max(0.0, 1.0 / rate_hz - (time.monotonic() - began_s)))


def call(node: Any, name: str, begin: Event, end: Event, sent: Any, listeners: Any) -> None:
    """Whenever `begin` is set, so many calls of a service at once, again and again."""
    service_kind, service, request = CALLED[name]()
    client = node.create_client(service_kind, service)
    client.wait_for_service(READY_S)
    listeners.value = 1
    while not end.is_set():
        if begin.wait(0.1):
            for _ in range(message_floods.CALLS):
                client.remove_pending_request(client.call_async(request))
            sent.value += message_floods.CALLS
            time.sleep(0.2)


class Silence:
    """The longest gap between messages of a topic since `begin`."""

    def __init__(self) -> None:
        self.longest_s, self._last_s = 0.0, time.monotonic()

    def begin(self) -> None:
        """Count from now on."""
        self._last_s = time.monotonic()

    def heard(self, _: object) -> None:
        """A message came."""
        now_s = time.monotonic()
        self.longest_s, self._last_s = max(self.longest_s, now_s - self._last_s), now_s


class Bench:
    """Stops under one flood."""

    def __init__(self, session: Session, kind: str) -> None:
        self.session, self.kind = session, kind
        self.commands: list[float] = []
        self.events: list[float] = []
        self.ended = self.failed = 0
        self.lines_s = 0.0
        self.sent: Any = None
        self.listeners: Any = None

    def run(self, count: int, silences: dict[str, Silence]) -> None:
        """Stop so often; `silences` are fed by the session's client."""
        context = multiprocessing.get_context("spawn")
        begin, end = context.Event(), context.Event()
        numbers = self.sent, self.listeners = context.Value("q"), context.Value("q")
        arguments = (os.environ["ROS_DOMAIN_ID"], self.session.client.namespace, self.kind, begin, end, *numbers)
        stranger = context.Process(target=flood, args=arguments, daemon=True)
        stranger.start()
        try:
            until_s = time.monotonic() + READY_S
            while FLOODS[self.kind][0] and not self.listeners.value:
                if time.monotonic() > until_s or not stranger.is_alive():
                    raise SystemExit(f"the stranger of '{self.kind}' finds nobody who listens")
                time.sleep(0.05)
            for _ in range(count):
                try:
                    self._stop_once(begin, silences)
                except FineVLAError as error:
                    self.failed += 1
                    print(f"  {self.kind}: {error}", flush=True)
        finally:
            end.set()
            stranger.join(5.0)
            stranger.kill()

    def _stop_once(self, begin: Event, silences: dict[str, Silence]) -> None:
        session, recorder = self.session, self.session.recorder
        session._set_out(stop_drill())
        lines, began_s = len(session.log), time.monotonic()
        for silence in silences.values():
            silence.begin()
        begin.set()
        try:
            session.client.wait(lambda: False, FLOOD_S)
            is_moving, said_s = session.state() == 2, time.monotonic()
            for _ in range(3):  # as 'finevla stop' says it, but not until it is confirmed
                session.injector.stop.publish(stop_message())
            seen: Callable[[], list[float]] = lambda: [s.at_s for s in recorder.seen if s.code == "stop.topic"]  # noqa: E731
            session.client.wait(lambda: bool(seen()), HEARD_S)
            session.client.wait(lambda: False, 0.3)
        finally:
            begin.clear()
            self.lines_s = max(self.lines_s, (len(session.log) - lines) / (time.monotonic() - began_s))
        if seen():
            self.events.append((seen()[0] - said_s) * 1e3)
        told = [t.at_s for t in recorder.told if t.at_s > said_s and t.points]
        stops = [t for t in recorder.told if t.at_s in told and t.points[-1].time_from_start_ns * 1e-9 < STOP_MOST_S]
        if is_moving and stops:
            self.commands.append((stops[0].at_s - said_s) * 1e3)
        else:
            self.ended += 1


def stop_drill() -> object:
    """The drill whose way of setting out is used."""
    return next(d for d in drills_for(["policy"]) if d.name == "stop pressed")


def stop_message() -> object:
    """What a stop is on the topic."""
    from std_msgs.msg import Empty

    return Empty()


def row(bench: Bench, silences: dict[str, Silence]) -> str:
    """One line of the table."""

    def shown(values: list[float]) -> str:
        return f"{np.percentile(values, 50):5.0f} {np.percentile(values, 99):5.0f}" if values else "    -     -"

    gaps = " ".join(f"{silence.longest_s * 1e3:8.0f}" for silence in silences.values())
    rest = f"{bench.ended:5d} {bench.failed:5d} {bench.sent.value:6d} to {bench.listeners.value}"
    return f"{bench.kind:20s} {shown(bench.commands)}   {shown(bench.events)} {gaps} {bench.lines_s:7.1f} {rest}"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("floods", nargs="*", default=list(FLOODS), metavar="FLOOD", help=", ".join(FLOODS))
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--bundle", default="tiny")
    arguments = parser.parse_args()
    with session_of(arguments.bundle) as session:
        session._need_stack(False)
        silences = {"safety/status": Silence(), "safety/watchdog": Silence()}
        session.client.listen("safety/status", msg.SafetyStatus, qos.ALL, silences["safety/status"].heard)
        session.client.listen("safety/watchdog", msg.Heartbeat, qos.ALL, silences["safety/watchdog"].heard)
        print(
            f"milliseconds from a stop, p50 and p99 (bar {BAR_MS:g}); longest silences; lines a second (bar {BAR_LINES:g})"
        )
        heads = (
            "flood",
            "first command",
            "event",
            "bridge",
            "watchdog",
            "lines",
            "ended",
            "failed",
            "sent to listeners",
        )
        print("{:20s} {:13s} {:11s} {:>8s} {:>8s} {:>7s} {:>5s} {:>5s} {}".format(*heads), flush=True)
        for kind in arguments.floods:
            for silence in silences.values():
                silence.longest_s = 0.0
            bench = Bench(session, kind)
            bench.run(arguments.count, silences)
            print(row(bench, silences), flush=True)


if __name__ == "__main__":
    main()
