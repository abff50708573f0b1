"""Promises of providers: the best that runs is taken, what takes another's place is told, engines are built once.

No GPU is needed: ONNX Runtime's GPU providers are played.
"""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from standin_onnxruntime import StandinOnnxRuntime
from tiny_bundle import make_tiny_bundle

from finevla_core.bundle import load_bundle, write_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.policy import gpu_libraries, onnx_graphs, onnx_loading
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_core.policy.onnx_options import CPU, CUDA, TENSORRT, Execution, candidates, provider_options
from finevla_core.policy.tensorrt_cache import CONTENTS, Accelerator, EngineCache, engine_store

HERE = Accelerator("NVIDIA H200", "580.65, CUDA 13000", "101601", "1.31.1")


@pytest.fixture
def bundle(tmp_path: Path, robot: Embodiment) -> Path:
    return make_tiny_bundle(tmp_path / "models" / "tiny", robot)


@pytest.fixture
def ort(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StandinOnnxRuntime:
    played = StandinOnnxRuntime()
    for module in (onnx_graphs, onnx_loading, gpu_libraries):
        monkeypatch.setattr(module, "ort", played)
    monkeypatch.setattr(onnx_loading, "this_accelerator", lambda: HERE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return played


class Loaded:
    """A policy, and what was told while it was loaded."""

    def __init__(self, bundle: Path, robot: Embodiment, provider: str = "auto", precision: str = "fp32") -> None:
        self.told: list[str] = []
        self.policy = load_policy(bundle, robot, execution=Execution(provider, precision, self.told.append))
        self.provider = self.policy.description.provider


def engines(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.engine"))


@pytest.mark.parametrize(("name", "given"), [("provider", "gpu"), ("precision", "int8")])
def test_unknown_provider_or_precision_is_named(name: str, given: str) -> None:
    with pytest.raises(FineVLAError, match=f"^parameter '{name}' is '{given}'; known are "):
        Execution(**{name: given})


def test_provider_that_is_not_installed_is_refused_with_what_installs_it() -> None:
    assert candidates("auto", ["AzureExecutionProvider", CPU]) == (CPU,)
    assert candidates("auto", [CPU, CUDA, TENSORRT]) == (TENSORRT, CUDA, CPU)
    assert candidates("cuda", [TENSORRT, CUDA, CPU]) == (CUDA, CPU)
    assert candidates("cpu", [TENSORRT, CUDA, CPU]) == (CPU,)
    with pytest.raises(FineVLAError, match=r"has none of TensorrtExecutionProvider here; it has .*'make setup GPU=1'"):
        candidates("tensorrt", [CUDA, CPU])
    with pytest.raises(FineVLAError, match="has none of .*CPUExecutionProvider here; it has Odd"):
        candidates("auto", ["Odd"])


def test_options_keep_engines_and_timings_and_round_only_where_it_is_asked_for() -> None:
    assert provider_options(CPU) == (CPU,)
    assert provider_options(CUDA, "fp16") == ((CUDA, {"device_id": "0", "use_tf32": "0"}), CPU)
    (lead, options), cuda, cpu = provider_options(TENSORRT, "fp16", Path("/cache"), "policy_fp16")
    assert (lead, cuda[0], cpu) == (TENSORRT, CUDA, CPU)
    assert options == {
        "device_id": "0",
        "trt_fp16_enable": "True",
        "trt_bf16_enable": "False",
        "trt_layer_norm_fp32_fallback": "True",
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": "/cache",
        "trt_engine_cache_prefix": "policy_fp16",
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": "/cache",
    }
    (_, plain), *_ = provider_options(TENSORRT)
    assert (plain["trt_fp16_enable"], plain["trt_bf16_enable"]) == ("False", "False")
    assert not [name for name in plain if "cache" in name]
    assert provider_options(TENSORRT, "bf16")[0][1]["trt_bf16_enable"] == "True"


def test_first_start_builds_the_engines_and_the_next_one_takes_them(
    ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment
) -> None:
    first = Loaded(bundle, robot)
    (folder,) = (bundle.parent / ".tensorrt").glob("tiny-*")
    assert first.provider == TENSORRT
    assert "TensorRT builds its engines of bundle 'tiny' for NVIDIA H200" in first.told[0]
    assert f"the next start takes them from '{folder}'" in first.told[0]
    assert "done after" in first.told[-1]
    assert engines(folder) == ["policy_fp32_1_sm90.engine", "text_fp32_1_sm90.engine"]
    assert (ort.builds, ort.preloads) == (2, 1)
    again = Loaded(bundle, robot)
    assert (again.provider, again.told, ort.builds) == (TENSORRT, [], 2)
    assert ort.sessions[-1][0][1]["trt_engine_cache_path"] == str(folder)


def test_other_precision_network_or_version_has_engines_of_its_own(
    ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    Loaded(bundle, robot)
    half = Loaded(bundle, robot, precision="fp16")
    assert (half.provider, ort.builds) == (f"{TENSORRT} (fp16)", 4)
    old = load_bundle(bundle)
    contents = {file: (bundle / file).read_bytes() for file in old.manifest.files}
    write_bundle(bundle, old.manifest, contents | {"card.md": b"another card"})
    Loaded(bundle, robot)
    assert ort.builds == 4, "a card is no network"
    make_tiny_bundle(bundle, robot, drift=0.2)
    Loaded(bundle, robot)
    assert ort.builds == 6
    monkeypatch.setattr(onnx_loading, "this_accelerator", lambda: Accelerator("Orin", "1", "101601", "1.31.1"))
    Loaded(bundle, robot)
    assert ort.builds == 8
    assert len([*(bundle.parent / ".tensorrt").glob("timings-*")]) == 2


@pytest.mark.parametrize("damage", ["cut", "other file", "no contents", "odd contents"])
def test_damaged_engines_never_reach_tensorrt(
    ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment, damage: str
) -> None:
    Loaded(bundle, robot)
    (folder,) = (bundle.parent / ".tensorrt").glob("tiny-*")
    engine = folder / "policy_fp32_1_sm90.engine"
    if damage == "cut":
        engine.write_bytes(b"eng")
    elif damage == "other file":
        (folder / "added.engine").write_bytes(b"x")
    elif damage == "no contents":
        (folder / CONTENTS).unlink()
    else:
        (folder / CONTENTS).write_text("[]")
    assert Loaded(bundle, robot).provider == TENSORRT
    assert ort.builds == 4
    assert engine.read_bytes() == b"engine"
    assert not (folder / "added.engine").exists()


def test_engines_that_do_not_run_any_more_are_built_anew(
    ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    Loaded(bundle, robot)
    (folder,) = (bundle.parent / ".tensorrt").glob("tiny-*")
    session = ort.InferenceSession

    def refuses(path: str, options: Any, providers: list[Any], **settings: Any) -> Any:
        if not isinstance(providers[0], str) and providers[0][1].get("trt_engine_cache_path") == str(folder):
            raise RuntimeError("deserialisation failed")
        return session(path, options, providers, **settings)

    monkeypatch.setattr(ort, "InferenceSession", refuses, raising=False)
    loaded = Loaded(bundle, robot)
    assert (loaded.provider, ort.builds) == (TENSORRT, 4)
    assert "do not run, they are built anew: " in loaded.told[0]
    assert "deserialisation failed" in loaded.told[0]


def test_build_that_fails_leaves_nothing_and_cuda_takes_its_place(
    ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment
) -> None:
    def fails() -> None:
        raise RuntimeError("out of\nmemory")

    ort.building = fails
    loaded = Loaded(bundle, robot, "tensorrt", "fp16")
    assert loaded.provider == CUDA
    assert loaded.told[-2].startswith("TensorRT does not run bundle 'tiny', CUDA is tried: ")
    assert "out of memory" in loaded.told[-2]
    assert loaded.told[-1] == "fp16 is for TensorRT alone: CUDA runs the bundle in fp32"
    assert [path.name for path in (bundle.parent / ".tensorrt").iterdir()] == ["lock"]


def test_cpu_takes_the_place_of_both_and_each_says_why(
    ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment
) -> None:
    ort.broken[TENSORRT] = "libnvinfer is missing"
    ort.absent = {CUDA}
    loaded = Loaded(bundle, robot)
    assert loaded.provider == CPU
    tensorrt, cuda = (text for text in loaded.told if "does not run" in text)
    assert tensorrt.startswith("TensorRT does not run bundle 'tiny', CUDA is tried: ")
    assert "libnvinfer is missing" in tensorrt
    assert cuda.startswith("CUDA does not run bundle 'tiny', the CPU is tried: ONNX Runtime cannot use CUDAExecution")


def test_cuda_is_not_tried_for_who_asks_for_the_cpu(ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment) -> None:
    loaded = Loaded(bundle, robot, "cpu", "bf16")
    assert (loaded.provider, ort.preloads, ort.builds) == (CPU, 0, 0)
    assert loaded.told == ["bf16 is for TensorRT alone: the CPU runs the bundle in fp32"]
    assert all(providers == [CPU] for providers in ort.sessions)


def test_bundle_that_runs_nowhere_is_refused_as_by_the_cpu(
    ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment
) -> None:
    old = load_bundle(bundle).manifest
    contents = {file: (bundle / file).read_bytes() for file in old.files}
    write_bundle(bundle, old, contents | {"policy.onnx": b"not a network"})
    with pytest.raises(FineVLAError, match=r"policy\.onnx' is not an ONNX model that runs here") as refused:
        Loaded(bundle, robot)
    assert "\n" not in str(refused.value)


def test_network_that_tensorrt_takes_no_part_of_runs_on_cuda(
    ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment
) -> None:
    ort.is_taking_part = False
    loaded = Loaded(bundle, robot)
    assert loaded.provider == CUDA
    assert "TensorRT took no part of the network" in loaded.told[-1]


def test_long_build_is_told_again_and_again(
    ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_loading, "TOLD_EVERY_S", 0.01)
    told: list[str] = []
    twice = threading.Event()

    def tell(text: str) -> None:
        told.append(text)
        if sum("s so far" in line for line in told) >= 2:
            twice.set()

    ort.building = lambda: None if twice.wait(20.0) else pytest.fail("nothing was told")
    load_policy(bundle, robot, execution=Execution("tensorrt", tell=tell))
    assert "NVIDIA H200: 0 s so far; the next start takes them from '" in told[1]


def _with_free(bundle: Path, shape_of_images: list[Any]) -> Path:
    """The bundle with other sizes of its first input."""
    model = onnx.load(str(bundle / "policy.onnx"))
    for value in model.graph.input:
        if value.name == "images":
            value.CopyFrom(helper.make_tensor_value_info("images", TensorProto.UINT8, shape_of_images))
    old = load_bundle(bundle).manifest
    contents = {file: (bundle / file).read_bytes() for file in old.files}
    return write_bundle(bundle, old, contents | {"policy.onnx": model.SerializeToString()}).path


def test_number_of_observations_is_fixed_for_tensorrt_and_for_it_alone(
    ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment
) -> None:
    count, size = len(robot.cameras), (robot.image_height, robot.image_width, 3)
    _with_free(bundle, ["observations", count, *size])
    policy = Loaded(bundle, robot).policy
    assert isinstance(policy, BundlePolicy)
    session = policy.graphs._policy  # type: ignore[attr-defined]
    assert next(v.shape for v in session.get_inputs() if v.name == "images") == [1, count, *size]
    assert not policy.graphs.batches
    on_cuda = Loaded(bundle, robot, "cuda").policy.graphs._policy  # type: ignore[attr-defined]
    assert next(v.shape for v in on_cuda.get_inputs() if v.name == "images")[0] == "observations"


def test_size_that_cannot_be_fixed_goes_to_cuda(ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment) -> None:
    _with_free(bundle, ["observations", len(robot.cameras), "high", robot.image_width, 3])
    loaded = Loaded(bundle, robot)
    assert loaded.provider == CUDA
    assert "TensorRT needs all sizes fixed" in loaded.told[-1]
    assert np.isfinite(loaded.policy.description.horizon_s)


@pytest.mark.parametrize("obstacle", ["file", "link", "open to others"])
def test_folder_that_cannot_be_trusted_gives_way_to_the_users_cache(
    ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment, tmp_path: Path, obstacle: str
) -> None:
    beside = bundle.parent / ".tensorrt"
    if obstacle == "file":
        beside.touch()
    elif obstacle == "link":
        (tmp_path / "elsewhere").mkdir()
        beside.symlink_to(tmp_path / "elsewhere")
    else:
        beside.mkdir()
        beside.chmod(0o777)
    own = tmp_path / "cache" / "finevla" / "tensorrt"
    loaded = Loaded(bundle, robot)
    assert loaded.told[0].startswith(f"TensorRT's engines are kept in '{own}', because '{beside}' ")
    assert len(engines(own)) == 2
    assert Loaded(bundle, robot).provider == TENSORRT
    assert ort.builds == 2


def test_without_any_folder_engines_are_built_at_every_start_and_that_is_told(
    ort: StandinOnnxRuntime, bundle: Path, robot: Embodiment, tmp_path: Path
) -> None:
    for place in (bundle.parent / ".tensorrt", tmp_path / "cache"):
        place.touch()
    for starts in (1, 2):
        loaded = Loaded(bundle, robot)
        assert "are not kept and every start builds them" in loaded.told[0]
        assert (loaded.provider, ort.builds) == (TENSORRT, 2 * starts)


def test_engines_lie_beside_the_bundles_real_folder_and_their_names_stay_in_it(bundle: Path, tmp_path: Path) -> None:
    installed = tmp_path / "share" / "tiny"
    installed.mkdir(parents=True)
    for file in bundle.iterdir():
        (installed / file.name).symlink_to(file)
    assert engine_store(installed, {"HOME": str(tmp_path)}) == (bundle.parent / ".tensorrt", "")
    odd = load_bundle(bundle)
    object.__setattr__(odd.manifest, "name", "../../etc/a b")
    store = tmp_path / "store"
    assert EngineCache.of(odd, HERE, "fp32", store).folder.parent == store


def test_second_process_waits_for_the_first_ones_engines(bundle: Path, tmp_path: Path) -> None:
    cache = EngineCache.of(load_bundle(bundle), HERE, "fp32", tmp_path)
    code = (
        "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == "held\n"
    waited: list[bool] = []

    def wait() -> None:
        waited.append(True)
        other.communicate()  # it ends, and lets go

    with cache.alone(wait):
        assert waited == [True]
    with cache.alone(lambda: pytest.fail("nobody holds it")):
        pass
