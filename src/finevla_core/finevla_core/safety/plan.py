"""A plan: joint values as one cubic spline in time that always ends at rest, with its exact extremes; holding, stopping."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from finevla_core.safety.limits import Limits
from finevla_core.time_units import S_PER_NS

# A stop that is over before it reaches the controller is refused there, and the old trajectory would go on.
MIN_STOP_S = 0.15
# Knots closer than this are one: times are whole nanoseconds, and the cubic of a sliver would be rounding errors.
SAME_KNOT_S = 1e-4
STOP_SHARE = 0.98  # of what is allowed: what merging such knots costs


@dataclass(frozen=True)
class Plan:
    """Knots at `times_ns` `(N,)`: `positions` and `velocities` `(N, D)`, cubic in between, at rest after the last."""

    times_ns: NDArray[np.int64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]

    @property
    def end_ns(self) -> int:
        """When the motion is over."""
        return int(self.times_ns[-1])

    def at(self, now_ns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Position and velocity `(D,)`; before the start as at the start, after the end at rest."""
        if now_ns >= self.end_ns:
            return self.positions[-1].copy(), np.zeros(self.positions.shape[1])
        if now_ns <= self.times_ns[0]:
            return self.positions[0].copy(), self.velocities[0].copy()
        t, (c0, c1, c2, c3) = self._piece(now_ns)
        return c0 + t * (c1 + t * (c2 + t * c3)), c1 + t * (2 * c2 + 3 * t * c3)

    def positions_at(self, times_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Positions `(K, D)` at many times, each as by `at`."""
        if len(self.times_ns) < 2:
            return np.repeat(self.positions, len(times_ns), axis=0)
        inside = np.clip(times_ns, self.times_ns[0], self.times_ns[-1])
        piece = self.pieces(inside)
        t = ((inside - self.times_ns[piece]) * S_PER_NS)[:, None]
        c0, c1, c2, c3 = (c[piece] for c in self._coefficients)
        return np.asarray(c0 + t * (c1 + t * (c2 + t * c3)))

    def pieces(self, times_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which piece of the spline each time lies in `(K,)`; the first or last one for times outside of all."""
        return np.searchsorted(self.times_ns[1:-1], times_ns, side="right")

    def acceleration(self, now_ns: int) -> NDArray[np.float64]:
        """Acceleration `(D,)`; zero before the start and after the end."""
        if not self.times_ns[0] <= now_ns < self.end_ns:
            return np.zeros(self.positions.shape[1])
        t, (_, _, c2, c3) = self._piece(now_ns)
        return np.asarray(2 * c2 + 6 * c3 * t)

    def extremes(self) -> "Extremes":
        """Exact extremes over the whole plan, `(D,)` each."""
        return self._extremes

    def speeds(self) -> NDArray[np.float64]:
        """The highest speed of each piece `(N - 1, D)`."""
        return self._speeds

    @cached_property
    def _extremes(self) -> "Extremes":
        if len(self.times_ns) < 2:
            zero = np.zeros(self.positions.shape[1])
            return Extremes(self.positions[0], self.positions[0], zero, zero, zero)
        h = self._steps_s[:, None]
        c0, c1, c2, c3 = self._coefficients
        acceleration = np.maximum(abs(2 * c2), abs(2 * c2 + 6 * c3 * h)).max(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            root = np.sqrt(np.maximum(c2**2 - 3 * c3 * c1, 0.0))
            turns = [(-c2 + root) / (3 * c3), (-c2 - root) / (3 * c3), -c1 / (2 * c2)]
        places = [self.positions]
        for turn in turns:
            t = _within(turn, h)
            places.append(c0 + t * (c1 + t * (c2 + t * c3)))
        everywhere = np.concatenate(places)
        return Extremes(
            everywhere.min(0), everywhere.max(0), self._speeds.max(0), acceleration, np.asarray(abs(6 * c3).max(0))
        )

    @cached_property
    def _speeds(self) -> NDArray[np.float64]:
        h = self._steps_s[:, None]
        _, c1, c2, c3 = self._coefficients
        with np.errstate(divide="ignore", invalid="ignore"):
            t = _within(-c2 / (3 * c3), h)
        ends = np.maximum(abs(self.velocities[:-1]), abs(self.velocities[1:]))
        return np.asarray(np.maximum(ends, abs(c1 + t * (2 * c2 + 3 * t * c3))))

    def _piece(self, now_ns: int) -> tuple[float, list[NDArray[np.float64]]]:
        piece = int(np.searchsorted(self.times_ns, now_ns, side="right")) - 1
        return (now_ns - int(self.times_ns[piece])) * S_PER_NS, [c[piece] for c in self._coefficients]

    @cached_property
    def _steps_s(self) -> NDArray[np.float64]:
        return np.diff(self.times_ns) * S_PER_NS

    @cached_property
    def _coefficients(self) -> tuple[NDArray[np.float64], ...]:
        """Polynomial coefficients per piece, lowest order first, each `(N - 1, D)`."""
        h = self._steps_s[:, None]
        p0, p1, v0, v1 = self.positions[:-1], self.positions[1:], self.velocities[:-1], self.velocities[1:]
        slope = (p1 - p0) / h
        return p0, v0, (3 * slope - 2 * v0 - v1) / h, (v0 + v1 - 2 * slope) / h**2


@dataclass(frozen=True)
class Extremes:
    """Lowest and highest position, highest speed, acceleration and jerk of a plan, `(D,)` each."""

    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    speed: NDArray[np.float64]
    acceleration: NDArray[np.float64]
    jerk: NDArray[np.float64]


def hold(position: NDArray[np.float64], now_ns: int) -> Plan:
    """A plan that stays where it is."""
    return Plan(np.array([now_ns], np.int64), position[None].astype(np.float64), np.zeros((1, position.size)))


def rested(plan: Plan, from_ns: int) -> Plan:
    """`plan`, which begins at rest, from an earlier time on, at rest until it begins."""
    return Plan(
        np.concatenate([[from_ns], plan.times_ns]).astype(np.int64),
        np.concatenate([plan.positions[:1], plan.positions]),
        np.concatenate([np.zeros_like(plan.velocities[:1]), plan.velocities]),
    )


def stop(plan: Plan, now_ns: int, limits: Limits) -> Plan:
    """From `plan` at `now_ns` to rest, each joint along its way, as fast as acceleration and jerk allow; then hold."""
    position, velocity = plan.at(now_ns)
    acceleration = plan.acceleration(now_ns)
    phases, jerks = _braking(velocity, acceleration, STOP_SHARE * limits.acceleration, STOP_SHARE * limits.jerk)
    switches = np.cumsum(phases, axis=0)
    times = np.unique(np.concatenate([[0.0], switches.ravel(), [max(MIN_STOP_S, float(switches.max()))]]))
    times_ns = np.round(times[np.diff(times, prepend=-1.0) > SAME_KNOT_S] / S_PER_NS).astype(np.int64)
    positions, velocities = _integrated(times_ns * S_PER_NS, switches, jerks, (position, velocity, acceleration))
    velocities[-1] = 0.0
    return Plan(now_ns + times_ns, positions, velocities)


def _braking(
    velocity: NDArray[np.float64],
    acceleration: NDArray[np.float64],
    highest: NDArray[np.float64],
    jerk: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Durations and jerks `(3, D)` of the quickest way to rest: into the deceleration, through it, out of it again.

    Only velocity and acceleration end at zero, the position is free. A joint that brakes already too hard to end at rest
    (its velocity when the acceleration is gone has the other sign) swings over to the other side.
    """
    side = np.sign(velocity + acceleration * abs(acceleration) / (2 * jerk))
    v, a = side * velocity, side * acceleration
    peak = np.sqrt(np.maximum(jerk * v + a**2 / 2, 0.0))
    peak = np.maximum(np.minimum(peak, highest), np.maximum(-a, 0.0))
    into, out = (a + peak) / jerk, peak / jerk
    left = v + (a**2 - peak**2) / (2 * jerk) - peak**2 / (2 * jerk)
    with np.errstate(divide="ignore", invalid="ignore"):
        through = np.where(peak > 0, np.maximum(left, 0.0) / peak, 0.0)
    phases = np.stack([into, through, out]) * (side != 0)
    return phases, np.stack([-side * jerk, np.zeros_like(jerk), side * jerk])


def _integrated(
    times_s: NDArray[np.float64],
    switches: NDArray[np.float64],
    jerks: NDArray[np.float64],
    start: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions and velocities `(N, D)` at `times_s`: `start` (position, velocity, acceleration) under phases of jerk."""
    p, v, a = start
    begin = np.zeros_like(p)
    for end, jerk in zip(switches, jerks, strict=True):
        t = np.clip(times_s[:, None], begin, end) - begin
        p, v, a = p + t * (v + t * (a / 2 + t * jerk / 6)), v + t * (a + t * jerk / 2), a + t * jerk
        begin = end
    return p, v


def _within(times_s: NDArray[np.float64], steps_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times clipped into their pieces; what is not a number (no such time) becomes the start."""
    return np.asarray(np.fmin(np.fmax(times_s, 0.0), steps_s))
