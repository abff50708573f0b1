"""The report's page: what was dropped and why, a histogram per check with its threshold, traces of the worst episodes.

One file that can be sent: charts are inline, nothing is loaded from anywhere. `plots/` has the histograms as pictures too.
"""

import html
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_tools.clean.charts import Histogram, histogram, number, png_sheet, svg_histogram, svg_traces
from finevla_tools.clean.checks import CHECKS, Array
from finevla_tools.clean.decide import FLAGGED, SKIPPED, Decision, Decisions, Row, Threshold
from finevla_tools.clean.measure import Plan, signals
from finevla_tools.datasets.lerobot_files import LeRobotFiles

PAGE, SHEET = "index.html", "plots/histograms.png"
LISTED, TRACED, TRACED_VALUES = 200, 8, 14

STYLE = """
:root { --ink: #1c2126; --soft: #5a646e; --paper: #fbfbf9; --rule: #dcdcd6; --good: #7d96ab; --bad: #c8452f; --card: #fff }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto; max-width: 74rem;
  padding: 0 1.2rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.4rem 0 .6rem }
.note { color: var(--soft); margin: .3rem 0 } .numbers { display: flex; gap: 2.4rem; margin: 1.2rem 0; flex-wrap: wrap }
.numbers b { font-size: 1.9rem; display: block; line-height: 1.15; font-variant-numeric: tabular-nums }
.numbers .drop b { color: var(--bad) }
.bar { display: flex; height: 10px; border-radius: 3px; overflow: hidden; background: var(--good) }
.bar i { background: var(--bad) }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
td, th { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top }
th { font-weight: 600 } td.n, th.n { text-align: right } .flag { color: var(--bad); font-weight: 600 }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem }
figure { margin: 0; background: var(--card); border: 1px solid var(--rule); border-radius: 6px; padding: .7rem .8rem }
figure.hit { border-color: var(--bad) } figcaption { font-size: .85rem; color: var(--soft); min-height: 2.6em }
figcaption b { color: var(--ink); font-size: .95rem } svg { width: 100%; height: auto; display: block }
.good { fill: var(--good) } .bad { fill: var(--bad) } .axis { stroke: #9aa3ab } line.limit { stroke: var(--bad);
  stroke-dasharray: 4 3 } text { font: 10px system-ui, sans-serif; fill: var(--soft) } text.limit { fill: var(--bad) }
.traces { max-width: 52rem } .state { fill: none; stroke: #1f4e79; stroke-width: 1.4 } .name { fill: var(--ink) }
.action { fill: none; stroke: #e08a2e; stroke-width: 1.2; stroke-dasharray: 3 2 } .mark { fill: var(--bad); opacity: .25 }
details { border: 1px solid var(--rule); border-radius: 6px; background: var(--card); padding: .6rem .9rem; margin: .6rem 0 }
summary { cursor: pointer; font-weight: 600 } ul { margin: .3rem 0 .6rem; padding-left: 1.2rem }
"""


def write_page(folder: Path, dataset: LeRobotFiles, plan: Plan, decisions: Decisions) -> None:
    """`index.html` and `plots/histograms.png`, each whole or not at all."""
    charts = _charts(decisions)
    parts = [_head(dataset, plan, decisions)]
    parts.append(_checks(decisions))
    parts.append("<h2>How the values lie</h2><p class=note>One episode counts once; red is flagged, the dashed line the "
                 "threshold. Point at a bar for its range.</p><div class=charts>")  # fmt: skip
    parts += [_figure(rows, chart, decisions) for rows, chart in charts]
    parts.append("</div>")
    parts.append(_worst(dataset, plan, decisions))
    parts.append(_dropped(decisions))
    title = html.escape(dataset.root.resolve().name)
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}: cleaning</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )
    _write(folder / PAGE, page.encode())
    (folder / SHEET).parent.mkdir(exist_ok=True)
    sheet = png_sheet([(f"{_label(rows[0])} [{CHECKS[rows[0].check].unit}]", chart) for rows, chart in charts],
                      f"{dataset.root.resolve().name}: {_said(decisions)}")  # fmt: skip
    _write(folder / SHEET, sheet)


def _head(dataset: LeRobotFiles, plan: Plan, decisions: Decisions) -> str:
    some, dropped = decisions.episodes, decisions.dropped
    noted = sum(e.keep and bool(e.reasons) for e in some)
    hours = sum(e.rows for e in some) / dataset.fps / 3600
    kept = sum(e.rows for e in some if e.keep) / dataset.fps / 3600
    cells = [
        ("", len(some), "episodes"),
        ("", len(some) - len(dropped), "kept"),
        ("drop", len(dropped), "dropped"),
        ("", noted, "kept with a note"),
        ("", _time(kept), f"of {_time(hours)} kept"),
    ]
    numbers = "".join(f"<div class='{kind}'><b>{value}</b>{html.escape(text)}</div>" for kind, value, text in cells)
    share = 100 * len(dropped) / max(len(some), 1)
    problems = "".join(f"<p class=note>Metadata: {html.escape(p)}.</p>" for p in dataset.problems[:5])
    return (
        f"<h1>{html.escape(dataset.root.resolve().name)}: what is wrong with which episode</h1>"
        f"<p class=note>LeRobot {html.escape(dataset.version)}, {dataset.fps:g} frames per second, "
        f"robot {html.escape(dataset.robot or 'not stated')}; limits of {html.escape(plan.robot or 'no robot file')}; "
        f"field map {html.escape(plan.map.name if plan.map else 'none')}. Nothing was deleted: the table is "
        "<code>checks.parquet</code> and <code>episodes.parquet</code>.</p>"
        f"<div class=numbers>{numbers}</div>"
        f"<div class=bar><span style='width:{100 - share:.2f}%'></span><i style='width:{share:.2f}%'></i></div>{problems}"
    )


def _checks(decisions: Decisions) -> str:
    lines = []
    for (name, part), threshold in _in_order(decisions):
        own = [r for r in decisions.rows if (r.check, r.part) == (name, part)]
        flagged = sum(r.verdict == FLAGGED for r in own)
        if not flagged:
            continue
        check = CHECKS[name]
        line = "-" if threshold.value is None else f"{number(threshold.value)} {check.unit}"
        lines.append(
            f"<tr><td><b>{html.escape(_label(own[0]))}</b><br><span class=note>{html.escape(check.looks_for)}</span>"
            f"<td class='n flag'>{flagged}<td class=n>{'at least' if check.is_low_bad else 'at most'} {html.escape(line)}"
            f"<td>{html.escape(threshold.source)}<td>{'note' if check.notes else 'drop'}"
        )
    clean = sorted({n for n, _ in decisions.thresholds} - {r.check for r in decisions.rows if r.verdict == FLAGGED},
                   key=list(CHECKS).index)  # fmt: skip
    skipped = {r.check: r.reason for r in decisions.rows if r.verdict == SKIPPED}
    said = f"<p class=note>Nothing found by: {html.escape(', '.join(clean))}.</p>" if clean else ""
    said += "".join(
        f"<p class=note>Not looked at: {html.escape(n)} - {html.escape(why)}.</p>" for n, why in skipped.items()
    )
    if not lines:
        return f"<h2>What was found</h2><p>Nothing.</p>{said}"
    head = "<tr><th>check<th class=n>episodes<th class=n>threshold<th>where it comes from<th>then"
    return f"<h2>What was found</h2><table>{head}{''.join(lines)}</table>{said}"


def _dropped(decisions: Decisions) -> str:
    dropped = [e for e in decisions.episodes if not e.keep]
    if not dropped:
        return ""
    lines = [
        f"<tr><td class=n>{e.episode}<td class=n>{e.rows}<td>{html.escape('; '.join(e.tasks)[:120])}"
        f"<td>{'<br>'.join(html.escape(r) for r in e.reasons)}"
        for e in dropped[:LISTED]
    ]
    more = f"<p class=note>{len(dropped) - LISTED} more are in episodes.parquet.</p>" if len(dropped) > LISTED else ""
    head = "<tr><th class=n>episode<th class=n>frames<th>task<th>why"
    return f"<h2>Dropped episodes</h2><table>{head}{''.join(lines)}</table>{more}"


def _charts(decisions: Decisions) -> list[tuple[list[Row], Histogram]]:
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


def _figure(rows: list[Row], chart: Histogram, decisions: Decisions) -> str:
    check = CHECKS[rows[0].check]
    flagged = sum(r.verdict == FLAGGED for r in rows)
    beyond = f" {chart.beyond} infinite, without a bar." if chart.beyond else ""
    said = f"{flagged} of {len(rows)} flagged." if flagged else f"{len(rows)} episodes."
    return (
        f"<figure class='{'hit' if flagged else ''}'><figcaption><b>{html.escape(_label(rows[0]))}</b> "
        f"{html.escape(check.looks_for)}, {html.escape(check.unit)}{' (log)' if chart.is_log else ''}. {said}{beyond}"
        f"</figcaption>{svg_histogram(chart, check.unit)}</figure>"
    )


def _worst(dataset: LeRobotFiles, plan: Plan, decisions: Decisions) -> str:
    """Traces of the episodes with most to look at; those whose files cannot be read have none."""
    flagged = [e for e in decisions.episodes if e.reasons]
    flagged.sort(key=lambda e: (e.keep, -len(e.reasons)))
    files = {e.index: e for e in dataset.episodes}
    parts: list[str] = []
    for episode in _varied(flagged, decisions):
        try:
            s = signals(dataset, plan, files[episode.episode])
        except FineVLAError:
            continue
        marks = [
            r.frame
            for r in decisions.rows
            if r.episode == episode.episode and r.verdict == FLAGGED and r.frame is not None
        ]
        reasons = "".join(f"<li>{html.escape(r)}" for r in episode.reasons)
        shown = _shown(s.state)
        names = [s.state_names[i] for i in shown]
        trace = svg_traces(
            s.state[:, shown], s.action[:, [i for i in shown if i < s.action.shape[1]]], names, marks, dataset.fps
        )
        verdict = "kept" if episode.keep else "dropped"
        parts.append(
            f"<details {'open' if len(parts) < 3 else ''}><summary>Episode {episode.episode}, {verdict}: "
            f"{html.escape('; '.join(episode.tasks)[:100])}</summary><ul>{reasons}</ul>{trace}</details>"
        )
    if not parts:
        return ""
    return (
        "<h2>Worst episodes</h2><p class=note>Blue: state; orange, dashed: action; red: the frames that the reasons name. "
        f"Each strip is scaled to itself.</p>{''.join(parts)}"
    )


def _varied(flagged: Sequence[Decision], decisions: Decisions) -> list[Decision]:
    """A few, of as many kinds of defect as possible."""
    kinds: dict[int, set[str]] = {}
    for row in decisions.rows:
        if row.verdict == FLAGGED:
            kinds.setdefault(row.episode, set()).add(row.check)
    seen: set[str] = set()
    new: list[Decision] = []
    rest: list[Decision] = []
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


def _label(row: Row) -> str:
    return row.check.replace("_", " ") + (f", {row.part}" if row.part else "")


def _said(decisions: Decisions) -> str:
    return f"{len(decisions.episodes) - len(decisions.dropped)} of {len(decisions.episodes)} episodes kept"


def _time(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.1f} min"


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)
