"""One client's episode with an InstructVLA policy: when it thinks anew, and for how long latent actions hold."""

from dataclasses import replace

import torch
from torch import Tensor

from finevla_models.vla.batch import VLABatch, VLAExample
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.instruct import instruct_head
from finevla_models.vla.instruct_text import generate_text
from finevla_models.vla.prompt_encoder import AnswerTokens


class InstructSession:
    """Chunks one after another, of a policy that any number of sessions share.

    The thought is the text that the model says to a prompt before it acts; it stays for `think_every` chunks (0: no thoughts).
    Latent actions stay for `latent_every` chunks, while the flow expert sees every new picture and state; they are made anew
    with a thought. Another prompt begins a new episode, as `reset` does. A thought that `max_thought` tokens cut off is
    dropped: the model has never acted behind half a sentence.
    """

    def __init__(
        self, policy: VLAPolicy, think_every: int | None = None, latent_every: int | None = None, cached: bool = True
    ) -> None:
        self.policy, self.head, self.cached = policy, instruct_head(policy), cached
        options = self.head.config
        self.config = replace(
            options,
            think_every=options.think_every if think_every is None else think_every,
            latent_every=options.latent_every if latent_every is None else latent_every,
        )
        self.reset()

    def reset(self) -> None:
        """Forget thought, latent actions and prompt: a new episode begins."""
        self._prompt: str | None = None
        self._thought: tuple[int, ...] = ()
        self._latents: Tensor | None = None
        self._chunks = self._latents_age = 0

    @property
    def thought(self) -> str:
        """The text behind the present chunk, empty without."""
        return str(self.policy.backbone.prompts.tokenizer.decode(self._thought, skip_special_tokens=True)).strip()

    def act(self, example: VLAExample, generator: torch.Generator | None = None) -> Tensor:
        """Return the chunk `(horizon, values)`, normalised; the example's answer and actions are not used."""
        example = replace(example, answer="", actions=None)
        if example.prompt != self._prompt:
            self.reset()
            self._prompt = example.prompt
        batch = self.policy.batch([example]).to(next(self.policy.parameters()).device)
        with torch.no_grad():
            if self.config.think_every and self._chunks % self.config.think_every == 0:
                self._think(batch)
            if self._latents is None or self._latents_age == self.config.latent_every:
                self._latents, self._latents_age = self._new_latents(example, batch), 0
            chunk = self.head.act(self._latents, batch, generator)[0]
        self._chunks += 1
        self._latents_age += 1
        return chunk

    def _think(self, batch: VLABatch) -> None:
        text = generate_text(self.policy, batch, self.config.max_thought, self.cached)[0]
        self._thought, self._latents = text.tokens if text.is_whole else (), None

    def _new_latents(self, example: VLAExample, batch: VLABatch) -> Tensor:
        """One pass over prompt, thought and all query tokens."""
        if self._thought:
            said = AnswerTokens(self._thought, (True,) * len(self._thought), (False,) * len(self._thought))
            batch = self.policy.backbone.prompts.batch([example], [said + self.head.queries()]).to(batch.tokens.device)
        return self.head.latents(self.policy.backbone, batch)
