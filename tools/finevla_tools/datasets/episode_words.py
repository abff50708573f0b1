"""The words of a data set's episodes by one rule, whoever wrote it: raw goal, fine text, steps, factors and what else was said.

Raw goals are the frames' tasks; fine texts, steps, paraphrases and motion labels are persistent rows of LeRobot's language
columns, what was said meanwhile are events (see `language_rows`); the ten dimensions are rows of `annotation_table`. Data sets
of others have tasks only; those that `finevla convert` and `demonstrate` made before this rule are read as if by it.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.recording.label_contradiction import same_words
from finevla_core.text_files import read_json_lines
from finevla_tools.annotate.annotation import APPROVED, DIMENSIONS, TEXT, Annotation, dimension_of
from finevla_tools.datasets.annotation_table import ANNOTATIONS_FILE, current, read_annotations
from finevla_tools.datasets.language_row import LanguageRow
from finevla_tools.datasets.language_rows import EVENTS, PERSISTENT, read_rows
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles, values

EPISODES_FILE = "meta/finevla_episodes.jsonl"
IMAGES = "observation.images."
# Which rows an episode's fields are: style, the role that LeRobot's own modules give it, and whether it is an event.
FIELDS: Mapping[str, tuple[str, str, bool]] = {
    "paraphrases": ("task_aug", "user", False),
    "fine": ("plan", "assistant", False),
    "steps": ("subtask", "assistant", False),
    "motions": ("motion", "assistant", False),
    "interjections": ("interjection", "user", True),
}
_OF_STYLE = {style: (name, role, is_event) for name, (style, role, is_event) in FIELDS.items()}

FACTOR_SLOTS = {"action_sequence", *(slot for slots in DIMENSIONS.values() for slot in slots)} - {"primitive_action"}
EDGE = 1e-3  # of a frame: times that differ by less are one


class TrainingPair(NamedTuple):
    """What is said of the frames `first` to before `end`; `fine` "" where there is none.

    `factors` are slots by the names of `finevla_core.instruction.Factors`, `action_sequence` and `gripper_state`.
    """

    episode: int
    raw: str
    fine: str
    factors: Mapping[str, str | tuple[str, ...]]
    first: int
    end: int


@dataclass(frozen=True)
class TimedText:
    """A text from `time_s` on, seconds after the episode's first frame; `role` "" is the usual one of its kind."""

    time_s: float
    text: str
    role: str = ""


@dataclass(frozen=True)
class TaskSpan:
    """The raw goal of the frames `first` to before `end`."""

    first: int
    end: int
    task: str


@dataclass(frozen=True)
class EpisodeWords:
    """All words of one episode of `length` frames, `fps` a second.

    A fine text holds from its time until the next one or until the raw goal changes, a step and a motion label until the
    next one. `others` are rows of LeRobot's further styles, kept as they are. `annotations` hold the whole history.
    """

    episode: int
    length: int
    fps: float
    raw: tuple[TaskSpan, ...]
    paraphrases: tuple[TimedText, ...] = ()
    fine: tuple[TimedText, ...] = ()
    steps: tuple[TimedText, ...] = ()
    motions: tuple[TimedText, ...] = ()
    interjections: tuple[TimedText, ...] = ()
    others: tuple[LanguageRow, ...] = ()
    annotations: tuple[Annotation, ...] = field(default=(), repr=False)

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the end of the last one."""
        return self.length / self.fps

    @property
    def tasks(self) -> tuple[str, ...]:
        """The raw goals in the order in which they come up."""
        return tuple(dict.fromkeys(span.task for span in self.raw))

    def raw_at(self, frame: int) -> str:
        """Return the raw goal of a frame; raises `FineVLAError` for a frame that there is not."""
        return self._span(frame).task

    def fine_at(self, frame: int) -> str:
        """Return the fine text that holds at a frame, "" for none."""
        end, begin = (frame + 0.5) / self.fps, (self._span(frame).first - 0.5) / self.fps
        held = [text for text in self.fine if begin < text.time_s < end]
        return max(held, key=lambda text: text.time_s).text if held else ""

    def factors_at(self, frame: int, unreviewed: bool = False) -> dict[str, str | tuple[str, ...]]:
        """Return the slots that hold at a frame, by the names of `finevla_core.instruction.Factors`.

        What is said of the episode as a whole holds where nothing is said of the moment; the primitive actions of the raw
        goal in force are put together as `action_sequence`. Drafts count only if `unreviewed`.
        """
        return self._factors(current(self.annotations, unreviewed), frame)

    def pairs(self, unreviewed: bool = False) -> Iterator["TrainingPair"]:
        """Give what a trainer needs, for each run of frames in which it stays the same."""
        counted = [row for row in current(self.annotations, unreviewed) if row.dimension != TEXT]
        edges = {0, self.length, *(span.first for span in self.raw)}
        edges |= {math.ceil(text.time_s * self.fps - 0.5) for text in self.fine}
        edges |= {math.ceil(row.from_s * self.fps - EDGE) for row in counted}
        edges |= {math.floor(row.to_s * self.fps + EDGE) + 1 for row in counted}
        pair: TrainingPair | None = None
        for first, end in pairwise(sorted(edge for edge in edges if 0 <= edge <= self.length)):
            factors = self._factors(counted, first)
            now = TrainingPair(self.episode, self.raw_at(first), self.fine_at(first), factors, first, end)
            if pair is not None and pair[:4] == now[:4]:
                now = pair._replace(end=end)
            elif pair is not None:
                yield pair
            pair = now
        if pair is not None:
            yield pair

    def rows(self) -> Iterator[LanguageRow]:
        """Give the rows of LeRobot's language columns that say this, in no particular order."""
        for name, (style, role, is_event) in FIELDS.items():
            for text in getattr(self, name):
                yield LanguageRow(text.time_s, text.role or role, text.text, style, None, is_event)
        yield from self.others

    def _factors(self, counted: Sequence[Annotation], frame: int) -> dict[str, str | tuple[str, ...]]:
        time, span = frame / self.fps, self._span(frame)
        edge, begin, end = EDGE / self.fps, span.first / self.fps, span.end / self.fps
        found: dict[str, Annotation] = {}
        actions: list[Annotation] = []
        for row in counted:
            if row.slot == "primitive_action":
                if row.from_s < end - edge and row.to_s > begin - edge:
                    actions.append(row)
            elif row.dimension != TEXT and row.from_s - edge <= time <= row.to_s + edge:
                other = found.get(row.slot)
                if other is None or (row.step > 0, row.from_s) >= (other.step > 0, other.from_s):
                    found[row.slot] = row
        made: dict[str, str | tuple[str, ...]] = {slot: row.value for slot, row in found.items()}
        if actions:
            made["action_sequence"] = tuple(row.value for row in sorted(actions, key=lambda r: (r.from_s, r.step)))
        return made

    def _span(self, frame: int) -> TaskSpan:
        for span in self.raw:
            if span.first <= frame < span.end:
                return span
        raise FineVLAError(f"episode {self.episode} has no frame {frame}; it has {self.length}")


def words_of_rows(rows: Sequence[LanguageRow]) -> dict[str, Any]:
    """Return the fields of `EpisodeWords` that these rows say."""
    found: dict[str, Any] = {name: [] for name in FIELDS} | {"others": []}
    for row in rows:
        name, role, is_event = _OF_STYLE.get(row.style or "", ("", "", False))
        if not name or row.is_event != is_event or row.camera or row.tool_calls or not row.content:
            found["others"].append(row)
        else:
            found[name].append(TimedText(row.time_s, row.content, "" if row.role == role else row.role))
    return {name: tuple(sorted(some, key=lambda one: one.time_s)) for name, some in found.items()}


def operator_rows(episode: int, from_s: float, to_s: float, factors: Mapping[str, Any]) -> list[Annotation]:
    """Return what an operator's instruction said of the ten dimensions as approved rows; raises `FineVLAError` if it is odd."""
    rows = []
    for name, value in factors.items():
        slot = "primitive_action" if name == "action_sequence" else name
        some = [value] if isinstance(value, str) else list(value)
        for k, text in enumerate(some, 1):
            step = k if slot == "primitive_action" else 0
            rows.append(
                Annotation(episode, from_s, to_s, dimension_of(slot), slot, str(text), "operator", 1.0, step, APPROVED)
            )
    return rows


def instruction_rows(
    episode: int, instructions: Sequence[Mapping[str, Any]], duration_s: float, tasks: Sequence[str]
) -> list[Annotation]:
    """Return the rows of what was said in an episode, one instruction (time_s, raw, fine, factors) after the other.

    One that says none of the `tasks` contradicts the episode's label: it is true of nothing that was done.
    """
    rows = []
    times = [float(one.get("time_s") or 0.0) for one in instructions] + [duration_s]
    for one, (begin, end) in zip(instructions, pairwise(times), strict=True):
        spoken = [text for name in ("raw", "fine") if (text := str(one.get(name) or "").strip())]
        said = one.get("factors")
        if isinstance(said, Mapping) and any(same_words(text, task) for text in spoken for task in tasks):
            known = {name: value for name, value in said.items() if name in FACTOR_SLOTS and value}
            rows += operator_rows(episode, begin, max(begin, end), known)
    return rows


class WordsReader:
    """Reads the words of an opened data set, an episode at a time; side files are read once."""

    def __init__(self, files: LeRobotFiles) -> None:
        """Raises `FineVLAError` if a side file of ours is damaged."""
        self.files = files
        self._known: dict[int, Mapping[str, Any]] = {}
        if (path := files.root / EPISODES_FILE).is_file():
            rows, _ = read_json_lines(path)
            self._known = {row["episode_index"]: row for row in rows if type(row.get("episode_index")) is int}
        self.has_table = (files.root / ANNOTATIONS_FILE).is_file()
        self._annotations: dict[int, list[Annotation]] = {}
        for row in read_annotations(files.root / ANNOTATIONS_FILE) if self.has_table else ():
            self._annotations.setdefault(row.episode, []).append(row)

    def is_ours(self, episode: int) -> bool:
        """Return whether our side file tells of an episode."""
        return episode in self._known

    def __iter__(self) -> Iterator[EpisodeWords]:
        return (self.read(episode) for episode in self.files.episodes)

    def read(self, episode: EpisodeFile, table: Any = None) -> EpisodeWords:
        """Return an episode's words, from `table` if its rows were read already; raises `FineVLAError` naming the fault."""
        where = f"episode {episode.index} of '{self.files.root}'"
        if table is None:
            table = self.files.read(episode, ("timestamp", "task_index", PERSISTENT, EVENTS))
        if "timestamp" not in table.column_names:
            raise FineVLAError(f"{where} has no column 'timestamp'")
        known = self._known.get(episode.index, {})
        has_columns = {PERSISTENT, EVENTS} & set(table.column_names)
        rows = read_rows(table, where) if has_columns else _stored_rows(known, where)
        words = EpisodeWords(
            episode.index,
            table.num_rows,
            self.files.fps,
            self._spans(episode, table, where),
            **words_of_rows(rows),
            annotations=tuple(self._annotations.get(episode.index, ())),
        )
        return _by_the_rule(words, known, has_table=self.has_table)

    def _spans(self, episode: EpisodeFile, table: Any, where: str) -> tuple[TaskSpan, ...]:
        if "task_index" in table.column_names:
            indices: NDArray[np.int64] = (
                values(table, "task_index", where).reshape(-1)[: table.num_rows].astype(np.int64)
            )
        else:
            indices = np.full(table.num_rows, -1)
        edges = [0, *(int(k) + 1 for k in np.flatnonzero(np.diff(indices))), len(indices)]
        named = [(first, end, int(indices[first])) for first, end in pairwise(edges) if first < end]
        own = [text for text in episode.tasks or () if text.strip()]
        spans = []
        for first, end, index in named:
            task = self.files.task_table.get(index)
            if len(own) == 1 and (task is None or (task not in own and len(named) == 1)):
                task = own[0]
            if task is None:
                raise FineVLAError(f"{where}: task {index} of its frame {first} is not in the table of tasks")
            spans.append(TaskSpan(first, end, task))
        return tuple(spans)


def has_words(files: LeRobotFiles) -> bool:
    """Return whether a data set may say more of its episodes than their tasks."""
    return bool({PERSISTENT, EVENTS} & set(files.features)) or any(
        (files.root / name).is_file() for name in (EPISODES_FILE, ANNOTATIONS_FILE)
    )


def read_words(files: LeRobotFiles) -> dict[int, EpisodeWords]:
    """Return the words of all episodes; raises `FineVLAError` naming the one that cannot be read."""
    return {words.episode: words for words in WordsReader(files)}


def _stored_rows(known: Mapping[str, Any], where: str) -> list[LanguageRow]:
    """Rows of a side file: of v2.1, which has no language columns."""
    names = {f.name for f in dataclasses.fields(LanguageRow)}
    events = {style for style, _, is_event in FIELDS.values() if is_event} | {"vqa", "trace", None}
    rows = []
    for row in known.get("words") or ():
        if not isinstance(row, dict) or not isinstance(row.get("content"), str) or not isinstance(row.get("role"), str):
            raise FineVLAError(f"{where}: {EPISODES_FILE} has words that are not understood: {str(row)[:80]}")
        row = {"style": None, "time_s": 0.0} | {name: value for name, value in row.items() if name in names}
        if row.get("camera") and not str(row["camera"]).startswith(IMAGES):
            row["camera"] = f"{IMAGES}{row['camera']}"
        rows.append(LanguageRow(**row | {"is_event": row.get("is_event", row["style"] in events)}))
    return rows


def _by_the_rule(words: EpisodeWords, known: Mapping[str, Any], has_table: bool) -> EpisodeWords:
    """Words of a data set of ours from before the rule: there the fine text was the task, factors were in the side file."""
    said = [one for one in known.get("instructions") or () if isinstance(one, Mapping)]
    if not said and isinstance(known.get("raw"), str):
        said = [known]  # of a demonstration
    spans, fine, paraphrases = [], list(words.fine), list(words.paraphrases)
    for span in words.raw:
        begin = span.first / words.fps
        mine = next((one for one in said if _is_fine_task(one, span.task)), None)
        if mine is None:
            spans.append(span)
            continue
        raw = str(mine["raw"]).strip()
        fine.append(TimedText(begin, span.task))
        paraphrases = [p for p in paraphrases if not same_words(p.text, raw)]
        spans.append(TaskSpan(span.first, span.end, raw))
    annotations = words.annotations
    if not has_table:
        annotations = tuple(instruction_rows(words.episode, said, words.duration_s, words.tasks))
    return dataclasses.replace(
        words, raw=tuple(spans), fine=tuple(fine), paraphrases=tuple(paraphrases), annotations=annotations
    )


def _is_fine_task(said: Mapping[str, Any], task: str) -> bool:
    raw, fine = str(said.get("raw") or "").strip(), str(said.get("fine") or "").strip()
    return bool(raw) and raw != fine and fine == task.strip()
