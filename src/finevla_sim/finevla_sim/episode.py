"""A demonstration as data: what was said, seen, done and what came of it, at every control step."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from finevla_core.instruction import Instruction

CONTROL_S = 0.1


@dataclass(frozen=True)
class Episode:
    """T control steps, 0.1 s apart, of a robot with D values and C cameras, values as in the embodiment.

    `states` (T, D) are measured, `actions` (T, D) the absolute targets for the next step, both at `stamps_ns` (T,).
    `images` (T, C, H, W, 3) RGB is None where nothing was rendered. `events` are (step, what happened) pairs: pushes,
    misses, retries.
    """

    task: str
    level: str
    seed: int
    instruction: Instruction
    cameras: tuple[str, ...]
    names: tuple[str, ...]
    stamps_ns: NDArray[np.int64]
    states: NDArray[np.float32]
    actions: NDArray[np.float32]
    images: NDArray[np.uint8] | None
    outcome: str
    score: float
    success: bool
    events: tuple[tuple[int, str], ...] = field(default=())

    @property
    def steps(self) -> int:
        """T."""
        return len(self.states)
