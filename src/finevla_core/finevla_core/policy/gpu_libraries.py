"""The NVIDIA libraries that ONNX Runtime needs, found where pip puts them, and what GPU and versions are here.

All through ctypes: a robot without a GPU has none of them.
"""

import contextlib
import ctypes
import importlib.util
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime as ort

from finevla_core.errors import FineVLAError
from finevla_core.policy.tensorrt_cache import Accelerator

# ONNX Runtime 1.31 is linked with TensorRT 10; in this order, for each needs those before it.
TENSORRT_LIBRARIES = ("libnvinfer.so.10", "libnvinfer_plugin.so.10", "libnvonnxparser.so.10")
TENSORRT_PACKAGE = "tensorrt_libs"  # of the wheel tensorrt-cu13-libs
DRIVER_VERSION = Path("/sys/module/nvidia/version")
NAME_BYTES = 256


def load_gpu_libraries() -> None:
    """Load CUDA, cuDNN and TensorRT from their wheels, so that ONNX Runtime finds them; those of the system need nothing.

    What is missing is not told here: the session that needs it fails and says so.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
        ort.preload_dlls()
    spec = importlib.util.find_spec(TENSORRT_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for name in TENSORRT_LIBRARIES:
            with contextlib.suppress(OSError):
                ctypes.CDLL(str(Path(folder) / name), mode=ctypes.RTLD_GLOBAL)


def this_accelerator(load: Callable[[str], Any] = ctypes.CDLL) -> Accelerator:
    """Return the GPU that ONNX Runtime would take, and the versions here; raises `FineVLAError` where one is missing."""
    name, driver = _gpu(load)
    try:
        version = int(load(TENSORRT_LIBRARIES[0]).getInferLibVersion())
    except (OSError, AttributeError) as error:
        raise FineVLAError(f"TensorRT 10 is not installed ({error}); 'make setup GPU=1' installs it") from error
    return Accelerator(name, driver, str(version), ort.__version__)


def gpu_name(load: Callable[[str], Any] = ctypes.CDLL) -> str:
    """Return the name of the GPU that ONNX Runtime would take; empty = there is none."""
    try:
        return _gpu(load)[0]
    except FineVLAError:
        return ""


def _gpu(load: Callable[[str], Any]) -> tuple[str, str]:
    """Name of the first GPU, and versions of its driver (CUDA driver API, `cuDeviceGetName`, `cuDriverGetVersion`)."""
    try:
        cuda = load("libcuda.so.1")
    except OSError as error:
        raise FineVLAError(f"there is no driver of an NVIDIA GPU ({error})") from error
    device, version, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(NAME_BYTES)
    code = cuda.cuInit(0) or cuda.cuDeviceGet(ctypes.byref(device), 0)
    code = code or cuda.cuDeviceGetName(name, NAME_BYTES, device) or cuda.cuDriverGetVersion(ctypes.byref(version))
    if code:
        raise FineVLAError(f"no NVIDIA GPU can be used: its driver answers with error {code}; see 'nvidia-smi'")
    try:
        module = DRIVER_VERSION.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):  # a Jetson's is part of its kernel
        module = "unknown"
    return name.value.decode(errors="replace"), f"{module}, CUDA {version.value}"
