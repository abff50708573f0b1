"""Columns of one episode to the 80 values and back: plain functions on arrays, in float64 until they are stored.

What a slot gets is decided by the map alone, so masks are the same in every frame.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.canonical.field_map import Field, FieldMap
from finevla_tools.canonical.layout import DIM, EEF_DIM, SLOTS, Slot
from finevla_tools.canonical.rotations import (
    FRAMES,
    SIZES,
    Array,
    continuous,
    from_absolute,
    from_rotation,
    to_absolute,
    to_rotation,
)

Pose = tuple[Array, Rotation]
Columns = Mapping[str, NDArray[np.generic]]
ForwardKinematics = Callable[[Array], Array]  # joints (T, J) to position and quaternion (T, 7)
POSITION = ("position", "pos", "xyz", "translation")  # how a part of three values is told from a rotation


@dataclass(frozen=True)
class Targets:
    """What the unified values are; FineVLA's own are the defaults."""

    joint_state: str = "abs_joint"
    eef_state: str = "abs_quat"
    joint_action: str = "abs_joint"
    eef_action: str = "abs_quat"

    def __post_init__(self) -> None:
        for name, value in self.as_dict().items():
            frame, _, form = value.partition("_")
            is_joint, is_state = name.startswith("joint"), name.endswith("state")
            forms = ("joint",) if is_joint else tuple(SIZES)
            frames = FRAMES[:1] if is_state else FRAMES
            if frame not in frames or form not in forms:
                possible = ", ".join(f"{fr}_{fo}" for fr in frames for fo in forms)
                raise FineVLAError(f"target {name}={value} is not possible; {possible} are")

    def as_dict(self) -> dict[str, str]:
        """Return the types by target name, as `target_types` in unified_meta.json."""
        return {name: getattr(self, name) for name in ("joint_state", "eef_state", "joint_action", "eef_action")}


@dataclass(frozen=True)
class Rules:
    """How to unify. `compat` is FineVLA's own way: signs as SciPy gives them, the last part's type for a whole pose."""

    map: FieldMap
    targets: Targets = field(default_factory=Targets)
    compat: bool = False


@dataclass(frozen=True)
class Unified:
    """One episode: `state` and `action` `(T, 80)` float64, masks `(80,)`."""

    state: Array
    action: Array
    mask_state: NDArray[np.bool_]
    mask_action: NDArray[np.bool_]


def unify(columns: Columns, rules: Rules, forward: Mapping[str, ForwardKinematics], where: str) -> Unified:
    """Raises `FineVLAError` that begins with `where` for columns that do not fit the map."""
    frames = {len(values) for values in columns.values()}
    if len(frames) != 1:
        raise FineVLAError(f"{where}: its columns have different numbers of rows")
    count = frames.pop()
    state, mask_state = np.zeros((count, DIM)), np.zeros(DIM, bool)
    action, mask_action = np.zeros((count, DIM)), np.zeros(DIM, bool)
    poses: dict[str, Pose] = {}
    joints: dict[tuple[str, str], Array] = {}
    targets = rules.targets
    for slot, parts in _by_slot(rules.map.state).items():
        if SLOTS[slot].is_eef:
            position, rotation, _ = _pose(columns, parts, f"{where}: state.{slot}", rules.compat)
            poses[slot] = (position, rotation)
            _put(state, mask_state, SLOTS[slot], _values(poses[slot], targets.eef_state, rules.compat, None), where)
        else:
            joints["state", slot] = _joined(columns, parts, f"{where}: state.{slot}")
            _put(state, mask_state, SLOTS[slot], joints["state", slot], where)
    for slot, compute in forward.items():
        if slot not in poses and (arm := joints.get(("state", slot.replace("_eef", "_joint")))) is not None:
            made = compute(arm)
            poses[slot] = (made[:, :3], to_rotation(made[:, 3:], "quat", where))
            _put(state, mask_state, SLOTS[slot], _values(poses[slot], targets.eef_state, rules.compat, None), where)
    for slot, parts in _by_slot(rules.map.action).items():
        at = f"{where}: action.{slot}"
        if SLOTS[slot].is_eef:
            if slot not in poses:
                raise FineVLAError(f"{at} needs the state of the same arm's end effector, and there is none")
            position, rotation, deltas = _pose(columns, parts, at, rules.compat)
            pose = to_absolute(position, rotation, poses[slot], deltas)
            made = _values(pose, targets.eef_action, rules.compat, poses[slot])
        else:
            made = _absolute_joints(columns, parts, joints.get(("state", slot)), at)
            joints["action", slot] = made
            made = _relative_joints(made, targets.joint_action, joints.get(("state", slot)), at)
        _put(action, mask_action, SLOTS[slot], made, where)
    for slot, compute in forward.items():
        arm = joints.get(("action", slot.replace("_eef", "_joint")))
        if arm is not None and slot in poses and not mask_action[SLOTS[slot].start]:
            computed = compute(arm)
            pose = (computed[:, :3], to_rotation(computed[:, 3:], "quat", where))
            made = _values(pose, targets.eef_action, rules.compat, poses[slot])
            _put(action, mask_action, SLOTS[slot], made, where)
    return Unified(state, action, mask_state, mask_action)


def restore(unified: Unified, rules: Rules, sizes: Mapping[str, int], where: str) -> dict[str, Array]:
    """The data set's own columns `(T, sizes[key])`, float64, NaN where the map left values out.

    Joints and grippers come back as they were; rotations as the same rotation in the format of the source: quaternions
    with unit norm, euler angles within SciPy's ranges.
    """
    count = len(unified.state)
    found: dict[str, Array] = {key: np.full((count, size), np.nan) for key, size in sizes.items()}
    poses: dict[str, Pose] = {}
    arms: dict[str, Array] = {}
    targets = rules.targets
    for slot, parts in _by_slot(rules.map.state).items():
        values = unified.state[:, SLOTS[slot].start : SLOTS[slot].stop]
        if SLOTS[slot].is_eef:
            poses[slot] = _unpacked(values, targets.eef_state, None, where)
            _split(found, parts, poses[slot], poses[slot], where, rules.compat)
        else:
            arms[slot] = values
            _scatter(found, parts, values, where)
    for slot, parts in _by_slot(rules.map.action).items():
        values = unified.action[:, SLOTS[slot].start : SLOTS[slot].stop]
        if SLOTS[slot].is_eef:
            state = poses[slot] if slot in poses else _state_pose(unified, slot, targets, where)
            _split(found, parts, _unpacked(values, targets.eef_action, state, where), state, where, rules.compat)
            continue
        frame = targets.joint_action.partition("_")[0]
        if frame != "abs":
            values = values + (arms[slot] if frame == "delta" else arms[slot][:1])
        at = 0
        for part in parts:
            size = _size(part, sizes, where)
            cut = values[:, at : at + size]
            cut = cut - arms[slot][:, at : at + size] if part.frame == "delta" else cut
            found[part.key][:, _indices(part, sizes)] = _readings(part, cut)
            at += size
    return found


def _by_slot(fields: Sequence[Field]) -> dict[str, list[Field]]:
    found: dict[str, list[Field]] = {}
    for one in fields:
        found.setdefault(one.slot, []).append(one)
    return found


def _cut(columns: Columns, part: Field, where: str) -> Array:
    if part.key not in columns:
        raise FineVLAError(f"{where}: there is no column '{part.key}'")
    values = columns[part.key]
    if part.columns is not None:
        if part.columns and max(part.columns) >= values.shape[1]:
            raise FineVLAError(
                f"{where}: the map wants value {max(part.columns)} of '{part.key}', it has {values.shape[1]}"
            )
        values = values[:, list(part.columns)]
    if part.dim is not None and values.shape[1] != part.dim:
        raise FineVLAError(f"{where}: {part.name} has {counted(values.shape[1], 'value')}, the map says {part.dim}")
    zero, span = part.ends_of(values.shape[1])
    if len(span) != values.shape[1]:
        raise FineVLAError(
            f"{where}: {part.name} has {counted(values.shape[1], 'value')}, the map has ends for {len(span)}"
        )
    return (values.astype(np.float64) - zero) / span


def _joined(columns: Columns, parts: Sequence[Field], where: str) -> Array:
    return np.concatenate([_cut(columns, part, where) for part in parts], axis=1)


def _absolute_joints(columns: Columns, parts: Sequence[Field], state: Array | None, where: str) -> Array:
    made, at = [], 0
    for part in parts:
        values = _cut(columns, part, where)
        if part.frame == "delta":
            if state is None or state.shape[1] < at + values.shape[1]:
                raise FineVLAError(f"{where} is a difference, but the map has no state for it")
            values = values + state[:, at : at + values.shape[1]]
        made.append(values)
        at += values.shape[1]
    return np.concatenate(made, axis=1)


def _relative_joints(values: Array, target: str, state: Array | None, where: str) -> Array:
    frame = target.partition("_")[0]
    if frame == "abs":
        return values
    if state is None or state.shape != values.shape:
        raise FineVLAError(f"{where}: as {target} it needs a state with as many values")
    return values - (state if frame == "delta" else state[:1])


def _pose(
    columns: Columns, parts: Sequence[Field], where: str, compat: bool
) -> tuple[Array, Rotation, tuple[bool, bool]]:
    """Position, rotation, and of each whether it is a difference."""
    if compat or len(parts) == 1:
        values, last = _joined(columns, parts, where), parts[-1]
        if last.format == "joint":
            raise FineVLAError(f"{where}: a pose has a rotation; type {last.type} does not say which format")
        if values.shape[1] != 3 + SIZES[last.format]:
            raise FineVLAError(
                f"{where}: a pose as {last.format} has {counted(3 + SIZES[last.format], 'value')}, not {values.shape[1]}"
            )
        rotation = to_rotation(values[:, 3:], last.format, where)
        return values[:, :3], rotation, (last.frame == "delta",) * 2
    place, turn = _place_and_turn(parts, where)
    position = _cut(columns, place, where)
    if position.shape[1] != 3:
        raise FineVLAError(f"{where}: {place.name} has {counted(position.shape[1], 'value')}, a position has 3")
    rotation = to_rotation(_cut(columns, turn, where), turn.format, where)
    return position, rotation, (place.frame == "delta", turn.frame == "delta")


def _place_and_turn(parts: Sequence[Field], where: str) -> tuple[Field, Field]:
    if len(parts) != 2:
        raise FineVLAError(
            f"{where}: a pose has one part, or a position and a rotation; here are {counted(len(parts), 'part')}"
        )
    places = [p for p in parts if p.name.rpartition(".")[2] in POSITION]
    place = places[0] if places else parts[0]
    turn = parts[1] if place is parts[0] else parts[0]
    if turn.format == "joint":
        raise FineVLAError(f"{where}: {turn.name} is a rotation; type {turn.type} does not say which format")
    return place, turn


def _values(pose: Pose, target: str, compat: bool, state: Pose | None) -> Array:
    frame, _, form = target.partition("_")
    position, rotation = pose if state is None else from_absolute(*pose, state, (frame, frame))
    turned = from_rotation(rotation, form)
    if form in ("quat", "wxyz") and not compat:
        order = [0, 1, 2, 3] if form == "quat" else [1, 2, 3, 0]
        first = None
        if state is not None and frame == "abs":  # the action begins on the side of the state that was written
            first = continuous(from_rotation(state[1][:1], "quat"))[0]
        made = continuous(turned[:, order], first)
        turned = made if form == "quat" else made[:, [3, 0, 1, 2]]
    return np.concatenate([position, turned], axis=1)


def _unpacked(values: Array, target: str, state: Pose | None, where: str) -> Pose:
    """The absolute pose behind unified values."""
    frame, _, form = target.partition("_")
    position, rotation = values[:, :3], to_rotation(values[:, 3 : 3 + SIZES[form]], form, where)
    if state is None or frame == "abs":
        return position, rotation
    if frame == "delta":
        return to_absolute(position, rotation, state, (True, True))
    return state[1][:1].apply(position) + state[0][:1], state[1][:1] * rotation


def _state_pose(unified: Unified, slot: str, targets: Targets, where: str) -> Pose:
    values = unified.state[:, SLOTS[slot].start : SLOTS[slot].stop]
    return _unpacked(values, targets.eef_state, None, where)


def _split(found: dict[str, Array], parts: Sequence[Field], pose: Pose, state: Pose, where: str, compat: bool) -> None:
    """An absolute pose back into the columns of its parts."""
    sizes = {key: values.shape[1] for key, values in found.items()}
    if compat or len(parts) == 1:
        last = parts[-1]
        position, rotation = from_absolute(*pose, state, (last.frame, last.frame))
        _scatter(found, parts, np.concatenate([position, from_rotation(rotation, last.format)], axis=1), where)
        return
    place, turn = _place_and_turn(parts, where)
    position, rotation = from_absolute(*pose, state, (place.frame, turn.frame))
    found[place.key][:, _indices(place, sizes)] = _readings(place, position)
    found[turn.key][:, _indices(turn, sizes)] = _readings(turn, from_rotation(rotation, turn.format))


def _scatter(found: dict[str, Array], parts: Sequence[Field], values: Array, where: str) -> None:
    sizes, at = {key: one.shape[1] for key, one in found.items()}, 0
    for part in parts:
        size = _size(part, sizes, where)
        found[part.key][:, _indices(part, sizes)] = _readings(part, values[:, at : at + size])
        at += size


def _readings(part: Field, values: Array) -> Array:
    """Values as the data set has them, in its units."""
    zero, span = part.ends_of(values.shape[1])
    return values * span + zero


def _indices(part: Field, sizes: Mapping[str, int]) -> list[int]:
    return list(part.columns) if part.columns is not None else list(range(sizes[part.key]))


def _size(part: Field, sizes: Mapping[str, int], where: str) -> int:
    if part.key not in sizes:
        raise FineVLAError(f"{where}: the size of column '{part.key}' is not known")
    return len(_indices(part, sizes))


def _put(values: Array, mask: NDArray[np.bool_], slot: Slot, made: Array, where: str) -> None:
    if made.shape[1] > slot.size:
        raise FineVLAError(
            f"{where}: {slot.name} takes {counted(slot.size, 'value')}, the map gives it {made.shape[1]}"
        )
    values[:, slot.start : slot.start + made.shape[1]] = made
    mask[slot.start : slot.start + made.shape[1]] = True
    assert not slot.is_eef or made.shape[1] <= EEF_DIM
