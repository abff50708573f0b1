"""What a path holds, and which command takes it: the second half of a sentence that refuses it. Only names are read."""

import shlex
from collections import deque
from collections.abc import Iterator
from pathlib import Path

INFO = Path("meta") / "info.json"
BAG_FILES = (".mcap", ".db3", ".mcap.zstd", ".db3.zstd")
HDF5_FILES = (".hdf5", ".h5")
# What other people's recordings look like that are not read: by the end of a name, and what to do with them.
OTHERS = (
    ((".zgroup", ".zarray", "zarr.json", ".zarr.zip", ".zarr"), "a Zarr store (as of UMI and diffusion policy)",
     "write it as a LeRobot data set or as HDF5 episodes"),
    ((".array_record", ".riegeli"), "TFDS records of another file format than TFRecord",
     "write it anew with file_format='tfrecord'"),
    ((".bag",), "a ROS 1 bag", "'rosbags-convert --src FILE.bag --dst FOLDER' makes a rosbag2 recording of it"),
    ((".arrow",), "Arrow files of Hugging Face datasets", "give the LeRobot data set itself, with its folder meta"),
    ((".parquet",), "Parquet files without the meta/info.json of a LeRobot data set", "fetch its folder meta as well"),
    ((".npz", ".npy", ".pkl", ".pickle", ".mat", ".pt", ".pth"), "arrays of a program's own layout",
     "write them as a LeRobot data set or as HDF5 episodes"),
    ((".svo", ".svo2", ".rrd", ".ulg", ".lance"), "recordings of other tools", "export them as a rosbag2 recording or HDF5"),
    ((".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".7z"), "an archive", "unpack it first"),
    ((".mp4", ".avi", ".mkv", ".mov", ".png", ".jpg", ".jpeg", ".csv"), "videos, pictures or tables without a data set's "
     "metadata", "joint values and pictures are read from rosbag2, HDF5, LeRobot and RLDS"),
)  # fmt: skip
MOST = 2000  # names looked at: a kind that is not among them is not worth minutes of a slow disk


def way_on(path: Path, is_for_recordings: bool = False) -> str:
    """Return "; it is ...: 'finevla ...' ..." for a path that a command does not take; empty where its kind is not known.

    `is_for_recordings`: the command takes a recording, so that several of them in `path` are for another one.
    """
    if (root := data_set_of(path)) is not None:
        what = "it is a LeRobot data set" if root == path else f"it lies in LeRobot data set '{root}'"
        return f"; {what}, and {_inspect(root)} says what is in it"
    for found in _below(path):
        if (found / INFO).is_file():
            return f"; LeRobot data set '{found}' is in it: give that one"
        if found.name.endswith(BAG_FILES):
            if is_for_recordings:
                return f"; 'finevla bags list {_quoted(found.parent.parent)}' shows the recordings in it"
            return (
                f"; it holds recordings, of which 'finevla convert {_quoted(path)} --out SET' makes a LeRobot data set"
            )
        what = (
            "HDF5 episodes" if found.name.endswith(HDF5_FILES) else "RLDS records" if ".tfrecord" in found.name else ""
        )
        if what and found.is_file():
            return f"; it holds {what}, and {_inspect(path)} says what is in them"
    return _of_others(path)


def _of_others(path: Path) -> str:
    """What a path holds that no command reads, and what to do with it; the kind that says most of it comes first."""
    names = [found.name.lower() for found in _below(path)]
    for endings, what, mend in OTHERS:
        for name in names:
            if name.endswith(endings) or (".array_record" in name and ".array_record" in endings):
                return f"; it holds {what}, not read here: {mend}"
    return ""


def no_data_set(path: Path) -> str:
    """Return the sentence that refuses a folder without meta/info.json, with what it holds instead."""
    return f"'{path}' is no LeRobot data set: it has no {INFO}{way_on(path)}"


def data_set_of(path: Path) -> Path | None:
    """Return the LeRobot data set that a path is or lies in."""
    return next((folder for folder in (path, *path.absolute().parents) if (folder / INFO).is_file()), None)


def _below(path: Path) -> Iterator[Path]:
    """The path itself and what lies below it, upper levels first."""
    todo, seen = deque([path]), 0
    while todo and seen < MOST:
        one = todo.popleft()
        yield one
        try:
            todo += sorted(one.iterdir())[:MOST] if one.is_dir() else ()
        except OSError:  # what may not be read says nothing
            continue
        seen += 1


def _inspect(path: Path) -> str:
    return f"'finevla convert {_quoted(path)} --inspect'"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
