"""Promises of the door for requests: what is too large never reaches a callback, and a flood of calls is told."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import Trigger

from finevla_interfaces.srv import Authority
from finevla_ros.bounded_services import MOST_REQUEST_BYTES, serve


class Counter:
    """A node that serves, a node that asks, and what was told."""

    def __init__(self) -> None:
        self.node, self.asking = Node("serving"), Node("asking")
        self.executor = SingleThreadedExecutor()
        for node in (self.node, self.asking):
            self.executor.add_node(node)
        self.got: list[Any] = []
        self.told: list[str] = []
        self.floods: list[str] = []

    def answer(self, request: Any, response: Any) -> Any:
        self.got.append(request)
        response.success = True
        return response

    def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 30.0
        while not condition():
            assert time.monotonic() < deadline
            self.executor.spin_once(0.05)


@pytest.fixture
def counter(ros_domain: str) -> Iterator[Counter]:
    del ros_domain
    rclpy.init()
    made = Counter()
    yield made
    made.executor.shutdown()
    made.node.destroy_node()
    made.asking.destroy_node()
    rclpy.try_shutdown()


def test_a_request_that_is_too_large_is_answered_with_why_and_never_used(counter: Counter) -> None:
    serve(counter.node, Authority, "authority", counter.answer, tell=counter.told.append)
    client = counter.asking.create_client(Authority, "authority")
    counter.until(client.service_is_ready)
    large = client.call_async(Authority.Request(client="x" * 10_000_000))
    counter.until(large.done)
    assert not large.result().success
    assert f"{MOST_REQUEST_BYTES} are allowed" in large.result().message
    assert len(counter.told) == 1
    assert "service /authority" in counter.told[0]
    small = client.call_async(Authority.Request(client="/policy"))
    counter.until(small.done)
    assert small.result().success
    assert [request.client for request in counter.got] == ["/policy"]


def test_a_flood_of_calls_is_told_once_and_each_is_answered(counter: Counter) -> None:
    serve(counter.node, Trigger, "stop", counter.answer, tell_flood=counter.floods.append)
    client = counter.asking.create_client(Trigger, "stop")
    counter.until(client.service_is_ready)
    for _ in range(40):
        future = client.call_async(Trigger.Request())
        counter.until(future.done)
        assert future.result().success
    assert len(counter.floods) <= 1
    for _ in range(300):
        client.call_async(Trigger.Request())
    counter.until(lambda: counter.floods)
    assert "service /stop is flooded" in counter.floods[0]
