"""The tabletop policy: three cameras, joint state and language to a smooth chunk of joint targets.

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


@dataclass(frozen=True)
class Output:
    """`chunk` (B, horizon, D) values; `steps` the same relative to the state; `where` (B, 6): target and place, metres
    in the base frame; `coordinates` (B, Q, 2): where in the front image the queries look, -1...1; `attention` (B, Q, h, w):
    logits of the same."""

    chunk: Tensor
    steps: Tensor
    where: Tensor
    coordinates: Tensor
    attention: Tensor


class Residual(nn.Module):
    """Pre-norm residual MLP block with dropout."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Dropout(0.1), nn.Linear(width, width)
        )

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

    def __init__(self, config: TabletopConfig, state_mean: Tensor, state_std: Tensor, step_std: Tensor) -> None:
        super().__init__()
        self.config = config
        self.text = TextEncoder(config.buckets, config.max_tokens, config.text_width)
        self.queries = TextQueries(config.text_width, config.queries)
        self.front = GroundedCamera(config.text_width, config.queries, (32, 48, 64, 64), (2, 2, 1, 1))
        self.wrist = GroundedCamera(config.text_width, config.queries, (24, 48, 64), (2, 2, 2))
        self.register_buffer("state_mean", state_mean.float())
        self.register_buffer("state_std", state_std.float())
        self.register_buffer("step_std", step_std.float())
        self.register_buffer("basis", torch.from_numpy(smooth_basis(config.horizon, config.basis)))
        seen = self.front.features + (config.cameras - 1) * self.wrist.features + config.queries * config.text_width
        self.target = nn.Sequential(nn.Linear(seen, 128), nn.SiLU(), nn.Linear(128, 6))
        inputs = seen + config.dimensions + 1 + 6
        self.decoder = nn.Sequential(
            nn.Linear(inputs, config.hidden),
            nn.LayerNorm(config.hidden),
            nn.SiLU(),
            Residual(config.hidden),
            Residual(config.hidden),
            nn.LayerNorm(config.hidden),
            nn.Linear(config.hidden, config.basis * config.dimensions),
        )

    def act(self, images: Tensor, state: Tensor, text: Tensor, mask: Tensor, blind: Tensor | None = None) -> Output:
        """One chunk per row.

        `images` (B, C, 3, H, W) in -1...1, `state` (B, D) values, `text` (B, T, width), `mask` (B, T);
        `blind` (B,) is 1 where the network must do without the state (training only).
        """
        queries = self.queries(text, mask)
        front, coordinates, attention = self.front(images[:, 0], queries)
        seen = [front]
        for camera in range(1, self.config.cameras):
            seen.append(self.wrist(images[:, camera], queries)[0])
        features = torch.cat([*seen, queries.flatten(1)], dim=1)
        where = self.target(features)
        known = torch.ones_like(state[:, :1]) if blind is None else (1 - blind).unsqueeze(1)
        normal = (state - self.state_mean) / self.state_std * known
        coefficients = self.decoder(torch.cat([features, normal, known, where], dim=1))
        coefficients = coefficients.view(-1, self.config.dimensions, self.config.basis)
        steps = torch.matmul(coefficients, self.basis).transpose(1, 2) * self.step_std
        return Output(state.unsqueeze(1) + steps, steps, where, coordinates, attention)

    def find(self, image: Tensor, ngrams: Tensor, mask: Tensor) -> Tensor:
        """Attention logits (B, h, w) of the query that looks for the target in front images (B, 3, H, W)."""
        queries = self.queries(self.text(ngrams, mask), mask)
        logits: Tensor = self.front(image, queries)[2]
        return logits[:, 0]

    def forward(
        self, images: Tensor, state: Tensor, ngrams: Tensor, mask: Tensor, blind: Tensor | None = None
    ) -> Output:
        """Text and chunk in one go, as training does it."""
        return self.act(images, state, self.text(ngrams, mask), mask, blind)

    def describe(self) -> dict[str, Any]:
        """The configuration as plain data."""
        return asdict(self.config)
