"""Where blocks of distances are computed: here, each on all threads, or on a Ray cluster; the same function in both."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from finevla_core.errors import FineVLAError, unknown

ENGINES = ("local", "ray")
AHEAD = 2  # blocks per core of the cluster that wait or are done: none piles up


def over[Shared, Block, Result](
    engine: str, function: Callable[[Shared, Block], Result], shared: Shared, blocks: Iterable[Block]
) -> Iterator[tuple[Block, Result]]:
    """`function(shared, block)` of each block, in any order; `shared` is sent to each machine once.

    Raises `FineVLAError` if the engine is unknown or not installed.
    """
    if engine not in ENGINES:
        raise FineVLAError(unknown("engine", engine, ENGINES))
    if engine == "ray":
        yield from _over_ray(function, shared, blocks)
        return
    for block in blocks:
        yield block, function(shared, block)


def _over_ray(function: Any, shared: Any, blocks: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """One core a block. Not run here: Ray is optional and was not installed where this was written."""
    try:
        import ray
    except ImportError as error:
        raise FineVLAError("--engine ray needs the package ray; 'pip install ray', or leave --engine out") from error
    if not ray.is_initialized():
        ray.init(**({} if os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}), log_to_driver=False)
    handle = ray.put(shared)
    remote = ray.remote(num_cpus=1)(_alone).remote
    width = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
    running: dict[Any, Any] = {}
    for block in blocks:
        running[remote(function, handle, block)] = block
        if len(running) >= width:
            yield _first(ray, running)
    while running:
        yield _first(ray, running)


def _first(ray: Any, running: dict[Any, Any]) -> tuple[Any, Any]:
    ready = ray.wait(list(running), num_returns=1)[0][0]
    return running.pop(ready), ray.get(ready)


def _alone(function: Any, shared: Any, block: Any) -> Any:
    """In a worker, whose neighbours have the other cores."""
    import numba

    numba.set_num_threads(1)
    return function(shared, block)
