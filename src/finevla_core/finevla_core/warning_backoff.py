"""When a matter that goes on is worth a sentence: at once and then seldom, so that what lasts all night takes some lines."""

from dataclasses import dataclass

FIRST_S, LONGEST_S = 10.0, 640.0  # how long a matter is counted before it is told again


@dataclass
class TellingTimes:
    """Tells at once, and then at intervals that double; after a pause it is news."""

    told_s: float = float("-inf")
    _interval_s: float = 0.0

    def is_due(self, now_s: float) -> bool:
        """Return whether it is to be told now; then it counts as told."""
        if now_s - self.told_s < self._interval_s:
            return False
        if now_s - self.told_s > 2 * self._interval_s:
            self._interval_s = 0.0
        self.told_s = now_s
        self._interval_s = min(max(FIRST_S, 2 * self._interval_s), LONGEST_S)
        return True
