"""Paths of one cluster laid over each other, panel by panel: one thick, the others thin on top of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_tools.report.svg import Drawing

Points = NDArray[np.int64]  # (K, 2), whole units from the panel's upper left corner
WIDE, HIGH, PAD, HEAD, GAP = 360, 290, 14, 40, 12  # of a panel, in about a third of a pixel; HEAD holds its title
LENGTHS_M = (2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)  # of the ruler


@dataclass(frozen=True)
class PathPanel:
    """What a panel holds; `units_per_m` gives it a ruler."""

    title: str
    thick: Points
    thin: Sequence[Points]
    units_per_m: float | None = None


def paths_chart(panels: Sequence[PathPanel], columns: int, kind: str, title: str) -> Drawing:
    """Draw all panels of a cluster, with a ring where the thick path begins; `kind` is the class of its colour."""
    rows = -(-len(panels) // columns)
    drawing = Drawing((WIDE + GAP) * columns - GAP, (HIGH + GAP) * rows - GAP, title, "paths")
    for k, panel in enumerate(panels):
        corner = x, y = (WIDE + GAP) * (k % columns), (HIGH + GAP) * (k // columns)
        drawing.add("rect", "pane", x=x, y=y, width=WIDE, height=HIGH)
        drawing.write(x + 10, y + 30, panel.title[:26], kind="name")
        drawing.add("path", "thick", d=path_steps(panel.thick + corner))
        # On top: where they leave the band is what one looks for.
        drawing.add("path", f"thin {kind}", d="".join(path_steps(points + corner) for points in panel.thin))
        for cx, cy in panel.thick[:1] + corner:
            drawing.add("circle", "begin", cx=float(cx), cy=float(cy), r=8)
        length = next((m for m in LENGTHS_M if m * (panel.units_per_m or np.inf) < WIDE / 2.5), None)
        if panel.units_per_m and length:
            said = f"{length * 100:g} cm" if length >= 0.01 else f"{length * 1000:g} mm"
            drawing.add("path", "rule", d=f"M{x + WIDE - 10} {y + HIGH - 8}h{-length * panel.units_per_m:.0f}")
            drawing.write(x + WIDE - 10, y + HIGH - 16, said, "end", "small")
    return drawing


def path_steps(points: Points) -> str:
    """Return an SVG path in steps: half as long as with places; steps of nothing are left out."""
    if not len(points):
        return ""
    steps = np.diff(points, axis=0)
    steps = steps[steps.any(axis=1)].tolist()
    said = "".join(f"{' ' if a >= 0 and k else ''}{a}{' ' if b >= 0 else ''}{b}" for k, (a, b) in enumerate(steps))
    return f"M{points[0, 0]} {points[0, 1]}" + (f"l{said}" if said else "h0")
