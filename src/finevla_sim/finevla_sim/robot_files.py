"""The robot file and its URDF by path, for code that runs without ROS; nodes pass what they resolved themselves."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.safety.clearance import ClearanceModel
from finevla_core.safety.envelope import load_envelope
from finevla_core.urdf import expand

# Beyond what the safety gate demands: the motion that it makes of a chunk swings a few millimetres off the chunk's rows.
SPARE_M = 0.003


@dataclass(frozen=True)
class RobotFiles:
    """Embodiment with the path of its URDF and, if there is one, of its safety file."""

    embodiment: Embodiment
    urdf_path: Path
    safety_path: Path | None = None


def load_robot(robot_file: Path) -> RobotFiles:
    """Read a robot file; its `urdf` is relative to the folder above `config/`."""
    embodiment = load_embodiment(robot_file)
    safety = robot_file.parents[1] / "safety" / robot_file.name
    return RobotFiles(embodiment, robot_file.parents[2] / embodiment.urdf, safety if safety.is_file() else None)


@cache
def default_robot() -> RobotFiles:
    """Load the Cobot Magic from the installed share folder or the source tree; cached. Raises `FineVLAError` if in neither."""
    places = [Path(p) / "share" / "finevla" for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    for place in [*places, *Path(__file__).resolve().parents]:
        if (file := place / "config" / "robots" / "cobotmagic.yaml").is_file():
            return load_robot(file)
    raise FineVLAError("config/robots/cobotmagic.yaml is not found; run '. install/setup.bash' first")


@cache
def default_clearance() -> ClearanceModel:
    """Return the Cobot Magic's clearance model, which demands `SPARE_M` more than its safety file; cached."""
    robot = default_robot()
    return load_envelope(robot.embodiment, expand(robot.urdf_path), robot.safety_path, SPARE_M).clearance
