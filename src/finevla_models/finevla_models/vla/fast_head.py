"""FAST (Pertsch et al. 2025, arXiv 2501.09747): the backbone says a chunk token by token.

Deviations: the state stands in the prompt in words as in starVLA, not in pi0's; a chunk ends when its tokens stand for all of
its coefficients, so that no end token is learned; tokens that are no chunk are refused, where published code makes zeros of
them or picks out what it can read.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from finevla_core.errors import FineVLAError
from finevla_models.vla.action_codec import ActionCodec, ActionDecodeError, fit_codec, read_codec, without_gaps
from finevla_models.vla.backbone import Backbone
from finevla_models.vla.batch import IGNORED, VLABatch, VLAExample
from finevla_models.vla.head import ChunkShape, Losses, VLAHead, check_chunk, required_actions
from finevla_models.vla.prompt_encoder import AnswerTokens, PromptEncoder, one_sample, with_state

FILE = "fast.json"
ROWS = 64  # the vocabulary grows to a multiple of it, which GPUs multiply faster


@dataclass(frozen=True)
class FASTConfig:
    """Coefficients are rounded to `1/scale` of a normalised value (an error of `0.5/scale` at most, on average over a
    column); at most `vocabulary` action tokens."""

    scale: int = 10
    vocabulary: int = 1024


class FASTHead(VLAHead):
    """Action tokens behind the prompt, ids of the backbone's vocabulary from `first_id` on. Loss: their cross-entropy.

    `codec` is None until `fit` or `load_files`. The head has no weights of its own; with adapters, the backbone's embeddings
    and output layer are to be trained whole.
    """

    def __init__(self, config: FASTConfig, shape: ChunkShape, backbone: Backbone) -> None:
        super().__init__()
        self.config, self.shape = config, shape
        self.codec: ActionCodec | None = None
        self.first_id = 0

    def fit(self, chunks: NDArray[np.float32], masks: NDArray[np.bool_] | None, backbone: Backbone) -> None:
        """Fit the action tokens on training chunks `(N, T, D)`; a head that has tokens keeps them.

        They take the ids behind the tokenizer's last; the vocabulary grows where the backbone has no more unused ones.
        """
        if self.codec is not None:
            return
        if masks is not None:
            chunks = np.stack([without_gaps(chunk, mask) for chunk, mask in zip(chunks, masks, strict=True)])
        check_chunk(self.shape, *chunks.shape[1:])
        self.codec = fit_codec(chunks, self.config.scale, self.config.vocabulary)
        self.first_id = len(backbone.prompts.tokenizer)
        model: Any = backbone.model
        if self.first_id + self.codec.size > model.get_input_embeddings().weight.shape[0]:
            model.resize_token_embeddings(self.first_id + self.codec.size, pad_to_multiple_of=ROWS, mean_resizing=False)

    def save_files(self, folder: Path) -> None:
        """Write the action tokens into `fast.json`."""
        folder.mkdir(exist_ok=True)
        described = self._fitted().as_dict() | {"first_id": self.first_id}
        (folder / FILE).write_text(json.dumps(described) + "\n", encoding="utf-8")

    def load_files(self, folder: Path) -> None:
        """Read the action tokens; raises `FineVLAError` for those of other chunks."""
        codec, described = read_codec(folder / FILE)
        if (codec.horizon, codec.values) != (self.shape.horizon, self.shape.values):
            raise FineVLAError(
                f"'{folder / FILE}' has tokens for chunks of {codec.horizon} rows of {codec.values} values, the policy's "
                f"are {self.shape.horizon} of {self.shape.values}; export the policy again"
            )
        self.codec, self.first_id = codec, int(described["first_id"])

    def prompt(self, example: VLAExample) -> str:
        """Return the prompt with the state behind it."""
        return with_state(example.prompt, example.state, self.shape.state)

    def answer(self, example: VLAExample, prompts: PromptEncoder) -> AnswerTokens:
        """Return the tokens of the example's actions; none for an example without, which asks for them."""
        if example.actions is None:
            return AnswerTokens()
        check_chunk(self.shape, *example.actions.shape)
        tokens = self._fitted().encode(without_gaps(example.actions, example.action_mask))
        ids = tuple(self.first_id + token for token in tokens)
        return AnswerTokens(ids, (True,) * len(ids), (False,) * len(ids))

    def loss(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Losses:
        """Return the mean cross-entropy of the action tokens, over the whole vocabulary."""
        required_actions(batch, self.shape)
        labels = batch.labels[:, 1:]
        is_said = labels != IGNORED
        logits = backbone.logits(backbone(batch).last[:, :-1][is_said])
        error = functional.cross_entropy(logits.float(), labels[is_said])
        return Losses(error, {"cross_entropy": error.detach()})

    def predict(self, backbone: Backbone, batch: VLABatch, generator: torch.Generator | None = None) -> Tensor:
        """Return chunks `(B, horizon, values)`, normalised: of each sample the likeliest tokens, one after another.

        Raises:
            ActionDecodeError: What the backbone says is no chunk.
        """
        # One by one: padding on the right would stand in the way of what is said, on the left transformers is wrong.
        chunks = [self._said(backbone, one_sample(batch, k)) for k in range(len(batch))]
        return torch.from_numpy(np.stack(chunks)).to(batch.tokens.device)

    def _said(self, backbone: Backbone, one: VLABatch) -> NDArray[np.float32]:
        codec, model = self._fitted(), backbone.model
        asked = one.tokens.shape[1]

        def is_over(tokens: Tensor, scores: Any, **_: Any) -> Tensor:
            said = [int(token) - self.first_id for token in tokens[0, asked:]]
            over = not 0 <= said[-1] < codec.size or sum(map(codec.length, said)) >= codec.coefficients
            return torch.tensor([over], device=tokens.device)

        tokens = model.generate(  # type: ignore[operator]
            input_ids=one.tokens,
            attention_mask=one.mask.long(),
            **one.inputs,
            max_new_tokens=codec.coefficients,
            stopping_criteria=[is_over],
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,  # a checkpoint may bring another, for chat
            pad_token_id=backbone.prompts.pad_id,
        )
        said = tokens[0, asked:].tolist()
        if not self.first_id <= said[-1] < self.first_id + codec.size:
            raise ActionDecodeError(
                f"after {len(said) - 1} action tokens the policy said token {said[-1]}, which is none; nothing is executed "
                "(it was trained too little, or the scene is far from its data)"
            )
        return codec.decode(tuple(token - self.first_id for token in said))

    def _fitted(self) -> ActionCodec:
        if self.codec is None:
            raise FineVLAError("the head 'fast' has no action tokens yet; training fits them first (VLAPolicy.fit)")
        return self.codec
