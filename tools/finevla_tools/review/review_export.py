"""What a review exports: the rows that count, as `annotations.parquet`, and beside it every version of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finevla_core.recording.atomic_files import write_by
from finevla_tools.datasets.annotation_table import SCHEMA

HISTORY = SCHEMA.append(pa.field("item", pa.string())).append(pa.field("action", pa.string()))
HISTORY = HISTORY.append(pa.field("at_s", pa.float64()))


def write_table(path: Path, schema: pa.Schema, rows: Iterable[Sequence[Any]]) -> int:
    """Write rows, in the order of the schema's columns, whole or not at all; returns how many."""
    listed = list(rows)
    columns = list(zip(*listed, strict=True)) if listed else [()] * len(schema)
    arrays = [pa.array(list(column), field.type) for column, field in zip(columns, schema, strict=True)]
    write_by(path, lambda temporary: pq.write_table(pa.table(arrays, schema=schema), temporary))
    return len(listed)
