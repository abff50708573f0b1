"""End-effector trajectories with known duplicates: copies warped in time, shaken, of another object, mirrored.

A group (a task) is made on its own from its seed and number, so that a million need no more memory than one group.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from finevla_tools.dedup.frame_cost import PoseTrajectory

Array = NDArray[np.float64]
LEFT, RIGHT, BOTH = "left", "right", "both"
KINDS = ("warped", "noisy", "object", "mixed")  # of copies; a motion's first one is "base", any of them may be mirrored
# Metres in the robot's base frame, x forward, y left: where one arm works; the other arm's is its mirror image in y = 0.
WORKSPACE = np.array([[0.25, 0.0, 0.05], [0.6, 0.4, 0.3]])
REST = np.array([0.2, 0.25, 0.2])
DOWN = np.array([0.0, 1.0, 0.0, 0.0])  # the gripper points down; quaternions are x, y, z, w
SETTLING_M, SETTLING_RAD = (
    0.015,
    0.05,
)  # a hand is never quite still: so far it goes, on each axis, while the gripper moves
SENSOR_M, SENSOR_RAD = 0.0002, 0.001  # white noise that every recording has


@dataclass(frozen=True)
class Planted:
    """Trajectories of one task and the truth about them.

    `values[i]` is (T, A, 8): arms left then right (A = 1: the right one), x y z (m), qx qy qz qw, gripper (0 closed, 1 open).
    `labels[i]` is the true cluster, 0-based; `motions[i]` the same where a motion and its mirror image count as one.
    """

    ids: tuple[str, ...]
    values: tuple[Array, ...]
    labels: NDArray[np.int64]
    motions: NDArray[np.int64]
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def trajectories(self) -> "list[PoseTrajectory]":
        """The same as the dedup knows them."""
        from finevla_tools.dedup.frame_cost import PoseTrajectory

        return [PoseTrajectory(name, values) for name, values in zip(self.ids, self.values, strict=True)]


@dataclass(frozen=True)
class Recipe:
    """How much there is of what."""

    frames: int = 200  # mean length
    arms: int = 2
    copies: float = 7.0  # mean size of a cluster; sizes are geometric, so that many motions have no duplicate
    mirrored: float = 0.15  # share of mirrored copies, of dual-arm trajectories
    warp: float = 1.4  # copies take up to so many times as long, or as short, and so do parts of them
    shake_m: float = 0.0015  # smooth noise of a shaky operator, standard deviation
    shake_rad: float = np.radians(0.7)
    offset_m: float = 0.008  # another object is grasped and put down so far from the first, on each axis
    offset_rad: float = np.radians(2.0)


def group(seed: int, task: int, count: int, recipe: Recipe = Recipe()) -> Planted:
    """`count` trajectories of task number `task`, in random order; the same arguments give the same bytes."""
    random = np.random.default_rng((seed, task))
    made: list[tuple[Array, tuple[int, bool], str]] = []
    motion = 0
    while len(made) < count:
        base = _Motion.drawn(random, recipe)
        for copy in range(min(int(random.geometric(1 / recipe.copies)), count - len(made))):
            kind = KINDS[random.integers(len(KINDS))] if copy else "base"
            values = _copy(random, base, kind, recipe)
            is_mirrored = bool(copy and recipe.arms == 2 and random.random() < recipe.mirrored)
            if is_mirrored:
                values, kind = mirrored(values), f"mirrored {kind}"
            made.append((values, (motion, is_mirrored), kind))
        motion += 1
    order = random.permutation(count)
    made = [made[i] for i in order]
    numbers = {key: i for i, key in enumerate(dict.fromkeys(key for _, key, _ in made))}
    return Planted(
        tuple(f"task_{task:05d}/episode_{i:06d}" for i in range(count)),
        tuple(values for values, _, _ in made),
        np.array([numbers[key] for _, key, _ in made], np.int64),
        np.array([key[0] for _, key, _ in made], np.int64),
        tuple(kind for _, _, kind in made),
    )


def groups(seed: int, tasks: int, count: int, recipe: Recipe = Recipe()) -> Iterator[Planted]:
    """One task after the other; none is kept."""
    return (group(seed, task, count, recipe) for task in range(tasks))


def mirrored(values: Array) -> Array:
    """The same done by the other arm: reflected in the plane y = 0, arms swapped; (T, 2, 8)."""
    return np.ascontiguousarray(values[:, ::-1] * np.array([1, -1, 1, -1, 1, -1, 1, 1]))


@dataclass(frozen=True)
class _Track:
    """Strokes of one arm, over a phase from 0 to 1: along a Bezier curve with a minimum-jerk profile; a pause is one too."""

    ends: Array  # (K,) phase at which a stroke ends
    curves: Array  # (K, 4, 3) control points, m
    rotations: Array  # (K, 2, 4) from, to
    grips: Array  # (K, 2) from, to
    stays: tuple[bool, ...]  # (K,) the arm waits for its gripper; never the first or the last one

    def at(self, phase: Array) -> Array:
        """(T,) phases -> (T, 8)."""
        stroke = np.minimum(np.searchsorted(self.ends, phase, side="right"), len(self.ends) - 1)
        begin = np.concatenate([[0.0], self.ends[:-1]])[stroke]
        part = np.clip((phase - begin) / (self.ends[stroke] - begin), 0.0, 1.0)
        s = part**3 * (10 - 15 * part + 6 * part**2)
        r = 1 - s
        weights = np.stack([r**3, 3 * r**2 * s, 3 * r * s**2, s**3], 1)
        place = np.einsum("tk,tkc->tc", weights, self.curves[stroke])
        grip = self.grips[stroke, 0] * r + self.grips[stroke, 1] * s
        return np.concatenate([place, _slerp(self.rotations[stroke], s), grip[:, None]], 1)


@dataclass(frozen=True)
class _Motion:
    tracks: tuple[_Track, ...]
    frames: int

    @staticmethod
    def drawn(random: np.random.Generator, recipe: Recipe) -> "_Motion":
        arms = (LEFT, RIGHT)[-recipe.arms :]
        actor = (*arms, BOTH)[random.integers(len(arms) + 1)]
        tracks = tuple(
            _moving(random, arm == RIGHT) if actor in (arm, BOTH) else _resting(arm == RIGHT) for arm in arms
        )
        return _Motion(tracks, max(10, int(recipe.frames * random.uniform(0.7, 1.3))))

    def with_other_object(self, random: np.random.Generator, recipe: Recipe) -> "_Motion":
        """Wherever the gripper closes or opens, it does so a little elsewhere, and a little turned."""
        return replace(self, tracks=tuple(_displaced(random, track, recipe) for track in self.tracks))


def _moving(random: np.random.Generator, is_right: bool) -> _Track:
    """From rest: approach, close around an object, carry, open; once or a few times; back to rest."""
    side = np.array([1, -1 if is_right else 1, 1])
    lengths: list[float] = []
    curves: list[Array] = []
    turns: list[tuple[Array, Array]] = []
    grips: list[tuple[float, float]] = []
    stays: list[bool] = []
    here, turned, grip = REST * side, DOWN, 1.0

    def go(there: Array, to: Array, seconds: float) -> None:
        nonlocal here, turned
        up = random.uniform(0.03, 0.15, 2)[:, None] * [0, 0, 1] + random.normal(0, 0.03, (2, 3))
        curves.append(np.stack([here, here * 2 / 3 + there / 3 + up[0], here / 3 + there * 2 / 3 + up[1], there]))
        turns.append((turned, to))
        grips.append((grip, grip))
        stays.append(False)
        lengths.append(seconds)
        here, turned = there, to

    def hold(opening: float, seconds: float) -> None:
        nonlocal grip, here, turned
        there = here + random.normal(0, SETTLING_M, 3)
        curves.append(np.linspace(here, there, 4))
        to = _times(_small(random.normal(0, SETTLING_RAD, 3)), turned)
        turns.append((turned, to))
        grips.append((grip, opening))
        stays.append(True)
        lengths.append(seconds)
        here, turned, grip = there, to, opening

    for _ in range(random.integers(1, 4)):
        for opening in (random.uniform(0.0, 0.6), 1.0):
            yaw, tilt = random.uniform(-1.2, 1.2), random.normal(0, 0.25, 2)
            to = _times(_small(np.array([tilt[0], tilt[1], yaw])), DOWN)
            go(random.uniform(*WORKSPACE) * side, to, random.uniform(1.0, 3.0))
            hold(opening, random.uniform(0.2, 0.5))
            if random.random() < 0.3:  # looks before it goes on
                hold(opening, random.uniform(0.2, 1.0))
    go(REST * side, DOWN, random.uniform(1.0, 2.0))
    ends = np.cumsum(lengths) / np.sum(lengths)
    return _Track(ends, np.array(curves), np.array(turns), np.array(grips), tuple(stays))


def _resting(is_right: bool) -> _Track:
    here = REST * [1, -1 if is_right else 1, 1]
    return _Track(np.ones(1), np.tile(here, (1, 4, 1)), np.tile(DOWN, (1, 2, 1)), np.ones((1, 2)), (False,))


def _displaced(random: np.random.Generator, track: _Track, recipe: Recipe) -> _Track:
    """Strokes go, stays begin and end, elsewhere: whatever joins at a stay is shifted and turned with it."""
    curves, turns = track.curves.copy(), track.rotations.copy()
    for k, is_stay in enumerate(track.stays):
        if not is_stay or track.stays[k - 1]:
            continue
        last = k
        while track.stays[last + 1]:
            last += 1
        shift = random.uniform(-1, 1, 3) * recipe.offset_m
        turn = _small(random.normal(0, recipe.offset_rad, 3))
        curves[k - 1, 2:] += shift
        curves[k : last + 1] += shift
        curves[last + 1, :2] += shift
        ends = turns.reshape(-1, 4)  # a stroke's end and the next one's beginning lie side by side
        ends[2 * k - 1 : 2 * last + 3] = _times(turn, ends[2 * k - 1 : 2 * last + 3])
    return replace(track, curves=curves, rotations=turns)


def _copy(random: np.random.Generator, motion: _Motion, kind: str, recipe: Recipe) -> Array:
    """One recording of a motion, (T, A, 8); each has its own small noise and its own sign of the quaternion."""
    is_warped, is_shaken, is_other = (kind in (one, "mixed") for one in KINDS[:3])
    if is_other:
        motion = motion.with_other_object(random, recipe)
    slack = np.log(recipe.warp) if is_warped else 0.05
    frames = max(2, round(motion.frames * np.exp(random.uniform(-slack, slack))))
    phase = _warp(random, frames, slack)
    values = np.stack([track.at(phase) for track in motion.tracks], 1)
    shape = (frames, len(motion.tracks), 3)
    shift, turn = random.normal(0, SENSOR_M, shape), random.normal(0, SENSOR_RAD, shape)
    if is_shaken:
        shift += recipe.shake_m * _smooth(random, shape)
        turn += recipe.shake_rad * _smooth(random, shape)
    values[..., :3] += shift
    values[..., 3:7] = _times(_small(turn), values[..., 3:7]) * random.choice([-1.0, 1.0])
    return values


def _warp(random: np.random.Generator, frames: int, slack: float) -> Array:
    """Phases 0 to 1, (frames,): the speed goes smoothly up and down, by at most exp(`slack`)."""
    time = np.linspace(0, 1, frames)
    waves = np.sin(2 * np.pi * (time[:, None] * random.uniform(0.5, 2.0, 2) + random.random(2))).mean(1)
    speed = np.exp(slack * waves)
    gone = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2)])
    return gone / gone[-1]


def _smooth(random: np.random.Generator, shape: tuple[int, int, int]) -> Array:
    """Noise of standard deviation about 1 that changes over some ten frames."""
    frames = shape[0]
    knots = random.normal(0, 1.2, (frames // 8 + 2, *shape[1:]))
    place = np.linspace(0, len(knots) - 1.001, frames)
    first, part = place.astype(np.int64), (place % 1)[:, None, None]
    return knots[first] * (1 - part) + knots[first + 1] * part


def _slerp(pair: Array, s: Array) -> Array:
    """(T, 2, 4) from and to, (T,) shares -> (T, 4), the short way round."""
    a, b = pair[:, 0], pair[:, 1]
    cosine = np.einsum("tc,tc->t", a, b)
    b = np.where(cosine[:, None] < 0, -b, b)
    angle = np.arccos(np.clip(np.abs(cosine), 0, 1))
    sine = np.sin(angle)
    is_near = sine < 1e-6
    sine = np.where(is_near, 1.0, sine)
    left = np.where(is_near, 1 - s, np.sin((1 - s) * angle) / sine)
    right = np.where(is_near, s, np.sin(s * angle) / sine)
    turned = left[:, None] * a + right[:, None] * b
    return np.asarray(turned / np.linalg.norm(turned, axis=1, keepdims=True))


def _small(vector: Array) -> Array:
    """Quaternion of a rotation vector, (..., 3) rad -> (..., 4)."""
    half = np.linalg.norm(vector, axis=-1, keepdims=True) / 2
    return np.concatenate([vector / 2 * np.sinc(half / np.pi), np.cos(half)], -1)


def _times(left: Array, right: Array) -> Array:
    """Hamilton product, x y z w."""
    u, a, v, b = left[..., :3], left[..., 3:], right[..., :3], right[..., 3:]
    return np.concatenate([a * v + b * u + np.cross(u, v), a * b - (u * v).sum(-1, keepdims=True)], -1)
