"""A small text encoder without a vocabulary: hashed n-gram embeddings and two transformer layers, one vector per word.

Words never seen in training still share character n-grams with known ones (fastText, Bojanowski et al. 2017).
"""

import torch
from torch import Tensor, nn


class TextEncoder(nn.Module):
    """`ngrams` (B, T, G) int64, 0 = padding, and `mask` (B, T) float -> (B, T, width)."""

    def __init__(self, buckets: int, max_tokens: int, width: int, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.ngrams = nn.Embedding(buckets + 1, width, padding_idx=0)
        # Small at first: with the default of 1, the noise of a thousand n-grams hides the few words that matter.
        with torch.no_grad():
            self.ngrams.weight.mul_(0.1)
        self.position = nn.Parameter(torch.randn(max_tokens, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.1, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)

    def forward(self, ngrams: Tensor, mask: Tensor) -> Tensor:
        """Encode; padded words come out as zeros."""
        present = (ngrams > 0).to(torch.float32).unsqueeze(-1)
        words = (self.ngrams(ngrams) * present).sum(2) / present.sum(2).clamp(min=1.0)
        words = words + self.position[: words.shape[1]]
        encoded = self.layers(words, src_key_padding_mask=mask < 0.5)
        return self.norm(encoded) * mask.unsqueeze(-1)
