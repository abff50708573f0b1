"""A policy's plan: absolute joint targets at fixed steps, tied to an observation and to an instruction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

JOININGS = ("blend", "ensemble", "rtc")  # the first one where nothing is said


@dataclass(frozen=True)
class ActionChunk:
    """`actions` `(horizon, D)` float64; row k is the target at `stamp_ns + (k + 1) * dt_s`.

    `client` is the node that sends it, `epoch` the bridge's (`SafetyStatus.epoch`) when the observation was taken,
    `joining` how it is to be joined to the running plan ("blend", "ensemble" or "rtc").
    Not validated here: a chunk is a stranger's word, and the safety gate is the door that judges it.
    """

    stamp_ns: int
    instruction_id: str
    embodiment: str
    names: tuple[str, ...]
    dt_s: float
    actions: NDArray[np.float64]
    policy: str = ""
    client: str = ""
    epoch: int = 0
    joining: str = "blend"
    sequence: int = 0
    inference_s: float = 0.0

    @property
    def horizon(self) -> int:
        """Number of rows (time steps) of the chunk."""
        return int(self.actions.shape[0])
