"""Whether the stamps of a recording fit the moments at which their messages were recorded: what does not may be damaged."""

from array import array
from collections import Counter

import numpy as np

from finevla_core.assembler import CLOCK_RESET_S
from finevla_core.time_units import NS_PER_S

CLOCKS_APART_S = 1.0  # no message is on its way for so long: two clocks differ


class StampCheck:
    """Compares header stamps with times of reception, by stream, in the order of the recording."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._back: Counter[str] = Counter()
        self._delays: dict[str, array[int]] = {}  # ns from stamp to reception

    def add(self, stream: str, stamp_ns: int, received_ns: int) -> None:
        """Take in a message's stamp and its time of reception, nanoseconds."""
        newest = self._newest.get(stream, stamp_ns)
        self._back[stream] += stamp_ns < newest
        self._newest[stream] = max(stamp_ns, newest)
        self._delays.setdefault(stream, array("q")).append(received_ns - stamp_ns)

    def delay_ns(self) -> int:
        """Return the median delay from stamp to reception, ns, of the streams' first messages; 0 if there are none."""
        known = [delay for delays in self._delays.values() for delay in delays[:1]]
        return int(np.median(known)) if known else 0

    def apart(self) -> tuple[str, str, float] | None:
        """Return the two streams whose clocks differ most, and by how many seconds; None if all agree.

        By usual delays: what is common to all, as a recorder's clock that is off, is no difference.
        """
        usual = {stream: float(np.median(delays)) for stream, delays in self._delays.items() if len(delays) > 1}
        if len(usual) < 2:
            return None
        late, early = max(usual, key=lambda s: usual[s]), min(usual, key=lambda s: usual[s])
        apart_s = (usual[late] - usual[early]) / NS_PER_S
        return (late, early, apart_s) if apart_s > CLOCKS_APART_S else None

    def odd(self, most_early_ns: int) -> dict[str, int]:
        """By stream, how many stamps step back, are later than their message was recorded, or are far too early.

        All of it is seen against the stream's usual delay, so that a clock that is off as a whole is nothing odd.
        """
        found = Counter(self._back)
        for stream, delays in self._delays.items():
            late_ns = np.array(delays, np.int64) - np.median(delays)
            found[stream] += int(((late_ns < -most_early_ns) | (late_ns > CLOCK_RESET_S * NS_PER_S)).sum())
        return {stream: count for stream, count in found.items() if count}
