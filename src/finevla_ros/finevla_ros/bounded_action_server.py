"""Action servers of every node: goals are bounded in size and number, for each one is remembered with its result."""

import time
from collections.abc import Callable
from typing import Any

from rclpy.action import ActionServer, GoalResponse
from rclpy.node import Node
from rclpy.serialization import serialize_message

from finevla_ros.bounded_subscriptions import KIB, RefusalCounter

MOST_GOALS = 50  # that run or are remembered
MOST_GOAL_BYTES = 64 * KIB  # as of an instruction on its topic
RESULT_S = (
    60.0  # how long a result is kept for who asks late; rclpy's 900 s are a goal's weight in memory for each request
)


class BoundedActionServer(ActionServer):
    """Accepts goals as ActionServer does, but none that is too large, or one too many; `options` are ActionServer's."""

    def __init__(self, node: Node, kind: Any, name: str, execute: Callable[..., Any], **options: Any) -> None:
        self._warn, self._refusals = node.get_logger().warning, RefusalCounter(f"action {name}", "goal")
        super().__init__(
            node, kind, name, execute, goal_callback=self._judge, result_timeout=round(RESULT_S), **options
        )

    def _judge(self, goal: Any) -> GoalResponse:
        why = ""
        if len(self._goal_handles) >= MOST_GOALS:
            why = f"{MOST_GOALS} goals run or ended within the last {RESULT_S:.0f} s"
        elif (size := len(serialize_message(goal))) > MOST_GOAL_BYTES:
            why = f"it has {size} bytes, {MOST_GOAL_BYTES} are allowed"
        if not why:
            return GoalResponse.ACCEPT
        if sentence := self._refusals.note(why, time.monotonic()):
            self._warn(sentence)
        return GoalResponse.REJECT
