"""Which joint states are believed: where the arms are, how fast they move, and whether that is still true.

A reading is believed if it continues what was known. Arms at rest stay where they are, and arms that were lost in mid-motion
are somewhere on their way; what says otherwise is told as a difference, and counts only once the operator adopts it.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.safety.limits import Limits
from finevla_core.time_units import S_PER_NS

# An arm that moved by more than this beyond what its speed allows did not move: the reading jumped.
JUMP_SHARE, JUMP_RAD = 1.5, 0.02
# Arms at rest that were not looked at for a while may have sagged a little. More is a leap, however long it took.
SLIP_RAD = 0.1
REST_RAD_S = 0.05
SETTLED_S = 0.5  # at rest for so long: from now on they stay there
# Speed is the way made over so long. A driver may read, or stamp, a reading some 10 ms late, and encoders are off by a
# milliradian: together that is a tenth of the speed and 0.02 rad/s here, below what is allowed on top of the limit.
SPEED_SPAN_S = 0.1
SPEED_SHARE, SPEED_RAD_S = 1.2, 0.05
STEADY_S, STEADY_RAD = 0.5, 0.01  # a pose that is adopted was measured for so long, and moved by no more
# Arms that rest no further outside their limits may come in from there: else a zero, or a gripper's stroke, is set wrong.
OUTSIDE_RAD, OUTSIDE_OPENING = 0.05, 0.5


class MeasuredArms:
    """Position and velocity `(D,)` in values, None before the first joint state, and the stamp of the newest believed one.

    `reach_rad` is how far from where they are expected the arms may be measured. Receipt is timed by the steady clock.
    """

    def __init__(
        self,
        embodiment: Embodiment,
        limits: Limits,
        timeout_s: float,
        reach_rad: float,
        steady_ns: Callable[[], int],
    ) -> None:
        self.embodiment, self.limits, self.timeout_s, self.reach_rad = embodiment, limits, timeout_s, reach_rad
        self.position: NDArray[np.float64] | None = None
        self.velocity: NDArray[np.float64] | None = None
        self.stamp_ns = 0
        self._steady_ns = steady_ns
        self._received_ns = self._strange_ns = self._still_ns = self._returned_ns = -1
        self._strange_stamp_ns = 0
        self._expected: tuple[NDArray[np.float64], NDArray[np.float64]] | None = (
            None  # lowest and highest; None = anywhere
        )
        self._recent: deque[tuple[int, NDArray[np.float64]]] = deque()  # believed ones of the last `SPEED_SPAN_S`
        self._strange: deque[tuple[int, NDArray[np.float64]]] = deque()  # not believed ones since the last believed one

    def read(self, names: Sequence[str], positions: Sequence[float]) -> NDArray[np.float64] | None:
        """Return values `(D,)` of a joint state, None if it lacks joints of this robot; further joints are ignored."""
        order = self.embodiment.order_in(names)
        if len(positions) != len(names) or order is None:
            return None
        return self.embodiment.to_values([positions[i] for i in order])

    def why_unread(self, names: Sequence[str], positions: Sequence[float]) -> str:
        """Return what is wrong with a joint state that tells nothing, "" if it is of other joints alone."""
        counted = Counter(names)
        own = [joint for joint in self.embodiment.joints if joint in counted]
        if not own:
            return ""
        if len(positions) != len(names):
            return f"has {len(positions)} positions for {len(names)} joints"
        if double := next((joint for joint in own if counted[joint] > 1), ""):
            return f"names {double} more than once"
        missing = [joint for joint in self.embodiment.joints if joint not in own]
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return f"lacks {missing[0]}{more}: one message must name all joints of this robot"

    def note(self, position: NDArray[np.float64], stamp_ns: int, is_following: bool) -> str:
        """Believe a reading that continues what is known, "" then; else return the sentence of why it does not.

        One that is not newer is only compared. `is_following`: the arms are commanded to move.
        """
        received_ns = self._steady_ns()
        if why := self._why_strange(position, stamp_ns, received_ns, is_following):
            self._strange_ns, self._strange_stamp_ns = received_ns, stamp_ns
            self._strange.append((received_ns, position))
            while len(self._strange) > 2 and (received_ns - self._strange[1][0]) * S_PER_NS >= STEADY_S:
                self._strange.popleft()
            return why
        if self._strange:
            self._strange.clear()
            self._returned_ns = received_ns
        if stamp_ns > self.stamp_ns:
            self._believe(position, stamp_ns, received_ns, is_following)
        return ""

    def expect(self, lowest: NDArray[np.float64], highest: NDArray[np.float64]) -> None:
        """Say between which values `(D,)` the arms will be found when they are not commanded to move; equal = at rest there."""
        self._expected = lowest, highest

    def forget_stamps(self) -> None:
        """The clock was set: stamps of before cannot be compared any more. The pose stays known."""
        self.stamp_ns, self.velocity = 0, None
        self._recent.clear()

    def is_fresh(self, now_ns: int) -> bool:
        """Whether it tells where the arms are now."""
        return self.position is not None and abs(now_ns - self.stamp_ns) * S_PER_NS < self.timeout_s

    def moves(self, rest_velocity: float) -> bool:
        """Whether a joint was measured faster than that."""
        return self.velocity is not None and bool(abs(self.velocity).max() > rest_velocity)

    def too_fast(self) -> str:
        """Return the sentence for a joint that is measured faster than its limit allows, "" if none is."""
        speed = self._speed()
        if speed is None:
            return ""
        excess = speed - (SPEED_SHARE * self.limits.velocity + SPEED_RAD_S)
        if excess.max() <= 0:
            return ""
        i = int(excess.argmax())
        name, most = self.embodiment.names[i], self.limits.velocity[i]
        return f"{name} was measured at {speed[i]:.2f} rad/s; {most:.2f} are allowed"

    def difference(self) -> NDArray[np.float64] | None:
        """Measured minus known `(D,)` while what is measured is not believed; None if there is no such thing."""
        if not self._strange or self.position is None or self._age_s(self._strange_ns) > self.timeout_s:
            return None
        return np.asarray(self._strange[-1][1] - self._known())

    def is_disputed(self) -> bool:
        """Whether what is believed came again after what is not, both just now: then there may be two sources."""
        return max(self._age_s(self._strange_ns), self._age_s(self._returned_ns)) < self.timeout_s

    def why_not_adopted(self) -> str:
        """Return why the pose that is measured cannot be taken as the true one now, "" if it can."""
        if self.is_disputed():
            return "joint states contradict each other: some say so, others not; end one of their publishers"
        poses = np.array([position for _, position in self._strange])
        if (
            self._age_s(self._strange[0][0]) < STEADY_S
            or (np.ptp(poses, axis=0) * ~self.limits.is_gripper).max() > STEADY_RAD
        ):
            return f"the arms have not been measured at rest there for {STEADY_S} s; wait until they rest"
        return self.why_outside(poses[-1])

    def why_outside(self, position: NDArray[np.float64]) -> str:
        """Return why arms at `position` `(D,)` cannot be held there, "" if they are inside their limits or a little outside."""
        limits = self.limits
        outside = np.maximum(limits.lower - position, position - limits.upper)
        excess = outside - np.where(limits.is_gripper, OUTSIDE_OPENING, OUTSIDE_RAD)
        if excess.max() <= 0:
            return ""
        i = int(excess.argmax())
        name, off = self.embodiment.names[i], outside[i]
        if limits.is_gripper[i]:
            return f"{name} is measured {off:.2f} of its opening outside its limits; are its stroke and its zero set right?"
        return (
            f"{name} is measured {off:.2f} rad outside its limits; is its zero set right? Else move it inside by hand"
        )

    def measured(self) -> NDArray[np.float64]:
        """The newest reading `(D,)` that is not believed; there is one if there is a difference."""
        return self._strange[-1][1]

    def adopt(self) -> None:
        """Take the pose that is measured as the true one: the arms rest there."""
        received_ns, position = self._strange[-1]
        self._recent.clear()
        self._strange.clear()
        self._strange_ns = -1
        self.velocity, self.stamp_ns = None, 0
        self._believe(position, self._strange_stamp_ns, received_ns, is_following=False)
        self.expect(position, position)

    def _known(self) -> NDArray[np.float64]:
        """Where the arms are by what is known: at rest where they are expected, else where they were seen last."""
        assert self.position is not None
        return self._expected[0] if self._expected is not None and self._is_expected_at_rest() else self.position

    def _is_expected_at_rest(self) -> bool:
        return self._expected is not None and bool((self._expected[0] == self._expected[1]).all())

    def _is_expected_on_a_way(self) -> bool:
        return self._expected is not None and not self._is_expected_at_rest()

    def _believe(self, position: NDArray[np.float64], stamp_ns: int, received_ns: int, is_following: bool) -> None:
        self.velocity = None
        if self.position is not None and self.stamp_ns:
            moved = (position - self.position) * ~self.limits.is_gripper
            self.velocity = moved / ((stamp_ns - self.stamp_ns) * S_PER_NS)
        self.position, self.stamp_ns, self._received_ns = position, stamp_ns, received_ns
        self._recent.append((stamp_ns, position))
        while len(self._recent) > 2 and (stamp_ns - self._recent[1][0]) * S_PER_NS >= SPEED_SPAN_S:
            self._recent.popleft()
        if not self._is_still():
            self._still_ns = -1
        elif self._still_ns < 0:
            self._still_ns = received_ns
        elif (
            not is_following and (received_ns - self._still_ns) * S_PER_NS >= SETTLED_S and self._is_expected_on_a_way()
        ):
            self.expect(position, position)

    def _why_strange(self, position: NDArray[np.float64], stamp_ns: int, received_ns: int, is_following: bool) -> str:
        if self.position is None:
            return ""
        # The longer of both: a clock may have been set, and a simulation may run faster than time passes.
        dt_s = (received_ns - self._received_ns) * S_PER_NS
        if self.stamp_ns:
            dt_s = max(dt_s, abs(stamp_ns - self.stamp_ns) * S_PER_NS)
        allowed = JUMP_SHARE * self.limits.velocity * dt_s + JUMP_RAD
        if not is_following and self._is_expected_at_rest() and self._is_still():
            allowed = np.minimum(allowed, SLIP_RAD)
        off = (position - self.position) * ~self.limits.is_gripper
        if (abs(off) > allowed).any():
            i = int((abs(off) - allowed).argmax())
            return f"{self.embodiment.names[i]} leapt: it says {position[i]:.3f}, {off[i]:+.3f} from where it was known to be"
        if is_following or self._expected is None or stamp_ns <= self.stamp_ns:
            return ""
        lowest, highest = self._expected
        off = (np.maximum(position - highest, 0.0) - np.maximum(lowest - position, 0.0)) * ~self.limits.is_gripper
        if abs(off).max() <= self.reach_rad:
            return ""
        i = int(abs(off).argmax())
        where = "where it is held" if self._is_expected_at_rest() else "its way"
        return f"{self.embodiment.names[i]} is elsewhere: it says {position[i]:.3f}, {off[i]:+.3f} from {where}"

    def _speed(self) -> NDArray[np.float64] | None:
        """Return each joint's speed `(D,)` over the last `SPEED_SPAN_S`, 0 for grippers; None if unknown."""
        if len(self._recent) < 2:
            return None
        (before_ns, before), (after_ns, after) = self._recent[0], self._recent[-1]
        span_s = (after_ns - before_ns) * S_PER_NS
        if span_s < SPEED_SPAN_S:
            return None
        return np.asarray(abs(after - before) * ~self.limits.is_gripper / span_s)

    def _is_still(self) -> bool:
        speed = self._speed()
        return speed is not None and bool(speed.max() <= REST_RAD_S)

    def _age_s(self, received_ns: int) -> float:
        return (self._steady_ns() - received_ns) * S_PER_NS if received_ns >= 0 else float("inf")
