"""The export of a backbone that answers: a checkpoint of head `language` to a folder that transformers and vLLM load."""

from pathlib import Path
from typing import Any

import numpy as np

from finevla_models.vla.policy_files import load_vla, saved_head
from finevla_tools.training.config import ANSWERS
from finevla_tools.training.run_folder import AVERAGE, newest_checkpoint
from finevla_tools.work.staged_output import Staged

SIDE = 64  # pixels of the picture that both are asked about


def answers_in_words(run: Path, step: int | None = None) -> bool:
    """Return whether a run's checkpoint makes no chunks but answers in words."""
    return saved_head(newest_checkpoint(run, step)) == ANSWERS


def export_backbone(run: Path, out: Path, card: str, step: int | None = None) -> Path:
    """Write the backbone of a run's newest checkpoint, or of `step`, as a folder like the hub's; averaged weights if there are.

    The folder has config.json, safetensors with transformers' own names, the processor and README.md, the card.

    Raises:
        FineVLAError: There is no such checkpoint, it does not fit together, or `out` exists.
        RuntimeError: What transformers loads from the folder does not say what the checkpoint says.
    """
    checkpoint = newest_checkpoint(run, step)
    averaged = checkpoint / AVERAGE
    policy = load_vla(averaged if averaged.is_dir() else checkpoint)
    model: Any = policy.backbone.model
    with Staged(out) as folder:
        folder.mkdir(parents=True)
        model.save_pretrained(folder, safe_serialization=True)
        policy.backbone.prompts.processor.save_pretrained(folder)
        (folder / "README.md").write_text(card, encoding="utf-8")
        _agree(policy, folder)
    return out


def _agree(policy: Any, folder: Path) -> None:
    """Refuse a folder of which transformers makes another model."""
    import torch

    from finevla_models.vla.backbone import load_backbone
    from finevla_models.vla.batch import VLAExample

    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    example = VLAExample((picture,) * policy.head.shape.views, "describe the episode")
    batch = policy.batch([example])
    loaded = load_backbone(str(folder), policy.backbone.prompts.max_tokens).eval()
    with torch.no_grad():
        wanted, found = (one.logits(one(batch).last[:, -1]) for one in (policy.backbone, loaded))
    if not torch.equal(wanted, found):
        gap = float((wanted - found).abs().max())
        raise RuntimeError(f"the exported folder and the checkpoint differ by {gap:.2g}; it is not written")
