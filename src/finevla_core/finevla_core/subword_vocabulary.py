"""Words as pieces of a fixed vocabulary, so that pretrained vectors can say what words mean that training never showed.

Training and runtime use this one tokeniser; the vocabulary travels in the bundle, one piece per line.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError

MARK = "\u2581"  # begins a piece that begins a word, as in SentencePiece's vocabularies
UNKNOWN = "<unknown>"  # the first piece of every vocabulary
MAX_PIECES = 200_000
PIECES = 6  # of a word at most; English ones have one to four
MAX_LETTERS = 64  # of a word; what is longer is no word, and the rest is not read

_WORD = re.compile(r"[^\W\d_]+|\d+|[.,;:!?]", re.UNICODE)
_PIECE = re.compile(rf"{MARK}?[a-z]+|[0-9]|[.,;:!?]")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Pieces of words; a piece's place among them is its token, and earlier pieces are put together first.

    `pieces[0]` is `UNKNOWN`; raises `FineVLAError` for a list that cannot be a vocabulary. Two vocabularies are never
    equal, so that each can be a key of the cache below; compare their `pieces`.
    """

    pieces: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.pieces) <= MAX_PIECES:
            raise FineVLAError(f"a vocabulary has 1 to {MAX_PIECES} pieces, not {len(self.pieces)}")
        if self.pieces[0] != UNKNOWN:
            raise FineVLAError(f"the first piece of a vocabulary must be '{UNKNOWN}', not '{self.pieces[0][:40]}'")
        for line, piece in enumerate(self.pieces, 1):
            if piece.split() != [piece]:
                raise FineVLAError(f"piece {line} of the vocabulary is empty or has a space in it")
            if self.tokens[piece] != line - 1:
                raise FineVLAError(f"piece '{piece[:40]}' is in the vocabulary twice, the second time as piece {line}")

    def __len__(self) -> int:
        return len(self.pieces)

    @cached_property
    def tokens(self) -> dict[str, int]:
        """The token of each piece, the first one of pieces that come twice."""
        return {piece: token for token, piece in reversed(list(enumerate(self.pieces)))}

    def dump(self) -> bytes:
        """The vocabulary as a file: UTF-8, one piece per line."""
        return "".join(f"{piece}\n" for piece in self.pieces).encode()

    def split(self, word: str) -> list[str]:
        """The pieces of one of `words`; a run of characters that are in no piece comes out as one `UNKNOWN`.

        Byte pair encoding (Sennrich et al. 2016) in the order of the pieces, which for a vocabulary made by
        SentencePiece gives the very pieces that its vectors were trained with.
        """
        letters = _plain(word[:MAX_LETTERS])
        parts = [*([MARK] if letters[:1].isalpha() else []), *letters]
        while len(parts) > 1:
            pairs = [one + other for one, other in pairwise(parts)]
            first = min(range(len(pairs)), key=lambda i: self.tokens.get(pairs[i], MAX_PIECES))
            if pairs[first] not in self.tokens:
                break
            parts[first : first + 2] = [pairs[first]]
        known = [part if part in self.tokens else UNKNOWN for part in parts if part != MARK]
        return [part for i, part in enumerate(known) if part != UNKNOWN or known[i - 1 : i] != [UNKNOWN]]


def load_vocabulary(path: Path) -> Vocabulary:
    """Read a vocabulary file; raises `FineVLAError` naming the file and what is wrong with it."""
    try:
        return Vocabulary(tuple(path.read_text(encoding="utf-8").removesuffix("\n").split("\n")))
    except (OSError, UnicodeDecodeError, FineVLAError) as error:
        raise FineVLAError(f"'{path}' is no vocabulary: {' '.join(str(error).split())}") from error


def is_piece(text: str) -> bool:
    """Whether `words` can come to such a piece: small Latin letters, one digit or one mark of punctuation."""
    return _PIECE.fullmatch(text) is not None


def words(text: str) -> list[str]:
    """Lower-case words, numbers and punctuation of a text, in order."""
    return list(_words(text))


def encode(text: str, vocabulary: Vocabulary, max_words: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """`tokens` `(max_words, PIECES)`, a word's pieces in a row and 0 where there is none, and `mask` `(max_words,)`.

    Longer texts and words are cut. A text without a single word comes out as one empty word, so that attention always
    has something to read.
    """
    tokens = np.zeros((max_words, PIECES), np.int64)
    mask = np.zeros(max_words, np.float32)
    mask[0] = 1.0
    for row, word in enumerate(islice(_words(text), max_words)):
        found = _tokens(vocabulary, word)[:PIECES]
        tokens[row, : len(found)] = found
        mask[row] = 1.0
    return tokens, mask


def _words(text: str) -> Iterator[str]:
    return (match.group() for match in _WORD.finditer(unicodedata.normalize("NFKC", text).lower()))


def _plain(word: str) -> str:
    """Without accents: 'cafe' for 'café'."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", word) if not unicodedata.combining(sign))


@lru_cache(maxsize=4096)
def _tokens(vocabulary: Vocabulary, word: str) -> tuple[int, ...]:
    return tuple(vocabulary.tokens[piece] for piece in vocabulary.split(word))
