"""Memory that huge messages took goes back to the machine once they are over: an allocator keeps it for the process."""

import contextlib
import ctypes
from collections.abc import Callable

# After the last one; and once more when the middleware has given up what came in part, with its sender's lease of 20 s.
AFTER_S = (2.0, 30.0)


def give_back() -> None:
    """Give back what the allocator keeps of freed memory, where the C library can (glibc's malloc_trim)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


class MemoryReturn:
    """Remembers that something huge came, and gives memory back when that is over; asked with every message, it is quick."""

    def __init__(self, act: Callable[[], None] = give_back) -> None:
        self._act = act
        self._due_s: tuple[float, ...] = ()

    def note_huge(self, now_s: float) -> None:
        """Something huge came, or claimed to be."""
        self._due_s = tuple(now_s + after_s for after_s in AFTER_S)

    def look(self, now_s: float) -> None:
        """Give memory back if it is time."""
        if self._due_s and now_s >= self._due_s[0]:
            self._due_s = self._due_s[1:]
            self._act()


PROCESS = MemoryReturn()  # memory is the whole process's, whichever thread a message came to
