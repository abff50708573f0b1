"""Reads an instruction: text features to what it says, slot by slot, as probabilities."""

import torch
from torch import Tensor, nn

from finevla_models.factors import SIZES


class Reader(nn.Module):
    """One learned query per slot looks for its words; `text` (B, T, D), `mask` (B, T) -> logits (B, WIDTH)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(len(SIZES), width) * width**-0.5)
        self.key, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in SIZES)

    def forward(self, text: Tensor, mask: Tensor) -> Tensor:
        scores = torch.matmul(self.queries, self.key(text).transpose(1, 2))
        weights = scores.float().masked_fill(mask.unsqueeze(1) < 0.5, float("-inf")).softmax(-1)
        read = self.norm(torch.bmm(weights.to(text.dtype), self.value(text)))
        return torch.cat([head(read[:, i]) for i, head in enumerate(self.heads)], dim=1)


def probabilities(logits: Tensor) -> Tensor:
    """Softmax of each slot's part, (B, WIDTH)."""
    return torch.cat([part.softmax(-1) for part in logits.split(SIZES, dim=1)], dim=1)


def reading_loss(logits: Tensor, said: Tensor) -> Tensor:
    """Mean cross entropy over the slots; `said` (B, S) indices."""
    parts = logits.split(SIZES, dim=1)
    losses = [nn.functional.cross_entropy(part, said[:, i]) for i, part in enumerate(parts)]
    return torch.stack(losses).mean()


def one_hot(said: Tensor) -> Tensor:
    """What is said, for certain: (B, S) indices -> (B, WIDTH)."""
    parts = [nn.functional.one_hot(said[:, i], size) for i, size in enumerate(SIZES)]
    return torch.cat(parts, dim=1).float()
