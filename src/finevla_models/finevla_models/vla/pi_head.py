"""PI: flow matching by a transformer whose blocks each look at one layer of the backbone (after pi0, arXiv 2410.24164).

After starVLA's QwenPI_v3, which looks at hidden states where pi0 shares keys: three of four layers of Qwen3.5 are linear and
have none. Deviations: a block looks at its layer and at the chunk itself, as in pi0 (there at the layer alone, so that the
rows of a chunk cannot agree which of two ways to go); padding is masked in training and inference; the time is continuous
(there in 1000 steps); adaptive norm before the output (there none); values that count nothing are 0 for the network.
"""

from dataclasses import dataclass

from torch import nn

from finevla_models.vla.backbone import Backbone
from finevla_models.vla.batch import VLABatch, VLAExample
from finevla_models.vla.dit import ActionDiT, DiTConfig
from finevla_models.vla.flow_matching import FlowHead, Velocity
from finevla_models.vla.head import ChunkShape
from finevla_models.vla.prompt_encoder import with_state


@dataclass(frozen=True)
class PIConfig(DiTConfig):
    """As `DiTConfig`, with one block for each layer of the backbone; the state stands in the prompt."""

    heads: int = 16
    draws: int = 2


class PIHead(FlowHead):
    """A norm and a projection for each layer of the backbone, and a block that looks at it. Loss: the flow's."""

    def __init__(self, config: PIConfig, shape: ChunkShape, backbone: Backbone) -> None:
        super().__init__()
        self.config, self.shape, self.flow = config, shape, config.flow
        self.projections = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(backbone.width), nn.Linear(backbone.width, config.width))
            for _ in range(backbone.depth)
        )
        self.dit = ActionDiT(config, shape, [config.width] * backbone.depth, config.width, joint=True)

    def prompt(self, example: VLAExample) -> str:
        """Return the prompt with the state behind it."""
        return with_state(example.prompt, example.state, self.shape.state)

    def velocity(self, backbone: Backbone, batch: VLABatch, draws: int) -> Velocity:
        """Return the velocity of `draws` chunks for each sample, after one pass of the backbone."""
        states = backbone(batch)
        layers = states.layers[-len(self.projections) :]  # without the embeddings
        dtype = self.dit.positions.dtype
        sources = [
            project(layer.to(dtype)).repeat(draws, 1, 1)
            for project, layer in zip(self.projections, layers, strict=True)
        ]
        mask = states.mask.repeat(draws, 1)
        return lambda x, time: self.dit(x, time, sources, mask)
