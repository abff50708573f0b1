"""Camera drivers and where the cameras are, from the robot file; cobotmagic.launch.yaml includes it.

Alone: `ros2 launch finevla cameras.launch.py cameras:=orbbec`. What is started is worked out in `finevla_ros.camera_launch`.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    ResetLaunchConfigurations,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node, PushRosNamespace, SetRemap

from finevla_core.camera_drivers import CameraDriver
from finevla_core.extrinsics import StaticTransform
from finevla_ros.camera_launch import ARGUMENTS, camera_plan
from launch import Action, LaunchContext, LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """The arguments, and then everything else, so that nothing starts where something is wrong."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Action]:
    """Drivers and static transforms."""
    plan = camera_plan({name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS})
    remaps = list(plan.remaps)
    return [
        *(driver(given, remaps) for given in plan.drivers),
        *(static_transform(given, remaps) for given in plan.transforms),
    ]


def driver(given: CameraDriver, remaps: list[tuple[str, str]]) -> Action:
    """The vendor's launch file, or its node."""
    if not given.launch_file:
        return Node(
            package=given.package,
            executable=given.executable,
            name="usb_cam",
            namespace=f"/{given.namespace}",
            parameters=[dict(given.parameters)],
            remappings=[*given.remaps, *remaps],
            output="screen",
        )
    file = Path(get_package_share_directory(given.package)) / "launch" / given.launch_file
    return GroupAction(
        [
            # The vendors' files have arguments of the same names as ours (log_level), and would take ours for theirs.
            ResetLaunchConfigurations(),
            PushRosNamespace(f"/{given.namespace}"),
            *(SetRemap(source, target) for source, target in (*given.remaps, *remaps)),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(file)), launch_arguments=dict(given.arguments).items()
            ),
        ]
    )


def static_transform(given: StaticTransform, remaps: list[tuple[str, str]]) -> Action:
    """One publisher; it says what it says to everybody who comes later, too."""
    x, y, z = map(str, given.xyz)
    qx, qy, qz, qw = map(str, given.quaternion)
    words = ["--x", x, "--y", y, "--z", z, "--qx", qx, "--qy", qy, "--qz", qz, "--qw", qw]
    return Node(
        package="tf2_ros",
        executable="static_transform_publisher",
        name=f"place_of_{given.child}",
        arguments=[*words, "--frame-id", given.parent, "--child-frame-id", given.child],
        remappings=remaps,
    )
