"""Output folders that appear whole or not at all: in one go, or by work that goes on where it was interrupted."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finevla_core.errors import DiskFullError, FineVLAError, is_disk_full, unwritable
from finevla_core.recording.atomic_files import (
    SUFFIX,
    publish,
    remove_abandoned,
    replace_folder,
    temporary_of,
    write_text,
)

LOCK, SETTINGS, OUTPUT = "lock", "settings.json", "output"
REPORT = "report.jsonl"  # why nothing came out: no work that another run could go on with


class Staged:
    """Output made in one go: written at `path`, in a hidden folder beside `target`, then renamed.

    As a context manager it gives `path`, and an exception leaves nothing.
    """

    def __init__(self, target: Path) -> None:
        """Raises `FineVLAError` if `target` exists or cannot be made."""
        refuse_existing(target)
        self.target = target
        self._folder = temporary_of(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(target.parent)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(mode=0o700)  # keys are made here, too
        except OSError as error:
            raise unwritable(target, error) from error
        self.path = self._folder / target.name

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is None:
            self.publish()
            return
        self.discard()
        if isinstance(error, Exception) and is_disk_full(error) and not isinstance(error, DiskFullError):
            raise unwritable(self.target, error) from error

    def publish(self) -> Path:
        """Rename `path` to `target`; raises `FineVLAError` if somebody else made it meanwhile."""
        try:
            publish(self.path, self.target)
        except OSError as error:
            self.discard()
            raise FineVLAError(
                f"'{self.target}' appeared while it was being written; remove it or name a new folder ({error.strerror})"
            ) from error
        self._folder.rmdir()
        return self.target

    def discard(self) -> None:
        """Remove what was written so far."""
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def workplace(
    out: Path, folder: Path, busy: str, *, settings: Mapping[str, Any] | None = None, may_replace: bool = False
) -> Iterator[Path]:
    """Give the path, in `folder`, of what becomes `out` at the end; `folder` outlives an interruption, to go on from there.

    `settings`, as JSON knows them, are all that decide what comes out: with others nothing goes on. Raises `FineVLAError` if
    there is an `out` (unless that `may_replace`), another process works in `folder` (which is `busy`), it was begun with other
    settings, or it cannot be written.
    """
    if not may_replace:
        refuse_existing(out)
    with locked(out, folder, busy):
        if not may_replace:  # who worked here may have made it before the lock was free
            refuse_existing(out)
        if settings is not None:
            _refuse_other(folder, json.dumps(settings, sort_keys=True, default=str))
        made = folder / OUTPUT
        try:
            yield made
        except Exception as error:
            if isinstance(error, FineVLAError):
                _leave_nothing_of_nothing(folder)
            if is_disk_full(error) and not isinstance(error, DiskFullError):
                raise unwritable(out, error) from error
            raise
        for left in made.glob(f".*{SUFFIX}"):  # of a killed process that worked here before
            left.unlink(missing_ok=True)
        (replace_folder if may_replace else publish)(made, out)
        # Away at once: whoever comes now finds either all of it, locked, or nothing.
        gone = temporary_of(folder)
        publish(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)


def _leave_nothing_of_nothing(folder: Path) -> None:
    """Remove `folder` if no work was done in it yet: its settings would keep the same command with a mistake mended out."""
    if not _holds_work(folder) and not (folder / REPORT).exists():
        shutil.rmtree(folder, ignore_errors=True)


def _holds_work(folder: Path) -> bool:
    return any(path.is_file() and path.name not in (LOCK, SETTINGS, REPORT) for path in folder.rglob("*"))


def refuse_existing(path: Path) -> None:
    """Raise `FineVLAError` if there is anything at `path`."""
    if os.path.lexists(path):
        raise FineVLAError(f"'{path}' exists already; remove it or name a new folder")


@contextmanager
def locked(out: Path, folder: Path, busy: str) -> Iterator[None]:
    """Make `folder` and keep every other process out of it; raises `FineVLAError` (`busy`) if one is in there already.

    `out` is what a sentence about a disk that cannot be written names.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder.parent)
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise unwritable(out, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_here = os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK))
        except (BlockingIOError, FileNotFoundError):
            is_here = False
        except OSError as error:
            raise unwritable(out, error) from error
        if not is_here:  # or somebody has just finished, and taken folder and lock away
            raise FineVLAError(busy)
        yield


def _refuse_other(folder: Path, settings: str) -> None:
    file = folder / SETTINGS
    if file.exists() and file.read_text(encoding="utf-8") != settings and _holds_work(folder):
        raise FineVLAError(f"'{folder}' was begun with other options; give the same again, or remove it to start anew")
    write_text(file, settings)
