"""Rotations of trajectories between formats and frames; quaternions are x, y, z, w, euler angles extrinsic xyz (radians).

A source's pose is absolute or a delta in the world's frame from the state of the same moment; a target may also be relative
to the first state (FineVLA's three frames).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted

Array = NDArray[np.float64]
SIZES = {"rotvec": 3, "quat": 4, "wxyz": 4, "euler": 3}  # values of a rotation in each format
FRAMES = ("abs", "delta", "rel")
MIN_NORM = 1e-6  # a shorter quaternion is no rotation that anybody meant


def to_rotation(values: Array, kind: str, where: str) -> Rotation:
    """`values` `(T, 3 or 4)` of the format `kind`; raises `FineVLAError` for what is no rotation."""
    if values.ndim != 2 or values.shape[1] != SIZES[kind]:
        raise FineVLAError(
            f"{where}: a rotation as {kind} has {counted(SIZES[kind], 'value')}, here are {values.shape[-1]}"
        )
    if bad := np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist():
        raise FineVLAError(f"{where}: the rotation of frame {bad[0]} is not finite")
    if kind == "euler":
        return Rotation.from_euler("xyz", values)
    if kind == "rotvec":
        return Rotation.from_rotvec(values)
    if short := np.flatnonzero(np.linalg.norm(values, axis=1) < MIN_NORM).tolist():
        raise FineVLAError(f"{where}: the quaternion of frame {short[0]} is zero")
    return Rotation.from_quat(values if kind == "quat" else values[:, [1, 2, 3, 0]])


def from_rotation(rotation: Rotation, kind: str) -> Array:
    """The inverse of `to_rotation`; signs of quaternions as SciPy gives them."""
    if kind == "euler":
        return np.asarray(rotation.as_euler("xyz"))
    if kind == "rotvec":
        return np.asarray(rotation.as_rotvec())
    quaternion = np.asarray(rotation.as_quat())
    return quaternion if kind == "quat" else quaternion[:, [3, 0, 1, 2]]


def continuous(quaternions: Array, first: Array | None = None) -> Array:
    """The same rotations `(T, 4)` with signs along which nothing jumps, the first one near `first` or with w >= 0."""
    if not len(quaternions):
        return quaternions
    steps = np.sign(np.sum(quaternions[1:] * quaternions[:-1], axis=1))
    begin = np.sign(quaternions[0] @ first) if first is not None else np.sign(quaternions[0, 3])
    signs = np.cumprod(np.where(np.r_[begin, steps] < 0, -1.0, 1.0))
    return np.asarray(quaternions * signs[:, None])


def to_absolute(
    position: Array, rotation: Rotation, state: tuple[Array, Rotation], delta: tuple[bool, bool]
) -> tuple[Array, Rotation]:
    """A source's pose in absolute terms; `delta` says of position and rotation whether they are differences."""
    moved = state[0] + position if delta[0] else position
    return moved, rotation * state[1] if delta[1] else rotation


def from_absolute(
    position: Array, rotation: Rotation, state: tuple[Array, Rotation], frames: tuple[str, str]
) -> tuple[Array, Rotation]:
    """An absolute pose in the frames of position and rotation: `abs`, `delta` from state(t), `rel` to state(0)."""
    first, turned = state[0][:1], state[1][:1].inv()
    found = {"abs": position, "delta": position - state[0], "rel": turned.apply(position - first)}[frames[0]]
    if frames[1] == "abs":
        return found, rotation
    return found, rotation * state[1].inv() if frames[1] == "delta" else turned * rotation


def angle_between(one: Array, other: Array) -> Array:
    """Angles `(T,)` rad, 0 to pi, between rotations given as quaternions; their signs do not matter."""
    first, second = (q / np.maximum(np.linalg.norm(q, axis=1, keepdims=True), MIN_NORM) for q in (one, other))
    # atan2 instead of acos: exact for small angles too
    gap = np.minimum(np.linalg.norm(first - second, axis=1), np.linalg.norm(first + second, axis=1))
    both = np.maximum(np.linalg.norm(first - second, axis=1), np.linalg.norm(first + second, axis=1))
    return np.asarray(4 * np.arctan2(gap, both))
