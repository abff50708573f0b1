"""The ONNX graph of a policy that reads the prompt itself: tokens of a fixed length in, one observation at a time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.bundle import Bundle
from finevla_core.errors import FineVLAError
from finevla_core.policy.network_spec import VLASpec
from finevla_core.policy.onnx_graphs import one_line, open_session
from finevla_core.policy.onnx_options import CPU, effective_precision, provider_options
from finevla_core.policy.prompt_bytes import decode_prompt
from finevla_core.policy.prompt_tokens import PromptTokens
from finevla_core.understanding import NotUnderstood

SIGNATURE = (("images", "tokens", "length"), "actions")
STATE, NOISE = "state", "noise"  # optional inputs: the robot's state, and what a flow begins with


class OnnxPromptGraphs:
    """`PolicyGraphs` and `PromptReader` of a bundle of runtime "onnx" whose network is of kind "vla".

    The noise of a flow comes from a generator of its own, seeded at the start.
    """

    memory_shape: tuple[int, ...] | None = None
    takes_running = False
    tells_presence = False
    batches = False

    def __init__(
        self,
        bundle: Bundle,
        threads: int,
        provider: str = CPU,
        precision: str = "fp32",
        cache: Path | None = None,
    ) -> None:
        """Load the graph as `OnnxGraphs` does; raises `FineVLAError`."""
        manifest, path = bundle.manifest, bundle.policy_model
        self.name = manifest.name
        self._words = PromptTokens(path.parent)
        options = provider_options(provider, precision, cache, f"{path.stem}_{precision}")
        self._session = open_session(path, threads, options, SIGNATURE, (STATE, NOISE))
        shapes = {value.name: value.shape for value in self._session.get_inputs()}
        spec = manifest.network_spec()
        assert isinstance(spec, VLASpec)
        if (STATE in shapes) != spec.has_state or shapes["tokens"] != [1, self._words.prompt.length]:
            raise FineVLAError(
                f"'{path}' is not the graph that the bundle's manifest and prompt are of; export it again"
            )
        self._noise_shape = shapes.get(NOISE)
        self._noise = np.random.default_rng(0)
        runs_in = effective_precision(provider, precision)
        self.provider = provider if runs_in == "fp32" else f"{provider} ({runs_in})"

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Return `actions` `(1, T, D)`.

        Args:
            inputs: `images` `(1, V, H, W, 3)` uint8, `text` `(1, n)` the prompt's bytes, `state` `(1, D)` where it takes one,
                `noise` `(1, T, D)` in place of that which is drawn.

        Raises:
            FineVLAError: They do not fit the policy, or it does not run.
        """
        tokens, count = self._words.tokens(decode_prompt(inputs["text"][0]))
        given: dict[str, Any] = {"images": inputs["images"], "tokens": tokens, "length": np.array([count])}
        if STATE in inputs:
            given[STATE] = np.asarray(inputs[STATE], np.float32)
        if self._noise_shape is not None:
            drawn = inputs.get(NOISE)
            given[NOISE] = self._noise.standard_normal(self._noise_shape).astype(np.float32) if drawn is None else drawn
        try:
            (actions,) = self._session.run(["actions"], given)
        except Exception as error:  # onnxruntime's exceptions share no documented base
            raise FineVLAError(f"bundle '{self.name}' does not run: {one_line(error)}") from error
        return {"actions": actions}

    def features(self, tokens: NDArray[np.int64], mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raise `FineVLAError`: the policy reads the prompt itself."""
        raise FineVLAError(f"bundle '{self.name}' has no text encoder")

    def refusal(self, prompt: str) -> str:
        """Return why the policy cannot take a prompt, "" where it can; from any thread."""
        try:
            self._words.tokens(prompt)
        except NotUnderstood as error:
            return str(error)
        return ""
