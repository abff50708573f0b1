"""DINOv2 of transformers with FiLM in every block (Perez et al. 2018): patch features that depend on what shall be done."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from finevla_core.errors import FineVLAError, quoted
from finevla_models.vla.hub import from_cache_alone

# ImageNet's, which DINOv2 was trained with.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_KINDS = ("dinov2", "dinov2_with_registers")


class FiLMDinov2(nn.Module):
    """The patch features of the second-to-last block, without the last norm.

    `source` is a folder or hub id with weights, or a configuration as a mapping (`model_type` dinov2 or dinov2_with_registers)
    for random ones; `config` is afterwards the configuration. Pictures are resized to `size` pixels square. After the
    attention of each block x becomes (1 + gamma) x + beta, where gamma and beta are linear in the condition and zero at
    first. InstructVLA's public code returns block 2 of 24 by mistake (a number where a set was meant); the last block is
    dropped here, as nothing would reach it.
    """

    def __init__(self, source: str | Mapping[str, Any], condition: int, size: int) -> None:
        super().__init__()
        model = _dinov2(source)
        self.config: dict[str, Any] = model.config.to_diff_dict()
        self.size, self.width = size, int(model.config.hidden_size)
        if size % int(model.config.patch_size):
            raise FineVLAError(
                f"DINOv2 takes pictures of whole patches of {model.config.patch_size} pixels, 'vision_size' is {size}"
            )
        if len(model.encoder.layer) < 2:
            raise FineVLAError("DINOv2 needs two blocks at least: features are those of the second-to-last")
        self.embeddings, self.blocks = model.embeddings, nn.ModuleList(model.encoder.layer[:-1])
        registers = getattr(self.embeddings, "register_tokens", None)
        self.skipped = 1 + (0 if registers is None else registers.shape[1])  # the class token stands first
        if getattr(self.embeddings, "mask_token", None) is not None:
            self.embeddings.mask_token.requires_grad_(False)  # of DINOv2's own training only
        self.film = nn.ModuleList(nn.Linear(condition, 2 * self.width) for _ in self.blocks)
        for layer in self.film:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        for name, values in (("mean", _MEAN), ("std", _STD)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, images: Tensor, condition: Tensor) -> Tensor:
        """Return features `(B, patches, width)` of pictures `(B, 3, H, W)` in 0...1 and conditions `(B, condition)`."""
        sized = nn.functional.interpolate(
            images, (self.size, self.size), mode="bilinear", align_corners=False, antialias=True
        )
        x: Tensor = self.embeddings((sized - self.mean) / self.std)
        for block, film in zip(self.blocks, self.film, strict=True):
            gamma, beta = film(condition)[:, None].chunk(2, dim=-1)
            x = film_block(block, x, gamma, beta)
        return x[:, self.skipped :]


def film_block(block: Any, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """Run one block of DINOv2 on `x` `(B, N, width)` with FiLM between its attention and its MLP."""
    x = x + block.drop_path(block.layer_scale1(block.attention(block.norm1(x))))
    x = (1 + gamma) * x + beta
    made: Tensor = x + block.drop_path(block.layer_scale2(block.mlp(block.norm2(x))))
    return made


def _dinov2(source: str | Mapping[str, Any]) -> Any:
    from transformers import AutoConfig, AutoModel

    try:
        if isinstance(source, str):
            model: Any = AutoModel.from_pretrained(
                source, dtype=torch.float32, use_safetensors=True, local_files_only=from_cache_alone(source)
            )
        else:
            options = {key: value for key, value in source.items() if key != "model_type"}
            model = AutoModel.from_config(AutoConfig.for_model(source.get("model_type", _KINDS[0]), **options))
    except Exception as error:  # whatever a hub, a file or a configuration makes of it
        said = " ".join(str(error).split())[:200]
        raise FineVLAError(
            f"the action expert's DINOv2 {quoted(str(source))} cannot be loaded ({type(error).__name__}: {said}); give "
            "'vision' a folder with config.json and *.safetensors (hf download facebook/dinov2-with-registers-large "
            "--local-dir FOLDER), or 'vision_config' a configuration for random weights"
        ) from error
    if model.config.model_type not in _KINDS:
        raise FineVLAError(f"'vision' must be a DINOv2, {quoted(str(source))} is a {model.config.model_type}")
    return model
