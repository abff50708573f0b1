"""Charts of values: how they are distributed, with a threshold; how state and action run through an episode."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.plural_phrases import counted
from finevla_tools.number_format import number
from finevla_tools.report.svg import Drawing, round_places

Array = NDArray[np.float64]
BINS, MAX_POINTS = 36, 300  # of a histogram; of a trace, where more is not seen
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 320, 132, 8, 8, 14, 24
NAMES, TRACE_WIDTH, STRIP = 120, 640, 34  # of traces: where names end, all of it, a value's height


@dataclass(frozen=True)
class Histogram:
    """Counts of good and flagged episodes between `edges` (on the scale of the axis), and where the threshold is."""

    edges: Array
    good: NDArray[np.int64]
    bad: NDArray[np.int64]
    threshold: float | None  # on the scale of the axis
    is_log: bool
    beyond: int  # infinite values, which have no bar


def histogram(values: Sequence[float], flagged: Sequence[bool], threshold: float | None, is_log: bool) -> Histogram:
    """Count values into bars wide enough for all of it, threshold included; logarithmic if asked for and possible."""
    array, marks = np.array(values, dtype=np.float64), np.array(flagged, dtype=bool)
    finite = np.isfinite(array)
    array, marks = array[finite], marks[finite]
    is_log = is_log and len(array) > 0 and bool((array > 0).all()) and (threshold is None or threshold > 0)
    on_axis = np.log10(array) if is_log else array
    limit = None if threshold is None else float(np.log10(threshold) if is_log else threshold)
    span = [*on_axis.tolist(), *([limit] if limit is not None and np.isfinite(limit) else [])] or [0.0]
    low, high = min(span), max(span)
    pad = 0.04 * (high - low) or 0.5 * max(abs(high), 1.0) * 0.1
    edges = np.linspace(low - pad, high + pad, BINS + 1)
    good, bad = (np.histogram(on_axis[m], edges)[0] for m in (~marks, marks))
    return Histogram(edges, good, bad, limit, is_log, int((~finite).sum()))


def histogram_chart(h: Histogram, unit: str, title: str) -> Drawing:
    """Draw it; bars say their range and counts when pointed at."""
    drawing, base = Drawing(WIDTH, HEIGHT, title), HEIGHT - BOTTOM
    low, high = float(h.edges[0]), float(h.edges[-1])
    places = (LEFT + (WIDTH - LEFT - RIGHT) * (h.edges - low) / (high - low)).tolist()
    names = [number(edge) for edge in (10**h.edges if h.is_log else h.edges).tolist()]
    tall = max(1, int((h.good + h.bad).max(initial=0)))
    for k, (good, bad) in enumerate(zip(h.good.tolist(), h.bad.tolist(), strict=True)):
        hover, y = f"{names[k]} to {names[k + 1]} {unit}: {counted(good + bad, 'episode')}, {bad} flagged", float(base)
        for kind, count in (("good", good), ("bad", bad)):
            # A single flagged episode among thousands must be seen: no bar is lower than 3 units.
            size = max(3.0, (base - TOP) * count / tall) if count else 0.0
            y = max(TOP - 6.0, y - size)
            if count:
                wide = places[k + 1] - places[k] - 1
                drawing.add("rect", kind, hover=hover, x=places[k] + 0.5, y=y, width=wide, height=size)
    if h.threshold is not None and np.isfinite(h.threshold):
        x = float(np.interp(h.threshold, h.edges, places))
        anchor, nudge = ("end", -4) if x > WIDTH * 0.6 else ("start", 4)
        drawing.line("limit", x, TOP - 8, x, base)
        drawing.write(x + nudge, TOP, number(10**h.threshold if h.is_log else h.threshold), anchor, "limit")
    drawing.line("axis", LEFT, base, WIDTH - RIGHT, base)
    for value in _ticks(low, high, h.is_log):
        x = float(np.interp(np.log10(value) if h.is_log else value, h.edges, places))
        drawing.write(x, base + 14, number(value), "middle")
    return drawing


def traces_chart(
    state: Array, action: Array, names: Sequence[str], frames: Sequence[int], fps: float, title: str
) -> Drawing:
    """Draw a strip per value, `state` (T, D) over `action` (T, up to D), with the `frames` that reasons name marked."""
    count, tall, reach = len(state), STRIP * len(names) + 18, TRACE_WIDTH - NAMES - 8
    pick = np.unique(np.linspace(0, max(count - 1, 0), MAX_POINTS).astype(int)) if count else np.zeros(0, int)
    step = reach / max(count - 1, 1)
    drawing = Drawing(TRACE_WIDTH, tall, title, "traces")
    for frame in sorted(set(frames)):
        drawing.add("rect", "mark", x=NAMES + step * frame - 1.5, y=0, width=3, height=tall - 18)
    for row, name in enumerate(names):
        pair = {kind: v[:, row] for kind, v in (("action", action), ("state", state)) if row < v.shape[1]}
        known = np.concatenate([v[np.isfinite(v)] for v in pair.values()])
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        middle, half = (low + high) / 2, max((high - low) / 2, 0.02)  # what hardly moves is drawn as a straight line
        drawing.write(NAMES - 8, row * STRIP + 21, name[-18:], "end", "name")
        for kind, v in pair.items():
            y = row * STRIP + 17 - 13 * (v - middle) / half
            points = " ".join(f"{NAMES + step * k:.1f},{y[k]:.1f}" for k in pick if np.isfinite(y[k]))
            drawing.add("polyline", kind, points=points)
    drawing.write(NAMES, tall - 4, "0 s")
    drawing.write(TRACE_WIDTH - 8, tall - 4, f"{(count - 1) / fps if count else 0.0:.1f} s", "end")
    return drawing


def _ticks(low: float, high: float, is_log: bool) -> list[float]:
    """Three to six round values from one end of the axis to the other."""
    if is_log and high - low >= 2:
        return [10.0**t for t in range(int(np.ceil(low)), int(np.floor(high)) + 1, max(1, round((high - low) / 4)))]
    return [t for t in round_places(10**low, 10**high, 4) if t > 0] if is_log else round_places(low, high, 4)
