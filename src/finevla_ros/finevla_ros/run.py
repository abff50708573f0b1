"""How every node starts and ends: user mistakes in one sentence, Ctrl-C without a traceback, exit codes that mean it."""

import signal
import sys
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from finevla_core.errors import FineVLAError


def run_node(
    make: Callable[[], Node],
    argv: Sequence[str] | None = None,
    executor: Callable[[], Executor] = SingleThreadedExecutor,
) -> int:
    """Make the node and spin it until it is told to stop; returns the process's exit code (0 fine, 2 bad input)."""
    # rclpy's own handler shuts the context down, and spin ends between two callbacks. Python's default would raise
    # KeyboardInterrupt anywhere, even inside a message conversion, where it comes out as some other error.
    signal.signal(signal.SIGINT, lambda *_: None)
    rclpy.init(args=list(argv) if argv is not None else None)
    node: Node | None = None
    try:
        node = make()
        spinner = executor()
        spinner.add_node(node)
        spinner.spin()
    except FineVLAError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2
    except ExternalShutdownException:
        pass
    except Exception:
        if rclpy.ok():
            raise
        # Told to end in the middle of a callback: the signal handler took the context from under it.
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
