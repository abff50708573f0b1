"""How the command line asks for a planned motion: one goal, its progress in one line, Ctrl-C brakes."""

import sys
from typing import Any

from finevla_client.connection import Connection
from finevla_client.motion_goal import MotionGoal
from finevla_tools.stderr_notices import announcer


def move(namespace: str, kind: Any, name: str, goal: Any) -> int:
    """Send the goal and wait for its end; raises `FineVLAError` with the node's sentence if it does not end well."""
    with Connection(namespace, notify=announcer()) as connection:
        motion = MotionGoal(connection, kind, name, goal, on_left=lambda left_s: _show(f"{left_s:.1f} s left"))
        try:
            motion.send()
            motion.wait()
        except KeyboardInterrupt:
            print("\ncancelling", flush=True)
            print(motion.cancel())
            raise
        _show("")
        print(motion.result())
        return 0


def _show(text: str) -> None:
    """The time left, over and over in the same place of a terminal; "" wipes it away."""
    if sys.stdout.isatty():
        print(f"\r{text:20s}\r", end="", flush=True)
