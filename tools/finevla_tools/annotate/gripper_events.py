"""What a gripper does, from its opening alone: when it opens and closes, and whether something stopped its fingers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_tools.annotate.trajectory import Array

WORK_HZ = 25.0  # faster data are averaged: fingers need no more, and noise becomes less
WINDOW_S = 0.1  # over which a speed is taken
SPEED = 0.15  # of the whole opening, per second: fingers that are slower stand still
BEGINS, STOPS = 0.12, 0.25  # of a movement's greatest speed: what creeps on after it is no movement
LEAST = 0.1  # of the whole opening: less is no event
SETTLE_S, SETTLED = 0.1, 0.01  # fingers have stopped where they come this near to where they are a moment later
HESITATION_S = 0.25  # a pause within one movement
REST_S = 0.5  # after a closing, in which it is seen where the fingers stay
WIDE = 0.7  # of the whole opening: nothing but a gripper itself moves its fingers this far
LEADS = 0.03  # of the whole opening: a command that is this far ahead of the fingers moves them
GAP = 0.04  # between where the fingers were told to be and where they are: something is between them
THIN = 0.03  # openings up to this are closed
OPEN_LEFT = 0.06  # without a useful command: fingers that stay this far apart hold something
NO_COMMAND = 0.6  # confidence where only the opening tells


@dataclass(frozen=True)
class FingerMove:
    """Fingers that move from `begin_s` to `end_s`, between openings `before` and `after`.

    Of a closing: `held` says whether they stopped on something, with `confidence`; `lost_s` is when it was lost, None if not.
    """

    begin_s: float
    end_s: float
    before: float
    after: float
    held: bool = False
    confidence: float = 1.0
    lost_s: float | None = None

    @property
    def closes(self) -> bool:
        """Whether the fingers come together."""
        return self.after < self.before


def coarse(times_s: Array, values: Array) -> tuple[Array, Array]:
    """Times and values `(T, ...)` averaged down to about `WORK_HZ`; slower data as they are."""
    if len(times_s) < 3:
        return times_s, values
    step_s = float(times_s[-1]) / (len(times_s) - 1)
    block = round(1.0 / (WORK_HZ * step_s))
    if block < 2 or len(times_s) < 3 * block:
        return times_s, values
    count = len(times_s) // block
    cut = values[: count * block].reshape(count, block, *values.shape[1:])
    return times_s[: count * block].reshape(count, block).mean(axis=1), cut.mean(axis=1)


def runs(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Begin and end (exclusive) `(N, 2)` of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def finger_moves(times_s: Array, opening: Array, command: Array | None) -> list[FingerMove]:
    """All openings and closings in order; `opening` and `command` `(T,)`, 0 closed to 1 open."""
    if len(times_s) < 2:
        return []
    t, g = coarse(times_s, opening)
    c = None if command is None else coarse(times_s, command)[1]
    if float(np.ptp(g)) < LEAST:
        return []
    moves = sorted(move for sign in (-1.0, 1.0) for move in _one_way(t, g, sign))
    moves = moves if c is None else _commanded(g, c, moves)
    moves = _apart(t, g, moves)
    told = c if c is not None and _is_useful(t, g, c, moves) else None
    found = []
    for number, (begin, end) in enumerate(moves):
        until = moves[number + 1][0] if number + 1 < len(moves) else len(t) - 1
        move = FingerMove(float(t[begin]), float(t[end]), float(g[begin]), float(g[end]))
        found.append(_seen(move, t, g, told, end, until) if move.closes else move)
    return _without_slips(found)


def _one_way(t: Array, g: Array, sign: float) -> list[tuple[int, int]]:
    """Movements in one direction as indices of the frames at which they begin and end."""
    step_s = float(t[-1] - t[0]) / (len(t) - 1)
    window = min(max(1, round(WINDOW_S / step_s)), len(t) - 1)
    speed = sign * (g[window:] - g[:-window]) / np.maximum(t[window:] - t[:-window], 1e-9)
    joined: list[list[int]] = []
    fastest: list[float] = []
    for first, last in runs(speed > SPEED):
        part = speed[first:last]
        peak = float(part.max())
        begin = int(first + np.flatnonzero(part > BEGINS * peak)[0]) + window - 1
        end = max(int(first + np.flatnonzero(part > STOPS * peak)[-1]) + 1, begin + 1)
        goes_on = bool(joined) and t[begin] - t[joined[-1][1]] < HESITATION_S
        if goes_on and sign * (g[begin] - g[joined[-1][1]]) < -LEAST / 2:
            goes_on = False  # they went back in between
        if goes_on and fastest[-1] >= BEGINS * peak:
            if peak > STOPS * fastest[-1]:
                joined[-1][1], fastest[-1] = max(end, joined[-1][1]), max(peak, fastest[-1])
        else:
            joined.append([begin, end])
            fastest.append(peak)
    return [
        (begin, min(end, len(t) - 1)) for begin, end in joined if sign * (g[min(end, len(t) - 1)] - g[begin]) > LEAST
    ]


def _commanded(g: Array, c: Array, moves: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The moves that the command asks for: fingers that something pushes open or shut do nothing of their own.

    A command that does not explain a wide one is no command.
    """
    made = []
    for begin, end in moves:
        sign = np.sign(g[end] - g[begin])
        leads = np.flatnonzero(sign * (c[begin : end + 1] - g[begin : end + 1]) > LEADS)
        if len(leads) and sign * (c[end] - g[begin]) > LEADS and leads[0] < end - begin:
            made.append((begin + int(leads[0]), end))
        elif abs(g[end] - g[begin]) > WIDE:
            return moves
    return made


def _apart(t: Array, g: Array, moves: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The moves, each ending where the fingers have stopped, and before the next one begins."""
    made = []
    for number, (begin, end) in enumerate(moves):
        limit = moves[number + 1][0] if number + 1 < len(moves) else len(t) - 1
        if begin < limit:
            made.append((begin, _settled(t, g, min(end, limit), limit)))
    return made


def _settled(t: Array, g: Array, end: int, until: int) -> int:
    """The frame at which fingers that have become slow at `end` have stopped: they round off the last of their way."""
    ref = min(int(np.searchsorted(t, t[end] + SETTLE_S - 1e-6)), until)
    if ref <= end:
        return end
    far = np.flatnonzero(np.abs(g[end : ref + 1] - g[ref]) > SETTLED)
    return end + (int(far[-1]) + 1 if len(far) else 0)


def _is_useful(t: Array, g: Array, c: Array, moves: Sequence[tuple[int, int]]) -> bool:
    """Whether the command says more than the opening: it is beyond the fingers somewhere while they rest."""
    for number, (_, end) in enumerate(moves):
        until = moves[number + 1][0] if number + 1 < len(moves) else len(t)
        rest = slice(min(end + 1, until), until)
        if len(g[rest]) and float(np.abs(np.median(g[rest] - c[rest]))) > GAP:
            return True
    return False


def _seen(move: FingerMove, t: Array, g: Array, c: Array | None, end: int, until: int) -> FingerMove:
    """A closing with what its rest tells: stopped on something or not, and whether that was lost before the next move."""
    last = max(int(np.searchsorted(t, min(t[end] + REST_S, t[until]), side="right")), end + 1)
    rest = slice(min(end + (last - end > 2), len(g) - 1), min(last, len(g)))
    level = float(np.median(g[rest]))
    if c is not None:
        gap = level - float(c[rest].min())  # which may begin to rise again
        held, margin = gap > GAP and level > THIN, min(abs(gap - GAP) / 0.1, 1.0)
        confidence = 0.7 + 0.3 * margin
    else:
        held = level > OPEN_LEFT
        confidence = NO_COMMAND + 0.3 * min(abs(level - OPEN_LEFT) / 0.1, 1.0) * (level < OPEN_LEFT or level > 0.15)
    lost = None
    if held and g[until] < min(OPEN_LEFT, 0.3 * level):
        under = np.flatnonzero(g[end : until + 1] < 0.5 * (level + THIN))
        lost = float(t[end + int(under[0])]) if len(under) else None
    return FingerMove(move.begin_s, move.end_s, move.before, level, held, confidence, lost)


def _without_slips(moves: Sequence[FingerMove]) -> list[FingerMove]:
    """A closing that follows a hold without an opening between: the fingers lost it, or close further on it."""
    made: list[FingerMove] = []
    for move in moves:
        if made and move.closes and made[-1].closes and made[-1].held:
            first = made[-1]
            lost = first.lost_s if move.after > OPEN_LEFT else move.begin_s
            made[-1] = FingerMove(
                first.begin_s, first.end_s, first.before, move.after, True, min(first.confidence, 0.8), lost
            )
        elif made and move.closes and made[-1].closes:
            first = made[-1]
            made[-1] = FingerMove(
                first.begin_s, move.end_s, first.before, move.after, move.held, move.confidence, move.lost_s
            )
        else:
            made.append(move)
    return made
