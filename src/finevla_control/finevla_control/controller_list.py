"""Asks controller_manager which controllers are active, about once a second, by its documented service.

NOT RUN HERE: controller_manager comes with ROS 2 from apt only; tests play its answers.
"""

import time
from typing import Any

from rclpy.node import Node

from finevla_core.safety.robot_check import ListedController, RobotCheck

UNANSWERED_S = 5.0  # then the question is forgotten and asked again: its server may have been another one


class ControllerList:
    """Hands each answer of `<manager>/list_controllers` to a `RobotCheck`; `kind` is the service's type."""

    def __init__(self, node: Node, manager: str, check: RobotCheck, kind: Any = None) -> None:
        self._check, self._asked_s, self._pending = check, 0.0, None
        self._kind = kind or _service_type()
        self._client = node.create_client(self._kind, f"{manager}/list_controllers") if self._kind else None

    def ask(self) -> None:
        """Ask, unless an answer is still due; without the service's definition that is the answer."""
        if self._client is None:
            self._check.on_trouble(
                "package 'controller_manager_msgs' is not installed, so nobody knows which controllers are active;"
                " install ros2_control (rosdep install, see docs/real_robot.md)"
            )
        elif self._pending is not None and time.monotonic() - self._asked_s < UNANSWERED_S:
            return
        else:
            if self._pending is not None:
                self._client.remove_pending_request(self._pending)
                self._pending = None
            if self._client.service_is_ready():
                self._asked_s, self._pending = time.monotonic(), self._client.call_async(self._kind.Request())
                self._pending.add_done_callback(self._on_answer)

    def _on_answer(self, future: Any) -> None:
        if future is self._pending:
            self._pending = None
        if future.cancelled() or future.exception() is not None:
            return  # no answer: the check sees how old the last one is
        self._check.on_controllers(
            [ListedController(c.name, c.state, tuple(c.claimed_interfaces)) for c in future.result().controller]
        )


def _service_type() -> Any:
    try:
        from controller_manager_msgs.srv import ListControllers
    except ImportError:
        return None
    return ListControllers
