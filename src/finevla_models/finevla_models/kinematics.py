"""Forward kinematics inside a network: it knows from the start where its grippers and cameras are, and learns the rest."""

from collections.abc import Callable
from functools import wraps
from itertools import product
from typing import Any

import numpy as np
import pinocchio
import torch
from torch import Tensor, nn

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError

FAR_M = 1.5  # no camera looks further along its rays
MIRROR = torch.tensor([1.0, -1.0, 1.0])  # a place as it is seen in the plane between the arms
ALIKE_M = 1e-4  # how far from each other's image two arms may be


def exact(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep mixed precision out of a method: half a float's digits are 2 mm at arm's length."""

    @wraps(function)
    def exactly(self: nn.Module, *inputs: Any) -> Any:
        with torch.autocast(next(self.buffers()).device.type, enabled=False):
            return function(self, *inputs)

    return exactly


class ArmChains(nn.Module):
    """`state` (B, D) values -> tcp positions (B, A, 3), metres, and rotations (B, A, 3, 3) in the base frame.

    All joints turn about their z axis; `links` (A, J + 1, 4, 4) are the joints' places in their parents, then the tcp's.
    """

    def __init__(self, links: Tensor, columns: Tensor) -> None:
        super().__init__()
        self.register_buffer("links", links.float())
        self.register_buffer("columns", columns)

    @exact
    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return tcp positions (B, A, 3), metres, and rotations (B, A, 3, 3) in the base frame for states (B, D)."""
        arms, joints = self.columns.shape
        angles = state[:, self.columns.reshape(-1)].reshape(-1, arms, joints)
        cos, sin = angles.cos(), angles.sin()
        pose = self.links[:, 0].expand(state.shape[0], -1, -1, -1)
        for k in range(joints):
            x, y = pose[..., 0], pose[..., 1]
            c, s = cos[:, :, k, None], sin[:, :, k, None]
            turned = torch.stack([c * x + s * y, c * y - s * x, pose[..., 2], pose[..., 3]], dim=-1)
            pose = torch.matmul(turned, self.links[:, k + 1])
        return pose[..., :3, 3], pose[..., :3, :3]


def arm_chains(embodiment: Embodiment, urdf: str, sides: tuple[str, ...] = ("left", "right")) -> ArmChains:
    """The chains of a robot's arms from its expanded URDF; raises `FineVLAError` where a joint is not about z."""
    model = pinocchio.buildModelFromXML(urdf)
    links, columns = [], []
    for side in sides:
        values = [i for i, v in enumerate(embodiment.values) if v.name.startswith(side) and not v.is_gripper]
        chain = []
        for i in values:
            joint = model.getJointId(embodiment.values[i].joint)
            if model.joints[joint].shortname() != "JointModelRZ":
                raise FineVLAError(
                    f"joint '{embodiment.values[i].joint}' does not turn about z; this policy needs that"
                )
            chain.append(model.jointPlacements[joint].homogeneous)
        chain.append(model.frames[model.getFrameId(f"{side}_tcp")].placement.homogeneous)
        links.append(np.array(chain))
        columns.append(values)
    return ArmChains(torch.from_numpy(np.array(links)), torch.tensor(columns))


def mirror_signs(chains: ArmChains) -> Tensor:
    """`(J,)` of 1 and -1: an arm's joints times these are the other arm's in a mirror, the plane y = 0 between them.

    Raises `FineVLAError` if the two arms are no mirror images of each other.
    """
    arms, joints = chains.columns.shape
    size = int(chains.columns.max()) + 1
    left, right = chains.columns if arms == 2 else (None, None)
    if left is None or right is None:
        raise FineVLAError(f"this policy needs two arms, the robot has {arms}")
    generator = torch.Generator().manual_seed(0)
    angles = torch.rand((32, joints), generator=generator) * 2 - 1
    for signs in product((1.0, -1.0), repeat=joints):
        state = torch.zeros(32, size)
        state[:, left], state[:, right] = angles, angles * torch.tensor(signs)
        positions, rotations = chains(state)
        poses = torch.cat([positions.unsqueeze(-1), rotations], dim=-1)
        gap = poses[:, 0] * MIRROR[:, None] * torch.cat([torch.ones(1), MIRROR]) - poses[:, 1]
        if gap.abs().max() < ALIKE_M:
            return torch.tensor(signs)
    raise FineVLAError("the robot's arms are no mirror images of each other; this policy needs that")


class CameraMounts(nn.Module):
    """Where the cameras are and what their pixels look at, from the grippers' poses.

    `mounts` (C, 4, 4) are optical frames (z forward, x right, y down) in the base frame, or in the tcp of arm `on[c]`.
    Images are square with the field of view `fov_deg`; points in them run from -1 to 1 rightwards and downwards.
    """

    def __init__(self, mounts: Tensor, on: list[int | None], fov_deg: float) -> None:
        super().__init__()
        self.register_buffer("mounts", mounts.float())
        self.on, self.fov_deg, self.scale = on, fov_deg, float(np.tan(np.radians(fov_deg) / 2))

    @exact
    def point(self, camera: int, pixels: Tensor, height: Tensor, positions: Tensor, rotations: Tensor) -> Tensor:
        """Where the rays through `pixels` (B, M, 2) of a camera reach `height` (B, M), metres: (B, M, 3), base frame.

        Rays that hardly go down are cut off `FAR_M` from the camera, so that nothing becomes infinite.
        """
        origin, axes = self.mounts[camera, :3, 3].expand(len(pixels), -1), self.mounts[camera, :3, :3]
        arm = self.on[camera]
        if arm is not None:
            origin = positions[:, arm] + torch.matmul(rotations[:, arm], origin.unsqueeze(2)).squeeze(2)
            axes = torch.matmul(rotations[:, arm], axes)
        ray = torch.cat([pixels * self.scale, torch.ones_like(pixels[..., :1])], dim=2)
        ray = torch.matmul(ray, axes.transpose(-1, -2))
        down = (origin[:, 2:] - height).clamp(min=0.0) / (-ray[..., 2]).clamp(min=0.05)
        return origin.unsqueeze(1) + ray * down.clamp(max=FAR_M).unsqueeze(2)


def camera_mounts(
    embodiment: Embodiment, urdf: str, fov_deg: float, sides: tuple[str, ...] = ("left", "right")
) -> CameraMounts:
    """The cameras of a robot from its expanded URDF; raises `FineVLAError` for one on a moving link that is no wrist."""
    model = pinocchio.buildModelFromXML(urdf)
    tcps = [model.frames[model.getFrameId(f"{side}_tcp")] for side in sides]
    mounts, on = [], []
    for camera in embodiment.cameras:
        frame = model.frames[model.getFrameId(camera.frame)]
        arms = [arm for arm, tcp in enumerate(tcps) if tcp.parentJoint == frame.parentJoint]
        if frame.parentJoint and not arms:
            raise FineVLAError(
                f"camera '{camera.name}' moves with neither gripper; this policy needs fixed or wrist cameras"
            )
        arm = arms[0] if arms else None
        mount = frame.placement if arm is None else tcps[arm].placement.inverse() * frame.placement
        mounts.append(mount.homogeneous)
        on.append(arm)
    return CameraMounts(torch.from_numpy(np.array(mounts)), on, fov_deg)
