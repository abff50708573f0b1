"""What every writer of episodes does alike: check what comes in, say what came of it, and show only finished output."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import numpy as np

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.text_files import json_line
from finevla_sim.episode import Episode
from finevla_tools.work.staged_output import refuse_existing


class EpisodeWriter(ABC):
    """The shape of a writer: `add` episodes, then `close`; as a context manager, an exception leaves no half output."""

    def __init__(self, root: Path | str, embodiment: Embodiment, fps: int) -> None:
        """`root` is the folder to make; `fps` are the control steps per second of all its episodes."""
        self.root, self.embodiment, self.fps = Path(root), embodiment, fps
        self.episodes = 0
        self._is_open = True
        if fps < 1:
            raise FineVLAError(f"{fps} steps per second cannot be written; say at least 1")
        refuse_existing(self.root)

    def add(self, episode: Episode) -> None:
        """Write one episode; raises `FineVLAError` for one that does not fit the robot or the data set."""
        if not self._is_open:
            raise FineVLAError(f"'{self.root}' is closed already; make a new writer with a new folder")
        check(episode, self.embodiment, self.fps)
        self._write(episode)
        self.episodes += 1

    def close(self) -> None:
        """Finish the output; a second call does nothing. Raises `FineVLAError` if there was no episode to write."""
        if not self._is_open:
            return
        if not self.episodes:
            self.abort()
            raise FineVLAError(f"no episode was added: '{self.root}' is not written")
        self._is_open = False
        self._finish()

    def abort(self) -> None:
        """Remove what is not finished."""
        if self._is_open:
            self._is_open = False
            self._discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @abstractmethod
    def _write(self, episode: Episode) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...

    @abstractmethod
    def _discard(self) -> None: ...


def check(episode: Episode, embodiment: Embodiment, fps: int) -> None:
    """Raise `FineVLAError` unless the episode's arrays fit together, the robot and the rate."""
    where = f"episode of task '{episode.task}', seed {episode.seed}"
    shape = (episode.steps, len(embodiment.names))
    if episode.names != embodiment.names:
        odd = sorted(set(episode.names) ^ set(embodiment.names)) or ["their order"]
        raise FineVLAError(f"{where}: its values are not those of robot '{embodiment.name}'; look at {odd[0]}")
    if episode.steps < 2:
        raise FineVLAError(f"{where} has {counted(episode.steps, 'step')}; at least 2 are needed")
    for name, array in (("states", episode.states), ("actions", episode.actions)):
        if array.shape != shape:
            raise FineVLAError(f"{where}: {name} have shape {array.shape}, {shape} is needed")
        if not np.isfinite(array).all():
            raise FineVLAError(f"{where}: {name} contain NaN or infinity")
    if episode.stamps_ns.shape != shape[:1]:
        raise FineVLAError(f"{where}: stamps have shape {episode.stamps_ns.shape}, {shape[:1]} is needed")
    step_ns = 1e9 / fps
    if np.abs(np.diff(episode.stamps_ns) - step_ns).max() > step_ns / 10:
        raise FineVLAError(f"{where}: its steps are not 1/{fps} s apart; give the writer the rate it was recorded at")
    if unknown := [c for c in episode.cameras if c not in embodiment.camera_names]:
        raise FineVLAError(f"{where}: robot '{embodiment.name}' has no camera '{unknown[0]}'")
    images = episode.images
    if images is None:
        return
    begins, ends = (episode.steps, len(episode.cameras)), (3,)
    if images.ndim != 5 or images.shape[:2] != begins or images.shape[4:] != ends or images.dtype != np.uint8:
        wanted = f"({begins[0]}, {begins[1]}, height, width, 3) uint8"
        raise FineVLAError(f"{where}: images are {images.shape} {images.dtype}, {wanted} is needed")


def facts(episode: Episode) -> dict[str, Any]:
    """All about an episode that is no array, as JSON knows it; `factors` holds the slots that were said."""
    said = episode.instruction
    truth = {} if episode.truth is None else {"truth": dict(episode.truth)}
    return {
        "task": episode.task,
        "level": episode.level,
        "seed": int(episode.seed),
        "raw": said.raw,
        "fine": said.fine,
        "factors": {name: list(v) if isinstance(v, tuple) else v for name, v in said.factors.said().items()},
        "instruction_id": said.id,
        "outcome": episode.outcome,
        "score": float(episode.score),
        "success": bool(episode.success),
        "events": [[int(step), what] for step, what in episode.events],
        "steps": episode.steps,
        "first_stamp_ns": int(episode.stamps_ns[0]),
        **truth,
    }


def to_json(value: object) -> str:
    """One line of JSON, text as it is read."""
    return json_line(value)
