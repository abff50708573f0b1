"""Promises of the NVIDIA libraries: found where their wheels are, and what is missing is one sentence. They are played."""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from standin_onnxruntime import StandinOnnxRuntime

from finevla_core.errors import FineVLAError
from finevla_core.policy import gpu_libraries


def driver(code: int = 0, name: bytes = b"NVIDIA H200") -> Callable[[str], Any]:
    """Stand-in for `ctypes.CDLL`: a driver and TensorRT 10.16.1."""

    def named(buffer: Any, size: int, device: Any) -> int:
        buffer.value = name
        return 0

    def versioned(pointer: Any) -> int:
        pointer._obj.value = 13000
        return 0

    cuda = SimpleNamespace(
        cuInit=lambda _flags: code,
        cuDeviceGet=lambda _pointer, _number: 0,
        cuDeviceGetName=named,
        cuDriverGetVersion=versioned,
    )
    infer = SimpleNamespace(getInferLibVersion=lambda: 101601)
    return lambda library: cuda if library.startswith("libcuda") else infer


def test_gpu_and_versions_are_read_from_the_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gpu_libraries, "DRIVER_VERSION", tmp_path / "version")
    found = gpu_libraries.this_accelerator(driver())
    assert (found.gpu, found.driver, found.tensorrt) == ("NVIDIA H200", "unknown, CUDA 13000", "101601")
    (tmp_path / "version").write_text("580.65.06\n")
    assert gpu_libraries.this_accelerator(driver()).driver == "580.65.06, CUDA 13000"
    assert gpu_libraries.gpu_name(driver()) == "NVIDIA H200"


def test_what_is_missing_of_a_gpu_is_one_sentence() -> None:
    def nothing(library: str) -> Any:
        raise OSError(f"{library}: cannot open shared object file")

    with pytest.raises(FineVLAError, match=r"no driver of an NVIDIA GPU \(libcuda\.so\.1: "):
        gpu_libraries.this_accelerator(nothing)
    with pytest.raises(FineVLAError, match="no NVIDIA GPU can be used: its driver answers with error 100"):
        gpu_libraries.this_accelerator(driver(code=100))
    with pytest.raises(FineVLAError, match=r"TensorRT 10 is not installed .*'make setup GPU=1'"):
        gpu_libraries.this_accelerator(lambda library: driver()(library) if "cuda" in library else nothing(library))
    assert gpu_libraries.gpu_name(nothing) == ""


def test_tensorrts_libraries_are_loaded_from_their_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    played = StandinOnnxRuntime()
    monkeypatch.setattr(gpu_libraries, "ort", played)
    package = tmp_path / gpu_libraries.TENSORRT_PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded: list[str] = []

    def load(path: str, mode: int) -> None:
        loaded.append(os.path.basename(path))
        if "plugin" in path:
            raise OSError("not in this wheel")

    monkeypatch.setattr(ctypes, "CDLL", load)
    gpu_libraries.load_gpu_libraries()
    assert loaded == ["libnvinfer.so.10", "libnvinfer_plugin.so.10", "libnvonnxparser.so.10"]
    assert played.preloads == 1
