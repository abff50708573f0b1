"""Joining a chunk to the running plan without a jump and without a stop, three ways.

*blend* fades from the running plan into the new chunk; *ensemble* goes where the newest chunks mean to be on average (ACT,
Zhao et al. 2023); *rtc* takes a chunk whose policy continued the running one itself (real-time chunking, Black et al. 2025).
In each the new plan goes along with the running one for a moment and leaves it with its position, velocity and acceleration.
What was really executed decides where a chunk is joined: its rows have stamps, and rows in the past are past.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from finevla_core.chunk import ActionChunk
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import Plan
from finevla_core.time_units import S_PER_NS

Fade = tuple[float, ...]

DEGREE = 3
# How much of their weight the first rows have. The running plan fades into the new chunk over three rows or 0.8 s: a policy
# that does not see velocities answers an arm at rest with rows in full motion, and the arm must get there from rest.
QUICK: Fade = (0.1, 0.3, 0.6)
GENTLE: Fade = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75)
GENTLE_STEP_S = 0.1
AT_ONCE: Fade = ()
ENSEMBLED = 8  # chunks, the newest among them
ENSEMBLE_DECAY = 0.1  # a chunk's weight is exp(-decay * how many are older), as in ACT, where the oldest weighs most
# A first knot closer than this share of a step would turn a small position error into a large acceleration.
MIN_FIRST_GAP = 0.5
# The running plan goes on for so long before the new one leaves it. A controller that hears of the new one within this time,
# at the second word if the first was lost, is where both lead: its command makes no step.
LEAVE_NS = 30_000_000
SHORTEST_PIECE_NS = 2_000_000  # of a plan that is cut: the cubic of a sliver would be rounding errors
# Wiggles of a chunk faster than this (rad/s: 8 is a period of 0.8 s) are noise of the policy, not motion. The closer plan
# is tried first, for it keeps nearer to smooth rows; the calmer one needs less acceleration. Grippers go where they are told
# at a pace that is smooth already.
CLOSE, CALM, CLOSEST, GRIPPER_CUTOFF = 12.0, 8.0, 20.0, 25.0


@dataclass(frozen=True)
class BlendProfile:
    """How a plan goes over into a chunk: with what fade, how closely it keeps to the rows, and whether it is left later."""

    fade: Fade = QUICK
    cutoff: float = CLOSE
    is_late: bool = False


# What is tried in turn until a plan keeps to the limits. The last but one keeps closer to rows that turn sharply at a limit,
# where the smoothest curve would swing past it. The last one goes along with the running plan for `MIN_FIRST_GAP` more: a
# gripper that is about to turn beside an end turns as it was planned, where else the acceleration it has now would have to
# do up to the first row, and leads out.
_COMMON = (
    BlendProfile(),
    BlendProfile(QUICK, CALM),
    BlendProfile(GENTLE, CALM),
    BlendProfile(QUICK, CLOSEST),
    BlendProfile(QUICK, CLOSE, is_late=True),
)
BLEND_PROFILES: dict[str, tuple[BlendProfile, ...]] = {
    "blend": _COMMON,
    "ensemble": _COMMON,
    "rtc": (BlendProfile(AT_ONCE, CALM), *_COMMON),
}
BEYOND_END, MOST_HELD_AGAIN = 1e-6, 6  # of a gripper's opening; how often what then leads beyond an end is held too
TAIL_ACCELERATION = 0.35  # of the limit, for the stop behind the last row
GRIPPER_PACE, GRIPPER_ACCELERATION = 0.5, 0.25  # of the limits
GRIPPER_EASE_S = 0.12


def join(
    plan: Plan,
    chunk: ActionChunk,
    now_ns: int,
    limits: Limits,
    profile: BlendProfile = _COMMON[0],
    speed_scale: float = 1.0,
    leave_ns: int = LEAVE_NS,
) -> Plan | None:
    """Go from `plan` over into the rows of `chunk` that are still to come; None if fewer than two are.

    It is left `leave_ns` after `now_ns`. A plan that controllers are on already, that is `LEAVE_NS`, is left sooner where the
    last two rows are so near; one that they are still led onto must not be. With a `speed_scale` below 1 the rows come so
    much later.
    """
    dt_ns = round(chunk.dt_s / S_PER_NS)
    times: NDArray[np.int64] = chunk.stamp_ns + dt_ns * np.arange(1, chunk.horizon + 1, dtype=np.int64)
    first_gap_ns, rows = round(MIN_FIRST_GAP * dt_ns), chunk.actions
    soonest_ns = int(times[-2]) - first_gap_ns - 1 if leave_ns <= LEAVE_NS else now_ns + leave_ns
    leave_ns += first_gap_ns * profile.is_late
    common = _cut(plan, now_ns, min(now_ns + leave_ns, soonest_ns))
    leave_ns = common.end_ns
    if speed_scale < 1:
        times, rows = _slowed(times, rows, leave_ns, speed_scale)
    ahead = times > leave_ns + first_gap_ns
    times, rows = times[ahead], rows[ahead]
    if len(times) < 2:
        return None
    leaving = np.clip((rows[-1] - rows[-2]) / chunk.dt_s, -limits.velocity, limits.velocity)
    tail_s = max(chunk.dt_s, float((abs(leaving) / (TAIL_ACCELERATION * limits.acceleration)).max()))
    knots_ns = np.concatenate([[leave_ns], times, [times[-1] + round(tail_s / S_PER_NS)]]).astype(np.int64)
    position, velocity = plan.at(leave_ns)
    start = np.stack([position, velocity, plan.acceleration(leave_ns)])
    seconds = np.asarray((knots_ns - leave_ns) * S_PER_NS, dtype=np.float64)
    smoother = _Smoother(seconds)
    fade = _spread(GENTLE, chunk.dt_s) if profile.fade is GENTLE else profile.fade
    positions, velocities = smoother.fit(rows, start, fade, profile.cutoff)
    grip = limits.is_gripper
    if grip.any():
        rows = _paced(seconds, rows[:, grip], start[:, grip], limits, grip)
        for i, column in zip(np.flatnonzero(grip).tolist(), rows.T, strict=True):
            ends = float(limits.lower[i]), float(limits.upper[i])
            positions[:, i], velocities[:, i] = smoother.fit_between(ends, column, start[:, i], GRIPPER_CUTOFF)
    positions[0], velocities[0], velocities[-1] = position, velocity, 0.0
    return Plan(
        np.concatenate([common.times_ns[:-1], knots_ns]),
        np.concatenate([common.positions[:-1], positions]),
        np.concatenate([common.velocities[:-1], velocities]),
    )


def _spread(fade: Fade, dt_s: float) -> Fade:
    """A fade whose weights are `GENTLE_STEP_S` apart, for rows that are closer; as it is for others."""
    share = min(dt_s / GENTLE_STEP_S, 1.0)
    return tuple(np.interp(np.arange(len(fade) / share) * share, np.arange(len(fade)), fade).tolist())


def _cut(plan: Plan, from_ns: int, to_ns: int) -> Plan:
    """The part of `plan` between two times, which give way by `SHORTEST_PIECE_NS` where a knot is right beside them.

    One knot, at the former, if the latter is no later than that.
    """
    times = plan.times_ns
    if to_ns - from_ns < SHORTEST_PIECE_NS:
        return Plan(np.array([from_ns], np.int64), *(x[None] for x in plan.at(from_ns)))
    before, inside = times[times <= from_ns], times[(times > from_ns) & (times < to_ns)]
    if len(before) and len(inside):
        from_ns = max(int(before[-1]), min(from_ns, int(inside[0]) - SHORTEST_PIECE_NS))
    if len(inside) and to_ns - inside[-1] < SHORTEST_PIECE_NS:
        to_ns, inside = int(inside[-1]), inside[:-1]
    at = [from_ns, *inside.tolist(), to_ns]
    positions, velocities = zip(*(plan.at(t) for t in at), strict=True)
    return Plan(np.array(at, np.int64), np.stack(positions), np.stack(velocities))


def ensembled(chunk: ActionChunk, recent: Sequence[ActionChunk]) -> NDArray[np.float64]:
    """Rows `(horizon, D)` of `chunk`, each the mean of what it and the `recent` chunks (oldest first) want at that time."""
    total, weights = np.zeros_like(chunk.actions), np.zeros(chunk.horizon)
    for order, other in enumerate([*recent, chunk]):
        rows = (chunk.stamp_ns - other.stamp_ns) * S_PER_NS / other.dt_s + np.arange(chunk.horizon)
        covered = (rows >= 0) & (rows <= other.horizon - 1)
        weight = np.exp(-ENSEMBLE_DECAY * order) * covered
        low = np.clip(rows.astype(int), 0, other.horizon - 2)
        part = np.clip(rows - low, 0.0, 1.0)[:, None]
        total += weight[:, None] * ((1 - part) * other.actions[low] + part * other.actions[low + 1])
        weights += weight
    return np.asarray(total / weights[:, None])


def _slowed(
    times_ns: NDArray[np.int64], rows: NDArray[np.float64], now_ns: int, speed_scale: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The way from now on at a share of the speed, in rows as far apart in time as before.

    Rows that came apart would leave a gripper, which may change its speed at rows only, time to swing past its end.
    """
    step_ns, end_ns = int(times_ns[1] - times_ns[0]), now_ns + round((int(times_ns[-1]) - now_ns) / speed_scale)
    slow_ns = np.arange(end_ns, now_ns, -step_ns, dtype=np.int64)[::-1]
    asked_ns = now_ns + (slow_ns - now_ns) * speed_scale
    return slow_ns, np.stack([np.interp(asked_ns, times_ns, column) for column in rows.T], axis=1)


class _Smoother:
    """Smoothing splines with breaks at `times_s`: of all cubic splines x, the one that minimises

    sum_k w_k |x(t_k) - row_k|^2 h + cutoff^-6 * integral |jerk|^2,

    given position, velocity, acceleration at the start and rest, with no acceleration, at the end. Its frequency response,
    1 / (1 + (omega / cutoff)^6), leaves motion alone and takes noise away.
    """

    def __init__(self, times_s: NDArray[np.float64]) -> None:
        self.size = len(times_s) - 1 + DEGREE
        knots = np.concatenate([np.full(DEGREE, times_s[0]), times_s, np.full(DEGREE, times_s[-1])])
        basis = BSpline(knots, np.eye(self.size), DEGREE)
        self.value, self.slope = basis(times_s), basis(times_s, 1)
        jerk = basis((times_s[1:] + times_s[:-1]) / 2, 3)
        self.roughness = jerk.T @ (jerk * np.diff(times_s)[:, None])
        bend = basis(times_s[[0, -1]], 2)
        self.held = np.stack([self.value[0], self.slope[0], bend[0], self.slope[-1], bend[1]])
        self.step = times_s[2] - times_s[1]

    def fit(
        self, rows: NDArray[np.float64], start: NDArray[np.float64], fade: Fade, cutoff: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions and velocities at the breaks; `rows` are wanted at the inner ones, `start` `(3, D)` is where it begins."""
        weight = np.full(len(rows), self.step)
        weight[: len(fade)] *= fade[: len(rows)]
        solved = self._solve(rows, weight, np.concatenate([start, np.zeros((2, rows.shape[1]))]), self.held, cutoff)
        return self.value @ solved, self.slope @ solved

    def fit_between(
        self, ends: tuple[float, float], rows: NDArray[np.float64], start: NDArray[np.float64], cutoff: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The same of one value, all of whose rows count, that does not go beyond its `ends` on the way.

        A spline stays among its coefficients: those that lead beyond an end are held at it. What `start` leads to stays.
        """
        weight, free = np.full(len(rows), self.step), slice(3, self.size - 2)
        held, values = self.held, np.concatenate([start, [0.0, 0.0]])
        for _ in range(MOST_HELD_AGAIN):
            solved = self._solve(rows[:, None], weight, values[:, None], held, cutoff)[:, 0]
            inside = np.clip(solved, *ends)
            over = np.flatnonzero(abs(solved - inside)[free] > BEYOND_END) + free.start
            if not len(over):
                break
            held = np.concatenate([held, np.eye(self.size)[over]])
            values = np.concatenate([values, inside[over]])
        return self.value @ solved, self.slope @ solved

    def _solve(
        self,
        rows: NDArray[np.float64],
        weight: NDArray[np.float64],
        values: NDArray[np.float64],
        held: NDArray[np.float64],
        cutoff: float,
    ) -> NDArray[np.float64]:
        """The coefficients `(size, D)` for which `held` `(H, size)` are exactly `values` `(H, D)`."""
        data, size = self.value[1:-1], self.size
        system = np.zeros((size + len(held), size + len(held)))
        system[:size, :size] = data.T @ (data * weight[:, None]) + self.roughness * cutoff**-6
        system[:size, size:], system[size:, :size] = held.T, held
        return np.asarray(np.linalg.solve(system, np.concatenate([data.T @ (rows * weight[:, None]), values]))[:size])


def _paced(
    times_s: NDArray[np.float64],
    rows: NDArray[np.float64],
    start: NDArray[np.float64],
    limits: Limits,
    grip: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Where grippers can be when the rows say "closed" at once and fingers take their time: `rows` with a pace."""
    pace, most = GRIPPER_PACE * limits.velocity[grip], GRIPPER_ACCELERATION * limits.acceleration[grip]
    steps_s = np.diff(times_s).tolist()
    columns = [
        _paced_one(steps_s, wanted, position, velocity, fastest, hardest)
        for wanted, position, velocity, fastest, hardest in zip(
            rows.T.tolist(), start[0].tolist(), start[1].tolist(), pace.tolist(), most.tolist(), strict=True
        )
    ]
    return np.array(columns).T


def _paced_one(
    steps_s: list[float], rows: list[float], position: float, velocity: float, pace: float, most: float
) -> list[float]:
    """One gripper. Speed changes by constant acceleration from row to row, and falls with the way that is left."""
    paced = []
    for row, step in zip(rows, steps_s, strict=False):
        side = 1.0 if row >= position else -1.0
        gap, speed = side * (row - position), side * velocity
        # The speed at the row's time that is left-over way / GRIPPER_EASE_S: it runs out gently, with no corner to overshoot.
        wanted = min((gap - speed * step / 2) / (GRIPPER_EASE_S + step / 2), pace)
        now = side * min(max(wanted, speed - most * step), speed + most * step)
        position, velocity = position + (velocity + now) / 2 * step, now
        paced.append(position)
    return paced
