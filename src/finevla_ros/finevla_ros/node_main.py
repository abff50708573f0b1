"""How every node starts and ends: user mistakes in one sentence, Ctrl-C without a traceback, exit codes that mean it."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from finevla_core.errors import FineVLAError
from finevla_ros.executor import OneThreadExecutor
from finevla_ros.log_limit import LimitedOutput
from finevla_ros.ros_start import start_ros

ENDING_S = 3.0  # a motion that is braked is over within half a second; whatever takes longer will not rest
WAKE_S = 0.05
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class LastingNode(Node):
    """A node that must not go before the arms rest: told to end, it is spun on until then, for `ENDING_S` at most."""

    def begin_end(self) -> None:
        """Bring to its end what must not be left alone; called once, by the executor's thread."""
        raise NotImplementedError

    def has_ended(self) -> bool:
        """Return whether the process may go now."""
        raise NotImplementedError


def run_node(
    make: Callable[[], Node],
    argv: Sequence[str] | None = None,
    executor: Callable[[], Executor] = OneThreadExecutor,
) -> int:
    """Make the node and spin it until it is told to stop; returns the process's exit code (0 fine, 2 bad input).

    What it writes is limited meanwhile, see `LimitedOutput`.
    """
    with LimitedOutput():
        return _run(make, argv, executor)


def _run(make: Callable[[], Node], argv: Sequence[str] | None, executor: Callable[[], Executor]) -> int:
    told = threading.Event()
    is_lasting = isinstance(make, type) and issubclass(make, LastingNode)
    # What comes before the handlers are there waits; `finevla up` starts nodes so.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    if is_lasting:
        for number in ENDING:
            signal.signal(number, lambda *_: told.set())
    else:
        # rclpy's own handler shuts the context down, and spin ends between two callbacks. Python's default would raise
        # KeyboardInterrupt anywhere, even inside a message conversion, where it comes out as some other error.
        signal.signal(signal.SIGINT, lambda *_: None)
    handlers = SignalHandlerOptions.NO if is_lasting else None
    node: Node | None = None
    try:
        try:
            start_ros(argv, handlers=handlers)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        node = make()
        spinner = executor()
        spinner.add_node(node)
        if isinstance(node, LastingNode):
            _spin_to_the_end(node, spinner, told)
        else:
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


def _spin_to_the_end(node: LastingNode, spinner: Executor, told: threading.Event) -> None:
    until_s: float | None = None
    while node.context.ok():
        spinner.spin_once(timeout_sec=WAKE_S)
        if not told.is_set():
            continue
        if until_s is None:
            until_s = time.monotonic() + ENDING_S
            node.begin_end()
        if node.has_ended() or time.monotonic() > until_s:
            return
