"""Signs that a computer is overloaded: load, a simulator that is seldom heard, silences, long waits, stops for lateness.

They explain what went wrong beside other work; nothing here decides whether to go on.
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from finevla_core.plural_phrases import counted
from finevla_tools.motion_end import RATE_HZ

SLOW_SHARE = 0.9  # of the simulator's rate
SILENCE_S = 0.5  # as long as the bridge goes without a joint state
LOAD_PER_CORE = 2.0  # a stack that starts on an idle computer comes near 1
# What a node brings about that was held up, and a well one on a free computer never.
LATE_CODES = frozenset(
    (
        *("bridge.asleep", "state.lost", "state.jump", "state.tracking", "heartbeat.lost", "clock.jump"),
        *("watchdog.bridge", "watchdog.joints", "watchdog.joints_still", "watchdog.motion"),
    )
)


class OverloadWatch:
    """Collects the signs; `hear` may be called from another thread than the rest."""

    def __init__(
        self,
        cores: int = 0,
        load: Callable[[], float] = lambda: os.getloadavg()[0],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cores = cores or len(os.sched_getaffinity(0))
        self._load, self._clock = load, clock
        self.most_load = 0.0
        self.longest_silence_s = 0.0
        self.waits: list[dict[str, Any]] = []
        self.stops = 0
        self._heard, self._heard_s, self._last_s = 0, 0.0, float("nan")

    def sample(self) -> None:
        """Look at the load (of the last minute); the highest is kept."""
        self.most_load = max(self.most_load, self._load())

    def hear(self) -> None:
        """Count one message of the simulator's ground truth, which comes `RATE_HZ` times a second."""
        now_s = self._clock()
        gap_s = now_s - self._last_s
        if gap_s == gap_s:
            self._heard += 1
            self._heard_s += gap_s
            self.longest_silence_s = max(self.longest_silence_s, gap_s)
        self._last_s = now_s

    def pause(self) -> None:
        """Expect no message until the next one: the stack ends."""
        self._last_s = float("nan")

    def waited(self, what: str, seconds: float, usual_s: float) -> None:
        """Note a wait if it took longer than it does on a free computer."""
        if seconds > usual_s:
            self.waits.append({"for": what, "seconds": round(seconds, 1), "usual_s": usual_s})

    def stopped(self, codes: Iterable[str]) -> None:
        """Note a stop of the arms, by the codes of the events that came with it."""
        self.stops += not LATE_CODES.isdisjoint(codes)

    @property
    def rate_hz(self) -> float:
        """How often ground truth was heard; `RATE_HZ` while too little was heard to tell."""
        return self._heard / self._heard_s if self._heard_s >= 1.0 else float(RATE_HZ)

    def signs(self) -> list[str]:
        """Return what speaks for an overloaded computer, the plainest first; empty if nothing does."""
        signs = []
        if self.most_load >= LOAD_PER_CORE * self.cores:
            signs.append(f"load {self.most_load:.1f} on {counted(self.cores, 'core')}")
        if self.rate_hz < SLOW_SHARE * RATE_HZ:
            signs.append(f"the simulation went at {self.rate_hz / RATE_HZ:.2f} of real time")
        if self.longest_silence_s > SILENCE_S:
            signs.append(f"the simulator was silent for {self.longest_silence_s:.1f} s")
        if self.waits:
            worst = max(self.waits, key=lambda wait: wait["seconds"] / wait["usual_s"])
            signs.append(
                f"waiting for {worst['for']} took {worst['seconds']:.0f} s (usually below {worst['usual_s']:g} s)"
            )
        if self.stops:
            signs.append(f"the arms were stopped {_times(self.stops)} because something came late")
        return signs

    def sentence(self) -> str:
        """Return "this computer is overloaded: ..." with what was seen, or nothing."""
        signs = self.signs()
        return f"this computer is overloaded: {', '.join(signs)}" if signs else ""

    def as_dict(self) -> dict[str, Any]:
        """Return all measures, for the report."""
        return {
            "is_overloaded": bool(self.signs()),
            "sentence": self.sentence(),
            "load": round(self.most_load, 2),
            "cores": self.cores,
            "real_time_factor": round(self.rate_hz / RATE_HZ, 2),
            "longest_silence_s": round(self.longest_silence_s, 2),
            "long_waits": self.waits,
            "stops_for_lateness": self.stops,
        }


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
