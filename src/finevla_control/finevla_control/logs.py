"""How the nodes of this package say the same thing: every event on a topic, and no warning more than once a second."""

import time

from rclpy.node import Node
from rclpy.publisher import Publisher

from finevla_core.safety.words import Event
from finevla_interfaces.msg import SafetyEvent

EVERY_S = 1.0
KIND = 40  # letters by which two sentences are taken for the same


class SeldomLog:
    """Warnings of a node; one that begins as another did less than a second ago is left out."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._said_s: dict[str, float] = {}

    def warn(self, text: str) -> None:
        """Say it, unless it was just said."""
        if self.is_due(text[:KIND]):
            self._node.get_logger().warning(text)

    def is_due(self, kind: str) -> bool:
        """Whether nothing of this kind was said in the last second; then it counts as said now."""
        now_s = time.monotonic()
        if now_s - self._said_s.get(kind, -EVERY_S) < EVERY_S:
            return False
        self._said_s[kind] = now_s
        return True


class EventLog:
    """Every safety event is published, but the same warning is logged once a second: a policy may be refused at 10 Hz."""

    def __init__(self, node: Node, publisher: Publisher) -> None:
        self._node, self._publisher, self._seldom = node, publisher, SeldomLog(node)

    def tell(self, event: Event) -> None:
        """Publish and log."""
        message = SafetyEvent(
            level=event.level,
            code=event.code,
            text=event.text,
            instruction_id=event.instruction_id,
            chunk_sequence=event.chunk_sequence,
        )
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
        text, logger = f"{event.code}: {event.text}", self._node.get_logger()
        # One call site per severity: rclpy refuses to log with two from the same line.
        if event.level == SafetyEvent.INFO:
            logger.info(text)
        elif event.level == SafetyEvent.ERROR:
            logger.error(text)
        elif self._seldom.is_due(event.code):
            logger.warning(text)
