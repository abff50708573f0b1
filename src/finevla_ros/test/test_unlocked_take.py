"""Promises of taking bytes by rcl itself: the same as rclpy gives, and nothing of a message that is too large."""

from collections.abc import Iterator

import pytest
import rclpy
from probe import Probe
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from std_msgs.msg import String

from finevla_ros import unlocked_take
from finevla_ros.bounded_subscriptions import subscribe
from finevla_ros.executor import OneThreadExecutor
from finevla_ros.unlocked_take import BOUND, HugeMessage, take_bytes

QOS = QoSProfile(depth=20)


@pytest.fixture
def probe(ros_domain: str) -> Iterator[Probe]:
    with Probe("unlocked") as probe:
        yield probe


def polled(node: Node) -> Subscription:
    """A subscription of a node that nobody spins."""
    return node.create_subscription(String, "text", lambda _: None, QOS, raw=True)


def taken(probe: Probe, subscription: Subscription) -> list:
    """What comes of it, once something does."""
    found: list = []

    def has_come() -> bool:
        with subscription.handle:
            while (got := take_bytes(subscription)) is not None:
                found.append(got)
        return bool(found)

    probe.wait(has_come, "a message")
    return found


@pytest.fixture
def heard(probe: Probe) -> Iterator[Subscription]:
    node = rclpy.create_node("polled", namespace="unlocked", context=probe.context)
    yield polled(node)
    node.destroy_node()


def test_what_is_taken_is_what_rclpy_gives(probe: Probe, heard: Subscription) -> None:
    by_rclpy: list[tuple] = []
    probe.node.create_subscription(String, "text", lambda d, i: by_rclpy.append((d, i)), QOS, raw=True)
    out = probe.publisher(String, "text", QOS)
    probe.wait(lambda: out.get_subscription_count() == 2, "two to hear")
    out.publish(String(data="stop"))
    ours = taken(probe, heard)
    probe.wait(lambda: by_rclpy, "the same from rclpy")
    (data, info), (theirs, their_info) = ours[0], by_rclpy[0]
    assert data == bytes(theirs)
    for name in ("source_timestamp", "publication_sequence_number", "reception_sequence_number"):
        assert info[name] == their_info[name]
    with heard.handle:
        assert take_bytes(heard) is None  # once each


@pytest.mark.parametrize("size", [10, 100, 5 << 20])
def test_of_a_huge_message_only_its_size_is_taken(probe: Probe, heard: Subscription, size: int) -> None:
    setattr(heard, BOUND, 64)
    out = probe.publisher(String, "text", QOS)
    probe.wait(out.get_subscription_count, "one to hear")
    out.publish(String(data="x" * size))
    data = taken(probe, heard)[0][0]
    assert isinstance(data, HugeMessage) == (size > 64)
    assert len(data) == 4 + 4 + size + 1
    buffer = unlocked_take._BUFFER.array
    assert buffer is None or buffer.capacity <= unlocked_take.KEPT_BYTES


@pytest.mark.parametrize("has_rcl", [True, False])
def test_where_rcl_is_not_found_rclpy_takes_them(probe: Probe, monkeypatch: pytest.MonkeyPatch, has_rcl: bool) -> None:
    if not has_rcl:
        monkeypatch.setattr("finevla_ros.executor.rcl_functions", lambda: None)
    node = rclpy.create_node("eared", namespace="unlocked", context=probe.context)
    said: list[str] = []
    refused: list[str] = []
    subscribe(node, String, "text", lambda m: said.append(m.data), QOS, most_bytes=77, tell=refused.append)
    out = probe.publisher(String, "text", QOS)
    probe.wait(out.get_subscription_count, "one to hear")
    for text in ("x" * 5000, "stop"):
        out.publish(String(data=text))
    executor = OneThreadExecutor(context=probe.context)
    executor.add_node(node)
    for _ in range(200):
        executor.spin_once(timeout_sec=0.1)
        if said:
            break
    executor.shutdown()
    node.destroy_node()
    assert said == ["stop"]
    assert len(refused) == 1
    assert "it has 5009 bytes, 77 are allowed" in refused[0]


def test_functions_that_are_not_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unlocked_take.rcl_functions() is not None

    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(unlocked_take.ctypes, "CDLL", missing)
    assert unlocked_take.rcl_functions.__wrapped__() is None


def test_subscriptions_of_ours_name_their_bound(probe: Probe) -> None:
    made = subscribe(probe.node, String, "text", lambda _: None, QOS, most_bytes=77)
    assert getattr(made, BOUND) == 77
