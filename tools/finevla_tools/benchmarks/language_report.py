"""Language metrics of several models side by side, and what none of them but the atomic facts sees."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.recording.atomic_files import write_text
from finevla_core.text_files import read_json_lines
from finevla_tools.benchmarks.bench_tables import write_csv
from finevla_tools.benchmarks.evaluation_files import read_captions, read_samples
from finevla_tools.benchmarks.language_facts import word_verdicts
from finevla_tools.benchmarks.language_metrics import LanguageScore, LanguageWay, NotMeasured, measure
from finevla_tools.benchmarks.score_uncertainty import bootstrap
from finevla_tools.benchmarks.set_folders import SETS, set_folder
from finevla_tools.report.html_page import (
    Block,
    Container,
    Heading,
    Items,
    Paragraph,
    Table,
    bold,
    render,
    soft,
    warning,
)

PAGE, CSV, FIGURES = "index.html", "language.csv", "summary.json"
PREDICTIONS = ("prediction", "response", "caption_result")
REFERENCES = ("reference", "references", "ground_truth", "GT")
# The reference, the same in other words, and three sentences that differ from it in the one thing that matters.
REFERENCE = "grasp the red mug with the left arm"
SAME = "using its left gripper, the robot takes hold of the red cup"
CHANGED: Mapping[str, str] = {
    "arm": "grasp the red mug with the right arm",
    "colour": "grasp the blue mug with the left arm",
    "arm, other words": "using its right gripper, the robot takes hold of the red cup",
}


@dataclass(frozen=True)
class LanguagePairs:
    """Predictions of one model and their references, by sample."""

    model: str
    names: tuple[str, ...]
    predictions: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]


def read_pairs(path: Path, folder: Path | None = None) -> LanguagePairs:
    """Read predictions and references: both from the lines of a file, or captions against a set's ground truth.

    Raises `FineVLAError` naming the file and the line's sample.
    """
    if folder is not None:
        samples, captions = read_samples(set_folder(folder) / SETS), read_captions(path)
        both = [name for name in sorted(captions) if name in samples and samples[name].steps and captions[name]]
        if not both:
            raise FineVLAError(f"'{path}' has no caption of a sample of '{folder}' that has a ground truth")
        texts = tuple(" ".join(captions[name]) for name in both)
        truths = tuple((" ".join(samples[name].steps),) for name in both)
        return LanguagePairs(
            path.name.removesuffix(".jsonl").removesuffix("_CaptionResult"), tuple(both), texts, truths
        )
    rows, problems = read_json_lines(path)
    if problems:
        raise FineVLAError(problems[0])
    pairs = [_pair(path, k, row) for k, row in enumerate(rows)]
    if not pairs:
        raise FineVLAError(f"'{path}' holds no pairs; each line is a JSON object with 'prediction' and 'reference'")
    names, predictions, references = zip(*pairs, strict=True)
    return LanguagePairs(path.stem, names, predictions, references)


def _pair(path: Path, number: int, row: Mapping[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    name = str(row.get("sample_id", row.get("key", number)))
    told = next((row[key] for key in PREDICTIONS if key in row), None)
    truth = next((row[key] for key in REFERENCES if key in row), None)
    if told is None or not truth:
        raise FineVLAError(f"'{path}', sample '{name}': a 'prediction' (or 'response') and a 'reference' are needed")
    if not isinstance(told, str | list) or not isinstance(truth, str | list):
        raise FineVLAError(f"'{path}', sample '{name}': prediction and reference must be texts, or lists of texts")
    prediction = " ".join(map(str, told)) if isinstance(told, list) else str(told)
    return name, prediction, tuple(map(str, truth)) if isinstance(truth, list) else (str(truth),)


def demonstration(way: LanguageWay) -> Table:
    """Return what each metric says of a true paraphrase and of sentences that are wrong in one thing."""
    sentences = {"the same in other words": SAME, **{f"other {name}": text for name, text in CHANGED.items()}}
    scores, _ = measure(list(sentences.values()), [[REFERENCE]] * len(sentences), way)
    rows = [
        [one.name, *("-" if value is None else f"{value:.3f}" for value in one.each)]
        for one in scores
        if one.name != "CIDEr"  # it weighs words by how rare they are among the references, which are one here
    ]
    return Table("What the metrics see", ["metric", *(f"#{name}" for name in sentences)], rows)


def score_pairs(
    every: Sequence[LanguagePairs], way: LanguageWay
) -> tuple[dict[str, list[LanguageScore]], list[NotMeasured]]:
    """Return the metrics of each model, and what could not be measured."""
    found, missing = {}, list[NotMeasured]()
    for pairs in every:
        found[pairs.model], missing = measure(pairs.predictions, pairs.references, way)
    return found, missing


def score_table(scores: Mapping[str, Sequence[LanguageScore]]) -> Table:
    """Return a row for each metric and a column for each model, with intervals where predictions have values."""
    names = [one.name for one in next(iter(scores.values()))]
    rows = []
    for k, name in enumerate(names):
        cells = []
        for own in scores.values():
            known = [value for value in own[k].each if value is not None]
            spread = bootstrap(known, [1.0] * len(known), span=None)  # CIDEr ends nowhere
            is_mean = len(known) > 1 and not name.startswith("BLEU")  # BLEU of a corpus is no mean
            cells.append(f"{own[k].value:.4f}" + (soft(f"{spread.low:.4f} to {spread.high:.4f}") if is_mean else ""))
        rows.append([name, *cells, next(iter(scores.values()))[k].implementation])
    return Table(
        "Metrics", ["metric", *(f"#{model}" for model in scores), "implementation"], rows, wide=("implementation",)
    )


def write_language(
    out: Path,
    every: Sequence[LanguagePairs],
    scores: Mapping[str, Sequence[LanguageScore]],
    missing: Sequence[NotMeasured],
    shown: Table,
) -> None:
    """Write page, CSV and JSON into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    write_csv(
        out / CSV, [{"model": model} | {one.name: round(one.value, 4) for one in own} for model, own in scores.items()]
    )
    told = {
        model: [{"metric": one.name, "value": _known(one.value), "implementation": one.implementation} for one in own]
        for model, own in scores.items()
    }
    lacking = {one.name: one.reason for one in missing}
    write_text(
        out / FIGURES, json.dumps({"models": told, "not_measured": lacking}, indent=1, ensure_ascii=False) + "\n"
    )
    blocks: list[Block] = [
        score_table(scores),
        *([Items([bold(one.name) + f" is not measured: {one.reason}" for one in missing])] if missing else []),
        Heading("What the metrics do not see"),
        Paragraph(f"Against “{REFERENCE}”: “{SAME}”, which is true, and sentences that are wrong in one thing."),
        shown,
        Heading("Every sentence"),
        *(_sentences(pairs, scores[pairs.model]) for pairs in every),
    ]
    write_text(out / PAGE, render("Language", "How near sentences are to their references", blocks))


def _known(value: float) -> float | None:
    return None if value != value else round(value, 4)


def _sentences(pairs: LanguagePairs, scores: Sequence[LanguageScore]) -> Block:
    shown = [one for one in scores if one.each]
    rows = []
    for k, name in enumerate(pairs.names):
        verdicts = word_verdicts(pairs.predictions[k], pairs.references[k])
        wrong = ", ".join(f"{one.kind} {one.value}: {one.label}" for one in verdicts if one.label != "match")
        cells = ["-" if (value := one.each[k]) is None else f"{value:.3f}" for one in shown]
        said = warning(wrong) if "contradiction" in wrong else wrong
        rows.append([name, pairs.predictions[k], " / ".join(pairs.references[k]), said, *cells])
    heads = ["sample", "prediction", "reference", "claims not met", *(f"#{one.name}" for one in shown)]
    table = Table(pairs.model, heads, rows, wide=("prediction", "reference"))
    return Container("fold", [table], summary=f"{pairs.model}: {len(rows)} sentences")
