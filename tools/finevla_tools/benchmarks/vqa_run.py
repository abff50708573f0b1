"""Asks a model the questions of a set, all of one video in one request, and keeps its answers as published result files."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from finevla_core.errors import DamagedFileError
from finevla_core.recording.atomic_files import write_text
from finevla_core.text_files import json_line, read_json_lines
from finevla_tools.annotate.vlm_budget import BYTES_PER_TOKEN, IMAGE_TOKENS, VlmUsage
from finevla_tools.annotate.vlm_prompts import prompt
from finevla_tools.benchmarks.evaluation_files import BenchSample, printable
from finevla_tools.benchmarks.model_requests import Messages, ModelAnswer, ModelRequest, object_schema, text_part
from finevla_tools.benchmarks.video_frames import VQA_FRAMES, expected_pictures, find_views, view_parts
from finevla_tools.benchmarks.vqa_matching import CHOICE, LETTERS, NUMBER, YES_NO, VqaQuestion, shown_options
from finevla_tools.benchmarks.vqa_scoring import VqaRecord, judged, published_summary

NO_FRAMES, SHUFFLED, INSTRUCTION = "no-frames", "shuffled-frames", "instruction-only"
BASELINES: Mapping[str, str] = {NO_FRAMES: "noframes", SHUFFLED: "shuffled", INSTRUCTION: "instruction"}
HARD, EASY = "hard", "easy"
TAGS = {YES_NO: "yes/no", NUMBER: "number", CHOICE: "multiple_choice"}
SUFFIX = "_vqa_result.jsonl"
TOKENS_OUT = 30  # of an answer to one question, for the estimate


@dataclass(frozen=True)
class VqaWay:
    """How to ask: a blind baseline or "", with the instruction (easy) or without (hard), how often."""

    baseline: str = ""
    level: str = HARD
    rounds: int = 1

    @property
    def is_blind(self) -> bool:
        """Whether no picture is shown."""
        return self.baseline in (NO_FRAMES, INSTRUCTION)

    @property
    def with_instruction(self) -> bool:
        """Whether the model reads what the robot was told."""
        return self.level == EASY or self.baseline == INSTRUCTION


@dataclass(frozen=True)
class VqaSet:
    """Samples that have questions, in order; `folder` is where their videos are looked for."""

    folder: Path
    samples: Mapping[str, BenchSample]
    questions: Mapping[str, Sequence[VqaQuestion]]

    def names(self, most: int | None = None) -> list[str]:
        """Return the ids of the samples that have questions, sorted as published, at most the first `most`."""
        return sorted(set(self.samples) & set(self.questions))[:most]


class VqaReader:
    """Reads the answers to one request by the published contract: ids, ids in brackets, or Q1, Q2 ..."""

    def __init__(self, questions: Sequence[VqaQuestion]) -> None:
        self._ids = [question.question_id for question in questions]
        self._short = {f"Q{k}": name for k, name in enumerate(self._ids, 1)}
        self._told: dict[str, str] = {}
        self._tries = 0

    def __call__(self, value: dict[str, Any]) -> str:
        """Take the answers of a reply; ask once more for those that are missing."""
        self._tries += 1
        answers = value.get("answers")
        for key, said in (answers if isinstance(answers, dict) else value).items():
            name = key.strip().strip("[]")
            name = self._short.get(name, name)
            if name in self._ids and isinstance(said, str | int | float):
                self._told[name] = ("yes" if said else "no") if isinstance(said, bool) else str(said)
        missing = [name for name in self._ids if name not in self._told]
        if missing and (self._tries == 1 or not self._told):
            return f"these questions have no answer: {', '.join(missing)}"
        return ""

    @property
    def result(self) -> dict[str, Any] | None:
        """The answers of the run by question id."""
        return dict(self._told) or None


def vqa_requests(asked: VqaSet, names: Sequence[str], way: VqaWay) -> Iterator[ModelRequest]:
    """Give a request for each sample and round."""
    for number in range(1, way.rounds + 1):
        for name in names:
            questions = asked.questions[name]
            answers = {question.question_id: {"type": "string"} for question in questions}
            schema = object_schema({"answers": object_schema(answers)})
            yield ModelRequest(
                name,
                number,
                "answers",
                partial(vqa_messages, asked, name, way),
                schema,
                partial(VqaReader, questions),
            )


def vqa_messages(asked: VqaSet, name: str, way: VqaWay) -> Messages:
    """Return the messages of a request: rules, pictures, the instruction if it may be read, and the questions."""
    sample = asked.samples[name]
    parts: list[dict[str, Any]] = []
    if not way.is_blind:
        clips, _ = find_views(asked.folder, sample)
        shuffled_by = name if way.baseline == SHUFFLED else ""
        parts += view_parts(clips, [clip.file.label for clip in clips], VQA_FRAMES, shuffled_by)
    if way.with_instruction:
        parts.append(text_part(f"What the robot was told (data only): {json.dumps(sample.instruction)}"))
    parts.append(text_part(questions_text(asked.questions[name])))
    rules = prompt("vqa_blind" if way.is_blind else "vqa", "finevla_tools.benchmarks")[0]
    return [{"role": "system", "content": rules}, {"role": "user", "content": parts}]


def questions_text(questions: Sequence[VqaQuestion]) -> str:
    """Return numbered questions, each with its id in brackets and its type, options as letters."""
    blocks = []
    for k, question in enumerate(questions, 1):
        lines = [f"Q{k}. [{question.question_id}] ({TAGS[question.answer_type]})", question.question]
        if question.answer_type == CHOICE:
            options = zip(LETTERS, shown_options(question), strict=False)
            lines.append("Options: " + "  ".join(f"{letter}. {option}" for letter, option in options))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def records_of(asked: VqaSet, answer: ModelAnswer) -> list[VqaRecord]:
    """Return an answer as records, one per question; unanswered ones of a call that succeeded are wrong."""
    questions, dataset = asked.questions[answer.sample_id], asked.samples[answer.sample_id].dataset
    told = answer.result or {}
    usage = {
        "prompt_tokens": answer.usage.tokens_in,
        "completion_tokens": answer.usage.tokens_out,
        "total_tokens": answer.usage.tokens_in + answer.usage.tokens_out,
    }
    each_s = round(answer.elapsed_s / len(questions), 2)
    return [
        judged(question, dataset, told.get(question.question_id, ""), answer.result is not None, each_s, usage)
        for question in questions
    ]


def result_name(model: str, way: VqaWay, number: int) -> str:
    """Return the name of a result file: model, what was shown, level and round."""
    parts = [model.replace("/", "_").replace(".", "_"), BASELINES.get(way.baseline, "image")]
    parts += [EASY] * (way.level == EASY) + [f"round{number}"] * (way.rounds > 1)
    return "_".join(parts) + SUFFIX


def label(model: str, way: VqaWay) -> str:
    """Return what the tables call a model that was asked in this way."""
    return ", ".join(part for part in (model, way.baseline, way.level if way.level == EASY else "") if part)


def write_results(path: Path, records: Sequence[VqaRecord], model: str, elapsed_s: float) -> None:
    """Write a result file whole or not at all, with its summary as the last line."""
    rows = [record.line() for record in records]
    text = "".join(json_line(row) + "\n" for row in (*rows, published_summary(records, model, elapsed_s)))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


@dataclass(frozen=True)
class VqaResults:
    """A result file as read: `model` as it names itself, its round (0: the only one), and questions of no set of ours."""

    path: Path
    model: str
    round: int
    records: tuple[VqaRecord, ...]
    strangers: int = 0


def read_results(path: Path, asked: VqaSet) -> VqaResults:
    """Read a result file, anybody's, and match its answers anew; raises `FineVLAError` naming the file."""
    rows, problems = read_json_lines(path)
    if problems:  # left out, it would only make the denominator smaller
        raise DamagedFileError(problems[0])
    known = {one.question_id: one for some in asked.questions.values() for one in some}
    records, strangers, model = dict[str, VqaRecord](), 0, ""
    for row in rows:
        if row.get("_type") == "summary":
            model = printable(row.get("model")) or model  # a stale summary may stand before the last one
            continue
        question = known.get(str(row.get("question_id")))
        if question is None:
            strangers += 1
            continue
        sample = asked.samples.get(question.sample_id)
        answer, success = row.get("model_answer_raw"), row.get("call_success", True)
        if not isinstance(success, bool):
            raise DamagedFileError(
                f"'{path}': 'call_success' of '{question.question_id}' is {str(success)[:40]!r}; it must be true or false"
            )
        elapsed, usage = row.get("elapsed"), row.get("token_usage")
        made = judged(
            question,
            sample.dataset if sample else "",
            "" if answer is None else str(answer),
            success,
            float(elapsed) if isinstance(elapsed, int | float) and 0.0 <= elapsed < math.inf else 0.0,
            usage if isinstance(usage, dict) else {},
        )
        was = records.get(question.question_id)
        if was is not None and was.call_success and success and was.answer != made.answer:
            raise DamagedFileError(f"'{path}' has two answers to '{question.question_id}'; leave the one that counts")
        if was is None or success:  # a failed call that was tried again stays in the file, as published
            records[question.question_id] = made
    stem = path.name.removesuffix(SUFFIX)
    found = re.search(r"_round(\d+)$", stem)
    stem = stem[: found.start()] if found else stem
    return VqaResults(path, model or stem, int(found[1]) if found else 0, tuple(records.values()), strangers)


def estimate(asked: VqaSet, names: Sequence[str], way: VqaWay) -> tuple[VlmUsage, int]:
    """Return the most that a run will use, roughly, and its pictures, without reading a video."""
    pictures = questions = text = 0
    for name in names:
        if not way.is_blind:
            pictures += expected_pictures(
                asked.samples[name], len(find_views(asked.folder, asked.samples[name])[0]), VQA_FRAMES
            )
        questions += len(asked.questions[name])
        text += len(questions_text(asked.questions[name])) + 1000
    tokens_in = pictures * IMAGE_TOKENS + text // BYTES_PER_TOKEN
    one = VlmUsage(len(names), tokens_in, questions * TOKENS_OUT)
    return VlmUsage(
        *(way.rounds * value for value in (one.requests, one.tokens_in, one.tokens_out))
    ), way.rounds * pictures
