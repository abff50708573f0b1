"""One goal of the node `motion`, from asking to its end: it plans, and the safety bridge judges what it sends."""

import math
import threading
from collections.abc import Callable
from typing import Any

from finevla_client.connection import Connection
from finevla_client.errors import MotionFailed, NoAnswer

FOUND_S = 5.0  # longer than DDS needs when its first calls are lost
CANCEL_S = 10.0
SILENT = "the motion node does not answer; look at its output"


class MotionGoal:
    """Make it, `send` it and `wait` for its end; `on_left` is given the seconds left, in the node's thread.

    Whoever stops waiting cancels it: the arms must not move for nobody. Raises `NoAnswer` if there is no motion node.
    """

    def __init__(
        self, connection: Connection, kind: Any, name: str, goal: Any, on_left: Callable[[float], None] | None = None
    ) -> None:
        self._connection, self._goal, self._on_left = connection, goal, on_left
        self._action = connection.action_client(kind, name)
        self._is_sent = False
        self._acceptance: Any = None  # futures: of the goal's handle ...
        self._end: Any = None  # ... and of its end
        self._asking = threading.Lock()  # a motion may be cancelled from another thread
        if not connection.wait(self._action.server_is_ready, FOUND_S):
            missing = "no stack answers" if connection.heard("safety/status") is None else "the motion node is missing"
            raise NoAnswer(f"{missing} in namespace '/{connection.namespace}'; start one with 'finevla up'")

    def send(self) -> None:
        """Ask for the motion; from now on the arms may move."""

        def send_goal() -> Any:
            self._acceptance = self._action.send_goal_async(self._goal, feedback_callback=self._on_feedback)
            return self._acceptance

        self._is_sent = True
        self._connection.ask(send_goal)

    def wait(self, timeout_s: float = math.inf) -> bool:
        """Wait for the end; False if `timeout_s` passes first. Raises `NoAnswer` for a node that is silent or has gone."""
        handle = self._handle(FOUND_S)
        return not handle.accepted or self._is_over(handle, timeout_s)

    def result(self) -> str:
        """Return what the node says of the end, once it is over; raises `MotionFailed` with that if it did not arrive."""
        if not self._acceptance.result().accepted:
            raise MotionFailed("the motion node did not take the goal")
        ended = self._end.result().result
        if not ended.success:
            raise MotionFailed(ended.message)
        return str(ended.message)

    def cancel(self) -> str:
        """Let the arms brake and wait until they rest; return what the node says. Harmless if it is over or was not sent.

        A goal whose acceptance is still on its way is cancelled when it comes. Raises `NoAnswer` for a node that is silent.
        """
        if not self._is_sent:
            return "the motion was not asked for"
        try:
            handle = self._handle(CANCEL_S)
        except NoAnswer:
            if self._acceptance is not None:
                self._acceptance.add_done_callback(lambda accepted: accepted.result().cancel_goal_async())
            raise
        if not handle.accepted:
            return "the motion node did not take the goal"
        if self._end is None or not self._end.done():
            if not self._connection.done(self._connection.ask(handle.cancel_goal_async), CANCEL_S):
                raise NoAnswer(SILENT)
            if not self._is_over(handle, CANCEL_S):
                raise NoAnswer(SILENT)
        return str(self._end.result().result.message)

    def _on_feedback(self, message: Any) -> None:
        if self._on_left is not None:
            self._on_left(float(message.feedback.left_s))

    def _handle(self, timeout_s: float) -> Any:
        """The goal's handle, also of one whose sending was interrupted."""
        is_sent = self._connection.wait(lambda: self._acceptance is not None, timeout_s)
        if not is_sent or not self._connection.done(self._acceptance, timeout_s):
            raise NoAnswer(SILENT)
        return self._acceptance.result()

    def _is_over(self, handle: Any, timeout_s: float) -> bool:
        with self._asking:
            if self._end is None:
                self._end = self._connection.ask(handle.get_result_async)
        there = self._action.server_is_ready
        if self._connection.done(self._end, timeout_s, unless=lambda: not there()):
            return True
        if not there():
            raise NoAnswer("the motion node has gone, and nobody says how the motion ended; look at its output")
        return False
