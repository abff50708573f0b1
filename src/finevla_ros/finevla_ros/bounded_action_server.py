"""Action servers of every node: goals are bounded in size and number, for each one is remembered with its result."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from rclpy.action import ActionServer, GoalResponse
from rclpy.node import Node

from finevla_ros.bounded_subscriptions import KIB, RefusalCounter
from finevla_ros.request_bytes import checked_kind, looked_at, size_of, taking
from finevla_ros.unlocked_take import HugeMessage

MOST_GOALS = 50  # that run or are remembered
MOST_GOAL_BYTES = 64 * KIB  # as of an instruction on its topic
RESULT_S = (
    60.0  # how long a result is kept for who asks late; rclpy's 900 s are a goal's weight in memory for each request
)


class BoundedActionServer(ActionServer):
    """Accepts goals as ActionServer does, but none that is too large, or one too many; `options` are ActionServer's."""

    def __init__(self, node: Node, kind: Any, name: str, execute: Callable[..., Any], **options: Any) -> None:
        self._warn, self._refusals = node.get_logger().warning, RefusalCounter(f"action {name}", "goal")
        try:
            kind = checked_kind(kind)
        except RuntimeError as error:
            self._warn(f"goals of {name} are looked at after they were read: {error}")
        super().__init__(
            node, kind, name, execute, goal_callback=self._judge, result_timeout=round(RESULT_S), **options
        )

    def take_data(self) -> dict[str, Any]:
        """Take what is ready; raises `Unreadable` for bytes that are no goal. One too large is judged by its size."""
        with taking(MOST_GOAL_BYTES):
            data: dict[str, Any] = super().take_data()
            if "goal" in data:
                header, request = data.pop("goal")
                found = looked_at(request, self._action_type.Impl.SendGoalService.Request)
                is_huge = isinstance(found, HugeMessage)
                data["goal"] = header, SimpleNamespace(goal_id=request.goal_id, goal=found) if is_huge else found
        return data

    def _judge(self, goal: Any) -> GoalResponse:
        why = ""
        if len(self._goal_handles) >= MOST_GOALS:
            why = f"{MOST_GOALS} goals run or ended within the last {RESULT_S:.0f} s"
        elif (size := size_of(goal)) > MOST_GOAL_BYTES:
            why = f"it has {size} bytes, {MOST_GOAL_BYTES} are allowed"
        if not why:
            return GoalResponse.ACCEPT
        if sentence := self._refusals.note(why, time.monotonic()):
            self._warn(sentence)
        return GoalResponse.REJECT
