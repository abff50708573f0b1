"""Where items are worked on: in processes of this machine, or on Ray; the same function everywhere, sent once."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from typing import Any, Protocol

from finevla_core.errors import FineVLAError

ENGINES = ("local", "ray")
END_S = 5.0  # in which an executor's thread sees that its processes have ended


class WorkerDied(Exception):
    """A worker is gone, and with it what it was doing: out of memory, or killed."""


class Pool(Protocol):
    """Interface of a pool of workers; a handle stands for one submitted item."""

    def submit(self, item: Any) -> Any:
        """Submit an item, to be worked on when a worker is free; return its handle."""
        ...

    def wait(self, handles: Sequence[Any], seconds: float) -> Collection[Any]:
        """Wait until at least one result is there, at most `seconds`; return the handles that are done."""
        ...

    def result(self, handle: Any) -> Any:
        """Return the function's result; raises `WorkerDied` if its worker died, or what the function raised."""
        ...

    def renew(self) -> None:
        """Replace the workers after one died, where its death ends the others too."""
        ...

    def is_lost(self, handle: Any) -> bool:
        """Return whether this handle will never have a result."""
        ...

    def close(self) -> None:
        """Shut down once all work is done; nothing more may be submitted."""
        ...

    def kill(self) -> None:
        """End all workers at once; work in progress is lost."""
        ...


def make_pool(engine: str, jobs: int, function: Callable[[Any], Any]) -> Pool:
    """Return a pool of `jobs` workers for `function`; raises `FineVLAError` if the engine is not installed."""
    return Ray(jobs, function) if engine == "ray" else Processes(jobs, function)


class Processes:
    """Processes of this machine, which no Ctrl-C reaches.

    Started afresh: threads of Arrow and of decoders, and their locks, do not survive a fork.
    """

    def __init__(self, jobs: int, function: Callable[[Any], Any]) -> None:
        self._jobs, self._function = jobs, function
        self._executor = self._start()

    def _start(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._jobs, context, initializer=_begin, initargs=(self._function,))

    def submit(self, item: Any) -> Future[Any]:
        """Submit an item to the next free process; return its future."""
        # Processes are started here, and what is blocked is inherited: a handler of theirs would come too late.
        resource_tracker.ensure_running()  # when it starts it unblocks signals
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._executor.submit(_do, item)
        except BrokenProcessPool as error:
            lost: Future[Any] = Future()
            lost.set_exception(error)
            return lost
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def wait(self, handles: Sequence[Future[Any]], seconds: float) -> Collection[Future[Any]]:
        """Return the futures that are done, waiting for the first at most `seconds`."""
        return wait(handles, seconds, FIRST_COMPLETED).done

    def result(self, handle: Future[Any]) -> Any:
        """Return the function's result; raises `WorkerDied` if the process pool broke, or what the function raised."""
        try:
            return handle.result()
        except BrokenProcessPool as error:
            raise WorkerDied from error

    def renew(self) -> None:
        """Start new processes: when one is killed, the executor ends the others."""
        self.kill()
        self._executor = self._start()

    def is_lost(self, handle: Future[Any]) -> bool:
        """Return, after `renew`, whether the future has no result of its own."""
        return not handle.done() or handle.cancelled() or isinstance(handle.exception(), BrokenProcessPool)

    def close(self) -> None:
        """Wait for the processes to end."""
        self._executor.shutdown()

    def kill(self) -> None:
        """End the processes at once, whatever they are doing.

        One that ends while it sends a result leaves half of it, and the executor's thread waits for the rest until nobody can
        send it any more: this process is the last that could, and would never end.
        """
        for process in list((self._executor._processes or {}).values()):
            process.kill()
        results: Any = self._executor._result_queue
        manager: Any = self._executor._executor_manager_thread
        self._executor.shutdown(wait=False, cancel_futures=True)
        results._writer.close()
        if manager is not None:
            # Its end must not meet the interpreter's, which would write to the pipe that it has just closed.
            manager.join(END_S)


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
        """Submit an item as a Ray task; return its object reference."""
        return self._call.remote(self._function, item)

    def wait(self, handles: Sequence[Any], seconds: float) -> Collection[Any]:
        """Return the tasks that are done, waiting for the first at most `seconds`."""
        found: list[Any] = self._ray.wait(list(handles), timeout=seconds)[0]
        return found

    def result(self, handle: Any) -> Any:
        """Return the task's result; raises `WorkerDied` if its worker crashed, or what the function raised."""
        try:
            return self._ray.get(handle)
        except self._ray.exceptions.WorkerCrashedError as error:
            raise WorkerDied from error

    def renew(self) -> None:
        """Do nothing: Ray replaces a dead worker itself."""

    def is_lost(self, handle: Any) -> bool:
        """Return False: a dead worker does not end the other tasks."""
        return False

    def close(self) -> None:
        """Leave the cluster, or end the one that was started here."""
        self._ray.shutdown()

    kill = close


def _call(function: Callable[[Any], Any], item: Any) -> Any:
    return function(item)


# Of a worker process: sent once, not with every item, for it may hold arrays of gigabytes.
_function: Callable[[Any], Any] | None = None


def _begin(function: Callable[[Any], Any]) -> None:
    """In a new process: without a parent there is nothing to work for."""
    global _function
    _function = function
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _do(item: Any) -> Any:
    assert _function is not None
    return _function(item)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    sys.stderr.flush()
    os._exit(1)
