"""The same function for every episode, in this process or in several, in order, with one line that says how far it is."""

import multiprocessing
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType

from finevla_core.errors import FineVLAError

AHEAD = 4  # items per process that wait or are done: results come in order, and none piles up
LINE_EVERY_S = 0.5


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def over[Item, Result](
    function: Callable[[Item], Result], items: Iterable[Item], jobs: int
) -> Iterator[tuple[Item, Result]]:
    """`function` of each item, in order; with `jobs` > 1 in as many processes, to which function and items are sent.

    `function` tells of bad items in its result. Raises `FineVLAError` if a process is killed, as by lack of memory.
    """
    if jobs < 1:
        raise FineVLAError(f"--jobs is {jobs}; at least 1 is needed")
    if jobs == 1:
        for item in items:
            yield item, function(item)
        return
    # Not forked: threads of Arrow and of decoders do not survive that.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        try:
            for item in items:
                waiting.append((item, pool.submit(function, item)))
                if len(waiting) >= AHEAD * jobs:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        except BrokenProcessPool:
            raise FineVLAError(
                "a process was killed, as happens when memory runs out; use fewer --jobs; what is done is kept"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class Progress:
    """One line on standard error, rewritten in place; nothing where it is no terminal but a last line."""

    def __init__(self, what: str, total: int, unit: str = "episodes") -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done = 0
        self._begin = time.monotonic()
        self._next = 0.0
        self._is_live = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def step(self, note: str = "") -> None:
        """One more is done."""
        self.done += 1
        if self._is_live and (time.monotonic() >= self._next or self.done == self.total):
            self._next = time.monotonic() + LINE_EVERY_S
            left = self.seconds / self.done * (self.total - self.done)
            print(f"\r\033[K{self.what}: {self._said()}, {left:.0f} s left{note}", end="", file=sys.stderr, flush=True)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begin

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end = "\r\033[K" if self._is_live else ""
        print(f"{end}{self.what}: {self._said()} in {self.seconds:.1f} s", file=sys.stderr, flush=True)

    def _said(self) -> str:
        return f"{self.done} of {self.total} {self.unit}, {self.done / max(self.seconds, 1e-9):.1f}/s"
