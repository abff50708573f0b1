"""Reviewed episodes as questions and answers in the annotator's own request format, for a model to be trained on them.

A question is what `--annotator vlm --preset reviewed` would send for the same episode, its answer what was approved.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from finevla_core.errors import FineVLAError
from finevla_core.instruction import ACTORS
from finevla_core.text_files import json_line
from finevla_tools.annotate.annotation import DIMENSIONS, TEXT, Annotation
from finevla_tools.annotate.draft import AnnotatedEpisode
from finevla_tools.annotate.episode_source import MotionSource
from finevla_tools.annotate.json_schema import schema_errors
from finevla_tools.annotate.vlm_annotator import VlmEpisode, VlmWay, picture_times, request_token, wrong_with
from finevla_tools.annotate.vlm_command import shown_episode
from finevla_tools.annotate.vlm_frames import VlmFrame, read_frames
from finevla_tools.annotate.vlm_prompts import VlmStage, episode_data, messages, preset_named
from finevla_tools.datasets.annotation_table import current, texts
from finevla_tools.datasets.episode_words import WordsReader
from finevla_tools.work.staged_output import Staged

QUESTIONS, PICTURES = "questions.jsonl", "pictures"
NOT_FACTORS = frozenset({"primitive_action", "active_actor"})  # of a step these are told with it


@dataclass
class WrittenQuestions:
    """How many questions there are, of how many pictures of which size (width, height); sentences on what was left out."""

    count: int = 0
    names: tuple[str, ...] = ()
    size: tuple[int, int] = (0, 0)
    left_out: dict[int, str] = field(default_factory=dict)


def write_questions(made: Iterator[AnnotatedEpisode], source: MotionSource, way: VlmWay, out: Path) -> WrittenQuestions:
    """Write a folder with `questions.jsonl`, lines {images, question, answer}, and the pictures.

    Args:
        made: What motion says, by episode: the evidence that the annotator is given, too.
        source: The data set, with reviewed annotations.
        way: Language and number of pictures.
        out: A new folder.

    Raises:
        FineVLAError: No episode is reviewed, or views differ between episodes.
    """
    reader, outcome = WordsReader(source.files), WrittenQuestions()
    episodes = {episode.index: episode for episode in source.files.episodes}
    with Staged(out) as folder:
        (folder / PICTURES).mkdir(parents=True)
        with (folder / QUESTIONS).open("w", encoding="utf-8") as file:
            for one in made:
                try:
                    if one.failed:
                        raise FineVLAError(one.failed)
                    approved = current(reader.read(episodes[one.index]).annotations)
                    asked = shown_episode(one, episodes[one.index], source)
                    line = _line(asked, approved, way, folder, outcome)
                except FineVLAError as error:
                    outcome.left_out[one.index] = str(error)
                    continue
                file.write(json_line(line) + "\n")
                outcome.count += 1
        if not outcome.count:
            first = next(iter(outcome.left_out.values()), "it has no episodes")
            raise FineVLAError(f"'{source.files.root}' has no reviewed episode to ask about: {first}")
    return outcome


def reviewed_answer(asked: VlmEpisode, rows: Sequence[Annotation], token: str) -> dict[str, Any]:
    """Return what was approved of an episode as the annotator's answer; raises `FineVLAError` without steps or a fine text."""
    steps, fine = texts(rows, "step"), texts(rows, "fine")
    if not steps or not fine:
        raise FineVLAError(
            "no steps and fine text of it are approved; review it, and bring it in with 'finevla words --apply'"
        )
    ordered = sorted(steps, key=lambda row: (row.from_s, row.step))
    number = {row.step: k for k, row in enumerate(ordered, start=1)}
    said = [
        {
            "arm": _arm(row, rows),
            "verb": _verb(row, rows),
            "text": row.value,
            "from_s": round(row.from_s, 2),
            "to_s": round(min(row.to_s, asked.duration_s), 2),
        }
        for row in ordered
    ]
    factors = [
        {"slot": row.slot, "value": row.value, "step": number.get(row.step, 0)}
        for slots in DIMENSIONS.values()
        for slot in slots
        for row in rows
        if row.slot == slot and row.dimension != TEXT and not (row.step and slot in NOT_FACTORS)
    ]
    whole = " ".join(dict.fromkeys(row.value for row in fine))
    return {"episode": token, "steps": said, "refined_instruction": whole, "factors": factors[:100]}


def _line(
    asked: VlmEpisode, approved: Sequence[Annotation], way: VlmWay, folder: Path, outcome: WrittenQuestions
) -> dict[str, Any]:
    preset = preset_named(way.preset)
    (stage,) = preset.stages
    data = episode_data(asked.instruction, asked.duration_s, asked.facts)
    token = request_token(asked, stage, data)
    answer = reviewed_answer(asked, approved, token)
    _check(answer, stage, token, way.language, asked)
    if not asked.views:
        raise FineVLAError("it has no video")
    times = picture_times(preset, way, asked)
    pictures = [(view, read_frames(view, times)) for view in asked.views]
    content: Sequence[Mapping[str, Any]] = messages(preset, stage, token, way.language, data, pictures)[0]["content"]
    names = tuple(f"{view.label}_{k}" for view, frames in pictures for k in range(len(frames)))
    if outcome.names not in ((), names):
        raise FineVLAError(f"it has {len(names)} pictures, of other views than the episodes before")
    frames = [frame for _, some in pictures for frame in some]
    outcome.names, outcome.size = names, _size(frames[0])
    images = []
    for name, frame in zip(names, frames, strict=True):
        path = f"{PICTURES}/episode_{asked.episode:06d}_{name}.jpg"
        (folder / path).write_bytes(frame.jpeg)
        images.append(path)
    question = "\n".join(part["text"] for part in content if part["type"] == "text")
    return {"images": images, "question": question, "answer": json.dumps(answer, ensure_ascii=False)}


def _check(answer: Mapping[str, Any], stage: VlmStage, token: str, language: str, asked: VlmEpisode) -> None:
    """An answer that would be refused from a model is none to learn from."""
    wrong = next(schema_errors(answer, stage.schema(token)), "") or wrong_with(answer, language, asked)
    if wrong:
        raise FineVLAError(f"what is approved of it is no answer of the annotator: {wrong}")


def _size(frame: VlmFrame) -> tuple[int, int]:
    with Image.open(io.BytesIO(frame.jpeg)) as picture:
        return picture.size


def _arm(step: Annotation, rows: Sequence[Annotation]) -> str:
    """The arm of a step: its own row's, else the episode's, else the one that its sentence names."""
    own = [
        row.value for row in rows if row.slot == "active_actor" and row.step in (step.step, 0) and row.value in ACTORS
    ]
    named = [side for side in ("left", "right") if f"{side} arm" in step.value.lower() or _ZH[side] in step.value]
    return own[-1] if own else f"{named[0]}_arm" if len(named) == 1 else "both_arms"


_ZH = {"left": "左臂", "right": "右臂"}


def _verb(step: Annotation, rows: Sequence[Annotation]) -> str:
    """The primitive action of a step: its own, else the phase of motion that fills most of it."""

    def common(row: Annotation) -> float:
        return min(row.to_s, step.to_s) - max(row.from_s, step.from_s)

    actions = [row for row in rows if row.slot == "primitive_action"]
    own = [row for row in actions if row.step == step.step]
    near = [row for row in actions if common(row) > 0.0]
    found = own[0] if own else max(near, key=common, default=None)
    return "move" if found is None else found.value.rpartition(": ")[2][:60]
