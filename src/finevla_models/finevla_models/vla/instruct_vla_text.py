"""Text from an InstructVLA policy: greedy and in words, until the end, the first query token, or a bound.

The stream without experts and the stream with them are both causal, so that each keeps a cache of its own: keys and values of
attention layers, states of linear-attention layers, whatever transformers returns for the backbone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from finevla_models.vla.backbone import Backbone
from finevla_models.vla.batch import IGNORED, VLABatch
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.instruct_vla_head import InstructHead, instruct_head
from finevla_models.vla.prompt_encoder import BY_TOKEN, one_sample


@dataclass(frozen=True)
class GeneratedText:
    """`tokens` that were said, without what ended them; `is_whole` False where the bound cut them off."""

    tokens: tuple[int, ...]
    is_whole: bool


def answer_text(policy: VLAPolicy, batch: VLABatch, max_tokens: int = 50, cached: bool = True) -> list[str]:
    """Return what the model says to each prompt of a batch; what stands behind a prompt there is not looked at."""
    said = generate_text(policy, batch, max_tokens, cached)
    tokenizer = policy.backbone.prompts.tokenizer
    return [str(tokenizer.decode(text.tokens, skip_special_tokens=True)).strip() for text in said]


def generate_text(policy: VLAPolicy, batch: VLABatch, max_tokens: int = 50, cached: bool = True) -> list[GeneratedText]:
    """Return the text that follows each prompt of a batch, greedily.

    With `cached`, each token costs one step of both streams, else a pass over everything. Prompts of different lengths have
    caches of their own, as padding between words and answer would enter the states of linear attention.
    """
    head, backbone, prompts = instruct_head(policy), policy.backbone, prompts_alone(batch)
    is_padded = not bool(prompts.mask.all())
    parts = [one_sample(batch, k) for k in range(len(batch))] if cached and is_padded else [prompts]
    with torch.no_grad():
        return [text for part in parts for text in _generated(head, backbone, part, max_tokens, cached)]


def _generated(
    head: InstructHead, backbone: Backbone, prompts: VLABatch, max_tokens: int, cached: bool
) -> list[GeneratedText]:
    stops = {*head.query_ids, *(backbone.prompts.end().tokens)}
    # A picture's placeholder in the middle of a text would ask for a picture.
    never = sorted({*backbone.prompts.tokenizer.all_special_ids} - stops)
    said: list[list[int]] = [[] for _ in range(len(prompts))]
    ended = [False] * len(prompts)
    streams = _Streams(head, backbone, prompts) if cached else None
    states = streams.last if streams else _last_states(head, backbone, prompts)
    for count in range(max_tokens + 1):
        logits = backbone.logits(states)
        logits[:, never] = -torch.inf
        nexts = logits.argmax(dim=-1)
        for k, token in enumerate(nexts.tolist()):
            if not ended[k] and token in stops:
                ended[k] = True
            elif not ended[k] and count < max_tokens:
                said[k].append(token)
        if all(ended) or count == max_tokens:
            break
        if streams:
            states = streams.step(nexts)
        else:
            states = _last_states(head, backbone, continued(prompts, said, backbone.prompts.pad_id))
    return [GeneratedText(tuple(tokens), whole) for tokens, whole in zip(said, ended, strict=True)]


def prompts_alone(batch: VLABatch) -> VLABatch:
    """Return a batch without what the model shall say, which begins at a row's first label."""
    mask = batch.mask & ((batch.labels != IGNORED).cumsum(dim=1) == 0)
    length = int(mask.sum(dim=1).max())
    kept = {k: v[:, :length] if k in BY_TOKEN else v for k, v in batch.inputs.items()}
    labels = torch.full_like(batch.labels[:, :length], IGNORED)
    return replace(
        batch,
        tokens=batch.tokens[:, :length],
        mask=mask[:, :length],
        labels=labels,
        queries=torch.zeros_like(labels, dtype=torch.bool),
        inputs=kept,
    )


def continued(batch: VLABatch, said: list[list[int]], pad_id: int) -> VLABatch:
    """Return a batch of prompts, each with the tokens that were said behind it."""
    starts = batch.mask.sum(dim=1).tolist()
    length = max(start + len(more) for start, more in zip(starts, said, strict=True))
    more = max(length - batch.tokens.shape[1], 0)
    tokens = torch.nn.functional.pad(batch.tokens, (0, more), value=pad_id)
    mask = torch.nn.functional.pad(batch.mask, (0, more))
    for k, (start, words) in enumerate(zip(starts, said, strict=True)):
        tokens[k, start : start + len(words)] = torch.tensor(words, dtype=tokens.dtype, device=tokens.device)
        mask[k, start : start + len(words)] = True
    inputs = {
        name: torch.nn.functional.pad(value, (0, more)) if name in BY_TOKEN else value
        for name, value in batch.inputs.items()
    }
    labels = torch.full_like(tokens, IGNORED)
    return replace(batch, tokens=tokens, mask=mask, labels=labels, queries=torch.zeros_like(mask), inputs=inputs)


def _last_states(head: InstructHead, backbone: Backbone, batch: VLABatch) -> Tensor:
    """The state `(B, width)` of each row's last token that is no padding."""
    states = head.states(backbone, batch).last
    return states[torch.arange(len(batch)), batch.mask.sum(dim=1) - 1]


def _new_cache(inner: Any) -> Any:
    """A cache for attention alone; None where transformers makes the right one itself.

    The pinned transformers asks it about linear attention of every Qwen3.5, and raises where no layer is of that kind.
    """
    from transformers import DynamicCache

    text = inner.config.get_text_config()
    if "linear_attention" in (getattr(text, "layer_types", None) or ("linear_attention",)):
        return None
    made: Any = DynamicCache(config=text)
    made.has_previous_state = lambda *_: False
    return made


class _Streams:
    """The caches of both streams over prompts without padding; `last` is the state `(B, width)` of the newest token.

    In stage 1 the gates are fixed, and there is one stream.
    """

    def __init__(self, head: InstructHead, backbone: Backbone, prompts: VLABatch) -> None:
        self.head, self.inner = head, getattr(backbone.model, "model", backbone.model)
        self.plain, self.mixed = _new_cache(self.inner), _new_cache(self.inner)
        self.last = self._run(prompts.tokens, prompts.inputs)

    def step(self, tokens: Tensor) -> Tensor:
        """Add one token `(B,)` to each row and return its state `(B, width)`.

        One at a time: Qwen3.5's linear attention starts anew when it is given several.
        """
        self.last = self._run(tokens[:, None], {})
        return self.last

    def _run(self, tokens: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
        def run(cache: Any) -> Any:
            return self.inner(input_ids=tokens, past_key_values=cache, use_cache=True, **inputs)

        def plain() -> Tensor:
            out = run(self.plain)
            self.plain = out.past_key_values
            states: Tensor = out.last_hidden_state
            return states

        self.head.set_gates(plain, tokens.device)
        out = run(self.mixed)
        self.mixed = out.past_key_values
        last: Tensor = out.last_hidden_state[:, -1]
        return last
