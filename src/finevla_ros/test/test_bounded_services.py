"""Promises of the door for requests: what is too large never reaches a callback, and a flood of calls is told."""

import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from raw_requests import RawRequests
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import serialize_message
from std_srvs.srv import Trigger

from finevla_interfaces.msg import Instruction
from finevla_interfaces.srv import Authority, SetInstruction
from finevla_ros.bounded_services import MOST_REQUEST_BYTES, serve
from finevla_ros.executor import OneThreadExecutor

MOST_MORE_KIB = 20_000


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


def most_memory_kib() -> int:
    return int(next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line).split()[1])


@pytest.mark.parametrize("claim", [50_000_000, 2**31 - 1])
def test_request_that_claims_more_than_it_has_takes_no_memory_and_never_reaches_a_callback(
    ros_domain: str, claim: int
) -> None:
    del ros_domain
    rclpy.init()
    serving, asking, got = Node("serving"), Node("asking"), list[Any]()
    executor = OneThreadExecutor()
    executor.add_node(serving)
    serve(serving, SetInstruction, "/ask", lambda request, response: (got.append(request), response)[1])
    raw = RawRequests(asking, SetInstruction, "/ask")
    good = serialize_message(SetInstruction.Request(instruction=Instruction(id="x", raw="go", fine="on")))
    spoilt = bytearray(good)
    struct.pack_into("<I", spoilt, good.index(b"on\0") + 4, claim)  # of the list behind it
    deadline = time.monotonic() + 30.0
    try:
        before_kib = most_memory_kib()
        while not got:  # again and again: the first may come before the server knows of us
            assert time.monotonic() < deadline
            raw.send(bytes(spoilt))
            raw.send(good)
            executor.spin_once(0.05)
        while executor._refusals.count < 1:
            assert time.monotonic() < deadline
            executor.spin_once(0.05)
        assert {request.instruction.raw for request in got} == {"go"}
        assert most_memory_kib() - before_kib < MOST_MORE_KIB
    finally:
        raw.close()
        executor.shutdown()
        serving.destroy_node()
        asking.destroy_node()
        rclpy.try_shutdown()
