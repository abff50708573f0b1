"""Files of the 80 values: one Parquet per episode, `unified_meta.json`, and what FineVLA's own tools write of the same kind."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.recording.atomic_files import write_by, write_text
from finevla_core.text_files import read_json
from finevla_tools.canonical.layout import (
    ACTION,
    COLUMNS,
    DIM,
    FRAME_INDEX,
    MASK_ACTION,
    MASK_STATE,
    SLOTS,
    STATE,
    layout_json,
)
from finevla_tools.canonical.unified_values import Targets, Unified
from finevla_tools.datasets.lerobot_files import values

META_FILE = "unified_meta.json"
SIGNATURE = b"finevla_signature"  # in each file: of what input, map and options it was made


def write_unified(path: Path, unified: Unified, doubles: bool, signature: str) -> None:
    """Whole or not at all; values as float32, or as doubles if `doubles`."""
    number = pa.float64() if doubles else pa.float32()
    count = len(unified.state)
    columns = [
        pa.array(np.arange(count, dtype=np.int64)),
        _rows(unified.state, number),
        _rows(unified.action, number),
        _rows(np.broadcast_to(unified.mask_state, (count, DIM)), pa.bool_()),
        _rows(np.broadcast_to(unified.mask_action, (count, DIM)), pa.bool_()),
    ]
    table = pa.table(columns, names=list(COLUMNS)).replace_schema_metadata({SIGNATURE: signature.encode()})
    write_by(path, lambda temporary: pq.write_table(table, temporary, compression="zstd"))


def read_unified(path: Path) -> Unified:
    """Our files and FineVLA's: float32 or double lists, masks per frame; raises `FineVLAError` naming the file."""
    table = _table(path)
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise DamagedFileError(f"'{path}' is no unified episode: it lacks the column '{missing[0]}'")
    found: dict[str, NDArray[Any]] = {name: values(table, name, f"'{path}'") for name in COLUMNS}
    for name in COLUMNS[1:]:
        if found[name].shape[1] != DIM and table.num_rows:
            raise FineVLAError(
                f"'{path}': column '{name}' has {counted(found[name].shape[1], 'value')} a row, {DIM} are needed"
            )
    if table.num_rows and (found[FRAME_INDEX][:, 0] != np.arange(table.num_rows)).any():
        raise DamagedFileError(f"'{path}': frame_index does not count 0, 1, 2, ...")
    # FineVLA keeps masks per frame; what is to be compared must be there in all of them.
    state, action = (found[n].reshape(-1, DIM).astype(np.float64) for n in (STATE, ACTION))
    masks = [
        found[n].reshape(-1, DIM).astype(bool).all(axis=0) & (table.num_rows > 0) for n in (MASK_STATE, MASK_ACTION)
    ]
    return Unified(state, action, masks[0], masks[1])


def signature_of(path: Path) -> str | None:
    """What the file says it was made of; None if it says nothing or cannot be read."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return None
    said = metadata.get(SIGNATURE)
    return said.decode("ascii", "replace") if said else None


def meta_json(targets: Targets, doubles: bool) -> dict[str, Any]:
    """Return the content of unified_meta.json; `doubles` if values are float64."""
    number = "float64" if doubles else "float32"
    return {
        "description": f"{DIM}-dimensional unified state and action of one or two arms",
        "unified_dim": DIM,
        "target_types": targets.as_dict(),
        "slot_layout": layout_json(),
        "columns": {
            FRAME_INDEX: "int64, 0 to T-1",
            STATE: f"list of {DIM} {number}; 0 where the mask is False",
            ACTION: f"list of {DIM} {number}; 0 where the mask is False",
            MASK_STATE: f"list of {DIM} bool: which values of the state are there",
            MASK_ACTION: f"list of {DIM} bool: which values of the action are there",
        },
    }


def read_meta(path: Path) -> Targets:
    """The targets of a `unified_meta.json`; raises `FineVLAError` if it is of another layout."""
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("unified_dim") != DIM:
        raise FineVLAError(f"'{path}' is no unified_meta.json of {DIM} values")
    layout, types = raw.get("slot_layout"), raw.get("target_types")
    if isinstance(layout, dict):
        for name, slot in SLOTS.items():
            said = layout.get(name)
            if not isinstance(said, Mapping) or (said.get("start"), said.get("end")) != (slot.start, slot.stop):
                raise FineVLAError(f"'{path}': slot '{name}' is not where FineVLA has it, {slot.start} to {slot.stop}")
    if not isinstance(types, dict) or not all(isinstance(v, str) for v in types.values()):
        raise DamagedFileError(f"'{path}': target_types is missing")
    known = Targets().as_dict()
    if odd := sorted(set(types) ^ set(known)):
        raise FineVLAError(f"'{path}': target_types has or lacks '{odd[0]}'")
    try:
        return Targets(**types)
    except FineVLAError as error:
        raise FineVLAError(f"'{path}': {error}") from error


def write_json(path: Path, data: Any) -> None:
    """Strict JSON, whole or not at all."""
    write_text(path, json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _rows(array: NDArray[Any], kind: pa.DataType) -> pa.Array:
    offsets = np.arange(0, array.size + 1, DIM, dtype=np.int32)
    flat = np.ascontiguousarray(array).reshape(-1)
    return pa.ListArray.from_arrays(offsets, pa.array(flat.astype(kind.to_pandas_dtype()), kind))


def _table(path: Path) -> pa.Table:
    try:
        if path.stat().st_size == 0:
            raise DamagedFileError(f"'{path}' is empty (0 bytes)")
        with pq.ParquetFile(path) as file:
            return file.read(use_threads=False)
    except FineVLAError:
        raise
    except FileNotFoundError:
        raise DamagedFileError(f"'{path}' is missing") from None
    except (OSError, pa.ArrowException, ValueError, MemoryError) as error:
        raise DamagedFileError(f"'{path}' cannot be read as Parquet: {' '.join(str(error).split())[:200]}") from error
