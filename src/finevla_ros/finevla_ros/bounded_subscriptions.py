"""How every node of ours subscribes: as bytes, which are bounded before they are read and may be no message at all.

rclpy converts a message of any size before a callback sees it, and holds the interpreter meanwhile. What is refused here is
counted, told once and then with its count, and never reaches a callback.
"""

import inspect
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Bool, Empty, String
from trajectory_msgs.msg import JointTrajectory

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import MAX_SIDE
from finevla_core.warning_backoff import TellingTimes
from finevla_interfaces import msg
from finevla_ros.flood_watch import FloodWatch
from finevla_ros.memory_return import PROCESS
from finevla_ros.message_layout import why_unsound
from finevla_ros.topic_publishers import publishers_of
from finevla_ros.unlocked_take import BOUND, HugeMessage

Info = Mapping[str, int]
KIB = 1024
# Bytes of a serialized message. A subscription to a kind that is not here says its own bound.
MOST_BYTES: dict[type, int] = {
    msg.ActionChunk: 256 * KIB,  # 100 rows of 64 joints are 50 KiB, their names 5
    msg.Instruction: 64 * KIB,  # 10,000 characters in Chinese are 30 KiB, and the ten factors come on top
    String: 64 * KIB,  # the same words
    msg.SafetyStatus: 64 * KIB,
    msg.SafetyEvent: 64 * KIB,
    msg.PolicyStatus: 64 * KIB,
    msg.ImageFormat: 64 * KIB,
    msg.Heartbeat: 64 * KIB,
    JointState: 64 * KIB,  # 64 joints with three values each are 6 KiB; other robots share the topic
    JointTrajectory: 256 * KIB,  # 500 points of 7 joints are 90 KiB
    DiagnosticArray: 256 * KIB,
    Bool: KIB,
    Empty: KIB,
    Image: 64 * KIB * KIB,  # 4K as RGB is 24 MiB
    CompressedImage: 64 * KIB * KIB,
}
# Messages a second on one topic, of which whoever sends more floods it; 0 = any number.
MOST_HZ: dict[type, float] = {
    msg.ActionChunk: 100.0,
    msg.Instruction: 20.0,
    String: 20.0,
    msg.SafetyStatus: 400.0,  # with every event, too
    msg.SafetyEvent: 400.0,
    msg.PolicyStatus: 100.0,
    msg.ImageFormat: 20.0,
    msg.Heartbeat: 100.0,
    JointState: 400.0,  # 200 Hz of the arms, and what else shares the topic
    DiagnosticArray: 400.0,
    Bool: 200.0,
    Empty: 50.0,
    msg.Observation: 60.0,
}
REMEMBERED = 256  # messages by which the second copy of one that came on both ways is known

Tell = Callable[[str], None]


def most_observation_bytes(embodiment: Embodiment) -> int:
    """Return the most that an observation of this robot takes: the largest pictures that a bundle may ask for."""
    return len(embodiment.cameras) * MAX_SIDE * MAX_SIDE * 3 + 64 * KIB


class Unreadable(FineVLAError):
    """Bytes that are no message of their kind."""


def read(data: bytes, kind: type) -> Any:
    """Return the message; raises `Unreadable` for bytes that were cut, or are of another type."""
    if why := why_unsound(data, kind):
        raise Unreadable(f"its {len(data)} bytes are no {kind.__name__}: {why}")
    try:
        return deserialize_message(data, kind)
    except Exception as error:  # whatever the middleware finds wrong with a stranger's bytes
        why = f"its {len(data)} bytes are no {kind.__name__}: they were cut on the way or are of another type"
        raise Unreadable(why) from error


@dataclass
class RefusalCounter:
    """What a topic's door refused; says when it is worth a sentence: at first, and then with its count at growing times."""

    topic: str
    what: str = "message"
    count: int = 0
    _told: int = 0
    _times: TellingTimes = field(default_factory=TellingTimes)

    def note(self, why: str, now_s: float) -> str:
        """Count one more message that was refused; return the sentence that is to be told now, or ""."""
        self.count += 1
        before_s = self._times.told_s
        if not self._times.is_due(now_s):
            return ""
        more = self.count - self._told
        times = f" ({more} times in the last {now_s - before_s:.0f} s)" if self._told and more > 1 else ""
        self._told = self.count
        return f"a {self.what} on {self.topic} was refused unread: {why}{times}; see who sends it"


def subscribe(
    node: Node,
    kind: type,
    topic: str,
    callback: Callable[..., None],
    profile: QoSProfile,
    *,
    most_bytes: int = 0,
    unread: bool = False,
    most_hz: float | None = None,
    tell: Tell | None = None,
    tell_flood: Tell | None = None,
    event_callbacks: SubscriptionEventCallbacks | None = None,
    callback_group: Any = None,
) -> Subscription:
    """Subscribe to a topic; `callback` is given the message, and its info if it takes two arguments.

    A message of more than `most_bytes` (0 = as its kind may be), or one that cannot be read, is refused; `tell`, the node's
    own warning by default, is given a sentence now and then. `unread`: `callback` is given the bytes, and may call `read`.
    Of more than `most_hz` a second (as its kind may be, 0 = any) `tell_flood`, if given, is told; all reach `callback`.
    Raises `KeyError` for a kind without a bound.
    """
    bound, name = most_bytes or MOST_BYTES[kind], node.resolve_topic_name(topic)
    refusals = RefusalCounter(name)
    say = tell or node.get_logger().warning
    rate_hz = MOST_HZ.get(kind, 0.0) if most_hz is None else most_hz
    flood = FloodWatch(name, rate_hz, lambda: publishers_of(node, name)) if rate_hz and tell_flood else None
    wants_info = _takes_two(callback)

    def refuse(why: str) -> None:
        if sentence := refusals.note(why, time.monotonic()):
            say(sentence)

    def on_bytes(data: bytes | HugeMessage, info: Info) -> None:
        if flood is not None and tell_flood is not None and (sentence := flood.note(time.monotonic())):
            tell_flood(sentence)
        if isinstance(data, HugeMessage) or len(data) > bound:
            PROCESS.note_huge(time.monotonic())
            return refuse(f"it has {len(data)} bytes, {bound} are allowed")
        try:
            message = data if unread else read(data, kind)
            return callback(message, info) if wants_info else callback(message)
        except Unreadable as error:
            return refuse(str(error))

    made = node.create_subscription(
        kind, topic, on_bytes, profile, raw=True, event_callbacks=event_callbacks, callback_group=callback_group
    )
    setattr(made, BOUND, bound)
    return made


def subscribe_both(
    node: Node, kind: type, topic: str, callback: Callable[..., None], profile: QoSProfile, **options: Any
) -> None:
    """Hear publishers of both reliabilities: at once what is sent best effort, and what a reliable one has to send again.

    Each message is given to `callback` once. A plain reliable subscription never hears a best-effort publisher.
    """
    heard: OrderedDict[tuple[int, int], None] = OrderedDict()
    wants_info = _takes_two(callback)

    def once(message: Any, info: Info) -> None:
        key = info.get("source_timestamp") or 0, info.get("publication_sequence_number") or 0
        if all(key) and key in heard:
            return
        heard[key] = None
        while len(heard) > REMEMBERED:
            heard.popitem(last=False)
        callback(message, info) if wants_info else callback(message)

    for reliability in (ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE):
        both = QoSProfile(depth=profile.depth, history=profile.history, reliability=reliability)
        # One of the two never fits a best-effort publisher: no reason for a warning.
        quiet = SubscriptionEventCallbacks(use_default_callbacks=False)
        subscribe(node, kind, topic, once, both, event_callbacks=quiet, **options)


def _takes_two(callback: Callable[..., None]) -> bool:
    """Return whether a callback needs two arguments, by rclpy's rule: one that accepts one is given one."""
    try:
        inspect.signature(callback).bind(object())
    except TypeError:
        return True
    return False
