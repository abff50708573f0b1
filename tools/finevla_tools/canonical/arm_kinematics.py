"""End-effector poses from joints: pose of the arm's tip in the arm's own base frame, by the robot file's URDF."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError, unknown
from finevla_core.plural_phrases import counted
from finevla_core.urdf import UrdfLimits, expand, joint_limits
from finevla_tools.canonical.field_map import FieldMap, Forward
from finevla_tools.canonical.rotations import Array
from finevla_tools.canonical.unified_values import ForwardKinematics

ROBOTS = "robots"


def config_folder(kind: str) -> Path:
    """`config/<kind>` of the installed share folder or, in a source checkout, of the tree."""
    places = [Path(p) / "share" / "finevla" for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    for place in [*places, *Path(__file__).resolve().parents]:
        if (found := place / "config" / kind).is_dir():
            return found
    raise FineVLAError(f"config/{kind} is not found; run '. install/setup.bash' first")


@cache
def load_robot(name: str) -> tuple[Embodiment, Path]:
    """A robot file by its name, and its URDF's path; `name` may be a path."""
    path = Path(name) if "/" in name else config_folder(ROBOTS) / f"{name}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        raise FineVLAError(unknown("robot", name, known) if known else f"robot file '{name}' does not exist")
    robot = load_embodiment(path)
    return robot, path.resolve().parents[2] / robot.urdf


@cache
def limits(name: str) -> tuple[tuple[str, ...], UrdfLimits]:
    """Names of a robot's values, and their limits in units of the values (grippers 0...1)."""
    robot, urdf = load_robot(name)
    found = joint_limits(expand(urdf), robot.joints)
    bounds = np.sort(robot.to_values(np.stack([found.lower, found.upper])), axis=0)
    scale = np.array([abs(v.one - v.zero) for v in robot.values])
    return robot.names, UrdfLimits(bounds[0], bounds[1], found.velocity / scale)


def forward_of(fields: FieldMap) -> Mapping[str, ForwardKinematics]:
    """The map's computed slots, each a function of the arm's joints."""
    return {way.slot: _ForwardKinematics(fields.robot, way) for way in fields.forward}


class _ForwardKinematics:
    """Joints `(T, J)` rad to position (m) and quaternion `(T, 7)` of the tip in the base frame."""

    def __init__(self, robot: str, way: Forward) -> None:
        from finevla_core.kinematics import Kinematics

        self._way = way
        self._model = Kinematics(expand(load_robot(robot)[1]), way.joints)
        at_rest = np.zeros(len(way.joints))
        base = self._model.frame_pose(at_rest, way.base)
        moved = self._model.frame_pose(at_rest + 0.1, way.base)
        if not np.array_equal(base, moved):
            raise FineVLAError(
                f"forward_kinematics.{way.slot}: base '{way.base}' moves with the joints; take a fixed frame"
            )
        self._to_base = np.linalg.inv(base)

    def __call__(self, joints: Array) -> Array:
        way = self._way
        if joints.shape[1] < len(way.joints):
            raise FineVLAError(
                f"{way.slot} needs {counted(len(way.joints), 'joint')}, the data set has {joints.shape[1]}"
            )
        if not np.isfinite(joints).all():
            raise FineVLAError(f"{way.slot}: joints contain NaN or infinity")
        poses = np.array([self._model.frame_pose(q, way.tip) for q in joints[:, : len(way.joints)]]).reshape(-1, 4, 4)
        poses = self._to_base @ poses
        turned = Rotation.from_matrix(poses[:, :3, :3]).as_quat() if len(poses) else np.zeros((0, 4))
        return np.concatenate([poses[:, :3, 3], turned], axis=1)
