"""The ONNX graphs of a bundle: loaded and looked at once, then run from any thread, by one policy or by many."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from finevla_core.bundle import Bundle
from finevla_core.errors import FineVLAError
from finevla_core.policy.network_interface import (
    MEMORY,
    POLICY_SIGNATURE,
    PRESENT,
    PREVIOUS,
    REMEMBERED,
    TEXT_SIGNATURE,
    WEIGHTS,
)
from finevla_core.policy.onnx_options import (
    CPU,
    TENSORRT,
    ProviderEntry,
    effective_precision,
    provider_options,
)


class OnnxGraphs:
    """The policy's graph, and the text encoder's where a bundle has one, with what their signatures say of them.

    `memory_shape` is None for a policy without a memory, `takes_running` says whether it continues a running chunk,
    `tells_presence` whether it says that its target is there. `batches` says that it takes several observations at once;
    never with TensorRT, whose engines are of fixed shapes.
    """

    def __init__(
        self,
        bundle: Bundle,
        threads: int,
        provider: str = CPU,
        precision: str = "fp32",
        cache: Path | None = None,
    ) -> None:
        """Load the graphs on one of ONNX Runtime's execution providers.

        Args:
            bundle: Of runtime "onnx", verified.
            threads: CPU threads.
            provider: Execution provider that must be in use; what it cannot run is left to the others.
            precision: See `finevla_core.policy.onnx_options`.
            cache: Folder of TensorRT's engines; None = they are not kept.

        Raises:
            FineVLAError: A graph does not load, does not keep to the contract, or the provider is not taken.
        """

        def session(path: Path, signature: tuple[tuple[str, ...], str], *optional: str) -> ort.InferenceSession:
            prefix = f"{path.stem}_{precision}"
            return open_session(
                path, threads, provider_options(provider, precision, cache, prefix), signature, optional
            )

        self.name = bundle.manifest.name
        self._text: ort.InferenceSession | None = None
        if not bundle.manifest.reader:
            self._text = session(bundle.text_model, TEXT_SIGNATURE)
        self._policy = session(bundle.policy_model, POLICY_SIGNATURE, MEMORY, PREVIOUS, WEIGHTS)
        self.memory_shape = _memory_shape(self._policy, bundle.policy_model)
        self.takes_running = _takes_running(self._policy, bundle)
        self.tells_presence = PRESENT in [value.name for value in self._policy.get_outputs()]
        runs_in = effective_precision(provider, precision)
        self.provider = provider if runs_in == "fp32" else f"{provider} ({runs_in})"
        is_free = all(not isinstance(value.shape[0], int) for value in self._policy.get_inputs())
        self.batches = is_free and provider != TENSORRT
        self.outputs = ["actions"] + [REMEMBERED] * (self.memory_shape is not None) + [PRESENT] * self.tells_presence

    def run(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Return the policy's outputs by name for inputs of one or more observations; raises `FineVLAError`."""
        return dict(zip(self.outputs, self._run(self._policy, self.outputs, inputs), strict=True))

    def features(self, tokens: NDArray[np.int64], mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the text encoder's features `(1, ...)` of tokens `(words, pieces)` and their mask `(words,)`."""
        assert self._text is not None
        (text,) = self._run(self._text, ("text",), {"tokens": tokens[None], "mask": mask[None]})
        return text

    def _run(
        self, session: ort.InferenceSession, outputs: Sequence[str], inputs: Mapping[str, object]
    ) -> list[NDArray[np.float32]]:
        try:
            answers = session.run(list(outputs), inputs)
        except Exception as error:  # onnxruntime's exceptions share no documented base
            raise FineVLAError(f"bundle '{self.name}' does not run: {one_line(error)}") from error
        return cast(list[NDArray[np.float32]], answers)


def _memory_shape(session: ort.InferenceSession, path: Path) -> tuple[int, ...] | None:
    """The shape of a network's memory, or None if it has none."""
    taken = next((value.shape for value in session.get_inputs() if value.name == MEMORY), None)
    if taken is None:
        return None
    given = next((value.shape for value in session.get_outputs() if value.name == REMEMBERED), None)
    if taken != given or not all(isinstance(size, int) for size in taken):
        raise FineVLAError(
            f"'{path}' has an input '{MEMORY}' of shape {taken} and an output '{REMEMBERED}' of shape {given}; "
            "both must be there, of one fixed shape: export the bundle again"
        )
    return tuple(taken)


def _takes_running(session: ort.InferenceSession, bundle: Bundle) -> bool:
    """Whether a network can be given a running chunk; refuses a bundle that would need that."""
    found = [value.name for value in session.get_inputs() if value.name in (PREVIOUS, WEIGHTS)]
    if len(found) == 1 or (not found and bundle.manifest.joining == "rtc"):
        raise FineVLAError(
            f"'{bundle.policy_model}' has not both inputs '{PREVIOUS}' and '{WEIGHTS}', which joining 'rtc' needs: "
            "export the bundle again from a flow head, or say 'joining: blend' in its manifest"
        )
    return bool(found)


def open_session(
    path: Path,
    threads: int,
    providers: Sequence[ProviderEntry],
    signature: tuple[tuple[str, ...], str],
    optional: tuple[str, ...],
) -> ort.InferenceSession:
    """Load a graph on the first of `providers`; raises `FineVLAError` if it is not taken or the signature is another."""
    available = ort.get_available_providers()
    names = [entry if isinstance(entry, str) else entry[0] for entry in providers]
    used = [entry for name, entry in zip(names, providers, strict=True) if name in available]
    options = _options(threads)
    if names[0] == TENSORRT:
        for dimension in _free_dimensions(path):
            options.add_free_dimension_override_by_name(dimension, 1)
    try:
        # Without ONNX Runtime's own fall-back, which only prints: what takes another's place is for the caller to say.
        session = ort.InferenceSession(str(path), options, providers=used, enable_fallback=0)
    except Exception as error:  # onnxruntime's exceptions share no documented base
        raise FineVLAError(f"'{path}' is not an ONNX model that runs here: {one_line(error)}") from error
    if names[0] not in session.get_providers():  # a library is missing: ONNX Runtime logs it, and goes on
        raise FineVLAError(
            f"ONNX Runtime cannot use {names[0]}; its libraries or the GPU are missing ('make setup GPU=1' installs the former)"
        )
    inputs, output = signature
    found = sorted(i.name for i in session.get_inputs())
    if sorted(set(found) - set(optional)) != sorted(inputs):
        raise FineVLAError(f"'{path}' has inputs {', '.join(found)}; a bundle's needs {', '.join(inputs)}")
    if output not in [o.name for o in session.get_outputs()]:
        raise FineVLAError(f"'{path}' has no output '{output}'; export the bundle again")
    return session


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Between two chunks the threads have nothing to do; spinning would take the cores from the other nodes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _free_dimensions(path: Path) -> list[str]:
    """Names of the sizes that a graph leaves open for the number of observations; TensorRT builds for one.

    Fixing them in the graph, and not by TensorRT's profiles, keeps the shapes fixed in every part of a network that it
    shares with others. Raises `FineVLAError` for a size that is open elsewhere, or has no name.
    """
    options = _options(1)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        inputs = ort.InferenceSession(str(path), options, providers=[CPU]).get_inputs()
    except Exception as error:  # onnxruntime's exceptions share no documented base
        raise FineVLAError(f"'{path}' is not an ONNX model that runs here: {one_line(error)}") from error
    for value in inputs:
        if any(not isinstance(size, int) for size in value.shape[1:]) or value.shape[:1] == [None]:
            raise FineVLAError(
                f"'{path}' has input '{value.name}' of shape {value.shape}; TensorRT needs all sizes fixed, but for the first, "
                "if that has a name"
            )
    return sorted({value.shape[0] for value in inputs if value.shape and isinstance(value.shape[0], str)})


def one_line(error: Exception) -> str:
    """Return what an exception says, in one line."""
    return " ".join(str(error).split())
