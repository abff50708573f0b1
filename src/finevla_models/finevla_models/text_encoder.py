"""A small text encoder on pretrained word pieces: their vectors stay as they are, a projection and convolutions learn.

One feature vector per word, which begins as the mean of its pieces: 'left' and 'right' of a sentence are never averaged.
"""

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor, nn

REACH = 2  # words to either side; two layers see four
NOISE = 0.6  # of a vector's size, at most, in training: what lies near a known word shall be read like it


class WordTable(nn.Module):
    """Vectors (V, d) of word pieces, frozen, one byte per number: `tokens` (B, T) int64 -> (B, T, d) float32.

    Each row has a scale of its own; the error is at most 1/254 of its largest number. Neither parameter nor buffer: with
    some decays, averaging weights cuts whole numbers down step by step, and no checkpoint need repeat them. A digest is
    kept instead, and loading weights that were trained with another table raises `ValueError`.
    """

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        table = table.float()
        scales = (table.abs().amax(1, keepdim=True) / 127).clamp(min=1e-4).half()
        self.codes, self.scales = (table / scales.float()).round().clamp(-127, 127).to(torch.int8), scales

    def forward(self, tokens: Tensor) -> Tensor:
        """Look up."""
        return self.codes[tokens].float() * self.scales[tokens].float()

    def get_extra_state(self) -> Tensor:
        """SHA-256 of the table, (32,) uint8."""
        data = self.codes.cpu().numpy().tobytes() + self.scales.cpu().numpy().tobytes()
        return torch.frombuffer(bytearray(hashlib.sha256(data).digest()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Compare with the digest of a checkpoint."""
        if not torch.equal(state.cpu(), self.get_extra_state()):
            raise ValueError("these weights were trained with another word table; train them again with this one")

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "WordTable":
        """Go along to another device, as buffers do."""
        super()._apply(fn, recurse)
        self.codes, self.scales = fn(self.codes), fn(self.scales)
        return self


class Neighbours(nn.Module):
    """Pre-norm residual convolution over a word and the `REACH` words on either side of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Conv1d(width, width, 2 * REACH + 1, padding=REACH)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(0.1)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """`words` (B, T, width), `mask` (B, T, 1) -> (B, T, width)."""
        mixed = self.mix((self.norm(words) * mask).transpose(1, 2)).transpose(1, 2)
        return words + self.dropout(self.out(nn.functional.gelu(mixed)))


class TextEncoder(nn.Module):
    """Features of a text; `table` (V, d) are the vectors of the vocabulary's pieces in their order.

    A word is understood from its neighbours and from nothing else, wherever it stands: 'left' beside 'hand' means the
    same whatever bowl the sentence ends with, also one that training never showed with it.
    """

    def __init__(self, table: Tensor, width: int, layers: int = 2) -> None:
        super().__init__()
        self.table = WordTable(table)
        self.project = nn.Linear(table.shape[1], width)
        self.layers = nn.ModuleList(Neighbours(width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """`tokens` (B, T, P) int64 and `mask` (B, T) float -> (B, T, width), zeros where padded."""
        pieces = (tokens > 0).float().sum(2, keepdim=True).clamp(min=1.0)
        vectors = self.table(tokens).sum(2) / pieces
        if self.training:
            size = NOISE * vectors.square().mean(2, keepdim=True).sqrt()
            vectors = vectors + size * torch.rand_like(size) * torch.randn_like(vectors)
        words, is_word = self.project(vectors), mask.unsqueeze(-1)
        for layer in self.layers:
            words = layer(words, is_word)
        return self.norm(words) * is_word
