"""Episodes as training reads them: values of the robot, words by the one rule, times of the rows, questions about pictures."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.instruction import ACTORS, APPROACHES, MAX_STEPS, Factors, Instruction
from finevla_tools.annotate.paraphrases import claims_of
from finevla_tools.datasets.episode_words import EpisodeWords, WordsReader
from finevla_tools.datasets.instructvla_rows import main_camera
from finevla_tools.datasets.language_row import LanguageRow
from finevla_tools.datasets.language_rows import EVENTS, PERSISTENT, nearest
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles, values
from finevla_tools.datasets.words_from_annotations import with_annotations
from finevla_tools.training.robot_columns import RobotColumns
from finevla_tools.work.parallel_map import Once, over
from finevla_tools.work.progress import Progress

STAMP = "timestamp"
WORTH_A_PROCESS = 100  # episodes: a process takes as long to start as so many to be read
FACTORS = frozenset(f.name for f in dataclasses.fields(Factors))
CLOSED: Mapping[str, tuple[str, ...]] = {"active_actor": ACTORS, "approach_direction": APPROACHES}


@dataclass(frozen=True)
class FrameWords:
    """What is said of the frames `first` to before `end`: raw goal, other wordings of it, fine text ("" for none), factors.

    `unlike` counts other wordings that are of neither: they say more of the motion than the goal, and else than the fine text.
    """

    first: int
    end: int
    raw: str
    fine: str = ""
    factors: Factors = field(default_factory=Factors)
    paraphrases: tuple[str, ...] = ()
    has_factors: bool = False  # whether they say anything in words
    fine_wordings: tuple[str, ...] = ()  # other wordings of the fine text
    unlike: int = 0


@dataclass(frozen=True)
class PictureQuestion:
    """A question about the picture of a frame, by the data set's key of its camera; `answer` as the row has it."""

    frame: int
    camera: str
    question: str
    answer: str


@dataclass(frozen=True)
class TrainingEpisode:
    """One episode: `states` and `actions` `(T, D)` float32, of the actions the first `targets` real; `stamps_s` `(T,)`."""

    index: int
    states: NDArray[np.float32]
    actions: NDArray[np.float32]
    targets: int
    stamps_s: NDArray[np.float64]
    words: tuple[FrameWords, ...]
    questions: tuple[PictureQuestion, ...] = ()
    steps: tuple[tuple[int, str], ...] = ()  # frames from which a step is done, and its text

    def __len__(self) -> int:
        """Return the number of rows T."""
        return len(self.states)

    def words_at(self, frame: int) -> FrameWords:
        """Return what is said of a frame."""
        return next(some for some in self.words if some.first <= frame < some.end)

    def words_before(self, frame: int) -> tuple[FrameWords, ...]:
        """Return what was said before what is said of a frame, in order."""
        return tuple(some for some in self.words if some.end <= frame)

    def step_at(self, frame: int) -> str:
        """Return the step that a frame is in, "" before the first."""
        return next((text for first, text in reversed(self.steps) if first <= frame), "")


@dataclass(frozen=True)
class EpisodeSource:
    """What a worker needs to read episodes of a data set."""

    files: LeRobotFiles
    columns: RobotColumns
    unreviewed: bool


def read_episodes(
    files: LeRobotFiles, columns: RobotColumns, kept: Sequence[int], unreviewed: bool, jobs: int = 1
) -> list[TrainingEpisode]:
    """Return the kept episodes in order; raises `FineVLAError` naming the first that cannot be learned from."""
    chosen = set(kept)
    wanted = [episode for episode in files.episodes if episode.index in chosen]
    # Sent to each worker once: without the list of all episodes.
    source = EpisodeSource(dataclasses.replace(files, episodes=(), problems=()), columns, unreviewed)
    jobs = min(jobs, 1 + len(wanted) // WORTH_A_PROCESS)
    found = []
    with Progress(f"read '{files.root.name}'", len(wanted)) as progress:
        for _, (episode, problem) in over(Once(partial(_reader, source), _read), wanted, jobs, tick=progress.tick):
            if episode is None:
                raise FineVLAError(problem)
            found.append(episode)
            progress.step()
    return found


def _reader(source: EpisodeSource) -> tuple[EpisodeSource, WordsReader]:
    return source, WordsReader(source.files)


def _read(made: tuple[EpisodeSource, WordsReader], episode: EpisodeFile) -> tuple[TrainingEpisode | None, str]:
    source, reader = made
    where = f"episode {episode.index} of '{source.files.root}'"
    try:
        keys = (*source.columns.keys, STAMP, "task_index", PERSISTENT, EVENTS)
        table = source.files.read(episode, keys)
        if not table.num_rows:
            raise FineVLAError(f"{where} has no rows")
        states, actions = source.columns.read(table, where)
        words = with_annotations(reader.read(episode, table), (), source.unreviewed, main_camera(source.files.features))
        stamps_s = values(table, STAMP, where)[:, 0].astype(np.float64)
        return TrainingEpisode(
            episode.index,
            states,
            actions,
            len(states) - source.columns.follows_states,
            stamps_s,
            tuple(_frame_words(words, source.unreviewed, where)),
            tuple(_questions(words.others, stamps_s)),
            tuple((round(step.time_s * words.fps), step.text) for step in words.steps),
        ), ""
    except FineVLAError as error:
        return None, str(error)


def _frame_words(words: EpisodeWords, unreviewed: bool, where: str) -> list[FrameWords]:
    found = []
    for pair in words.pairs(unreviewed):
        span = next(s for s in words.raw if s.first <= pair.first < s.end)
        begin_s, end_s = (span.first - 0.5) / words.fps, (span.end - 0.5) / words.fps
        others = tuple(dict.fromkeys(p.text for p in words.paraphrases if begin_s < p.time_s < end_s))
        try:  # at the door, so that no worker meets a broken text later
            factors = _factors(pair.factors)
            of_raw, of_fine = _sorted_wordings(others, pair.raw, pair.fine)
            for text in (pair.fine, *of_raw, *of_fine):
                Instruction(raw=text or pair.raw)
            is_told = bool(pair.raw.strip()) and bool(Instruction(raw=pair.raw, factors=factors).factor_text())
        except FineVLAError as error:
            raise error.retold(f"{where}: {error}") from error
        unlike = len(others) - len(of_raw) - len(of_fine)
        found.append(FrameWords(pair.first, pair.end, pair.raw, pair.fine, factors, of_raw, is_told, of_fine, unlike))
    return found


def _sorted_wordings(texts: Sequence[str], raw: str, fine: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of an episode's other wordings that claim no more of the motion than its raw goal, and what its fine text does.

    A wording that claims more, as one of the fine text that the reader of claims misses a part of, would teach raw goals how.
    """
    if not fine:
        return tuple(texts), ()
    of_raw, of_fine = [], []
    claimed, more = claims_of(raw), claims_of(fine)
    for text in texts:
        claims = claims_of(text)
        if claims <= claimed:
            of_raw.append(text)
        elif claims == more:
            of_fine.append(text)
    return tuple(of_raw), tuple(of_fine)


def _factors(said: Mapping[str, Any]) -> Factors:
    """The slots that an instruction can say; others (states of the gripper) are for reviewers."""
    known = {name: value for name, value in said.items() if name in FACTORS and value in CLOSED.get(name, (value,))}
    if "action_sequence" in known:
        known["action_sequence"] = tuple(known["action_sequence"])[:MAX_STEPS]
    return Factors(**known)


def _questions(rows: Sequence[LanguageRow], stamps_s: NDArray[np.float64]) -> list[PictureQuestion]:
    """Pairs of a question (role user) and its answer (role assistant) about one picture, in the order of the rows."""
    asked: dict[tuple[float, str], list[str]] = {}
    answered: dict[tuple[float, str], list[str]] = {}
    for row in rows:
        if row.style == "vqa" and row.camera:
            place = asked if row.role == "user" else answered
            place.setdefault((row.time_s, row.camera), []).append(row.content)
    return [
        PictureQuestion(nearest(stamps_s, time_s), camera, question, answer)
        for (time_s, camera), questions in asked.items()
        for question, answer in zip(questions, answered.get((time_s, camera), ()), strict=False)
    ]


def answer_json(answer: str) -> Mapping[str, Any] | None:
    """Return an answer that is a JSON object, as LeRobot's annotation pipeline writes them; None for plain words."""
    try:
        found = json.loads(answer)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
