"""How ONNX Runtime shall run a bundle: provider, precision and the options of each provider, as plain data.

Nothing here touches ONNX Runtime or a GPU.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from finevla_core.errors import FineVLAError

TENSORRT, CUDA, CPU = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"
# What a name asks for, and what takes its place where that fails.
PROVIDERS = {
    "auto": (TENSORRT, CUDA, CPU),
    "tensorrt": (TENSORRT, CUDA, CPU),
    "cuda": (CUDA, CPU),
    "cpu": (CPU,),
}
PRECISIONS = ("fp32", "fp16", "bf16")
SPOKEN = {TENSORRT: "TensorRT", CUDA: "CUDA", CPU: "the CPU"}

ProviderEntry = str | tuple[str, dict[str, str]]  # as ONNX Runtime takes it: a name, or a name with options


def _untold(text: str) -> None:
    """Say nothing: for whoever wants no sentences."""


@dataclass(frozen=True)
class Execution:
    """What a bundle of runtime "onnx" shall run on.

    `provider` is a name of `PROVIDERS`, `precision` one of `PRECISIONS`. `tell` gets a sentence when one provider takes the
    place of another, and now and then while TensorRT builds its engines, from another thread.
    """

    provider: str = "auto"
    precision: str = "fp32"
    tell: Callable[[str], None] = _untold

    def __post_init__(self) -> None:
        for name, given, known in (
            ("provider", self.provider, tuple(PROVIDERS)),
            ("precision", self.precision, PRECISIONS),
        ):
            if given not in known:
                raise FineVLAError(f"parameter '{name}' is '{given}'; known are {', '.join(known)}")


def candidates(provider: str, available: Sequence[str]) -> tuple[str, ...]:
    """Return the execution providers to try, best first.

    Args:
        provider: A name of `PROVIDERS`.
        available: What the installed ONNX Runtime was built with.

    Raises:
        FineVLAError: It was not built with the one that is asked for.
    """
    wanted = PROVIDERS[provider]
    found = tuple(name for name in wanted if name in available)
    if not found or (provider != "auto" and found[0] != wanted[0]):
        asked = wanted if provider == "auto" else wanted[:1]
        raise FineVLAError(
            f"ONNX Runtime has none of {', '.join(asked)} here; it has {', '.join(available)}: 'make setup GPU=1' installs "
            "the one for NVIDIA GPUs, 'provider' chooses another"
        )
    return found


def provider_options(
    provider: str, precision: str = "fp32", cache: Path | None = None, prefix: str = ""
) -> tuple[ProviderEntry, ...]:
    """Return the list of providers for a session that `provider` shall lead, as ONNX Runtime takes it.

    Args:
        provider: `TENSORRT`, `CUDA` or `CPU`; what it cannot run goes to those behind it.
        precision: One of `PRECISIONS`; TensorRT's alone, the others run in that of the graph.
        cache: Folder of TensorRT's engines and timings; None = they are not kept.
        prefix: Beginning of the engines' file names; several graphs may share a folder.

    Options: ONNX Runtime's pages on the TensorRT and CUDA execution providers.
    """
    # TF32 would round products to ten bits, and chunks would differ from those that the export was checked with.
    cuda = (CUDA, {"device_id": "0", "use_tf32": "0"})
    if provider == CPU:
        return (CPU,)
    if provider == CUDA:
        return (cuda, CPU)
    half = precision == "fp16"
    options = {
        "device_id": "0",
        "trt_fp16_enable": str(half),
        "trt_bf16_enable": str(precision == "bf16"),
        # Sums of squares leave the range of fp16.
        "trt_layer_norm_fp32_fallback": str(half),
    }
    if cache is not None:
        options |= {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(cache),
            "trt_engine_cache_prefix": prefix,
            "trt_timing_cache_enable": "True",
            "trt_timing_cache_path": str(cache),
        }
    return ((TENSORRT, options), cuda, CPU)


def effective_precision(provider: str, precision: str) -> str:
    """Return the precision in which `provider` runs a bundle for which `precision` is asked."""
    return precision if provider == TENSORRT else "fp32"
