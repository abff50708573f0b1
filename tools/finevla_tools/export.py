"""The export behind `finevla export`: a checkpoint to a policy bundle, as an ONNX graph or as weights, checked against it."""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finevla_core.bundle import write_bundle
from finevla_core.chunk import JOININGS
from finevla_core.errors import FineVLAError
from finevla_core.language.slots import one_hot
from finevla_core.manifest import WEIGHTS_SUFFIX, Manifest
from finevla_core.policy.network_spec import plain_network
from finevla_core.safety.limits import robot_limits
from finevla_core.urdf import expand
from finevla_models.tabletop import TabletopPolicy
from finevla_models.tabletop_network import TabletopNetwork, build_network
from finevla_models.weights import dump_weights, load_weights
from finevla_sim.robot_files import default_robot
from finevla_tools.tabletop_training import load_model

POLICY_MODELS, CARD = {"onnx": "policy.onnx", "torch": "policy.safetensors"}, "card.md"
READER = "tabletop"
DT_S = 0.1
MARGIN_RAD = 0.01  # inside the limits: the bridge's spline may swing a little beyond a target
TOLERANCE = 1e-3  # radians and metres between the checkpoint and what is exported of it, float32 both

Answers = Callable[[dict[str, Tensor]], list[NDArray[np.float32]]]


def export(
    folder: Path,
    out: Path,
    card: str,
    finder: Path | None = None,
    joining: str = JOININGS[0],
    seen_from: float = Manifest.seen_from,
    runtime: str = "onnx",
) -> Path:
    """Write the bundle `out`; raises `RuntimeError` if what it holds does not answer as the checkpoint does.

    `runtime` "onnx" makes a graph that any node runs, "torch" the weights for `finevla serve`. `seen_from` is the
    likelihood, 0 ... 1, from which a target counts as seen: `test/benchmark/absent.py --curve` tells what a value costs.
    """
    model, options = load_model(folder, finder)
    config = model.config
    if joining == "rtc" and config.head != "flow":
        raise FineVLAError(f"joining 'rtc' needs head 'flow', '{folder}' has '{config.head}'; use --joining ensemble")
    place = default_robot()
    robot = place.embodiment
    size = (robot.image_height, robot.image_width)
    example = _example(model, size)
    limits = robot_limits(robot, expand(place.urdf_path))
    margin = np.where(limits.is_gripper, 0.0, MARGIN_RAD)
    act = TabletopNetwork(model, torch.from_numpy(limits.lower + margin), torch.from_numpy(limits.upper - margin))
    manifest = Manifest(
        name=out.name,
        embodiment=robot.name,
        cameras={name: name for name in robot.camera_names},
        images=robot.images,
        values=robot.names,
        horizon=config.horizon,
        dt_s=DT_S,
        reader=READER,
        seen_from=seen_from,
        runtime=runtime,
        network=plain_network(act.spec) if runtime == "torch" else {},
        policy_model=POLICY_MODELS[runtime],
        files={},
        joining=joining,
        statistics={name: [round(float(v), 6) for v in buffer] for name, buffer in model.moving.named_buffers()},
        training=_plain(options),
    )
    policy = _onnx(act, example) if runtime == "onnx" else dump_weights(act)
    contents = {POLICY_MODELS[runtime]: policy, CARD: card.encode()}
    _agree(act, _onnx_answers(policy) if runtime == "onnx" else _torch_answers(act, policy), example)
    return write_bundle(out, manifest, contents).path


def _example(model: TabletopPolicy, size: tuple[int, int]) -> dict[str, Tensor]:
    slots = {"task": "reach", "arm": "left", "approach": "top", "color": "red", "shape": "cube"}
    generator = torch.Generator().manual_seed(0)
    batch = {"text": torch.from_numpy(one_hot(slots))[None]}
    shape = (1, len(model.finder.mounts.on), *size, 3)
    batch["images"] = torch.randint(0, 256, shape, generator=generator).to(torch.uint8)
    batch["state"] = torch.randn(1, model.config.dimensions, generator=generator) * 0.3
    found, hands = [0.4, 0.2, 0.77, 0.5, -0.1, 0.8], [0.4, 0.2, 0.77, 0.5, 0.4, -0.2, 0.9, 1.0]
    batch["memory"] = torch.tensor([[*found, 1.0, 1.0, *hands]])
    horizon = model.config.horizon
    batch["previous"] = batch["state"].unsqueeze(1) + 0.1 * torch.randn(
        1, horizon, model.config.dimensions, generator=generator
    ).cumsum(1)
    batch["weights"] = torch.linspace(1.0, 0.0, horizon)[None]
    return batch


def _onnx(act: TabletopNetwork, example: dict[str, Tensor]) -> bytes:
    buffer, names = io.BytesIO(), list(act.inputs)
    torch.onnx.export(
        act.eval(),
        tuple(example[name] for name in names),
        buffer,
        input_names=names,
        output_names=list(act.outputs),
        opset_version=17,
        dynamo=False,
    )
    return buffer.getvalue()


def _onnx_answers(policy: bytes) -> Answers:
    import onnxruntime as ort

    session = ort.InferenceSession(policy, providers=["CPUExecutionProvider"])

    def answers(given: dict[str, Tensor]) -> list[NDArray[np.float32]]:
        return list(session.run(None, {name: value.numpy() for name, value in given.items()}))

    return answers


def _torch_answers(act: TabletopNetwork, policy: bytes) -> Answers:
    """Of the network as it is built from a manifest and a file of weights."""
    built = build_network(act.spec)
    with tempfile.NamedTemporaryFile(suffix=WEIGHTS_SUFFIX) as file:
        Path(file.name).write_bytes(policy)
        load_weights(built, Path(file.name))

    def answers(given: dict[str, Tensor]) -> list[NDArray[np.float32]]:
        with torch.no_grad():
            return [answer.numpy() for answer in built(*(given[name] for name in built.inputs))]

    return answers


def _agree(act: TabletopNetwork, answers: Answers, example: dict[str, Tensor]) -> None:
    new = {name: torch.zeros_like(example[name]) for name in ("memory", "weights")}
    for given in (example | new, example):
        with torch.no_grad():
            wanted = act(*(given[name] for name in act.inputs))
        found = answers({name: given[name] for name in act.inputs})
        gap = max(float(np.abs(f - w.numpy()).max()) for f, w in zip(found, wanted, strict=True))
        if not gap < TOLERANCE:
            raise RuntimeError(f"what was exported and the checkpoint differ by {gap:.2g}; the bundle is not written")


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Training options without folders of the machine it ran on."""
    return options | {"drills": [Path(d).name for d in options["drills"]]}
