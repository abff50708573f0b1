"""Words and pictures to a backbone's tokens, by the backbone's own processor; padding is on the right alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finevla_core.errors import FineVLAError
from finevla_models.vla.batch import IGNORED, VLABatch, VLAExample, required_state, stack_values

# One row for each token, beside the tokens themselves; everything else of a processor is put behind one another.
BY_TOKEN = ("mm_token_type_ids", "token_type_ids")


@dataclass(frozen=True)
class AnswerTokens:
    """What follows the prompt: token ids, which of them the model learns to say, and which are a head's placeholders."""

    tokens: tuple[int, ...] = ()
    is_said: tuple[bool, ...] = ()
    is_query: tuple[bool, ...] = ()

    def __add__(self, other: "AnswerTokens") -> "AnswerTokens":
        return AnswerTokens(self.tokens + other.tokens, self.is_said + other.is_said, self.is_query + other.is_query)


class PromptEncoder:
    """Wrap a processor of transformers; `max_tokens` bounds prompt and answer together.

    The template is the processor's own where it has one, else `<pictures> prompt newline`.
    """

    def __init__(self, processor: Any, max_tokens: int = 1024) -> None:
        self.processor, self.tokenizer, self.max_tokens = processor, processor.tokenizer, max_tokens
        pad = self.tokenizer.pad_token_id
        self.pad_id: int = 0 if pad is None else int(pad)

    def token_id(self, token: str) -> int:
        """Return the id of one token of the vocabulary; raises `FineVLAError` for what is none."""
        found = self.tokenizer.convert_tokens_to_ids(token)
        if found is None or found == self.tokenizer.unk_token_id:
            raise FineVLAError(f"the backbone's tokenizer has no token '{token}'; name one that it has")
        return int(found)

    def words(self, text: str, is_said: bool = True) -> AnswerTokens:
        """Return a text as an answer's tokens."""
        ids = tuple(int(i) for i in self.tokenizer(text, add_special_tokens=False)["input_ids"]) if text else ()
        return AnswerTokens(ids, (is_said,) * len(ids), (False,) * len(ids))

    @staticmethod
    def queries(token_id: int, count: int, is_said: bool = False) -> AnswerTokens:
        """Return `count` placeholders of one token, whose hidden states a head reads."""
        return AnswerTokens((token_id,) * count, (is_said,) * count, (True,) * count)

    def end(self) -> AnswerTokens:
        """Return the token that ends an answer, which the model learns to say; nothing for a tokenizer without one."""
        eos = self.tokenizer.eos_token_id
        return AnswerTokens() if eos is None else AnswerTokens((int(eos),), (True,), (False,))

    def batch(self, examples: Sequence[VLAExample], answers: Sequence[AnswerTokens]) -> VLABatch:
        """Return the examples as tokens, each with its answer behind it, padded on the right.

        Raises:
            FineVLAError: An example is longer than `max_tokens`, or the processor takes no such pictures.
        """
        asked, inputs = self._encoded(examples)
        ids = [[*prompt, *answer.tokens] for prompt, answer in zip(asked, answers, strict=True)]
        length = max(len(row) for row in ids)
        if length > self.max_tokens:
            raise FineVLAError(
                f"prompt, pictures and answer are {length} tokens, the policy takes {self.max_tokens}: shorten the words, "
                "use fewer or smaller pictures, or raise 'max_tokens'"
            )
        tokens = torch.full((len(ids), length), self.pad_id)
        mask = torch.zeros((len(ids), length), dtype=torch.bool)
        labels, queries = torch.full_like(tokens, IGNORED), torch.zeros_like(mask)
        for k, (row, answer) in enumerate(zip(ids, answers, strict=True)):
            start = len(asked[k])
            tokens[k, : len(row)] = torch.tensor(row)
            mask[k, : len(row)] = True
            said = torch.tensor(answer.is_said, dtype=torch.bool)
            labels[k, start : len(row)][said] = tokens[k, start : len(row)][said]
            queries[k, start : len(row)] = torch.tensor(answer.is_query, dtype=torch.bool)
        return VLABatch(
            tokens=tokens,
            mask=mask,
            labels=labels,
            queries=queries,
            inputs=_padded(inputs, length),
            **stack_values(list(examples)),  # type: ignore[arg-type]
        )

    def _encoded(self, examples: Sequence[VLAExample]) -> tuple[list[list[int]], dict[str, Tensor]]:
        """Return each prompt's tokens, and what else the backbone takes, of all examples at once.

        A processor spends more on being called than on a small picture.
        """
        count = len(examples[0].images)
        # torch warns of arrays that cannot be written to, such as those of files in memory.
        pictures = [
            [image if image.flags.writeable else image.copy() for image in example.images] for example in examples
        ]
        try:
            found = self.processor(
                text=[self.template(example.prompt, len(example.images)) for example in examples],
                images=pictures if count else None,
                padding=True,
                padding_side="right",
                return_tensors="pt",
            )
        except (ValueError, TypeError, IndexError) as error:
            said = " ".join(str(error).split())[:200]
            raise FineVLAError(
                f"the backbone's processor does not take {count} pictures and a prompt: {said}"
            ) from error
        lengths = found["attention_mask"].sum(dim=1).tolist()
        prompts = [row[:length].tolist() for row, length in zip(found["input_ids"], lengths, strict=True)]
        return prompts, {k: v for k, v in found.items() if k not in ("input_ids", "attention_mask")}

    def template(self, prompt: str, pictures: int) -> str:
        if self.processor.chat_template:
            content = [{"type": "image"}] * pictures + [{"type": "text", "text": prompt}]
            said: str = self.processor.apply_chat_template(
                [{"role": "user", "content": content}],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,  # as the annotator asks a server; templates that do not know it pass it over
            )
            return said
        image = getattr(self.processor, "image_token", "")
        begin = getattr(self.processor, "vision_start_token", "") or ""
        end = getattr(self.processor, "vision_end_token", "") or ""
        return f"{begin}{image}{end}" * pictures + f"{prompt}\n"


def with_state(prompt: str, state: NDArray[np.float32] | None, values: int) -> str:
    """Return a prompt with the state behind it in words, as starVLA puts it: 256 bins over -1...1, for a policy with state.

    What is beyond an end counts as the end (there bin -1 below it).
    """
    if not values:
        return prompt
    bins = np.clip(np.floor((required_state(state, values) + 1) * 128), 0, 255).astype(int)
    return f"{prompt} [STATE] {' '.join(map(str, bins))} [ACTION]"


def _padded(inputs: Mapping[str, Tensor], length: int) -> dict[str, Tensor]:
    """Return a processor's inputs with rows of tokens padded with 0 to `length`."""
    return {
        name: torch.nn.functional.pad(value, (0, length - value.shape[1])) if name in BY_TOKEN else value
        for name, value in inputs.items()
    }


def one_sample(batch: VLABatch, k: int) -> VLABatch:
    """Return sample `k` alone and as it is asked: without padding, and without what shall be said behind its prompt."""
    said = (batch.labels[k] != IGNORED).nonzero()
    length = int(said[0]) if len(said) else int(batch.mask[k].sum())
    inputs = {}
    for name, value in batch.inputs.items():
        # Every sample has as many pictures of the same size, so that each has an equal share of what is not by token.
        share = value[k : k + 1, :length] if name in BY_TOKEN else value.chunk(len(batch))[k]
        inputs[name] = share
    one = {
        name: getattr(batch, name)[k : k + 1]
        for name in ("images", "state", "actions", "action_mask")
        if getattr(batch, name) is not None
    }
    cut = {name: getattr(batch, name)[k : k + 1, :length] for name in ("tokens", "mask", "labels", "queries")}
    return replace(batch, **one, **cut, inputs=inputs)
