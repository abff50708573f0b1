"""Where cameras were measured to be: a calibration file, checked, as static transforms.

Two forms are read: our list `transforms:`, and what easy_handeye2 saves (`parameters:` and `transform:`).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError, unknown
from finevla_core.text_files import read_settings

NORM_OFF = 0.01  # a quaternion that was written with four digits is nearer to 1 than this
FARTHEST_M = 10.0  # a camera of a robot is nearer to what it is mounted on; millimetres taken for metres are not
KEYS = ("parent", "child", "xyz", "rpy", "quaternion")
HANDEYE_PARENTS = {"eye_in_hand": "robot_effector_frame", "eye_on_base": "robot_base_frame"}


@dataclass(frozen=True)
class StaticTransform:
    """Pose of the frame `child` in `parent`: metres, and a unit quaternion (x, y, z, w)."""

    parent: str
    child: str
    xyz: tuple[float, ...] = (0.0, 0.0, 0.0)
    quaternion: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0)


def load_extrinsics(path: str | Path, links: Collection[str]) -> tuple[StaticTransform, ...]:
    """Read and check a calibration file; `links` are the URDF's frames.

    A parent must be one of them, or a child of the same file; a child must not: the URDF has placed it already, and a
    frame in two places is in neither. Raises `FineVLAError` that names file and frame.
    """
    raw = read_settings(path, "calibration file")
    try:
        found = _parse(raw)
        _check(found, links)
    except FineVLAError as error:
        raise FineVLAError(f"calibration file '{path}': {error}") from error
    return found


def _parse(raw: Any) -> tuple[StaticTransform, ...]:
    if isinstance(raw, Mapping) and {"parameters", "transform"} <= set(raw):
        return (_from_handeye(raw["parameters"], raw["transform"]),)
    entries = raw.get("transforms") if isinstance(raw, Mapping) else None
    if not isinstance(entries, list) or not entries:
        raise FineVLAError("it needs a list 'transforms:', or to be what easy_handeye2 saved; see docs/cameras.md")
    return tuple(_transform(entry) for entry in entries)


def _transform(entry: Any) -> StaticTransform:
    if not isinstance(entry, Mapping):
        raise FineVLAError(f"a transform must be a mapping with {', '.join(KEYS)}; found {entry!r:.60}")
    if odd := [key for key in entry if key not in KEYS]:
        raise FineVLAError(unknown("entry", odd[0], KEYS))
    parent, child = _frame(entry, "parent"), _frame(entry, "child")
    where = f"frame '{child}'"
    if ("rpy" in entry) == ("quaternion" in entry):
        raise FineVLAError(f"{where}: give either rpy (rad) or quaternion (x, y, z, w)")
    xyz = _numbers(entry.get("xyz"), 3, f"{where}: xyz")
    if "rpy" in entry:
        turn = _from_rpy(_numbers(entry["rpy"], 3, f"{where}: rpy"))
    else:
        turn = _numbers(entry["quaternion"], 4, f"{where}: quaternion")
    return _checked(StaticTransform(parent, child, xyz, turn))


def _from_handeye(parameters: Any, transform: Any) -> StaticTransform:
    kind = parameters.get("calibration_type") if isinstance(parameters, Mapping) else None
    if kind not in HANDEYE_PARENTS:
        raise FineVLAError(f"parameters.calibration_type is '{kind}'; known are {', '.join(HANDEYE_PARENTS)}")
    parent, child = _frame(parameters, HANDEYE_PARENTS[kind]), _frame(parameters, "tracking_base_frame")
    parts = [transform.get(key) if isinstance(transform, Mapping) else None for key in ("translation", "rotation")]
    values = [
        [part.get(axis) if isinstance(part, Mapping) else None for axis in axes]
        for part, axes in zip(parts, ("xyz", "xyzw"), strict=True)
    ]
    xyz = _numbers(values[0], 3, "transform.translation")
    return _checked(StaticTransform(parent, child, xyz, _numbers(values[1], 4, "transform.rotation")))


def _frame(entry: Mapping[str, Any], key: str) -> str:
    name = entry.get(key)
    if not isinstance(name, str) or not name or name.startswith("/") or any(c.isspace() for c in name):
        raise FineVLAError(f"'{key}' is {name!r:.60}; it must be the name of a frame, without a slash in front")
    return name


def _numbers(given: Any, count: int, what: str) -> tuple[float, ...]:
    values = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else []
    is_good = len(values) == count and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if not is_good or not all(math.isfinite(v) for v in values):
        raise FineVLAError(f"{what} must be {count} finite numbers, found {given!r:.60}")
    return tuple(map(float, values))


def _checked(given: StaticTransform) -> StaticTransform:
    where, norm = f"frame '{given.child}'", math.hypot(*given.quaternion)
    if abs(norm - 1.0) > NORM_OFF:
        raise FineVLAError(
            f"{where}: the quaternion's length is {norm:.3f}, it must be 1; are its numbers in the order x, y, z, w?"
        )
    if (far := math.hypot(*given.xyz)) > FARTHEST_M:
        raise FineVLAError(f"{where} lies {far:.1f} m from '{given.parent}'; xyz must be in metres")
    if given.child == given.parent:
        raise FineVLAError(f"{where} is its own parent")
    return StaticTransform(given.parent, given.child, given.xyz, tuple(q / norm for q in given.quaternion))


def _check(found: Sequence[StaticTransform], links: Collection[str]) -> None:
    children = [transform.child for transform in found]
    for transform in found:
        if transform.child in links:
            raise FineVLAError(
                f"frame '{transform.child}' has its place from the URDF already; name the frame that the driver's "
                "pictures carry (camera_NAME_color_optical_frame), or change the URDF"
            )
        if children.count(transform.child) > 1:
            raise FineVLAError(f"frame '{transform.child}' is placed twice")
        if transform.parent not in links and transform.parent not in children:
            raise FineVLAError(f"frame '{transform.child}': {unknown('parent frame', transform.parent, sorted(links))}")
    parents = {transform.child: transform.parent for transform in found}
    for child in children:
        at, steps = child, 0
        while at in parents and steps <= len(parents):
            at, steps = parents[at], steps + 1
        if at in parents:
            raise FineVLAError(f"frame '{child}' hangs on itself in a circle")


def _from_rpy(rpy: Sequence[float]) -> tuple[float, ...]:
    """The URDF's convention: roll about x, then pitch about y, then yaw about z, all of the parent's axes."""
    (sr, sp, sy), (cr, cp, cy) = ([f(angle / 2) for angle in rpy] for f in (math.sin, math.cos))
    return (
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
        cr * cp * cy + sr * sp * sy,
    )
