"""Whether the bridge still knows what time it is: by a clock that jumped, or after a sleep, its plan is not the motion.

A stop from where the plan is by a clock that jumped would be a leap, and after a sleep it may be somebody else's.
"""

from collections.abc import Callable

from finevla_core.safety.plan import NS


class Timekeeper:
    """Compares the bridge's clock with the steady one from tick to tick."""

    def __init__(self, asleep_s: float, back_s: float, steady_ns: Callable[[], int]) -> None:
        self.asleep_s, self.back_s, self._steady_ns = asleep_s, back_s, steady_ns
        self._tick_ns = self._tick_steady_ns = -1

    def tick(self, now_ns: int) -> None:
        """Note a tick."""
        self._tick_ns, self._tick_steady_ns = now_ns, self._steady_ns()

    def lost(self, now_ns: int) -> tuple[str, str] | None:
        """Return code and sentence if, since the last tick, the arms did not do what is known; None if all is well."""
        if self._tick_ns < 0:
            return None
        gap_s = (now_ns - self._tick_ns) * NS
        if gap_s < -self.back_s:
            return "clock.jump", f"the clock jumped back by {-gap_s:.2f} s; check who sets it (NTP, /clock)"
        if gap_s <= self.asleep_s:
            return None
        if (self._steady_ns() - self._tick_steady_ns) * NS < gap_s / 2:
            return "clock.jump", f"the clock jumped ahead by {gap_s:.2f} s; check who sets it (NTP, /clock)"
        return "bridge.asleep", f"this bridge hung for {gap_s:.2f} s; is the computer overloaded?"
