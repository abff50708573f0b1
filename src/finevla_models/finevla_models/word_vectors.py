"""Pretrained vectors of word pieces for training, read out of the installed package wordllama without importing it.

Nothing is downloaded, and the robot needs none of it: what is used here travels in the bundle.
"""

import json
from collections.abc import Collection
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from torch import Tensor

from finevla_core.errors import FineVLAError
from finevla_core.text import MARK, UNKNOWN, Vocabulary, is_piece

PACKAGE = "wordllama"
NEAR, NEIGHBOURS = 0.33, 6  # cosine from which a word means about the same, and how many such are taken
LETTERS = 3  # a single-piece word of fewer is more often the beginning of another
TABLE = "wordllama/weights/l2_supercat_256.safetensors"
TOKENIZER = "wordllama/tokenizers/l2_supercat_tokenizer_config.json"


def load_pretrained() -> tuple[Vocabulary, Tensor]:
    """The pieces that lower-case Latin text can come to and their vectors, (V, 256) float16; row 0 is zeros.

    Method: token embeddings of large language models, trained on for sentence similarity (WordLlama, MIT licence).
    Raises `FineVLAError` if the package is missing or has other files than it should.
    """
    source = _source()
    table = load_file(_file(source, TABLE))["embedding.weight"]
    tokens: dict[str, int] = json.loads(_file(source, TOKENIZER).read_text(encoding="utf-8"))["model"]["vocab"]
    if len(tokens) != len(table):
        raise FineVLAError(f"{PACKAGE} has {len(tokens)} pieces but {len(table)} vectors; run 'make train-setup' again")
    kept = sorted((token, piece) for piece, token in tokens.items() if is_piece(piece))
    rows = np.concatenate([np.zeros_like(table[:1]), table[[token for token, _ in kept]]])
    return Vocabulary((UNKNOWN, *(piece for _, piece in kept))), torch.from_numpy(rows)


def neighbours(known: Collection[str], vocabulary: Vocabulary, table: Tensor) -> dict[str, list[str]]:
    """For each known word, others that training never shows and that mean about the same, the nearest first.

    A word belongs to the nearest known one only: 'right' is near 'left', but never stands for it.
    """
    words = sorted(known)
    others = [piece[len(MARK) :] for piece in vocabulary.pieces if piece.startswith(MARK) and len(piece) > LETTERS]
    others = [word for word in others if word not in known]
    near = _meanings(others, vocabulary, table) @ _meanings(words, vocabulary, table).T
    best, nearest = near.max(1)
    found: dict[str, list[str]] = {word: [] for word in words}
    for i in best.argsort(descending=True).tolist():
        if best[i] > NEAR and len(found[words[nearest[i]]]) < NEIGHBOURS:
            found[words[nearest[i]]].append(others[i])
    return found


def _meanings(words: Collection[str], vocabulary: Vocabulary, table: Tensor) -> Tensor:
    """Unit vectors (W, 256): the mean of each word's pieces."""
    vectors = [table[[vocabulary.tokens[piece] for piece in vocabulary.split(word)]].float().mean(0) for word in words]
    return torch.nn.functional.normalize(torch.stack(vectors), dim=1)


def licence() -> str:
    """The licence text of the vectors, to go with them into a bundle."""
    source = _source()
    return f"{PACKAGE} {source.version}\n\n" + _file(source, _named(source, "licenses/LICENSE")).read_text("utf-8")


def _source() -> Distribution:
    try:
        return distribution(PACKAGE)
    except PackageNotFoundError as error:
        raise FineVLAError(f"package '{PACKAGE}' with the word vectors is missing; run 'make train-setup'") from error


def _named(source: Distribution, end: str) -> str:
    return next((str(file) for file in source.files or () if str(file).endswith(end)), end)


def _file(source: Distribution, name: str) -> Path:
    path = Path(str(source.locate_file(name)))
    if not path.is_file():
        raise FineVLAError(
            f"{PACKAGE} {source.version} has no file '{name}'; run 'make train-setup' for the version used here"
        )
    return path
