"""Promises of a spinning thread: it ends before its executor does, tells what a callback raised, and may end itself."""

import threading
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from finevla_ros.spin_thread import SpinThread

WAIT_S = 30.0


@pytest.fixture
def node(ros_domain: str) -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    node = Node("spun", context=context, enable_rosout=False)
    yield node
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def spun(node: Node, errors: list[BaseException]) -> SpinThread:
    return SpinThread(node, SingleThreadedExecutor(context=node.context), "spun", errors.append)


@pytest.mark.parametrize("period_s", [None, 1e-4])
def test_closed_at_any_moment_it_ends_without_an_error(node: Node, period_s: float | None) -> None:
    errors: list[BaseException] = []
    if period_s:
        node.create_timer(period_s, lambda: None)
    for _ in range(100):
        spinner = spun(node, errors)
        spinner.start()
        spinner.close(WAIT_S)
        assert not spinner._thread.is_alive()
    assert errors == []


def test_what_a_callback_raises_is_given_to_the_owner(node: Node) -> None:
    told, heard = threading.Event(), []

    def keep(error: BaseException) -> None:
        heard.append(str(error))
        told.set()

    def fail() -> None:
        raise ValueError("no")

    node.create_timer(0.001, fail)
    spinner = SpinThread(node, SingleThreadedExecutor(context=node.context), "spun", keep)
    spinner.start()
    assert told.wait(WAIT_S)
    assert heard == ["no"]
    spinner.close()


def test_a_callback_may_close_it(node: Node) -> None:
    errors: list[BaseException] = []
    closed = threading.Event()

    def close() -> None:
        spinner.close()
        closed.set()

    node.create_timer(0.001, close)
    spinner = spun(node, errors)
    spinner.start()
    assert closed.wait(WAIT_S)
    spinner._thread.join(WAIT_S)
    assert errors == []
