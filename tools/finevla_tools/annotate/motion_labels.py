"""Language-motion labels of InstructVLA: what a tool does next, in few words, in the robot's frame, at any control rate.

InstructVLA looks two frames ahead at 3 Hz; here it is the same time at the data's own rate, with the same thresholds. A label
is told where it changes.
"""

import numpy as np
from numpy.typing import NDArray

from finevla_tools.annotate.gripper_events import coarse
from finevla_tools.annotate.trajectory import ArmTrack, Array, EpisodeTrajectory

AHEAD_S = 2.0 / 3.0
LARGEST_M = (
    0.06  # sum of a displacement's parts: longer ones are scaled down, so that small parts vanish beside large ones
)
ACTIVE = 0.02  # m, rad of the features, share of the gripper's opening
PITCH, YAW = -1.0 / 3.0, 1.0 / 5.0
DWELL_S = 0.2  # a label that lasts less is noise
AXES = (("forward", "backward"), ("left", "right"), ("up", "down"))
STOP = "stop"


def motion_labels(trajectory: EpisodeTrajectory) -> list[tuple[float, str]]:
    """Return `(seconds, text)` at every change; where both arms move each one's words, without those of an arm that stops."""
    arms = {side: track for side, track in trajectory.arms.items() if track.position is not None}
    if not arms:
        return []
    times = coarse(trajectory.times_s, trajectory.times_s)[0]
    each = {side: _of_arm(trajectory.times_s, track) for side, track in arms.items()}
    each = {side: labels for side, labels in each.items() if set(labels) != {STOP}}
    if not each:
        return [(0.0, STOP)]
    found: list[tuple[float, str]] = []
    for row, time_s in enumerate(times):
        said = {side: labels[row] for side, labels in each.items()}
        if len(said) == 1:
            text = next(iter(said.values()))
        else:
            text = "; ".join(f"{side} arm: {one}" for side, one in said.items() if one != STOP) or STOP
        if not found or found[-1][1] != text:
            found.append((float(time_s), text))
    return _without_short(found, float(times[-1]))


def _of_arm(times_s: Array, track: ArmTrack) -> list[str]:
    assert track.position is not None
    t, position = coarse(times_s, track.position)
    last = np.searchsorted(t, t + AHEAD_S).clip(0, len(t) - 1)
    offset = position[last] - position
    total = np.abs(offset).sum(axis=1, keepdims=True)
    offset = offset * np.minimum(1.0, LARGEST_M / np.maximum(total, 1e-9))
    turn: Array = np.zeros((len(t), 2))
    if track.quaternion is not None:
        turn = _pitch_yaw(coarse(times_s, track.quaternion)[1], last)
    closing = np.zeros(len(t))
    if track.opening is not None:
        opening = coarse(times_s, track.opening)[1]
        closing = opening - opening[last]
    ends = t >= t[-1] - 1e-9
    return [STOP if ends[row] else _words(offset[row], turn[row], closing[row]) for row in range(len(t))]


def _pitch_yaw(quaternion: Array, last: NDArray[np.int64]) -> Array:
    """Features of the rotation from each row to its `last` `(T, 2)`: xyz Euler angles, scaled."""
    x, y, z, w = quaternion.T
    a, b, c, d = quaternion[last].T
    # last * conjugate of now
    rx = a * w - d * x - b * z + c * y
    ry = b * w - d * y - c * x + a * z
    rz = c * w - d * z - a * y + b * x
    rw = d * w + a * x + b * y + c * z
    pitch = np.arcsin(np.clip(2 * (rw * ry - rz * rx), -1.0, 1.0))
    yaw = np.arctan2(2 * (rw * rz + rx * ry), 1 - 2 * (ry * ry + rz * rz))
    return np.column_stack([PITCH * pitch, YAW * yaw])


def _words(offset: Array, turn: Array, closing: float) -> str:
    moves = [AXES[axis][int(offset[axis] < 0)] for axis in range(3) if abs(offset[axis]) > ACTIVE]
    parts = ["move " + " ".join(moves)] if moves else []
    if abs(turn[0]) > ACTIVE:
        parts.append("tilt up" if turn[0] > 0 else "tilt down")
    if abs(turn[1]) > ACTIVE:
        parts.append("rotate counterclockwise" if turn[1] > 0 else "rotate clockwise")
    if abs(closing) > ACTIVE:
        parts.append("close gripper" if closing > 0 else "open gripper")
    return ", ".join(parts) or STOP


def _without_short(found: list[tuple[float, str]], end_s: float) -> list[tuple[float, str]]:
    made: list[tuple[float, str]] = []
    for number, (time_s, text) in enumerate(found):
        until_s = found[number + 1][0] if number + 1 < len(found) else end_s
        if made and until_s - time_s < DWELL_S and number + 1 < len(found):
            continue
        if not made or made[-1][1] != text:
            made.append((time_s, text))
    return made
