"""A group's part of the page: distances as a heat map under the tree, as a plane, and the paths of each cluster."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from finevla_tools.clean.charts import number
from finevla_tools.dedup.embedding import embed, filled
from finevla_tools.dedup.figures import classes, heat_map, plane, scale_of, tree
from finevla_tools.dedup.overlay import Frame, Panel, drawn, frames, overlay, panels, still
from finevla_tools.dedup.report import Group, Run
from finevla_tools.dedup.shown import Shown, by_size, shown, square_of, to_medoid

Array = NDArray[np.float64]
PATHS = 720  # episodes whose paths are drawn, on the whole page
CLUSTERS, MEMBERS = 12, 16  # of a group, of a cluster: what is drawn of paths
GUESSED = 0.5  # share of distances: when more are only guessed, a plane would show the guess


def section(group: Group, run: Run, anchor: str, paths: int) -> str:
    """All of a group; about `paths` episodes are drawn as paths."""
    c, count = group.clusters, len(group.ids)
    order = by_size(c.labels)
    sizes = {label: int(np.sum(c.labels == label)) for label in order}
    names = classes(order, sizes)
    kept = sum(choice.kept for choice in group.choices)
    tasks = sorted(set(group.tasks) - {group.name})
    said = [
        f"{count:,} episodes, {len(order):,} clusters, {kept:,} kept. {c.how[:1].upper()}{c.how[1:]}.",
        *group.notes,
    ]
    if tasks:
        said.append(
            f"Tasks: {'; '.join(t[:120] for t in tasks[:3])}{f' and {len(tasks) - 3} more' if len(tasks) > 3 else ''}."
        )
    return (
        f"<section class=group id={anchor}><h2>{html.escape(group.name)}</h2>"
        + "".join(f"<p class=note>{html.escape(text)}</p>" for text in said)
        + _pictures(group, names)
        + _clusters(group, run, sizes, names, paths)
        + "<p class=note><a href=#groups>All groups</a></p></section>"
    )


def from_medoid(group: Group) -> Array:
    """Of every episode, (N,); nan where it is not known."""
    if group.to_medoid is not None:
        return group.to_medoid
    return to_medoid(group.distances, group.clusters.labels, group.clusters.medoids)


def _pictures(group: Group, names: Mapping[int, str]) -> str:
    c, count = group.clusters, len(group.ids)
    some = shown(c.labels, c.medoids, c.linkage)
    square = square_of(group.distances, count, some.episodes)
    unknown = float(np.isnan(square[np.triu_indices(len(square), 1)]).mean()) if count > 1 else 0.0
    thinned = f" {len(some.episodes)} of {count:,} episodes are shown, evenly chosen." if some.is_thinned else ""
    grey = f" Grey: {100 * unknown:.0f} % that did not have to be aligned." if unknown else ""
    name = group.name
    heat = heat_map(square, some, scale_of(square), names, f"Distances within {name}, ordered by cluster")
    ordered = "in the order of the tree" if some.tree is not None else "cluster by cluster"
    parts = [f"<div class=pictures><figure><figcaption><b>Every episode against every other</b> {ordered}; "]
    parts.append(f"dark is near, white frames are clusters, numbers name them.{grey}{thinned}</figcaption>")
    if some.tree is not None:
        scale = scale_of(some.tree[:, 2], c.distance)
        parts.append(tree(some, scale, c.distance, names, f"Tree of merges of {name}, {c.how}"))
    else:
        parts.append("<p class=note>There is no tree: the clusters were not found by merging.</p>")
    parts.append(f"{heat}{_open(some)}</figure>")
    parts.append(f"<div>{_plane(group, some, square, names, unknown, thinned)}{_candidates(group)}</div></div>")
    return "".join(parts)


def _open(some: Shown) -> str:
    if some.tree is None or np.isfinite(some.tree[:, 2]).all():
        return ""
    return "<p class=note>What would be merged above the cut was not computed.</p>"


def _plane(group: Group, some: Shown, square: Array, names: Mapping[int, str], unknown: float, thinned: str) -> str:
    if len(some.episodes) < 3:
        return ""
    bounds = square_of(group.bounds, len(group.ids), some.episodes)
    if float(np.isnan(np.where(np.isnan(square), bounds, square)).mean()) > GUESSED:
        return "<p class=note>Too few distances are known for a picture of all episodes in a plane.</p>"
    found = embed(filled(square, bounds))
    guessed = " In place of distances that are not known stand their lower bounds." if unknown else ""
    medoids = {label: int(m) for label, m in enumerate(group.clusters.medoids.tolist(), 1)}
    title = f"Episodes of {group.name} in a plane, near each other if alike, coloured by cluster"
    return (
        "<figure><figcaption><b>Near is alike</b>: episodes in a plane (metric MDS, stress "
        f"{found.stress:.2f}{'' if found.stress < 0.2 else ', high: two dimensions are too few'}), coloured by cluster, "
        f"rings are medoids, grey are single episodes.{guessed}{thinned}"
        f"</figcaption>{plane(found, some, names, group.ids, medoids, title)}</figure>"
    )


def _candidates(group: Group) -> str:
    c = group.clusters
    if not c.candidates:
        return ""
    best = max((w.score for w in c.candidates if np.isfinite(w.score)), default=0.0) or 1.0
    rows = []
    for w in c.candidates:
        chosen = c.distance is not None and w.distance == c.distance
        wide = 6 * max(w.score, 0.0) / best if np.isfinite(w.score) else 0.0
        rows.append(
            f"<tr><td class=n>{w.clusters:,}<td class=n>{number(w.distance)}<td class=n>{number(w.ratio)}"
            f"<td class=n>{number(w.silhouette) if np.isfinite(w.silhouette) else '-'}"
            f"<td><span class=score style='width:{wide:.1f}em'></span>{number(w.score)}{' <b>chosen</b>' if chosen else ''}"
        )
    head = "<tr><th class=n>clusters<th class=n>cut at<th class=n>leap<th class=n>silhouette<th>score"
    return (
        "<h3>Where it could be cut</h3><p class=note>Leap: the height above the cut by that below. Silhouette: how much nearer "
        "an episode is to its own cluster than to the next, 1 at best. Score: the leap's logarithm times the silhouette.</p>"
        "<div class=wide tabindex=0 role=region aria-label='Candidates of the cut'><table class=narrow>"
        f"{head}{''.join(rows)}</table></div>"
    )


def _clusters(group: Group, run: Run, sizes: Mapping[int, int], names: Mapping[int, str], paths: int) -> str:
    several = [label for label, size in sizes.items() if size > 1]
    if not several:
        return "<p class=note>No episode is like another here: there are no paths to lay over each other.</p>"
    chosen = several[:CLUSTERS]
    limit = next((m for m in range(MEMBERS, 1, -1) if sum(min(sizes[k] - 1, m) + 1 for k in chosen) <= paths), 1)
    medoids = {label: int(group.clusters.medoids[label - 1]) for label in chosen}
    members, apart, far = {}, {}, from_medoid(group)
    for label in chosen:
        others = np.flatnonzero((group.clusters.labels == label) & (np.arange(len(group.ids)) != medoids[label]))
        apart[label] = far[others]
        members[label] = drawn(others.tolist(), apart[label], limit)
    values = {i: group.values[i] for label in chosen for i in (medoids[label], *members[label])}
    some = panels(run.measure.space, group.arms, next(iter(values.values())).shape[2], run.joints)
    windows = frames(some, list(values.values()))
    figures = [
        _figure(
            group,
            run,
            label,
            names[label],
            sizes[label],
            some,
            windows,
            values,
            medoids[label],
            members[label],
            apart[label],
        )
        for label in chosen
    ]
    singles = sum(size == 1 for size in sizes.values())
    rest = [
        f"{len(several) - len(chosen):,} smaller clusters" * (len(several) > len(chosen)),
        f"{singles:,} single episodes" * (singles > 0),
    ]
    said = f" Not drawn: {' and '.join(text for text in rest if text)}." if any(rest) else ""
    is_eef = run.measure.space == "eef"
    axes = "From above: x up, y to the left. From the side: x to the right, z up. Gripper" if is_eef else "Values"
    return (
        "<h3>The paths of each cluster, laid over each other</h3><p class=note>Grey band: the medoid, with a ring where it "
        f"begins; thin lines: other episodes of its cluster. {axes} over the episode's own time. All clusters to one "
        f"scale.{said}</p>"
        f"<div class=clusters>{''.join(figures)}</div>"
    )


def _figure(
    group: Group,
    run: Run,
    label: int,
    kind: str,
    size: int,
    some: Sequence[Panel],
    windows: Sequence[Frame],
    values: Mapping[int, Array],
    medoid: int,
    members: Sequence[int],
    apart: Array,
) -> str:
    choices = {choice.index: choice.kept for choice in group.choices}
    kept = sum(choices.get(int(i), False) for i in np.flatnonzero(group.clusters.labels == label))
    known = apart[np.isfinite(apart)]
    far = (
        f" Distance to the medoid: {number(float(np.median(known)))} (median), {number(float(known.max()))} at most."
        if len(known)
        else ""
    )
    few = f" {len(members)} of the {size - 1:,} others drawn." if len(members) < size - 1 else ""
    columns = 3 if run.measure.space == "eef" else 4
    title = f"Paths of {len(members)} episodes of cluster {label} of {group.name} over the medoid {group.ids[medoid]}"
    resting = still(some, windows, [values[i] for i in (medoid, *members)])
    if len(resting) < len(group.arms):
        pairs = [(p, w) for p, w in zip(some, windows, strict=True) if p.arm not in resting]
        some, windows = [p for p, _ in pairs], [w for _, w in pairs]
        few += "".join(f" The {group.arms[arm]} arm rests." for arm in sorted(resting))
    picture = overlay(some, windows, columns, values[medoid], [values[i] for i in members], kind, title)
    return (
        f"<figure><figcaption><b>Cluster {label}</b> {size:,} episodes, {kept:,} kept; medoid {html.escape(group.ids[medoid])}."
        f"{far}{few}</figcaption>{picture}</figure>"
    )
