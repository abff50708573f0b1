"""Messages of an MCAP file in the order in which they were recorded, whatever order the file has them in."""

import heapq
import struct
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from finevla_core.recording import mcap_writer
from finevla_core.recording.mcap_scan import Found, RecordedMessage, Scan
from finevla_core.time_units import NS_PER_S

# A recorder writes a topic's messages as it receives them. Times that step back by so much, and that seldom, are a clock that
# was set back; if they do so again and again, the file was written in another order.
SET_BACK_S, MOST_SET_BACK = 0.5, 3
HELD_BYTES = 512 << 20  # of messages that wait for an earlier one; more of them wait in a file
_HEAD = struct.Struct("<BQ")


class SetBackCheck:
    """Looks at the times of reception in the order in which messages were written."""

    def __init__(self) -> None:
        self._newest_ns: dict[str, int] = {}
        self._times: Counter[str] = Counter()
        self._most_ns = 0

    def add(self, topic: str, log_ns: int) -> None:
        """Take in the next message that was written: its topic, and when it was received."""
        back_ns = self._newest_ns.get(topic, log_ns) - log_ns
        if back_ns > SET_BACK_S * NS_PER_S:
            self._times[topic] += 1
            self._most_ns = max(self._most_ns, back_ns)
        if back_ns <= 0 or topic in self._times:
            self._newest_ns[topic] = log_ns

    @property
    def set_back_s(self) -> float:
        """By how much the recorder's clock was set back; 0 if it was not."""
        return 0.0 if max(self._times.values(), default=0) > MOST_SET_BACK else self._most_ns / NS_PER_S


def set_back_sentence(seconds: float) -> str:
    """Tell what it means that the recorder's clock was set back by so much."""
    return (
        f"the clock of the computer that recorded it was set back by {seconds:.1f} s meanwhile, so what was recorded later "
        "lies earlier, or among it; record it again once the clock is right (NTP), or make one recording of each part"
    )


def in_order(scan: Scan) -> Iterator[Found]:
    """What a scan finds, its messages by their time of reception; those of the same time as they stand in the file.

    Whether the recorder's clock was set back meanwhile is in the scan's report at the end.
    """
    firsts = _firsts(scan.path)
    # The earliest that may still come: a chunk's head says the time of its earliest message.
    coming = [*np.minimum.accumulate(firsts[::-1])[::-1].tolist(), (1 << 64) - 1]
    waiting: list[tuple[int, int, RecordedMessage | tuple[RecordedMessage, int, int]]] = []
    check = SetBackCheck()
    with tempfile.TemporaryFile() as aside:
        held = 0
        for count, found in enumerate(scan):
            if not isinstance(found, RecordedMessage):
                yield found
                continue
            check.add(found.channel.topic, found.log_ns)
            limit = coming[min(scan.units - 1, len(coming) - 1)]
            while waiting and waiting[0][0] <= limit:
                message = _back(heapq.heappop(waiting)[2], aside)
                held -= len(message.data)
                yield message
            entry: RecordedMessage | tuple[RecordedMessage, int, int] = found
            if held > HELD_BYTES:
                at = aside.seek(0, 2)
                aside.write(found.data)
                entry = (replace(found, data=memoryview(b"")), at, len(found.data))
            held += len(found.data)
            heapq.heappush(waiting, (found.log_ns, count, entry))
        scan.report.set_back_s = check.set_back_s
        while waiting:
            yield _back(heapq.heappop(waiting)[2], aside)


def _back(entry: RecordedMessage | tuple[RecordedMessage, int, int], aside: IO[bytes]) -> RecordedMessage:
    if isinstance(entry, RecordedMessage):
        return entry
    message, at, length = entry
    aside.seek(at)
    return replace(message, data=memoryview(aside.read(length)))


def _firsts(path: Path) -> NDArray[np.uint64]:
    """Times of the first messages of chunks, and of those outside of chunks, in the file's order; counts as `Scan` does."""
    firsts = array("Q")
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(len(mcap_writer.MAGIC))
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            opcode, length = _HEAD.unpack(head)
            if opcode in (0, mcap_writer.DATA_END, mcap_writer.FOOTER) or length > size:
                break
            end = file.tell() + length
            if opcode in (mcap_writer.CHUNK, mcap_writer.MESSAGE):
                begin = file.read(14)
                at = 0 if opcode == mcap_writer.CHUNK else 6
                firsts.append(struct.unpack_from("<Q", begin, at)[0] if len(begin) >= at + 8 else 0)
            file.seek(end)
    return np.array(firsts, np.uint64)
