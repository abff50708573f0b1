"""The same function for every item: in this process, in several, or on Ray; who kills his process harms no other item."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_tools.work.worker_pools import ENGINES, Pool, WorkerDied, make_pool

AHEAD = 4  # items per process that wait or are done: results come in order, and none piles up
TICK_S = 0.5


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
    in_order: bool = True,
    is_apart: bool = False,
    died: Callable[[Item], Result] | None = None,
    tick: Callable[[], object] = lambda: None,
) -> Iterator[tuple[Item, Result]]:
    """`function` of each item, in order unless not `in_order`; with `jobs` > 1 in as many processes, to which both are sent.

    `function` tells of bad items in its result. An item whose process is killed, as by lack of memory, gets a second chance
    alone; if that one is killed, too, `died` says what came of it, or it is a `FineVLAError` that names it. `tick` is called
    twice a second. `ahead` items per process are begun before the first of them is done. With `is_apart` one job has a
    process of its own, too, for items that may take theirs down.
    """
    if engine not in ENGINES:
        raise FineVLAError(f"engine '{engine}' is unknown; known are {', '.join(ENGINES)}")
    if jobs < 1:
        raise FineVLAError(f"--jobs is {jobs}; at least 1 is needed")
    if jobs == 1 and engine == "local" and not is_apart:
        for item in items:
            yield item, function(item)
            tick()
        return
    pool = make_pool(engine, jobs, function)
    try:
        yield from _results(pool, items, ahead * jobs, in_order, died or _refuse, tick)
    except BaseException:
        pool.kill()
        raise
    pool.close()


class Once[Made, Item, Result]:
    """A function for `over` of something that each process makes once, when it is first needed: `call(make(), item)`."""

    def __init__(self, make: Callable[[], Made], call: Callable[[Made, Item], Result]) -> None:
        self._make, self._call = make, call
        self._made: Made | None = None

    def __call__(self, item: Item) -> Result:
        if self._made is None:
            self._made = self._make()
        return self._call(self._made, item)


def _results(
    pool: Pool,
    items: Iterable[Any],
    most: int,
    in_order: bool,
    died: Callable[[Any], Any],
    tick: Callable[[], object],
) -> Iterator[tuple[Any, Any]]:
    rest, begun = iter(items), list[tuple[Any, Any]]()
    while True:
        for item in rest:
            begun.append((item, pool.submit(item)))
            if len(begun) >= most:
                break
        if not begun:
            return
        number = _first_done(pool, [handle for _, handle in (begun[:1] if in_order else begun)], tick)
        first, handle = begun.pop(number)
        try:
            yield first, pool.result(handle)
        except WorkerDied:
            pool.renew()
            yield first, _second_chance(pool, first, died, tick)
            begun = [(item, pool.submit(item) if pool.is_lost(handle) else handle) for item, handle in begun]
        tick()


def _second_chance(pool: Pool, item: Any, died: Callable[[Any], Any], tick: Callable[[], object]) -> Any:
    """Alone, for whoever dies now died of himself, not of a neighbour."""
    handle = pool.submit(item)
    try:
        _first_done(pool, [handle], tick)
        return pool.result(handle)
    except WorkerDied:
        pool.renew()
        return died(item)


def _first_done(pool: Pool, handles: list[Any], tick: Callable[[], object]) -> int:
    while not (done := pool.wait(handles, TICK_S)):
        tick()
    return next(k for k, handle in enumerate(handles) if handle in done)


def _refuse(item: Any) -> Any:
    name = str(getattr(item, "name", item))[:100]
    raise FineVLAError(
        f"the process that worked on '{name}' was killed, as happens when memory runs out; use fewer --jobs; what is "
        "done is kept"
    )
