"""The policy that a configuration describes: backbone and head, and what of them is trained."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from finevla_core.errors import FineVLAError, unknown
from finevla_models.vla.backbone import Backbone, load_backbone, new_backbone
from finevla_models.vla.files import BACKBONE, load_weights
from finevla_models.vla.head import ChunkShape, VLAHead, VLAPolicy
from finevla_models.vla.heads import HEADS, build_head
from finevla_tools.training.adapters import adapt
from finevla_tools.training.config import PolicyOptions, VLARunConfig
from finevla_tools.training.samples import TrainingSamples

FITTED = 2000  # chunks from which a head fits what is no weight, such as FAST's tokens


def build_policy(config: VLARunConfig, samples: TrainingSamples) -> VLAPolicy:
    """Return the policy to be trained, on the CPU, with random parts drawn from the seed.

    Raises:
        FineVLAError: The backbone or the policy to start from cannot be had, there is no such head, or LoRA finds nothing to
            adapt.
    """
    options, training = config.policy, config.training
    if options.head not in HEADS:
        raise FineVLAError(f"policy.head: {unknown('head', options.head, HEADS)}")
    torch.manual_seed(training.seed)
    # What is not trained needs no more digits than it is used with; but FSDP2 takes one type for a block.
    is_adapted = training.lora.rank > 0 or training.backbone_rate == 0.0
    is_halved = is_adapted and training.precision == "bf16" and not training.fsdp
    backbone = _backbone(options, torch.bfloat16 if is_halved else torch.float32)
    values = len(samples.values)
    shape = ChunkShape(options.horizon, values, values if options.state else 0, len(options.cameras))
    head = build_head(options.head, options.options, shape, backbone)
    policy = VLAPolicy(backbone, head)
    if options.start:
        load_weights(policy, Path(options.start))
    elif type(head).fit is not VLAHead.fit:
        given = (samples.example(index) for index in range(min(FITTED, samples.frames)))
        chunks = [(one.actions, one.action_mask) for one in given if one.actions is not None]
        masks = [np.ones(actions.shape, bool) if mask is None else mask for actions, mask in chunks]
        policy.fit(np.stack([actions for actions, _ in chunks]), np.stack(masks))
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
    return policy


def _backbone(options: PolicyOptions, dtype: torch.dtype) -> Backbone:
    if not options.start and not options.is_new:
        return load_backbone(options.backbone, options.max_tokens, dtype)
    backbone = new_backbone(Path(options.start) / BACKBONE if options.start else options.backbone, options.max_tokens)
    backbone.model.to(dtype)
    return backbone
