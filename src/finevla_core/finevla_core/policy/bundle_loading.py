"""A bundle to the policy that it is, by the runtime that its manifest names."""

from pathlib import Path

from finevla_core.bundle import check_embodiment, load_bundle
from finevla_core.chunk_limiter import ChunkLimiter
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_core.policy.onnx_options import Execution
from finevla_core.policy.policy_interface import Policy


def load_policy(
    path: str | Path,
    embodiment: Embodiment,
    threads: int = 1,
    execution: Execution | None = None,
    limiter: ChunkLimiter | None = None,
    server: str = "",
) -> Policy:
    """Load, verify and warm up a bundle for a robot.

    Args:
        path: Folder of the bundle.
        embodiment: The robot that it shall drive.
        threads: CPU threads of ONNX Runtime.
        execution: What a bundle of runtime "onnx" shall run on; TensorRT before CUDA before CPU, in fp32 and untold, if None.
        limiter: With one the policy shortens what the bridge would refuse.
        server: URL in place of that in a bundle of the runtime "remote"; any other bundle then runs in `finevla serve` there,
            where one of the runtime "torch" must.

    Raises:
        FineVLAError: The bundle is damaged, of another robot, or does not run here.
    """
    bundle = load_bundle(path)
    runtime = bundle.manifest.runtime
    if runtime == "remote" or server:
        from finevla_core.policy.remote_policy import RemotePolicy

        return RemotePolicy(bundle, embodiment, limiter, server)
    if runtime == "onnx":
        return BundlePolicy.load(bundle, embodiment, threads, execution, limiter)
    check_embodiment(bundle, embodiment)
    raise FineVLAError(
        f"bundle '{path}' is of runtime '{runtime}', which runs in 'finevla serve' and not in this process; give the "
        "address of that server (parameter 'server'), or start both with the launch file"
    )
