"""Checks of an episode: plain functions on its arrays, NaN-safe, without files.

A check gives a number per episode (and camera) with a place and words for the reason. Whether the number is bad is
decided later, by comparison with the other episodes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Check:
    """Definition of a check. A value beyond `fixed` is flagged; without it, one beyond the usual range of the data.

    The usual range is `median ± k * max(1.4826 * MAD, spread)` on the scale (for a "log" scale `spread` is a share: 0.1
    = 10 %); a value on the good side of `harmless` is never flagged. A check with `notes` is shown but drops no
    episode.
    """

    name: str
    looks_for: str
    unit: str
    is_low_bad: bool = False
    fixed: float | None = None
    scale: str = "linear"
    spread: float = 0.0
    harmless: float | None = None
    notes: bool = False
    needs_video: bool = False


CHECKS = {
    check.name: check
    for check in (
        Check("corrupt", "files that cannot be read", "faults", fixed=0),
        Check("length", "rows that are not as many as the metadata say", "rows", fixed=0),
        Check("frames", "very short episodes", "frames", is_low_bad=True, scale="log", spread=0.15),
        Check("task", "no task in words", "texts", is_low_bad=True, fixed=1),
        Check("finite", "NaN or infinity", "values", fixed=0),
        Check(
            "divergence", "actions that the state does not follow", "of the range", scale="log", spread=0.15, harmless=0.1
        ),
        Check("twin", "the same numbers as an earlier episode", "twins", fixed=0),
        Check("held_frames", "frames that repeat the one before amid motion", "share", fixed=0.05),
        Check("frozen_state", "a state that stays bit for bit the same while commanded elsewhere", "s", fixed=0.5),
        Check("time_order", "timestamps that do not grow", "steps", fixed=0),
        Check("time_jitter", "uneven timestamps (95 % of steps are better)", "of a step", fixed=0.2),
        Check("time_gap", "gaps between timestamps", "steps", fixed=1.5),
        Check("joint_jump", "states faster than the robot can be", "of the speed limit", fixed=1.05),
        Check(
            "state_jump", "unusually large steps, where no speed limits are known", "of the usual speed",
            scale="log", spread=0.2, harmless=5,
        ),
        Check(
            "action_jump", "commanded steps that are unusually large", "of the speed", scale="log", spread=0.2, harmless=5
        ),
        Check("limits", "positions beyond the joints' limits", "rad", fixed=0.02),
        Check("idle_head", "nothing moves at first", "s", spread=0.5, harmless=1.0, notes=True),
        Check("idle_tail", "nothing moves at last", "s", spread=0.5, harmless=1.0, notes=True),
        Check("still", "an episode in which nothing moves at all", "rad or m", is_low_bad=True, fixed=0.0005),
        Check("gripper_unused", "no gripper moves", "of its opening", is_low_bad=True, fixed=0.05, notes=True),
        Check("video_corrupt", "pictures that cannot be decoded", "faults", fixed=0, needs_video=True),
        Check("video_length", "more or fewer pictures than rows", "pictures", fixed=1, needs_video=True),
        Check("video_times", "pictures that are not shown at the times of their rows", "s", fixed=1e-3, needs_video=True),
        Check("video_black", "black pictures", "share", fixed=0.05, needs_video=True),
        Check(
            "video_blur", "pictures less sharp than this camera's usual ones", "variance of Laplacian",
            is_low_bad=True, scale="log", spread=0.15, needs_video=True,
        ),
        Check("video_frozen", "a picture that stays while it should show the robot move", "s", fixed=1.0, needs_video=True),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Measurement:
    """Result of a check: its number, what was found in words, and the frame to look at; `part` is a camera or "".

    `value` None means that the check could not be made; `said` is the reason.
    """

    check: str
    value: float | None
    said: str
    frame: int | None = None
    part: str = ""


@dataclass(frozen=True)
class PictureSample:
    """Statistics of one sampled picture: time (s from the episode's start), 99th percentile, sharpness, field means."""

    at_s: float
    bright: float
    sharp: float
    fields: NDArray[np.float64]
    area: float  # of a field, pixels
    noise: float = 0.0  # mean difference of the pixels to the picture before, in the field in the middle of all


def reach(*arrays: Array) -> Array:
    """Return per value how large a change counts as motion: 2 % of its range in the episode, at least 0.001."""
    both = np.concatenate(arrays)
    with np.errstate(all="ignore"):
        width = np.nanmax(both, axis=0) - np.nanmin(both, axis=0) if len(both) else np.zeros(both.shape[1])
    return np.asarray(np.maximum(0.02 * np.nan_to_num(width), 1e-3))


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the half-open intervals in which `flags` is True."""
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def not_finite(*arrays: Array) -> tuple[int, int | None]:
    """Return how many values are NaN or infinite, and the first frame with one."""
    bad = np.concatenate([~np.isfinite(a) for a in arrays], axis=1)
    frames = np.flatnonzero(bad.any(axis=1))
    return int(bad.sum()), int(frames[0]) if len(frames) else None


def held_frames(state: Array, action: Array) -> tuple[float, int | None]:
    """Return the share of moving frames that repeat the frame before, and the first such frame.

    Only repeats with motion directly before and after count; rest is not a fault.
    """
    if len(state) < 4:
        return 0.0, None
    both = np.concatenate([state, action], axis=1)
    steps = np.abs(np.diff(both, axis=0)).max(axis=1)
    same = steps == 0
    if same.all():
        return 0.0, None
    usual = np.median(steps[~same])
    held, first = 0, None
    for begin, end in runs(same):
        if begin == 0 or end == len(same) or end - begin > 15:
            continue
        if steps[begin - 1] > usual / 4 and steps[end] > usual / 4:
            held += end - begin
            first = begin + 1 if first is None else first
    moving = int((steps > usual / 4).sum()) + held
    return held / max(moving, 1), first


def frozen_state(state: Array, action: Array, fps: float) -> tuple[float, int | None]:
    """Return the longest time (s) for which the state stays bit-identical while the action changes, and its start."""
    if state.shape != action.shape or len(state) < 3:
        return 0.0, None
    enough = 3 * reach(state, action)
    worst, frame = 0, None
    for begin, end in runs((np.diff(state, axis=0) == 0).all(axis=1)):
        during = action[begin : end + 1]
        if end - begin > worst and (np.ptp(during, axis=0) > enough).any():
            worst, frame = end - begin, begin
    return worst / fps, frame


def speeds(values: Array, fps: float, limit: Array) -> tuple[float, int | None, int | None]:
    """Return the largest step as a share of the speed limit `(D,)`, its frame and the index of the value."""
    if len(values) < 2:
        return 0.0, None, None
    ratio = np.nan_to_num(np.abs(np.diff(values, axis=0)) * fps / limit, nan=0.0, posinf=0.0)
    frame, which = np.unravel_index(int(ratio.argmax()), ratio.shape)
    return float(ratio[frame, which]), int(frame) + 1, int(which)


def usual_speed(values: Array, fps: float) -> Array:
    """Return a substitute for speed limits `(D,)`: the 95th percentile of each value's nonzero steps, per second."""
    steps = np.abs(np.diff(values, axis=0)) * fps
    steps[~(steps > 0)] = np.nan
    with np.errstate(all="ignore"):
        found = np.array([np.nanpercentile(c, 95) if np.isfinite(c).any() else np.inf for c in steps.T])
    return np.asarray(np.maximum(found, 1e-6))


def beyond(values: Array, lower: Array, upper: Array) -> tuple[float, int | None, int | None]:
    """Return the largest excess over the limits (0 if none), its frame and the index of the value."""
    if not len(values):
        return 0.0, None, None
    excess = np.nan_to_num(np.maximum(lower - values, values - upper), nan=-1.0, posinf=-1.0)
    frame, which = np.unravel_index(int(excess.argmax()), excess.shape)
    return max(0.0, float(excess[frame, which])), int(frame), int(which)


def idle(state: Array, action: Array, fps: float) -> tuple[float, float]:
    """Return the seconds at the start and at the end in which neither state nor action moves."""
    found = []
    enough = reach(state, action) if state.shape == action.shape else None
    for order in (slice(None), slice(None, None, -1)):
        first = len(state)
        for values in (state, action):
            wide = enough if enough is not None else reach(values)
            away = np.flatnonzero((np.abs(values[order] - values[order][:1]) > wide).any(axis=1))
            first = min(first, int(away[0]) - 1 if len(away) else len(values))
        found.append(first / fps)
    return found[0], found[1]


def travel(values: Array, fps: float) -> float:
    """Return the range of the value that moves most, from half-second means to exclude sensor noise.

    A hovering arm gives about a millimetre or milliradian, a motionless one 0.
    """
    count = max(1, min(round(fps / 2), len(values) // 2))
    if len(values) < 3 or not values.shape[1]:
        return 0.0 if len(values) < 2 or not values.shape[1] else float(np.ptp(values, axis=0).max())
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values - values[:1]]), axis=0)
    means = (sums[count:] - sums[:-count]) / count
    bends = np.abs(np.diff(values, 2, axis=0))
    noise = np.median(bends, axis=0) / 0.6745 / 6**0.5  # of white noise, by the second differences
    return float(np.maximum(np.ptp(means, axis=0) - 8 * noise / count**0.5, 0.0).max())


def unit(values: Array) -> float:
    """Guess the unit of `values`: 57.3 (degrees per radian) if one is beyond 7, else 1 (rad or m)."""
    known = values[np.isfinite(values)]
    return float(np.degrees(1.0)) if len(known) and np.abs(known).max() > 7.0 else 1.0


def timing(stamps: Array, fps: float) -> tuple[tuple[int, int | None], float, tuple[float, int | None]]:
    """Return number and first of the timestamps that do not grow, 95th percentile of jitter, largest gap and its frame."""
    steps = np.diff(stamps) * fps
    if not len(steps):
        return (0, None), 0.0, (0.0, None)
    wrong = np.flatnonzero(~(steps > 0))
    widest = int(np.nan_to_num(steps, nan=-np.inf).argmax())
    order = (len(wrong), int(wrong[0]) + 1 if len(wrong) else None)
    return order, float(np.percentile(np.abs(steps - 1), 95)), (float(steps[widest]), widest + 1)


def divergence(state: Array, action: Array, fps: float, max_lag_s: float = 0.5) -> tuple[float, int]:
    """Return the distance between actions and the states that follow them, and the lag in frames that minimises it.

    RMS over frames and moving values of (state - action) / range, so it does not grow with their number; a controller's
    constant lag is no defect. Rotations are given as rotation vectors from a common start. Infinite if only one of both
    moves.
    """
    both = np.concatenate([state, action])
    width = both.max(axis=0) - both.min(axis=0) if len(both) else np.zeros(state.shape[1])
    # What moves less than 5 % of what the most active value does is noise of the sensor, divided by itself.
    active = (width >= 0.02) & (width >= 0.05 * width.max(initial=0.0))
    if not active.any() or len(state) < 2:
        return 0.0, 0
    still = [np.ptp(x[:, active], axis=0) < 1e-3 for x in (state, action)]
    if still[0].all() != still[1].all():
        return float("inf"), 0
    best = (float("inf"), 0)
    for lag in range(min(int(max_lag_s * fps), len(state) // 3) + 1):
        apart = (state[lag:, active] - action[: len(action) - lag, active]) / width[active]
        score = float(np.sqrt(np.mean(apart**2)))
        if score < best[0] * 0.98:  # a longer lag must be worth it
            best = (score, lag)
    return best
