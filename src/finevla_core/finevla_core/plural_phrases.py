"""Counts in sentences: one thing is, two things are."""

SINGULAR = {"are": "is", "were": "was", "have": "has", "do": "does"}


def counted(count: int, noun: str, verb: str = "") -> str:
    """Format a count with its noun and, given in the plural, its verb: `1 pair is`, `2,000 pairs are`."""
    said = SINGULAR.get(verb, verb) if count == 1 else verb
    return f"{count:,} {noun}{'' if count == 1 else 's'} {said}".rstrip()
