"""What became of the chunks of one instruction: published, followed, refused; and whether it may be called followed.

Times given as `now_s` are seconds of the node's clock, simulated or real.
"""

from collections import OrderedDict, deque

STEP_CODE = "step.waiting"  # refused only because another plan waits for the operator's yes, or is under way
OPEN_S = 0.5  # a chunk this young may still be on its way to the bridge, or the bridge's answer on its way back
LAST_S = 1.0
KEPT = 256


class ChunkTally:
    """Counts by sequence number; what the bridge says of chunks that are not of this instruction changes nothing."""

    def __init__(self) -> None:
        self.published = self.followed = self.refused = self.postponed = 0
        self.reason = ""  # the bridge's sentence for the chunk that it refused last
        self._open: OrderedDict[int, float] = (
            OrderedDict()
        )  # sequence and when it went out: the bridge's word is awaited
        self._last: deque[tuple[float, bool]] = deque(maxlen=KEPT)  # when it went out, and whether it was followed

    def on_published(self, sequence: int, now_s: float) -> None:
        """Count a chunk that goes out."""
        self.published += 1
        self._open[sequence] = now_s
        while len(self._open) > KEPT:
            self._open.popitem(last=False)

    def on_followed(self, sequence: int) -> None:
        """Count a chunk that the bridge follows; telling it again changes nothing."""
        if (sent_s := self._open.pop(sequence, None)) is not None:
            self.followed += 1
            self._last.append((sent_s, True))

    def on_refused(self, sequence: int, code: str, text: str) -> None:
        """Count a chunk that the bridge refused, with its code and its sentence."""
        if (sent_s := self._open.pop(sequence, None)) is None:
            return
        if code == STEP_CODE:
            self.postponed += 1
            return
        self.refused += 1
        self.reason = text.partition(" refused: ")[2] or text
        self._last.append((sent_s, False))

    def is_followed(self, now_s: float) -> bool:
        """Return whether at least half of the chunks were followed, and in the last second not all were refused."""
        young = sum(now_s - sent_s < OPEN_S for sent_s in self._open.values())
        judged = self.published - self.postponed - young
        last = [was_followed for sent_s, was_followed in self._last if now_s - sent_s <= LAST_S]
        return self.followed > 0 and 2 * self.followed >= judged and (not last or any(last))

    def summary(self, is_waiting: bool) -> str:
        """Return the counts and what was in the way, for the operator.

        Args:
            is_waiting: Whether a plan waits for the operator's yes.
        """
        counts = f"followed {self.followed} of {self.published} chunks"
        if not self.published:
            return f"{counts}: the policy made none; see policy/status"
        if is_waiting:
            return f"{counts}; a plan waits for a yes ('finevla step')"
        if self.refused:
            return f"{counts}; the bridge refused the rest: {self.reason}"
        return counts if self.followed else f"{counts}; the bridge says nothing of them: see safety/status"
