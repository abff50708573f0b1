"""Files that hold nothing of what their name promises: empty ones, and texts that Git LFS leaves where it brought no file.

Data sets of Hugging Face are cloned so: without `git lfs install` tables and videos are texts of three lines.
"""

from pathlib import Path

from finevla_core.errors import DamagedFileError

POINTER = b"version https://git-lfs.github.com/spec/"
LFS = "run 'git lfs install' and 'git lfs pull' where it was cloned"
_MOST = 1024  # bytes; Git LFS's own limit


def is_pointer(path: Path) -> bool:
    """Return whether a file only stands for another one, which Git LFS has not brought; False for what cannot be read."""
    try:
        return path.is_file() and path.stat().st_size <= _MOST and path.read_bytes().startswith(POINTER)
    except OSError:  # whoever opens it says so
        return False


def why_no_content(path: Path) -> str:
    """Say why a file holds nothing of what its name promises: it is empty, a pointer or no plain file; "" where none is so."""
    if is_pointer(path):
        return f"is a pointer of Git LFS, the file itself was not brought: {LFS}"
    if path.exists() and not path.is_file() and not path.is_dir():  # whoever opened a pipe would wait for ever
        return "is no plain file but a pipe, a socket or a device"
    return "is empty (0 bytes)" if path.is_file() and path.stat().st_size == 0 else ""


def refuse_no_content(path: Path, where: str = "") -> None:
    """Raise `DamagedFileError` beginning with `where`, the path without it, for an empty file, a pointer, a pipe."""
    if why := why_no_content(path):
        raise DamagedFileError(f"{where or repr(str(path))} {why}")
