"""The tabletop network of a bundle, built from what a manifest says of it.

It takes and gives what the ONNX graph of the same policy does: raw pictures and values in, absolute targets out.
"""

import torch
from torch import Tensor, nn

from finevla_core.policy.network_interface import MEMORY, PRESENT, PREVIOUS, REMEMBERED, WEIGHTS
from finevla_core.policy.network_spec import TabletopSpec
from finevla_models.kinematics import ArmChains, CameraMounts
from finevla_models.tabletop import TabletopConfig, TabletopPolicy

INPUTS, OUTPUTS = ("images", "state", "text", MEMORY), ("actions", REMEMBERED, PRESENT)
CONTINUED = (PREVIOUS, WEIGHTS)  # inputs of a flow alone: it can be made to continue a running chunk


class TabletopNetwork(nn.Module):
    """Raw images and values in, absolute targets out: scaling lives in the graph, a runtime cannot get it wrong.

    Targets are cut to the robot's range as part of the policy: regression onto a joint that rests at its limit comes
    out a little beyond it now and then, and the safety gate, rightly, forgives nobody.
    """

    def __init__(self, model: TabletopPolicy, lower: Tensor, upper: Tensor) -> None:
        super().__init__()
        self.model = model
        # Not among the weights: the manifest, where a person can read them, is the one place for them.
        self.register_buffer("lower", lower.float(), persistent=False)
        self.register_buffer("upper", upper.float(), persistent=False)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what the network takes, in the order of `forward`."""
        return INPUTS + CONTINUED if self.model.config.head == "flow" else INPUTS

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it gives, in their order."""
        return OUTPUTS

    @property
    def memory_width(self) -> int:
        """Numbers that it remembers from one observation to the next; 0 = none."""
        return self.model.config.remembered

    @property
    def spec(self) -> TabletopSpec:
        """What a manifest says of this network, from which `build_network` builds it again."""
        config, mounts = self.model.config, self.model.finder.mounts
        return TabletopSpec(
            head=config.head,
            dimensions=config.dimensions,
            horizon=config.horizon,
            basis=config.basis,
            hidden=config.hidden,
            blocks=config.blocks,
            cameras_on=tuple(mounts.on),
            fov_deg=mounts.fov_deg,
            lower=tuple(self.lower.tolist()),
            upper=tuple(self.upper.tolist()),
        )

    def forward(
        self,
        images: Tensor,
        state: Tensor,
        text: Tensor,
        memory: Tensor,
        previous: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return targets (B, horizon, D), what to remember (B, M), and how likely target and goal are there (B, 2).

        Args:
            images: (B, C, H, W, 3) uint8.
            state: (B, D) values.
            text: (B, WIDTH) slots.
            memory: (B, M) of the answer before, or zeros.
            previous: (B, horizon, D) the running chunk, for a flow.
            weights: (B, horizon) how firm each row of it is.
        """
        scaled = images.permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        out = self.model(scaled, state, text, memory, previous, weights)
        return torch.minimum(torch.maximum(out.chunk, self.lower), self.upper), out.memory, out.present


def build_network(spec: TabletopSpec) -> TabletopNetwork:
    """Return the network of a manifest, its weights still to be loaded (`finevla_models.weights`)."""
    joints = torch.tensor(spec.arm_joints)
    arms, count = joints.shape
    # Where joints and cameras are comes with the weights.
    chains = ArmChains(torch.eye(4).expand(arms, count + 1, 4, 4).clone(), joints)
    mounts = CameraMounts(torch.eye(4).repeat(len(spec.cameras_on), 1, 1), list(spec.cameras_on), spec.fov_deg)
    config = TabletopConfig(spec.head, spec.dimensions, arms, spec.horizon, spec.basis, spec.hidden, spec.blocks)
    lower, upper = torch.tensor(spec.lower), torch.tensor(spec.upper)
    return TabletopNetwork(TabletopPolicy(config, chains, mounts), lower, upper).eval()
