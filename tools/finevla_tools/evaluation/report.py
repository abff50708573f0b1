"""What an evaluation found, as tables for people (Markdown, HTML with videos) and for programs (JSON, Parquet)."""

import html
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finevla_sim.tasks import FACTORS, TASKS
from finevla_tools.evaluation.contestants import BASELINES
from finevla_tools.evaluation.runner import BUNDLE, as_row
from finevla_tools.evaluation.statistics import Share, average, plain
from finevla_tools.evaluation.trials import Case
from finevla_tools.evaluation.videos import video_name

SUMMARY, TABLE, PAGE = "summary.json", "trials.parquet", "index.html"

Table = tuple[str, list[str], list[list[str]]]  # title, head, rows

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2126; background: #fbfbf9 }
body { margin: 2rem auto; max-width: 68rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2.2rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid #ddd }
td + td, th + th { font-variant-numeric: tabular-nums } th { font-weight: 600; background: #f0f0ec }
.note { color: #5a646e } .videos { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }
video { width: 100%; border-radius: 4px } figure { margin: 0 } figcaption { font-size: .85rem; color: #5a646e }
"""


def tables_of(summaries: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    """Tables of one evaluation: contestants by name, the policy first."""
    names = list(summaries)
    told = [[_words(f), *(str(summaries[n]["factors"][f]) for n in names)] for f in FACTORS]
    pairs = [[_words(f), *(str(summaries[n]["pairs"][f]) for n in names)] for f in FACTORS]
    pairs.append(["mean of the factors", *(_percent(average(summaries[n]["pairs"])) for n in names)])
    tasks = [
        [_words(task), *(str(summaries[n]["tasks"][task][words]) for n in names for words in _asked(n))]
        for task in TASKS
    ]
    tasks.append(["all", *(str(summaries[n]["success"][words]) for n in names for words in _asked(n))])
    tasks.append(["mean score of 100", *(_points(summaries[n]["score"][words]) for n in names for words in _asked(n))])
    policy = summaries[names[0]]
    hard = [[_words(f), str(policy["hard"]["factors"][f])] for f in FACTORS]
    hard.append(["task success", str(policy["hard"]["success"])])
    heads = [f"{n}, {words}" if len(_asked(n)) > 1 else n for n in names for words in _asked(n)]
    found: list[Table] = [
        ("Obedience by factor, easy unseen scenes, fine instructions", ["factor", *names], told),
        ("Pairs: one factor of the sentence changed, and the execution changed as told", ["factor", *names], pairs),
        ("Task success", ["task", *heads], tasks),
        ("Hard scenes: light, table, clutter, cameras, friction", ["factor", names[0]], hard),
        (
            "Left hand to right bowl, which no training data has",
            ["", *names],
            [["task success with that hand", *(str(summaries[n]["held_out"]) for n in names)]],
        ),
    ]
    return [(title, head, rows) for title, head, rows in found if any(cell != "-" for row in rows for cell in row[1:])]


def comparison_of(summaries: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    """The same numbers of several policies beside each other."""
    names = list(summaries)
    rows = [[_words(f), *(str(summaries[n]["factors"][f]) for n in names)] for f in FACTORS]
    rows.append(["pairs, mean of the factors", *(_percent(average(summaries[n]["pairs"])) for n in names)])
    rows += [[f"success, {words}", *(str(summaries[n]["success"][words]) for n in names)] for words in ("fine", "raw")]
    rows.append(["success, hard", *(str(summaries[n]["hard"]["success"]) for n in names)])
    rows.append(["left hand to right bowl", *(str(summaries[n]["held_out"]) for n in names)])
    rows.append(["stopped by the safety gate", *(str(summaries[n].get("latched", "-")) for n in names)])
    return [("Side by side", ["", *names], rows)]


def markdown(tables: Sequence[Table]) -> str:
    """For the terminal and for README files."""
    parts = []
    for title, head, rows in tables:
        lines = [f"**{title}**", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        parts.append("\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]))
    return "\n\n".join(parts)


def write_reports(
    folder: Path,
    bundle: str,
    records: Mapping[str, Sequence[Mapping[str, Any]]],
    summaries: Mapping[str, Mapping[str, Any]],
    shown: Sequence[Case],
    stack: Mapping[str, Any] | None,
) -> None:
    """`summary.json`, `trials.parquet` and `index.html`, each whole or not at all."""
    data = {"bundle": bundle, "contestants": plain(dict(summaries)), "stack": plain(dict(stack)) if stack else None}
    _write(folder / SUMMARY, json.dumps(data, indent=1).encode())
    write_parquet(folder / TABLE, [record for some in records.values() for record in some])
    _write(folder / PAGE, _page(bundle, tables_of(summaries), records[BUNDLE], summaries, shown, stack).encode())


def read_summary(folder: Path) -> dict[str, Any]:
    """The policy's summary of an evaluation as it was written, with its shares."""
    data = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    found: dict[str, Any] = _shares(data["contestants"][BUNDLE])
    return found


def write_parquet(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """One row per trial."""
    rows = [as_row(dict(record)) for record in records]
    names = sorted({name for row in rows for name in row}, key=lambda n: (n.startswith("obeyed_"), n))
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), temporary)
    os.replace(temporary, path)


def _page(
    bundle: str,
    tables: Sequence[Table],
    records: Sequence[Mapping[str, Any]],
    summaries: Mapping[str, Mapping[str, Any]],
    shown: Sequence[Case],
    stack: Mapping[str, Any] | None,
) -> str:
    policy = next(iter(summaries.values()))
    chunks, seconds = policy["chunks"], policy["seconds"]
    parts = [
        f"<h1>{html.escape(bundle)}: does it do as told?</h1>",
        f"<p class=note>{policy['trials']} trials in scenes that training never had, with phrasings kept for tests. "
        f"Shares with 95 % Wilson intervals. The safety gate refused {chunks['refused']} of "
        f"{chunks['accepted'] + chunks['refused']} chunks and stopped the arms in {policy['latched']} trials; "
        f"{seconds['simulated']:.0f} s of robot time.</p>",
    ]
    for title, head, rows in tables:
        cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
        parts.append(f"<h2>{html.escape(title)}</h2><table><tr>{cells}</tr>{body}</table>")
    said = [f"{name}: {text}" for name, text in BASELINES.items() if name in summaries]
    if said:
        parts.append(f"<p class=note>{html.escape('. '.join(said))}.</p>")
    if stack:
        parts.append(
            "<h2>Through the whole stack</h2>"
            f"<p>{stack['trials']} of the trials ran through the ROS nodes as well. Obeyed: "
            f"{stack['obeyed']['stack']} there, {stack['obeyed']['direct']} directly; the same verdict on "
            f"{stack['agree']}.</p>"
        )
    if shown:
        parts.append(
            "<h2>Pairs, side by side</h2><p class=note>The first pairs of each factor, not chosen, at twice real time."
            "</p><div class=videos>"
        )
        texts = {(r["kind"], r["task"], r["number"], r["member"]): r["text"] for r in records}
        for case in shown:
            both = [texts.get((case.kind, case.task, case.number, member), "") for member in (0, 1)]
            parts.append(
                f"<figure><video src='videos/{video_name(case)}' controls muted loop preload=metadata></video>"
                f"<figcaption>{_words(case.kind)}: “{html.escape(both[0])}” / “{html.escape(both[1])}”</figcaption></figure>"
            )
        parts.append("</div>")
    title = f"<title>{html.escape(bundle)}: evaluation</title>"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>{title}"
        f"<style>{STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _asked(name: str) -> tuple[str, ...]:
    """Which wordings a contestant hears: the oracle hears none."""
    return ("fine", "raw") if name == BUNDLE else ("fine",)


def _shares(data: Any) -> Any:
    """Undo `plain`."""
    if isinstance(data, dict) and {"right", "trials", "low", "high"} <= set(data):
        return Share(data["right"], data["trials"], data["low"], data["high"])
    if isinstance(data, dict):
        return {key: _shares(value) for key, value in data.items()}
    return float("nan") if data is None else data


def _words(name: str) -> str:
    return name.replace("_", " ")


def _percent(value: float) -> str:
    return "-" if value != value else f"{value:.1%}"


def _points(value: float) -> str:
    return "-" if value != value else f"{value:.0f}"


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)
