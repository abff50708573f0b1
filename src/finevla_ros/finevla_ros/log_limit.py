"""What a node writes, whoever in it does: no more than some lines a second, so that no flood of messages fills a disk.

rcutils, Fast DDS and the generated type support write by themselves, a line or several for each message that is none.
Their lines go through a pipe here. What Python itself writes (a traceback) goes past it: last words must not be lost.
"""

import contextlib
import faulthandler
import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

BURST, LINES_S = 15.0, 3.0  # of errors, and as many of everything else
PIPE_BYTES, READ_BYTES, LINE_BYTES = 1 << 20, 1 << 16, 4096
GRAVE = (b"[ERROR]", b"[FATAL]")  # of rcutils: a stop and its reason among them


@dataclass
class LineBudget:
    """A token bucket of lines."""

    left: float = BURST
    omitted: int = 0
    _at_s: float = field(default=float("-inf"))

    def take(self, now_s: float) -> bool:
        """Return whether one more line may be written now; counts it if not."""
        self.left = min(BURST, self.left + LINES_S * max(0.0, min(now_s - self._at_s, BURST)))
        self._at_s = now_s
        if self.left < 1.0:
            self.omitted += 1
            return False
        self.left -= 1.0
        return True


class LineFilter:
    """Passes lines on to `write` while its budgets last; the next one after that says how many were left out."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write, self._rest = write, b""
        self._budgets = {True: LineBudget(), False: LineBudget()}

    def feed(self, data: bytes, now_s: float) -> None:
        """Take what was written, in pieces of any size."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:LINE_BYTES]  # of a line without an end the beginning will do
        for line in lines:
            budget = self._budgets[any(word in line[:200] for word in GRAVE)]
            if budget.take(now_s):
                more, budget.omitted = budget.omitted, 0
                note = b" (%d lines before this one were left out)" % more if more else b""
                self._write(line[:LINE_BYTES] + note + b"\n")


class LimitedOutput:
    """A context manager: what this process writes to stdout and stderr goes through a `LineFilter`.

    The pipe never holds a writer up: when it is full, which takes a megabyte that our thread did not come to read, the rest
    is lost.
    """

    def __enter__(self) -> Self:
        sys.stdout.flush()
        sys.stderr.flush()
        self._true = {number: os.dup(number) for number in (1, 2)}
        self._stdout, self._stderr = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = (os.fdopen(os.dup(self._true[n]), "w", buffering=1) for n in (1, 2))
        faulthandler.enable(file=self._true[2])
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        for number in self._true:
            os.dup2(writing, number)
        os.close(writing)
        self._thread = threading.Thread(target=self._read, args=(reading,), name="output", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for number, true in self._true.items():
            os.dup2(true, number)  # the pipe's last end for writing
        self._thread.join(timeout=1.0)
        faulthandler.disable()
        for own in (sys.stdout, sys.stderr):
            own.close()
        sys.stdout, sys.stderr = self._stdout, self._stderr
        for true in self._true.values():
            os.close(true)

    def _read(self, reading: int) -> None:
        lines = LineFilter(lambda line: _write(self._true[2], line))
        with open(reading, "rb", buffering=0) as pipe:
            while data := pipe.read(READ_BYTES):
                lines.feed(data, time.monotonic())


def _write(number: int, data: bytes) -> None:
    with contextlib.suppress(OSError):  # who read us may have gone; the arms must not care
        os.write(number, data)
