"""The network of any bundle of the runtime "torch"."""

from finevla_core.bundle import Bundle
from finevla_core.policy.network_interface import PolicyGraphs
from finevla_models.torch_graphs import TorchGraphs


def load_graphs(bundle: Bundle, threads: int) -> PolicyGraphs:
    """Load a verified bundle's network; raises `FineVLAError` naming what does not fit."""
    if not bundle.manifest.reads_prompt:
        return TorchGraphs(bundle, threads)
    from finevla_models.vla_graphs import VLAGraphs  # transformers take seconds to import

    return VLAGraphs(bundle, threads)
