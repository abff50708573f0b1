"""A test's own ROS node: publishes, subscribes and calls, and waits for events with a bound instead of sleeping."""

import threading
import time
from collections.abc import Callable
from typing import Any, Self

import rclpy
from rclpy.executors import SingleThreadedExecutor

from finevla_ros.spin_thread import SpinThread

TIMEOUT_S = 20.0


class Probe:
    """Context manager; `messages[topic]` is everything that came.

    In a `context` that is given it shares the DDS participant of whatever else is there: found at once, and never missed.
    """

    def __init__(self, namespace: str = "finevla", context: rclpy.Context | None = None) -> None:
        self.messages: dict[str, list[Any]] = {}
        self.changed, self.came = threading.Condition(), 0
        self.is_own, self.context = context is None, context or rclpy.Context()
        if self.is_own:
            rclpy.init(args=[], context=self.context)
        self.node = rclpy.create_node("probe", namespace=namespace, context=self.context, enable_rosout=False)
        self.executor = SingleThreadedExecutor(context=self.context)
        self._spinner = SpinThread(self.node, self.executor, "probe")

    def __enter__(self) -> Self:
        self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._spinner.close()
        self.node.destroy_node()
        if self.is_own:
            rclpy.try_shutdown(context=self.context)

    def listen(self, topic: str, kind: Any, profile: Any) -> list[Any]:
        """Collect what comes on a topic."""
        collected: list[Any] = self.messages.setdefault(topic, [])

        def on_message(message: Any) -> None:
            with self.changed:
                collected.append(message)
                self.came += 1
                self.changed.notify_all()

        self.node.create_subscription(kind, topic, on_message, profile)
        return collected

    def wait(self, condition: Callable[[], Any], what: str, timeout_s: float = TIMEOUT_S) -> Any:
        """Until `condition` is true; fails with `what` was waited for.

        The condition may call a service: it is asked without the lock, for which messages wait while the answer comes.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            came = self.came
            if found := condition():
                return found
            left = deadline - time.monotonic()
            assert left > 0, f"waited {timeout_s} s for {what}"
            with self.changed:
                if self.came == came:
                    self.changed.wait(min(left, 0.2))

    def publisher(self, kind: Any, topic: str, profile: Any) -> Any:
        """A publisher that already has a subscriber."""
        publisher = self.node.create_publisher(kind, topic, profile)
        self.wait(publisher.get_subscription_count, f"a subscriber on {topic}")
        return publisher

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """A service's response."""
        client = self.node.create_client(kind, name)
        assert client.wait_for_service(timeout_sec=TIMEOUT_S), f"service {name} is not there"
        return self.result(client.call_async(request), name)

    def answered(self, ask: Callable[[], Any], what: str) -> Any:
        """What an action's server answers to a question."""
        return self.result(self.asked(ask), what)

    def asked(self, ask: Callable[[], Any]) -> Any:
        """The future of a question that is sent in the thread that takes answers: rclpy drops one of an action that comes
        before it has noted the question.
        """
        futures: list[Any] = []
        self.executor.create_task(lambda: futures.append(ask()))
        self.wait(lambda: futures, "the question to be sent")
        return futures[0]

    def result(self, future: Any, what: str) -> Any:
        """A future's result."""
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        assert done.wait(TIMEOUT_S), f"waited {TIMEOUT_S} s for {what}"
        return future.result()

    def now_ns(self) -> int:
        """The node's clock."""
        return int(self.node.get_clock().now().nanoseconds)
