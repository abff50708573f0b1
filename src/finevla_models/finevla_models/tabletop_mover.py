"""Moves: joint state, where, and the words' slots to a smooth chunk. Two heads: plain regression, and flow matching.

A chunk is the current state plus a few smooth basis functions that start at zero, so it cannot begin with a jump and
cannot jitter from row to row; holding an arm still means predicting nothing for it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from torch import Tensor, nn

FLOW_STEPS = 6  # Euler steps from noise to chunk
NEAR_M = 0.03  # differences below this are seen in detail


@dataclass(frozen=True)
class Running:
    """The chunk that is being executed, row by row at the times of the one to be made: `steps` (B, horizon, D) as
    `ActionHead` gives them, and how firmly each row stands, `weights` (B, horizon): 1 already executed ... 0 open."""

    steps: Tensor
    weights: Tensor


class Residual(nn.Module):
    """Residual MLP block with layer normalisation before it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` (..., width) plus the block's output."""
        return x + self.block(x)


def smooth_basis(horizon: int, count: int) -> NDArray[np.float32]:
    """`(count, horizon)` cubic B-splines at steps 1...horizon, all zero at step 0 (now)."""
    degree = 3
    inner = np.linspace(0.0, 1.0, count - degree + 2)
    knots = np.concatenate([np.zeros(degree), inner, np.ones(degree)])
    steps = np.arange(1, horizon + 1) / horizon
    full = BSpline.design_matrix(np.minimum(steps, 1 - 1e-9), knots, degree).toarray().T
    return full[1:].astype(np.float32)


def near(gap: Tensor) -> Tensor:
    """Differences of places, metres, once as they are and once with the last centimetres spread out."""
    return torch.cat([gap / 0.2, torch.tanh(gap / NEAR_M)], dim=-1)


class Regression(nn.Module):
    """The mean chunk: coefficients from the trunk's features in one step."""

    def __init__(self, features: int, coefficients: int) -> None:
        super().__init__()
        self.out = nn.Linear(features, coefficients)

    def forward(self, features: Tensor) -> Tensor:
        """Predict the normalised coefficients (B, K) of the chunk from `features` (B, F)."""
        chunk: Tensor = self.out(features)
        return chunk

    def loss(self, features: Tensor, wanted: Tensor) -> Tensor:
        """Mean absolute error against `wanted` (B, K)."""
        return (self.out(features).float() - wanted).abs().mean()


class Flow(nn.Module):
    """Flow matching (Lipman et al. 2023) along straight lines from noise to the chunk's coefficients.

    Two ways of doing a thing stay two: the noise decides. At run time the noise is always the same, so that a plan
    that is not decided by the words does not change its mind from chunk to chunk.
    """

    def __init__(self, features: int, coefficients: int, width: int = 384, draws: int = 2) -> None:
        super().__init__()
        self.draws = draws
        self.into = nn.Linear(coefficients + features + 16, width)
        self.blocks = nn.Sequential(Residual(width), Residual(width), nn.LayerNorm(width))
        self.out = nn.Linear(width, coefficients)
        self.register_buffer("noise", torch.zeros(1, coefficients))
        self.register_buffer("frequencies", 2.0 ** torch.arange(8) * torch.pi / 4)

    def velocity(self, x: Tensor, time: Tensor, features: Tensor) -> Tensor:
        """From `x` (B, K) at `time` (B, 1) in 0 (noise) ... 1 (chunk), (B, K)."""
        phase = time * self.frequencies
        speed: Tensor = self.out(self.blocks(self.into(torch.cat([x, features, phase.sin(), phase.cos()], dim=1))))
        return speed

    def forward(self, features: Tensor, missing: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Normalised coefficients (B, K); `missing` says what a chunk (B, K) lacks to continue the running one.

        Real-time chunking (arXiv 2506.07339) with the identity for the Jacobian of the foreseen chunk x + (1 - t) v, and
        with the gain 1 / (1 - t): each step asks for what is missing, no more. On this flow the paper's vector-Jacobian
        product and gain leave executed rows 3 mrad off, this 0.1 mrad, open rows freer, and no backward pass is needed.
        """
        x = self.noise.expand(features.shape[0], -1)
        for step in range(FLOW_STEPS):
            at = step / FLOW_STEPS
            speed = self.velocity(x, torch.full_like(features[:, :1], at), features)
            if missing is not None:
                speed = speed + missing(x + (1 - at) * speed) / (1 - at)
            x = x + speed / FLOW_STEPS
        return x

    def loss(self, features: Tensor, wanted: Tensor) -> Tensor:
        """Squared error of the velocity at random times, `draws` of them for each row."""
        features, wanted = features.repeat(self.draws, 1), wanted.repeat(self.draws, 1)
        noise = torch.randn_like(wanted)
        time = torch.rand_like(wanted[:, :1])
        x = time * wanted + (1 - time) * noise
        return (self.velocity(x, time, features).float() - (wanted - noise)).square().mean()


class ActionHead(nn.Module):
    """`move(...)` gives the chunk's steps (B, horizon, D) relative to the state."""

    def __init__(
        self, head: str, inputs: int, dimensions: int, horizon: int, basis: int, hidden: int, blocks: int
    ) -> None:
        super().__init__()
        self.dimensions, self.basis_count = dimensions, basis
        splines = smooth_basis(horizon, basis)
        self.register_buffer("basis", torch.from_numpy(splines))
        self.register_buffer("inverse", torch.from_numpy(np.linalg.pinv(splines)))
        self.register_buffer("step_std", torch.ones(basis, dimensions))
        self.trunk = nn.Sequential(
            nn.Linear(inputs, hidden), *(Residual(hidden) for _ in range(blocks)), nn.LayerNorm(hidden)
        )
        kind = {"flow": Flow, "regression": Regression}[head]
        self.head = kind(hidden, basis * dimensions)

    def coefficients(self, steps: Tensor) -> Tensor:
        """Normalised coefficients (B, K) of steps (B, horizon, D)."""
        raw = torch.einsum("hk,bhd->bkd", self.inverse, steps)
        return (raw / self.step_std).flatten(1)

    def steps(self, coefficients: Tensor) -> Tensor:
        """Steps (B, horizon, D) of normalised coefficients (B, K)."""
        raw = coefficients.unflatten(1, (self.basis_count, self.dimensions)) * self.step_std
        return torch.einsum("kh,bkd->bhd", self.basis, raw)

    def forward(self, inputs: Tensor, running: Running | None = None) -> Tensor:
        """Steps (B, horizon, D); a flow can be made to continue a running chunk."""
        features = self.trunk(inputs)
        if running is None:
            return self.steps(self.head(features))

        def missing(coefficients: Tensor) -> Tensor:
            # Of the weighted gap, row by row, what the basis can make: its least-squares fit.
            gap = running.steps - self.steps(coefficients)
            return self.coefficients(running.weights.unsqueeze(2) * gap)

        return self.steps(self.head(features, missing))

    def loss(self, inputs: Tensor, steps: Tensor) -> Tensor:
        """How wrong the head is about `steps` (B, horizon, D)."""
        wrong: Tensor = self.head.loss(self.trunk(inputs), self.coefficients(steps))
        return wrong
