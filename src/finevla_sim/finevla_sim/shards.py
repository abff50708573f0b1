"""Data in shards: files of arrays written in parallel, each whole or not at all, so that a run goes on where it ended."""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError


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
    started, made, tried = time.monotonic(), 0, 0
    try:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for done, (new, tries) in enumerate(pool.imap_unordered(_run, todo), 1):
                made, tried = made + new, tried + tries
                rate = made / (time.monotonic() - started)
                print(
                    f"{done}/{len(todo)} shards, {rate:.1f} {what}/s, {made / tried:.0%} of the tries kept", flush=True
                )
    except KeyboardInterrupt:
        print("\nstopped; finished shards stay, the same command goes on from there", file=sys.stderr)
        return 130
    return 0


def save_shard(path: Path, arrays: dict[str, NDArray[Any]], **lists: Sequence[Any]) -> None:
    """Write arrays, and lists as JSON beside them."""
    texts = {name: np.frombuffer(json.dumps(data).encode(), np.uint8) for name, data in lists.items()}
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        np.savez(file, **arrays, **texts)  # type: ignore[arg-type]
    os.replace(temporary, path)


def load_shards(folder: Path, kind: str, lists: Sequence[str], without: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The shards of a kind in a folder, in order; `lists` names what was saved as lists, `without` is not read."""
    paths = sorted(folder.glob(f"{kind}_*.npz"))
    if not paths:
        raise FineVLAError(f"no {kind} in '{folder}'; make some with 'finevla {kind} --out {folder}'")
    for path in paths:
        with np.load(path, allow_pickle=False) as shard:
            arrays: dict[str, Any] = {key: shard[key] for key in shard.files if key not in without}
        arrays |= {name: json.loads(bytes(arrays[name])) for name in lists}
        yield arrays


def _run(job: tuple[Callable[..., tuple[int, int]], Path, tuple[Any, ...]]) -> tuple[int, int]:
    write, path, rest = job
    return write(path, *rest)
