"""What the requests to a model may cost, how many run at once and how fast: shared by all threads of a run."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted

IMAGE_TOKENS = 1000  # assumed for a picture 512 wide before the server has told; Qwen-VL takes some 280 to 700
BYTES_PER_TOKEN = 3  # of text, also Chinese; an estimate that is meant to be too high


class VlmBudgetError(FineVLAError):
    """The next request could pass the limit of cost or tokens: the run ends, and what is done is kept."""


@dataclass(frozen=True)
class VlmUsage:
    """Tokens of requests: in (prompt, pictures) and out; `requests` counts answers, and failures that may be charged."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def __add__(self, other: "VlmUsage") -> "VlmUsage":
        return VlmUsage(
            self.requests + other.requests, self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out
        )


@dataclass(frozen=True)
class VlmPrices:
    """Price of a million tokens, in and out, in any currency; 0 is a server of one's own."""

    per_million_in: float = 0.0
    per_million_out: float = 0.0

    def of(self, usage: VlmUsage) -> float:
        """Return what these tokens cost, in the currency of the prices."""
        return (usage.tokens_in * self.per_million_in + usage.tokens_out * self.per_million_out) / 1e6


def used_text(usage: VlmUsage, prices: VlmPrices) -> str:
    """Return requests, tokens and, with prices, what they cost."""
    told = f"{counted(usage.requests, 'request')}, {usage.tokens_in:,} tokens in, {usage.tokens_out:,} out"
    cost = prices.of(usage)
    return f"{told}, {cost:.4g} at these prices" if cost else told


class VlmBudget:
    """Counts tokens and stops before a limit is passed: what is under way is counted at its most."""

    def __init__(self, prices: VlmPrices, most_cost: float | None = None, most_tokens: int | None = None) -> None:
        """`most_cost` in the currency of `prices`, `most_tokens` in and out together; None is no limit."""
        if most_cost is not None and not prices.of(VlmUsage(1, 1, 1)):
            raise FineVLAError("a limit of cost needs prices: give the price of a million tokens in and out")
        self._prices, self._most_cost, self._most_tokens = prices, most_cost, most_tokens
        self._lock = threading.Lock()
        self._spent = VlmUsage()
        self._reserved = VlmUsage()

    @property
    def spent(self) -> VlmUsage:
        """What was used so far."""
        with self._lock:
            return self._spent

    @property
    def cost(self) -> float:
        """What it costs so far."""
        return self._prices.of(self.spent)

    def reserve(self, most: VlmUsage) -> None:
        """Set the most that a request can use aside; raises `VlmBudgetError` if that could pass a limit."""
        with self._lock:
            total = self._spent + self._reserved + most
            cost, tokens = self._prices.of(total), total.tokens_in + total.tokens_out
            if self._most_cost is not None and cost > self._most_cost:
                raise VlmBudgetError(
                    f"the next request could bring the cost to {cost:.4g}, above the limit of {self._most_cost:.4g}: "
                    "raise the limit and start again, what is done is kept"
                )
            if self._most_tokens is not None and tokens > self._most_tokens:
                raise VlmBudgetError(
                    f"the next request could bring the tokens to {tokens}, above the limit of {self._most_tokens}: "
                    "raise the limit and start again, what is done is kept"
                )
            self._reserved += most

    def settle(self, most: VlmUsage, used: VlmUsage) -> None:
        """Put what was used in the place of what was set aside."""
        with self._lock:
            self._reserved += VlmUsage(-most.requests, -most.tokens_in, -most.tokens_out)
            self._spent += used


class VlmPace:
    """Spaces requests out, and has all wait when the server says that it is too much."""

    def __init__(
        self, requests_per_minute: float | None, stop: threading.Event, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`stop` ends every wait at once."""
        if requests_per_minute is not None and not requests_per_minute > 0.0:
            raise FineVLAError(f"the rate of requests is {requests_per_minute} a minute; it must be above 0")
        self._gap_s = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._stop, self._clock = stop, clock
        self._lock = threading.Lock()
        self._next_s = 0.0

    def wait(self, until_s: float) -> bool:
        """Wait for this request's turn; return False if that is later than `until_s` (monotonic) or the run was stopped."""
        while True:
            with self._lock:
                now = self._clock()
                if self._next_s <= now:
                    self._next_s = now + self._gap_s
                    return not self._stop.is_set()
                turn = self._next_s
            if turn > until_s or self._stop.wait(turn - now):
                return False

    def hold(self, seconds: float) -> None:
        """Let nobody send for this long: the server asked for it."""
        with self._lock:
            self._next_s = max(self._next_s, self._clock() + seconds)
