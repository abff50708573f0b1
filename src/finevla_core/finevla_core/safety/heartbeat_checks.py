"""Who must be heard while something moves: the watchdog, and the operator's deadman switch where one is demanded.

Timed by the steady clock: heartbeats beat on whatever simulated time does.
"""

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from finevla_core.safety.message_seal import NODE_CHARACTERS, QUOTED, ForgedCounter, heartbeat_seal, is_right
from finevla_core.time_units import S_PER_NS

TWO_S = 1.0  # both heard within this are alive both
NOW_S = 1.0  # twenty beats: no living watchdog is so late
CHALLENGES = 256  # that are remembered; the bridge sends 25 a second, and one with each event


@dataclass(frozen=True)
class Judgement:
    """What a heartbeat is: `counts` as one of the watchdog's, or `code` and `text` of what is to be told, if anything."""

    counts: bool = False
    code: str = ""
    text: str = ""


@dataclass(frozen=True)
class HeartbeatMessage:
    """What a heartbeat says, as it came."""

    node: str
    is_well: bool
    text: str
    stamp_ns: int
    sequence: int
    challenge: int
    seal: str


def instance_of(key: bytes, words: HeartbeatMessage) -> str:
    """Return the process that sealed a heartbeat, "" if it carries no right seal."""
    instance, _, seal = words.seal.partition("#")
    rest = words.sequence, words.challenge, words.is_well, words.text, words.stamp_ns
    is_sealed = seal and is_right(seal, heartbeat_seal(key, words.node[: NODE_CHARACTERS + 1], instance, *rest))
    return instance if is_sealed else ""


def is_of_now(words: HeartbeatMessage, clock_ns: int) -> bool:
    """Whether a heartbeat was made just now, by its stamp: one that is played again is nobody's life."""
    return abs(clock_ns - words.stamp_ns) * S_PER_NS < NOW_S


class HeartbeatCheck:
    """Believes a heartbeat only with a right seal, a sequence that grows, and a challenge that the bridge sent just now.

    So a watchdog that hangs is missing whatever anybody sends: only a live one can answer.
    """

    def __init__(self, key: bytes, node: str, timeout_s: float, steady_ns: Callable[[], int]) -> None:
        self._key, self._node, self._timeout_ns, self._steady_ns = key, node, round(timeout_s / S_PER_NS), steady_ns
        self._challenges: deque[tuple[int, int]] = deque(maxlen=CHALLENGES)
        self._heard: dict[str, tuple[int, int]] = {}  # instance to its newest sequence and when that came
        self.instance = ""  # the watchdog's process that spoke last
        self._forged = ForgedCounter()

    def challenge(self) -> int:
        """Return a new challenge, to be sent at once."""
        new = secrets.randbits(64) or 1
        self._challenges.append((new, self._steady_ns()))
        return new

    def judge(self, words: HeartbeatMessage) -> Judgement:
        """Judge one heartbeat. One that says that all is not well counts without a fresh challenge: it is a stop."""
        if not (instance := instance_of(self._key, words)):
            return self._tell_forged(words, "its seal is wrong" if words.seal else "it is not sealed")
        if words.node != self._node:
            return self._tell_forged(words, f"the watchdog is {self._node}")
        now_ns = self._steady_ns()
        if words.sequence <= self._heard.get(instance, (0, 0))[0]:
            return self._tell_forged(words, "it is a copy of one that was sent before")
        is_fresh = any(c == words.challenge and now_ns - ns <= self._timeout_ns for c, ns in self._challenges)
        if not is_fresh and words.is_well:
            return Judgement()  # its silence is told; right after a start the challenge is still another bridge's
        return self._count(instance, words.sequence, now_ns)

    def _count(self, instance: str, sequence: int, now_ns: int) -> Judgement:
        before, self.instance = self.instance, instance
        spoke_again = instance in self._heard
        self._heard = {i: s for i, s in self._heard.items() if (now_ns - s[1]) * S_PER_NS < TWO_S or i == before}
        is_two = before not in ("", instance) and spoke_again and (now_ns - self._heard[before][1]) * S_PER_NS < TWO_S
        self._heard[instance] = sequence, now_ns
        if is_two:
            return Judgement(True, "watchdog.two", "two watchdogs speak on safety/watchdog; end one of them")
        return Judgement(True)

    def _tell_forged(self, words: HeartbeatMessage, why: str) -> Judgement:
        what = f"a heartbeat of '{words.node[:QUOTED]}' does not count: {why}"
        text = self._forged.tell(what, "safety/watchdog", self._steady_ns())
        return Judgement(False, "heartbeat.forged", text) if text else Judgement()


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
        return timeout_s is not None and (heard_ns < 0 or (self._steady_ns() - heard_ns) * S_PER_NS > timeout_s)
