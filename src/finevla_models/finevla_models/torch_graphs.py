"""The network of a bundle of the runtime "torch": loaded once, run for one observation or for many at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from finevla_core.bundle import Bundle
from finevla_core.errors import FineVLAError
from finevla_core.policy.network_spec import TabletopSpec
from finevla_models.tabletop_network import build_network
from finevla_models.weights import load_weights


class TorchGraphs:
    """A policy's network on the GPU where there is one, else on the CPU (`finevla_core.policy.network_interface.PolicyGraphs`).

    `run` is called by one thread at a time. The number of CPU threads is the whole process's.
    """

    takes_running: bool
    tells_presence: bool
    batches = True

    def __init__(self, bundle: Bundle, threads: int) -> None:
        """Build the network of a verified bundle and load its weights; raises `FineVLAError` naming what does not fit."""
        torch.set_num_threads(threads)
        # Convolutions would be rounded to ten bits otherwise, and the chunks differ from the exported ones.
        torch.backends.cudnn.allow_tf32 = False
        self.name = bundle.manifest.name
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        spec = bundle.manifest.network_spec()
        assert isinstance(spec, TabletopSpec)
        network = build_network(spec)
        load_weights(network, bundle.policy_model)
        self._network = network.to(self.device)
        self.provider = torch_provider(self.device)
        self.memory_shape: tuple[int, ...] | None = (1, network.memory_width) if network.memory_width else None
        self.takes_running = "previous" in network.inputs
        self.tells_presence = "present" in network.outputs
        if bundle.manifest.joining == "rtc" and not self.takes_running:
            raise FineVLAError(
                f"bundle '{bundle.path}' says 'joining: rtc', which its network cannot: it needs head 'flow'"
            )

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Return the policy's outputs by name, each `(B, ...)` float32.

        Args:
            inputs: By name, each `(B, ...)`.

        Raises:
            FineVLAError: They do not fit the network, or it does not run.
        """
        names = self._network.inputs
        if missing := [name for name in names if name not in inputs]:
            raise FineVLAError(f"bundle '{self.name}' does not run: input '{missing[0]}' is missing")
        try:
            with torch.inference_mode():
                # A copy: arrays from the wire cannot be written to, and torch has no tensors that cannot.
                given = [torch.tensor(inputs[name]).to(self.device) for name in names]
                answers = self._network(*given)
                found = [answer.float().cpu().numpy() for answer in answers]
        except (RuntimeError, IndexError, ValueError) as error:  # whatever torch says of shapes, kinds and memory
            text = " ".join(str(error).split())[:200]
            raise FineVLAError(f"bundle '{self.name}' does not run: {text}") from error
        return dict(zip(self._network.outputs, found, strict=True))

    def features(self, tokens: NDArray[np.int64], mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raise `FineVLAError`: a bundle of this runtime has a reader, whose slots need no text encoder."""
        raise FineVLAError(f"bundle '{self.name}' has no text encoder")


def torch_provider(device: torch.device) -> str:
    """Return what a network on a device runs on, in words."""
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return f"torch {torch.__version__} on {where}"
