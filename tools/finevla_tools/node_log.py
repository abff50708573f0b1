"""What the nodes of a demonstration say, kept in a file beside its report."""

import contextlib
import sys
from pathlib import Path
from typing import Self, TextIO

from finevla_core.errors import FineVLAError


class NodeLog:
    """Context manager: what the nodes say goes to a file, and to standard output if it `shows`."""

    def __init__(self, path: Path, shows: bool) -> None:
        self.path, self.shows = path, shows
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def begin(self) -> None:
        """Open the file; raises `FineVLAError` if it cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
        except OSError as error:
            raise FineVLAError(f"cannot write to '{self.path}': {error.strerror}; give --out another folder") from error

    def write(self, name: str, line: str) -> None:
        """Write a line of a process."""
        with contextlib.suppress(
            ValueError, OSError
        ):  # the log is closed or the disk full, or nobody reads us any more
            if self._file is not None:
                print(f"[{name}] {line}", file=self._file, flush=True)
            if self.shows:
                print(f"[{name}] {line}", file=sys.stdout, flush=True)
