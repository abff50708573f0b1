"""Message types that the bridge and the watchdog publish: State, Trajectory, Event."""

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# What a person does after a stop; every sentence that needs it says it so.
RESET_ADVICE = "when it is safe: finevla reset (service safety/reset)"
MAX_REASON, MAX_EVENT = 400, 800  # characters of a reason and of an event: what others say is in them


class State(enum.IntEnum):
    """State of the bridge; values as in `SafetyStatus`."""

    DISABLED = 0
    HOLDING = 1
    FOLLOWING = 2
    STOPPED = 3


def state_sentence(state: State, reason: str) -> str:
    """Return "stopped: why; what to do then": a state as a refusal gives it, with the way out of a stop."""
    return f"{state.name.lower()}: {reason}" + (f"; {RESET_ADVICE}" if state is State.STOPPED else "")


@dataclass(frozen=True)
class Trajectory:
    """Trajectory for one controller: points from `start_ns`, `times_s` `(N,)`, URDF positions and velocities `(N, J)`."""

    controller: str
    joints: tuple[str, ...]
    start_ns: int
    times_s: NDArray[np.float64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]


@dataclass(frozen=True)
class Event:
    """Something that was done or found; `level` 0 info, 1 warning, 2 error."""

    level: int
    code: str
    text: str
    instruction_id: str = ""
    chunk_sequence: int = 0
