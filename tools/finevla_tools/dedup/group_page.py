"""A group's part of the page: distances as a heat map under the tree, as a plane, and the paths of each cluster."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from finevla_core.plural_phrases import counted
from finevla_tools.dedup.mds_embedding import embed, filled
from finevla_tools.dedup.path_overlay import frames, members_to_draw, overlay, panels, still
from finevla_tools.dedup.plotted_episodes import Thinning, by_size, square_of, thin, to_medoid
from finevla_tools.dedup.report_contents import GroupReport, Run
from finevla_tools.number_format import number
from finevla_tools.report.distance_plots import colours_of, heat_map, plane, root_scale, tree
from finevla_tools.report.html_page import Block, Container, Figure, Heading, Paragraph, Table, bold, link, meter

Array = NDArray[np.float64]
PATHS = 720  # episodes whose paths are drawn, on the whole page
CLUSTERS, MEMBERS = 12, 16  # of a group, of a cluster: what is drawn of paths
GUESSED = 0.5  # share of distances: when more are only guessed, a plane would show the guess


def section(group: GroupReport, run: Run, anchor: str, paths: int) -> Container:
    """All of a group; about `paths` episodes are drawn as paths."""
    c, count = group.clusters, len(group.ids)
    sizes = {label: int(np.sum(c.labels == label)) for label in by_size(c.labels)}
    kinds = colours_of(sizes)
    kept = sum(choice.kept for choice in group.choices)
    tasks = sorted(set(group.tasks) - {group.name})
    said = [
        f"{counted(count, 'episode')}, {counted(len(sizes), 'cluster')}, {kept:,} kept. {c.how[:1].upper()}{c.how[1:]}.",
        *group.notes,
    ]
    if tasks:
        more = f" and {len(tasks) - 3} more" if len(tasks) > 3 else ""
        said.append(f"Tasks: {'; '.join(t[:120] for t in tasks[:3])}{more}.")
    blocks = [
        Heading(group.name),
        *(Paragraph(text) for text in said),
        _pictures(group, kinds),
        *_clusters(group, run, sizes, kinds, paths),
        Paragraph(link("groups", "All groups")),
    ]
    return Container("section", blocks, anchor)


def from_medoid(group: GroupReport) -> Array:
    """Of every episode, (N,); nan where it is not known."""
    if group.to_medoid is not None:
        return group.to_medoid
    return to_medoid(group.distances, group.clusters.labels, group.clusters.medoids)


def _pictures(group: GroupReport, kinds: Mapping[int, str]) -> Block:
    c, count = group.clusters, len(group.ids)
    some = thin(c.labels, c.medoids, c.linkage)
    square = square_of(group.distances, count, some.episodes)
    unknown = float(np.isnan(square[np.triu_indices(len(square), 1)]).mean()) if count > 1 else 0.0
    thinned = f" Shown: {len(some.episodes)} of {counted(count, 'episode')}, evenly chosen." if some.is_thinned else ""
    grey = f" Grey: {100 * unknown:.0f} % that did not have to be aligned." if unknown else ""
    ordered = "in the order of the tree" if some.tree is not None else "cluster by cluster"
    said = f" {ordered}; dark is near, white frames are clusters, numbers name them.{grey}{thinned}"
    blocks: list[Block] = [Paragraph("There is no tree: the clusters were not found by merging.")]
    if some.tree is not None:
        scale = root_scale(some.tree[:, 2], c.distance)
        title = f"Tree of merges of {group.name}, {c.how}"
        blocks = [tree(some.tree, some.labels, some.spans, scale, c.distance, kinds, title)]
    title = f"Distances within {group.name}, ordered by cluster"
    blocks.append(heat_map(square, some.spans, root_scale(square), kinds, title))
    if some.tree is not None and not np.isfinite(some.tree[:, 2]).all():
        blocks.append(Paragraph("What would be merged above the cut was not computed."))
    beside = [*_plane(group, some, square, kinds, unknown, thinned), *_candidates(group)]
    figure = Figure(bold("Every episode against every other") + said, blocks)
    return Container("pictures", [figure, Container("stack", beside)])


def _plane(
    group: GroupReport, some: Thinning, square: Array, kinds: Mapping[int, str], unknown: float, thinned: str
) -> list[Block]:
    if len(some.episodes) < 3:
        return []
    bounds = square_of(group.bounds, len(group.ids), some.episodes)
    if float(np.isnan(np.where(np.isnan(square), bounds, square)).mean()) > GUESSED:
        return [Paragraph("Too few distances are known for a picture of all episodes in a plane.")]
    found = embed(filled(square, bounds))
    guessed = " In place of distances that are not known stand their lower bounds." if unknown else ""
    medoids = set(group.clusters.medoids.tolist())
    ringed = {k for k, episode in enumerate(some.episodes.tolist()) if episode in medoids}
    title = f"Episodes of {group.name} in a plane, near each other if alike, coloured by cluster"
    picture = plane(found.points, some.labels, [group.ids[i] for i in some.episodes], ringed, kinds, title)
    said = (
        f": episodes in a plane (metric MDS, stress {found.stress:.2f}"
        f"{'' if found.stress < 0.2 else ', high: two dimensions are too few'}), coloured by cluster, "
        f"rings are medoids, grey are single episodes.{guessed}{thinned}"
    )
    return [Figure(bold("Near is alike") + said, [picture])]


def _candidates(group: GroupReport) -> list[Block]:
    c = group.clusters
    if not c.candidates:
        return []
    best = max((w.score for w in c.candidates if np.isfinite(w.score)), default=0.0) or 1.0
    rows = []
    for w in c.candidates:
        score = meter(6 * max(w.score, 0.0) / best if np.isfinite(w.score) else 0.0) + number(w.score)
        if c.distance is not None and w.distance == c.distance:
            score = score + " " + bold("chosen")
        silhouette = number(w.silhouette) if np.isfinite(w.silhouette) else "-"
        rows.append([f"{w.clusters:,}", number(w.distance), number(w.ratio), silhouette, score])
    said = (
        "Leap: the height above the cut by that below. Silhouette: how much nearer an episode is to its own cluster than to "
        "the next, 1 at best. Score: the leap's logarithm times the silhouette."
    )
    heads = ["#clusters", "#cut at", "#leap", "#silhouette", "score"]
    table = Table("Candidates of the cut", heads, rows, is_sortable=False, is_narrow=True)
    return [Heading("Where it could be cut", level=3), Paragraph(said), table]


def _clusters(
    group: GroupReport, run: Run, sizes: Mapping[int, int], kinds: Mapping[int, str], paths: int
) -> list[Block]:
    several = [label for label, size in sizes.items() if size > 1]
    if not several:
        return [Paragraph("No episode is like another here: there are no paths to lay over each other.")]
    chosen = several[:CLUSTERS]
    limit = next((m for m in range(MEMBERS, 1, -1) if sum(min(sizes[k] - 1, m) + 1 for k in chosen) <= paths), 1)
    medoids = {label: int(group.clusters.medoids[label - 1]) for label in chosen}
    members, apart, far = {}, {}, from_medoid(group)
    for label in chosen:
        others = np.flatnonzero((group.clusters.labels == label) & (np.arange(len(group.ids)) != medoids[label]))
        apart[label] = far[others]
        members[label] = members_to_draw(others.tolist(), apart[label], limit)
    values = {i: group.values[i] for label in chosen for i in (medoids[label], *members[label])}
    some = panels(run.measure.space, group.arms, next(iter(values.values())).shape[2], run.joints)
    windows = frames(some, list(values.values()))
    figures = []
    for label in chosen:
        own = [values[i] for i in (medoids[label], *members[label])]
        few = f" {len(members[label])} of the {sizes[label] - 1:,} others drawn." * (len(own) < sizes[label])
        resting = still(some, windows, own)
        resting = resting if len(resting) < len(group.arms) else set()
        few += "".join(f" The {group.arms[arm]} arm rests." for arm in sorted(resting))
        title = f"Paths of {counted(len(own) - 1, 'episode')} of cluster {label} of {group.name} over the medoid "
        pairs = [(p, w) for p, w in zip(some, windows, strict=True) if p.arm not in resting]
        columns = 3 if run.measure.space == "eef" else 4
        picture = overlay(pairs, columns, own, kinds[label], title + group.ids[medoids[label]])
        figures.append(Figure(_caption(group, label, sizes[label], apart[label]) + few, [picture]))
    return [
        Heading("The paths of each cluster, laid over each other", level=3),
        Paragraph(_legend(run, len(several) - len(chosen), sum(size == 1 for size in sizes.values()))),
        Container("clusters", figures),
    ]


def _legend(run: Run, smaller: int, singles: int) -> str:
    rest = [f"{smaller:,} smaller clusters" * (smaller > 0), f"{singles:,} single episodes" * (singles > 0)]
    said = f" Not drawn: {' and '.join(text for text in rest if text)}." if any(rest) else ""
    is_eef = run.measure.space == "eef"
    axes = "From above: x up, y to the left. From the side: x to the right, z up. Gripper" if is_eef else "Values"
    return (
        "Grey band: the medoid, with a ring where it begins; thin lines: other episodes of its cluster. "
        f"{axes} over the episode's own time. All clusters to one scale.{said}"
    )


def _caption(group: GroupReport, label: int, size: int, apart: Array) -> str:
    choices = {choice.index: choice.kept for choice in group.choices}
    kept = sum(choices.get(int(i), False) for i in np.flatnonzero(group.clusters.labels == label))
    known = apart[np.isfinite(apart)]
    medoid = group.ids[int(group.clusters.medoids[label - 1])]
    text = bold(f"Cluster {label}") + f" {counted(size, 'episode')}, {kept:,} kept; medoid {medoid}."
    if len(known):
        text += f" Distance to the medoid: {number(float(np.median(known)))} (median), {number(float(known.max()))} at most."
    return text
