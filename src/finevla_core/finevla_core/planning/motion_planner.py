"""From "go there" to a chunk that the safety gate will accept: straight or around, smooth, and judged beforehand.

One chunk holds a whole motion, however long it takes: so the gate judges all of it before anything moves, and step mode
shows all of it at once. A hundred rows lie close enough on any way; only the time between them grows. Only a way that winds
past so much that one judgement cannot take it in is cut into parts that end at rest.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.planning.planning_scene import Planner, PlanningScene
from finevla_core.planning.time_parameterization import Curve, Timed, curves
from finevla_core.safety.clearance import Clearance
from finevla_core.safety.gate import Gate, GateContext, GateOptions, Judged, Rejection
from finevla_core.safety.instruction_in_force import MOTION
from finevla_core.safety.plan import hold

ROW_S, MOST_ROW_S = 0.1, 1.0  # the gate takes no more between rows
# The gate smooths what it is given. After some rest at the goal it is there within 3 mrad; without, 15 off at half speed.
SETTLE_S = 0.6
THERE = 2e-3  # rad, and share of a gripper's opening: nearer than this is there
MOST_SHARE = 0.9  # of the limits: the spline that the gate draws through the rows swings a little wider than they do
SLOW = 0.9  # a straight way that the gate slows down further than this is compared with a way around
SLOWER = 1.15  # what the gate finds too quick is tried again so much slower, a few times
ATTEMPTS = 4
MOST_CUTS = 4  # a way is halved so often at most
TOO_QUICK = ("chunk.velocity", "chunk.acceleration", "chunk.jerk", "chunk.step")
CLIENT = "/planner"


@dataclass(frozen=True)
class MotionPart:
    """Rows `(N, D)` every `dt_s` from rest to rest, and what a gate of the same rules made of them.

    `duration_s` is how long it will really take, `speed_scale` 1 unless the gate slows it down, `end` `(D,)` where it ends:
    the gate's spline misses the last row by a little.
    """

    actions: NDArray[np.float64]
    dt_s: float
    duration_s: float
    speed_scale: float
    clearance: Clearance
    end: NDArray[np.float64]

    def chunk(
        self, embodiment: Embodiment, stamp_ns: int, identity: str, client: str, epoch: int, sequence: int = 1
    ) -> ActionChunk:
        """Return the part as a chunk for the bridge; `identity` is appended to the prefix of operators' motions."""
        return ActionChunk(
            stamp_ns, MOTION + identity, embodiment.name, embodiment.names, self.dt_s, self.actions, "", client, epoch,
            sequence=sequence,
        )  # fmt: skip


@dataclass(frozen=True)
class Motion:
    """One part, rarely more, each a chunk; `is_straight` if it is the straight line in joint values."""

    parts: tuple[MotionPart, ...]
    is_straight: bool

    @property
    def duration_s(self) -> float:
        """Duration of all parts together, seconds."""
        return sum(part.duration_s for part in self.parts)

    @property
    def speed_scale(self) -> float:
        """Speed scale of the part that the gate slows down most; 1 = as asked."""
        return min(part.speed_scale for part in self.parts)


class MotionPlanner:
    """`motion(start, goal, speed)` by one planner and one gate; not thread-safe."""

    def __init__(
        self, embodiment: Embodiment, room: PlanningScene, planner: Planner, options: GateOptions | None = None
    ) -> None:
        self.embodiment, self.room, self.planner = embodiment, room, planner
        self.options = options or GateOptions()
        self._gate = Gate(embodiment, room.envelope, self.options)
        self._refused = ""

    def motion(
        self,
        start: NDArray[np.float64],
        goal: NDArray[np.float64],
        speed: float,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Motion | None:
        """From rest at `start` `(D,)` to rest at `goal`, `speed` a share of the limits (0 to 1); None if it is there already.

        Raises `FineVLAError` with one sentence: what is wrong with start or goal, or that no way was found.
        """
        if not 0.0 < speed <= 1.0:
            raise FineVLAError(f"the speed is {speed:.3g}; give a share of the limits, above 0 and up to 1")
        if why := self.room.why_not(goal):
            raise FineVLAError(f"the goal is not allowed: {why}")
        if abs(goal - start).max() < THERE:
            return None
        if why := self.room.too_near(start):
            raise FineVLAError(f"the arms rest too near to something to move on from here: {why}; move them by hand")
        straight = self._along(np.stack([start, goal]), start, speed)
        if straight is not None and straight.speed_scale >= SLOW:
            return Motion((straight,), is_straight=True)
        found = [] if straight is None else [Motion((straight,), is_straight=True)]
        try:
            corners = self.planner.plan(start, goal, is_wanted)
            parts = self._parts(corners, start, speed, MOST_CUTS)
            if parts is not None:
                found.append(Motion(parts, is_straight=len(corners) == 2))
        except FineVLAError:
            if not found or not is_wanted():
                raise
        if not found:
            raise FineVLAError(
                f"a way was found, but the gate lets no motion along it pass: {self._refused}; go by way of another pose"
            )
        return min(found, key=lambda motion: motion.duration_s)

    def _parts(
        self, corners: NDArray[np.float64], start: NDArray[np.float64], speed: float, cuts: int
    ) -> tuple[MotionPart, ...] | None:
        """In one part if the gate takes it, else in halves, and so on; `start` is where the part before really ends."""
        if (whole := self._along(corners, start, speed)) is not None:
            return (whole,)
        if not cuts:
            return None
        if len(corners) == 2:
            corners = np.stack([corners[0], corners.mean(0), corners[1]])
        middle = len(corners) // 2
        first = self._parts(corners[: middle + 1], start, speed, cuts - 1)
        second = self._parts(corners[middle:], first[-1].end, speed, cuts - 1) if first else None
        return first + second if first and second else None

    def _along(self, corners: NDArray[np.float64], start: NDArray[np.float64], speed: float) -> MotionPart | None:
        """The quickest motion along the corners that the gate lets pass, one that it does not slow down if there is one."""
        limits, best = self.room.envelope.limits, None
        share = min(speed, MOST_SHARE)
        for curve in sorted(curves(corners, limits), key=lambda curve: curve.duration_s(limits, share)):
            part = self._judged(start, curve, share)
            if part is not None and (best is None or part.duration_s < best.duration_s):
                best = part
            if part is not None and part.speed_scale == 1.0:
                break
        return best

    def _judged(self, start: NDArray[np.float64], curve: Curve, share: float) -> MotionPart | None:
        for _ in range(ATTEMPTS):
            timed = self._timed(curve, share)
            if timed.dt_s > MOST_ROW_S:
                most_s = self.options.max_horizon * MOST_ROW_S
                raise FineVLAError(
                    f"at that speed it would take {timed.duration_s:.0f} s, {most_s:.0f} s are the most; ask for more speed"
                )
            found = self._asked(start, timed)
            if isinstance(found, Judged):
                taken_s = (found.plan.end_ns - int(found.plan.times_ns[0])) * 1e-9
                end = found.plan.positions[-1]
                return MotionPart(timed.rows, timed.dt_s, taken_s, found.speed_scale, found.clearance, end)
            self._refused = found.text
            if found.code not in TOO_QUICK:
                return None
            share /= SLOWER
        return None

    def _timed(self, curve: Curve, share: float) -> Timed:
        """The curve and some rest behind it, together no more rows than the gate takes."""
        most = self.options.max_horizon - round(SETTLE_S / ROW_S)
        timed = curve.timed(self.room.envelope.limits, share, most, ROW_S)
        rest = int(np.clip(SETTLE_S / timed.dt_s, 1, self.options.max_horizon - len(timed.rows)))
        return Timed(np.concatenate([timed.rows, np.tile(timed.rows[-1], (rest, 1))]), timed.dt_s)

    def _asked(self, start: NDArray[np.float64], timed: Timed) -> Judged | Rejection:
        """What the gate says, as if the arms rested at `start` and the chunk came now."""
        now_ns = 1_000_000_000
        e = self.embodiment
        chunk = ActionChunk(now_ns, MOTION, e.name, e.names, timed.dt_s, timed.rows, "", CLIENT, 1, sequence=1)
        context = GateContext(
            now_ns=now_ns,
            instruction_id="",
            epoch=1,
            client=CLIENT,
            last_stamp_ns=-1,
            last_sequence=-1,
            plan=hold(start, now_ns),
            measured=start,
            measured_ns=now_ns,
            is_taken=True,
        )
        return self._gate.check(chunk, context)
