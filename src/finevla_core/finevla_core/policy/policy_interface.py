"""What every policy offers, whatever runs it: a bundle in this process, a policy server, or a stand-in of a test."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from finevla_core.chunk import ActionChunk
from finevla_core.errors import FineVLAError
from finevla_core.images import ImageFormat
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.understanding import NotUnderstood, Understanding, unchecked


@dataclass(frozen=True)
class PolicyDescription:
    """What a policy is and needs.

    `name` is its bundle's, `provider` says what it runs on; `cameras` are the robot's that it looks at and `images` how.
    A chunk has `horizon` rows of the robot's `values`, `dt_s` apart.
    """

    name: str
    embodiment: str
    provider: str
    cameras: tuple[str, ...]
    images: ImageFormat
    values: tuple[str, ...]
    horizon: int
    dt_s: float
    joining: str

    @property
    def horizon_s(self) -> float:
        """Time that one chunk covers, seconds."""
        return self.horizon * self.dt_s


class Policy(Protocol):
    """A policy; `predict` is called by one thread at a time, the rest by any.

    One that can tell what it understood also has `understand(instruction) -> Understanding`, which does not wait for a
    running `predict`: who says something new must not wait for what is being computed for the old. One that depends on
    another process has `waiting_text`, why that cannot be asked now; empty = it can. One that thinks in words before it acts
    has `thought`, those behind its last chunk; empty = none.
    """

    @property
    def description(self) -> PolicyDescription:
        """What the policy is and needs."""

    @property
    def limited_text(self) -> str:
        """Why chunks are being shortened; empty = they are not."""

    @property
    def server_s(self) -> float | None:
        """What a policy server said that its last answer took, seconds; None without one."""

    def encode(self, instruction: Instruction) -> Any:
        """Prepare an instruction for `predict`, once; raises `NotUnderstood`."""

    def predict(self, observation: Observation, encoded: Any) -> ActionChunk:
        """Return the next chunk; raises `TargetAbsent` if what the instruction is about is not seen."""

    def accepted(self, sequence: int, executed_steps: int, speed_scale: float = 1.0) -> None:
        """Take in which chunk the bridge follows (0 = none of ours), and how many of its rows are past."""

    def ready(self) -> str:
        """Return what it runs on, having seen that it does; raises `FineVLAError` for a policy server that cannot be had."""

    def reset(self) -> None:
        """Forget everything of the observations before: another episode begins."""

    def close(self) -> None:
        """Let go of what it holds; harmless when done twice."""


def understand(policy: Any, instruction: Instruction) -> Understanding:
    """Return what a policy takes an instruction for, or that it cannot tell; from any thread.

    Raises `NotUnderstood`, also for a policy that fails over it: unknown means hold.
    """
    ask: Callable[[Instruction], Understanding] | None = getattr(policy, "understand", None)
    try:
        return unchecked() if ask is None else ask(instruction)
    except FineVLAError:
        raise
    except Exception as error:  # a bug, or whatever a bundle's code may do; nothing moves on words that nobody has read
        raise NotUnderstood(
            f"the policy fails over it: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
