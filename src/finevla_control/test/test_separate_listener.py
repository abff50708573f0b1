"""Promises of the listeners with a thread of their own: one that hangs is known, one that has nothing to hear is not deaf."""

import threading
import time
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.node import Node
from std_msgs.msg import Empty

from finevla_control.separate_listener import DEAF_CHECKS, DEAF_S, SeparateListener
from finevla_ros import qos


@pytest.fixture
def owner(ros_domain: str) -> Iterator[Node]:
    del ros_domain
    rclpy.init()
    node = Node("owner")
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def is_deaf(listener: SeparateListener) -> bool:
    """As who looks often finds it over a second: `check` is told the time."""
    now_s = time.monotonic()
    looks = 2 * DEAF_CHECKS
    return any(listener.check(now_s + 2 * DEAF_S * k / looks) for k in range(looks + 1))


def until(condition, what: str) -> None:
    deadline = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)


def test_thread_that_hangs_in_what_it_heard_is_deaf_until_it_comes_round_again(owner: Node) -> None:
    listener = SeparateListener(owner, "stop", print, print)
    goes_on, begun = threading.Event(), threading.Event()
    listener.hear(Empty, "safety/stop", lambda _: (begun.set(), goes_on.wait(30.0)), qos.ALL)
    listener.start()
    publisher = owner.create_publisher(Empty, "safety/stop", qos.ALL)
    until(publisher.get_subscription_count, "the listener")
    publisher.publish(Empty())
    assert begun.wait(30.0)
    assert is_deaf(listener)
    goes_on.set()
    until(lambda: not listener.check(time.monotonic()), "the thread to come round")
    listener.close()


def test_thread_that_comes_round_is_not_deaf_although_nothing_comes(owner: Node) -> None:
    listener = SeparateListener(owner, "stop", print, print)
    listener.hear(Empty, "safety/stop", print, qos.ALL)
    listener.start()
    for _ in range(3):
        turns = listener.turns
        until(lambda before=turns: listener.turns > before, "the thread to come round")
        assert not listener.check(time.monotonic())
    listener.close()
