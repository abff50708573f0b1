"""Cameras through real `ros2 launch`, with played drivers: each device's pictures arrive on its topic of the robot file."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("launch_ros", reason="ros2 launch comes with ROS 2 from apt; core's tests check what it is told")

from played_drivers import install_played_drivers
from probe import Probe
from sensor_msgs.msg import CameraInfo, Image

from finevla_core.embodiment import load_embodiment
from finevla_ros import qos

ROOT = Path(__file__).parents[2]
DEVICES = {"orbbec": "serial: {}, model: dabai", "realsense": "serial: {}", "usb": "device: /dev/v4l/by-id/{}"}


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ros_domain: str) -> Path:
    del ros_domain
    install_played_drivers(tmp_path / "ros", monkeypatch)
    return tmp_path / "ros"


def robot_with_devices(folder: Path, kind: str) -> Path:
    """The robot file with a device at every camera."""
    (folder / "config" / "robots").mkdir(parents=True)
    shutil.copytree(ROOT / "urdf", folder / "urdf")
    text = (ROOT / "config" / "robots" / "cobotmagic.yaml").read_text()
    for name in ("front", "left", "right"):
        text = text.replace(f"{{name: {name}, ", f"{{name: {name}, {DEVICES[kind].format(f'"{name.upper()}7"')}, ")
    file = folder / "config" / "robots" / "cobotmagic.yaml"
    file.write_text(text)
    return file


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["orbbec", "realsense", "usb"])
def test_pictures_of_the_vendors_drivers_arrive_where_the_robot_file_has_them(
    prefix: Path, tmp_path: Path, kind: str
) -> None:
    file = robot_with_devices(tmp_path / "robot", kind)
    calibration = tmp_path / "extrinsics.yaml"
    calibration.write_text(
        "transforms:\n- {parent: base_footprint, child: camera_front_color_optical_frame, xyz: [0.2, 0, 1.3], rpy: [0, 0, 0]}\n"
    )
    launch = subprocess.Popen(
        ["ros2", "launch", str(ROOT / "launch" / "cameras.launch.py"), f"cameras:={kind}", f"robot_file:={file}",
         f"extrinsics:={calibration}"],
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    robot = load_embodiment(file)
    try:
        with Probe() as probe:
            pictures = {c.name: probe.listen(c.topic, Image, qos.SENSOR) for c in robot.cameras}
            infos = [probe.listen(f"camera_{c.name}/camera_info", CameraInfo, qos.SENSOR) for c in robot.cameras]
            probe.wait(lambda: all(pictures.values()) and all(infos), "pictures and calibrations of all cameras", 60.0)
            for camera in robot.cameras:
                assert {p.header.frame_id for p in pictures[camera.name]} == {camera.driver_frame}
            topics = {name for name, _ in probe.node.get_topic_names_and_types()}
            assert {f"/finevla/{c.topic}/compressed" for c in robot.cameras} <= topics
            assert not [name for name in topics if "/color/" in name]
            told = (prefix / "journal").read_text()
            probe.wait(lambda: told_of_places(prefix) == 3, "three static transforms")
        for camera in robot.cameras:
            line = next(line for line in told.splitlines() if f"'camera_{camera.name}'" in line)
            assert f"{camera.name.upper()}7" in line  # the device of this camera, and of no other
        assert "'log_level': 'none'" in told or kind != "orbbec"
        assert re.search(r"--z 1\.3 .*--frame-id base_footprint --child-frame-id camera_front_color", places(prefix))
        assert "--frame-id camera_left_optical_frame --child-frame-id camera_left_color_optical_frame" in places(prefix)
    finally:
        os.killpg(launch.pid, signal.SIGINT)
        print(launch.communicate(timeout=30.0)[0])


def places(prefix: Path) -> str:
    return "\n".join(line for line in (prefix / "journal").read_text().splitlines() if line.startswith("--x"))


def told_of_places(prefix: Path) -> int:
    return places(prefix).count("--child-frame-id")


def test_missing_driver_is_one_sentence_before_anything_starts(ros_domain: str) -> None:
    del ros_domain
    done = subprocess.run(
        ["ros2", "launch", str(ROOT / "launch" / "cobotmagic.launch.yaml"), "cameras:=usb", "robot:=vendor"],
        capture_output=True, text=True, timeout=120.0, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "run 'sudo apt install ros-jazzy-usb-cam'" in done.stdout + done.stderr
    assert "process started" not in done.stdout + done.stderr
