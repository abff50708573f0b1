"""Publishers outside the stack: a DDS participant of its own that publishes under any node's name."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self

import rclpy
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message, serialize_message

from finevla_ros import qos
from finevla_ros.transport import use_stack_transport

if TYPE_CHECKING:
    from finevla_tools.faults.fault_injection import Injector

FOUND_S = 5.0
NAME = "stranger"
Make = Callable[["Injector", int], Any]  # the n-th message (or its bytes), from 0; None = nothing this time


class Stranger:
    """Participant outside the stack (a context manager); it makes nodes and publishers as needed and spins none."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self._nodes: dict[str, Any] = {}

    def __enter__(self) -> Self:
        use_stack_transport()
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context)
        self.node(NAME)  # that the stack has found it before it says anything
        return self

    def __exit__(self, *_: object) -> None:
        for node in self._nodes.values():
            node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def node(self, name: str) -> Any:
        """Return the node of this name, created on first use."""
        if name not in self._nodes:
            self._nodes[name] = rclpy.create_node(
                name,
                namespace=self.namespace,
                context=self._context,
                enable_rosout=False,
                start_parameter_services=False,
            )
        return self._nodes[name]

    def leave(self, name: str) -> None:
        """End the node of this name."""
        if (node := self._nodes.pop(name, None)) is not None:
            node.destroy_node()

    @contextlib.contextmanager
    def publisher(self, kind: type, topic: str, profile: QoSProfile, name: str = NAME) -> Iterator[Publisher]:
        """Create a publisher in the node `name`; it is destroyed when the context is left."""
        node = self.node(name)
        publisher = node.create_publisher(kind, topic, profile)
        try:
            yield publisher
        finally:
            node.destroy_publisher(publisher)


def copy(message: Any) -> Any:
    """Return a deep copy of a message."""
    return deserialize_message(serialize_message(message), type(message))


def says(
    kind: type,
    topic: str | Callable[["Injector"], str],
    make: Make,
    rate_hz: float = 0.0,
    profile: QoSProfile = qos.ALL,
    name: str = NAME,
    listeners: int = 1,
    lives_s: float | None = None,
) -> Callable[["Injector"], AbstractContextManager[None]]:
    """Somebody else publishes on a topic: once, or `rate_hz` times a second, for `lives_s` or as long as the drill lasts.

    The fault counts from the first message, which is sent when so many `listeners` are found.
    """

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        where = topic if isinstance(topic, str) else topic(i)
        over = threading.Event()
        with contextlib.ExitStack() as life:
            publisher = life.enter_context(i.stranger.publisher(kind, where, profile, name))
            until_s = time.monotonic() + FOUND_S
            while publisher.get_subscription_count() < listeners and time.monotonic() < until_s:
                time.sleep(0.001)
            if publisher.get_subscription_count() < listeners:
                i.broken.append(f"nobody hears {where}, so nothing was tried")
            i.began_s = time.monotonic()
            publish(publisher, make(i, 0))
            if lives_s is not None:
                end = time.monotonic() + lives_s
                for number in range(1, 10**6):
                    if not rate_hz or time.monotonic() + 1.0 / rate_hz > end:
                        break
                    time.sleep(1.0 / rate_hz)
                    publish(publisher, make(i, number))
                time.sleep(max(0.0, end - time.monotonic()))
                life.close()
            elif rate_hz:
                thread = threading.Thread(target=_send_on, args=(i, publisher, make, rate_hz, over), daemon=True)
                thread.start()
                life.callback(thread.join)
                life.callback(over.set)
            yield

    return fault


def publish(publisher: Publisher, message: Any) -> None:
    """Publish it if it is anything."""
    if message is not None:
        publisher.publish(message)


def _send_on(i: "Injector", publisher: Publisher, make: Make, rate_hz: float, over: threading.Event) -> None:
    number = 0
    while not over.wait(1.0 / rate_hz):
        number += 1
        publish(publisher, make(i, number))
