"""Words as hashed character n-grams: no vocabulary to ship, and an unknown word still shares pieces with known ones.

Method: fastText's subwords (Bojanowski et al. 2017). Training and runtime use this one tokeniser.
"""

import re
import unicodedata
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[^\W\d_]+|\d+|[.,;:!?]", re.UNICODE)
MIN_N, MAX_N = 3, 5


@dataclass(frozen=True)
class TextSpec:
    """Sizes of the hashed representation; stored in a bundle's manifest."""

    buckets: int = 8192
    max_tokens: int = 64
    ngrams_per_token: int = 12


def words(text: str) -> list[str]:
    """Lower-case words, numbers and punctuation of a text, in order."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def encode(text: str, spec: TextSpec) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """`ngrams` `(max_tokens, ngrams_per_token)` (0 = padding) and `mask` `(max_tokens,)`; longer texts are cut.

    A text without a single word comes out as one empty token, so that attention always has something to read.
    """
    ngrams = np.zeros((spec.max_tokens, spec.ngrams_per_token), np.int64)
    mask = np.zeros(spec.max_tokens, np.float32)
    mask[0] = 1.0
    for i, word in enumerate(words(text)[: spec.max_tokens]):
        ids = _ids(word, spec.buckets)[: spec.ngrams_per_token]
        ngrams[i, : len(ids)] = ids
        mask[i] = 1.0
    return ngrams, mask


@lru_cache(maxsize=4096)
def _ids(word: str, buckets: int) -> tuple[int, ...]:
    """The word's own bucket first, then those of its n-grams, in order of length."""
    marked = f"<{word}>"
    pieces = [marked]
    for n in range(MIN_N, MAX_N + 1):
        pieces.extend(marked[i : i + n] for i in range(len(marked) - n + 1) if len(marked) > n)
    return tuple(1 + zlib.crc32(piece.encode()) % buckets for piece in dict.fromkeys(pieces))
