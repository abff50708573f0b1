"""How the policy is doing: rates, medians and the one sentence for the operator, kept without ROS.

Times given as `now_s` are monotonic seconds.
"""

from collections import deque
from dataclasses import dataclass, field

WAITING_S = 1.0  # without an observation for this long, the state says so
RATE_WINDOW_S = 2.0


@dataclass
class Health:
    """Counts and recent samples; `trouble` is the last thing that went wrong, cleared by the next good chunk."""

    horizon_s: float = 0.0
    period_s: float = 0.0  # of the observations
    chunks: int = 0
    dropped: int = 0  # chunks of an instruction that was no longer active
    refused: int = 0  # observations that did not fit
    observations: int = 0  # taken in, fitting or not
    observed_s: float = float("-inf")
    trouble: str = ""
    limited: str = ""  # why chunks are being shortened before the bridge would refuse them
    thought: str = ""  # in words, behind the last chunk of a policy that thinks
    inference_s: deque[float] = field(default_factory=lambda: deque(maxlen=50))
    server_s: deque[float] = field(default_factory=lambda: deque(maxlen=50))
    published_s: deque[float] = field(default_factory=lambda: deque(maxlen=400))

    def observed(self, now_s: float) -> None:
        """Count an observation that was received, valid or not."""
        self.observations += 1
        self.observed_s = now_s

    def published(self, now_s: float, inference_s: float, server_s: float | None = None) -> None:
        """Count a published chunk with its inference time in seconds, of which a server's own, and clear `trouble`."""
        self.chunks += 1
        self.trouble = ""
        self.inference_s.append(inference_s)
        if server_s is not None:
            self.server_s.append(server_s)
        self.published_s.append(now_s)

    def state(self, now_s: float, is_active: bool, has_instruction: bool, is_waiting: bool = False) -> str:
        """One of "inactive", "waiting for the policy server" (`is_waiting`), "waiting for observations", "idle" (no
        instruction) and "running"."""
        if not is_active:
            return "inactive"
        if is_waiting:
            return "waiting for the policy server"
        if now_s - self.observed_s > WAITING_S:
            return "waiting for observations"
        return "running" if has_instruction else "idle"

    def rate_hz(self, now_s: float) -> float:
        """Chunks per second over the last two seconds."""
        return sum(now_s - t < RATE_WINDOW_S for t in tuple(self.published_s)) / RATE_WINDOW_S

    def median_inference_s(self) -> float:
        """Median of the last 50 chunks; 0 before the first."""
        return _median(self.inference_s)

    def median_server_s(self) -> float:
        """Median of what a policy server said of its own time; 0 where none did."""
        return _median(self.server_s)

    def warning(self, conflict: str, silence: str = "", waiting: str = "") -> str:
        """One sentence for the operator, the gravest first; empty = all is well.

        `conflict` says that another policy is there, `silence` that the safety bridge is not heard, `waiting` that the
        policy's server is not there.
        """
        median_s = self.median_inference_s()
        if conflict or silence or waiting:
            return conflict or silence or waiting
        if median_s > self.horizon_s > 0:
            return (
                f"inference takes {median_s:.2f} s, longer than the {self.horizon_s:.2f} s a chunk covers: the arms "
                "stop between chunks; use a faster provider, more threads or a smaller bundle"
            )
        if self.trouble or self.limited:
            return self.trouble or self.limited
        if median_s > self.period_s > 0:
            return (
                f"inference takes {median_s:.3f} s, longer than the observations' period of {self.period_s:.3f} s: "
                "observations in between are skipped"
            )
        return ""


def _median(samples: deque[float]) -> float:
    ordered = sorted(samples.copy())
    return ordered[len(ordered) // 2] if ordered else 0.0
