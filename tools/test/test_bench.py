"""Promises of `finevla bench latency`: figures of a bundle on this machine, as a table or as JSON."""

import json
from pathlib import Path

import pytest
from standin_onnxruntime import StandinOnnxRuntime
from tiny_bundle import make_tiny_bundle
from torch_bundle import make_torch_bundle

from finevla_core.bundle import load_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.policy import gpu_libraries, onnx_graphs, onnx_loading
from finevla_core.policy.onnx_options import TENSORRT, Execution
from finevla_core.policy.tensorrt_cache import Accelerator
from finevla_tools import bundle_latency
from finevla_tools.cli import main


@pytest.fixture
def bundle(tmp_path: Path, robot: Embodiment) -> Path:
    return make_tiny_bundle(tmp_path / "models" / "tiny", robot, reader="tabletop", present=(0.0, 0.0))


def test_figures_are_in_order_and_say_what_they_are_of(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that the bundle's network could see is named, so that one which sees nothing is measured too."""
    assert main(["bench", "latency", str(bundle), "--observations", "20", "--compare", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["bundle"], said["provider"], said["precision"]) == ("tiny", "CPUExecutionProvider", "fp32")
    assert (said["observations"], said["threads"], said["gpu"], said["difference"]) == (20, 1, "", 0.0)
    assert 0 < said["median_ms"] <= said["p95_ms"] <= said["p99_ms"] <= said["worst_ms"]
    assert said["load_s"] > 0


def test_table_has_the_same_figures(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "latency", str(bundle), "--observations", "5"]) == 0
    shown = capsys.readouterr().out
    for row in ("provider", "precision", "GPU", "loading and warm-up", "median", "p95", "p99"):
        assert row in shown
    assert "none in use" in shown
    assert "difference" not in shown


def test_played_gpu_is_told_with_its_precision(
    bundle: Path, robot: Embodiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    played, told = StandinOnnxRuntime(), list[str]()
    for module in (onnx_graphs, onnx_loading, gpu_libraries):
        monkeypatch.setattr(module, "ort", played)
    monkeypatch.setattr(onnx_loading, "this_accelerator", lambda: Accelerator("H200", "1", "101601", "1.31.1"))
    monkeypatch.setattr(bundle_latency, "gpu_name", lambda: "H200")
    execution = Execution("tensorrt", "bf16", told.append)
    report = bundle_latency.measure(load_bundle(bundle), robot, execution, 1, 3)
    assert (report.provider, report.precision, report.gpu) == (f"{TENSORRT} (bf16)", "bf16", "H200")
    played.broken[TENSORRT] = "no"
    report = bundle_latency.measure(load_bundle(bundle), robot, Execution("auto", "fp16", told.append), 1, 3)
    assert (report.provider, report.precision, report.gpu) == ("CUDAExecutionProvider", "fp32", "H200")


def test_bundle_of_weights_runs_in_this_process(
    tmp_path: Path, robot: Embodiment, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = make_torch_bundle(tmp_path / "weights", robot)
    assert main(["bench", "latency", str(weights), "--observations", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["provider"].startswith("torch ")
    assert main(["bench", "latency", str(weights), "--precision", "fp16"]) == 2
    assert "which has no choice of provider and precision; leave both out" in capsys.readouterr().err
    assert main(["bench", "latency", str(weights), "--compare"]) == 2
    assert "has no ONNX graph to compare with" in capsys.readouterr().err


def test_what_cannot_be_measured_is_one_sentence(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["models/examples/pi0_aloha"], "is of runtime 'remote': it runs on a policy server"),
        ([str(bundle), "--provider", "tensorrt"], "'make setup GPU=1' installs the one for NVIDIA GPUs"),
        ([str(bundle), "--observations", "0"], "--observations"),
        (["nowhere"], "bundle 'nowhere' is not at"),
    ):
        assert main(["bench", "latency", *words]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ")
        assert said in error
