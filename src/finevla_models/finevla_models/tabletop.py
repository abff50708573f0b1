"""The tabletop policy: cameras and words say where, joint state and words say how to get there in a smooth chunk.

Between seeing and moving there are six numbers: where the target is and where it shall end. So each side learns from
what is cheap for it, pictures here and plans without pictures there, and a person can look at what the policy meant.

The chunk is the current state plus a few smooth basis functions that start at zero, so a chunk cannot begin with a
jump and cannot jitter from row to row; holding an arm still means predicting nothing for it.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from torch import Tensor, nn

from finevla_models.grounding import GroundedCamera, TextQueries
from finevla_models.text_encoder import TextEncoder


@dataclass(frozen=True)
class TabletopConfig:
    """Sizes of the network; stored beside the weights."""

    dimensions: int = 14
    horizon: int = 16
    cameras: int = 3
    buckets: int = 8192
    max_tokens: int = 64
    ngrams_per_token: int = 12
    text_width: int = 96
    queries: int = 4
    basis: int = 6
    hidden: int = 512
    blocks: int = 3


@dataclass(frozen=True)
class Output:
    """`chunk` (B, horizon, D) values; `steps` the same relative to the state; `where` (B, 6): the target and where it
    shall end (itself, if it is to stay), metres in the base frame."""

    chunk: Tensor
    steps: Tensor
    where: Tensor


@dataclass(frozen=True)
class Scales:
    """Means and deviations of the data: `state_*` (D,), `step_std` (D,) of chunk minus state, `where_*` (6,)."""

    state_mean: Tensor
    state_std: Tensor
    step_std: Tensor
    where_mean: Tensor
    where_std: Tensor


class Residual(nn.Module):
    """Pre-norm residual MLP block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


def smooth_basis(horizon: int, count: int) -> NDArray[np.float32]:
    """`(count, horizon)` cubic B-splines at steps 1...horizon, all zero at step 0 (now)."""
    degree = 3
    inner = np.linspace(0.0, 1.0, count - degree + 2)
    knots = np.concatenate([np.zeros(degree), inner, np.ones(degree)])
    steps = np.arange(1, horizon + 1) / horizon
    full = BSpline.design_matrix(np.minimum(steps, 1 - 1e-9), knots, degree).toarray().T
    return full[1:].astype(np.float32)


class TabletopPolicy(nn.Module):
    """Front camera in detail, further cameras through one shared smaller network, text through queries."""

    def __init__(self, config: TabletopConfig, scales: Scales) -> None:
        super().__init__()
        self.config = config
        self.text = TextEncoder(config.buckets, config.max_tokens, config.text_width)
        self.queries = TextQueries(config.text_width, config.queries)
        self.front = GroundedCamera(config.text_width, config.queries, (32, 48, 64, 64), (2, 2, 1, 1))
        self.wrist = GroundedCamera(config.text_width, config.queries, (24, 48, 64), (2, 2, 2))
        for name, values in vars(scales).items():
            self.register_buffer(name, values.float().clone())
        self.register_buffer("basis", torch.from_numpy(smooth_basis(config.horizon, config.basis)))
        said = config.queries * config.text_width
        seen = self.front.features + (config.cameras - 1) * self.wrist.features
        self.target = nn.Sequential(
            nn.Linear(seen + said + config.dimensions, 256), nn.SiLU(), Residual(256), nn.Linear(256, 6)
        )
        self.decoder = nn.Sequential(
            nn.Linear(said + config.dimensions + 6, config.hidden),
            *(Residual(config.hidden) for _ in range(config.blocks)),
            nn.LayerNorm(config.hidden),
            nn.Linear(config.hidden, config.basis * config.dimensions),
        )

    def locate(self, images: Tensor, state: Tensor, queries: Tensor) -> Tensor:
        """`where` (B, 6) in metres, from `images` (B, C, 3, H, W) in -1...1, `state` (B, D) and `queries` (B, Q, width).

        With n times as many queries, each image and state serves n of them, as in `GroundedCamera`.
        """
        state = state.repeat(queries.shape[0] // state.shape[0], 1)
        seen = [self.front(images[:, 0], queries)[0]]
        for camera in range(1, self.config.cameras):
            seen.append(self.wrist(images[:, camera], queries)[0])
        found: Tensor = self.target(torch.cat([*seen, queries.flatten(1), self._normal(state)], dim=1))
        return found * self.where_std + self.where_mean

    def move(self, where: Tensor, state: Tensor, queries: Tensor) -> Tensor:
        """The chunk's steps (B, horizon, D) relative to `state` (B, D), towards `where` (B, 6), as `queries` tell."""
        place = (where - self.where_mean) / self.where_std
        coefficients = self.decoder(torch.cat([queries.flatten(1), self._normal(state), place], dim=1))
        coefficients = coefficients.view(-1, self.config.dimensions, self.config.basis)
        steps: Tensor = torch.matmul(coefficients, self.basis).transpose(1, 2) * self.step_std
        return steps

    def act(self, images: Tensor, state: Tensor, text: Tensor, mask: Tensor) -> Output:
        """One chunk per row: `images` (B, C, 3, H, W) in -1...1, `state` (B, D) values, `text` (B, T, width), `mask` (B, T)."""
        queries = self.queries(text, mask)
        where = self.locate(images, state, queries)
        steps = self.move(where, state, queries)
        return Output(state.unsqueeze(1) + steps, steps, where)

    def read(self, ngrams: Tensor, mask: Tensor) -> Tensor:
        """Queries (B, Q, width) from words (B, T, G)."""
        queries: Tensor = self.queries(self.text(ngrams, mask), mask)
        return queries

    def find(self, image: Tensor, queries: Tensor) -> Tensor:
        """Attention logits (B, h, w) of the query that looks for the target in front images (B, 3, H, W)."""
        logits: Tensor = self.front(image, queries)[1]
        return logits[:, 0]

    def forward(self, images: Tensor, state: Tensor, ngrams: Tensor, mask: Tensor) -> Output:
        """Text and chunk in one go, as training does it."""
        return self.act(images, state, self.text(ngrams, mask), mask)

    def describe(self) -> dict[str, Any]:
        """The configuration as plain data."""
        return asdict(self.config)

    def _normal(self, state: Tensor) -> Tensor:
        normal: Tensor = (state - self.state_mean) / self.state_std
        return normal
