"""The results of drills as lines of a terminal, as a table of Markdown, and as JSON."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_tools.faults.drill_types import Drill, Result
from finevla_tools.number_format import shortened

HEAD = (
    "drill", "what is done", "promised", "happened", "rad/s", "fault to stop command", "stop command to rest",
    "the limits need", "of the limits used", "the operator saw",
)  # fmt: skip
HOSTILE_HEAD = ("drill", "what is done", "promised", "happened", "moved, and fastest", "named after", "code")
TEXT_LETTERS = 160


def line(result: Result) -> str:
    """One result as it comes."""
    stop = f"; stop after {_ms(result.stop_s)}" if result.stop_s is not None else ""
    rest = f", at rest {_ms(result.rest_s)} later ({_ms(result.needed_s)} needed)" if result.rest_s is not None else ""
    if result.named_s is not None:
        rest += f", named {result.named} after {_ms(result.named_s)}"
    if result.went_rad and result.is_hostile:
        rest += f", went {result.went_rad:.3f} rad, at most {result.measured:.2f} rad/s"
    if result.command_s is not None:
        rest += f", stop to command {_ms(result.command_s)}, {result.lines_s:.0f} log lines"
    texts = [*result.broken, *result.too_late]
    broken = "".join(f"\n    BROKEN: {text}" for text in texts)
    saw = f"\n    {shortened(result.saw[0], TEXT_LETTERS)}" if result.saw else ""
    return f"{'ok    ' if not texts else 'BROKEN'} {result.name:24s} {result.happened}{stop}{rest}{saw}{broken}"


def listing(drills: Sequence[Drill]) -> str:
    """What there is, and what is promised."""
    return "\n".join(f"{drill.name:24s} {drill.does}\n{'':24s} -> {drill.promised}" for drill in drills)


def markdown(results: Sequence[Result]) -> str:
    """A table; of hostile clients, a shorter one of its own."""
    tables = [
        _table([r for r in results if not r.is_hostile], _rows, HEAD),
        _table([r for r in results if r.is_hostile], _hostile_rows, HOSTILE_HEAD),
    ]
    return "\n".join(filter(None, tables))


def _table(
    results: Sequence[Result], make: Callable[[Sequence[Result]], list[tuple[str, ...]]], head: tuple[str, ...]
) -> str:
    rows = [head, ("---",) * len(head), *make(results)] if results else []
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)


def _hostile_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for r in results:
        happened = r.happened
        if r.command_s is not None:
            happened += f"; stopping command {_ms(r.command_s)} after the stop, {r.lines_s:.0f} log lines in a second"
        happened += "".join(f"; **broken: {text}**" for text in [*r.broken, *r.too_late])
        promised = r.promised.partition(";")[0]
        moved = f"{r.went_rad:.3f} rad, {r.measured:.2f} rad/s"
        rows.append((r.name, r.does, promised, happened, moved, _ms(r.named_s), r.named or "-"))
    return rows


def _rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for r in results:
        happened = r.happened + "".join(f"; **broken: {text}**" for text in r.broken)
        times = _ms(r.stop_s), _ms(r.rest_s), _ms(r.needed_s)
        saw = shortened(r.saw[0], TEXT_LETTERS) if r.saw else "nothing"
        rows.append((r.name, r.does, r.promised, happened, f"{r.speed:.2f}", *times, f"{100 * r.share:.0f} %", saw))
    return rows


def write(path: Path, results: Sequence[Result]) -> None:
    """By its ending, .json or .md."""
    if path.suffix not in (".md", ".json"):
        raise FineVLAError(f"--report '{path}' must end in .md or .json")
    text = (
        markdown(results)
        if path.suffix == ".md"
        else json.dumps([asdict(r) | {"codes": sorted(r.codes)} for r in results], indent=1) + "\n"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FineVLAError(f"--report '{path}' cannot be written: {error}") from error


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:.0f} ms"
