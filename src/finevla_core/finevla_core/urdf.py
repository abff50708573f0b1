"""The URDF as text (xacro expanded) and the limits it states: the one source of kinematics and hard limits."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xacro
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError


@dataclass(frozen=True)
class UrdfLimits:
    """Limits of D joints in their own units (rad or m, rad/s or m/s), each `(D,)` float64."""

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    velocity: NDArray[np.float64]


def expand(path: str | Path, **arguments: str) -> str:
    """The URDF text of a xacro file; raises `FineVLAError` naming the file."""
    path = Path(path)
    if not path.is_file():
        raise FineVLAError(f"URDF '{path}' does not exist; check 'urdf' in the robot file")
    try:
        return str(xacro.process_file(str(path), mappings=arguments).toxml())
    except Exception as error:  # xacro has no common base class for its errors
        raise FineVLAError(f"URDF '{path}' cannot be expanded: {error}") from error


def link_names(urdf: str) -> frozenset[str]:
    """Names of all links: the frames that robot_state_publisher places."""
    return frozenset(str(link.get("name")) for link in ET.fromstring(urdf).findall("link"))


def joint_limits(urdf: str, joints: Sequence[str]) -> UrdfLimits:
    """Limits of the named joints, in that order; a joint that is missing or has no limits is refused by name."""
    found = {joint.get("name"): joint.find("limit") for joint in ET.fromstring(urdf).iter("joint") if joint.get("type")}
    rows = []
    for name in joints:
        if name not in found:
            raise FineVLAError(f"joint '{name}' of the robot file is not in the URDF")
        limit = found[name]
        values = [limit.get(key) if limit is not None else None for key in ("lower", "upper", "velocity")]
        if any(value is None for value in values):
            raise FineVLAError(f"joint '{name}' has no complete <limit> (lower, upper, velocity) in the URDF")
        rows.append([float(value) for value in values if value is not None])
    table = np.array(rows).reshape(-1, 3)
    return UrdfLimits(table[:, 0], table[:, 1], table[:, 2])
