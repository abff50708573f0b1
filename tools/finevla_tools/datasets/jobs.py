"""The same function for every item, in this process, in several or on Ray, in order, with one line that says how far it is."""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_tools.datasets.pools import ENGINES, Pool, WorkerDied, make_pool

AHEAD = 4  # items per process that wait or are done: results come in order, and none piles up
LINE_EVERY_S = 0.5


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def over[Item, Result](
    function: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int,
    engine: str = "local",
    *,
    ahead: int = AHEAD,
    died: Callable[[Item], Result] | None = None,
    tick: Callable[[], object] = lambda: None,
) -> Iterator[tuple[Item, Result]]:
    """`function` of each item, in order; with `jobs` > 1 in as many processes, to which function and items are sent.

    `function` tells of bad items in its result. An item whose process is killed, as by lack of memory, gets a second chance
    alone; if that one is killed, too, `died` says what came of it, or it is a `FineVLAError` that names it. `tick` is called
    twice a second. `ahead` items per process are begun before the first of them is done.
    """
    if engine not in ENGINES:
        raise FineVLAError(f"engine '{engine}' is unknown; known are {', '.join(ENGINES)}")
    if jobs < 1:
        raise FineVLAError(f"--jobs is {jobs}; at least 1 is needed")
    if jobs == 1 and engine == "local":
        for item in items:
            yield item, function(item)
            tick()
        return
    pool = make_pool(engine, jobs, function)
    try:
        yield from _in_order(pool, items, ahead * jobs, died or _refuse, tick)
    except BaseException:
        pool.kill()
        raise
    pool.close()


def _in_order(
    pool: Pool, items: Iterable[Any], most: int, died: Callable[[Any], Any], tick: Callable[[], object]
) -> Iterator[tuple[Any, Any]]:
    rest, begun = iter(items), deque[tuple[Any, Any]]()
    while True:
        for item in rest:
            begun.append((item, pool.submit(item)))
            if len(begun) >= most:
                break
        if not begun:
            return
        first, handle = begun.popleft()
        try:
            yield first, _result(pool, handle, tick)
        except WorkerDied:
            pool.renew()
            yield first, _second_chance(pool, first, died, tick)
            begun = deque((item, pool.submit(item) if pool.is_lost(handle) else handle) for item, handle in begun)
        tick()


def _second_chance(pool: Pool, item: Any, died: Callable[[Any], Any], tick: Callable[[], object]) -> Any:
    """Alone, for whoever dies now died of himself, not of a neighbour."""
    try:
        return _result(pool, pool.submit(item), tick)
    except WorkerDied:
        pool.renew()
        return died(item)


def _result(pool: Pool, handle: Any, tick: Callable[[], object]) -> Any:
    while not pool.is_done(handle, LINE_EVERY_S):
        tick()
    return pool.result(handle)


def _refuse(item: Any) -> Any:
    name = str(getattr(item, "name", item))[:100]
    raise FineVLAError(
        f"the process that worked on '{name}' was killed, as happens when memory runs out; use fewer --jobs; what is "
        "done is kept"
    )


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
