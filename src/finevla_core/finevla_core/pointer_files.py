"""Files that stand for others: Git LFS leaves a small text in place of each large file that was not fetched."""

from pathlib import Path

_BEGIN = b"version https://git-lfs.github.com/spec/"
_MOST = 1024  # bytes; Git LFS's own limit


def why_no_content(path: Path) -> str:
    """Say why a file holds nothing of what its name promises: it is empty, or a pointer; "" where neither is so."""
    try:
        size = path.stat().st_size
        if size == 0:
            return "is empty (0 bytes)"
        if size <= _MOST and path.read_bytes().startswith(_BEGIN):
            return "is a pointer of Git LFS, not the file: run 'git lfs pull' in its repository, or download it again"
    except OSError:  # whoever opens it says so
        return ""
    return ""
