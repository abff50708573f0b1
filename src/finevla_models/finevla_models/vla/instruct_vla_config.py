"""Options of the InstructVLA head (Yang et al. 2025, arXiv 2507.17520), checked once; the defaults are the paper's sizes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from finevla_core.errors import FineVLAError

STAGES = (1, 2)
# Attention and MLP without its gate, as InstructVLA adapts them; in_proj_qkv, in_proj_z and out_proj are those of Qwen3.5's
# linear attention, which InstructVLA's backbone does not have.
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "in_proj_qkv", "in_proj_z", "out_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class InstructConfig:
    """The options, by what they are of.

    Training: `stage` 1 (the action expert of LoRA, the queries' rows, and the flow expert) or 2 (both LoRA experts and the gate
    head; the flow expert frozen); `train_backbone`: stage 1 trains the backbone itself as well, for one with random weights,
    while a pretrained one stays as it is; `language_weight` of the language loss beside the flow's; `draws` of noise and time
    for each pass of the backbone.
    Backbone: `queries` new tokens; LoRA's `rank`, `alpha`, `lora_dropout` and the names of its `targets`; the gate head's
    `gate_hidden`, `gate_depth` and `gate_dropout`, and `gate_bias`, by how much its action value is first above the other: at
    0 stage 2 begins with about half of what stage 1 has learned, at 4 with nearly all.
    Flow expert: `vision` is DINOv2 by folder or hub id, `vision_config` in its place a configuration, for random weights;
    `vision_size` the side of its pictures in pixels; `hidden`, `layers`, `heads` and `dropout` (of attention) are the
    transformer's; `output` joint (one MLP for the whole chunk) or rows; `steps` of Euler.
    Acting (`InstructSession`): think again every `think_every` chunks (0: never) in `max_thought` tokens at most; new latent
    actions every `latent_every` chunks.
    """

    stage: int = 1
    train_backbone: bool = False
    language_weight: float = 1.0
    draws: int = 1
    queries: int = 64
    rank: int = 128
    alpha: float = 256.0
    lora_dropout: float = 0.05
    targets: Sequence[str] = TARGETS
    gate_hidden: int = 128
    gate_depth: int = 4
    gate_dropout: float = 0.2
    gate_bias: float = 0.0
    vision: str = "facebook/dinov2-with-registers-large"
    vision_config: dict[str, Any] = field(default_factory=dict)
    vision_size: int = 224
    hidden: int = 768
    layers: int = 12
    heads: int = 12
    dropout: float = 0.1
    output: str = "joint"
    steps: int = 10
    think_every: int = 0
    max_thought: int = 50
    latent_every: int = 1

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise FineVLAError(f"head 'instruct': 'stage' is 1 or 2, not {self.stage}")
        if self.output not in ("joint", "rows"):
            raise FineVLAError(f"head 'instruct': 'output' is joint or rows, not '{self.output}'")
        if self.heads < 1 or self.hidden % (2 * self.heads):
            raise FineVLAError(
                f"head 'instruct': 'hidden' {self.hidden} must be a multiple of twice 'heads' ({self.heads})"
            )
        if self.think_every < 0 or self.latent_every < 1:
            raise FineVLAError(
                "head 'instruct': 'think_every' is 0 (never) or more, 'latent_every' 1 or more, not "
                f"{self.think_every} and {self.latent_every}"
            )
