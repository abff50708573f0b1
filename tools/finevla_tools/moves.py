"""How the command line asks for a planned motion: one goal, its progress in one line, Ctrl-C brakes."""

import sys
import threading
from collections.abc import Callable
from typing import Any

from rclpy.action import ActionClient

from finevla_core.errors import FineVLAError
from finevla_tools.client import Client

FOUND_S = 5.0  # longer than DDS needs when its first calls are lost
CANCEL_S = 10.0


def move(namespace: str, kind: Any, name: str, goal: Any) -> int:
    """Send the goal and wait for its end; raises `FineVLAError` with the node's sentence if it does not end well."""
    with Client(namespace) as client:
        action = ActionClient(client.node, kind, name)
        try:
            if not action.wait_for_server(FOUND_S):
                there = "safety/status" in client.newest
                missing = "the motion node is missing" if there else "no stack answers"
                raise FineVLAError(f"{missing} in namespace '/{client.namespace}'; start one with 'finevla up'")
            sent = _asked(client, lambda: action.send_goal_async(goal, feedback_callback=_show))
            try:
                handle = _result(sent, FOUND_S)
                if not handle.accepted:
                    raise FineVLAError("the motion node did not take the goal")
                result = _result(_asked(client, handle.get_result_async), None)
            except KeyboardInterrupt:
                print("\ncancelling", flush=True)
                print(_cancelled(client, sent))
                raise
            _show(None)
            if not result.result.success:
                raise FineVLAError(result.result.message)
            print(result.result.message)
            return 0
        finally:
            action.destroy()


def _cancelled(client: Client, sent: Any) -> str:
    """Also of a goal whose acceptance is still on its way: it must not move the arms when nobody waits any more."""
    handle = _result(sent, CANCEL_S)
    _result(_asked(client, handle.cancel_goal_async), CANCEL_S)
    return str(_result(_asked(client, handle.get_result_async), CANCEL_S).result.message)


def _asked(client: Client, ask: Callable[[], Any]) -> Any:
    """The future of a request that is sent from the thread that takes answers: sent from another one, rclpy may take the
    answer before it has noted that it waits for one, and drop it."""
    sent: list[Any] = []
    done = threading.Event()

    def run() -> None:
        sent.append(ask())
        done.set()

    client.node.executor.create_task(run)
    if not done.wait(CANCEL_S):
        raise FineVLAError("the motion node does not answer; look at its output")
    return sent[0]


def _show(message: Any) -> None:
    """The time left, over and over in the same place of a terminal; `None` wipes it away."""
    if sys.stdout.isatty():
        text = "" if message is None else f"{message.feedback.left_s:.1f} s left"
        print(f"\r{text:20s}\r", end="", flush=True)


def _result(future: Any, timeout_s: float | None) -> Any:
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    if not done.wait(timeout_s):
        raise FineVLAError("the motion node does not answer; look at its output")
    return future.result()
