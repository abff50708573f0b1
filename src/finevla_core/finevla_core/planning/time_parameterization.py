"""From the corners of a way to one smooth motion in time, at rest at both ends: a C2 curve, and how far along it when.

The curve is a cubic B-spline whose control points lie on the way: it stays among them, and so within the limits, and comes
the closer to the corners the more there are. A quintic (minimum jerk; Flash & Hogan 1985) says how far along it when.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from finevla_core.safety.limits import Limits

ROUNDINGS = (3, 6, 12, 24, 48)  # pieces of the curve: the fewer, the wider corners are rounded
LOOKS = 1000  # points at which the curve's derivatives are compared with the limits
DEGREE = 3
SHORTEST_S = 1.0  # not a twitch: the gate smooths what is quicker, and ends where it was not told to
SAME = 1e-9


@dataclass(frozen=True)
class Timed:
    """Rows `(N, D)` that are due every `dt_s`, the first one after `dt_s`; the last is the goal."""

    rows: NDArray[np.float64]
    dt_s: float

    @property
    def duration_s(self) -> float:
        """Duration of the motion from rest to rest, seconds."""
        return len(self.rows) * self.dt_s


class Curve:
    """Pieces that are gone through one after the other, from rest to rest each; one piece, unless it stops at corners."""

    def __init__(self, pieces: list[BSpline]) -> None:
        self.pieces = pieces

    def duration_s(self, limits: Limits, share: float) -> float:
        """Return the shortest duration, seconds, that keeps `share` of the velocity, acceleration and jerk limits."""
        return float(sum(_duration_s(piece, limits, share) for piece in self.pieces))

    def timed(self, limits: Limits, share: float, most_rows: int, row_s: float) -> Timed:
        """Rows every `row_s`, or farther apart if there were more than `most_rows`."""
        durations = np.array([_duration_s(piece, limits, share) for piece in self.pieces])
        ends = np.cumsum(durations)
        count = int(np.clip(np.ceil(ends[-1] / row_s), 4, most_rows))
        times = ends[-1] * np.arange(1, count + 1) / count
        which = np.minimum(np.searchsorted(ends, times), len(ends) - 1)
        part = np.clip((times - ends[which]) / durations[which] + 1.0, 0.0, 1.0)
        rows = np.empty((count, self.pieces[0].c.shape[1]))
        for k, piece in enumerate(self.pieces):
            rows[which == k] = piece(piece.t[-1] * _quintic(part[which == k])[0])
        rows[-1] = self.pieces[-1].c[-1]
        return Timed(rows, float(ends[-1] / count))


def curves(corners: NDArray[np.float64], limits: Limits) -> Iterator[Curve]:
    """Curves along a way `(N, D)`, each closer to it than the one before; the last is the way itself, with stops at corners."""
    corners = _distinct(corners)
    if len(corners) > 2:
        for pieces in ROUNDINGS:
            yield Curve([_spline(corners, limits, pieces)])
    yield Curve([_spline(np.stack(pair), limits, 1) for pair in itertools.pairwise(corners)])


def _spline(corners: NDArray[np.float64], limits: Limits, pieces: int) -> BSpline:
    """Control points at Greville's abscissae of the way's length: what is straight is gone through evenly.

    Length is the time that each step takes at full speed.
    """
    steps = (abs(np.diff(corners, axis=0)) / limits.velocity).max(1)
    gone = np.concatenate([[0.0], np.cumsum(steps)])
    knots = np.concatenate([[0.0] * DEGREE, np.linspace(0.0, gone[-1], pieces + 1), [gone[-1]] * DEGREE])
    places = np.lib.stride_tricks.sliding_window_view(knots[1:-1], DEGREE).mean(1)
    control = np.stack([np.interp(places, gone, column) for column in corners.T], axis=1)
    control[0], control[-1] = corners[0], corners[-1]
    return BSpline(knots, control, DEGREE)


def _duration_s(curve: BSpline, limits: Limits, share: float) -> float:
    """Speed, acceleration and jerk fall with the first, second and third power of it, so it follows from one look at 1 s."""
    length = float(curve.t[-1])
    s, ds, dds, ddds = _quintic(np.arange(LOOKS + 1) / LOOKS)
    u, du, ddu, dddu = (length * x[:, None] for x in (s, ds, dds, ddds))
    first, second, third = (curve(u[:, 0], order) for order in (1, 2, 3))
    speed = abs(first * du)
    acceleration = abs(second * du**2 + first * ddu)
    jerk = abs(third * du**3 + 3 * second * du * ddu + first * dddu)
    return max(
        SHORTEST_S,
        float((speed / (share * limits.velocity)).max()),
        float(np.sqrt((acceleration / (share * limits.acceleration)).max())),
        float(np.cbrt((jerk / (share * limits.jerk)).max())),
    )


def _quintic(part: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """0 to 1 with no velocity and no acceleration at the ends, and its first three derivatives."""
    p = part
    return (
        p**3 * (10 - 15 * p + 6 * p**2),
        30 * p**2 * (1 - p) ** 2,
        60 * p * (1 - p) * (1 - 2 * p),
        60 * (1 - 6 * p + 6 * p**2),
    )


def _distinct(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without corners that lie on the one before; start and goal stay."""
    kept = [corners[0], *(b for a, b in itertools.pairwise(corners) if abs(b - a).max() > SAME)]
    if len(kept) == 1:
        kept.append(corners[-1])
    kept[-1] = corners[-1]
    return np.array(kept)
