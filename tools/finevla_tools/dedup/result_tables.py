"""What a run leaves behind for programs: a row per episode, distances on request, and `run.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from finevla_tools.canonical.unified_files import write_json
from finevla_tools.clean.finevla_reports import strict

EPISODES, DISTANCES, RUN = "episodes.parquet", "distances.parquet", "run.json"
ROWS_AT_ONCE = 1 << 20

EPISODE_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("dataset", pa.string()),
        ("episode_index", pa.int64()),
        ("task", pa.string()),
        ("frames", pa.int64()),
        ("arms", pa.string()),
        ("group", pa.string()),
        ("cluster", pa.int64()),
        ("is_medoid", pa.bool_()),
        ("distance_to_medoid", pa.float64()),
        ("kept", pa.bool_()),
        ("reason", pa.string()),
        ("forced", pa.bool_()),
        ("skipped", pa.string()),
        ("non_unit_quaternions", pa.int64()),
        ("flipped_quaternions", pa.int64()),
    ]
)
DISTANCE_SCHEMA = pa.schema(
    [
        ("group", pa.dictionary(pa.int32(), pa.string())),
        ("i", pa.int64()),
        ("j", pa.int64()),
        ("distance", pa.float64()),
        ("is_exact", pa.bool_()),
    ]
)


@dataclass
class EpisodeRow:
    """Row of episodes.parquet, fields in the schema's order. `skipped`: why it was not compared, None if it was."""

    id: str
    dataset: str
    episode_index: int
    task: str
    frames: int | None = None
    arms: str | None = None
    group: str | None = None
    cluster: int | None = None
    is_medoid: bool = False
    distance_to_medoid: float | None = None
    kept: bool = False
    reason: str = ""
    forced: bool = False
    skipped: str | None = None
    non_unit_quaternions: int = 0
    flipped_quaternions: int = 0


def write_episodes(folder: Path, rows: Sequence[EpisodeRow]) -> None:
    """Write episodes.parquet, one row per episode, to `folder`."""
    columns = [pa.array([getattr(r, f.name) for r in rows], f.type) for f in EPISODE_SCHEMA]
    pq.write_table(pa.table(columns, schema=EPISODE_SCHEMA), folder / EPISODES)


def write_run(folder: Path, said: Mapping[str, Any]) -> None:
    """Write run.json to `folder` as strict JSON: NaN and infinity become null."""
    write_json(folder / RUN, strict(dict(said)))


class DistanceWriter:
    """Writer of distances.parquet, group by group; `i` < `j` are row numbers of episodes.parquet.

    Only computed values are written; where `is_exact` is False the value is a lower bound.
    """

    def __init__(self, folder: Path, groups: Sequence[str]) -> None:
        self._groups = pa.array(groups, pa.string())
        self._writer = pq.ParquetWriter(folder / DISTANCES, DISTANCE_SCHEMA, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def add(
        self,
        group: int,
        members: NDArray[np.int64],
        distances: NDArray[np.float64],
        is_exact: NDArray[np.bool_] | None = None,
    ) -> None:
        """Write a group's condensed `distances` between the episodes in rows `members` (ascending)."""
        count, first = len(members), 0
        while first < count - 1:  # so many rows of the triangle as make about ROWS_AT_ONCE
            last = min(count - 1, first + max(1, ROWS_AT_ONCE // (count - first)))
            begin, end = (first * (2 * count - first - 1) // 2, last * (2 * count - last - 1) // 2)
            i = np.repeat(np.arange(first, last), count - 1 - np.arange(first, last))
            j = np.concatenate([np.arange(k + 1, count) for k in range(first, last)])
            self._write(
                group, members[i], members[j], distances[begin:end], None if is_exact is None else is_exact[begin:end]
            )
            first = last

    def _write(
        self,
        group: int,
        i: NDArray[np.int64],
        j: NDArray[np.int64],
        distances: NDArray[np.float64],
        is_exact: NDArray[np.bool_] | None,
    ) -> None:
        distances = np.asarray(distances)
        some = np.isfinite(distances)
        exact = np.ones(len(i), bool) if is_exact is None else np.asarray(is_exact)
        names = pa.DictionaryArray.from_arrays(pa.array(np.full(int(some.sum()), group, np.int32)), self._groups)
        columns = [names, *(pa.array(column[some]) for column in (i, j, distances, exact))]
        self._writer.write_table(pa.table(columns, schema=DISTANCE_SCHEMA))
