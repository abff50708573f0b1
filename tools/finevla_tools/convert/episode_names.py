"""Names of episodes and paths inside data sets: what comes from files of others stays inside their folder."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from finevla_core.errors import FineVLAError
from finevla_core.text_files import name_text


def episode_names(paths: Iterable[str]) -> list[str]:
    """A plain name for each relative path, all different: folders joined by '-', odd characters as '_'."""
    names: list[str] = []
    taken: set[str] = set()
    for path in paths:
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", path.strip("/").replace("/", "-"))[-180:].lstrip("._-") or "episode"
        name, count = plain, 1
        while name in taken:
            count += 1
            name = f"{plain}-{count}"
        taken.add(name)
        names.append(name)
    return names


def inside(root: Path, relative: str, where: str) -> Path:
    """`root / relative` if that stays below `root`, links followed; raises `FineVLAError` beginning with `where`."""
    pure = PurePosixPath(relative)
    if "\x00" in relative or "\\" in relative or pure.is_absolute() or ".." in pure.parts:
        raise FineVLAError(f"{where} names '{relative[:100]!r}', which leads out of the data set; it is not followed")
    path = root / pure
    try:
        resolved, top = path.resolve(), root.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long a name, links in a ring
        raise FineVLAError(f"{where} names '{relative[:100]}', which is no usable path") from error
    if not any(resolved.is_relative_to(place) for place in (top, *_blobs(top))):
        raise FineVLAError(
            f"{where} names '{relative[:100]}', a link out of the data set; it is not followed: copy what it names there"
        )
    return path


def _blobs(top: Path) -> list[Path]:
    """Where the cache of the Hugging Face hub keeps what a snapshot of a data set consists of: there are only links in it."""
    return [folder.parent / "blobs" for folder in top.parents if folder.name == "snapshots"][:1]


def task_of_folder(path: Path, root: Path) -> str:
    """The words of the folder an episode lies in, for collectors that name it after the task.

    RoboMIND's `<task>/success_episodes/train/<id>/data/trajectory.hdf5` gives `<task>` too.
    """
    dull = {"data", "train", "val", "test", "success_episodes", "failure_episodes", "hdf5", "episodes"}
    for folder in (path.resolve().parent, *path.resolve().parent.parents):
        name = name_text(folder.name)
        if "\N{REPLACEMENT CHARACTER}" in name:
            raise FineVLAError(f"folder '{name}' has a name that is neither UTF-8 nor GBK; name the task with --task")
        has_words = re.search(r"[^\W\d_]{2,}", name) is not None
        if has_words and name.lower() not in dull and not re.fullmatch(r"episode[_-]?\d+", name.lower()):
            return " ".join(re.split(r"[\s_]+", name)).strip()
        if folder == root.resolve().parent:
            break
    return ""
