"""Who must be heard while something moves: the watchdog, and the operator's deadman switch where one is demanded.

Timed by the steady clock: heartbeats beat on whatever simulated time does.
"""

from collections.abc import Callable

from finevla_core.safety.plan import NS


class Heartbeats:
    """When each was heard last; a timeout of None means that it is not demanded."""

    def __init__(
        self, watchdog_timeout_s: float | None, deadman_timeout_s: float | None, steady_ns: Callable[[], int]
    ) -> None:
        self.watchdog_timeout_s, self.deadman_timeout_s = watchdog_timeout_s, deadman_timeout_s
        self._steady_ns = steady_ns
        self._watchdog_ns = self._deadman_ns = -1
        self._unwell = ""  # what the watchdog said last, if it was not well

    def heard_watchdog(self, is_well: bool, text: str) -> None:
        """Note the watchdog's heartbeat, and what it says if it is not well."""
        self._watchdog_ns, self._unwell = self._steady_ns(), "" if is_well else text or "it is not well"

    def heard_deadman(self, is_held: bool) -> None:
        """Note whether the operator's switch is held."""
        self._deadman_ns = self._steady_ns() if is_held else -1

    def trouble(self) -> str:
        """Return what the watchdog finds wrong, "" if nothing, or if none is demanded."""
        return self._unwell if self.watchdog_timeout_s is not None else ""

    def missing(self) -> str:
        """Return the sentence for a heartbeat that is demanded and does not come, "" if all do."""
        if missing := self.unwatched():
            return missing
        if self._is_silent(self._deadman_ns, self.deadman_timeout_s):
            return "the deadman switch is not held (std_msgs/Bool on safety/deadman)"
        return ""

    def unwatched(self) -> str:
        """Return the sentence for a watchdog that is demanded and does not answer, "" if it does."""
        if self._is_silent(self._watchdog_ns, self.watchdog_timeout_s):
            return (
                "the watchdog does not answer; start it (ros2 run finevla_control safety_watchdog), or see in its log"
                " what it does not hear"
            )
        return ""

    def _is_silent(self, heard_ns: int, timeout_s: float | None) -> bool:
        return timeout_s is not None and (heard_ns < 0 or (self._steady_ns() - heard_ns) * NS > timeout_s)
