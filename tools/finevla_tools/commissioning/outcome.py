"""What came out of one step."""

from dataclasses import dataclass, field
from typing import Any

OK, FAILED, SKIPPED = "ok", "failed", "skipped"


@dataclass(frozen=True)
class Outcome:
    """A step by name, its state (ok, failed, skipped), what was found, and what to do about it; `facts` are for programs."""

    step: str
    state: str
    found: str
    remedy: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def passed(step: str, found: str, **facts: Any) -> Outcome:
    """All is well."""
    return Outcome(step, OK, found, "", facts)


def failed(step: str, found: str, remedy: str, **facts: Any) -> Outcome:
    """Something is wrong; `remedy` says what to do."""
    return Outcome(step, FAILED, found, remedy, facts)


def skipped(step: str, why: str) -> Outcome:
    """Nobody looked, and why."""
    return Outcome(step, SKIPPED, why)
