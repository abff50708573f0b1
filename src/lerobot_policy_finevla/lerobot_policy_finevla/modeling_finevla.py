"""The policy in LeRobot: its batches to those of `finevla_models.vla`, chunks back."""

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.policies.pretrained import PreTrainedPolicy
from lerobot.utils.constants import ACTION, OBS_STATE
from numpy.typing import NDArray
from torch import Tensor

from finevla_core.images import ImageFormat, fit_image
from finevla_models.vla.backbone import load_backbone, new_backbone
from finevla_models.vla.batch import VLABatch, VLAExample
from finevla_models.vla.head import ChunkShape, VLAPolicy
from finevla_models.vla.head_registry import build_head
from finevla_models.vla.policy_files import BACKBONE
from lerobot_policy_finevla.configuration_finevla import FineVLAConfig

PADDED = "action_is_pad"


class FineVLAPolicy(PreTrainedPolicy):
    """A backbone and an action head of `finevla_models.vla`, trained and run by LeRobot."""

    config_class = FineVLAConfig
    name = "finevla"

    def __init__(self, config: FineVLAConfig, **_: Any) -> None:
        super().__init__(config)
        config.validate_features()
        load = new_backbone if config.random_weights else load_backbone
        backbone = load(config.backbone, config.max_tokens)
        state = config.robot_state_feature
        shape = ChunkShape(
            horizon=config.chunk_size,
            values=config.action_feature.shape[0],
            state=state.shape[0] if state else 0,
            views=len(config.image_features),
        )
        self.model = VLAPolicy(backbone, build_head(config.head, config.head_options, shape, backbone))
        self._images = ImageFormat(config.image_height, config.image_width)
        self.reset()

    def reset(self) -> None:
        """Forget the chunk that is being acted out: another episode begins."""
        self._queue: deque[Tensor] = deque(maxlen=self.config.n_action_steps)

    def get_optim_params(self) -> list[dict[str, Any]]:
        """Return the head's parameters, and the backbone's with a learning rate of their own."""
        backbone = {id(p) for p in self.model.backbone.parameters()}
        trained = [p for p in self.parameters() if p.requires_grad]
        return [
            {"params": [p for p in trained if id(p) not in backbone]},
            {"params": [p for p in trained if id(p) in backbone], "lr": self.config.optimizer_lr_backbone},
        ]

    def forward(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a batch of LeRobot, and its parts for the log."""
        losses = self.model(self._batch(batch, with_actions=True))
        return losses.total, {name: float(value.detach()) for name, value in losses.parts.items()}

    def predict_action_chunk(self, batch: dict[str, Any], **_: Any) -> Tensor:
        """Return normalised chunks `(B, chunk_size, values)`."""
        self.eval()
        return self.model.predict(self._batch(batch, with_actions=False))

    def select_action(self, batch: dict[str, Any], **_: Any) -> Tensor:
        """Return the next normalised action `(B, values)`; a new chunk is made when `n_action_steps` of one are used up."""
        if not self._queue:
            self._queue.extend(self.predict_action_chunk(batch)[:, : self.config.n_action_steps].transpose(0, 1))
        return self._queue.popleft()

    def _save_pretrained(self, save_directory: Path, state_dict: dict[str, Tensor] | None = None) -> None:
        """Write the backbone's own files beside the weights, so that a checkpoint needs no hub and no other folder."""
        super()._save_pretrained(save_directory, state_dict)
        backbone: Any = self.model.backbone
        backbone.model.config.save_pretrained(save_directory / BACKBONE)
        backbone.prompts.processor.save_pretrained(save_directory / BACKBONE)

    @classmethod
    def from_pretrained(cls, pretrained_name_or_path: str | Path, *, config: Any = None, **more: Any) -> Any:
        """Load a checkpoint; its own backbone's files count, not the place where the training found them."""
        own = Path(pretrained_name_or_path) / BACKBONE
        if config is None:
            config = FineVLAConfig.from_pretrained(pretrained_name_or_path)
        if own.is_dir():
            config.backbone, config.random_weights = str(own), True
        return super().from_pretrained(pretrained_name_or_path, config=config, **more)

    def _batch(self, batch: dict[str, Any], with_actions: bool) -> VLABatch:
        names = list(self.config.image_features)
        pictures = {name: _pictures(batch[name]) for name in names}
        count = len(next(iter(pictures.values())))
        state = batch.get(OBS_STATE) if self.config.robot_state_feature else None
        actions = batch[ACTION] if with_actions else None
        padded = batch.get(PADDED)
        tasks = batch.get("task") or [""] * count
        examples = [
            VLAExample(
                images=tuple(fit_image(pictures[name][k], self._images) for name in names),
                prompt=str(tasks[k]),
                state=None if state is None else _numbers(state[k]),
                actions=None if actions is None else _numbers(actions[k]),
                action_mask=None if actions is None or padded is None else _mask(padded[k], actions.shape[-1]),
            )
            for k in range(count)
        ]
        return self.model.batch(examples).to(next(self.parameters()).device)


def _pictures(stack: Tensor) -> NDArray[np.uint8]:
    """LeRobot's pictures `(B, 3, H, W)` in 0...1 as `(B, H, W, 3)` uint8."""
    scaled = (stack.detach().cpu().float().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(0, 2, 3, 1).numpy())


def _numbers(values: Tensor) -> NDArray[np.float32]:
    return values.detach().cpu().float().numpy()


def _mask(padded: Tensor, values: int) -> NDArray[np.bool_]:
    """Rows behind an episode's end count nothing."""
    rows = ~padded.detach().cpu().numpy().astype(bool)
    return np.repeat(rows[:, None], values, axis=1)
