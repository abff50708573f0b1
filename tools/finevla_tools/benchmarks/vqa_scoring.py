"""Accuracies of answered questions: pooled as published, and repaired, by capability, axis, type, error and data set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from finevla_tools.benchmarks.capabilities import AXES, axis_of
from finevla_tools.benchmarks.score_uncertainty import ScoreInterval, bootstrap
from finevla_tools.benchmarks.vqa_matching import (
    CHOICE,
    VqaQuestion,
    match_as_published,
    match_strictly,
    right_letter,
)

REPAIRS: Mapping[str, str] = {
    "strict matching": "whole words, signed decimals, letters in any usual form; what says two things says nothing",
    "questions with a wrong key": "a multiple choice whose answer is not among its options is left out, not wrong",
    "failed calls": "questions of a call that came to nothing are left out, and counted",
}
UNKNOWN = "unknown"  # the published capability of what has none, as questions of failed calls


@dataclass(frozen=True)
class VqaRecord:
    """One answered question: a line of a published result file, and the strict match beside it."""

    question: VqaQuestion
    dataset: str
    answer: str
    call_success: bool
    parsed: str
    correct: bool
    strictly: bool
    elapsed: float = 0.0
    token_usage: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_key(self) -> bool:
        """Whether the question can be answered rightly at all."""
        return self.question.answer_type != CHOICE or right_letter(self.question) != ""

    def line(self) -> dict[str, Any]:
        """Return the record with the published fields."""
        one, letter = self.question, right_letter(self.question) if self.question.answer_type == CHOICE else ""
        return {
            "question_id": one.question_id,
            "sample_id": one.sample_id,
            "answer_type": one.answer_type,
            "capability": one.capability if self.call_success else UNKNOWN,
            "error_type": one.error_type if self.call_success else UNKNOWN,
            "question": one.question,
            "gt_answer": f"{letter}. {one.answer}" if letter else one.answer,
            "model_answer_raw": self.answer,
            "model_answer_parsed": self.parsed,
            "correct": self.correct,
            "call_success": self.call_success,
            "elapsed": self.elapsed,
            "token_usage": dict(self.token_usage),
        }


def judged(
    question: VqaQuestion,
    dataset: str,
    answer: str,
    call_success: bool = True,
    elapsed: float = 0.0,
    token_usage: Mapping[str, int] | None = None,
) -> VqaRecord:
    """Match an answer by both rules."""
    published, strict = match_as_published(answer, question), match_strictly(answer, question)
    correct, parsed = published.correct and call_success, published.parsed if call_success else ""
    strictly = strict.correct and call_success
    return VqaRecord(question, dataset, answer, call_success, parsed, correct, strictly, elapsed, token_usage or {})


@dataclass(frozen=True)
class VqaShare:
    """Right answers of questions, as published and repaired; `asked` and `counted` are their denominators."""

    right: int
    asked: int
    strictly: int
    counted: int

    @property
    def accuracy(self) -> float:
        """The published accuracy; NaN without questions."""
        return self.right / self.asked if self.asked else float("nan")

    @property
    def repaired(self) -> float:
        """The repaired accuracy; NaN without questions."""
        return self.strictly / self.counted if self.counted else float("nan")


def shared(records: Sequence[VqaRecord]) -> VqaShare:
    """Count the right answers of all records."""
    counted = [one for one in records if one.call_success and one.has_key]
    return VqaShare(
        sum(one.correct for one in records), len(records), sum(one.strictly for one in counted), len(counted)
    )


def by(records: Sequence[VqaRecord], key: Callable[[VqaRecord], str]) -> dict[str, VqaShare]:
    """Return the shares of the groups that `key` names, in the order of their names."""
    groups: dict[str, list[VqaRecord]] = {}
    for record in records:
        groups.setdefault(key(record) or UNKNOWN, []).append(record)
    return {name: shared(groups[name]) for name in sorted(groups)}


def breakdown(
    records: Sequence[VqaRecord], axes: Mapping[str, tuple[str, ...]] = AXES
) -> dict[str, dict[str, VqaShare]]:
    """Return the shares by capability, axis, answer type, error type and data set."""
    return {
        "capability": by(records, lambda one: one.question.capability),
        "axis": by(records, lambda one: axis_of(one.question.capability, axes)),
        "answer_type": by(records, lambda one: one.question.answer_type),
        "error_type": by(records, lambda one: one.question.error_type),
        "dataset": by(records, lambda one: one.dataset),
    }


def interval(records: Sequence[VqaRecord], as_published: bool = True) -> ScoreInterval:
    """Return the accuracy with its bootstrap interval over samples."""
    samples: dict[str, list[VqaRecord]] = {}
    for record in records:
        samples.setdefault(record.question.sample_id, []).append(record)
    shares = [shared(some) for some in samples.values()]
    if as_published:
        return bootstrap([one.right for one in shares], [one.asked for one in shares])
    return bootstrap([one.strictly for one in shares], [one.counted for one in shares])


def published_summary(records: Sequence[VqaRecord], model: str, elapsed_s: float) -> dict[str, Any]:
    """Return the last line of a published result file: pooled accuracies with 4 decimals, failed calls being wrong."""
    lines = [record.line() for record in records]

    def of(field: str) -> dict[str, dict[str, Any]]:
        groups: dict[str, list[bool]] = {}
        for line in lines:
            groups.setdefault(line[field] or UNKNOWN, []).append(line["correct"])
        return {name: _counted(groups[name]) for name in sorted(groups)}

    total = _counted([record.correct for record in records])
    return {
        "_type": "summary",
        "model": model,
        "total_questions": total["total"],
        "total_correct": total["correct"],
        "overall_accuracy": total["accuracy"],
        "elapsed_seconds": round(elapsed_s, 1),
        "accuracy_by_answer_type": of("answer_type"),
        "accuracy_by_capability": of("capability"),
        "accuracy_by_error_type": of("error_type"),
    }


def _counted(answers: Sequence[bool]) -> dict[str, Any]:
    right, total = sum(answers), len(answers)
    return {"correct": right, "total": total, "accuracy": round(right / total, 4) if total else 0}


def plain_share(share: VqaShare) -> dict[str, Any]:
    """Return a share as data for JSON, NaN as None."""
    values = {"accuracy": share.accuracy, "repaired": share.repaired}
    return asdict(share) | {name: None if value != value else round(value, 4) for name, value in values.items()}
