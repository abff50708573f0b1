"""`meta/finevla/annotations.parquet`: statements about episodes, with their history; rows are appended, never overwritten."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.recording.atomic_files import write_by
from finevla_tools.annotate.annotation import APPROVED, DRAFT, REJECTED, SPOKEN_SLOTS, TEXT, Annotation

ANNOTATIONS_FILE = "meta/finevla/annotations.parquet"
KINDS = {int: pa.int64(), float: pa.float64(), str: pa.string()}
SCHEMA = pa.schema([pa.field(f.name, KINDS[f.type], nullable=False) for f in dataclasses.fields(Annotation)])  # type: ignore[index]
NEEDED = ("episode", "from_s", "to_s", "dimension", "slot", "value", "source")  # the others have defaults
MANY = ("paraphrase", *SPOKEN_SLOTS)  # slots of which an episode has several values at one moment
RANK = {"human": 3, "operator": 2, "motion": 1, "vlm": 0}  # of sources that say different things at one version


def read_annotations(path: Path) -> tuple[Annotation, ...]:
    """Return all rows of a file, in its order; raises `FineVLAError` naming the file and, for a bad one, the row."""
    try:
        table = pq.read_table(path, partitioning=None)
    except FileNotFoundError:
        raise FineVLAError(f"'{path}' does not exist; 'finevla annotate' writes such a file") from None
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DamagedFileError(f"'{path}' cannot be read as Parquet: {' '.join(str(error).split())[:200]}") from error
    if lacking := [name for name in NEEDED if name not in table.column_names]:
        raise FineVLAError(f"'{path}' is no table of annotations: it has no column '{lacking[0]}'")
    rows = []
    names = [name for name in SCHEMA.names if name in table.column_names]
    try:
        table = table.select(names).cast(pa.schema([(name, SCHEMA.field(name).type) for name in names]))
    except (pa.ArrowException, ValueError) as error:
        raise DamagedFileError(f"'{path}': {' '.join(str(error).split())[:200]}") from error
    for k, row in enumerate(table.to_pylist()):
        try:
            rows.append(Annotation(**{name: value for name, value in row.items() if value is not None}))
        except (FineVLAError, TypeError) as error:
            raise DamagedFileError(f"'{path}', row {k}: {error}") from error
    return tuple(rows)


def write_annotations(path: Path, rows: Iterable[Annotation]) -> None:
    """Write rows to a file, whole or not at all, over what is there."""
    table = pa.Table.from_pylist([dataclasses.asdict(row) for row in rows], schema=SCHEMA)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_by(path, lambda temporary: pq.write_table(table, temporary))


def appended(old: Sequence[Annotation], new: Iterable[Annotation]) -> tuple[Annotation, ...]:
    """Return the old rows and those of the new ones that are not among them."""
    return tuple(dict.fromkeys((*old, *new)))


def current(rows: Iterable[Annotation], unreviewed: bool = False) -> tuple[Annotation, ...]:
    """Return the rows that count, by episode, step and time.

    Of rows that speak of the same slot, step and moment the newest version that was decided counts if it was approved; one
    that was rejected takes the approval of older ones away. Drafts count only if `unreviewed`, where nothing was decided.
    Of one version a person's row goes before the operator's, that one before the motion's and the VLM's.
    """
    found: list[Annotation] = []
    groups: dict[tuple[Any, ...], list[Annotation]] = {}
    for row in rows:
        word = row.value if row.slot in MANY else ""
        groups.setdefault((row.episode, row.dimension, row.slot, row.step, word), []).append(row)
    for group in groups.values():
        newest_first = group[::-1]  # of equals the one that was appended last counts: sorting keeps their order
        order = sorted(newest_first, key=lambda r: (r.status != DRAFT, r.version, RANK[r.source]), reverse=True)
        settled: list[Annotation] = []
        for row in order:
            if not (row.status == DRAFT and not unreviewed) and not any(_same_moment(row, other) for other in settled):
                settled.append(row)
        found += [row for row in settled if row.status == APPROVED or (unreviewed and row.status != REJECTED)]
    return tuple(sorted(found, key=lambda r: (r.episode, r.step, r.from_s, r.to_s)))


def texts(rows: Iterable[Annotation], slot: str) -> list[Annotation]:
    """Return the rows of the dimension `text` with this slot."""
    return [row for row in rows if row.dimension == TEXT and row.slot == slot]


def _same_moment(one: Annotation, other: Annotation) -> bool:
    """Whether the spans overlap by more than half of the shorter one: edges may have been moved by a reviewer."""
    shorter = min(one.to_s - one.from_s, other.to_s - other.from_s)
    common = min(one.to_s, other.to_s) - max(one.from_s, other.from_s)
    return common > shorter / 2 if shorter > 0 else common >= 0
