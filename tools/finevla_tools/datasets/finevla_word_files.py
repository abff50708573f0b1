"""Words in the files of FineVLA's own tools: FineGrainedInstruction.jsonl out, FineVLA-Tool's records in and out."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.recording.atomic_files import write_text
from finevla_core.text_files import json_line, read_json_lines
from finevla_tools.annotate.annotation import APPROVED, DRAFT, TEXT, Annotation
from finevla_tools.datasets.episode_words import EpisodeWords, WordsReader
from finevla_tools.datasets.lerobot_files import LeRobotFiles
from finevla_tools.datasets.words_writer import fine_records

FINEGRAINED, FINEVLA_TOOL = "finegrained", "finevla-tool"
FORMATS = (FINEGRAINED, FINEVLA_TOOL)
NUMBER_AT_END = re.compile(r"(?:^|[-_/ ])0*(\d{1,8})$")
REVIEWED = ("humanReview", "Human_Review", "human_review", "annotationInstruction")  # a person's text


def export_words(files: LeRobotFiles, form: str, path: Path) -> int:
    """Write the words of a data set to a new file, a JSON object a line, and return how many episodes are in it.

    Raises `FineVLAError` if no episode has a fine text, or there is a file.
    """
    if path.exists():
        raise FineVLAError(f"'{path}' exists already; remove it or name a new file")
    words = list(WordsReader(files))
    name = files.root.resolve().name
    rows = (
        fine_records(words)
        if form == FINEGRAINED
        else [tool_record(one, name, files.robot) for one in words if one.fine]
    )
    if not rows:
        raise FineVLAError(f"no episode of '{files.root}' has a fine text: there is nothing to export")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(json_line(row) + "\n" for row in rows))
    return len(rows)


def tool_record(words: EpisodeWords, dataset: str, robot: str = "") -> dict[str, Any]:
    """Return an episode as a line of FineVLA-Tool's output.

    Raw goals and fine texts of an episode that has several are put together. `fineGrainedSteps` are the steps, or the fine
    texts where no steps are known; `steps_raw` has the frames of each, the last one included.
    """
    factors = words.factors_at(0)
    fine = list(dict.fromkeys(text.text for text in words.fine))
    record: dict[str, Any] = {
        "sample_id": f"{dataset}-{words.episode}",
        "dataset": dataset,
        "episode_index": words.episode,
        "robot_type": robot,
        "instruction_raw": "; ".join(words.tasks),
        "duration_sec": round(words.duration_s, 3),
        "fps": words.fps,
        "refinedInstruction": " ".join(fine),
        "fineGrainedSteps": [step.text for step in words.steps] or fine,
        "has_raw_steps": int(bool(words.steps)),
        "step_source": "subtask_annotation" if words.steps else "none",
        "steps_raw": _frames(words) or None,
    }
    sequence, thing = factors.get("action_sequence"), factors.get("target_category")
    if sequence or thing:
        record["analysisResult"] = {"action_sequence": list(sequence or ()), "main_object": thing or ""}
    return record | {"_task_status": {"status": "success", "error_detail": None, "idx": words.episode}}


def import_tool(files: LeRobotFiles, path: Path) -> tuple[list[Annotation], list[str]]:
    """Return FineVLA-Tool's records as rows, and a sentence for each record that was left out.

    An episode is named by `episode_index`, else by the number at the end of `sample_id`. What a person wrote is approved, what
    a model wrote a draft. Steps become rows where their times are known. Raises `FineVLAError` if no record can be used.
    """
    records, problems = read_json_lines(path)
    reader, known = WordsReader(files), {episode.index: episode for episode in files.episodes}
    rows: list[Annotation] = []
    seen: set[int] = set()
    for k, record in enumerate(records):
        number, problem = _episode(record), _failure(record)
        if number is None:
            problem = "it names no episode: give it episode_index, or a sample_id that ends in its number"
        elif number not in known:
            problem = f"'{files.root}' has no episode {number}"
        elif number in seen:
            problem = f"episode {number} has a record before it"
        if problem or number is None:
            problems.append(f"'{path}', record {k + 1}: {problem}")
            continue
        made = list(_rows(record, reader.read(known[number])))
        if made:
            seen.add(number)
            rows += made
        else:
            problems.append(f"'{path}', record {k + 1}, has no text")
    if not rows:
        raise FineVLAError(problems[0] if problems else f"'{path}' has no records")
    return rows, problems


def _episode(record: Mapping[str, Any]) -> int | None:
    for name in ("episode_index", "episode_id", "traId"):
        if type(record.get(name)) is int:
            return int(record[name])
    found = NUMBER_AT_END.search(str(record.get("sample_id") or record.get("traId") or ""))
    return int(found[1]) if found else None


def _failure(record: Mapping[str, Any]) -> str:
    status = record.get("_task_status")
    failed = isinstance(status, Mapping) and status.get("status") not in (None, "success")
    return f"it failed there ({str(status.get('error_detail'))[:80]})" if failed and isinstance(status, Mapping) else ""


def _rows(record: Mapping[str, Any], words: EpisodeWords) -> Iterable[Annotation]:
    by_person = next((text for name in REVIEWED if (text := _text(record.get(name)))), "")
    source, status = ("human", APPROVED) if by_person else ("vlm", DRAFT)
    end = words.duration_s

    def row(dimension: str, slot: str, value: str, step: int = 0, from_s: float = 0.0, to_s: float = end) -> Annotation:
        return Annotation(words.episode, from_s, to_s, dimension, slot, value, source, 1.0, step, status)

    steps = [text for text in _list(record.get("fineGrainedSteps")) if text.strip()]
    fine = by_person or _text(record.get("refinedInstruction")) or " ".join(steps)
    if fine:
        yield row(TEXT, "fine", fine)
    spans = _spans(record.get("steps_raw"), words)
    for k, (text, (begin, last)) in enumerate(zip(steps, spans, strict=True) if len(spans) == len(steps) else (), 1):
        yield row(TEXT, "step", text, k, begin / words.fps, (last + 1) / words.fps)
    analysis = record.get("analysisResult")
    if isinstance(analysis, Mapping):
        for k, text in enumerate(_list(analysis.get("action_sequence")), 1):
            yield row("action_sequence", "primitive_action", text, k)
        if thing := _text(analysis.get("main_object")):
            yield row("target_object", "target_category", thing)


def _frames(words: EpisodeWords) -> list[dict[str, Any]]:
    firsts = [round(step.time_s * words.fps) for step in words.steps]
    ends = [*firsts[1:], words.length][: len(firsts)]  # none where no steps are known
    lasts = [max(first, after - 1) for first, after in zip(firsts, ends, strict=True)]
    named = enumerate(zip(words.steps, firsts, lasts, strict=True))
    return [{"i": k, "desc": step.text, "start": first, "end": last} for k, (step, first, last) in named]


def _spans(steps: Any, words: EpisodeWords) -> list[tuple[int, int]]:
    """First and last frame of each raw step; none unless all are frames of the episode."""
    if not isinstance(steps, list) or not all(isinstance(step, Mapping) for step in steps):
        return []
    spans = [(step.get("start"), step.get("end")) for step in steps]
    if not all(type(a) is int and type(b) is int and 0 <= a <= b < words.length for a, b in spans):
        return []
    return [(int(a), int(b)) for a, b in spans if a is not None and b is not None]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_list(value)).strip()
    return value.strip() if isinstance(value, str) else ""


def _list(value: Any) -> list[str]:
    some = value if isinstance(value, list) else [value]
    return [text.strip() for text in some if isinstance(text, str) and text.strip()]
