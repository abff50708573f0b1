"""A vision-language-action policy of a bundle, run for one observation or for many at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from finevla_core.bundle import Bundle
from finevla_core.errors import FineVLAError
from finevla_core.manifest import Manifest
from finevla_core.policy.network_interface import MEMORY, REMEMBERED
from finevla_core.policy.network_spec import PACE, VLASpec
from finevla_core.policy.prompt_bytes import decode_prompt
from finevla_models.torch_graphs import torch_provider
from finevla_models.vla.batch import VLAExample
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.head_registry import head_name
from finevla_models.vla.instruct_vla_episode import next_chunks, pace_of, spoken
from finevla_models.vla.instruct_vla_head import InstructHead, instruct_head
from finevla_models.vla.instruct_vla_memory import ThinkingPace, ThoughtMemory
from finevla_models.vla.policy_files import load_vla


class VLAGraphs:
    """A policy on the GPU where there is one, else on the CPU (`PolicyGraphs`, `PromptReader` and `Thinker` of `finevla_core`).

    One that thinks, or keeps latent actions, has a memory: each episode's own, kept by whoever asks.
    `run` is called by one thread at a time. The noise of a flow comes from a generator of its own, seeded at the start.
    """

    takes_running = False
    tells_presence = False
    batches = True

    def __init__(self, bundle: Bundle, threads: int) -> None:
        """Build the policy of a verified bundle and load its weights; raises `FineVLAError` naming what does not fit."""
        torch.set_num_threads(threads)
        self.name = bundle.manifest.name
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        policy = load_vla(bundle.path / Path(bundle.manifest.policy_model).parent)
        check_network(spec_of(policy), bundle.manifest, f"bundle '{self.name}'")
        self._policy = policy.to(self.device)
        self._pace = _pace(policy, bundle.manifest)
        self._row: ThoughtMemory | None = None
        if self._pace is not None:
            queries = len(instruct_head(policy).query_ids)
            self._row = ThoughtMemory(self._pace.max_thought, queries, policy.backbone.width)
        self.memory_shape: tuple[int, ...] | None = (1, self._row.size) if self._row else None
        self._noise = torch.Generator().manual_seed(0)
        self.provider = torch_provider(self.device)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Return `actions` `(B, T, D)` float32, and where it has a memory the next one, `remembered` `(B, M)`.

        Args:
            inputs: `images` `(B, V, H, W, 3)` uint8, `text` `(B, n)` the prompt's bytes, `state` `(B, D)` where it takes one,
                `memory` `(B, M)` where it has one.

        Raises:
            FineVLAError: They do not fit the policy, or it does not run.
        """
        states = inputs.get("state")
        examples = [
            VLAExample(
                tuple(images), decode_prompt(text), None if states is None else np.asarray(states[k], np.float32)
            )
            for k, (images, text) in enumerate(zip(inputs["images"], inputs["text"], strict=True))
        ]
        try:
            if self._pace is not None and self._row is not None:
                like, row = next(self._policy.backbone.parameters()), self._row
                before = [row.memory(one, like) for one in inputs[MEMORY]]
                chunks, after = next_chunks(self._policy, self._pace, examples, before, self._noise)
                kept = np.stack([row.packed(one) for one in after])
                return {"actions": chunks.float().cpu().numpy(), REMEMBERED: kept}
            batch = self._policy.batch(examples).to(self.device)
            return {"actions": self._policy.predict(batch, self._noise).float().cpu().numpy()}
        except (RuntimeError, IndexError, ValueError) as error:  # whatever torch says of shapes, kinds and memory
            said = " ".join(str(error).split())[:200]
            raise FineVLAError(f"bundle '{self.name}' does not run: {said}") from error

    def features(self, tokens: NDArray[np.int64], mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raise `FineVLAError`: the policy reads the prompt itself."""
        raise FineVLAError(f"bundle '{self.name}' has no text encoder")

    def thought(self, memory: NDArray[np.float32]) -> str:
        """Return the words behind the answer with which a memory `(1, M)` came, "" without."""
        return "" if self._row is None else spoken(self._policy, self._row.thought(memory[0]))

    def refusal(self, prompt: str) -> str:
        """Return why the policy cannot take a prompt, "" where it can; from any thread."""
        prompts = self._policy.backbone.prompts
        count = len(prompts.words(prompt).tokens)
        if count <= prompts.max_tokens // 2:  # the rest is for pictures and answer, which `run` counts exactly
            return ""
        return f"the instruction is {count} tokens, bundle '{self.name}' reads {prompts.max_tokens // 2}: say it in fewer words"


def spec_of(policy: VLAPolicy) -> VLASpec:
    """Return what a manifest says of a policy."""
    shape, options = policy.head.shape, getattr(policy.head, "config", None)
    paced = {name: getattr(options, name) for name in PACE if hasattr(options, name)}
    return VLASpec(head_name(policy.head), shape.state > 0, shape.values, shape.horizon, shape.views, **paced)


def _pace(policy: VLAPolicy, manifest: Manifest) -> ThinkingPace | None:
    """How often the policy of a bundle thinks; None for one whose chunks do not depend on those before."""
    spec = manifest.network_spec()
    assert isinstance(spec, VLASpec)
    if not isinstance(policy.head, InstructHead):
        if odd := [name for name in PACE if getattr(spec, name) is not None]:
            raise FineVLAError(
                f"bundle '{manifest.name}' says '{odd[0]}' of its network, and head '{spec.head}' does not think; take it out"
            )
        return None
    pace = pace_of(policy, spec.think_every, spec.latent_every)
    return pace if pace.needs_memory else None


def check_network(found: VLASpec, manifest: Manifest, where: str) -> None:
    """Refuse weights that are not of the policy which a manifest describes; `where` begins the sentence."""
    wanted = manifest.network_spec()
    for name in ("head", "values", "horizon", "views", "has_state"):
        if (ours := getattr(found, name)) != (said := getattr(wanted, name, None)):
            raise FineVLAError(
                f"{where} says {name} {said}, and its weights are of {name} {ours}: they do not belong together"
            )
