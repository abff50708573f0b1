"""Which field map a data set gets: one that is given, its own, a shipped one, or one from its own names - if it fits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, unknown
from finevla_core.plural_phrases import counted
from finevla_tools.canonical.arm_kinematics import config_folder, forward_of
from finevla_tools.canonical.column_recognition import describe, is_piper, recognise
from finevla_tools.canonical.field_map import Field, FieldMap, Forward, is_tool_view, modality_map, yaml_map
from finevla_tools.canonical.rotations import Array
from finevla_tools.canonical.unified_values import Rules, unify
from finevla_tools.datasets.lerobot_files import LeRobotFiles, values
from finevla_tools.datasets.value_meanings import LEFT, RIGHT, meaning

MAPS, MODALITY_FILE = "canonical", "modality.json"
PIPER_MAP = "cobotmagic"  # whose kinematics are a Piper's
FLANGE = "link6"  # of a side, the frame that the vendor's own poses are of
SAME_M = 1e-3  # poses that a data set has are those of a frame if they are no farther from it


def choose_map(dataset: LeRobotFiles, given: str | None, compat: bool = False, own_tip: bool = True) -> FieldMap:
    """By name or path, else the data set's own modality.json, else the shipped map of its robot type, else its own names.

    None but one that is given is taken if widths or names do not fit. A modality.json cannot say how poses follow from
    joints: those that it lacks are computed as the map of the robot type does, but not with `compat`, for FineVLA has no
    poses there. `own_tip`: poses of Pipers are of the frame that the data set's own poses are of; else of the tool point.
    """
    shipped = {path.stem: path for path in sorted(config_folder(MAPS).glob("*.yaml"))}
    if given:
        return _given(dataset, given, shipped)
    own = dataset.root / "meta" / MODALITY_FILE
    if is_tool_view(own):
        fields = modality_map(own)
        if problem := misfit(fields, dataset):
            raise FineVLAError(f"'{own}' does not fit its data set: {problem}; correct it, or give another --map")
        known = None if compat else _map_of_robot(dataset, shipped.values())
        if known is None and not compat and is_piper(dataset.robot):
            known = yaml_map(shipped[PIPER_MAP])
        return fields if known is None else fields.with_poses_of(known)
    if (known := _map_of_robot(dataset, shipped.values())) is not None:
        return known
    found = recognise(dataset)
    if found.map is None:
        raise FineVLAError(_not_recognised(dataset, found.why_not, found.groups, shipped))
    fields = found.map
    if is_piper(dataset.robot) and not compat:
        fields = _as_piper(fields, dataset, shipped[PIPER_MAP], own_tip)
    return _with_own_actions(fields, dataset)


def misfit(fields: FieldMap, dataset: LeRobotFiles) -> str:
    """What of a map is not in the data set, in words; empty if all is there."""
    for one in (*fields.state, *fields.action):
        width = dataset.width(one.key)
        if one.key not in dataset.features and one.key not in (there := _stored(dataset)):
            return unknown("column", one.key, [*there, *dataset.features])
        if one.columns and width and max(one.columns) >= width:
            return f"{one.name} wants value {max(one.columns)} of '{one.key}', which has {width}"
        if one.dim is not None and width and len(one.columns or range(width)) != one.dim:
            return f"{one.name} has {counted(len(one.columns or range(width)), 'value')}, the map says {one.dim}"
    return ""


def _stored(dataset: LeRobotFiles) -> list[str]:
    """Columns of the first file that can be read: some are in no info.json."""
    for episode in dataset.episodes[:5]:
        try:
            return list(pq.read_schema(episode.path).names)
        except (OSError, pa.ArrowException):
            continue
    return []


def _given(dataset: LeRobotFiles, given: str, shipped: Mapping[str, Path]) -> FieldMap:
    path = shipped.get(given, Path(given))
    if not path.is_file():
        raise FineVLAError(unknown("field map", given, shipped))
    fields = modality_map(path) if path.suffix == ".json" else yaml_map(path, dataset)
    if problem := misfit(fields, dataset):
        groups = recognise(dataset).groups
        raise FineVLAError(
            f"'{dataset.root}' does not fit field map '{given}': {problem}; it has {_columns(dataset, groups)}; leave "
            f"--map out, or correct what 'finevla canonicalise {dataset.root} --inspect map.yaml' writes"
        )
    return fields


def _map_of_robot(dataset: LeRobotFiles, paths: Iterable[Path]) -> FieldMap | None:
    """The shipped map of the robot's type if all its columns, and only those, are there under names that say the same."""
    if not dataset.robot:
        return None
    for path in paths:
        fields = yaml_map(path, dataset)
        if dataset.robot.lower() in fields.robot_types and not misfit(fields, dataset) and _covers(fields, dataset):
            return fields
    return None


def _covers(fields: FieldMap, dataset: LeRobotFiles) -> bool:
    for key in fields.keys:
        mine = [one for one in (*fields.state, *fields.action) if one.key == key]
        if sum(len(one.columns or range(dataset.width(key))) for one in mine) != dataset.width(key):
            return False
        if not all(_says_so(one, dataset) for one in mine):
            return False
    return True


def _says_so(one: Field, dataset: LeRobotFiles) -> bool:
    """Whether the names of a field's values, where there are any, say what the map says of them."""
    names = dataset.names(one.key)
    side, _, part = one.slot.partition("_")
    for column in one.columns or range(len(names)):
        m = meaning(names[column], one.key) if names else meaning("", one.key)
        fits = {"joint": m.kind == "joint", "gripper": m.kind == "gripper"}.get(part, len(m.kind) <= 2)
        if not (fits or m.kind == "unknown") or (m.side and m.side != side and {LEFT, RIGHT} <= _sides(dataset, one)):
            return False
    return True


def _sides(dataset: LeRobotFiles, one: Field) -> set[str]:
    return {meaning(name, one.key).side for name in dataset.names(one.key)}


def _as_piper(fields: FieldMap, dataset: LeRobotFiles, path: Path, own_tip: bool) -> FieldMap:
    """With poses computed from the joints, in place of the data set's own, which only say of which frame they are."""
    known = yaml_map(path)
    own = {f.slot: f for f in fields.state if f.slot.endswith("_eef")}
    sizes = {f.slot: len(f.columns or ()) for f in fields.state if f.slot.endswith("_joint")}
    ways = tuple(w for w in known.forward if sizes.get(w.slot.replace("_eef", "_joint")) == len(w.joints))
    computed = {way.slot for way in ways}
    made = replace(
        fields,
        robot=known.robot,
        forward=ways,
        state=tuple(f for f in fields.state if f.slot not in computed),
        action=tuple(f for f in fields.action if f.slot not in computed),
    )
    if not own_tip or not (mine := {slot: f for slot, f in own.items() if slot in computed}):
        return made
    return _at_own_frame(made, mine, dataset)


def _at_own_frame(fields: FieldMap, own: Mapping[str, Field], dataset: LeRobotFiles) -> FieldMap:
    """With the flange for the tip where the data set's own poses are the flange's."""
    tips = {way.slot: replace(way, tip=f"{way.slot.split('_')[0]}_{FLANGE}") for way in fields.forward}
    told: list[str] = []
    ways: list[Forward] = []
    for way in fields.forward:
        if way.slot not in own:
            ways.append(way)
            continue
        flange, tool = (_poses(fields, w, own[way.slot], dataset) for w in (tips[way.slot], way))
        if flange is None or tool is None:
            ways.append(way)
            continue
        gaps = [float(np.linalg.norm(made - has, axis=1).max()) for made, has in (flange, tool)]
        offset = float(np.linalg.norm(flange[0] - tool[0], axis=1).max())
        where = f"{way.slot}: its own '{own[way.slot].key}'"
        if gaps[0] <= SAME_M:
            ways.append(tips[way.slot])
            told.append(
                f"{where} is {tips[way.slot].tip}, within {gaps[0] * 1000:.2f} mm of forward kinematics; poses are of "
                f"that frame, the tool centre point ({way.tip}) lies {offset:.4f} m further along its z"
            )
        else:
            ways.append(way)
            far = "" if gaps[1] <= SAME_M else f", {gaps[1] * 1000:.1f} mm from its own, which are not used"
            told.append(f"{where} is not the flange; poses are of {way.tip} by forward kinematics{far}")
    return replace(fields, forward=tuple(ways), told=(*fields.told, *told))


def _poses(fields: FieldMap, way: Forward, own: Field, dataset: LeRobotFiles) -> tuple[Array, Array] | None:
    """Positions `(T, 3)` of the first readable episode: by forward kinematics, and the data set's own."""
    joints = next(f for f in fields.state if f.slot == way.slot.replace("_eef", "_joint"))
    cut = replace(fields, state=(joints,), action=(), forward=(way,))
    first = _first(dataset, (joints.key, own.key))
    if first is None:
        return None
    try:
        made = unify(first, Rules(cut), forward_of(cut), "").state
        has = unify(first, Rules(replace(cut, state=(own,), forward=())), {}, "").state
    except FineVLAError:
        return None
    place = slice(7, 10) if way.slot.startswith(LEFT) else slice(36, 39)
    return made[:, place], has[:, place]


def _first(dataset: LeRobotFiles, keys: Sequence[str]) -> dict[str, NDArray[Any]] | None:
    """Columns of the first episode that can be read."""
    for episode in dataset.episodes[:5]:
        try:
            table = dataset.read(episode, keys)
            if table.num_rows:
                return {key: values(table, key, "") for key in keys}
        except FineVLAError:
            continue
    return None


def _with_own_actions(fields: FieldMap, dataset: LeRobotFiles) -> FieldMap:
    """Commanded poses that are differences are said to be so: far from the state's, near to zero."""
    actions: list[Field] = []
    told: list[str] = []
    for one in fields.action:
        state = next((f for f in fields.state if f.slot == one.slot), None)
        if not one.slot.endswith("_eef"):
            actions.append(one)
            continue
        first = None if state is None else _first(dataset, (state.key, one.key))
        if state is None or first is None:
            told.append(f"{one.slot} of the action is left out: the state has no pose of that arm")
            continue
        there, goal = (first[f.key][:, list(f.columns or ())[:3]].astype(np.float64) for f in (state, one))
        apart, size = (float(np.median(np.linalg.norm(v, axis=1))) for v in (goal - there, goal))
        frame = "abs" if apart <= size else "delta"
        actions.append(replace(one, frame=frame))
        told.append(f"{one.slot} of the action is taken as {'absolute' if frame == 'abs' else 'a difference'}")
    return replace(fields, action=tuple(actions), told=(*fields.told, *told))


def _not_recognised(
    dataset: LeRobotFiles, why: str, groups: Mapping[str, Sequence[str]], shipped: Mapping[str, Path]
) -> str:
    robot = dataset.robot or "not said"
    maps = ", ".join(
        name
        for name, path in shipped.items()
        if not misfit(yaml_map(path, dataset), dataset) and _is_size_of(yaml_map(path, dataset), dataset)
    )
    ways = f"give --map {maps} if that is its order, or " if maps else ""
    return (
        f"'{dataset.root}' (robot type {robot}): {why}; it has {_columns(dataset, groups)}; {ways}write a map with "
        f"'finevla canonicalise {dataset.root} --inspect map.yaml', correct it and give it by --map"
    )


def _is_size_of(fields: FieldMap, dataset: LeRobotFiles) -> bool:
    return all(
        sum(len(f.columns or ()) for f in (*fields.state, *fields.action) if f.key == key) == dataset.width(key)
        for key in fields.keys
    )


def _columns(dataset: LeRobotFiles, groups: Mapping[str, Sequence[str]]) -> str:
    keys = [key for group in groups.values() for key in group]
    return "; ".join(describe(dataset, key) for key in keys[:4]) or "no columns of numbers"
