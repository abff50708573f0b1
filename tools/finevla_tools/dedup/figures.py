"""Pictures of a group's distances as SVG by hand: heat map, merge tree with its cut, plane; colours come from the page's style.

Distances are drawn on a root scale: those of duplicates lie close to 0, and there a linear one would show nothing.
"""

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_tools.clean.charts import number
from finevla_tools.dedup.embedding import Embedding
from finevla_tools.dedup.shown import Shown

Array = NDArray[np.float64]
WIDTH, LEFT, RIGHT = 560, 46, 10  # the heat map and the tree above it share these
SIDE = WIDTH - LEFT - RIGHT
TALL, STRIP, TOP = 150, 12, 10  # of the tree, of the clusters' colours below it, of the air above
COLOURS, SHAPES, SINGLE = 6, 3, "c0"
NUMBERED = 12  # clusters with their number in the plane: more would cover the points
SHADES = 48
# From near to far, dark to light: told apart without colour vision and in grey print.
RAMP = np.array(
    [[8, 24, 58], [22, 63, 110], [46, 107, 133], [99, 149, 139], [170, 186, 137], [250, 231, 160]], dtype=float
)
UNKNOWN = (137, 137, 140)


@dataclass(frozen=True)
class Scale:
    """Distance to share of the way from the near end to the far one."""

    top: float

    def share(self, distance: float) -> float:
        return math.sqrt(min(max(distance, 0.0) / self.top, 1.0))

    def ticks(self) -> list[float]:
        """Round distances that are evenly spaced as drawn, more or less."""
        places = [self.top * part * part for part in (0.0, 0.35, 0.65, 0.95)]
        rounded = [next((r for d in (1, 2) if (r := float(f"{at:.{d}g}")) <= self.top), at) for at in places]
        return list(dict.fromkeys(rounded))


@dataclass(frozen=True)
class Link:
    """A merge: four corners `(x, y)`, left foot, left shoulder, right shoulder, right foot, and the class it is drawn in."""

    corners: tuple[tuple[float, float], ...]
    height: float  # the distance; infinite = merge was not computed
    kind: str


def classes(labels: Sequence[int], sizes: Mapping[int, int]) -> dict[int, str]:
    """Class of each cluster, `c1` ... `c6` in turn, `labels` the largest first; a single episode is grey."""
    return {
        label: f"c{rank % COLOURS + 1}" if sizes[label] > 1 else SINGLE
        for rank, label in enumerate(labels)
    }  # fmt: skip


def scale_of(values: Array, cut: float | None = None) -> Scale:
    """Wide enough for all that is finite, with room above the cut."""
    return Scale(max(float(values[np.isfinite(values)].max(initial=0.0)) * 1.02, (cut or 0.0) * 1.3) or 1.0)


def heat_map(square: Array, shown: Shown, scale: Scale, names: Mapping[int, str], title: str) -> str:
    """Distances (M, M) as an inline picture, each cluster framed, with the scale of shades; nan is grey."""
    cell = SIDE / max(len(square), 1)
    parts = [
        f"<image x={LEFT} y=0 width={SIDE} height={SIDE} preserveAspectRatio=none href='{_picture(square, scale)}' />"
    ]
    for label, first, last in shown.spans:
        at, size = LEFT + cell * first, cell * (last - first)
        if last - first > 1:
            parts.append(
                f"<rect class='frame {names[label]}' x={at:.1f} y={cell * first:.1f} width={size:.1f} height={size:.1f} />"
            )
        if size > 15:
            parts.append(f"<text x={LEFT - 6} y={cell * (first + last) / 2 + 4:.1f} text-anchor=end>{label}</text>")
    base = SIDE + 14
    for k in range(SHADES):
        red, green, blue = _shade(np.array([k / (SHADES - 1)]))[0]
        wide = SIDE * 0.8 / SHADES
        parts.append(
            f"<rect x={LEFT + wide * k:.1f} y={base} width={wide + 0.5:.1f} height=10 fill='#{red:02x}{green:02x}{blue:02x}' />"
        )
    for tick in scale.ticks():
        x = LEFT + SIDE * 0.8 * scale.share(tick)
        parts.append(f"<text x={x:.1f} y={base + 22} text-anchor=middle>{number(tick)}</text>")
    if np.isnan(square).any():
        x = LEFT + SIDE * 0.8 + 20
        grey = "#{:02x}{:02x}{:02x}".format(*UNKNOWN)
        parts.append(f"<rect x={x:.1f} y={base} width=10 height=10 fill='{grey}' />")
        parts.append(f"<text x={x + 14:.1f} y={base + 9}>not aligned</text>")
    return _svg(WIDTH, SIDE + 42, "".join(parts), title)


def links(shown: Shown, scale: Scale, names: Mapping[int, str]) -> list[Link]:
    """The merges of the tree; leaf k stands over column k of the heat map."""
    from scipy.cluster.hierarchy import dendrogram

    if shown.tree is None:
        return []
    count = len(shown.labels)
    owner = [int(label) for label in shown.labels] + [0] * len(shown.tree)
    for row, (a, b) in enumerate(shown.tree[:, :2].astype(int).tolist()):
        owner[count + row] = owner[a] if owner[a] == owner[b] else 0
    # SciPy hands back its colours in the order of the links: asked for nodes, it says which link is which.
    drawn = dendrogram(shown.tree, no_plot=True, link_color_func=str)
    found = []
    for across, up, node in zip(drawn["icoord"], drawn["dcoord"], drawn["color_list"], strict=True):
        label = owner[int(node)]
        kind = names[label] if label else ("open" if math.isinf(up[1]) else "between")
        corners = tuple(
            (LEFT + SIDE * x / (10 * count), TOP + (TALL - TOP) * (1 - (1.0 if math.isinf(y) else scale.share(y))))
            for x, y in zip(across, up, strict=True)
        )
        found.append(Link(corners, float(up[1]), kind))
    return found


def tree(shown: Shown, scale: Scale, cut: float | None, names: Mapping[int, str], title: str) -> str:
    """The merges, the clusters' colours below their leaves, and the line of the cut."""
    parts = []
    for tick in scale.ticks():
        y = level(scale, tick)
        parts.append(f"<line class=grid x1={LEFT} y1={y:.1f} x2={WIDTH - RIGHT} y2={y:.1f} />")
        parts.append(f"<text x={LEFT - 6} y={y + 4:.1f} text-anchor=end>{number(tick)}</text>")
    for link in links(shown, scale, names):
        if math.isinf(link.height):
            continue  # what ends there has no place above the cut
        d = f"M{link.corners[0][0]:.1f} {link.corners[0][1]:.1f}V{link.corners[1][1]:.1f}"
        d += f"H{link.corners[2][0]:.1f}V{link.corners[3][1]:.1f}"
        parts.append(f"<path class='link {link.kind}' d='{d}' />")
    cell = SIDE / max(len(shown.labels), 1)
    for label, first, last in shown.spans:
        x, wide = LEFT + cell * first, cell * (last - first)
        parts.append(f"<rect class='fill {names[label]}' x={x:.1f} y={TALL + 4} width={wide:.1f} height={STRIP} />")
        if wide > 15:
            parts.append(f"<text x={x + wide / 2:.1f} y={TALL + STRIP + 16} text-anchor=middle>{label}</text>")
    if cut is not None:
        y = level(scale, cut)  # whatever the cut, at least 12 % from the upper edge: its label fits
        parts.append(f"<line class=limit x1={LEFT} y1={y:.1f} x2={WIDTH - RIGHT} y2={y:.1f} />")
        parts.append(f"<text class=limit x={WIDTH - RIGHT} y={y - 4:.1f} text-anchor=end>cut at {number(cut)}</text>")
    return _svg(WIDTH, TALL + STRIP + 22, "".join(parts), title)


def level(scale: Scale, distance: float) -> float:
    """Where a distance stands in the tree."""
    return TOP + (TALL - TOP) * (1 - scale.share(distance))


def plane(
    embedding: Embedding,
    shown: Shown,
    names: Mapping[int, str],
    ids: Sequence[str],
    medoids: Mapping[int, int],
    title: str,
) -> str:
    """Episodes as points; a cluster's shape changes when its colour comes round again, its medoid is ringed and numbered."""
    size, pad = 420, 22
    points = embedding.points
    span = float(np.ptp(points, axis=0).max(initial=0.0)) or 1.0
    tall = max(120.0, (size - 2 * pad) * float(np.ptp(points[:, 1])) / span + 2 * pad)
    middle = (points.max(axis=0) + points.min(axis=0)) / 2 if len(points) else np.zeros(2)
    at = (points - middle) * [1, -1] * (size - 2 * pad) / span + [size / 2, tall / 2]
    order = {label: rank for rank, label in enumerate(names)}
    dots, marks = [], []
    for (x, y), label, episode in zip(at.tolist(), shown.labels.tolist(), shown.episodes.tolist(), strict=True):
        kind = names[label]
        shape = order[label] // COLOURS % SHAPES if kind != SINGLE else 0
        said = f"<title>{html.escape(ids[episode])}, cluster {label}</title>"
        dots.append(f"<path class='dot {kind}' d='M{x:.1f} {y:.1f}{_SHAPES[shape]}'>{said}</path>")
        if medoids.get(label) == episode and kind != SINGLE:
            marks.append(f"<circle class='ring' cx={x:.1f} cy={y:.1f} r=6 />")
            if order[label] < NUMBERED:
                marks.append(f"<text class=name x={x + 9:.1f} y={y - 6:.1f}>{label}</text>")
    return _svg(size, tall, "".join(dots + marks), title)


_SHAPES = (
    "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0",
    "m-3.3-3.3h6.6v6.6h-6.6z",
    "m0-4.4l4.4 7.6h-8.8z",
)  # circle, square, triangle


def both_modes(used: Array, other: Array, title: str) -> str:
    """The same pairs in both modes, one against the other; on the diagonal they agree."""
    size, pad = 300, 34
    known = np.isfinite(used) & np.isfinite(other)
    scale = scale_of(np.stack([used, other])[:, known])
    reach = size - 2 * pad
    parts = [f"<line class=grid x1={pad} y1={size - pad} x2={size - pad} y2={pad} />"]
    for tick in scale.ticks():
        place = reach * scale.share(tick)
        parts.append(f"<text x={pad + place:.1f} y={size - pad + 16} text-anchor=middle>{number(tick)}</text>")
        parts.append(f"<text x={pad - 5} y={size - pad - place + 4:.1f} text-anchor=end>{number(tick)}</text>")
    dots = {
        (round(pad + reach * scale.share(a), 1), round(size - pad - reach * scale.share(b), 1))
        for a, b in zip(used[known].tolist(), other[known].tolist(), strict=True)
    }
    parts += [f"<circle class='fill c1' cx={x} cy={y} r=2 />" for x, y in sorted(dots)[: 4 * SIDE]]
    parts.append(f"<path class=axis d='M{pad} {pad}V{size - pad}H{size - pad}' />")
    parts.append(f"<text x={size / 2} y={size - 2} text-anchor=middle>this run</text>")
    parts.append(f"<text x={pad} y={pad - 10}>the other mode</text>")
    return _svg(size, size, "".join(parts), title)


def _svg(width: float, height: float, body: str, title: str) -> str:
    said = html.escape(title)
    return f"<svg viewBox='0 0 {width:g} {height:.0f}' role=img aria-label=\"{said}\"><title>{said}</title>{body}</svg>"


def _picture(square: Array, scale: Scale) -> str:
    """A PNG of one pixel a pair, in the address itself."""
    from PIL import Image

    known = np.isfinite(square)
    near = np.where(known, np.sqrt(np.clip(np.where(known, square, 0.0) / scale.top, 0.0, 1.0)), 1.0)
    shades = np.rint(near * (SHADES - 1)).astype(np.uint8)
    shades[np.isnan(square)] = SHADES
    image = Image.frombytes("P", (len(square), len(square)), shades.tobytes())
    image.putpalette([*_shade(np.linspace(0, 1, SHADES)).ravel().tolist(), *UNKNOWN])
    buffer = io.BytesIO()
    image.save(buffer, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _shade(shares: NDArray[np.floating]) -> NDArray[np.uint8]:
    places = np.linspace(0, 1, len(RAMP))
    return np.stack([np.interp(shares, places, RAMP[:, k]) for k in range(3)], 1).round().astype(np.uint8)
