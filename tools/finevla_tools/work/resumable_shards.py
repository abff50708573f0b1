"""Shards written in parallel; those that are there stay, so that a run goes on where it ended."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from finevla_core.plural_phrases import counted
from finevla_tools.work.parallel_map import over
from finevla_tools.work.progress import Lines, Progress


def make_shards(
    paths: Sequence[Path],
    jobs: Sequence[tuple[Any, ...]],
    write: Callable[..., tuple[int, int]],
    what: str,
    processes: int,
) -> int:
    """Call `write(path, *job)` for every path that is not there yet; returns the exit code.

    `write` returns how many of `what` it made and out of how many tries.
    """
    todo = [(write, path, job) for path, job in zip(paths, jobs, strict=True) if not path.exists()]
    for folder in {path.parent for path in paths}:
        folder.mkdir(parents=True, exist_ok=True)
    made = tried = 0

    def text() -> str:
        kept = f", {made / tried:.0%} of the tries kept" if tried else ""
        return f"{progress.steps}/{counted(len(todo), 'shard')}, {made / progress.seconds:.1f} {what}/s{kept}"

    try:
        with Progress(what, len(todo), "shards", Lines(text, every=1)) as progress:
            for _, (new, tries) in over(_run, todo, processes, in_order=False, tick=progress.tick):
                made, tried = made + new, tried + tries
                progress.step()
    except KeyboardInterrupt:
        print("\nstopped; finished shards stay, the same command goes on from there", file=sys.stderr)
        return 130
    return 0


def _run(item: tuple[Callable[..., tuple[int, int]], Path, tuple[Any, ...]]) -> tuple[int, int]:
    write, path, job = item
    return write(path, *job)
