"""An executor for nodes with an action: callbacks one after the other where they are taken, what waits on threads.

rclpy's MultiThreadedExecutor hands every callback to a pool and takes it again and again until a thread has begun it;
under load that loop keeps the interpreter from the very threads it waits for. Measured: a whole core, and chunks late by
a tenth of a second.
"""

import threading

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.executors import Executor, ShutdownException, TimeoutException
from rclpy.task import Task


class AsideGroup(ReentrantCallbackGroup):
    """Callbacks that wait for something: each gets a thread of its own, as many at a time as come."""


class AsideInTurnGroup(MutuallyExclusiveCallbackGroup):
    """Callbacks that wait for something: each gets a thread of its own, one at a time."""


class GoalsAsideExecutor(Executor):
    """Like SingleThreadedExecutor, but what waits gets a thread: goals, which are tasks, and callbacks of aside groups."""

    def __init__(self) -> None:
        super().__init__()
        self._failed: BaseException | None = None

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Run the next callback, or begin the next task; raises what a callback or an earlier task raised."""
        try:
            handler, entity, _node = self.wait_for_ready_callbacks(timeout_sec)
        except (ShutdownException, TimeoutException):
            return
        if entity is None or isinstance(entity.callback_group, AsideGroup | AsideInTurnGroup):
            self._begin(handler)
        else:
            handler()
            if (error := handler.exception()) is not None:
                raise error
        if self._failed is not None:
            raise self._failed

    def _begin(self, task: Task) -> None:
        begun = threading.Event()

        def run() -> None:
            begun.set()
            task()
            if task.done() and (error := task.exception()) is not None:
                self._failed = error
                self.wake()

        threading.Thread(target=run, name="task").start()
        begun.wait()
