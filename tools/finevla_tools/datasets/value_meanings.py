"""What a value of a robot's state or action is, by the name that somebody gave it: which arm, which joint, gripper or pose."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEFT, RIGHT = "left", "right"
SIDES = {"left": LEFT, "l": LEFT, "fl": LEFT, "lft": LEFT, "right": RIGHT, "r": RIGHT, "fr": RIGHT, "rgt": RIGHT}
CHINESE = {"左": " left ", "右": " right ", "臂": " arm ", "关节": " joint ", "夹爪": " gripper ", "末端": " eef "}
GRIPPER = {"gripper", "grippers", "grip", "claw", "jaw", "finger", "fingers", "gripperopen"}
RATE = {"vel", "velocity", "velocities", "qvel", "speed", "dq", "vx", "vy", "vz", "omega", "acc", "acceleration"}
EFFORT = {"effort", "efforts", "torque", "torques", "current", "tau", "force", "load", "temp", "temperature", "wrench"}
# Parts of other bodies than an arm's; fingers of hands, too.
OTHER = {"base", "chassis", "head", "torso", "lift", "neck", "leg", "mobile", "pad", "hand", "thumb", "index", "middle",
         "ring", "pinky", "little", "camera", "button", "mode", "status", "error", "timestamp"}  # fmt: skip
BODY = {"waist", "shoulder", "elbow", "forearm", "wrist"}
JOINT = {"joint", "joints", "j", "q", "jnt", "arm", "qpos", *BODY}
POSE = {"eef", "ee", "tcp", "pose", "end", "effector", "endpose", "cartesian", "tool"}
ROTATION = {"rot", "rotation", "quat", "quaternion", "orientation", "ori", "euler", "rpy", "rotvec"}
EULER = {"roll": "rx", "pitch": "ry", "yaw": "rz", "rx": "rx", "ry": "ry", "rz": "rz"}
AXES = ("x", "y", "z")
UNITS = {"deg": "deg", "degree": "deg", "degrees": "deg", "mm": "mm", "rad": "rad", "radian": "rad", "m": "m"}


@dataclass(frozen=True)
class ValueMeaning:
    """What a value is: `kind` joint, gripper, x, y, z, qx ... qw, rx, ry, rz (euler), rotvec, rate, effort, other or unknown.

    `side` is "" where the name does not say it, `number` None likewise. `unit` is what the name says: deg, rad, mm, m or "".
    """

    kind: str
    side: str = ""
    number: int | None = None
    unit: str = ""
    is_finger: bool = False


def flat_names(names: Any) -> tuple[str, ...]:
    """The names of a feature's values however they are nested: lists in lists, `{"motors": [...]}`, a number for each name.

    A key that says something of its values (`{"left_arm": ["joint1", ...]}`) stays before their names.
    """
    return tuple(_flat(names, ""))


def _flat(names: Any, before: str) -> Iterator[str]:
    if isinstance(names, Mapping):
        if names and all(type(v) is int for v in names.values()):
            yield from (before + str(name) for name in sorted(names, key=lambda n: names[n]))
            return
        for key, inner in names.items():
            says = set(words(str(key))) & (set(SIDES) | GRIPPER | POSE | RATE | EFFORT)
            yield from _flat(inner, f"{before}{key}." if says and not isinstance(inner, str) else before)
    elif isinstance(names, Sequence) and not isinstance(names, str):
        for inner in names:
            yield from _flat(inner, before)
    elif names is not None:
        yield before + str(names)


def words(name: str) -> list[str]:
    """A name's words and numbers in lower case: of `leftArm_joint1.pos` left, arm, joint, 1, pos."""
    for sign, word in CHINESE.items():
        name = name.replace(sign, word)
    name = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return re.findall(r"[a-z]+|\d+", name.lower())


def side_of(name: str) -> str:
    """The arm that a name says, or nothing."""
    return next((SIDES[word] for word in words(name) if word in SIDES), "")


def meaning(name: str, column: str = "") -> ValueMeaning:
    """What a value is by its name and, for what that does not say, by the name of its column."""
    own, around = words(name), words(column)
    said, context = set(own), set(own) | set(around)
    side = side_of(name) or side_of(column)
    number = next((int(word) for word in reversed(own) if word.isdecimal()), None)
    unit = next((UNITS[word] for word in own if word in UNITS), "")
    return ValueMeaning(_kind(said, context), side, number, unit, bool(said & {"finger", "fingers"}))


def _kind(said: set[str], context: set[str]) -> str:
    if context & RATE:
        return "rate"
    if context & EFFORT:
        return "effort"
    if said & GRIPPER or (context & GRIPPER and not said & (JOINT | set(AXES) | set(EULER))):
        return "gripper"
    if said & OTHER or {"linear", "angular"} & context:
        return "other"
    if quaternion := said & {"qx", "qy", "qz", "qw"}:
        return quaternion.pop()
    is_joint = bool(said & {"joint", "joints", "j", "jnt", *BODY})
    if turned := [EULER[word] for word in said if word in EULER]:
        return "joint" if is_joint else turned[0]
    axes = said & {*AXES, "w"}
    if len(axes) == 1 and not is_joint:
        return _pose_kind(axes.pop(), said, context)
    if said & JOINT or (context & JOINT and said & {"pos", "position", "rad", "deg"}):
        return "joint"
    return "unknown"


def _pose_kind(axis: str, said: set[str], context: set[str]) -> str:
    if said & {"pos", "position", "trans", "translation", "xyz"} and not said & ROTATION:
        return axis if axis in AXES else "unknown"
    if context & ROTATION or axis == "w":
        if context & {"euler", "rpy"}:
            return f"r{axis}"
        return f"v{axis}" if "rotvec" in context else f"q{axis}"
    return axis
