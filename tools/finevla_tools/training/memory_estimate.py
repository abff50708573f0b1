"""How much memory a run takes, by arithmetic: shapes are built without weights, so that 4 billion parameters cost nothing.

What stands whatever the batch (weights, gradients, AdamW, average) is exact; activations are an estimate of what autograd
keeps of each layer, after Korthikanti et al. 2022 (arXiv 2205.05198).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from finevla_core.errors import FineVLAError
from finevla_models.vla.hub import from_cache_alone
from finevla_models.vla.policy_files import BACKBONE
from finevla_tools.training.config import VLARunConfig
from finevla_tools.training.config_types import LoRAOptions

GIB = 2**30
WORDS = 64  # tokens of a prompt with its template, beside pictures
# Qwen3.5's hybrid language models and their vision tower; the vocabulary is shared between embeddings and head.
_COMMON = {"vocab_size": 248_320, "head_dim": 256, "linear_num_key_heads": 16, "tie_word_embeddings": True}
_VISION = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16, "patch_size": 16}
SHAPES: Mapping[str, Mapping[str, int]] = {
    "2B": {
        "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 24, "num_attention_heads": 8,
        "num_key_value_heads": 2, "linear_num_value_heads": 16,
    },
    "4B": {
        "hidden_size": 2560, "intermediate_size": 9216, "num_hidden_layers": 32, "num_attention_heads": 16,
        "num_key_value_heads": 4, "linear_num_value_heads": 32,
    },
}  # fmt: skip
GPUS = (1, 2, 4, 8)


@dataclass(frozen=True)
class BackboneShape:
    """What the arithmetic needs of a backbone: numbers of parameters, all and of the adapters of a rank; and its layers."""

    name: str
    parameters: int
    adapters: int
    layers: int
    width: int
    inner: int


@dataclass(frozen=True)
class MemoryRow:
    """Bytes on each of `gpus` devices, of one way to train."""

    way: str
    gpus: int
    weights: int
    gradients: int
    optimiser: int
    average: int
    activations: int

    @property
    def total(self) -> int:
        """All together; what else CUDA and the allocator take is a GiB or two more."""
        return self.weights + self.gradients + self.optimiser + self.average + self.activations


def reference_shape(name: str, lora: LoRAOptions) -> BackboneShape:
    """Return the shape of a Qwen3.5 of about that size, "2B" or "4B"."""
    from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration

    text = {**_COMMON, **SHAPES[name]}
    config = Qwen3_5Config(
        text_config=text,
        vision_config=_VISION | {"out_hidden_size": text["hidden_size"]},
        tie_word_embeddings=True,
    )
    with torch.device("meta"):
        model = Qwen3_5ForConditionalGeneration(config)
    return shape_of(f"Qwen3.5 {name}", model, lora)


def own_shape(source: str, lora: LoRAOptions) -> BackboneShape:
    """Return the shape of a configuration's backbone, of its config.json; raises `FineVLAError` if that cannot be had."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    try:
        config = AutoConfig.from_pretrained(source, local_files_only=from_cache_alone(source))
        with torch.device("meta"):
            model = AutoModelForImageTextToText.from_config(config)
    except Exception as error:  # whatever a hub, a file or a class that is not there makes of it
        said = " ".join(str(error).split())[:200]
        raise FineVLAError(f"'{source}' describes no backbone ({type(error).__name__}: {said})") from error
    return shape_of(source, model, lora)


def shape_of(name: str, model: nn.Module, lora: LoRAOptions) -> BackboneShape:
    """Return a model's shape; adapters are those of `lora` or, with rank 0, of rank 16."""
    config: Any = model.config
    text = getattr(config, "text_config", None) or config
    linear = [
        module
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear) and path.rpartition(".")[2] in lora.targets
    ]
    adapters = (lora.rank or 16) * sum(one.in_features + one.out_features for one in linear)
    parameters = sum(one.numel() for one in model.parameters())
    inner = int(getattr(text, "intermediate_size", 4 * text.hidden_size))
    return BackboneShape(name, parameters, adapters, int(text.num_hidden_layers), int(text.hidden_size), inner)


def memory_rows(shape: BackboneShape, config: VLARunConfig) -> list[MemoryRow]:
    """Return the ways to train a backbone of that shape with a run's batch and pictures."""
    full, few = shape.parameters, shape.adapters
    has_average = config.training.ema > 0
    activations = activation_bytes(shape, config)
    rows = []
    for gpus in GPUS:
        way = "full" if gpus == 1 else "full, FSDP"
        trained = 4 * full // gpus
        rows.append(MemoryRow(way, gpus, trained, trained, 2 * trained, trained * has_average, activations))
    adapters = 4 * few
    base = (2 if config.training.precision == "bf16" else 4) * full
    lora = f"LoRA, rank {config.training.lora.rank or 16}"
    rows.append(MemoryRow(lora, 1, base + adapters, adapters, 2 * adapters, adapters * has_average, activations))
    return rows


def activation_bytes(shape: BackboneShape, config: VLARunConfig) -> int:
    """Return about how much autograd keeps of one batch of one process, in the backbone's language model."""
    training, images = config.training, config.policy.images
    size = 2 if training.precision == "bf16" else 4
    pictures = len(config.policy.cameras) * -(-images.height // 32) * -(-images.width // 32)  # 2x2 patches of 16 pixels
    tokens = training.batch * (pictures + WORDS + config.policy.horizon)
    layer = size * tokens * (8 * shape.width + 4 * shape.inner)
    if training.checkpointing:  # the input of each layer, and one layer at a time
        return size * tokens * shape.width * shape.layers + layer
    return layer * shape.layers


def memory_table(config: VLARunConfig) -> str:
    """Return the table of a configuration's backbone and of the 2B and 4B shapes, for people."""
    lora = config.training.lora
    source = str(Path(config.policy.start) / BACKBONE) if config.policy.start else config.policy.backbone
    shapes = [own_shape(source, lora)] + [reference_shape(name, lora) for name in SHAPES]
    training = config.training
    lines = [
        f"GiB per process: {training.precision}, batch {training.batch}, {len(config.policy.cameras)} pictures "
        f"{config.policy.images.height}x{config.policy.images.width}, "
        f"{'with' if training.checkpointing else 'without'} checkpointing; the head comes on top, 16 bytes a parameter"
    ]
    for shape in shapes:
        lines += [
            "",
            f"{shape.name}: {shape.parameters / 1e6:,.1f} million parameters",
            *_table(memory_rows(shape, config)),
        ]
    measured = "finevla train CONFIG --out RUN with steps: 20; train/memory_gib in RUN/log.jsonl is the peak on a GPU"
    return "\n".join([*lines, "", f"to measure it: {measured}"])


def _table(rows: Sequence[MemoryRow]) -> list[str]:
    names = ("weights", "gradients", "optimiser", "average", "activations", "total")
    head = f"  {'':16s}{'GPUs':>5s}" + "".join(f"{name:>13s}" for name in names)
    body = [
        f"  {row.way:16s}{row.gpus:5d}" + "".join(f"{getattr(row, name) / GIB:13.2f}" for name in names) for row in rows
    ]
    return [head, *body]
