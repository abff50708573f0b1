"""A vision-language model of transformers as the backbone of a policy: tokens and pictures to hidden states."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from finevla_core.errors import FineVLAError, quoted
from finevla_models.vla.batch import VLABatch
from finevla_models.vla.hub import from_cache_alone
from finevla_models.vla.patch_projection import project_patches
from finevla_models.vla.prompt_encoder import PromptEncoder

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")  # owner/name
PLACE = (
    "give a folder with config.json, *.safetensors and the processor's files, or download it where the hub is reached: "
    "hf download NAME --local-dir FOLDER"
)


@dataclass(frozen=True)
class HiddenStates:
    """What a backbone makes of a batch: `layers` is L+1 tensors `(B, L, width)`, the last one final-normed; `mask` `(B, L)`
    True for tokens that are no padding; `queries` `(B, N, width)` the last layer at the head's N placeholders, N 0 for a
    head without."""

    layers: tuple[Tensor, ...]
    mask: Tensor
    queries: Tensor

    @property
    def last(self) -> Tensor:
        """The last layer `(B, L, width)`."""
        return self.layers[-1]


class Backbone(nn.Module):
    """A model of transformers that takes pictures and words, and its prompt encoder.

    `width` is that of its hidden states, `depth` how many layers there are above the embeddings.
    """

    def __init__(self, model: nn.Module, prompts: PromptEncoder) -> None:
        super().__init__()
        project_patches(model)
        self.model, self.prompts = model, prompts
        config: Any = model.config
        text = getattr(config, "text_config", None) or config
        self.width, self.depth = int(text.hidden_size), int(text.num_hidden_layers)

    def forward(self, batch: VLABatch) -> HiddenStates:
        """Return the hidden states of a batch; every sample must have the same number of placeholders."""
        # The inner model: without it the language head would be run for every token.
        inner: Any = getattr(self.model, "model", self.model)
        out = inner(
            input_ids=batch.tokens,
            attention_mask=batch.mask.long(),
            output_hidden_states=True,
            use_cache=False,
            **batch.inputs,
        )
        layers = tuple(out.hidden_states)
        return HiddenStates(layers, batch.mask, taken_queries(layers[-1], batch.queries))

    def logits(self, states: Tensor) -> Tensor:
        """Return the language head's logits `(..., vocabulary)` of last-layer states `(..., width)`."""
        head: Any = self.model.get_output_embeddings()  # type: ignore[operator]
        made: Tensor = head(states)
        return made


def taken_queries(states: Tensor, queries: Tensor) -> Tensor:
    """Return the states `(B, N, width)` at the marked places; raises `FineVLAError` if samples have different numbers."""
    counts = queries.sum(dim=1)
    if len(counts) and bool((counts != counts[0]).any()):
        raise FineVLAError(
            "samples of one batch have different numbers of placeholders; act and answer in batches of their own"
        )
    return states[queries].reshape(len(states), int(counts[0]) if len(counts) else 0, states.shape[-1])


def _quiet() -> None:
    """Keep transformers from progress bars and hints about kernels that are not installed."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def refuse_no_backbone(source: str) -> None:
    """Raise `FineVLAError` for what is neither a folder nor can be a hub's id: asking the hub for it takes minutes offline."""
    folder = Path(source)
    is_path = len(folder.parts) > 1 and folder.parent.is_dir()  # a typing error in the name of a folder
    if not folder.is_dir() and (is_path or not HUB_ID.fullmatch(source)):
        raise FineVLAError(f"backbone {quoted(source)} cannot be loaded: there is no such folder; {PLACE}")


def load_backbone(source: str, max_tokens: int = 1024, dtype: torch.dtype = torch.float32) -> Backbone:
    """Load a backbone and its processor from a folder or by its id on the hub.

    Args:
        source: A folder with config.json, weights in safetensors and the processor's files; or a hub id, if the hub is reached.
        max_tokens: Bound of prompt, pictures and answer together.
        dtype: Of the weights.

    Raises:
        FineVLAError: It cannot be had; the sentence says how to place it.
    """
    from transformers import AutoModelForImageTextToText, AutoProcessor

    _quiet()
    refuse_no_backbone(source)
    is_local = from_cache_alone(source)
    try:
        processor = AutoProcessor.from_pretrained(source, local_files_only=is_local)
        model = AutoModelForImageTextToText.from_pretrained(
            source, dtype=dtype, use_safetensors=True, local_files_only=is_local
        )
    except Exception as error:  # whatever a hub, a file or a class that is not there makes of it
        said = " ".join(str(error).split())[:200]
        raise FineVLAError(
            f"backbone {quoted(source)} cannot be loaded ({type(error).__name__}: {said}); {PLACE}"
        ) from error
    return Backbone(model, PromptEncoder(processor, max_tokens))


def new_backbone(folder: str | Path, max_tokens: int = 1024) -> Backbone:
    """Make a backbone with random weights from a folder's config.json and processor files; raises `FineVLAError`."""
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    _quiet()
    try:
        config = AutoConfig.from_pretrained(str(folder))
        processor = AutoProcessor.from_pretrained(str(folder))
        model = AutoModelForImageTextToText.from_config(config)
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise FineVLAError(f"'{folder}' describes no backbone ({type(error).__name__}: {said})") from error
    return Backbone(model, PromptEncoder(processor, max_tokens))
