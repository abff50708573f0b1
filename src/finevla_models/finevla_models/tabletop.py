"""The tabletop policy: words are read into slots, cameras and slots say where, state and slots say how to get there.

Between seeing and moving there are six numbers, where the target is and where it shall end, and between words and the
rest a handful of probabilities. So each part learns from what is cheap for it, and a person can look at what was meant.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from finevla_models.chain import ArmChains, CameraMounts
from finevla_models.factors import MOVE, columns
from finevla_models.finder import Finder
from finevla_models.mover import Mover, near
from finevla_models.reader import Reader, probabilities
from finevla_models.text_encoder import TextEncoder

MARGIN = 0.02  # of a slot's probability that training spreads over its words: a reader is never quite sure


@dataclass(frozen=True)
class TabletopConfig:
    """Sizes of the network; stored beside the weights."""

    head: str = "flow"
    dimensions: int = 14
    arms: int = 2
    horizon: int = 16
    max_words: int = 64
    text_width: int = 128
    basis: int = 6
    hidden: int = 512
    blocks: int = 3

    @property
    def hands(self) -> int:
        """Numbers that say where the grippers are: position and two axes of each."""
        return 9 * self.arms


@dataclass(frozen=True)
class Output:
    """`chunk` (B, horizon, D) values; `where` (B, 6): the target and where it shall end, metres in the base frame."""

    chunk: Tensor
    where: Tensor

    @property
    def memory(self) -> Tensor:
        """What to give along with the next observation, (B, MEMORY)."""
        return torch.cat([self.where, torch.ones_like(self.where[:, :1])], dim=1)


class TabletopPolicy(nn.Module):
    """Reader, finder and mover, and the scales of what goes between them; `words` (V, d) as for `TextEncoder`."""

    def __init__(self, config: TabletopConfig, chains: ArmChains, mounts: CameraMounts, words: Tensor) -> None:
        super().__init__()
        self.config, self.chains = config, chains
        self.text = TextEncoder(words, config.max_words, config.text_width)
        self.reader = Reader(config.text_width)
        self.finder = Finder(mounts, config.hands, config.dimensions, config.arms)
        gaps = 2 * 6 * config.arms
        inputs = config.dimensions + config.hands + len(columns(MOVE)) + 6 + gaps
        self.mover = Mover(
            config.head, inputs, config.dimensions, config.horizon, config.basis, config.hidden, config.blocks
        )
        self.register_buffer("move_columns", torch.tensor(columns(MOVE)))
        self.register_buffer("state_mean", torch.zeros(config.dimensions))
        self.register_buffer("state_std", torch.ones(config.dimensions))
        self.register_buffer("where_mean", torch.zeros(6))
        self.register_buffer("where_std", torch.ones(6))

    def read(self, text: Tensor, mask: Tensor) -> Tensor:
        """Slots (B, WIDTH) from text features."""
        return probabilities(self.reader(text, mask))

    def locate(self, images: Tensor, state: Tensor, slots: Tensor, memory: Tensor) -> tuple[Tensor, list[Tensor]]:
        """See `Finder.forward`; `state` (B, D) values, `slots` (B, N, WIDTH), `memory` (B, N, MEMORY)."""
        where, logits = self.finder(images, self.body(state), self.chains(state), slots, memory)
        return where, logits

    def body(self, state: Tensor) -> Tensor:
        """What the robot feels: normalised values, and where its grippers are (B, D + hands)."""
        positions, rotations = self.chains(state)
        axes = rotations[..., :2].flatten(2)
        placed = (positions - self.where_mean[:3]) / 0.15
        return torch.cat([(state - self.state_mean) / self.state_std, placed.flatten(1), axes.flatten(1)], dim=1)

    def aims(self, state: Tensor, where: Tensor, slots: Tensor) -> Tensor:
        """What the mover reads: body, how to move, where, and how far from each gripper.

        It is not told what things are called: where they are is enough, and no name can come to stand for a motion.
        """
        positions, _ = self.chains(state)
        gaps = torch.cat([where[:, None, :3] - positions, where[:, None, 3:] - positions], dim=2)
        place = (where - self.where_mean) / self.where_std
        how = slots[:, self.move_columns]
        return torch.cat([self.body(state), how, place, near(gaps).flatten(1)], dim=1)

    def act(self, images: Tensor, state: Tensor, slots: Tensor, memory: Tensor) -> Output:
        """One chunk per row: `images` (B, C, 3, H, W) in -1...1, `state` (B, D) values, `slots` (B, WIDTH), and the
        `memory` (B, MEMORY) of the observation before, or zeros."""
        where = self.locate(images, state, slots.unsqueeze(1), memory.unsqueeze(1))[0][:, 0]
        return Output(state.unsqueeze(1) + self.mover(self.aims(state, where, slots)), where)

    def forward(self, images: Tensor, state: Tensor, tokens: Tensor, mask: Tensor, memory: Tensor) -> Output:
        """From words to chunk in one go."""
        return self.act(images, state, self.read(self.text(tokens, mask), mask), memory)
