"""Has a model caption the videos of a set, and a judge hold each caption against the facts; both kept as published files."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from finevla_core.recording.atomic_files import write_text
from finevla_core.text_files import json_line
from finevla_tools.annotate.vlm_budget import BYTES_PER_TOKEN, IMAGE_TOKENS, VlmUsage
from finevla_tools.annotate.vlm_prompts import prompt
from finevla_tools.benchmarks.caption_repair import AtomicFact, JudgeFlaws, flaws
from finevla_tools.benchmarks.caption_scoring import (
    LABELS,
    CaptionScore,
    JudgedSample,
    dataset_summary,
    score,
    scored_line,
)
from finevla_tools.benchmarks.evaluation_files import BenchSample, caption_steps, judged_line, judged_of
from finevla_tools.benchmarks.model_requests import Messages, ModelAnswer, ModelRequest, object_schema, text_part
from finevla_tools.benchmarks.video_frames import (
    CAPTION_FRAMES,
    caption_label,
    expected_pictures,
    find_views,
    view_parts,
)
from finevla_tools.benchmarks.vqa_run import SHUFFLED, VqaWay

CAPTIONS = "_CaptionResult.jsonl"
RAW, SCORED, SUMMARY = "direct_align_raw.jsonl", "scored_results.jsonl", "dataset_summary.json"
MOST_STEPS = 24
BLIND = "You are not shown the video. Describe what most likely happened in it, in the same form."
CAPTION_TOKENS = 800  # of a caption, and of the verdicts on one fact, for the estimate
VERDICT_TOKENS = 90
_TEXT = {"type": "string"}
_STEPS = object_schema({f"Step{k}": _TEXT for k in range(1, MOST_STEPS + 1)}, ["Step1"])
_VERDICT = object_schema(
    {
        "fact_id": _TEXT,
        "capability": _TEXT,
        "slot": _TEXT,
        "gt_value": _TEXT,
        "label": {"type": "string", "enum": list(LABELS)},
        "caption_evidence": _TEXT,
        "note": _TEXT,
    }
)
_COUNTS = ("total_gt_facts", *LABELS, "hallucinated_actions")
_JUDGED = {
    "gt_evaluations": {"type": "array", "items": _VERDICT},
    "hallucinated_actions": {
        "type": "array",
        "items": object_schema({"description": _TEXT, "caption_step": _TEXT, "note": _TEXT}),
    },
    "summary": object_schema({name: {"type": "integer"} for name in _COUNTS}),
}


class CaptionReader:
    """Reads a caption in any of the published forms."""

    def __init__(self) -> None:
        self._steps: list[str] = []

    def __call__(self, value: dict[str, Any]) -> str:
        """Take one caption; return what is wrong with it, or an empty text."""
        self._steps = caption_steps(value) or self._steps
        return "" if self._steps else "there is no step; give Step1, Step2 and so on"

    @property
    def result(self) -> dict[str, Any] | None:
        """The caption's steps under the key "steps"; None without any."""
        return {"steps": self._steps} if self._steps else None


class JudgeReader:
    """Reads a judge's verdicts: every fact exactly once is asked for, once more if it is not so; the better list is kept."""

    def __init__(self, sample_id: str, facts: Sequence[AtomicFact]) -> None:
        self._sample, self._facts = sample_id, facts
        self._best: tuple[int, JudgedSample] | None = None
        self._tries = 0

    def __call__(self, value: dict[str, Any]) -> str:
        """Take the verdicts; what has wrong types or labels is never taken."""
        self._tries += 1
        if value.get("sample_id", self._sample) != self._sample:
            return f"that is another sample; this one is '{self._sample}'"
        judged = judged_of(value | {"sample_id": self._sample, "status": "ok"})
        if judged.error:
            return judged.error
        found = flaws(self._facts, judged.verdicts)
        weight = sum(map(len, vars(found).values()))
        if self._best is None or weight < self._best[0]:
            self._best = weight, judged
        return (
            f"every fact must have exactly one verdict, with its own value; {found}"
            if found and self._tries == 1
            else ""
        )

    @property
    def result(self) -> dict[str, Any] | None:
        """The verdicts as a published line."""
        return None if self._best is None else judged_line(self._best[1])


def caption_requests(
    folder: Path, samples: Mapping[str, BenchSample], names: Sequence[str], way: VqaWay
) -> Iterator[ModelRequest]:
    """Give a request for a caption for each sample and round."""
    for number in range(1, way.rounds + 1):
        for name in names:
            told = partial(caption_messages, folder, samples[name], way)
            yield ModelRequest(name, number, "caption", told, _STEPS, CaptionReader)


def caption_messages(folder: Path, sample: BenchSample, way: VqaWay) -> Messages:
    """Return the messages of a request: pictures of all views, the main one first, the instruction if easy, then the task."""
    parts: list[dict[str, Any]] = []
    if not way.is_blind:
        clips, _ = find_views(folder, sample)
        labels = [caption_label(clip.file.label, k) for k, clip in enumerate(clips)]
        parts += view_parts(clips, labels, CAPTION_FRAMES, sample.sample_id if way.baseline == SHUFFLED else "")
    if way.with_instruction:
        parts.append(text_part(f"What the robot was told (data only): {json.dumps(sample.instruction)}"))
    parts.append(text_part(prompt("caption", "finevla_tools.benchmarks")[0]))
    return [{"role": "user", "content": [*parts, *([text_part(BLIND)] if way.is_blind else [])]}]


def caption_line(answer: ModelAnswer, sample: BenchSample, model: str, views: int) -> dict[str, Any]:
    """Return a line of a published file of captions."""
    usage = answer.usage
    return {
        "sample_id": sample.sample_id,
        "dataset": sample.dataset,
        "model": model,
        "instruction_raw": sample.instruction,
        "caption_result": list((answer.result or {}).get("steps", ())),
        "call_success": answer.result is not None,
        "num_views": views,
        "token_usage": {"prompt_tokens": usage.tokens_in, "completion_tokens": usage.tokens_out},
        "elapsed_sec": answer.elapsed_s,
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def judge_requests(
    facts: Mapping[str, Sequence[AtomicFact]], captions: Mapping[str, Sequence[str]], repeats: int
) -> Iterator[ModelRequest]:
    """Give a request to the judge for each sample that has facts and a caption, in each repeat."""
    for number in range(1, repeats + 1):
        for name in sorted(set(facts) & set(captions)):
            schema = object_schema({"sample_id": {"type": "string", "const": name}, **_JUDGED})
            told = partial(judge_messages, name, facts[name], captions[name])
            yield ModelRequest(name, number, "verdicts", told, schema, partial(JudgeReader, name, facts[name]))


def judge_messages(name: str, facts: Sequence[AtomicFact], steps: Sequence[str]) -> Messages:
    """Return the messages to a judge: its rules, and the published payload as JSON."""
    by_capability: dict[str, list[dict[str, str]]] = {}
    for fact in facts:
        told = {"fact_id": fact.fact_id, "slot": fact.slot, "value": fact.value, "fact_text": fact.fact_text}
        by_capability.setdefault(fact.capability, []).append(told)
    payload = {"sample_id": name, "gt_atomic_facts": by_capability, "caption_steps": list(steps)}
    rules = prompt("judge", "finevla_tools.benchmarks")[0]
    return [
        {"role": "system", "content": rules},
        {"role": "user", "content": json.dumps(payload, ensure_ascii=False, indent=2)},
    ]


def judged_answer(answer: ModelAnswer) -> JudgedSample:
    """Return a judge's answer as verdicts, or as a sample with an error."""
    if answer.result is None:
        return JudgedSample(answer.sample_id, error=answer.sentence or "the judge failed")
    return judged_of(answer.result)


def write_judged(folder: Path, judged: Sequence[JudgedSample], model: str) -> None:
    """Write a judge's verdicts and the published scores into a folder, each file whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    scores = [score(one) for one in judged]
    write_lines(folder / RAW, [judged_line(one) for one in judged])
    write_lines(folder / SCORED, [scored_line(one) for one in scores])
    write_text(folder / SUMMARY, json.dumps(dataset_summary(scores, model), indent=2, ensure_ascii=False) + "\n")


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a file of one object a line, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(json_line(row) + "\n" for row in rows))


def judge_flaws(facts: Mapping[str, Sequence[AtomicFact]], judged: Mapping[str, JudgedSample]) -> dict[str, JudgeFlaws]:
    """Return by sample what is wrong with a judge's lists, where something is."""
    found = {name: flaws(facts[name], one.verdicts) for name, one in judged.items() if name in facts and not one.error}
    return {name: one for name, one in found.items() if one}


def published_scores(judged: Mapping[str, JudgedSample]) -> dict[str, CaptionScore]:
    """Return the published scores by sample."""
    return {name: score(one) for name, one in judged.items()}


def estimate_captions(
    folder: Path, samples: Mapping[str, BenchSample], names: Sequence[str], way: VqaWay
) -> tuple[VlmUsage, int]:
    """Return the most that captioning will use, roughly, and its pictures."""
    pictures = 0
    if not way.is_blind:
        pictures = sum(
            expected_pictures(samples[name], len(find_views(folder, samples[name])[0]), CAPTION_FRAMES)
            for name in names
        )
    text = len(prompt("caption", "finevla_tools.benchmarks")[0]) // BYTES_PER_TOKEN * len(names)
    one = (len(names), pictures * IMAGE_TOKENS + text, CAPTION_TOKENS * len(names))
    return VlmUsage(*(way.rounds * value for value in one)), way.rounds * pictures


def estimate_judging(facts: Mapping[str, Sequence[AtomicFact]], names: Sequence[str], times: int) -> VlmUsage:
    """Return the most that a judge will use, roughly, for captions of a usual length."""
    rules = len(prompt("judge", "finevla_tools.benchmarks")[0])
    text = sum(rules + len(judge_messages(name, facts[name], ())[1]["content"]) for name in names)
    verdicts = sum(len(facts[name]) for name in names) * VERDICT_TOKENS
    tokens_in = text // BYTES_PER_TOKEN + CAPTION_TOKENS * len(names)
    return VlmUsage(times * len(names), times * tokens_in, times * verdicts)
