"""Keeps a log readable: a sentence that comes again and again is logged once, and then with how often it came.

Numbers in a sentence do not make it another one ("chunk 7 ...", "chunk 8 ..."). Times given as `now_s` are monotonic seconds.
"""

import re
import threading
from dataclasses import dataclass

QUIET_S = 5.0  # not come again for so long: it is over, and the next one is news
KEPT = 64  # kinds of sentences
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass
class _Row:
    text: str
    first_s: float
    last_s: float
    count: int = 1


class RepeatCounter:
    """`note` gives what to log now, `finished` what to log of sentences that come no more; from any thread."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._lock = threading.Lock()

    def note(self, text: str, now_s: float) -> str:
        """Return what to log of a sentence: itself the first time, with its count the 10th, 100th ... time, else ""."""
        kind = _NUMBER.sub("#", text)
        with self._lock:
            row = self._rows.get(kind)
            if row is None:
                while len(self._rows) >= KEPT:
                    self._rows.pop(next(iter(self._rows)))
                self._rows[kind] = _Row(text, now_s, now_s)
                return text
            row.text, row.last_s, row.count = text, now_s, row.count + 1
            if str(row.count).rstrip("0") != "1":
                return ""
            return f"{text} ({row.count} times in {now_s - row.first_s:.0f} s, and it goes on)"

    def finished(self, now_s: float) -> list[str]:
        """Return a line for each sentence that came more than once and has not come for `QUIET_S`; call it now and then."""
        with self._lock:
            over = [kind for kind, row in self._rows.items() if now_s - row.last_s > QUIET_S]
            rows = [self._rows.pop(kind) for kind in over]
        return [f"{r.text} ({r.count} times in {r.last_s - r.first_s:.0f} s; no more)" for r in rows if r.count > 1]
