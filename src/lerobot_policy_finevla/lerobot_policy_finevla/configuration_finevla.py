"""Configuration of the policy in LeRobot."""

from dataclasses import dataclass, field
from typing import Any

from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.types import NormalizationMode
from lerobot.optim.optimizers import AdamWConfig
from lerobot.optim.schedulers import CosineDecayWithWarmupSchedulerConfig


@PreTrainedConfig.register_subclass("finevla")
@dataclass
class FineVLAConfig(PreTrainedConfig):
    """A backbone of transformers and an action head of `finevla_models.vla`.

    `backbone` is a folder like those of the hub, or a hub id; with `random_weights` only its config.json and processor are
    read. Pictures are fitted to `image_height` x `image_width`, which the backbone's processor may cut into tokens. The
    optimiser's `optimizer_lr` is the head's, `optimizer_lr_backbone` the backbone's.
    """

    backbone: str = ""
    random_weights: bool = False
    head: str = "oft"
    head_options: dict[str, Any] = field(default_factory=dict)
    chunk_size: int = 16
    n_action_steps: int = 16
    image_height: int = 224
    image_width: int = 224
    max_tokens: int = 1024
    normalization_mapping: dict[str, NormalizationMode] = field(
        default_factory=lambda: {
            "VISUAL": NormalizationMode.IDENTITY,
            "STATE": NormalizationMode.MEAN_STD,
            "ACTION": NormalizationMode.MEAN_STD,
        }
    )
    optimizer_lr: float = 1e-4
    optimizer_lr_backbone: float = 1e-5
    optimizer_weight_decay: float = 1e-8
    scheduler_warmup_steps: int = 1000
    scheduler_decay_steps: int = 30000

    def validate_features(self) -> None:
        """Raise `ValueError` for a policy that sees nothing, acts on nothing or has no backbone."""
        if not self.backbone:
            raise ValueError("give --policy.backbone: a folder with config.json and processor files, or a hub id")
        if not self.image_features:
            raise ValueError("the data set has no pictures; this policy needs at least one camera")
        if self.action_feature is None or len(self.action_feature.shape) != 1:
            raise ValueError("the data set's action must be one row of numbers")
        if not 1 <= self.n_action_steps <= self.chunk_size:
            raise ValueError(f"n_action_steps is {self.n_action_steps}; it must be 1 to chunk_size, {self.chunk_size}")

    @property
    def observation_delta_indices(self) -> None:
        """None: the policy looks at the present frame alone."""
        return None

    @property
    def action_delta_indices(self) -> list[int]:
        """Return the frames of a chunk, from the present one on."""
        return list(range(self.chunk_size))

    @property
    def reward_delta_indices(self) -> None:
        """None: it learns from no rewards."""
        return None

    def get_optimizer_preset(self) -> AdamWConfig:
        """Return AdamW as starVLA trains: betas 0.9 and 0.95, gradients clipped at 1."""
        return AdamWConfig(
            lr=self.optimizer_lr,
            betas=(0.9, 0.95),
            weight_decay=self.optimizer_weight_decay,
            grad_clip_norm=1.0,
        )

    def get_scheduler_preset(self) -> CosineDecayWithWarmupSchedulerConfig:
        """Return a cosine with warm-up, down to a twentieth."""
        return CosineDecayWithWarmupSchedulerConfig(
            num_warmup_steps=self.scheduler_warmup_steps,
            num_decay_steps=self.scheduler_decay_steps,
            peak_lr=self.optimizer_lr,
            decay_lr=self.optimizer_lr / 20,
        )
