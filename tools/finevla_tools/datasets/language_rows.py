"""Rows of LeRobot's two language columns, and the columns that are made of them and read back (LeRobot 0.6).

Persistent rows hold from their time until others supersede them and stand on every frame of an episode; events stand on the
frame at which they happen. Nothing here needs LeRobot.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from finevla_core.errors import DamagedFileError, FineVLAError, unknown
from finevla_tools.datasets.language_row import LanguageRow

PERSISTENT, EVENTS = "language_persistent", "language_events"
FEATURES: Mapping[str, Mapping[str, Any]] = {
    name: {"dtype": "language", "shape": [1], "names": None} for name in (PERSISTENT, EVENTS)
}
PERSISTENT_STYLES = ("subtask", "plan", "memory", "motion", "task_aug")
EVENT_STYLES = ("interjection", "vqa", "trace")
STYLES_OF_A_VIEW = ("vqa", "trace")  # these must name a camera, all others must not
CHUNK_ROWS = 100_000  # persistent rows that are in memory at once, however many frames repeat them


@cache
def list_type(name: str) -> Any:
    """Return the Arrow type of a column, as LeRobot declares it."""
    calls = pa.list_(pa.json_() if hasattr(pa, "json_") else pa.string())
    time = [pa.field("timestamp", pa.float32(), nullable=False)] if name == PERSISTENT else []
    fields = [
        pa.field("role", pa.string(), nullable=False),
        pa.field("content", pa.string()),
        pa.field("style", pa.string()),
        *time,
        pa.field("camera", pa.string()),
        pa.field("tool_calls", calls),
    ]
    return pa.list_(pa.struct(fields))


def check_row(row: LanguageRow, where: str, cameras: Collection[str]) -> None:
    """Raise `FineVLAError` beginning with `where` for a row that LeRobot's validator would not take."""
    if row.style is None:
        if not row.tool_calls or not row.is_event:
            raise FineVLAError(f"{where}: a row without a style must be an event that calls a tool")
    elif row.style not in (EVENT_STYLES if row.is_event else PERSISTENT_STYLES):
        known = EVENT_STYLES if row.is_event else PERSISTENT_STYLES
        raise FineVLAError(f"{where}: {unknown('style', row.style, known)}")
    if not row.content.strip() and not row.tool_calls:
        raise FineVLAError(f"{where}: a row of style '{row.style}' has no text; leave it out")
    if row.style in STYLES_OF_A_VIEW and (row.camera or "") not in cameras:
        raise FineVLAError(f"{where}: a row of style '{row.style}' needs its camera: " + (
            unknown("camera", str(row.camera), cameras)))  # fmt: skip
    if row.style not in STYLES_OF_A_VIEW and row.camera is not None:
        raise FineVLAError(f"{where}: a row of style '{row.style}' holds for all cameras, but names {row.camera}")


def columns(
    rows: Iterable[LanguageRow], times_s: NDArray[np.floating[Any]], kinds: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Make both columns of an episode's frames.

    Args:
        rows: Checked rows in any order; events are put on the frame that is nearest.
        times_s: The frames' times (T,), s, as they stand in the data set.
        kinds: Arrow types of the columns; those of `list_type` if not given.

    Returns:
        By column name a chunked array of T lists.
    """
    kinds = kinds or {name: list_type(name) for name in FEATURES}
    some = list(rows)
    lasting = sorted((r for r in some if not r.is_event), key=_persistent_order)
    once = _lists([lasting], kinds[PERSISTENT])
    count = len(times_s)
    part = min(count, max(1, CHUNK_ROWS // max(1, len(lasting))))
    chunk = once.take(pa.array(np.zeros(part, np.int64)))  # repeated by reference, so that memory stays bounded
    chunks = [chunk] * (count // part if part else 0)
    if part and count % part:
        chunks.append(chunk.slice(0, count % part))
    happened: dict[int, list[LanguageRow]] = {}
    for row in sorted((r for r in some if r.is_event), key=_event_order):
        happened.setdefault(nearest(times_s, row.time_s), []).append(row)
    cells = [happened.get(k, ()) for k in range(count)]
    return {
        PERSISTENT: pa.chunked_array(chunks, kinds[PERSISTENT]),
        EVENTS: pa.chunked_array([_lists(cells, kinds[EVENTS])], kinds[EVENTS]),
    }


def nearest(times_s: NDArray[np.floating[Any]], time_s: float) -> int:
    """Return the frame whose time is nearest."""
    return int(np.argmin(np.abs(times_s.astype(np.float64) - time_s)))


def read_rows(table: Any, where: str) -> list[LanguageRow]:
    """Return the rows of an episode's table with `timestamp`; none where it has no language columns.

    Raises `DamagedFileError` beginning with `where` for rows that are none.
    """
    found: list[LanguageRow] = []
    if PERSISTENT in table.column_names and table.num_rows:
        found += [_row(cell, None, where) for cell in table.column(PERSISTENT)[0].as_py() or ()]
    if EVENTS in table.column_names:
        column, times = table.column(EVENTS), table.column("timestamp")
        for k in np.flatnonzero(_lengths(column)):
            time_s = float(times[int(k)].as_py())
            found += [_row(cell, time_s, where) for cell in column[int(k)].as_py() or ()]
    return found


def _lengths(column: Any) -> Any:
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(pc.list_value_length(column), 0))


def _row(cell: Any, time_s: float | None, where: str) -> LanguageRow:
    if not isinstance(cell, Mapping) or not isinstance(cell.get("role"), str):
        raise DamagedFileError(f"{where}: a row of its language columns is not understood: {str(cell)[:80]}")
    at = cell.get("timestamp") if time_s is None else time_s
    return LanguageRow(
        time_s=float(at or 0.0),
        role=cell["role"],
        content=str(cell.get("content") or ""),
        style=cell.get("style"),
        camera=cell.get("camera") or None,
        is_event=time_s is not None,
        tool_calls=_calls(cell.get("tool_calls")),
    )


def _calls(value: Any) -> str:
    """A list of calls as JSON, whether Arrow gives them as texts or as structures."""
    if not value:
        return ""
    return json.dumps([json.loads(v) if isinstance(v, str) else v for v in value], ensure_ascii=False, sort_keys=True)


def same_calls(row: LanguageRow) -> str:
    """Return a row's tool calls as `read_rows` gives them; raises `FineVLAError` if they are no list of JSON objects."""
    if not row.tool_calls:
        return ""
    try:
        calls = json.loads(row.tool_calls)
    except ValueError:
        calls = None
    if not isinstance(calls, list) or not calls or not all(isinstance(call, dict) for call in calls):
        raise FineVLAError(f"tool calls '{row.tool_calls[:60]}' are no JSON list of objects")
    return _calls(calls)


def _persistent_order(row: LanguageRow) -> tuple[float, str, str]:
    return float(np.float32(row.time_s)), row.style or "", row.role


def _event_order(row: LanguageRow) -> tuple[str, str, str]:
    return row.style or "", row.role, row.camera or ""


def _lists(cells: Sequence[Sequence[LanguageRow]], kind: Any) -> Any:
    """A column of lists of rows; by hand, for Arrow makes no JSON values of Python's."""
    rows = [row for cell in cells for row in cell]
    made = [_field(rows, f) for f in kind.value_type]
    ends = np.cumsum([0, *(len(cell) for cell in cells)])
    values = pa.StructArray.from_arrays(made, fields=list(kind.value_type))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values, type=kind)


def _field(rows: Sequence[LanguageRow], field: Any) -> Any:
    if field.name == "timestamp":
        return pa.array([row.time_s for row in rows], field.type)
    if field.name == "content":
        return pa.array([row.content or None for row in rows], field.type)
    if field.name != "tool_calls":
        return pa.array([getattr(row, field.name) for row in rows], field.type)
    if not any(row.tool_calls for row in rows):
        return pa.nulls(len(rows), field.type)
    calls = [json.loads(row.tool_calls) if row.tool_calls else None for row in rows]
    texts = pa.array([json.dumps(c, ensure_ascii=False) for some in calls for c in some or ()], pa.string())
    kind = field.type.value_type
    values = pa.ExtensionArray.from_storage(kind, texts) if isinstance(kind, pa.BaseExtensionType) else texts
    ends = np.cumsum([0, *(len(some or ()) for some in calls)])
    nothing = pa.array([some is None for some in calls], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values, type=field.type, mask=nothing)
