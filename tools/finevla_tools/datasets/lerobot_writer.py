"""Episodes to a LeRobot v3.0 data set, by the writer of `finevla convert`: metadata and layout are LeRobot's own.

LeRobot keeps no metadata of ours per episode and its tools drop columns they do not know: that goes to EPISODES_FILE.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_sim.episode import Episode
from finevla_tools.convert.episode import CameraStream, EpisodeFrame, Header
from finevla_tools.convert.episode_worker import PartOptions, make_part
from finevla_tools.convert.lerobot_v3_writer import write_v3
from finevla_tools.convert.video_encoder import Codec
from finevla_tools.datasets.episode_words import FIELDS, operator_rows
from finevla_tools.datasets.episode_writer import EpisodeWriter, facts
from finevla_tools.datasets.language_row import LanguageRow
from finevla_tools.work.staged_output import Staged

# The cores are busy with the next episodes: an encoder's own threads would only wait for each other, for the same videos.
CODEC = Codec(threads=1)


class LeRobotWriter(EpisodeWriter):
    """Writes `observation.state`, `action` (float32, D), `observation.images.<camera>` (H, W, 3) and `task`.

    `task` is the raw goal (the fine text where there is none), the fine text a row of LeRobot's language columns, what the
    instruction said of the ten dimensions rows of `meta/finevla/annotations.parquet` (see `words`). Everything that is
    known of an episode (see `common.facts`) is a line of `meta/finevla_episodes.jsonl`. The first episode decides whether
    there are pictures, of which cameras and size. Nothing is at `root` before `close`, which puts the episodes together.
    """

    def __init__(self, root: Path | str, embodiment: Embodiment, fps: int = 10, videos: bool = True) -> None:
        """Pictures become videos by LeRobot's default encoder (AV1, 4:2:0), or exact PNGs if not `videos`.

        Raises `FineVLAError` if `root` exists or LeRobot is not installed.
        """
        super().__init__(root, embodiment, fps)
        if missing := [name for name in ("lerobot", "datasets", "av") if find_spec(name) is None]:
            raise FineVLAError(f"LeRobot data sets need {missing[0]}; run 'make data-setup' first")
        self._options = PartOptions("video" if videos else "png", CODEC)
        self._staged: Staged | None = None
        self._cameras: tuple[CameraStream, ...] = ()
        self._parts: list[Path] = []

    def _write(self, episode: Episode) -> None:
        cameras = _cameras(episode)
        if self._staged is None:
            self._staged, self._cameras = Staged(self.root), cameras
        elif cameras != self._cameras:
            raise FineVLAError(
                f"episode of task '{episode.task}', seed {episode.seed}: its pictures are "
                f"{_said(cameras)}, those before were {_said(self._cameras)}; write two data sets"
            )
        source = _Source(episode, self._header(episode))
        folder = self._folder / source.header.name
        try:
            folder.mkdir(parents=True)
            make_part(source, folder, self._options, {})
        except BaseException:
            self.abort()
            raise
        self._parts.append(folder)

    @property
    def _folder(self) -> Path:
        """Where the episodes wait until the data set is put together."""
        assert self._staged is not None
        return self._staged.path.with_name(f"{self.root.name}.parts")

    def _header(self, episode: Episode) -> Header:
        said = episode.instruction
        style, role, is_event = FIELDS["fine"]
        fine = said.fine.strip()
        return Header(
            name=f"episode_{self.episodes:06d}",
            fps=self.fps,
            robot=self.embodiment.name,
            state_names=episode.names,
            action_names=episode.names,
            cameras=_cameras(episode),
            words=(LanguageRow(0.0, role, fine, style, None, is_event),) if fine else (),
            facts=facts(episode),
            annotations=tuple(operator_rows(0, 0.0, episode.steps / self.fps, said.factors.said())),
        )

    def _finish(self) -> None:
        assert self._staged is not None
        try:
            write_v3(self._parts, self._staged.path, self.embodiment)
            shutil.rmtree(self._folder)
        except BaseException:
            self._staged.discard()
            raise
        self._staged.publish()

    def _discard(self) -> None:
        if self._staged is not None:
            self._staged.discard()


@dataclass
class _Source:
    """An episode as `make_part` reads it."""

    episode: Episode
    header: Header

    def frames(self) -> Iterator[EpisodeFrame]:
        """Give the frames in order."""
        episode = self.episode
        task = episode.instruction.raw.strip() or episode.instruction.fine.strip()
        for step in range(episode.steps):
            shown = () if episode.images is None else episode.images[step]
            pictures = dict(zip(episode.cameras, shown, strict=False))
            yield EpisodeFrame(episode.states[step], episode.actions[step], pictures, task)


def _cameras(episode: Episode) -> tuple[CameraStream, ...]:
    if episode.images is None:
        return ()
    height, width = episode.images.shape[2:4]
    return tuple(CameraStream(name, height, width) for name in episode.cameras)


def _said(cameras: tuple[CameraStream, ...]) -> str:
    return ", ".join(f"{camera.name} {camera.width}x{camera.height}" for camera in cameras) or "none"
