"""The paths of a cluster laid over each other: from above, from the side, and the gripper over time, an arm a row.

All clusters of a group are drawn to one scale, so that what looks alike is alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_tools.report.path_plots import HEAD, HIGH, PAD, WIDE, PathPanel, paths_chart
from finevla_tools.report.svg import Drawing

Array = NDArray[np.float64]
POINTS = 40  # of a path
TIME = -1  # in place of a value: the share of the episode that is over


@dataclass(frozen=True)
class Panel:
    """What is drawn against what: values of an arm, each with its direction; a path in space keeps its proportions."""

    arm: int
    title: str
    across: int
    up: int
    is_space: bool = False
    flip: bool = False  # `across` grows to the left

    def points(self, values: Array) -> Array:
        """(K, 2) of a trajectory (T, A, D), evenly over its frames, without those that are not numbers."""
        count = len(values)
        pick = np.unique(np.linspace(0, max(count - 1, 0), POINTS).round().astype(int)) if count else np.zeros(0, int)
        time = pick / max(count - 1, 1)
        across = time if self.across == TIME else values[pick, self.arm, self.across] * (-1 if self.flip else 1)
        found = np.stack([across, values[pick, self.arm, self.up]], 1)
        return np.asarray(found[np.isfinite(found).all(axis=1)])


@dataclass(frozen=True)
class OverlayFrame:
    """The window of a panel: its middle and how many units a value's unit takes, (2,) each."""

    middle: Array
    units: Array

    def place(self, points: Array) -> NDArray[np.int64]:
        """Whole units from the panel's upper left corner, (K, 2)."""
        centre = [WIDE / 2, HEAD + (HIGH - HEAD) / 2]
        placed: NDArray[np.int64] = np.rint((points - self.middle) * self.units * [1, -1] + centre).astype(np.int64)
        return placed


def panels(space: str, arms: Sequence[str], dims: int, joints: Sequence[str] = ()) -> list[Panel]:
    """Three an arm for tool poses, one a value for joints; D = `dims`."""
    found = []
    for arm, name in enumerate(arms):
        if space == "eef":
            found.append(Panel(arm, f"{name}, from above", 1, 0, is_space=True, flip=True))  # x up, y to the left
            found.append(Panel(arm, f"{name}, from its side", 0, 2, is_space=True))
        else:
            names = [joints[k] if k < len(joints) else f"joint {k + 1}" for k in range(dims - 1)]
            found += [Panel(arm, f"{name}, {joint}", TIME, k) for k, joint in enumerate(names)]
        found.append(Panel(arm, f"{name}, gripper", TIME, dims - 1))
    return found


def frames(shown: Sequence[Panel], trajectories: Sequence[Array]) -> list[OverlayFrame]:
    """A window for each panel that holds all trajectories; those of space have one scale."""
    room = np.array([WIDE - 2 * PAD, HIGH - HEAD - 2 * PAD])
    spans, middles = [], []
    for panel in shown:
        points = [panel.points(values) for values in trajectories]
        every = np.concatenate(points) if points else np.zeros((0, 2))
        low, high = (every.min(axis=0), every.max(axis=0)) if len(every) else (np.zeros(2), np.ones(2))
        if panel.across == TIME:
            low[0], high[0] = 0.0, 1.0
        spans.append(np.maximum(high - low, 1e-9))
        middles.append((low + high) / 2)
    scales = [float((room / span).min()) for span, panel in zip(spans, shown, strict=True) if panel.is_space]
    units = [
        np.full(2, min(scales)) if panel.is_space else room / span for span, panel in zip(spans, shown, strict=True)
    ]
    return [OverlayFrame(middle, unit) for middle, unit in zip(middles, units, strict=True)]


def overlay(
    shown: Sequence[tuple[Panel, OverlayFrame]], columns: int, trajectories: Sequence[Array], kind: str, title: str
) -> Drawing:
    """All panels of a cluster: its medoid, the first of `trajectories`, thick, the others thin."""
    drawings = []
    for panel, window in shown:
        thick, *thin = (window.place(panel.points(values)) for values in trajectories)
        drawings.append(PathPanel(panel.title, thick, thin, float(window.units[0]) if panel.is_space else None))
    return paths_chart(drawings, columns, kind, title)


def still(shown: Sequence[Panel], windows: Sequence[OverlayFrame], trajectories: Sequence[Array]) -> set[int]:
    """Arms that do not move in any of them: nowhere by more than 3 % of a panel."""
    moving = set()
    for panel, window in zip(shown, windows, strict=True):
        for values in trajectories:
            points = panel.points(values)[:, int(panel.across == TIME) :]
            if len(points) and (np.ptp(points, axis=0) * window.units[-points.shape[1] :]).max() > 0.03 * HIGH:
                moving.add(panel.arm)
    return {panel.arm for panel in shown} - moving


def members_to_draw(members: Sequence[int], apart: Array, limit: int) -> list[int]:
    """At most `limit` members, evenly from the nearest to the medoid to the farthest; those of unknown distance last."""
    order = np.lexsort((np.asarray(members), np.where(np.isnan(apart), np.inf, apart)))
    if len(order) > limit:
        order = order[np.unique(np.linspace(0, len(order) - 1, limit).round().astype(int))] if limit > 1 else order[-1:]
    return [members[k] for k in order.tolist()]
