"""Flow matching (Lipman et al. 2023), once for every head that uses it: straight lines from noise to chunks.

Time 0 is noise and time 1 the chunk. What is random is drawn on the CPU, so that a seed means the same on every device.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import Backbone
from finevla_models.vla.batch import VLABatch
from finevla_models.vla.head import Losses, VLAHead, masked_mean, required_actions

# Of noisy chunks (N, T, D) and their times (N,), the velocity (N, T, D).
Velocity = Callable[[Tensor, Tensor], Tensor]

# Times of training, as pi0, GR00T and InstructVLA draw them: s·(1 - z), z ~ Beta(1.5, 1). Most are near the noise, where the
# choice between ways of doing a thing is made; none is at the chunk itself, where nothing is left to learn.
BETA, NEAREST = 1.5, 0.999


@dataclass(frozen=True)
class FlowMatching:
    """`draws` pairs of noise and time for each sample and pass of the backbone; `steps` of Euler from noise to chunk.

    The path is x_t = (1 - (1 - sigma_min)·t)·noise + t·chunk, its velocity chunk - (1 - sigma_min)·noise.
    """

    draws: int = 4
    steps: int = 4
    sigma_min: float = 0.0

    def __post_init__(self) -> None:
        if self.draws < 1 or self.steps < 1:
            raise FineVLAError(f"flow matching takes at least 1 draw and 1 step, not {self.draws} and {self.steps}")

    def loss(
        self, velocity: Velocity, actions: Tensor, mask: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the mean squared error of the velocity, a scalar.

        Args:
            velocity: Asked once, for `draws·B` chunks: all samples, then all again (the order of `Tensor.repeat`).
            actions: `(B, T, D)` normalised.
            mask: `(B, T, D)` bool; values that it leaves out are 0 for the network, and no part of the loss.
            generator: On the CPU; None: torch's own.
        """
        chunks = actions.float().repeat(self.draws, 1, 1)
        kept = None if mask is None else mask.repeat(self.draws, 1, 1)
        noise = draw_noise(len(chunks), chunks.shape[1], chunks.shape[2], generator).to(chunks.device)
        time = draw_times(len(chunks), generator).to(chunks.device)
        t, shrink = time[:, None, None], 1 - self.sigma_min
        x = _kept((1 - shrink * t) * noise + t * chunks, kept)
        return masked_mean((velocity(x, time).float() - (chunks - shrink * noise)).square(), kept)

    def sample(self, velocity: Velocity, noise: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the chunks `(B, T, D)` that noise `(B, T, D)` flows to; values that `mask` leaves out are 0."""
        x = _kept(noise, mask)
        for step in range(self.steps):
            time = torch.full((len(x),), step / self.steps, device=x.device)
            x = _kept(x + velocity(x, time).float() / self.steps, mask)
        return x


class FlowHead(VLAHead):
    """A head that makes chunks by flow matching; which of several ways to do a thing is taken, the noise decides."""

    flow: FlowMatching

    @abstractmethod
    def velocity(self, backbone: Backbone, batch: VLABatch, draws: int) -> Velocity:
        """Return the velocity of `draws·B` chunks, ordered as `FlowMatching.loss` says; the backbone is run once, here."""

    def loss(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Losses:
        """Return the flow's loss, with `draws` pairs of noise and time for each sample."""
        actions = required_actions(batch, self.shape)
        error = self.flow.loss(self.velocity(backbone, batch, self.flow.draws), actions, batch.action_mask, generator)
        return Losses(error, {"flow": error.detach()})

    def predict(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Tensor:
        """Return chunks `(B, horizon, values)`, normalised."""
        noise = draw_noise(len(batch), self.shape.horizon, self.shape.values, generator).to(batch.tokens.device)
        return self.flow.sample(self.velocity(backbone, batch, 1), noise, batch.action_mask)


def draw_times(count: int, generator: torch.Generator | None = None) -> Tensor:
    """Return times of training `(count,)`, 0 ... 0.999."""
    z = torch.rand(count, generator=generator) ** (1 / BETA)  # the inverse of Beta(b, 1)'s distribution z^b
    return NEAREST * (1 - z)


def draw_noise(count: int, horizon: int, values: int, generator: torch.Generator | None = None) -> Tensor:
    """Return standard normal noise `(count, horizon, values)`; a batch draws what its samples would, one after another."""
    return torch.stack([torch.randn(horizon, values, generator=generator) for _ in range(count)])


def sinusoidal(time: Tensor, width: int, longest: float = 10000.0) -> Tensor:
    """Return sines and cosines `(..., width)` of times `(...)` in 0...1, counted in thousandths.

    Periods grow from 2 pi to 2 pi·`longest` thousandths (Vaswani et al. 2017, as DiT uses them).
    """
    half = width // 2
    exponents = torch.arange(half, device=time.device, dtype=torch.float32) / half
    phase = 1000.0 * time.float()[..., None] * longest**-exponents
    return torch.cat([phase.sin(), phase.cos()], dim=-1)


def _kept(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x.masked_fill(~mask, 0.0)
