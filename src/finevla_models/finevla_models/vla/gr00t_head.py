"""GR00T (Bjorck et al. 2025, arXiv 2503.14734): flow matching by a transformer that looks at every token of the backbone.

After starVLA's QwenGR00T. Deviations: padding is masked (there it is looked at); the time is continuous (there in 1000 steps)
and never below 0 (there down to -0.001); values that count nothing are 0 for the network.
"""

from dataclasses import dataclass

from torch import nn

from finevla_models.vla.backbone import Backbone
from finevla_models.vla.batch import VLABatch, required_state
from finevla_models.vla.dit import ActionDiT, DiTConfig
from finevla_models.vla.flow_matching import FlowHead, Velocity
from finevla_models.vla.head import ChunkShape


@dataclass(frozen=True)
class GR00TConfig(DiTConfig):
    """`layers` blocks (16 with the others' defaults: DiT-B)."""

    layers: int = 16


class GR00THead(FlowHead):
    """Even blocks look at the backbone's last layer, odd ones at [state | future tokens | rows]. Loss: the flow's."""

    def __init__(self, config: GR00TConfig, shape: ChunkShape, backbone: Backbone) -> None:
        super().__init__()
        self.config, self.shape, self.flow = config, shape, config.flow
        widths = [0 if block % 2 else backbone.width for block in range(config.layers)]
        self.dit = ActionDiT(config, shape, widths, config.hidden)
        self.state = (
            nn.Sequential(nn.Linear(shape.state, config.hidden), nn.ReLU(), nn.Linear(config.hidden, config.width))
            if shape.state
            else None
        )

    def velocity(self, backbone: Backbone, batch: VLABatch, draws: int) -> Velocity:
        """Return the velocity of `draws` chunks for each sample, after one pass of the backbone."""
        dtype, first = self.dit.positions.dtype, None
        if self.state is not None:
            state = required_state(batch.state, self.shape.state)
            first = self.state(state.to(dtype))[:, None].repeat(draws, 1, 1)
        states = backbone(batch)
        memory = states.last.to(dtype).repeat(draws, 1, 1)
        mask = states.mask.repeat(draws, 1)
        sources = [None if block % 2 else memory for block in range(self.config.layers)]
        return lambda x, time: self.dit(x, time, sources, mask, first)
