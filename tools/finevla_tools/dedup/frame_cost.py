"""What two frames cost, and trajectories made ready for it: checked, scaled over their group, laid out for the kernel.

FineVLA's frame cost: `w_pos |dx| + w_rot angle + w_grip |dg|` for tool poses, `w_pos |dq| + w_grip |dg|` for joints.
With two arms a pair of frames costs the sum over the arms, so that both are aligned as one motion.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted

VERSION = 1  # counted up when a distance changes: what was stored under another one is computed again
SPACES = ("eef", "joint")
EEF_VALUES = 8  # of an arm: x y z, qx qy qz qw, gripper
MIN_RANGE = 1e-12  # FineVLA's: a dimension that does not move is not scaled
MIN_NORM = 1e-6  # a shorter quaternion is no rotation that anybody meant
MAX_WEIGHT = 1e6
MAX_VALUE = 1e9  # of what the kernel sees: its square is far inside float32
Values = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True)
class PoseTrajectory:
    """One motion, `values` `(T, A, D)` of A arms.

    Space `eef`: D = 8, x y z (m, in the robot's base frame), quaternion x y z w, gripper.
    Space `joint`: joints (rad), gripper last.
    """

    id: str
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """Everything that changes a distance.

    `scale` divides each dimension by its range over the group; `band` is Sakoe and Chiba's in frames, |i - j| at most
    `max(band, |N - M|)`; `two_stage` aligns without the gripper and then adds its difference along that path;
    `normalize` divides by the path's length. `mirror` takes a motion and its mirror image by the other arm as alike:
    the smaller of both distances, the image being taken in the base frame's x-z plane (y to the left, REP 103).
    `compat` is FineVLA's own distance in float64 with its oddities (`finevla_distance.py` lists them).
    """

    space: str = "eef"
    w_pos: float = 1.0
    w_rot: float = 1.0
    w_grip: float = 100.0
    scale: bool = True
    two_stage: bool = True
    band: int | None = None
    normalize: bool = True
    mirror: bool = False
    compat: bool = False

    def __post_init__(self) -> None:
        if self.space not in SPACES:
            raise FineVLAError(f"space '{self.space}' is none of {', '.join(SPACES)}")
        for name in ("w_pos", "w_rot", "w_grip"):
            if not (math.isfinite(weight := getattr(self, name)) and 0 <= weight <= MAX_WEIGHT):
                raise FineVLAError(f"{name} is {weight}: a weight is a number from 0 to {MAX_WEIGHT:g}")
        if not self.w_pos and not (self.space == "eef" and self.w_rot) and not self.w_grip:
            raise FineVLAError("all weights are 0: every distance would be 0 - give one of them a value")
        if self.band is not None and (isinstance(self.band, bool) or self.band != int(self.band) or self.band < 1):
            raise FineVLAError(f"band is {self.band}: it is a whole number of frames, at least 1, or left out")
        if self.mirror and self.space == "joint":
            raise FineVLAError(
                "mirror images are known of tool poses, not of joints: use space eef, or leave mirror out"
            )
        if self.mirror and self.compat:
            raise FineVLAError("FineVLA's distance knows no mirror images: leave out either mirror or compat")

    def key(self) -> str:
        """The same for the same distances, on every machine: under it they are stored."""
        values = [float(v) if isinstance(v, Real) and not isinstance(v, bool) else v for v in astuple(self)]
        return hashlib.sha256(repr((VERSION, values)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Prepared:
    """A group of N trajectories as the kernel reads them; made by `prepare`.

    `values` is flat; trajectory n lies at `offsets[n]` as `(A * D, lengths[n])`, one row a dimension, see `of`.
    By default values are float32, scaled, shifted to start at 0 and multiplied by `w_pos` and `w_grip`, quaternions of
    norm 1 and without jumps of sign, so that `weights` (of position, rotation, gripper; still to be applied) are
    `(1, w_rot, 1)`. With `compat` they are float64, only scaled, and `weights` are the measure's.
    `mirrored` are the mirror images in the same layout, empty unless the measure wants them.
    """

    measure: Metric
    ids: tuple[str, ...]
    lengths: NDArray[np.int64]
    offsets: NDArray[np.int64]
    arms: int
    dims: int
    weights: tuple[float, float, float]
    values: Values
    mirrored: Values

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, n: int, mirrored: bool = False) -> Values:
        """Trajectory n as `(A, D, T)`, a view."""
        flat = self.mirrored if mirrored else self.values
        size = self.arms * self.dims * int(self.lengths[n])
        return flat[self.offsets[n] : self.offsets[n] + size].reshape(self.arms, self.dims, -1)


def prepare(trajectories: Sequence[PoseTrajectory], measure: Metric) -> Prepared:
    """The group of `trajectories`: distances are between members of one group, whose ranges scale them.

    Raises `FineVLAError` for what cannot be compared: fewer than two frames, values that are not finite, a quaternion of
    zero, arms or dimensions unlike the first one's, an id twice.
    """
    if not trajectories:
        raise FineVLAError("no trajectory to compare: give at least one")
    shape = trajectories[0].values.shape[1:]
    for one in trajectories:
        _check(one, shape, trajectories[0].id, measure)
    ids = tuple(one.id for one in trajectories)
    if len(set(ids)) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise FineVLAError(f"trajectory '{twice}' is in the group twice: every id must be its own")
    arms, dims = shape
    lower, span = _bounds(trajectories, measure)
    folded = np.ones(dims)
    if not measure.compat:
        folded[: 3 if measure.space == "eef" else -1] = measure.w_pos
        folded[-1] = measure.w_grip
    lengths = np.array([len(one.values) for one in trajectories], np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths[:-1] * arms * dims)]).astype(np.int64)
    total = int(lengths.sum()) * arms * dims
    values: Values = np.zeros(total, np.float64) if measure.compat else np.zeros(total, np.float32)
    mirrored = np.zeros_like(values[: total if measure.mirror else 0])
    for one, at in zip(trajectories, offsets.tolist(), strict=True):
        for target, image in ((values, False), (mirrored, True)) if measure.mirror else ((values, False),):
            rows = _laid_out(mirror_image(one.values) if image else one.values, measure, lower, span, folded)
            if np.abs(rows).max() > MAX_VALUE:
                raise FineVLAError(
                    f"trajectory '{one.id}': values beyond {MAX_VALUE:g} times their unit are no motion: look at the data"
                )
            target[at : at + rows.size] = rows.ravel()
    weights = (measure.w_pos, measure.w_rot, measure.w_grip) if measure.compat else (1.0, measure.w_rot, 1.0)
    return Prepared(measure, ids, lengths, offsets, arms, dims, weights, values, mirrored)


def mirror_image(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same motion `(T, A, 8)` by the other arm: arms exchanged, reflected in the base frame's x-z plane.

    A rotation R becomes S R S with S = diag(1, -1, 1): as if the tool's own frame were symmetric to its x-z plane.
    """
    return np.asarray(values[:, ::-1] * np.array([1, -1, 1, -1, 1, -1, 1, 1.0]))


def _check(one: PoseTrajectory, shape: tuple[int, ...], first: str, measure: Metric) -> None:
    values, where = one.values, f"trajectory '{one.id}'"
    if values.ndim != 3 or not values.shape[1] or values.shape[2] < 2:
        raise FineVLAError(f"{where}: values have the shape {values.shape}, expected are frames, arms, dimensions")
    if measure.space == "eef" and values.shape[2] != EEF_VALUES:
        raise FineVLAError(
            f"{where}: a tool pose with gripper has {counted(EEF_VALUES, 'value')}, here are {values.shape[2]}"
        )
    if values.shape[1:] != shape:
        raise FineVLAError(
            f"{where} has {values.shape[1]} arms of {counted(values.shape[2], 'value')}, '{first}' has "
            f"{shape[0]} of {shape[1]}: "
            "compare what has the same arms"
        )
    if len(values) < 2:
        raise FineVLAError(f"{where} has {counted(len(values), 'frame')}: at least two make a motion")
    if not (finite := np.isfinite(values).all(axis=(1, 2))).all():
        raise FineVLAError(f"{where}: frame {int(np.argmin(finite))} is not finite")
    if measure.space == "eef":
        norms = np.linalg.norm(values[:, :, 3:7], axis=2).min(axis=1)
        if (short := norms < MIN_NORM).any():
            raise FineVLAError(f"{where}: the quaternion of frame {int(np.argmax(short))} is zero")


def _bounds(trajectories: Sequence[PoseTrajectory], measure: Metric) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest values `(A, D)` over the group and what to divide by, FineVLA's min-max scaling; quaternions stay."""
    ends = [(one.values.min(axis=0), one.values.max(axis=0)) for one in trajectories]
    if measure.mirror:  # of the images too: else a pair and its mirrored pair would not be equally far apart
        images = [mirror_image(np.stack(pair)) for pair in ends]
        ends += [(image.min(axis=0), image.max(axis=0)) for image in images]
    lower = np.min([low for low, _ in ends], axis=0)
    span = np.max([high for _, high in ends], axis=0) - lower
    span[span < MIN_RANGE] = 1.0
    if not measure.scale or len(trajectories) < 2:
        if measure.compat:
            lower[:] = 0.0
        span[:] = 1.0
    if measure.space == "eef":
        lower[:, 3:7], span[:, 3:7] = 0.0, 1.0
    return lower, span


def _laid_out(
    values: NDArray[np.float64],
    measure: Metric,
    lower: NDArray[np.float64],
    span: NDArray[np.float64],
    folded: NDArray[np.float64],
) -> NDArray[np.float64]:
    """`(A * D, T)` of `(T, A, D)`."""
    scaled = (values - lower) / span
    if measure.space == "eef" and not measure.compat:
        scaled[:, :, 3:7] = _upright(scaled[:, :, 3:7])
    return np.asarray((scaled * folded).reshape(len(values), -1).T)


def _upright(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(T, A, 4)` of norm 1, beginning with w >= 0, each one nearest to the one before."""
    unit = quaternions / np.linalg.norm(quaternions, axis=2, keepdims=True)
    turns = np.concatenate([unit[:1, :, 3], np.sum(unit[1:] * unit[:-1], axis=2)])
    return np.asarray(unit * np.cumprod(np.where(turns < 0, -1.0, 1.0), axis=0)[:, :, None])
