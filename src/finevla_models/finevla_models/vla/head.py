"""What every action head offers, whichever way it makes chunks of a backbone's hidden states."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from finevla_models.vla.backbone import Backbone
from finevla_models.vla.batch import VLABatch, VLAExample
from finevla_models.vla.prompt_encoder import Answer, PromptEncoder


@dataclass(frozen=True)
class ChunkShape:
    """Chunks of `horizon` rows of `values` numbers; `state` numbers come in, 0 for a policy without state; `views` pictures."""

    horizon: int
    values: int
    state: int
    views: int


@dataclass(frozen=True)
class Losses:
    """`total` is what is minimised, a scalar; `parts` are its parts by name, for curves."""

    total: Tensor
    parts: Mapping[str, Tensor]


class VLAHead(nn.Module, ABC):
    """An action head. It says what follows the prompt, and runs the backbone as it needs."""

    shape: ChunkShape

    def answer(self, example: VLAExample, prompts: PromptEncoder) -> Answer:
        """Return what follows the prompt of an example; nothing for heads that read the prompt alone.

        In training (`example.actions` there) it holds what shall be learned to be said, in inference what must stand there
        before the backbone is run.
        """
        return Answer()

    @abstractmethod
    def loss(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Losses:
        """Return the losses of a batch with actions; values that `batch.action_mask` leaves out count nothing."""

    @abstractmethod
    def predict(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Tensor:
        """Return chunks `(B, horizon, values)`, normalised; `generator` draws the noise of a flow, on the CPU."""


class VLAPolicy(nn.Module):
    """A backbone and an action head."""

    def __init__(self, backbone: Backbone, head: VLAHead) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def batch(self, examples: Sequence[VLAExample]) -> VLABatch:
        """Return examples as a batch on the CPU, each with what the head wants behind its prompt."""
        prompts = self.backbone.prompts
        return prompts.batch(examples, [self.head.answer(example, prompts) for example in examples])

    def forward(self, batch: VLABatch, generator: torch.Generator | None = None) -> Losses:
        """Return the losses of a batch (forward, so that wrappers of several devices see it)."""
        return self.head.loss(self.backbone, batch, generator)

    def predict(self, batch: VLABatch, generator: torch.Generator | None = None) -> Tensor:
        """Return chunks `(B, horizon, values)`, normalised; without gradients."""
        with torch.no_grad():
            return self.head.predict(self.backbone, batch, generator)


def masked_mean(errors: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean of `errors` over the values that `mask` (of their shape) marks; 0 where it marks none."""
    if mask is None:
        return errors.mean()
    weights = mask.to(errors.dtype)
    return (errors * weights).sum() / weights.sum().clamp(min=1.0)
