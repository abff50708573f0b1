"""Floods and monsters: a process of its own sends too much, too large or nothing that is a message; in the middle, a stop."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO, TYPE_CHECKING, Any

from finevla_core.errors import FineVLAError

if TYPE_CHECKING:
    from finevla_tools.faults.fault_injection import Fault, Injector

MB = 1_000_000
READY_S, FLOOD_S = 20.0, 1.0
CALLS = 300  # of a service at once
# By name: the topic, what floods it (see `kinds`), and the codes of events of which one names it.
FLOODS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "chunk of 56 MB": (
        "action_chunk",
        "56mb",
        (),
    ),  # it may get lost on its way as a whole, and then there is nothing to tell
    "chunk ids of 10 MB": ("action_chunk", "ids", ("message.refused",)),
    "chunks": ("action_chunk", "chunks", ("message.flood",)),
    "texts of 10 MB": ("instruction/text", "texts", ("message.refused",)),
    "empty texts": ("instruction/text", "empty", ("message.flood",)),
    "empty instructions": ("instruction", "instructions", ("message.flood",)),
    "long instructions": ("instruction", "long", ("message.flood",)),
    "announcements": ("active_instruction", "announced", ("message.flood",)),
    "joint names of 1 MB": ("joint_states", "names", ("message.refused",)),
    "joint states": ("joint_states", "states", ("message.flood",)),
    "heartbeats": ("safety/watchdog", "beats", ("heartbeat.forged", "message.flood")),
    "heartbeats of 10 MB": ("safety/watchdog", "big beats", ("message.refused",)),
    "policy statuses": ("policy/status", "statuses", ("message.flood",)),
    "bridge statuses": ("safety/status", "bridges", ("status.forged", "message.flood")),
    "deadman switches": ("safety/deadman", "switches", ("message.flood",)),
    "observations": ("observation", "observations", ("message.flood",)),
}
Make = Callable[[], Any]


def _chunk(**fields: Any) -> Make:
    def make() -> Any:
        from finevla_interfaces import msg

        return msg.ActionChunk(**fields)

    return make


def kinds() -> dict[str, tuple[Make, float]]:
    """By name: how the message is made, and how often it is sent."""
    import array

    from sensor_msgs.msg import JointState
    from std_msgs.msg import Bool, Empty, String

    from finevla_interfaces import msg

    beat = {"node": "/finevla/safety_watchdog", "is_well": True}
    return {
        "56mb": (lambda: msg.ActionChunk(actions=array.array("d", bytes(56 * MB))), 0.5),
        "ids": (_chunk(instruction_id="x" * 10 * MB), 20.0),
        "chunks": (_chunk(client="/finevla/stranger", instruction_id="x"), 1000.0),
        "texts": (lambda: String(data="x" * 10 * MB), 20.0),
        "empty": (String, 1000.0),
        "instructions": (msg.Instruction, 1000.0),
        "long": (lambda: msg.Instruction(raw="x" * 8000), 500.0),
        "announced": (msg.Instruction, 500.0),
        "names": (lambda: JointState(name=["x" * MB], position=[0.0]), 50.0),
        "states": (lambda: JointState(name=["base"], position=[0.0]), 1000.0),
        "beats": (lambda: msg.Heartbeat(**beat), 1000.0),
        "big beats": (lambda: msg.Heartbeat(text="x" * 10 * MB, seal="x" * MB, **beat), 20.0),
        "statuses": (lambda: msg.PolicyStatus(state="idle"), 1000.0),
        "bridges": (lambda: msg.SafetyStatus(state=1), 1000.0),
        "switches": (Bool, 1000.0),
        "stops": (Empty, 1000.0),
        "observations": (lambda: msg.Observation(), 200.0),
    }


def profile_of(topic: str) -> Any:
    """Return the QoS profile by which everybody who listens to a topic hears a stranger."""
    from finevla_ros import qos

    latched = ("active_instruction", "safety/status", "policy/status")  # who listens to these hears no other kind
    return qos.SENSOR if topic == "joint_states" else qos.LATCHED if topic in latched else qos.ALL


def send(topic: str, what: str, namespace: str) -> None:
    """In a process of its own: "ready" when it is heard; a line begins it, the end of its input ends it."""
    import rclpy
    from rclpy.serialization import serialize_message

    make, rate_hz = kinds()[what]
    rclpy.init()
    node = rclpy.create_node("flooding", namespace=namespace, enable_rosout=False)
    message = make()
    publisher = node.create_publisher(type(message), topic, profile_of(topic))
    data = serialize_message(message)
    while not publisher.get_subscription_count():
        time.sleep(0.02)
    print("ready", flush=True)
    begin, end = threading.Event(), threading.Event()

    def read() -> None:
        for _ in sys.stdin:
            begin.set()
        end.set()
        begin.set()

    threading.Thread(target=read, daemon=True).start()
    begin.wait()
    count = 0
    while not end.is_set():
        began_s = time.monotonic()
        publisher.publish(data)
        count += 1
        if count == 1:
            print("sent", flush=True)
        time.sleep(max(0.0, 1.0 / rate_hz - (time.monotonic() - began_s)))
    node.destroy_node()
    rclpy.try_shutdown()


def ready(topic: str, what: str) -> Callable[["Injector"], AbstractContextManager[None]]:
    """A preparation: the flooding process, found by those who listen."""

    @contextlib.contextmanager
    def preparation(i: "Injector") -> Iterator[None]:
        code = (
            f"from finevla_tools.faults.message_floods import send; send({topic!r}, {what!r}, {i.client.namespace!r})"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        lines: list[str] = []
        assert process.stdout is not None
        threading.Thread(target=_collect, args=(process.stdout, lines), daemon=True).start()
        try:
            if not i.client.wait(lambda: "ready" in lines, READY_S):
                raise FineVLAError(f"nobody hears what a flood says on {topic}")
            i.held["flood"] = process
            yield
        finally:
            process.kill()
            process.wait()

    return preparation


def _collect(stream: IO[str], lines: list[str]) -> None:
    for line in stream:
        lines.append(line.strip())


def flows(with_stop: bool = True) -> "Fault":
    """Let the prepared flood flow for a while, and then say stop."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        process = i.held.pop("flood")
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        i.began_s = time.monotonic()
        if with_stop:
            i.client.wait(lambda: False, FLOOD_S)
            is_moving = i.recorder.is_moving(0.05) and i.client.newest["safety/status"].state == 2
            i.notes.append("" if is_moving else "the flood itself had ended the motion")
            say_stop(i)
            if not is_moving:
                i.stop_said_s = 0.0
        try:
            yield
        finally:
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2.0)

    return fault


def say_stop(i: "Injector") -> None:
    """A stop by topic, once."""
    from std_msgs.msg import Empty

    i.stop_said_s = time.monotonic()
    i.stop.publish(Empty())


def service_calls(kind: Callable[[], tuple[Any, str, Any]], times: int) -> "Fault":
    """So many calls of a service at once, and then a stop."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        service, name, request = kind()
        client = i.client.node.create_client(service, name)
        if not client.wait_for_service(5.0):
            i.broken.append(f"no service {name}")
        for _ in range(times):
            client.call_async(request)
        say_stop(i)
        yield
        i.client.node.destroy_client(client)

    return fault


def malformed(kind: type, topic: str, profile: Any) -> "Fault":
    """Bytes that are no message: cut, of another type, with lengths that lie; at 20 Hz."""
    from finevla_tools.faults.foreign_publisher import says

    def make(i: "Injector", number: int) -> bytes:
        noise = bytes((7 * k + 13 * number) % 256 for k in range(64))
        return (
            b"",
            b"\0\1\0\0",
            b"\0\1\0\0" + b"\xff" * 60,
            b"\0\1\0\0" + noise,
            b"\0\1\0\0" + b"\0" * 8 + b"\xff\xff\xff\x7f" + b"a" * 16,
        )[number % 5]

    def fault(i: "Injector") -> AbstractContextManager[None]:
        return says(kind, topic, make, 20.0, profile)(i)

    return fault
