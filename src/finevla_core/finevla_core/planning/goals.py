"""What an operator asks for, as values: a pose by name, values by name, or a pose of a gripper; checked at this door."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError, unknown


def goal_values(
    embodiment: Embodiment, start: NDArray[np.float64], pose_name: str, names: Sequence[str], values: Sequence[float]
) -> NDArray[np.float64]:
    """`start` `(D,)` with the named pose's values, then those of `names`; raises `FineVLAError` for what is not there."""
    if len(names) != len(values):
        raise FineVLAError(f"there are {len(names)} names and {len(values)} values; give one value for each name")
    if not pose_name and not names:
        raise FineVLAError("say where to go: a pose by name, values by name, or a frame and its pose")
    goal = embodiment.moved(start, pose_name) if pose_name else np.array(start, np.float64)
    for name, number in zip(names, values, strict=True):
        if name not in embodiment.names:
            raise FineVLAError(unknown("value", name, embodiment.names))
        if names.count(name) > 1:
            raise FineVLAError(f"'{name}' is given twice")
        goal[embodiment.names.index(name)] = number
    return goal


def pose_matrix(position: Sequence[float], quaternion: Sequence[float]) -> NDArray[np.float64]:
    """`(4, 4)` of a position (metres) and a quaternion x, y, z, w; raises `FineVLAError` if it is none."""
    p, q = np.array(position, np.float64), np.array(quaternion, np.float64)
    if not np.isfinite([*p, *q]).all():
        raise FineVLAError("the pose is not finite")
    length = float(np.linalg.norm(q))
    if not 0.9 < length < 1.1:
        raise FineVLAError(f"the pose's orientation is no quaternion: its length is {length:.2f}, not 1")
    from scipy.spatial.transform import Rotation  # slow to load, and few motions are to poses

    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_quat(q).as_matrix()
    pose[:3, 3] = p
    return pose
