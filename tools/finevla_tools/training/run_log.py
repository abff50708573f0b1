"""What is said of a run: lines for people, RUN/log.jsonl for programs, and curves for TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from finevla_tools.work.json_lines import JsonLines

LOG, CURVES = "log.jsonl", "tensorboard"


class RunLog:
    """Writes numbers by name and step, in process 0 alone; as a context manager it closes its files.

    After a resume the steps behind the checkpoint come again: the last line of a step counts.
    """

    def __init__(self, run: Path, first_step: int, is_first: bool) -> None:
        """Raises `OSError` if the files cannot be written."""
        self._lines: JsonLines | None = None
        self._curves: Any = None
        if is_first:
            from torch.utils.tensorboard import SummaryWriter

            self._lines = JsonLines(run / LOG)
            self._curves = SummaryWriter(str(run / CURVES), purge_step=first_step or None)

    def event(self, name: str, **facts: Any) -> None:
        """Write what happened as one line of JSON."""
        if self._lines is not None:
            self._lines.append({"event": name, **facts})

    def numbers(self, step: int, found: Mapping[str, float]) -> None:
        """Write numbers after a step, counted from 1."""
        if self._lines is None:
            return
        self._lines.append({"step": step, **found})
        for name, value in found.items():
            self._curves.add_scalar(name, value, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lines is not None:
            self._lines.__exit__(kind, error, trace)
            self._curves.close()
