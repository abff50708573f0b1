"""How long something is waited for: a limit that begins anew with every progress, and one for all of it."""

from collections.abc import Callable

LIMIT_S, MOST_S = 60.0, 240.0


class Patience:
    """Counts by `clock` (seconds) from now on: `limit_s` without progress, `most_s` in all."""

    def __init__(self, clock: Callable[[], float], limit_s: float = LIMIT_S, most_s: float = MOST_S) -> None:
        self._clock, self._limit_s, self._most_s = clock, limit_s, most_s
        self._began_s = self._last_s = clock()
        self._progress: object = None

    @property
    def spent_s(self) -> float:
        """Seconds since the waiting began."""
        return self._clock() - self._began_s

    def is_over(self, progress: object = None) -> bool:
        """Return whether a limit has passed; `progress` is anything that changes when something has come on."""
        now_s = self._clock()
        if progress != self._progress:
            self._progress, self._last_s = progress, now_s
        return now_s - self._last_s > self._limit_s or now_s - self._began_s > self._most_s
