"""Files that only stand for others: what `git clone` writes where Git LFS has not brought the file itself.

Data sets of Hugging Face are cloned so; without `git lfs install` tables and videos are texts of three lines.
"""

from pathlib import Path

from finevla_core.errors import DamagedFileError

POINTER = b"version https://git-lfs.github.com/spec/"
LFS = "run 'git lfs install' and 'git lfs pull' where it was cloned"


def is_pointer(path: Path) -> bool:
    """Return whether a file only stands for another one, which Git LFS has not brought."""
    with path.open("rb") as file:
        return file.read(len(POINTER)) == POINTER


def refuse_pointer(path: Path) -> None:
    """Raise `DamagedFileError` for a file that only stands for another one."""
    if path.is_file() and is_pointer(path):
        raise DamagedFileError(f"'{path}' is a pointer of Git LFS, the file itself was not brought: {LFS}")
