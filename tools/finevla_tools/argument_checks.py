"""Checks of what a command is given, before seconds of loading or hours of work: folders told by their names, numbers."""

import os
import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_tools.path_hints import INFO, data_set_of, no_data_set, way_on

NOTHING, FILE, UNKNOWN = "nothing", "a file", "other files"
SHARDS, CHECKPOINTS, BUNDLE = "synthetic motions", "checkpoints of a training", "a policy bundle"
DATA_SET, RECORDINGS = "a LeRobot data set", "recordings"
BAG_SUFFIXES = (".mcap", ".db3", ".bag", ".hdf5", ".h5")
MOST = 1000  # names looked at in a folder


def content(folder: Path) -> str:
    """What a folder holds, judged by names of files, as words that fit behind "holds"."""
    if not folder.is_dir():
        return FILE if os.path.lexists(folder) else NOTHING
    names = _names(folder)
    if not names:
        return NOTHING
    if kind := _kind(folder, names):
        return kind
    below = (folder / name for name in sorted(names))
    kinds = (_kind(path, _names(path)) for path in below if path.is_dir())
    return next((kind for kind in kinds if kind in (DATA_SET, RECORDINGS)), UNKNOWN)


def _kind(folder: Path, names: Collection[str]) -> str:
    if any(name.startswith("drills_") and name.endswith(".npz") for name in names):
        return SHARDS
    if "manifest.yaml" in names:
        return BUNDLE
    if {"finder.pt", "mover.pt"} & set(names):
        return CHECKPOINTS
    if (folder / "meta" / "info.json").is_file():
        return DATA_SET
    if {"metadata.yaml", "episode.json"} & set(names) or any(name.endswith(BAG_SUFFIXES) for name in names):
        return RECORDINGS
    return ""


def _names(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry, _ in zip(entries, range(MOST), strict=False)}
    except OSError as error:
        raise FineVLAError(f"'{folder}' cannot be read: {error.strerror}") from error


def refuse_no_folder(folder: Path) -> None:
    """Raise `FineVLAError` unless `folder` is one; what it holds is for those who read it to say."""
    if not folder.is_dir():
        what = "is a file" if os.path.lexists(folder) else "does not exist"
        raise FineVLAError(f"'{folder}' {what}; give the folder of a data set{way_on(folder)}")


def refuse_no_data_set(folder: Path) -> None:
    """Raise `FineVLAError` unless `folder` is a LeRobot data set by its names, before seconds of loading."""
    refuse_no_folder(folder)
    if not (folder / INFO).is_file():
        raise FineVLAError(no_data_set(folder))


def bundle_path(given: str | Path) -> Path:
    """Return the folder of a bundle, given as a path or by its name in models; raises `FineVLAError` for neither."""
    if Path(given).exists():  # what is wrong with it is for those who read it to say
        return Path(given)
    from finevla_ros.share_paths import bundle_directory

    return Path(bundle_directory(str(given)))


def refuse_other_content(out: Path, *own: str) -> None:
    """Raise `FineVLAError` if `out` is there and holds something else than `own`: it would be mixed up, or replaced."""
    held = content(out)
    if held == FILE:
        raise FineVLAError(f"'{out}' is a file; give --out a folder")
    if held not in (NOTHING, *own):
        raise FineVLAError(f"'{out}' holds {held}; give --out a folder of its own")


def refuse_no_motions(folder: Path, with_pictures: bool) -> None:
    """Raise `FineVLAError` unless `folder` holds synthetic motions or collected episodes, with pictures if those are needed."""
    held, make = content(folder), "make some with 'finevla synthesize --out data/seen --pictures 2'"
    if held in (DATA_SET, RECORDINGS):
        first = "" if held == DATA_SET else "make a data set of them with 'finevla convert', and "
        raise FineVLAError(
            f"'{folder}' holds {held}; the policy that ships learns from synthetic motions and collected episodes only; "
            f"{first}name the data set in a configuration: 'finevla train CONFIG.yaml' trains a vision-language-action "
            "policy from it (see 'Configuration' in docs/train.md)"
        )
    if held == FILE:
        raise FineVLAError(f"'{folder}' is a file; give the folder that 'finevla synthesize' made")
    if not folder.is_dir():
        raise FineVLAError(f"there is no folder '{folder}'; {make}")
    if held != SHARDS:
        raise FineVLAError(
            f"'{folder}' {'is empty' if held == NOTHING else f'holds {held} and no synthetic motions'}; {make}"
        )
    for shard in sorted(folder.glob("drills_*.npz")):
        if not zipfile.is_zipfile(shard):
            raise FineVLAError(f"'{shard}' is damaged; remove it and run the command that made the folder again")
        with zipfile.ZipFile(shard) as file:
            if with_pictures and "images.npy" not in file.namelist():
                raise FineVLAError(
                    f"'{shard}' has no pictures, and the finder learns from pictures; {make}, or give --parts mover"
                )


def refuse_no_checkpoints(folder: Path, parts: Iterable[str]) -> None:
    """Raise `FineVLAError` unless the checkpoints of `parts` are in `folder`."""
    for part in parts:
        if not (folder / f"{part}.pt").is_file():
            what = f"'{folder}' has no {part}.pt" if folder.is_dir() else f"there is no folder '{folder}'"
            raise FineVLAError(f"{what}; give the --out folder of a finished 'finevla train'")


def at_least(least: int, **options: int) -> None:
    """Raise `FineVLAError` for an option, by its name, that is smaller."""
    for name, value in options.items():
        if value < least:
            raise FineVLAError(f"--{name.replace('_', '-')} is {value}; give a number from {least} on")


def refuse_no_output(option: str, path: Path | None, beside_data_sets: bool = False) -> None:
    """Raise `FineVLAError`, before the work, if a folder to be made cannot be: a file is in its place or above it.

    `beside_data_sets`: nor if it would lie in a LeRobot data set, which is only read.
    """
    if path is None:
        return
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode(errors="replace").decode()
        raise FineVLAError(f"{option} '{shown}' is no name in UTF-8; name another folder") from None
    there = next(p for p in (path.absolute(), *path.absolute().parents) if os.path.lexists(p))
    if not there.is_dir():
        where = "" if there == path.absolute() else f": '{there}' is no folder"
        what = "is a file" if not where else "cannot be made"
        raise FineVLAError(f"{option} '{path}' {what}{where}; name a folder that is to be made")
    if beside_data_sets and not os.path.lexists(path) and (root := data_set_of(path)) is not None:
        raise FineVLAError(
            f"{option} '{path}' lies in data set '{root}' itself, which is only read; name a folder beside it"
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise FineVLAError(f"{option} '{path}' cannot be made: '{there}' may not be written to; name another folder")
