"""The page of the dedup's report: the run, its groups, what was skipped, every episode with its reason."""

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence

import numpy as np

from finevla_tools.clean.charts import number
from finevla_tools.dedup.figures import both_modes
from finevla_tools.dedup.group_page import PATHS, from_medoid, section
from finevla_tools.dedup.looks import SCRIPT, STYLE
from finevla_tools.dedup.report import Group, Run
from finevla_tools.dedup.words import differences, in_words

FULL = 30  # groups with pictures
LISTED = 4000  # rows of a table: a browser still sorts them at once


def page(run: Run, groups: Sequence[Group]) -> str:
    """HTML of it all; the largest group first."""
    order = sorted(range(len(groups)), key=lambda k: (-len(groups[k].ids), groups[k].name, k))
    reduced = sorted(order, key=lambda k: (_kept(groups[k]) - len(groups[k].ids), order.index(k)))
    full = set(order if len(order) <= FULL else reduced[:FULL])
    paths = PATHS // max(len(full), 1)
    arms = max((g.arms for g in groups), key=len, default=())
    parts = [_head(run, groups), _how(run, arms), _groups(groups, order, full)]
    parts += [section(groups[k], run, f"g{k + 1}", paths) for k in order if k in full]
    parts += [_skipped(run), _episodes(run, groups, order)]
    title = html.escape(run.name)
    code = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{code}'"
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f'<meta http-equiv=Content-Security-Policy content="{policy}"><meta name=color-scheme content="light dark">'
        f"<title>{title}: what is alike</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main><script>{SCRIPT}</script></body></html>\n"
    )


def _head(run: Run, groups: Sequence[Group]) -> str:
    episodes, kept = sum(len(g.ids) for g in groups), sum(_kept(g) for g in groups)
    clusters = sum(len(g.clusters.medoids) for g in groups)
    seconds = sum(run.seconds.values())
    cells = [
        (f"{episodes:,}", f"episodes compared, in {_count(len(groups), 'group')}"),
        (f"{clusters:,}", "clusters"),
        (f"{kept:,}", f"kept ({_share(kept, episodes)})"),
        (f"{episodes - kept:,}", "not kept"),
        (f"{len(run.skipped):,}", "skipped, not compared"),
        (_share(run.pairs - run.aligned, run.pairs), f"of {run.pairs:,} pairs never had to be aligned"),
        (_time(seconds), "in all"),
    ]
    numbers = "".join(f"<div><b>{html.escape(value)}</b>{html.escape(text)}</div>" for value, text in cells)
    share = 100 * kept / max(episodes, 1)
    bar = f"<div class=bar role=img aria-label='{share:.0f} % kept'><span style='width:{share:.2f}%'></span>"
    return (
        f"<h1>{html.escape(run.name)}: what is alike</h1><p class=note>Episodes that do the same were gathered in clusters; "
        f"of each cluster some are kept. Nothing was deleted: every decision is in <code>{html.escape(run.table)}</code>.</p>"
        f"<div class=numbers>{numbers}</div>{bar}<i style='width:{100 - share:.2f}%'></i></div>"
    )


def _how(run: Run, arms: Sequence[str]) -> str:
    measured = "".join(f"<li>{html.escape(s)}" for s in (*in_words(run.measure, arms), *run.asked))
    stages = ", ".join(f"{html.escape(name)} {_time(spent)}" for name, spent in run.seconds.items())
    mode = "FineVLA's own mode (compat)" if run.measure.compat else "the default mode"
    rows = [
        f"<tr><td><b>{html.escape(d.what)}</b><td>{html.escape(d.finevla)}<td>{html.escape(d.default)}"
        f"<td>{'yes' if d.matters else 'no'}"
        for d in differences(run.measure, len(arms))
    ]
    head = "<thead><tr><th>what<th>FineVLA's tool (compat)<th>default<th>concerns this run</thead>"
    files = "".join(f"<li><code>{html.escape(n)}</code>: {html.escape(what)}" for n, what in run.files.items())
    return (
        f"<h2>What was measured</h2><ul>{measured}</ul><p class=note>Time: {stages or 'not taken'}. "
        f"{run.aligned:,} of {run.pairs:,} pairs were aligned; lower bounds told the others apart.</p>"
        + "".join(f"<p class=note>{html.escape(text)}</p>" for text in run.notes)
        + (f"<p>Beside this page:</p><ul>{files}</ul>" if files else "")
        + f"<h2>Where the two modes differ</h2><p class=note>This is {mode}.</p>"
        + _table(head, rows, "Where the two modes differ", is_sortable=False)
        + _compared(run)
    )


def _compared(run: Run) -> str:
    if run.compared is None:
        return ""
    used, other = run.compared.used, run.compared.other
    known = np.isfinite(used) & np.isfinite(other)
    both = np.stack([used, other])[:, known]
    apart = np.abs(both[0] - both[1]) / np.maximum(np.abs(both).max(axis=0), 1e-300)
    if not len(apart):
        return "<p class=note>No pair of the sample has a distance in both modes.</p>"
    said = (
        f"{_count(len(used), 'pair')} of a sample in both modes: half of their distances differ by less than "
        f"{100 * float(np.median(apart)):.2g} %, the most by {100 * float(apart.max()):.2g} %."
    )
    more = (
        f" {_count(int((~known).sum()), 'pair')} without a finite distance in one of them." if not known.all() else ""
    )
    return f"<figure class=plain><figcaption>{said}{more}</figcaption>{both_modes(used, other, said)}</figure>"


def _groups(groups: Sequence[Group], order: Sequence[int], full: set[int]) -> str:
    rows = []
    for k in order[:LISTED]:
        g, sizes = groups[k], np.bincount(groups[k].clusters.labels)
        name = html.escape(g.name)
        rows.append(
            f"<tr><td class=id>{f'<a href=#g{k + 1}>{name}</a>' if k in full else name}<td class=n>{len(g.ids):,}"
            f"<td class=n>{len(g.clusters.medoids):,}<td class=n>{int((sizes > 1).sum()):,}"
            f"<td class=n>{int(sizes.max(initial=0)):,}<td class=n>{_kept(g):,}<td class=n>{_share(_kept(g), len(g.ids))}"
        )
    head = (
        "<thead><tr><th>group<th class=n>episodes<th class=n>clusters<th class=n>of several<th class=n>largest"
        "<th class=n>kept<th class=n>share kept</thead>"
    )
    said = ""
    if len(full) < len(groups):
        said += f"<p class=note>Pictures follow of the {len(full)} groups that lost most; all others are in the table only.</p>"
    if len(order) > LISTED:
        said += f"<p class=note>The {LISTED:,} largest of {len(order):,} groups are listed here.</p>"
    return f"<h2 id=groups>Groups, the largest first</h2>{said}{_table(head, rows, 'Groups')}"


def _skipped(run: Run) -> str:
    if not run.skipped:
        return ""
    rows = [f"<tr><td class=id>{html.escape(i)}<td class=why>{html.escape(why)}" for i, why in run.skipped[:LISTED]]
    more = f"<p class=note>{_more(len(run.skipped), run)}</p>" if len(run.skipped) > LISTED else ""
    head = "<thead><tr><th>episode<th>why</thead>"
    return f"<h2 id=skipped>Skipped: not compared</h2>{more}{_table(head, rows, 'Skipped episodes')}"


def _episodes(run: Run, groups: Sequence[Group], order: Sequence[int]) -> str:
    rows: list[str] = []
    total = sum(len(g.ids) for g in groups)
    for k in order:
        if len(rows) >= LISTED:
            break
        rows += _rows(groups[k], LISTED - len(rows))
    names = (
        "<th>episode",
        "<th>group",
        "<th>task",
        *(f"<th class=n>{n}" for n in ("cluster", "frames", "distance to medoid")),
    )
    head = f"<thead><tr>{''.join(names)}<th>verdict<th>why</thead>"
    more = f"<p class=note>{_more(total, run)}</p>" if total > LISTED else ""
    return f"<h2 id=episodes>Episodes</h2>{more}{_table(head, rows, 'Episodes')}"


def _rows(group: Group, limit: int) -> Iterable[str]:
    """Cluster by cluster, the medoid first, then the nearest to it."""
    labels, medoids, count = group.clusters.labels, group.clusters.medoids, len(group.ids)
    apart = from_medoid(group)
    choices = {choice.index: choice for choice in group.choices}
    central = set(medoids.tolist())
    name = html.escape(group.name)
    order = sorted(range(count), key=lambda i: (labels[i], i not in central, np.nan_to_num(apart[i], nan=np.inf), i))
    for i in order[:limit]:
        choice = choices.get(i)
        task = group.tasks[i] if group.tasks[i] != group.name else ""
        verdict, why = ("kept" if choice.kept else "dropped", choice.reason) if choice else ("-", "not decided")
        far = "medoid" if i in central else ("-" if np.isnan(apart[i]) else number(float(apart[i])))
        yield (
            f"<tr><td class=id>{html.escape(group.ids[i])}<td>{name}<td>{html.escape(_short(task))}<td class=n>{labels[i]}"
            f"<td class=n>{int(group.lengths[i]):,}<td class=n>{far}<td>{verdict}<td class=why>{html.escape(why)}"
        )


def _table(head: str, rows: Iterable[str], name: str, is_sortable: bool = True) -> str:
    kind = " class=sortable" if is_sortable else ""
    table = f"<table{kind}>{head}<tbody>{''.join(rows)}</tbody></table>"
    return f"<div class=wide tabindex=0 role=region aria-label='{name}'>{table}</div>"


def _kept(group: Group) -> int:
    return sum(choice.kept for choice in group.choices)


def _more(total: int, run: Run) -> str:
    return f"The first {LISTED:,} of {total:,} are listed here; all are in <code>{html.escape(run.table)}</code>."


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:99]}…"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _share(part: int, whole: int) -> str:
    if not whole:
        return "-"
    share = 100 * part / whole
    return f"{share:.0f} %" if share in (0, 100) or 1 <= share <= 99 else f"{share:.2f} %"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
