"""What runs the networks of a bundle, whichever library does it."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

TEXT_SIGNATURE = (("tokens", "mask"), "text")
POLICY_SIGNATURE = (("images", "state", "text"), "actions")
MEMORY, REMEMBERED = "memory", "remembered"  # optional: an input, zeros where there is none, and the next one's value
PREVIOUS, WEIGHTS = "previous", "weights"  # optional inputs: the running chunk, and how firm each row of it is
PRESENT = "present"  # optional output (1, 2): how likely the target is there, and what it shall be put on


class PolicyGraphs(Protocol):
    """Networks that are loaded once and run from any thread, by one policy or by many.

    `memory_shape` is None for a policy without a memory, `takes_running` says whether it continues a running chunk,
    `tells_presence` whether it says that its target is there, `batches` whether it takes several observations at once.
    """

    provider: str
    memory_shape: tuple[int, ...] | None
    takes_running: bool
    tells_presence: bool
    batches: bool

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Return the policy's outputs by name for inputs `(B, ...)`; raises `FineVLAError`."""

    def features(self, tokens: NDArray[np.int64], mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the text encoder's features `(1, ...)` of tokens `(words, pieces)` and their mask `(words,)`."""


@runtime_checkable
class PromptReader(Protocol):
    """Graphs of a network that reads the prompt itself: `run` gets it as `finevla_core.policy.prompt_bytes` have it."""

    def refusal(self, prompt: str) -> str:
        """Return why the network cannot take a prompt, "" where it can; from any thread."""


@runtime_checkable
class Thinker(Protocol):
    """Graphs of a network that thinks in words before it acts; its memory holds the thought."""

    def thought(self, memory: NDArray[np.float32]) -> str:
        """Return the words behind the answer with which a memory `(1, ...)` came, "" without; from any thread."""
