"""Episodes with an InstructVLA policy: when it thinks anew, and for how long latent actions hold."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from finevla_models.vla.batch import VLAExample
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.instruct_vla_head import instruct_head
from finevla_models.vla.instruct_vla_memory import InstructMemory, ThinkingPace
from finevla_models.vla.instruct_vla_text import generate_text
from finevla_models.vla.prompt_encoder import AnswerTokens


def next_chunks(
    policy: VLAPolicy,
    pace: ThinkingPace,
    examples: Sequence[VLAExample],
    memories: Sequence[InstructMemory],
    generator: torch.Generator | None = None,
    cached: bool = True,
) -> tuple[Tensor, list[InstructMemory]]:
    """Return the next chunk `(B, horizon, values)`, normalised, and memory of each of B episodes.

    The thought is the text that the model says to a prompt before it acts. Latent actions are made anew with a thought, while
    the flow expert sees every new picture and state. A thought that the bound cuts off is dropped: the model has never acted
    behind half a sentence. The examples' answers and actions are not used.
    """
    head, backbone = instruct_head(policy), policy.backbone
    device = next(policy.parameters()).device
    asked = [replace(example, answer="", actions=None) for example in examples]
    kept = list(memories)
    with torch.no_grad():
        if due := [k for k, memory in enumerate(kept) if pace.think_every and memory.since_thought == 0]:
            batch = policy.batch([asked[k] for k in due]).to(device)
            for k, text in zip(due, generate_text(policy, batch, pace.max_thought, cached), strict=True):
                kept[k] = InstructMemory(text.tokens if text.is_whole else ())
        if stale := [k for k, memory in enumerate(kept) if memory.latents is None or memory.age == pace.latent_every]:
            answers = [_said(kept[k].thought) + head.queries() for k in stale]
            made = head.latents(backbone, backbone.prompts.batch([asked[k] for k in stale], answers).to(device))
            for k, latents in zip(stale, made, strict=True):
                kept[k] = replace(kept[k], latents=latents, age=0)
        known = torch.stack([memory.latents for memory in kept if memory.latents is not None])
        chunks = head.act(known, policy.batch(asked).to(device), generator)
    turn = max(pace.think_every, 1)
    kept = [replace(one, since_thought=(one.since_thought + 1) % turn, age=one.age + 1) for one in kept]
    return chunks, kept


def spoken(policy: VLAPolicy, thought: tuple[int, ...]) -> str:
    """Return a thought in words, empty without."""
    return str(policy.backbone.prompts.tokenizer.decode(thought, skip_special_tokens=True)).strip()


def _said(tokens: tuple[int, ...]) -> AnswerTokens:
    return AnswerTokens(tokens, (True,) * len(tokens), (False,) * len(tokens))


class InstructSession:
    """Chunks one after another of one episode, of a policy that any number of sessions share.

    Another prompt begins a new episode, as `reset` does. `think_every` and `latent_every` are those of `ThinkingPace`, None:
    what the policy's options say.
    """

    def __init__(
        self, policy: VLAPolicy, think_every: int | None = None, latent_every: int | None = None, cached: bool = True
    ) -> None:
        self.policy, self.cached = policy, cached
        self.pace = pace_of(policy, think_every, latent_every)
        self.reset()

    def reset(self) -> None:
        """Forget thought, latent actions and prompt: a new episode begins."""
        self._prompt: str | None = None
        self._memory = InstructMemory()

    @property
    def thought(self) -> str:
        """The text behind the present chunk, empty without."""
        return spoken(self.policy, self._memory.thought)

    def act(self, example: VLAExample, generator: torch.Generator | None = None) -> Tensor:
        """Return the chunk `(horizon, values)`, normalised; the example's answer and actions are not used."""
        if example.prompt != self._prompt:
            self.reset()
            self._prompt = example.prompt
        chunks, (self._memory,) = next_chunks(self.policy, self.pace, [example], [self._memory], generator, self.cached)
        return chunks[0]


def pace_of(policy: VLAPolicy, think_every: int | None = None, latent_every: int | None = None) -> ThinkingPace:
    """Return a policy's pace, its options' where None is given; raises `FineVLAError` for one that does not think."""
    options = instruct_head(policy).config
    return ThinkingPace(
        options.think_every if think_every is None else think_every,
        options.latent_every if latent_every is None else latent_every,
        options.max_thought,
    )
