"""Subscriptions with a DDS participant and a thread of their own: what they hear queues behind nothing else, and holds up
nobody.

Topics and services keep the names that they have for the node itself, remapped or not.
"""

from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription

from finevla_ros.bounded_services import serve
from finevla_ros.bounded_subscriptions import Tell, subscribe, subscribe_both
from finevla_ros.executor import OneThreadExecutor
from finevla_ros.ros_start import start_ros
from finevla_ros.spin_thread import SpinThread
from finevla_ros.trajectory_message import listen_to_controllers

DEAF_S, DEAF_CHECKS = 1.0, 25  # that its thread did not come round, while who asks did


class SeparateListener:
    """Node `<name of the node>_<name>`. Callbacks run in its thread: whoever gives them guards what they share."""

    def __init__(self, owner: Node, name: str, tell: Tell, tell_flood: Tell) -> None:
        self._owner, self._tells = owner, {"tell": tell, "tell_flood": tell_flood}
        self.name = name
        self._failed: BaseException | None = None  # what a callback raised; the owner must end with it
        self._turned = (-1, 0.0, 0)  # turns of the thread when last looked at, since when, and looks since
        self._context = rclpy.Context()
        start_ros(context=self._context, handlers=SignalHandlerOptions.NO)
        self._node = Node(
            f"{owner.get_name()}_{name}",
            namespace=owner.get_namespace(),
            context=self._context,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._spinner = SpinThread(self._node, OneThreadExecutor(context=self._context), name, self._keep)

    def hear(
        self, kind: type, topic: str, callback: Callable[..., None], profile: QoSProfile, most_bytes: int = 0
    ) -> Subscription:
        """Subscribe as `profile` says; `most_bytes` as in `subscribe`."""
        name = self._owner.resolve_topic_name(topic)
        return subscribe(self._node, kind, name, callback, profile, most_bytes=most_bytes, **self._tells)

    def forget(self, subscription: Subscription) -> None:
        """End a subscription of `hear`."""
        self._node.destroy_subscription(subscription)

    def hear_both(self, kind: type, topic: str, callback: Callable[..., None], profile: QoSProfile) -> None:
        """Subscribe to reliable and to best-effort publishers; each message is given once."""
        subscribe_both(self._node, kind, self._owner.resolve_topic_name(topic), callback, profile, **self._tells)

    def hear_controllers(self, controllers: Sequence[str], callback: Callable[[str, bytes], None]) -> None:
        """Hear what controllers are told, as bytes, with the controller's name."""
        listen_to_controllers(self._node, controllers, callback, topic_of=self._owner.resolve_topic_name)

    def serve(self, kind: type, service: str, callback: Callable[[Any, Any], Any]) -> None:
        """Offer a service in this participant; its callback runs in the listener's own thread."""
        serve(self._node, kind, self._owner.resolve_service_name(service), callback, **self._tells)

    @property
    def turns(self) -> int:
        """How often the thread came round."""
        return self._spinner.turns

    def check(self, now_s: float) -> bool:
        """Raise what a callback raised; return whether the thread hangs, so that nothing is heard. To be called often."""
        if self._failed is not None:
            raise self._failed
        turns, since_s, looks = self._turned
        if self.turns != turns:
            turns, since_s, looks = self.turns, now_s, 0
        self._turned = turns, since_s, looks + 1
        return looks > DEAF_CHECKS and now_s - since_s > DEAF_S

    def start(self) -> None:
        """Start the thread; what comes before is kept by the middleware, as the profiles say."""
        self._spinner.start()

    def close(self) -> None:
        """End the thread and leave the graph."""
        self._spinner.close(timeout_s=1.0)
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _keep(self, error: BaseException) -> None:
        self._failed = error
