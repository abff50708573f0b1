"""A robot's description (URDF) joint by joint: where each link is for given positions, and in what two descriptions differ.

What ros2_control adds is understood: where a `<safety_controller>` gives soft limits, these are the joint's limits.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from finevla_core.errors import FineVLAError, quoted

TURNING, SLIDING = ("revolute", "continuous"), ("prismatic",)
KINDS = (*TURNING, *SLIDING, "fixed", "floating", "planar")
MOST_JOINTS = 500  # a text may come from anybody; the largest robots have a tenth
LENGTH_M, ANGLE_RAD = (
    1e-3,
    1e-3,
)  # what two descriptions may differ by: far below what an arm repeats, far above rounding


@dataclass(frozen=True)
class Mimic:
    """A joint that follows another one: its position is `multiplier * position of joint + offset`."""

    joint: str
    multiplier: float
    offset: float


@dataclass(frozen=True)
class DescribedJoint:
    """A joint of a URDF: `translation` (3,) m and `rotation` from the parent link, `axis` (3,) of length 1.

    Limits are in rad or m and per second, infinite where none is stated.
    """

    name: str
    kind: str
    parent: str
    child: str
    translation: NDArray[np.float64]
    rotation: Rotation
    axis: NDArray[np.float64]
    lower: float
    upper: float
    velocity: float
    mimic: Mimic | None

    @property
    def is_moving(self) -> bool:
        """Whether it has one position that a joint state tells."""
        return self.kind in TURNING + SLIDING


@dataclass(frozen=True)
class JointTransforms:
    """Poses of N child links in their parent links: `translations` (N, 3) m, `quaternions` (N, 4) as x, y, z, w."""

    parents: tuple[str, ...]
    children: tuple[str, ...]
    translations: NDArray[np.float64]
    quaternions: NDArray[np.float64]


def read_joints(urdf: str) -> dict[str, DescribedJoint]:
    """Joints of a URDF by name; raises `FineVLAError` for a text that is no URDF, or no tree of links."""
    if "<!DOCTYPE" in urdf or "<!ENTITY" in urdf:
        raise FineVLAError("it declares XML entities, which no URDF does")
    try:
        root = ET.fromstring(urdf)
    except (ET.ParseError, ValueError) as error:
        raise FineVLAError(f"it is no XML: {error}") from error
    links = {link.get("name") for link in root.findall("link")}
    if root.tag != "robot" or not links:
        raise FineVLAError(f"it is no URDF with links: its root is <{root.tag[:40]}>")
    joints: dict[str, DescribedJoint] = {}
    elements = root.findall("joint")
    if len(elements) > MOST_JOINTS:
        raise FineVLAError(f"it has {len(elements)} joints, {MOST_JOINTS} are allowed")
    for element in elements:
        joint = _joint(element)
        if joint.name in joints:
            raise FineVLAError(f"joint {quoted(joint.name)} is there twice")
        if odd := {joint.parent, joint.child} - links:
            raise FineVLAError(f"joint {quoted(joint.name)} joins a link that is not there: {quoted(min(odd))}")
        joints[joint.name] = joint
    _check_tree(joints)
    return joints


def differences(ours: Mapping[str, DescribedJoint], theirs: Mapping[str, DescribedJoint]) -> list[str]:
    """In what `theirs` is another robot than `ours`, a phrase for each joint; what `theirs` has on top does not matter."""
    found = []
    for name, joint in ours.items():
        if name not in theirs:
            found.append(f"joint '{name}' is missing")
        elif phrase := _difference(joint, theirs[name]):
            found.append(f"joint '{name}' {phrase}")
    return found


def fixed_transforms(joints: Mapping[str, DescribedJoint]) -> JointTransforms:
    """Poses of the links that do not move against their parents."""
    return _transforms([joint for joint in joints.values() if joint.kind == "fixed"], np.zeros(0))


class MovingJoints:
    """Poses of the links of moving joints for positions by name; joints that mimic others follow."""

    def __init__(self, joints: Mapping[str, DescribedJoint]) -> None:
        self._joints = {name: joint for name, joint in joints.items() if joint.is_moving}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all joints that move."""
        return tuple(self._joints)

    def transforms(self, positions: Mapping[str, float]) -> JointTransforms:
        """Poses for `positions` (rad, m) of these joints, and of those that mimic them unless they are named themselves."""
        known = {name: float(position) for name, position in positions.items() if name in self._joints}
        for name, joint in self._joints.items():
            if joint.mimic is not None and joint.mimic.joint in positions:
                known.setdefault(name, joint.mimic.multiplier * positions[joint.mimic.joint] + joint.mimic.offset)
        return _transforms([self._joints[name] for name in known], np.array(list(known.values())))


def _transforms(joints: Sequence[DescribedJoint], positions: NDArray[np.float64]) -> JointTransforms:
    parents, children = tuple(j.parent for j in joints), tuple(j.child for j in joints)
    if not joints:
        return JointTransforms(parents, children, np.zeros((0, 3)), np.zeros((0, 4)))
    translations = np.array([j.translation for j in joints])
    rotations = Rotation.concatenate([j.rotation for j in joints])
    if positions.size:
        along = np.array([j.axis for j in joints]) * positions[:, None]
        slides = np.array([j.kind in SLIDING for j in joints])[:, None]
        translations = translations + rotations.apply(along * slides)
        rotations = rotations * Rotation.from_rotvec(along * ~slides)
    return JointTransforms(parents, children, translations, rotations.as_quat())


def _joint(element: ET.Element) -> DescribedJoint:
    name, kind = element.get("name") or "", element.get("type") or ""
    try:
        if not name or kind not in KINDS:
            raise ValueError(f"its type is {quoted(kind)}")
        origin, axis, limit = element.find("origin"), element.find("axis"), element.find("limit")
        soft, mimic = element.find("safety_controller"), element.find("mimic")
        unlimited = kind == "continuous"
        direction = _numbers(axis, "xyz", "1 0 0")
        return DescribedJoint(
            name=name,
            kind=kind,
            parent=_end(element, "parent"),
            child=_end(element, "child"),
            translation=_numbers(origin, "xyz", "0 0 0"),
            rotation=Rotation.from_euler("xyz", _numbers(origin, "rpy", "0 0 0")),
            axis=direction / (np.linalg.norm(direction) or 1.0),
            lower=-np.inf if unlimited else max(_number(limit, "lower", -np.inf), _soft(soft, "lower", -np.inf)),
            upper=np.inf if unlimited else min(_number(limit, "upper", np.inf), _soft(soft, "upper", np.inf)),
            velocity=_number(limit, "velocity", np.inf),
            mimic=None
            if mimic is None
            else Mimic(mimic.get("joint") or "", _number(mimic, "multiplier", 1.0), _number(mimic, "offset", 0.0)),
        )
    except ValueError as error:
        raise FineVLAError(f"joint {quoted(name)} is malformed: {error}") from error


def _end(element: ET.Element, which: str) -> str:
    end = element.find(which)
    link = end.get("link") if end is not None else None
    if not link:
        raise ValueError(f"it has no <{which} link=...>")
    return link


def _numbers(element: ET.Element | None, key: str, default: str) -> NDArray[np.float64]:
    text = default if element is None else element.get(key) or default
    numbers = np.array([float(word) for word in text.split()])
    if numbers.shape != (3,) or not np.isfinite(numbers).all():
        raise ValueError(f"{key}={quoted(text)} is not three numbers")
    return numbers


def _number(element: ET.Element | None, key: str, default: float) -> float:
    text = None if element is None else element.get(key)
    number = default if text is None else float(text)
    if np.isnan(number):
        raise ValueError(f"{key} is not a number")
    return number


def _soft(element: ET.Element | None, end: str, default: float) -> float:
    return _number(element, f"soft_{end}_limit", default)


def _check_tree(joints: Mapping[str, DescribedJoint]) -> None:
    parents: dict[str, str] = {}
    for joint in joints.values():
        if joint.child in parents:
            raise FineVLAError(f"link {quoted(joint.child)} has two parents")
        parents[joint.child] = joint.parent
        if joint.mimic is not None and joint.mimic.joint not in joints:
            raise FineVLAError(f"joint {quoted(joint.name)} mimics a joint that is not there")
    rooted: set[str] = set()
    for link in parents:
        path = [link]
        while path[-1] in parents and path[-1] not in rooted:
            path.append(parents[path[-1]])
            if len(path) > len(parents) + 1:
                raise FineVLAError(f"link {quoted(link)} is its own ancestor")
        rooted.update(path)


def _difference(ours: DescribedJoint, theirs: DescribedJoint) -> str:
    """The first thing in which a joint of the same name is another one, as the rest of a sentence; "" if none."""
    for what in ("kind", "parent", "child"):
        if (one := getattr(ours, what)) != (other := getattr(theirs, what)):
            return f"has {what} {quoted(other)}, expected '{one}'"
    off_m = float(np.linalg.norm(ours.translation - theirs.translation))
    off_rad = float((ours.rotation.inv() * theirs.rotation).magnitude())
    if off_m > LENGTH_M or off_rad > ANGLE_RAD:
        return f"is mounted {off_m * 1e3:.1f} mm and {np.degrees(off_rad):.2f} degrees elsewhere"
    if not ours.is_moving:
        return ""
    if np.linalg.norm(ours.axis - theirs.axis) > ANGLE_RAD:
        return f"has axis {_words(theirs.axis)}, expected {_words(ours.axis)}"
    for what in ("lower", "upper", "velocity"):
        one, other = getattr(ours, what), getattr(theirs, what)
        if one != other and not abs(one - other) <= ANGLE_RAD:
            limit = "velocity limit" if what == "velocity" else f"{what} limit"
            return f"has {limit} {other:g}, expected {one:g}"
    if (ours.mimic is None) != (theirs.mimic is None) or (ours.mimic and not _is_same(ours.mimic, theirs.mimic)):
        return f"mimics {_mimicked(theirs.mimic)}, expected {_mimicked(ours.mimic)}"
    return ""


def _is_same(ours: Mimic, theirs: Mimic | None) -> bool:
    if theirs is None or ours.joint != theirs.joint:
        return False
    return max(abs(ours.multiplier - theirs.multiplier), abs(ours.offset - theirs.offset)) <= ANGLE_RAD


def _mimicked(mimic: Mimic | None) -> str:
    return "nothing" if mimic is None else f"{mimic.multiplier:g} * {quoted(mimic.joint)} + {mimic.offset:g}"


def _words(axis: NDArray[np.float64]) -> str:
    return " ".join(f"{number:g}" for number in axis)
