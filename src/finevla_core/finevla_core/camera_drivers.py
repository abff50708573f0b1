"""What a camera driver is told, from the robot file: the vendors' own launch files or nodes, their arguments and remaps.

Written against orbbec_camera (branches main and v2-main), realsense2_camera 4.5x and usb_cam 0.8; no test here runs them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from finevla_core.embodiment import Camera, Embodiment
from finevla_core.errors import FineVLAError, unknown

PACKAGES = {"orbbec": "orbbec_camera", "realsense": "realsense2_camera", "usb": "usb_cam"}
NONE = "none"
# orbbec_camera has a launch file per model; Cobot Magics come with this one.
ORBBEC_MODEL = "dabai"
HOW_TO_FIND = {
    "orbbec": "'ros2 run orbbec_camera list_devices_node' lists serial numbers and ports",
    "realsense": "'rs-enumerate-devices -s' lists serial numbers",
    "usb": "'ls /dev/v4l/by-id /dev/v4l/by-path' lists devices by names that stay",
}

Share = Callable[[str], str | None]


@dataclass(frozen=True)
class CameraDriver:
    """One camera's driver: the vendor's launch file with `arguments`, or (`launch_file` empty) a node with `parameters`.

    `remaps` are fully qualified: from the driver's topics to those of the robot file.
    """

    camera: str
    package: str
    namespace: str
    remaps: tuple[tuple[str, str], ...]
    launch_file: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    executable: str = ""
    parameters: Mapping[str, str | int | float] = field(default_factory=dict)


def camera_drivers(robot: Embodiment, kind: str, namespace: str, share: Share, distro: str) -> list[CameraDriver]:
    """Drivers of all cameras; `share` gives a package's share folder, or None where it is not installed.

    Raises `FineVLAError` saying what to install, or what the robot file must say.
    """
    if kind == NONE:
        return []
    if kind not in PACKAGES:
        raise FineVLAError(f"cameras:={kind}: {unknown('kind of camera', kind, [*PACKAGES, NONE])}")
    package = PACKAGES[kind]
    if (folder := share(package)) is None:
        name = f"ros-{distro}-{package.replace('_', '-')}"
        raise FineVLAError(
            f"cameras:={kind} needs the package {package}, which is not installed; run 'sudo apt install {name}'"
        )
    for camera in robot.cameras:
        _check_device(camera, kind, len(robot.cameras))
    make = {"orbbec": _orbbec, "realsense": _realsense, "usb": _usb}[kind]
    return [make(camera, robot.cameras, namespace.strip("/"), folder) for camera in robot.cameras]


def _check_device(camera: Camera, kind: str, count: int) -> None:
    keys = ("device",) if kind == "usb" else ("serial", "usb_port")
    # A driver that is told nothing takes the first camera that it finds: right only where there is but one.
    if not any(getattr(camera, key) for key in keys) and count > 1:
        raise FineVLAError(
            f"camera '{camera.name}' of the robot file has no {' and no '.join(keys)}, and with {count} cameras its "
            f"driver would take whichever it finds first; {HOW_TO_FIND[kind]}"
        )


def _orbbec(camera: Camera, cameras: Sequence[Camera], namespace: str, folder: str) -> CameraDriver:
    model = camera.model or ORBBEC_MODEL
    files = sorted(path.name for path in (Path(folder) / "launch").glob("*.launch.py"))
    if f"{model}.launch.py" not in files:
        # The released package (v2) leaves out the older cameras with OpenNI, the stock Dabai among them.
        raise FineVLAError(
            f"camera '{camera.name}' is of model '{model}', for which this orbbec_camera has no launch file (it has "
            f"{', '.join(f.removesuffix('.launch.py') for f in files) or 'none'}); correct 'model' in the robot file, or, "
            "for Dabai, Astra and other OpenNI cameras, build branch main of github.com/orbbec/OrbbecSDK_ROS2"
        )
    arguments = {
        "camera_name": f"camera_{camera.name}",
        "device_num": str(len(cameras)),
        "color_width": str(camera.width),
        "color_height": str(camera.height),
        "color_fps": str(camera.rate_hz),
        # The policy sees colour only, and three cameras share what USB can carry.
        **dict.fromkeys(("enable_depth", "enable_ir", "enable_point_cloud", "publish_tf"), "false"),
    }
    arguments |= {"serial_number": camera.serial} if camera.serial else {"usb_port": camera.usb_port}
    return CameraDriver(
        camera.name,
        "orbbec_camera",
        namespace,
        _remaps(camera, namespace, "color/"),
        f"{model}.launch.py",
        {key: value for key, value in arguments.items() if value},
    )


def _realsense(camera: Camera, cameras: Sequence[Camera], namespace: str, folder: str) -> CameraDriver:
    del cameras, folder
    arguments = {
        "camera_namespace": f"/{namespace}",
        "camera_name": f"camera_{camera.name}",
        # rs_launch.py wants this sign before a serial number, which would else become an integer on the way.
        "serial_no": f"_{camera.serial}" if camera.serial else "",
        "usb_port_id": camera.usb_port if not camera.serial else "",
        "rgb_camera.color_profile": f"{camera.width},{camera.height},{camera.rate_hz}",
        "enable_depth": "false",
        "publish_tf": "false",
    }
    return CameraDriver(
        camera.name,
        "realsense2_camera",
        namespace,
        _remaps(camera, namespace, "color/"),
        "rs_launch.py",
        {key: value for key, value in arguments.items() if value},
    )


def _usb(camera: Camera, cameras: Sequence[Camera], namespace: str, folder: str) -> CameraDriver:
    del cameras, folder
    parameters: dict[str, str | int | float] = {
        "video_device": camera.device or "/dev/video0",
        "frame_id": camera.driver_frame,
        "camera_name": f"camera_{camera.name}",
        # Its default (yuyv) gives an encoding that nobody here reads, and three such streams are too much for USB 2.
        "pixel_format": "mjpeg2rgb",
        "image_width": camera.width,
        "image_height": camera.height,
        "framerate": float(camera.rate_hz),
    }
    return CameraDriver(
        camera.name,
        "usb_cam",
        f"{namespace}/camera_{camera.name}",
        _remaps(camera, namespace, ""),
        executable="usb_cam_node_exe",
        parameters=parameters,
    )


def _remaps(camera: Camera, namespace: str, stream: str) -> tuple[tuple[str, str], ...]:
    """Topics below /NAMESPACE/camera_NAME; what image_transport derives is named too, for it derives before it remaps."""
    own = f"/{namespace}/camera_{camera.name}/{stream}"
    wanted = camera.topic if camera.topic.startswith("/") else f"/{namespace}/{camera.topic}"
    pairs = {
        f"{own}image_raw": wanted,
        f"{own}image_raw/compressed": f"{wanted}/compressed",
        f"{own}camera_info": f"{wanted.rpartition('/')[0]}/camera_info",
    }
    return tuple((source, target) for source, target in pairs.items() if source != target)
