"""The page of a mixture study: its curve with intervals beside the paper's two, its tables, and the cells that failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finevla_core.plural_phrases import counted
from finevla_tools.mixture_study.paper_results import RATIOS, REAL_ROBOT, ROBOTWIN, SOURCE
from finevla_tools.mixture_study.result_tables import FAILED, LEFT, MADE, RatioScore, SeedMean, scores_of
from finevla_tools.mixture_study.study_cell import HELD_OUT, Row
from finevla_tools.mixture_study.study_config import STEERBENCH, MixtureStudy
from finevla_tools.report.html_page import (
    Block,
    Container,
    Figure,
    Heading,
    Items,
    Paragraph,
    Table,
    bold,
    render,
    soft,
)
from finevla_tools.report.svg import Drawing, round_places

PAGE = "index.html"
WIDTH, HEIGHT, LEFT_EDGE, RIGHT_EDGE, TOP, BOTTOM = 340, 210, 30, 12, 10, 26
LINE, COLOURS = 14, 6  # of names below a chart: height; colours of the style sheet
SPAN = 10.0  # points that an axis shows at least: what hardly differs looks so
NAMES = {"0:1": "raw", "1:0": "fine"}
FINE_RAW = "fine\N{NO-BREAK SPACE}:\N{NO-BREAK SPACE}raw"


@dataclass(frozen=True)
class RatioCurve:
    """A line of a chart: a value for each ratio, with its interval, which may be NaN."""

    name: str
    values: Mapping[str, SeedMean]


def ratio_chart(curves: Sequence[RatioCurve], title: str) -> Drawing:
    """Draw values over the seven ratios, one line a curve, the shares of fine texts rising from left to right."""
    drawing, base = Drawing(WIDTH, HEIGHT + LINE * len(curves), title), HEIGHT - BOTTOM
    seen = [v for c in curves for one in c.values.values() for v in (one.mean, one.low, one.high) if v == v]
    low, high = min(seen, default=0.0), max(seen, default=100.0)
    pad = max(0.05 * (high - low), (SPAN - (high - low)) / 2)
    low, high = max(0.0, low - pad) if min(seen, default=0.0) >= 0.0 else low - pad, high + pad

    def at(ratio: str, value: float) -> tuple[float, float]:
        share = RATIOS.index(ratio) / (len(RATIOS) - 1)
        x = LEFT_EDGE + 10 + share * (WIDTH - LEFT_EDGE - RIGHT_EDGE - 20)
        return x, base - (value - low) / (high - low) * (base - TOP)

    for value in round_places(low, high, 5):
        y = at(RATIOS[0], value)[1]
        drawing.line("grid", LEFT_EDGE, y, WIDTH - RIGHT_EDGE, y)
        drawing.write(LEFT_EDGE - 5, y + 3.5, f"{value:g}", "end")
    for ratio in RATIOS:
        drawing.write(at(ratio, low)[0], base + 15, NAMES.get(ratio, ratio), "middle")
    for k, curve in enumerate(curves):
        colour = f"c{k % COLOURS + 1}"
        means = {ratio: curve.values[ratio] for ratio in RATIOS if ratio in curve.values}
        places = " ".join("{:.1f},{:.1f}".format(*at(ratio, one.mean)) for ratio, one in means.items())
        drawing.add("polyline", f"link {colour}", points=places)
        for ratio, one in means.items():
            x, y = at(ratio, one.mean)
            x += 2.0 * (k - (len(curves) - 1) / 2)  # intervals of several curves stand beside each other
            if one.low == one.low:
                drawing.line(f"link {colour}", x, at(ratio, one.low)[1], x, at(ratio, one.high)[1])
            drawing.add(
                "circle", f"dot {colour}", hover=f"{curve.name}, {ratio}: {interval_text(one)}", cx=x, cy=y, r=3
            )
        y = HEIGHT + LINE * k + 6
        drawing.add("circle", f"dot {colour}", cx=LEFT_EDGE + 4, cy=y - 3.5, r=3.5)
        drawing.write(LEFT_EDGE + 14, y, curve.name)
    return drawing


def interval_text(one: SeedMean, sign: str = "") -> str:
    """Return a mean with its interval as text, "-" for none."""
    if one.mean != one.mean:
        return "-"
    said = f"{one.mean:{sign}.1f}"
    return said if one.low != one.low else f"{said} [{one.low:{sign}.1f}, {one.high:{sign}.1f}]"


def study_tables(study: MixtureStudy, rows: Sequence[Row]) -> list[Table]:
    """Return the means over seeds, and the parts of the score; for the page and the terminal."""
    scores = scores_of(study, rows)
    names = list(dict.fromkeys(name for one in scores for name in one.parts))
    means = [
        [one.head, one.ratio, interval_text(one.score), interval_text(one.gain, "+"), str(one.score.seeds)]
        for one in scores
    ]
    parts = [
        [one.head, one.ratio, *(f"{one.parts[n]:.1f}" if n in one.parts else "-" for n in names)] for one in scores
    ]
    heads = ["head", FINE_RAW, "points of 100", "beside raw alone", "seeds"]
    return [
        Table("Points by ratio, with 95 % intervals over seeds", heads, means),
        Table("What the points are made of", ["head", FINE_RAW, *(name.replace("_", " ") for name in names)], parts),
    ]


def study_page(study: MixtureStudy, rows: Sequence[Row]) -> str:
    """Return the page of a study, with as many cells as are done."""
    scores = scores_of(study, rows)
    states = [row["state"] for row in rows]
    blocks: list[Block] = [Paragraph(_what(study, rows)), Items(findings(scores))]
    if states.count(LEFT):
        blocks.append(
            Paragraph(f"{counted(states.count(LEFT), 'cell', 'are')} not there yet: the same command goes on.")
        )
    blocks.append(_charts(study, scores))
    for table in study_tables(study, rows):
        heads = [*table.heads[:2], *(f"#{head}" for head in table.heads[2:])]
        small = [[*row[:2], *(_small(cell) for cell in row[2:])] for row in table.rows]
        blocks += [Heading(table.name), Table(table.name, heads, small, is_sortable=False)]
    if faults := [row for row in rows if row["state"] == FAILED]:
        told = [bold(f"{row['head']} {row['ratio']} seed {row['seed']}") + f": {row['fault']}" for row in faults]
        blocks += [Heading(f"{counted(len(faults), 'cell')} failed"), Items(told)]
    blocks += _cells_block(rows)
    blocks += [Heading("The paper's tables"), Paragraph(f"Source: {SOURCE}.")]
    for name, some in (("RoboTwin 2.0, success in %", ROBOTWIN), ("Dual-arm Aloha, points of 100", REAL_ROBOT)):
        lines = [[ratio, *(f"{row[ratio]:g}" for row in some.values())] for ratio in RATIOS]
        heads = [FINE_RAW, *(f"#{head}" for head in some)]
        blocks += [Heading(name, level=3), Table(name, heads, lines, is_sortable=False)]
    return render(f"{study.name}: fine to raw", f"{study.name}: how much fine text does a policy need?", blocks)


def findings(scores: Sequence[RatioScore]) -> list[str]:
    """Return what the study shows of each head in words, whatever it is."""
    said = []
    for head in dict.fromkeys(one.head for one in scores):
        own = [one for one in scores if one.head == head]
        best = max(own, key=lambda one: one.score.mean)
        text = f"{head}: most points with {best.ratio}, {interval_text(best.score)}"
        if best.gain.low == best.gain.low:
            is_told = best.gain.low > 0.0 or best.gain.high < 0.0
            text += f"; beside raw alone {interval_text(best.gain, '+')}" + ("" if is_told else ", which may be chance")
            text += f"; as the best of {len(own)} it looks better than it is" if len(own) > 1 else ""
        elif best.score.seeds < 2:
            text += "; one seed tells nothing of chance"
        said.append(text)
    return said or ["no cell is done"]


def _what(study: MixtureStudy, rows: Sequence[Row]) -> str:
    evaluation, training = study.evaluation, study.base.training
    by = (
        f"{evaluation.rounds} rounds of SteerBench ({evaluation.level} scenes)"
        if evaluation.by == STEERBENCH
        else "the pairs of 'finevla evaluate'"
    )
    only = f", tasks {', '.join(evaluation.only)} only" if evaluation.only else ""
    done = [row for row in rows if row["state"] == MADE]
    return (
        f"{counted(len(rows), 'cell')}: {counted(len(study.ratios), 'ratio')} of fine texts to raw goals, heads "
        f"{', '.join(study.heads)}, {counted(len(study.seeds), 'seed')}; {training.steps:,} steps of "
        f"{training.batch * training.accumulate} samples each. Of one seed all take the same frames in the same order, "
        f"and differ in the words alone. Tried by {by}{only}: points are 0 to 100. {len(done)} done."
    )


def _charts(study: MixtureStudy, scores: Sequence[RatioScore]) -> Container:
    own = [RatioCurve(head, {s.ratio: s.score for s in scores if s.head == head}) for head in study.heads]
    paper = [
        (
            "FineVLA, RoboTwin 2.0, easy scenes",
            {n.removesuffix(", easy"): r for n, r in ROBOTWIN.items() if "easy" in n},
        ),
        ("FineVLA, dual-arm Aloha", {f"mean of {name}": REAL_ROBOT[name] for name in ("seven", "eight")}),
    ]
    figures = [Figure(bold("This study") + ", 95 % over seeds", [ratio_chart(own, "points by ratio, this study")])]
    for title, some in paper:
        curves = [RatioCurve(name, {ratio: _exact(v) for ratio, v in row.items()}) for name, row in some.items()]
        figures.append(Figure(bold(title), [ratio_chart(curves, f"{title}: by ratio")]))
    return Container("charts", figures)


def _exact(value: float) -> SeedMean:
    return SeedMean(float(value), float("nan"), float("nan"), 0)


def _cells_block(rows: Sequence[Row]) -> list[Block]:
    columns = [name for name in (rows[0] if rows else {}) if name.startswith(HELD_OUT)]
    heads = ["cell", "state", "#points", "#trials", "#failed trials", "#stopped"]
    heads += [f"#{name.removeprefix(HELD_OUT).replace('_', ' ').replace('/', ' ')}" for name in columns]
    lines = [
        [
            f"{row['head']} {row['ratio']} seed {row['seed']}".replace(" ", "\N{NO-BREAK SPACE}"),
            row["state"].replace(" ", "\N{NO-BREAK SPACE}"),
            _number(row.get("score"), ".1f"),
            _number(row.get("trials"), "d"),
            _number(row.get("faults"), "d"),
            _number(row.get("stopped"), ".0%"),
            *(_number(row.get(name), ".3g") for name in columns),
        ]
        for row in rows
    ]
    table = Table("All cells", heads, lines)
    note = Paragraph(
        "Stopped: trials that the safety gate ended. Behind it the trainer's numbers of held-out samples, open loop: errors of "
        "chunks, and how far they change when one thing is said otherwise."
    )
    return [Heading("All cells"), note, Container("fold", [table], summary=counted(len(rows), "cell"))]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _small(cell: str) -> str:
    """The interval smaller beside its value."""
    value, _, interval = cell.partition(" ")
    return value + soft(interval) if interval else cell
