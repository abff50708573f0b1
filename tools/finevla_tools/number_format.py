"""Numbers as a person reads them: short, with units and thousands; the same in every page, table and sentence."""

import math


def number(value: float) -> str:
    """Format a number with three significant digits at most: `0.123`, `12,300`, `4e-5`, `∞`."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    if abs(value) < 1e-3:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:.3g}" if abs(value) < 1e3 else f"{value:,.0f}"


def percentage(part: float, whole: float) -> str:
    """Format a share in percent, with decimals only near 0 and 100; `-` of nothing."""
    if not whole:
        return "-"
    share = 100 * part / whole
    return f"{share:.0f} %" if share in (0, 100) or 1 <= share <= 99 else f"{share:.2f} %"


def duration(seconds: float) -> str:
    """Format a time in seconds, minutes or hours, whichever reads best."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def shortened(text: str, letters: int = 100) -> str:
    """Cut a text to at most `letters`, with an ellipsis where it was cut."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
