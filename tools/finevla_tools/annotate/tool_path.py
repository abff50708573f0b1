"""What a tool's path says: whence it came, where it carried something, how it turned. Robot frame: x forward, y left, z up."""

from dataclasses import dataclass

import numpy as np

from finevla_tools.annotate.trajectory import Array

CLOSE_IN_M = 0.06  # the side is read off where the tool comes within this of the point of contact
STRAIGHT_DOWN_M = 0.018  # beside the point by less: from the top
WORTH_M = 0.03  # of a carry's parts along the axes, those are told that are longer
SHARE = 0.35  # of the longest part
LIFT_M = 0.004  # above the place of the grasp: lifted
LIFTED_M = 0.02  # a hold that rises less is no lift
NEARLY = 0.85  # of the rise: lifted up
OVER_M = 0.045  # the path's top above both its ends: in an arc, over what is between them
ROUND_M, ROUND = 0.05, 0.2  # sideways off the straight line, and as a share of its length: round something
TURN_RAD = 0.3
TURN_STAYS_M = 0.06  # a turn in place: the tool goes less far than this meanwhile
UNSURE_RAD = np.pi / 12


@dataclass(frozen=True)
class ToolApproach:
    """The side that the tool came from, with how sure that is, and its tilt from straight down (None: not known)."""

    side: str
    confidence: float
    tilt_rad: float | None
    fingers: str = ""


@dataclass(frozen=True)
class Carry:
    """How something was moved from grasp to release: `offset_m` (3,), its words, the rise above either end and the path."""

    offset_m: tuple[float, float, float]
    direction: str
    extent_m: float
    lift_m: float
    lower_m: float
    shape: str
    shape_confidence: float


@dataclass(frozen=True)
class ToolTurn:
    """A rotation about the vertical, counterclockwise positive seen from above, and whether the tool stayed in place."""

    angle_rad: float
    from_s: float
    to_s: float
    confidence: float

    @property
    def sense(self) -> str:
        """The word for its sense of turning."""
        return "counterclockwise" if self.angle_rad > 0 else "clockwise"


def approach(position: Array, quaternion: Array | None, at: int, tool_axes: bool) -> ToolApproach:
    """Return where the tool came from before frame `at`, the contact's."""
    offset = position[: at + 1] - position[at]
    away = np.sqrt((offset**2).sum(axis=1))
    outside = np.flatnonzero(away > CLOSE_IN_M)
    entry = offset[outside[-1]] if len(outside) else offset[0]
    entry = entry * min(1.0, CLOSE_IN_M / max(float(np.linalg.norm(entry)), 1e-9))
    x, y = float(entry[0]), float(entry[1])
    beside = float(np.hypot(x, y))
    if beside < STRAIGHT_DOWN_M:
        side = "top" if entry[2] > 0 else "below"
    elif abs(y) > abs(x):
        side = "left" if y > 0 else "right"
    else:
        side = "front" if x > 0 else "back"
    margin = min(abs(beside - STRAIGHT_DOWN_M) / 0.01, 1.0)
    if side not in ("top", "below"):
        margin = min(margin, abs(abs(y) - abs(x)) / 0.01)
    tilt, fingers = None, ""
    if tool_axes and quaternion is not None:
        down, across = _axis(quaternion[at], 2), _axis(quaternion[at], 1)
        tilt = float(np.arccos(np.clip(-down[2], -1.0, 1.0)))
        fingers = "left and right side" if abs(across[1]) > abs(across[0]) else "front and back"
    return ToolApproach(side, 0.6 + 0.39 * min(margin, 1.0), tilt, fingers)


def carry(position: Array, begin: int, end: int) -> Carry:
    """Return how the tool went from frame `begin`, where it grasped, to frame `end`, where it let go."""
    path = position[begin : end + 1]
    offset = path[-1] - path[0]
    top = float(path[:, 2].max())
    rise = top - float(max(path[0, 2], path[-1, 2]))
    chord = float(np.hypot(offset[0], offset[1]))
    beside = 0.0
    if chord > 0.02:
        normal = np.array([-offset[1], offset[0]]) / chord
        beside = float(np.abs((path[:, :2] - path[0, :2]) @ normal).max())
    if rise > OVER_M and chord > WORTH_M:
        shape, margin = "over", (rise - OVER_M) / 0.05
    elif beside > max(ROUND_M, ROUND * chord) and chord > WORTH_M:
        shape, margin = "round", (beside - ROUND_M) / 0.05
    elif chord > WORTH_M:
        shape, margin = "straight", min((OVER_M - rise) / 0.05, (max(ROUND_M, ROUND * chord) - beside) / 0.05)
    else:
        shape, margin = "", 0.0
    return Carry(
        (float(offset[0]), float(offset[1]), float(offset[2])),
        direction(offset),
        float(np.linalg.norm(offset)),
        top - float(path[0, 2]),
        top - float(path[-1, 2]),
        shape,
        0.5 + 0.4 * float(np.clip(margin, 0.0, 1.0)),
    )


def direction(offset: Array) -> str:
    """Return the words for a displacement `(3,)`, the longest part first; empty if it is next to nothing."""
    least = max(WORTH_M, SHARE * float(np.abs(offset).max()))
    words = []
    for axis in np.argsort(-np.abs(offset)):
        if abs(offset[axis]) >= least:
            words.append((("forward", "backward"), ("to the left", "to the right"), ("up", "down"))[axis][
                int(offset[axis] < 0)])  # fmt: skip
    return " and ".join(words)


def yaw_of(quaternion: Array) -> Array:
    """How far a frame has turned about the vertical since the first row, rad `(T,)`, summed up step by step."""
    x, y, z, w = quaternion.T
    now, then = slice(1, None), slice(None, -1)
    # the z and w parts of (now * conjugate of then)
    turn_z = z[now] * w[then] - w[now] * z[then] - x[now] * y[then] + y[now] * x[then]
    turn_w = w[now] * w[then] + x[now] * x[then] + y[now] * y[then] + z[now] * z[then]
    steps = 2.0 * np.arctan2(turn_z, np.abs(turn_w)) * np.where(turn_w < 0, -1.0, 1.0)
    return np.concatenate([[0.0], np.cumsum(steps)])


def turn_in_place(times_s: Array, position: Array, yaw: Array, begin: int, end: int) -> ToolTurn | None:
    """Return the rotation between two frames if the tool turned and hardly went anywhere; None if not."""
    if end - begin < 1:
        return None
    part = yaw[begin : end + 1]
    angle = float(part[-1] - part[0])
    gone = np.sqrt(((position[begin : end + 1] - position[begin]) ** 2).sum(axis=1))
    if abs(angle) < TURN_RAD or float(gone.max()) > TURN_STAYS_M:
        return None
    share = (part - part[0]) / angle
    first, last = int(np.flatnonzero(share > 0.05)[0]), int(np.flatnonzero(share < 0.95)[-1])
    sure = 0.7 + 0.29 * min((abs(angle) - TURN_RAD) / (2 * UNSURE_RAD), 1.0)
    return ToolTurn(
        angle, float(times_s[begin + max(first - 1, 0)]), float(times_s[begin + min(last + 1, end - begin)]), sure
    )


def lift_frames(height: Array, begin: int, end: int) -> tuple[int, int, int] | None:
    """Frames at which a hold from `begin` to `end` leaves its place, is up, and goes down again; None if it is no lift."""
    part = height[begin : end + 1]
    low = float(part[: max(2, int(part.argmax()))].min())
    rise = float(part.max()) - low
    if rise < LIFTED_M:
        return None
    up = int(np.flatnonzero(part > low + NEARLY * rise)[0])
    still = np.flatnonzero(part[: up + 1] <= low + LIFT_M)
    leaves = int(still[-1]) + 1 if len(still) else 0
    fall = float(part.max() - part[-1])
    lowers = len(part) - 1
    if fall > LIFTED_M:
        lowers = int(np.flatnonzero(part > part[-1] + NEARLY * fall)[-1])
    return begin + min(leaves, up), begin + up, begin + max(lowers, up)


def _axis(quaternion: Array, axis: int) -> Array:
    x, y, z, w = quaternion
    columns = (
        (1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)),
        (2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)),
        (2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y)),
    )
    return np.array(columns[axis])
