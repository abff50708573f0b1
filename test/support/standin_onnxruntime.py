"""ONNX Runtime as a machine with an NVIDIA GPU would have it, for tests: the graphs run on the CPU, the providers are played.

The played TensorRT writes an engine for each graph into the folder that its options name, as the documented one does.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime

from finevla_core.policy.onnx_options import CPU, CUDA, TENSORRT


class StandinOnnxRuntime:
    """Stands in for the module `onnxruntime`; `sessions` are the provider lists of those that were asked for, in order."""

    __version__ = "1.31.1"

    def __init__(self) -> None:
        self.available = [TENSORRT, CUDA, CPU]
        self.broken: dict[str, str] = {}  # provider: what a session that it leads says
        self.absent: set[str] = set()  # providers that ONNX Runtime leaves out in silence
        self.builds = 0
        self.building: Callable[[], None] = lambda: None
        self.sessions: list[list[Any]] = []
        self.fixed: list[str] = []
        self.preloads = 0
        self.is_taking_part = True

    def __getattr__(self, name: str) -> Any:
        return getattr(onnxruntime, name)

    def get_available_providers(self) -> list[str]:
        return self.available

    def preload_dlls(self) -> None:
        self.preloads += 1

    def InferenceSession(self, path: str, options: Any, providers: list[Any], **settings: Any) -> Any:
        lead = providers[0] if isinstance(providers[0], str) else providers[0][0]
        if providers != [CPU] or settings:  # not the look at a graph's inputs
            self.sessions.append(providers)
            assert settings == {"enable_fallback": 0}
        if lead in self.broken:
            raise RuntimeError(self.broken[lead])
        if lead == TENSORRT:
            self._build(providers[0][1])
        return _Session(onnxruntime.InferenceSession(path, options, providers=[CPU]), providers, self.absent)

    def _build(self, options: dict[str, str]) -> None:
        if not self.is_taking_part:
            return
        if "trt_engine_cache_path" not in options:
            self.builds += 1
            return
        folder, prefix = Path(options["trt_engine_cache_path"]), options["trt_engine_cache_prefix"]
        if not (engine := folder / f"{prefix}_1_sm90.engine").exists():
            self.builds += 1
            self.building()
            engine.write_bytes(b"engine")
            (folder / "TensorrtExecutionProvider_cache_sm90.timing").write_bytes(b"times")


class _Session:
    def __init__(self, session: Any, providers: list[Any], absent: set[str]) -> None:
        names = [entry if isinstance(entry, str) else entry[0] for entry in providers]
        self._session, self._providers = session, [name for name in names if name not in absent]

    def get_providers(self) -> list[str]:
        return self._providers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)
