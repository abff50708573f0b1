"""The report of a first day: for programs (report.json) and for people (report.md)."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_tools.commissioning.step_outcome import FAILED, OK, SKIPPED, StepOutcome

CERTIFIED = "These are checks of an installation, not of a certified safety function."


def line(outcome: StepOutcome) -> str:
    """One outcome as it comes."""
    return f"{outcome.state:8s}{outcome.step:20s}  {outcome.found}{f' - {outcome.remedy}' if outcome.remedy else ''}"


def counted(outcomes: Sequence[StepOutcome]) -> str:
    """How many of each state."""
    return ", ".join(f"{sum(o.state == state for o in outcomes)} {state}" for state in (OK, FAILED, SKIPPED))


def write_report(folder: Path, about: dict[str, Any], outcomes: Sequence[StepOutcome]) -> None:
    """Write both; raises `FineVLAError` if the folder cannot be written."""
    content = about | {"result": counted(outcomes), "steps": [asdict(outcome) for outcome in outcomes]}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        (folder / "report.md").write_text(markdown(about, outcomes), encoding="utf-8")
    except OSError as error:
        raise FineVLAError(f"report '{folder}' cannot be written: {error}") from error


def markdown(about: dict[str, Any], outcomes: Sequence[StepOutcome]) -> str:
    """Title, what was looked at, and a row a step."""
    rows = [("step", "state", "found", "what to do"), ("---",) * 4]
    rows += [(o.step, f"**{o.state}**" if o.state == FAILED else o.state, o.found, o.remedy) for o in outcomes]
    table = "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)
    facts = "".join(f"- {key}: {value}\n" for key, value in about.items())
    pictures = [o.facts["file"] for o in outcomes if "file" in o.facts]
    shown = "".join(f"\n![{file}]({file})\n" for file in sorted(pictures))
    return f"# First day of {about['robot']}\n\n{facts}- result: {counted(outcomes)}\n\n{table}\n{CERTIFIED}\n{shown}"
