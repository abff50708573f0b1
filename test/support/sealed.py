"""The real seals for tests that play a watchdog or a bridge."""

import time

from rclpy.node import Node

from finevla_core.safety.message_seal import Signer
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.heartbeat_messages import heartbeat_to_msg
from finevla_ros.messages import to_ns, to_stamp
from finevla_ros.stack_key import stack_key


def signer_of(node: Node, name: str) -> Signer:
    """The seals of `name` in the stack whose domain and namespace `node` is in."""
    return Signer(stack_key(node), f"{node.get_namespace().rstrip('/')}/{name}")


def sealed_status(signer: Signer, state: int, epoch: int, challenge: int = 1) -> msg.SafetyStatus:
    """The bridge's next status, of now: an older one would be a recording."""
    message = msg.SafetyStatus(state=state, epoch=epoch, challenge=challenge)
    message.header.stamp = to_stamp(time.time_ns())
    message.header.frame_id = signer.status(to_ns(message.header.stamp), state, epoch, challenge)
    return message


class PlayedWatchdog:
    """Answers the bridge's challenges with sealed heartbeats, whenever it is told to `beat`."""

    def __init__(self, node: Node) -> None:
        self.signer = signer_of(node, "safety_watchdog")
        self._node, self._challenge = node, 0
        self._beats = node.create_publisher(msg.Heartbeat, "safety/watchdog", qos.NEWEST)
        node.create_subscription(msg.SafetyStatus, "safety/status", self._on_status, qos.LATCHED)

    def beat(self, trouble: str = "") -> None:
        """One heartbeat; all is well if there is no trouble."""
        clock_ns = to_ns(self._node.get_clock().now().to_msg())
        self._beats.publish(heartbeat_to_msg(self.signer, trouble, self._challenge, clock_ns))

    def _on_status(self, status: msg.SafetyStatus) -> None:
        self._challenge = status.challenge
