"""Tells whether another policy speaks on our topic, by what is heard: the DDS graph names the dead for 20 s more."""

import struct
from collections import deque

HEARD_S = 1.0  # a heartbeat or chunk this recent means that somebody is there; heartbeats come at 0.5 to 50 Hz


class RivalWatch:
    """Give it every chunk that is sent and every one that is heard on the same topic."""

    def __init__(self) -> None:
        self.is_rivalled = False
        self._sent: deque[tuple[int, str, bytes]] = deque(maxlen=64)
        self._heard_s = float("-inf")

    def sent(self, sequence: int, instruction_id: str, inference_s: float) -> None:
        """Our own chunk, told before it is published."""
        self._sent.append(_key(sequence, instruction_id, inference_s))

    def heard(self, now_s: float, sequence: int, instruction_id: str, inference_s: float) -> None:
        """A chunk on the topic; one that we never sent is a rival's."""
        if _key(sequence, instruction_id, inference_s) not in self._sent:
            self.heard_other(now_s)
            self.is_rivalled = True

    def heard_other(self, now_s: float) -> None:
        """The heartbeat of somebody else's active policy."""
        self._heard_s = now_s

    def is_near(self, now_s: float) -> bool:
        """Whether another active policy was heard just now."""
        return now_s - self._heard_s < HEARD_S

    def alone(self) -> None:
        """The graph shows no other publisher any more."""
        self.is_rivalled = False


def _key(sequence: int, instruction_id: str, inference_s: float) -> tuple[int, str, bytes]:
    """The measured duration, as float32 on the wire, tells apart two policies that answer the same observation."""
    return sequence, instruction_id, struct.pack("<f", inference_s)
