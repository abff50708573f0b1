"""Feedback that keeps coming but no longer measures: it stays the same to the last digit although commands move."""

import math
from collections.abc import Sequence

CHANGED_RAD = 1e-5  # below the resolution of 0.001 degree


class FrozenWatch:
    """Per joint: the last measurement that differed, the command of that time, and since when the command is apart."""

    def __init__(self, moved_rad: float, patience_s: float) -> None:
        self.moved_rad = moved_rad
        self.patience_s = patience_s
        self.reference: list[tuple[float, float, float]] = []

    def update(self, measured: Sequence[float], commanded: Sequence[float], now_s: float) -> str:
        """A sentence if a joint is frozen, else an empty text."""
        if not self.reference:
            self.reference = [(float(q), float(c), math.inf) for q, c in zip(measured, commanded, strict=True)]
        for i, (q, c) in enumerate(zip(measured, commanded, strict=True)):
            last, command, since_s = self.reference[i]
            if abs(q - last) > CHANGED_RAD:
                self.reference[i] = (float(q), float(c), math.inf)
                continue
            since_s = min(since_s, now_s) if abs(c - command) > self.moved_rad else math.inf
            self.reference[i] = (last, command, since_s)
            if now_s - since_s > self.patience_s:
                return (
                    f"joint {i + 1}: feedback has not changed for {now_s - since_s:.1f} s while it was commanded to move; look "
                    "at the arm, then CLEAR_ERRORS"
                )
        return ""
