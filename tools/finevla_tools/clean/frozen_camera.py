"""A frozen camera told from a still scene: the same picture for long is a fault only where the camera should have seen motion.

A camera that lives has noise, and a recording of it too. Where there is none to compare, as in simulation, what the arms do
decides: whether this camera shows their motion at these poses, and whether it stops or starts in the middle of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from finevla_tools.clean.checks import Array, PictureSample, runs

# Of 255: by less than this do two encodings of the same picture differ in a field of 24 x 24 pixels; in smaller ones by more,
# for noise falls with the root of the area.
SAME_LEVEL, SAME_AREA = 1.0, 24 * 24
MOVED, WENT, FAR = 0.02, 0.05, 0.3  # rad (or m): in one interval, in a run, in an episode; a hovering arm does less
SEEN = 0.15  # rad, in a run: of less a fixed camera may show nothing
NEAR = 0.15  # rad: poses so near are seen by a camera alike
APART = 2  # intervals: what is so near in time to a run may be the way into the view or out of it
NOISE = 0.04  # of 255, mean difference of a field's pixels: less is no sensor's noise
ALIVE = 0.5  # of the noise at other times: with so much a camera lives
SURE = 0.3  # of 255: so much is noise even where there is nothing to compare
FAINT = 3  # times the level, over all fields: less is an encoder that settles
STRONG = 20  # times the level, over all fields: an arm in the middle of the picture
SETTLES = 8  # intervals: meanwhile an encoder that began coarsely makes the whole picture finer
SPILT = 0.1  # of the largest change of a field: so much of it strong compression lets its neighbours have
SLOW = 0.15  # rad in an interval: an arm that is no faster does not leave the picture within one
JUMP = 3.0  # times the usual change: what was missed comes at once


@dataclass(frozen=True)
class _Intervals:
    """Changes from each sampled picture to the next, by interval k, and each arm's motion (`went`) and pose (`at`)."""

    changed: NDArray[np.bool_]
    inner: NDArray[np.bool_]  # not near the border alone, where an arm comes in and leaves
    energy: Array
    noise: Array
    went: Mapping[str, Array]  # (K,)
    at: Mapping[str, Array]  # (K, D)
    level: float

    def moved(self, arms: Sequence[str]) -> NDArray[np.bool_]:
        return np.asarray(np.max([self.went[arm] for arm in arms], axis=0) >= MOVED)


def frozen(looks: Sequence[PictureSample], arms: Mapping[str, Array], own: str, fps: float) -> tuple[float, int | None]:
    """Longest time (s) for which a camera shows the same picture while it should show a motion, and the look it begins at.

    `arms` are the values `(T, D)` of each arm, rad or m; `own` the arm that carries the camera, "" for a fixed one.
    """
    if len(looks) < 2 or not arms:
        return 0.0, None
    i = _intervals(looks, arms, fps)
    watched = [own] if own in arms else list(arms)
    worst, first = 0.0, None
    moved = np.flatnonzero(i.moved(watched))
    for begin, end in runs(~i.changed):
        during = moved[(moved >= begin) & (moved < end)]
        if not len(during):
            continue
        # While nothing moves, a picture that stays is right.
        begin, end = max(begin, int(during[0]) - 1), min(end, int(during[-1]) + 2)
        seconds = looks[end].at_s - looks[begin].at_s
        rows = slice(_row(looks[begin], fps), _row(looks[end], fps) + 1)
        way = max(
            (float(np.ptp(arms[arm][rows], axis=0).max()) for arm in watched if len(arms[arm][rows])), default=0.0
        )
        if seconds > worst and way >= WENT and _is_frozen(i, begin, end, watched, way, own in arms):
            worst, first = seconds, begin
    return worst, first


def _is_frozen(i: _Intervals, begin: int, end: int, watched: Sequence[str], way: float, is_carried: bool) -> bool:
    inside = np.zeros(len(i.changed), dtype=bool)
    inside[begin:end] = True
    moved = i.moved(watched)
    if (lives := _lives(i, inside, moved & is_carried)) is not None:
        return not lives
    others = ~inside & moved
    if is_carried:  # it moves with its arm, whatever there is to see
        return bool(i.changed[others].mean() >= 0.8) if others.any() else way >= FAR
    if not (i.energy >= STRONG * i.level)[~inside].any():
        return way >= FAR
    if way < SEEN:
        return False
    if _is_seen(i, inside & moved, begin, end, watched) or _stops(i, begin, moved) or _jumps(i, end, moved):
        return True
    # The first picture of a frozen camera is made sharper by some encoders, a little after the motion was last seen.
    return any(_was_seen(i, k, moved) for k in (begin, begin - 1)) and _catches_up(i, end)


def _lives(i: _Intervals, inside: NDArray[np.bool_], blurred: NDArray[np.bool_]) -> bool | None:
    """By its noise, beside that of the other times; None where that says nothing. `blurred` are those of a moving camera.

    Strong compression keeps no noise of a still scene, but adds some where something moves: only other still times, or
    noise that is too strong for that, show that a camera has died.
    """
    here = float(np.median(i.noise[inside]))
    others = i.noise[~inside & ~blurred]
    if len(others) < 3:
        return True if here >= SURE else None
    usual = float(np.quantile(others, 0.1))
    if usual < NOISE:
        return None
    if here >= ALIVE * usual:
        return True
    still = i.noise[~inside & ~i.changed]
    is_known = usual >= SURE or (len(still) >= 3 and float(np.median(still)) >= NOISE)
    return False if is_known else None


def _is_seen(i: _Intervals, inside: NDArray[np.bool_], begin: int, end: int, watched: Sequence[str]) -> bool:
    """Whether most of the motion is at poses at which the camera shows it at other times."""
    away = np.ones(len(i.changed), dtype=bool)
    away[max(0, begin - APART) : end + APART] = False
    away[: min(SETTLES, len(away) // 4)] = False
    seen = 0
    for k in np.flatnonzero(inside):
        near = away.copy()
        for arm in (arm for arm in watched if i.went[arm][k] >= MOVED):
            close = np.abs(i.at[arm] - i.at[arm][k]).max(axis=1) <= NEAR
            near &= close & (i.went[arm] >= MOVED) & (i.went[arm] <= 2 * i.went[arm][k])
        seen += bool(near.any() and i.changed[near].mean() >= 0.5)
    return bool(2 * seen >= inside.sum() > 0)


def _stops(i: _Intervals, begin: int, moved: NDArray[np.bool_]) -> bool:
    """Whether an arm that moves slowly in the middle of the picture is suddenly not seen to move, and moves on."""
    if not _was_in_view(i, begin, moved):
        return False
    speed = _speed(i)[begin - 1 : begin + 1]
    return bool(speed[0] <= SLOW and speed[1] >= speed[0] / 2)


def _was_in_view(i: _Intervals, begin: int, moved: NDArray[np.bool_]) -> bool:
    """Whether the motion that goes on in a run was seen in the middle of the picture just before."""
    return _was_seen(i, begin, moved) and bool(i.inner[begin - 1])


def _was_seen(i: _Intervals, begin: int, moved: NDArray[np.bool_]) -> bool:
    """Whether the motion that goes on in a run was seen just before, be it near the border."""
    if begin < 1 or not (moved[begin - 1] and moved[begin]):
        return False
    return bool(i.energy[begin - 1] >= STRONG * i.level)


def _catches_up(i: _Intervals, end: int) -> bool:
    """Whether the picture changes by much more than the motion of that interval, seen as it is seen after, explains."""
    after = slice(end + 1, end + 4)
    if end + 1 >= len(i.changed) or not i.inner[end] or i.energy[end] < STRONG * i.level:
        return False
    seen = i.energy / np.maximum(_speed(i), MOVED)
    return bool(seen[end] >= JUMP * float(np.median(seen[after])))


def _speed(i: _Intervals) -> Array:
    """How far the arm that goes farthest goes in each interval."""
    return np.asarray(np.max(list(i.went.values()), axis=0))


def _jumps(i: _Intervals, end: int, moved: NDArray[np.bool_]) -> bool:
    """Whether the picture changes at once by much more than it does afterwards; an arm that comes into view does not."""
    if end >= len(i.changed) or not i.inner[end]:
        return False
    usual = [i.energy[k] for k in range(end + 1, min(end + 4, len(i.changed))) if i.changed[k] and moved[k]]
    return bool(usual) and bool(i.energy[end] >= max(JUMP * float(np.median(usual)), STRONG * i.level))


def _intervals(looks: Sequence[PictureSample], arms: Mapping[str, Array], fps: float) -> _Intervals:
    level = SAME_LEVEL * max(1.0, (SAME_AREA / looks[0].area) ** 0.5)
    apart = np.array([np.abs(a.fields - b.fields) for a, b in pairwise(looks)])
    large = np.where(apart >= level, apart, 0.0)
    pieces = [(_row(a, fps), _row(b, fps) + 1) for a, b in pairwise(looks)]
    went: dict[str, Array] = {}
    at: dict[str, Array] = {}
    for arm, values in arms.items():
        rows = [values[min(a, len(values) - 1) : max(b, 1)] for a, b in pieces]
        went[arm] = np.array([np.ptp(piece, axis=0).max() if len(piece) else 0.0 for piece in rows])
        at[arm] = np.array([piece.mean(axis=0) if len(piece) else values[-1] for piece in rows])
    energy = large.sum(axis=(1, 2))
    return _Intervals(
        changed=_without_refreshes(energy >= FAINT * level, energy < STRONG * level),
        inner=large[:, 2:-2, 2:-2].max(axis=(1, 2)) > SPILT * large.max(axis=(1, 2)),
        energy=energy,
        noise=np.array([look.noise for look in looks[1:]]),
        went=went,
        at=at,
        level=level,
    )


def _without_refreshes(changed: NDArray[np.bool_], is_weak: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Changes without those that are weak and alone: strong compression makes the same picture another one in a key frame."""
    alone = np.zeros_like(changed)
    alone[1:-1] = ~changed[:-2] & ~changed[2:]
    return changed & ~(alone & is_weak)


def _row(look: PictureSample, fps: float) -> int:
    return int(look.at_s * fps + 1e-6)
