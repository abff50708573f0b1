"""Field maps: which column of a data set is which slot, from `meta/modality.json` or a YAML file, checked at the door."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import eq
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.errors import FineVLAError, unknown
from finevla_core.plural_phrases import counted
from finevla_core.text_files import read_json, read_yaml
from finevla_tools.canonical.layout import SLOTS
from finevla_tools.canonical.rotations import FRAMES, SIZES, Array
from finevla_tools.datasets.lerobot_files import LeRobotFiles

GROUPS = ("state", "action")
PLACES = {"m": 1.0, "mm": 1000.0, "um": 1e6}
UNITS = {"rad": 1.0, "deg": 180 / np.pi, "mdeg": 180_000 / np.pi, **PLACES}  # so many of them are a rad, or a metre
FORMATS = ("joint", *SIZES)
MAX_INDEX = 10_000
TRAINER_KEYS = {"absolute", "rotation_type", "dtype", "range"}  # the policy trainer's, in the same file


@dataclass(frozen=True)
class Field:
    """One entry of a map: `name` is a slot, or `slot.part`; `columns` are the values of `key` that it takes, None all.

    `frame` and `format` are the type's two halves. `ends` are what a gripper reads closed and open, one pair for all its
    values or one for each: they become 0 and 1. `units` are those of the column (`UNITS`) where it is not in rad and m.
    """

    name: str
    key: str
    frame: str
    format: str
    columns: tuple[int, ...] | None = None
    dim: int | None = None
    ends: tuple[tuple[float, float], ...] = ()
    units: tuple[str, ...] = ()

    def ends_of(self, count: int) -> tuple[Array, Array]:
        """What each of the field's `count` values reads where it is 0, and from there to where it is 1."""
        if self.ends:
            pairs = np.array(self.ends * count if len(self.ends) == 1 else self.ends, np.float64)
            zero = pairs[:, 0] if self.frame == "abs" else np.zeros(len(pairs))
            return zero, pairs[:, 1] - pairs[:, 0]
        span = np.ones(count)
        for unit in self.units:
            is_place = unit in PLACES
            if self.format == "joint":
                span[:] = UNITS[unit]
            else:
                span[:3] = UNITS[unit] if is_place else span[:3]
                span[3:] = span[3:] if is_place else UNITS[unit]
        return np.zeros(count), span

    @property
    def slot(self) -> str:
        """Name of the slot that the field belongs to."""
        return self.name.split(".", 1)[0]

    @property
    def type(self) -> str:
        """Target type, e.g. "abs_quat": frame and format."""
        return f"{self.frame}_{self.format}"


@dataclass(frozen=True)
class Forward:
    """An end-effector slot that is computed from the joints of the same arm: pose of `tip` in `base` (frames of the URDF).

    `joints` are the URDF's joints behind the first values of `<side>_joint`.
    """

    slot: str
    base: str
    tip: str
    joints: tuple[str, ...]


@dataclass(frozen=True)
class FieldMap:
    """How one kind of data set lies in the 80 values."""

    name: str
    state: tuple[Field, ...]
    action: tuple[Field, ...]
    robot: str = ""  # a robot file's name, for kinematics and limits
    forward: tuple[Forward, ...] = ()
    robot_types: tuple[str, ...] = ()  # LeRobot's `robot_type`s that it is for
    told: tuple[str, ...] = ()  # how it came about, for the person

    @property
    def keys(self) -> tuple[str, ...]:
        """All columns that are read."""
        return tuple(dict.fromkeys(f.key for f in (*self.state, *self.action)))

    def with_poses_of(self, known: "FieldMap") -> "FieldMap":
        """With the poses that `known`, a map of the same robot, computes, of arms that have all joints and no pose here."""
        there = {f.slot for f in (*self.state, *self.action)}
        sizes = {f.name: len(f.columns or ()) for f in self.state}
        ways = tuple(
            way
            for way in known.forward
            if way.slot not in there and sizes.get(way.slot.replace("_eef", "_joint")) == len(way.joints)
        )
        return replace(self, robot=known.robot, forward=ways) if ways else self

    def modality(self) -> dict[str, Any]:
        """Return the map in the format of FineVLA's modality.json."""
        return {group: {f.name: _entry(f) for f in getattr(self, group)} for group in GROUPS}


def modality_map(path: Path) -> FieldMap:
    """The tool view of a modality.json; raises `FineVLAError` naming file and entry."""
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise FineVLAError(f"'{path}' is not a JSON object")
    return _parse({"name": path.parent.parent.name or "modality", **{g: raw.get(g) for g in GROUPS}}, f"'{path}'", None)


def is_tool_view(path: Path) -> bool:
    """Whether a modality.json says of its entries what type they are; the trainer's view of it does not."""
    if not path.is_file():
        return False
    raw = read_json(path)
    entries = [e for g in GROUPS for e in (raw.get(g) or {}).values()] if isinstance(raw, dict) else []
    return bool(entries) and all(isinstance(e, dict) and "type" in e and "original_key" in e for e in entries)


def yaml_map(path: Path, dataset: LeRobotFiles | None = None) -> FieldMap:
    """A map of config/canonical; `names:` instead of columns are looked up in the data set's info.json."""
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise FineVLAError(f"field map '{path}' is not a mapping; see config/canonical/cobotmagic.yaml for the shape")
    return _parse({"name": path.stem, **raw}, f"field map '{path}'", dataset)


def _parse(raw: Mapping[str, Any], where: str, dataset: LeRobotFiles | None) -> FieldMap:
    known = {"name", "robot", "robot_types", "forward_kinematics", *GROUPS}
    if odd := [key for key in raw if key not in known]:
        raise FineVLAError(f"{where}: {unknown('entry', odd[0], sorted(known))}")
    groups = {}
    for group in GROUPS:
        entries = raw.get(group) or {}
        if not isinstance(entries, dict):
            raise FineVLAError(f"{where}: {group} is not a mapping of slots")
        groups[group] = tuple(_field(str(n), e, f"{where}: {group}.{n}", dataset) for n, e in entries.items())
    if not groups["state"] and not groups["action"]:
        raise FineVLAError(f"{where}: neither state nor action has an entry")
    for field in groups["state"]:
        if field.frame != "abs":
            raise FineVLAError(f"{where}: state.{field.name} has type {field.type}; a state is absolute")
    forward = raw.get("forward_kinematics") or {}
    types = raw.get("robot_types") or []
    if not isinstance(forward, dict) or not isinstance(types, list):
        raise FineVLAError(f"{where}: forward_kinematics is a mapping of slots, robot_types a list")
    ways = tuple(_forward(str(slot), entry, f"{where}: forward_kinematics.{slot}") for slot, entry in forward.items())
    if ways and not raw.get("robot"):
        raise FineVLAError(f"{where}: forward_kinematics needs the name of a robot file, as in 'robot: cobotmagic'")
    return FieldMap(
        str(raw["name"]), groups["state"], groups["action"], str(raw.get("robot") or ""), ways, tuple(map(str, types))
    )


def _field(name: str, entry: Any, where: str, dataset: LeRobotFiles | None) -> Field:
    if not isinstance(entry, dict):
        raise FineVLAError(f"{where} is not a mapping with original_key and type")
    if name.split(".", 1)[0] not in SLOTS:
        raise FineVLAError(f"{where}: {unknown('slot', name.split('.', 1)[0][:80], SLOTS)}")
    known = {"original_key", "type", "indices", "start", "end", "dim", "names", "closed", "open", "unit", *TRAINER_KEYS}
    if odd := [key for key in entry if key not in known]:
        raise FineVLAError(f"{where}: {unknown('entry', odd[0], sorted(known))}")
    key, kind = entry.get("original_key"), entry.get("type")
    if not isinstance(key, str) or not key:
        raise FineVLAError(f"{where} lacks original_key, the column that it is read from")
    frame, _, form = str(kind).partition("_")
    if frame not in FRAMES[:2] or form not in FORMATS:
        known_types = ", ".join(f"{fr}_{fo}" for fr in FRAMES[:2] for fo in FORMATS)
        raise FineVLAError(f"{where}: type '{str(kind)[:40]}' is not known; known are {known_types}")
    dim = entry.get("dim")
    if dim is not None and not _is_index(dim):
        raise FineVLAError(f"{where}: dim is {str(dim)[:40]}; a whole number is needed")
    columns = _columns(entry, where)
    if (names := entry.get("names")) is not None:
        there = dataset.names(key) if dataset else ()
        if not isinstance(names, list) or columns is not None:
            raise FineVLAError(f"{where}: names is a list, and stands instead of indices or start and end")
        if not there:
            raise FineVLAError(f"{where}: the data set does not name the values of '{key}'; give start and end")
        if missing := [n for n in map(str, names) if n not in there]:
            raise FineVLAError(f"{where}: {unknown('value', missing[0], there)}")
        columns = tuple(there.index(str(n)) for n in names)
    return Field(name, key, frame, form, columns, dim, _ends(entry, columns, where), _units(entry, form, where))


def _ends(entry: Mapping[str, Any], columns: tuple[int, ...] | None, where: str) -> tuple[tuple[float, float], ...]:
    closed, opened = entry.get("closed"), entry.get("open")
    if closed is None and opened is None:
        return ()
    low, high = (v if isinstance(v, list) else [v] for v in (0.0 if closed is None else closed, opened))
    count = max(len(low), len(high))
    low, high = (v * count if len(v) == 1 else v for v in (low, high))
    if len(low) != len(high) or not all(_is_number(v) for v in (*low, *high)) or any(map(eq, low, high)):
        raise FineVLAError(
            f"{where}: closed and open are what a gripper reads there, different numbers or lists of them"
        )
    if count > 1 and columns is not None and count != len(columns):
        raise FineVLAError(
            f"{where}: closed and open have {counted(count, 'number')} for {counted(len(columns), 'value')}"
        )
    return tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))


def _units(entry: Mapping[str, Any], form: str, where: str) -> tuple[str, ...]:
    given = entry.get("unit") or []
    units = tuple(map(str, given)) if isinstance(given, list) else (str(given),)
    if odd := [unit for unit in units if unit not in UNITS]:
        raise FineVLAError(f"{where}: {unknown('unit', odd[0][:40], UNITS)}")
    if "deg" in units and form in ("quat", "wxyz"):
        raise FineVLAError(f"{where}: a quaternion is not in degrees")
    return units


def _columns(entry: Mapping[str, Any], where: str) -> tuple[int, ...] | None:
    indices, start, end = entry.get("indices"), entry.get("start"), entry.get("end")
    if indices is not None:
        if not isinstance(indices, Sequence) or isinstance(indices, str) or not all(map(_is_index, indices)):
            raise FineVLAError(f"{where}: indices is no list of whole numbers from 0")
        return tuple(indices)
    if start is None or end is None:
        return None
    if not _is_index(start) or not _is_index(end) or start >= end:
        raise FineVLAError(f"{where}: start {str(start)[:40]} and end {str(end)[:40]} are no range of columns")
    return tuple(range(start, end))


def _forward(slot: str, entry: Any, where: str) -> Forward:
    if slot not in SLOTS or not SLOTS[slot].is_eef:
        raise FineVLAError(f"{where}: only left_eef and right_eef can be computed from joints")
    if not isinstance(entry, dict) or set(entry) != {"base", "tip", "joints"} or not isinstance(entry["joints"], list):
        raise FineVLAError(f"{where} needs base and tip (frames of the URDF) and joints (a list), and nothing else")
    return Forward(slot, str(entry["base"]), str(entry["tip"]), tuple(map(str, entry["joints"])))


def _entry(field: Field) -> dict[str, Any]:
    made: dict[str, Any] = {"original_key": field.key, "type": field.type}
    if field.columns is not None:
        begin, count = field.columns[0], len(field.columns)
        if field.columns == tuple(range(begin, begin + count)):
            made |= {"start": begin, "end": begin + count}
        else:
            made["indices"] = list(field.columns)
    if field.ends:
        closed, opened = ([pair[k] for pair in field.ends] for k in (0, 1))
        made |= {"closed": closed, "open": opened} if len(closed) > 1 else {"closed": closed[0], "open": opened[0]}
    if field.units:
        made["unit"] = list(field.units)
    return made if field.dim is None else made | {"dim": field.dim}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INDEX
