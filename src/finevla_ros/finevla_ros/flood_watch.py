"""Whether more comes through a door than anybody of ours sends: it is told at once, with who publishes there, and then seldom.

Nothing is left out for it: among a thousand words may be a stop.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from finevla_core.errors import quoted
from finevla_core.warning_backoff import TellingTimes

BURST = 25.0  # at once: a subscription keeps 20 at most while its node is held up
QUIET_S = 5.0  # what begins again after so long is another flood
NAMED = 4  # publishers in a sentence


@dataclass
class Allowance:
    """A token bucket: so many a second, and `burst` at once."""

    rate_hz: float
    burst: float = BURST
    _left: float = field(init=False)
    _at_s: float = float("-inf")

    def __post_init__(self) -> None:
        self._left = self.burst

    def take(self, now_s: float) -> bool:
        """Return whether one more is within it."""
        self._left = min(self.burst, self._left + max(0.0, now_s - self._at_s) * self.rate_hz)
        self._at_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


@dataclass
class FloodWatch:
    """Counts what comes through one door, a topic or a service, of which `most_hz` are nobody's mistake.

    `who` names those who may have sent it; it is asked when there is something to tell.
    """

    door: str
    most_hz: float
    who: Callable[[], Sequence[str]] = tuple
    burst: float = BURST
    _times: TellingTimes = field(default_factory=TellingTimes)
    _over_s: float = float("-inf")
    _usual: Allowance = field(init=False)

    def __post_init__(self) -> None:
        self._usual = Allowance(self.most_hz, self.burst)

    def note(self, now_s: float) -> str:
        """Count one more; return the sentence that is to be told now, or ""."""
        if self._usual.take(now_s):
            return ""
        if now_s - self._over_s > QUIET_S:
            self._times = TellingTimes()
        self._over_s = now_s
        if not self._times.is_due(now_s):
            return ""
        names = sorted(set(self.who()))
        said = ", ".join(quoted(name) if name else "one without a name yet" for name in names[:NAMED])
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        end = f"end who does it: {said}{more}" if said else "see who does it"
        return f"{self.door} is flooded: more than {self.most_hz:g} a second come; {end}"
