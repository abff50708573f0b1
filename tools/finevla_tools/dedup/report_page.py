"""The page of the dedup's report: the run, its groups, what was skipped, every episode with its reason."""

from collections.abc import Iterable, Sequence

import numpy as np

from finevla_core.plural_phrases import counted
from finevla_tools.dedup.distance_description import differences, in_words
from finevla_tools.dedup.group_page import PATHS, from_medoid, section
from finevla_tools.dedup.report_contents import GroupReport, Run
from finevla_tools.number_format import duration, number, percentage, shortened
from finevla_tools.report import html_page as report
from finevla_tools.report.distance_plots import agreement

FULL = 30  # groups with pictures
LISTED = 4000  # rows of a table: a browser still sorts them at once


def page(run: Run, groups: Sequence[GroupReport]) -> str:
    """HTML of it all; the largest group first."""
    order = sorted(range(len(groups)), key=lambda k: (-len(groups[k].ids), groups[k].name, k))
    reduced = sorted(order, key=lambda k: (_kept(groups[k]) - len(groups[k].ids), order.index(k)))
    full = set(order if len(order) <= FULL else reduced[:FULL])
    paths = PATHS // max(len(full), 1)
    arms = max((g.arms for g in groups), key=len, default=())
    blocks = [
        *_head(run, groups),
        *_how(run, arms),
        *_groups(groups, order, full),
        *(section(groups[k], run, f"g{k + 1}", paths) for k in order if k in full),
        *_skipped(run),
        *_episodes(run, groups, order),
    ]
    return report.render(f"{run.name}: what is alike", f"{run.name}: what is alike", blocks)


def _head(run: Run, groups: Sequence[GroupReport]) -> list[report.Block]:
    episodes, kept = sum(len(g.ids) for g in groups), sum(_kept(g) for g in groups)
    clusters = sum(len(g.clusters.medoids) for g in groups)
    cells = [
        (f"{episodes:,}", f"episodes compared, in {counted(len(groups), 'group')}"),
        (f"{clusters:,}", "clusters"),
        (f"{kept:,}", f"kept ({percentage(kept, episodes)})"),
        (f"{episodes - kept:,}", "not kept"),
        (f"{len(run.skipped):,}", "skipped, not compared"),
        (percentage(run.pairs - run.aligned, run.pairs), f"of {counted(run.pairs, 'pair')} never had to be aligned"),
        (duration(sum(run.seconds.values())), "in all"),
    ]
    said = "Episodes that do the same were gathered in clusters; of each cluster some are kept. Nothing was deleted: "
    return [
        report.Paragraph(said + "every decision is in " + report.code(run.table) + "."),
        report.KeyNumbers(cells, kept / max(episodes, 1)),
    ]


def _how(run: Run, arms: Sequence[str]) -> list[report.Block]:
    stages = ", ".join(f"{name} {duration(spent)}" for name, spent in run.seconds.items())
    mode = "FineVLA's own mode (compat)" if run.measure.compat else "the default mode"
    rows = [
        [report.bold(d.what), d.finevla, d.default, "yes" if d.matters else "no"]
        for d in differences(run.measure, len(arms))
    ]
    heads = ["what", "FineVLA's tool (compat)", "default", "concerns this run"]
    files = [report.code(name) + f": {what}" for name, what in run.files.items()]
    beside: list[report.Block] = (
        [report.Paragraph("Beside this page:", is_note=False), report.Items(files)] if files else []
    )
    aligned = f"Aligned: {run.aligned:,} of {counted(run.pairs, 'pair')}; lower bounds told the others apart."
    return [
        report.Heading("What was measured"),
        report.Items([*in_words(run.measure, arms), *run.settings]),
        report.Paragraph(f"Time: {stages or 'not taken'}. {aligned}"),
        *(report.Paragraph(text) for text in run.notes),
        *beside,
        report.Heading("Where the two modes differ"),
        report.Paragraph(f"This is {mode}."),
        report.Table("Where the two modes differ", heads, rows, is_sortable=False),
        *_compared(run),
    ]


def _compared(run: Run) -> list[report.Block]:
    if run.compared is None:
        return []
    used, other = run.compared.used, run.compared.other
    known = np.isfinite(used) & np.isfinite(other)
    both = np.stack([used, other])[:, known]
    apart = np.abs(both[0] - both[1]) / np.maximum(np.abs(both).max(axis=0), 1e-300)
    if not len(apart):
        return [report.Paragraph("No pair of the sample has a distance in both modes.")]
    said = (
        f"{counted(len(used), 'pair')} of a sample in both modes: half of their distances differ by less than "
        f"{100 * float(np.median(apart)):.2g} %, the most by {100 * float(apart.max()):.2g} %."
    )
    unknown = int((~known).sum())
    more = f" {counted(unknown, 'pair')} without a finite distance in one of them." if unknown else ""
    return [report.Figure(said + more, [agreement(used, other, said)])]


def _groups(groups: Sequence[GroupReport], order: Sequence[int], full: set[int]) -> list[report.Block]:
    rows = []
    for k in order[:LISTED]:
        g, sizes = groups[k], np.bincount(groups[k].clusters.labels)
        counts = (len(g.ids), len(g.clusters.medoids), int((sizes > 1).sum()), int(sizes.max(initial=0)), _kept(g))
        name = report.link(f"g{k + 1}", g.name) if k in full else g.name
        rows.append([name, *(f"{count:,}" for count in counts), percentage(_kept(g), len(g.ids))])
    heads = ["group", "#episodes", "#clusters", "#of several", "#largest", "#kept", "#share kept"]
    said = []
    if len(full) < len(groups):
        said.append(
            f"Pictures follow of the {counted(len(full), 'group')} that lost most; all others are in the table only."
        )
    if len(order) > LISTED:
        said.append(f"The {LISTED:,} largest of {counted(len(order), 'group')} are listed here.")
    table = report.Table("Groups", heads, rows, wide=["group"])
    return [report.Heading("Groups, the largest first", "groups"), *(report.Paragraph(text) for text in said), table]


def _skipped(run: Run) -> list[report.Block]:
    if not run.skipped:
        return []
    table = report.Table("Skipped episodes", ["episode", "why"], run.skipped[:LISTED], wide=["episode", "why"])
    return [report.Heading("Skipped: not compared", "skipped"), *_more(len(run.skipped), run), table]


def _episodes(run: Run, groups: Sequence[GroupReport], order: Sequence[int]) -> list[report.Block]:
    rows: list[list[str]] = []
    for k in order:
        if len(rows) >= LISTED:
            break
        rows += _rows(groups[k], LISTED - len(rows))
    heads = ["episode", "group", "task", "#cluster", "#frames", "#distance to medoid", "verdict", "why"]
    table = report.Table("Episodes", heads, rows, wide=["episode", "why"])
    return [report.Heading("Episodes", "episodes"), *_more(sum(len(g.ids) for g in groups), run), table]


def _rows(group: GroupReport, limit: int) -> Iterable[list[str]]:
    """Cluster by cluster, the medoid first, then the nearest to it."""
    labels, medoids, count = group.clusters.labels, group.clusters.medoids, len(group.ids)
    apart = from_medoid(group)
    choices = {choice.index: choice for choice in group.choices}
    central = set(medoids.tolist())
    order = sorted(range(count), key=lambda i: (labels[i], i not in central, np.nan_to_num(apart[i], nan=np.inf), i))
    for i in order[:limit]:
        choice = choices.get(i)
        task = group.tasks[i] if group.tasks[i] != group.name else ""
        verdict, why = ("kept" if choice.kept else "dropped", choice.reason) if choice else ("-", "not decided")
        far = "medoid" if i in central else ("-" if np.isnan(apart[i]) else number(float(apart[i])))
        label, length = str(labels[i]), f"{int(group.lengths[i]):,}"
        yield [group.ids[i], group.name, shortened(task), label, length, far, verdict, why]


def _kept(group: GroupReport) -> int:
    return sum(choice.kept for choice in group.choices)


def _more(total: int, run: Run) -> list[report.Block]:
    if total <= LISTED:
        return []
    return [
        report.Paragraph(
            f"The first {LISTED:,} of {total:,} are listed here; all are in " + report.code(run.table) + "."
        )
    ]
