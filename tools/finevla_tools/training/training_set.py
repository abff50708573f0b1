"""A data set opened for training: its kept episodes, how they lie in the robot's values, and their pictures in the cache."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.canonical.arm_kinematics import load_robot
from finevla_tools.datasets.lerobot_files import LeRobotFiles, open_dataset
from finevla_tools.training.action_chunks import ChunkGrid
from finevla_tools.training.config_types import DataOptions, SampleOptions
from finevla_tools.training.episodes import FrameWords, PictureQuestion, TrainingEpisode, read_episodes
from finevla_tools.training.kept_episodes import kept_episodes
from finevla_tools.training.mixture import SPLIT_STREAM
from finevla_tools.training.picture_cache import PictureJob, check_cameras, picture_jobs
from finevla_tools.training.random_draws import permuted
from finevla_tools.training.robot_columns import refuse_other_robot, robot_columns


@dataclass(frozen=True)
class FrameIndex:
    """Frames of some episodes of a set, counted through: `episodes` are their places in it, `ends` where each one ends."""

    episodes: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of frames."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def place(self, position: int) -> tuple[int, int]:
        """Return the episode's place in the set, and the frame in it."""
        k = int(np.searchsorted(self.ends, position, side="right"))
        return int(self.episodes[k]), position - (int(self.ends[k - 1]) if k else 0)


@dataclass(frozen=True)
class TrainingSet:
    """An opened set. `there` `(D,)` says which of the robot's values it has; `content` hashes all that is learned from."""

    files: LeRobotFiles
    cameras: Mapping[str, str]
    grid: ChunkGrid
    there: NDArray[np.bool_]
    episodes: tuple[TrainingEpisode, ...]
    training: FrameIndex
    held_out: FrameIndex
    pictures: tuple[PictureJob, ...]
    content: str
    told: tuple[str, ...] = ()

    def chunk(self, episode: int, frame: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return a frame's actions `(horizon, D)` and which of them count, `(horizon, D)`."""
        one = self.episodes[episode]
        rows, counts = self.grid.rows(np.array([frame]), one.states, one.actions, one.targets)
        return rows[0], counts[0][:, None] & self.there


def open_set(number: int, options: SampleOptions, sources: DataOptions, seed: int, jobs: int) -> TrainingSet:
    """Read set `number` of a run in `jobs` processes; raises `FineVLAError` for whatever cannot be learned from.

    Nothing is decoded yet: the set's `pictures` say of which files.
    """
    source, (robot, _) = sources.sets[number], load_robot(options.embodiment)
    files = open_dataset(source.path)
    if not files.episodes:
        raise FineVLAError(f"'{files.root}' is empty: it has no episodes")
    keys = {name: source.cameras.get(name, key) for name, key in options.cameras.items()}
    check_cameras(files, keys)
    kept = kept_episodes(files, source.kept)
    columns = robot_columns(files, robot, source.map, source.gripper, source.gripper_action)
    episodes = read_episodes(files, columns, kept, sources.unreviewed, jobs)
    if not sources.language.thoughts:
        episodes = [replace(episode, steps=()) for episode in episodes]
    refuse_other_robot(
        np.concatenate([e.states for e in episodes]), columns.there, options.embodiment, f"'{files.root}'"
    )
    grid = ChunkGrid(options.horizon, options.dt_s * files.fps)
    training, held_out = _split(episodes, grid, sources.validation, seed, number)
    if not len(training):
        longest = max(map(len, episodes)) / files.fps
        raise FineVLAError(
            f"'{files.root}' has no frame to learn from: its longest of {len(episodes)} episodes lasts {longest:.2f} s, one "
            f"row of a chunk takes {options.dt_s:g} s"
        )
    pictures = picture_jobs(files, episodes, keys, options.images, sources.cache)
    return TrainingSet(
        files,
        keys,
        grid,
        columns.there,
        tuple(episodes),
        training,
        held_out,
        tuple(pictures),
        _content(files.fps, columns.there, episodes, pictures),
        (*columns.told, *_told(files, columns.there, robot, columns.follows_states, episodes)),
    )


def _split(
    episodes: Sequence[TrainingEpisode], grid: ChunkGrid, share: float, seed: int, number: int
) -> tuple[FrameIndex, FrameIndex]:
    """Frames to learn from, and those of the episodes that are held out: at least one of two, where a share is asked for."""
    count = len(episodes)
    held = max(1, round(share * count)) if share > 0.0 and count > 1 else 0
    is_held = [permuted(k, count, seed, SPLIT_STREAM + number, 0) < held for k in range(count)]
    indices = []
    for wanted in (False, True):
        chosen = [k for k in range(count) if is_held[k] is wanted and grid.usable(episodes[k].targets)]
        lengths = [min(grid.usable(episodes[k].targets), len(episodes[k])) for k in chosen]
        indices.append(FrameIndex(np.array(chosen, np.int64), np.cumsum(lengths, dtype=np.int64)))
    return indices[0], indices[1]


def _content(
    fps: float, there: NDArray[np.bool_], episodes: Sequence[TrainingEpisode], jobs: Sequence[PictureJob]
) -> str:
    made = hashlib.sha256(json.dumps([fps, there.tolist()]).encode())
    for episode, job in zip(episodes, jobs, strict=True):
        for array in (episode.states, episode.actions, episode.stamps_s):
            made.update(np.ascontiguousarray(array).data)
        words = [[_told_of(one) for one in some] for some in (episode.words, episode.questions)]
        steps = [episode.steps] if episode.steps else []
        made.update(json.dumps([episode.targets, words, job.target.path.name, *steps]).encode())
    return made.hexdigest()


def _told_of(one: FrameWords | PictureQuestion) -> dict[str, Any]:
    """As data; what a set of before a field came does not have, changes no hash of it."""
    return {name: value for name, value in asdict(one).items() if name not in ("fine_wordings", "unlike") or value}


def _told(
    files: LeRobotFiles,
    there: NDArray[np.bool_],
    robot: Embodiment,
    follows_states: bool,
    episodes: Sequence[TrainingEpisode],
) -> list[str]:
    told = []
    if not there.all():
        lacking = ", ".join(name for name, is_there in zip(robot.names, there, strict=True) if not is_there)
        told.append(f"'{files.root}' does not have {lacking}: nothing is learned of them from it")
    if follows_states:
        told.append(f"'{files.root}' has not all actions: the states that follow are learned instead")
    if unlike := sum(words.unlike for episode in episodes for words in episode.words):
        told.append(
            f"'{files.root}': nothing is learned from {counted(unlike, 'other wording')}, for they say more than the goal and "
            "something else than the fine text"
        )
    return told
