"""The manifests of the bundles without weights in `models/examples`, said once, and written as any bundle is.

`python test/support/example_bundles.py` writes them anew; a test compares what is there with what this file says.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.bundle import load_bundle, write_bundle
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.images import ImageFormat
from finevla_core.manifest import Manifest, RemoteServer
from finevla_core.robot_description import read_joints
from finevla_core.urdf import expand

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "models" / "examples"
ALOHA_CAMERAS = {"cam_high": "front", "cam_left_wrist": "left", "cam_right_wrist": "right"}
ARMS = [f"{side}_joint{k}" for side in ("left", "right") for k in range(1, 7)]
STARVLA_ORDER = [*ARMS, "left_gripper", "right_gripper"]
AS_OPENPI_CLIENT = ImageFormat(224, 224, "pad", "bilinear")
AS_STARVLA_CLIENT = ImageFormat(224, 224, "stretch", "area")
ROBOTWIN_DT_S = 0.06  # demonstrations keep every 15th step of a simulation at 250 Hz


def example_statistics(robot: Embodiment, urdf: Path) -> bytes:
    """The layout of starVLA's `dataset_statistics.json`, filled from joint limits: for looking at, not for driving."""
    joints = read_joints(expand(urdf))
    ends = [robot.to_values([getattr(joints[j], end) for j in robot.joints]) for end in ("lower", "upper")]
    low, high = np.minimum(*ends), np.maximum(*ends)
    low, high = (np.where([v.is_gripper for v in robot.values], bound, row) for bound, row in ((0.0, low), (1.0, high)))
    rows = {"mean": (low + high) / 2, "std": (high - low) / 4, "min": low, "max": high, "q01": low, "q99": high}
    plain = {name: [round(float(x), 6) for x in row] for name, row in rows.items()}
    note = "made from joint limits as an example: replace this file by the one that lies beside your checkpoint"
    action = plain | {"mask": [not v.is_gripper for v in robot.values]}
    found = {"note": note, "action": action, "state": plain, "num_transitions": 0, "num_trajectories": 0}
    return (json.dumps({"new_embodiment": found}, indent=1) + "\n").encode()


def manifests(robot: Embodiment) -> dict[str, Manifest]:
    """The manifests by name; `files` is filled in when they are written."""
    prompt = {"prompt": {"parts": ["raw"]}}
    openpi: dict[str, Any] = {
        "images": AS_OPENPI_CLIENT,
        "horizon": 50,
        "dt_s": 0.02,
        "transforms": (prompt, {"layout": "chw"}),
        "remote": RemoteServer("ws://127.0.0.1:8000", "openpi"),
    }
    starvla: dict[str, Any] = {"images": AS_STARVLA_CLIENT, "horizon": 16, "dt_s": ROBOTWIN_DT_S}
    url = "ws://127.0.0.1:10093"
    served = load_bundle(ROOT / "models" / "tabletop").manifest
    told: dict[str, dict[str, Any]] = {
        "pi0_aloha": openpi,
        "pi05_aloha": openpi,
        "starvla_robotwin": starvla
        | {
            "transforms": ({"order": STARVLA_ORDER}, "no_state", prompt),
            "remote": RemoteServer(url, "starvla", unnorm_key="new_embodiment"),
        },
        "finevla_fork": starvla
        | {
            "transforms": ("no_state", {"prompt": {"parts": ["fine"]}}),
            "remote": RemoteServer(url, "finevla_fork", statistics="dataset_statistics.json"),
        },
        "tabletop_served": {
            **{key: getattr(served, key) for key in ("images", "horizon", "dt_s", "joining", "cameras")},
            "remote": RemoteServer("ws://127.0.0.1:8000"),
        },
    }
    common: dict[str, Any] = {"embodiment": robot.name, "cameras": ALOHA_CAMERAS, "values": robot.names}
    return {name: Manifest(name, files={}, runtime="remote", **(common | own)) for name, own in told.items()}


def contents(name: str, robot: Embodiment, urdf: Path) -> dict[str, bytes]:
    """The files of a bundle beside its manifest; the card is written by hand, where it stands."""
    files = {"card.md": (EXAMPLES / name / "card.md").read_bytes()}
    return files | ({"dataset_statistics.json": example_statistics(robot, urdf)} if name == "finevla_fork" else {})


def write_examples(folder: Path, robot: Embodiment, urdf: Path) -> None:
    """Write all of them below `folder`."""
    for name, manifest in manifests(robot).items():
        write_bundle(folder / name, manifest, contents(name, robot, urdf))


if __name__ == "__main__":
    write_examples(
        EXAMPLES, load_embodiment(ROOT / "config/robots/cobotmagic.yaml"), ROOT / "urdf/cobotmagic.urdf.xacro"
    )
