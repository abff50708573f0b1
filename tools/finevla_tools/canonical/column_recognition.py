"""Which columns of a data set are whose: a field map from the names and widths that it declares, or why there is none.

What is not certain is refused: a map that fits by chance would make two arms of one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.canonical.field_map import Field, FieldMap
from finevla_tools.datasets.lerobot_files import LeRobotFiles
from finevla_tools.datasets.value_meanings import LEFT, OTHER, RIGHT, ValueMeaning, meaning, side_of, words

ARM_JOINTS = 6  # of a Piper
MOST_JOINTS = 7
PIPERS = ("piper", "cobotmagic", "agilex", "songling")
NO_PIPERS = ("aloha",)  # RoboTwin's `aloha-agilex` has ARX arms
TWO_ARMS = {"cobot", "magic", "aloha", "bi", "bimanual", "dual", "two", "both"}
SKIPPED = {"timestamp", "index", "next", "reward", "success", "done", "annotation", "info", "environment", "images",
           "image", "depth", "tactile", "audio", "stamp", "time"}  # fmt: skip
ACTION = {"action", "actions", "command", "commands", "cmd", "target", "leader", "master"}
FIRST = (("observation.state", "state"), ("observation.qpos", "qpos"), ("action", "actions"))
POSES = {"quat": ("qx", "qy", "qz", "qw"), "euler": ("rx", "ry", "rz"), "rotvec": ("vx", "vy", "vz")}
PLACE = ("x", "y", "z")


@dataclass
class _Arm:
    """The values of one arm that one column has: indices, joints with their numbers."""

    joints: list[tuple[int | None, int]] = field(default_factory=list)
    gripper: list[int] = field(default_factory=list)
    pose: dict[str, tuple[int, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Recognition:
    """`map` or, where there is none, `why_not`; `groups` are the columns of numbers by state and action, best first."""

    map: FieldMap | None
    why_not: str
    groups: dict[str, tuple[str, ...]]


def is_piper(robot: str) -> bool:
    """Whether a `robot_type` says that its arms are Pipers."""
    plain = re.sub("[^a-z0-9]", "", robot.lower())
    return any(word in plain for word in PIPERS) and not any(word in plain for word in NO_PIPERS)


def has_two_arms(dataset: LeRobotFiles) -> bool:
    """Whether robot type or cameras say that there are two arms."""
    robot = dataset.robot.lower()
    plain = re.sub("[^a-z0-9]", "", robot)
    if set(words(robot)) & TWO_ARMS or ("agilex" in plain and "piper" not in plain) or "cobotmagic" in plain:
        return True
    pictures = (key for key, f in dataset.features.items() if f.get("dtype") in ("video", "image"))
    return {side_of(key) for key in pictures} >= {LEFT, RIGHT}


def number_columns(dataset: LeRobotFiles) -> dict[str, tuple[str, ...]]:
    """Columns that hold a state or an action, those that are named as such first."""
    groups: dict[str, list[str]] = {"state": [], "action": []}
    parts = {column for columns in dataset.vectors.values() for column in columns}
    for key, feature in dataset.features.items():
        is_number = re.fullmatch(r"float\d+|u?int\d+", str(feature.get("dtype"))) is not None
        said = set(words(key))
        if is_number and dataset.width(key) and not said & SKIPPED and key not in parts:
            groups["action" if said & ACTION else "state"].append(key)
    rank = {key: k for names in FIRST for k, key in enumerate(names)}
    return {g: tuple(sorted(keys, key=lambda key: rank.get(key, len(rank)))) for g, keys in groups.items()}


def recognise(dataset: LeRobotFiles) -> Recognition:
    """A map without kinematics and scales, by names and widths alone."""
    groups = number_columns(dataset)
    problems: list[str] = []
    made = {}
    for group, keys in groups.items():
        fields: dict[str, Field] = {}
        for key in keys:
            try:
                for one in _fields(dataset, key):
                    fields.setdefault(one.name, one)
            except FineVLAError as error:
                problems.append(str(error))
        made[group] = tuple(fields.values())
    if not made["state"]:
        return Recognition(None, problems[0] if problems else "none of its columns is known by its name", groups)
    arms = {f.slot.split("_")[0] for f in made["state"]}
    actions = tuple(f for f in made["action"] if f.slot.split("_")[0] in arms)
    return Recognition(FieldMap("its own names", made["state"], actions), "", groups)


def describe(dataset: LeRobotFiles, key: str) -> str:
    """A column in words: its name, width and the first names of its values."""
    names = dataset.names(key)
    shown = "unnamed" if not names else ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    how = " of single columns" if key in dataset.vectors else ""
    return f"{key} ({counted(dataset.width(key), 'value')}{how}: {shown[:160]})"


def _fields(dataset: LeRobotFiles, key: str) -> Iterator[Field]:
    for side, arm in _arms(dataset, key).items():
        joints = _joint_columns(arm, key, dataset)
        gripper = arm.gripper
        if is_piper(dataset.robot) and len(joints) in (ARM_JOINTS + 1, ARM_JOINTS + 2) and not gripper:
            joints, gripper = joints[:ARM_JOINTS], joints[ARM_JOINTS:]  # ROS drivers call it joint7, or one per finger
        if len(joints) > MOST_JOINTS:
            raise FineVLAError(f"'{key}' has {counted(len(joints), 'joint')} of one arm")
        if joints:
            yield Field(f"{side}_joint", key, "abs", "joint", tuple(joints))
        if gripper:
            yield Field(f"{side}_gripper", key, "abs", "joint", (gripper[0],))
        for form, parts in POSES.items():
            wanted = (*PLACE, *parts)
            if all(part in arm.pose for part in wanted):
                columns = tuple(arm.pose[part][0] for part in wanted)
                units = tuple(u for u in (arm.pose["x"][1], arm.pose[parts[0]][1]) if u in ("mm", "deg"))
                yield Field(f"{side}_eef", key, "abs", form, columns, units=units)
                break


def _joint_columns(arm: _Arm, key: str, dataset: LeRobotFiles) -> list[int]:
    numbers = [number for number, _ in arm.joints]
    if any(number is None for number in numbers):
        return [column for _, column in arm.joints]
    ordered = sorted((number, column) for number, column in arm.joints if number is not None)
    if any(b[0] - a[0] != 1 for a, b in pairwise(ordered)):
        names = dataset.names(key)
        said = ", ".join(names[column] for _, column in ordered[:8])
        raise FineVLAError(f"the joints of '{key}' do not count 1, 2, 3, ... ({said})")
    return [column for _, column in ordered]


def _arms(dataset: LeRobotFiles, key: str) -> dict[str, _Arm]:
    """Values by arm; an arm without a side is the right one, where FineVLA has robots of one arm."""
    names = dataset.names(key) or _borrowed(dataset, key)
    meanings = [meaning(name, key) for name in names]
    halves = len(names) // 2
    is_twice = len(names) > 2 and len(names) % 2 == 0 and names[:halves] == names[halves:]
    if _says_nothing(meanings) or is_twice:
        meanings = _by_width(dataset, key)
    sides = {m.side for m in meanings if m.kind in ("joint", "gripper", *PLACE)}
    if "" in sides and len(sides) > 1:
        sides.discard("")  # of other bodies than the arms
    arms: dict[str, _Arm] = {}
    for column, m in enumerate(meanings):
        if m.side not in sides:
            continue
        arm = arms.setdefault(m.side or RIGHT, _Arm())
        if m.kind == "joint":
            arm.joints.append((m.number, column))
        elif m.kind == "gripper":
            arm.gripper.append(column)
        elif m.kind not in ("rate", "effort", "other", "unknown"):
            if m.kind in arm.pose:
                raise FineVLAError(f"'{key}' has two values that read as {m.kind} of one arm")
            arm.pose[m.kind] = column, m.unit
    return arms


def _borrowed(dataset: LeRobotFiles, key: str) -> tuple[str, ...]:
    """Names of the values of the other group's first column, for a state or action of as many that has none."""
    groups = number_columns(dataset)
    group, other = ("action", "state") if key in groups["action"] else ("state", "action")
    if key != groups[group][0] or not groups[other] or dataset.width(groups[other][0]) != dataset.width(key):
        return ()
    return dataset.names(groups[other][0])


def _says_nothing(meanings: Sequence[ValueMeaning]) -> bool:
    """Unnamed values, and joints that are only counted beyond an arm's: joint_0 to joint_13."""
    if all(m.kind == "unknown" for m in meanings):
        return True
    counted = [m.number for m in meanings if m.kind == "joint" and not m.side]
    return len(counted) == len(meanings) and len(set(counted)) == len(counted) > ARM_JOINTS + 2


def _by_width(dataset: LeRobotFiles, key: str) -> list[ValueMeaning]:
    """What unnamed values are: by their number, the column's name, the robot's type and its cameras."""
    width, side, said = dataset.width(key), side_of(key), set(words(key))
    around = meaning("", key).kind
    if around in ("rate", "effort", "other") or said & OTHER:
        return [ValueMeaning("other")] * width
    if around == "gripper":
        if width == 1 or side:
            return [ValueMeaning("gripper", side)] * width
        return (
            [ValueMeaning("gripper", LEFT), ValueMeaning("gripper", RIGHT)]
            if width == 2
            else [ValueMeaning("unknown")] * width
        )
    if said & {"eef", "ee", "tcp", "pose", "endpose", "cartesian", "effector"}:
        return [ValueMeaning("unknown")] * width  # whose order of what nobody says
    arm = [ValueMeaning("joint", side, k + 1) for k in range(ARM_JOINTS)]
    is_known = is_piper(dataset.robot) or bool(said & {"joint", "joints", "qpos"})
    if width in (ARM_JOINTS, ARM_JOINTS + 1) and is_known:
        return [*arm, ValueMeaning("gripper", side)][:width]
    if width in (2 * ARM_JOINTS, 2 * ARM_JOINTS + 2) and not side:
        if not has_two_arms(dataset):
            raise FineVLAError(
                f"'{key}' has {counted(width, 'value')} without names of sides, and neither robot type nor "
                "cameras say whether that "
                "is one arm or two"
            )
        half = width // 2
        sides = [
            [ValueMeaning("joint", s, k + 1) for k in range(ARM_JOINTS)] + [ValueMeaning("gripper", s)]
            for s in (LEFT, RIGHT)
        ]
        return [m for one in sides for m in one[:half]]
    return [ValueMeaning("unknown")] * width
