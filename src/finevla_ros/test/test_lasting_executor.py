"""Promises of every node's executor: what cannot be taken ends nobody, and a callback's own error still comes out."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rclpy
from raw_requests import RawRequests
from rclpy.action import ActionServer
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from std_msgs.msg import String

from finevla_interfaces.action import GoTo
from finevla_interfaces.srv import SetInstruction
from finevla_ros.executor import GoalsAsideExecutor, OneThreadExecutor

NO_MESSAGES = (b"", b"\0\1", b"\0\1\0\0" + b"\xff" * 60, b"\0\7\0\0\4\0\0\0stop")


class Spun:
    """An executor in a thread; `errors` is what came out of it."""

    def __init__(self, executor: Executor, node: Node) -> None:
        self.errors: list[BaseException] = []
        self.executor = executor
        executor.add_node(node)
        self.thread = threading.Thread(target=self._spin, daemon=True)
        self.thread.start()

    def _spin(self) -> None:
        try:
            self.executor.spin()
        except BaseException as error:
            self.errors.append(error)


@pytest.fixture
def nodes(ros_domain: str) -> Iterator[tuple[Node, Node]]:
    """Who hears, and who speaks."""
    rclpy.init()
    pair = Node("hearing"), Node("speaking")
    yield pair
    for node in pair:
        node.destroy_node()
    rclpy.try_shutdown()


def until(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.01)


@pytest.mark.parametrize("executor", [OneThreadExecutor, GoalsAsideExecutor])
def test_messages_and_requests_that_are_none_end_nobody(executor: type, nodes: tuple[Node, Node]) -> None:
    hearing, speaking = nodes
    heard: list[str] = []

    def serve(request: SetInstruction.Request, response: SetInstruction.Response) -> SetInstruction.Response:
        heard.append(request.instruction.raw)
        return response

    def keep(message: String) -> None:
        heard.append(message.data)

    hearing.create_subscription(String, "words", keep, 50)
    hearing.create_service(SetInstruction, "/ask", serve)
    server = ActionServer(hearing, GoTo, "/go", lambda _: GoTo.Result(), callback_group=ReentrantCallbackGroup())
    spun = Spun(executor(), hearing)
    raw = RawRequests(speaking, SetInstruction, "/ask")
    goals = RawRequests(speaking, GoTo.Impl.SendGoalService, "/go/_action/send_goal")
    publisher = speaking.create_publisher(String, "words", QoSProfile(depth=50))
    until(publisher.get_subscription_count, "the listener")
    for spoilt in NO_MESSAGES:
        publisher.publish(spoilt)
        raw.send(spoilt)
        goals.send(spoilt)
    good = SetInstruction.Request()
    good.instruction.raw = "by service"
    raw.send(serialize_message(good))
    publisher.publish(String(data="by topic"))
    until(lambda: {"by service", "by topic"} <= set(heard), "the good ones")
    assert not spun.errors
    raw.close()
    goals.close()
    server.destroy()


def test_error_of_taking_is_counted_and_one_of_a_callback_comes_out(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    hearing, speaking = nodes
    heard: list[String] = []

    def fail(message: String) -> None:
        heard.append(message)
        if message.data == "bug":
            raise ValueError("a bug")

    subscription = hearing.create_subscription(String, "words", fail, 50)
    executor = OneThreadExecutor()
    plain, spoilt = Executor._take_subscription, iter([True, True])

    def take(self: Executor, sub: Any) -> Any:
        taken = plain(self, sub)
        if sub is subscription and next(spoilt, False):
            raise RuntimeError("failed to take: no message of ours")
        return taken

    monkeypatch.setattr(Executor, "_take_subscription", take)
    spun = Spun(executor, hearing)
    publisher = speaking.create_publisher(String, "words", QoSProfile(depth=50))
    until(publisher.get_subscription_count, "the listener")
    for text in ("lost", "lost", "kept", "bug"):
        publisher.publish(String(data=text))
    until(lambda: spun.errors, "the bug")
    assert [message.data for message in heard] == ["kept", "bug"]
    assert executor._refusals.count == 2
    assert "a bug" in str(spun.errors[0])
