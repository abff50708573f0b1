"""OFT: parallel regression (Kim et al. 2025, arXiv 2502.19645) from the hidden states of placeholder tokens."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import Backbone
from finevla_models.vla.batch import VLABatch, VLAExample, required_state
from finevla_models.vla.head import ChunkShape, Losses, VLAHead, masked_mean, required_actions
from finevla_models.vla.prompt_encoder import Answer, PromptEncoder


@dataclass(frozen=True)
class OFTConfig:
    """`placeholder` is one token of the backbone's vocabulary, one for each row; `hidden` the width of the head (0: twice the
    backbone's), `blocks` its residual blocks."""

    placeholder: str = "<|fim_pad|>"
    hidden: int = 0
    blocks: int = 2


class OFTHead(VLAHead):
    """One placeholder for each row; its last hidden state becomes the row by a residual MLP. Loss: mean absolute error."""

    def __init__(self, config: OFTConfig, shape: ChunkShape, backbone: Backbone) -> None:
        super().__init__()
        self.config, self.shape, width = config, shape, backbone.width
        hidden = config.hidden or 2 * width
        self.state = nn.Linear(shape.state, width) if shape.state else None
        self.first = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.ReLU())
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.ReLU()) for _ in range(config.blocks)
        )
        self.last = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, shape.values))

    def answer(self, example: VLAExample, prompts: PromptEncoder) -> Answer:
        """Return one placeholder for each row of a chunk."""
        return prompts.queries(prompts.token_id(self.config.placeholder), self.shape.horizon)

    def loss(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Losses:
        """Return the mean absolute error of the normalised actions."""
        actions = required_actions(batch, self.shape)
        error = masked_mean((self.predict(backbone, batch) - actions).abs(), batch.action_mask)
        return Losses(error, {"l1": error.detach()})

    def predict(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Tensor:
        """Return chunks `(B, horizon, values)`, normalised."""
        states = backbone(batch).queries
        if states.shape[1] != self.shape.horizon:
            raise FineVLAError(f"the prompt has {states.shape[1]} placeholders, the head needs {self.shape.horizon}")
        if self.state is not None:
            states = states + self.state(required_state(batch.state, self.shape.state))[:, None]
        x = self.first(states)
        for block in self.blocks:
            x = x + block(x)
        made: Tensor = self.last(x)
        return made
