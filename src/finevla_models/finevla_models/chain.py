"""Forward kinematics of the arms inside a network: it knows from the start where its grippers are, and learns the rest."""

import numpy as np
import pinocchio
import torch
from torch import Tensor, nn

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError


class ArmChains(nn.Module):
    """`state` (B, D) values -> tcp positions (B, A, 3), metres, and rotations (B, A, 3, 3) in the base frame.

    All joints turn about their z axis; `links` (A, J + 1, 4, 4) are the joints' places in their parents, then the tcp's.
    """

    def __init__(self, links: Tensor, columns: Tensor) -> None:
        super().__init__()
        self.register_buffer("links", links.float())
        self.register_buffer("columns", columns)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
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
                raise FineVLAError(f"joint '{embodiment.values[i].joint}' does not turn about z; this policy needs that")
            chain.append(model.jointPlacements[joint].homogeneous)
        chain.append(model.frames[model.getFrameId(f"{side}_tcp")].placement.homogeneous)
        links.append(np.array(chain))
        columns.append(values)
    return ArmChains(torch.from_numpy(np.array(links)), torch.tensor(columns))
