"""FAST (Pertsch et al. 2025, arXiv 2501.09747): chunks as tokens, by cosine transform and byte-pair encoding.

Tokens that are no chunk are refused: published decoders make zeros of them, and zeros are a command.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.text_files import read_json

SCHEMA = "finevla.fast/1"
# A coefficient is a character of Unicode's largest private area, so that the library's BPE for text can be used: no character
# there is a space, a part of another or changed by normalisation.
FIRST, MOST = 0xF0000, 0xFFFD


class ActionDecodeError(FineVLAError):
    """A model said tokens that are no chunk; nothing is to be executed."""


@dataclass(frozen=True)
class ActionCodec:
    """`horizon` rows of `values` numbers to tokens 0 ... `size - 1` and back.

    Coefficients are rounded to `1/scale` and lie in `lowest`...`highest` (in these units); `bpe` is a `tokenizers.Tokenizer`.
    """

    horizon: int
    values: int
    scale: int
    lowest: int
    highest: int
    bpe: Any

    @property
    def size(self) -> int:
        """Return how many tokens there are."""
        return int(self.bpe.get_vocab_size())

    @property
    def coefficients(self) -> int:
        """Number of coefficients of a chunk."""
        return self.horizon * self.values

    def encode(self, chunk: NDArray[np.floating[Any]]) -> tuple[int, ...]:
        """Return the tokens of a chunk `(horizon, values)`; what is beyond the chunks that were fitted is cut to their ends.

        Raises:
            FineVLAError: A value is not finite.
        """
        rounded = np.clip(_rounded(chunk[None], self.scale)[0], self.lowest, self.highest)
        return tuple(int(token) for token in self.bpe.encode(_text(rounded, self.lowest)).ids)

    def length(self, token: int) -> int:
        """Return for how many coefficients a token stands; raises `ActionDecodeError` for what is none."""
        return len(self._text(token))

    def decode(self, tokens: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the chunk `(horizon, values)` of tokens.

        Raises:
            ActionDecodeError: A token is none, or they stand for another number of coefficients than a chunk has.
        """
        from scipy.fft import idct

        text = "".join(self._text(token) for token in tokens)
        if len(text) != self.coefficients:
            raise ActionDecodeError(
                f"{len(tokens)} action tokens stand for {len(text)} coefficients, a chunk of {self.horizon} rows of "
                f"{self.values} values has {self.coefficients}; nothing is executed"
            )
        rounded = np.array([ord(sign) - FIRST + self.lowest for sign in text], np.float64)
        chunk = idct(rounded.reshape(self.horizon, self.values) / self.scale, axis=0, norm="ortho")
        return np.asarray(chunk, np.float32)

    def as_dict(self) -> dict[str, Any]:
        """Return what `codec_of` makes the codec of, for a file."""
        numbers = {name: getattr(self, name) for name in ("horizon", "values", "scale", "lowest", "highest")}
        return {"schema": SCHEMA, **numbers, "bpe": json.loads(self.bpe.to_str())}

    def _text(self, token: int) -> str:
        if not 0 <= token < self.size:
            raise ActionDecodeError(f"token {token} is none of the {self.size} action tokens; nothing is executed")
        return str(self.bpe.id_to_token(token))


def fit_codec(chunks: NDArray[np.floating[Any]], scale: int, vocabulary: int) -> ActionCodec:
    """Return a codec of at most `vocabulary` tokens for chunks `(N, T, D)`.

    Raises:
        FineVLAError: There are none, values are not finite, or their coefficients need more tokens than `vocabulary`.
    """
    from tokenizers import Tokenizer, models, trainers

    if chunks.ndim != 3 or not chunks.size:
        raise FineVLAError(f"action tokens are fitted on chunks (count, rows, values), not on an array {chunks.shape}")
    rounded = _rounded(chunks, scale)
    lowest, highest = int(rounded.min()), int(rounded.max())
    signs = highest - lowest + 1
    if signs > min(vocabulary, MOST):
        raise FineVLAError(
            f"the chunks' coefficients take {signs} values at scale {scale}, more than the {min(vocabulary, MOST)} tokens; "
            "lower 'scale', raise 'vocabulary', or look for values that are not normalised"
        )
    bpe = Tokenizer(models.BPE())
    alphabet = [chr(FIRST + i) for i in range(signs)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, min_frequency=2, show_progress=False, initial_alphabet=alphabet
    )
    bpe.train_from_iterator((_text(one, lowest) for one in rounded), trainer)
    return ActionCodec(chunks.shape[1], chunks.shape[2], scale, lowest, highest, bpe)


def codec_of(described: dict[str, Any], path: Path) -> ActionCodec:
    """Return the codec of a file's contents (`ActionCodec.as_dict`); raises `FineVLAError` for what is none."""
    from tokenizers import Tokenizer

    try:
        if described["schema"] != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        numbers = {name: int(described[name]) for name in ("horizon", "values", "scale", "lowest", "highest")}
        codec = ActionCodec(**numbers, bpe=Tokenizer.from_str(json.dumps(described["bpe"])))
        alphabet = {chr(FIRST + i) for i in range(codec.highest - codec.lowest + 1)}
        words = codec.bpe.get_vocab()
        if min(codec.horizon, codec.values, codec.scale) < 1 or not alphabet or len(alphabet) > MOST:
            raise ValueError("its sizes are impossible")
        if not alphabet <= words.keys() or not alphabet.issuperset("".join(words)):
            raise ValueError("its tokens do not fit its range")
    except Exception as error:  # of tokenizers, too, which raises nothing more special
        said = " ".join(str(error).split())[:200]
        raise FineVLAError(f"'{path}' describes no action tokens ({said}); export the policy again") from error
    return codec


def read_codec(path: Path) -> tuple[ActionCodec, dict[str, Any]]:
    """Return the codec of a JSON file, and all of the file; raises `FineVLAError`."""
    described = read_json(path)
    return codec_of(described, path), described


def without_gaps(chunk: NDArray[np.float32], mask: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Return a chunk `(T, D)` with other numbers for the values that `mask` leaves out: the last that counts, else the next,
    and 0 for a column where none does. So a missing arm and rows behind the episode's end cost few tokens."""
    if mask is None:
        return chunk
    rows = np.where(mask, np.arange(len(chunk))[:, None], -1)
    before = np.maximum.accumulate(rows, axis=0)
    source = np.where(before < 0, mask.argmax(axis=0), before)
    return np.where(mask.any(axis=0), np.take_along_axis(chunk, source, axis=0), 0.0).astype(np.float32)


def _rounded(chunks: NDArray[np.floating[Any]], scale: int) -> NDArray[np.int64]:
    """Coefficients of chunks `(N, T, D)` in units of `1/scale`."""
    from scipy.fft import dct

    if not np.isfinite(chunks).all():
        raise FineVLAError("a chunk holds values that are not finite; 'finevla clean' finds the episode")
    return np.rint(dct(np.asarray(chunks, np.float64), axis=1, norm="ortho") * scale).astype(np.int64)


def _text(rounded: NDArray[np.int64], lowest: int) -> str:
    """Coefficients `(T, D)` as characters: the low frequencies of all values come first."""
    return "".join(chr(FIRST + int(i) - lowest) for i in rounded.ravel())
