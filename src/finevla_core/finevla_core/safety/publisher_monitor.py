"""Whether one or two publishers speak on a topic, by the numbers that DDS gives to what each of them publishes."""

from collections import deque
from collections.abc import Callable

from finevla_core.time_units import S_PER_NS

UNNUMBERED = (0, 2**64 - 1)  # what a middleware gives that does not count
# A publisher counts up. One that starts again counts from 1 once; two at a time go back with nearly every change of turns.
DESCENTS, WITHIN_S = 2, 1.0


class CounterWatch:
    """Sees that two counters run at once; `is_double` is true while they do."""

    def __init__(self, steady_ns: Callable[[], int]) -> None:
        self._steady_ns = steady_ns
        self._last = 0
        self._descents_ns: deque[int] = deque(maxlen=DESCENTS)

    def note(self, number: int) -> bool:
        """Take the number of a message, 1 for a publisher's first one; returns `is_double`."""
        if number not in UNNUMBERED:
            if number <= self._last:
                self._descents_ns.append(self._steady_ns())
            self._last = number
        return self.is_double

    @property
    def is_double(self) -> bool:
        """Whether two publishers were heard within the last second."""
        descents = self._descents_ns
        return len(descents) == DESCENTS and (self._steady_ns() - descents[0]) * S_PER_NS < WITHIN_S
