"""What an evaluation found, as tables for people (Markdown, HTML with videos) and for programs (JSON, Parquet)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finevla_core.errors import DamagedFileError
from finevla_core.recording.atomic_files import write_by, write_text
from finevla_core.text_files import read_json
from finevla_sim.tasks import FACTORS, TASKS
from finevla_tools.evaluation.baselines import BASELINES
from finevla_tools.evaluation.pair_videos import video_name
from finevla_tools.evaluation.runner import BUNDLE, as_row
from finevla_tools.evaluation.scene_counts import SUMMARY
from finevla_tools.evaluation.statistics import Share, average, plain
from finevla_tools.evaluation.trials import Case
from finevla_tools.report.html_page import Block, Container, Heading, Paragraph, Table, Video, bold, render, soft

TABLE, PAGE = "trials.parquet", "index.html"


def tables_of(summaries: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    """Return the result tables of one evaluation; `summaries` by contestant, the policy first."""
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
    found = [
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
    return [Table(*one) for one in found if any(cell != "-" for row in one[2] for cell in row[1:])]


def comparison_of(summaries: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    """Return a table that compares several policies, one per column."""
    names = list(summaries)
    rows = [[_words(f), *(str(summaries[n]["factors"][f]) for n in names)] for f in FACTORS]
    rows.append(["pairs, mean of the factors", *(_percent(average(summaries[n]["pairs"])) for n in names)])
    rows += [[f"success, {words}", *(str(summaries[n]["success"][words]) for n in names)] for words in ("fine", "raw")]
    rows.append(["success, hard", *(str(summaries[n]["hard"]["success"]) for n in names)])
    rows.append(["left hand to right bowl", *(str(summaries[n]["held_out"]) for n in names)])
    rows.append(["stopped by the safety gate", *(str(summaries[n].get("latched", "-")) for n in names)])
    return [Table("Side by side", ["", *names], rows)]


def markdown(tables: Sequence[Table]) -> str:
    """Format tables as Markdown, for files and the terminal."""
    parts = []
    for table in tables:
        lines = [f"**{table.name}**", "", f"| {' | '.join(table.heads)} |", f"|{'---|' * len(table.heads)}"]
        parts.append("\n".join([*lines, *(f"| {' | '.join(row)} |" for row in table.rows)]))
    return "\n\n".join(parts)


def write_reports(
    folder: Path,
    bundle: str,
    records: Mapping[str, Sequence[Mapping[str, Any]]],
    summaries: Mapping[str, Mapping[str, Any]],
    shown: Sequence[Case],
    stack: Mapping[str, Any] | None,
) -> None:
    """Write summary.json, trials.parquet and index.html to `folder`, each atomically."""
    data = {"bundle": bundle, "contestants": plain(dict(summaries)), "stack": plain(dict(stack)) if stack else None}
    write_text(folder / SUMMARY, json.dumps(data, indent=1))
    write_parquet(folder / TABLE, [record for some in records.values() for record in some])
    write_text(folder / PAGE, _page(bundle, tables_of(summaries), records[BUNDLE], summaries, shown, stack))


def read_summary(folder: Path) -> dict[str, Any]:
    """Read the policy's summary from a finished evaluation's folder; shares become `Share` again.

    Raises `FineVLAError` for a file that is none.
    """
    data = read_json(folder / SUMMARY)
    try:
        found: dict[str, Any] = _shares(data["contestants"][BUNDLE])
    except (KeyError, TypeError, IndexError) as error:
        raise DamagedFileError(
            f"'{folder / SUMMARY}' is no summary of 'finevla evaluate'; give that command once more, trials that are done stay"
        ) from error
    return found


def write_parquet(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write a Parquet table with one row per trial; columns `obeyed_*` come last."""
    rows = [as_row(dict(record)) for record in records]
    names = sorted({name for row in rows for name in row}, key=lambda n: (n.startswith("obeyed_"), n))
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    write_by(path, lambda temporary: pq.write_table(table, temporary))


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
    blocks: list[Block] = [
        Paragraph(
            f"{policy['trials']} trials in scenes that training never had, with phrasings kept for tests. "
            f"Shares with 95 % Wilson intervals. The safety gate refused {chunks['refused']} of "
            f"{chunks['accepted'] + chunks['refused']} chunks and stopped the arms in {policy['latched']} trials; "
            f"{seconds['simulated']:.0f} s of robot time."
        )
    ]
    for table in tables:
        heads = [table.heads[0], *(f"#{name}" for name in table.heads[1:])]
        rows = [[row[0], *(_with_interval(cell) for cell in row[1:])] for row in table.rows]
        blocks += [Heading(table.name), Table(table.name, heads, rows, is_sortable=len(rows) > 2)]
    said = [f"{name}: {text}" for name, text in BASELINES.items() if name in summaries]
    if said:
        blocks.append(Paragraph(f"{'. '.join(said)}."))
    if stack:
        text = (
            f"{stack['trials']} of the trials ran through the ROS nodes as well. Obeyed: {stack['obeyed']['stack']} there, "
            f"{stack['obeyed']['direct']} directly; the same verdict on {stack['agree']}."
        )
        blocks += [Heading("Through the whole stack"), Paragraph(text, is_note=False)]
    if shown:
        texts = {(r["kind"], r["task"], r["number"], r["member"]): r["text"] for r in records}
        blocks.append(Heading("Pairs, side by side"))
        blocks.append(Paragraph("The first pairs of each factor, not chosen, at twice real time."))
        blocks.append(Container("videos", [_video(case, texts) for case in shown]))
    return render(f"{bundle}: evaluation", f"{bundle}: does it do as told?", blocks)


def _with_interval(cell: str) -> str:
    """The share, its interval and count smaller beside it."""
    share, _, interval = cell.partition(" ")
    return share + soft(interval)


def _video(case: Case, texts: Mapping[tuple[str, str, int, int], str]) -> Video:
    both = [texts.get((case.kind, case.task, case.number, member), "") for member in (0, 1)]
    return Video(f"videos/{video_name(case)}", bold(_words(case.kind)) + f": “{both[0]}” / “{both[1]}”")


def _asked(name: str) -> tuple[str, ...]:
    """Which wordings a contestant hears: the oracle hears none."""
    return ("fine", "raw") if name == BUNDLE else ("fine",)


def _shares(data: Any) -> Any:
    """Restore the `Share` objects and NaNs of a summary that `plain` made."""
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
