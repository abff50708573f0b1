"""Slots of the language tests' tables, as they are written there."""


def slots_in(text: str) -> dict[str, str]:
    """Slots from "task=pick color=red"; a first word without "=" is the task, as in "pick color=red"."""
    first, *rest = text.split()
    return dict(pair.split("=") for pair in [first if "=" in first else f"task={first}", *rest])
