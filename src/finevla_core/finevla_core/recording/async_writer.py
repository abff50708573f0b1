"""From the thread that hears to the disk: a bounded queue, and a thread that writes, so that a slow disk holds up nobody.

What does not fit is counted by channel and left out; what was taken is in the file within a second, kill or no kill.
"""

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

from finevla_core.recording.mcap_writer import Buffer, McapWriter

QUEUE_BYTES = 256 << 20  # three seconds of three raw 640x480 cameras at 30 Hz
TICK_S = 0.05
CHUNK_S = 0.25  # after this a chunk that is not full goes to the kernel as well: what a kill -9 may cost
SYNC_S = 1.0  # and after this to the disk: what a power cut may cost


def free_bytes(folder: Path) -> int:
    """What is left on the disk for such as us."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


class AsyncWriter:
    """Writes what is `put` to `writer` until `stop`; `problem` is a sentence once it can write no more.

    `free` tells the bytes left; below `min_free` (or above `max_bytes` written, if not 0) `limit` becomes a sentence,
    and whoever owns the tape should stop it: there is room left for the index.
    """

    def __init__(
        self,
        writer: McapWriter,
        queue_bytes: int = QUEUE_BYTES,
        min_free: int = 0,
        max_bytes: int = 0,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self.writer = writer
        self.came: Counter[int] = Counter()
        self.dropped: Counter[int] = Counter()
        self.limit, self.problem = "", ""
        self.free = 0
        self.most_waiting = 0
        self.slowest_s = 0.0
        self._queue: deque[tuple[int, int, int, Buffer]] = deque()
        self._waiting = 0  # bytes; written by both threads under the lock
        self._lock = threading.Lock()
        self._room = queue_bytes
        self._min_free, self._max_bytes, self._ask_free = min_free, max_bytes, free
        self._end = threading.Event()
        self._look()
        self._threads = [
            threading.Thread(target=self._write, name="tape"),
            threading.Thread(target=self._sync, name="tape_sync", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def put(self, channel: int, log_ns: int, publish_ns: int, data: Buffer) -> bool:
        """Take one message; False (and counted) if it does not fit."""
        self.came[channel] += 1
        if self.problem or self._waiting + len(data) > self._room:
            self.dropped[channel] += 1
            return False
        with self._lock:
            self._waiting += len(data)
        self.most_waiting = max(self.most_waiting, self._waiting)
        self._queue.append((channel, log_ns, publish_ns, data))
        return True

    def stop(self) -> None:
        """Write what was taken; the writer is the caller's again, and `dropped` is final."""
        self._end.set()
        for thread in self._threads:
            thread.join()
        # After an error of the disk that is more than what was refused: the chunk that could not be written.
        self.dropped = Counter({c: n - self.writer.counts[c] for c, n in self.came.items()})

    def _write(self) -> None:
        flushed_s = looked_s = time.monotonic()
        ending = False
        while not ending:
            ending = self._end.wait(TICK_S)
            started_s = time.monotonic()
            try:
                self._drain()
                if ending or started_s - flushed_s >= CHUNK_S - TICK_S:
                    self.writer.flush()
                    flushed_s = started_s
            except OSError as error:
                self._fail(error)
            now_s = time.monotonic()
            self.slowest_s = max(self.slowest_s, now_s - started_s)
            if now_s - looked_s > 2 * TICK_S:
                self._look()
                looked_s = now_s

    def _drain(self) -> None:
        for _ in range(len(self._queue)):
            channel, log_ns, publish_ns, data = self._queue.popleft()
            with self._lock:
                self._waiting -= len(data)
            if not self.problem:
                self.writer.write(channel, log_ns, publish_ns, data)

    def _fail(self, error: OSError) -> None:
        self.problem = (
            f"'{self.writer.path}' cannot be written any more: {error.strerror}; what came later is not in it"
        )

    def _look(self) -> None:
        try:
            self.free = self._ask_free(self.writer.path.parent)
        except OSError as error:
            self._fail(error)
            return
        if self.free < self._min_free:
            self.limit = f"the disk is nearly full ({self.free >> 20} MB left, {self._min_free >> 20} MB are kept free)"
        elif self._max_bytes and self.writer.bytes_written >= self._max_bytes:
            self.limit = f"the episode has reached its greatest size ({self._max_bytes >> 20} MB)"

    def _sync(self) -> None:
        while not self._end.wait(SYNC_S):
            try:
                self.writer.sync()
            except OSError as error:
                self._fail(error)
                return
