"""Which columns of a LeRobot data set are the state and the action, by what names, and how their grippers are scaled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, unknown

STATE, ACTION = "observation.state", "action"


@dataclass(frozen=True)
class Vector:
    """A state or action: `keys` are columns that stand side by side, of `widths` values.

    `ends` has for each value what it reads where it is 0 and where it is 1.
    """

    keys: tuple[str, ...]
    widths: tuple[int, ...]
    names: tuple[str, ...]
    ends: tuple[tuple[float, float], ...]

    def scaled(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """`rows` `(T, D)` with grippers 0 (closed) to 1 (open) and joints in rad; bit for bit where nothing is scaled."""
        for column, (zero, one) in enumerate(self.ends):
            if (zero, one) != (0.0, 1.0):
                rows[:, column] = (rows[:, column].astype(np.float64) - zero) / (one - zero)
        return rows


@dataclass(frozen=True)
class Columns:
    """What is read of every episode; `told` says how it was decided."""

    state: Vector
    action: Vector
    told: tuple[str, ...] = ()


def columns_of(files: Any, state: str, action: str, gripper: str, gripper_action: str) -> Columns:
    """Decide over all episodes of an opened data set; raises `FineVLAError` if it has no such column or no one scale."""
    from finevla_tools.canonical.column_recognition import describe, number_columns
    from finevla_tools.canonical.field_map_choice import choose_map
    from finevla_tools.canonical.field_map_scales import Given, settle

    told: list[str] = []
    try:
        fields = choose_map(files, None, own_tip=False)
        problem = ""
    except FineVLAError as error:
        fields, problem = None, str(error)
    keys = {}
    for group, given, usual in (("state", state, STATE), ("action", action, ACTION)):
        if given or usual in files.features:
            keys[group] = tuple(given.split(",")) if given else (usual,)
        elif fields is not None and getattr(fields, group):
            keys[group] = tuple(dict.fromkeys(f.key for f in getattr(fields, group)))
            told.append(f"{group}: {', '.join(keys[group])}")
        else:
            there = "; ".join(describe(files, key) for key in number_columns(files)[group][:6]) or "none of numbers"
            raise FineVLAError(
                f"'{files.root}' has no column '{usual}'; name the {group}'s by --{group}-key; there is {there}"
            )
    if fields is not None:
        fields = settle(files, fields, Given(gripper, gripper_action))
        told += [text for text in fields.told if "forward kinematics" not in text]
    elif gripper != "auto" or gripper_action:
        raise FineVLAError(f"which values are grippers is not known: {problem}")
    else:
        told.append("which values are grippers is not known, so all stay as they are; --inspect says more")
    parts = {group: getattr(fields, group, ()) for group in keys}
    made = {group: _vector(files, keys[group], parts[group]) for group in keys}
    return Columns(made["state"], made["action"], tuple(told))


def _vector(files: Any, keys: Sequence[str], parts: Sequence[Any]) -> Vector:
    widths = tuple(_width(files, key) for key in keys)
    ends: list[tuple[float, float]] = []
    for key, width in zip(keys, widths, strict=True):
        mine = [(0.0, 1.0)] * width
        for f in parts:
            if f.key == key and not f.slot.endswith("_eef"):
                columns = f.columns if f.columns is not None else range(width)
                zero, span = f.ends_of(len(columns))
                for column, low, size in zip(columns, zero, span, strict=True):
                    mine[column] = float(low), float(low + size)
        ends += mine
    return Vector(tuple(keys), widths, _names(files, keys, widths), tuple(ends))


def _width(files: Any, key: str) -> int:
    if key not in files.features:
        raise FineVLAError(f"'{files.root}': {unknown('feature', key, files.features)}")
    if not (width := files.width(key)):
        raise FineVLAError(f"'{files.root}/meta/info.json': shape of {key} is not (values,)")
    return int(width)


def _names(files: Any, keys: Sequence[str], widths: Sequence[int]) -> tuple[str, ...]:
    """Names that differ: as declared, else numbered; with their column's name before them where columns share some."""
    made = []
    for key, width in zip(keys, widths, strict=True):
        plain, names = key.rsplit(".", 1)[-1], files.names(key)
        made.append(names if len(set(names)) == width else tuple(f"{plain}_{i}" for i in range(width)))
    flat = tuple(name for names in made for name in names)
    if len(set(flat)) == len(flat):
        return flat
    return tuple(f"{key}.{name}" for key, names in zip(keys, made, strict=True) for name in names)
