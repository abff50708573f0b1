"""Pictures decoded once to the policy's size, in files of plain bytes that are memory-mapped.

A file holds the chosen cameras of one episode, frame by frame, and is named by what it is made of: the content of the videos,
the times of the rows, the pictures' format. So it serves every run, is never stale, and may be deleted at any time.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import DiskFullError, FineVLAError, unwritable
from finevla_core.images import ImageFormat, fit_image
from finevla_core.recording.atomic_files import write_by
from finevla_tools.canonical.convert import content_hash
from finevla_tools.convert.compressed_pictures import decode
from finevla_tools.convert.lerobot_pictures import VideoPictures, declared_camera, stored_picture
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles
from finevla_tools.training.episodes import TrainingEpisode
from finevla_tools.work.json_lines import JsonLines, read_json_lines
from finevla_tools.work.parallel_map import over
from finevla_tools.work.progress import Progress

VERSION = 1  # counted up when the same videos give other files
SPARE = 1 << 30  # bytes of the disk that stay free
HASHES = "videos.jsonl"  # contents of videos by path, size and time, so that they are read once
OPEN = 256  # mapped files of a process


@dataclass(frozen=True)
class PictureFile:
    """One episode's pictures in the cache: `frames` times `(V, H, W, 3)` uint8."""

    path: Path
    frames: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return self.frames * int(np.prod(self.shape))

    @property
    def is_there(self) -> bool:
        """Whether it has been made."""
        return self.path.is_file() and self.path.stat().st_size == self.size

    def read(self, frame: int) -> NDArray[np.uint8]:
        """Return the pictures of a frame `(V, H, W, 3)`, a copy."""
        return np.array(_mapped(self.path, self.frames, self.shape)[frame])


@dataclass(frozen=True)
class PictureJob:
    """What one file of the cache is made of; `cameras` maps the policy's names to the data set's keys, in its order."""

    files: LeRobotFiles
    episode: EpisodeFile
    stamps_s: NDArray[np.float64]
    cameras: Mapping[str, str]
    images: ImageFormat
    target: PictureFile

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return f"episode {self.episode.index} of '{self.files.root}'"


def check_cameras(files: LeRobotFiles, cameras: Mapping[str, str]) -> None:
    """Raise `FineVLAError` for a camera that a data set does not have, naming those that it has."""
    there = [
        key for key, f in files.features.items() if f.get("dtype") in ("video", "image") and key not in files.depth
    ]
    for name, key in cameras.items():
        if key not in there:
            what = "is depth, no camera of colours" if key in files.depth else "is not there"
            raise FineVLAError(
                f"'{files.root}': camera '{name}' is to be '{key}', which {what}; it has "
                f"{', '.join(there) or 'no pictures'}; name them as 'cameras' of the policy, or of this set"
            )


def picture_jobs(
    files: LeRobotFiles,
    episodes: Sequence[TrainingEpisode],
    cameras: Mapping[str, str],
    images: ImageFormat,
    cache: Path,
) -> list[PictureJob]:
    """Return for each episode the file that holds its pictures, made or not; raises `FineVLAError` if a video is missing."""
    by_index = {episode.index: episode for episode in files.episodes}
    slim = replace(files, episodes=(), task_table={}, problems=())
    known = _KnownContents(cache / HASHES)
    jobs = []
    for episode in episodes:
        file = by_index[episode.index]
        where = f"episode {episode.index} of '{files.root}'"
        said = [VERSION, str(images), episode.stamps_s.tolist()]
        videos = {footage.key: footage for footage in file.videos}
        for key in cameras.values():
            if files.features[key]["dtype"] == "image":
                said.append([key, known.content(file.path, where), file.index if file.is_shared else 0])
            elif key in videos:
                said.append([known.content(videos[key].path, where), videos[key].begin_s])
            else:
                raise FineVLAError(f"{where} has no video of '{key}'; leave the episode out, or convert the set again")
        name = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:40]
        shape = (len(cameras), images.height, images.width, 3)
        target = PictureFile(cache / name[:2] / f"{name}.rgb", len(episode), shape)
        jobs.append(PictureJob(slim, file, episode.stamps_s, dict(cameras), images, target))
    return jobs


def make_pictures(jobs: Sequence[PictureJob], cache: Path, processes: int) -> None:
    """Make the files that are not there; what is made stays if that is interrupted.

    Raises `FineVLAError` before anything is decoded if the disk has no room, or for an episode that cannot be decoded.
    """
    todo = {job.target.path: job for job in jobs if not job.target.is_there}
    if not todo:
        return
    needed = sum(job.target.size for job in todo.values())
    try:
        for folder in {path.parent for path in todo}:
            folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(cache).free
    except OSError as error:
        raise unwritable(cache, error) from error
    if needed + SPARE > free:
        raise DiskFullError(
            f"'{cache}' would take {_gigabytes(needed)} of decoded pictures, {_gigabytes(free)} are free: make room, name "
            "another 'cache', or take smaller pictures or fewer cameras"
        )
    what = f"decode to '{cache}' ({_gigabytes(needed)}, {_gigabytes(free)} free)"
    with Progress(what, len(todo)) as progress:
        for _, problem in over(_made, todo.values(), processes, in_order=False, tick=progress.tick):
            if problem:
                raise FineVLAError(problem)
            progress.step()


def _made(job: PictureJob) -> str:
    """Why the file could not be made, or nothing."""
    try:
        write_by(job.target.path, partial(_write, job))
    except FineVLAError as error:
        return (
            f"{job.name} has no pictures to learn from: {error}; leave it out (a table of 'kept:' episodes), or mend it"
        )
    except OSError as error:
        return str(unwritable(job.target.path, error))
    return ""


def _write(job: PictureJob, path: Path) -> None:
    root, features = job.files.root, job.files.features
    footage = {one.key: one for one in job.episode.videos}
    stored = [key for key in job.cameras.values() if features[key]["dtype"] == "image"]
    table = job.files.read(job.episode, stored) if stored else None
    with ExitStack() as stack, path.open("wb") as out:
        videos = {
            key: stack.enter_context(
                VideoPictures(declared_camera(key, key, features[key].get("shape"), root), footage[key])
            )
            for key in job.cameras.values()
            if key not in stored
        }
        for row, time_s in enumerate(job.stamps_s.tolist()):
            for name, key in job.cameras.items():
                if key in videos:
                    picture = videos[key].at(time_s)
                else:
                    assert table is not None
                    where = f"picture {row} of {key}"
                    picture = decode(stored_picture(table.column(key)[row].as_py(), root, where), where)
                out.write(np.ascontiguousarray(fit_image(picture, job.images, name)).data)


class _KnownContents:
    """SHA-256 of files, remembered beside the cache: videos are the bulk of a data set and are read through once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = {
            tuple(row[:3]): str(row[3]) for row in read_json_lines(path) if isinstance(row, list) and len(row) == 4
        }

    def content(self, path: Path, where: str) -> str:
        try:
            status = path.stat()
            key = (str(path.resolve()), status.st_size, status.st_mtime_ns)
            if key not in self._known:
                self._known[key] = content_hash(path, (status.st_size, status.st_mtime_ns))
                with JsonLines(self._path) as lines:
                    lines.append([*key, self._known[key]])
        except FileNotFoundError as error:
            raise FineVLAError(
                f"{where}: '{path}' is missing; leave the episode out, or bring the file back"
            ) from error
        except OSError as error:
            raise FineVLAError(
                f"{where}: '{error.filename or path}' cannot be read or written: {error.strerror}"
            ) from error
        return self._known[key]


@lru_cache(maxsize=OPEN)
def _mapped(path: Path, frames: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    try:
        return np.memmap(path, np.uint8, "r", shape=(frames, *shape))
    except (OSError, ValueError) as error:
        raise FineVLAError(
            f"'{path}' of the cache of pictures is gone or cut short: start again, it is made anew"
        ) from error


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{size / 1e6:.1f} MB"
