"""`finevla export`: a trained checkpoint to a policy bundle with an ONNX graph, checked against torch before it is kept."""

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from finevla_core.bundle import Manifest, write_bundle
from finevla_core.chunk import JOININGS
from finevla_core.errors import FineVLAError
from finevla_core.language.slots import one_hot
from finevla_core.safety.limits import robot_limits
from finevla_core.urdf import expand
from finevla_models.tabletop import TabletopPolicy
from finevla_sim.robot import default_robot
from finevla_tools.train import load_model

POLICY_MODEL, CARD = "policy.onnx", "card.md"
READER = "tabletop"
INPUTS, OUTPUTS = ("images", "state", "text", "memory"), ("actions", "remembered", "present")
CONTINUED = ("previous", "weights")  # inputs of a flow alone: it can be made to continue a running chunk
DT_S = 0.1
MARGIN_RAD = 0.01  # inside the limits: the bridge's spline may swing a little beyond a target
TOLERANCE = 1e-3  # radians and metres between torch and ONNX Runtime, float32 both


class _Act(nn.Module):
    """Raw images and values in, absolute targets out: scaling lives in the graph, a runtime cannot get it wrong.

    Targets are cut to the robot's range as part of the policy: regression onto a joint that rests at its limit comes
    out a little beyond it now and then, and the safety gate, rightly, forgives nobody.
    """

    def __init__(self, model: TabletopPolicy, lower: Tensor, upper: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("lower", lower.float())
        self.register_buffer("upper", upper.float())

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what the graph takes, in the order of `forward`."""
        return INPUTS + CONTINUED if self.model.config.head == "flow" else INPUTS

    def forward(
        self,
        images: Tensor,
        state: Tensor,
        text: Tensor,
        memory: Tensor,
        previous: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        scaled = images.permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        out = self.model(scaled, state, text, memory, previous, weights)
        return torch.minimum(torch.maximum(out.chunk, self.lower), self.upper), out.memory, out.present


def export(
    folder: Path,
    out: Path,
    card: str,
    finder: Path | None = None,
    joining: str = JOININGS[0],
    seen_from: float = Manifest.seen_from,
) -> Path:
    """Write the bundle `out`; raises `RuntimeError` if ONNX Runtime does not agree with torch.

    `seen_from` is the likelihood, 0 ... 1, from which a target counts as seen: `test/benchmark/absent.py --curve` tells
    what a value costs.
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
    act = _Act(model, torch.from_numpy(limits.lower + margin), torch.from_numpy(limits.upper - margin))
    policy_onnx = _onnx(act, tuple(example[name] for name in act.inputs), list(act.inputs), list(OUTPUTS))
    _agree(act, policy_onnx, example)
    manifest = Manifest(
        name=out.name,
        embodiment=robot.name,
        cameras=robot.camera_names,
        image_height=size[0],
        image_width=size[1],
        values=robot.names,
        horizon=config.horizon,
        dt_s=DT_S,
        reader=READER,
        seen_from=seen_from,
        policy_model=POLICY_MODEL,
        files={},
        joining=joining,
        statistics={name: [round(float(v), 6) for v in buffer] for name, buffer in model.moving.named_buffers()},
        training=_plain(options),
    )
    contents = {POLICY_MODEL: policy_onnx, CARD: card.encode()}
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


def _onnx(module: nn.Module, inputs: tuple[Tensor, ...], names: list[str], outputs: list[str]) -> bytes:
    buffer = io.BytesIO()
    torch.onnx.export(
        module.eval(), inputs, buffer, input_names=names, output_names=outputs, opset_version=17, dynamo=False
    )
    return buffer.getvalue()


def _agree(act: _Act, policy_onnx: bytes, example: dict[str, Tensor]) -> None:
    import onnxruntime as ort

    providers = ["CPUExecutionProvider"]
    policy = ort.InferenceSession(policy_onnx, providers=providers)
    new = {name: torch.zeros_like(example[name]) for name in ("memory", "weights")}
    for given in (example | new, example):
        with torch.no_grad():
            wanted = act(*(given[name] for name in act.inputs))
        feed = {name: given[name].numpy() for name in act.inputs}
        found = policy.run(list(OUTPUTS), feed)
        gap = max(float(np.abs(f - w.numpy()).max()) for f, w in zip(found, wanted, strict=True))
        if not gap < TOLERANCE:
            raise RuntimeError(f"ONNX Runtime and torch differ by {gap:.2g}; the bundle is not written")


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Training options without folders of the machine it ran on."""
    return options | {"drills": [Path(d).name for d in options["drills"]]}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla export`."""
    parser.add_argument("folder", type=Path, help="folder of checkpoints that 'finevla train' wrote")
    parser.add_argument(
        "--finder", type=Path, help="take the finder of this run instead; it does not depend on the mixture"
    )
    parser.add_argument("--out", type=Path, required=True, help="bundle directory to write, e.g. models/tabletop")
    parser.add_argument(
        "--joining",
        choices=JOININGS,
        default=JOININGS[0],
        help="how the bridge joins a chunk to the running one; rtc = the policy continues its own (head flow only)",
    )
    parser.add_argument(
        "--seen-from", type=float, default=Manifest.seen_from, help="likelihood from which a target counts as seen"
    )
    parser.add_argument("--card", type=Path, help="model card (Markdown) to put in")


def run(arguments: argparse.Namespace) -> int:
    """`finevla export`."""
    card = arguments.card.read_text(encoding="utf-8") if arguments.card else "# Model card\n\nNot written yet.\n"
    made = export(arguments.folder, arguments.out, card, arguments.finder, arguments.joining, arguments.seen_from)
    print(f"bundle: {made}")
    return 0
