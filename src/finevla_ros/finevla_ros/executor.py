"""Executors of every node: what cannot be taken ends nobody, and what waits gets a thread of its own."""

import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy._rclpy_pybind11 import InvalidHandle
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.executors import (
    Executor,
    ShutdownException,
    SingleThreadedExecutor,
    TimeoutException,
    await_or_execute,
)
from rclpy.logging import get_logger
from rclpy.subscription import Subscription
from rclpy.task import Task

from finevla_ros.bounded_subscriptions import RefusalCounter
from finevla_ros.memory_return import PROCESS
from finevla_ros.unlocked_take import rcl_functions, take_bytes

MOST_ASIDE = 16  # threads: requests that come faster than they are answered wait in the middleware, or are lost there


class AsideGroup(ReentrantCallbackGroup):
    """Callbacks that wait for something: each gets a thread of its own, `MOST_ASIDE` at a time at most."""

    def __init__(self) -> None:
        super().__init__()
        self._running, self._lock = 0, threading.Lock()

    def can_execute(self, entity: Any) -> bool:
        """Return whether one more may begin."""
        return self._running < MOST_ASIDE

    def beginning_execution(self, entity: Any) -> bool:
        """Count one that begins; False if there are too many."""
        with self._lock:
            if self._running >= MOST_ASIDE:
                return False
            self._running += 1
            return True

    def ending_execution(self, entity: Any) -> None:
        """Count one that has ended."""
        with self._lock:
            self._running -= 1


class AsideInTurnGroup(MutuallyExclusiveCallbackGroup):
    """Callbacks that wait for something: each gets a thread of its own, one at a time."""


class _LastingExecutor(Executor):
    """What cannot be taken, because a stranger's bytes are no message, is counted and told now and then.

    rclpy lets such an error out of `spin`. Errors of callbacks come out as before.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._refusals = RefusalCounter("a topic or a service", "message")

    def _take_subscription(self, sub: Any) -> Any:
        is_ours = sub.raw and rcl_functions() is not None
        return self._taken(_take_raw if is_ours else super()._take_subscription, sub)

    def _take_service(self, srv: Any) -> Any:
        return self._taken(super()._take_service, srv)

    def _take_client(self, client: Any) -> Any:
        return self._taken(super()._take_client, client)

    def _take_waitable(self, waitable: Any) -> Any:
        return self._taken(super()._take_waitable, waitable)

    def _taken(self, take: Callable[[Any], Any], entity: Any) -> Any:
        PROCESS.look(time.monotonic())
        try:
            return take(entity)
        except InvalidHandle:
            raise
        except Exception as error:
            name = getattr(entity, "topic_name", getattr(entity, "srv_name", type(entity).__name__))
            now_s = time.monotonic()
            # A request whose list claims to be long is made as long before anybody sees that it is not there.
            PROCESS.note_huge(now_s)
            why = f"it cannot be taken from {name}, {type(error).__name__}: {str(error)[:200]}"
            if sentence := self._refusals.note(why, now_s):
                get_logger("executor").warning(sentence)
            return None


def _take_raw(sub: Any) -> Any:
    """What rclpy's executor does with a raw subscription, but without the interpreter's lock."""
    try:
        with sub.handle:
            taken = take_bytes(sub)
    except InvalidHandle:  # destroyed meanwhile
        return None
    if taken is None:
        return None
    arguments = taken[:1] if sub._callback_type is Subscription.CallbackType.MessageOnly else taken

    async def execute() -> None:
        await await_or_execute(sub.callback, *arguments)

    return execute


class OneThreadExecutor(_LastingExecutor, SingleThreadedExecutor):
    """SingleThreadedExecutor that outlives what cannot be taken."""


class GoalsAsideExecutor(_LastingExecutor):
    """Like SingleThreadedExecutor, but what waits gets a thread: goals, which are tasks, and callbacks of aside groups.

    rclpy's MultiThreadedExecutor hands every callback to a pool and takes it again and again until a thread has begun it;
    under load that loop keeps the interpreter from the very threads it waits for. Measured: a whole core, and chunks late by
    a tenth of a second.
    """

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
