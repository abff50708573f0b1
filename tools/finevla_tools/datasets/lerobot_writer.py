"""Episodes to a LeRobot v3.0 data set, through LeRobot's own writer, so that whatever reads LeRobot reads these.

LeRobot keeps no metadata of ours per episode and its tools drop columns they do not know: that goes to EPISODES_FILE.
"""

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_sim.episode import Episode
from finevla_tools.datasets.common import EpisodeWriter, facts, to_json
from finevla_tools.datasets.lerobot_files import LeRobotFiles, open_dataset
from finevla_tools.datasets.words import EPISODES_FILE, TimedText, WordsReader, operator_rows
from finevla_tools.datasets.words_writer import checked, write_into
from finevla_tools.priority import give_way
from finevla_tools.work.staged import Staged

# LeRobot appends each episode to the newest video file by copying all of it: 1.7 ms per episode that is in already.
# Its own limit of 200 MB holds thousands of episodes at 96x96; 4 MB hold about 80.
VIDEO_FILE_MB = 4
GIVE_WAY_EVERY = 20  # frames


class LeRobotWriter(EpisodeWriter):
    """Writes `observation.state`, `action` (float32, D), `observation.images.<camera>` (H, W, 3) and `task`.

    `task` is the raw goal (the fine text where there is none), the fine text a row of LeRobot's language columns, what the
    instruction said of the ten dimensions rows of `meta/finevla/annotations.parquet` (see `words`). Everything that is
    known of an episode (see `common.facts`) is a line of `meta/finevla_episodes.jsonl`. The first episode decides whether
    there are pictures,
    of which cameras and size. Nothing is at `root` before `close`.
    """

    def __init__(self, root: Path | str, embodiment: Embodiment, fps: int = 10, videos: bool = True) -> None:
        """Pictures become videos by LeRobot's default encoder (AV1, 4:2:0), or exact PNGs if not `videos`.

        Raises `FineVLAError` if `root` exists or LeRobot is not installed.
        """
        super().__init__(root, embodiment, fps)
        _lerobot()
        self.videos = videos
        self._staged: Staged | None = None
        self._dataset: Any = None
        self._features: dict[str, dict[str, Any]] = {}
        self._said: list[Instruction] = []

    def _write(self, episode: Episode) -> None:
        features = self._features_of(episode)
        if self._dataset is not None and features != self._features:
            raise FineVLAError(
                f"episode of task '{episode.task}', seed {episode.seed}: its pictures are "
                f"{_pictures(features)}, those before were {_pictures(self._features)}; write two data sets"
            )
        try:
            if self._dataset is None:
                self._begin(features)
            self._add_frames(episode)
        except BaseException:
            self.abort()
            raise

    def _begin(self, features: dict[str, dict[str, Any]]) -> None:
        self._staged, self._features = Staged(self.root), features
        # Frames go to the encoder from memory: the same files as by way of PNGs on disk, four times as fast. The queue
        # has no bound (0), for a full one drops frames.
        self._dataset = _lerobot().create(
            repo_id=f"finevla/{self.root.name}",
            fps=self.fps,
            features=features,
            root=self._staged.path,
            robot_type=self.embodiment.name,
            use_videos=self.videos,
            video_backend="pyav",
            streaming_encoding=True,
            encoder_queue_maxsize=0,
            video_files_size_in_mb=VIDEO_FILE_MB,
        )

    def _add_frames(self, episode: Episode) -> None:
        assert self._staged is not None
        task = episode.instruction.raw.strip() or episode.instruction.fine.strip()
        for step in range(episode.steps):
            frame = {"task": task, "observation.state": episode.states[step], "action": episode.actions[step]}
            if episode.images is not None:
                for name, image in zip(episode.cameras, episode.images[step], strict=True):
                    frame[_image_key(name)] = image
            self._dataset.add_frame(frame)
            if step % GIVE_WAY_EVERY == 1:  # the encoders open in threads of their own, some frames later
                give_way()
        self._dataset.save_episode()
        self._said.append(episode.instruction)
        with (self._staged.path / EPISODES_FILE).open("a", encoding="utf-8") as file:
            file.write(to_json({"episode_index": self.episodes} | facts(episode)) + "\n")

    def _finish(self) -> None:
        assert self._staged is not None
        try:
            self._dataset.finalize()
            self._write_words(open_dataset(self._staged.path))
        except BaseException:
            self._staged.discard()
            raise
        self._staged.publish()

    def _write_words(self, files: LeRobotFiles) -> None:
        """Fine texts and factors of what was said; LeRobot's writer takes tasks only."""
        made = {}
        for words in WordsReader(files):
            said = self._said[words.episode]
            fine = (TimedText(0.0, said.fine.strip()),) if said.fine.strip() else ()
            rows = operator_rows(words.episode, 0.0, words.duration_s, said.factors.said())
            if fine or rows:
                made[words.episode] = checked(files, replace(words, fine=fine, annotations=tuple(rows)))
        if made:
            write_into(files.root, files, made)

    def _discard(self) -> None:
        if self._staged is None:
            return
        with contextlib.suppress(Exception):  # what goes wrong with files that are thrown away does not matter
            if self._dataset is not None:
                self._dataset.writer.cancel_pending_videos()
                self._dataset.finalize()
        self._staged.discard()

    def _features_of(self, episode: Episode) -> dict[str, dict[str, Any]]:
        values = {"dtype": "float32", "shape": (len(episode.names),), "names": list(episode.names)}
        features: dict[str, dict[str, Any]] = {"observation.state": values, "action": dict(values)}
        if episode.images is not None:
            kind = "video" if self.videos else "image"
            for name in episode.cameras:
                shape = episode.images.shape[2:]
                features[_image_key(name)] = {"dtype": kind, "shape": shape, "names": ["height", "width", "channels"]}
        return features


def _image_key(camera: str) -> str:
    return f"observation.images.{camera}"


def _pictures(features: dict[str, dict[str, Any]]) -> str:
    sizes = [
        f"{key.rsplit('.', 1)[1]} {f['shape'][1]}x{f['shape'][0]}"
        for key, f in features.items()
        if len(f["shape"]) == 3
    ]
    return ", ".join(sizes) or "none"


def _lerobot() -> Any:
    """LeRobot's data set class, with the encoders' and progress bars' chatter off."""
    os.environ.setdefault("SVT_LOG", "1")  # errors only
    try:
        import av
        from datasets import disable_progress_bars
        from lerobot.datasets.lerobot_dataset import LeRobotDataset
    except ImportError as error:
        raise FineVLAError(f"LeRobot data sets need {error.name}; run 'make data-setup' first") from error
    av.logging.set_libav_level(av.logging.ERROR)
    disable_progress_bars()
    return LeRobotDataset
