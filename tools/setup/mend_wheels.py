"""Rewrite the paths of the build machine's Python in the wheels' CMake files to this environment's own; run at will.

Files are replaced, never edited: installers hard-link them from a cache that other environments share.
"""

import os
import re
import sys
import sysconfig
from pathlib import Path

PYTHON_INCLUDE = re.compile(r'[^\s;"]*/include/python3\.\d+(?=[\s;"\)]|$)')
NUMPY_INCLUDE = re.compile(r'[^\s;"]*/numpy/_core/include')


def mended(text: str, python_include: str, numpy_include: str) -> str:
    """The text with both paths replaced, wherever they pointed."""
    return NUMPY_INCLUDE.sub(lambda _: numpy_include, PYTHON_INCLUDE.sub(lambda _: python_include, text))


def mend(folder: Path, python_include: str, numpy_include: str) -> int:
    """Mend every CMake file below a folder; returns how many were changed."""
    changed = 0
    for path in folder.rglob("*.cmake"):
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        new = mended(text, python_include, numpy_include)
        if new != text:
            temporary = path.with_name(f".{path.name}.tmp")
            temporary.write_text(new, encoding="utf-8", errors="surrogateescape")
            os.replace(temporary, path)
            changed += 1
    return changed


if __name__ == "__main__":
    import numpy

    count = mend(Path(sys.prefix) / "share", sysconfig.get_paths()["include"], numpy.get_include())
    print(f"mended {count} CMake files of the ROS wheels")
