"""Results of SteerBench for people: tables for the terminal and the documentation, and a page with videos of pairs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finevla_tools.evaluation.statistics import Share
from finevla_tools.report.html_page import Block, Container, Heading, Items, Paragraph, Table, Video, bold, render
from finevla_tools.steerbench.benchmark_settings import NAME, SETTINGS, VERSION
from finevla_tools.steerbench.cases import SteerCase
from finevla_tools.steerbench.partial_credit import TEXTS, WEIGHTS
from finevla_tools.steerbench.result_files import cases_of_rows, paired_differences, summarise_rows
from finevla_tools.steerbench.runner import Row
from finevla_tools.steerbench.sequential_test import verdict

PAGE, VIDEOS = "index.html", "videos"
HEADS = ("setting", "points", "solved", "steered", "both of a pair", "by chance", "cases")


def result_tables(rows: Sequence[Row]) -> list[Table]:
    """Return a table of points and shares for each level in the rows."""
    return [
        Table(
            f"{level.capitalize()} scenes: points of 100 with their standard error, shares with 95 % Wilson intervals",
            HEADS,
            lines,
        )
        for level, summary in summarise_rows(rows).items()
        if (lines := _lines(summary))
    ]


def milestone_tables(rows: Sequence[Row]) -> list[Table]:
    """Return the mean share of each milestone, by setting, for each level in the rows."""
    found = []
    for level, summary in summarise_rows(rows).items():
        lines = [
            [_said(name), *(_percent(setting["milestones"].get(m)) for m in WEIGHTS)]
            for name, setting in summary["settings"].items()
        ]
        found.append(
            Table(
                f"{level.capitalize()} scenes: milestones, share of what was to be earned", ["setting", *WEIGHTS], lines
            )
        )
    return found


def comparison_tables(results: Mapping[str, Sequence[Row]], margin: float) -> list[Table]:
    """Return points side by side, and what the sequential test says of each result beside the first one."""
    names = list(results)
    summaries = {name: summarise_rows(rows) for name, rows in results.items()}
    found = []
    for level in {level: None for summary in summaries.values() for level in summary}:
        some = [name for name in names if level in summaries[name]]
        lines = [
            [_said(setting), *(_points(summaries[name][level]["settings"].get(setting)) for name in some)]
            for setting in SETTINGS
        ]
        means = {mean: None for name in some for mean in summaries[name][level]["means"]}
        lines += [[mean, *(_points(summaries[name][level]["means"].get(mean)) for name in some)] for mean in means]
        found.append(
            Table(f"{level.capitalize()} scenes: points of 100 with their standard error", ["setting", *some], lines)
        )
        if len(some) > 1:
            verdicts = {name: verdicts_of(results[some[0]], results[name], level, margin) for name in some[1:]}
            lines = [[_said(what), *(verdicts[name][what] for name in some[1:])] for what in ("all", *SETTINGS)]
            what_is_told = f"equal = within {margin:g} points; each line at 95 %, at any time"
            title = f"{level.capitalize()} scenes: beside {some[0]}, {what_is_told}"
            found.append(Table(title, ["setting", *some[1:]], lines))
    return found


def verdicts_of(one: Sequence[Row], other: Sequence[Row], level: str, margin: float) -> dict[str, str]:
    """Return what the sequential test says of `other` beside `one`: over all settings ("all") and for each."""
    found = {}
    for what, settings in {"all": tuple(SETTINGS), **{name: (name,) for name in SETTINGS}}.items():
        found[what] = str(verdict(paired_differences(one, other, level, settings), margin))
    return found


def result_page(policy: Mapping[str, Any], rows: Sequence[Row], shown: Sequence[SteerCase]) -> str:
    """Return the page of one result; `shown` are the cases that have a video in `videos`."""
    faults = [row for row in rows if row["fault"]]
    where = "; its weights are on a server, and cannot be told apart" if policy["is_on_server"] else ""
    blocks: list[Block] = [
        Paragraph(
            f"{NAME} {VERSION}: {len(rows)} trials in frozen scenes, with sentences kept for tests. Policy: {policy['name']} "
            f"{policy['sha256'][:12]}{where}. Solved: all 100 points. Steered: what the setting is about was done as told. "
            "By chance: how often a goal drawn at random in the scene is the same in it."
        )
    ]
    for table in (*result_tables(rows), *milestone_tables(rows)):
        heads = [table.heads[0], *(f"#{head}" for head in table.heads[1:])]
        blocks += [Heading(table.name), Table(table.name, heads, table.rows, is_sortable=False)]
    blocks += [Heading("Settings"), Items([bold(_said(s.name)) + f": {s.text}" for s in SETTINGS.values()])]
    blocks += [Heading("Milestones"), Items([bold(name) + f" ({WEIGHTS[name]}): {TEXTS[name]}" for name in WEIGHTS])]
    if faults:
        said = [
            f"{row['level']}/{row['setting']}/{row['number']}, trial {row['member']}: {row['fault']}" for row in faults
        ]
        blocks += [Heading(f"The policy failed in {len(faults)} trials, which count with 0 points"), Items(said)]
    if shown:
        texts = {key: [row["text"] for row in case] for key, case in cases_of_rows(rows).items()}
        videos = [
            Video(
                f"{VIDEOS}/{steer_video_name(case)}",
                bold(_said(case.setting)) + f", {case.level} scene: {_sentences(texts, case)}",
            )
            for case in shown
        ]
        blocks += [Heading("Pairs, side by side"), Container("videos", videos)]
        blocks.append(Paragraph("The first cases of each setting, not chosen, at twice real time."))
    return render(f"{policy['name']}: {NAME} {VERSION}", f"{policy['name']}: is it steerable?", blocks)


def steer_video_name(case: SteerCase) -> str:
    """Return the file name of a case's video."""
    return f"{case.level}_{case.setting}_{case.number}.mp4"


def videos_to_show(cases: Sequence[SteerCase], count: int, folder: Path) -> list[tuple[SteerCase, Path]]:
    """Return the first `count` cases of each setting and level, with the files of their videos."""
    return [(case, folder / VIDEOS / steer_video_name(case)) for case in cases if case.number < count]


def _lines(summary: Mapping[str, Any]) -> list[list[str]]:
    lines = [
        [
            _said(name),
            _points(s),
            *(_share(s[what]) for what in ("solved", "steered", "pairs")),
            _percent(s["chance"]),
            str(s["cases"]) + (f", {s['faults']} failed" if s["faults"] else ""),
        ]
        for name, s in summary["settings"].items()
    ]
    return [*lines, *([mean, _points(found), "", "", "", "", ""] for mean, found in summary["means"].items())]


def _sentences(texts: Mapping[tuple[str, str, int], Sequence[str]], case: SteerCase) -> str:
    return " / ".join(f"“{text}”" for text in texts.get((case.level, case.setting, case.number), ()))


def _said(name: str) -> str:
    return name.replace("_", " ")


def _points(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    error = found["standard_error"]
    return f"{found['points']:.1f}" + ("" if error != error else f" ± {error:.1f}")


def _share(found: Share) -> str:
    return f"{found.share:.0%} [{found.low:.0%}, {found.high:.0%}]" if found.trials else "-"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
