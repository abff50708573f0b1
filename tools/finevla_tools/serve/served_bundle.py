"""A bundle ready to be served: its graphs loaded once, a policy of its own for each client."""

from dataclasses import dataclass
from pathlib import Path

from finevla_core.bundle import Bundle, load_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.manifest import Manifest
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_core.policy.network_interface import PolicyGraphs
from finevla_core.policy.onnx_loading import open_graphs
from finevla_core.policy.onnx_options import Execution
from finevla_sim.robot_files import default_robot
from finevla_tools.serve.batching import BatchedGraphs
from finevla_tools.serve.client_requests import metadata_frame
from finevla_tools.serve.client_session import ClientSession


@dataclass(frozen=True)
class HostedBundle:
    """What all sessions of one bundle share."""

    bundle: Bundle
    embodiment: Embodiment
    graphs: PolicyGraphs

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.bundle.manifest

    @property
    def provider(self) -> str:
        """The execution provider that it runs on."""
        return self.graphs.provider

    def session(self) -> ClientSession:
        """Return a session for one more client, with a memory of its own."""
        return ClientSession(
            lambda: BundlePolicy(self.bundle, self.embodiment, self.graphs), self.manifest, self.embodiment
        )

    def metadata(self, version: str) -> bytes:
        """Return the first frame of every connection."""
        return metadata_frame(self.manifest, version)


def host_bundle(path: Path, threads: int, batch: int, execution: Execution | None = None) -> HostedBundle:
    """Load and warm up a bundle; `batch` observations go through it together at most.

    `execution` is for bundles of runtime "onnx": see `load_policy`.

    Raises:
        FineVLAError: The bundle is damaged, of another robot, or does not run here.
    """
    bundle = load_bundle(path)
    robot = default_robot().embodiment

    def warm_up(graphs: PolicyGraphs) -> None:
        BundlePolicy(bundle, robot, graphs).warm_up()

    graphs: PolicyGraphs
    if bundle.manifest.runtime == "onnx":
        graphs = open_graphs(bundle, threads, execution or Execution(), warm_up)
    else:
        if execution is not None and (execution.provider, execution.precision) != ("auto", "fp32"):
            raise FineVLAError(
                f"bundle '{path}' is of runtime '{bundle.manifest.runtime}', which has no choice of provider and precision; "
                "leave both out"
            )
        graphs = load_torch_graphs(bundle, threads)
        warm_up(graphs)
    return HostedBundle(bundle, robot, BatchedGraphs(graphs, batch))


def load_torch_graphs(bundle: Bundle, threads: int) -> PolicyGraphs:
    """Load the network of a bundle of the runtime torch; raises `FineVLAError` for one that has nothing to run here."""
    runtime = bundle.manifest.runtime
    if runtime == "torch":
        try:
            from finevla_models.torch_loading import load_graphs
        except ImportError as error:
            raise FineVLAError(
                f"bundle '{bundle.path}' is of runtime 'torch' and {error.name or 'torch'} is not installed here: "
                "run 'make train-setup'"
            ) from error
        return load_graphs(bundle, threads)
    raise FineVLAError(f"bundle '{bundle.path}' is of runtime '{runtime}': it has nothing that could be served")
