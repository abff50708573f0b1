"""Data of one demonstration at every control step: instruction, states, images, actions and outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.instruction import Instruction

CONTROL_S = 0.1


@dataclass(frozen=True)
class Episode:
    """T control steps, 0.1 s apart, of a robot with D values and C cameras, values as in the embodiment.

    `states` (T, D) are measured, `actions` (T, D) the absolute targets for the next step, both at `stamps_ns` (T,).
    `images` (T, C, H, W, 3) RGB is None where nothing was rendered. `events` are (step, what happened) pairs: pushes,
    misses, retries. `truth` is what the simulator alone knows of the motion (see `gripper_truth.truth_of`), None elsewhere.
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
    truth: Mapping[str, Any] | None = None

    @property
    def steps(self) -> int:
        """Number of control steps T."""
        return len(self.states)
