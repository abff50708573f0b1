"""Promises of what camera drivers are told: each its own device, by the vendor's names; what is missing is one sentence."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from finevla_core.camera_drivers import CameraDriver, camera_drivers
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """The share folder of a vendor's package with launch files for two models."""
    (tmp_path / "launch").mkdir()
    for name in ("dabai.launch.py", "gemini_330_series.launch.py"):
        (tmp_path / "launch" / name).touch()
    return tmp_path


def with_devices(robot: Embodiment, **given: str) -> Embodiment:
    """The robot with a device of its own at every camera."""
    cameras = [replace(c, **{key: f"{value}{i}" for key, value in given.items()}) for i, c in enumerate(robot.cameras)]
    return replace(robot, cameras=tuple(cameras))


def told(robot: Embodiment, kind: str, share: Path) -> list[CameraDriver]:
    return camera_drivers(robot, kind, "/lab", lambda _: str(share), "jazzy")


def test_orbbec_is_told_serial_number_size_and_colour_only(robot: Embodiment, share: Path) -> None:
    drivers = told(with_devices(robot, serial="AY3"), "orbbec", share)
    assert [d.camera for d in drivers] == ["front", "left", "right"]
    left = drivers[1]
    assert (left.package, left.launch_file, left.namespace) == ("orbbec_camera", "dabai.launch.py", "lab")
    wanted = {"camera_name": "camera_left", "serial_number": "AY31", "device_num": "3", "color_width": "640"}
    wanted |= {"color_height": "480", "color_fps": "30", "enable_depth": "false"}
    assert wanted.items() <= left.arguments.items()
    assert dict(left.remaps) == {
        "/lab/camera_left/color/image_raw": "/lab/camera_left/image_raw",
        "/lab/camera_left/color/image_raw/compressed": "/lab/camera_left/image_raw/compressed",
        "/lab/camera_left/color/camera_info": "/lab/camera_left/camera_info",
    }


def test_realsense_gets_its_serial_number_with_the_sign_that_keeps_it_text(robot: Embodiment, share: Path) -> None:
    given = told(with_devices(robot, serial="83161207352"), "realsense", share)[2].arguments
    assert given["serial_no"] == "_831612073522"
    assert (given["camera_namespace"], given["camera_name"]) == ("/lab", "camera_right")
    assert given["rgb_camera.color_profile"] == "640,480,30"
    assert told(with_devices(robot, usb_port="2-1."), "realsense", share)[2].arguments["usb_port_id"] == "2-1.2"


def test_usb_camera_is_told_device_frame_and_a_format_that_is_read(robot: Embodiment, share: Path) -> None:
    driver = told(with_devices(robot, device="/dev/v4l/by-id/cam"), "usb", share)[0]
    assert (driver.executable, driver.namespace) == ("usb_cam_node_exe", "lab/camera_front")
    assert driver.parameters["video_device"] == "/dev/v4l/by-id/cam0"
    assert driver.parameters["frame_id"] == "camera_front_color_optical_frame"
    assert driver.parameters["pixel_format"] == "mjpeg2rgb"
    assert driver.remaps == ()  # its own names are the robot file's


def test_topics_of_the_robot_file_may_be_absolute(robot: Embodiment, share: Path) -> None:
    cameras = tuple(replace(c, topic=f"/camera_{c.name[0]}/color/image_raw", serial=c.name) for c in robot.cameras)
    driver = told(replace(robot, cameras=cameras), "orbbec", share)[0]
    assert dict(driver.remaps)["/lab/camera_front/color/image_raw"] == "/camera_f/color/image_raw"
    assert dict(driver.remaps)["/lab/camera_front/color/camera_info"] == "/camera_f/color/camera_info"


def test_one_camera_needs_no_serial_number_and_several_do(robot: Embodiment, share: Path) -> None:
    assert len(told(replace(robot, cameras=robot.cameras[:1]), "orbbec", share)) == 1
    for kind, lacking in dict.fromkeys(("orbbec", "realsense"), "no serial and no usb_port").items() | {
        ("usb", "no device")
    }:
        with pytest.raises(FineVLAError, match=f"camera 'front' of the robot file has {lacking}, and with 3 cameras"):
            told(robot, kind, share)


def test_missing_package_and_missing_model_are_said_with_what_to_do(robot: Embodiment, share: Path) -> None:
    for kind, name in (("orbbec", "orbbec-camera"), ("realsense", "realsense2-camera"), ("usb", "usb-cam")):
        with pytest.raises(FineVLAError, match=f"run 'sudo apt install ros-humble-{name}'"):
            camera_drivers(robot, kind, "lab", lambda _: None, "humble")
    with pytest.raises(FineVLAError, match=r"no launch file \(it has dabai, gemini_330_series\).*OrbbecSDK_ROS2"):
        told(with_devices(robot, serial="a", model="femto"), "orbbec", share)
    with pytest.raises(FineVLAError, match="unknown kind of camera 'kinect'"):
        told(robot, "kinect", share)
    assert told(robot, "none", share) == []


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"serial": 12}, "camera 'left': serial is 12, it must be text; put it in quotes"),
        ({"serial": "F1"}, "serial of the cameras 'F1' is listed twice"),
        ({"rate_hz": 0}, "must be positive"),
        ({"width": "640"}, "width is '640', it must be a whole number"),
        ({"seriel": "1"}, "unknown entry 'seriel'; did you mean 'serial'"),
    ],
)
def test_devices_are_checked_at_the_door(
    tmp_path: Path, cobotmagic_file: Path, entry: dict[str, object], sentence: str
) -> None:
    raw = yaml.safe_load(cobotmagic_file.read_text())
    raw["cameras"][0]["serial"] = "F1"
    raw["cameras"][1] |= entry
    (tmp_path / "robot.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(FineVLAError, match=sentence):
        load_embodiment(tmp_path / "robot.yaml")
