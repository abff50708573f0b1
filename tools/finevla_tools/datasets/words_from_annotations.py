"""From reviewed annotations to words in a data set, and from there to what a trainer reads."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.recording.label_contradiction import same_words
from finevla_tools.annotate.annotation import DERIVED_SLOTS, DIMENSIONS, DRAFT, REJECTED, Annotation
from finevla_tools.datasets.annotation_table import appended, current, read_annotations, texts
from finevla_tools.datasets.episode_words import EpisodeWords, TaskSpan, TimedText, TrainingPair, WordsReader
from finevla_tools.datasets.instructvla_rows import followed, main_camera, requests, spoken_rows, without_spoken
from finevla_tools.datasets.lerobot_files import LeRobotFiles, open_dataset
from finevla_tools.datasets.words_writer import check_annotation, write_words

# Which field of `EpisodeWords` the texts of a slot become.
FIELD_OF = {"fine": "fine", "step": "steps", "paraphrase": "paraphrases"}


class Applied(NamedTuple):
    """What came of annotations: the data set's folder, episodes that got words of them, rows taken, drafts left out."""

    root: Path
    episodes: int
    rows: int
    drafts: int


def apply_annotations(
    dataset: Path | LeRobotFiles,
    annotations: Path,
    out: Path | None,
    unreviewed: bool = False,
    motions: Mapping[int, Sequence[TimedText]] | None = None,
) -> Applied:
    """Write a data set with the words of a table of annotations.

    Args:
        dataset: What the annotations are about.
        annotations: A Parquet file of `Annotation` rows, as `finevla annotate` and the review page write it.
        out: The folder to make; files that stay the same are linked or copied. Without it `dataset` itself is changed.
        unreviewed: Take drafts, too, where nothing was decided.
        motions: Motion labels by episode, in place of those that are there.

    Raises:
        FineVLAError: One sentence, nothing was written: rows of another data set, or none that was approved.
    """
    return apply_rows(dataset, read_annotations(annotations), f"'{annotations}'", out, unreviewed, motions)


def apply_rows(
    dataset: Path | LeRobotFiles,
    rows: Iterable[Annotation],
    where: str,
    out: Path | None,
    unreviewed: bool = False,
    motions: Mapping[int, Sequence[TimedText]] | None = None,
) -> Applied:
    """Do as `apply_annotations` with rows at hand; `where` says in errors where they are from."""
    files = dataset if isinstance(dataset, LeRobotFiles) else open_dataset(dataset)
    by_episode: dict[int, list[Annotation]] = {}
    drafts = taken = 0
    for row in rows:
        is_left = row.status == DRAFT and not unreviewed
        drafts, taken = drafts + is_left, taken + (not is_left)
        mine = by_episode.setdefault(row.episode, [])
        if not is_left:
            mine.append(row)
    known = {episode.index: episode for episode in files.episodes}
    if stray := sorted(set(by_episode) - set(known)):
        raise FineVLAError(f"{where} speaks of episode {stray[0]}, which '{files.root}' does not have")
    if not taken and not motions:
        what = (
            f"{counted(drafts, 'row', 'are')} not reviewed: review that first, or give --unreviewed"
            if drafts
            else "it has no rows"
        )
        raise FineVLAError(f"{where} has nothing to apply: {what}")
    reader, made, camera = WordsReader(files), dict[int, EpisodeWords](), main_camera(files.features)
    for number, some in by_episode.items():
        words = reader.read(known[number])
        for row in some:
            check_annotation(row, words)
        made[number] = with_annotations(words, some, unreviewed, camera)
    for number, labels in (motions or {}).items():
        one = made.get(number) or reader.read(known[number])
        made[number] = dataclasses.replace(one, motions=tuple(labels))
    return Applied(write_words(files, made, out), len(made), taken, drafts)


def with_annotations(
    words: EpisodeWords, rows: Sequence[Annotation], unreviewed: bool = False, camera: str = ""
) -> EpisodeWords:
    """Return an episode's words with these rows and the texts that count of them; texts that were rejected are gone.

    `camera` is the data set's key of the pictures that questions are about; without one there are no such.
    """
    rows = appended(words.annotations, rows)
    counted, rejected = current(rows, unreviewed), {row.value for row in rows if row.status == REJECTED}
    words = dataclasses.replace(words, raw=_raw(words, texts(counted, "raw")), annotations=rows)
    if any(row.slot in DERIVED_SLOTS for row in rows):
        words, counted, rejected = _with_spoken(words, counted, rejected, camera)
    said: dict[str, tuple[TimedText, ...]] = {}
    for slot, name in FIELD_OF.items():
        some = [text for row in texts(counted, slot) for text in _timed(words, row, slot == "fine")]
        kept = [text for text in getattr(words, name) if text.text not in rejected]
        said[name] = tuple(dict.fromkeys(some or kept))
    asked = [TimedText(time_s, text) for time_s, text in requests(counted)]
    paraphrases = tuple(dict.fromkeys((*said["paraphrases"], *asked)))
    return dataclasses.replace(words, paraphrases=paraphrases, fine=said["fine"], steps=said["steps"])


def _with_spoken(
    words: EpisodeWords, counted: tuple[Annotation, ...], rejected: set[str], camera: str
) -> tuple[EpisodeWords, tuple[Annotation, ...], set[str]]:
    """Words with the questions and captions that count in place of those that ever came of these rows."""
    counted = followed(counted, words.tasks)
    ever = [row for row in (*words.annotations, *counted) if row.slot in DERIVED_SLOTS and row.slot != "paraphrase"]
    others = without_spoken(words.others, ever)
    spoken = spoken_rows(counted, others, camera, words.length, words.fps)
    told = {text for _, text in requests(counted)}
    gone = {text for _, text in requests(ever)} - told
    gone |= {row.value for row in words.annotations if row.slot == "paraphrase"}
    return dataclasses.replace(words, others=(*others, *spoken)), counted, rejected | gone


def training_pairs(dataset: Path | LeRobotFiles, unreviewed: bool = False) -> Iterator[TrainingPair]:
    """Give (episode, raw, fine, factors, first, end) for each run of frames in which they stay the same.

    Factors of drafts count only if `unreviewed`. Raises `FineVLAError` naming an episode that cannot be read.
    """
    files = dataset if isinstance(dataset, LeRobotFiles) else open_dataset(dataset)
    for words in WordsReader(files):
        yield from words.pairs(unreviewed)


def contradictions(words: EpisodeWords) -> list[str]:
    """Return a sentence for each row that counts and says another thing than the raw goal or the operator did.

    Actions are not compared: what was asked for in one word is done in several, each with a row of its own.
    """
    found = []
    counted = current(words.annotations)
    for row in texts(counted, "raw"):
        if not any(same_words(row.value, task) for task in words.tasks):
            found.append(f"a row says the raw goal is '{row.value[:60]}', the task is '{words.tasks[0][:60]}'")
    by_operator = {r.slot: r.value for r in current([r for r in words.annotations if r.source == "operator"])}
    for row in counted:
        if row.slot in DIMENSIONS["action_sequence"]:
            continue
        told = by_operator.get(row.slot)
        if row.slot == "active_actor" and told is None:
            told = _actor_in(words.tasks)
        if told and row.source != "operator" and row.step == 0 and not same_words(told, row.value):
            found.append(f"{row.slot} was asked to be '{told[:40]}', {row.source} says '{row.value[:40]}'")
    return found


def _actor_in(tasks: Sequence[str]) -> str | None:
    """The arm that raw goals name, where they name one."""
    from finevla_core.language.reader import read_text

    arms = {read_text(task).slots.get("arm", "") for task in tasks} - {""}
    return f"{arms.pop()}_arm" if len(arms) == 1 else None


def _timed(words: EpisodeWords, row: Annotation, again: bool) -> Iterator[TimedText]:
    """A row's text from when it holds; a fine text `again` where the raw goal changes meanwhile, which ends the one before."""
    yield TimedText(row.from_s, row.value)
    for span in words.raw if again else ():
        if row.from_s < span.first / words.fps < row.to_s:
            yield TimedText(span.first / words.fps, row.value)


def _raw(words: EpisodeWords, rows: Sequence[Annotation]) -> tuple[TaskSpan, ...]:
    """The raw goals, in the spans of these rows those that they say."""
    tasks = [words.raw_at(frame) for frame in range(words.length)] if rows else []
    for row in rows:
        first, end = round(row.from_s * words.fps), round(row.to_s * words.fps)
        end = words.length if end >= words.length - 1 else max(end, first + 1)
        tasks[first:end] = [row.value] * len(tasks[first:end])
    edges = [k for k in range(len(tasks)) if k == 0 or tasks[k] != tasks[k - 1]]
    ends = [*edges[1:], len(tasks)]
    return tuple(TaskSpan(a, b, tasks[a]) for a, b in zip(edges, ends, strict=True)) if rows else words.raw
