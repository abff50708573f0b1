"""A journal for people: a file of one JSON value a line that only grows, whatever kills those who write it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class JsonLines:
    """Appends values, each with the system as soon as it is said; open it when there is something to append.

    A last line that a kill or a full disk has cut short is ended, so that it costs itself and not the next one.
    """

    def __init__(self, path: Path) -> None:
        """Raises `OSError` if the file cannot be opened."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b", buffering=0)
        self._is_torn = False
        if size := self._file.seek(0, os.SEEK_END):
            self._file.seek(size - 1)
            self._is_torn = self._file.read(1) != b"\n"

    def append(self, *values: Any) -> None:
        """Write values that belong together, anything that JSON can hold; raises `OSError`, for a full disk say."""
        lines = "".join(json.dumps(value) + "\n" for value in values)
        rest = memoryview(("\n" * self._is_torn + lines).encode())
        self._is_torn = True
        while rest:
            rest = rest[self._file.write(rest) :]
        self._is_torn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_json_lines(path: Path) -> Iterator[Any]:
    """Give the values of all lines that are JSON, in order; none if there is no file."""
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    continue
