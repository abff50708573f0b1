"""The bridge's ear for whatever stops: a DDS participant and a thread of its own, so that a stop queues behind no data.

Topics and services keep the names that they have for the bridge's own node, remapped or not.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions

from finevla_ros.heard_trajectory import listen_to_controllers
from finevla_ros.listening import subscribe, subscribe_both


class StopPath:
    """Node `<name of the bridge>_stop`. Callbacks run in its thread: whoever gives them guards what they share."""

    def __init__(self, bridge: Node, tell: Callable[[str], None]) -> None:
        self._bridge, self._tell = bridge, tell
        self.failed: BaseException | None = None  # what a callback raised; the bridge must end with it
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node(
            f"{bridge.get_name()}_stop",
            namespace=bridge.get_namespace(),
            context=self._context,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="stops", daemon=True)

    def hear(self, kind: type, topic: str, callback: Callable[..., None], profile: QoSProfile) -> None:
        """Subscribe as `profile` says."""
        subscribe(self._node, kind, self._bridge.resolve_topic_name(topic), callback, profile, tell=self._tell)

    def hear_both(self, kind: type, topic: str, callback: Callable[..., None], profile: QoSProfile) -> None:
        """Subscribe to reliable and to best-effort publishers; each message is given once."""
        subscribe_both(self._node, kind, self._bridge.resolve_topic_name(topic), callback, profile, tell=self._tell)

    def hear_controllers(self, controllers: Sequence[str], callback: Callable[[str, bytes], None]) -> None:
        """Hear what controllers are told, as bytes, with the controller's name."""
        listen_to_controllers(self._node, controllers, callback, topic_of=self._bridge.resolve_topic_name)

    def serve(self, kind: type, service: str, callback: Callable[[Any, Any], Any]) -> None:
        """Offer a service."""
        self._node.create_service(kind, self._bridge.resolve_service_name(service), callback)

    def start(self) -> None:
        """Begin to hear."""
        self._thread.start()

    def close(self) -> None:
        """End the thread and leave the graph."""
        self._executor.shutdown(timeout_sec=1.0)
        self._thread.join(timeout=1.0)
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass
        except BaseException as error:  # the bridge's own tick raises it
            self.failed = error
