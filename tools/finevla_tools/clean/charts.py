"""Charts of the cleaning report: histograms with the threshold drawn in, and traces of state and action, as SVG and as PNG.

Both are drawn from the same numbers by hand: a plotting library would be the report's largest requirement.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 36
MAX_POINTS = 300  # of a trace: more is not seen
WIDTH, HEIGHT = 320, 132
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 14, 24


@dataclass(frozen=True)
class Histogram:
    """Counts of good and flagged episodes between `edges` (on the scale of the axis), and where the threshold is."""

    edges: NDArray[np.float64]
    good: NDArray[np.int64]
    bad: NDArray[np.int64]
    line: float | None  # on the scale of the axis
    is_log: bool
    beyond: int  # infinite values, which have no bar

    @property
    def low(self) -> float:
        return float(self.edges[0])

    @property
    def high(self) -> float:
        return float(self.edges[-1])


def histogram(values: Sequence[float], flagged: Sequence[bool], threshold: float | None, is_log: bool) -> Histogram:
    """Bars wide enough for all of it, threshold included; logarithmic if asked for and possible."""
    array, marks = np.array(values, dtype=np.float64), np.array(flagged, dtype=bool)
    finite = np.isfinite(array)
    beyond = int((~finite).sum())
    array, marks = array[finite], marks[finite]
    is_log = is_log and len(array) > 0 and bool((array > 0).all()) and (threshold is None or threshold > 0)
    shown = np.log10(array) if is_log else array
    line = None if threshold is None else float(np.log10(threshold) if is_log else threshold)
    span = [*shown.tolist(), *([line] if line is not None and np.isfinite(line) else [])] or [0.0]
    low, high = min(span), max(span)
    pad = 0.04 * (high - low) or 0.5 * max(abs(high), 1.0) * 0.1
    edges = np.linspace(low - pad, high + pad, BINS + 1)
    good, bad = (np.histogram(shown[m], edges)[0] for m in (~marks, marks))
    return Histogram(edges, good, bad, line, is_log, beyond)


def svg_histogram(h: Histogram, unit: str) -> str:
    """A small chart; bars say their range and counts when pointed at."""
    tall = max(1, int((h.good + h.bad).max(initial=0)))
    inner = HEIGHT - TOP - BOTTOM
    parts = []
    for k, (good, bad) in enumerate(zip(h.good.tolist(), h.bad.tolist(), strict=True)):
        if not good + bad:
            continue
        x, right = (_x(h, float(h.edges[i])) for i in (k, k + 1))
        low, high = (number(_back(h, float(h.edges[i]))) for i in (k, k + 1))
        title = f"<title>{low} to {high} {html.escape(unit)}: {good + bad} episodes, {bad} flagged</title>"
        # A single flagged episode among thousands must be seen: no bar is lower than 3 pixels.
        sizes = [max(3.0, inner * n / tall) if n else 0.0 for n in (good, bad)]
        base = HEIGHT - BOTTOM
        bars = [
            f"<rect class={kind} x={x + 0.5:.1f} y={y:.1f} width={right - x - 1:.1f} height={size:.1f} />"
            for kind, size, y in (
                ("good", sizes[0], base - sizes[0]),
                ("bad", sizes[1], max(TOP - 6.0, base - sizes[0] - sizes[1])),
            )
            if size
        ]
        parts.append(f"<g>{title}{''.join(bars)}</g>")
    if h.line is not None and np.isfinite(h.line):
        x = _x(h, h.line)
        anchor = "end" if x > WIDTH * 0.6 else "start"
        nudge = -4 if anchor == "end" else 4
        parts.append(f"<line class=limit x1={x:.1f} y1={TOP - 8} x2={x:.1f} y2={HEIGHT - BOTTOM} />")
        parts.append(
            f"<text class=limit x={x + nudge:.1f} y={TOP} text-anchor={anchor}>{number(_back(h, h.line))}</text>"
        )
    axis = HEIGHT - BOTTOM
    parts.append(f"<line class=axis x1={LEFT} y1={axis} x2={WIDTH - RIGHT} y2={axis} />")
    for tick in ticks(h):
        parts.append(
            f"<text class=tick x={_x(h, tick):.1f} y={axis + 14} text-anchor=middle>{number(_back(h, tick))}</text>"
        )
    return f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img>{''.join(parts)}</svg>"


def svg_traces(
    state: NDArray[np.float64], action: NDArray[np.float64], names: Sequence[str], frames: Sequence[int], fps: float
) -> str:
    """A strip per value, state over action, with the frames that reasons name marked."""
    count = len(state)
    pick = np.unique(np.linspace(0, max(count - 1, 0), MAX_POINTS).astype(int)) if count else np.zeros(0, int)
    strip, width = 34, 640
    tall = strip * len(names) + 18
    parts = [
        f"<rect class=mark x={120 + (width - 128) * f / max(count - 1, 1) - 1.5:.1f} y=0 width=3 height={tall - 18} />"
        for f in sorted(set(frames))
    ]
    for row, name in enumerate(names):
        pair = [x[:, row] for x in (action, state) if row < x.shape[1]]
        known = np.concatenate([x[np.isfinite(x)] for x in pair])
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        middle, half = (low + high) / 2, max((high - low) / 2, 0.02)  # what hardly moves is drawn as a straight line
        parts.append(f"<text class=name x=112 y={row * strip + 21} text-anchor=end>{html.escape(name[-18:])}</text>")
        for kind, values in zip(("action", "state")[-len(pair) :], pair, strict=True):
            points = " ".join(
                f"{120 + (width - 128) * k / max(count - 1, 1):.1f},{row * strip + 17 - 13 * (values[k] - middle) / half:.1f}"
                for k in pick
                if np.isfinite(values[k])
            )
            parts.append(f"<polyline class={kind} points='{points}' />")
    seconds = (count - 1) / fps if count else 0.0
    parts.append(f"<text class=tick x=120 y={tall - 4}>0 s</text>")
    parts.append(f"<text class=tick x={width - 8} y={tall - 4} text-anchor=end>{seconds:.1f} s</text>")
    return f"<svg class=traces viewBox='0 0 {width} {tall}' role=img>{''.join(parts)}</svg>"


def png_sheet(charts: Sequence[tuple[str, Histogram]], title: str) -> bytes:
    """All histograms on one picture, for whoever cannot open the page."""
    import io

    from PIL import Image, ImageDraw, ImageFont

    scale, columns = 2, 3
    rows = -(-len(charts) // columns)
    cell_w, cell_h, top = WIDTH + 24, HEIGHT + 30, 36
    image = Image.new("RGB", (scale * cell_w * columns, scale * (top + cell_h * max(rows, 1))), "#fbfbf9")
    draw = ImageDraw.Draw(image)
    small, large = (ImageFont.load_default(size=scale * size) for size in (10, 15))
    draw.text((12 * scale, 10 * scale), title, "#1c2126", large)
    for k, (name, h) in enumerate(charts):
        x0, y0 = cell_w * (k % columns) + 12, top + cell_h * (k // columns)
        draw.text((scale * (x0 + LEFT), scale * y0), name, "#1c2126", small)
        y0 += 16

        def at(x: float, y: float, x0: int = x0, y0: int = y0) -> tuple[int, int]:
            return round(scale * (x0 + x)), round(scale * (y0 + y))

        tall, base = max(1, int((h.good + h.bad).max(initial=0))), HEIGHT - BOTTOM
        for b, (good, bad) in enumerate(zip(h.good.tolist(), h.bad.tolist(), strict=True)):
            x, right = (_x(h, float(h.edges[i])) for i in (b, b + 1))
            sizes = [max(3.0, (base - TOP) * n / tall) if n else 0.0 for n in (good, bad)]
            if good:
                draw.rectangle((*at(x + 0.5, base - sizes[0]), *at(right - 0.5, base)), "#7d96ab")
            if bad:
                draw.rectangle((*at(x + 0.5, base - sum(sizes)), *at(right - 0.5, base - sizes[0])), "#c8452f")
        draw.line((*at(LEFT, base), *at(WIDTH - RIGHT, base)), "#9aa3ab", scale)
        if h.line is not None and np.isfinite(h.line):
            draw.line((*at(_x(h, h.line), TOP - 8), *at(_x(h, h.line), base)), "#c8452f", scale)
        for tick in ticks(h):
            draw.text(at(_x(h, tick), base + 4), number(_back(h, tick)), "#5a646e", small, anchor="mt")
    buffer = io.BytesIO()
    image.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def ticks(h: Histogram) -> list[float]:
    """Three to six round places of the axis."""
    span = h.high - h.low
    if h.is_log and span >= 2:
        every = max(1, round(span / 4))
        return [float(t) for t in range(int(np.ceil(h.low)), int(np.floor(h.high)) + 1, every)]
    if h.is_log:
        low, high = 10**h.low, 10**h.high
        return [float(np.log10(t)) for t in _round_places(low, high, 4) if t > 0]
    return _round_places(h.low, h.high, 4)


def number(value: float) -> str:
    """As short as it can be read."""
    if not np.isfinite(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    if abs(value) < 1e-3:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:.3g}" if abs(value) < 1e3 else f"{value:,.0f}"


def _round_places(low: float, high: float, wanted: int) -> list[float]:
    rough = max((high - low) / wanted, 1e-12)
    power = 10 ** np.floor(np.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first = np.ceil(low / step)
    return [float(step * k) for k in np.arange(first, np.floor(high / step) + 1)]


def _x(h: Histogram, value: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (value - h.low) / max(h.high - h.low, 1e-12)


def _back(h: Histogram, value: float) -> float:
    return float(10**value) if h.is_log else value
