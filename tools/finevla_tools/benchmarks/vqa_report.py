"""The comparison of models that answered a set's questions: tables as CSV and JSON, and a page with every judgement."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finevla_core.recording.atomic_files import write_text
from finevla_tools.benchmarks.bench_tables import (
    missing_block,
    percent,
    rounds_cell,
    spread_text,
    videos,
    with_interval,
    write_csv,
)
from finevla_tools.benchmarks.capabilities import CAPABILITIES
from finevla_tools.benchmarks.score_uncertainty import agreement
from finevla_tools.benchmarks.video_frames import find_views
from finevla_tools.benchmarks.vqa_matching import ANSWER_TYPES
from finevla_tools.benchmarks.vqa_run import VqaResults, VqaSet
from finevla_tools.benchmarks.vqa_scoring import (
    REPAIRS,
    VqaRecord,
    VqaShare,
    breakdown,
    interval,
    plain_share,
    published_summary,
    shared,
)
from finevla_tools.report.html_page import Block, Container, Heading, Items, Paragraph, Table, bold, render, warning

PAGE, CSV, SUMMARY = "index.html", "VQATest_Score.csv", "summary.json"
ERROR_TYPES = ("omission", "contradiction", "hallucination")
KINDS: Mapping[str, str] = {
    "axis": "By axis", "capability": "By capability", "answer_type": "By type of answer", "error_type": "By type of error",
    "dataset": "By data set",
}  # fmt: skip
Models = Mapping[str, Sequence[VqaResults]]


def by_model(results: Sequence[VqaResults]) -> dict[str, list[VqaResults]]:
    """Group result files by model, their rounds in order."""
    found: dict[str, list[VqaResults]] = {}
    for one in sorted(results, key=lambda one: (one.model, one.round)):
        found.setdefault(one.model, []).append(one)
    return found


def csv_rows(models: Models) -> list[dict[str, Any]]:
    """Return the published table: a row per model and round, and one of mean and spread over rounds."""
    rows = []
    for model, rounds in models.items():
        own = []
        for one in rounds:
            told = published_summary(one.records, model, 0.0)
            shares = breakdown(one.records)
            row: dict[str, Any] = {"model": model, "round": one.round or "", "overall": told["overall_accuracy"]}
            for kind, before, names in (
                ("capability", "cap", CAPABILITIES),
                ("answer_type", "type", ANSWER_TYPES),
                ("error_type", "err", ERROR_TYPES),
            ):
                accuracies = told[f"accuracy_by_{kind}"]
                row |= {f"{before}_{name}": accuracies.get(name, {}).get("accuracy", "") for name in names}
            row |= {f"axis_{name}": round(share.accuracy, 4) for name, share in shares["axis"].items()}
            row |= {"repaired": round(shared(one.records).repaired, 4), "questions": len(one.records)}
            own.append(row)
        rows += own
        if len(own) > 1:
            values = {name: [row[name] for row in own if row.get(name, "") != ""] for name in list(own[0])[2:]}
            told_spread = {name: spread_text(some) if some else "" for name, some in values.items()}
            rows.append({"model": model, "round": "mean"} | told_spread)
    heads = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name, "") for name in heads} for row in rows]


def summary_of(asked: VqaSet, models: Models, axes: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return all figures as data for JSON."""
    told: dict[str, Any] = {
        "questions": sum(map(len, asked.questions.values())),
        "repairs": dict(REPAIRS),
        "models": {},
    }
    for model, rounds in models.items():
        told["models"][model] = [
            {
                "round": one.round,
                "file": one.path.name,
                "questions_of_no_set": one.strangers,
                "overall": plain_share(shared(one.records)),
                "failed_calls": sum(not record.call_success for record in one.records),
            }
            | {
                kind: {name: plain_share(share) for name, share in some.items()}
                for kind, some in breakdown(one.records, axes).items()
            }
            for one in rounds
        ]
    return told


def write_report(
    out: Path,
    asked: VqaSet,
    results: Sequence[VqaResults],
    axes: Mapping[str, tuple[str, ...]],
    as_published: bool = True,
) -> None:
    """Write CSV, JSON and page of all result files into `out`; `as_published` chooses the headline."""
    models = by_model(results)
    out.mkdir(parents=True, exist_ok=True)
    write_csv(out / CSV, csv_rows(models))
    write_text(out / SUMMARY, json.dumps(summary_of(asked, models, axes), indent=1, ensure_ascii=False) + "\n")
    write_text(out / PAGE, page(out / PAGE, asked, models, axes, as_published))


def headline(models: Models, asked: VqaSet, as_published: bool = True) -> Table:
    """Return the table that compares the models."""
    total = sum(map(len, asked.questions.values()))
    heads = ["model", "#published", "#repaired"]
    if not as_published:
        heads = [heads[0], heads[2], heads[1]]
    rows = []
    for model, rounds in models.items():
        every = [record for one in rounds for record in one.records]
        cells = [with_interval(interval(every)), with_interval(interval(every, as_published=False))]
        spread = rounds_cell([shared(one.records).accuracy for one in rounds]) if len(rounds) > 1 else "-"
        answered = min(len(one.records) for one in rounds)
        failed = sum(not record.call_success for record in every)
        rows.append([model, *(cells if as_published else cells[::-1]), spread, f"{answered} of {total}", str(failed)])
    return Table("Accuracy", [*heads, "#rounds", "#questions", "#of failed calls"], rows)


def page(
    path: Path, asked: VqaSet, models: Models, axes: Mapping[str, tuple[str, ...]], as_published: bool = True
) -> str:
    """Return the whole page as HTML."""
    missing = {name: gone for name in asked.names() if (gone := find_views(asked.folder, asked.samples[name])[1])}
    blocks: list[Block] = [
        Paragraph(
            "Accuracies are pooled over questions, with 95 % intervals from a bootstrap over samples. Published: matched as "
            "RoboFine-Bench does, failed calls being wrong. Repaired:",
        ),
        Items([bold(name) + f": {text}." for name, text in REPAIRS.items()]),
        headline(models, asked, as_published),
        *missing_block(missing, len(asked.names())),
    ]
    for kind, title in KINDS.items():
        blocks += [Heading(title), _breakdown_table(title, kind, models, axes)]
    blocks += _rounds_agreement(models)
    blocks += [Heading("Every judgement"), *_judgements(path, asked, models)]
    return render("VQA", f"Questions on {len(asked.names())} videos", blocks)


def _breakdown_table(title: str, kind: str, models: Models, axes: Mapping[str, tuple[str, ...]]) -> Table:
    shares: dict[str, dict[str, VqaShare]] = {
        model: breakdown([record for one in rounds for record in one.records], axes)[kind]
        for model, rounds in models.items()
    }
    names = list(dict.fromkeys(name for some in shares.values() for name in some))
    order = {name: k for k, name in enumerate(CAPABILITIES)}
    rows = []
    for name in sorted(names, key=lambda name: (order.get(name, 99), name)):
        own = [shares[model].get(name, VqaShare(0, 0, 0, 0)) for model in shares]
        asked = max((share.asked // len(models[model]) for model, share in zip(shares, own, strict=True)), default=0)
        rows.append(
            [name.replace("_", " "), str(asked), *(f"{percent(s.accuracy)} / {percent(s.repaired)}" for s in own)]
        )
    return Table(title, [kind.replace("_", " "), "#questions", *(f"#{model}" for model in shares)], rows)


def _rounds_agreement(models: Models) -> list[Block]:
    rows = []
    for model, rounds in models.items():
        if len(rounds) < 2:
            continue
        answers: dict[str, list[str]] = {}
        for one in rounds:
            for record in one.records:
                answers.setdefault(record.question.question_id, []).append(str(record.correct))
        found = agreement(list(answers.values()))
        rows.append([model, str(found.repeats), percent(found.share), f"{found.kappa:.2f}"])
    if not rows:
        return []
    return [
        Heading("Do rounds agree?"),
        Table("Rounds", ["model", "#rounds", "#equal pairs", "#Fleiss's kappa"], rows),
    ]


def _judgements(path: Path, asked: VqaSet, models: Models) -> list[Block]:
    told: dict[str, dict[str, list[tuple[str, VqaRecord]]]] = {}
    for model, rounds in models.items():
        for one in rounds:
            for record in one.records:
                own = told.setdefault(record.question.sample_id, {}).setdefault(record.question.question_id, [])
                own.append((model + (f", round {one.round}" if len(rounds) > 1 else ""), record))
    blocks: list[Block] = []
    for name in sorted(told):
        rows = []
        for answers in told[name].values():
            question = answers[0][1].question
            for model, record in answers:
                verdict = "right" if record.correct else warning("wrong" if record.call_success else "no answer")
                strictly = "right" if record.strictly else warning("wrong")
                rows.append(
                    [
                        question.question,
                        question.answer,
                        question.capability,
                        model,
                        record.answer,
                        record.parsed,
                        verdict,
                        strictly,
                    ]
                )
        heads = ["question", "truth", "capability", "model", "answer", "read as", "published", "repaired"]
        table = Table(name, heads, rows, wide=("question", "answer"))
        sample = asked.samples.get(name)
        clips = find_views(asked.folder, sample)[0] if sample else []
        right = sum(record.correct for answers in told[name].values() for _, record in answers)
        blocks.append(Container("fold", [*videos(clips, path), table], summary=f"{name}: {right} of {len(rows)} right"))
    return blocks
