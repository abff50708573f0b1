"""Promises of the runtime "torch": the weights that fit and no others, many observations at once as one by one."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")

from safetensors.torch import load, save
from torch_bundle import make_torch_bundle, tiny_network

from finevla_core.bundle import load_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.language.slots import WIDTH
from finevla_models.tabletop_network import build_network
from finevla_models.torch_graphs import TorchGraphs
from finevla_models.weights import dump_weights, load_weights


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, robot: Embodiment) -> Path:
    return make_torch_bundle(tmp_path_factory.mktemp("torch") / "weights", robot)


@pytest.fixture(scope="module")
def graphs(bundle: Path) -> TorchGraphs:
    return TorchGraphs(load_bundle(bundle), 1)


def observations(count: int, memory: int, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    slots = np.zeros((count, WIDTH), np.float32)
    slots[:, ::5] = 1.0
    return {
        "images": rng.integers(0, 256, (count, 3, 96, 96, 3), np.uint8),
        "state": rng.uniform(-0.5, 0.5, (count, 14)).astype(np.float32),
        "text": slots,
        "memory": rng.uniform(0.0, 1.0, (count, memory)).astype(np.float32),
        "previous": rng.uniform(-0.5, 0.5, (count, 16, 14)).astype(np.float32),
        "weights": np.tile(np.linspace(1.0, 0.0, 16, dtype=np.float32), (count, 1)),
    }


def test_eight_at_once_are_answered_as_each_by_itself(graphs: TorchGraphs) -> None:
    assert graphs.batches
    assert graphs.memory_shape is not None
    inputs = observations(8, graphs.memory_shape[1])
    together = graphs.run(inputs)
    assert together["actions"].shape == (8, 16, 14)
    for k in range(8):
        alone = graphs.run({name: value[k : k + 1] for name, value in inputs.items()})
        for name, value in alone.items():
            np.testing.assert_allclose(together[name][k : k + 1], value, atol=1e-4, err_msg=name)
    assert np.ptp(together["actions"], axis=0).max() > 0.1, "they are different observations"


def test_it_says_what_it_runs_on_and_what_it_takes(graphs: TorchGraphs, tmp_path: Path, robot: Embodiment) -> None:
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    assert graphs.provider == f"torch {torch.__version__} on {where}"
    assert graphs.takes_running
    assert graphs.tells_presence
    plain = TorchGraphs(load_bundle(make_torch_bundle(tmp_path / "plain", robot, "regression")), 1)
    assert not plain.takes_running
    rtc = make_torch_bundle(tmp_path / "rtc", robot, "regression", joining="rtc")
    with pytest.raises(FineVLAError, match="joining: rtc.*needs head 'flow'"):
        TorchGraphs(load_bundle(rtc), 1)


def test_observations_that_do_not_fit_are_one_sentence(graphs: TorchGraphs) -> None:
    assert graphs.memory_shape is not None
    good = observations(1, graphs.memory_shape[1])
    for name, value in (
        ("state", good["state"][:, :9]),
        ("images", good["images"][:, :2]),
        ("text", good["text"][:, 1:]),
    ):
        with pytest.raises(FineVLAError, match="bundle 'weights' does not run: ") as error:
            graphs.run(good | {name: value})
        assert "\n" not in str(error.value)
    with pytest.raises(FineVLAError, match="input 'memory' is missing"):
        graphs.run({name: value for name, value in good.items() if name != "memory"})


def test_network_is_built_again_from_what_a_manifest_says(robot: Embodiment, tmp_path: Path) -> None:
    first = tiny_network(robot)
    again = build_network(first.spec)
    (tmp_path / "w.safetensors").write_bytes(dump_weights(first))
    load_weights(again, tmp_path / "w.safetensors")
    assert again.spec == first.spec
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def _without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


STD = "model.seeing.state_std"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_without(STD), f"has no tensor '{STD}'"),
        (lambda t: t | {"model.more": torch.zeros(1)}, "has a tensor 'model.more', which the bundle's network has not"),
        (
            lambda t: t | {STD: torch.ones(15)},
            rf"tensor '{STD}' of .* is \[15\] F32, the bundle's network has \[14\] F32",
        ),
        (lambda t: t | {STD: torch.ones(14).double()}, rf"tensor '{STD}' of .* is \[14\] F64"),
        (lambda t: t | {STD: torch.full((14,), float("nan"))}, f"tensor '{STD}' of .* not finite"),
        (
            lambda t: t | {"model.chains.columns": t["model.chains.columns"] + 99},
            "tensor 'model.chains.columns' of .* is of another version's network",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_the_tensors_name(
    robot: Embodiment, tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], sentence: str
) -> None:
    network, file = tiny_network(robot), tmp_path / "w.safetensors"
    file.write_bytes(save(change(load(dump_weights(network)))))
    with pytest.raises(FineVLAError, match=sentence):
        load_weights(build_network(network.spec), file)


@pytest.mark.parametrize("content", [b"", b"weights", pickle.dumps({"a": 1}), b"\xff" * 64])
def test_what_is_no_file_of_safetensors_is_one_sentence(robot: Embodiment, tmp_path: Path, content: bytes) -> None:
    network, file = tiny_network(robot), tmp_path / "w.safetensors"
    file.write_bytes(content)
    with pytest.raises(
        FineVLAError, match=r"w.safetensors' is no file of safetensors: .*copy the bundle again"
    ) as error:
        load_weights(network, file)
    assert "\n" not in str(error.value)
