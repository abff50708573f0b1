"""One row of LeRobot's language columns, for whoever only passes rows on: no Arrow is needed for that."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LanguageRow:
    """One row of LeRobot's `language_persistent` (active from `time_s` on) or, if `is_event`, `language_events` column.

    `tool_calls` is a list as JSON, "" for none.
    """

    time_s: float
    role: str
    content: str
    style: str | None
    camera: str | None = None
    is_event: bool = False
    tool_calls: str = ""
