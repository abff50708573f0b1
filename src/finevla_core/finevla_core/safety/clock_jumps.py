"""Whether the bridge still knows what time it is: by a clock that jumped, or after a sleep, its plan is not the motion.

A stop from where the plan is by a clock that jumped would be a leap, and after a sleep it may be somebody else's.
"""

from collections.abc import Callable

from finevla_core.time_units import S_PER_NS

EXCUSED_S = 0.2  # after a sleep: what came meanwhile is still unread


class Timekeeper:
    """Compares the bridge's clock with the steady one from tick to tick."""

    def __init__(self, asleep_s: float, back_s: float, steady_ns: Callable[[], int]) -> None:
        self.asleep_s, self.back_s, self._steady_ns = asleep_s, back_s, steady_ns
        self._tick_ns = self._tick_steady_ns = self._woke_ns = self._ran_ns = -1
        self._is_overtaken = False

    def tick(self, now_ns: int) -> None:
        """Record a tick at `now_ns` of the bridge's clock; a long pause since the last one counts as a sleep."""
        steady_ns = self._steady_ns()
        if self._tick_ns >= 0 and (steady_ns - self._tick_steady_ns) * S_PER_NS > self.asleep_s:
            self._woke_ns = steady_ns
        if now_ns != self._tick_ns:
            self._ran_ns, self._is_overtaken = steady_ns, False
        self._tick_ns, self._tick_steady_ns = now_ns, steady_ns

    def overtaken(self, now_ns: int) -> bool:
        """Note that joint states are stamped ahead of this clock; True if it stands still, and the arms do not.

        A simulation that is held up stops the clock and the arms alike: then none are.
        """
        if 0 <= self._tick_ns == now_ns and (self._steady_ns() - self._ran_ns) * S_PER_NS > self.asleep_s:
            self._is_overtaken = True
        return self._is_overtaken

    def just_woke(self) -> bool:
        """Whether this bridge slept until a moment ago: its own sleep is nobody's silence."""
        return self._woke_ns >= 0 and (self._steady_ns() - self._woke_ns) * S_PER_NS < EXCUSED_S

    def lost(self, now_ns: int) -> tuple[str, str] | None:
        """Return code and sentence if, since the last tick, the arms did not do what is known; None if all is well."""
        if self._tick_ns < 0:
            return None
        if self._is_overtaken and now_ns == self._tick_ns:
            return "clock.still", "the clock stands still while the arms move; see who publishes /clock"
        gap_s = (now_ns - self._tick_ns) * S_PER_NS
        if gap_s < -self.back_s:
            return "clock.jump", f"the clock jumped back by {-gap_s:.2f} s; check who sets it (NTP, /clock)"
        if gap_s <= self.asleep_s:
            return None
        if (self._steady_ns() - self._tick_steady_ns) * S_PER_NS < gap_s / 2:
            return "clock.jump", f"the clock jumped ahead by {gap_s:.2f} s; check who sets it (NTP, /clock)"
        return "bridge.asleep", f"this bridge hung for {gap_s:.2f} s; is the computer overloaded?"
