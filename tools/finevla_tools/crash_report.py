"""What nobody foresaw, as one sentence with the place where it happened, and a report file that a user can send.

Workers give an `Unexpected` back with their result, so that it costs one episode; `remember` keeps it, and the door of the
command line writes one file of all of them.
"""

import os
import platform
import shlex
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

FOLDER = Path("out/reports")
PACKAGES = ("numpy", "scipy", "pyarrow", "av", "pillow", "h5py", "rosbags", "mcap", "lerobot", "torch")
KEPT = 20  # of one run: more of the same say nothing new
_remembered: list["Unexpected"] = []
_count = 0


@dataclass(frozen=True)
class Unexpected:
    """An exception that no code expected: `where` in words (an episode, a command), `what` in one line, its traceback."""

    where: str
    what: str
    trace: str

    @property
    def sentence(self) -> str:
        """For the person at the keyboard."""
        return f"{self.where}: an error that finevla did not expect ({self.what})"


def unexpected(where: str, error: BaseException) -> Unexpected:
    """Describe an exception that is being handled."""
    said = " ".join(str(error).split())[:300]
    return Unexpected(
        where, f"{type(error).__name__}: {said}".removesuffix(": "), "".join(traceback.format_exception(error))
    )


def remember(found: Unexpected | None) -> None:
    """Keep it for the report of this run."""
    global _count
    if found is not None:
        _count += 1
        if len(_remembered) < KEPT:
            _remembered.append(found)


def forget() -> None:
    """Begin a run: what an earlier one of this process left is not its own."""
    global _count
    _count = 0
    _remembered.clear()


def write_report(words: Sequence[str]) -> Path | None:
    """Write what was remembered to a file in `out/reports`, or where temporary files are; None if there is nothing.

    It holds the command, versions and tracebacks, which name files; nothing of the environment and no data.
    """
    if not _remembered:
        return None
    text = _text(words)
    name = f"finevla-{words[0] if words else ''}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.txt"
    for folder in (FOLDER, Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / name
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:  # a full or foreign disk: the next place may do
            continue
        return path
    print(text, file=sys.stderr)
    return None


def _text(words: Sequence[str]) -> str:
    versions = [f"python {platform.python_version()}", platform.platform()]
    for package in ("finevla_tools", *PACKAGES):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    lines = [
        "finevla report: errors that finevla did not expect. It names files of yours; no data are in it.",
        f"time: {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())}",
        f"command: finevla {shlex.join(words)}",
        f"versions: {', '.join(versions)}",
        f"errors: {_count}" + (f", the first {KEPT} are below" if _count > KEPT else ""),
    ]
    return "\n".join([*lines, *(f"\n== {one.where}\n{one.trace}" for one in _remembered)])
