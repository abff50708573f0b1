"""Reads and writes the published files of RoboFine-Bench, with the odd forms that their readers accept.

`EvalSets.json`, `QAEvalSets.json`, `GT_AtomicFacts.jsonl`, `*_CaptionResult.jsonl`, `direct_align_raw.jsonl`.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.pointer_files import refuse_no_content
from finevla_core.text_files import read_json, read_json_lines
from finevla_tools.benchmarks.capabilities import CAPABILITIES
from finevla_tools.benchmarks.caption_repair import AtomicFact
from finevla_tools.benchmarks.caption_scoring import LABELS, FactVerdict, JudgedSample
from finevla_tools.benchmarks.set_folders import FACTS, QUESTIONS, SETS
from finevla_tools.benchmarks.vqa_matching import ANSWER_TYPES, CHOICE, LETTERS, VqaQuestion

CURLY = str.maketrans("“”‘’，", "\"\"'',")  # what editors make of quotes and commas
BLACK = "error (black screen)"  # a published ground truth that says that there is none


@dataclass(frozen=True)
class BenchSample:
    """One video of a set. `views` are names in order, the main one first; `addresses` are what the file says of each."""

    sample_id: str
    dataset: str
    instruction: str = ""
    views: tuple[str, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)
    duration_s: float | None = None
    steps: tuple[str, ...] = ()


def read_samples(path: Path) -> dict[str, BenchSample]:
    """Return the samples of `EvalSets.json` by id; raises `FineVLAError` naming the file and what is not understood."""
    found: dict[str, BenchSample] = {}
    for k, row in enumerate(_rows(path)):
        name = row.get("sample_id")
        if not isinstance(name, str) or not name:
            raise FineVLAError(f"'{path}': entry {k} has no 'sample_id'; that is no file of evaluation samples")
        _once(path, name, found)
        for key, kind in (("views", dict), ("meta", dict)):
            if row.get(key) and not isinstance(row[key], kind):
                raise FineVLAError(f"'{path}': '{key}' of '{name}' is no object; is it a file of another version?")
        found[name] = _sample(name, row)
    if not found:
        raise FineVLAError(f"'{path}' holds no samples")
    return found


def _sample(name: str, row: Mapping[str, Any]) -> BenchSample:
    words = row.get("instruction_raw") or ""
    meta = row["meta"] if isinstance(row.get("meta"), dict) else {}
    addresses = {key: value for key, value in (row.get("views") or {}).items() if isinstance(value, str)}
    names = meta.get("view_names")
    views = tuple(str(view) for view in (names if isinstance(names, list) and names else addresses))
    # `views` has the keys view1, view2 ... in the order of the names, or the names themselves.
    named = {
        view: address
        for k, view in enumerate(views, 1)
        if (address := addresses.get(view) or addresses.get(f"view{k}")) is not None
    }
    duration = meta.get("duration_sec")
    truth = row.get("GT") or row.get("human_review") or row.get("human_reveiw")
    return BenchSample(
        name,
        str(row.get("dataset") or ""),
        "; ".join(map(str, words)) if isinstance(words, list) else str(words),
        views,
        named,
        float(duration) if isinstance(duration, int | float) and duration > 0 else None,
        tuple(told_steps(truth)),
    )


def told_steps(truth: Any) -> list[str]:
    """Return the steps of a ground truth: a list, or a string that holds one, curly quotes and full-width commas included."""
    if isinstance(truth, str):
        text = truth.strip().translate(CURLY)
        if not text or text == BLACK:
            return []
        for read in (json.loads, ast.literal_eval):
            try:
                value = read(text)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(value, list):
                truth = value
                break
        else:
            return [] if text.startswith("[") else [" ".join(text.split())]
    return [" ".join(str(step).split()) for step in truth if str(step).strip()] if isinstance(truth, list) else []


def read_questions(path: Path) -> dict[str, list[VqaQuestion]]:
    """Return the questions of `QAEvalSets.json` by sample; entries whose status is not "ok" are left out, as published."""
    found: dict[str, list[VqaQuestion]] = {}
    seen = set[str]()
    for row in _rows(path):
        if row.get("status") != "ok" or not row.get("qas"):
            continue
        name = str(row.get("sample_id", ""))
        _once(path, name, found)
        if not isinstance(row["qas"], list):
            raise FineVLAError(f"'{path}': 'qas' of '{name}' is no list; is it a file of another version?")
        found[name] = [_question(path, name, told) for told in row["qas"]]
        for one in found[name]:
            if one.question_id in seen:
                raise FineVLAError(f"'{path}': the question '{one.question_id}' is there twice")
            seen.add(one.question_id)
    if not found:
        raise FineVLAError(f"'{path}' holds no questions: no entry has the status 'ok' and 'qas'")
    return found


def _question(path: Path, sample: str, told: Any) -> VqaQuestion:
    try:
        options = tuple(map(str, told.get("options") or ()))
        one = VqaQuestion(
            str(told["question_id"]), sample, str(told["answer_type"]), str(told["question"]), _answer(told["answer"]),
            str(told.get("capability") or ""), str(told.get("error_type") or ""), options,
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise FineVLAError(
            f"'{path}': a question of '{sample}' lacks {error}; is it a file of another version?"
        ) from error
    if one.answer_type == CHOICE and not 2 <= len(options) <= len(LETTERS):
        raise FineVLAError(
            f"'{path}': the question '{one.question_id}' has {len(options)} options; 2 to 26 are possible"
        )
    if one.answer_type not in ANSWER_TYPES:
        raise FineVLAError(
            f"'{path}': the question '{one.question_id}' is of type '{one.answer_type}'; known are {', '.join(ANSWER_TYPES)}"
        )
    return one


def _answer(value: Any) -> str:
    """An answer as text, also one that a writer of JSON made a truth value or a number with a point."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def read_facts(path: Path) -> dict[str, list[AtomicFact]]:
    """Return the atomic facts of `GT_AtomicFacts.jsonl` by sample; raises `FineVLAError` for another version's file."""
    found: dict[str, list[AtomicFact]] = {}
    for row in _rows(path):
        if row.get("status") != "ok":
            continue
        name = str(row.get("sample_id", ""))
        blocks = row.get("capability_results")
        if not isinstance(blocks, list):
            raise FineVLAError(f"'{path}': '{name}' has no 'capability_results'; that is no file of atomic facts")
        _once(path, name, found)
        found[name] = [fact for block in blocks for fact in _facts(path, name, block)]
    if not found:
        raise FineVLAError(f"'{path}' holds no facts: no line has the status 'ok'")
    return found


def _facts(path: Path, name: str, block: Any) -> Iterator[AtomicFact]:
    capability = block.get("capability") if isinstance(block, dict) else None
    if capability not in CAPABILITIES:
        raise FineVLAError(f"'{path}': '{name}' has the capability {capability!r}; known are {', '.join(CAPABILITIES)}")
    for told in block.get("gt_atomic_facts") or ():
        if not isinstance(told, dict) or "fact_id" not in told:
            raise FineVLAError(f"'{path}': a fact of '{name}' has no 'fact_id'; is it a file of another version?")
        yield AtomicFact(
            str(told["fact_id"]), capability, str(told.get("slot") or ""), str(told.get("value") or ""),
            str(told.get("fact_text") or ""), str(told.get("step_anchor") or ""), str(told.get("object") or ""),
        )  # fmt: skip


def facts_line(sample_id: str, facts: list[AtomicFact]) -> dict[str, Any]:
    """Return a line of `GT_AtomicFacts.jsonl`: all ten capabilities in their order, also those without a fact."""
    blocks = []
    for capability in CAPABILITIES:
        told = [
            {
                "fact_id": fact.fact_id,
                "step_anchor": fact.step_anchor or None,
                "object": fact.thing or None,
                "slot": fact.slot,
                "value": fact.value,
                "fact_text": fact.fact_text,
            }
            for fact in facts
            if fact.capability == capability
        ]
        blocks.append({"capability": capability, "gt_atomic_facts": told})
    return {"sample_id": sample_id, "status": "ok", "capability_results": blocks}


def read_captions(path: Path) -> dict[str, list[str]]:
    """Return the steps of each caption that there is; calls that failed and empty captions of those are left out."""
    found: dict[str, list[str]] = {}
    for row in _rows(path):
        if not (name := str(row.get("sample_id") or "")):
            raise FineVLAError(f"'{path}': a line has no 'sample_id'; that is no file of captions")
        steps = row.get("caption_result", row.get("fineGrainedSteps"))
        if row.get("call_success", True) and steps is not None:
            told = told_steps(steps)
            if found.setdefault(name, told) != told:
                raise FineVLAError(f"'{path}' has two captions of '{name}'; leave the one that counts")
    if not found:
        raise FineVLAError(f"'{path}' holds no captions")
    return found


def caption_steps(value: Any) -> list[str]:
    """Return the steps of a model's answer: a list, an object with a list in it, or Step1, Step2 ... by their numbers."""
    if isinstance(value, list):
        return told_steps(value)
    if isinstance(value, dict):
        for some in value.values():
            if isinstance(some, list) and all(isinstance(step, str) for step in some):
                return told_steps(some)
        numbered = sorted(value.items(), key=lambda item: _first_number(item[0]))
        return told_steps([text for _, text in numbered if isinstance(text, str)])
    return []


def _first_number(key: str) -> int:
    found = re.search(r"\d+", key)
    return int(found[0]) if found else 0


def read_judged(path: Path) -> dict[str, JudgedSample]:
    """Return what a judge said, from `direct_align_raw.jsonl`; what breaks the published form is a sample with an error."""
    found: dict[str, JudgedSample] = {}
    for row in _rows(path):
        one = judged_of(row)
        was = found.get(one.sample_id)
        if was is not None and not was.error and not one.error and was != one:
            raise FineVLAError(f"'{path}' judges '{one.sample_id}' twice, and otherwise; leave the one that counts")
        if was is None or was.error:  # what failed and was tried again stays in the file, as published
            found[one.sample_id] = one
    if not found or "" in found:
        raise FineVLAError(f"'{path}' is no file of a judge's verdicts: a line has no 'sample_id', or there is none")
    return found


def judged_of(row: Mapping[str, Any]) -> JudgedSample:
    """Return a judge's answer as verdicts; types and labels are checked, as published, and nothing else."""
    name = str(row.get("sample_id") or "")
    if row.get("status", "ok") != "ok":
        return JudgedSample(name, error=str(row.get("error") or "the judge failed"))
    try:
        verdicts = tuple(_verdict(told) for told in row["gt_evaluations"])
        invented = tuple({str(k): str(v) for k, v in told.items()} for told in row.get("hallucinated_actions") or ())
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return JudgedSample(name, error=f"the verdicts are not understood ({str(error)[:100]})")
    return JudgedSample(name, verdicts, invented)


def _verdict(told: Mapping[str, Any]) -> FactVerdict:
    if told["label"] not in LABELS:
        raise ValueError(f"label {told['label']!r}")
    return FactVerdict(
        str(told["fact_id"]), str(told["capability"]), str(told.get("slot") or ""), str(told.get("gt_value") or ""),
        told["label"], str(told.get("caption_evidence") or ""), str(told.get("note") or ""),
    )  # fmt: skip


def judged_line(judged: JudgedSample) -> dict[str, Any]:
    """Return a line of `direct_align_raw.jsonl`."""
    if judged.error:
        return {"sample_id": judged.sample_id, "status": "error", "error": judged.error}
    labels = [verdict.label for verdict in judged.verdicts]
    return {
        "sample_id": judged.sample_id,
        "gt_evaluations": [
            {
                "fact_id": one.fact_id,
                "capability": one.capability,
                "slot": one.slot,
                "gt_value": one.gt_value,
                "label": one.label,
                "caption_evidence": one.evidence or None,
                "note": one.note,
            }
            for one in judged.verdicts
        ],
        "hallucinated_actions": [dict(one) for one in judged.hallucinations],
        "summary": {"total_gt_facts": len(labels)}
        | {label: labels.count(label) for label in LABELS}
        | {"hallucinated_actions": len(judged.hallucinations)},
        "status": "ok",
    }


def _once(path: Path, name: str, found: Mapping[str, Any]) -> None:
    """Raise `FineVLAError` for a sample that is there already: the other one would be lost without a word."""
    if name in found:
        raise FineVLAError(f"'{path}' has the sample '{name[:80]}' twice; leave one of them out")


def printable(value: Any) -> str:
    """A name out of a file as it may be shown: on one line, without signs that a terminal obeys; "" for what is no text."""
    text = value if isinstance(value, str) else ""
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())[:100]


def _rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON array or of a .jsonl file."""
    if not path.is_file():
        part = path.parent / "test"  # of what 'finevla bench make' wrote
        hint = f"; '{part}' is one: give that" if (part / path.name).is_file() else ""
        raise FineVLAError(f"'{path}' does not exist; a set has {SETS}, {QUESTIONS} and {FACTS}{hint}")
    refuse_no_content(path)
    if path.suffix == ".json":
        value = read_json(path)
        if isinstance(value, list) and all(isinstance(row, dict) for row in value):
            return value
        if isinstance(value, list):
            raise FineVLAError(f"'{path}' holds something else than objects")
    rows, problems = read_json_lines(path)
    if problems:
        raise FineVLAError(problems[0])
    return rows
