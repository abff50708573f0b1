"""State and actions of a data set as the robot's own values: its order, rad, grippers 0 closed to 1 open.

What a column means is decided as `finevla canonicalise` decides it; an arm that a data set does not have stays 0 and is
masked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.canonical.arm_kinematics import limits
from finevla_tools.canonical.field_map import Field, FieldMap
from finevla_tools.canonical.field_map_choice import choose_map
from finevla_tools.canonical.field_map_scales import Given, settle
from finevla_tools.datasets.gripper_and_joint_scales import AUTO
from finevla_tools.datasets.lerobot_files import LeRobotFiles, values
from finevla_tools.datasets.value_meanings import LEFT, RIGHT, meaning

PARTS = ("joint", "gripper")
OPTIONS = {"--gripper-action": "gripper_action:", "--gripper": "gripper:", "--map": "map:"}  # entries of a set
BEYOND_RAD, BEYOND_SHARE = 0.35, 0.05  # so far outside the limits, in so many frames: another robot
OPEN_UP_TO = 2.0  # a gripper that reads more is not on a scale from 0 to 1


@dataclass(frozen=True)
class PlacedField:
    """A field of a data set and the robot's values that it fills."""

    field: Field
    places: tuple[int, ...]

    def read(self, columns: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float64]:
        """Return the field's values `(T, n)` in rad, grippers 0 to 1."""
        column = columns[self.field.key]
        part = column if self.field.columns is None else column[:, list(self.field.columns)]
        if part.shape[1] != len(self.places):
            raise FineVLAError(f"'{self.field.key}' has {part.shape[1]} values, {len(self.places)} were expected")
        zero, span = self.field.ends_of(len(self.places))
        made: NDArray[np.float64] = (part.astype(np.float64) - zero) / span
        return made


@dataclass(frozen=True)
class RobotColumns:
    """Which columns of a data set are which of the robot's `size` values; `told` says how that was decided.

    Values of the state without an action are learned from the states that follow.
    """

    size: int
    state: tuple[PlacedField, ...]
    action: tuple[PlacedField, ...]
    told: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """All columns that are read."""
        return tuple(dict.fromkeys(one.field.key for one in (*self.state, *self.action)))

    @property
    def there(self) -> NDArray[np.bool_]:
        """Which of the robot's values the data set has, `(D,)`."""
        found = np.zeros(self.size, bool)
        for one in self.state:
            found[list(one.places)] = True
        return found

    @property
    def follows_states(self) -> bool:
        """Whether some actions are the next states, so that the last row has none."""
        return len({place for one in self.action for place in one.places}) < int(self.there.sum())

    def read(self, table: pa.Table, where: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return state and action `(T, D)` of an episode's table; raises `FineVLAError` beginning with `where`."""
        columns = {key: values(table, key, where) for key in self.keys}
        for key, column in columns.items():
            if not np.isfinite(column).all():
                row = int(np.argwhere(~np.isfinite(column))[0][0])
                raise FineVLAError(f"{where}: column '{key}' holds NaN or infinity in row {row}; leave the episode out")
        state = np.zeros((table.num_rows, self.size))
        for one in self.state:
            state[:, list(one.places)] = one.read(columns)
        action = np.concatenate([state[1:], state[-1:]])
        for one in self.action:
            made, places = one.read(columns), list(one.places)
            action[:, places] = made + state[:, places] if one.field.frame == "delta" else made
        # As the node has them: an observation's state is float32.
        return state.astype(np.float32), action.astype(np.float32)


def robot_columns(
    files: LeRobotFiles, robot: Embodiment, given_map: str = "", gripper: str = AUTO, gripper_action: str = ""
) -> RobotColumns:
    """Decide over all episodes which columns are the robot's values.

    Args:
        files: The data set.
        robot: Whose values are wanted.
        given_map: A field map by name or path, as `finevla canonicalise --map`; empty = it is found.
        gripper: Scale of the grippers, as `finevla convert --gripper`; `gripper_action` likewise of the actions.
        gripper_action: Scale of the action's grippers; empty = as the state's.

    Raises:
        FineVLAError: Columns are not recognised, a scale is not certain, or it is a data set of another robot.
    """
    try:
        fields = choose_map(files, given_map or None, own_tip=False)
        fields = settle(files, fields, Given(gripper, gripper_action))
    except FineVLAError as error:
        text = str(error)
        for option, entry in OPTIONS.items():
            text = text.replace(option, entry)
        raise error.retold(text if text == str(error) else f"{text} (an entry of the set)") from error
    return place_fields(fields, robot, f"'{files.root}'")


def place_fields(fields: FieldMap, robot: Embodiment, where: str) -> RobotColumns:
    """Return where a map's joints and grippers stand among the robot's values; raises `FineVLAError` for another robot."""
    slots = _slots(robot)
    mine = {slot.partition("_")[0] for slot in slots}
    said = {f.slot.partition("_")[0] for f in fields.state if f.slot.rpartition("_")[2] in PARTS}
    # One arm is that arm, whichever side it is called.
    side_of = {min(said): min(mine)} if len(said) == len(mine) == 1 else {}
    state = _placed(fields.state, slots, side_of, robot, where)
    if not state:
        raise FineVLAError(f"{where} has no joints or grippers of robot '{robot.name}'; give a 'map:' of the set")
    filled = {slot: sum(len(one.places) for one, name in state if name == slot) for slot in slots}
    if lacking := [slot for slot, count in filled.items() if 0 < count < len(slots[slot])]:
        slot = lacking[0]
        raise FineVLAError(_other(where, filled[slot], slot, robot, len(slots[slot])))
    known = {place for one, _ in state for place in one.places}
    action = [one for one, _ in _placed(fields.action, slots, side_of, robot, where) if known >= set(one.places)]
    return RobotColumns(len(robot.names), tuple(one for one, _ in state), tuple(action), fields.told)


def refuse_other_robot(states: NDArray[np.float32], there: NDArray[np.bool_], robot: str, where: str) -> None:
    """Raise `FineVLAError` if the states `(N, D)` are where that robot cannot be, or grippers on no scale from 0 to 1."""
    names, bounds = limits(robot)
    is_gripper = np.array([meaning(name).kind == "gripper" for name in names])
    joints = there & ~is_gripper
    out = (states < bounds.lower - BEYOND_RAD) | (states > bounds.upper + BEYOND_RAD)
    if len(states) and (share := float(out[:, joints].any(axis=1).mean())) > BEYOND_SHARE:
        worst = names[int(np.argmax(np.where(joints, out.mean(axis=0), 0.0)))]
        raise FineVLAError(
            f"{where} is of another robot: in {share:.0%} of its frames joints are where those of '{robot}' cannot be "
            f"({worst} first); name the set's robot as 'embodiment', or leave the set out"
        )
    grippers = there & is_gripper
    if grippers.any() and len(states) and (most := float(np.abs(states[:, grippers]).max())) > OPEN_UP_TO:
        raise FineVLAError(
            f"{where}: its grippers read up to {most:.4g} where 0 is closed and 1 open; say their scale as 'gripper:' of the "
            "set, as 'finevla convert --gripper' takes it"
        )


def _placed(
    fields: Sequence[Field],
    slots: Mapping[str, Sequence[int]],
    side_of: Mapping[str, str],
    robot: Embodiment,
    where: str,
) -> list[tuple[PlacedField, str]]:
    """Fields with the robot's values that they fill, and the slot of each; parts of a slot stand one behind the other."""
    taken: dict[str, int] = {}
    found = []
    for f in fields:
        side, _, part = f.slot.partition("_")
        if part not in PARTS:
            continue
        slot = f"{side_of.get(side, side)}_{part}"
        all_places, begin = slots.get(slot, ()), taken.get(slot, 0)
        count = len(f.columns) if f.columns is not None else len(all_places)
        places = tuple(all_places[begin : begin + count])
        if len(places) != count or not count:
            raise FineVLAError(_other(where, begin + count, slot, robot, len(all_places)))
        taken[slot] = begin + count
        found.append((PlacedField(f, places), slot))
    return found


def _slots(robot: Embodiment) -> dict[str, list[int]]:
    """By slot the places of the robot's values; an arm without a side is the right one, as in field maps."""
    slots: dict[str, list[int]] = {}
    for place, value in enumerate(robot.values):
        side = meaning(value.name).side
        slots.setdefault(f"{side if side == LEFT else RIGHT}_{PARTS[value.is_gripper]}", []).append(place)
    return slots


def _other(where: str, count: int, slot: str, robot: Embodiment, wanted: int) -> str:
    return (
        f"{where} is of another robot: it has {count} values of '{slot}', robot '{robot.name}' has {wanted}; name the set's "
        "robot as 'embodiment', or leave the set out"
    )
