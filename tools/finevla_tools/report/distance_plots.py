"""Pictures of distances between items: heat map, merge tree with its cut, plane, agreement of two measures.

Distances are drawn on a root scale: those of duplicates lie close to 0, and there a linear one would show nothing.
"""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_tools.number_format import number
from finevla_tools.report.svg import Drawing

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Spans = Sequence[tuple[int, int, int]]  # stretches of one cluster: label, first place, place after the last
Kinds = Mapping[int, str]  # class of each cluster's colour

WIDTH, LEFT, RIGHT = 560, 46, 10  # the heat map and the tree above it share these
SIDE = WIDTH - LEFT - RIGHT
TALL, STRIP, TOP = 150, 12, 10  # of the tree, of the clusters' colours below it, of the air above
COLOURS, SINGLE = 6, "c0"
NUMBERED = 12  # clusters with their number in the plane: more would cover the points
SHADES = 48
# From near to far, dark to light: told apart without colour vision and in grey print.
RAMP = np.array([[8, 24, 58], [22, 63, 110], [46, 107, 133], [99, 149, 139], [170, 186, 137], [250, 231, 160]])
UNKNOWN = (137, 137, 140)
SHAPES = ("m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0", "m-3.3-3.3h6.6v6.6h-6.6z", "m0-4.4l4.4 7.6h-8.8z")


@dataclass(frozen=True)
class RootScale:
    """Distance to share of the way from the near end to the far one."""

    top: float

    def share(self, distance: float) -> float:
        """Return the root of the distance's share of `top`, 0 to 1."""
        return math.sqrt(min(max(distance, 0.0) / self.top, 1.0))

    def level(self, distance: float) -> float:
        """Return where a distance stands in the tree."""
        return TOP + (TALL - TOP) * (1 - self.share(distance))

    def ticks(self) -> list[float]:
        """Return round distances that are evenly spaced as drawn, more or less."""
        places = [self.top * part * part for part in (0.0, 0.35, 0.65, 0.95)]
        rounded = [next((r for d in (1, 2) if (r := float(f"{at:.{d}g}")) <= self.top), at) for at in places]
        return list(dict.fromkeys(rounded))


@dataclass(frozen=True)
class Merge:
    """A merge: four corners `(x, y)`, left foot, left shoulder, right shoulder, right foot, and the class it is drawn in."""

    corners: tuple[tuple[float, float], ...]
    height: float  # the distance; infinite = merge was not computed
    kind: str


def colours_of(sizes: Mapping[int, int]) -> dict[int, str]:
    """Return the class of each cluster, `c1` ... `c6` in turn, the largest being first in `sizes`; a single item is grey."""
    return {k: f"c{rank % COLOURS + 1}" if size > 1 else SINGLE for rank, (k, size) in enumerate(sizes.items())}


def root_scale(values: Array, cut: float | None = None) -> RootScale:
    """Return a scale wide enough for all that is finite, with room above the cut."""
    return RootScale(max(float(values[np.isfinite(values)].max(initial=0.0)) * 1.02, (cut or 0.0) * 1.3) or 1.0)


def heat_map(square: Array, spans: Spans, scale: RootScale, kinds: Kinds, title: str) -> Drawing:
    """Draw distances (M, M) as a picture, each cluster framed, with the scale of shades; nan is grey."""
    drawing, cell, base = Drawing(WIDTH, SIDE + 42, title), SIDE / max(len(square), 1), SIDE + 14
    _add_picture(drawing, np.sqrt(np.clip(square / scale.top, 0.0, 1.0)), 0, SIDE, SIDE)
    for label, first, last in spans:
        at, size = LEFT + cell * first, cell * (last - first)
        if last - first > 1:
            drawing.add("rect", f"frame {kinds[label]}", x=at, y=cell * first, width=size, height=size)
        if size > 15:
            drawing.write(LEFT - 6, cell * (first + last) / 2 + 4, str(label), "end")
    reach = SIDE * 0.8
    _add_picture(drawing, np.linspace(0, 1, SHADES)[None], base, reach, 10)
    for tick in scale.ticks():
        drawing.write(LEFT + reach * scale.share(tick), base + 22, number(tick), "middle")
    if np.isnan(square).any():
        grey = "#{:02x}{:02x}{:02x}".format(*UNKNOWN)
        drawing.add("rect", x=LEFT + reach + 20, y=base, width=10, height=10, fill=grey)
        drawing.write(LEFT + reach + 34, base + 9, "not aligned")
    return drawing


def merges(linkage: Array | None, labels: Indices, scale: RootScale, kinds: Kinds) -> list[Merge]:
    """Place the merges of SciPy's `linkage` of M leaves; leaf k stands over column k of the heat map."""
    from scipy.cluster.hierarchy import dendrogram

    if linkage is None:
        return []
    count = len(labels)
    owner = [int(label) for label in labels] + [0] * len(linkage)
    for row, (a, b) in enumerate(linkage[:, :2].astype(int).tolist()):
        owner[count + row] = owner[a] if owner[a] == owner[b] else 0
    # SciPy hands back its colours in the order of the links: asked for nodes, it says which link is which.
    drawn = dendrogram(linkage, no_plot=True, link_color_func=str)
    found = []
    for across, up, node in zip(drawn["icoord"], drawn["dcoord"], drawn["color_list"], strict=True):
        label = owner[int(node)]
        kind = kinds[label] if label else ("open" if math.isinf(up[1]) else "between")
        corners = tuple((LEFT + SIDE * x / (10 * count), scale.level(y)) for x, y in zip(across, up, strict=True))
        found.append(Merge(corners, float(up[1]), kind))
    return found


def tree(
    linkage: Array | None, labels: Indices, spans: Spans, scale: RootScale, cut: float | None, kinds: Kinds, title: str
) -> Drawing:
    """Draw the merges, the clusters' colours below their leaves, and the line of the cut."""
    drawing, cell = Drawing(WIDTH, TALL + STRIP + 22, title), SIDE / max(len(labels), 1)
    for tick in scale.ticks():
        drawing.line("grid", LEFT, scale.level(tick), WIDTH - RIGHT, scale.level(tick))
        drawing.write(LEFT - 6, scale.level(tick) + 4, number(tick), "end")
    for merge in merges(linkage, labels, scale, kinds):
        if math.isfinite(merge.height):  # the others have no place above the cut
            (x, foot), (_, top), (right, _), (_, other) = merge.corners
            drawing.add("path", f"link {merge.kind}", d=f"M{x:.1f} {foot:.1f}V{top:.1f}H{right:.1f}V{other:.1f}")
    for label, first, last in spans:
        x, wide = LEFT + cell * first, cell * (last - first)
        drawing.add("rect", f"fill {kinds[label]}", x=x, y=TALL + 4, width=wide, height=STRIP)
        if wide > 15:
            drawing.write(x + wide / 2, TALL + STRIP + 16, str(label), "middle")
    if cut is not None:
        y = scale.level(cut)  # whatever the cut, at least 12 % from the upper edge: its label fits
        drawing.line("limit", LEFT, y, WIDTH - RIGHT, y)
        drawing.write(WIDTH - RIGHT, y - 4, f"cut at {number(cut)}", "end", "limit")
    return drawing


def plane(points: Array, labels: Indices, names: Sequence[str], ringed: set[int], kinds: Kinds, title: str) -> Drawing:
    """Draw `points` (M, 2) with their names; a cluster's shape changes when its colour comes round again.

    The `ringed` ones get a ring and, of the largest clusters, the number of theirs.
    """
    size, pad = 420, 22
    span = float(np.ptp(points, axis=0).max(initial=0.0)) or 1.0
    tall = max(120.0, (size - 2 * pad) * float(np.ptp(points[:, 1])) / span + 2 * pad)
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    at = ((points - middle) * [1, -1] * (size - 2 * pad) / span + [size / 2, tall / 2]).tolist()
    drawing, rank = Drawing(size, tall, title), {label: k for k, label in enumerate(kinds)}
    for (x, y), label, name in zip(at, labels.tolist(), names, strict=True):
        shape = SHAPES[rank[label] // COLOURS % len(SHAPES) if kinds[label] != SINGLE else 0]
        drawing.add("path", f"dot {kinds[label]}", hover=f"{name}, cluster {label}", d=f"M{x:.1f} {y:.1f}{shape}")
    for k, ((x, y), label) in enumerate(zip(at, labels.tolist(), strict=True)):
        if k in ringed and kinds[label] != SINGLE:
            drawing.add("circle", "ring", cx=x, cy=y, r=6)
            if rank[label] < NUMBERED:
                drawing.write(x + 9, y - 6, str(label), kind="name")
    return drawing


def agreement(used: Array, other: Array, title: str) -> Drawing:
    """Draw the same pairs by two measures, one against the other; on the diagonal they agree."""
    size, pad = 300, 34
    drawing, reach = Drawing(size, size, title), size - 2 * pad
    known = np.isfinite(used) & np.isfinite(other)
    scale = root_scale(np.stack([used, other])[:, known])
    drawing.line("grid", pad, size - pad, size - pad, pad)
    for tick in scale.ticks():
        place = reach * scale.share(tick)
        drawing.write(pad + place, size - pad + 16, number(tick), "middle")
        drawing.write(pad - 5, size - pad - place + 4, number(tick), "end")
    pairs = zip(used[known].tolist(), other[known].tolist(), strict=True)
    dots = {(round(pad + reach * scale.share(a), 1), round(size - pad - reach * scale.share(b), 1)) for a, b in pairs}
    for x, y in sorted(dots)[: 4 * SIDE]:
        drawing.add("circle", "fill c1", cx=x, cy=y, r=2)
    drawing.add("path", "axis", d=f"M{pad} {pad}V{size - pad}H{size - pad}")
    drawing.write(size / 2, size - 2, "this run", "middle")
    drawing.write(pad, pad - 10, "the other mode")
    return drawing


def _add_picture(drawing: Drawing, shares: NDArray[np.floating], y: float, width: float, height: float) -> None:
    """Add a PNG of one pixel a share, in the address itself; nan is grey."""
    from PIL import Image

    shades = np.where(np.isnan(shares), SHADES, np.rint(shares * (SHADES - 1))).astype(np.uint8)
    image = Image.frombytes("P", (shades.shape[1], shades.shape[0]), shades.tobytes())
    ramp = [np.interp(np.linspace(0, 1, SHADES), np.linspace(0, 1, len(RAMP)), RAMP[:, k]) for k in range(3)]
    image.putpalette([*np.stack(ramp, 1).round().astype(int).ravel().tolist(), *UNKNOWN])
    image.save(buffer := io.BytesIO(), "png", optimize=True)
    address = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    drawing.add("image", x=LEFT, y=y, width=width, height=height, preserveAspectRatio="none", href=address)
