"""A thread that spins a node, and ends before the executor's handles go."""

import threading
from collections.abc import Callable

from rclpy.executors import Executor, ExternalShutdownException
from rclpy.node import Node

WAKE_S = 0.2  # it comes round so often, also when nothing comes


class SpinThread:
    """Spin `node` by `executor` in a daemon thread, from `start` to `close`.

    rclpy's `Executor.shutdown` takes the handles away from a `spin` that still waits with them (it means to wait, and tests a
    flag that it has just set): on a busy computer that ends in one of several errors. Here the spin is woken and has ended
    first. What a callback raises goes to `on_error`; without one it ends the thread with Python's own report.
    """

    def __init__(
        self, node: Node, executor: Executor, name: str, on_error: Callable[[BaseException], None] | None = None
    ) -> None:
        self._executor, self._context, self._on_error = executor, node.context, on_error
        self._is_ending = False
        self.turns = 0  # so often it came round: one that hangs does not
        executor.add_node(node)
        self._wake = node.create_guard_condition(lambda: None)
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; what comes before is kept by the middleware, as the profiles say."""
        self._thread.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """End the thread, waiting `timeout_s` at most for a callback that runs; then shut the executor down.

        Called from a callback, it does not wait for itself.
        """
        self._is_ending = True
        self._wake.trigger()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        self._executor.shutdown(timeout_sec=0.0)

    def _spin(self) -> None:
        try:
            while self._context.ok() and not self._is_ending:
                self.turns += 1
                self._executor.spin_once(timeout_sec=WAKE_S)
        except ExternalShutdownException:
            pass
        except BaseException as error:
            if self._on_error is None:
                raise
            self._on_error(error)
