"""OFT: parallel regression (Kim et al. 2025, arXiv 2502.19645) from the hidden states of placeholder tokens.

After starVLA's QwenOFT. Deviations, unless `released_placeholder`: one token of its own for each row, behind the prompt; the
state is added to the placeholders' hidden states (there it stands in the prompt in words).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import Backbone, taken_queries
from finevla_models.vla.batch import VLABatch, VLAExample, required_state
from finevla_models.vla.head import ChunkShape, Losses, VLAHead, masked_mean, required_actions
from finevla_models.vla.prompt_encoder import AnswerTokens, PromptEncoder, with_state

# What released OFT policies (starVLA's, FineVLA's) were trained to read: one sign for each row, amid the prompt. It is one
# token of Qwen2.5 and three of Qwen3.5, of which their code finds the places of the first alone: a row is read after a third
# of its sign. Whoever loads those weights must do the same.
RELEASED_SIGN = "\N{LEFT-POINTING MAGNIFYING GLASS}"


@dataclass(frozen=True)
class OFTConfig:
    """`placeholder` is one token of the backbone's vocabulary, one for each row; `hidden` the width of the head (0: twice the
    backbone's), `blocks` its residual blocks.

    `released_placeholder` is for released weights alone: their prompt, their sign, and their mistake about it.
    """

    placeholder: str = "<|fim_pad|>"
    hidden: int = 0
    blocks: int = 2
    released_placeholder: bool = False


class OFTHead(VLAHead):
    """One placeholder for each row; its last hidden state becomes the row by a residual MLP. Loss: mean absolute error."""

    def __init__(self, config: OFTConfig, shape: ChunkShape, backbone: Backbone) -> None:
        super().__init__()
        self.config, self.shape, width = config, shape, backbone.width
        self.sign_id = backbone.prompts.words(RELEASED_SIGN).tokens[0] if config.released_placeholder else None
        hidden = config.hidden or 2 * width
        self.state = nn.Linear(shape.state, width) if shape.state and not config.released_placeholder else None
        self.first = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.ReLU())
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.ReLU()) for _ in range(config.blocks)
        )
        self.last = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, shape.values))

    def prompt(self, example: VLAExample) -> str:
        """Return the example's prompt; with `released_placeholder` the state and the signs behind it, as those were trained."""
        if not self.config.released_placeholder:
            return example.prompt
        asked = with_state(example.prompt, example.state, self.shape.state)
        rows = self.shape.horizon
        return f"{asked} Please predict the next {rows} robot actions: <action>{RELEASED_SIGN * rows}<action>."

    def answer(self, example: VLAExample, prompts: PromptEncoder) -> AnswerTokens:
        """Return one placeholder for each row of a chunk; nothing with `released_placeholder`."""
        if self.config.released_placeholder:
            return AnswerTokens()
        return prompts.queries(prompts.token_id(self.config.placeholder), self.shape.horizon)

    def queries(self, batch: VLABatch) -> Tensor:
        """Return the places `(B, L)` bool whose hidden states are read.

        With `released_placeholder`: of the first token of the sign, the last `horizon`.
        """
        if self.sign_id is None:
            return batch.queries
        signs = (batch.tokens == self.sign_id) & batch.mask
        behind = signs.flip(1).cumsum(1).flip(1)  # how many there are from here on
        return signs & (behind <= self.shape.horizon)

    def loss(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Losses:
        """Return the mean absolute error of the normalised actions."""
        actions = required_actions(batch, self.shape)
        error = masked_mean((self.predict(backbone, batch) - actions).abs(), batch.action_mask)
        return Losses(error, {"l1": error.detach()})

    def predict(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Tensor:
        """Return chunks `(B, horizon, values)`, normalised."""
        states = taken_queries(backbone(batch).last, self.queries(batch))
        if states.shape[1] != self.shape.horizon:
            raise FineVLAError(f"the prompt has {states.shape[1]} placeholders, the head needs {self.shape.horizon}")
        return self.rows(states, batch.state)

    def rows(self, states: Tensor, state: Tensor | None) -> Tensor:
        """Return the rows `(B, horizon, values)` of the placeholders' hidden states `(B, horizon, width)`."""
        if self.state is not None:
            state = required_state(state, self.shape.state)
            states = states + self.state(state.to(states.dtype))[:, None]
        x = self.first(states)
        for block in self.blocks:
            x = x + block(x)
        made: Tensor = self.last(x).float()
        return made
