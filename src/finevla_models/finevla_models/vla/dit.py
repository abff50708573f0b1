"""A transformer that denoises chunks (DiT, Peebles and Xie 2023), told the time by adaptive layer norms.

Its tokens are [first tokens | future tokens | one for each row of the chunk]; what it looks at is given block by block.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from finevla_core.errors import FineVLAError
from finevla_models.vla.flow_matching import FlowMatching, sinusoidal
from finevla_models.vla.head import ChunkShape

TIME_WIDTH = 256  # of the sinusoidal embedding before the MLP, as in DiT


@dataclass(frozen=True)
class DiTConfig:
    """The width is `heads·head_width`; `hidden` that of the MLPs of state and output; `future` how many learned tokens stand
    before the chunk's; `draws` and `steps` as in `FlowMatching`."""

    heads: int = 12
    head_width: int = 64
    hidden: int = 1024
    future: int = 32
    dropout: float = 0.2
    draws: int = 4
    steps: int = 4

    def __post_init__(self) -> None:
        if self.head_width * self.heads % 2:
            raise FineVLAError(f"heads · head_width is {self.heads * self.head_width}, must be even")
        if not 0 <= self.dropout < 1:
            raise FineVLAError(f"dropout is {self.dropout}, must be a share from 0 to below 1")

    @property
    def width(self) -> int:
        """Return the width of a token."""
        return self.heads * self.head_width

    @property
    def flow(self) -> FlowMatching:
        """Return how noise becomes chunks."""
        return FlowMatching(self.draws, self.steps)


class AdaptiveNorm(nn.Module):
    """LayerNorm whose scale and shift are a function of the time: norm(x)·(1 + scale) + shift."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Return `x` `(B, S, width)` normed for the embedded `time` `(B, width)`."""
        scale, shift = self.modulation(time)[:, None].chunk(2, dim=-1)
        normed: Tensor = self.norm(x) * (1 + scale) + shift
        return normed


class MaskedAttention(nn.Module):
    """Attention of several heads on tokens of another width, but not on those that a mask leaves out."""

    def __init__(self, width: int, heads: int, source_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(source_width, width, bias=False)
        self.value = nn.Linear(source_width, width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, source: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return what `x` `(B, S, width)` finds in `source` `(B, L, source_width)` where `mask` `(B, L)` is True."""
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(x), self.key(source), self.value(source))
        )
        where = None if mask is None else mask[:, None, None]
        found: Tensor = self.out(functional.scaled_dot_product_attention(q, k, v, where).transpose(1, 2).flatten(2))
        return found


class DiTBlock(nn.Module):
    """Adaptive norm, attention, norm, MLP.

    The attention is on the tokens themselves (`source_width` 0), on what is given, or, `joint`, on both at once.
    """

    def __init__(self, config: DiTConfig, source_width: int, joint: bool = False) -> None:
        super().__init__()
        width = config.width
        self.joint = joint
        self.norm = AdaptiveNorm(width)
        self.attention = MaskedAttention(width, config.heads, source_width or width)
        self.dropout = nn.Dropout(config.dropout)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width, elementwise_affine=False),
            nn.Linear(width, 4 * width),
            nn.GELU(approximate="tanh"),
            nn.Dropout(config.dropout),
            nn.Linear(4 * width, width),
            nn.Dropout(config.dropout),
        )

    def forward(self, x: Tensor, time: Tensor, source: Tensor | None, mask: Tensor | None) -> Tensor:
        """Return the tokens `(B, S, width)` after the block; `source` None for attention on themselves."""
        normed = self.norm(x, time)
        if source is None:
            source, mask = normed, None
        elif self.joint:
            source = torch.cat([source, normed], dim=1)
            mask = None if mask is None else functional.pad(mask, (0, normed.shape[1]), value=True)
        x = x + self.dropout(self.attention(normed, source, mask))
        made: Tensor = x + self.mlp(x)
        return made


class ActionDiT(nn.Module):
    """The velocity of a noisy chunk, given its time and what each block looks at.

    `source_widths` has one entry for each block: the width of what it is given, 0 for a block that looks at the tokens alone.
    """

    def __init__(
        self, config: DiTConfig, shape: ChunkShape, source_widths: Sequence[int], output: int, joint: bool = False
    ) -> None:
        super().__init__()
        width = config.width
        self.horizon = shape.horizon
        self.value = nn.Linear(shape.values, width)
        self.row = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width))
        self.positions = nn.Parameter(0.02 * torch.randn(shape.horizon, width))
        self.future = nn.Parameter(0.02 * torch.randn(config.future, width))
        self.time = nn.Sequential(nn.Linear(TIME_WIDTH, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(DiTBlock(config, source_width, joint) for source_width in source_widths)
        self.norm = AdaptiveNorm(width)
        self.out = nn.Linear(width, output)
        self.decoder = nn.Sequential(
            nn.Linear(output, config.hidden), nn.ReLU(), nn.Linear(config.hidden, shape.values)
        )

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        sources: Sequence[Tensor | None],
        mask: Tensor | None = None,
        first: Tensor | None = None,
    ) -> Tensor:
        """Return the velocity `(N, T, D)`.

        Args:
            x: Noisy chunks `(N, T, D)`.
            time: `(N,)`, 0 noise ... 1 chunk.
            sources: For each block what it looks at, `(N, L, its width)`; None for the tokens alone.
            mask: `(N, L)` bool, True for tokens of the sources that are no padding.
            first: Tokens `(N, F, width)` that stand before the others.
        """
        x = self.value(x.to(self.positions.dtype))
        at = sinusoidal(time, x.shape[-1]).to(x.dtype)[:, None].expand(-1, self.horizon, -1)
        rows = self.row(torch.cat([x, at], dim=-1)) + self.positions
        tokens = torch.cat([self.future.expand(len(rows), -1, -1), rows], dim=1)
        if first is not None:
            tokens = torch.cat([first, tokens], dim=1)
        embedded = self.time(sinusoidal(time, TIME_WIDTH).to(x.dtype))
        for block, source in zip(self.blocks, sources, strict=True):
            tokens = block(tokens, embedded, source, mask)
        velocity: Tensor = self.decoder(self.out(self.norm(tokens, embedded))[:, -self.horizon :])
        return velocity
