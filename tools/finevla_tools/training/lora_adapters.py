"""Low-rank adapters (LoRA, Hu et al. 2021) in a backbone's linear layers: put in, and merged where a policy is written."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from finevla_core.errors import FineVLAError, unknown
from finevla_tools.training.config_types import LoRAOptions

NAME = "default"  # of peft's only adapter


def adapt(model: nn.Module, options: LoRAOptions) -> None:
    """Put adapters into a model's linear layers in place; raises `FineVLAError` for targets that it has not."""
    from peft import LoraConfig, inject_adapter_in_model

    # The head over the vocabulary shares its weights with the embeddings, so that an adapter could not be merged.
    names = {name.rpartition(".")[2] for name, one in model.named_modules() if isinstance(one, nn.Linear)} - {"lm_head"}
    if odd := [name for name in options.targets if name not in names]:
        raise FineVLAError(f"training.lora.targets: {unknown('linear layer', odd[0], sorted(names))}")
    settings = LoraConfig(r=options.rank, lora_alpha=options.alpha, target_modules=list(options.targets))
    inject_adapter_in_model(settings, model)
    for module in layers(model).values():
        module.lora_A.to(torch.float32)
        module.lora_B.to(torch.float32)


def layers(model: nn.Module) -> dict[str, Any]:
    """Return the layers with an adapter by name."""
    # By its module, so that peft, which takes seconds, is imported only where it is used.
    return {
        n: one
        for n, one in model.named_modules()
        if type(one).__module__.startswith("peft.") and hasattr(one, "lora_A")
    }


def merged(policy: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a policy's weights as those of one without adapters, whose products are the same."""
    made = {name.replace(".base_layer.", "."): value for name, value in weights.items() if ".lora_" not in name}
    for name, layer in layers(policy).items():
        a, b = (weights[f"{name}.lora_{part}.{NAME}.weight"].float() for part in "AB")
        weight = made[f"{name}.weight"]
        made[f"{name}.weight"] = (weight.float() + layer.scaling[NAME] * (b @ a)).to(weight.dtype)
    return made
