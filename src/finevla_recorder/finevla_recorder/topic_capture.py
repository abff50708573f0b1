"""Hears the topics of an episode: serialized messages, taken by a thread of its own at a fixed pace.

An executor builds and waits on a set of all subscriptions for every single message: measured, several times the processor
time of asking each one now and then. The middleware keeps what comes meanwhile, and the time at which it came.
"""

import importlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

from finevla_core.errors import FineVLAError
from finevla_core.recording.bag_metadata import Definitions, Qos, Topic
from finevla_core.recording.episode import RecordedEpisode

POLL_S = 0.01
# What comes while this process stands still: two seconds of pictures, five of states at 200 Hz.
PICTURES, OTHERS = 60, 1000
LARGE = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/PointCloud2")


class _Deaf(CallbackGroup):
    """Keeps its subscriptions out of every executor's wait set."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass


@dataclass
class Numbers:
    """Counts what is missing by the sequence numbers of a topic's only publisher; of several they say nothing."""

    is_alone: bool
    _newest: int = 0
    _before: int = -1  # the number before the last gap

    def set_alone(self, is_alone: bool) -> None:
        """Set whether the graph shows a single publisher; gaps are counted only then."""
        if is_alone and not self.is_alone:
            self._newest, self._before = 0, -1
        self.is_alone = is_alone

    def missing(self, number: int) -> int:
        """Messages that are missing before this one; negative if what was counted last was no gap."""
        if not self.is_alone or not number:
            return 0
        newest, self._newest = self._newest, number
        if number <= newest:  # another publisher, whom the graph will show in a moment, or the same one begins again
            self.is_alone = False
            return 1 + self._before - newest if number == self._before + 1 else 0
        if not newest or number == newest + 1:
            return 0
        self._before = newest
        return number - newest - 1


@dataclass
class _Ear:
    """One subscription: its channel in the recording, its QoS profile and its sequence-number check."""

    channel: int
    subscription: Any
    profile: tuple[ReliabilityPolicy, DurabilityPolicy]
    numbers: Numbers


class TopicCapture:
    """Records `wanted` topics (absolute names) into `episode` from the moment that somebody publishes them until `stop`."""

    def __init__(
        self,
        node: Node,
        episode: RecordedEpisode,
        wanted: Iterable[str],
        known: Mapping[str, str],
        definitions: Definitions,
        clock_ns: Callable[[], int] | None,
    ) -> None:
        """`known` are types of topics that are heard from the start on, although nobody publishes them yet.

        `clock_ns` gives a message's time; None: the time at which the middleware received it.
        """
        self._node, self._episode, self._definitions, self._clock_ns = node, episode, definitions, clock_ns
        self._wanted, self._known = tuple(dict.fromkeys(wanted)), dict(known)
        self._group = _Deaf()
        self._ears: dict[str, _Ear] = {}
        self.complaints: dict[str, str] = {}
        self._lock = threading.Lock()  # of the ears
        self._end = threading.Event()
        self.problem = ""
        self.look()
        self._thread = threading.Thread(target=self._listen, name="ears")
        self._thread.start()

    @property
    def topics(self) -> list[str]:
        """Names of the topics that are subscribed to now."""
        return list(self._ears)

    def look(self) -> None:
        """Subscribe to what is published by now, as its publishers offer it; to be called now and then."""
        for name in self._wanted:
            offers = self._node.get_publishers_info_by_topic(name)
            ear = self._ears.get(name)
            if name in self.complaints or (not offers and (ear or name not in self._known)):
                continue
            profile = _profile(offers)
            if ear is None:
                self._open(name, offers)
            else:
                with self._lock:
                    ear.numbers.set_alone(len(offers) == 1)
                if ear.profile != (profile.reliability, profile.durability):
                    self._replace(name, ear, offers)

    def stop(self) -> None:
        """Take what has come, and no more."""
        self._end.set()
        self._thread.join()
        for ear in self._ears.values():
            self._node.destroy_subscription(ear.subscription)

    def _open(self, name: str, offers: list[TopicEndpointInfo]) -> None:
        types = {offer.topic_type for offer in offers} or {self._known[name]}
        if len(types) > 1:
            self.complaints[name] = f"{name} is published with several types, {' and '.join(sorted(types))}"
            return
        kind = types.pop()
        try:
            message_class, definition = _message_class(kind), self._definitions.of(kind)
            ear = self._subscribed(name, message_class, offers)
            topic = Topic(name, kind, self._hash(name, kind, offers), tuple(_offered(o) for o in offers))
            ear.channel = self._episode.add(topic, definition)
        except (FineVLAError, OSError) as error:
            self.complaints[name] = f"{name}: {error}"
            return
        with self._lock:
            self._ears[name] = ear

    def _hash(self, name: str, kind: str, offers: list[TopicEndpointInfo]) -> str:
        """Return the type's hash from its publishers or our own subscription, "" if unknown."""
        ends = offers or self._node.get_subscriptions_info_by_topic(name)
        return next((str(end.topic_type_hash) for end in ends if end.topic_type == kind), "")

    def _replace(self, name: str, ear: _Ear, offers: list[TopicEndpointInfo]) -> None:
        """A publisher has come that offers less than what was asked for: ask again, or it is not heard."""
        with self._lock:
            self._drain(ear)
            self._ears[name] = self._subscribed(name, ear.subscription.msg_type, offers, ear.channel)
        self._node.destroy_subscription(ear.subscription)

    def _subscribed(self, name: str, kind: Any, offers: list[TopicEndpointInfo], channel: int = 0) -> _Ear:
        profile = _profile(offers)
        subscription = self._node.create_subscription(
            kind, name, lambda _: None, profile, callback_group=self._group, raw=True
        )
        return _Ear(channel, subscription, (profile.reliability, profile.durability), Numbers(len(offers) == 1))

    def _listen(self) -> None:
        is_last = False
        try:
            while not is_last:
                is_last = self._end.wait(POLL_S)
                with self._lock:
                    for ear in self._ears.values():
                        self._drain(ear)
        except Exception as error:  # an episode that hears nothing any more must not look like one that does
            self.problem = f"nothing can be heard any more: {error}"

    def _drain(self, ear: _Ear) -> None:
        put, kind = self._episode.tape.put, ear.subscription.msg_type
        handle = ear.subscription.handle
        with handle:
            while (taken := handle.take_message(kind, True)) is not None:
                data, about = taken
                came_ns = self._clock_ns() if self._clock_ns else about["received_timestamp"]
                put(ear.channel, came_ns, about["source_timestamp"], data)
                if missing := ear.numbers.missing(about["publication_sequence_number"] or 0):
                    self._episode.lost[ear.channel] += missing


def _profile(offers: list[TopicEndpointInfo]) -> QoSProfile:
    """The most that all publishers offer, so that each is heard; of none yet, what most offer."""
    reliable = all(o.qos_profile.reliability == ReliabilityPolicy.RELIABLE for o in offers)
    latched = bool(offers) and all(o.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for o in offers)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=PICTURES if offers and offers[0].topic_type in LARGE else OTHERS,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _offered(offer: TopicEndpointInfo) -> Qos:
    q = offer.qos_profile
    return Qos(
        q.history.name.lower(),
        q.depth,
        q.reliability.name.lower(),
        q.durability.name.lower(),
        q.deadline.nanoseconds,
        q.lifespan.nanoseconds,
        q.liveliness.name.lower(),
        q.liveliness_lease_duration.nanoseconds,
    )


def _message_class(kind: str) -> Any:
    package, _, name = kind.replace("/msg/", "/").partition("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise FineVLAError(f"message type '{kind}' is not built here; source the workspace that has it") from error
