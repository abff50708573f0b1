"""The exceptions for what a person can mend: their text is one sentence that says what, where and what to do.

Three kinds, told apart by class and never by their words: the user's mistake, a damaged file, a full disk.
"""

import difflib
import errno
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LONGEST_NAME = 100  # characters: what is longer is no misspelt name, and to compare it takes long
FULL_WORDS = ("no space left on device", "disk is full", "disk quota exceeded")  # of libraries that lose the number


class FineVLAError(ValueError):
    """Bad input found at the door; programs print its text without a traceback and exit non-zero.

    As it stands it is the user's mistake: an option, a name, a file that does not fit.
    """

    kind = "mistake"

    def retold(self, text: str) -> Self:
        """Return the same kind of error with another sentence."""
        return type(self)(text)


class DamagedFileError(FineVLAError):
    """A file that is cut short, garbled or not what its name says: other options do not help, another copy of it does."""

    kind = "damaged file"


class DiskFullError(FineVLAError):
    """Nothing more can be written: whatever is tried next fails too, so programs stop at once and keep what is done."""

    kind = "full disk"


def is_disk_full(error: BaseException) -> bool:
    """Return whether a full disk (quota, largest file size) is the reason of an exception, or of one that led to it."""
    return any(
        isinstance(one, DiskFullError)
        or (isinstance(one, OSError) and one.errno in FULL)
        or any(words in str(one).lower() for words in FULL_WORDS)
        for one in _chain(error)
    )


def unwritable(path: Path | str, error: BaseException) -> FineVLAError:
    """Return the error for a file that cannot be written: of a full disk, or of what the system says."""
    said = getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__
    if is_disk_full(error):
        if not getattr(
            error, "strerror", None
        ):  # of libraries, and of copies of whole folders: a list of all their files
            said = next(
                (one.strerror for one in _chain(error) if isinstance(one, OSError) and one.strerror), FULL_WORDS[0]
            )
        return DiskFullError(
            f"'{path}' cannot be written, the disk is full ({said}): make room and start again, what is done is kept"
        )
    return FineVLAError(f"'{path}' cannot be written: {said}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def one_line(text: str, most: int) -> str:
    """Return the first `most` characters of a text that others may have had a hand in, printable and on one line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:most])


def quoted(text: str, most: int = 60) -> str:
    """Return what a stranger gave in quotes, for a sentence: its first `most` characters, printable and on one line."""
    shown = one_line(text, most)
    return f"'{shown}'" if len(text) <= most else f"'{shown}...' ({len(text)} characters)"


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """The sentence for a name that does not exist: the nearest that does, or all of them."""
    names, given = list(known), str(name)
    near = difflib.get_close_matches(given, names, 1) if len(given) <= LONGEST_NAME else []
    return f"unknown {what} {quoted(given)}; " + (
        f"did you mean '{near[0]}'?" if near else f"known are {', '.join(names)}"
    )
