"""What every action head offers, whichever way it makes chunks of a backbone's hidden states."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import Backbone
from finevla_models.vla.batch import IGNORED, VLABatch, VLAExample
from finevla_models.vla.prompt_encoder import AnswerTokens, PromptEncoder


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
    """An action head. It says what follows the prompt, and runs the backbone as it needs.

    `changes_backbone`: making one puts layers of its own into the backbone, so that no other head fits that backbone.
    """

    shape: ChunkShape
    changes_backbone: ClassVar[bool] = False
    speaks: ClassVar[bool] = False  # whether `loss` takes batches without actions, too

    def fit(self, chunks: NDArray[np.float32], masks: NDArray[np.bool_] | None, backbone: Backbone) -> None:
        """Fit what is no weight, once before training: `chunks` `(N, T, D)` normalised, `masks` of the same shape.

        It may enlarge the backbone's vocabulary; optimizers and adapters are made after it.
        """

    def save_files(self, folder: Path) -> None:
        """Write what is no weight into a folder that need not be there yet; nothing for most heads."""

    def load_files(self, folder: Path) -> None:
        """Read what `save_files` wrote; raises `FineVLAError`."""

    def prompt(self, example: VLAExample) -> str:
        """Return what the model is asked: the words of the example, and what the head puts behind them."""
        return example.prompt

    def answer(self, example: VLAExample, prompts: PromptEncoder) -> AnswerTokens:
        """Return what follows the prompt of an example; nothing for heads that read the prompt alone.

        In training (`example.actions` there) it holds what shall be learned to be said, in inference what must stand there
        before the backbone is run.
        """
        return AnswerTokens()

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
        asked = [e if is_question(e) else replace(e, prompt=self.head.prompt(e)) for e in examples]
        answers = [
            prompts.words(e.answer) + prompts.end() if is_question(e) else self.head.answer(e, prompts)
            for e in examples
        ]
        return prompts.batch(asked, answers)

    def fit(self, chunks: NDArray[np.float32], masks: NDArray[np.bool_] | None = None) -> None:
        """Fit what is no weight, once before training (see `VLAHead.fit`)."""
        self.head.fit(chunks, masks, self.backbone)

    def forward(self, batch: VLABatch, generator: torch.Generator | None = None) -> Losses:
        """Return the losses of a batch (forward, so that wrappers of several devices see it).

        A batch of questions is learned by the backbone, whatever head is on it.
        """
        if batch.actions is None and not self.head.speaks and bool((batch.labels != IGNORED).any()):
            return answer_losses(self.backbone, batch)
        return self.head.loss(self.backbone, batch, generator)

    def predict(self, batch: VLABatch, generator: torch.Generator | None = None) -> Tensor:
        """Return chunks `(B, horizon, values)`, normalised; without gradients."""
        with torch.no_grad():
            return self.head.predict(self.backbone, batch, generator)


def is_question(example: VLAExample) -> bool:
    """Return whether an example is to be answered in words alone."""
    return example.actions is None and bool(example.answer)


def answer_losses(backbone: Backbone, batch: VLABatch) -> Losses:
    """Return the cross entropy of what a batch's answers say, and the share of tokens that would be said right.

    Raises `FineVLAError` for a batch without answers.
    """
    # A token is said by the state before it; the vocabulary's head runs for these alone.
    labels = batch.labels[:, 1:]
    said = labels != IGNORED
    if not said.any():
        raise FineVLAError("no sample of the batch has an answer to learn from")
    logits = backbone.logits(backbone(batch).last[:, :-1][said]).float()
    error = torch.nn.functional.cross_entropy(logits, labels[said])
    right = (logits.argmax(-1) == labels[said]).float().mean()
    return Losses(error, {"cross_entropy": error.detach(), "token_accuracy": right})


def required_actions(batch: VLABatch, shape: ChunkShape) -> Tensor:
    """Return the actions `(B, T, D)` of a batch, 0 for values that count nothing (they may be anything, NaN too).

    Raises:
        FineVLAError: A sample has none, or others than the policy's.
    """
    if batch.actions is None:
        raise FineVLAError("the head learns from actions, and not every sample of the batch has them")
    check_chunk(shape, *batch.actions.shape[1:])
    return batch.actions if batch.action_mask is None else batch.actions.masked_fill(~batch.action_mask, 0.0)


def check_chunk(shape: ChunkShape, rows: int, values: int) -> None:
    """Raise `FineVLAError` unless chunks of `rows` rows of `values` values are the policy's."""
    if (rows, values) != (shape.horizon, shape.values):
        raise FineVLAError(
            f"the policy's chunks are {shape.horizon} rows of {shape.values} values, the sample has {rows} of {values}"
        )


def masked_mean(errors: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean of `errors` over the values that `mask` (of their shape) marks; 0 where it marks none."""
    if mask is None:
        return errors.mean()
    weights = mask.to(errors.dtype)
    return (errors * weights).sum() / weights.sum().clamp(min=1.0)
