"""The paths of a cluster laid over each other: from above, from the side, and the gripper over time, an arm a row.

All clusters of a group are drawn to one scale, so that what looks alike is alike.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
POINTS = 40  # of a path
WIDE, HIGH, PAD, HEAD = 360, 290, 14, 40  # of a panel, in units of about a third of a pixel; HEAD holds its title
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
class Frame:
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


def frames(shown: Sequence[Panel], trajectories: Sequence[Array]) -> list[Frame]:
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
    return [Frame(middle, unit) for middle, unit in zip(middles, units, strict=True)]


def overlay(
    shown: Sequence[Panel],
    windows: Sequence[Frame],
    columns: int,
    medoid: Array,
    members: Sequence[Array],
    kind: str,
    title: str,
) -> str:
    """All panels of a cluster: `members` thin, `medoid` thick, a dot where it begins."""
    parts = []
    for k, (panel, window) in enumerate(zip(shown, windows, strict=True)):
        x, y = (WIDE + 12) * (k % columns), (HIGH + 12) * (k // columns)
        parts.append(f"<g transform='translate({x} {y})'><rect class=pane width={WIDE} height={HIGH} />")
        parts.append(f"<text class=name x=10 y=30>{html.escape(panel.title[:26])}</text>")
        thin = "".join(path(window.place(panel.points(values))) for values in members)
        best = window.place(panel.points(medoid))
        if len(best):
            parts.append(f"<path class=thick d='{path(best)}' />")
        if thin:  # on top: where they leave the medoid's band is what one looks for
            parts.append(f"<path class='thin {kind}' d='{thin}' />")
        if len(best):
            parts.append(f"<circle class=begin cx={best[0, 0]} cy={best[0, 1]} r=8 />")
        if panel.is_space:
            parts.append(_rule(window))
        parts.append("</g>")
    rows = -(-len(shown) // columns)
    wide, high, said = (WIDE + 12) * columns - 12, (HIGH + 12) * rows - 12, html.escape(title)
    return (
        f"<svg class=paths viewBox='0 0 {wide} {high}' role=img aria-label=\"{said}\"><title>{said}</title>"
        f"{''.join(parts)}</svg>"
    )


def path(points: NDArray[np.int64]) -> str:
    """SVG path in steps: half as long as with places; steps of nothing are left out."""
    if not len(points):
        return ""
    steps = np.diff(points, axis=0)
    steps = steps[steps.any(axis=1)]
    said = "".join(
        f"{' ' if a >= 0 and k else ''}{a}{' ' if b >= 0 else ''}{b}" for k, (a, b) in enumerate(steps.tolist())
    )
    return f"M{points[0, 0]} {points[0, 1]}" + (f"l{said}" if said else "h0")


def still(shown: Sequence[Panel], windows: Sequence[Frame], trajectories: Sequence[Array]) -> set[int]:
    """Arms that do not move in any of them: nowhere by more than 3 % of a panel."""
    moving = set()
    for panel, window in zip(shown, windows, strict=True):
        for values in trajectories:
            points = panel.points(values)[:, int(panel.across == TIME) :]
            if len(points) and (np.ptp(points, axis=0) * window.units[-points.shape[1] :]).max() > 0.03 * HIGH:
                moving.add(panel.arm)
    return {panel.arm for panel in shown} - moving


def drawn(members: Sequence[int], apart: Array, limit: int) -> list[int]:
    """At most `limit` members, evenly from the nearest to the medoid to the farthest; those of unknown distance last."""
    order = np.lexsort((np.asarray(members), np.where(np.isnan(apart), np.inf, apart)))
    if len(order) > limit:
        order = order[np.unique(np.linspace(0, len(order) - 1, limit).round().astype(int))] if limit > 1 else order[-1:]
    return [members[k] for k in order.tolist()]


def _rule(window: Frame) -> str:
    """A length to compare with."""
    metres = next(
        (
            m
            for m in (2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
            if m * window.units[0] < WIDE / 2.5
        ),
        0.0,
    )
    if not metres:
        return ""
    length = metres * window.units[0]
    said = f"{metres * 100:g} cm" if metres >= 0.01 else f"{metres * 1000:g} mm"
    x, y = WIDE - 10, HIGH - 8
    return (
        f"<path class=rule d='M{x} {y}h{-length:.0f}' /><text class=small x={x} y={y - 8} text-anchor=end>{said}</text>"
    )
