"""Outcome of one commissioning step."""

from dataclasses import dataclass, field
from typing import Any

OK, FAILED, SKIPPED = "ok", "failed", "skipped"


@dataclass(frozen=True)
class StepOutcome:
    """One step: its state (ok, failed, skipped), what was found, the remedy; `facts` are for programs."""

    step: str
    state: str
    found: str
    remedy: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def passed(step: str, found: str, **facts: Any) -> StepOutcome:
    """Make the outcome of a step that found nothing wrong."""
    return StepOutcome(step, OK, found, "", facts)


def failed(step: str, found: str, remedy: str, **facts: Any) -> StepOutcome:
    """Make the outcome of a step that found a fault; `remedy` says what to do."""
    return StepOutcome(step, FAILED, found, remedy, facts)


def skipped(step: str, why: str) -> StepOutcome:
    """Make the outcome of a step that was not carried out; `why` is the reason."""
    return StepOutcome(step, SKIPPED, why)
