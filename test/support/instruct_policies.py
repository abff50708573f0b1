"""Small InstructVLA policies to test with."""

from dataclasses import replace
from typing import Any

import torch
from tiny_policies import INSTRUCT, SHAPE, make_examples

from finevla_models.vla.backbone import Backbone
from finevla_models.vla.batch import VLAExample
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.head_registry import build_head
from finevla_models.vla.lora_experts import ExpertLinear


def instruct_policy(backbone: Backbone, **options: Any) -> VLAPolicy:
    """Return a small policy with weights of seed 0."""
    torch.manual_seed(0)
    words: Any = backbone.model.get_output_embeddings()  # type: ignore[operator]
    # That of a new model is so small that no token can become certain while it is frozen.
    words.weight.data *= 20
    return VLAPolicy(backbone, build_head("instruct", INSTRUCT | options, SHAPE, backbone)).eval()


def move_experts(policy: VLAPolicy, seed: int = 1, name: str = "") -> None:
    """Give the LoRA experts (of that name) something to say."""
    generator = torch.Generator().manual_seed(seed)
    for layer in policy.modules():
        if isinstance(layer, ExpertLinear):
            for key, up in layer.up.items():
                if name in ("", key):
                    up.data = 0.3 * torch.randn(up.shape, generator=generator)


def examples(count: int, answer: str = "") -> list[VLAExample]:
    """Return samples with that answer."""
    return [replace(example, answer=answer) for example in make_examples(count)]


def seeded() -> torch.Generator:
    """Return a generator for noise that is always the same."""
    return torch.Generator().manual_seed(7)
