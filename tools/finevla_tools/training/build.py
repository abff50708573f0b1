"""The policy that a configuration describes: backbone and head, and what of them is trained."""

from typing import Any

import torch

from finevla_core.errors import FineVLAError, unknown
from finevla_models.vla.backbone import load_backbone, new_backbone
from finevla_models.vla.head import ChunkShape, VLAPolicy
from finevla_models.vla.heads import HEADS, build_head
from finevla_tools.training.adapters import adapt
from finevla_tools.training.config import VLARunConfig


def build_policy(config: VLARunConfig, values: int) -> VLAPolicy:
    """Return the policy to be trained, on the CPU, with random parts drawn from the seed.

    Args:
        config: The run's configuration.
        values: Number of the robot's values; 0 for a policy without actions.

    Raises:
        FineVLAError: The backbone cannot be had, there is no such head, or LoRA finds nothing to adapt.
    """
    options, training = config.policy, config.training
    if options.head not in HEADS:
        raise FineVLAError(f"policy.head: {unknown('head', options.head, HEADS)}")
    torch.manual_seed(training.seed)
    # What is not trained needs no more digits than it is used with.
    is_adapted = training.lora.rank > 0 or training.backbone_rate == 0.0
    is_halved = is_adapted and training.precision == "bf16" and not training.fsdp  # FSDP2 takes one type for a block
    dtype = torch.bfloat16 if is_halved else torch.float32
    if options.is_new:
        backbone = new_backbone(options.backbone, options.max_tokens)
        backbone.model.to(dtype)
    else:
        backbone = load_backbone(options.backbone, options.max_tokens, dtype)
    shape = ChunkShape(options.horizon, values, values if options.state else 0, len(options.cameras))
    head = build_head(options.head, options.options, shape, backbone)
    policy = VLAPolicy(backbone, head)
    own: Any = getattr(head, "trainable", None)
    if own is not None and is_adapted:
        raise FineVLAError(
            f"head '{options.head}' says itself what is trained; leave training.lora out, and backbone_rate above 0"
        )
    if is_adapted:
        backbone.model.requires_grad_(False)
    if training.lora.rank:
        adapt(backbone.model, training.lora)
    if own is not None:
        trained = {id(value) for value in own(backbone).values()}
        for value in policy.parameters():
            value.requires_grad_(id(value) in trained)
    if training.rate == 0.0:
        policy.head.requires_grad_(False)
    if training.checkpointing:
        model: Any = backbone.model
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return policy
