"""The same checks through real launch and launch_testing, for those who have them: ROS 2 from apt."""

import os
import tempfile
import unittest
from pathlib import Path

import pytest

pytest.importorskip(
    "launch_testing", reason="launch_testing comes with ROS 2 from apt; test_stack.py runs the same checks"
)

import launch_testing.actions
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import AnyLaunchDescriptionSource
from stack_checks import Checks
from tiny_bundle import make_tiny_bundle

import launch
from finevla_client.connection import Connection
from finevla_core.embodiment import load_embodiment

ROOT = Path(__file__).parents[2]
FOLDER = tempfile.TemporaryDirectory()


@pytest.mark.launch_test
def generate_test_description() -> launch.LaunchDescription:
    """The stack in simulation with the tiny bundle, in a ROS domain of its own."""
    os.environ["ROS_DOMAIN_ID"] = str(101 + os.getpid() % 100)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    robot = load_embodiment(ROOT / "config" / "robots" / "cobotmagic.yaml")
    bundle = make_tiny_bundle(Path(FOLDER.name) / "tiny", robot, drift=0.06)
    source = AnyLaunchDescriptionSource(str(ROOT / "launch" / "cobotmagic.launch.yaml"))
    stack = IncludeLaunchDescription(source, launch_arguments={"robot": "sim", "bundle": str(bundle)}.items())
    return launch.LaunchDescription([stack, launch_testing.actions.ReadyToTest()])


class TestStack(unittest.TestCase):
    """Assertions of `stack_checks`."""

    def test_steer_stop_kill_recover(self) -> None:
        with Connection() as client:
            Checks(client).run_all()
