"""The ONNX graphs of a bundle on the best provider that runs them; what takes the place of what is told.

TensorRT's engines are built here, which takes minutes, or taken from their cache.
"""

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import onnxruntime as ort

from finevla_core.bundle import Bundle
from finevla_core.errors import FineVLAError
from finevla_core.policy.gpu_libraries import load_gpu_libraries, this_accelerator
from finevla_core.policy.network_interface import PolicyGraphs
from finevla_core.policy.onnx_graphs import OnnxGraphs
from finevla_core.policy.onnx_options import CPU, SPOKEN, TENSORRT, Execution, candidates, effective_precision
from finevla_core.policy.onnx_prompt_graphs import OnnxPromptGraphs
from finevla_core.policy.tensorrt_cache import EngineCache, engine_store

TOLD_EVERY_S = 10.0


def open_graphs(
    bundle: Bundle, threads: int, execution: Execution, try_out: Callable[[PolicyGraphs], None]
) -> PolicyGraphs:
    """Return a bundle's graphs on the first provider on which they load and `try_out` runs them.

    Raises:
        FineVLAError: ONNX Runtime was built without the provider that is asked for, or the last one fails too.
    """

    kind = OnnxPromptGraphs if bundle.manifest.reads_prompt else OnnxGraphs

    def opened(provider: str, cache: Path | None = None) -> PolicyGraphs:
        graphs = kind(bundle, threads, provider, execution.precision, cache)
        try_out(graphs)
        return graphs

    names = candidates(execution.provider, ort.get_available_providers())
    if names[0] != CPU:
        load_gpu_libraries()
    for name, instead in itertools.pairwise(names):
        try:
            graphs = _on_tensorrt(bundle, execution, opened) if name == TENSORRT else opened(name)
        except FineVLAError as error:
            execution.tell(
                f"{SPOKEN[name]} does not run bundle '{bundle.manifest.name}', {SPOKEN[instead]} is tried: {error}"
            )
        else:
            return _told(graphs, name, execution)
    return _told(opened(names[-1]), names[-1], execution)


def _told(graphs: PolicyGraphs, provider: str, execution: Execution) -> PolicyGraphs:
    if (precision := effective_precision(provider, execution.precision)) != execution.precision:
        execution.tell(
            f"{execution.precision} is for TensorRT alone: {SPOKEN[provider]} runs the bundle in {precision}"
        )
    return graphs


def _on_tensorrt(
    bundle: Bundle, execution: Execution, opened: Callable[[str, Path | None], PolicyGraphs]
) -> PolicyGraphs:
    """The graphs with their engines from the cache, or built into it."""
    accelerator = this_accelerator()
    store, note = engine_store(bundle.path, os.environ)
    if note:
        execution.tell(note)
    builds = f"TensorRT builds its engines of bundle '{bundle.manifest.name}' for {accelerator.gpu}"
    if store is None:
        with _progress(execution.tell, builds):
            return opened(TENSORRT, None)
    cache = EngineCache.of(bundle, accelerator, execution.precision, store)
    with cache.alone(lambda: execution.tell(f"another process builds engines in '{store}': waiting for it")):
        if cache.is_complete():
            try:
                return opened(TENSORRT, cache.folder)
            except FineVLAError as error:
                execution.tell(f"the engines in '{cache.folder}' do not run, they are built anew: {error}")
        also = f"; the next start takes them from '{cache.folder}'"
        with _progress(execution.tell, builds, also), cache.written() as folder:
            return opened(TENSORRT, folder)


@contextlib.contextmanager
def _progress(tell: Callable[[str], None], what: str, also: str = "") -> Iterator[None]:
    """Tell at once, now and then, and at the end how long `what` takes; ONNX Runtime lets other threads run meanwhile."""
    began_s, over = time.monotonic(), threading.Event()

    def run() -> None:
        while not over.wait(TOLD_EVERY_S):
            tell(f"{what}: {time.monotonic() - began_s:.0f} s so far{also}")

    tell(f"{what}, which may take minutes{also}")
    teller = threading.Thread(target=run, name="engine_progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
    tell(f"{what}: done after {time.monotonic() - began_s:.0f} s")
