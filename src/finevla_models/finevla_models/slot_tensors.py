"""Slots of sentences as tensors: probabilities of each slot's words, `WIDTH` numbers in the order of `SLOTS`."""

import torch
from torch import Tensor, nn

from finevla_models.slot_columns import SIZES


def probabilities(logits: Tensor) -> Tensor:
    """Softmax of each slot's part, (B, WIDTH)."""
    return torch.cat([part.softmax(-1) for part in logits.split(SIZES, dim=1)], dim=1)


def one_hot(said: Tensor) -> Tensor:
    """What is said, for certain: (B, S) indices -> (B, WIDTH)."""
    parts = [nn.functional.one_hot(said[:, i], size) for i, size in enumerate(SIZES)]
    return torch.cat(parts, dim=1).float()
