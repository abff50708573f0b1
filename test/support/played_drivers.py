"""Camera drivers as their vendors install them, played: packages with launch files and nodes of the same names and topics.

What is played is written after orbbec_camera, realsense2_camera and usb_cam: their arguments, topics and frames.
"""

import os
import sys
from pathlib import Path

import pytest

NODE = """#!{python}
import sys
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

class Camera(Node):
    def __init__(self):
        super().__init__("{name}", automatically_declare_parameters_from_overrides=True)
        told = {{key: value.value for key, value in self.get_parameters_by_prefix("").items()}}
        self.frame = str(told.get("frame_id") or "%s_color_optical_frame" % told["camera_name"])
        self.image = self.create_publisher(Image, "{stream}image_raw", 1)
        self.compressed = self.create_publisher(CompressedImage, "{stream}image_raw/compressed", 1)
        self.info = self.create_publisher(CameraInfo, "{stream}camera_info", 1)
        with open({journal!r}, "a") as file:
            file.write(repr(dict(told, node=self.get_fully_qualified_name())) + "\\n")
        self.create_timer(0.05, self.publish)

    def publish(self):
        picture = Image(height=4, width=4, encoding="rgb8", step=12, data=bytes(48))
        picture.header.frame_id = self.frame
        picture.header.stamp = self.get_clock().now().to_msg()
        self.image.publish(picture)
        self.info.publish(CameraInfo(header=picture.header))

rclpy.init(args=sys.argv)
try:
    rclpy.spin(Camera())
except (KeyboardInterrupt, ExternalShutdownException):
    pass
"""

# Every launch file of theirs hands all its arguments on to the node; arguments that it does not declare it never sees.
LAUNCH = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node, PushRosNamespace

ARGUMENTS = {arguments!r}

def generate_launch_description():
    declared = [DeclareLaunchArgument(name, default_value=value) for name, value in ARGUMENTS.items()]
    told = {{name: LaunchConfiguration(name) for name in ARGUMENTS}}
    node = Node(package="{package}", executable="{executable}", name={node}, namespace={namespace}, parameters=[told])
    return LaunchDescription([*declared, {wrapped}])
"""

ORBBEC = {
    "camera_name": "camera", "serial_number": "", "usb_port": "", "device_num": "1", "color_width": "640",
    "color_height": "480", "color_fps": "30", "enable_depth": "true", "enable_ir": "true",
    "enable_point_cloud": "true", "publish_tf": "true", "log_level": "none",
}  # fmt: skip
REALSENSE = {
    "camera_name": "camera", "camera_namespace": "camera", "serial_no": "''", "usb_port_id": "''",
    "rgb_camera.color_profile": "0,0,0", "enable_depth": "true", "publish_tf": "true", "log_level": "info",
}  # fmt: skip


def install_played_drivers(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packages below `prefix`, found by ament like real ones; returns the file in which the nodes note what they were told."""
    journal = prefix / "journal"
    prefix.mkdir(parents=True)
    journal.touch()
    _package(prefix, "orbbec_camera", "orbbec_camera_node", journal, "color/")
    _launch_file(
        prefix, "orbbec_camera", "dabai.launch.py", ORBBEC, 'LaunchConfiguration("camera_name")', '""',
        'GroupAction([PushRosNamespace(LaunchConfiguration("camera_name")), node])',
    )  # fmt: skip
    _package(prefix, "realsense2_camera", "realsense2_camera_node", journal, "~/color/")
    _launch_file(
        prefix, "realsense2_camera", "rs_launch.py", REALSENSE, 'LaunchConfiguration("camera_name")',
        'LaunchConfiguration("camera_namespace")', "node",
    )  # fmt: skip
    _package(prefix, "usb_cam", "usb_cam_node_exe", journal, "")
    _package(prefix, "tf2_ros", "static_transform_publisher", journal, "")
    program = prefix / "lib" / "tf2_ros" / "static_transform_publisher"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nopen({str(journal)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
    )
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{prefix}{os.pathsep}{os.environ['AMENT_PREFIX_PATH']}")
    return journal


def _package(prefix: Path, package: str, executable: str, journal: Path, stream: str) -> None:
    for folder in (f"share/{package}/launch", f"lib/{package}", "share/ament_index/resource_index/packages"):
        (prefix / folder).mkdir(parents=True, exist_ok=True)
    (prefix / "share/ament_index/resource_index/packages" / package).touch()
    program = prefix / "lib" / package / executable
    program.write_text(NODE.format(python=sys.executable, name=package, stream=stream, journal=str(journal)))
    program.chmod(0o755)


def _launch_file(
    prefix: Path, package: str, file: str, arguments: dict[str, str], node: str, namespace: str, wrapped: str
) -> None:
    executable = f"{package}_node"
    text = LAUNCH.format(
        arguments=arguments, package=package, executable=executable, node=node, namespace=namespace, wrapped=wrapped
    )
    (prefix / "share" / package / "launch" / file).write_text(text)
