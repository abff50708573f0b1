"""Distances on disk, block by block: what was computed once is not computed again, whatever became of the run.

A block is a range of SciPy's condensed matrix: its pairs lie side by side in the file, so one write and one checksum do.
"""

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, unwritable
from finevla_tools.dedup.distance_cache import distance_store
from finevla_tools.dedup.frame_cost import Prepared
from finevla_tools.work.journal import Journal, write_at
from finevla_tools.work.parallel_map import cores, over
from finevla_tools.work.progress import Progress

Exact = Callable[[Prepared, NDArray[np.int64]], NDArray[np.float64]]
"""A group and pairs of its indices `(P, 2)` to their distances `(P,)`."""
Range = tuple[int, int]
"""First condensed index and the one behind the last."""

MATRIX, BLOCKS, KNOWN, GROUPS = "distances.bin", "blocks.journal", "known.journal", "groups.journal"
BLOCK_CELLS = 2_000_000_000  # table cells of a block, about a second of two cores: what a kill costs at most
PAIR_BYTES = 160  # of memory while a pair is computed: indices, order, work, sums
MEMORY_MB = 1024
BLOCK = struct.Struct("<QQI")  # range, CRC-32 of its distances
MB = 1 << 20


def identity(prepared: Prepared) -> dict[str, str]:
    """Return hashes of all that distances depend on; a key says what has changed if its hash differs."""
    contents = hashlib.blake2b(repr((prepared.arms, prepared.dims, prepared.weights)).encode(), digest_size=16)
    for array in (prepared.lengths, prepared.offsets, prepared.values, prepared.mirrored):
        contents.update(np.ascontiguousarray(array).data)
    return {
        "another measure": prepared.measure.key(),
        "other episodes, or the same in another order": _hash(json.dumps(prepared.ids)),
        "the same episodes with other values": contents.hexdigest(),
    }


def stored(
    prepared: Prepared,
    folder: Path,
    memory_mb: int = MEMORY_MB,
    engine: str = "local",
    what: str | None = "distances",
    exact: Exact | None = None,
) -> NDArray[Any]:
    """All distances of the group, `(N (N - 1) / 2,)` in SciPy's order, read-only from `folder`; missing ones are computed.

    float32, with a `compat` measure float64. `memory_mb` bounds the memory of trajectories and blocks, `what` is said on the
    progress line (None: no line), `exact` is the kernel's `pair_distances` unless given.
    Raises `FineVLAError` if the folder has distances of something else, the disk is full, or memory is too small.
    """
    most = pairs_at_once(prepared, memory_mb)
    total = len(prepared) * (len(prepared) - 1) // 2
    kind = np.dtype(prepared.values.dtype)
    if not total:
        return np.empty(0, kind)
    path = folder / MATRIX
    with Journal(folder / BLOCKS, identity(prepared)) as journal:
        try:
            with path.open("r+b" if path.exists() else "w+b", buffering=0) as file:
                # Room first: a full disk is told at once, and holes never fault later.
                _reserve(file.fileno(), total * kind.itemsize)
                believed = list(_believed(journal, path, kind))
                missing = list(_blocks(believed, total, min(most, _worth(prepared))))
                compute = partial(_compute, prepared, exact or _exact, kind, engine != "local")
                jobs = 1 if engine == "local" else cores()  # here the kernel has threads
                for (first, behind), data in _with_progress(what, missing, over(compute, missing, jobs, engine)):
                    write_at(file.fileno(), data, first * kind.itemsize)
                    journal.append(BLOCK.pack(first, behind, zlib.crc32(data)))
        except OSError as error:
            raise unwritable(path, error) from error
    return np.memmap(path, kind, mode="r", shape=(total,))


class Remembered:
    """Distances of a group's pairs where only some are asked for: looked up, else computed and kept in `folder`.

    Call it with pairs `(P, 2)`. Distances are rounded as they are on disk, so a run that goes on gets the very same ones.
    `computed` counts pairs. A quarter of the memory is for what is known; in a group too large for that, what is asked for
    again may be computed again.
    """

    def __init__(
        self,
        prepared: Prepared,
        folder: Path,
        memory_mb: int = MEMORY_MB,
        exact: Exact | None = None,
    ) -> None:
        """Open the store in `folder`; raises `FineVLAError` as `stored` does."""
        self.computed = 0
        self._prepared, self._exact = prepared, exact or _exact
        self._most = min(pairs_at_once(prepared, memory_mb), _worth(prepared))
        self._kind = np.dtype(prepared.values.dtype)
        total = len(prepared) * (len(prepared) - 1) // 2
        self._found = distance_store(total, self._kind, memory_mb * MB / 4)
        self._journal = Journal(folder / KNOWN, identity(prepared))
        for record in self._journal.records():
            count = len(record) // (8 + self._kind.itemsize)
            self._found.put(np.frombuffer(record, np.int64, count), np.frombuffer(record, self._kind, count, 8 * count))

    def __call__(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the distances `(P,)`, float64, of `pairs` `(P, 2)`; unknown ones are computed and stored."""
        which = condensed_of(pairs, len(self._prepared))
        values = self._found.get(which)
        asked = np.unique(which[np.isnan(values)])
        for k in range(0, len(asked), self._most):
            part = asked[k : k + self._most]
            computed = self._exact(self._prepared, pairs_of(part, len(self._prepared))).astype(self._kind)
            self._journal.append(part.tobytes() + computed.tobytes())
            self._found.put(part, computed)
            at = np.minimum(np.searchsorted(part, which), len(part) - 1)
            is_new = part[at] == which
            values[is_new] = computed[at[is_new]]
            self.computed += len(part)
        return values.astype(np.float64)

    def is_computed(self, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return a mask `(P,)` of the pairs whose distances are known already."""
        return np.asarray(~np.isnan(self._found.get(condensed_of(pairs, len(self._prepared)))))

    def close(self) -> None:
        """Close the journal, so that another process may use the folder."""
        self._journal.close()


@dataclass
class Work:
    """Distances of many groups in one folder, and which groups are finished, so that a run can be resumed."""

    folder: Path
    memory_mb: int = MEMORY_MB
    engine: str = "local"
    _done: dict[str, Any] = field(init=False, default_factory=dict)
    _journal: Journal | None = field(init=False, default=None)

    def group(self, name: str, prepared: Prepared, what: str | None = None) -> NDArray[Any]:
        """Return all distances of a group, condensed, see `stored`."""
        return stored(prepared, self.place(name), self.memory_mb, self.engine, what)

    def some(self, name: str, prepared: Prepared) -> Remembered:
        """Return a store of a group's distances that computes only the pairs asked for."""
        return Remembered(prepared, self.place(name), self.memory_mb)

    def place(self, name: str) -> Path:
        """Return a group's folder, named by a hash because group names may be any text."""
        return self.folder / _hash(name)

    def result(self, name: str, prepared: Prepared, settings: str = "") -> Any | None:
        """Return what `finish` stored for this group, contents and settings; None if it is not finished."""
        self._open()
        return self._done.get(_signature(name, prepared, settings))

    def finish(self, name: str, prepared: Prepared, result: Any, settings: str = "") -> None:
        """Record the group as finished; `result` is anything that JSON can hold."""
        signature = _signature(name, prepared, settings)
        self._open().append(json.dumps([signature, result]).encode())
        self._done[signature] = result

    def close(self) -> None:
        """Close the journal, so that another process may use the folder."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _open(self) -> Journal:
        if self._journal is None:
            self._journal = Journal(self.folder / GROUPS, {"another program": "finevla dedup"})
            self._done = dict(json.loads(record) for record in self._journal.records())
        return self._journal


def pairs_of(which: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Convert condensed indices `(P,)` of `n` episodes to pairs `(P, 2)`, i < j."""
    rows = np.arange(n, dtype=np.int64)
    begins = rows * n - rows * (rows + 1) // 2
    i = np.searchsorted(begins[: max(n - 1, 1)], which, side="right") - 1
    return np.column_stack([i, which - begins[i] + i + 1])


def condensed_of(pairs: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Convert pairs `(P, 2)`, in either order, to condensed indices `(P,)`."""
    i, j = np.sort(pairs, axis=1).T
    return np.asarray(n * i - i * (i + 1) // 2 + j - i - 1)


def pairs_at_once(prepared: Prepared, memory_mb: int) -> int:
    """Return how many pairs fit in `memory_mb`; raises `FineVLAError` if trajectories alone need more than half of it."""
    trajectories = (prepared.values.nbytes + prepared.mirrored.nbytes) / MB
    if trajectories > memory_mb / 2:
        raise FineVLAError(
            f"the group's {len(prepared)} trajectories take {trajectories:.0f} MB, and twice that is needed: "
            f"allow more than {memory_mb} MB, or make finer groups"
        )
    return int((memory_mb - trajectories) * MB / PAIR_BYTES)


def _worth(prepared: Prepared) -> int:
    """Pairs of a block that takes its time."""
    mean = float(prepared.lengths.mean()) ** 2 * (1 + prepared.measure.mirror)
    return max(1, int(BLOCK_CELLS / mean))


def _blocks(believed: Iterable[Range], total: int, most: int) -> Iterator[Range]:
    """What is missing, in ranges of at most `most` pairs: blocks need not be cut as they were in an earlier run."""
    at = 0
    for first, behind in (*sorted(believed), (total, total)):
        for k in range(at, first, most):
            yield k, min(k + most, first)
        at = max(at, behind)


def _believed(journal: Journal, path: Path, kind: np.dtype[Any]) -> Iterator[Range]:
    """Ranges whose distances have the checksum that they were written with."""
    values = np.memmap(path, kind, mode="r")
    for record in journal.records():
        first, behind, sum_ = BLOCK.unpack(record)
        if behind <= len(values) and zlib.crc32(values[first:behind]) == sum_:
            yield first, behind


def _compute(prepared: Prepared, exact: Exact, kind: np.dtype[Any], is_alone: bool, block: Range) -> bytes:
    """A block's distances; on one thread where neighbours have the other cores."""
    if is_alone:
        import numba

        numba.set_num_threads(1)
    pairs = pairs_of(np.arange(*block, dtype=np.int64), len(prepared))
    return exact(prepared, pairs).astype(kind).tobytes()


def _exact(prepared: Prepared, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    from finevla_tools.dedup.dtw_distances import pair_distances  # numba

    return pair_distances(prepared, pairs)


def _with_progress[Done](what: str | None, missing: list[Range], done: Iterator[Done]) -> Iterator[Done]:
    """The same, with a progress line."""
    if what is None or not missing:
        yield from done
        return
    with Progress(what, len(missing), "blocks") as progress:
        for one in done:
            yield one
            progress.step()


def _reserve(file: int, size: int) -> None:
    if os.fstat(file).st_size < size:
        os.posix_fallocate(file, 0, size)


def _signature(name: str, prepared: Prepared, settings: str) -> str:
    return _hash(json.dumps([name, settings, *identity(prepared).values()]))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
