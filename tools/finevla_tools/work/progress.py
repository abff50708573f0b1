"""How far long work is: a bar with the time left on a terminal, lines for a log elsewhere."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

REFRESH_S = 0.5


def _print(line: str) -> None:
    print(line, flush=True)


@dataclass(frozen=True)
class Lines:
    """What is said of work in place of the count: `text`, without the time left, is asked whenever something is shown.

    Where there is no terminal, `say` takes it every `every` steps and at the last one, or every `every_s` seconds, with what
    `left` makes of the seconds that are left.
    """

    text: Callable[[], str]
    say: Callable[[str], object] = _print
    every: int = 0
    every_s: float = math.inf
    left: Callable[[float], str] = lambda _: ""


class Progress:
    """Context manager: `step` for what is done, `tick` while time passes; without `lines` the end says the count and the time.

    The bar stands on standard error and goes at the end.
    """

    def __init__(self, what: str, total: float, unit: str = "episodes", lines: Lines | None = None) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done: float = 0
        self.steps = 0
        self._lines = lines
        self._begin = self._said = self._drawn = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bar = _new_bar()
            self._bar.add_task(self._text(), total=self.total or None)
            self._bar.start()
        return self

    def step(self, size: float = 1) -> None:
        """Count one more step, of `size` in the unit of the total."""
        self.done += size
        self.steps += 1
        is_last = self.done >= self.total
        if self._bar is not None:
            self._draw(is_last)
        elif self._lines is not None and self._lines.every and (not self.steps % self._lines.every or is_last):
            self._say(self._lines)
        else:
            self.tick()

    def tick(self) -> None:
        """Show how far it is, if it is time to."""
        if self._bar is not None:
            self._draw()
        elif self._lines is not None and time.monotonic() - self._said >= self._lines.every_s:
            self._say(self._lines)

    @property
    def seconds(self) -> float:
        """Seconds since the beginning, never 0."""
        return max(time.monotonic() - self._begin, 1e-9)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._lines is None:
            print(f"{self._text()} in {self.seconds:.1f} s", file=sys.stderr, flush=True)

    def _text(self) -> str:
        if self._lines is not None:
            return self._lines.text()
        unit = self.unit.removesuffix("s") if self.total == 1 else self.unit
        return f"{self.what}: {self.done} of {self.total} {unit}, {self.done / self.seconds:.1f}/s"

    def _say(self, lines: Lines) -> None:
        self._said = time.monotonic()
        left = lines.left(self.seconds / self.done * (self.total - self.done)) if self.done else ""
        lines.say(f"{lines.text()}{left}")

    def _draw(self, is_last: bool = False) -> None:
        if is_last or time.monotonic() - self._drawn >= REFRESH_S:
            self._drawn = time.monotonic()
            self._bar.update(self._bar.task_ids[0], completed=self.done, description=self._text(), refresh=True)


def clock(left_s: float) -> str:
    """Seconds that are left as minutes and seconds."""
    return f", {int(left_s // 60)}:{int(left_s % 60):02d} left"


def _new_bar() -> Any:
    from rich.console import Console  # where it is needed: a tenth of a second
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    return Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        BarColumn(20),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        auto_refresh=False,  # no thread beside work that forks and is interrupted
        speed_estimate_period=math.inf,  # a step may take minutes
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # lines above the bar; those for a file go there
    )
