"""A plan: joint values as one C2 cubic spline in time that always ends at rest; joining never jumps and never stops.

What was really executed decides where a chunk is joined: its rows have stamps, and rows in the past are past. The new
plan starts with the running one's position, velocity and acceleration and is the smoothest curve near the rows to come.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, PchipInterpolator

from finevla_core.chunk import ActionChunk
from finevla_core.safety.limits import Limits

NS = 1e-9
DEGREE = 3
# The first rows pull less: the running plan fades into the new chunk over 0.3 s at 10 Hz, or over 0.8 s: a policy that
# does not see velocities answers an arm at rest with rows in full motion, and the arm must get there from rest.
FADES = ((0.1, 0.3, 0.6), (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75))
# A first knot closer than this share of a step would turn a small position error into a large acceleration.
MIN_FIRST_GAP = 0.5
# Wiggles of a chunk faster than this (rad/s, about 0.8 s per period) are noise of the policy, not motion.
CUTOFF = 8.0
TAIL_ACCELERATION = 0.35  # of the limit, for the stop behind the last row
GRIPPER_PACE = 0.5  # of the velocity limit
STOP_ACCELERATION = 0.9  # of the limit, for a stop on request
# A stop that is over before it reaches the controller is refused there, and the old trajectory would go on.
MIN_STOP_S = 0.15


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

    def acceleration(self, now_ns: int) -> NDArray[np.float64]:
        """Acceleration `(D,)`; zero before the start and after the end."""
        if not self.times_ns[0] <= now_ns < self.end_ns:
            return np.zeros(self.positions.shape[1])
        t, (_, _, c2, c3) = self._piece(now_ns)
        return np.asarray(2 * c2 + 6 * c3 * t)

    def extremes(self) -> "Extremes":
        """Exact extremes over the whole plan, `(D,)` each."""
        if len(self.times_ns) < 2:
            zero = np.zeros(self.positions.shape[1])
            return Extremes(self.positions[0], self.positions[0], zero, zero)
        h = self._steps_s[:, None]
        c0, c1, c2, c3 = self._coefficients
        acceleration = np.maximum(abs(2 * c2), abs(2 * c2 + 6 * c3 * h)).max(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            fastest = -c2 / (3 * c3)
            root = np.sqrt(np.maximum(c2**2 - 3 * c3 * c1, 0.0))
            turns = [(-c2 + root) / (3 * c3), (-c2 - root) / (3 * c3), -c1 / (2 * c2)]
        t = _within(fastest, h)
        speed = np.maximum(abs(self.velocities).max(0), abs(c1 + t * (2 * c2 + 3 * t * c3)).max(0))
        places = [self.positions]
        for turn in turns:
            t = _within(turn, h)
            places.append(c0 + t * (c1 + t * (c2 + t * c3)))
        everywhere = np.concatenate(places)
        return Extremes(everywhere.min(0), everywhere.max(0), speed, acceleration)

    def _piece(self, now_ns: int) -> tuple[float, list[NDArray[np.float64]]]:
        piece = int(np.searchsorted(self.times_ns, now_ns, side="right")) - 1
        return (now_ns - int(self.times_ns[piece])) * NS, [c[piece] for c in self._coefficients]

    @cached_property
    def _steps_s(self) -> NDArray[np.float64]:
        return np.diff(self.times_ns) * NS

    @cached_property
    def _coefficients(self) -> tuple[NDArray[np.float64], ...]:
        """Polynomial coefficients per piece, lowest order first, each `(N - 1, D)`."""
        h = self._steps_s[:, None]
        p0, p1, v0, v1 = self.positions[:-1], self.positions[1:], self.velocities[:-1], self.velocities[1:]
        slope = (p1 - p0) / h
        return p0, v0, (3 * slope - 2 * v0 - v1) / h, (v0 + v1 - 2 * slope) / h**2


@dataclass(frozen=True)
class Extremes:
    """Lowest and highest position, highest speed and acceleration of a plan, `(D,)` each."""

    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    speed: NDArray[np.float64]
    acceleration: NDArray[np.float64]


def hold(position: NDArray[np.float64], now_ns: int) -> Plan:
    """A plan that stays where it is."""
    return Plan(np.array([now_ns], np.int64), position[None].astype(np.float64), np.zeros((1, position.size)))


def join(
    plan: Plan, chunk: ActionChunk, now_ns: int, limits: Limits, fade: tuple[float, ...] = FADES[0]
) -> Plan | None:
    """Go from `plan` at `now_ns` over into the rows of `chunk` that are still to come; None if fewer than two are.

    `fade` is how much of their weight the first of these rows have.
    """
    dt_ns = round(chunk.dt_s / NS)
    times: NDArray[np.int64] = chunk.stamp_ns + dt_ns * np.arange(1, chunk.horizon + 1, dtype=np.int64)
    ahead = times > now_ns + MIN_FIRST_GAP * dt_ns
    times, rows = times[ahead], chunk.actions[ahead]
    if len(times) < 2:
        return None
    leaving = np.clip((rows[-1] - rows[-2]) / chunk.dt_s, -limits.velocity, limits.velocity)
    tail_s = max(chunk.dt_s, float((abs(leaving) / (TAIL_ACCELERATION * limits.acceleration)).max()))
    knots_ns = np.concatenate([[now_ns], times, [times[-1] + round(tail_s / NS)]]).astype(np.int64)
    position, velocity = plan.at(now_ns)
    start = np.stack([position, velocity, plan.acceleration(now_ns)])
    seconds = np.asarray((knots_ns - now_ns) * NS, dtype=np.float64)
    positions, velocities = _smoothest(seconds, rows, start, chunk.dt_s, fade)
    _grippers(positions, velocities, knots_ns, rows, position, limits)
    positions[0], velocities[0], velocities[-1] = position, velocity, 0.0
    return Plan(knots_ns, positions, velocities)


def stop(plan: Plan, now_ns: int, limits: Limits) -> Plan:
    """From `plan` at `now_ns` to rest, each joint along its way, as fast as the limits allow; then hold."""
    position, velocity = plan.at(now_ns)
    deceleration = STOP_ACCELERATION * limits.acceleration
    seconds = float(max((abs(velocity) / deceleration).max(), MIN_STOP_S))
    # Constant deceleration, all joints over the same time: position is a parabola, which one cubic piece holds exactly.
    times = np.array([now_ns, now_ns + round(seconds / NS)], np.int64)
    rest = position + velocity * seconds / 2
    return Plan(times, np.stack([position, rest]), np.stack([velocity, np.zeros_like(velocity)]))


def _smoothest(
    times_s: NDArray[np.float64],
    rows: NDArray[np.float64],
    start: NDArray[np.float64],
    dt_s: float,
    fade: tuple[float, ...],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions and velocities at `times_s` of the cubic spline x with breaks there that minimises

    dt * sum_k w_k |x(t_k) - row_k|^2 + CUTOFF^-6 * integral |jerk|^2,

    given position, velocity, acceleration at the start (rows of `start`) and rest at the end: a smoothing spline, whose
    frequency response 1 / (1 + (omega / CUTOFF)^6) leaves motion alone and takes noise away.
    """
    pieces = len(times_s) - 1
    knots = np.concatenate([np.full(DEGREE, times_s[0]), times_s, np.full(DEGREE, times_s[-1])])
    basis = BSpline(knots, np.eye(pieces + DEGREE), DEGREE)
    value, slope, jerk = basis(times_s), basis(times_s, 1), basis((times_s[1:] + times_s[:-1]) / 2, 3)
    weight = np.ones(len(rows)) * dt_s
    weight[: len(fade)] *= fade[: len(rows)]
    data = value[1:-1]
    constraints = np.stack([value[0], slope[0], basis(times_s[0], 2), slope[-1]])
    size, held = pieces + DEGREE, len(constraints)
    system = np.zeros((size + held, size + held))
    system[:size, :size] = data.T @ (data * weight[:, None])
    system[:size, :size] += jerk.T @ (jerk * np.diff(times_s)[:, None]) * CUTOFF**-6
    system[:size, size:], system[size:, :size] = constraints.T, constraints
    right = np.concatenate([data.T @ (rows * weight[:, None]), start, np.zeros((1, rows.shape[1]))])
    solved = np.linalg.solve(system, right)[:size]
    return value @ solved, slope @ solved


def _grippers(
    positions: NDArray[np.float64],
    velocities: NDArray[np.float64],
    knots_ns: NDArray[np.int64],
    rows: NDArray[np.float64],
    position: NDArray[np.float64],
    limits: Limits,
) -> None:
    """Grippers go where the rows want them at their own pace: a policy says "closed" at once, fingers take their time.

    Slopes are monotone (Fritsch and Carlson 1980): a gripper that closes on its stop must not swing past it.
    """
    columns = limits.is_gripper
    if not columns.any():
        return
    seconds = (knots_ns - knots_ns[0]) * NS
    wanted = np.concatenate([rows[:, columns], rows[-1:, columns]])
    pace = GRIPPER_PACE * limits.velocity[columns]
    values = [position[columns]]
    for row, step in zip(wanted, np.diff(seconds), strict=True):
        values.append(values[-1] + np.clip(row - values[-1], -pace * step, pace * step))
    positions[:, columns] = values
    velocities[:, columns] = PchipInterpolator(seconds, np.array(values)).derivative()(seconds)


def _within(times_s: NDArray[np.float64], steps_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times clipped into their pieces; what is not a number (no such time) becomes the start."""
    return np.clip(np.nan_to_num(times_s, nan=0.0, posinf=0.0, neginf=0.0), 0.0, steps_s)
