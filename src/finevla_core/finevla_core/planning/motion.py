"""From "go there" to a chunk that the safety gate will accept: straight if that is free, else around; smooth; judged beforehand.

One chunk holds a whole motion, however long it takes: so the gate judges all of it before anything moves, and step mode
shows all of it at once. A hundred rows lie close enough on any way; only the time between them grows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.planning.room import Planner, Room
from finevla_core.planning.timing import Curve, Timed, curves
from finevla_core.safety.clearance import Clearance
from finevla_core.safety.gate import MOTION, Context, Gate, GateOptions, Judged, Rejection
from finevla_core.safety.plan import hold

ROW_S = 0.1
THERE = 2e-3  # rad, and share of a gripper's opening: nearer than this is there
MOST_SHARE = 0.9  # of the limits: the spline that the gate draws through the rows swings a little wider than they do
SLOW = 0.9  # a straight way that the gate slows down further than this is compared with a way around
SLOWER = 1.15  # what the gate finds too quick is tried again so much slower, a few times
ATTEMPTS = 4
CLIENT = "/planner"


@dataclass(frozen=True)
class Motion:
    """Rows `(N, D)` every `dt_s` from rest to rest, and what a gate of the same rules made of them.

    `duration_s` is how long it will really take, `speed_scale` 1 unless the gate slows it down, `is_straight` whether it is
    the straight line in joint values.
    """

    actions: NDArray[np.float64]
    dt_s: float
    duration_s: float
    speed_scale: float
    clearance: Clearance
    is_straight: bool

    def chunk(self, embodiment: Embodiment, stamp_ns: int, identity: str, client: str, epoch: int, sequence: int = 1) -> ActionChunk:
        """As the bridge takes it; `identity` is added to the prefix of operators' motions."""
        return ActionChunk(
            stamp_ns, MOTION + identity, embodiment.name, embodiment.names, self.dt_s, self.actions, "", client, epoch,
            sequence=sequence,
        )  # fmt: skip


class Mover:
    """`motion(start, goal, speed)` by one planner and one gate; not thread-safe."""

    def __init__(self, embodiment: Embodiment, room: Room, planner: Planner, options: GateOptions | None = None) -> None:
        self.embodiment, self.room, self.planner = embodiment, room, planner
        self.options = options or GateOptions()
        self._gate = Gate(embodiment, room.envelope, self.options)

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
        straight = self._along(np.stack([start, goal]), speed)
        if straight is not None and straight.speed_scale >= SLOW:
            return straight
        try:
            corners = self.planner.plan(start, goal, is_wanted)
        except FineVLAError:
            if straight is None or not is_wanted():
                raise
            return straight
        around = self._along(corners, speed)
        found = [motion for motion in (straight, around) if motion is not None]
        if not found:
            raise FineVLAError("a way was found, but no motion along it passes the gate; go by way of another pose")
        return min(found, key=lambda motion: motion.duration_s)

    def _along(self, corners: NDArray[np.float64], speed: float) -> Motion | None:
        """The first curve along the corners that the gate lets pass without slowing it down, or the quickest that passes."""
        best: Motion | None = None
        for curve in curves(corners, self.room.envelope.limits):
            motion = self._judged(corners, curve, min(speed, MOST_SHARE))
            if motion is not None and (best is None or motion.duration_s < best.duration_s):
                best = motion
            if motion is not None and motion.speed_scale == 1.0:
                break
        return best

    def _judged(self, corners: NDArray[np.float64], curve: Curve, share: float) -> Motion | None:
        for _ in range(ATTEMPTS):
            timed = curve.timed(self.room.envelope.limits, share, self.options.max_horizon, ROW_S)
            if timed.dt_s > 1.0:
                raise FineVLAError(
                    f"at that speed it would take {timed.duration_s:.0f} s; {self.options.max_horizon} s are the most, ask for more speed"
                )
            found = self._asked(corners[0], timed)
            if isinstance(found, Judged):
                taken_s = (found.plan.end_ns - int(found.plan.times_ns[0])) * 1e-9
                is_straight = len(corners) == 2
                return Motion(timed.rows, timed.dt_s, taken_s, found.speed_scale, found.clearance, is_straight)
            if found.code not in ("chunk.velocity", "chunk.acceleration", "chunk.jerk", "chunk.step"):
                return None
            share /= SLOWER
        return None

    def _asked(self, start: NDArray[np.float64], timed: Timed) -> Judged | Rejection:
        """What the gate says, as if the arms rested at `start` and the chunk came now."""
        now_ns = 1_000_000_000
        e = self.embodiment
        chunk = ActionChunk(now_ns, MOTION, e.name, e.names, timed.dt_s, timed.rows, "", CLIENT, 1, sequence=1)
        context = Context(
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
