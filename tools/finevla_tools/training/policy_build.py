"""The policy that a configuration describes: backbone and head, and what of them is trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from finevla_core.errors import FineVLAError, quoted
from finevla_models.vla.backbone import Backbone, load_backbone, new_backbone, refuse_no_backbone
from finevla_models.vla.head import ChunkShape, VLAHead, VLAPolicy
from finevla_models.vla.head_registry import build_head, check_options
from finevla_models.vla.policy_files import BACKBONE, load_vla, load_weights, saved_head
from finevla_tools.training.config import VLARunConfig
from finevla_tools.training.config_types import PolicyOptions
from finevla_tools.training.lora_adapters import adapt
from finevla_tools.training.optimiser import keep_unrated
from finevla_tools.training.sample_source import TrainingSamples

FITTED = 2000  # chunks from which a head fits what is no weight, such as FAST's tokens


def build_policy(
    config: VLARunConfig, samples: TrainingSamples, say: Callable[[str], object] = lambda _: None
) -> VLAPolicy:
    """Return the policy to be trained, on the CPU, with random parts drawn from the seed.

    A policy to start from gives its head, too, if it is of the same kind; else its backbone alone. `say` is told which.

    Raises:
        FineVLAError: The backbone or the policy to start from cannot be had, there is no such head, or LoRA finds nothing to
            adapt.
    """
    options, training = config.policy, config.training
    start = Path(options.start) if options.start else None
    is_continued = start is not None and saved_head(start) == options.head
    torch.manual_seed(training.seed)
    # What is not trained needs no more digits than it is used with; but FSDP2 takes one type for a block.
    is_adapted = training.lora.rank > 0 or training.backbone_rate == 0.0
    is_halved = is_adapted and training.precision == "bf16" and not training.fsdp
    dtype = torch.bfloat16 if is_halved else torch.float32
    if start is not None and not is_continued:
        backbone = _started(start, options, dtype)
        torch.manual_seed(training.seed)
    else:
        backbone = _backbone(options, dtype)
    values = len(samples.values)
    shape = ChunkShape(options.horizon, values, values if options.state else 0, len(options.cameras))
    head = build_head(options.head, options.options, shape, backbone)
    policy = VLAPolicy(backbone, head)
    if start is not None and is_continued:
        load_weights(policy, start)
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
    if start is not None:
        taken = "backbone and head" if is_continued else f"the backbone; head '{options.head}' begins anew"
        say(f"started from '{start}' (head '{saved_head(start)}'): {taken}")
    if training.rate == 0.0:
        policy.head.requires_grad_(False)
    keep_unrated(policy, training)
    return policy


def refuse_unfit_policy(options: PolicyOptions) -> None:
    """Raise `FineVLAError` for what of a policy can be told without its data and before weights are loaded."""
    check_options(options.head, options.options)
    if options.start:
        saved_head(Path(options.start))
    elif options.is_new and not Path(options.backbone).is_dir():
        raise FineVLAError(
            f"policy.backbone: there is no folder {quoted(options.backbone)}; 'finevla backbone' makes one"
        )
    elif not options.is_new:
        refuse_no_backbone(options.backbone)


def _backbone(options: PolicyOptions, dtype: torch.dtype) -> Backbone:
    if not options.start and not options.is_new:
        return load_backbone(options.backbone, options.max_tokens, dtype)
    backbone = new_backbone(Path(options.start) / BACKBONE if options.start else options.backbone, options.max_tokens)
    backbone.model.to(dtype)
    return backbone


def _started(start: Path, options: PolicyOptions, dtype: torch.dtype) -> Backbone:
    """The backbone of a policy with another head, and its tokenizer."""
    policy = load_vla(start)
    if policy.head.changes_backbone:
        raise FineVLAError(
            f"policy.start: '{start}' has head '{saved_head(start)}', whose own layers stand in its backbone; it starts no "
            f"head '{options.head}'"
        )
    policy.backbone.prompts.max_tokens = options.max_tokens
    policy.backbone.model.to(dtype)
    backbone: Backbone = policy.backbone.train()
    return backbone
