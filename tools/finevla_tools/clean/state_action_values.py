"""States and actions of an episode side by side, in the units of the robot's limits, with the robot's names of the values."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from finevla_tools.canonical.field_map import Field
from finevla_tools.canonical.rotations import Array
from finevla_tools.datasets.lerobot_files import LeRobotFiles, values

OVERSHOOT = 0.1  # of its opening: a leader's gripper was measured at -0.03 and 1.03
STROKES_PER_S = 10.0  # a Piper's was measured at 5.8, more than the speed that its URDF gives; a lost value makes 30


def joined(
    dataset: LeRobotFiles, table: pa.Table, keys: Sequence[str], fields: Sequence[Field], where: str
) -> tuple[Array, tuple[str, ...], tuple[str, ...]]:
    """Join columns to values `(T, D)`; return them, their names, and the robot's names for them.

    With `fields`, grippers are scaled to 0 (closed) to 1 (open) and joints to rad.
    """
    arrays: list[Array] = []
    names: list[str] = []
    known: list[str] = []
    for key in keys:
        array = values(table, key, where).astype(np.float64)
        said = dataset.names(key)
        own = list(said) if len(said) == array.shape[1] else [f"{key}[{i}]" for i in range(array.shape[1])]
        called = list(own)
        for f in (f for f in fields if f.key == key and not f.slot.endswith("_eef")):
            columns = [c for c in f.columns or range(array.shape[1]) if c < array.shape[1]]
            zero, span = f.ends_of(len(f.columns or columns))
            array[:, columns] = (array[:, columns] - zero[: len(columns)]) / span[: len(columns)]
            for k, column in enumerate(columns, 1):
                called[column] = f"{f.slot}{k}" if f.slot.endswith("_joint") else f.slot
        arrays.append(array)
        names += own
        known += called
    made = np.concatenate(arrays, axis=1) if arrays else np.zeros((table.num_rows, 0))
    return made, tuple(names), tuple(known)


def eased(bounds: Array | None, names: Sequence[str]) -> Array | None:
    """Widen the limits `(3, D)` (lower, upper, speed) of grippers: leader arms overshoot, real ones are fast."""
    if bounds is None:
        return None
    hands = [k for k, name in enumerate(names) if "gripper" in name.lower()]
    made = bounds.copy()
    made[0, hands] -= OVERSHOOT
    made[1, hands] += OVERSHOOT
    made[2, hands] = np.maximum(made[2, hands], STROKES_PER_S)
    return made
