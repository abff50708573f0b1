"""Small VLA policies to test with: heads on the tiny backbone, and samples that they learn by heart."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from finevla_models.vla.action_codec import fit_codec
from finevla_models.vla.backbone import Backbone, HiddenStates
from finevla_models.vla.batch import VLABatch, VLAExample
from finevla_models.vla.fast_head import FASTHead
from finevla_models.vla.head import ChunkShape, VLAPolicy
from finevla_models.vla.head_registry import build_head

SHAPE = ChunkShape(horizon=4, values=2, state=3, views=2)
DIT: dict[str, Any] = {
    "heads": 2,
    "head_width": 32,
    "hidden": 64,
    "future": 2,
    "dropout": 0.0,
    "draws": 32,
    "steps": 10,
}
INSTRUCT: dict[str, Any] = {
    "queries": 4, "rank": 4, "alpha": 8.0, "lora_dropout": 0.0, "gate_hidden": 16, "gate_dropout": 0.0,
    "vision_config": {
        "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 32, "patch_size": 8
    },
    "vision_size": 32, "hidden": 32, "layers": 2, "heads": 2, "dropout": 0.0, "output": "rows", "steps": 4,
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "oft": {},
    "gr00t": DIT | {"layers": 2},
    "pi": DIT,
    "fast": {"scale": 4},
    "instruct": INSTRUCT | {"train_backbone": True},
}
WORDS = ("reach the red cube", "pick up the blue ball with the right hand", "stop")


def make_chunks(count: int) -> NDArray[np.float32]:
    """Return the actions `(count, horizon, values)` of `make_examples`."""
    return np.stack([example.actions for example in make_examples(count) if example.actions is not None])


def make_policy(name: str, backbone: Backbone, shape: ChunkShape = SHAPE, **options: Any) -> VLAPolicy:
    """Return a small policy with weights of seed 0."""
    torch.manual_seed(0)
    policy = VLAPolicy(backbone, build_head(name, OPTIONS[name] | options, shape, backbone)).eval()
    policy.fit(make_chunks(8))
    if isinstance(policy.head, FASTHead):
        _say_chunks(policy.head, backbone)
    return policy


def _say_chunks(head: FASTHead, backbone: Backbone) -> None:
    """Make an untrained backbone say chunks and nothing else: action tokens come first, each for one coefficient."""
    codec = head.codec
    assert codec is not None
    head.codec = fit_codec(make_chunks(8), codec.scale, codec.highest - codec.lowest + 1)
    with torch.no_grad():
        backbone.model.get_output_embeddings().weight[head.first_id : head.first_id + head.codec.size] *= 50


def make_examples(count: int) -> list[VLAExample]:
    """Return samples with pictures, words of different lengths, states and actions at random (seed 0)."""
    rng = np.random.default_rng(0)
    return [
        VLAExample(
            images=tuple(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8) for _ in range(SHAPE.views)),
            prompt=WORDS[k % len(WORDS)],
            state=rng.uniform(-1, 1, SHAPE.state).astype(np.float32),
            actions=rng.normal(size=(SHAPE.horizon, SHAPE.values)).astype(np.float32),
        )
        for k in range(count)
    ]


def frozen(backbone: Backbone, batch: VLABatch) -> Callable[[VLABatch], HiddenStates]:
    """Return what stands for a backbone that is not trained: it is run for this batch once, now."""
    with torch.no_grad():
        states = backbone(batch)
    return lambda _: states


def train_head(policy: VLAPolicy, batch: VLABatch, backbone: Any, steps: int, rate: float = 3e-3) -> float:
    """Train the head (and a `backbone` that has parameters) on one batch; return the last loss."""
    trained = [*policy.head.parameters(), *(backbone.parameters() if isinstance(backbone, Backbone) else ())]
    optimizer = torch.optim.AdamW(trained, rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(0)
    loss = torch.zeros(())
    for _ in range(steps):
        loss = policy.head.loss(backbone, batch, generator).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return loss.item()
