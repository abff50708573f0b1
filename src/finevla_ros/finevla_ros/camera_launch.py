"""What `launch/cameras.launch.py` starts, worked out and checked before anything is started, for `finevla up` as well."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from finevla_core.camera_drivers import NONE, CameraDriver, camera_drivers
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.extrinsics import StaticTransform, load_extrinsics
from finevla_core.urdf import expand, link_names
from finevla_ros.share_paths import robot_file

ARGUMENTS = {
    "cameras": (NONE, "drivers to start: orbbec, realsense, usb, or none"),
    "robot": ("real", "what stands behind the topics; the simulation has cameras of its own"),
    "robot_file": ("cobotmagic", "robot file: a name in config/robots or a path"),
    "namespace": ("finevla", "namespace of all nodes and relative topics"),
    "multi_robot": ("false", "true = other robots are in this ROS domain: /tf and /tf_static are this namespace's own"),
    "extrinsics": ("", "calibration file of the cameras; empty = the robot file's"),
    "security": ("", "SROS 2 keystore of the stack"),
}


@dataclass(frozen=True)
class CameraPlan:
    """Drivers and static transforms to start, and what all of them are remapped by."""

    drivers: tuple[CameraDriver, ...]
    transforms: tuple[StaticTransform, ...]
    remaps: tuple[tuple[str, str], ...] = ()


def camera_plan(arguments: Mapping[str, str]) -> CameraPlan:
    """From launch arguments (`ARGUMENTS`); raises `FineVLAError` with one sentence for what cannot be started."""
    kind = arguments["cameras"]
    if kind != NONE and arguments["robot"] == "sim":
        raise FineVLAError(f"cameras:={kind}: robot:=sim has simulated cameras on the same topics; give cameras:=none")
    if kind != NONE and arguments["security"]:
        raise FineVLAError(
            f"cameras:={kind}: with security:= the drivers need enclaves of their own; give cameras:=none and start "
            "them yourself (docs/security.md)"
        )
    file = robot_file(arguments["robot_file"])
    robot = load_embodiment(file)
    distro = os.environ.get("ROS_DISTRO", "jazzy")
    drivers = tuple(camera_drivers(robot, kind, arguments["namespace"], installed_share, distro))
    placed: tuple[StaticTransform, ...] = ()
    if given := arguments["extrinsics"] or (str(file.parent / robot.extrinsics) if robot.extrinsics else ""):
        urdf = file.parents[2] / robot.urdf
        placed = load_extrinsics(Path(given).expanduser(), link_names(expand(urdf)))
    # What was not measured is where the URDF has it.
    rest = [c for c in robot.cameras if c.driver_frame not in {t.child for t in placed}] if drivers else []
    transforms = (*placed, *(StaticTransform(c.frame, c.driver_frame) for c in rest))
    if transforms and installed_share("tf2_ros") is None:
        raise FineVLAError(f"the cameras' frames need the package tf2_ros; run 'sudo apt install ros-{distro}-tf2-ros'")
    space = f"/{arguments['namespace'].strip('/')}"
    frames = ("/tf", "/tf_static") if arguments["multi_robot"] == "true" else ()
    return CameraPlan(drivers, transforms, tuple((topic, f"{space}{topic}") for topic in frames))


def installed_share(package: str) -> str | None:
    """A package's share folder, None where it is not installed."""
    try:
        return str(get_package_share_directory(package))
    except (PackageNotFoundError, ValueError):
        return None
