"""Promises of the door for messages: what is too large or no message never reaches a callback, and kills nobody."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rclpy
from hypothesis import given
from hypothesis import strategies as st
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty, String

from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.bounded_subscriptions import MOST_BYTES, RefusalCounter, Unreadable, read, subscribe, subscribe_both

BEST_EFFORT = QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT)


class Room:
    """A speaker and a listener, spun by the test."""

    def __init__(self) -> None:
        self.speaker, self.listener = Node("speaker"), Node("listener")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.listener)
        self.told: list[str] = []
        self.got: list[Any] = []

    def until(self, condition: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + 30.0
        while not condition():
            assert time.monotonic() < deadline, f"waited for {what}"
            self.executor.spin_once(0.05)

    def publisher(self, kind: type, topic: str, profile: QoSProfile, listeners: int = 1) -> Any:
        publisher = self.speaker.create_publisher(kind, topic, profile)
        self.until(lambda: publisher.get_subscription_count() >= listeners, "the listener")
        return publisher


@pytest.fixture
def room(ros_domain: str) -> Iterator[Room]:
    del ros_domain
    rclpy.init()
    made = Room()
    yield made
    made.executor.shutdown()
    made.speaker.destroy_node()
    made.listener.destroy_node()
    rclpy.try_shutdown()


def test_what_is_too_large_or_no_message_is_refused_once_told_and_the_next_one_is_heard(room: Room) -> None:
    subscribe(room.listener, String, "words", room.got.append, qos.ALL, tell=room.told.append)
    publisher = room.publisher(String, "words", qos.ALL)
    spoilt = [b"", b"\0\1", serialize_message(String(data="stop"))[:-3], b"\0\1\0\0" + b"\xff" * 40]
    large = String(data="x" * MOST_BYTES[String])
    for data in (large, *spoilt, *spoilt, large, String(data="stop")):
        publisher.publish(data)
    room.until(lambda: room.got, "the good message")
    assert [m.data for m in room.got] == ["stop"]
    assert len(room.told) == 1
    assert "/words was refused unread" in room.told[0]


@pytest.mark.parametrize("kind", [JointState, msg.ActionChunk, msg.Instruction, msg.Heartbeat, msg.SafetyStatus])
@given(data=st.data())
def test_any_bytes_are_a_message_or_unreadable(kind: type, data: st.DataObject) -> None:
    good = serialize_message(kind())
    start = data.draw(st.integers(0, len(good)))
    spoilt = good[:start] + data.draw(st.binary(max_size=60))
    try:
        assert isinstance(read(spoilt, kind), kind)
    except Unreadable as error:
        assert kind.__name__ in str(error)


@pytest.mark.parametrize("profile", [qos.ALL, BEST_EFFORT], ids=["reliable", "best effort"])
def test_both_reliabilities_are_heard_and_each_message_once(room: Room, profile: QoSProfile) -> None:
    subscribe_both(room.listener, Empty, "stop", lambda _, info: room.got.append(info), qos.ALL)
    publisher = room.publisher(Empty, "stop", profile, 2 if profile is qos.ALL else 1)
    for number in range(1, 4):
        publisher.publish(Empty())
        room.until(lambda n=number: len(room.got) >= n, "a stop")
    for _ in range(20):
        room.executor.spin_once(0.01)  # the second copies
    assert len(room.got) == 3


def test_callback_may_take_bytes_and_its_own_error_is_not_swallowed(room: Room) -> None:
    def fail(data: bytes) -> None:
        assert isinstance(read(data, String), String)
        raise RuntimeError("a bug")

    subscribe(room.listener, String, "words", fail, qos.ALL, unread=True, tell=room.told.append)
    publisher = room.publisher(String, "words", qos.ALL)
    publisher.publish(b"\0\1\0\0")
    room.until(lambda: room.told, "the refusal of what cannot be read")
    publisher.publish(String(data="x"))
    with pytest.raises(RuntimeError, match="a bug"):
        room.until(lambda: False, "the bug")


def test_refusals_are_told_seldom_and_with_their_count() -> None:
    counter, told = RefusalCounter("/t"), []
    for tenth in range(36_000):
        if sentence := counter.note("it has 9 bytes, 8 are allowed", tenth / 10):
            told.append(sentence)
    assert 4 <= len(told) <= 12
    assert "times in the last" in told[-1]
    assert counter.count == 36_000
    assert counter.note("again", 1e6), "what was over is news"
