"""Where items are worked on: in processes of this machine, or on Ray; the same function everywhere, sent once."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from finevla_core.errors import FineVLAError

ENGINES = ("local", "ray")


class WorkerDied(Exception):
    """A worker is gone, and with it what it was doing: out of memory, or killed."""


class Pool(Protocol):
    """So many items at a time; a handle stands for what will come of one."""

    def submit(self, item: Any) -> Any:
        """Begin an item as soon as a worker is free; gives its handle."""
        ...

    def is_done(self, handle: Any, seconds: float) -> bool:
        """Whether there is a result, after so many seconds at the latest."""
        ...

    def result(self, handle: Any) -> Any:
        """What came of it; raises `WorkerDied`, or what the function raised."""
        ...

    def renew(self) -> None:
        """After a death: nothing is being worked on any more where a dead worker takes the others with it."""
        ...

    def is_lost(self, handle: Any) -> bool:
        """Whether nothing will ever come of it."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...

    def kill(self) -> None:
        """Leave off at once."""
        ...


def make_pool(engine: str, jobs: int, function: Callable[[Any], Any]) -> Pool:
    """Raises `FineVLAError` if the engine is not installed."""
    return Ray(jobs, function) if engine == "ray" else Processes(jobs, function)


class Processes:
    """Processes of this machine, started afresh: threads of Arrow and of decoders, and their locks, do not survive a fork."""

    def __init__(self, jobs: int, function: Callable[[Any], Any]) -> None:
        self._jobs, self._function = jobs, function
        self._executor = self._start()

    def _start(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._jobs, context, initializer=_begin, initargs=(self._function,))

    def submit(self, item: Any) -> Future[Any]:
        """To whichever process is free."""
        try:
            return self._executor.submit(_do, item)
        except BrokenProcessPool as error:
            lost: Future[Any] = Future()
            lost.set_exception(error)
            return lost

    def is_done(self, handle: Future[Any], seconds: float) -> bool:
        """Waits for it."""
        return bool(wait([handle], seconds).done)

    def result(self, handle: Future[Any]) -> Any:
        """A future's result."""
        try:
            return handle.result()
        except BrokenProcessPool as error:
            raise WorkerDied from error

    def renew(self) -> None:
        """New processes: when one is killed, the executor ends the others."""
        self.kill()
        self._executor = self._start()

    def is_lost(self, handle: Future[Any]) -> bool:
        """After `renew`: whatever has no result of its own by now."""
        return not handle.done() or handle.cancelled() or isinstance(handle.exception(), BrokenProcessPool)

    def close(self) -> None:
        """Wait for the processes to end."""
        self._executor.shutdown()

    def kill(self) -> None:
        """End the processes at once, whatever they are doing."""
        for process in list((self._executor._processes or {}).values()):
            process.kill()
        self._executor.shutdown(wait=False, cancel_futures=True)


class Ray:
    """Tasks on a Ray cluster, or on one that is started here; all machines must see the same folders."""

    def __init__(self, jobs: int, function: Callable[[Any], Any]) -> None:
        try:
            import ray
        except ImportError as error:
            raise FineVLAError(
                "--engine ray needs the package ray; 'pip install ray', or leave --engine out"
            ) from error
        self._ray = ray
        if not ray.is_initialized():
            address = os.environ.get("RAY_ADDRESS")
            ray.init(**({} if address else {"num_cpus": jobs, "include_dashboard": False}), log_to_driver=False)
        self._function = ray.put(function)
        # Not again by Ray itself: whether an item that killed its worker gets a second chance is decided in one place.
        self._call = ray.remote(num_cpus=1, max_retries=0)(_call)

    def submit(self, item: Any) -> Any:
        """A Ray task."""
        return self._call.remote(self._function, item)

    def is_done(self, handle: Any, seconds: float) -> bool:
        """Waits for it."""
        return bool(self._ray.wait([handle], timeout=seconds)[0])

    def result(self, handle: Any) -> Any:
        """A Ray task's result."""
        try:
            return self._ray.get(handle)
        except self._ray.exceptions.WorkerCrashedError as error:
            raise WorkerDied from error

    def renew(self) -> None:
        """Ray starts a new worker itself."""

    def is_lost(self, handle: Any) -> bool:
        """A dead worker takes no other with it."""
        return False

    def close(self) -> None:
        """Leave the cluster, or end the one that was started here."""
        self._ray.shutdown()

    kill = close


def _call(function: Callable[[Any], Any], item: Any) -> Any:
    return function(item)


_function: Callable[[Any], Any] | None = None


def _begin(function: Callable[[Any], Any]) -> None:
    """In a new process: Ctrl-C is the parent's to handle, and without a parent there is nothing to work for."""
    global _function
    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _do(item: Any) -> Any:
    assert _function is not None
    return _function(item)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    sys.stderr.flush()
    os._exit(1)
