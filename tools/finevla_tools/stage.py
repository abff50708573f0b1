"""A simulated scene on the running stack: lay it out, say something, record ground truth and pictures until all rests."""

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CompressedImage

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_interfaces.msg import SceneTruth
from finevla_ros import qos
from finevla_ros.convert import to_ns
from finevla_sim.ik import ArmIK
from finevla_sim.robot import default_robot
from finevla_sim.sampling import sample_scene
from finevla_sim.scene import Scene
from finevla_sim.world import Truth
from finevla_tools.client import Client
from finevla_tools.rest import rests
from finevla_tools.up import Stack

FOLLOWING, STOPPED = 2, 3  # states of `SafetyStatus`


@dataclass
class Recording:
    """What was seen while one instruction was followed; pictures are JPEG."""

    trace: list[Truth] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)


class Stage:
    """The running stack as a demonstration sees it."""

    def __init__(self, client: Client, stack: Stack) -> None:
        self.client, self.stack = client, stack
        self.recording: Recording | None = None
        robot = default_robot()
        self.ik = ArmIK(robot.embodiment, robot.urdf_path)
        client.listen("sim/ground_truth", SceneTruth, qos.NEWEST, self._on_truth)
        client.listen("camera_overview/image_raw/compressed", CompressedImage, qos.SENSOR, self._on_picture)

    def scene(self, seed: int, task: str) -> Scene:
        """The scene that the simulator makes of this seed."""
        return sample_scene(seed, task, self.ik)

    def lay_out(self, seed: int, task: str) -> Scene:
        """Reset the simulator to a scene; the arms rest first, so that nothing is pulled from under a running plan.

        A bridge that stopped in the scene before is reset as well: here, nobody stands next to the arms.
        """
        self.client.say(Instruction(raw="stop"))
        self.client.wait(lambda: self.client.newest["safety/status"].state != FOLLOWING, 10.0)
        if self.client.newest["safety/status"].state == STOPPED:
            self.client.reset_bridge()
        self.client.reset_scene(seed, task)
        if not self.client.wait(lambda: self._is_laid_out(seed, task), 10.0):
            raise FineVLAError(f"the simulator does not show the scene of seed {seed}; look at its output")
        return self.scene(seed, task)

    def follow(self, instruction: Instruction, seconds: float) -> Recording | None:
        """Say it and record until the arms rest after having moved, or the time is up; None if it only said "stop"."""
        self.recording = recording = Recording()
        if not self.client.say(instruction).id:
            self.recording = None
            return None
        self.client.wait(lambda: self.stack.failed or rests(recording.trace), seconds)
        self.recording = None
        self.check()
        if not recording.trace:
            raise FineVLAError("the simulator sends no ground truth; look at its output")
        return recording

    def check(self) -> None:
        """Raises `FineVLAError` if a node has ended."""
        if self.stack.failed:
            raise FineVLAError(self.stack.epitaph)

    def _is_laid_out(self, seed: int, task: str) -> bool:
        truth = self.client.newest.get("sim/ground_truth")
        return truth is not None and (truth.seed, truth.task) == (seed, task)

    def _on_truth(self, message: SceneTruth) -> None:
        if (recording := self.recording) is not None:
            recording.trace.append(truth_from_msg(message))

    def _on_picture(self, message: CompressedImage) -> None:
        if (recording := self.recording) is not None:
            recording.pictures.append(bytes(message.data))


def wait_for_stack(client: Client, stack: Stack, timeout_s: float) -> None:
    """Until the stack can be steered; raises `FineVLAError` saying what lacks, at once when a node has ended."""
    deadline = time.monotonic() + timeout_s
    while not client.wait(client.is_ready, 0.5):
        if stack.failed:
            raise FineVLAError(stack.epitaph)
        if time.monotonic() > deadline:
            client.wait_until_ready(0.0)


def truth_from_msg(message: SceneTruth) -> Truth:
    """Ground truth as the judge reads it."""
    contacts = frozenset((side, name) for side, _, name in (c.partition(":") for c in message.contacts))
    objects = {item.name: _matrix(item.pose) for item in message.objects}
    tcps = {"left": _matrix(message.left_tcp), "right": _matrix(message.right_tcp)}
    return Truth(to_ns(message.header.stamp), objects, tcps, contacts)


def _matrix(pose: Any) -> NDArray[np.float64]:
    matrix = np.eye(4)
    q, p = pose.orientation, pose.position
    matrix[:3, :3] = Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()
    matrix[:3, 3] = p.x, p.y, p.z
    return matrix
