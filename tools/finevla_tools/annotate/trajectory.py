"""What motion facts are made of: of each arm its tool's poses, its joints and its gripper's opening, at the data's own rate."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_tools.canonical.layout import SLOTS
from finevla_tools.canonical.unified_values import Unified
from finevla_tools.datasets.frame_times import OFF_RATE

Array = NDArray[np.float64]
ARMS = ("left", "right")
MAX_UNKNOWN = 0.2  # share of rows with NaN or infinity: of more, the column is not known


@dataclass(frozen=True)
class ArmTrack:
    """One arm: `joints` (T, J) rad, `position` (T, 3) m and `quaternion` (T, 4) x y z w of its tool, x forward, y left, z up.

    `opening` and `command` (T,) are what the gripper measures and is told, 0 closed to 1 open. None is what is not known.
    `tool_axes`: whether the pose is of a tool point whose z axis points where the fingers do and whose y axis is theirs.
    """

    joints: Array | None = None
    position: Array | None = None
    quaternion: Array | None = None
    opening: Array | None = None
    command: Array | None = None
    tool_axes: bool = False

    @property
    def is_known(self) -> bool:
        """Whether anything is known of the arm."""
        return any(part is not None for part in (self.joints, self.position, self.opening))


@dataclass(frozen=True)
class EpisodeTrajectory:
    """One episode: `times_s` (T,) from 0, rising, and its arms by side; `is_shared` says if all poses are in one frame.

    `clock` is a sentence where times are not what the data set says of its rate (`clock_doubt`).
    """

    episode: int
    times_s: Array
    arms: Mapping[str, ArmTrack]
    is_shared: bool = False
    clock: str = ""

    @property
    def end_s(self) -> float:
        """Time of the last frame."""
        return float(self.times_s[-1])


def trajectory_of(
    unified: Unified, episode: int, times_s: Array, tool_axes: frozenset[str] = frozenset(), is_shared: bool = False
) -> EpisodeTrajectory:
    """Take an episode's arms out of its 80 values; `tool_axes` names the arms whose poses are of our own tool points.

    Raises `FineVLAError` for an episode without rows, or in which nothing of any arm is known.
    """
    if not len(unified.state):
        raise FineVLAError(f"episode {episode} has no rows; leave it out of the data set")
    with np.errstate(invalid="ignore"):
        arms = {side: _arm(unified, side, side in tool_axes) for side in ARMS}
    known = {side: arm for side, arm in arms.items() if arm.is_known}
    if not known:
        raise FineVLAError(f"episode {episode}: no joints, poses or grippers are known; say by --map where they are")
    return EpisodeTrajectory(episode, times_s, known, is_shared)


def times_of(stamps: Array | None, frames: int, fps: float) -> Array:
    """Seconds from the first frame `(T,)`: by the data's own time stamps where they rise, else by the rate."""
    if stamps is not None and len(stamps) == frames and np.isfinite(stamps).all() and (np.diff(stamps) > 0).all():
        return np.asarray(stamps - stamps[0], np.float64)
    return np.arange(frames) / fps


def clock_doubt(stamps: Array | None, frames: int, fps: float) -> str:
    """Return a sentence where an episode's time stamps cannot be used, or run at another rate than `fps`; else nothing."""
    if stamps is None or frames < 2:
        return ""
    if len(stamps) != frames or not np.isfinite(stamps).all() or not (np.diff(stamps) > 0).all():
        return f"its time stamps do not rise from frame to frame; times are counted at {fps:g} frames a second instead"
    rate = 1.0 / float(np.median(np.diff(stamps)))
    if abs(rate / fps - 1.0) > OFF_RATE:
        return (
            f"its time stamps run at {rate:.3g} frames a second, the data set says {fps:g}; times are the stamps', "
            f"0 to {float(stamps[-1] - stamps[0]):.4g} s"
        )
    return ""


def _arm(unified: Unified, side: str, tool_axes: bool) -> ArmTrack:
    pose = _slot(unified.state, unified.mask_state, f"{side}_eef")
    pose = None if pose is None or pose.shape[1] < 7 else filled(pose[:, :7])
    opening = _slot(unified.state, unified.mask_state, f"{side}_gripper")
    command = _slot(unified.action, unified.mask_action, f"{side}_gripper")
    joints = _slot(unified.state, unified.mask_state, f"{side}_joint")
    return ArmTrack(
        joints=None if joints is None else filled(joints),
        position=None if pose is None else pose[:, :3],
        quaternion=None if pose is None else _unit(pose[:, 3:]),
        opening=_first(opening),
        command=_first(command),
        tool_axes=tool_axes,
    )


def _slot(values: Array, mask: NDArray[np.bool_], name: str) -> Array | None:
    slot = SLOTS[name]
    columns = np.flatnonzero(mask[slot.start : slot.stop]) + slot.start
    return values[:, columns] if len(columns) else None


def _first(values: Array | None) -> Array | None:
    made = None if values is None else filled(values)
    return None if made is None else made[:, 0]


def filled(values: Array) -> Array | None:
    """The rows `(T, D)` with those that are NaN or infinite between their neighbours; None if too many are."""
    good = np.isfinite(values).all(axis=1)
    if good.all():
        return values
    if not good.any() or (~good).mean() > MAX_UNKNOWN:
        return None
    rows = np.arange(len(values))
    return np.column_stack([np.interp(rows, rows[good], column[good]) for column in values.T])


def _unit(quaternion: Array) -> Array | None:
    """Unit length, without jumps of sign; None where a row says no rotation."""
    norm = np.linalg.norm(quaternion, axis=1, keepdims=True)
    if (norm < 0.5).any():
        return None
    made: Array = quaternion / norm
    flips = np.cumprod(np.where((made[1:] * made[:-1]).sum(axis=1) < 0, -1.0, 1.0))
    made[1:] *= flips[:, None]
    return made
