"""Shards of training data: .npz files of arrays, each written atomically."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.recording.atomic_files import write_by


def save_shard(path: Path, arrays: dict[str, NDArray[Any]], **lists: Sequence[Any]) -> None:
    """Write arrays and, encoded as JSON, `lists` to one .npz file."""
    texts = {name: np.frombuffer(json.dumps(data).encode(), np.uint8) for name, data in lists.items()}

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:  # to a name without .npz NumPy would add it
            np.savez(file, **arrays, **texts)  # type: ignore[arg-type]

    write_by(path, write)


def load_shards(folder: Path, kind: str, lists: Sequence[str], without: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Yield the shards `kind`_*.npz of a folder, in order; arrays named in `without` are not read.

    `lists` names what was saved as lists. Raises `FineVLAError` if there is no shard.
    """
    paths = sorted(folder.glob(f"{kind}_*.npz"))
    if not paths:
        raise FineVLAError(f"no {kind}_*.npz in '{folder}'; make some with 'finevla synthesize --out {folder}'")
    for path in paths:
        with np.load(path, allow_pickle=False) as shard:
            arrays: dict[str, Any] = {key: shard[key] for key in shard.files if key not in without}
        arrays |= {name: json.loads(bytes(arrays[name])) for name in lists}
        yield arrays
