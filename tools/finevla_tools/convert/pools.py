"""Where episodes are converted: in this process, in processes of this machine, or on Ray; the same function everywhere."""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

from finevla_core.errors import FineVLAError

ENGINES = ("local", "ray")
WAIT_S = 0.5


class WorkerDied(Exception):
    """A worker is gone, and with it what it was doing: out of memory, or killed."""


class Pool(Protocol):
    """`width` tasks at a time; handles are anything that can be a key."""

    width: int

    def submit(self, task: Any) -> Any:
        """Begin a task."""
        ...

    def wait(self, handles: Sequence[Any]) -> list[Any]:
        """Those that are done, after a while at the latest."""
        ...

    def result(self, handle: Any) -> Any:
        """What came of it; raises `WorkerDied`."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...

    def kill(self) -> None:
        """Leave off at once."""
        ...


def make_pool(engine: str, jobs: int, job: Any) -> Pool:
    """Raises `FineVLAError` if the engine is unknown or not installed."""
    if engine not in ENGINES:
        raise FineVLAError(f"engine '{engine}' is unknown; known are {', '.join(ENGINES)}")
    if jobs < 1:
        raise FineVLAError(f"{jobs} jobs cannot do anything; give --jobs 1 or more")
    if engine == "ray":
        return RayPool(jobs, job)
    return InlinePool(job) if jobs == 1 else LocalPool(jobs, job)


class InlinePool:
    """One task at a time, here."""

    width = 1

    def __init__(self, job: Any) -> None:
        self._job = job

    def submit(self, task: Any) -> Any:
        """Nothing happens before `wait`."""
        return task

    def wait(self, handles: Sequence[Any]) -> list[Any]:
        """All of them: `result` is where they are done."""
        return list(handles)

    def result(self, handle: Any) -> Any:
        """Do it."""
        return _convert(self._job, handle)

    def close(self) -> None:
        """Nothing is open."""

    kill = close


class LocalPool:
    """Processes of this machine, started afresh (spawn): no thread or lock of this one is copied into them."""

    def __init__(self, jobs: int, job: Any) -> None:
        self.width, self._job = jobs, job
        self._executor = self._start()

    def _start(self) -> Any:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.width, context, initializer=_begin, initargs=(self._job,))

    def submit(self, task: Any) -> Any:
        """To whichever process is free; new ones if the old ones died."""
        from concurrent.futures.process import BrokenProcessPool

        try:
            return self._executor.submit(_convert_here, task)
        except BrokenProcessPool:
            self._executor = self._start()
            return self._executor.submit(_convert_here, task)

    def wait(self, handles: Sequence[Any]) -> list[Any]:
        """The futures that are done."""
        from concurrent.futures import FIRST_COMPLETED, wait

        return list(wait(handles, WAIT_S, FIRST_COMPLETED).done)

    def result(self, handle: Any) -> Any:
        """A future's result."""
        from concurrent.futures.process import BrokenProcessPool

        try:
            return handle.result()
        except BrokenProcessPool as error:
            raise WorkerDied from error

    def close(self) -> None:
        """Wait for the processes to end."""
        self._executor.shutdown()

    def kill(self) -> None:
        """End the processes; what they were writing is hidden, and removed by the next run."""
        for process in list((self._executor._processes or {}).values()):
            process.kill()
        self._executor.shutdown(wait=False, cancel_futures=True)


class RayPool:
    """Tasks on a Ray cluster, or on one that is started here; all machines must see the same folders."""

    def __init__(self, jobs: int, job: Any) -> None:
        try:
            import ray
        except ImportError as error:
            raise FineVLAError(
                "--engine ray needs the package ray; 'pip install ray', or leave --engine out"
            ) from error
        self._ray, self.width = ray, jobs
        if not ray.is_initialized():
            address = os.environ.get("RAY_ADDRESS")
            ray.init(**({} if address else {"num_cpus": jobs, "include_dashboard": False}), log_to_driver=False)
        self._job = ray.put(job)
        # Not again by Ray itself: whether a task that killed its worker gets a second chance is decided in one place.
        self._convert = ray.remote(num_cpus=1, max_retries=0)(_convert)

    def submit(self, task: Any) -> Any:
        """A Ray task."""
        return self._convert.remote(self._job, task)

    def wait(self, handles: Sequence[Any]) -> list[Any]:
        """The references that are ready."""
        return list(self._ray.wait(list(handles), num_returns=1, timeout=WAIT_S)[0])

    def result(self, handle: Any) -> Any:
        """A Ray task's result."""
        try:
            return self._ray.get(handle)
        except self._ray.exceptions.WorkerCrashedError as error:
            raise WorkerDied from error

    def close(self) -> None:
        """Leave the cluster, or end the one that was started here."""
        self._ray.shutdown()

    kill = close


def _convert(job: Any, task: Any) -> Any:
    from finevla_tools.convert.engine import convert_one

    return convert_one(job, task)


_job: Any = None


def _begin(job: Any) -> None:
    """In a new process: Ctrl-C is the parent's to handle, and without a parent there is nothing to work for."""
    global _job
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _convert_here(task: Any) -> Any:
    return _convert(_job, task)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    sys.stderr.flush()
    os._exit(1)
