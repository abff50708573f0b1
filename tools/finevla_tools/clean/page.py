"""The report's page: what was dropped and why, a histogram per check with its threshold, traces of the worst episodes.

One file that can be sent: charts are inline, nothing is loaded from anywhere. `plots/` has the histograms as pictures too.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from finevla_core.plural_phrases import counted
from finevla_core.recording.atomic_files import write_bytes, write_text
from finevla_tools.clean.checks import CHECKS, Array
from finevla_tools.clean.episode_measures import MeasurePlan, signals
from finevla_tools.clean.keep_decisions import FLAGGED, SKIPPED, DecisionRow, Decisions, EpisodeDecision, Threshold
from finevla_tools.datasets.lerobot_files import LeRobotFiles
from finevla_tools.number_format import duration, number
from finevla_tools.report import html_page as report
from finevla_tools.report.charts import Histogram, histogram, histogram_chart, traces_chart
from finevla_tools.report.svg import Drawing, png_sheet

PAGE, SHEET = "index.html", "plots/histograms.png"
LISTED, TRACED, TRACED_VALUES = 200, 8, 14


def write_page(folder: Path, dataset: LeRobotFiles, plan: MeasurePlan, decisions: Decisions) -> None:
    """Write index.html and plots/histograms.png to `folder`, each atomically."""
    name, charts = dataset.root.resolve().name, _charts(decisions)
    drawings = [(rows, h, histogram_chart(h, CHECKS[rows[0].check].unit, _label(rows[0]))) for rows, h in charts]
    said = "One episode counts once; red is flagged, the dashed line the threshold. Point at a bar for its range."
    blocks = [
        *_head(dataset, plan, decisions),
        *_checks(decisions),
        report.Heading("How the values lie"),
        report.Paragraph(said),
        report.Container("charts", [_figure(*one) for one in drawings]),
        *_worst(dataset, plan, decisions),
        *_dropped(decisions),
    ]
    page = report.render(f"{name}: cleaning", f"{name}: what is wrong with which episode", blocks)
    write_text(folder / PAGE, page)
    (folder / SHEET).parent.mkdir(exist_ok=True)
    named = [(f"{_label(rows[0])} [{CHECKS[rows[0].check].unit}]", drawing) for rows, _, drawing in drawings]
    kept = len(decisions.episodes) - len(decisions.dropped)
    write_bytes(
        folder / SHEET, png_sheet(named, f"{name}: {kept} of {counted(len(decisions.episodes), 'episode')} kept")
    )


def _head(dataset: LeRobotFiles, plan: MeasurePlan, decisions: Decisions) -> list[report.Block]:
    some, dropped = decisions.episodes, decisions.dropped
    noted = sum(e.keep and bool(e.reasons) for e in some)
    seconds = sum(e.rows for e in some) / dataset.fps
    kept = sum(e.rows for e in some if e.keep) / dataset.fps
    cells = [
        (f"{len(some):,}", "episodes"),
        (f"{len(some) - len(dropped):,}", "kept"),
        (f"{len(dropped):,}", "dropped"),
        (f"{noted:,}", "kept with a note"),
        (duration(kept), f"of {duration(seconds)} kept"),
    ]
    return [
        report.Paragraph(
            f"LeRobot {dataset.version}, {dataset.fps:g} frames per second, robot {dataset.robot or 'not stated'}; limits of "
            f"{plan.robot or 'no robot file'}; field map {plan.map.name if plan.map else 'none'}. Nothing was deleted: the "
            "table is " + report.code("checks.parquet") + " and " + report.code("episodes.parquet") + "."
        ),
        report.KeyNumbers(cells, 1 - len(dropped) / max(len(some), 1), loss="dropped" if dropped else ""),
        *(report.Paragraph(f"Metadata: {problem}.") for problem in dataset.problems[:5]),
    ]


def _checks(decisions: Decisions) -> list[report.Block]:
    rows = []
    for (name, part), threshold in _in_order(decisions):
        own = [r for r in decisions.rows if (r.check, r.part) == (name, part)]
        flagged = sum(r.verdict == FLAGGED for r in own)
        if not flagged:
            continue
        check = CHECKS[name]
        limit = "-" if threshold.value is None else f"{number(threshold.value)} {check.unit}"
        limit = f"{'at least' if check.is_low_bad else 'at most'} {limit}"
        name = report.lines([report.bold(_label(own[0])), report.soft(check.looks_for)])
        then = "note" if check.notes else "drop"
        rows.append([name, report.warning(f"{flagged:,}"), limit, threshold.source, then])
    clean = sorted({n for n, _ in decisions.thresholds} - {r.check for r in decisions.rows if r.verdict == FLAGGED},
                   key=list(CHECKS).index)  # fmt: skip
    skipped = {r.check: r.reason for r in decisions.rows if r.verdict == SKIPPED}
    heads = ["check", "#episodes", "threshold", "where it comes from", "then"]
    return [
        report.Heading("What was found"),
        report.Table("What was found", heads, rows) if rows else report.Paragraph("Nothing.", is_note=False),
        *([report.Paragraph(f"Nothing found by: {', '.join(clean)}.")] if clean else []),
        *(report.Paragraph(f"Not looked at: {n} - {why}.") for n, why in skipped.items()),
    ]


def _dropped(decisions: Decisions) -> list[report.Block]:
    dropped = [e for e in decisions.episodes if not e.keep]
    if not dropped:
        return []
    rows = [
        [str(e.episode), f"{e.rows:,}", "; ".join(e.tasks)[:120], report.lines(e.reasons)] for e in dropped[:LISTED]
    ]
    more = [report.Paragraph(f"{len(dropped) - LISTED} more are in episodes.parquet.")] if len(dropped) > LISTED else []
    heads = ["#episode", "#frames", "task", "why"]
    return [
        report.Heading("Dropped episodes"),
        report.Table("Dropped episodes", heads, rows, wide=["task", "why"]),
        *more,
    ]


def _charts(decisions: Decisions) -> list[tuple[list[DecisionRow], Histogram]]:
    """Those of checks that flagged something first."""
    found = []
    for (name, part), threshold in _in_order(decisions):
        own = [r for r in decisions.rows if (r.check, r.part) == (name, part) and r.value is not None]
        values = [r.value for r in own if r.value is not None]
        if not values or (len(set(values)) == 1 and not any(r.verdict == FLAGGED for r in own)):
            continue  # a single bar says nothing
        marks = [r.verdict == FLAGGED for r in own]
        found.append((own, histogram(values, marks, threshold.value, CHECKS[name].scale == "log")))
    return sorted(found, key=lambda f: not any(r.verdict == FLAGGED for r in f[0]))


def _figure(rows: list[DecisionRow], chart: Histogram, picture: Drawing) -> report.Figure:
    check = CHECKS[rows[0].check]
    flagged = sum(r.verdict == FLAGGED for r in rows)
    beyond = f" {chart.beyond} infinite, without a bar." if chart.beyond else ""
    said = f"{flagged} of {len(rows)} flagged." if flagged else f"{counted(len(rows), 'episode')}."
    text = f" {check.looks_for}, {check.unit}{' (log)' if chart.is_log else ''}. {said}{beyond}"
    return report.Figure(report.bold(_label(rows[0])) + text, [picture], is_flagged=bool(flagged))


def _worst(dataset: LeRobotFiles, plan: MeasurePlan, decisions: Decisions) -> list[report.Block]:
    """Traces of the episodes with most to look at; those whose files cannot be read have none."""
    flagged = [e for e in decisions.episodes if e.reasons]
    flagged.sort(key=lambda e: (e.keep, -len(e.reasons)))
    files = {e.index: e for e in dataset.episodes}
    parts: list[report.Block] = []
    for episode in _varied(flagged, decisions):
        try:
            s = signals(dataset, plan, files[episode.episode])
        except Exception:  # whatever is wrong with it is in its reasons
            continue
        own = [r for r in decisions.rows if r.episode == episode.episode and r.verdict == FLAGGED]
        marks = [r.frame for r in own if r.frame is not None]
        shown = _shown(s.state)
        action = s.action[:, [i for i in shown if i < s.action.shape[1]]]
        names = [s.state_names[i] for i in shown]
        title = f"State and action of episode {episode.episode}"
        trace = traces_chart(s.state[:, shown], action, names, marks, dataset.fps, title)
        summary = (
            f"Episode {episode.episode}, {'kept' if episode.keep else 'dropped'}: {'; '.join(episode.tasks)[:100]}"
        )
        parts.append(
            report.Container("fold", [report.Items(episode.reasons), trace], summary=summary, is_open=len(parts) < 3)
        )
    if not parts:
        return []
    said = "Blue: state; orange, dashed: action; red: the frames that the reasons name. Each strip is scaled to itself."
    return [report.Heading("Worst episodes"), report.Paragraph(said), *parts]


def _varied(flagged: Sequence[EpisodeDecision], decisions: Decisions) -> list[EpisodeDecision]:
    """A few, of as many kinds of defect as possible."""
    kinds: dict[int, set[str]] = {}
    for row in decisions.rows:
        if row.verdict == FLAGGED:
            kinds.setdefault(row.episode, set()).add(row.check)
    seen: set[str] = set()
    new: list[EpisodeDecision] = []
    rest: list[EpisodeDecision] = []
    for episode in flagged:
        (new if kinds.get(episode.episode, set()) - seen else rest).append(episode)
        seen |= kinds.get(episode.episode, set())
    return [*new, *rest][:TRACED]


def _shown(state: Array) -> list[int]:
    """Which values: all of an arm or two, else those that move most."""
    width = state.shape[1]
    if width <= TRACED_VALUES:
        return list(range(width))
    with np.errstate(all="ignore"):
        spread = np.nan_to_num(np.nanstd(state, axis=0)) if len(state) else np.zeros(width)
    return sorted(np.argsort(-spread)[:TRACED_VALUES].tolist())


def _in_order(decisions: Decisions) -> list[tuple[tuple[str, str], Threshold]]:
    order = list(CHECKS)
    return sorted(decisions.thresholds.items(), key=lambda t: (order.index(t[0][0]), t[0][1]))


def _label(row: DecisionRow) -> str:
    return row.check.replace("_", " ") + (f", {row.part}" if row.part else "")
