"""Files and folders that appear whole or not at all, whatever becomes of the process that writes them.

What is being written lies beside its target under `temporary_of`; one rename puts it in its place.
"""

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

SUFFIX = ".finevla.tmp"  # nobody else's: what dead processes left under it is removed without asking


def temporary_of(path: Path) -> Path:
    """Return the hidden name beside `path` under which this process writes what is to become `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}{SUFFIX}")


def write_text(path: Path, text: str, *, sync: bool = False) -> None:
    """Replace a file by `text` in UTF-8; otherwise as `write_by`."""
    write_bytes(path, text.encode(), sync=sync)


def write_bytes(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Replace a file by `data`; otherwise as `write_by`."""
    write_by(path, lambda temporary: temporary.write_bytes(data), sync=sync)


def write_by(path: Path, write: Callable[[Path], object], *, sync: bool = False) -> None:
    """Replace a file by what `write` makes at the path that it is given.

    If that raises, whatever it raises, what is at `path` stays as it was and nothing else is left. `sync` waits for the disk,
    for files that must survive a power cut as well.
    """
    remove_abandoned(path.parent)
    temporary = temporary_of(path)
    try:
        write(temporary)
        if sync:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        publish(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def publish(made: Path, target: Path) -> None:
    """Rename a finished file or folder; a file at `target` is replaced, a folder with something in it is an `OSError`."""
    os.replace(made, target)


def replace_folder(made: Path, target: Path) -> None:
    """Rename a finished folder to `target`; what is there is put aside first, and back if that fails."""
    aside = target.with_name(f".{target.name}.{os.getpid()}.old")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        with suppress(FileNotFoundError):
            target.rename(aside)
        publish(made, target)
    except BaseException:
        if aside.exists() and not target.exists():
            aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


@lru_cache(maxsize=64)
def remove_abandoned(folder: Path) -> None:
    """Remove the temporaries of dead processes from a folder, once in this process: large folders take their time."""
    own = re.compile(rf"\..+\.(\d+){re.escape(SUFFIX)}")
    with suppress(OSError):  # whoever may not read or clean the folder is told when he writes to it
        for path in folder.iterdir():
            if (found := own.fullmatch(path.name)) and not _is_alive(int(found[1])):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
