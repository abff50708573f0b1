"""Hears what a `RobotCheck` compares: the robot's descriptions, and what controller_manager says of its controllers."""

from collections import deque

from rclpy.node import Node
from std_msgs.msg import String

from finevla_control.controller_list import ControllerList
from finevla_control.separate_listener import SeparateListener
from finevla_core.safety.robot_check import RobotCheck
from finevla_ros import qos

TOPIC = "robot_description"
MOST_BYTES = 1 << 20  # ours has 30 KiB
KEPT = 4  # that are compared in a second; each takes some milliseconds


class RobotWatch:
    """Descriptions come by `listener`, not in the node's own participant, for their size; `look` compares them, in its thread.

    `manager` is the full name of controller_manager, empty where none is asked.
    """

    def __init__(self, node: Node, listener: SeparateListener, check: RobotCheck, manager: str) -> None:
        self._node, self._listener, self._check = node, listener, check
        self._descriptions: deque[str] = deque(maxlen=KEPT)
        self._publishers: frozenset[bytes] | None = None  # None = to be looked at anew
        self._subscription = self._subscribe()
        self._controllers = ControllerList(node, manager, check) if manager else None

    def look(self) -> None:
        """Compare what has come, and ask anew; about once a second."""
        ends = self._node.get_publishers_info_by_topic(TOPIC)
        publishers = frozenset(bytes(end.endpoint_gid) for end in ends)
        if publishers != self._publishers and self._check.reconsider(bool(publishers)):
            # Who published another description may have gone, or come back with ours: all who are there say theirs again,
            # and are compared together the next time.
            self._listener.forget(self._subscription)
            self._descriptions.clear()
            self._subscription = self._subscribe()
            self._publishers = publishers
        else:
            self._publishers = publishers
            self._compare()
        if self._controllers is not None:
            self._controllers.ask()

    def _compare(self) -> None:
        was_other = self._check.is_other
        while self._descriptions:
            self._check.on_description(self._descriptions.popleft())
        if self._check.is_other and not was_other:
            self._publishers = None  # its publisher may have gone already: look once more

    def _subscribe(self) -> object:
        heard = self._descriptions
        return self._listener.hear(String, TOPIC, lambda m: heard.append(m.data), qos.LATCHED, MOST_BYTES)
