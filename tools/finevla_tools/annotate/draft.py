"""Drafts of annotations: a folder beside nothing of the source, whole or not there, for the review page and for writing back.

`annotations.parquet` has the columns of `Annotation`, `motion.parquet` language-motion labels (episode, time_s, text), and
`annotate.json` says of which data set they are and what was left out.
"""

import functools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finevla_core.errors import FineVLAError
from finevla_core.recording.atomic_files import write_text
from finevla_core.text_files import json_line
from finevla_tools.annotate.annotation import Annotation
from finevla_tools.annotate.episode_source import MotionSource, reader_of
from finevla_tools.annotate.instruct_rows import instruct_rows, only_goal
from finevla_tools.annotate.motion_facts import MotionFacts, motion_facts
from finevla_tools.annotate.motion_labels import motion_labels
from finevla_tools.annotate.motion_rows import rows_of
from finevla_tools.datasets.annotation_table import SCHEMA
from finevla_tools.datasets.lerobot_files import EpisodeFile
from finevla_tools.work.parallel_map import Once, over
from finevla_tools.work.progress import Progress
from finevla_tools.work.staged_output import Staged

ANNOTATIONS, LABELS, RECORD = "annotations.parquet", "motion.parquet", "annotate.json"
LABEL_SCHEMA = pa.schema([("episode", pa.int64()), ("time_s", pa.float64()), ("text", pa.string())])
NOTHING_SAID = "nothing is said of it, for no arm or gripper is seen to move in it"
BATCH = 500  # episodes per row group


@dataclass(frozen=True)
class MotionWay:
    """What is made of the facts: sentences in a `language` (en, zh); with `instruct` InstructVLA's four types, too."""

    language: str = "en"
    instruct: bool = False


@dataclass(frozen=True)
class AnnotatedEpisode:
    """What came of one episode; `failed` says why there is nothing, `without_model` why there is motion's part alone.

    `doubt` is what a reviewer must know of all its rows.
    """

    index: int
    rows: tuple[Annotation, ...] = ()
    labels: tuple[tuple[float, str], ...] = ()
    facts: MotionFacts | None = None
    failed: str = ""
    without_model: str = ""
    doubt: str = ""


@dataclass
class DraftOutcome:
    """How many rows of how many episodes; a sentence for each that was left out, lacks the model's part, or is in doubt."""

    episodes: int = 0
    rows: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    without_model: dict[int, str] = field(default_factory=dict)
    doubts: dict[int, str] = field(default_factory=dict)


def annotate_episodes(
    source: MotionSource, episodes: Sequence[EpisodeFile], jobs: int, way: MotionWay = MotionWay()
) -> Iterator[AnnotatedEpisode]:
    """Facts of each episode, in order; one that cannot be read costs itself alone."""
    make = Once(functools.partial(_reader, source.reader(), way), _annotated)
    with Progress("episodes annotated", len(episodes)) as progress:
        for _, made in over(make, episodes, jobs):
            progress.step()
            yield made


def write_draft(
    made: Iterator[AnnotatedEpisode], source: MotionSource, out: Path, annotator: str = "motion"
) -> DraftOutcome:
    """Write the draft folder `out`; raises `FineVLAError` if it exists, or if no episode could be annotated."""
    outcome = DraftOutcome()
    with Staged(out) as folder, ExitStack() as stack:
        folder.mkdir()
        rows_file = stack.enter_context(pq.ParquetWriter(folder / ANNOTATIONS, SCHEMA, compression="zstd"))
        labels_file = stack.enter_context(pq.ParquetWriter(folder / LABELS, LABEL_SCHEMA, compression="zstd"))
        rows: list[Annotation] = []
        labels: list[tuple[int, float, str]] = []
        for number, episode in enumerate(made, start=1):
            if episode.failed or not episode.rows:
                outcome.failed[episode.index] = episode.failed or NOTHING_SAID
                continue
            if episode.doubt:
                outcome.doubts[episode.index] = episode.doubt
            if episode.without_model:
                outcome.without_model[episode.index] = episode.without_model
            outcome.episodes += 1
            outcome.rows += len(episode.rows)
            rows += episode.rows
            labels += [(episode.index, time_s, text) for time_s, text in episode.labels]
            if number % BATCH == 0:
                _flush(rows_file, labels_file, rows, labels)
        _flush(rows_file, labels_file, rows, labels)
        if not outcome.episodes:
            first = next(iter(outcome.failed.values()), "it has no episodes")
            raise FineVLAError(f"'{source.files.root}': nothing was annotated: {first}")
        write_text(folder / RECORD, json_line(_record(source, outcome, annotator)) + "\n")
    return outcome


def _reader(source: MotionSource, way: MotionWay) -> tuple[Any, MotionWay]:
    return reader_of(source), way


def _annotated(made: tuple[Any, MotionWay], episode: EpisodeFile) -> AnnotatedEpisode:
    read, way = made
    try:
        trajectory = read(episode)
        facts = motion_facts(trajectory)
        rows = rows_of(facts, way.language)
        if way.instruct:
            rows += instruct_rows(rows, only_goal(episode.tasks or ()))
        return AnnotatedEpisode(
            episode.index, tuple(rows), tuple(motion_labels(trajectory)), facts, doubt=trajectory.clock
        )
    except FineVLAError as error:
        return AnnotatedEpisode(episode.index, failed=str(error))


def _flush(
    rows_file: pq.ParquetWriter,
    labels_file: pq.ParquetWriter,
    rows: list[Annotation],
    labels: list[tuple[int, float, str]],
) -> None:
    if rows:
        columns = [[getattr(row, name) for row in rows] for name in SCHEMA.names]
        arrays = [pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)]
        rows_file.write_table(pa.table(arrays, schema=SCHEMA))
    if labels:
        parts = list(zip(*labels, strict=True))
        arrays = [pa.array(column, kind) for column, kind in zip(parts, LABEL_SCHEMA.types, strict=True)]
        labels_file.write_table(pa.table(arrays, schema=LABEL_SCHEMA))
    rows.clear()
    labels.clear()


def _record(source: MotionSource, outcome: DraftOutcome, annotator: str) -> dict[str, Any]:
    return {
        "dataset": str(source.files.root.resolve()),
        "annotator": annotator,
        "episodes": outcome.episodes,
        "rows": outcome.rows,
        "left_out": {str(index): sentence for index, sentence in outcome.failed.items()},
        "without_model": {str(index): sentence for index, sentence in outcome.without_model.items()},
        "doubts": {str(index): sentence for index, sentence in outcome.doubts.items()},
        "map": source.fields.name,
        "told": list(source.fields.told),
        "one_frame": source.is_shared,
    }
