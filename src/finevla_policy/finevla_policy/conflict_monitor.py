"""Tells whether another policy speaks on our topics, by what is heard: the DDS graph names the dead for 20 s more.

Give it every chunk that is sent and everything that is heard on `action_chunk` and `policy/status`. Of two policies the
younger gives way, by the time of activation in their heartbeats; whoever of them is heard first, both know which it is.
One heartbeat is not enough: anybody can send one.
"""

import struct
from collections import deque

INSISTS_S = 0.5  # an elder that really is there has said so again by then
HEARD_S = 1.0  # a word this recent means that somebody is there: heartbeats come at 2 Hz or more
SETTLED_S = 5.0  # after so long everybody has been discovered: DDS announces every 3 s when its first calls are lost


class ConflictMonitor:
    """Times given as `now_s` are monotonic seconds; what is not among our own last words is somebody else's."""

    def __init__(self) -> None:
        self.is_conflicting = False  # by chunks: ours are held back
        self._sent: deque[tuple[int, str, bytes]] = deque(maxlen=64)
        self._since_ns: list[int] = []  # our own activations
        self._heard_s = self._elder_s = float("-inf")
        self._elder_since_s = float("inf")  # since when it has been heard without a pause
        self._active_since_s = float("inf")

    def activated(self, now_s: float, since_ns: int) -> None:
        """Note that this policy starts to publish; `since_ns` is the activation time in its heartbeats."""
        self._active_since_s = now_s
        self._since_ns.append(since_ns)

    def deactivated(self) -> None:
        """Note that this policy no longer publishes."""
        self._active_since_s = float("inf")

    def is_settled(self, now_s: float) -> bool:
        """Whether we have been active for long enough to be the one who was there first."""
        return now_s - self._active_since_s > SETTLED_S

    def sent_chunk(self, sequence: int, instruction_id: str, inference_s: float) -> None:
        """Our own chunk, told before it is published."""
        self._sent.append(_key(sequence, instruction_id, inference_s))

    def heard_chunk(self, now_s: float, sequence: int, instruction_id: str, inference_s: float) -> None:
        """A chunk on the topic; one that we never sent is another policy's."""
        if _key(sequence, instruction_id, inference_s) not in self._sent:
            self._heard_s = now_s
            self.is_conflicting = True

    def heard_beat(self, now_s: float, since_ns: int) -> None:
        """The heartbeat of a policy that has been active since then."""
        if since_ns in self._since_ns:
            return
        self._heard_s = now_s
        if self._since_ns and since_ns < self._since_ns[-1]:
            if not self._elder_since_s <= now_s <= self._elder_s + HEARD_S:
                self._elder_since_s = now_s
            self._elder_s = now_s

    def is_junior(self, now_s: float) -> bool:
        """Whether a policy that became active before us was heard just now, and has been for a while."""
        return now_s - self._elder_s < HEARD_S and self._elder_s - self._elder_since_s > INSISTS_S

    def is_near(self, now_s: float) -> bool:
        """Whether another active policy was heard just now."""
        return now_s - self._heard_s < HEARD_S

    def alone(self) -> None:
        """The graph shows no other publisher any more."""
        self.is_conflicting = False


def _key(sequence: int, instruction_id: str, inference_s: float) -> tuple[int, str, bytes]:
    """The measured duration, as float32 on the wire, tells apart two policies that answer the same observation."""
    return sequence, instruction_id, struct.pack("<f", inference_s)
