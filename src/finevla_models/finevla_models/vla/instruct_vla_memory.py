"""What an episode with an InstructVLA policy keeps from chunk to chunk, also as a row of numbers for whoever keeps it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class ThinkingPace:
    """A policy thinks every `think_every` chunks (0: never), in `max_thought` tokens at most; latent actions stay for
    `latent_every` chunks."""

    think_every: int
    latent_every: int
    max_thought: int

    @property
    def needs_memory(self) -> bool:
        """Whether a chunk depends on those before it."""
        return self.think_every > 0 or self.latent_every > 1


@dataclass(frozen=True)
class InstructMemory:
    """`thought` in tokens, empty without; `latents` `(N, width)`; chunks that were made `since_thought`, counted to
    `think_every`; and of these latent actions, their `age`. A new one has nothing: an episode begins."""

    thought: tuple[int, ...] = ()
    latents: Tensor | None = None
    since_thought: int = 0
    age: int = 0


@dataclass(frozen=True)
class ThoughtMemory:
    """Memories as rows of float32, in which every token's id is exact: counters, the thought, the latent actions.

    `queries` and `width` are those of the latent actions. A row of zeros is a new memory.
    """

    max_thought: int
    queries: int
    width: int

    @property
    def size(self) -> int:
        """Return how many numbers a row has."""
        return 3 + self.max_thought + self.queries * self.width

    def packed(self, memory: InstructMemory) -> NDArray[np.float32]:
        """Return a memory as a row `(size,)`."""
        row = np.zeros(self.size, np.float32)
        row[:3] = memory.since_thought, memory.age, len(memory.thought)
        row[3 : 3 + len(memory.thought)] = memory.thought
        if memory.latents is not None:
            row[3 + self.max_thought :] = memory.latents.float().cpu().numpy().reshape(-1)
        return row

    def memory(self, row: NDArray[np.float32], like: Tensor) -> InstructMemory:
        """Return the memory of a row, its latent actions on the device and of the type of `like`."""
        since_thought, age = int(row[0]), int(row[1])
        latents = None
        if age:
            found = np.array(row[3 + self.max_thought :]).reshape(self.queries, self.width)
            latents = torch.from_numpy(found).to(like)
        return InstructMemory(self.thought(row), latents, since_thought, age)

    def thought(self, row: NDArray[np.float32]) -> tuple[int, ...]:
        """Return the tokens of a row's thought."""
        return tuple(int(token) for token in row[3 : 3 + int(row[2])])
