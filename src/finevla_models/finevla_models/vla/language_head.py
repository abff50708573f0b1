"""Answers in words in place of actions: supervised fine-tuning of a backbone on pictures, questions and answers."""

from dataclasses import dataclass

import torch
from torch import Tensor

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import Backbone
from finevla_models.vla.batch import VLABatch, VLAExample
from finevla_models.vla.head import ChunkShape, Losses, VLAHead, answer_losses
from finevla_models.vla.prompt_encoder import AnswerTokens, PromptEncoder


@dataclass(frozen=True)
class LanguageConfig:
    """There is nothing to choose."""


class LanguageHead(VLAHead):
    """No head of its own: the backbone's over its vocabulary learns an example's `answer`, and when it ends.

    Loss: cross entropy of the answer's tokens, each counted alike; prompt and pictures count nothing.
    """

    def __init__(self, config: LanguageConfig, shape: ChunkShape, backbone: Backbone) -> None:
        super().__init__()
        self.config, self.shape = config, shape

    def answer(self, example: VLAExample, prompts: PromptEncoder) -> AnswerTokens:
        """Return the answer's tokens and the token that ends it; nothing where the model shall answer itself."""
        return prompts.words(example.answer) + prompts.end() if example.answer else AnswerTokens()

    def loss(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Losses:
        """Return the cross entropy, and the share of tokens that would be said right; raises `FineVLAError`."""
        return answer_losses(backbone, batch)

    def predict(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Tensor:
        """Raise `FineVLAError`: there are no chunks."""
        raise FineVLAError("this policy answers in words and makes no chunks; train one with an action head")
