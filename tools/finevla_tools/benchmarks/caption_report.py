"""The comparison of captions that were judged: scores as published and repaired, and every verdict open to inspection."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from finevla_core.recording.atomic_files import write_text
from finevla_tools.benchmarks.bench_tables import percent, rounds_cell, videos, with_interval, write_csv
from finevla_tools.benchmarks.capabilities import CAPABILITIES
from finevla_tools.benchmarks.caption_repair import (
    MISSING,
    REPAIRS,
    AtomicFact,
    repaired_score,
    repairs_of,
)
from finevla_tools.benchmarks.caption_run import judge_flaws, published_scores
from finevla_tools.benchmarks.caption_scoring import (
    OMISSION,
    PARTS,
    CaptionScore,
    FactVerdict,
    JudgedSample,
    score,
)
from finevla_tools.benchmarks.judged_captions import (
    CaptionFacts,
    CaptionRun,
    caption_interval,
    csv_rows,
    good,
    models_of,
    repaired_scores,
    sample_means,
)
from finevla_tools.benchmarks.score_uncertainty import agreement, bootstrap_difference
from finevla_tools.benchmarks.video_frames import find_views
from finevla_tools.report.html_page import (
    Block,
    Container,
    Heading,
    Items,
    Paragraph,
    Table,
    bold,
    lines,
    render,
    soft,
    warning,
)

PAGE, CSV, FIGURES = "index.html", "cross_model_summary.csv", "summary.json"
EMPTY = "(nothing said)"


def write_report(
    out: Path,
    asked: CaptionFacts,
    runs: Sequence[CaptionRun],
    axes: Mapping[str, tuple[str, ...]],
    as_published: bool = True,
) -> None:
    """Write CSV, JSON and page of all runs into `out`; `as_published` chooses the headline."""
    out.mkdir(parents=True, exist_ok=True)
    rows = csv_rows(asked, runs)
    write_csv(out / CSV, rows)
    flawed = {run.name: {name: str(one) for name, one in judge_flaws(asked.facts, run.judged).items()} for run in runs}
    told = {"repairs": dict(REPAIRS), "models": rows, "judge_flaws": flawed}
    write_text(out / FIGURES, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    write_text(out / PAGE, page(out / PAGE, asked, runs, axes, as_published))


def headline(asked: CaptionFacts, runs: Sequence[CaptionRun], as_published: bool = True) -> Table:
    """Return the table that compares the models, and what an empty caption would get."""
    heads = [
        "model",
        *(f"#{name.replace('_', '-')}" for name in PARTS),
        "#published",
        "#repaired",
        "#rounds and repeats",
        "#scored",
    ]
    rows = []
    for model, some in models_of(runs).items():
        published = [published_scores(run.judged) for run in some]
        repaired = [repaired_scores(asked, run) for run in some]
        means = [fmean(one.caption for one in scores) for each in published if (scores := good(each))]
        parts = [f"{caption_interval(published, name).value:.4f}" for name in PARTS]
        both = [
            with_interval(caption_interval(published), as_percent=False),
            with_interval(caption_interval(repaired, with_errors=True), as_percent=False),
        ]
        spread = rounds_cell(means, as_percent=False) if len(means) > 1 else "-"
        scored = f"{len(sample_means(published, 'caption'))} of {len(asked.facts)}"
        rows.append([model, *parts, *both, spread, scored])
    rows.append([EMPTY, *_empty(asked), "-", f"{len(asked.facts)} of {len(asked.facts)}"])
    if not as_published:
        for row in (heads, *rows):
            row[4], row[5] = row[5], row[4]
    return Table("Caption score", heads, rows)


def _empty(asked: CaptionFacts) -> list[str]:
    """The scores of captions that say nothing: what the published score gives for nothing."""
    judged = {
        name: JudgedSample(name, tuple(FactVerdict(f.fact_id, f.capability, f.slot, f.value, OMISSION) for f in facts))
        for name, facts in asked.facts.items()
    }
    published = [published_scores(judged)]
    repaired = [repaired_scores(asked, CaptionRun(EMPTY, judged))]
    parts = [f"{caption_interval(published, name).value:.4f}" for name in (*PARTS, "caption")]
    return [*parts, f"{caption_interval(repaired, with_errors=True).value:.4f}"]


def page(
    path: Path, asked: CaptionFacts, runs: Sequence[CaptionRun], axes: Mapping[str, tuple[str, ...]], as_published: bool
) -> str:
    """Return the whole page as HTML."""
    blocks: list[Block] = [
        Paragraph(
            "Means over samples with 95 % bootstrap intervals. Published: RoboFine-Bench's formulas to the fourth decimal, of "
            "the samples that were judged. Repaired, of all samples with facts:"
        ),
        Items([bold(name) + f": {text}." for name, text in REPAIRS.items()]),
        headline(asked, runs, as_published),
        *_differences(runs),
        *_capability_tables(asked, runs, axes),
        *_datasets(asked, runs),
        *_judge(asked, runs),
        Heading("Every verdict"),
        *_verdicts(path, asked, runs),
    ]
    return render("Captions", f"Captions of {len(asked.facts)} videos", blocks)


def _differences(runs: Sequence[CaptionRun]) -> list[Block]:
    means = {
        model: sample_means([published_scores(run.judged) for run in some], "caption")
        for model, some in models_of(runs).items()
    }
    if len(means) < 2:
        return []
    first = max(means, key=lambda model: fmean(means[model].values()) if means[model] else -9.0)
    rows = [
        [model, with_interval(bootstrap_difference(own, means[first]), as_percent=False)]
        for model, own in means.items()
        if model != first
    ]
    text = f"Published caption score less that of {first}, over the samples that both have (paired bootstrap)."
    return [
        Heading("Differences"),
        Paragraph(text),
        Table("Differences", ["model", "#difference"], rows, is_narrow=True),
    ]


def _capability_tables(
    asked: CaptionFacts, runs: Sequence[CaptionRun], axes: Mapping[str, tuple[str, ...]]
) -> list[Block]:
    heads = [f"#{model}" for model in models_of(runs)]
    groups = {name: (name,) for name in CAPABILITIES}
    tables: list[Block] = []
    for title, some in (("By capability", groups), ("By axis", dict(axes))):
        rows = []
        for name, capabilities in some.items():
            cells = []
            for own in models_of(runs).values():
                scores = [one for run in own for one in good(published_scores(run.judged))]
                cells.append(" / ".join(_part_of(scores, capabilities, part) for part in PARTS[:2]))
            rows.append([name.replace("_", " "), *cells])
        tables += [Heading(title), Paragraph("Consistency / coverage, means over the samples that have such facts.")]
        tables.append(Table(title, [title.removeprefix("By "), *heads], rows))
    return tables


def _part_of(scores: Sequence[CaptionScore], capabilities: Sequence[str], part: str) -> str:
    means = []
    for one in scores:
        known = [v for name in capabilities if (v := getattr(one.counts[name], part)) is not None]
        means += [fmean(known)] if known else []
    return percent(fmean(means)) if means else "-"


def _datasets(asked: CaptionFacts, runs: Sequence[CaptionRun]) -> list[Block]:
    names = sorted({asked.dataset(name) for name in asked.facts})
    rows = []
    for dataset in names:
        cells = []
        for own in models_of(runs).values():
            pairs = [(published_scores(run.judged), repaired_scores(asked, run)) for run in own]
            both = [
                [one.caption for scores in side for one in scores.values() if asked.dataset(one.sample_id) == dataset
                 and (not one.error or k == 1)]
                for k, side in enumerate(zip(*pairs, strict=True))
            ]  # fmt: skip
            cells.append(" / ".join(f"{fmean(some):.4f}" if some else "-" for some in both))
        rows.append([dataset or "-", *cells])
    heads = ["data set", *(f"#{model}" for model in models_of(runs))]
    return [
        Heading("By data set"),
        Paragraph("Caption score, published / repaired."),
        Table("By data set", heads, rows),
    ]


def _judge(asked: CaptionFacts, runs: Sequence[CaptionRun]) -> list[Block]:
    rows, told = [], []
    for run in runs:
        flawed = judge_flaws(asked.facts, run.judged)
        failed = [one for one in run.judged.values() if one.error]
        without = len(set(asked.facts) - set(run.judged))
        rows.append([run.name, str(len(run.judged)), str(len(failed)), str(len(flawed)), str(without)])
        told += [f"{run.name}, {name}: {one}" for name, one in flawed.items()]
        told += [f"{run.name}, {one.sample_id}: {one.error}" for one in failed]
    heads = ["run", "#judged", "#failed", "#not every fact once", "#without a caption"]
    blocks: list[Block] = [Heading("The judge"), Table("The judge", heads, rows)]
    if told:
        blocks.append(Container("fold", [Items(told)], summary=f"{len(told)} lists of verdicts that are not complete"))
    again = []
    for name in dict.fromkeys(run.round for run in runs):
        own = [run for run in runs if run.round == name]
        if len(own) < 2:
            continue
        labels: dict[tuple[str, str], list[str]] = {}
        for run in own:
            for sample, one in run.judged.items():
                for verdict in {v.fact_id: v for v in one.verdicts}.values():
                    labels.setdefault((sample, verdict.fact_id), []).append(verdict.label)
        found = agreement(list(labels.values()))
        again.append([name, str(found.repeats), str(found.things), percent(found.share), f"{found.kappa:.2f}"])
    if again:
        heads = ["captions", "#repeats", "#facts", "#equal pairs", "#Fleiss's kappa"]
        blocks += [Paragraph("The same captions, judged several times."), Table("Agreement", heads, again)]
    return blocks


def _verdicts(path: Path, asked: CaptionFacts, runs: Sequence[CaptionRun]) -> list[Block]:
    blocks: list[Block] = []
    for name, facts in asked.facts.items():
        inner: list[Block] = []
        if name in asked.samples:
            inner += videos(find_views(asked.folder, asked.samples[name])[0], path)
        shown = [(run, run.judged[name]) for run in runs if name in run.judged]
        if not shown:
            continue
        for run, judged in shown:
            inner += _one_verdict(run, judged, facts, name)
        scores = ", ".join(f"{run.name} {score(judged).caption:.4f}" for run, judged in shown)
        blocks.append(Container("fold", inner, summary=f"{name}: {scores}"))
    return blocks


def _one_verdict(run: CaptionRun, judged: JudgedSample, facts: Sequence[AtomicFact], name: str) -> list[Block]:
    published, repaired = score(judged), repaired_score(facts, judged)
    changed = repairs_of(facts, judged, published, repaired)
    text = f"published {published.caption:.4f}, repaired {repaired.caption:.4f}"
    text += f" ({', '.join(changed)})" if changed else ""
    blocks: list[Block] = [Heading(f"{run.name}: {text}", level=3)]
    if steps := run.captions.get(name):
        blocks.append(Paragraph(lines([f"{k}. {step}" for k, step in enumerate(steps, 1)]), is_note=False))
    if judged.error:
        return [*blocks, Paragraph(warning(f"{MISSING}: {judged.error}"))]
    rows = [
        [
            v.capability,
            v.slot,
            v.gt_value,
            v.label if v.label == "match" else warning(v.label),
            v.evidence,
            soft(v.note),
        ]
        for v in judged.verdicts
    ]
    rows += [
        ["action_sequence", "-", one.get("description", ""), warning("hallucinated"), one.get("caption_step", ""),
         soft(one.get("note", ""))]
        for one in judged.hallucinations
    ]  # fmt: skip
    heads = ["capability", "slot", "truth", "verdict", "evidence", "note"]
    return [*blocks, Table(f"{name} {run.name}", heads, rows, wide=("truth", "evidence", "note"))]
