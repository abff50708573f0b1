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
from finevla_core.policy.network_spec import VLASpec
from finevla_core.policy.prompt_bytes import decode_prompt
from finevla_models.torch_graphs import torch_provider
from finevla_models.vla.batch import VLAExample
from finevla_models.vla.files import load_vla
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.heads import head_name


class VLAGraphs:
    """A policy on the GPU where there is one, else on the CPU (`PolicyGraphs` and `PromptReader` of `finevla_core`).

    `run` is called by one thread at a time. The noise of a flow comes from a generator of its own, seeded at the start.
    """

    memory_shape: tuple[int, ...] | None = None
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
        self._noise = torch.Generator().manual_seed(0)
        self.provider = torch_provider(self.device)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Return `actions` `(B, T, D)` float32.

        Args:
            inputs: `images` `(B, V, H, W, 3)` uint8, `text` `(B, n)` the prompt's bytes, `state` `(B, D)` where it takes one.

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
            batch = self._policy.batch(examples).to(self.device)
            return {"actions": self._policy.predict(batch, self._noise).float().cpu().numpy()}
        except (RuntimeError, IndexError, ValueError) as error:  # whatever torch says of shapes, kinds and memory
            said = " ".join(str(error).split())[:200]
            raise FineVLAError(f"bundle '{self.name}' does not run: {said}") from error

    def features(self, tokens: NDArray[np.int64], mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raise `FineVLAError`: the policy reads the prompt itself."""
        raise FineVLAError(f"bundle '{self.name}' has no text encoder")

    def refusal(self, prompt: str) -> str:
        """Return why the policy cannot take a prompt, "" where it can; from any thread."""
        prompts = self._policy.backbone.prompts
        count = len(prompts.words(prompt).tokens)
        if count <= prompts.max_tokens // 2:  # the rest is for pictures and answer, which `run` counts exactly
            return ""
        return f"the instruction is {count} tokens, bundle '{self.name}' reads {prompts.max_tokens // 2}: say it in fewer words"


def spec_of(policy: VLAPolicy) -> VLASpec:
    """Return what a manifest says of a policy."""
    shape = policy.head.shape
    return VLASpec(head_name(policy.head), shape.state > 0, shape.values, shape.horizon, shape.views)


def check_network(found: VLASpec, manifest: Manifest, where: str) -> None:
    """Refuse weights that are not of the policy which a manifest describes; `where` begins the sentence."""
    wanted = manifest.network_spec()
    for name in ("head", "values", "horizon", "views", "has_state"):
        if (ours := getattr(found, name)) != (said := getattr(wanted, name, None)):
            raise FineVLAError(
                f"{where} says {name} {said}, and its weights are of {name} {ours}: they do not belong together"
            )
