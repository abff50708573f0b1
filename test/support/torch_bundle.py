"""Bundles of the runtime "torch" for tests: the tabletop network, small and untrained, with the robot's own kinematics."""

from pathlib import Path
from typing import Any

import torch

from finevla_core.bundle import write_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.manifest import Manifest
from finevla_core.policy.network_spec import TabletopSpec, plain_network
from finevla_models.tabletop_network import TabletopNetwork, build_network
from finevla_models.weights import dump_weights
from finevla_tools.tabletop_training import new_model

CARD = b"# Tiny bundle of weights for tests\n"
SEEN_FROM = 1e-9  # an untrained network must not say that it sees nothing


def tiny_network(
    robot: Embodiment, head: str = "flow", seed: int = 0, hidden: int = 24, blocks: int = 1
) -> TabletopNetwork:
    """A network of random weights, whose arms stay near where they are."""
    torch.manual_seed(seed)
    size = len(robot.names)
    spec = TabletopSpec(head, size, 16, 6, hidden, blocks, (None, 0, 1), 55.0, (-3.0,) * size, (3.0,) * size)
    network, whole = build_network(spec), new_model(head)
    for name, tensor in network.state_dict().items():
        if name.startswith(("model.chains", "model.finder.mounts", "model.mirrored")):
            tensor.copy_(whole.state_dict()[name.removeprefix("model.")])
    network.model.mover.step_std.fill_(0.02)
    return network


def torch_manifest(robot: Embodiment, network: dict[str, Any], name: str = "weights", **more: Any) -> Manifest:
    """A manifest of the runtime torch with that entry `network`."""
    entries: dict[str, Any] = {
        "name": name,
        "embodiment": robot.name,
        "cameras": {camera: camera for camera in robot.camera_names},
        "images": robot.images,
        "values": robot.names,
        "horizon": 16,
        "dt_s": 0.1,
        "files": {},
        "runtime": "torch",
        "reader": "tabletop",
        "policy_model": "policy.safetensors",
        "network": network,
        "seen_from": SEEN_FROM,
    }
    return Manifest(**entries | more)


def make_torch_bundle(
    out: Path, robot: Embodiment, head: str = "flow", seed: int = 0, hidden: int = 24, blocks: int = 1, **more: Any
) -> Path:
    """Write such a bundle; `more` are entries of its manifest."""
    network = tiny_network(robot, head, seed, hidden, blocks)
    manifest = torch_manifest(robot, plain_network(network.spec), out.name, **more)
    return write_bundle(out, manifest, {"policy.safetensors": dump_weights(network), "card.md": CARD}).path
